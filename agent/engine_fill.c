/* engine_fill.c - who is read next, and what a fill brought; see engine.h. */
#include "agent/engine_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- streams ----------------------------------------------------------------------------------
 */

struct stream *engine_new_stream(struct engine *e, size_t source, const char *path,
                                 const char *host)
{
    struct stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->source = &e->sources[source];
    s->rules = s->source->rules;
    s->path = strdup(path);
    s->host = host ? strdup(host) : NULL;
    s->r.fd = -1;
    if (!s->path || (host && !s->host)) {
        free(s->path);
        free(s);
        return NULL;
    }
    if (s->host)
        s->rules.default_host = str_of(s->host);
    *e->last_stream = s;
    e->last_stream = &s->next;
    e->index_stale = true;
    return s;
}

void engine_drop_stream(struct engine *e, struct stream *s)
{
    struct stream **at = &e->streams;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (!*at)
        e->last_stream = at;
    if (s->position)
        s->position->bound = false;
    reading_close(&s->r);
    engine_count_open(e, s);
    free(s->path);
    free(s->host);
    free(s);
    e->index_stale = true;
}

void engine_count_open(struct engine *e, struct stream *s)
{
    bool open = s->r.fd >= 0;
    if (open && !s->counted_open)
        e->n_open++;
    else if (!open && s->counted_open)
        e->n_open--;
    s->counted_open = open;
}

void engine_close_idle(struct engine *e, struct stream *s)
{
    if (s->state != STREAM_IDLE || s->r.fd < 0 || s->r.half || s->r.sequential)
        return;
    close(s->r.fd);
    s->r.fd = -1;
    engine_count_open(e, s);
}

void engine_wake(struct engine *e, struct stream *s)
{
    s->quiet_since_ms = engine_now_ms(e);
    if (s->state == STREAM_BUSY)
        s->again = true;
    else if (s->state == STREAM_IDLE)
        s->state = STREAM_READY;
}

/* ---- results ----------------------------------------------------------------------------------
 */

static bool may_tell(struct stream *s)
{
    bool first = !s->told_error;
    s->told_error = true;
    return first;
}

static void tell(struct engine *e, struct stream *s, const char *event, const char *why,
                 const char *mend)
{
    e->unread += !s->told_error;
    if (may_tell(s))
        log_event(LOG_WARN, event, "path=\"%s\" offset=%llu why=\"%s\" mend=\"%s\"", s->path,
                  (unsigned long long)s->r.file_offset, why, mend);
}

/* The file is another than the entry's: it begins a new entry, and the old one waits for its file
 * to turn up. */
static void begin_anew(struct engine *e, struct stream *s)
{
    struct position *old = s->position;
    struct position *p = positions_add(&e->positions, old->stream, s->dev, s->ino, s->path);
    if (!p)
        abort();
    old->bound = false;
    old->dev = old->ino = 0;
    p->bound = true;
    p->seen_ms = engine_now_ms(e);
    s->position = p;
    reading_close(&s->r);
    engine_count_open(e, s);
    s->r = (struct reading){.fd = -1, .finish = s->r.finish};
    s->state = STREAM_READY;
    log_event(
        LOG_INFO, "file_begun_anew",
        "path=\"%s\" why=\"truncated or replaced: what is there now is read from its beginning\"",
        s->path);
}

static void waits(struct engine *e, struct stream *s)
{
    s->backlog = false;
    s->state = s->again ? STREAM_READY : STREAM_IDLE;
    s->again = false;
    if (!e->o.follow)
        engine_leave(e, s);
    else if (e->n_open > MAX_IDLE_OPEN)
        engine_close_idle(e, s);
}

static void file_is_gone(struct engine *e, struct stream *s)
{
    if (s->r.error != ENOENT)
        tell(e, s, "file_unreadable", strerror(s->r.error),
             "let the agent's user read it, e.g. add it to the group adm");
    if (e->o.follow)
        engine_drop_stream(e, s);
    else
        engine_leave(e, s);
}

