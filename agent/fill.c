/* fill.c - the worker's loop: open where we stopped, check that it is still that file, take lines;
 * see stream.h. */
#include "agent/stream.h"

#include "agent/discover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void counts_add(struct counts *to, const struct counts *more)
{
    to->lines += more->lines;
    to->records += more->records;
    to->lost += more->lost;
    for (int i = 0; i < REASON_COUNT; i++)
        to->skipped[i] += more->skipped[i];
}

static void close_lines(struct reading *r)
{
    lines_free(r->lines);
    r->lines = NULL;
}

void reading_close(struct reading *r)
{
    close_lines(r);
    parser_free(r->parser);
    r->parser = NULL;
    intervals_release(&r->safe);
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static bool fail(struct reading *r, enum read_end end, int error)
{
    r->end = end;
    r->error = error;
    return false;
}

static bool open_file(struct stream *s)
{
    struct reading *r = &s->r;
    struct stat st;
    if (r->fd >= 0)
        return true;
    r->fd = open(s->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (r->fd < 0)
        return fail(r, READ_GONE, errno);
    if (fstat(r->fd, &st))
        return fail(r, READ_FAILED, errno);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_ino != s->ino || (uint64_t)st.st_dev != s->dev) {
        close(r->fd); /* replaced between discovery and now: the next discovery will see it */
        r->fd = -1;
        return fail(r, READ_GONE, ENOENT);
    }
    return true;
}

static bool seam_fits(const struct reading *r)
{
    return lines_position(r->lines) == r->seam_at &&
           hash_64(lines_seam(r->lines), 0) == r->seam_hash;
}

/* Where reading must begin to arrive at r->at with what the format needs to know. */
static uint64_t opening_offset(const struct stream *s, enum container_kind kind)
{
    const struct reading *r = &s->r;
    if (s->source->directives)
        return 0; /* the header lines are there */
    if (r->seam_at)
        return r->seam_at;
    return kind == CONTAINER_PLAIN ? r->at : 0;
}

static bool open_lines(struct stream *s)
{
    struct reading *r = &s->r;
    enum container_kind kind = CONTAINER_PLAIN;
    if (r->lines)
        return true;
    if (!r->sequential && container_detect(r->fd, &kind, &r->foreign))
        return fail(r, READ_FAILED, errno);
    if (kind == CONTAINER_FOREIGN)
        return fail(r, READ_FOREIGN, 0);
    uint64_t offset = r->sequential ? r->at : opening_offset(s, kind);
    r->lines = lines_new(r->fd, kind, offset);
    if (!r->lines)
        return fail(r, READ_FAILED, ENOMEM);
    if (offset == 0) {
        r->base = 0;
        r->known = false;
        r->directives = 0;
        if (r->parser)
            parser_reset(r->parser);
    } else if (lines_position(r->lines) != offset || (r->seam_at && !seam_fits(r))) {
        return fail(r, READ_STRANGER, 0);
    } else if (!r->known) {
        r->known = true;
        r->base = 0;
        r->stream = s->position->stream;
    }
    return true;
}

/* ---- lines ------------------------------------------------------------------------------------
 */

struct filling {
    struct fill *fill;
    struct stream *stream;
    struct worker_kit *kit;
    struct parser *parser;
    uint64_t skip_to; /* lines before this are safe already */
};

static void begin_span(struct filling *f, uint64_t from, struct span *span)
{
    const struct stream *s = f->stream;
    const char *slash = strrchr(s->path, '/'), *name = slash ? slash + 1 : s->path;
    size_t n = strlen(name);
    *span = (struct span){.position = s->position,
                          .stream = s->r.stream,
                          .file_from = from,
                          .file_to = from,
                          .from = from - s->r.base,
                          .to = from - s->r.base};
    name += n >= sizeof(span->name) ? n - sizeof(span->name) + 1 : 0;
    memcpy(span->name, name, strlen(name) + 1);
}

/* The builder is ready for a line of this stream that begins at `at`. False: it is full. */
static bool place(struct filling *f, uint64_t at)
{
    struct span span;
    struct reading *r = &f->stream->r;
    uint64_t from = r->directives ? r->directives_from : at;
    if (r->directives || !builder_fits(f->fill->builder, f->stream->position, from)) {
        begin_span(f, from, &span);
        if (builder_stream(f->fill->builder, &span))
            return false;
    }
    for (; r->directives; r->directives--) {
        builder_skip(f->fill->builder, REASON_DIRECTIVE);
        r->counts.lines++;
        r->counts.skipped[REASON_DIRECTIVE]++;
    }
    return true;
}

static void skip_line(struct filling *f, enum reason reason)
{
    builder_skip(f->fill->builder, reason);
    f->stream->r.counts.skipped[reason]++;
}

static void seal(struct fill *fill)
{
    struct group *g = builder_seal(fill->builder);
    if (!g)
        abort(); /* no memory for what is in memory already; the positions make a restart safe */
    fill->groups[fill->n_groups++] = g;
}

/* A record for a set of destinations that the builder has no place for any more: seal, and begin
 * again with it. */
static void record_in_next(struct filling *f, struct digested *d)
{
    struct span span;
    seal(f->fill);
    builder_begin(f->fill->builder, ++f->kit->serial);
    begin_span(f, f->stream->r.at, &span);
    if (builder_stream(f->fill->builder, &span) ||
        builder_record(f->fill->builder, &d->record, d->ua, d->to))
        abort();
    f->fill->bytes = FILL_MAX_BYTES;
}

static void take_text(struct filling *f, struct str line)
{
    struct reading *r = &f->stream->r;
    struct digested d;
    uint32_t hash = hash_line(line);
    while (line.n &&
           line.p[0] ==
               '\0') /* what copytruncate leaves before the first line of a writer that seeks */
        line = str_slice(line, 1, line.n);
    digest_line(&f->kit->digest, &f->stream->rules, f->fill->sites, f->parser, line, &d);
    if (d.verdict.kind == VERDICT_SKIP) {
        skip_line(f, d.verdict.reason);
        if (d.parsed == PARSE_BAD && !r->bad.error)
            r->bad = (struct bad_line){r->at, d.error, d.column};
        return;
    }
    d.record.at = r->at - r->base;
    d.record.line_hash = hash;
    if (builder_record(f->fill->builder, &d.record, d.ua, d.to))
        record_in_next(f, &d);
    r->counts.records++;
}

/* A header line: false when it waits for the line that gives its stream an id. */
static bool take_directive(struct filling *f, struct str line, uint64_t at, bool passed_over)
{
    struct reading *r = &f->stream->r;
    struct hit none;
    if (str_starts(line, STR("#Version"))) {
        r->base = at;
        r->known = false;
        r->directives = 0;
    }
    parser_line(f->parser, line, &none);
    if (r->known)
        return true; /* counted as a line of the present stream */
    if (!passed_over && r->directives++ == 0)
        r->directives_from = at;
    return false;
}

/* Which stream of the file is this? False: the line has been dealt with. */
static bool identify(struct filling *f, enum lines_result what, struct str line, uint64_t at,
                     bool passed_over)
{
    struct reading *r = &f->stream->r;
    if (what == LINES_TOO_LONG) {
        if (!r->known)
            r->stream = f->stream->position->stream;
        r->known = true;
        return true;
    }
    if (f->stream->source->directives && line.n && line.p[0] == '#')
        return take_directive(f, line, at, passed_over);
    if (!r->known && line.n) {
        r->stream = stream_id(line);
        r->known = true;
    }
    return true;
}

/* Takes one line. False: no room, the line stays. */
static bool take(struct filling *f, enum lines_result what, struct str line, uint64_t at,
                 uint64_t next)
{
    struct reading *r = &f->stream->r;
    bool passed_over = at < f->skip_to;
    if (!identify(f, what, line, at, passed_over) || passed_over) {
        if (next > r->at)
            r->at = next;
        return true;
    }
    if (!place(f, at))
        return false;
    r->at = at;
    r->counts.lines++;
    if (what == LINES_TOO_LONG)
        skip_line(f, REASON_TOO_LONG);
    else
        take_text(f, line);
    f->fill->bytes += next - at;
    r->at = next;
    builder_advance(f->fill->builder, next, next - r->base);
    return true;
}

/* ---- one stream -------------------------------------------------------------------------------
 */

static enum read_end end_of(const struct reading *r)
{
    switch (lines_state(r->lines)) {
    case CONTAINER_TRUNCATED:
        return READ_TRUNCATED;
    case CONTAINER_CORRUPT:
        return READ_CORRUPT;
    case CONTAINER_IO_ERROR:
        return READ_FAILED;
    default:
        return READ_ALL;
    }
}

/* The half line at the end of something finished; header lines that no line followed. */
static void finish(struct filling *f, bool gzip)
{
    struct reading *r = &f->stream->r;
    struct str line;
    uint64_t end = lines_position(r->lines) + lines_half_bytes(r->lines);
    if (!r->finish && !gzip) {
        r->half = lines_half_bytes(r->lines);
        return;
    }
    enum lines_result what = lines_take_half(r->lines, &line);
    if (what != LINES_END)
        take(f, what, line, lines_at(r->lines), end);
    if (r->directives) {
        r->stream = hash_128(STR("#"));
        if (place(f, r->directives_from))
            builder_advance(f->fill->builder, r->at, r->at - r->base);
    }
    r->end = READ_FINISHED;
}

static void note_seam(struct filling *f)
{
    struct reading *r = &f->stream->r;
    r->seam_at = r->at;
    r->seam_hash = r->at ? hash_64(lines_seam(r->lines), 0) : 0;
    builder_note_seam(f->fill->builder, f->stream->position, r->seam_at, r->seam_hash);
}

static void read_lines(struct filling *f)
{
    struct reading *r = &f->stream->r;
    struct str line;
    enum lines_result what;
    f->skip_to = intervals_gap(&r->safe, r->at);
    r->end = READ_MORE;
    while (!builder_is_full(f->fill->builder) && f->fill->bytes < FILL_MAX_BYTES) {
        what = lines_next(r->lines, &line);
        if (what == LINES_END) {
            r->end = end_of(r);
            return;
        }
        uint64_t at = lines_at(r->lines), next = lines_position(r->lines);
        if (at >= f->skip_to)
            f->skip_to = intervals_gap(&r->safe, at);
        if (!take(f, what, line, at, next)) {
            close_lines(r); /* the line is read again, from the seam on */
            return;
        }
    }
}

static struct parser *parser_for(struct filling *f)
{
    struct stream *s = f->stream;
    struct parser **shared = &f->kit->parsers[s->source - f->fill->sources];
    struct parser **own = s->source->directives ? &s->r.parser : shared;
    if (!*own)
        *own = parser_new(s->source->format);
    return *own;
}

static void fill_stream(struct filling *f)
{
    struct stream *s = f->stream;
    struct reading *r = &s->r;
    r->half = 0;
    f->parser = parser_for(f);
    if (!f->parser) {
        fail(r, READ_FAILED, ENOMEM);
        return;
    }
    if (!open_file(s) || !open_lines(s))
        return;
    read_lines(f);
    if (!r->lines)
        return;
    r->file_offset = lines_file_offset(r->lines);
    bool gzip = lines_kind(r->lines) == CONTAINER_GZIP;
    note_seam(f);
    if (r->end == READ_ALL)
        finish(f, gzip);
    else if (r->end == READ_FAILED)
        r->error = errno;
    if (r->end != READ_MORE && !r->sequential)
        close_lines(r); /* half a megabyte; the next look opens at the seam and so checks it */
}

void fill_run(struct task *task, unsigned worker)
{
    struct fill *fill = (struct fill *)task;
    struct worker_kit *kit = &fill->kits[worker];
    builder_begin(fill->builder, ++kit->serial);
    for (size_t i = 0; i < fill->n_streams; i++) {
        struct filling f = {.fill = fill, .stream = fill->streams[i], .kit = kit};
        f.stream->r.end = READ_MORE;
        if (builder_is_full(fill->builder) || fill->bytes >= FILL_MAX_BYTES || fill->n_groups)
            continue;
        fill_stream(&f);
    }
    bool full = fill->bytes >= FILL_MAX_BYTES;
    if (builder_records(fill->builder) || (builder_lines(fill->builder) && (full || fill->seal)))
        seal(fill);
}
