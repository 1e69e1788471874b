/*
 * fill_rig.h - what fill_run needs, and what the loop does with its results, on one thread; logs
 * with the books that they should come to. Included after cmocka, by one .c file a program.
 */
#ifndef LOGFERRY_TESTS_FILL_RIG_H
#define LOGFERRY_TESTS_FILL_RIG_H

#include "agent/discover.h"
#include "agent/stream.h"
#include "tests/unit/agent/batch_view.h"

#define MAX_GOT 20000
#define UA "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"

/* A record by what identifies it. */
struct got {
    struct hash128 stream;
    uint64_t at;
};

struct ledger {
    struct got *v;
    size_t n;
    uint64_t lines, skipped, directives;
};

struct rig {
    struct scratch dir;
    struct judge_rules judge;
    struct privacy privacy;
    struct source_config config;
    struct source source;
    struct worker_kit kit;
    struct sites *sites;
    struct builder *builder;
    struct positions positions;
};

/* One for all rigs: to make it takes longer than most of what is done with it. */
static inline const struct catalogue *rig_catalogue(void)
{
    static struct catalogue *catalogue;
    if (!catalogue)
        catalogue = catalogue_new(false);
    return catalogue;
}

static inline void rig_make(struct rig *g, const char *format)
{
    static const struct builder_labels labels = {.node = {"n", 1}, .all_destinations = 1};
    struct buf why;
    *g = (struct rig){0};
    buf_init(&why, 500);
    scratch_make(&g->dir);
    judge_rules_defaults(&g->judge);
    privacy_defaults(&g->privacy);
    g->config = (struct source_config){.name = STR("s"), .scheme = STR("https")};
    g->source.config = &g->config;
    g->source.format = format_new(str_of(format), NULL, &why);
    assert_non_null(g->source.format);
    g->source.directives = format_has_directives(g->source.format);
    g->source.rules = (struct digest_rules){.judge = &g->judge,
                                            .privacy = &g->privacy,
                                            .client = &g->config.client,
                                            .default_host = STR("example.com"),
                                            .scheme = STR("https"),
                                            .since_ms = INT64_MIN,
                                            .until_ms = INT64_MAX,
                                            .send = {3, 3, 3, 3, 3},
                                            .n_destinations = 5};
    g->kit.parsers = calloc(1, sizeof(*g->kit.parsers));
    assert_int_equal(digest_init(&g->kit.digest, rig_catalogue(), NULL), 0);
    g->sites = sites_new();
    sites_add(g->sites, STR("example.com"), STR_NONE, 1);
    g->builder = builder_new(&labels);
    buf_release(&why);
}

static inline void rig_remove(struct rig *g)
{
    builder_free(g->builder);
    sites_unref(g->sites);
    digest_release(&g->kit.digest);
    parser_free(g->kit.parsers[0]);
    free(g->kit.parsers);
    format_free(g->source.format);
    positions_release(&g->positions);
    scratch_remove(&g->dir);
}

/* A stream on a file, bound to the entry that fits it, or to a new one. */
static inline void stream_open(struct rig *g, struct stream *s, const char *name)
{
    char path[PATH_MAX];
    struct discovery d = {0};
    *s = (struct stream){.source = &g->source, .r = {.fd = -1}};
    s->path = strdup(scratch_path(&g->dir, name, path));
    assert_int_equal(discover_path(path, &d), 0);
    assert_int_equal(d.n, 1);
    const struct found_file *f = &d.files[0];
    s->dev = f->dev;
    s->ino = f->ino;
    s->position = positions_match(&g->positions, f->stream, f->dev, f->ino, path);
    if (!s->position)
        s->position = positions_add(&g->positions, f->stream, f->dev, f->ino, path);
    struct position *p = s->position;
    p->bound = true;
    s->r.at = intervals_gap(&p->safe, 0);
    s->r.seam = p->seam;
    s->r.head = p->head;
    for (size_t i = 0; i < p->safe.n; i++)
        assert_int_equal(intervals_add(&s->r.safe, p->safe.v[i].from, p->safe.v[i].to), 0);
    discovery_release(&d);
}

