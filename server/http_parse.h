/*
 * http_parse.h - strict HTTP/1.1 requests from bytes: the head, then the body. Pure: no socket, no
 * clock.
 *
 * RFC 9112 without its leniencies. Refused with 400: a bare LF or CR, folded lines, blanks before a
 * colon, control bytes, no or two Host fields (HTTP/1.1), any Content-Length but one plain number,
 * any Transfer-Encoding but exactly `chunked`, both together, bad chunk sizes. The peer may split
 * its bytes anywhere; the answer is the same. After HTTP_PARSE_BAD the connection must be closed:
 * nobody knows where the next request begins.
 */
#ifndef LOGFERRY_SERVER_HTTP_PARSE_H
#define LOGFERRY_SERVER_HTTP_PARSE_H

#include "parsers/base/bytes.h"

#define HTTP_MAX_REQUEST_LINE 8192u  /* bytes without CRLF; over it 414 */
#define HTTP_MAX_HEADER_BYTES 16384u /* all header lines with their CRLF; over it 431 */
#define HTTP_MAX_HEADERS 100u        /* lines; over it 431 */
#define HTTP_MAX_METHOD 32u          /* bytes */
#define HTTP_MAX_CHUNK_LINE 256u     /* bytes of one chunk's extensions */
#define HTTP_MAX_EXTENSIONS 4096u    /* bytes of all chunk extensions of a body */

enum http_parse {
    HTTP_PARSE_MORE, /* needs more bytes */
    HTTP_PARSE_DONE,
    HTTP_PARSE_BAD, /* `status` and `why` are set; sticks */
};

/* A place in the head's bytes: an offset, because the buffer that holds them may move. */
struct http_span {
    uint32_t at, n;
};

struct http_header {
    struct http_span name, value; /* the value without surrounding blanks */
};

/* Parser and result in one. The spans count from the first byte of the head. */
struct http_head {
    struct http_span method;
    struct http_span path;  /* as sent, percent-escapes untouched; begins with '/', or is "*" */
    struct http_span query; /* without '?'; n is 0 when there is none */
    struct http_span host;  /* the Host field, or the authority of an absolute target */
    struct http_header headers[HTTP_MAX_HEADERS];
    size_t n_headers;
    bool http_10;
    bool keep_alive;
    bool expect_continue;
    bool chunked;
    bool has_length;
    uint64_t length; /* Content-Length; 0 when there is none */
    size_t bytes;    /* of the head with its last CRLF; set with HTTP_PARSE_DONE */
    int status;      /* what to answer, with HTTP_PARSE_BAD; 0 before */
    const char *why; /* static text for the log, with HTTP_PARSE_BAD */
    /* the parser's own */
    size_t line;                /* where the current line begins */
    size_t scanned;             /* no LF before this */
    size_t first_field;         /* where the header lines begin; 0 while the request line is read */
    struct http_span authority; /* of an absolute target */
    bool skipped_blank;
    bool absolute;
    bool transfer_encoding;
    bool connection_close;
    unsigned n_hosts;
};

void http_head_init(struct http_head *h);
/* `in` is everything since the head's first byte, the same bytes as at the last call with more
 * behind them. */
enum http_parse http_head_parse(struct http_head *h, struct str in);
/* The bytes of a span, given the head's bytes. */
static inline struct str http_span_str(struct http_span s, const char *head)
{
    return (struct str){head + s.at, s.n};
}

struct http_body {
    uint64_t left; /* bytes of the body, or of the current chunk, that are still to come */
    int status;    /* with HTTP_PARSE_BAD */
    const char *why;
    unsigned char state;
    unsigned digits; /* of the current chunk's size */
    size_t line_bytes;
    size_t extension_bytes;
    size_t trailer_bytes;
    size_t trailer_lines;
};

void http_body_init(struct http_body *b, const struct http_head *h);
/*
 * Takes bytes from the front of *in. MORE: *data is the next piece of the body (a slice of *in's
 * bytes), or empty when *in is used up. DONE: the body is over, *data is empty, and *in begins with
 * the next request. Trailers are checked and dropped.
 */
enum http_parse http_body_parse(struct http_body *b, struct str *in, struct str *data);

/* RFC 9110: a byte of a token (5.6.2), and of a field's value (5.5). */
bool http_is_token_char(char c);
bool http_is_value_char(char c);

#endif
