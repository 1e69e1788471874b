/*
 * exclusions.h - which records are accepted and not stored, as kept in the store: by network,
 * country, user agent and path, for everything, for one team or for one site. A part of the
 * snapshot of rights (rights.h): immutable once it is there, and shared between threads. Pure.
 */
#ifndef LOGFERRY_SERVER_EXCLUSIONS_H
#define LOGFERRY_SERVER_EXCLUSIONS_H

#include "parsers/verdict.h"

struct site;

/* What is known of a record; STR_NONE for what is not. */
struct filter_subject {
    const unsigned char *address; /* 16 bytes, or NULL */
    struct str country;           /* two capital letters */
    struct str user_agent;
    struct str path; /* with or without a query */
    struct str referrer;
    const struct site *site; /* may be NULL */
};

enum exclusion_kind {
    EXCLUSION_IP,         /* an address or a network */
    EXCLUSION_COUNTRY,    /* ISO 3166-1, two letters */
    EXCLUSION_USER_AGENT, /* a part of it, ASCII case aside */
    EXCLUSION_PATH,       /* a prefix on segment boundaries */
};
#define EXCLUSION_KINDS 4

/* So many of one scope: each costs every record of it a comparison. */
#define EXCLUSIONS_PER_SCOPE 500
#define EXCLUSION_VALUE_MAX 1000 /* bytes */
#define EXCLUSION_DESCRIPTION_MAX 255

struct exclusion {
    int64_t id;
    char uuid_text[37];
    int64_t team, site; /* one of them, or both 0: the whole instance */
    enum exclusion_kind kind;
    struct str value;       /* as exclusion_clean gives it */
    struct str description; /* somebody's note; "": none */
    int64_t created_ms;
};

const char *exclusion_kind_name(enum exclusion_kind kind); /* "ip", "country", … */
bool exclusion_kind_parse(struct str name, enum exclusion_kind *out);
/* What is stored for a value that somebody wrote, put into `out`: trimmed, a network with its
 * bits, a country in upper case, a path as api_rule_path spells it. False: *why says what was
 * expected. */
bool exclusion_clean(enum exclusion_kind kind, struct str value, struct buf *out, const char **why);

/* For the audit log: its id, kind and value. Of an address the network alone, cut as visitors'
 * addresses are (privacy_visitor_ip): the log outlives the exclusion. */
void exclusion_describe(const struct exclusion *e, struct buf *out);

struct exclusions;

struct exclusions *exclusions_new(void);    /* NULL when out of memory */
void exclusions_free(struct exclusions *x); /* accepts NULL */
/* Copies. -1 when out of memory; what no clean value is (written by a later version) is left out.
 */
int exclusions_add(struct exclusions *x, const struct exclusion *e);
/* All of them, in the order they were added; a NULL list has none. */
size_t exclusions_list(const struct exclusions *x, const struct exclusion **list);

/* NULL: there is none. */
const struct exclusion *exclusion_by_uuid(const struct exclusions *x, struct str uuid);
/* The instance's, its team's and its own are a site's; `site` may be NULL. */
bool exclusion_in_scope(const struct exclusion *e, const struct site *site);
/* Does one of the instance, of the site's team or of the site fit? `x` may be NULL. */
bool exclusions_match(const struct exclusions *x, const struct filter_subject *s);

#endif
