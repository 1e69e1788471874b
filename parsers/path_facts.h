/*
 * path_facts.h - all that judge() asks of a path alone, answered at once, and a cache of the
 * answers: most requests are for a path that was asked for a moment ago. Pure, but for the cache.
 */
#ifndef LOGFERRY_PARSERS_PATH_FACTS_H
#define LOGFERRY_PARSERS_PATH_FACTS_H

#include "parsers/text_cache.h"
#include "parsers/verdict.h"

enum path_fact {
    PATH_POLICY = 1,
    PATH_FURNITURE = 2,
    PATH_DATA = 4,
    PATH_FEED = 8,
    PATH_PROBE = 16,
    PATH_CGI = 32,
    /* Of the rules' lists: */
    PATH_ALWAYS = 64,
    PATH_EXCLUDED = 128,
    PATH_EDITORS = 256,
    PATH_HEALTH_CHECK = 512,
    PATH_PAGES = 1024, /* its extension is one of pages.extensions */
    PATH_GRAPHQL = 2048,
    PATH_SITEMAP = 4096,    /* in whatever folder */
    PATH_BARE_PROBE = 8192, /* when there is no query */
};

struct path_facts {
    uint16_t is;       /* enum path_fact */
    uint8_t extension; /* enum resource; RESOURCE_UNKNOWN: none, or one that nobody knows */
    /* enum resource of what software has there for its scripts, by: is the answer HTML? is there a
     * query? */
    uint8_t program[2][2];
    uint32_t below; /* which of pages.not_pages it is below, from 1; 0: none */
};

/* `path` is a hit's: with '/' at its start, without the query; or none. */
void path_facts_of(const struct judge_rules *r, struct str path, struct path_facts *out);

/* ---- the cache, one per thread (text_cache.h) ----------------------------------------------- */

#define PATH_CACHE_SLOTS 8192

struct text_cache *path_cache_new(void); /* NULL when out of memory; text_cache_free ends it */
/* Fetches the path's slot, so that memory has time to come until it is looked at. */
void path_cache_prefetch(const struct text_cache *c, const struct judge_rules *r,
                         struct text_id path);
/* What path_facts_of says of the path, whose id this is; valid until the next call. */
const struct path_facts *path_cache_find(struct text_cache *c, const struct judge_rules *r,
                                         struct str path, struct text_id id);

#endif
