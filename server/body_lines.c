/* body_lines.c - a window that slides over the plain text. */
#include "server/body_lines.h"

#define STEP_BYTES (64u << 10)

int body_lines_begin(struct body_lines *b, enum coding coding, struct str body, size_t max)
{
    *b = (struct body_lines){.inflater = inflater_new(coding, body, max), .hash = sha256_begin()};
    buf_init(&b->window, max + STEP_BYTES);
    return b->inflater && b->hash ? 0 : -1;
}

void body_lines_end(struct body_lines *b)
{
    inflater_free(b->inflater);
    sha256_free(b->hash);
    buf_release(&b->window);
    *b = (struct body_lines){0};
}

int body_lines_hash(struct body_lines *b, unsigned char hash[TOKEN_HASH_BYTES])
{
    return sha256_end(b->hash, hash);
}

/* One piece more. */
static enum body_line fill(struct body_lines *b)
{
    size_t made;
    buf_drop_front(&b->window, b->at);
    b->at = 0;
    char *to = buf_reserve(&b->window, STEP_BYTES);
    if (!to)
        return BODY_FAILED;
    switch (inflater_read(b->inflater, to, STEP_BYTES, &made)) {
    case INFLATE_OK:
        b->window.n += made;
        return sha256_add(b->hash, (struct str){to, made}) ? BODY_FAILED : BODY_LINE;
    case INFLATE_END:
        b->ended = true;
        return BODY_LINE;
    case INFLATE_BAD:
        return BODY_BAD;
    case INFLATE_TOO_LARGE:
        return BODY_TOO_LARGE;
    case INFLATE_NO_MEMORY:
        break;
    }
    return BODY_FAILED;
}

/* The window begins with a line of n bytes, `end` of them with what ends it. */
static enum body_line take(struct body_lines *b, size_t n, size_t end, struct str *line)
{
    *line = str_slice(buf_str(&b->window), b->at, b->at + n);
    b->at += end;
    return end > 0 ? BODY_LINE : BODY_END;
}

enum body_line body_lines_next(struct body_lines *b, size_t longest, struct str *line)
{
    size_t seen = 0; /* of `rest`: no newline in it */
    enum body_line r = BODY_LINE;
    while (r == BODY_LINE) {
        struct str rest = str_slice(buf_str(&b->window), b->at, b->window.n);
        ptrdiff_t lf = str_chr(rest, '\n', seen);
        seen = lf < 0 ? rest.n : (size_t)lf;
        if (seen > longest)
            return BODY_LONG_LINE;
        if (lf >= 0 || b->ended)
            return take(b, seen, lf >= 0 ? seen + 1 : seen, line);
        r = fill(b);
    }
    return r;
}
