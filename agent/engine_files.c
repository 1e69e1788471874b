/* engine_files.c - which files are followed: discovery, rotation, and what is left alone; see
 * engine.h. */
#include "agent/engine_impl.h"

#include "agent/file_map.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files of which nothing is wanted ---------------------------------------------------------
 */

static void pass_by(struct engine *e, const struct known_file *file)
{
    for (size_t i = 0; i < e->n_passed; i++)
        if (e->passed[i].file.dev == file->dev && e->passed[i].file.ino == file->ino) {
            e->passed[i].file = *file;
            return;
        }
    if (e->n_passed == e->cap_passed) {
        size_t cap = e->cap_passed ? e->cap_passed * 2 : 16;
        struct passed_file *v = realloc(e->passed, cap * sizeof(*v));
        if (!v)
            return; /* it is looked at again, that is all */
        e->passed = v;
        e->cap_passed = cap;
    }
    e->passed[e->n_passed++] = (struct passed_file){.file = *file};
}

static void pass_found(struct engine *e, const struct found_file *f)
{
    struct known_file k = {.dev = f->dev, .ino = f->ino, .size = f->size, .mtime_ms = f->mtime_ms};
    pass_by(e, &k);
}

void engine_leave(struct engine *e, struct stream *s)
{
    struct stat st;
    struct known_file k = {.dev = s->dev, .ino = s->ino};
    bool there = s->r.fd >= 0 && fstat(s->r.fd, &st) == 0 && st.st_nlink;
    if (e->o.follow && there) {
        k.size = (uint64_t)st.st_size;
        k.mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
        pass_by(e, &k);
    }
    if (e->o.follow) {
        engine_drop_stream(e, s);
        return;
    }
    reading_close(&s->r);
    engine_count_open(e, s);
    s->state = STREAM_DONE;
}

void engine_release_files(struct engine *e)
{
    free(e->passed);
    free(e->by_path);
}

/* ---- looking ----------------------------------------------------------------------------------
 */

static void run_look(struct task *task, unsigned worker)
{
    struct looking *l = (struct looking *)task;
    struct str pattern = l->engine->o.sources[l->source].files;
    qsort(l->known, l->n_known, sizeof(*l->known), discover_known_compare);
    l->rc = discover_source(pattern, l->known, l->n_known, &l->found);
    if (!l->rc)
        l->rc = discover_directories(pattern, &l->directories, &l->n_directories);
}

/* A file that we have open got another name, or may have got more lines. */
static void seen_again(struct engine *e, struct stream *s, const struct found_file *f)
{
    s->seen = true;
    if (s->position)
        s->position->seen_ms = engine_now_ms(e);
    if (strcmp(s->path, f->path) != 0) {
        char *path = strdup(f->path);
        if (path && s->state != STREAM_BUSY) {
            free(s->path);
            s->path = path;
            positions_rename(s->position, path);
            e->index_stale = true;
        } else {
            free(path);
            e->look_again = true; /* the worker is using the name */
        }
    }
    s->live = f->live;
    if (s->state == STREAM_IDLE && f->size != s->size)
        s->state = STREAM_READY;
    s->size = f->size;
}

/* Where reading begins in a file that no entry knows. False: not at all. */
static bool first_position(struct engine *e, size_t source, const struct found_file *f,
                           uint64_t *at)
{
    const struct source_config *c = e->sources[source].config;
    bool begins = e->sources[source].fresh && !e->looked;
    *at = 0;
    if (f->live) {
        if (begins && c->start == START_END && f->kind == CONTAINER_PLAIN)
            *at = f->size;
        return true;
    }
    if (begins)
        return c->start == START_ALL;
    /* Rotated away before we saw it under its live name: while we were stopped, or in a rotation
     * faster than we look. */
    int64_t before = e->looked ? e->looked_ms : e->positions.saved_ms;
    return f->mtime_ms > before - 2000;
}

