/* detect_behind.c - see detect_behind.h. */
#include "parsers/detect_behind.h"

#include "parsers/format.h"
#include "parsers/json_scan.h"
#include "parsers/server_message.h"

#include <stdio.h>
#include <stdlib.h>

struct behind *behind_new(const struct str *lines, size_t n)
{
    struct behind *b = calloc(1, sizeof(*b));

    if (!b)
        return NULL;
    b->n = n < DETECT_MAX_LINES ? n : DETECT_MAX_LINES;
    for (size_t i = 0; i < b->n; i++)
        b->lines[i] = parser_trim(lines[i]);
    return b;
}

void behind_free(struct behind *b)
{
    if (b)
        buf_release(&b->text);
    free(b);
}

/* Parts that Docker cut were joined before: text without its "\n" is no line of Docker's. */
static enum prefix_kind prefix_of(struct str line)
{
    enum prefix_kind kind = prefix_detect(line);

    return kind == PREFIX_DOCKER && prefix_docker_is_cut(line) ? PREFIX_MESSAGE : kind;
}

static enum prefix_kind common_prefix(const struct behind *b)
{
    size_t counts[PREFIX_KINDS] = {0}, some = 0;

    for (size_t i = 0; i < b->n; i++) {
        if (b->lines[i].n == 0 || server_message(b->lines[i]))
            continue;
        some++;
        counts[prefix_of(b->lines[i])]++;
    }
    for (int kind = PREFIX_NONE + 1; prefix_name((enum prefix_kind)kind); kind++)
        if (counts[kind] * 2 > some)
            return (enum prefix_kind)kind;
    return PREFIX_NONE;
}

/* Into `text`; `lines` then point into that. */
static int strip_lines(struct behind *b, enum prefix_kind kind, const struct json_keys *keys,
                       struct decode_scratch *s)
{
    struct prefix_result r;
    struct buf text;
    size_t all = 0;

    for (size_t i = 0; i < b->n; i++)
        all += b->lines[i].n;
    buf_init(&text, all + 1);
    if (!buf_reserve(&text, all + 1))
        return -1;
    for (size_t i = 0; i < b->n; i++) {
        decode_scratch_reset(s);
        bool good = prefix_strip(kind, keys, s, b->lines[i], &r);
        b->lines[i] = (struct str){text.p + text.n, good ? r.text.n : 0};
        if (good)
            buf_put_str(&text, r.text);
    }
    buf_release(&b->text);
    b->text = text;
    return 0;
}

int behind_next(struct behind *b, bool doubtful)
{
    enum prefix_kind kind = b->n_prefixes < PREFIXES_MAX ? common_prefix(b) : PREFIX_NONE;
    struct json_keys *keys = NULL;
    struct decode_scratch s = {0};
    int rc = -1;

    if (kind == PREFIX_NONE || (prefix_is_doubtful(kind) && !doubtful))
        return 0;
    if (!prefix_has_keys(kind) || (keys = prefix_keys_new()))
        rc = decode_scratch_init(&s) ? -1 : strip_lines(b, kind, keys, &s);
    decode_scratch_release(&s);
    json_keys_free(keys);
    if (rc)
        return -1;
    size_t n = strlen(b->spec);
    snprintf(b->spec + n, sizeof(b->spec) - n, "%s+", prefix_name(kind));
    b->n_prefixes++;
    return 1;
}
