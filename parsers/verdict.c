/*
 * verdict.c - see verdict.h. Rules in their order: what is no request or not wanted at all; AI
 * agents; other robots; scanners; the answer's method and status; what was asked for. Paths and
 * types: resource.c.
 */
#include "parsers/verdict.h"

#include "parsers/resource.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define S(literal)                                                                                 \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

/* A hit on its way through the rules. */
struct matter {
    const struct judge_rules *rules;
    const struct hit *hit;
    const struct ua_entry *ua;
    struct asked asked;
    struct verdict *out;
};

/* Decides for a skip; true, so that a rule can end with it. */
static bool skip(struct matter *m, enum reason reason, const char *rule, const char *key)
{
    m->out->kind = VERDICT_SKIP;
    m->out->reason = reason;
    m->out->rule = rule;
    m->out->key = key;
    return true;
}

static bool set_holds(struct str_set set, struct str s)
{
    for (size_t i = 0; i < set.n; i++)
        if (set.items[i].n == s.n && str_eq(set.items[i], s))
            return true;
    return false;
}

static bool holds_nocase(struct str s, struct str part)
{
    for (size_t i = 0; i + part.n <= s.n; i++)
        if (str_eq_nocase(str_slice(s, i, i + part.n), part))
            return true;
    return false;
}

/* ---- no request, not wanted ---------------------------------------------------------------- */

static bool is_excluded_address(const struct judge_rules *r, struct str client_ip)
{
    unsigned char address[16];

    if (r->n_exclude_ip == 0 || !address_parse(client_ip, address))
        return false;
    for (size_t i = 0; i < r->n_exclude_ip; i++)
        if (cidr_holds(&r->exclude_ip[i], address))
            return true;
    return false;
}

static bool judge_excluded(struct matter *m)
{
    const struct judge_rules *r = m->rules;

    if (is_excluded_address(r, m->hit->client_ip))
        return skip(m, REASON_EXCLUDED, "client address is excluded", "exclude.ip");
    for (size_t i = 0; i < r->exclude_path.n; i++)
        if (resource_below(m->asked.path, r->exclude_path.items[i]))
            return skip(m, REASON_EXCLUDED, "path is excluded", "exclude.path");
    for (size_t i = 0; i < r->exclude_user_agent.n; i++)
        if (holds_nocase(m->hit->user_agent, r->exclude_user_agent.items[i]))
            return skip(m, REASON_EXCLUDED, "user agent is excluded", "exclude.user_agent");
    if (m->ua->kind == UA_BOT && str_eq(m->hit->user_agent, STR("Amazon CloudFront")))
        return skip(m, REASON_DUPLICATE_CDN,
                    "fetched by CloudFront, whose own log has the visitor's request", NULL);
    return false;
}

/* ---- AI agents ----------------------------------------------------------------------------- */

/* The content type tells what was fetched only if the answer was the thing asked for: a missing
 * image is answered with a page about it. */
static enum ai_class ai_class_of(const struct asked *a, const struct hit *hit)
{
    bool success = (hit->status >= 200 && hit->status < 300) || hit->status == 304;

    if (resource_is_policy(a))
        return AI_POLICY;
    enum resource r = success ? resource_by_type(hit->content_type) : RESOURCE_UNKNOWN;
    if (r == RESOURCE_UNKNOWN)
        r = resource_by_path(a);
    return r == RESOURCE_ASSET ? AI_ASSET : AI_DOCUMENT;
}

static bool judge_ai(struct matter *m)
{
    const struct hit *hit = m->hit;

    if (m->ua->kind != UA_AI)
        return false;
    if (!str_eq(hit->method, STR("GET")) && !str_eq(hit->method, STR("HEAD")))
        return skip(m, REASON_METHOD, "method of an AI agent is neither GET nor HEAD", NULL);
    if (hit->status < 100 || hit->status > 599)
        return skip(m, REASON_STATUS, "no HTTP status was answered", NULL);
    if (m->out->ai_class == AI_ASSET)
        return skip(m, REASON_NOT_SENT, "asset fetched by an AI agent: counted, not sent", NULL);
    m->out->kind = VERDICT_AI_FETCH;
    m->out->rule = "user agent is an AI agent of the catalogue";
    return true;
}

/* ---- robots and scanners ------------------------------------------------------------------- */

static bool is_health_check(struct str ua)
{
    static const struct str heads[] = {S("kube-probe"),
                                       S("ELB-HealthChecker"),
                                       S("GoogleHC"),
                                       S("GoogleStackdriverMonitoring-UptimeChecks"),
                                       S("Amazon-Route53-Health-Check-Service"),
                                       S("Envoy/HC"),
                                       S("Consul Health Check"),
                                       S("clb-healthcheck"),
                                       S("ApplicationHealthService"),
                                       S("Edge Health Probe"),
                                       S("Load Balancer Agent"),
                                       S("AlwaysOn"),
                                       S("HAProxy")};
    static const struct str words[] = {S("healthcheck"), S("health-check"), S("health check")};

    for (size_t i = 0; i < COUNT(heads); i++)
        if (str_starts_nocase(ua, heads[i]))
            return true;
    for (size_t i = 0; i < COUNT(words); i++)
        if (holds_nocase(ua, words[i]))
            return true;
    return false;
}

