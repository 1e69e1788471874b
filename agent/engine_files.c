/* engine_files.c - which files are read, with which entry, and which are left alone; see engine.h.
 */
#include "agent/engine_impl.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- files that are not read ------------------------------------------------------------------
 */

static struct position *owner_of(const struct engine *e, const struct passed_file *p)
{
    return p->claim ? positions_by_key(&e->positions, p->claim) : NULL;
}

static void set_claim(struct engine *e, struct passed_file *p, uint64_t claim)
{
    struct position *owner = owner_of(e, p);
    if (owner)
        owner->passed--;
    p->claim = claim;
    owner = owner_of(e, p);
    if (owner)
        owner->passed++;
}

/* NULL: no memory for it; the file is looked at again then, that is all. */
static struct passed_file *pass_by(struct engine *e, const struct known_file *file, uint64_t claim)
{
    struct passed_file *p = file_map_find(&e->passed_by_inode, file->dev, file->ino);
    if (!p) {
        p = calloc(1, sizeof(*p));
        if (!p || file_map_put(&e->passed_by_inode, file->dev, file->ino, p)) {
            free(p);
            return NULL;
        }
        TAILQ_INSERT_TAIL(&e->passed, p, link);
    }
    if (!p->since_ms || p->file.size != file->size || p->file.mtime_ms != file->mtime_ms)
        p->since_ms = engine_mono_ms();
    p->file = *file;
    set_claim(e, p, claim);
    p->waits = p->half = false;
    p->seen = true;
    return p;
}

static struct passed_file *pass_found(struct engine *e, const struct found_file *f, uint64_t claim)
{
    struct known_file k = {.dev = f->dev, .ino = f->ino, .size = f->size, .mtime_ms = f->mtime_ms};
    return pass_by(e, &k, claim);
}

static void forget_passed(struct engine *e, struct passed_file *p)
{
    set_claim(e, p, 0);
    file_map_remove(&e->passed_by_inode, p->file.dev, p->file.ino);
    TAILQ_REMOVE(&e->passed, p, link);
    free(p);
}

/* For how long it has been as it is now. 0: it has changed, or is new. */
static int64_t unchanged_ms(const struct engine *e, const struct found_file *f)
{
    const struct passed_file *p = file_map_find(&e->passed_by_inode, f->dev, f->ino);
    bool same = p && p->file.size == f->size && p->file.mtime_ms == f->mtime_ms;
    return same ? engine_mono_ms() - p->since_ms : 0;
}

static void wait_for(struct engine *e, const struct found_file *f)
{
    struct passed_file *p = pass_found(e, f, f->claim);
    e->hazy = true;
    if (p)
        p->waits = true;
    engine_plan_look(e, 1.0);
}

bool engine_unpass(struct engine *e, uint64_t claim)
{
    struct passed_file *next;
    struct position *owner = positions_by_key(&e->positions, claim);
    bool any = owner && owner->passed;
    if (!any)
        return false;
    for (struct passed_file *p = TAILQ_FIRST(&e->passed); p; p = next) {
        next = TAILQ_NEXT(p, link);
        if (p->claim == claim)
            forget_passed(e, p);
    }
    return any;
}

void engine_leave(struct engine *e, struct stream *s)
{
    struct stat st;
    struct position *p = s->position;
    bool finished = s->r.end == READ_FINISHED || s->r.end == READ_CORRUPT;
    if (++e->n_left % TRIM_EVERY == 0)
        malloc_trim(0); /* what an entry keeps lies between what its file took, and holds it */
    if (!e->o.follow) {
        e->left_bytes += s->size;
        engine_drop_stream(e, s);
        return;
    }
    if (finished != p->finished) {
        p->finished = finished;
        positions_changed(p);
        engine_dirty(e);
    }
    if (engine_unpass(e, p->key))
        engine_look_soon(e); /* its compressed form, for one */
    if (s->r.fd >= 0 && fstat(s->r.fd, &st) == 0 && st.st_nlink) {
        struct known_file k = {.dev = s->dev, .ino = s->ino, .size = (uint64_t)st.st_size};
        k.mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
        pass_by(e, &k, p->key);
    } else if (s->r.end == READ_REFUSED) {
        struct known_file k = {s->dev, s->ino, s->size, s->mtime_ms, false};
        pass_by(e, &k, p->key);
    }
    engine_drop_stream(e, s);
}

