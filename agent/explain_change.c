/* explain_change.c - see explain_change.h. By the key that the rule names, or where that one cannot
 * be written or touches every path, by the lists behind it. */
#include "agent/explain_change.h"

#include "agent/detect_conf.h"
#include "config/values.h"
#include "parsers/base/utf8.h"
#include "parsers/resource.h"

#include <stdlib.h>

#define LOOKS 32 /* lines of one run whose format is looked for */

static const char below[] = "with all below it";
static const char all_paths[] = "a line for it would be for all paths";
static const char too_long[] = "the list is too long to be shown";

/* What is asked of one line. */
struct question {
    const struct offline *o;
    const struct digested *d;
    struct str text; /* of the line */
    struct str path; /* decoded, as the lists of paths are compared with it */
    char scratch[RESOURCE_PATH_MAX];
    struct explain_change *out;
};

/* ---- writing ----------------------------------------------------------------------------------
 */

/* May it stand in the configuration? libyaml takes all of this but byte order marks and U+FFFE. */
static bool is_writable(struct str s)
{
    for (size_t i = 0; i < s.n;) {
        struct str rest = str_slice(s, i, s.n);
        size_t n = utf8_printable(rest);
        if (n == 0 || str_starts(rest, STR("\xef\xbb\xbf")) ||
            str_starts(rest, STR("\xef\xbf\xbe")) || str_starts(rest, STR("\xef\xbf\xbf")))
            return false;
        i += n;
    }
    return s.n > 0;
}

/* "pages.always" and what stands in brackets: "pages: {always: [", then, at the end, "]}". */
static void begin_list(struct question *q, const char *key)
{
    ptrdiff_t dot = str_chr(str_of(key), '.', 0);

    q->out->key = key;
    buf_reset(&q->out->paste);
    buf_printf(&q->out->paste, "%.*s: {%s: [", (int)dot, key, key + dot + 1);
}

static void put_item(struct question *q, bool first, struct str item)
{
    if (!first)
        buf_lit(&q->out->paste, ", ");
    agent_config_put_text(&q->out->paste, item);
}

static bool end_list(struct question *q)
{
    buf_lit(&q->out->paste, "]}");
    return true;
}

/* ---- lists of texts ---------------------------------------------------------------------------
 */

enum list {
    ALWAYS,
    NOT_PAGES,
    EDITORS,
    HEALTH_CHECKS,
    DROP_QUERY,
    TYPES,
    EXTENSIONS,
    METHODS,
    EXCLUDE_PATH,
    EXCLUDE_USER_AGENT,
};

static const char *const list_keys[] = {
    [ALWAYS] = "pages.always",         [NOT_PAGES] = "pages.not_pages",
    [EDITORS] = "pages.editors",       [HEALTH_CHECKS] = "pages.health_checks",
    [DROP_QUERY] = "pages.drop_query", [TYPES] = "pages.types",
    [EXTENSIONS] = "pages.extensions", [METHODS] = "pages.methods",
    [EXCLUDE_PATH] = "exclude.path",   [EXCLUDE_USER_AGENT] = "exclude.user_agent",
};

static struct str_set *set_of(struct judge_rules *r, enum list list)
{
    struct str_set *const sets[] = {
        [ALWAYS] = &r->always,
        [NOT_PAGES] = &r->not_pages,
        [EDITORS] = &r->editors,
        [HEALTH_CHECKS] = &r->health_checks,
        [DROP_QUERY] = &r->drop_query,
        [TYPES] = &r->types,
        [EXTENSIONS] = &r->extensions,
        [METHODS] = &r->methods,
        [EXCLUDE_PATH] = &r->exclude_path,
        [EXCLUDE_USER_AGENT] = &r->exclude_user_agent,
    };
    return sets[list];
}

static struct verdict judged(const struct question *q, const struct judge_rules *rules)
{
    struct verdict v;

    judge(rules, &q->d->hit, q->d->ua, &v);
    return v;
}

static bool changes(const struct question *q, const struct judge_rules *rules)
{
    struct verdict v = judged(q, rules);

    return v.kind != q->d->verdict.kind || v.reason != q->d->verdict.reason;
}

/* The rules in force, with another list. The index only says where one may be looked for, so that
 * what went out of a list does no harm in it. */
static struct judge_rules with_set(const struct question *q, enum list list, struct str_set set)
{
    struct judge_rules rules = q->o->rules;

    *set_of(&rules, list) = set;
    return rules;
}

