/* digest.c - see digest.h. */
#include "agent/digest.h"

#include "parsers/path_facts.h"
#include "parsers/rules.h"

#define URL_MAX (4u << 20) /* a line of 256 KiB, each byte percent-encoded, for url and path */

int digest_init(struct digest *d, const struct catalogue *catalogue, const struct ranges *ranges)
{
    d->ranges = ranges;
    buf_init(&d->url, URL_MAX);
    buf_init(&d->sent, URL_MAX);
    d->agents = ua_cache_new(catalogue);
    d->paths = path_cache_new();
    return d->agents && d->paths ? 0 : -1;
}

void digest_release(struct digest *d)
{
    ua_cache_free(d->agents);
    text_cache_free(d->paths);
    buf_release(&d->url);
    buf_release(&d->sent);
    d->agents = NULL;
    d->paths = NULL;
}

/* Without a record, only an agent's address and a CDN's own log make use of it. */
static bool wants_edge(const struct digest_rules *rules, const struct verdict *v)
{
    return !rules->no_record || v->agent || rules->cdn_logs;
}

/* What came through a CDN is in the CDN's log too; if we read that one, it counts there. `peer` is
 * who connected to the web server. */
static void look_for_cdn(const struct digest_rules *rules, struct str peer, struct digested *out)
{
    unsigned char address[16];

    out->bare_peer = address_parse(peer, address);
    if (!out->bare_peer)
        return;
    out->edge = cdn_of(address);
    if (rules->cdn_logs >> out->edge & 1)
        rule_decide(&out->verdict, RULE_CDN_DUPLICATE);
}

/* Which destinations of the site want this kind. */
static unsigned wanted(const struct digest_rules *rules, const struct sites *sites, unsigned to,
                       enum verdict_kind kind)
{
    if (kind == VERDICT_PAGEVIEW)
        to &= ~sites_withheld(sites);
    unsigned want = 0, bit = kind == VERDICT_PAGEVIEW ? SEND_PAGEVIEW : SEND_AI_FETCH;
    for (size_t i = 0; i < rules->n_destinations; i++)
        if (rules->send[i] & bit)
            want |= 1u << i;
    return to & want;
}

/* The host decides the site, and the site where the record goes. */
static void route(const struct digest_rules *rules, const struct sites *sites, struct digested *out)
{
    struct str host = str_is_set(out->hit.host) ? out->hit.host : rules->default_host;
    struct verdict *v = &out->verdict;
    if (!str_is_set(host)) {
        rule_decide(v, RULE_NO_HOST);
        return;
    }
    if (rules->any_site)
        return;
    const struct site_route *site = sites_find(sites, host);
    if (!site) {
        rule_decide(v, RULE_UNKNOWN_SITE);
        return;
    }
    out->record.site = site->site;
    out->to = wanted(rules, sites, site->to, v->kind);
    if (!out->to)
        rule_decide(v, RULE_NOT_WANTED);
}

static void put_visitor(struct digest *d, const struct digest_rules *rules,
                        const struct digested *out, struct record *r)
{
    const struct hit *hit = &out->hit;
    if (rules->privacy->address == PRIVACY_ADDRESS_FULL && out->bare_peer &&
        rules->client->from == CLIENT_FROM_PEER)
        return; /* record_from_hit has put it there */
    struct str host = str_is_set(hit->host) ? hit->host : rules->default_host;

    r->visitor_ip = privacy_visitor_ip(rules->privacy, hit->client_ip, d->address);
    if (rules->privacy->address == PRIVACY_ADDRESS_NONE)
        r->session_id = visitor_session(hit, str_is_set(r->site) ? r->site : host, d->session);
}

