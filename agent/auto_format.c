/* auto_format.c - see auto_format.h. */
#include "agent/auto_format.h"

#include "agent/discover.h"
#include "agent/log_head.h"
#include "agent/pool.h"
#include "agent/state_dir.h"
#include "config/arena.h"
#include "parsers/base/json.h"
#include "parsers/base/log.h"
#include "parsers/base/shell.h"
#include "parsers/base/sys.h"
#include "parsers/format.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "formats"
#define FILE_VERSION 1 /* changed: read the old one here, and write the new one */
#define FILE_MAX_BYTES (1u << 20)
#define MAX_FILES 16u /* that are looked into */
#define LOOK_S 5.0
#define LOOKS_AN_HOUR 720u

bool auto_format_wanted(const struct source_config *s)
{
    return str_eq(s->format, STR(AUTO_FORMAT));
}

/* ---- by the lines -----------------------------------------------------------------------------
 */

/* 1: *d holds what its lines have. 0: there is none, or it cannot be read. -1: out of memory. */
static int look_into(const char *path, const struct log_roots *roots, struct detection *d)
{
    struct log_head *head = calloc(1, sizeof(*head));
    enum container_kind kind = CONTAINER_PLAIN;
    const char *codec = NULL, *refused = NULL;
    struct stat st;
    int fd = -1, result = 0;

    if (!head)
        return -1;
    if (!log_file_open(path, roots, &fd, &st, &refused) && !container_detect(fd, &kind, &codec) &&
        kind != CONTAINER_FOREIGN)
        result = log_head_read(head, fd, kind) || log_head_detect(head, path, NULL, d)
                     ? -1
                     : d->lines > 0;
    if (fd >= 0)
        sys_close(fd);
    log_head_release(head);
    free(head);
    return result;
}

/* The live files first, and the newest of them. */
static int compare_files(const void *a, const void *b)
{
    const struct found_file *x = a, *y = b;
    if (x->live != y->live)
        return x->live ? -1 : 1;
    return (x->mtime_ms < y->mtime_ms) - (x->mtime_ms > y->mtime_ms);
}

static void tell_unknown(const struct source_config *s, const char *path, const struct detection *d)
{
    struct buf command;
    buf_init(&command, 16u << 10);
    shell_put_path(&command, str_of(path));
    log_event(
        LOG_WARN, "format_unknown",
        "source=%s matched=%u of=%u nearest=%s mend=\"the source is not read; logferry detect "
        "%.*s shows why; write sources.%s.format\"",
        s->name.p, d->matched, d->lines, d->spec, STR_ARGS(buf_str(&command)), s->name.p);
    buf_release(&command);
}

enum look { LOOK_NO_LINE, LOOK_NO_FORMAT, LOOK_FITS };

/* LOOK_FITS: *d fits. What fits no format is told, when `speak`. */
static enum look detect_source(const struct source_config *s, bool speak, struct detection *d)
{
    const struct discover_known nothing = {0};
    struct discovery found = {0};
    struct log_roots roots = {0};
    enum look result = LOOK_NO_LINE;

    if (discover_source(s, &nothing, &found) || log_roots_init(&roots, s))
        found.n = 0;
    if (found.starved) /* there may be more */
        result = LOOK_NO_FORMAT;
    if (found.n > 1)
        qsort(found.files, found.n, sizeof(*found.files), compare_files);
    for (size_t i = 0, looked = 0; i < found.n && looked < MAX_FILES && result < LOOK_FITS; i++) {
        if (found.files[i].size == 0)
            continue;
        result = LOOK_NO_FORMAT;
        if (found.files[i].error)
            continue;
        looked++;
        if (look_into(found.files[i].path, &roots, d) < 1)
            continue;
        if (d->fits)
            result = LOOK_FITS;
        else if (speak)
            tell_unknown(s, found.files[i].path, d);
        speak = false;
    }
    log_roots_release(&roots);
    discovery_release(&found);
    return result;
}

/* ---- what was decided -------------------------------------------------------------------------
 *
 * {"v":1,"formats":[["web","/var/log/nginx/access.log","nginx_combined"],…]}
 */

struct decisions {
    struct buf text, scratch;
};