static bool try_set(struct question *q, enum list list, struct str_set set, struct str added)
{
    struct judge_rules rules = with_set(q, list, set);

    if (str_is_set(added) && (list == ALWAYS || list == EXCLUDE_PATH))
        resource_index_add(&rules.index, str_slice(added, 1, added.n),
                           list == ALWAYS ? LIST_ALWAYS : LIST_EXCLUDE);
    if (str_is_set(added) && list == EXTENSIONS)
        resource_index_pages(&rules.index, added);
    if (!changes(q, &rules))
        return false;
    begin_list(q, list_keys[list]);
    for (size_t i = 0; i < set.n; i++)
        put_item(q, i == 0, set.items[i]);
    return end_list(q);
}

static bool try_items(struct question *q, enum list list, struct str_set kept, struct str added)
{
    struct str *items = calloc(kept.n + 1, sizeof(*items));

    if (!items)
        return false;
    if (kept.n > 0)
        memcpy(items, kept.items, kept.n * sizeof(*items));
    items[kept.n] = added;
    bool good = try_set(q, list, (struct str_set){items, kept.n + str_is_set(added)}, added);
    free(items);
    return good;
}

static bool add_to(struct question *q, enum list list, struct str item)
{
    struct judge_rules rules = q->o->rules;

    return is_writable(item) && try_items(q, list, *set_of(&rules, list), item);
}

/* Would the list of this item alone decide as the whole does? */
static bool decides(const struct question *q, enum list list, const struct str *item)
{
    struct judge_rules rules = with_set(q, list, (struct str_set){item, 1});
    struct verdict v = judged(q, &rules);

    return v.rule == q->d->verdict.rule && v.reason == q->d->verdict.reason;
}

/* Without what decides. */
static bool take_from(struct question *q, enum list list)
{
    struct judge_rules rules = q->o->rules;
    struct str_set all = *set_of(&rules, list), kept = {NULL, 0};
    struct str *items = all.n > 0 ? calloc(all.n, sizeof(*items)) : NULL;

    if (!items)
        return false;
    for (size_t i = 0; i < all.n; i++)
        if (!decides(q, list, &all.items[i]))
            items[kept.n++] = all.items[i];
    kept.items = items;
    bool good = kept.n < all.n && try_set(q, list, kept, STR_NONE);
    free(items);
    return good;
}

/* ---- pages ------------------------------------------------------------------------------------
 */

/* All is below "/". */
static bool is_root(struct str path)
{
    return path.n < 2;
}

static bool add_path(struct question *q, enum list list)
{
    if (is_root(q->path) || !add_to(q, list, q->path))
        return false;
    q->out->note = below;
    return true;
}

static bool add_type(struct question *q)
{
    struct str type = resource_bare_type(q->d->hit.content_type);

    return str_is_set(type) && value_content_type(type) && add_to(q, TYPES, type);
}

static bool add_extension(struct question *q)
{
    struct str name = str_slice(q->path, (size_t)(str_rchr(q->path, '/') + 1), q->path.n);
    size_t n = str_until(name, ';', ';');
    ptrdiff_t dot = str_rchr(str_slice(name, 0, n), '.');
    struct str extension = dot < 0 ? STR_NONE : str_slice(name, (size_t)dot + 1, n);

    return str_is_set(extension) && value_extension(extension) && add_to(q, EXTENSIONS, extension);
}

/* The path alone; where that is the top of the site, or no text for a file, a list behind it. */
static bool count_page(struct question *q)
{
    if (add_path(q, ALWAYS) || add_type(q) || add_extension(q) || take_from(q, DROP_QUERY) ||
        take_from(q, NOT_PAGES) || take_from(q, EDITORS) || take_from(q, HEALTH_CHECKS))
        return true;
    q->out->note = is_root(q->path) ? all_paths : NULL;
    return true;
}

static bool add_method(struct question *q)
{
    return value_method(q->d->hit.method) && add_to(q, METHODS, q->d->hit.method);
}

static bool add_status(struct question *q)
{
    struct judge_rules rules = q->o->rules;
    size_t n = rules.n_statuses;
    int status = q->d->hit.status, *statuses = calloc(n + 1, sizeof(*statuses));
    bool good = false;

    if (statuses && status >= 100 && status <= 599) {
        if (n > 0)
            memcpy(statuses, rules.statuses, n * sizeof(*statuses));
        statuses[n] = status;
        rules.statuses = statuses;
        rules.n_statuses = n + 1;
        good = changes(q, &rules);
    }
    if (good) {
        begin_list(q, "pages.statuses");
        for (size_t i = 0; i <= n; i++)
            buf_printf(&q->out->paste, "%s%d", i > 0 ? ", " : "", statuses[i]);
        end_list(q);
    }
    free(statuses);
    return good;
}