void engine_release_files(struct engine *e)
{
    while (!TAILQ_EMPTY(&e->passed))
        forget_passed(e, TAILQ_FIRST(&e->passed));
    file_map_release(&e->passed_by_inode);
}

/* ---- files that are read already --------------------------------------------------------------
 */

/* To the day: the entry's line is not written out anew for less. */
static void note_seen(struct engine *e, struct position *p)
{
    if (e->positions.uptime_s - p->seen_s < 86400)
        return;
    p->seen_s = e->positions.uptime_s;
    positions_changed(p);
}

/* It got another name, or may have got more lines. */
static void seen_again(struct engine *e, struct stream *s, const struct found_file *f)
{
    struct position *p = s->position;
    bool changed = f->size != s->size || f->mtime_ms != s->mtime_ms;
    s->seen = true;
    note_seen(e, p);
    if (strcmp(s->path, f->path) != 0) {
        if (s->state == STREAM_BUSY)
            e->look_again = true; /* the worker is using the name */
        else
            engine_rename_stream(e, s, f->path);
    }
    if (s->live && !f->live) /* from now on it is quiet, or not */
        s->quiet_since_ms = engine_mono_ms();
    s->live = f->live;
    s->size = f->size;
    s->mtime_ms = f->mtime_ms;
    if (s->r.kind == CONTAINER_PLAIN && s->r.size && p->size < f->size) {
        p->size = f->size;
        positions_changed(p);
    }
    if (changed)
        engine_wake(e, s);
}

/* ---- files that are new -----------------------------------------------------------------------
 */

static bool family_is_known(const struct engine *e, uint64_t family)
{
    for (size_t i = 0; family && i < e->positions.n; i++)
        if (e->positions.v[i]->family == family)
            return true;
    return false;
}

/* Is a file wanted that no entry knows? */
static bool is_wanted(const struct engine *e, size_t source, const struct found_file *f)
{
    bool first = e->sources[source].fresh && !e->looked;
    if (f->live)
        return true;
    if (first)
        return e->sources[source].config->start == START_ALL;
    if (family_is_known(e, f->family))
        return true; /* rotated away before it was seen under its live name, or while we were away
                      */
    /* The first of its kind. What came with it from elsewhere is history; what was rotated since
     * the last look is not. */
    return f->mtime_ms > (e->looked ? e->looked_ms : e->positions.saved_ms) - 3600000;
}

static struct position *add_position(struct engine *e, size_t source, const struct found_file *f)
{
    struct position *p = positions_add(&e->positions, f->stream, f->dev, f->ino, f->path);
    if (!p)
        abort(); /* a small fixed object; a restart finds the file again */
    p->family = f->family;
    p->source = (int)source;
    p->head = f->head;
    return p;
}

static void begin_reading(struct engine *e, size_t source, const struct found_file *f,
                          struct position *p)
{
    struct stream *s = engine_new_stream(e, source, f);
    if (!s)
        abort(); /* a small fixed object; a restart finds the file again */
    if (f->head.bytes > p->head.bytes)
        p->head = f->head;
    p->source = (int)source;
    if (f->family)
        p->family = f->family;
    if (f->kind == CONTAINER_PLAIN && p->size < f->size)
        p->size = f->size;
    p->finished = false;
    p->absent = 0;
    engine_bind(e, s, p);
    s->r.finish = !f->identified;
    engine_make_ready(e, s);
    /* Saved at once: after a crash the file is known, under whatever name it has then. */
    engine_dirty(e);
}

/* With the whole of it safe: after a restart it is not taken for a new one. */
static void pass_over(struct engine *e, size_t source, const struct found_file *f)
{
    struct position *p = add_position(e, source, f);
    if (intervals_add(&p->safe, 0, UINT64_MAX))
        abort();
    p->finished = true;
    pass_found(e, f, p->key);
    engine_dirty(e);
}

/* Of many compressed files that a glob matches, each is whole when it comes: none has an end from
 * which to go on. */
static bool comes_whole(const struct engine *e, size_t source, const struct found_file *f)
{
    return container_is_compressed(f->kind) &&
           strpbrk(e->sources[source].config->files.p, "*?[") != NULL;
}

