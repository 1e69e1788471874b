/*
 * rights.h - who may do what: an immutable snapshot of teams, clients, grants and sites.
 *
 * A snapshot is built by the store (store.h, store_rights), shared between threads, and counted:
 * whoever holds it longer than a call holds a reference. Everything a lookup returns lives as long
 * as the snapshot. Nothing here touches a disk or a clock.
 */
#ifndef LOGFERRY_SERVER_RIGHTS_H
#define LOGFERRY_SERVER_RIGHTS_H

#include "server/token.h"

/* HitKeep's site roles, and our `ingest`, which carries site.manage_data and nothing else. */
enum role { ROLE_NONE, ROLE_INGEST, ROLE_VIEWER, ROLE_EDITOR, ROLE_ADMIN, ROLE_OWNER };

enum permission {
    PERM_SITE_VIEW,
    PERM_SITE_MANAGE_DATA,
    PERM_SITE_MANAGE_GOALS,
    PERM_SITE_MANAGE_TEAM,
    PERM_SITE_DELETE,
};

const char *role_name(enum role role); /* "owner", …; "none" */
bool role_parse(struct str name, enum role *out);
bool role_allows(enum role role, enum permission permission);

/* ---- the snapshot ------------------------------------------------------------------------- */

/* Text is NUL-terminated behind n. */
struct site {
    int64_t id; /* the store's number; what a row carries */
    unsigned char uuid[16];
    char uuid_text[37];
    struct str domain; /* lower case, without port and without a leading "www." */
    const struct str *aliases;
    size_t n_aliases;
    int64_t team;
    unsigned retention_days; /* 0: for ever */
    int64_t created_ms;
};

struct client {
    int64_t id;
    struct str name;
    int64_t team; /* its owner: batch ids are keyed by it */
    unsigned char token_hash[TOKEN_HASH_BYTES];
    int64_t expires_ms; /* INT64_MAX: never */
    bool revoked;
    int64_t created_ms;
};

struct grant {
    int64_t client, site;
    enum role role;
};

struct team {
    int64_t id;
    struct str name;
};

struct rights;
struct exclusions;

struct rights *rights_retain(const struct rights *r);
void rights_release(const struct rights *r); /* accepts NULL; thread-safe */

/* NULL: unknown, revoked, or expired (now_ms > expires_ms). Hashes `token` and looks it up. */
const struct client *rights_client(const struct rights *r, struct str token, int64_t now_ms);
/* The same for a caller that has the hash. */
const struct client *rights_client_by_hash(const struct rights *r,
                                           const unsigned char hash[TOKEN_HASH_BYTES],
                                           int64_t now_ms);

/* `host` as a URL or a log has it: compared in lower case and without its port; as it is, or with
 * one leading "www." removed, it must equal a site's domain or alias. No subdomains. */
const struct site *rights_site_by_host(const struct rights *r, struct str host);
const struct site *rights_site_by_uuid(const struct rights *r, const unsigned char uuid[16]);
const struct site *rights_site_by_id(const struct rights *r, int64_t id);

/* The granted role, ROLE_NONE without a grant or when the site belongs to another team. */
enum role rights_role(const struct rights *r, const struct client *client, const struct site *site);

size_t rights_sites(const struct rights *r, const struct site **sites); /* ordered by id */
size_t rights_clients(const struct rights *r, const struct client **clients);
size_t rights_teams(const struct rights *r, const struct team **teams);
size_t rights_grants(const struct rights *r, const struct grant **grants); /* by client, site */

/* Records of the site from before this time are deleted; INT64_MIN: none. Whole days of UTC. */
int64_t site_cutoff_ms(const struct site *site, int64_t now_ms);

/* What the store keeps out (exclusions.h); may be NULL. */
const struct exclusions *rights_exclusions(const struct rights *r);

/* ---- building one (the store, and tests) -------------------------------------------------- */

/* A builder copies all it is given. An add returns -1 when out of memory, or for what no snapshot
 * may hold: a host that two sites claim, a token hash twice, an id twice. */
struct rights_builder;
struct rights_builder *rights_builder_new(void);
void rights_builder_free(struct rights_builder *b); /* accepts NULL */
int rights_add_team(struct rights_builder *b, const struct team *team);
int rights_add_site(struct rights_builder *b, const struct site *site);
int rights_add_client(struct rights_builder *b, const struct client *client);
int rights_add_grant(struct rights_builder *b, const struct grant *grant);
/* Owned by the builder from here on, even when the build fails. Once at most. */
void rights_take_exclusions(struct rights_builder *b, struct exclusions *x);
/* Takes what was added; the builder stays the caller's, to be freed. NULL when an add failed. */
struct rights *rights_build(struct rights_builder *b);

#endif
