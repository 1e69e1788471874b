/*
 * ua_cache.c - the cache of catalogue.h in front of catalogue_classify. A hash picks the few slots
 * where a user agent may be, and tells most others apart; the text decides.
 */
#include <stdlib.h>

#include "parsers/base/hash.h"
#include "parsers/catalogue.h"
#include "parsers/resource.h"
#include "parsers/ua_rules.h"

#define WAYS 4
#define SETS (UA_CACHE_SLOTS / WAYS)
#define CACHE_LINE 64u
#define PREFETCHED (4 * CACHE_LINE) /* of a slot: most user agents end before */

struct ua_cache {
    const struct catalogue *catalogue;
    struct ua_entry none;       /* for hits without a user agent */
    struct ua_entry spare;      /* for texts that are too long to keep */
    uint32_t tags[SETS][WAYS];  /* of the slots' hashes; 0: free */
    unsigned char oldest[SETS]; /* the slot that is replaced next */
    struct ua_entry slots[SETS][WAYS];
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

static void fill(const struct ua_cache *u, struct ua_entry *e, struct str user_agent, uint64_t hash)
{
    e->kind = catalogue_classify(u->catalogue, user_agent, &e->agent);
    e->health_check = ua_is_health_check(str_trim(user_agent));
    e->has_lookup = resource_has_lookup(user_agent);
    e->hash = hash;
    e->mark = 0;
    e->index = 0;
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1;
}

uint64_t ua_cache_prefetch(const struct ua_cache *u, struct str user_agent)
{
    uint64_t hash = hash_64(user_agent, 0);
    uint32_t tag = tag_of(hash);

    for (size_t i = 0; i < WAYS; i++) {
        const char *slot = (const char *)&u->slots[hash % SETS][i];
        if (u->tags[hash % SETS][i] != tag)
            continue;
        for (size_t at = 0; at < user_agent.n && at < PREFETCHED; at += CACHE_LINE)
            __builtin_prefetch(slot + at);
    }
    return hash;
}

struct ua_entry *ua_cache_find(struct ua_cache *u, struct str user_agent, uint64_t hash)
{
    size_t set = hash % SETS;
    uint32_t tag = tag_of(hash);

    if (user_agent.n == 0)
        return &u->none;
    if (user_agent.n > UA_CACHE_TEXT) {
        fill(u, &u->spare, user_agent, hash);
        return &u->spare;
    }
    for (size_t i = 0; i < WAYS; i++) {
        struct ua_entry *e = &u->slots[set][i];
        if (u->tags[set][i] == tag && e->length == user_agent.n &&
            memcmp(e->text, user_agent.p, user_agent.n) == 0)
            return e;
    }
    size_t way = u->oldest[set]++ % WAYS;
    struct ua_entry *e = &u->slots[set][way];
    u->tags[set][way] = tag;
    fill(u, e, user_agent, hash);
    e->length = (uint16_t)user_agent.n;
    memcpy(e->text, user_agent.p, user_agent.n);
    return e;
}

struct ua_entry *ua_cache_get(struct ua_cache *u, struct str user_agent)
{
    return ua_cache_find(u, user_agent, hash_64(user_agent, 0));
}