static void read_new(struct engine *e, size_t source, const struct found_file *f)
{
    bool first = e->sources[source].fresh && !e->looked;
    bool from_end = f->live && first && e->sources[source].config->start == START_END;
    if (!is_wanted(e, source, f) || (from_end && comes_whole(e, source, f))) {
        pass_over(e, source, f);
        return;
    }
    struct position *p = add_position(e, source, f);
    if (from_end && f->kind == CONTAINER_PLAIN && intervals_add(&p->safe, 0, f->size))
        abort();
    begin_reading(e, source, f, p);
}

/* Every line of it is safe: a rotated or compressed file that is done. */
static bool is_done(const struct position *p, const struct found_file *f)
{
    uint64_t safe = positions_frontier(p);
    if (safe == UINT64_MAX)
        return true;
    if (container_is_compressed(f->kind) && !f->trailer) /* it does not tell how long it is */
        return p->finished && p->dev == f->dev && p->ino == f->ino;
    if (container_is_compressed(f->kind))
        return f->trailer == (uint32_t)safe;
    return f->size == safe && !f->live;
}

static void read_on(struct engine *e, size_t source, const struct found_file *f, struct position *p)
{
    if (p->bound) { /* a copy of what is being read, or its compressed form in the making */
        pass_found(e, f, p->key);
    } else if (is_done(p, f)) {
        p->seen_s = e->positions.uptime_s;
        p->finished = true;
        p->source = (int)source;
        positions_changed(p);
        engine_dirty(e);
        pass_found(e, f, p->key);
    } else {
        begin_reading(e, source, f, p);
    }
}

/* It begins like another stream, and is too short to be told from it: as a copy in the making is,
 * or a log that was begun anew with the same line. When it does not grow it is a log. */
static bool must_wait(struct engine *e, const struct found_file *f, const struct position *p)
{
    bool unread = p && p->bound && !p->seam.at;
    return f->claimed == CLAIM_WAITS && (unread || unchanged_ms(e, f) < SETTLE_MS);
}

static void new_file(struct engine *e, size_t source, const struct found_file *f)
{
    struct position *p = f->claim ? positions_by_key(&e->positions, f->claim) : NULL;
    if (must_wait(e, f, p))
        wait_for(e, f);
    else if (p && f->claimed == CLAIM_FITS)
        read_on(e, source, f, p);
    else if (p && f->claimed == CLAIM_SHORT)
        pass_found(e, f, p->key);
    else
        read_new(e, source, f);
}

/* Each is told when it turns up; but whoever makes them could make very many. */
static bool may_tell(struct engine *e)
{
    if (log_limit_pass(&e->refusals, engine_mono_ms(), 60000))
        e->n_refused = 0;
    return e->n_refused++ < MAX_REFUSALS;
}

void engine_put_unpacked(struct buf *b, const char *codec, const char *path, const struct source *s)
{
    container_put_mend(b, codec, path);
    buf_printf(b, " | logferry backfill --source %s -", s->config->name.p);
}

/* Of a rotated one it is not known whether it was read before it was compressed. */
static void tell_foreign(const struct source *s, const struct found_file *f)
{
    struct buf mend;
    buf_init(&mend, MEND_BYTES);
    engine_put_unpacked(&mend, f->foreign, f->path, s);
    log_event(f->live ? LOG_WARN : LOG_INFO, "compression_unknown",
              "source=%s path=\"%s\" why=\"it is %s%s\" mend=\"%s\"", s->config->name.p, f->path,
              f->foreign,
              f->live ? "" : "; if all of it was read before it was compressed, nothing is missing",
              buf_cstr(&mend));
    buf_release(&mend);
}

static void tell_damaged(const struct source *s, const struct found_file *f)
{
    log_event(LOG_WARN, "compressed_damaged",
              "source=%s path=\"%s\" offset=0 why=\"%s data is bad before the first line ends; "
              "nothing of it was read\" mend=\"fetch the file again; when it is whole it is read\"",
              s->config->name.p, f->path, container_codec(f->kind));
}