static inline void stream_close(struct stream *s)
{
    s->position->bound = false;
    reading_close(&s->r);
    free(s->path);
    s->path = NULL;
}

/* One fill that reads about `bytes`; what the loop does with a stream's results. */
static inline void fill_some(struct rig *g, struct stream **streams, size_t n, uint64_t bytes,
                             bool last, struct fill *f)
{
    *f = (struct fill){.kits = &g->kit,
                       .sources = &g->source,
                       .sites = g->sites,
                       .builder = g->builder,
                       .n_streams = n,
                       .seal = last,
                       .bytes = FILL_MAX_BYTES - bytes};
    for (size_t i = 0; i < n; i++)
        f->streams[i] = streams[i];
    fill_run(&f->task, 0);
    for (size_t i = 0; i < n; i++) {
        struct reading *r = &streams[i]->r;
        counts_add(&g->source.counts, &r->counts);
        r->counts = (struct counts){0};
        if (r->known && r->base == 0)
            streams[i]->position->stream = r->stream;
        streams[i]->position->head = r->head;
    }
}

/* Adds a group to the books, after comparing its spans with its batches. */
static inline void take_books(struct ledger *l, const struct group *g)
{
    uint64_t lines = 0, records = 0, in_header = 0;
    for (size_t i = 0; i < g->n_spans; i++) {
        const struct span *s = &g->spans[i];
        uint64_t skipped = 0, of_span = 0;
        for (int k = 0; k < REASON_COUNT; k++)
            skipped += s->skipped[k];
        for (size_t k = 0; k < GROUP_MAX_BATCHES; k++)
            of_span += s->records[k];
        assert_int_equal(s->lines, skipped + of_span);
        assert_int_equal(s->file_to - s->file_from, s->to - s->from);
        lines += s->lines;
        records += of_span;
        l->skipped += skipped;
        l->directives += s->skipped[REASON_DIRECTIVE];
    }
    for (size_t i = 0; i < g->n_batches; i++) {
        struct batch_view v;
        batch_view_init(&v, g->batches[i]);
        for (size_t k = 0; k < v.h.n_streams; k++)
            in_header += v.h.streams[k].lines;
        for (size_t k = 0; k < v.n; k++) {
            assert_true(l->n < MAX_GOT);
            l->v[l->n++] = (struct got){v.records[k].stream, v.records[k].r.at};
            records--;
        }
        batch_view_release(&v);
    }
    assert_int_equal(records, 0);
    assert_int_equal(in_header, lines);
    l->lines += lines;
}

static inline void make_safe(const struct group *g)
{
    for (size_t i = 0; i < g->n_spans; i++) {
        const struct span *s = &g->spans[i];
        assert_int_equal(positions_cover(s->position, s->file_from, s->file_to, s->seam_hash), 0);
    }
}

/* Fills until there is no more; everything is delivered. */
static inline enum read_end read_to_end(struct rig *g, struct stream *s, uint64_t bytes,
                                        struct ledger *l)
{
    struct fill f;
    for (int i = 0; i < 100000; i++) {
        fill_some(g, &s, 1, bytes, true, &f);
        for (size_t k = 0; k < f.n_groups; k++) {
            take_books(l, f.groups[k]);
            make_safe(f.groups[k]);
            group_free(f.groups[k]);
        }
        if (s->r.end != READ_MORE)
            return s->r.end;
    }
    fail_msg("reading never ends");
    return READ_FAILED;
}

static inline void ledger_make(struct ledger *l)
{
    *l = (struct ledger){.v = calloc(MAX_GOT, sizeof(*l->v))};
}

static inline int compare_got(const void *a, const void *b)
{
    const struct got *x = a, *y = b;
    int c = memcmp(x->stream.b, y->stream.b, sizeof(x->stream.b));
    return c ? c : (x->at > y->at) - (x->at < y->at);
}