static bool count_prefetch(struct question *q)
{
    buf_lit(&q->out->paste, "pages: {prefetch: count}");
    return true;
}

/* ---- exclude ----------------------------------------------------------------------------------
 */

/* The networks in force, without those that hold the address, or with it. */
static bool put_networks(struct question *q, bool add)
{
    const struct judge_rules *r = &q->o->rules;
    struct str address = q->d->hit.client_ip;
    struct cidr own;
    struct buf network;
    bool first = true;

    if (!cidr_parse(address, &own))
        return false;
    buf_init(&network, 64);
    begin_list(q, "exclude.ip");
    for (size_t i = 0; i < r->n_exclude_ip; i++) {
        if (!add && cidr_contains(&r->exclude_ip[i], address))
            continue;
        buf_reset(&network);
        cidr_put(&network, &r->exclude_ip[i]);
        struct str text = buf_str(&network);
        if (r->exclude_ip[i].bits == 128)
            text.n = str_until(text, '/', '/');
        put_item(q, first, text);
        first = false;
    }
    if (add)
        put_item(q, first, address);
    buf_release(&network);
    return end_list(q);
}

static bool exclude_address(struct question *q)
{
    if (!put_networks(q, true))
        return false;
    q->out->note = "this client alone";
    return true;
}

static bool change_addresses(struct question *q)
{
    return put_networks(q, false);
}

/* A pageview by its path, or at the top of the site by who asked. */
static bool change_path(struct question *q)
{
    if (q->d->verdict.kind == VERDICT_SKIP)
        return take_from(q, EXCLUDE_PATH);
    if (!add_path(q, EXCLUDE_PATH) && !exclude_address(q))
        q->out->note = is_root(q->path) ? all_paths : NULL;
    return true;
}

/* The agent's name as it sends it; else its token, else all. */
static struct str name_in(struct str user_agent, const struct agent *agent)
{
    struct str names[] = {str_of(agent->name), str_of(agent->token)};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_holds_nocase(user_agent, names[i]))
            return names[i];
    return user_agent;
}

static bool change_user_agent(struct question *q)
{
    const struct verdict *v = &q->d->verdict;
    struct str user_agent = q->d->hit.user_agent;

    if (v->kind == VERDICT_SKIP)
        return take_from(q, EXCLUDE_USER_AGENT);
    return add_to(q, EXCLUDE_USER_AGENT, name_in(user_agent, v->agent)) || change_path(q);
}

/* ---- the rest ---------------------------------------------------------------------------------
 */

static bool count_search_engine(struct question *q)
{
    if (!catalogue_is_search_engine(q->o->agents.catalogue, q->d->hit.user_agent))
        return false;
    buf_lit(&q->out->paste, "ai: {search_engines: true}");
    return true;
}

/* "sources: {web: {KEY: " of the source that --source names. False: none is named. */
static bool begin_source(struct question *q, const char *key)
{
    if (!q->o->from)
        return false;
    buf_lit(&q->out->paste, "sources: {");
    agent_config_put_text(&q->out->paste, q->o->from->name);
    buf_printf(&q->out->paste, ": {%s: ", key);
    return true;
}

static bool count_cdn(struct question *q)
{
    if (begin_source(q, "cdn_duplicates"))
        buf_lit(&q->out->paste, "count}}");
    return true;
}

static bool name_host(struct question *q)
{
    const struct agent_config *c = q->o->config;

    if (c && c->n_sites > 0 && c->sites[0].hosts.n > 0 && begin_source(q, "default_host")) {
        agent_config_put_text(&q->out->paste, c->sites[0].hosts.items[0]);
        buf_lit(&q->out->paste, "}}");
    }
    return true;
}

/* Of such a line many follow, mostly of the same format. */
static bool has_other_format(struct question *q)
{
    struct explain_change *c = q->out;
    struct detection d;

    if (c->spec[0] && !detect_fit(&q->text, 1, c->spec, &d) && d.fits)
        return true;
    if (c->looks == 0)
        return false;
    c->looks--;
    if (detect_format(&q->text, 1, STR_NONE, NULL, &d) || !d.fits || d.guessed ||
        str_eq(q->o->from->format, str_of(d.spec)))
        return false;
    memcpy(c->spec, d.spec, sizeof(c->spec));
    return true;
}

