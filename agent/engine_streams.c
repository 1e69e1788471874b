/* engine_streams.c - files that are read: which are ready, which are open, what a fill came to; see
 * engine.h. */
#include "agent/engine_impl.h"
#include "parsers/base/fault.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the lists --------------------------------------------------------------------------------
 */

static uint64_t path_key(const char *path)
{
    return hash_64(str_of(path), 0);
}

struct stream *engine_stream_by_path(const struct engine *e, const char *path)
{
    struct stream *s = file_map_find(&e->by_path, path_key(path), 0);
    return s && strcmp(s->path, path) == 0 ? s : NULL;
}

struct stream *engine_new_stream(struct engine *e, size_t source, const struct found_file *f)
{
    struct stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->source = &e->sources[source];
    s->path = strdup(f->path);
    s->host = f->host ? strdup(f->host) : NULL;
    s->dev = f->dev;
    s->ino = f->ino;
    s->size = f->size;
    s->mtime_ms = f->mtime_ms;
    s->live = f->live;
    s->seen = true;
    s->r.fd = -1;
    s->quiet_since_ms = engine_mono_ms();
    if (!s->path || (f->host && !s->host) || file_map_put(&e->by_inode, s->dev, s->ino, s) ||
        file_map_put(&e->by_path, path_key(s->path), 0, s)) {
        file_map_remove(&e->by_inode, s->dev, s->ino);
        free(s->path);
        free(s->host);
        free(s);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&e->streams, s, all);
    return s;
}

static void forget_path(struct engine *e, const struct stream *s)
{
    if (file_map_find(&e->by_path, path_key(s->path), 0) == s)
        file_map_remove(&e->by_path, path_key(s->path), 0);
}

void engine_rename_stream(struct engine *e, struct stream *s, const char *path)
{
    char *copy = strdup(path);
    if (!copy || file_map_put(&e->by_path, path_key(path), 0, s)) {
        free(copy);
        return; /* the next look tries again */
    }
    forget_path(e, s);
    free(s->path);
    s->path = copy;
    if (s->position && !positions_rename(s->position, path))
        engine_dirty(e);
    fault_point("files.renamed");
}

static void unready(struct engine *e, struct stream *s)
{
    if (s->state != STREAM_READY)
        return;
    TAILQ_REMOVE(&e->ready, s, ready);
    e->n_ready--;
    e->n_backlog -= s->backlog;
    s->state = STREAM_IDLE;
}

void engine_drop_stream(struct engine *e, struct stream *s)
{
    unready(e, s);
    if (s->position)
        s->position->bound = false;
    reading_close(&s->r);
    engine_note_open(e, s);
    TAILQ_REMOVE(&e->streams, s, all);
    if (file_map_find(&e->by_inode, s->dev, s->ino) == s)
        file_map_remove(&e->by_inode, s->dev, s->ino);
    forget_path(e, s);
    free(s->path);
    free(s->host);
    free(s);
}

/* Files are read by turns; but a half-read one holds its descriptor and its buffers. */
static bool goes_first(const struct engine *e, const struct stream *s)
{
    return s->r.lines && e->n_half_read > MAX_HALF_READ;
}

void engine_make_ready(struct engine *e, struct stream *s)
{
    if (s->state != STREAM_IDLE)
        return;
    s->state = STREAM_READY;
    if (!s->unread_since_ms)
        s->unread_since_ms = engine_mono_ms();
    if (goes_first(e, s))
        TAILQ_INSERT_HEAD(&e->ready, s, ready);
    else
        TAILQ_INSERT_TAIL(&e->ready, s, ready);
    e->n_ready++;
    e->n_backlog += s->backlog;
}

void engine_take_ready(struct engine *e, struct stream *s)
{
    unready(e, s);
    s->state = STREAM_BUSY;
    s->again = false;
}

void engine_wake(struct engine *e, struct stream *s)
{
    s->quiet_since_ms = engine_mono_ms();
    if (s->state == STREAM_BUSY)
        s->again = true;
    else
        engine_make_ready(e, s);
}