static bool is_copy(struct engine *e, const struct found_file *f)
{
    for (struct stream *s = e->streams; s; s = s->next)
        if (s->position && hash128_eq(s->position->stream, f->stream) &&
            strncmp(s->path, f->path, strlen(s->path)) == 0)
            return true;
    return false;
}

static int bind(struct engine *e, size_t source, const struct found_file *f, struct position *p)
{
    struct stream *s = engine_new_stream(e, source, f->path, f->host);
    if (!s)
        return -1;
    s->position = p;
    s->dev = f->dev;
    s->ino = f->ino;
    s->live = f->live;
    s->seen = true;
    s->size = f->size;
    s->state = STREAM_READY;
    s->r.at = intervals_gap(&p->safe, 0);
    s->r.seam_at = p->seam_at;
    s->r.seam_hash = p->seam_hash;
    s->quiet_since_ms = engine_now_ms(e);
    for (size_t i = 0; i < p->safe.n; i++)
        if (intervals_add(&s->r.safe, p->safe.v[i].from, p->safe.v[i].to))
            abort();
    p->bound = true;
    p->dev = f->dev;
    p->ino = f->ino;
    p->seen_ms = engine_now_ms(e);
    positions_rename(p, f->path);
    return 0;
}

/* An entry of before, whose every line is safe: a rotated or compressed file that is done. */
static bool is_done(const struct position *p, const struct found_file *f)
{
    uint64_t safe = intervals_gap(&p->safe, 0);
    return f->kind == CONTAINER_GZIP ? f->trailer == (uint32_t)safe : f->size == safe && !f->live;
}

static void new_file(struct engine *e, size_t source, const struct found_file *f)
{
    struct position *p = positions_match(&e->positions, f->stream, f->dev, f->ino, f->path);
    uint64_t at = 0;
    if (p && is_done(p, f)) {
        p->seen_ms = engine_now_ms(e);
        pass_found(e, f);
        return;
    }
    if (!p) {
        if ((!f->live && is_copy(e, f)) || !first_position(e, source, f, &at)) {
            pass_found(e, f);
            return;
        }
        p = positions_add(&e->positions, f->stream, f->dev, f->ino, f->path);
        if (!p || (at && intervals_add(&p->safe, 0, at)))
            abort();
    }
    if (bind(e, source, f, p))
        abort();
    /* Saved at once: after a crash the file is known, under whatever name it has then. */
    engine_dirty(e);
}

static void tell_unreadable(struct engine *e, size_t source, const struct found_file *f)
{
    struct source *s = &e->sources[source];
    if (f->error && log_limit_pass(&s->unreadable, engine_now_ms(e), 60000))
        log_event(LOG_WARN, "file_unreadable",
                  "source=%s path=\"%s\" why=\"%s\" mend=\"let the agent's user read it, e.g. add "
                  "it to the group adm\"",
                  s->config->name.p, f->path, strerror(f->error));
    if (f->foreign && f->live && log_limit_pass(&s->unreadable, engine_now_ms(e), 60000))
        log_event(LOG_WARN, "compression_unknown",
                  "source=%s path=\"%s\" why=\"compressed with %s\" mend=\"compress it with gzip\"",
                  s->config->name.p, f->path, f->foreign);
}

static void take_in(struct engine *e, size_t source, const struct found_file *f,
                    const struct file_map *streams)
{
    struct stream *s = file_map_find(streams, f->dev, f->ino);
    if (s)
        seen_again(e, s, f);
    else if (f->error || f->kind == CONTAINER_FOREIGN)
        tell_unreadable(e, source, f);
    else if (!f->known && f->identified)
        new_file(e, source, f);
}