/* Of this source; STR_NONE when it is not among them, or the file is not readable. Borrows. */
static struct str find_decision(struct decisions *d, const struct source_config *s)
{
    struct json_reader r;
    struct str row[3] = {STR_NONE, STR_NONE, STR_NONE};
    size_t n = 0;
    int64_t version = 0;
    enum json_event e;

    json_reader_init(&r, buf_str(&d->text), &d->scratch);
    while ((e = json_next(&r)) != JSON_ERROR && e != JSON_END) {
        if (e == JSON_ARRAY)
            n = 0;
        else if (e == JSON_NUMBER && !json_integer(r.text, &version))
            return STR_NONE;
        else if (e == JSON_STRING && n < 3)
            row[n++] = r.text;
        else if (e == JSON_ARRAY_END && n == 3 && version == FILE_VERSION &&
                 str_eq(row[0], s->name) && str_eq(row[1], s->files))
            return row[2];
    }
    return STR_NONE;
}

static void read_decisions(struct decisions *d, int state_fd)
{
    buf_init(&d->text, FILE_MAX_BYTES);
    buf_init(&d->scratch, FILE_MAX_BYTES);
    int rc = state_read_file(state_fd, FILE_NAME, &d->text);
    if (rc && rc != ENOENT)
        log_event(LOG_WARN, "formats_unreadable",
                  "file=" FILE_NAME " why=\"%s\" mend=\"the formats are decided anew\"",
                  strerror(rc));
    if (rc)
        buf_reset(&d->text);
}

static void release_decisions(struct decisions *d)
{
    buf_release(&d->text);
    buf_release(&d->scratch);
}

static void write_decisions(const struct agent_config *c, int state_fd)
{
    static const struct write_points points = {
        "formats.before_write", "formats.after_open",   "formats.write",     "formats.after_write",
        "formats.after_fsync",  "formats.after_rename", "formats.after_sync"};
    struct buf text;
    bool first = true;

    buf_init(&text, FILE_MAX_BYTES);
    buf_printf(&text, "{\"v\":%d,\"formats\":[", FILE_VERSION);
    for (size_t i = 0; i < c->n_sources; i++) {
        const struct source_config *s = &c->sources[i];
        if (!s->format_is_auto || auto_format_wanted(s))
            continue;
        buf_put_str(&text, first ? STR("[") : STR(",["));
        first = false;
        json_put_string(&text, s->name);
        buf_putc(&text, ',');
        json_put_string(&text, s->files);
        buf_putc(&text, ',');
        json_put_string(&text, s->format);
        buf_putc(&text, ']');
    }
    buf_lit(&text, "]}\n");
    int rc = text.failed ? ENOMEM
                         : state_write_file(state_fd, FILE_NAME, buf_str(&text), STR_NONE, &points);
    if (rc)
        log_event(LOG_WARN, "formats_not_written",
                  "file=" FILE_NAME " why=\"%s\" mend=\"the formats are decided anew at the next "
                  "start; write them as sources.*.format\"",
                  strerror(rc));
    buf_release(&text);
}

/* False, and nothing changes, for STR_NONE and for what this version does not know. */
static bool take(struct agent_config *c, struct source_config *s, struct str spec)
{
    struct source_config settled = *s;
    struct buf why;

    settled.format = str_is_set(spec) ? config_arena_str(c->arena, spec) : STR_NONE;
    buf_init(&why, 4096);
    bool good = str_is_set(settled.format) && source_settle_format(&settled, &why);
    buf_release(&why);
    if (good)
        *s = settled;
    return good;
}

static bool decide(struct agent_config *c, struct source_config *s)
{
    struct detection d;
    enum look look = detect_source(s, true, &d);
    s->no_line = look == LOOK_NO_LINE;
    if (look != LOOK_FITS || !take(c, s, str_of(d.spec)))
        return false;
    log_event(LOG_INFO, "format_detected", "source=%s format=%s matched=%u of=%u", s->name.p,
              d.spec, d.matched, d.lines);
    return true;
}

/* The sources that are still to be decided go to the end, the others keep their order. */
static size_t sort_undecided(struct agent_config *c)
{
    size_t undecided = 0;
    for (size_t i = 0; i + undecided < c->n_sources;) {
        struct source_config s = c->sources[i];
        if (!auto_format_wanted(&s)) {
            i++;
            continue;
        }
        memmove(&c->sources[i], &c->sources[i + 1], (c->n_sources - i - 1) * sizeof(s));
        c->sources[c->n_sources - 1] = s;
        undecided++;
    }
    return undecided;
}

