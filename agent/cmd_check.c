/* cmd_check.c - is the configuration right, and does what it names work? */
#include "agent/answer.h"
#include "agent/commands.h"
#include "agent/discover.h"
#include "agent/sites.h"
#include "config/exit_codes.h"

#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CLOCK_SLACK_MS 60000

struct check {
    const struct agent_config *config;
    struct ev_loop *loop;
    struct http_client *http;
    int code; /* the first problem's */
};

static void problem(struct check *c, int code)
{
    if (!c->code)
        c->code = code;
}

/* ---- sources ----------------------------------------------------------------------------------
 */

static void check_source(struct check *c, const struct source_config *s)
{
    struct discovery found;
    size_t live = 0;
    if (discover_source(s, NULL, &found)) {
        problem(c, EXIT_INTERNAL);
        return;
    }
    for (size_t i = 0; i < found.n; i++) {
        const struct found_file *f = &found.files[i];
        live += f->live;
        if (f->refused) {
            printf("source %s: %s: %s; name the directory that it leads to under `symlinks`\n",
                   s->name.p, f->path, f->refused);
            problem(c, EXIT_PERMISSION);
        }
        if (!f->error)
            continue;
        printf("source %s: %s: %s; let the agent's user read it, e.g. usermod -aG adm logferry\n",
               s->name.p, f->path, strerror(f->error));
        problem(c, EXIT_PERMISSION);
    }
    if (found.n)
        printf("source %s: %zu live and %zu rotated files\n", s->name.p, live, found.n - live);
    else
        printf("source %s: nothing matches %s yet%s\n", s->name.p, s->files.p,
               s->optional ? "" : "; check the path, or set `optional: true`");
    discovery_release(&found);
}

/* ---- destinations -----------------------------------------------------------------------------
 */

struct probe {
    struct check *check;
    const struct destination_config *destination;
    enum protocol protocol; /* PROTOCOL_AUTO: nobody said */
    bool failed;
};

static void tell_clock(const struct destination_config *d, int64_t server_ms)
{
    int64_t off = server_ms < 0 ? 0 : (int64_t)time(NULL) * 1000 - server_ms;
    if (off > CLOCK_SLACK_MS || off < -CLOCK_SLACK_MS)
        printf("destination %s: this machine's clock is %" PRIi64
               " s off the server's; run timedatectl set-ntp true\n",
               d->name.p, off / 1000);
}

static void tell_protocol(const struct probe *p)
{
    const struct destination_config *d = p->destination;
    bool hitkeep = p->protocol == PROTOCOL_HITKEEP;
    unsigned send = hitkeep && !d->send_given ? SEND_AI_FETCH : d->send;
    printf("destination %s: %s%s; it is sent%s%s%s\n", d->name.p,
           hitkeep ? "a HitKeep, one record a request (protocol hitkeep)"
                   : "a logferry-server (protocol batch)",
           d->protocol == PROTOCOL_AUTO ? ", by its answers" : "",
           send & SEND_AI_FETCH ? " ai_fetch" : "",
           send == (SEND_AI_FETCH | SEND_PAGEVIEW) ? " and" : "",
           send & SEND_PAGEVIEW ? " pageview" : "");
    if (hitkeep && (send & SEND_AI_FETCH) && !d->send_late_ai_fetches)
        printf("destination %s: AI fetches older than an hour are held: it would file them under "
               "the day they come in (late_ai_fetch: send sends them all the same)\n",
               d->name.p);
}

static void tell_sites(struct probe *p, const struct http_answer *a)
{
    struct check *c = p->check;
    const struct destination_config *d = p->destination;
    const char *why = "";
    struct sites *s = sites_new();
    int n = s ? sites_add_answer(s, a->body, 1, &why) : -1;
    bool hitkeep = p->protocol == PROTOCOL_HITKEEP;
    const char *mend = hitkeep ? "under API clients, give it the role admin for its sites"
                               : "logferry-server client grant";
    if (n < 0) {
        printf("destination %s: %s\n", d->name.p, why);
        problem(c, EXIT_BAD_DATA);
    } else if (n == 0) {
        printf("destination %s: the token is good, but may write no site; on the server: %s\n",
               d->name.p, mend);
        problem(c, EXIT_PERMISSION);
    } else {
        tell_protocol(p);
        printf("destination %s: reachable, the token %s %d site%s\n", d->name.p,
               hitkeep ? "sees" : "may write", n, n == 1 ? "" : "s");
    }
    for (size_t i = 0; n > 0 && i < c->config->n_sites; i++)
        if (!sites_find(s, c->config->sites[i].site)) {
            printf("destination %s: the token may not write %s; on the server: %s\n", d->name.p,
                   c->config->sites[i].site.p, mend);
            problem(c, EXIT_PERMISSION);
        }
    sites_unref(s);
}