/* It gives no lines: each is told when it turns up, and once an hour at most while it changes. */
static void tell_no_lines(struct engine *e, size_t source, const struct found_file *f,
                          struct passed_file *p)
{
    int64_t now = engine_mono_ms();
    if (!p || (p->told_ms && now - p->told_ms < 3600000))
        return;
    if (!may_tell(e)) {
        p->waits = true; /* another look tells it */
        return;
    }
    p->told_ms = now;
    if (f->foreign)
        tell_foreign(&e->sources[source], f);
    else
        tell_damaged(&e->sources[source], f);
}

const char *engine_mend_unreadable(int error)
{
    return log_file_is_shortage(error)
               ? "raise the limit of open files (LimitNOFILE=); it is tried again"
               : "let the agent's user read it, e.g. add it to the group adm";
}

static void tell_unreadable(struct engine *e, size_t source, const struct found_file *f)
{
    struct source *s = &e->sources[source];
    if (f->error && f->error != ENOENT && log_limit_pass(&s->unreadable, engine_mono_ms(), 60000))
        log_event(LOG_WARN, "file_unreadable", "source=%s path=\"%s\" why=\"%s\" mend=\"%s\"",
                  s->config->name.p, f->path, strerror(f->error), engine_mend_unreadable(f->error));
    if (f->refused && f->live && may_tell(e))
        log_event(LOG_WARN, "file_refused",
                  "source=%s path=\"%s\" why=\"%s\" mend=\"name the directory that it leads to "
                  "under `symlinks` of the source, or take it away\"",
                  s->config->name.p, f->path, f->refused);
}

/* A rotated file with nothing but half a line: when it stays so, that is the line. */
static void unidentified(struct engine *e, size_t source, const struct found_file *f)
{
    struct passed_file *p = f->live || !f->size ? pass_found(e, f, 0) : NULL;
    if (p && f->damaged)
        tell_no_lines(e, source, f, p);
    if (p)
        p->half = f->size > 0;
    else if (unchanged_ms(e, f) < ROTATED_QUIET_MS)
        wait_for(e, f);
    else
        new_file(e, source, f);
}

/* Told, where it is to be told, and not read. */
static void take_unreadable(struct engine *e, size_t source, const struct found_file *f)
{
    e->hazy = e->hazy || f->error;
    if (f->known)
        return;
    if (f->kind == CONTAINER_FOREIGN && !f->error && !f->refused) {
        struct passed_file *p = pass_found(e, f, 0);
        if (is_wanted(e, source, f))
            tell_no_lines(e, source, f, p);
        return;
    }
    tell_unreadable(e, source, f);
    if (f->refused)
        pass_found(e, f, 0);
}

/* Under this name the stream's file would be no file of its source: it was deleted, and a file of
 * another source got its inode; or it went there. The other source may read it when the stream is
 * gone. */
static bool is_elsewhere(const struct engine *e, const struct stream *s, size_t source,
                         const struct found_file *f)
{
    return s->source != &e->sources[source] && !discover_family(s->source->config, f->path);
}

void engine_take_in(struct engine *e, size_t source, const struct found_file *f)
{
    struct stream *s = file_map_find(&e->by_inode, f->dev, f->ino);
    struct passed_file *p = file_map_find(&e->passed_by_inode, f->dev, f->ino);
    if (p)
        p->seen = true;
    if (s) {
        if (!is_elsewhere(e, s, source, f))
            seen_again(e, s, f);
    } else if (f->error || f->refused || f->kind == CONTAINER_FOREIGN) {
        take_unreadable(e, source, f);
    } else if (!f->known && f->identified) {
        new_file(e, source, f);
    } else if (!f->known) {
        unidentified(e, source, f);
    } else if (p && p->half && !f->live) { /* rotated since: now it may be the line */
        p->waits = true;
        engine_plan_look(e, 1.0);
    }
}

/* ---- files that are gone ----------------------------------------------------------------------
 */

/* Of a file of which nothing was read only its beginning is known: its copy, or its compressed
 * form, got an entry of its own, which tells what is lost of it. */
static bool has_twin(const struct engine *e, const struct position *p)
{
    for (size_t i = 0; i < e->positions.n && !p->seam.at; i++) {
        const struct position *q = e->positions.v[i];
        if (q != p && hash128_eq(q->stream, p->stream) && q->head.bytes == p->head.bytes &&
            q->head.hash == p->head.hash && (q->bound || q->size >= p->size))
            return true;
    }
    return false;
}

