/*
 * rights.c - the immutable snapshot of who may do what, in use: life, look-ups. Made by
 * rights_build.c; the rules are in rights_rules.c.
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
    free(r->users);
    free(r->members);
    free(r->sites);
    free(r->site_roles);
    free(r->clients);
    free(r->grants);
    free(r->uses);
    free(r->by_token);
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

/* ---- orders ------------------------------------------------------------------------------- */

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int rights_compare_ids(const void *a, const void *b)
{
    return compare(*(const int64_t *)a, *(const int64_t *)b);
}

int rights_compare_members(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int order = compare(x->team, y->team);
    return order ? order : compare(x->user, y->user);
}

int rights_compare_site_roles(const void *a, const void *b)
{
    const struct site_role *x = a, *y = b;
    int order = compare(x->site, y->site);
    return order ? order : compare(x->user, y->user);
}

int rights_compare_grants(const void *a, const void *b)
{
    const struct grant *x = a, *y = b;
    int order = compare(x->client, y->client);
    return order ? order : compare(x->site, y->site);
}

const void *rights_find(const void *key, const void *array, size_t n, size_t size,
                        int (*order)(const void *, const void *))
{
    return n ? bsearch(key, array, n, size, order) : NULL;
}

struct host_slot *rights_host_slot(const struct rights *r, struct str host)
{
    size_t mask = r->n_hosts - 1;
    size_t i = (size_t)hash_64(host, 0) & mask;
    while (str_is_set(r->hosts[i].host) && !str_eq(r->hosts[i].host, host))
        i = (i + 1) & mask;
    return &r->hosts[i];
}

/* ---- tokens ------------------------------------------------------------------------------- */

bool client_has_ended(const struct client *client, int64_t now_ms)
{
    return client->revoked_ms || now_ms > client->expires_ms;
}

int64_t client_owner(const struct client *client)
{
    return client->team ? client->team : -client->user;
}

static bool owner_lets_in(const struct rights *r, const struct client *client)
{
    if (client->team) {
        const struct team *team = rights_team_by_id(r, client->team);
        return team && !team->archived_ms;
    }
    const struct user *user = rights_user_by_id(r, client->user);
    return user && !user->disabled_ms;
}

static int compare_hash(const void *key, const void *slot)
{
    return memcmp(key, ((const struct token_slot *)slot)->hash, TOKEN_HASH_BYTES);
}

const struct client *rights_client_by_hash(const struct rights *r,
                                           const unsigned char hash[TOKEN_HASH_BYTES],
                                           int64_t now_ms)
{
    const struct token_slot *slot =
        rights_find(hash, r->by_token, r->n_tokens, sizeof(*slot), compare_hash);
    if (!slot)
        return NULL;
    const struct client *c = &r->clients[slot->client];
    bool is_old = slot->hash != c->token_hash;
    if (client_has_ended(c, now_ms) || (is_old && now_ms > c->old_until_ms))
        return NULL;
    return owner_lets_in(r, c) ? c : NULL;
}

const struct client *rights_client(const struct rights *r, struct str token, int64_t now_ms)
{
    unsigned char hash[TOKEN_HASH_BYTES];
    return sha256(token, hash) ? NULL : rights_client_by_hash(r, hash, now_ms);
}

void rights_note_use(const struct rights *r, const struct client *client, int64_t now_ms)
{
    atomic_store_explicit(&r->uses[client - r->clients].used_ms, now_ms, memory_order_relaxed);
}

int64_t rights_last_used(const struct rights *r, const struct client *client)
{
    return atomic_load_explicit(&r->uses[client - r->clients].used_ms, memory_order_relaxed);
}

void rights_carry_uses(struct rights *fresh, const struct rights *old)
{
    for (size_t i = 0; i < old->n_clients; i++) {
        const struct client *c = rights_client_by_id(fresh, old->clients[i].id);
        int64_t used_ms = rights_last_used(old, &old->clients[i]);
        if (c && memcmp(c->uuid, old->clients[i].uuid, sizeof(c->uuid)) == 0 &&
            used_ms > c->last_used_ms)
            rights_note_use(fresh, c, used_ms);
    }
}

