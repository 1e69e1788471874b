/*
 * rights.h - who may do what: an immutable snapshot of people, teams, sites, API clients and what
 * they were granted.
 *
 * A snapshot is built by the store (store.h, store_rights), shared between threads, and counted:
 * whoever holds it longer than a call holds a reference. Everything a lookup returns lives as long
 * as the snapshot. Nothing here touches a disk or a clock. The one thing that does change in it is
 * when a client was last used.
 */
#ifndef LOGFERRY_SERVER_RIGHTS_H
#define LOGFERRY_SERVER_RIGHTS_H

#include "server/roles.h"
#include "server/token.h"

/* ---- the snapshot ------------------------------------------------------------------------- */

/* Text is NUL-terminated behind n. A number is the store's, which rows carry; 0 is none. */

struct team {
    int64_t id;
    unsigned char uuid[16];
    char uuid_text[37];
    struct str name;
    int64_t created_ms;
    int64_t archived_ms; /* 0: it is not; an archived team's sites are open to nobody */
};

struct user {
    int64_t id;
    unsigned char uuid[16];
    char uuid_text[37];
    struct str name;
    struct str family;        /* the end of the name; STR_NONE: not told */
    struct str email;         /* lower case; STR_NONE: not known */
    struct str password_hash; /* password.h; STR_NONE: cannot log in */
    enum instance_role instance_role;
    int64_t created_ms;
    int64_t login_epoch; /* logins of another one have ended */
    int64_t disabled_ms; /* 0: is not; disabled, neither the person nor his own clients get in */
};

struct member {
    int64_t team, user;
    enum team_role role;
};

/* What a person was made on one site, beside what the team makes of him there. */
struct site_role {
    int64_t site, user;
    enum role role;
};

struct site {
    int64_t id;
    unsigned char uuid[16];
    char uuid_text[37];
    struct str domain; /* lower case, without port and without a leading "www." */
    const struct str *aliases;
    size_t n_aliases;
    int64_t team;
    int64_t owner;           /* the user who added it; 0: the command line did */
    unsigned retention_days; /* 0: for ever */
    struct str time_zone;    /* IANA's name; days begin as clocks there show it. Empty: UTC */
    int64_t created_ms;
};

/* Belongs to a team, or to a person. */
struct client {
    int64_t id;
    unsigned char uuid[16];
    char uuid_text[37];
    struct str name, description;
    int64_t team, user; /* one of them is 0 */
    int64_t created_by; /* a user; 0: the command line */
    enum instance_role instance_role;
    unsigned char token_hash[TOKEN_HASH_BYTES];
    unsigned char old_token_hash[TOKEN_HASH_BYTES]; /* of before the last roll */
    int64_t old_until_ms;                           /* it is good until then; 0: there is none */
    int64_t expires_ms;                             /* INT64_MAX: never */
    int64_t revoked_ms;                             /* 0: it is not */
    int64_t created_ms, updated_ms;
    int64_t last_used_ms; /* when the snapshot was made; 0: never. See rights_last_used */
};

struct grant {
    int64_t client, site;
    enum role role;
};

struct rights;
struct exclusions;

struct rights *rights_retain(const struct rights *r);
void rights_release(const struct rights *r); /* accepts NULL; thread-safe */

/* ---- tokens ------------------------------------------------------------------------------- */

/* NULL: unknown, revoked, expired (now_ms > expires_ms), its team archived, its owner disabled.
 * Hashes `token` and looks it up. */
const struct client *rights_client(const struct rights *r, struct str token, int64_t now_ms);
/* The same for a caller that has the hash. */
const struct client *rights_client_by_hash(const struct rights *r,
                                           const unsigned char hash[TOKEN_HASH_BYTES],
                                           int64_t now_ms);
/* Revoked or expired, whatever its owner is. */
bool client_has_ended(const struct client *client, int64_t now_ms);
/* Whose batches and nodes its are: a team's number, or minus a user's. */
int64_t client_owner(const struct client *client);

/* A client of this snapshot has shown its token. The store writes it down within minutes. Both are
 * thread-safe. */
void rights_note_use(const struct rights *r, const struct client *client, int64_t now_ms);
int64_t rights_last_used(const struct rights *r, const struct client *client); /* 0: never */

/* ---- what is there ------------------------------------------------------------------------ */

/* `host` as a URL or a log has it: compared in lower case and without its port; as it is, or with
 * one leading "www." removed, it must equal a site's domain or alias. No subdomains. */
const struct site *rights_site_by_host(const struct rights *r, struct str host);
const struct site *rights_site_by_uuid(const struct rights *r, const unsigned char uuid[16]);
const struct site *rights_site_by_id(const struct rights *r, int64_t id);

