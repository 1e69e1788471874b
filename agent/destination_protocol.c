/*
 * destination_protocol.c - `protocol: auto`: what a server is, by its answers; see uplink.h.
 *
 * GET /api/ingest/server/capabilities, which writes nothing. Only our own answer makes it a
 * logferry-server. 404, 405, or a page instead of JSON make it a HitKeep, when GET /api/sites gives
 * a list of sites and the same is said once more: what was said before may have been a proxy's word
 * for a server that was not there yet. Everything else leaves it open. The decision is kept in the
 * state directory, for a start without the server; it is asked again at every start, and once a
 * minute while the destination is paused or does not answer, because another server may stand there
 * when it does.
 *
 * protocol.<destination>:     logferry-protocol 1 <batch|hitkeep> <url>
 * To change it: raise the number; what cannot be read counts as not decided.
 */
#include "agent/uplink_singles.h"

#include "agent/state_dir.h"

#include <stdio.h>

#define HEAD "logferry-protocol 1 "

static const char *name_of(enum protocol p)
{
    return p == PROTOCOL_HITKEEP ? "hitkeep" : "batch";
}

unsigned destination_sends(const struct destination *d)
{
    bool less = d->protocol == PROTOCOL_HITKEEP && !d->config->send_given;
    return less ? d->config->send & SEND_AI_FETCH : d->config->send;
}

/* ---- what is remembered ------------------------------------------------------------------------
 */

static void file_name(const struct destination *d, char *name, size_t size)
{
    snprintf(name, size, "protocol.%s", d->config->name.p);
}

void destination_recall_protocol(struct destination *d)
{
    char name[128];
    struct buf text;
    buf_init(&text, 8192);
    file_name(d, name, sizeof(name));
    struct str rest =
        state_read_file(d->uplink->o.state_fd, name, &text) ? STR("") : buf_str(&text);
    struct str line = str_cut(&rest, '\n');
    if (str_starts(line, STR(HEAD))) {
        line = str_slice(line, sizeof(HEAD) - 1, line.n);
        struct str word = str_cut(&line, ' ');
        if (!str_eq(line, d->config->url))
            word = STR(""); /* another server */
        for (enum protocol p = PROTOCOL_BATCH; p <= PROTOCOL_HITKEEP; p++)
            if (str_eq(word, str_of(name_of(p))))
                d->protocol = p;
    }
    buf_release(&text);
}

static void remember(struct destination *d)
{
    static const struct write_points points = {"protocol.before_write", "protocol.after_open",
                                               "protocol.write",        "protocol.after_write",
                                               "protocol.after_fsync",  "protocol.after_rename",
                                               "protocol.after_sync"};
    char name[128];
    struct buf text;
    file_name(d, name, sizeof(name));
    buf_init(&text, 8192);
    buf_printf(&text, HEAD "%s ", name_of(d->protocol));
    buf_put_str(&text, d->config->url);
    buf_putc(&text, '\n');
    destination_keep(d, name, &text, &points);
}

/* ---- deciding ---------------------------------------------------------------------------------
 */

static void decide(struct destination *d, enum protocol protocol)
{
    struct uplink *u = d->uplink;
    d->candidate = d->listed = false;
    if (d->protocol == protocol)
        return;
    d->protocol = protocol;
    unsigned sends = destination_sends(d);
    log_event(LOG_INFO, "protocol_decided", "destination=%s protocol=%s send=%s url=%s",
              d->config->name.p, name_of(protocol),
              sends == SEND_AI_FETCH   ? "ai_fetch"
              : sends == SEND_PAGEVIEW ? "pageview"
                                       : "both",
              d->base_url);
    remember(d);
    uplink_withhold(u);
    if (d->state == DESTINATION_WAITING)
        destination_set_state(d, DESTINATION_READY, 0);
    uplink_spill_all(u);
}

void destination_confirm_protocol(struct destination *d)
{
    if (!d->candidate || d->listed)
        return;
    d->listed = true;
    destination_probe(d);
}

/* Nothing can be said yet. */
static void stay(struct destination *d, const struct http_answer *a, const char *why)
{
    const char *ignored;
    d->doubtful = true;
    if (!a->error && answer_status(a->status, &ignored) == ANSWER_PAUSE) {
        destination_complain(d, "destination_paused", a, why);
        destination_set_state(d, DESTINATION_PAUSED, -1);
    } else {
        destination_complain(d, "destination_unwell", a, why);
        if (d->state == DESTINATION_READY)
            destination_set_state(d, DESTINATION_WAITING, a->retry_after_ms);
    }
    uplink_spill_all(d->uplink);
    destination_plan_next(d);
}

static void on_capabilities(void *context, const struct http_answer *a)
{
    struct destination *d = context;
    const char *why = "";
    enum protocol found = answer_capabilities(a, &why);
    bool was_open = d->protocol == PROTOCOL_AUTO;
    d->probing = NULL;
    if (found == PROTOCOL_BATCH || (found == PROTOCOL_HITKEEP && d->listed))
        decide(d, found);
    d->candidate = found == PROTOCOL_HITKEEP && d->protocol != PROTOCOL_HITKEEP;
    d->listed = false;
    if (found == PROTOCOL_AUTO && was_open)
        stay(d, a, why);
    else if (was_open || d->candidate)
        destination_ask_sites(d);
    destination_pump(d);
    d->uplink->o.on_change(d->uplink->o.context);
}

void destination_probe(struct destination *d)
{
    const struct http_request r = {
        .base = d->base_url,
        .path = "/api/ingest/server/capabilities",
        .token = buf_cstr(&d->token),
        .proxy = d->proxy,
        .ca_file = d->ca_file,
        .on_answer = on_capabilities,
        .context = d,
    };
    if (d->probing || d->uplink->stopping)
        return;
    d->probed_ms = uplink_clock_ms();
    d->probing = http_start(d->uplink->http, &r);
    if (!d->probing)
        destination_plan_next(d);
}