static bool name_format(struct question *q)
{
    if (q->o->from && has_other_format(q)) {
        begin_source(q, "format");
        detect_put_format(&q->out->paste, str_of(q->out->spec));
        buf_lit(&q->out->paste, "}}");
    } else {
        q->out->note = "`logferry detect` looks for it in the file";
    }
    return true;
}

static void put_texts(struct buf *out, struct str_set set)
{
    for (size_t i = 0; i < set.n; i++) {
        buf_put_str(out, i > 0 ? STR(", ") : STR(""));
        agent_config_put_text(out, set.items[i]);
    }
}

static void put_site(struct buf *out, const struct agent_config *c, const struct site_config *site)
{
    unsigned all = (1u << c->n_destinations) - 1;
    bool first = true;

    buf_lit(out, "{hosts: [");
    put_texts(out, site->hosts);
    buf_lit(out, "], site: ");
    agent_config_put_text(out, site->site);
    for (size_t i = 0; site->to != all && i < c->n_destinations; i++)
        if (site->to >> i & 1) {
            buf_put_str(out, first ? STR(", to: [") : STR(", "));
            agent_config_put_text(out, c->destinations[i].name);
            first = false;
        }
    buf_put_str(out, first ? STR("}, ") : STR("]}, "));
}

/* A site of its own: whose alias it might be, nobody knows. */
static bool add_site(struct question *q)
{
    const struct agent_config *c = q->o->config;
    struct str host = q->d->hit.host;
    const char *why;

    if (!c || !value_host(host, &why))
        return false;
    buf_lit(&q->out->paste, "sites: [");
    for (size_t i = 0; i < c->n_sites; i++)
        put_site(&q->out->paste, c, &c->sites[i]);
    buf_lit(&q->out->paste, "{hosts: [");
    agent_config_put_text(&q->out->paste, host);
    buf_lit(&q->out->paste, "], site: ");
    agent_config_put_text(&q->out->paste, host);
    buf_lit(&q->out->paste, "}]");
    q->out->note = "where the server has that site; else add the host to another";
    return true;
}

static bool add_kind(struct question *q)
{
    const struct agent_config *c = q->o->config;
    const struct hit *hit = &q->d->hit;
    struct str host = str_is_set(hit->host) ? hit->host : q->o->digest_rules.default_host;
    const struct site_route *site = sites_find(q->o->sites, host);

    for (size_t i = 0; site && i < c->n_destinations; i++)
        if (site->to >> i & 1) {
            buf_lit(&q->out->paste, "destinations: {");
            agent_config_put_text(&q->out->paste, c->destinations[i].name);
            buf_lit(&q->out->paste, ": {send: [pageview, ai_fetch]}}");
            break;
        }
    return true;
}

/* ---- one line ---------------------------------------------------------------------------------
 */

/* False: nothing in the configuration would change this line's verdict. */
static bool find(struct question *q, const char *key)
{
    static const struct {
        const char *key;
        bool (*find)(struct question *q);
    } table[] = {
        {"pages.always", count_page},
        {"pages.methods", add_method},
        {"pages.statuses", add_status},
        {"pages.prefetch", count_prefetch},
        {"exclude.ip", change_addresses},
        {"exclude.path", change_path},
        {"exclude.user_agent", change_user_agent},
        {"ai.search_engines", count_search_engine},
        {"sources.*.cdn_duplicates", count_cdn},
        {"sources.*.default_host", name_host},
        {"sources.*.format", name_format},
        {"sites", add_site},
        {"destinations.*.send", add_kind},
    };

    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (strcmp(table[i].key, key) == 0)
            return table[i].find(q);
    return false;
}

void explain_change_init(struct explain_change *c)
{
    *c = (struct explain_change){.looks = LOOKS};
    buf_init(&c->paste, EXPLAIN_PASTE_MAX);
}

void explain_change_release(struct explain_change *c)
{
    buf_release(&c->paste);
}

void explain_change_find(struct explain_change *c, const struct offline *o,
                         const struct offline_line *line)
{
    struct question q = {.o = o, .d = line->digested, .text = line->text, .out = c};
    struct asked asked;

    buf_reset(&c->paste);
    c->note = NULL;
    c->key = q.d->verdict.key;
    if (!c->key)
        return;
    if (q.d->parsed == PARSE_OK) {
        resource_look(&o->rules.index, q.d->hit.path, q.scratch, &asked);
        q.path = asked.path;
    }
    if (!find(&q, c->key))
        c->key = NULL;
    if (c->paste.failed)
        c->note = too_long;
    if (c->paste.failed || !c->key)
        buf_reset(&c->paste);
}