/* What was found names each file once, so that a stream that is new here is not asked for again. */
static void take_all_in(struct engine *e, const struct looking *l)
{
    struct file_map streams = {0};
    for (struct stream *s = e->streams; s; s = s->next)
        if (file_map_put(&streams, s->dev, s->ino, s))
            abort();
    for (size_t i = 0; i < l->found.n; i++)
        take_in(e, l->source, &l->found.files[i], &streams);
    file_map_release(&streams);
}

/* Files that are gone, or were rotated and are quiet: their last line is taken, and they are
 * closed. */
static void retire(struct engine *e, size_t source)
{
    struct stream *next;
    int64_t now = engine_now_ms(e);
    for (struct stream *s = e->streams; s; s = next) {
        next = s->next;
        if (s->source != &e->sources[source])
            continue;
        if (!s->seen)
            s->live = false;
        else if (!s->live)
            engine_close_idle(e, s); /* it lies there under its rotated name */
        s->seen = false;
        if (s->live || s->state != STREAM_IDLE || now - s->quiet_since_ms < ROTATED_QUIET_MS)
            continue;
        s->r.finish = true;
        s->state = STREAM_READY;
    }
}

static void watch_all(struct engine *e, const struct looking *l)
{
    for (size_t i = 0; e->watch && i < l->n_directories; i++)
        if (watch_directory(e->watch, l->directories[i]) &&
            log_limit_pass(&e->sources[l->source].unwatched, engine_now_ms(e), 3600000))
            log_event(LOG_WARN, "directory_not_watched",
                      "path=\"%s\" why=\"%s\" mend=\"raise fs.inotify.max_user_watches; until then "
                      "it is looked at every %d s\"",
                      l->directories[i], strerror(errno), (int)LOOK_EVERY_S);
}

static void tell_empty(struct engine *e, const struct looking *l)
{
    struct source *s = &e->sources[l->source];
    if (l->found.n || s->config->optional || !log_limit_pass(&s->empty, engine_now_ms(e), 3600000))
        return;
    log_event(LOG_WARN, "no_file",
              "source=%s files=\"%s\" why=\"nothing matches yet; it is waited for\" mend=\"check "
              "the path, or set `optional: true`\"",
              s->config->name.p, s->config->files.p);
}

static void plan_look(struct engine *e, double after)
{
    if (ev_is_active(&e->look_timer) && ev_timer_remaining(e->o.loop, &e->look_timer) <= after)
        return;
    ev_timer_stop(e->o.loop, &e->look_timer);
    ev_timer_set(&e->look_timer, after, 0.0);
    ev_timer_start(e->o.loop, &e->look_timer);
}

static void on_looked(struct task *task)
{
    struct looking *l = (struct looking *)task;
    struct engine *e = l->engine;
    e->looks--;
    if (l->rc)
        abort(); /* out of memory for a list of files */
    watch_all(e, l);
    tell_empty(e, l);
    if (l->found.capped && log_limit_pass(&e->sources[l->source].capped, engine_now_ms(e), 3600000))
        log_event(LOG_WARN, "too_many_files",
                  "source=%s why=\"more than %u files match; the others are not read\" "
                  "mend=\"divide the source\"",
                  e->sources[l->source].config->name.p, DISCOVER_MAX_FILES);
    take_all_in(e, l);
    retire(e, l->source);
    discovery_release(&l->found);
    for (size_t i = 0; i < l->n_directories; i++)
        free(l->directories[i]);
    free(l->directories);
    free(l->known);
    free(l);
    if (!e->looks) {
        e->looked = true;
        if (!e->stopping)
            plan_look(e, e->look_again ? LOOK_DELAY_S : LOOK_EVERY_S);
        e->look_again = false;
    }
    engine_go_on(e);
}

static struct known_file *list_known(struct engine *e, size_t *n)
{
    size_t streams = 0, i = 0;
    for (struct stream *s = e->streams; s; s = s->next)
        streams++;
    struct known_file *v = calloc(streams + e->n_passed + 1, sizeof(*v));
    for (struct stream *s = e->streams; v && s; s = s->next)
        v[i++] = (struct known_file){.dev = s->dev, .ino = s->ino, .whatever = true};
    for (size_t k = 0; v && k < e->n_passed; k++)
        v[i++] = e->passed[k].file;
    *n = i;
    return v;
}

