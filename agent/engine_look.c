/* engine_look.c - looking for files: every source, one task each; see engine.h. */
#include "agent/engine_impl.h"
#include "agent/timers.h"
#include "parsers/base/fault.h"

#include <malloc.h>
#include <stdlib.h>

/* ---- when -------------------------------------------------------------------------------------
 */

void engine_plan_look(struct engine *e, double after)
{
    if (e->stopping || !e->o.follow)
        return;
    timer_pull(e->o.loop, &e->look_timer, after);
}

void engine_look_soon(struct engine *e)
{
    double after = e->look_cost_s * LOOK_SHARE;
    engine_plan_look(e, after > LOOK_DELAY_S ? after : LOOK_DELAY_S);
    fault_point("look.planned");
}

double engine_look_every(const struct engine *e)
{
    double after = e->look_cost_s * POLL_SHARE;
    if (!e->polling && !e->starved)
        return LOOK_EVERY_S;
    return after > POLL_EVERY_S ? after : POLL_EVERY_S;
}

/* ---- one look ---------------------------------------------------------------------------------
 */

static void run_look(struct task *task, unsigned worker)
{
    struct looking *l = (struct looking *)task;
    const struct source_config *c = &l->engine->o.sources[l->source];
    double before = engine_cpu_s();
    qsort(l->files, l->known.n_files, sizeof(*l->files), discover_known_compare);
    qsort(l->claims, l->known.n_claims, sizeof(*l->claims), discover_claim_compare);
    l->known.files = l->files;
    l->known.claims = l->claims;
    l->rc = discover_source(c, &l->known, &l->found);
    if (!l->rc)
        l->rc = discover_directories(c, &l->directories, &l->n_directories);
    fault_point("look.listed");
    l->cost_s = engine_cpu_s() - before;
}

static void looking_free(struct looking *l)
{
    discovery_release(&l->found);
    for (size_t i = 0; i < l->n_directories; i++)
        free(l->directories[i].path);
    free(l->directories);
    free(l->files);
    free(l->claims);
    free(l);
}

static void tell_empty(struct engine *e, const struct looking *l)
{
    struct source *s = &e->sources[l->source];
    if (!l->found.n && !l->found.starved && !s->config->optional &&
        log_limit_pass(&s->empty, engine_mono_ms(), 3600000))
        log_event(LOG_WARN, "no_file",
                  "source=%s files=\"%s\" why=\"nothing matches yet; it is waited for\" "
                  "mend=\"check the path, or set `optional: true`\"",
                  s->config->name.p, s->config->files.p);
    if (l->found.capped && log_limit_pass(&s->capped, engine_mono_ms(), 3600000))
        log_event(LOG_WARN, "too_many_files",
                  "source=%s why=\"more than %u files match; the others are not read\" "
                  "mend=\"divide the source\"",
                  s->config->name.p, DISCOVER_MAX_FILES);
}

/* Followed files of the source that the look did not find. One that is open is read to its end; of
 * another there may be nothing left. */
static void miss(struct engine *e, size_t source)
{
    for (struct stream *s = TAILQ_FIRST(&e->streams); s; s = TAILQ_NEXT(s, all)) {
        if (s->source != &e->sources[source])
            continue;
        if (!s->seen && s->live) {
            s->live = false;
            s->quiet_since_ms = engine_mono_ms();
        }
        if (!s->seen && s->r.fd < 0)
            engine_make_ready(e, s);
        else if (s->seen && !s->live && !s->r.half)
            engine_close_idle(e, s); /* it lies there under its rotated name */
        s->seen = false;
    }
}

static void round_is_over(struct engine *e)
{
    for (size_t i = 0; i < e->o.n_sources && !e->looked && !e->starved; i++)
        engine_note_looked(e, e->sources[i].config);
    e->looked = true;
    engine_sweep(e);
    if (e->by_inode.n > TRIM_FILES)
        malloc_trim(0); /* the lists of a look are megabytes */
    if (e->look_again)
        engine_look_soon(e);
    engine_plan_look(e, engine_look_every(e));
    e->look_again = false;
}

static void on_looked(struct task *task)
{
    struct looking *l = (struct looking *)task;
    struct engine *e = l->engine;
    double before = engine_cpu_s();
    e->looks--;
    if (l->rc)
        abort(); /* out of memory for a list of files */
    /* What happened before the watch was there, nothing tells. */
    if (engine_watch_directories(e, l))
        e->look_again = true;
    e->starved = e->starved || l->found.starved;
    tell_empty(e, l);
    fault_point("files.looked");
    for (size_t i = 0; i < l->found.n; i++)
        engine_take_in(e, l->source, &l->found.files[i]);
    miss(e, l->source);
    e->look_cost_s += l->cost_s + engine_cpu_s() - before;
    looking_free(l);
    if (!e->looks)
        round_is_over(e);
    engine_go_on(e);
}

/* ---- what is known before it ------------------------------------------------------------------
 */

static void list_files(struct engine *e, struct looking *l)
{
    size_t n = 0;
    l->files = calloc(e->by_inode.n + e->passed_by_inode.n + 1, sizeof(*l->files));
    if (!l->files)
        abort(); /* some bytes a file; a restart looks again */
    for (struct stream *s = TAILQ_FIRST(&e->streams); s; s = TAILQ_NEXT(s, all))
        l->files[n++] = (struct known_file){.dev = s->dev, .ino = s->ino, .whatever = true};
    for (struct passed_file *p = TAILQ_FIRST(&e->passed); p; p = TAILQ_NEXT(p, link))
        if (!p->waits)
            l->files[n++] = p->file;
    l->known.n_files = n;
}

static void list_claims(struct engine *e, struct looking *l)
{
    size_t n = 0;
    l->claims = calloc(e->positions.n + 1, sizeof(*l->claims));
    if (!l->claims)
        abort(); /* as above */
    for (size_t i = 0; i < e->positions.n; i++) {
        const struct position *p = e->positions.v[i];
        /* What was taken is as good as safe here: it is not read again in this life. */
        const struct seam *seam = p->tip.at > p->seam.at ? &p->tip : &p->seam;
        uint64_t safe = positions_frontier(p);
        l->claims[n++] = (struct claim){.stream = p->stream,
                                        .key = p->key,
                                        .dev = p->dev,
                                        .ino = p->ino,
                                        .seam = *seam,
                                        .head = p->head,
                                        .safe = safe > seam->at ? safe : seam->at,
                                        .bound = p->bound};
    }
    l->known.n_claims = n;
}

void engine_look(struct engine *e)
{
    if (e->looks) {
        e->look_again = true;
        return;
    }
    e->looked_ms = e->looking_ms;
    e->looking_ms = engine_now_ms(e);
    e->look_cost_s = 0;
    e->hazy = e->starved = false;
    for (size_t i = 0; i < e->o.n_sources && !e->stopping; i++) {
        struct looking *l = calloc(1, sizeof(*l));
        if (!l)
            abort(); /* as above */
        l->task = (struct task){.run = run_look, .done = on_looked};
        l->engine = e;
        l->source = i;
        list_files(e, l);
        list_claims(e, l);
        e->looks++;
        pool_submit(e->pool, &l->task, true);
    }
}