static void tell_half(struct engine *e, struct stream *s)
{
    if (!e->o.follow && s->r.half)
        log_event(LOG_INFO, "half_line",
                  "path=\"%s\" bytes=%zu why=\"the last line has no newline yet\" mend=\"run again "
                  "when it has\"",
                  s->path, s->r.half);
}

static void after_reading(struct engine *e, struct stream *s)
{
    switch (s->r.end) {
    case READ_MORE:
        s->backlog = true;
        s->again = false;
        s->state = STREAM_READY;
        return;
    case READ_ALL:
        tell_half(e, s);
        waits(e, s);
        return;
    case READ_FINISHED:
        engine_leave(e, s);
        return;
    case READ_TRUNCATED:
        tell(e, s, "gzip_truncated",
             "the file ends inside a gzip member; the complete lines before that were read",
             "nothing, if it is still being written; else fetch it again");
        waits(e, s);
        return;
    case READ_CORRUPT:
        tell(e, s, "gzip_damaged", "bad data or checksum; the lines before the damage were read",
             "fetch the file again and run again");
        engine_leave(e, s);
        return;
    case READ_FOREIGN:
        tell(e, s, "compression_unknown", s->r.foreign,
             "decompress the file, or compress it with gzip");
        engine_leave(e, s);
        return;
    case READ_STRANGER:
        begin_anew(e, s);
        return;
    case READ_GONE:
        file_is_gone(e, s);
        return;
    case READ_FAILED:
        tell(e, s, "file_unreadable", strerror(s->r.error),
             "mend the disk; reading is tried again");
        waits(e, s);
        return;
    }
}

static void tell_bad_line(struct engine *e, struct stream *s)
{
    struct bad_line *bad = &s->r.bad;
    if (bad->error && log_limit_pass(&s->source->complaint, engine_now_ms(e), 60000))
        log_event(LOG_WARN, "line_unparsable",
                  "source=%s path=\"%s\" offset=%llu column=%zu why=\"%s\" mend=\"is `format: %s` "
                  "the log's? logferry explain tells more\" held_back=%llu",
                  s->source->config->name.p, s->path, (unsigned long long)bad->at, bad->column + 1,
                  bad->error, format_name(s->source->format),
                  (unsigned long long)s->source->complaint.held);
    bad->error = NULL;
}

static void settle_stream(struct engine *e, struct stream *s)
{
    struct reading *r = &s->r;
    counts_add(&s->source->counts, &r->counts);
    if (r->counts.lines)
        s->quiet_since_ms = engine_now_ms(e);
    r->counts = (struct counts){0};
    if (r->known && r->base == 0 && s->position)
        s->position->stream = r->stream;
    engine_count_open(e, s);
    tell_bad_line(e, s);
    after_reading(e, s);
}

/* ---- fills ------------------------------------------------------------------------------------
 */

static struct builder *take_builder(struct engine *e)
{
    struct builder *b = e->carry;
    e->carry = NULL;
    if (b)
        ev_timer_stop(e->o.loop, &e->carry_timer);
    else if (e->n_spare)
        b = e->spare[--e->n_spare];
    return b ? b : builder_new(&e->labels);
}

static void on_filled(struct task *task);

static void start_fill(struct engine *e, struct fill *f)
{
    f->task = (struct task){.run = fill_run, .done = on_filled};
    f->owner = e;
    f->kits = e->kits;
    f->sources = e->sources;
    f->sites = sites_ref(uplink_sites(e->uplink));
    e->fills++;
    pool_submit(e->pool, &f->task, false);
}

static struct fill *new_fill(struct builder *b)
{
    struct fill *f = calloc(1, sizeof(*f));
    if (!f || !b)
        abort(); /* some kilobytes; nothing has been read yet */
    f->builder = b;
    return f;
}

/* Reports lines without a record: in a batch of their own, when no record came in time. */
void engine_carry_due(struct engine *e)
{
    struct builder *b = e->carry;
    if (!b || !uplink_room(e->uplink))
        return;
    struct fill *f = new_fill(take_builder(e));
    f->seal = true;
    start_fill(e, f);
}

