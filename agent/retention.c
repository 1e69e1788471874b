/* retention.c - see retention.h. */
#include "agent/retention.h"

#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/answer.h"
#include "agent/sites.h"
#include "agent/terminal.h"
#include "parsers/base/time.h"

#define SHOWN_SITES 20u
#define MAX_KEPT 65536u

/* A site of a destination. */
struct kept {
    char *domain;
    int64_t days;   /* 0: for ever; -1: not told */
    int64_t cut_ms; /* older records are not kept */
    bool hitkeep;   /* it does not tell roles, as logferry-server does */
    uint64_t older; /* that were counted, and their first and last time */
    int64_t first_ms, last_ms;
};

struct asked {
    struct retention *owner;
    const struct destination_config *destination;
    struct sites *hosts; /* each with the number of its site as text */
    struct kept *v;
    size_t n;
    bool pending;
    char why[256]; /* empty: it was told */
};

struct retention {
    struct ev_loop *loop;
    struct http_client *http;
    ev_timer timer;
    int64_t today; /* day number */
    void (*on_told)(void *context);
    void *context;
    struct asked *v;
    size_t n, pending;
};

/* ---- asking -----------------------------------------------------------------------------------
 */

static bool take_site(void *context, const struct site_told *site)
{
    struct asked *a = context;
    char number[24];
    if (!site->may_write || site->n_names == 0 || a->n == MAX_KEPT)
        return true;
    struct kept *v = realloc(a->v, (a->n + 1) * sizeof(*v));
    if (!v)
        return false;
    a->v = v;
    v[a->n] = (struct kept){.domain = strndup(site->names[0].p, site->names[0].n),
                            .days = site->retention_days,
                            .cut_ms = site->retention_days > 0
                                          ? (a->owner->today - site->retention_days) * DAY_MS
                                          : INT64_MIN,
                            .hitkeep = !site->has_role};
    if (!v[a->n].domain)
        return false;
    snprintf(number, sizeof(number), "%zu", a->n++);
    for (size_t i = 0; i < site->n_names; i++)
        if (sites_add(a->hosts, site->names[i], str_of(number), 1))
            return false;
    return true;
}

/* Everybody has answered, or it is time: the timer says so. */
static void settle(struct retention *r)
{
    if (r->pending > 0)
        return;
    ev_timer_stop(r->loop, &r->timer);
    ev_timer_set(&r->timer, 0.0, 0.0);
    ev_timer_start(r->loop, &r->timer);
}

static void on_answer(void *context, const struct http_answer *answer)
{
    struct asked *a = context;
    const char *why = "";
    a->pending = false;
    a->owner->pending--;
    if (answer_sites(answer, &why) != ANSWER_ACCEPTED)
        snprintf(a->why, sizeof(a->why), "%s%s%s", why, answer->error ? ": " : "",
                 answer->error ? answer->error : "");
    else if (sites_each(answer->body, take_site, a, &why))
        snprintf(a->why, sizeof(a->why), "%s", why);
    settle(a->owner);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct retention *r = timer->data;
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].pending)
            snprintf(r->v[i].why, sizeof(r->v[i].why), "it does not answer");
    r->on_told(r->context);
}

static void ask(struct asked *a)
{
    const struct destination_config *d = a->destination;
    struct buf token, why;
    buf_init(&token, 1024);
    buf_init(&why, sizeof(a->why) - 1);
    bool good = destination_token(d, &token, &why);
    const struct http_request request = {.base = d->url.p,
                                         .path = "/api/sites",
                                         .token = buf_cstr(&token),
                                         .proxy = d->proxy.p,
                                         .ca_file = d->ca_file.p,
                                         .on_answer = on_answer,
                                         .context = a};
    a->pending = good && http_start(a->owner->http, &request);
    a->owner->pending += a->pending;
    if (!a->pending)
        snprintf(a->why, sizeof(a->why), "%.*s",
                 STR_ARGS(good ? STR("out of memory") : buf_str(&why)));
    if (token.p)
        explicit_bzero(token.p, token.cap);
    buf_release(&token);
    buf_release(&why);
}

struct retention *retention_ask(struct ev_loop *loop, const struct agent_config *config,
                                double seconds, void (*on_told)(void *context), void *context)
{
    struct retention *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->loop = loop;
    r->on_told = on_told;
    r->context = context;
    r->today = time_day((int64_t)time(NULL) * 1000);
    ev_timer_init(&r->timer, on_timer, seconds, 0.0);
    r->timer.data = r;
    r->http = http_client_new(loop);
    r->v = calloc(config->n_destinations + 1, sizeof(*r->v));
    for (; r->v && r->n < config->n_destinations; r->n++) {
        r->v[r->n] = (struct asked){.owner = r, .destination = &config->destinations[r->n]};
        if (!(r->v[r->n].hosts = sites_new()))
            break;
    }
    if (!r->http || !r->v || r->n < config->n_destinations) {
        retention_free(r);
        return NULL;
    }
    ev_timer_start(loop, &r->timer);
    for (size_t i = 0; i < r->n; i++)
        ask(&r->v[i]);
    settle(r);
    return r;
}

