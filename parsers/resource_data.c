/*
 * resource_data.c - resource_is_data and resource_is_feed_query of resource.h: what a framework's
 * script fetches for a page that it shows already, and feeds that are asked for by a parameter.
 */
#include "parsers/query.h"
#include "parsers/resource_impl.h"

#define S(literal) STR_INIT(literal)

/* From the '/' of a segment that begins with '_'. Whole segments end in '/', the others may be the
 * beginning of a name. */
static const struct str underscored[] = {
    S("/_next/data/"),      /* Next.js, pages */
    S("/__next."),          /* Next.js, app, exported: "__next._tree.txt" */
    S("/__data.json"),      /* SvelteKit */
    S("/_payload.json"),    /* Nuxt */
    S("/__nuxt_island/"),   /* Nuxt */
    S("/__nuxt_content/"),  /* Nuxt */
    S("/__manifest"),       /* React Router */
    S("/_server-islands/"), /* Astro */
    S("/_actions/"),        /* Astro */
};

static bool is_underscored(struct str path)
{
    for (ptrdiff_t at = str_chr(path, '_', 1); at >= 0; at = str_chr(path, '_', (size_t)at + 1)) {
        if (path.p[at - 1] != '/')
            continue;
        struct str rest = str_slice(path, (size_t)at - 1, path.n);
        for (size_t i = 0; i < COUNT_OF(underscored); i++)
            if (str_starts(rest, underscored[i]))
                return true;
    }
    return false;
}

bool resource_is_data(const struct asked *a)
{
    if (a->shown < a->path.n)
        return false;
    if ((a->marks & MARK_UNDERSCORE) && is_underscored(a->path))
        return true;
    if (a->first_dot == a->path.n)
        return false;
    if (str_ends(a->name, STR(".json")))
        return str_eq(a->name, STR("page-data.json")) || /* Gatsby */
               str_eq(a->name, STR("q-data.json")) ||    /* Qwik */
               str_find(a->path, STR("/page-data/"), 0) >= 0;
    return (a->name.n > 5 && str_ends(a->name, STR(".data"))) || /* Remix, React Router */
           (a->name.n > 4 && str_ends(a->name, STR(".rsc"))) ||  /* Next.js, app */
           str_ends(a->name, STR(".turbo_stream"));              /* Rails */
}

/* Shopify's names of a page's part, for which "section_id" asks: not "5", not "sports". */
static bool is_section(struct str value)
{
    static const struct str beginnings[] = {
        S("template--"),        S("sections--"),     S("shopify-section"), S("main-"),
        S("predictive-search"), S("cart-"),          S("product-"),        S("related-"),
        S("header-"),           S("recently-viewed")};

    for (size_t i = 0; i < COUNT_OF(beginnings); i++)
        if (str_starts(value, beginnings[i]))
            return true;
    return false;
}

bool resource_is_section_query(struct str query)
{
    struct query_param p;

    if (str_find(query, STR("section_id="), 0) < 0)
        return false;
    for (struct str rest = query; query_next(&rest, false, &p);)
        if (str_eq(p.name, STR("section_id")) && is_section(p.value))
            return true;
    return false;
}

bool resource_is_download_query(struct str query)
{
    struct query_param p;

    if (str_find(query, STR("download_file="), 0) < 0)
        return false;
    for (struct str rest = query; query_next(&rest, false, &p);)
        if (str_eq(p.name, STR("download_file")) && p.value.n > 0 && ascii_digit(p.value.p[0]))
            return true;
    return false;
}

bool resource_is_feed_query(struct str query)
{
    static const struct str kinds[] = {S("rss"), S("rss2"),          S("atom"),
                                       S("rdf"), S("comments-rss2"), S("comments-atom")};
    struct query_param p;

    if (!str_has_any(query, "fFfF")) /* both names begin so */
        return false;
    for (struct str rest = query; query_next(&rest, false, &p);) {
        if (str_eq_nocase(p.name, STR("format")) && str_eq_nocase(p.value, STR("feed")))
            return true;
        if (!str_eq_nocase(p.name, STR("feed")))
            continue;
        for (size_t i = 0; i < COUNT_OF(kinds); i++)
            if (str_eq_nocase(p.value, kinds[i]))
                return true;
    }
    return false;
}
