/*
 * resource_program.c - resource_of_program and resource_is_script_query of resource.h: addresses
 * that known software has for its own scripts, in whatever folder of a site it stands. Of pages'
 * paths only, so most hits never come here. What stands at the top of a site is in the page rule's
 * lists (judge_defaults.c).
 */
#include "parsers/query.h"
#include "parsers/resource_impl.h"

#define S(literal) STR_INIT(literal)

enum condition {
    QUERY = 1, /* only with a query: without one it may be a page about it */
    HTML = 2,  /* even when the answer is HTML: a part of a page, or an editor's page */
    TOP = 4,   /* at the top of a site, too; the others are in the page rule's lists for that */
};

/* One segment or more, and what is below; one that ends in '/' is only what is below. */
static const struct address {
    struct str path;
    enum resource resource;
    unsigned conditions; /* enum condition */
} addresses[] = {
    /* WordPress, Ghost */
    {S("wp-json/"), RESOURCE_API, 0},
    {S("wp-admin/admin-ajax.php"), RESOURCE_API, 0},
    {S("wp-admin/"), RESOURCE_OTHER, HTML},
    {S("wp-cron.php"), RESOURCE_OTHER, 0},
    {S("members/api/member"), RESOURCE_API, 0},
    {S("members/api/session"), RESOURCE_API, 0},
    {S("members/api/comments"), RESOURCE_API, 0},
    {S("ghost/api/content"), RESOURCE_API, 0},
    {S("ghost/api/admin"), RESOURCE_API, 0},
    /* Magento, Shopware, PrestaShop, Shopify */
    {S("customer/section/load"), RESOURCE_OTHER, 0},
    {S("page_cache/block"), RESOURCE_OTHER, 0},
    {S("search/ajax/suggest"), RESOURCE_API, TOP},
    {S("swatches/ajax"), RESOURCE_API, TOP},
    {S("catalogsearch/searchtermslog"), RESOURCE_OTHER, TOP},
    {S("widgets/checkout/info"), RESOURCE_OTHER, TOP | HTML},
    {S("widgets/menu/offcanvas"), RESOURCE_OTHER, TOP | HTML},
    {S("ajax.php"), RESOURCE_API, QUERY},
    {S("recommendations/products"), RESOURCE_OTHER, TOP | QUERY},
    /* Drupal */
    {S("contextual/render"), RESOURCE_OTHER, TOP},
    {S("history/get_node_read_timestamps"), RESOURCE_OTHER, TOP},
    /* Nextcloud, ownCloud, Matrix, Jira */
    {S("ocs/v1.php"), RESOURCE_API, TOP},
    {S("ocs/v2.php"), RESOURCE_API, TOP},
    {S("remote.php"), RESOURCE_API, TOP},
    {S("public.php/dav"), RESOURCE_API, TOP},
    {S("index.php/csrftoken"), RESOURCE_OTHER, TOP},
    {S("index.php/heartbeat"), RESOURCE_OTHER, TOP},
    {S("index.php/core/preview"), RESOURCE_OTHER, TOP},
    {S("_matrix/"), RESOURCE_API, TOP},
    {S("secure/useravatar"), RESOURCE_OTHER, TOP},
    {S("secure/viewavatar"), RESOURCE_OTHER, TOP},
    /* boards */
    {S("download/file.php"), RESOURCE_OTHER, TOP},
    {S("css.php"), RESOURCE_OTHER, TOP | QUERY},
    {S("cron.php"), RESOURCE_OTHER, QUERY},
    {S("attachment.php"), RESOURCE_OTHER, TOP | QUERY},
    {S("session/csrf"), RESOURCE_OTHER, TOP},
    /* frameworks */
    {S("_next/"), RESOURCE_OTHER, 0},
    {S("_nuxt/"), RESOURCE_OTHER, 0},
    {S("_ipx/"), RESOURCE_OTHER, 0},
    {S("_astro/"), RESOURCE_OTHER, 0},
    {S("_vercel/"), RESOURCE_OTHER, 0},
    {S("_blazor"), RESOURCE_OTHER, 0},
    {S("_framework/"), RESOURCE_OTHER, TOP},
    {S("_debugbar/"), RESOURCE_OTHER, 0},
    {S("_wdt/"), RESOURCE_OTHER, 0},
    {S("_fragment"), RESOURCE_OTHER, TOP},
    {S("mini-profiler-resources/"), RESOURCE_OTHER, 0},
    {S("rails/active_storage/"), RESOURCE_OTHER, TOP},
    {S("livewire/preview-file/"), RESOURCE_OTHER, TOP},
    {S("live/longpoll"), RESOURCE_OTHER, TOP},
    {S("phoenix/live_reload/"), RESOURCE_OTHER, TOP},
    {S("jsi18n"), RESOURCE_OTHER, TOP},
    {S("signalr/negotiate"), RESOURCE_OTHER, 0},
    {S("signalr/connect"), RESOURCE_OTHER, 0},
    {S("signalr/start"), RESOURCE_OTHER, 0},
    /* pictures that a program draws */
    {S("timthumb.php"), RESOURCE_OTHER, TOP | QUERY},
    {S("phpThumb.php"), RESOURCE_OTHER, TOP | QUERY},
    {S("securimage_show.php"), RESOURCE_OTHER, TOP},
    /* counters */
    {S("matomo.php"), RESOURCE_OTHER, 0},
    {S("piwik.php"), RESOURCE_OTHER, 0},
};