/* Exactly once, each of them. */
static inline void assert_same_records(const char *name, struct ledger *got, struct ledger *want)
{
    qsort(got->v, got->n, sizeof(*got->v), compare_got);
    qsort(want->v, want->n, sizeof(*want->v), compare_got);
    for (size_t i = 0; i < got->n && i < want->n; i++)
        if (compare_got(&got->v[i], &want->v[i]) != 0)
            fail_msg("%s: record %zu is at %llu instead of %llu (or of another stream)", name, i,
                     (unsigned long long)got->v[i].at, (unsigned long long)want->v[i].at);
    if (got->n != want->n)
        fail_msg("%s: %zu records instead of %zu", name, got->n, want->n);
    if (got->lines != want->lines || got->skipped != want->skipped)
        fail_msg("%s: %llu lines, %llu skipped, instead of %llu, %llu", name,
                 (unsigned long long)got->lines, (unsigned long long)got->skipped,
                 (unsigned long long)want->lines, (unsigned long long)want->skipped);
}

/* ---- logs -------------------------------------------------------------------------------------
 */

/* What a log should come to: text, and the books of it. */
struct log {
    struct buf text;
    struct ledger want;
};

static inline void log_make(struct log *l)
{
    buf_init(&l->text, 64u << 20);
    ledger_make(&l->want);
}

static inline void log_release(struct log *l)
{
    buf_release(&l->text);
    free(l->want.v);
}

static inline void want_record(struct log *l, uint64_t at)
{
    l->want.v[l->want.n++] = (struct got){.at = at};
    l->want.lines++;
}

static inline void want_skipped(struct log *l)
{
    l->want.lines++;
    l->want.skipped++;
}

static inline void put_page(struct log *l, unsigned i)
{
    want_record(l, l->text.n);
    buf_printf(&l->text,
               "192.0.2.%u - - [10/Oct/2025:13:55:36 +0000] \"GET /page/%u HTTP/1.1\" 200 "
               "%u \"-\" \"" UA "\"\n",
               i % 200, i, 100 + i % 900);
}

static inline void put_asset(struct log *l, unsigned i)
{
    want_skipped(l);
    buf_printf(&l->text,
               "192.0.2.%u - - [10/Oct/2025:13:55:36 +0000] \"GET /s/%u.css HTTP/1.1\" 200 5 \"-\" "
               "\"" UA "\"\n",
               i % 200, i);
}

/* Pages, assets, and what else a log has. */
static inline void put_mixture(struct log *l, unsigned n, uint64_t seed)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t x = next_random(&seed) % 100;
        if (x < 45 || l->text.n == 0) {
            put_page(l, i);
        } else if (x < 90) {
            put_asset(l, i);
        } else {
            want_skipped(l);
            if (x < 94)
                buf_lit(&l->text, "\n");
            else if (x < 97)
                buf_lit(&l->text, "\x16\x03\x01 no request\n");
            else
                buf_lit(&l->text, "# a comment\n");
        }
        if (x == 99) {
            want_skipped(l);
            put_repeated(&l->text, 'x', LINE_MAX_BYTES + 5);
            buf_lit(&l->text, "\n");
        }
    }
}

/* All records are of this stream: the one that this first line names. */
static inline void name_stream(struct log *l, struct str first_line)
{
    for (size_t i = 0; i < l->want.n; i++)
        l->want.v[i].stream = stream_id(first_line);
}

static inline void name_stream_by_first_line(struct log *l)
{
    struct str rest = buf_str(&l->text);
    name_stream(l, str_cut(&rest, '\n'));
}

static inline void write_log(const struct rig *g, const char *name, const struct log *l, bool gzip)
{
    struct buf z;
    buf_init(&z, 64u << 20);
    if (gzip)
        put_gzip(&z, buf_str(&l->text));
    scratch_write(&g->dir, name, gzip ? buf_str(&z) : buf_str(&l->text));
    buf_release(&z);
}

/* Reads a file whole, in fills of `bytes`, and compares. */
static inline void assert_log(struct rig *g, const char *name, struct log *l, uint64_t bytes,
                              enum read_end end)
{
    struct stream s;
    struct ledger got;
    ledger_make(&got);
    stream_open(g, &s, name);
    enum read_end was = read_to_end(g, &s, bytes, &got);
    if (was != end)
        fail_msg("%s: end %d", name, was);
    assert_same_records(name, &got, &l->want);
    uint64_t safe = intervals_gap(&s.position->safe, 0);
    if (end == READ_FINISHED)
        assert_int_equal(safe, l->text.n);
    stream_close(&s);
    free(got.v);
}