/* The record, as `privacy` lets it go; the hit stays as the line has it. */
static void make_record(struct digest *d, const struct digest_rules *rules, struct digested *out)
{
    struct verdict *v = &out->verdict;
    struct record *r = &out->record;
    struct hit *hit = &out->hit;
    struct str site = r->site, path = hit->path, query = hit->query, referrer = hit->referrer;

    if (!privacy_apply(rules->privacy, hit, &d->sent))
        hit->path = STR_NONE; /* no memory: it cannot be made, and is not sent as it is */
    record_from_hit(r, hit, v, rules->default_host, rules->scheme, &d->url);
    hit->path = path;
    hit->query = query;
    hit->referrer = referrer;
    r->site = site;
    if (v->kind == VERDICT_PAGEVIEW)
        put_visitor(d, rules, out, r);
    if (v->kind == VERDICT_PAGEVIEW ? !str_is_set(r->url) : !str_is_set(r->path))
        rule_decide(v, RULE_BAD_HOST);
    if (v->kind == VERDICT_AI_FETCH)
        r->verified = str_of(verified_name(out->verified));
}

/* What make_record ends with, without the record. */
static void check_record(struct digest *d, const struct digest_rules *rules, struct digested *out)
{
    const struct hit *hit = &out->hit;
    if (hit->path.n == 0 || hit->path.p[0] != '/')
        make_record(d, rules, out); /* a mask may change that */
    else if (!record_is_complete(hit, &out->verdict, rules->default_host, rules->scheme))
        rule_decide(&out->verdict, RULE_BAD_HOST);
}

static enum rule_id directive_rule(const struct parser *parser)
{
    static const enum rule_id rules[] = {
        [DIRECTIVE_HEADER] = RULE_HEADER,
        [DIRECTIVE_MESSAGE] = RULE_MESSAGE,
        [DIRECTIVE_STDERR] = RULE_STANDARD_ERROR,
    };
    return rules[parser_directive(parser)];
}

/* What is known of the path and of the user agent is a look at memory away: both are fetched before
 * they are needed. */
static void judge_hit(struct digest *d, const struct digest_rules *rules, struct digested *out)
{
    struct hit *hit = &out->hit;
    struct verdict *v = &out->verdict;
    out->path_id = text_id_of(hit->path);
    path_cache_prefetch(d->paths, rules->judge, out->path_id);
    out->user_agent_id = text_id_of(hit->user_agent);
    ua_cache_prefetch(d->agents, out->user_agent_id);
    struct str peer = hit->client_ip = client_ip_plain(hit->client_ip);
    hit->client_ip = client_ip(rules->client, hit);
    const struct path_facts *path =
        path_cache_find(d->paths, rules->judge, hit->path, out->path_id);
    out->ua = ua_cache_find(d->agents, hit->user_agent, out->user_agent_id);
    judge_with(rules->judge, hit, path, out->ua, v);
    out->verified = v->agent && d->ranges
                        ? ranges_check(d->ranges, v->agent, hit->client_ip, hit->time_ms)
                        : VERIFIED_UNKNOWN;
    if (v->kind != VERDICT_SKIP && wants_edge(rules, v))
        look_for_cdn(rules, peer, out);
    if (out->edge != CDN_NONE && rules->client->from == CLIENT_FROM_PEER)
        out->verified = VERIFIED_UNKNOWN; /* the address is the CDN's, not the agent's */
}

void digest_line(struct digest *d, const struct digest_rules *rules, const struct sites *sites,
                 struct parser *parser, struct str line, struct digested *out)
{
    struct verdict *v = &out->verdict;
    out->to = 0;
    out->edge = CDN_NONE;
    out->bare_peer = false;
    out->record.site = STR_NONE;
    out->parsed = parser_line(parser, line, &out->hit);
    if (out->parsed != PARSE_OK) {
        *v = (struct verdict){0};
        if (out->parsed == PARSE_BAD)
            out->error = parser_error(parser, &out->column);
        rule_decide(v, out->parsed == PARSE_BAD ? RULE_UNPARSABLE : directive_rule(parser));
        return;
    }
    judge_hit(d, rules, out);
    if (v->kind != VERDICT_SKIP &&
        (out->hit.time_ms < rules->since_ms || out->hit.time_ms >= rules->until_ms))
        rule_decide(v, RULE_OUT_OF_WINDOW);
    if (v->kind != VERDICT_SKIP)
        route(rules, sites, out);
    if (v->kind == VERDICT_SKIP)
        return;
    if (rules->no_record)
        check_record(d, rules, out);
    else
        make_record(d, rules, out);
}