static bool use_waits(const struct rights *r, size_t i, int64_t lag_ms)
{
    return rights_last_used(r, &r->clients[i]) - r->uses[i].written_ms >= lag_ms;
}

bool rights_uses_wait(const struct rights *r, int64_t lag_ms)
{
    for (size_t i = 0; i < r->n_clients; i++)
        if (use_waits(r, i, lag_ms))
            return true;
    return false;
}

int rights_write_uses(const struct rights *r, int64_t lag_ms,
                      int (*write)(void *arg, int64_t client, int64_t used_ms), void *arg)
{
    for (size_t i = 0; i < r->n_clients; i++) {
        int64_t used_ms = rights_last_used(r, &r->clients[i]);
        if (!use_waits(r, i, lag_ms))
            continue;
        if (write(arg, r->clients[i].id, used_ms))
            return -1;
        r->uses[i].written_ms = used_ms;
    }
    return 0;
}

/* ---- what is there ------------------------------------------------------------------------ */

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
    return rights_find(&id, r->sites, r->n_sites, sizeof(*r->sites), rights_compare_ids);
}

const struct team *rights_team_by_id(const struct rights *r, int64_t id)
{
    return rights_find(&id, r->teams, r->n_teams, sizeof(*r->teams), rights_compare_ids);
}

int64_t site_cutoff_ms(const struct site *site, int64_t now_ms)
{
    if (site->retention_days == 0)
        return INT64_MIN;
    return (time_day(now_ms) - (int64_t)site->retention_days) * DAY_MS;
}

const struct user *rights_user_by_id(const struct rights *r, int64_t id)
{
    return rights_find(&id, r->users, r->n_users, sizeof(*r->users), rights_compare_ids);
}

const struct client *rights_client_by_id(const struct rights *r, int64_t id)
{
    return rights_find(&id, r->clients, r->n_clients, sizeof(*r->clients), rights_compare_ids);
}

/* Teams, users and clients are looked up so by people, not by records: one after the other. */
#define BY_UUID(name, what, array, count)                                                          \
    const struct what *name(const struct rights *r, const unsigned char uuid[16])                  \
    {                                                                                              \
        for (size_t i = 0; i < r->count; i++)                                                      \
            if (memcmp(r->array[i].uuid, uuid, 16) == 0)                                           \
                return &r->array[i];                                                               \
        return NULL;                                                                               \
    }
BY_UUID(rights_team_by_uuid, team, teams, n_teams)
BY_UUID(rights_user_by_uuid, user, users, n_users)
BY_UUID(rights_client_by_uuid, client, clients, n_clients)
#undef BY_UUID

const struct user *rights_user_by_login(const struct rights *r, struct str login)
{
    for (size_t i = 0; i < r->n_users && login.n; i++)
        if (str_eq(r->users[i].name, login) || str_eq_nocase(r->users[i].email, login))
            return &r->users[i];
    return NULL;
}

#define ALL(name, what, array, count)                                                              \
    size_t name(const struct rights *r, const struct what **out)                                   \
    {                                                                                              \
        *out = r->array;                                                                           \
        return r->count;                                                                           \
    }
ALL(rights_teams, team, teams, n_teams)
ALL(rights_users, user, users, n_users)
ALL(rights_members, member, members, n_members)
ALL(rights_sites, site, sites, n_sites)
ALL(rights_site_roles, site_role, site_roles, n_site_roles)
ALL(rights_clients, client, clients, n_clients)
ALL(rights_grants, grant, grants, n_grants)
#undef ALL

size_t rights_sites_of(const struct rights *r, int64_t team)
{
    size_t count = 0;
    for (size_t i = 0; i < r->n_sites; i++)
        count += r->sites[i].team == team;
    return count;
}

size_t rights_grants_of(const struct rights *r, int64_t client, const struct grant **grants)
{
    size_t first = 0, n = 0;
    while (first < r->n_grants && r->grants[first].client < client)
        first++;
    while (first + n < r->n_grants && r->grants[first + n].client == client)
        n++;
    *grants = n ? &r->grants[first] : NULL;
    return n;
}

const struct exclusions *rights_exclusions(const struct rights *r)
{
    return r->exclusions;
}
