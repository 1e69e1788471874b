/*
 * decode.h - from the bytes of a log's field to the bytes the server received: escapes undone,
 * missing values recognised, request lines and URLs taken apart.
 *
 * Every function returns its argument (or a part of it) where nothing is to be done, and else a
 * copy in scratch. No copy is longer than what it is made from, and none allocates.
 */
#ifndef LOGFERRY_PARSERS_DECODE_H
#define LOGFERRY_PARSERS_DECODE_H

#include "parsers/hit.h"

/* A line of 1 MiB, each byte copied once, and a host, a scheme and a '/'. */
#define DECODE_SCRATCH_SIZE (((size_t)1 << 20) + 1024)
#define DECODE_HOST_MAX 255 /* bytes; longer names are no host names */

/* Memory that copies go to. Allocated once; the kernel backs it only as far as it is used. */
struct decode_scratch {
    char *p;
    size_t n;
    size_t kept; /* of n: the line itself, from a prefix that it was escaped in */
    bool failed; /* a copy found no room: its value is missing. Sticks until reset */
};

int decode_scratch_init(struct decode_scratch *s); /* -1: out of memory */
void decode_scratch_release(struct decode_scratch *s);
static inline void decode_scratch_reset(struct decode_scratch *s)
{
    s->n = s->kept = 0;
    s->failed = false;
}
/* What is there by now is the line. */
static inline void decode_scratch_keep(struct decode_scratch *s)
{
    s->kept = s->n;
}
/* Forgets the copies of a try: only the line stays. */
static inline void decode_scratch_retry(struct decode_scratch *s)
{
    s->n = s->kept;
    s->failed = false;
}

/* STR_NONE for "-" and "", which every format here writes for a missing value. */
static inline struct str decode_missing(struct str s)
{
    return s.n == 0 || (s.n == 1 && s.p[0] == '-') ? STR_NONE : s;
}

/* Room for n bytes, NULL (and failed) when there is none; the caller adds what it wrote to s->n. */
char *decode_room(struct decode_scratch *s, size_t n);
/* A copy, for text that is neither in the line nor in scratch (a constant). */
struct str decode_copy(struct decode_scratch *s, struct str text);

typedef struct str decode_fn(struct decode_scratch *s, struct str raw);

/* nginx, escape=default: \xHH. Any other backslash is itself. */
decode_fn decode_nginx;
/* Apache: \" \\ \b \n \r \t \v \xhh. Any other backslash is itself. */
decode_fn decode_apache;
/* Traefik: \" alone. */
decode_fn decode_quotes;
/* CSV: a quote is two. */
decode_fn decode_csv;
/* Python's servers: Apache's escapes, and around the request a terminal's colours (ESC "[" … "m").
 */
decode_fn decode_python;
/* Behind a terminal's colours that `s` begins with, any number. */
struct str decode_behind_colours(struct str s);
/* Go: a text in quotes, with Apache's escapes; one without quotes is itself. */
decode_fn decode_go;
/* HAProxy: #XX. */
decode_fn decode_hash;
/* What nginx's escape=json writes in a text: \" \\ \n \u00XX and so on. */
decode_fn decode_json_text;
/* %XX, once. '+' is a plus; a '%' without two hex digits is itself. */
decode_fn decode_percent;
/* As decode_percent, and once more when the result has no space but "%20": CloudFront files of 2013
 * to 2019 hold user agents encoded twice. For user agents only. */
decode_fn decode_percent_user_agent;
/* '+' where a blank was, as IIS and Akamai write user agents: every '+' of a text without blanks,
 * but the second of two ("++http") and one behind '(' ("(+http"), where no blank is ever written.
 */
decode_fn decode_plus;

/* "https" for "https" and "wss", "http" for "http" and "ws", case aside; else STR_NONE. */
decode_fn decode_scheme;

/* A Host header's or an authority's name: lower case, without port; brackets of an IPv6 address
 * stay. STR_NONE when missing, over DECODE_HOST_MAX, or with a byte inside that is in no host
 * (blanks, control bytes, / ? # @ " \). */
decode_fn decode_host;

/*
 * Splits a request line, escapes undone: at the first and the last space, the protocol only where
 * the last word begins "HTTP/" (so HTTP/0.9, and targets with spaces, keep their target) or is
 * empty. Sets method, protocol, and what decode_target sets. Missing ("-", ""): sets nothing.
 * Neither method nor target to be read (TLS bytes, one word, "- http://localhost:80- -"):
 * bad_request_line alone.
 */
void decode_request_line(struct decode_scratch *s, struct str line, struct hit *hit);
/*
 * A request target. "/path?query": path and query. "http://host:port/path?query": also scheme and
 * host; no path is
 * "/". An empty query ("/p?") is missing. A '#' is a byte like others. Whatever has no path ("*",
 * "host:443", "index.html"): bad_request_line.
 */
void decode_target(struct decode_scratch *s, struct str target, struct hit *hit);

/* Three digits at most; "-" and "" are -1. False when malformed. */
bool decode_status(struct str s, int *status);
/* Digits; "-" and "" are HIT_NO_NUMBER. False when malformed or over INT64_MAX. */
bool decode_count(struct str s, int64_t *count);
/* Seconds with an optional fraction to milliseconds, rounded; "-" and "" are HIT_NO_NUMBER. False
 * when malformed or over nine digits of seconds. */
bool decode_seconds(struct str s, int64_t *ms);

#endif