/* What was taken in this life is safe, or on its way there: it is not read again. */
void engine_bind(struct engine *e, struct stream *s, struct position *p)
{
    struct reading *r = &s->r;
    const struct intervals *sets[] = {&p->safe, &p->taken};
    intervals_release(&r->safe);
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < sets[k]->n; i++)
            if (intervals_add(&r->safe, sets[k]->v[i].from, sets[k]->v[i].to))
                abort(); /* a handful of bytes; the positions make a restart safe */
    s->position = p;
    r->at = intervals_gap(&r->safe, 0);
    r->seam = p->tip.at > p->seam.at && p->tip.at <= r->at ? p->tip : p->seam;
    r->head = p->head;
    p->bound = true;
    p->dev = s->dev;
    p->ino = s->ino;
    p->seen_s = e->positions.uptime_s;
    positions_rename(p, s->path);
    positions_changed(p);
    fault_point("files.bound");
}

/* ---- open files -------------------------------------------------------------------------------
 */

void engine_close_idle(struct engine *e, struct stream *s)
{
    bool half_read = s->r.lines; /* from that descriptor */
    if (s->state != STREAM_IDLE || s->r.fd < 0 || s->r.sequential || half_read)
        return;
    close(s->r.fd);
    s->r.fd = -1;
    engine_note_open(e, s);
}

static void close_unused(struct engine *e, size_t most)
{
    struct stream *next;
    for (struct stream *s = TAILQ_FIRST(&e->open); s && e->n_open > most; s = next) {
        next = TAILQ_NEXT(s, open);
        engine_close_idle(e, s);
    }
}

void engine_note_open(struct engine *e, struct stream *s)
{
    bool open = s->r.fd >= 0, half_read = s->r.lines;
    e->n_half_read = e->n_half_read + half_read - s->counted_half_read;
    s->counted_half_read = half_read;
    if (s->counted_open) {
        TAILQ_REMOVE(&e->open, s, open);
        e->n_open--;
    }
    s->counted_open = open;
    if (!open)
        return;
    TAILQ_INSERT_TAIL(&e->open, s, open);
    e->n_open++;
    if (e->n_open > e->max_open)
        close_unused(e, e->max_open);
}

/* ---- what a fill came to ----------------------------------------------------------------------
 */

static void tell(struct engine *e, struct stream *s, const char *event, const char *why,
                 const char *mend)
{
    if (s->told_error)
        return;
    s->told_error = true;
    e->unread++;
    log_event(LOG_WARN, event, "path=\"%s\" offset=%llu why=\"%s\" mend=\"%s\"", s->path,
              (unsigned long long)s->r.file_offset, why, mend);
}

static void waits(struct engine *e, struct stream *s)
{
    if (!e->o.follow) {
        engine_leave(e, s);
        return;
    }
    bool again = s->again;
    s->again = false;
    if (!s->retry)
        s->unread_since_ms = s->backlog_ms = 0;
    if (again)
        engine_make_ready(e, s);
}

/* The file is another than the entry's. Which one it is, the next look will tell; the entry waits
 * for its file to turn up. */
static void is_another(struct engine *e, struct stream *s)
{
    log_event(LOG_INFO, "file_begun_anew",
              "path=\"%s\" why=\"truncated, or replaced: what is there now is another log\"",
              s->path);
    engine_unpass(e, s->position->key);
    if (e->o.follow) {
        engine_drop_stream(e, s);
        engine_look_soon(e);
        return;
    }
    struct position *p = positions_add(&e->positions, s->position->stream, s->dev, s->ino, s->path);
    if (!p)
        abort(); /* a small fixed object; a restart reads these lines again */
    s->position->bound = false;
    s->position->dev = s->position->ino = 0;
    positions_changed(s->position);
    bool finish = s->r.finish;
    reading_close(&s->r);
    engine_note_open(e, s);
    s->r = (struct reading){.fd = -1, .finish = finish};
    engine_bind(e, s, p);
    engine_make_ready(e, s);
}