static bool judge_robot(struct matter *m)
{
    if (m->ua->kind == UA_BOT) {
        struct str ua = str_trim(m->hit->user_agent);
        if (ua.n == 0 || str_eq(ua, STR("-")))
            return skip(m, REASON_NO_USER_AGENT, "no user agent was sent", NULL);
        if (is_health_check(ua))
            return skip(m, REASON_HEALTH_CHECK, "user agent is a health check's", NULL);
        return skip(m, REASON_BOT, "user agent is a robot's", NULL);
    }
    if (resource_is_probe(&m->asked, m->hit->status))
        return skip(m, REASON_PROBE, "path that only scanners ask for", NULL);
    return false;
}

/* ---- the answer ---------------------------------------------------------------------------- */

static bool is_allowed_status(const struct judge_rules *r, int status)
{
    for (size_t i = 0; i < r->n_statuses; i++)
        if (r->statuses[i] == status)
            return true;
    return false;
}

static bool judge_answer(struct matter *m)
{
    const struct hit *hit = m->hit;

    if (!set_holds(m->rules->methods, hit->method))
        return skip(m, REASON_METHOD, "method is not one of a page's", "pages.methods");
    if (!is_allowed_status(m->rules, hit->status)) {
        if (hit->status >= 300 && hit->status < 400)
            return skip(m, REASON_REDIRECT, "status is a redirect", "pages.statuses");
        if (hit->status < 100)
            return skip(m, REASON_STATUS, "no HTTP status was answered", NULL);
        return skip(m, REASON_STATUS, "status is not one of a page's", "pages.statuses");
    }
    if (str_eq_nocase(hit->cdn_result, STR("Redirect")))
        return skip(m, REASON_REDIRECT, "the CDN redirected, from http to https", NULL);
    return false;
}

/* ---- what was asked for -------------------------------------------------------------------- */

/* `text` is the rest of the query from a parameter's beginning. */
static bool begins_with(struct str text, struct str name)
{
    return text.n >= name.n && name.n > 0 && text.p[0] == name.p[0] && str_starts(text, name) &&
           (text.n == name.n || text.p[name.n] == '=' || text.p[name.n] == '&');
}

static bool has_parameter(struct str query, struct str_set names)
{
    for (struct str rest = query; rest.n > 0;) {
        for (size_t i = 0; i < names.n; i++)
            if (begins_with(rest, names.items[i]))
                return true;
        ptrdiff_t next = str_chr(rest, '&', 0);
        if (next < 0)
            return false;
        rest = str_slice(rest, (size_t)next + 1, rest.n);
    }
    return false;
}

/* Does one of the words stand in s, not as a part of a longer one? */
static bool holds_word(struct str s, const struct str *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t at = 0; at + words[i].n <= s.n; at++)
            if (str_starts_nocase(str_slice(s, at, s.n), words[i]) &&
                (at == 0 || !ascii_alnum(s.p[at - 1])) &&
                (at + words[i].n == s.n || !ascii_alnum(s.p[at + words[i].n])))
                return true;
    return false;
}

/* What a prefix of pages.not_pages keeps out, by its words. */
static enum reason prefix_reason(struct str prefix)
{
    static const struct str apis[] = {S("api"),  S("graphql"), S("json"),
                                      S("ajax"), S("rpc"),     S("xmlrpc")};
    static const struct str feeds[] = {S("feed"), S("feeds"), S("rss"), S("atom")};

    if (holds_word(prefix, apis, COUNT(apis)))
        return REASON_API;
    return holds_word(prefix, feeds, COUNT(feeds)) ? REASON_FEED : REASON_NOT_PAGE;
}

static bool judge_path(struct matter *m)
{
    if (m->hit->query.n > 0 && has_parameter(m->hit->query, m->rules->drop_query))
        return skip(m, REASON_NOT_PAGE, "query has a parameter that no page has",
                    "pages.drop_query");
    if (resource_is_policy(&m->asked))
        return skip(m, REASON_NOT_PAGE, "file for machines: robots.txt, sitemap, /.well-known/",
                    NULL);
    if (resource_is_furniture(&m->asked))
        return skip(m, REASON_NOT_PAGE, "file that browsers ask for by themselves", NULL);
    return false;
}

static bool judge_prefix(struct matter *m)
{
    for (size_t i = 0; i < m->rules->not_pages.n; i++) {
        struct str prefix = m->rules->not_pages.items[i];
        if (resource_below(m->asked.path, prefix))
            return skip(m, prefix_reason(prefix), "path is below one that holds no pages",
                        "pages.not_pages");
    }
    return false;
}

struct outcome {
    enum reason reason;
    const char *by_type, *by_path;
};

