/* path_facts.c - see path_facts.h. */
#include "parsers/path_facts.h"

#include "parsers/resource.h"
static size_t first_below(struct str path, struct str_set prefixes)
{
    return resource_first_below(path, prefixes.items, prefixes.n);
}

/* The fact, if it is one. */
static unsigned fact(enum path_fact bit, bool is)
{
    return is ? (unsigned)bit : 0;
}

/* Of the lists that the path's beginning may be in. */
static unsigned facts_of_lists(const struct judge_rules *r, struct str path, unsigned lists)
{
    return fact(PATH_ALWAYS, (lists & LIST_ALWAYS) && first_below(path, r->always)) |
           fact(PATH_EXCLUDED, (lists & LIST_EXCLUDE) && first_below(path, r->exclude_path)) |
           fact(PATH_EDITORS, (lists & LIST_EDITORS) && first_below(path, r->editors)) |
           fact(PATH_HEALTH_CHECK, (lists & LIST_HEALTH) && first_below(path, r->health_checks));
}

void path_facts_of(const struct judge_rules *r, struct str path, struct path_facts *out)
{
    char scratch[RESOURCE_PATH_MAX];
    struct asked a;

    resource_look(&r->index, path, scratch, &a);
    unsigned is = fact(PATH_POLICY, resource_is_policy(&a)) |
                  fact(PATH_FURNITURE, resource_is_furniture(&a)) |
                  fact(PATH_DATA, resource_is_data(&a)) | fact(PATH_FEED, resource_is_feed(&a)) |
                  fact(PATH_PROBE, resource_is_probe(&a)) | fact(PATH_CGI, resource_is_cgi(&a)) |
                  fact(PATH_SITEMAP, resource_is_sitemap(&a)) |
                  fact(PATH_BARE_PROBE, resource_is_bare_probe(&a)) | fact(PATH_PAGES, a.pages) |
                  fact(PATH_GRAPHQL, resource_is_graphql(&a)) | facts_of_lists(r, a.path, a.begins);
    *out = (struct path_facts){
        .is = (uint16_t)is,
        .extension = (uint8_t)a.extension,
        .below = (uint32_t)(a.begins & LIST_NOT_PAGES ? first_below(a.path, r->not_pages) : 0)};
    resource_of_program(&r->index, &a, out->program);
}

/* ---- the cache --------------------------------------------------------------------------------
 */

struct text_cache *path_cache_new(void)
{
    return text_cache_new(PATH_CACHE_SLOTS, sizeof(struct path_facts));
}

/* Under rules with other lists, the same path is another. */
static struct text_id under(const struct judge_rules *r, struct text_id path)
{
    return (struct text_id){path.low ^ r->index.identity, path.high};
}

void path_cache_prefetch(const struct text_cache *c, const struct judge_rules *r,
                         struct text_id path)
{
    text_cache_prefetch(c, under(r, path));
}

const struct path_facts *path_cache_find(struct text_cache *c, const struct judge_rules *r,
                                         struct str path, struct text_id id)
{
    bool known;
    struct path_facts *facts = text_cache_find(c, under(r, id), &known);

    if (!known)
        path_facts_of(r, path, facts);
    return facts;
}
