/*
 * hit.h - one parsed log line: borrowed slices and numbers, nothing copied.
 *
 * Every slice points into the line or into the parser's scratch, and is valid until that parser's
 * next line. A missing value is STR_NONE or HIT_NO_NUMBER, never "-" or "".
 */
#ifndef LOGFERRY_PARSERS_HIT_H
#define LOGFERRY_PARSERS_HIT_H

#include "parsers/base/bytes.h"

#define HIT_NO_NUMBER INT64_MIN

struct hit {
    int64_t time_ms; /* epoch milliseconds, UTC; always set */
    struct str client_ip;
    struct str method;   /* as sent; STR_NONE when the log holds no request line */
    struct str scheme;   /* "http" or "https" when the log tells; lower case */
    struct str host;     /* lower case, without port; absolute-URL request lines give it too */
    struct str path;     /* as the server received it, begins with '/'; may hold any byte */
    struct str query;    /* without '?' */
    struct str protocol; /* "HTTP/1.1" */
    struct str referrer;
    struct str user_agent;
    struct str content_type;
    struct str request_id;
    struct str remote_user;
    struct str forwarded_for; /* X-Forwarded-For, unparsed */
    struct str forwarded;     /* Forwarded (RFC 7239), unparsed */
    /* Where the part begins that a 206 sent: a number, or the Range or Content-Range header
     * ("bytes=0-"). */
    struct str range;
    struct str disposition; /* Content-Disposition: "attachment; filename=…" */
    struct str purpose;     /* Sec-Purpose, Purpose or X-Moz: "prefetch;prerender" */
    struct str cdn_result;  /* CloudFront's x-edge-result-type */
    int status;             /* 0..999; -1 when missing ("-"); CloudFront's and nginx's 000 is 0 */
    int64_t bytes;          /* sent to the client; HIT_NO_NUMBER when missing */
    int64_t duration_ms;    /* HIT_NO_NUMBER when missing */
    /* There was a request, but no path can be read from it. Method and protocol are set where the
     * line still has them ("OPTIONS *", "CONNECT host:443"); path and query are missing. */
    bool bad_request_line;
};

#endif
