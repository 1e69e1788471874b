/*
 * verdict.c - see verdict.h. Rules in their order: what is no request or not wanted at all; AI
 * agents; other robots; scanners; the answer's method and status; what was asked for. Paths:
 * path_facts.c; types: resource.c. What holds where the configuration is silent: judge_defaults.c.
 */
#include "parsers/verdict.h"

#include "parsers/path_facts.h"
#include "parsers/query.h"
#include "parsers/resource.h"
#include "parsers/rules.h"

#define S(literal) STR_INIT(literal)

/* A hit on its way through the rules. */
struct matter {
    const struct judge_rules *rules;
    const struct hit *hit;
    const struct ua_entry *ua;
    const struct path_facts *path;
    struct verdict *out;
};

/* True, so that a rule can end with it. */
static bool decide(struct matter *m, enum rule_id rule)
{
    rule_decide(m->out, rule);
    return true;
}

static bool set_holds(struct str_set set, struct str s)
{
    for (size_t i = 0; i < set.n; i++)
        if (set.items[i].n == s.n && str_eq(set.items[i], s))
            return true;
    return false;
}

static bool set_holds_nocase(struct str_set set, struct str s)
{
    for (size_t i = 0; i < set.n; i++)
        if (set.items[i].n == s.n && str_eq_nocase(set.items[i], s))
            return true;
    return false;
}

static void index_list(struct judge_rules *r, struct str_set prefixes, enum path_list list)
{
    for (size_t i = 0; i < prefixes.n; i++) {
        struct str prefix = prefixes.items[i];
        resource_index_add(&r->index, prefix.n > 0 ? str_slice(prefix, 1, prefix.n) : prefix, list);
    }
}

void judge_rules_index(struct judge_rules *r)
{
    resource_index_init(&r->index);
    for (size_t i = 0; i < r->extensions.n; i++)
        resource_index_pages(&r->index, r->extensions.items[i]);
    index_list(r, r->not_pages, LIST_NOT_PAGES);
    index_list(r, r->editors, LIST_EDITORS);
    index_list(r, r->health_checks, LIST_HEALTH);
    index_list(r, r->always, LIST_ALWAYS);
    index_list(r, r->exclude_path, LIST_EXCLUDE);
}

/* ---- no request, not wanted ---------------------------------------------------------------- */

/* Cloudflare logs also what its Workers, caches and checks ask for (ClientRequestSource, or true
 * for WorkerSubrequest): the visitor's own request is another line. */
static bool is_of_cdn(struct str result)
{
    static const struct str names[] = {S("edgeWorkerFetch"), S("edgeWorkerCacheAPI"),
                                       S("edgeWorkerKV"),    S("imageResizing"),
                                       S("earlyHintsCache"), S("purge"),
                                       S("alwaysOnline"),    S("healthcheck"),
                                       S("sslDetector"),     S("true")};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_eq(result, names[i]))
            return true;
    return false;
}

/* Apache wakes its own children with a request; "OPTIONS *" asks a server how it is. */
static bool judge_request(struct matter *m)
{
    const struct hit *hit = m->hit;

    if (str_starts(hit->user_agent, STR("Apache")) &&
        str_ends(hit->user_agent, STR("(internal dummy connection)")))
        return decide(m, RULE_DUMMY_CONNECTION);
    if (hit->cdn_result.n > 0 && is_of_cdn(hit->cdn_result))
        return decide(m, RULE_CDN_OWN);
    if (!hit->bad_request_line && hit->path.n > 0)
        return false;
    if (hit->path.n == 0 && str_eq(hit->method, STR("OPTIONS")))
        return decide(m, RULE_OPTIONS_STAR);
    return decide(m, RULE_NO_REQUEST);
}

/* Some logs have no column for it (bunny.net's, one's own): then it is taken for a GET. */
static struct str method_of(const struct hit *hit)
{
    return hit->method.n > 0 ? hit->method : STR("GET");
}

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
        return decide(m, RULE_EXCLUDED_IP);
    if (m->path->is & PATH_EXCLUDED)
        return decide(m, RULE_EXCLUDED_PATH);
    for (size_t i = 0; i < r->exclude_user_agent.n; i++)
        if (str_holds_nocase(m->hit->user_agent, r->exclude_user_agent.items[i]))
            return decide(m, RULE_EXCLUDED_USER_AGENT);
    if (m->ua->kind == UA_BOT && str_eq(m->hit->user_agent, STR("Amazon CloudFront")))
        return decide(m, RULE_CLOUDFRONT_FETCH);
    return false;
}

