/*
 * web_choice.c - which of the logs that a web server writes are to be read: those that a source can
 * have, and of several with the same requests one. See web_conf.h.
 *
 * Servers write different requests; what stands in one server is written for each of its requests,
 * conditions aside. A log may be one of several in one server and the only one of another.
 */
#include "config/web_conf_impl.h"

#include "config/agent_sections.h"
#include "parsers/format_template.h"

#include <stdlib.h>

/* ---- what a source can have -------------------------------------------------------------------
 */

static void refuse(struct web_walk *w, struct web_log *log, const char *before, struct str why)
{
    struct buf text;

    buf_init(&text, WEB_CONF_MAX_BYTES);
    buf_put_str(&text, str_of(before));
    buf_put_str(&text, why);
    log->problem = config_arena_str(w->arena, buf_str(&text)).p;
    buf_release(&text);
}

static void judge_format(struct web_walk *w, struct web_log *log)
{
    struct buf why;

    if (log->format.n > SOURCE_FORMAT_MAX_BYTES) {
        log->problem = "its format is too long";
        return;
    }
    buf_init(&why, 4096);
    struct format *f = format_new(log->format, NULL, &why);
    if (f)
        log->fields = format_template_fields(f);
    else
        refuse(w, log, "its lines make no record: ", buf_str(&why));
    format_free(f);
    buf_release(&why);
}

static void judge_log(struct web_walk *w, struct web_log *log)
{
    if (log->problem)
        return;
    const char *problem = str_is_set(log->files) ? source_files_problem(log->files) : "is too long";
    if (problem)
        refuse(w, log, "its path ", str_of(problem));
    else
        judge_format(w, log);
}

bool web_log_is_read(const struct web_log *log)
{
    return !log->problem && !log->same_as;
}

/* ---- which of several -------------------------------------------------------------------------
 */

/* How much a line tells, the rarest use last. */
static unsigned score_of(const struct web_log *log)
{
    static const struct {
        unsigned field, worth;
    } fields[] = {
        {HIT_BIT(USER_AGENT), 16}, {HIT_BIT(STATUS), 16},      {HIT_BIT(CLIENT_IP), 4},
        {HIT_BIT(REFERRER), 2},    {HIT_BIT(CONTENT_TYPE), 1},
    };
    bool host = log->fields & HIT_BIT(HOST) || str_find(log->files, STR("{host}"), 0) >= 0 ||
                log->n_hosts == 1;
    unsigned score = host ? 4 : 0;

    for (size_t i = 0; i < COUNT_OF(fields); i++)
        score += log->fields & fields[i].field ? fields[i].worth : 0;
    return score;
}

/* Is it enough to read v, of two logs of one server? Without a user agent nothing is told apart. */
static bool covers(const struct web_log_use *v, const struct web_log_use *u)
{
    unsigned agent_v = v->of->log->fields & HIT_BIT(USER_AGENT);
    unsigned agent_u = u->of->log->fields & HIT_BIT(USER_AGENT);

    if (agent_v != agent_u)
        return agent_v;
    return !str_is_set(v->condition) ||
           (str_is_set(u->condition) && str_eq(v->condition, u->condition));
}

typedef bool which_fn(const struct web_log_use *v, const struct web_log_use *u);

static bool any_covers(const struct web_log_use *v, const struct web_log_use *u)
{
    return covers(v, u);
}

static bool chosen_covers(const struct web_log_use *v, const struct web_log_use *u)
{
    return v->of->chosen && covers(v, u);
}

static bool is_chosen(const struct web_log_use *v, const struct web_log_use *u)
{
    return v->of->chosen;
}

/* Another log that the same server writes to, of which `which` holds; NULL. */
static const struct web_log *beside(const struct web_log_use *u, which_fn *which)
{
    for (const struct web_log_use *v = u->server->logs; v; v = v->next)
        if (v->of && v->of != u->of && !v->of->log->problem && which(v, u))
            return v->of->log;
    return NULL;
}

/* The same of the servers that write to it: of any of them, of each of them. */
static const struct web_log *beside_any(const struct web_candidate *c, which_fn *which)
{
    const struct web_log *found = NULL;

    for (const struct web_log_use *u = c->uses; u && !found; u = u->next_of_log)
        found = beside(u, which);
    return found;
}

static bool beside_each(const struct web_candidate *c, which_fn *which)
{
    for (const struct web_log_use *u = c->uses; u; u = u->next_of_log)
        if (!beside(u, which))
            return false;
    return true;
}

/* The one that tells most first, else as they were written. */
static int compare(const void *left, const void *right)
{
    const struct web_candidate *a = *(struct web_candidate *const *)left;
    const struct web_candidate *b = *(struct web_candidate *const *)right;

    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a < b ? -1 : a > b;
}

static size_t sort(struct web_walk *w, struct web_candidate **best)
{
    size_t n = 0;

    for (size_t i = 0; i < w->out->n; i++) {
        struct web_candidate *c = &w->candidates[i];
        judge_log(w, c->log);
        c->score = score_of(c->log);
        if (!c->log->problem)
            best[n++] = c;
    }
    qsort(best, n, sizeof(struct web_candidate *), compare);
    return n;
}

void web_choose(struct web_walk *w)
{
    struct web_candidate **best = config_arena_array(w->arena, w->out->n, sizeof(*best));

    if (!best)
        return;
    size_t n = sort(w, best);
    for (size_t i = 0; i < n; i++) /* what only it has */
        best[i]->chosen = !beside_each(best[i], any_covers);
    for (size_t i = 0; i < n; i++) /* what doubles nothing */
        best[i]->chosen = best[i]->chosen || !beside_any(best[i], chosen_covers);
    for (size_t i = 0; i < n; i++) /* what is still missing */
        best[i]->chosen = best[i]->chosen || !beside_each(best[i], chosen_covers);
    for (size_t i = 0; i < n; i++) {
        const struct web_log *other = beside_any(best[i], is_chosen);
        if (best[i]->chosen)
            best[i]->log->shares = other;
        else
            best[i]->log->same_as = beside_any(best[i], chosen_covers);
    }
}