/* Too many open files are no property of this one: it is tried again with fewer. */
static void cannot_open(struct engine *e, struct stream *s)
{
    int error = s->r.error;
    bool later = log_file_is_shortage(error);
    if (error != ENOENT)
        tell(e, s, "file_unreadable", strerror(error), engine_mend_unreadable(error));
    if (later && e->o.follow) {
        close_unused(e, e->max_open / 2);
        s->retry = true;
        waits(e, s);
    } else if (e->o.follow) {
        engine_unpass(e, s->position->key); /* its compressed form may have the rest */
        engine_drop_stream(e, s);
        engine_look_soon(e);
    } else {
        engine_leave(e, s);
    }
}

static void tell_half(struct engine *e, struct stream *s)
{
    if (!e->o.follow && s->r.half)
        log_event(
            LOG_INFO, "half_line",
            "path=\"%s\" bytes=%zu why=\"the last line is not whole yet\" mend=\"run again when "
            "it is\"",
            s->path, s->r.half);
}

static const char *of_codec(const struct stream *s, const char *what, char text[128])
{
    snprintf(text, 128, "%s %s", container_codec(s->r.kind), what);
    return text;
}

static void tell_foreign(struct engine *e, struct stream *s)
{
    struct buf mend;
    buf_init(&mend, MEND_BYTES);
    engine_put_unpacked(&mend, s->r.foreign, s->path, s->source);
    tell(e, s, "compression_unknown", s->r.foreign, buf_cstr(&mend));
    buf_release(&mend);
}

static void after_reading(struct engine *e, struct stream *s)
{
    char why[128];
    switch (s->r.end) {
    case READ_MORE:
        s->backlog = true;
        s->backlog_ms = s->r.line_ms;
        s->again = false;
        engine_make_ready(e, s);
        return;
    case READ_ALL:
        tell_half(e, s);
        waits(e, s);
        return;
    case READ_FINISHED:
        engine_leave(e, s);
        return;
    case READ_TRUNCATED:
        tell(e, s, "compressed_truncated",
             of_codec(s, "ends inside a member; the complete lines before that were read", why),
             "nothing, if it is still being written; else fetch it again");
        waits(e, s);
        return;
    case READ_CORRUPT:
        tell(e, s, "compressed_damaged",
             of_codec(s, "data or checksum is bad; the lines before the damage were read", why),
             "fetch the file again, then logferry backfill");
        engine_leave(e, s);
        return;
    case READ_FOREIGN:
        tell_foreign(e, s);
        engine_leave(e, s);
        return;
    case READ_STRANGER:
        is_another(e, s);
        return;
    case READ_GONE:
        cannot_open(e, s);
        return;
    case READ_REFUSED:
        tell(e, s, "file_refused", s->r.refused,
             "name the directory that it leads to under `symlinks` of the source");
        engine_leave(e, s);
        return;
    case READ_FAILED:
        tell(e, s, "file_unreadable", strerror(s->r.error),
             "mend the disk; reading is tried again");
        s->retry = true;
        waits(e, s);
        return;
    }
}

static void tell_bad_line(struct engine *e, struct stream *s)
{
    struct bad_line *bad = &s->r.bad;
    if (bad->error && log_limit_pass(&s->source->complaint, engine_mono_ms(), 60000))
        log_event(LOG_WARN, "line_unparsable",
                  "source=%s path=\"%s\" offset=%llu column=%zu why=\"%s\" mend=\"is `format: %s` "
                  "the log's? logferry explain tells more\" held_back=%llu",
                  s->source->config->name.p, s->path, (unsigned long long)bad->at, bad->column + 1,
                  bad->error, format_name(s->source->format),
                  (unsigned long long)s->source->complaint.held);
    bad->error = NULL;
}

