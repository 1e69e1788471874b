/*
 * rights.c - the immutable snapshot of who may do what, in use: roles, life, look-ups. Made by
 * rights_build.c.
 *
 * The snapshot is sorted arrays plus one hash table of hosts; it is built anew by the store after
 * each change (changes are rare, look-ups are one per record) and swapped as a whole.
 */
#include "server/rights_internal.h"

#include <stdlib.h>

#include "parsers/base/hash.h"
#include "parsers/base/time.h"
#include "server/exclusions.h"
#include "server/url.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* ---- roles -------------------------------------------------------------------------------- */

static const char *const role_names[] = {
    [ROLE_NONE] = "none",     [ROLE_INGEST] = "ingest", [ROLE_VIEWER] = "viewer",
    [ROLE_EDITOR] = "editor", [ROLE_ADMIN] = "admin",   [ROLE_OWNER] = "owner",
};

const char *role_name(enum role role)
{
    return role_names[role];
}

bool role_parse(struct str name, enum role *out)
{
    for (int i = ROLE_INGEST; i <= ROLE_OWNER; i++) {
        if (str_eq(name, str_of(role_names[i]))) {
            *out = (enum role)i;
            return true;
        }
    }
    return false;
}

bool role_allows(enum role role, enum permission permission)
{
    switch (permission) {
    case PERM_SITE_VIEW:
        return role >= ROLE_VIEWER;
    case PERM_SITE_MANAGE_DATA:
        return role == ROLE_INGEST || role >= ROLE_ADMIN;
    case PERM_SITE_MANAGE_GOALS:
        return role >= ROLE_EDITOR;
    case PERM_SITE_MANAGE_TEAM:
        return role >= ROLE_ADMIN;
    case PERM_SITE_DELETE:
        return role == ROLE_OWNER;
    }
    return false;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void rights_destroy(struct rights *r)
{
    while (r->texts) {
        struct text_block *next = r->texts->next;
        free(r->texts);
        r->texts = next;
    }
    for (size_t i = 0; i < r->n_sites; i++)
        free((void *)r->sites[i].aliases);
    free(r->teams);
    free(r->sites);
    free(r->clients);
    free(r->grants);
    free((void *)r->by_token);
    free((void *)r->by_uuid);
    free(r->hosts);
    exclusions_free(r->exclusions);
    free(r);
}

struct rights *rights_retain(const struct rights *r)
{
    struct rights *shared = (struct rights *)r;
    atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
    return shared;
}

void rights_release(const struct rights *r)
{
    struct rights *shared = (struct rights *)r;
    if (shared && atomic_fetch_sub_explicit(&shared->references, 1, memory_order_acq_rel) == 1)
        rights_destroy(shared);
}

/* ---- looking up --------------------------------------------------------------------------- */

int rights_compare_ids(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int rights_compare_sites(const void *a, const void *b)
{
    return rights_compare_ids(((const struct site *)a)->id, ((const struct site *)b)->id);
}

int rights_compare_grants(const void *a, const void *b)
{
    const struct grant *x = a, *y = b;
    int order = rights_compare_ids(x->client, y->client);
    return order ? order : rights_compare_ids(x->site, y->site);
}

struct host_slot *rights_host_slot(const struct rights *r, struct str host)
{
    size_t mask = r->n_hosts - 1;
    size_t i = (size_t)hash_64(host, 0) & mask;
    while (str_is_set(r->hosts[i].host) && !str_eq(r->hosts[i].host, host))
        i = (i + 1) & mask;
    return &r->hosts[i];
}

const struct client *rights_client_by_hash(const struct rights *r,
                                           const unsigned char hash[TOKEN_HASH_BYTES],
                                           int64_t now_ms)
{
    size_t low = 0, high = r->n_clients;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct client *c = &r->clients[r->by_token[middle]];
        int order = memcmp(c->token_hash, hash, TOKEN_HASH_BYTES);
        if (order == 0)
            return c->revoked || now_ms > c->expires_ms ? NULL : c;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct client *rights_client(const struct rights *r, struct str token, int64_t now_ms)
{
    unsigned char hash[TOKEN_HASH_BYTES];
    return sha256(token, hash) ? NULL : rights_client_by_hash(r, hash, now_ms);
}

const struct site *rights_site_by_host(const struct rights *r, struct str host)
{
    char text[URL_HOST_MAX];
    struct str name = {text, 0};
    if (!host_normalise(host, text, &name.n))
        return NULL;
    const struct host_slot *slot = rights_host_slot(r, name);
    if (!str_is_set(slot->host) && str_starts(name, STR("www.")))
        slot = rights_host_slot(r, str_slice(name, 4, name.n));
    return str_is_set(slot->host) ? &r->sites[slot->site] : NULL;
}

const struct site *rights_site_by_uuid(const struct rights *r, const unsigned char uuid[16])
{
    size_t low = 0, high = r->n_sites;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct site *s = &r->sites[r->by_uuid[middle]];
        int order = memcmp(s->uuid, uuid, 16);
        if (order == 0)
            return s;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct site *rights_site_by_id(const struct rights *r, int64_t id)
{
    struct site key = {.id = id};
    return r->n_sites ? bsearch(&key, r->sites, r->n_sites, sizeof(key), rights_compare_sites)
                      : NULL;
}

enum role rights_role(const struct rights *r, const struct client *client, const struct site *site)
{
    struct grant key = {.client = client->id, .site = site->id};
    if (client->team != site->team || r->n_grants == 0)
        return ROLE_NONE;
    const struct grant *g =
        bsearch(&key, r->grants, r->n_grants, sizeof(key), rights_compare_grants);
    return g ? g->role : ROLE_NONE;
}

int64_t site_cutoff_ms(const struct site *site, int64_t now_ms)
{
    if (site->retention_days == 0)
        return INT64_MIN;
    return (time_day(now_ms) - (int64_t)site->retention_days) * DAY_MS;
}

size_t rights_sites(const struct rights *r, const struct site **sites)
{
    *sites = r->sites;
    return r->n_sites;
}

size_t rights_clients(const struct rights *r, const struct client **clients)
{
    *clients = r->clients;
    return r->n_clients;
}

size_t rights_teams(const struct rights *r, const struct team **teams)
{
    *teams = r->teams;
    return r->n_teams;
}

size_t rights_grants(const struct rights *r, const struct grant **grants)
{
    *grants = r->grants;
    return r->n_grants;
}

const struct exclusions *rights_exclusions(const struct rights *r)
{
    return r->exclusions;
}