/* The bit of a name's first two letters, in the word of the first one. */
static uint32_t second_bit(struct str name)
{
    return UINT32_C(1) << (name.p[1] & 31);
}

void resource_index_programs(struct resource_index *ix)
{
    for (size_t i = 0; i < COUNT_OF(addresses); i++)
        ix->programs[addresses[i].path.p[0] & 31] |= second_bit(addresses[i].path);
}

/* `path` begins with the '/' of a segment. */
static struct str behind_slash(struct str path)
{
    return str_slice(path, 1, path.n);
}

static bool is_at(struct str rest, struct str prefix)
{
    if (!str_starts(rest, prefix))
        return false;
    if (prefix.p[prefix.n - 1] == '/')
        return rest.n > prefix.n;
    return rest.n == prefix.n || rest.p[prefix.n] == '/';
}

/* Into those of `out` that have none yet, where the address's conditions hold. */
static void take(const struct address *a, uint8_t out[2][2])
{
    for (unsigned html = 0; html < 2; html++)
        for (unsigned query = 0; query < 2; query++)
            if (out[html][query] == RESOURCE_UNKNOWN && (!html || (a->conditions & HTML)) &&
                (query || !(a->conditions & QUERY)))
                out[html][query] = (uint8_t)a->resource;
}

static void by_address(const struct resource_index *ix, struct str path, uint8_t out[2][2])
{
    for (ptrdiff_t at = 0; at >= 0; at = str_chr(path, '/', (size_t)at + 1)) {
        struct str rest = behind_slash(str_slice(path, (size_t)at, path.n));
        if (rest.n < 2 || !(ix->programs[rest.p[0] & 31] & second_bit(rest)))
            continue;
        for (size_t i = 0; i < COUNT_OF(addresses); i++)
            if (rest.p[0] == addresses[i].path.p[0] && is_at(rest, addresses[i].path) &&
                (at > 0 || (addresses[i].conditions & TOP)))
                take(&addresses[i], out);
    }
}

/* "de", "en-US", "pt_BR"; not one of those that programs are written in, which docs have. */
static bool is_language(struct str name)
{
    static const struct str others[] = {S("ai"), S("go"), S("js"), S("py"), S("rb"), S("ts")};

    if (name.n != 2 && (name.n != 5 || (name.p[2] != '-' && name.p[2] != '_')))
        return false;
    return ascii_letter(name.p[0]) && ascii_letter(name.p[1]) && ascii_letter(name.p[name.n - 2]) &&
           ascii_letter(name.p[name.n - 1]) && !str_is_one_of(name, others, COUNT_OF(others));
}

/* What is below a language, or a folder that applications stand in: of "/de/api/x" "/api/x".
 * STR_NONE for all else: "/docs/api/" is about one. */
static struct str below_folder(struct str path)
{
    static const struct str folders[] = {
        S("account"), S("admin"),      S("app"),   S("backend"),   S("bitbucket"),
        S("cms"),     S("confluence"), S("gitea"), S("gitlab"),    S("grafana"),
        S("jira"),    S("magento"),    S("my"),    S("nextcloud"), S("owncloud"),
        S("portal"),  S("public"),     S("shop"),  S("store")};
    ptrdiff_t end = str_chr(path, '/', 1);

    if (end < 0)
        return STR_NONE;
    struct str first = str_slice(path, 1, (size_t)end);
    if (!is_language(first) && !str_is_one_of(first, folders, COUNT_OF(folders)))
        return STR_NONE;
    return str_slice(path, (size_t)end, path.n);
}

