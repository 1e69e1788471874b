/*
 * The request parser: whatever bytes come, in whatever pieces, the outcome is the same as of all at
 * once, nothing is read outside, and every span lies within the head.
 */
#include <stdlib.h>

#include "server/http_parse.h"

struct outcome {
    uint64_t requests, body_bytes, mix;
    int status;
};

static void mix(struct outcome *o, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        o->mix = o->mix * 1099511628211u + (unsigned char)s.p[i] + 1;
}

static void check_span(const struct http_head *h, struct http_span s)
{
    if ((size_t)s.at + s.n > h->bytes)
        abort();
}

static void take_head(struct outcome *o, const struct http_head *h, const char *head)
{
    check_span(h, h->method);
    check_span(h, h->path);
    check_span(h, h->query);
    check_span(h, h->host);
    for (size_t i = 0; i < h->n_headers; i++) {
        check_span(h, h->headers[i].name);
        check_span(h, h->headers[i].value);
        mix(o, http_span_str(h->headers[i].value, head));
    }
    mix(o, http_span_str(h->path, head));
    if (h->chunked && h->has_length)
        abort();
    o->requests++;
}

struct reading {
    struct http_head head;
    struct http_body body;
    bool in_body;
    size_t at; /* where the current head begins, or how far the body is read */
};

/* Reads on in the first n bytes. False when nothing more can come of them. */
static bool advance(struct reading *r, struct outcome *o, const char *bytes, size_t n)
{
    struct str in = {bytes + r->at, n - r->at}, piece;
    if (!r->in_body) {
        enum http_parse h = http_head_parse(&r->head, in);
        if (h == HTTP_PARSE_BAD)
            o->status = r->head.status;
        if (h != HTTP_PARSE_DONE)
            return false;
        take_head(o, &r->head, in.p);
        http_body_init(&r->body, &r->head);
        r->in_body = true;
        r->at += r->head.bytes;
        return true;
    }
    enum http_parse b;
    do {
        b = http_body_parse(&r->body, &in, &piece);
        o->body_bytes += piece.n;
        mix(o, piece);
    } while (b == HTTP_PARSE_MORE && (in.n > 0 || piece.n > 0));
    r->at = n - in.n;
    if (b == HTTP_PARSE_BAD)
        o->status = r->body.status;
    if (b != HTTP_PARSE_DONE)
        return false;
    r->in_body = false;
    http_head_init(&r->head);
    return true;
}

static struct outcome read_in_pieces(const char *bytes, size_t n, size_t piece)
{
    struct outcome o = {0};
    struct reading r = {0};
    http_head_init(&r.head);
    for (size_t upto = 0; upto < n && o.status == 0;) {
        upto = n - upto > piece ? upto + piece : n;
        while (o.status == 0 && advance(&r, &o, bytes, upto)) {
        }
    }
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 100000)
        return 0;
    size_t piece = data[0] % 61 + 1, n = size - 1;
    char *bytes = malloc(n + 1); /* its own block: the sanitizer sees one byte too far */
    memcpy(bytes, data + 1, n);
    char *exact = realloc(bytes, n ? n : 1);
    struct outcome whole = read_in_pieces(exact, n, n + 1);
    struct outcome cut = read_in_pieces(exact, n, piece);
    if (whole.status != cut.status || whole.requests != cut.requests ||
        whole.body_bytes != cut.body_bytes || whole.mix != cut.mix)
        abort();
    free(exact);
    return 0;
}
