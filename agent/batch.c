/* batch.c - a batch's bytes: sealing, decoding, and selecting part of it. The builder is in
 * builder.c. */
#include "agent/batch_compose.h"

#include <stdlib.h>
#include <sys/random.h>
#include <zstd.h>

void batch_free(struct batch *b)
{
    if (!b)
        return;
    buf_release(&b->body);
    free(b);
}

void group_free(struct group *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_batches; i++)
        batch_free(g->batches[i]);
    free(g->spans);
    free(g);
}

/* 16 bytes as UUID text, with this version and the RFC 9562 variant. */
static void uuid_text(unsigned char u[16], unsigned version, char id[BATCH_ID_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    u[6] = (unsigned char)((u[6] & 0x0f) | version << 4);
    u[8] = (unsigned char)((u[8] & 0x3f) | 0x80);
    for (size_t i = 0, n = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            id[n++] = '-';
        id[n++] = hex[u[i] >> 4];
        id[n++] = hex[u[i] & 15];
    }
    id[BATCH_ID_BYTES - 1] = '\0';
}

int batch_make_id(char id[BATCH_ID_BYTES])
{
    unsigned char u[16];
    if (getrandom(u, sizeof(u), 0) != sizeof(u))
        return -1;
    uuid_text(u, 4, id);
    return 0;
}

/* Version 8: our own derivation. */
void batch_part_id(const char *parent, struct str salt, char id[BATCH_ID_BYTES])
{
    struct buf b;
    buf_init(&b, BATCH_ID_BYTES + salt.n);
    buf_put(&b, parent, BATCH_ID_BYTES);
    buf_put_str(&b, salt);
    struct hash128 h = hash_128(buf_str(&b));
    buf_release(&b);
    uuid_text(h.b, 8, id);
}

int batch_decode(const struct batch *b, struct buf *out, const char **error)
{
    *error = "out of memory";
    buf_init(out, BATCH_MAX_DECODED);
    if (b->encoding == BATCH_PLAIN) {
        buf_put_str(out, buf_str(&b->body));
        return out->failed ? -1 : 0;
    }
    unsigned long long n = ZSTD_getFrameContentSize(b->body.p, b->body.n);
    if (n > BATCH_MAX_DECODED) { /* also ZSTD_CONTENTSIZE_ERROR and _UNKNOWN */
        *error = "the batch is no zstd frame of a size that we write";
        return -1;
    }
    char *p = buf_reserve(out, (size_t)n);
    if (!p)
        return -1;
    size_t got = ZSTD_decompress(p, (size_t)n, b->body.p, b->body.n);
    if (ZSTD_isError(got) || got != n) {
        buf_release(out);
        *error = "the batch's zstd frame is damaged";
        return -1;
    }
    out->n = got;
    return 0;
}

/* `plain` becomes the body, compressed or as it is. Takes plain over. */
static int set_body(struct batch *b, struct buf *plain, bool compress)
{
    buf_init(&b->body, 2 * (size_t)BATCH_MAX_DECODED);
    if (!compress) {
        b->encoding = BATCH_PLAIN;
        b->body = *plain;
        return 0;
    }
    size_t bound = ZSTD_compressBound(plain->n), n = 0;
    char *p = buf_reserve(&b->body, bound);
    if (p)
        n = ZSTD_compress(p, bound, plain->p, plain->n, 1);
    buf_release(plain);
    if (!p || ZSTD_isError(n)) {
        buf_release(&b->body);
        return -1;
    }
    b->body.n = n;
    b->encoding = BATCH_ZSTD;
    return 0;
}

struct batch *batch_compose(const struct batch_header *h, struct str records, uint32_t n_records,
                            bool compress)
{
    struct batch *b = calloc(1, sizeof(*b));
    struct buf plain;
    buf_init(&plain, BATCH_MAX_DECODED);
    batch_header_write(&plain, h);
    buf_put_str(&plain, records);
    if (!b || plain.failed || set_body(b, &plain, compress)) {
        buf_release(&plain);
        free(b);
        return NULL;
    }
    memcpy(b->id, h->batch.p, BATCH_ID_BYTES - 1);
    b->n_records = n_records;
    return b;
}

/* ---- selecting --------------------------------------------------------------------------------
 */

struct selection {
    struct batch_header header;
    struct buf records;
    uint32_t n_records;
    bool *wanted;    /* user agents of the selected records */
    bool want_all;   /* a record could not be read */
    struct buf line; /* scratch */
};

static struct str next_line(struct str body, size_t *at)
{
    ptrdiff_t nl = str_chr(body, '\n', *at);
    size_t end = nl < 0 ? body.n : (size_t)nl;
    struct str line = str_slice(body, *at, end);
    *at = nl < 0 ? body.n : end + 1;
    return line;
}

static void note_agent(struct selection *s, struct str line)
{
    struct record r;
    const char *why;
    if (!record_read(line, &r, &s->line, &why))
        s->want_all = true;
    else if (r.user_agent >= 0 && (uint64_t)r.user_agent < s->header.n_user_agents)
        s->wanted[r.user_agent] = true;
}

/* Those of the others are emptied, so that the indices stay and a half is about half as large. */
static void drop_agents(struct selection *s)
{
    for (size_t i = 0; i < s->header.n_user_agents && !s->want_all; i++)
        if (!s->wanted[i])
            s->header.user_agents[i] = STR("");
}

/* Copies the selected lines; streams follow each other as the records do, each with its count. */
static void copy_records(struct selection *s, struct str body, size_t at, batch_select_fn select,
                         void *context)
{
    size_t line = 2, stream = 0;
    uint64_t left = s->header.n_streams ? s->header.streams[0].records : 0, kept = 0;
    for (; at < body.n; line++) {
        struct str text = next_line(body, &at);
        while (left == 0 && stream + 1 < s->header.n_streams) {
            s->header.streams[stream++].records = kept;
            left = s->header.streams[stream].records;
            kept = 0;
        }
        left -= left > 0;
        if (!select(context, line))
            continue;
        note_agent(s, text);
        buf_put_str(&s->records, text);
        buf_putc(&s->records, '\n');
        s->n_records++;
        kept++;
    }
    if (s->header.n_streams)
        s->header.streams[stream].records = kept;
    for (stream++; stream < s->header.n_streams; stream++)
        s->header.streams[stream].records = 0;
}

/* Streams that have nothing to say in this part are left out. */
static void tidy_streams(struct batch_header *h, bool accounts)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n_streams; i++) {
        struct batch_stream *s = &h->streams[i];
        if (!accounts) {
            s->lines = 0;
            s->skipped_other = s->n_cells = 0;
            memset(s->skipped, 0, sizeof(s->skipped));
        }
        if (s->records || s->lines)
            h->streams[n++] = *s;
    }
    h->n_streams = n;
}