void retention_free(struct retention *r)
{
    if (!r)
        return;
    ev_timer_stop(r->loop, &r->timer);
    http_client_free(r->http);
    for (size_t i = 0; i < r->n; i++) {
        for (size_t k = 0; k < r->v[i].n; k++)
            free(r->v[i].v[k].domain);
        free(r->v[i].v);
        sites_unref(r->v[i].hosts);
    }
    free(r->v);
    free(r);
}

/* ---- telling ----------------------------------------------------------------------------------
 */

static struct kept *find(const struct asked *a, struct str host)
{
    uint64_t number;
    const struct site_route *route = sites_find(a->hosts, host_without_port(host));
    return route && str_to_u64(route->site, MAX_KEPT, &number) && number < a->n ? &a->v[number]
                                                                                : NULL;
}

void retention_count(struct retention *r, struct str host, unsigned to, int64_t time_ms)
{
    for (size_t i = 0; i < r->n; i++) {
        struct kept *k = to >> i & 1 ? find(&r->v[i], host) : NULL;
        if (!k || time_ms >= k->cut_ms)
            continue;
        if (k->older == 0 || time_ms < k->first_ms)
            k->first_ms = time_ms;
        if (k->older == 0 || time_ms > k->last_ms)
            k->last_ms = time_ms;
        k->older++;
    }
}

static void put_mend(const struct retention *r, const struct kept *k, struct buf *out)
{
    if (k->hitkeep) {
        buf_lit(out, "; keep them with a longer data retention in the site's settings there\n");
        return;
    }
    buf_lit(out, "; keep them with: logferry-server site set ");
    terminal_put_safe(out, str_of(k->domain), 256);
    if (k->older)
        buf_printf(out, " --retention %" PRId64 "d\n", r->today - time_day(k->first_ms) + 1);
    else
        buf_lit(out, " --retention forever\n");
}

static void put_older(const struct retention *r, const struct kept *k,
                      const struct retention_view *view, struct buf *out)
{
    if (view->counted && !k->older) {
        buf_lit(out, "; no record is older\n");
        return;
    }
    if (view->counted) {
        buf_printf(out, "; %" PRIu64 " record%s of ", k->older, k->older == 1 ? "" : "s");
        time_put_date(out, k->first_ms);
        buf_lit(out, " to ");
        time_put_date(out, k->last_ms);
        buf_lit(out, " would not be kept");
    } else {
        buf_lit(out, "; what is older than ");
        time_put_date(out, k->cut_ms);
        buf_lit(out, " is not kept");
    }
    put_mend(r, k, out);
}

static void put_site(const struct retention *r, const struct asked *a, const struct kept *k,
                     const struct retention_view *view, struct buf *out)
{
    buf_printf(out, "retention: %s: ", a->destination->name.p);
    terminal_put_safe(out, str_of(k->domain), 256);
    if (k->days < 0) {
        buf_lit(out, " does not tell how long it keeps records\n");
        return;
    }
    buf_printf(out, " keeps records for %" PRId64 " day%s", k->days, k->days == 1 ? "" : "s");
    if (view->since_ms >= k->cut_ms)
        buf_putc(out, '\n');
    else
        put_older(r, k, view, out);
}

static void put_destination(const struct retention *r, const struct asked *a,
                            const struct retention_view *view, struct buf *out)
{
    const struct kept *only = str_is_set(view->host) ? find(a, view->host) : NULL;
    size_t for_ever = 0, shown = 0;
    for (size_t i = 0; i < a->n; i++) {
        const struct kept *k = &a->v[i];
        if (only ? k != only : str_is_set(view->host))
            continue;
        for_ever += k->days == 0;
        if (k->days != 0 && shown++ < SHOWN_SITES)
            put_site(r, a, k, view, out);
    }
    if (shown > SHOWN_SITES)
        buf_printf(out, "retention: %s: and %zu more sites\n", a->destination->name.p,
                   shown - SHOWN_SITES);
    if (for_ever)
        buf_printf(out, "retention: %s: %zu site%s records for ever\n", a->destination->name.p,
                   for_ever, for_ever == 1 ? " keeps" : "s keep");
}

void retention_put(const struct retention *r, const struct retention_view *view, struct buf *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct asked *a = &r->v[i];
        if (a->why[0])
            buf_printf(out,
                       "retention: %s: not known, for it cannot be asked (%s); records that are "
                       "older than it keeps them are not kept\n",
                       a->destination->name.p, a->why);
        else
            put_destination(r, a, view, out);
    }
}