/* By enum resource. */
static const struct outcome outcomes[] = {
    [RESOURCE_ASSET] = {REASON_ASSET, "content type is an asset's",
                        "path ends in a known static extension"},
    [RESOURCE_DOWNLOAD] = {REASON_DOWNLOAD, "content type is a download's",
                           "path ends in the extension of a download"},
    [RESOURCE_FEED] = {REASON_FEED, "content type is a feed's", "path is a feed's"},
    [RESOURCE_API] = {REASON_API, "content type is data, not a page",
                      "path ends in the extension of data"},
    [RESOURCE_OTHER] = {REASON_NOT_PAGE, "content type is not HTML",
                        "path ends in an extension that is not a page's"},
};

static bool judge_resource(struct matter *m)
{
    enum resource type = resource_by_type(m->hit->content_type);
    enum resource found = type != RESOURCE_UNKNOWN ? type : resource_by_path(&m->asked);

    /* An asset below /assets/ is an asset, whatever pages.not_pages says. */
    if (found != RESOURCE_ASSET && judge_prefix(m))
        return true;
    if (found != RESOURCE_PAGE) {
        const struct outcome *o = &outcomes[found];
        return skip(m, o->reason, type != RESOURCE_UNKNOWN ? o->by_type : o->by_path, NULL);
    }
    m->out->kind = VERDICT_PAGEVIEW;
    m->out->rule = type != RESOURCE_UNKNOWN ? "content type is HTML" : "path is a page's";
    return true;
}

void judge(const struct judge_rules *r, const struct hit *hit, const struct ua_entry *ua,
           struct verdict *out)
{
    char scratch[RESOURCE_PATH_MAX];
    struct matter m = {.rules = r, .hit = hit, .ua = ua, .out = out};

    *out = (struct verdict){.ua_kind = ua->kind, .agent = ua->agent};
    if (hit->bad_request_line || hit->method.n == 0 || hit->path.n == 0) {
        skip(&m, REASON_NO_REQUEST, "no method and path can be read from the request", NULL);
        return;
    }
    resource_look(hit->path, scratch, &m.asked);
    if (ua->kind == UA_AI)
        out->ai_class = ai_class_of(&m.asked, hit);
    if (judge_excluded(&m) || judge_ai(&m) || judge_robot(&m) || judge_answer(&m) || judge_path(&m))
        return;
    judge_resource(&m);
}

/* ---- defaults, names ----------------------------------------------------------------------- */

void judge_rules_defaults(struct judge_rules *r)
{
    static const struct str methods[] = {S("GET")};
    static const int statuses[] = {200, 203, 206, 304};
    static const struct str drop_query[] = {S("_rsc"), S("_data"), S("preview")};
    static const struct str not_pages[] = {S("/.well-known/"),
                                           S("/api/"),
                                           S("/graphql"),
                                           S("/wp-json/"),
                                           S("/wp-admin/admin-ajax.php"),
                                           S("/xmlrpc.php"),
                                           S("/cdn-cgi/"),
                                           S("/_next/"),
                                           S("/_nuxt/"),
                                           S("/assets/"),
                                           S("/static/"),
                                           S("/feed")};

    *r = (struct judge_rules){.methods = {methods, COUNT(methods)},
                              .statuses = statuses,
                              .n_statuses = COUNT(statuses),
                              .not_pages = {not_pages, COUNT(not_pages)},
                              .drop_query = {drop_query, COUNT(drop_query)}};
}

const char *reason_name(enum reason reason)
{
    static const char *const names[REASON_COUNT] = {
        [REASON_NONE] = "",
        [REASON_ASSET] = "asset",
        [REASON_NOT_PAGE] = "not_page",
        [REASON_API] = "api",
        [REASON_FEED] = "feed",
        [REASON_DOWNLOAD] = "download",
        [REASON_METHOD] = "method",
        [REASON_STATUS] = "status",
        [REASON_REDIRECT] = "redirect",
        [REASON_BOT] = "bot",
        [REASON_PREFETCH] = "prefetch",
        [REASON_PROBE] = "probe",
        [REASON_HEALTH_CHECK] = "health_check",
        [REASON_INTERNAL] = "internal",
        [REASON_UNKNOWN_SITE] = "unknown_site",
        [REASON_NO_HOST] = "no_host",
        [REASON_NO_USER_AGENT] = "no_user_agent",
        [REASON_NO_REQUEST] = "no_request",
        [REASON_EXCLUDED] = "excluded",
        [REASON_DUPLICATE_CDN] = "duplicate_cdn",
        [REASON_NOT_SENT] = "not_sent",
        [REASON_OUT_OF_WINDOW] = "out_of_window",
        [REASON_UNPARSABLE] = "unparsable",
        [REASON_TOO_LONG] = "too_long",
        [REASON_DIRECTIVE] = "directive",
    };
    return names[reason];
}

const char *ai_class_name(enum ai_class c)
{
    static const char *const names[] = {"document", "policy", "asset"};
    return names[c];
}
