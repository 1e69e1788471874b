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
    joiner_free(r->joiner);
    lines_free(r->lines);
    r->joiner = NULL;
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
    const struct log_roots *roots = s->source->roots.n ? &s->source->roots : NULL;
    struct stat st;
    if (r->fd >= 0)
        return true;
    int rc = log_file_open(s->path, roots, &r->fd, &st, &r->refused);
    if (rc)
        return fail(r, rc < 0 ? READ_REFUSED : READ_GONE, rc);
    if ((uint64_t)st.st_ino != s->ino || (uint64_t)st.st_dev != s->dev) {
        close(r->fd); /* replaced between discovery and now: the next discovery will see it */
        r->fd = -1;
        return fail(r, READ_GONE, ENOENT);
    }
    return true;
}

static bool opened_at_seam(const struct reading *r)
{
    return lines_position(r->lines) == r->seam.at && seam_fits(&r->seam, lines_seam(r->lines));
}

/* The seam of a file that is read from its beginning all the same. A compressed one is not read
 * twice for it. */
static bool seam_in_place(const struct reading *r, enum container_kind kind)
{
    if (!r->seam.at || r->sequential || kind != CONTAINER_PLAIN)
        return true;
    enum seam_result result = seam_check(r->fd, kind, &r->seam);
    return result == SEAM_FITS || result == SEAM_ERROR;
}

/* Where there is no seam, the first bytes speak for a file. */
static bool head_in_place(const struct reading *r, enum container_kind kind)
{
    char text[HEAD_BYTES];
    if (!r->head.bytes || r->seam.at || r->sequential || kind != CONTAINER_PLAIN)
        return true;
    ssize_t n = pread(r->fd, text, r->head.bytes, 0);
    return n < 0 || head_fits(&r->head, (struct str){text, (size_t)n});
}

static bool has_waiting(const struct reading *r)
{
    return r->directives || r->blanks;
}

/* Its parser has read all before r->at: the header lines need not be read again. */
static bool parser_is_there(const struct reading *r, enum container_kind kind)
{
    return kind == CONTAINER_PLAIN && r->parser && r->known && r->seam.at == r->at &&
           !has_waiting(r);
}

/* Where reading must begin to arrive at r->at with what the format needs to know. No line reaches
 * over a seam; a first part before another place is at most that far behind. */
static uint64_t opening_offset(const struct stream *s, enum container_kind kind)
{
    const struct reading *r = &s->r;
    if (s->source->directives && !parser_is_there(r, kind))
        return 0; /* the header lines are there */
    if (r->seam.at)
        return r->seam.at;
    if (format_cutter(s->source->format) != PREFIX_NONE && r->at)
        return kind == CONTAINER_PLAIN && r->at > 2 * JOIN_SPAN_BYTES ? r->at - 2 * JOIN_SPAN_BYTES
                                                                      : 0;
    return kind == CONTAINER_PLAIN ? r->at : 0;
}

/* A compressed file that is still being written does not reach the position yet. */
static bool is_cut_before(struct reading *r, uint64_t offset)
{
    if (lines_position(r->lines) >= offset || lines_state(r->lines) != CONTAINER_TRUNCATED)
        return false;
    r->file_offset = lines_file_offset(r->lines);
    close_lines(r);
    return true;
}

/* From the beginning: which stream it is, the lines will say. */
static void begin_stream(struct reading *r)
{
    r->base = 0;
    r->known = false;
    r->directives = r->blanks = 0;
    if (r->parser)
        parser_reset(r->parser);
}

/* Is it the entry's file? */
static bool check_opened(struct stream *s, uint64_t offset)
{
    struct reading *r = &s->r;
    if (is_cut_before(r, offset))
        return fail(r, READ_TRUNCATED, 0);
    bool in_place = offset
                        ? lines_position(r->lines) == offset && (!r->seam.at || opened_at_seam(r))
                        : seam_in_place(r, r->kind);
    if (!in_place || !head_in_place(r, r->kind))
        return fail(r, READ_STRANGER, 0);
    if (offset == 0) {
        begin_stream(r);
    } else if (!r->known) {
        r->known = true;
        r->base = 0;
        r->stream = s->position->stream;
    }
    return true;
}