/* ---- AI agents ----------------------------------------------------------------------------- */

static bool is_success(int status)
{
    return (status >= 200 && status < 300) || status == 304;
}

/* The content type tells what was fetched only if the answer was the thing asked for: a missing
 * image is answered with a page about it. */
static enum ai_class ai_class_of(const struct path_facts *path, const struct hit *hit)
{
    if (path->is & PATH_POLICY)
        return AI_POLICY;
    enum resource r =
        is_success(hit->status) ? resource_by_type(hit->content_type) : RESOURCE_UNKNOWN;
    if ((path->is & PATH_SITEMAP) && r != RESOURCE_PAGE)
        return AI_POLICY;
    if (r == RESOURCE_UNKNOWN)
        r = path->is & PATH_FEED ? RESOURCE_FEED : (enum resource)path->extension;
    return r == RESOURCE_ASSET ? AI_ASSET : AI_DOCUMENT;
}

static bool judge_ai(struct matter *m)
{
    const struct hit *hit = m->hit;

    if (m->ua->kind != UA_AI)
        return false;
    if (!str_eq(method_of(hit), STR("GET")) && !str_eq(method_of(hit), STR("HEAD")))
        return decide(m, RULE_AI_METHOD);
    if (hit->status < 100 || hit->status > 599)
        return decide(m, RULE_AI_NO_STATUS);
    if (m->out->ai_class == AI_ASSET)
        return decide(m, RULE_AI_ASSET);
    return decide(m, RULE_AI_FETCH);
}

/* ---- robots and scanners ------------------------------------------------------------------- */

static bool judge_robot(struct matter *m)
{
    if (m->ua->kind == UA_BOT) {
        struct str ua = str_trim(m->hit->user_agent);
        if (ua.n == 0 || str_eq(ua, STR("-")))
            return decide(m, RULE_NO_USER_AGENT);
        if (m->ua->health_check)
            return decide(m, RULE_HEALTH_CHECK_AGENT);
        return decide(m, RULE_ROBOT);
    }
    return false;
}

static bool judge_probe(struct matter *m)
{
    const struct hit *hit = m->hit;

    if (m->path->is & PATH_ALWAYS)
        return false;
    if ((m->path->is & PATH_PROBE) || ((m->path->is & PATH_CGI) && !is_success(hit->status)) ||
        ((m->path->is & PATH_BARE_PROBE) && hit->query.n == 0))
        return decide(m, RULE_PROBE_PATH);
    if (hit->query.n > 0 && resource_is_attack(hit->query))
        return decide(m, RULE_PROBE_QUERY);
    if (m->ua->has_lookup || resource_has_lookup(hit->referrer))
        return decide(m, RULE_PROBE_LOOKUP);
    return false;
}

/* "prefetch", "prefetch;prerender", "prefetch;anonymous-client-ip"; Safari's "preview". */
static bool judge_prefetch(struct matter *m)
{
    static const struct str words[] = {S("prefetch"), S("prerender"), S("preview")};

    if (m->hit->purpose.n == 0 || m->rules->count_prefetch)
        return false;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_holds_nocase(m->hit->purpose, words[i]))
            return decide(m, RULE_PREFETCH);
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

/* "0", "bytes=0-99", "bytes 0-99/1000" begin at the beginning; "100", "bytes=-500" do not. */
static bool begins_inside(struct str range)
{
    size_t at = 0;

    if (str_starts_nocase(range, STR("bytes")))
        range = str_slice(range, 6 < range.n ? 6 : range.n, range.n);
    range = str_trim(range);
    if (range.n > 0 && range.p[0] == '-')
        return range.n > 1;
    while (at < range.n && range.p[at] == '0')
        at++;
    return at < range.n && range.p[at] >= '1' && range.p[at] <= '9';
}