/* "/api/v1/x", "/graphql" */
static bool is_interface(struct str path)
{
    static const struct str prefixes[] = {S("/api"),      S("/graphql"),    S("/gql"),
                                          S("/trpc"),     S("/rpc"),        S("/jsonrpc"),
                                          S("/json-rpc"), S("/jsonapi"),    S("/store-api"),
                                          S("/wp-json"),  S("/views/ajax"), S("/system/ajax")};

    return resource_first_below(path, prefixes, COUNT_OF(prefixes)) > 0;
}

bool resource_is_graphql(const struct asked *a)
{
    return str_eq(a->segment, STR("graphql")) || str_eq(a->segment, STR("gql"));
}

bool resource_is_graphql_query(struct str query)
{
    static const struct str names[] = {S("query"), S("operationName"), S("extensions"),
                                       S("variables")};
    struct query_param p;

    for (struct str rest = query; query_next(&rest, false, &p);)
        if (str_is_one_of(p.name, names, COUNT_OF(names)))
            return true;
    return false;
}

/* "latest", "1.0", "V1" */
static bool is_rest_version(struct str name)
{
    if (name.n == 3)
        return ascii_digit(name.p[0]) && name.p[1] == '.' && ascii_digit(name.p[2]);
    return str_eq(name, STR("latest")) || str_eq(name, STR("V1"));
}

/* Magento's "/rest/V1/x" and "/rest/de/V1/x", Confluence's "/rest/likes/1.0/x", Jira's
 * "/rest/api/2/x". */
static bool is_rest(struct str path)
{
    static const struct str head = S("/rest/");

    if (!str_starts(path, head))
        return false;
    struct str rest = str_slice(path, head.n, path.n);
    struct str name = str_cut(&rest, '/');
    struct str version = str_cut(&rest, '/');
    return str_eq(name, STR("V1")) || str_eq(name, STR("api")) ||
           (rest.n > 0 && is_rest_version(version));
}

static bool is_hash(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (hex_value(name.p[i]) < 0)
            return false;
    return name.n >= 32;
}

/* "/avatars/0123…cdef": a picture, by the hash of an address of mail. */
static bool is_avatar(const struct asked *a)
{
    struct str folder = str_slice(a->path, 0, a->path.n - a->segment.n);

    return is_hash(a->segment) &&
           (str_ends(folder, STR("/avatar/")) || str_ends(folder, STR("/avatars/")));
}

/* Discourse's "/message-bus/8b3e/poll". */
static bool is_poll(const struct asked *a)
{
    return str_eq(a->segment, STR("poll")) && str_find(a->path, STR("/message-bus/"), 0) >= 0;
}

/* What needs no address, of an answer that is not HTML. */
static enum resource by_shape(const struct asked *a)
{
    struct str below = below_folder(a->path);

    if (is_rest(a->path) || (below.n > 0 && (is_rest(below) || is_interface(below))))
        return RESOURCE_API;
    return is_avatar(a) || is_poll(a) ? RESOURCE_OTHER : RESOURCE_UNKNOWN;
}

void resource_of_program(const struct resource_index *ix, const struct asked *a, uint8_t out[2][2])
{
    memset(out, RESOURCE_UNKNOWN, sizeof(uint8_t[2][2]));
    if (a->path.n == 0)
        return;
    by_address(ix, a->path, out);
    if (out[0][0] != RESOURCE_UNKNOWN)
        return; /* whatever the query */
    out[0][0] = (uint8_t)by_shape(a);
    if (out[0][1] == RESOURCE_UNKNOWN)
        out[0][1] = out[0][0];
}

#define MILLISECONDS 13u /* digits of a time of these years */

bool resource_is_script_query(struct str query)
{
    if (str_starts(query, STR("EIO=")))
        return true;
    for (ptrdiff_t at = str_find(query, STR("_="), 0); at >= 0;
         at = str_find(query, STR("_="), (size_t)at + 2)) {
        struct str value = str_slice(query, (size_t)at + 2, query.n);
        size_t digits = 0;
        while (digits < value.n && ascii_digit(value.p[digits]))
            digits++;
        if ((at == 0 || query.p[at - 1] == '&') && digits == MILLISECONDS &&
            (digits == value.n || value.p[digits] == '&'))
            return true;
    }
    return false;
}
