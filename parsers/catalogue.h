/*
 * catalogue.h - who a user agent is: an AI agent of the catalogue, another bot, or a person.
 *
 * The catalogue is the file parsers/agents/agents.tsv, linked into the program; other robots are in
 * bots.tsv beside it. Tokens are matched by Aho-Corasick, ASCII case-folded, on word boundaries (a
 * boundary is any byte that is no letter and no digit); the longest token of an AI agent that fits
 * wins, of equal ones the leftmost.
 *
 * Google-Extended, Applebot-Extended, Webzio-Extended and CloudVertexBot are names for robots.txt
 * that no genuine request carries. They are in the catalogue all the same: a line with one is a
 * fake or a test, and must not count for Applebot.
 */
#ifndef LOGFERRY_PARSERS_CATALOGUE_H
#define LOGFERRY_PARSERS_CATALOGUE_H

#include "parsers/base/hash.h"

enum ua_kind { UA_HUMAN, UA_BOT, UA_AI };

enum agent_category {
    AGENT_TRAINING,
    AGENT_SEARCH,
    AGENT_ASSISTANT,
    AGENT_AGENT,
    AGENT_CODING,
    AGENT_OTHER
};

/* All text is owned by the catalogue and NUL-terminated. */
struct agent {
    const char *name;     /* "GPTBot" */
    const char *operator; /* "OpenAI" */
    enum agent_category category;
    const char *token; /* lower case, what is looked for */
    /* json:<url> rdns:<suffix,...> wba:<...> asn:<...>, with a blank between; "" when none */
    const char *verification;
    const char *source; /* where the entry comes from */
    bool search_engine; /* AI only with ai: {search_engines: true}; else UA_BOT */
};

/* A list of addresses that an operator publishes; its URL stands in the verification of the agents
 * that it is for. */
struct agent_list {
    const char *name; /* "gptbot" */
    const char *url;
    bool whole_operator; /* an address in it is the operator's, whichever of its agents asks */
};
#define CATALOGUE_MAX_LISTS 64u
#define CATALOGUE_MAX_BYTES (1u << 20) /* of an agents.tsv */
#define CATALOGUE_MAX_AGENTS 5000u

struct catalogue;

/* The built-in catalogue; NULL when out of memory. Read-only afterwards: share it between threads.
 * With `search_engines`, the crawlers of search engines count as AI. */
struct catalogue *catalogue_new(bool search_engines);
/* The same with the AI agents of `agents`, the text of an agents.tsv (parsers/agents/generate.py
 * writes them); other robots are the built-in ones. NULL with a sentence in `why`, which begins
 * with the line's number, when it is no such text or has more than the caps. Copies. */
struct catalogue *catalogue_parse(struct str agents, bool search_engines, struct buf *why);
void catalogue_free(struct catalogue *c);              /* accepts NULL */
const char *catalogue_date(const struct catalogue *c); /* "2026-11-22" */
size_t catalogue_count(const struct catalogue *c);
const struct agent *catalogue_at(const struct catalogue *c, size_t i);
size_t catalogue_lists(const struct catalogue *c); /* at most CATALOGUE_MAX_LISTS */
const struct agent_list *catalogue_list(const struct catalogue *c, size_t i);
const char *agent_category_name(enum agent_category category); /* "training", … */

/* An empty, missing or "-" user agent is UA_BOT. *agent is set for UA_AI, else NULL. */
enum ua_kind catalogue_classify(const struct catalogue *c, struct str user_agent,
                                const struct agent **agent);

/* Would it be AI, by catalogue_classify, with `search_engines`? */
bool catalogue_is_search_engine(const struct catalogue *c, struct str user_agent);

/*
 * A cache in front of it (text_cache.h), one per thread. `mark` and `index` are the caller's: the
 * batch builder notes there under which number it has listed this user agent; they survive until
 * the entry makes room, and are 0 in a new one.
 */
#define UA_CACHE_SLOTS 8192
struct ua_entry {
    const struct agent *agent;
    uint64_t mark;  /* the caller's */
    uint32_t index; /* the caller's */
    enum ua_kind kind;
    /* What else judge() asks of a user agent alone: is it a health check's, is it an attack? */
    bool health_check, has_lookup;
};
struct ua_cache;
struct ua_cache *ua_cache_new(const struct catalogue *c); /* NULL when out of memory */
void ua_cache_free(struct ua_cache *u);                   /* accepts NULL */
/* Never NULL; valid until the next call. A missing user agent is an empty one. */
struct ua_entry *ua_cache_get(struct ua_cache *u, struct str user_agent);
/* The same when the text's id is known, and fetched a little before, so that memory has time to
 * come. */
void ua_cache_prefetch(const struct ua_cache *u, struct text_id id);
struct ua_entry *ua_cache_find(struct ua_cache *u, struct str user_agent, struct text_id id);

#endif
