/* ua_cache.c - the cache of catalogue.h in front of catalogue_classify. */
#include <stdlib.h>

#include "parsers/catalogue.h"
#include "parsers/resource.h"
#include "parsers/text_cache.h"
#include "parsers/ua_rules.h"

struct ua_cache {
    const struct catalogue *catalogue;
    struct text_cache *texts;
};

struct ua_cache *ua_cache_new(const struct catalogue *c)
{
    struct ua_cache *u = calloc(1, sizeof(*u));

    if (u == NULL)
        return NULL;
    u->catalogue = c;
    u->texts = text_cache_new(UA_CACHE_SLOTS, sizeof(struct ua_entry));
    if (u->texts == NULL) {
        free(u);
        return NULL;
    }
    return u;
}

void ua_cache_free(struct ua_cache *u)
{
    if (u == NULL)
        return;
    text_cache_free(u->texts);
    free(u);
}

void ua_cache_prefetch(const struct ua_cache *u, struct text_id id)
{
    text_cache_prefetch(u->texts, id);
}

struct ua_entry *ua_cache_find(struct ua_cache *u, struct str user_agent, struct text_id id)
{
    bool known;
    struct ua_entry *e = text_cache_find(u->texts, id, &known);

    if (known)
        return e;
    *e = (struct ua_entry){0};
    e->kind = catalogue_classify(u->catalogue, user_agent, &e->agent);
    e->health_check = ua_is_health_check(str_trim(user_agent));
    e->has_lookup = resource_has_lookup(user_agent);
    return e;
}

struct ua_entry *ua_cache_get(struct ua_cache *u, struct str user_agent)
{
    return ua_cache_find(u, user_agent, text_id_of(user_agent));
}
