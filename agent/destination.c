/* destination.c - one destination's state, its token, and the sites that token may write; see
 * uplink.h. */
#include "agent/uplink_singles.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PAUSE_POLL_MS 4000 /* a mended token is noticed within five seconds */
#define UNKNOWN_POLL_S 1.0 /* nothing can be read until the sites are known */
#define SITES_POLL_S 300.0 /* new sites, and parked batches, when all is well */
#define PARKED_POLL_S 4.0  /* has the token's list of sites changed? */
#define PROBE_MS 60000     /* while it is unwell: is it another server by now? */
#define BACKOFF_BASE_MS 500
#define BACKOFF_CAP_MS 30000
#define COMPLAIN_MS 60000
#define STATUS_EVERY_MS 1000
#define FIRST_ANSWER_MS 10000 /* so long the first reading waits for every destination */

void destination_complain(struct destination *d, const char *event, const struct http_answer *a,
                          const char *why)
{
    const char *detail = a && a->error ? a->error : "";
    struct str body = a && !a->error ? str_trim(a->body) : STR_NONE;
    if (body.n > 120)
        body.n = 120;
    snprintf(d->last_error, sizeof(d->last_error), "%s", *detail ? detail : why);
    if (!log_limit_pass(&d->complaint, uplink_clock_ms(), COMPLAIN_MS))
        return;
    log_event(LOG_WARN, event,
              "destination=%s url=%s status=%ld why=\"%s\" detail=\"%s%.*s\" held_back=%llu",
              d->config->name.p, d->base_url, a ? a->status : 0L, why, detail, STR_ARGS(body),
              (unsigned long long)d->complaint.held);
}

/* ---- states -----------------------------------------------------------------------------------
 */

static int64_t backoff(struct destination *d)
{
    unsigned shift = d->failures < 6 ? d->failures : 6;
    int64_t cap = (int64_t)BACKOFF_BASE_MS << shift;
    d->failures++;
    return 50 + (int64_t)arc4random_uniform(
                    (uint32_t)(cap < BACKOFF_CAP_MS ? cap : BACKOFF_CAP_MS)); /* full jitter */
}

void destination_set_state(struct destination *d, enum destination_state state, int64_t wait_ms)
{
    struct ev_loop *loop = d->uplink->o.loop;
    enum destination_state before = d->state;
    d->state = state;
    ev_timer_stop(loop, &d->timer);
    if (state == DESTINATION_READY) {
        if (before != DESTINATION_READY && d->complaint.next_ms)
            log_event(LOG_INFO, "destination_ready", "destination=%s url=%s", d->config->name.p,
                      d->base_url);
        d->complaint = (struct log_limit){0};
        return;
    }
    if (state == DESTINATION_PAUSED)
        wait_ms = PAUSE_POLL_MS;
    else if (wait_ms < 0)
        wait_ms = backoff(d);
    ev_timer_set(&d->timer, (double)wait_ms / 1000.0, 0.0);
    ev_timer_start(loop, &d->timer);
}

static bool probe_is_due(const struct destination *d)
{
    bool unwell = d->doubtful || d->state != DESTINATION_READY;
    return d->config->protocol == PROTOCOL_AUTO &&
           (d->protocol == PROTOCOL_AUTO ||
            (unwell && uplink_clock_ms() - d->probed_ms > PROBE_MS));
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct destination *d = timer->data;
    destination_read_token(d);
    if (d->state == DESTINATION_PAUSED) {
        destination_ask(d);
        return;
    }
    d->state = DESTINATION_READY; /* a try; what comes back tells */
    if (probe_is_due(d))
        destination_probe(d);
    if (d->doubtful && (!d->first || d->protocol == PROTOCOL_HITKEEP))
        destination_ask_sites(d); /* nothing is there, or may go yet, to try it with */
    destination_pump(d);
    d->uplink->o.on_change(d->uplink->o.context);
}

/* ---- token ------------------------------------------------------------------------------------
 */

void destination_read_token(struct destination *d)
{
    struct buf token, why;
    if (!str_is_set(d->config->token_file))
        return;
    buf_init(&token, 1024);
    buf_init(&why, 8192);
    if (token_file_read(d->config->token_file.p, &token, &why)) {
        buf_reset(&d->token);
        buf_put_str(&d->token, buf_str(&token));
    } else if (log_limit_pass(&d->token_complaint, uplink_clock_ms(), COMPLAIN_MS)) {
        log_event(LOG_WARN, "token_unreadable", "destination=%s %.*s", d->config->name.p,
                  STR_ARGS(buf_str(&why)));
    }
    if (token.p)
        explicit_bzero(token.p, token.cap);
    buf_release(&token);
    buf_release(&why);
}

