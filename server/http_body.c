/*
 * http_body.c - a body with a length, or in chunks: byte by byte, in bulk inside a chunk. Called as
 * http_parse.c is.
 */
#include "server/http_parse.h"

enum body_state {
    BODY_PLAIN,         /* Content-Length bytes */
    BODY_SIZE,          /* hex digits of a chunk's size */
    BODY_EXTENSION,     /* after ';' up to CR */
    BODY_SIZE_LF,       /* the LF of the size line */
    BODY_DATA,          /* inside a chunk */
    BODY_DATA_CR,       /* the CR after a chunk */
    BODY_DATA_LF,       /* and its LF */
    BODY_TRAILER,       /* the first byte of a trailer line, or the CR that ends all */
    BODY_TRAILER_NAME,  /* up to the colon */
    BODY_TRAILER_VALUE, /* up to CR */
    BODY_TRAILER_LF,    /* the LF of a trailer line */
    BODY_LAST_LF,       /* the LF of the empty line */
    BODY_OVER,
};

void http_body_init(struct http_body *b, const struct http_head *h)
{
    *b = (struct http_body){0};
    b->left = h->length;
    b->state = h->chunked ? BODY_SIZE : h->length > 0 ? BODY_PLAIN : BODY_OVER;
}

static bool body_bad(struct http_body *b, const char *why)
{
    b->status = 400;
    b->why = why;
    return false;
}

static bool step_size(struct http_body *b, char c)
{
    int digit = hex_value(c);
    if (digit >= 0) {
        if (++b->digits > 15)
            return body_bad(b, "chunk size too large");
        b->left = b->left * 16 + (unsigned)digit;
        return true;
    }
    if (b->digits == 0 || (c != '\r' && c != ';'))
        return body_bad(b, "bad chunk size");
    b->line_bytes = 0;
    b->state = c == ';' ? BODY_EXTENSION : BODY_SIZE_LF;
    return true;
}

static bool step_extension(struct http_body *b, char c)
{
    if (c == '\r') {
        b->state = BODY_SIZE_LF;
        return true;
    }
    if (!http_is_value_char(c))
        return body_bad(b, "control byte in a chunk extension");
    if (++b->line_bytes > HTTP_MAX_CHUNK_LINE || ++b->extension_bytes > HTTP_MAX_EXTENSIONS)
        return body_bad(b, "too many chunk extensions");
    return true;
}

/* Any byte of the trailer section; the same rules and caps as for the header lines. */
static bool step_trailer(struct http_body *b, char c)
{
    if (++b->trailer_bytes > HTTP_MAX_HEADER_BYTES || b->trailer_lines > HTTP_MAX_HEADERS) {
        b->status = 431;
        b->why = "trailers too large";
        return false;
    }
    switch (b->state) {
    case BODY_TRAILER:
        if (c == '\r') {
            b->state = BODY_LAST_LF;
            return true;
        }
        b->trailer_lines++;
        b->state = BODY_TRAILER_NAME;
        return http_is_token_char(c) ? true : body_bad(b, "bad trailer name");
    case BODY_TRAILER_NAME:
        if (c == ':')
            b->state = BODY_TRAILER_VALUE;
        else if (!http_is_token_char(c))
            return body_bad(b, "bad trailer name");
        return true;
    default:
        if (c == '\r')
            b->state = BODY_TRAILER_LF;
        else if (!http_is_value_char(c))
            return body_bad(b, "control byte in a trailer");
        return true;
    }
}

/* The byte that must end a line; what comes after it depends on which line it was. */
static bool step_line_end(struct http_body *b, char c)
{
    char wanted = b->state == BODY_DATA_CR ? '\r' : '\n';
    if (c != wanted)
        return body_bad(b, "chunk framing: CRLF expected");
    switch (b->state) {
    case BODY_SIZE_LF:
        b->state = b->left > 0 ? BODY_DATA : BODY_TRAILER;
        b->digits = 0;
        break;
    case BODY_DATA_CR:
        b->state = BODY_DATA_LF;
        break;
    case BODY_DATA_LF:
        b->state = BODY_SIZE;
        break;
    case BODY_TRAILER_LF:
        b->state = BODY_TRAILER;
        break;
    default:
        b->state = BODY_OVER;
        break;
    }
    return true;
}

static bool step(struct http_body *b, char c)
{
    switch (b->state) {
    case BODY_SIZE:
        return step_size(b, c);
    case BODY_EXTENSION:
        return step_extension(b, c);
    case BODY_TRAILER:
    case BODY_TRAILER_NAME:
    case BODY_TRAILER_VALUE:
        return step_trailer(b, c);
    default:
        return step_line_end(b, c);
    }
}

static void take_data(struct http_body *b, struct str *in, struct str *data)
{
    size_t n = in->n < b->left ? in->n : (size_t)b->left;
    *data = str_slice(*in, 0, n);
    *in = str_slice(*in, n, in->n);
    b->left -= n;
    if (b->left == 0)
        b->state = b->state == BODY_PLAIN ? BODY_OVER : BODY_DATA_CR;
}

enum http_parse http_body_parse(struct http_body *b, struct str *in, struct str *data)
{
    *data = (struct str){in->p, 0};
    if (b->status != 0)
        return HTTP_PARSE_BAD;
    while (b->state != BODY_OVER && in->n > 0) {
        if (b->state == BODY_PLAIN || b->state == BODY_DATA) {
            take_data(b, in, data);
            return HTTP_PARSE_MORE;
        }
        char c = in->p[0];
        *in = str_slice(*in, 1, in->n);
        if (!step(b, c))
            return HTTP_PARSE_BAD;
    }
    return b->state == BODY_OVER ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}