const struct team *rights_team_by_id(const struct rights *r, int64_t id);
const struct team *rights_team_by_uuid(const struct rights *r, const unsigned char uuid[16]);
const struct user *rights_user_by_id(const struct rights *r, int64_t id);
const struct user *rights_user_by_uuid(const struct rights *r, const unsigned char uuid[16]);
/* By address, case aside, or by name. */
const struct user *rights_user_by_login(const struct rights *r, struct str login);
const struct client *rights_client_by_id(const struct rights *r, int64_t id);
const struct client *rights_client_by_uuid(const struct rights *r, const unsigned char uuid[16]);

/* All, ordered by id; members by team and user, site roles by site and user, grants by client and
 * site. */
size_t rights_teams(const struct rights *r, const struct team **teams);
size_t rights_users(const struct rights *r, const struct user **users);
size_t rights_members(const struct rights *r, const struct member **members);
size_t rights_sites(const struct rights *r, const struct site **sites);
size_t rights_sites_of(const struct rights *r, int64_t team); /* how many a team has */
size_t rights_site_roles(const struct rights *r, const struct site_role **roles);
size_t rights_clients(const struct rights *r, const struct client **clients);
size_t rights_grants(const struct rights *r, const struct grant **grants);
/* Those of one client. */
size_t rights_grants_of(const struct rights *r, int64_t client, const struct grant **grants);

/* ---- the rules (rights_rules.c) ----------------------------------------------------------- */

/* HitKeep's two refusals: ACCESS_DENIED is 403 "Access denied", ACCESS_TOO_SMALL 403 "Forbidden".
 */
enum access { ACCESS_OK, ACCESS_DENIED, ACCESS_TOO_SMALL };

/* Rule B, for records that name their site: the stored grant and nothing else. ROLE_NONE without
 * one, or while it does not count: a site of another team than the client's, or of an archived one.
 */
enum role rights_role(const struct rights *r, const struct client *client, const struct site *site);

/* What of that grant is left when a personal client's counts as far as its owner's own role on the
 * site goes: the lesser of the two. ROLE_NONE: nothing. */
enum role rights_role_now(const struct rights *r, const struct client *client,
                          const struct site *site);

/* Rule A, for routes with a site in them. A grant is needed; a personal client's counts as far as
 * its owner's own role on the site goes, and none at all when he has none; then the instance role,
 * of the client as far as the owner's goes. `site` NULL (no such site): ACCESS_DENIED. */
enum access rights_may(const struct rights *r, const struct client *client, const struct site *site,
                       enum permission permission);

/* HitKeep's third form, for exclusions: rule A without the instance role. */
enum access rights_may_by_grant(const struct rights *r, const struct client *client,
                                const struct site *site, enum permission permission);
/* The instance role alone, of the client as far as the owner's goes. A team's client has none. */
bool rights_may_on_server(const struct rights *r, const struct client *client,
                          enum permission permission);

/* TEAM_NONE: no member, or the team is archived. */
enum team_role rights_team_role(const struct rights *r, int64_t team, const struct user *user);

/*
 * A person's role on a site: the least of what was given to him there, what adding the site made
 * him (owner), and what the site's team makes him (its owner owner, its admin admin, its member
 * nothing). ROLE_NONE for who is no member of the site's team. There is no active team: each site
 * goes by its own.
 */
enum role rights_user_role(const struct rights *r, const struct user *user,
                           const struct site *site);
/* The same rule as A for a person with a session: his role, then his instance role. */
enum access rights_user_may(const struct rights *r, const struct user *user,
                            const struct site *site, enum permission permission);

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
int rights_add_user(struct rights_builder *b, const struct user *user);
int rights_add_member(struct rights_builder *b, const struct member *member);
int rights_add_site(struct rights_builder *b, const struct site *site);
int rights_add_site_role(struct rights_builder *b, const struct site_role *role);
int rights_add_client(struct rights_builder *b, const struct client *client);
int rights_add_grant(struct rights_builder *b, const struct grant *grant);
/* Owned by the builder from here on, even when the build fails. Once at most. */
void rights_take_exclusions(struct rights_builder *b, struct exclusions *x);
/* Takes what was added; the builder stays the caller's, to be freed. NULL when an add failed. */
struct rights *rights_build(struct rights_builder *b);

/* `fresh` learns when the clients of `old` were last used. Before it is shared. */
void rights_carry_uses(struct rights *fresh, const struct rights *old);
/* Is there a use that is newer than what was written by at least `lag_ms`? And `write` for each of
 * them, until one call fails; those that did not count as written. For one thread at a time. */
bool rights_uses_wait(const struct rights *r, int64_t lag_ms);
int rights_write_uses(const struct rights *r, int64_t lag_ms,
                      int (*write)(void *arg, int64_t client, int64_t used_ms), void *arg);

#endif