/* Its file is nowhere any more, under no name and in no form. */
static void tell_gone(struct engine *e, struct position *p)
{
    uint64_t frontier = positions_frontier(p);
    uint64_t lost = p->size > frontier && !has_twin(e, p) ? p->size - frontier : 0;
    e->sources[p->source].counts.lost += lost;
    p->finished = true;
    p->size = frontier;
    positions_changed(p);
    engine_dirty(e);
    if (lost)
        log_event(
            LOG_ERROR, "lines_lost",
            "source=%s path=\"%s\" from=%llu bytes=%llu why=\"the file was deleted before it "
            "was read to its end\" mend=\"backfill a copy of it, and keep more rotated files\"",
            e->sources[p->source].config->name.p, p->path, (unsigned long long)frontier,
            (unsigned long long)lost);
    else
        log_event(LOG_INFO, "file_vanished", "source=%s path=\"%s\" read=%llu",
                  e->sources[p->source].config->name.p, p->path, (unsigned long long)frontier);
}

static void sweep_passed(struct engine *e)
{
    struct passed_file *next;
    for (struct passed_file *p = TAILQ_FIRST(&e->passed); p; p = next) {
        next = TAILQ_NEXT(p, link);
        struct position *owner = owner_of(e, p);
        if (!p->seen) {
            forget_passed(e, p);
            continue;
        }
        p->seen = false;
        if (!owner)
            continue;
        owner->absent = 0;
        note_seen(e, owner);
    }
}

void engine_sweep(struct engine *e)
{
    bool more = false;
    for (size_t i = 0; i < e->positions.n; i++) {
        struct position *p = e->positions.v[i];
        p->absent = p->bound ? 0 : p->absent + (p->absent < ABSENT_LOOKS);
    }
    sweep_passed(e);
    for (size_t i = 0; i < e->positions.n && !e->hazy; i++) {
        struct position *p = e->positions.v[i];
        if (p->bound || p->finished || p->source < 0)
            continue;
        if (p->absent >= ABSENT_LOOKS)
            tell_gone(e, p);
        else
            more = true;
    }
    if (more)
        engine_plan_look(e, 1.0);
}

/* ---- back again -------------------------------------------------------------------------------
 */

void engine_rewind_stream(struct engine *e, struct stream *s)
{
    struct position *p = s->position;
    bool finish = s->r.finish;
    reading_close(&s->r);
    engine_note_open(e, s);
    s->r = (struct reading){.fd = -1, .finish = finish};
    engine_bind(e, s, p);
    engine_make_ready(e, s);
}

static struct stream *stream_of(struct engine *e, const struct position *p)
{
    struct stream *s = file_map_find(&e->by_inode, p->dev, p->ino);
    return s && s->position == p ? s : NULL;
}

bool engine_rewind(struct engine *e, uint64_t key, uint64_t from, uint64_t to)
{
    struct position *p = positions_by_key(&e->positions, key);
    struct stream *s = p && p->bound ? stream_of(e, p) : NULL;
    if (!p || !(s || engine_unpass(e, key)))
        return false;
    if (positions_uncover(p, from, to) || intervals_remove(&p->taken, from, to))
        return false;
    engine_dirty(e);
    if (!s)
        engine_look_soon(e);
    else if (s->state == STREAM_BUSY)
        s->rewind = true;
    else
        engine_rewind_stream(e, s);
    return true;
}

/* ---- files of the command line ----------------------------------------------------------------
 */

int engine_add(struct engine *e, const struct found_file *f, int fd)
{
    struct position *p =
        fd < 0 ? positions_match(&e->positions, f->stream, f->dev, f->ino, f->path) : NULL;
    if (!p)
        p = positions_add(&e->positions, f->stream, f->dev, f->ino, f->path);
    struct stream *s = p ? engine_new_stream(e, 0, f) : NULL;
    if (!s)
        return -1;
    engine_bind(e, s, p);
    s->r.fd = fd;
    s->r.sequential = fd >= 0;
    s->r.finish = fd >= 0 || discover_is_finished(f, engine_now_ms(e));
    engine_make_ready(e, s);
    return 0;
}