static void tell_failure(struct probe *p, enum answer_action action, const struct http_answer *a,
                         const char *why)
{
    printf("destination %s: %s: %s%s%s\n", p->destination->name.p, p->destination->url.p, why,
           a->error ? ": " : "", a->error ? a->error : "");
    problem(p->check, action == ANSWER_PAUSE ? EXIT_PERMISSION : EXIT_UNREACHABLE);
    p->failed = true;
}

static void on_answer(void *context, const struct http_answer *a)
{
    struct probe *p = context;
    const char *why = "";
    enum answer_action action = answer_sites(a, &why);
    ev_break(p->check->loop, EVBREAK_ALL);
    if (action == ANSWER_ACCEPTED) {
        tell_sites(p, a);
        tell_clock(p->destination, a->date_ms);
        return;
    }
    tell_failure(p, action, a, why);
}

static void on_capabilities(void *context, const struct http_answer *a)
{
    struct probe *p = context;
    const char *why = "";
    p->protocol = answer_capabilities(a, &why);
    ev_break(p->check->loop, EVBREAK_ALL);
    if (p->protocol == PROTOCOL_AUTO)
        tell_failure(p, answer_sites(a, &why), a, why);
}

static bool take_token(struct check *c, const struct destination_config *d, struct buf *token)
{
    struct buf why;
    buf_init(&why, 1024);
    bool good = destination_token(d, token, &why);
    if (!good) {
        printf("destination %s: %.*s\n", d->name.p, STR_ARGS(buf_str(&why)));
        problem(c, EXIT_PERMISSION);
    }
    buf_release(&why);
    return good;
}

static void ask(struct probe *p, struct buf *token, const char *path,
                void (*take)(void *, const struct http_answer *))
{
    struct check *c = p->check;
    const struct destination_config *d = p->destination;
    const struct http_request r = {.base = d->url.p,
                                   .path = path,
                                   .token = buf_cstr(token),
                                   .proxy = d->proxy.p,
                                   .ca_file = d->ca_file.p,
                                   .on_answer = take,
                                   .context = p};
    if (http_start(c->http, &r))
        ev_run(c->loop, 0);
    else
        problem(c, EXIT_INTERNAL);
}

static void check_destination(struct check *c, const struct destination_config *d)
{
    struct probe p = {.check = c, .destination = d, .protocol = d->protocol};
    struct buf token;
    buf_init(&token, 1024);
    if (take_token(c, d, &token)) {
        if (p.protocol == PROTOCOL_AUTO)
            ask(&p, &token, "/api/ingest/server/capabilities", on_capabilities);
        if (!p.failed)
            ask(&p, &token, "/api/sites", on_answer);
    }
    if (token.p)
        explicit_bzero(token.p, token.cap);
    buf_release(&token);
}

/* ---- the command ------------------------------------------------------------------------------
 */

static int print_defaults(void)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    agent_config_print_defaults(&out);
    bool good = !out.failed && fwrite(out.p, 1, out.n, stdout) == out.n;
    buf_release(&out);
    return good ? EXIT_OK : EXIT_CANNOT_WRITE;
}

int command_check(const struct options *o)
{
    struct check c = {0};
    struct buf error;
    if (o->print_defaults)
        return print_defaults();
    buf_init(&error, 64u << 10);
    struct agent_config *config = agent_config_load(o->config, &error);
    if (!config)
        fprintf(stderr, "%.*s\n", STR_ARGS(str_trim(buf_str(&error))));
    buf_release(&error);
    if (!config)
        return EXIT_BAD_CONFIG;
    c.config = config;
    printf("%s: good: %zu source%s, %zu destination%s\n", o->config, config->n_sources,
           config->n_sources == 1 ? "" : "s", config->n_destinations,
           config->n_destinations == 1 ? "" : "s");
    if (!o->offline) {
        c.loop = ev_default_loop(EVFLAG_AUTO);
        c.http = http_client_new(c.loop);
        for (size_t i = 0; i < config->n_sources; i++)
            check_source(&c, &config->sources[i]);
        for (size_t i = 0; c.http && i < config->n_destinations; i++)
            check_destination(&c, &config->destinations[i]);
        http_client_free(c.http);
        ev_loop_destroy(c.loop);
    }
    agent_config_free(config);
    return c.code;
}