static void put_back(struct engine *e, struct builder *b)
{
    if (!builder_lines(b)) {
        if (e->n_spare < MAX_BUILDERS)
            e->spare[e->n_spare++] = b;
        else
            builder_free(b);
        return;
    }
    if (e->carry) { /* only one can wait */
        struct fill *f = new_fill(b);
        f->seal = true;
        start_fill(e, f);
        return;
    }
    e->carry = b;
    ev_timer_stop(e->o.loop, &e->carry_timer);
    ev_timer_set(&e->carry_timer, e->o.follow && !e->stopping ? CARRY_S : 0.05, 0.0);
    ev_timer_start(e->o.loop, &e->carry_timer);
}

static void on_filled(struct task *task)
{
    struct fill *f = (struct fill *)task;
    struct engine *e = f->owner;
    uint64_t lines = 0;
    e->fills--;
    for (size_t i = 0; i < f->n_streams; i++) {
        lines += f->streams[i]->r.counts.lines;
        f->streams[i]->state = STREAM_IDLE;
        settle_stream(e, f->streams[i]);
    }
    if (e->o.rate) {
        double now = ev_now(e->o.loop);
        e->rate_at = (e->rate_at > now ? e->rate_at : now) + (double)lines / (double)e->o.rate;
    }
    put_back(e, f->builder);
    for (size_t i = 0; i < f->n_groups; i++)
        uplink_submit(e->uplink, f->groups[i]);
    sites_unref(f->sites);
    free(f);
    engine_go_on(e);
}

/* ---- who is next ------------------------------------------------------------------------------
 */

static void later(struct engine *e, double after)
{
    if (ev_is_active(&e->pace_timer))
        return;
    ev_timer_set(&e->pace_timer, after, 0.0);
    ev_timer_start(e->o.loop, &e->pace_timer);
}

/* May a batch be built now? A lone line leaves at once when a destination is idle; while requests
 * are on their way, only full batches are built, and what trickles in gathers in the logs. */
static bool may_fill(struct engine *e, bool backlog)
{
    double now = ev_now(e->o.loop);
    if (e->fills >= pool_size(e->pool) || uplink_room(e->uplink) <= e->fills ||
        !uplink_sites(e->uplink))
        return false;
    if (e->o.rate && now < e->rate_at) {
        later(e, e->rate_at - now);
        return false;
    }
    if (!e->o.follow || backlog || (uplink_is_idle(e->uplink) && !e->fills))
        return true;
    if (!uplink_is_down(e->uplink) || e->fills)
        return false;
    if (now - e->paced_at >= DOWN_PACE_S) {
        e->paced_at = now;
        return true;
    }
    later(e, e->paced_at + DOWN_PACE_S - now + 0.001);
    return false;
}

/* Leaves some for the other workers. */
static size_t share(const struct engine *e, size_t ready)
{
    size_t n = ready / pool_size(e->pool);
    if (n > FILL_MAX_STREAMS)
        return FILL_MAX_STREAMS;
    return n ? n : 1;
}

static size_t count_ready(const struct engine *e, bool *backlog)
{
    size_t ready = 0;
    *backlog = false;
    for (const struct stream *s = e->streams; s; s = s->next) {
        ready += s->state == STREAM_READY;
        *backlog = *backlog || (s->state == STREAM_READY && s->backlog);
    }
    return ready;
}

static void take_ready(struct engine *e, struct fill *f, size_t n)
{
    for (struct stream *s = e->streams; s && f->n_streams < n; s = s->next) {
        if (s->state != STREAM_READY)
            continue;
        s->state = STREAM_BUSY;
        s->again = false;
        f->streams[f->n_streams++] = s;
    }
}

void engine_fill_streams(struct engine *e)
{
    for (;;) {
        bool backlog;
        size_t ready = count_ready(e, &backlog);
        if (!ready || !may_fill(e, backlog))
            return;
        struct fill *f = new_fill(take_builder(e));
        take_ready(e, f, e->o.follow && !backlog ? FILL_MAX_STREAMS : share(e, ready));
        start_fill(e, f);
    }
}
