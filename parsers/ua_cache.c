/*
 * ua_cache.c - the direct-mapped cache of catalogue.h in front of catalogue_classify.
 * The hash only picks the slot; the text decides.
 */
#include <stdlib.h>

#include "parsers/base/hash.h"
#include "parsers/catalogue.h"

struct ua_cache {
    const struct catalogue *catalogue;
    struct ua_entry none;                  /* for hits without a user agent */
    struct ua_entry spare;                 /* for texts that are too long to keep */
    struct ua_entry slots[UA_CACHE_SLOTS]; /* length 0: free */
};

struct ua_cache *ua_cache_new(const struct catalogue *c)
{
    struct ua_cache *u = calloc(1, sizeof(*u));

    if (u != NULL) {
        u->catalogue = c;
        u->none.kind = UA_BOT;
    }
    return u;
}

void ua_cache_free(struct ua_cache *u)
{
    free(u);
}

static void fill(const struct ua_cache *u, struct ua_entry *e, struct str user_agent)
{
    e->kind = catalogue_classify(u->catalogue, user_agent, &e->agent);
    e->mark = 0;
    e->index = 0;
}

struct ua_entry *ua_cache_get(struct ua_cache *u, struct str user_agent)
{
    if (user_agent.n == 0)
        return &u->none;
    if (user_agent.n > UA_CACHE_TEXT) {
        fill(u, &u->spare, user_agent);
        return &u->spare;
    }
    struct ua_entry *e = &u->slots[hash_64(user_agent, 0) % UA_CACHE_SLOTS];
    if (e->length == user_agent.n && memcmp(e->text, user_agent.p, user_agent.n) == 0)
        return e;
    fill(u, e, user_agent);
    e->length = (uint16_t)user_agent.n;
    memcpy(e->text, user_agent.p, user_agent.n);
    return e;
}