void engine_look(struct engine *e)
{
    if (e->looks) {
        e->look_again = true;
        return;
    }
    e->looked_ms = e->looking_ms;
    e->looking_ms = engine_now_ms(e);
    for (size_t i = 0; i < e->o.n_sources && !e->stopping; i++) {
        struct looking *l = calloc(1, sizeof(*l));
        if (!l || !(l->known = list_known(e, &l->n_known)))
            abort();
        l->task = (struct task){.run = run_look, .done = on_looked};
        l->engine = e;
        l->source = i;
        e->looks++;
        pool_submit(e->pool, &l->task, true);
    }
}

/* ---- events -----------------------------------------------------------------------------------
 */

static int by_path(const void *a, const void *b)
{
    return strcmp((*(struct stream *const *)a)->path, (*(struct stream *const *)b)->path);
}

static void index_paths(struct engine *e)
{
    size_t n = 0;
    for (struct stream *s = e->streams; s; s = s->next)
        n++;
    struct stream **v = realloc(e->by_path, (n + 1) * sizeof(*v));
    if (!v)
        abort();
    e->by_path = v;
    e->n_by_path = 0;
    for (struct stream *s = e->streams; s; s = s->next)
        v[e->n_by_path++] = s;
    qsort(v, e->n_by_path, sizeof(*v), by_path);
    e->index_stale = false;
}

static struct stream *find_path(struct engine *e, const char *path)
{
    struct stream key = {.path = (char *)path}, *pointer = &key;
    if (e->index_stale)
        index_paths(e);
    struct stream **hit =
        e->n_by_path ? bsearch(&pointer, e->by_path, e->n_by_path, sizeof(*e->by_path), by_path)
                     : NULL;
    return hit ? *hit : NULL;
}

static void on_written(void *context, const char *path)
{
    struct engine *e = context;
    struct stream *s = find_path(e, path);
    if (s) {
        engine_wake(e, s);
        engine_go_on(e);
        return;
    }
    for (size_t i = 0; i < e->o.n_sources; i++)
        if (discover_matches(e->o.sources[i].files, path)) {
            plan_look(e, LOOK_DELAY_S);
            return;
        }
}

static void on_names(void *context, const char *path)
{
    struct engine *e = context;
    struct stream *s = find_path(e, path);
    if (s)
        engine_wake(e, s);
    plan_look(e, LOOK_DELAY_S);
    engine_go_on(e);
}

static void on_overflow(void *context)
{
    struct engine *e = context;
    for (struct stream *s = e->streams; s; s = s->next)
        engine_wake(e, s);
    plan_look(e, 0.0);
}

int engine_watch(struct engine *e)
{
    struct watch_events events = {
        .context = e, .on_written = on_written, .on_names = on_names, .on_overflow = on_overflow};
    e->watch = watch_new(e->o.loop, &events);
    return e->watch ? 0 : -1;
}

/* ---- files of the command line ----------------------------------------------------------------
 */

int engine_add(struct engine *e, const struct found_file *f, int fd)
{
    struct position *p =
        fd < 0 ? positions_match(&e->positions, f->stream, f->dev, f->ino, f->path) : NULL;
    if (!p)
        p = positions_add(&e->positions, f->stream, f->dev, f->ino, f->path);
    if (!p || bind(e, 0, f, p))
        return -1;
    struct stream *s = (struct stream *)((char *)e->last_stream - offsetof(struct stream, next));
    s->r.fd = fd;
    s->r.sequential = fd >= 0;
    s->r.finish = fd >= 0 || engine_now_ms(e) - f->mtime_ms >
                                 300000; /* nobody has written to it for five minutes */
    return 0;
}