/* Once for a source: either every visitor is counted twice, or by the addresses of a CDN. */
static void tell_edge(struct stream *s)
{
    struct source *source = s->source;
    struct edge_hit edge = s->r.edge;
    s->r.edge.cdn = CDN_NONE;
    bool known = source->config->client.from != CLIENT_FROM_PEER;
    if (edge.cdn == CDN_NONE || source->told_edge || (known && !edge.duplicates))
        return;
    source->told_edge = true;
    const char *name = source->config->name.p;
    if (edge.duplicates)
        log_event(LOG_WARN, "cdn_duplicates",
                  "source=%s cdn=%s why=\"requests that came through this CDN are in its own log "
                  "too, which is a source; they are skipped as duplicate_cdn\" mend=\"nothing, or "
                  "`cdn_duplicates: count` in this source if that log has other sites\"",
                  name, cdn_name(edge.cdn));
    else
        log_event(LOG_WARN, "cdn_addresses",
                  "source=%s cdn=%s why=\"visitors have the CDN's addresses\" mend=\"log "
                  "X-Forwarded-For and write `client_ip: {from: x_forwarded_for, trust: [%s]}` in "
                  "this source, or let the web server set the address (real_ip, mod_remoteip)\"",
                  name, cdn_name(edge.cdn), cdn_key(edge.cdn));
}

/* What this fill has read, not what it passed over: that is safe, or was taken before, or was given
 * back meanwhile (engine_rewind) and is still to be read. */
static void note_taken(struct position *p, const struct reading *r)
{
    const struct intervals *passed = &r->safe;
    uint64_t from = intervals_gap(passed, r->began);
    for (size_t i = 0; from < r->at; from = intervals_gap(passed, from)) {
        while (i < passed->n && passed->v[i].from <= from)
            i++;
        uint64_t to = i < passed->n && passed->v[i].from < r->at ? passed->v[i].from : r->at;
        if (intervals_add(&p->taken, from, to))
            abort(); /* a handful of bytes; the positions make a restart safe */
        from = to;
    }
}

/* What the worker has learnt goes to the entry. */
static void update_position(struct engine *e, struct stream *s)
{
    struct reading *r = &s->r;
    struct position *p = s->position;
    note_taken(p, r);
    if (r->seam.at > p->tip.at)
        p->tip = r->seam;
    if (r->known && r->base == 0 && !hash128_eq(p->stream, r->stream)) {
        p->stream = r->stream;
        positions_changed(p);
    }
    bool ended = r->end == READ_FINISHED || r->end == READ_CORRUPT;
    uint64_t size = ended ? r->at : r->size > p->size ? r->size : p->size;
    if (r->head.bytes > p->head.bytes || size != p->size) {
        if (r->head.bytes > p->head.bytes)
            p->head = r->head;
        p->size = size;
        positions_changed(p);
        engine_dirty_later(e);
    }
}

/* A line's time may be anything; one from the future says nothing of how far we are. */
static void note_lines(struct engine *e, struct stream *s)
{
    struct source *source = s->source;
    int64_t now_ms = engine_now_ms(e);
    s->quiet_since_ms = engine_mono_ms();
    source->read_ms = now_ms;
    if (s->r.line_ms > source->line_ms && s->r.line_ms <= now_ms)
        source->line_ms = s->r.line_ms;
}

void engine_settle_stream(struct engine *e, struct stream *s)
{
    struct reading *r = &s->r;
    counts_add(&s->source->counts, &r->counts);
    if (r->counts.lines)
        note_lines(e, s);
    r->counts = (struct counts){0};
    s->state = STREAM_IDLE;
    s->backlog = s->retry = false;
    update_position(e, s);
    engine_note_open(e, s);
    tell_bad_line(e, s);
    tell_edge(s);
    if (s->rewind) {
        s->rewind = false;
        engine_rewind_stream(e, s);
        return;
    }
    after_reading(e, s);
}

/* ---- once in a while --------------------------------------------------------------------------
 */

void engine_tidy(struct engine *e)
{
    struct stream *next;
    int64_t now = engine_mono_ms();
    for (struct stream *s = TAILQ_FIRST(&e->streams); s; s = next) {
        next = TAILQ_NEXT(s, all);
        if (s->state != STREAM_IDLE)
            continue;
        if (s->retry) {
            engine_make_ready(e, s);
        } else if (!s->live && now - s->quiet_since_ms >= ROTATED_QUIET_MS) {
            fault_point("files.retired");
            s->r.finish = true;
            engine_make_ready(e, s);
        }
    }
}