static bool open_lines(struct stream *s)
{
    struct reading *r = &s->r;
    enum container_kind kind = CONTAINER_PLAIN;
    if (r->lines) /* kept since the last fill, which may be long ago: is it still that text? */
        return seam_in_place(r, lines_kind(r->lines)) || fail(r, READ_STRANGER, 0);
    bool begun = r->sequential && r->at;
    if (!begun && container_detect(r->fd, &kind, &r->foreign))
        return fail(r, READ_FAILED, errno);
    if (kind == CONTAINER_FOREIGN)
        return fail(r, READ_FOREIGN, 0);
    r->kind = kind;
    uint64_t offset = r->sequential ? r->at : opening_offset(s, kind);
    r->lines = lines_new(r->fd, kind, offset);
    if (!r->lines || joiner_new(&r->joiner, format_cutter(s->source->format))) {
        close_lines(r);
        return fail(r, READ_FAILED, ENOMEM);
    }
    return check_opened(s, offset);
}

/* ---- lines ------------------------------------------------------------------------------------
 */

struct filling {
    struct fill *fill;
    struct stream *stream;
    struct worker_kit *kit;
    struct parser *parser;
    struct digest_rules rules; /* the source's, with the host of this file */
    uint64_t skip_to;          /* lines before this are safe already */
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

static void tell(const struct filling *f, struct fill_line line)
{
    const struct fill_witness *w = f->fill->witness;
    if (w)
        w->on_line(w->context, f->stream, &line);
}

static void skip_lines(struct filling *f, enum reason reason, uint32_t n)
{
    struct reading *r = &f->stream->r;
    if (n)
        tell(f, (struct fill_line){.reason = reason, .n = n, .time_ms = HIT_NO_NUMBER});
    r->counts.lines += n;
    r->counts.skipped[reason] += n;
    while (n--)
        builder_skip(f->fill->builder, reason, HIT_NO_NUMBER);
}

/* The builder is ready for a line of this stream that begins at `at`; what waited before it is
 * counted. False: it is full. */
static bool place(struct filling *f, uint64_t at)
{
    struct span span;
    struct reading *r = &f->stream->r;
    bool waiting = has_waiting(r);
    uint64_t from = waiting ? r->waiting_from : at;
    if (waiting || !builder_fits(f->fill->builder, f->stream->position, from)) {
        begin_span(f, from, &span);
        if (builder_stream(f->fill->builder, &span))
            return false;
    }
    if (!waiting)
        return true;
    skip_lines(f, REASON_DIRECTIVE, r->directives);
    skip_lines(f, REASON_UNPARSABLE, r->blanks);
    r->directives = r->blanks = 0;
    builder_advance(f->fill->builder, at, at - r->base);
    return true;
}

/* What waits for a line that will not come, up to `end`, is a stream of its own. False: no room. */
static bool place_waiting(struct filling *f, uint64_t end)
{
    struct reading *r = &f->stream->r;
    if (!has_waiting(r))
        return true;
    if (!r->known)
        r->stream = hash_128(STR("#"));
    if (!place(f, end))
        return false;
    r->at = end;
    return true;
}

static void skip_line(struct filling *f, enum reason reason, int64_t time_ms)
{
    builder_skip(f->fill->builder, reason, time_ms);
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
    digest_line(&f->kit->digest, &f->rules, f->fill->sites, f->parser, line, &d);
    if (d.parsed == PARSE_OK && d.hit.time_ms != HIT_NO_NUMBER)
        r->line_ms = d.hit.time_ms;
    if (d.edge != CDN_NONE && r->edge.cdn == CDN_NONE)
        r->edge = (struct edge_hit){d.edge, d.verdict.reason == REASON_DUPLICATE_CDN};
    if (d.verdict.kind == VERDICT_SKIP) {
        int64_t time_ms = d.parsed == PARSE_OK ? d.hit.time_ms : HIT_NO_NUMBER;
        tell(f, (struct fill_line){d.verdict.reason, 1, time_ms, hash});
        skip_line(f, d.verdict.reason, time_ms);
        if (d.parsed == PARSE_BAD && !r->bad.error)
            r->bad = (struct bad_line){r->at, d.error, d.column};
        return;
    }
    d.record.at = r->at - r->base;
    d.record.line_hash = hash;
    tell(f, (struct fill_line){REASON_NONE, 1, d.hit.time_ms, hash});
    if (builder_record(f->fill->builder, &d.record, d.ua, d.to))
        record_in_next(f, &d);
    r->counts.records++;
}

/* A line that names no stream waits for the one that does. */
static void wait_for_stream(struct reading *r, uint64_t at, uint32_t *count)
{
    if (!has_waiting(r))
        r->waiting_from = at;
    ++*count;
}

enum taken {
    TAKEN_WAITS, /* for the line that names its stream */
    TAKEN_FULL,  /* no room in the builder: the line stays */
    TAKEN_LINE,
};

static enum taken take_directive(struct filling *f, struct str line, uint64_t at)
{
    struct reading *r = &f->stream->r;
    struct hit none;
    if (str_starts(line, STR("#Version"))) {
        if (!place_waiting(f, at))
            return TAKEN_FULL;
        r->base = at;
        r->known = false;
    }
    parser_line(f->parser, line, &none);
    if (r->known)
        return TAKEN_LINE; /* of the present stream */
    if (at >= f->skip_to)
        wait_for_stream(r, at, &r->directives);
    return TAKEN_WAITS;
}

/* Which stream of the file is this of? The id is the hash of the first line that is neither empty
 * nor begins with '#', as in discover.c, whatever the format. */
static enum taken identify(struct filling *f, enum lines_result what, const struct joined *j)
{
    struct reading *r = &f->stream->r;
    struct str line = j->text;
    uint64_t at = j->at;
    bool comment = what == LINES_LINE && line.n && line.p[0] == '#';
    if (comment && f->stream->source->directives)
        return take_directive(f, line, at);
    if (r->known)
        return TAKEN_LINE;
    if (j->parts) {
        r->stream = j->head;
    } else if (what == LINES_TOO_LONG) {
        r->stream = f->stream->position->stream;
    } else if (line.n && !comment) {
        r->stream = stream_id(line);
    } else {
        if (at >= f->skip_to)
            wait_for_stream(r, at, &r->blanks);
        return TAKEN_WAITS;
    }
    r->known = true;
    return TAKEN_LINE;
}

static void take_lost(struct filling *f, enum reason reason)
{
    tell(f, (struct fill_line){.reason = reason, .n = 1, .time_ms = HIT_NO_NUMBER});
    skip_line(f, reason, HIT_NO_NUMBER);
}

/* A line that is safe already. A header line holds for those behind it, though: with a '#' in
 * whatever a collector has put around it. */
static void pass_over(struct filling *f, const struct joined *j)
{
    struct reading *r = &f->stream->r;
    struct hit none;
    if (f->stream->source->directives && memchr(j->text.p, '#', j->text.n))
        parser_line(f->parser, j->text, &none);
    if (j->next > r->at && !has_waiting(r))
        r->at = j->next;
}

/* Takes one line. False: no room, the line stays. */
static bool take(struct filling *f, enum lines_result what, const struct joined *j)
{
    struct reading *r = &f->stream->r;
    enum taken taken = identify(f, what, j);
    if (taken == TAKEN_FULL)
        return false;
    if (j->at < f->skip_to) {
        pass_over(f, j);
        return true;
    }
    if (taken == TAKEN_WAITS)
        return true;
    if (!place(f, j->at))
        return false;
    r->at = j->at;
    r->counts.lines++;
    if (what == LINES_LINE)
        take_text(f, j->text);
    else
        take_lost(f, what == LINES_PART ? REASON_PARTIAL : REASON_TOO_LONG);
    f->fill->bytes += j->next - j->at;
    r->at = j->next;
    builder_advance(f->fill->builder, j->next, j->next - r->base);
    return true;
}

/* ---- one stream -------------------------------------------------------------------------------
 */

static enum read_end end_of(const struct reading *r)
{
    if (lines_replaced(r->lines))
        return READ_STRANGER;
    switch (lines_state(r->lines)) {
    case CONTAINER_TRUNCATED:
        return READ_TRUNCATED;
    case CONTAINER_CORRUPT:
        return READ_CORRUPT;
    case CONTAINER_TOO_WIDE:
        return READ_FOREIGN;
    case CONTAINER_IO_ERROR:
        return READ_FAILED;
    default:
        return READ_ALL;
    }
}

/* The half line at the end of something finished; header lines that no line followed. When there is
 * no room for them, the next fill reads them again. */
static void finish(struct filling *f, bool compressed)
{
    struct reading *r = &f->stream->r;
    struct joined line;
    uint64_t end = lines_position(r->lines) + lines_half_bytes(r->lines);
    if (!r->finish && !compressed) {
        r->half = joiner_half_bytes(r->joiner, r->lines);
        return;
    }
    r->end = READ_MORE;
    while (!builder_is_full(f->fill->builder)) {
        enum lines_result what = joiner_take_rest(r->joiner, r->lines, &line);
        if (what != LINES_END && take(f, what, &line))
            continue;
        if (what == LINES_END && place_waiting(f, end))
            r->end = READ_FINISHED;
        break;
    }
    if (r->end == READ_MORE && !r->sequential)
        close_lines(r);
}

static void note_seam(struct filling *f)
{
    struct reading *r = &f->stream->r;
    if (lines_position(r->lines) != r->at)
        return; /* lines before it wait, for their stream or for parts */
    r->seam = seam_of(lines_seam(r->lines), r->at);
    builder_note_seam(f->fill->builder, f->stream->position, r->at, r->seam.hash);
}

/* While the file is small, its head grows with it. */
static void note_head(struct reading *r)
{
    char text[HEAD_BYTES];
    if (r->head.bytes == HEAD_BYTES || r->at <= r->head.bytes || r->sequential ||
        lines_kind(r->lines) != CONTAINER_PLAIN)
        return;
    ssize_t n = pread(r->fd, text, r->at < HEAD_BYTES ? r->at : HEAD_BYTES, 0);
    if (n > 0)
        r->head = head_of((struct str){text, (size_t)n});
}

/* How much there is: of a compressed file it is only known that more follows. */
static void note_size(struct reading *r)
{
    struct stat st;
    if (lines_kind(r->lines) != CONTAINER_PLAIN)
        r->size = r->at + (r->end == READ_ALL || r->end == READ_FINISHED ? 0 : 1);
    else if (!fstat(r->fd, &st))
        r->size = (uint64_t)st.st_size;
}

static void read_lines(struct filling *f)
{
    struct reading *r = &f->stream->r;
    struct joined line;
    enum lines_result what;
    f->skip_to = intervals_gap(&r->safe, r->at);
    r->end = READ_MORE;
    while (!builder_is_full(f->fill->builder) && f->fill->bytes < FILL_MAX_BYTES) {
        what = joiner_next(r->joiner, r->lines, &line);
        if (what == LINES_END) {
            r->end = end_of(r);
            return;
        }
        if (line.at >= f->skip_to)
            f->skip_to = intervals_gap(&r->safe, line.at);
        if (r->joiner && line.at < f->skip_to && line.next > f->skip_to) {
            line.at = f->skip_to; /* its beginning was taken by a reader that did not join */
            what = LINES_PART;
        }
        if (!take(f, what, &line)) {
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
    r->size = 0;
    f->rules = s->source->rules;
    if (s->host)
        f->rules.default_host = str_of(s->host);
    f->parser = parser_for(f);
    if (!f->parser) {
        fail(r, READ_FAILED, ENOMEM);
        return;
    }
    if (!open_file(s) || !open_lines(s))
        return;
    read_lines(f);
    r->error = r->end == READ_FAILED ? errno : 0;
    if (!r->lines)
        return;
    r->file_offset = lines_file_offset(r->lines);
    note_seam(f);
    if (r->end != READ_STRANGER) {
        note_head(r);
        note_size(r);
    }
    if (r->end == READ_ALL)
        finish(f, container_is_compressed(lines_kind(r->lines)));
    if (r->end == READ_FOREIGN)
        r->foreign = container_too_wide(lines_kind(r->lines));
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
        f.stream->r.began = f.stream->r.at;
        if (builder_is_full(fill->builder) || fill->bytes >= FILL_MAX_BYTES || fill->n_groups)
            continue;
        fill_stream(&f);
    }
    bool full = fill->bytes >= FILL_MAX_BYTES || builder_is_full(fill->builder);
    if (builder_records(fill->builder) || (builder_lines(fill->builder) && (full || fill->seal)))
        seal(fill);
}