struct batch *batch_select(const struct batch *b, batch_select_fn select, void *context,
                           struct str salt, bool accounts, const char **error)
{
    struct selection s = {0};
    struct batch *part = NULL;
    struct buf body, scratch;
    char id[BATCH_ID_BYTES];
    size_t at = 0;
    buf_init(&scratch, BATCH_MAX_DECODED);
    buf_init(&s.records, BATCH_MAX_DECODED);
    buf_init(&s.line, BATCH_MAX_DECODED);
    s.header.streams = calloc(BATCH_MAX_STREAMS, sizeof(*s.header.streams));
    s.header.cells = malloc(BATCH_MAX_CELLS * sizeof(*s.header.cells));
    s.header.user_agents = calloc(BATCH_MAX_USER_AGENTS, sizeof(*s.header.user_agents));
    s.wanted = calloc(BATCH_MAX_USER_AGENTS, sizeof(*s.wanted));
    if (batch_decode(b, &body, error))
        goto out;
    *error = "out of memory";
    if (!s.header.streams || !s.header.cells || !s.header.user_agents || !s.wanted)
        goto out;
    if (!batch_header_read(next_line(buf_str(&body), &at), &s.header, &scratch, error))
        goto out;
    copy_records(&s, buf_str(&body), at, select, context);
    *error = NULL;
    if (!s.n_records)
        goto out;
    batch_part_id(b->id, salt, id);
    s.header.batch = str_of(id);
    tidy_streams(&s.header, accounts);
    drop_agents(&s);
    part = s.records.failed ? NULL
                            : batch_compose(&s.header, buf_str(&s.records), s.n_records,
                                            b->encoding == BATCH_ZSTD);
    if (part) {
        part->to = b->to;
        part->sealed_ms = b->sealed_ms;
    } else {
        *error = "out of memory";
    }
out:
    free(s.header.streams);
    free(s.header.cells);
    free(s.header.user_agents);
    free(s.wanted);
    buf_release(&s.line);
    buf_release(&s.records);
    buf_release(&scratch);
    buf_release(&body);
    return part;
}

static bool select_all(void *context, size_t line)
{
    return true;
}

struct batch *batch_renew(struct batch *b, const char **error)
{
    char salt[16];
    struct batch *fresh = NULL;
    *error = "no random bytes";
    if (getrandom(salt, sizeof(salt), 0) == sizeof(salt))
        fresh = batch_select(b, select_all, NULL, (struct str){salt, sizeof(salt)}, false, error);
    batch_free(b);
    return fresh;
}