/* ---- what the server is told of us ------------------------------------------------------------
 */

/* Made at most once a second: it goes over all files and all that waits. */
const char *destination_status(struct destination *d)
{
    const struct uplink_options *o = &d->uplink->o;
    int64_t now = uplink_clock_ms();
    struct uplink_ledger l;
    if (!o->lag_ms)
        return NULL;
    if (d->status[0] && now - d->status_ms < STATUS_EVERY_MS)
        return d->status;
    uplink_read_ledger(d->uplink, d->index, &l);
    int64_t lag = o->lag_ms(o->context);
    d->status_ms = now;
    snprintf(d->status, sizeof(d->status),
             "node=%.*s version=" LOGFERRY_VERSION " lag_ms=%" PRId64 " waiting=%" PRIu64,
             STR_ARGS(o->config->node), lag > l.oldest_ms ? lag : l.oldest_ms,
             l.in_memory + l.spooled + l.parked);
    return d->status;
}

/* ---- sites ------------------------------------------------------------------------------------
 */

static bool has_parked(const struct destination *d)
{
    for (const struct parcel *p = d->uplink->parcels; p; p = p->next)
        if (p->shelf == SHELF_PARKED && (p->pending & d->bit))
            return true;
    return false;
}

void destination_unpark(struct destination *d)
{
    d->n_closed = 0;
    for (struct parcel *p = d->uplink->parcels; p; p = p->next) {
        if (p->shelf != SHELF_PARKED || !(p->pending & d->bit) || p->queued)
            continue;
        p->queued = !destination_enqueue(d, p, false);
    }
    destination_pump(d);
}

/* Known sites only grow: one that leaves the token's list is refused by the server, and parked. */
static bool learn(struct destination *d, struct str body, const char **why)
{
    struct uplink *u = d->uplink;
    struct sites *s = u->sites ? sites_copy(u->sites) : sites_new();
    int n = s ? sites_add_answer(s, body, d->bit, why) : -1;
    if (n < 0) {
        sites_unref(s);
        return false;
    }
    if (n == 0 && log_limit_pass(&d->sites_complaint, uplink_clock_ms(), COMPLAIN_MS))
        log_event(LOG_WARN, "no_sites",
                  "destination=%s why=\"the token may write no site\" mend=\"%s\"",
                  d->config->name.p,
                  d->protocol == PROTOCOL_BATCH
                      ? "logferry-server client grant, with the role ingest"
                      : "under API clients, give the token the role admin for its sites");
    d->sites_known = d->sites_known || n > 0;
    d->sites_told = true;
    if (sites_count(s) == 0) {
        sites_unref(s);
        uplink_assume_sites(u);
        return true;
    }
    uplink_publish(u, s);
    return true;
}

void uplink_publish(struct uplink *u, struct sites *s)
{
    unsigned withheld = 0;
    for (size_t i = 0; i < u->n_destinations; i++)
        if (!(destination_sends(&u->destinations[i]) & SEND_PAGEVIEW))
            withheld |= u->destinations[i].bit;
    sites_withhold_pageviews(s, withheld);
    sites_unref(u->sites);
    u->sites = s;
    uplink_assume_sites(u);
}

void uplink_withhold(struct uplink *u)
{
    struct sites *s = u->sites ? sites_copy(u->sites) : NULL;
    if (s) /* else it is refused at the destination */
        uplink_publish(u, s);
}

/* A destination that has never answered does not keep the others waiting, and loses nothing: it
 * gets what they get, and what it does not want it refuses, which parks it. */
void uplink_assume_sites(struct uplink *u)
{
    unsigned untold = 0;
    for (size_t i = 0; i < u->n_destinations; i++)
        if (!u->destinations[i].sites_told)
            untold |= u->destinations[i].bit;
    sites_unref(u->assumed);
    u->assumed = NULL;
    if (!untold || !u->sites || u->o.config->n_sites ||
        uplink_clock_ms() - u->begun_ms < FIRST_ANSWER_MS)
        return;
    u->assumed = sites_copy(u->sites);
    if (u->assumed)
        sites_add_everywhere(u->assumed, untold);
}

struct cache_task {
    struct task task;
    struct uplink *uplink;
    const struct write_points *points;
    char name[128];
    struct buf text;
};

