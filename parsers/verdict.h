/*
 * verdict.h - what becomes of a hit: pageview, ai_fetch, or skip with a reason, the rule, and its
 * config key. Pure. The order of the rules is the order of docs/pages.md; the first that fits
 * decides.
 */
#ifndef LOGFERRY_PARSERS_VERDICT_H
#define LOGFERRY_PARSERS_VERDICT_H

#include "parsers/catalogue.h"
#include "parsers/hit.h"
#include "parsers/resource_index.h"

enum verdict_kind { VERDICT_SKIP, VERDICT_PAGEVIEW, VERDICT_AI_FETCH };

enum reason {
    REASON_NONE,
    REASON_ASSET,    /* known static type */
    REASON_NOT_PAGE, /* content type or path is no page */
    REASON_API,
    REASON_FEED,
    REASON_DOWNLOAD,
    REASON_METHOD,
    REASON_STATUS,
    REASON_REDIRECT,
    REASON_BOT,
    REASON_PREFETCH, /* by a browser, before anybody has asked for the page */
    REASON_PROBE,    /* scanners */
    REASON_HEALTH_CHECK,
    REASON_INTERNAL, /* the web server's own, or the CDN's */
    REASON_UNKNOWN_SITE,
    REASON_NO_HOST,
    REASON_NO_USER_AGENT,
    REASON_NO_REQUEST,
    REASON_EXCLUDED,
    REASON_DUPLICATE_CDN, /* the CDN's own log has this hit */
    REASON_NOT_SENT,      /* kind, or AI class, is not in `send` */
    REASON_OUT_OF_WINDOW, /* --since, --until */
    REASON_UNPARSABLE,
    REASON_TOO_LONG,
    REASON_DIRECTIVE, /* of the log's, not of a request: header lines, servers' messages */
    REASON_PARTIAL,   /* of a line that a collector cut, the rest is not in the file */
    REASON_COUNT,
};

/* What an AI agent fetched. By default documents and policy are sent, assets counted. */
enum ai_class { AI_DOCUMENT, AI_POLICY, AI_ASSET };

/* Sets of text are borrowed from the configuration (or the built-in defaults) and outlive the
 * rules. */
struct str_set {
    const struct str *items;
    size_t n;
};

struct cidr {
    unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;             /* 0..128 */
};

/* The lists of paths hold prefixes on segment boundaries. */
struct judge_rules {
    struct str_set methods; /* pages.methods; default GET */
    const int *statuses;    /* pages.statuses; default 200 203 206 304 */
    size_t n_statuses;
    struct str_set types;      /* pages.types: the content types of pages */
    struct str_set extensions; /* pages.extensions: of pages, where there is no content type */
    struct str_set not_pages;  /* pages.not_pages: the same */
    /* pages.drop_query: "name" or "name=value"; a request with one of them is no page */
    struct str_set drop_query;
    struct str_set editors;       /* pages.editors: where the site's own people work */
    struct str_set health_checks; /* pages.health_checks */
    struct str_set always;        /* pages.always: pages, whatever the other lists of paths say */
    bool count_prefetch;          /* pages.prefetch */
    const struct cidr *exclude_ip;
    size_t n_exclude_ip;
    struct str_set exclude_path;
    struct str_set exclude_user_agent; /* substrings, ASCII case-folded */
    struct resource_index index;       /* of the lists of paths */
};

/* Makes the index, without which nothing may be judged. After any change of a list of paths or of
 * extensions. */
void judge_rules_index(struct judge_rules *r);

/* The defaults that `logferry check --print-defaults` prints. */
void judge_rules_defaults(struct judge_rules *r);

struct verdict {
    enum verdict_kind kind;
    enum reason reason;     /* REASON_NONE unless kind is VERDICT_SKIP */
    enum ai_class ai_class; /* for AI agents' requests, skipped or not */
    enum ua_kind ua_kind;
    const struct agent *agent; /* for UA_AI */
    const char *rule;          /* what decided, one of rules.h: "path is a page's" */
    const char *key;           /* the config key that would change it: "pages.always"; NULL: none */
};

/* `ua` is the cache's answer for hit->user_agent. Does not look at sites, send or time windows: the
 * agent does. */
void judge(const struct judge_rules *r, const struct hit *hit, const struct ua_entry *ua,
           struct verdict *out);
/* The same, when path_facts.h has the answers about the hit's path already. */
struct path_facts;
void judge_with(const struct judge_rules *r, const struct hit *hit, const struct path_facts *path,
                const struct ua_entry *ua, struct verdict *out);

const char *reason_name(enum reason reason); /* "asset", …; "" for REASON_NONE */
const char *ai_class_name(enum ai_class c);  /* "document", "policy", "asset" */

bool cidr_parse(struct str text, struct cidr *out); /* an address alone is /32 or /128 */
bool cidr_is_v4(const struct cidr *c);
void cidr_clear_host_bits(struct cidr *c);
void cidr_put(struct buf *out, const struct cidr *c); /* "198.51.100.0/24" */
bool cidr_contains(const struct cidr *c, struct str address);
/* The same for an address that address_parse has read. */
bool cidr_holds(const struct cidr *c, const unsigned char address[16]);
/* Bare IPv4 or IPv6 text to 16 bytes, IPv4 mapped. False when malformed (brackets and ports are).
 */
bool address_parse(struct str text, unsigned char out[16]);
/* Of a private, shared, loopback or link-local network: nobody's on the internet. */
bool address_is_inner(const unsigned char address[16]);

#endif