size_t auto_format_settle(struct agent_config *c, int state_fd)
{
    struct decisions d;
    bool fresh = false, any = false;

    for (size_t i = 0; i < c->n_sources; i++)
        any = any || auto_format_wanted(&c->sources[i]);
    if (!any)
        return 0;
    read_decisions(&d, state_fd);
    for (size_t i = 0; i < c->n_sources; i++) {
        struct source_config *s = &c->sources[i];
        if (!auto_format_wanted(s))
            continue;
        if (!take(c, s, find_decision(&d, s)))
            fresh = decide(c, s) || fresh;
    }
    if (fresh)
        write_decisions(c, state_fd);
    release_decisions(&d);
    return sort_undecided(c);
}

/* ---- looking again ----------------------------------------------------------------------------
 */

struct auto_format_watch {
    struct ev_loop *loop;
    const struct agent_config *config;
    size_t ready;
    struct pool *pool; /* the loop does not wait for a disk */
    struct task task;
    ev_timer timer;
    unsigned looks;
    bool decided;
    void (*on_decided)(void *context);
    void *context;
};

static struct auto_format_watch *of_task(struct task *task)
{
    return (struct auto_format_watch *)((char *)task - offsetof(struct auto_format_watch, task));
}

static void run_look(struct task *task, unsigned worker)
{
    struct auto_format_watch *w = of_task(task);
    struct detection d;
    for (size_t i = w->ready; i < w->config->n_sources && !w->decided; i++)
        w->decided =
            detect_source(&w->config->sources[i], w->looks % LOOKS_AN_HOUR == 0, &d) == LOOK_FITS;
}

static void on_looked(struct task *task)
{
    struct auto_format_watch *w = of_task(task);
    if (w->decided)
        w->on_decided(w->context);
    else
        ev_timer_start(w->loop, &w->timer);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct auto_format_watch *w = timer->data;
    ev_timer_set(&w->timer, LOOK_S, 0.0);
    w->looks++;
    w->task = (struct task){.run = run_look, .done = on_looked};
    pool_submit(w->pool, &w->task, false);
}

struct auto_format_watch *auto_format_watch_new(struct ev_loop *loop, const struct agent_config *c,
                                                size_t ready, void (*on_decided)(void *context),
                                                void *context)
{
    struct auto_format_watch *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    *w = (struct auto_format_watch){.loop = loop,
                                    .config = c,
                                    .ready = ready,
                                    .pool = pool_new(loop, 1),
                                    .on_decided = on_decided,
                                    .context = context};
    ev_timer_init(&w->timer, on_timer, LOOK_S, 0.0);
    w->timer.data = w;
    if (!w->pool) {
        free(w);
        return NULL;
    }
    ev_timer_start(loop, &w->timer);
    return w;
}

void auto_format_watch_free(struct auto_format_watch *w)
{
    if (!w)
        return;
    ev_timer_stop(w->loop, &w->timer);
    pool_free(w->pool);
    free(w);
}

/* ---- for a command ----------------------------------------------------------------------------
 */

static bool take_decision(struct agent_config *c, struct source_config *s, const char *state_path)
{
    struct decisions d;
    int fd = open(state_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool taken = false;

    if (fd < 0)
        return false;
    read_decisions(&d, fd);
    taken = take(c, s, find_decision(&d, s));
    release_decisions(&d);
    close(fd);
    return taken;
}

bool auto_format_of_paths(struct agent_config *c, struct source_config *s, const char *state_path,
                          char *const *paths, size_t n)
{
    struct detection d;
    bool taken = take_decision(c, s, state_path);

    for (size_t i = 0; i < n && !taken; i++) {
        struct discovery found = {0};
        if (strcmp(paths[i], "-") != 0)
            discover_path(paths[i], &found);
        for (size_t k = 0; k < found.n && k < MAX_FILES && !taken; k++)
            taken = look_into(found.files[k].path, NULL, &d) == 1 && d.fits &&
                    take(c, s, str_of(d.spec));
        discovery_release(&found);
    }
    return taken;
}