static void run_write_cache(struct task *task, unsigned worker)
{
    struct cache_task *t = (struct cache_task *)task;
    int rc =
        state_write_file(t->uplink->o.state_fd, t->name, buf_str(&t->text), STR_NONE, t->points);
    if (rc) /* a convenience for a start without the server */
        log_event(LOG_DEBUG, "sites_not_cached", "file=%s why=\"%s\"", t->name, strerror(rc));
}

static void on_cache_written(struct task *task)
{
    struct cache_task *t = (struct cache_task *)task;
    struct uplink *u = t->uplink;
    u->tasks--;
    buf_release(&t->text);
    free(t);
    u->o.on_change(u->o.context); /* somebody may be waiting for the last task */
}

void destination_keep(struct destination *d, const char *name, struct buf *text,
                      const struct write_points *points)
{
    struct uplink *u = d->uplink;
    /* Only where we live on: a backfill asks anew, and whoever stops may end before it is done. */
    struct cache_task *t = u->o.spool && !u->quiet ? calloc(1, sizeof(*t)) : NULL;
    if (!t) {
        buf_release(text);
        return;
    }
    t->task = (struct task){.run = run_write_cache, .done = on_cache_written};
    t->uplink = u;
    t->points = points;
    t->text = *text;
    snprintf(t->name, sizeof(t->name), "%s", name);
    u->tasks++;
    pool_submit(u->o.pool, &t->task, false);
}

/* All hosts ever learnt, so that a site which is closed to the token is still known after a
 * restart: its lines are parked then, and not skipped. */
static void write_cache(struct destination *d)
{
    static const struct write_points points = {
        "sites.before_write", "sites.after_open",   "sites.write",     "sites.after_write",
        "sites.after_fsync",  "sites.after_rename", "sites.after_sync"};
    char name[128];
    struct buf text;
    if (!d->uplink->sites)
        return;
    snprintf(name, sizeof(name), "sites.%s.json", d->config->name.p);
    buf_init(&text, HTTP_ANSWER_MAX);
    sites_write_answer(d->uplink->sites, d->bit, &text);
    destination_keep(d, name, &text, &points);
}

static void read_cache(struct destination *d)
{
    char name[128];
    const char *why;
    struct buf body;
    snprintf(name, sizeof(name), "sites.%s.json", d->config->name.p);
    buf_init(&body, HTTP_ANSWER_MAX);
    if (!state_read_file(d->uplink->o.state_fd, name, &body))
        learn(d, buf_str(&body), &why);
    buf_release(&body);
}

void destination_plan_next(struct destination *d)
{
    struct ev_loop *loop = d->uplink->o.loop;
    bool unknown = d->protocol == PROTOCOL_AUTO ||
                   (!d->sites_known && !d->uplink->o.config->n_sites) ||
                   (d->protocol == PROTOCOL_HITKEEP && !d->ids);
    double after = unknown ? UNKNOWN_POLL_S : has_parked(d) ? PARKED_POLL_S : SITES_POLL_S;
    ev_timer_stop(loop, &d->sites_timer);
    ev_timer_set(&d->sites_timer, after, 0.0);
    ev_timer_start(loop, &d->sites_timer);
}

/* Which id each site has: part of a HitKeep's requests. */
static bool learn_ids(struct destination *d, struct str body, const char **why)
{
    struct sites *ids = sites_with_ids(body, why);
    if (!ids)
        return false;
    sites_unref(d->ids);
    d->ids = ids;
    return true;
}

static void sites_arrived(struct destination *d, struct str body)
{
    const char *why = "";
    bool good = learn_ids(d, body, &why);
    if (good)
        destination_confirm_protocol(d);
    if (!good && d->protocol == PROTOCOL_AUTO)
        destination_complain(d, "destination_unwell", NULL, why);
    if (d->protocol == PROTOCOL_AUTO)
        return; /* asked for anew when that is decided */
    uint64_t hash = hash_64(body, 0);
    bool changed = hash != d->sites_hash;
    d->sites_hash = hash;
    if (changed && !d->uplink->o.config->n_sites) {
        if (learn(d, body, &why))
            write_cache(d);
        else
            destination_complain(d, "destination_unwell", NULL, why);
    }
    if ((!d->first && !d->n_flying) || d->protocol == PROTOCOL_HITKEEP)
        d->doubtful = d->no_spool = false;
    if (d->state == DESTINATION_PAUSED)
        destination_set_state(d, DESTINATION_READY, 0);
    if (changed || d->patience-- == 0) {
        d->patience = (unsigned)(SITES_POLL_S / PARKED_POLL_S);
        destination_unpark(d);
    }
}

