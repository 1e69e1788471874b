/*
 * http_client.h - HTTP requests by libcurl on the libev loop. The only file that knows libcurl.
 *
 * TLS is verified, redirects are not followed, no proxy is used unless one is given, and an
 * answer's body is capped. A request ends with exactly one call of on_answer, or with http_cancel;
 * never from inside http_start.
 */
#ifndef LOGFERRY_AGENT_HTTP_CLIENT_H
#define LOGFERRY_AGENT_HTTP_CLIENT_H

#include "parsers/base/bytes.h"

#define HTTP_ANSWER_MAX (4u << 20)

struct ev_loop;
struct http_client;
struct http_transfer;

struct http_answer {
    const char *error; /* the transport failed: why (valid during the call); else NULL */
    long status;
    struct str body;        /* valid during the call */
    int64_t retry_after_ms; /* -1: not told */
    int64_t date_ms;        /* the server's clock by its Date header; -1: not told */
};

struct http_request {
    const char *base;             /* "https://host", "http://127.0.0.1:8080", or "unix:/path" */
    const char *path;             /* "/api/…" */
    const char *token;            /* bearer; NULL: none */
    const char *proxy, *ca_file;  /* NULL: none, the system's */
    struct str body;              /* POST when set; must live until the answer. STR_NONE: GET */
    const char *content_type;     /* of the body */
    const char *content_encoding; /* NULL: none */
    const char *status;           /* the field Logferry-Status; NULL: none */
    void (*on_answer)(void *context, const struct http_answer *answer);
    void *context;
};

struct http_client *http_client_new(struct ev_loop *loop); /* NULL: out of memory */
/* Cancels what is under way. Accepts NULL. */
void http_client_free(struct http_client *c);
/* NULL: out of memory, or a URL that libcurl refuses. */
struct http_transfer *http_start(struct http_client *c, const struct http_request *r);
void http_cancel(struct http_transfer *t); /* accepts NULL */

#endif
