/*
 * http_tricks.h - requests that must be refused: by the parser in every cut, by the server over a
 * socket.
 */
#ifndef LOGFERRY_TESTS_HTTP_TRICKS_H
#define LOGFERRY_TESTS_HTTP_TRICKS_H

#include "parsers/base/bytes.h"

#define H "Host: a\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

struct http_trick {
    const char *name;
    struct str bytes;
    const char *outcome; /* what was read before, as test_http_parse.c writes it, and the status */
};

/* Cases of the smuggling list first, under its names. */
static const struct http_trick http_tricks[] = {
    {"CL+TE",
     STR("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
         "GET /x HTTP/1.1\r\n" H "\r\n"),
     "400"},
    {"dup CL differ",
     STR("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"), "400"},
    {"bare LF", STR("GET / HTTP/1.1\nHost: a\n\n"), "400"},
    {"space before colon", STR("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), "400"},
    {"obs-fold", STR("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"), "400"},
    {"no Host", STR("GET / HTTP/1.1\r\n\r\n"), "400"},
    {"neg CL", STR("POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"), "400"},
    {"huge CL", STR("POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n"), "400"},
    {"NUL in header", STR("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"), "400"},
    {"chunk bad", STR(CHUNKED "ZZ\r\n"), "POST / @a [400"},
    {"TE identity,chunked",
     STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "400"},
    {"HTTP/2 preface", STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "505"},
    /* and more */
    {"dup CL same",
     STR("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"), "400"},
    {"CL list", STR("POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nabcde"), "400"},
    {"CL plus", STR("POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nabcde"), "400"},
    {"CL hex", STR("POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nabcde"), "400"},
    {"CL empty", STR("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"), "400"},
    {"CL 2^63", STR("POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n"), "400"},
    {"TE before CL",
     STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), "400"},
    {"TE twice",
     STR("POST / HTTP/1.1\r\n" H
         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     "400"},
    {"TE identity", STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"), "400"},
    {"TE xchunked", STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
     "400"},
    {"TE vertical tab",
     STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
         "chunked\r\n\r\n"),
     "400"},
    {"TE in HTTP/1.0", STR("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     "400"},
    {"tab before colon", STR("GET / HTTP/1.1\r\n" H "Content-Length\t: 5\r\n\r\nabcde"), "400"},
    {"bare CR in a value", STR("GET / HTTP/1.1\r\n" H "X: a\rContent-Length: 5\r\n\r\n"), "400"},
    {"CR CR LF", STR("GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n"), "400"},
    {"bare LF in a header", STR("GET / HTTP/1.1\r\n" H "X: a\nY: b\r\n\r\n"), "400"},
    {"bare LF at the end", STR("GET / HTTP/1.1\r\n" H "\n"), "400"},
    {"DEL in a value", STR("GET / HTTP/1.1\r\n" H "X: \x7f\r\n\r\n"), "400"},
    {"obs-fold at once", STR("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), "400"},
    {"two Hosts", STR("GET / HTTP/1.1\r\n" H "host: a\r\n\r\n"), "400"},
    {"Host with blank", STR("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), "400"},
    {"Host with user", STR("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), "400"},
    {"Host with slash", STR("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "400"},
    {"absolute, other Host", STR("GET http://b/ HTTP/1.1\r\n" H "\r\n"), "400"},
    {"absolute without host", STR("GET http:///x HTTP/1.1\r\n" H "\r\n"), "400"},
    {"absolute ftp", STR("GET ftp://a/ HTTP/1.1\r\n" H "\r\n"), "400"},
    {"authority form", STR("CONNECT a:443 HTTP/1.1\r\n" H "\r\n"), "400"},
    {"star with GET", STR("GET * HTTP/1.1\r\n" H "\r\n"), "400"},
    {"fragment", STR("GET /a#b HTTP/1.1\r\n" H "\r\n"), "400"},
    {"target not ASCII", STR("GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n"), "400"},
    {"NUL in the target", STR("GET /a\0b HTTP/1.1\r\n" H "\r\n"), "400"},
    {"two blanks", STR("GET  / HTTP/1.1\r\n" H "\r\n"), "400"},
    {"tab for blank", STR("GET\t/ HTTP/1.1\r\n" H "\r\n"), "400"},
    {"blank at the end", STR("GET / HTTP/1.1 \r\n" H "\r\n"), "400"},
    {"HTTP/0.9", STR("GET /\r\n"), "400"},
    {"HTTP/1.2", STR("GET / HTTP/1.2\r\n" H "\r\n"), "505"},
    {"HTTP/11.1", STR("GET / HTTP/11.1\r\n" H "\r\n"), "400"},
    {"http/1.1", STR("GET / http/1.1\r\n" H "\r\n"), "400"},
    {"bad method", STR("G@T / HTTP/1.1\r\n" H "\r\n"), "400"},
    {"long method", STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" H "\r\n"), "400"},
    {"empty name", STR("GET / HTTP/1.1\r\n: a\r\n" H "\r\n"), "400"},
    {"no colon", STR("GET / HTTP/1.1\r\nHost\r\n\r\n"), "400"},
    {"two empty lines before", STR("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), "400"},
    {"TLS", STR("\x16\x03\x01\x02"), "400"},
    {"other expectation", STR("POST / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n"), "417"},
    {"chunk size empty", STR(CHUNKED "\r\n"), "POST / @a [400"},
    {"chunk size 0x", STR(CHUNKED "0x1\r\nx\r\n"), "POST / @a [400"},
    {"chunk size minus", STR(CHUNKED "-1\r\n"), "POST / @a [400"},
    {"chunk size blank", STR(CHUNKED "1 \r\nx\r\n"), "POST / @a [400"},
    {"chunk size 2^64+", STR(CHUNKED "10000000000000001\r\nx\r\n"), "POST / @a [400"},
    {"chunk size bare LF", STR(CHUNKED "1\nx\r\n"), "POST / @a [400"},
    {"chunk longer than said", STR(CHUNKED "1\r\nxy\r\n0\r\n\r\n"), "POST / @a [x400"},
    {"chunk ends with LF", STR(CHUNKED "1\r\nx\n0\r\n\r\n"), "POST / @a [x400"},
    {"bare CR in an extension", STR(CHUNKED "1;a\rb\r\nx\r\n"), "POST / @a [400"},
    {"bare LF in an extension", STR(CHUNKED "1;a\nx\r\n"), "POST / @a [400"},
    {"bad trailer", STR(CHUNKED "0\r\nA b\r\n\r\n"), "POST / @a [400"},
    {"folded trailer", STR(CHUNKED "0\r\nA: b\r\n c\r\n\r\n"), "POST / @a [400"},
    {"trailer bare LF", STR(CHUNKED "0\r\nA: b\n\r\n"), "POST / @a [400"},
};

#endif