static void on_sites(void *context, const struct http_answer *a)
{
    struct destination *d = context;
    struct uplink *u = d->uplink;
    const char *why = "";
    d->asking = NULL;
    switch (answer_sites(a, &why)) {
    case ANSWER_ACCEPTED:
        sites_arrived(d, a->body);
        break;
    case ANSWER_PAUSE:
        destination_complain(d, "destination_paused", a, why);
        destination_set_state(d, DESTINATION_PAUSED, -1);
        uplink_spill_all(u);
        break;
    default:
        destination_complain(d, "destination_unwell", a, why);
        if (d->state == DESTINATION_PAUSED)
            destination_set_state(d, DESTINATION_PAUSED, -1);
        else if (d->state == DESTINATION_READY && d->doubtful && !d->first && !d->n_flying)
            destination_set_state(d, DESTINATION_WAITING, a->retry_after_ms);
        break;
    }
    destination_plan_next(d);
    destination_pump(d);
    u->o.on_change(u->o.context);
}

void destination_ask_sites(struct destination *d)
{
    struct http_request r = {
        .base = d->base_url,
        .path = "/api/sites",
        .token = buf_cstr(&d->token),
        .proxy = d->proxy,
        .ca_file = d->ca_file,
        .status = d->protocol == PROTOCOL_BATCH ? destination_status(d) : NULL,
        .on_answer = on_sites,
        .context = d,
    };
    bool open = d->protocol == PROTOCOL_AUTO && !d->candidate; /* the protocol comes first */
    if (d->asking || open || d->uplink->stopping)
        return;
    d->asking = http_start(d->uplink->http, &r);
    if (!d->asking)
        destination_plan_next(d);
}

void destination_ask(struct destination *d)
{
    if (probe_is_due(d))
        destination_probe(d); /* and then, while it is open, the sites */
    destination_ask_sites(d);
}

static void on_sites_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct destination *d = timer->data;
    destination_read_token(d);
    destination_ask(d);
}

/* ---- life -------------------------------------------------------------------------------------
 */

/* The configuration's own sites; the token's list is then only asked to see changes. */
static int configured_sites(struct uplink *u)
{
    const struct agent_config *c = u->o.config;
    if (!c->n_sites || u->sites)
        return 0;
    struct sites *s = sites_of_config(c);
    if (s)
        uplink_publish(u, s);
    return s ? 0 : -1;
}

static char *copy_text(struct str s)
{
    return str_is_set(s) ? strndup(s.p, s.n) : NULL;
}

int destination_init(struct destination *d, struct uplink *u, unsigned index, struct buf *why)
{
    const struct destination_config *c = &u->o.config->destinations[index];
    d->uplink = u;
    d->config = c;
    d->index = index;
    d->bit = 1u << index;
    d->last = &d->first;
    d->base_url = copy_text(c->url);
    d->proxy = copy_text(c->proxy);
    d->ca_file = copy_text(c->ca_file);
    buf_init(&d->token, 1024);
    buf_put_str(&d->token, str_is_set(c->token) ? c->token : STR(""));
    ev_timer_init(&d->timer, on_timer, 0.0, 0.0);
    ev_timer_init(&d->sites_timer, on_sites_timer, 0.0, 0.0);
    d->timer.data = d->sites_timer.data = d;
    singles_init(d);
    d->protocol = c->protocol;
    if (d->protocol == PROTOCOL_AUTO)
        destination_recall_protocol(d);
    if (!d->base_url || configured_sites(u)) {
        buf_printf(why, "out of memory");
        return -1;
    }
    if (!u->o.config->n_sites)
        read_cache(d);
    return 0;
}

void destination_start(struct destination *d)
{
    destination_read_token(d);
    if (d->config->protocol == PROTOCOL_AUTO)
        destination_probe(d);
    destination_ask_sites(d);
    destination_pump(d);
}

void destination_release(struct destination *d)
{
    struct errand *next;
    if (!d->uplink)
        return;
    ev_timer_stop(d->uplink->o.loop, &d->timer);
    ev_timer_stop(d->uplink->o.loop, &d->sites_timer);
    singles_release(d);
    for (unsigned i = 0; i < MAX_FLYING; i++)
        free(d->flying[i]);
    for (struct errand *e = d->first; e; e = next) {
        next = e->next;
        free(e);
    }
    if (d->token.p)
        explicit_bzero(d->token.p, d->token.cap);
    buf_release(&d->token);
    free(d->base_url);
    free(d->proxy);
    free(d->ca_file);
}