/* ---- a crash ----------------------------------------------------------------------------------
 */

/* Through the disk, as a restart does it. */
static inline void reload_positions(struct rig *g)
{
    struct buf text, why;
    buf_init(&text, POSITIONS_MAX_BYTES);
    buf_init(&why, 1000);
    assert_int_equal(positions_encode(&g->positions, 1, &text), 0);
    assert_int_equal(positions_store(g->dir.fd, g->positions.generation, buf_str(&text)), 0);
    positions_release(&g->positions);
    assert_int_equal(positions_load(&g->positions, g->dir.fd, "here", &why), 1);
    buf_release(&text);
    buf_release(&why);
}

/* The file `name` is read in small fills; some of the batches become safe, in any order, then
 * comes a crash; the rest is read by the next process. All in all, every record once. */
static inline void crash_once(struct rig *g, const char *name, struct log *l, uint64_t seed)
{
    struct stream s, *streams[] = {&s};
    struct ledger got;
    struct group *groups[64];
    size_t n = 0, fills = 1 + next_random(&seed) % 12;
    ledger_make(&got);
    stream_open(g, &s, name);
    do {
        struct fill f;
        fill_some(g, streams, 1, 1 + next_random(&seed) % 4000, next_random(&seed) % 2, &f);
        for (size_t i = 0; i < f.n_groups; i++)
            groups[n++] = f.groups[i];
    } while (--fills && s.r.end == READ_MORE);
    for (size_t i = 0; i < n; i++) { /* in any order */
        size_t k = i + next_random(&seed) % (n - i);
        struct group *swap = groups[i];
        groups[i] = groups[k];
        groups[k] = swap;
        if (next_random(&seed) % 3) {
            take_books(&got, groups[i]);
            make_safe(groups[i]);
        }
    }
    for (size_t i = 0; i < n; i++)
        group_free(groups[i]);
    stream_close(&s);
    builder_free(g->builder); /* what it carried is gone */
    g->builder = builder_new(&(struct builder_labels){.node = STR("n"), .all_destinations = 1});
    reload_positions(g);
    stream_open(g, &s, name);
    enum read_end end = read_to_end(g, &s, 1 + next_random(&seed) % 9000, &got);
    assert_true(end == READ_ALL || end == READ_FINISHED);
    assert_int_equal(g->positions.n, 1);
    assert_int_equal(intervals_gap(&s.position->safe, 0), l->text.n);
    assert_same_records(name, &got, &l->want);
    stream_close(&s);
    free(got.v);
}

/* ---- CloudFront -------------------------------------------------------------------------------
 */

#define CF_HEAD                                                                                    \
    "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) "          \
    "cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query\n"

/* One file of a CDN: two header lines and `n` rows. Its records get their stream here. */
static inline void put_cdn_file(struct log *l, unsigned serial, unsigned n)
{
    uint64_t base = l->text.n;
    size_t first = l->want.n, row = 0;
    want_skipped(l);
    want_skipped(l);
    l->want.directives += 2;
    buf_lit(&l->text, CF_HEAD);
    row = l->text.n;
    for (unsigned i = 0; i < n; i++) {
        bool page = (serial + i) % 3 != 0;
        if (page)
            want_record(l, l->text.n - base);
        else
            want_skipped(l);
        buf_printf(&l->text,
                   "2026-01-02\t03:04:05\tFRA56-P4\t%u\t203.0.113.7\tGET\texample.com\t/%u/%u%s\t"
                   "200\t-\tMozilla/5.0%%20(X11;%%20Linux%%20x86_64;%%20rv:126.0)%%20Gecko/"
                   "20100101%%20Firefox/126.0\t-\n",
                   serial + 1000, serial, i, page ? "" : ".css");
    }
    struct str rest = str_slice(buf_str(&l->text), row, l->text.n);
    struct hash128 id = stream_id(str_cut(&rest, '\n'));
    for (size_t i = first; i < l->want.n; i++)
        l->want.v[i].stream = id;
}

#endif