static bool judge_answer(struct matter *m)
{
    const struct hit *hit = m->hit;

    if (!set_holds(m->rules->methods, method_of(hit)))
        return decide(m, RULE_METHOD);
    if (!is_allowed_status(m->rules, hit->status)) {
        if (hit->status >= 300 && hit->status < 400)
            return decide(m, RULE_REDIRECT);
        if (hit->status < 100)
            return decide(m, RULE_NO_STATUS);
        return decide(m, RULE_STATUS);
    }
    if (hit->status == 206 && begins_inside(hit->range))
        return decide(m, RULE_LATER_PART);
    if (str_eq_nocase(hit->cdn_result, STR("Redirect")))
        return decide(m, RULE_CDN_REDIRECT);
    return false;
}

/* ---- what was asked for -------------------------------------------------------------------- */

/* `name` is as it stands in the query; `rule` is "name" or "name=value". */
static bool is_parameter(const struct query_param *p, struct str name, struct str rule)
{
    ptrdiff_t equals = str_chr(rule, '=', 0);

    if (equals < 0)
        return str_eq(name, rule);
    return str_eq(name, str_slice(rule, 0, (size_t)equals)) &&
           str_eq_nocase(p->value, str_slice(rule, (size_t)equals + 1, rule.n));
}

static bool has_parameter(struct str query, struct str_set rules)
{
    char scratch[QUERY_TEXT_MAX];
    struct query_param p;

    for (struct str rest = query; query_next(&rest, false, &p);) {
        struct str name = p.name;
        if (name.n == 0)
            continue;
        if (str_chr(name, '%', 0) >= 0)
            name = query_decode(name, scratch);
        for (size_t i = 0; i < rules.n; i++)
            if (rules.items[i].p[0] == name.p[0] && is_parameter(&p, name, rules.items[i]))
                return true;
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
static enum rule_id prefix_rule(struct str prefix)
{
    static const struct str apis[] = {S("api"),   S("jsonapi"), S("graphql"), S("json"), S("ajax"),
                                      S("rpc"),   S("xmlrpc"),  S("jsonrpc"), S("trpc"), S("rpc2"),
                                      S("twirp"), S("odata"),   S("rest"),    S("gql")};
    static const struct str feeds[] = {S("feed"), S("feeds"), S("rss"), S("atom")};

    if (holds_word(prefix, apis, COUNT_OF(apis)))
        return RULE_BELOW_API;
    return holds_word(prefix, feeds, COUNT_OF(feeds)) ? RULE_BELOW_FEED : RULE_BELOW_OTHER;
}

static bool judge_prefix(struct matter *m)
{
    size_t below = m->path->below;

    return below > 0 && decide(m, prefix_rule(m->rules->not_pages.items[below - 1]));
}

/* What holds for every content type. */
static bool judge_path(struct matter *m)
{
    if (m->hit->query.n > 0 && has_parameter(m->hit->query, m->rules->drop_query))
        return decide(m, RULE_DROP_QUERY);
    if (m->path->is & PATH_POLICY)
        return decide(m, RULE_POLICY);
    if (m->path->is & PATH_FURNITURE)
        return decide(m, RULE_FURNITURE);
    if ((m->path->is & PATH_DATA) ||
        (m->hit->query.n > 0 &&
         (resource_is_script_query(m->hit->query) || resource_is_section_query(m->hit->query))))
        return decide(m, RULE_FRAMEWORK_DATA);
    if (m->path->is & PATH_EDITORS)
        return judge_prefix(m) || decide(m, RULE_EDITORS);
    if (m->hit->disposition.n > 0 && resource_is_attachment(m->hit->disposition))
        return decide(m, RULE_ATTACHMENT);
    return false;
}

/* By enum resource. */
static const struct {
    enum rule_id by_type, by_path;
} outcomes[] = {
    [RESOURCE_ASSET] = {RULE_TYPE_ASSET, RULE_PATH_ASSET},
    [RESOURCE_DOWNLOAD] = {RULE_TYPE_DOWNLOAD, RULE_PATH_DOWNLOAD},
    [RESOURCE_FEED] = {RULE_TYPE_FEED, RULE_PATH_FEED},
    [RESOURCE_API] = {RULE_TYPE_DATA, RULE_PATH_DATA},
    [RESOURCE_OTHER] = {RULE_TYPE_OTHER, RULE_PATH_OTHER},
};

static enum resource page_or_other(bool is_page, enum resource found)
{
    if (is_page)
        return RESOURCE_PAGE;
    return found == RESOURCE_PAGE ? RESOURCE_OTHER : found;
}

static enum resource by_type(const struct matter *m)
{
    enum resource found = resource_by_type(m->hit->content_type);

    if (found == RESOURCE_UNKNOWN)
        return found;
    struct str bare = resource_bare_type(m->hit->content_type);
    return page_or_other(set_holds_nocase(m->rules->types, bare), found);
}

static enum resource by_path(const struct matter *m)
{
    if (m->path->is & PATH_FEED)
        return RESOURCE_FEED;
    if (m->path->extension == RESOURCE_UNKNOWN)
        return RESOURCE_PAGE;
    return page_or_other(m->path->is & PATH_PAGES, (enum resource)m->path->extension);
}

static bool judge_outcome(struct matter *m, enum resource found, bool typed)
{
    return decide(m, typed ? outcomes[found].by_type : outcomes[found].by_path);
}

static bool judge_program(struct matter *m, bool html)
{
    struct str query = m->hit->query;
    enum resource found = (enum resource)m->path->program[html][query.n > 0];

    if (!html && (m->path->is & PATH_GRAPHQL) && resource_is_graphql_query(query))
        found = RESOURCE_API;
    if (found == RESOURCE_UNKNOWN)
        return false;
    return decide(m, found == RESOURCE_API ? RULE_PROGRAM_API : RULE_PROGRAM_OTHER);
}

/* By what the path says, when there is no content type or one that says nothing. Lists of paths
 * come after the extension of an asset: an asset below /assets/ is an asset. */
static bool judge_untyped(struct matter *m, enum resource type)
{
    enum resource found = by_path(m);

    if (found == RESOURCE_ASSET)
        return judge_outcome(m, found, false);
    if (m->path->is & PATH_HEALTH_CHECK)
        return decide(m, RULE_HEALTH_CHECK_PATH);
    if (judge_prefix(m))
        return true;
    if (found == RESOURCE_PAGE && judge_program(m, false))
        return true;
    if (found == RESOURCE_PAGE && resource_is_feed_query(m->hit->query))
        return decide(m, RULE_FEED_QUERY);
    if (found == RESOURCE_PAGE && resource_is_download_query(m->hit->query))
        return decide(m, RULE_DOWNLOAD_QUERY);
    if (found != RESOURCE_PAGE)
        return judge_outcome(m, found, false);
    if (type != RESOURCE_UNKNOWN)
        return judge_outcome(m, type, true);
    return decide(m, RULE_PATH_PAGE);
}

static bool judge_resource(struct matter *m)
{
    enum resource type = by_type(m);

    if (type == RESOURCE_PAGE)
        return judge_program(m, true) || decide(m, RULE_TYPE_PAGE);
    if (type == RESOURCE_UNKNOWN || resource_type_is_vague(m->hit->content_type))
        return judge_untyped(m, type);
    return judge_outcome(m, type, true);
}

void judge_with(const struct judge_rules *r, const struct hit *hit, const struct path_facts *path,
                const struct ua_entry *ua, struct verdict *out)
{
    struct matter m = {.rules = r, .hit = hit, .ua = ua, .path = path, .out = out};

    *out = (struct verdict){.ua_kind = ua->kind, .agent = ua->agent};
    if (judge_request(&m))
        return;
    if (ua->kind == UA_AI)
        out->ai_class = ai_class_of(path, hit);
    if (judge_excluded(&m) || judge_ai(&m) || judge_robot(&m) || judge_probe(&m) ||
        judge_prefetch(&m) || judge_answer(&m))
        return;
    if (path->is & PATH_ALWAYS)
        decide(&m, RULE_ALWAYS);
    else if (!judge_path(&m))
        judge_resource(&m);
}

void judge(const struct judge_rules *r, const struct hit *hit, const struct ua_entry *ua,
           struct verdict *out)
{
    struct path_facts path;

    path_facts_of(r, hit->path, &path);
    judge_with(r, hit, &path, ua, out);
}

/* ---- names ------------------------------------------------------------------------------------
 */

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
        [REASON_PARTIAL] = "partial",
    };
    return names[reason];
}

const char *ai_class_name(enum ai_class c)
{
    static const char *const names[] = {"document", "policy", "asset"};
    return names[c];
}
