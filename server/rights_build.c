/*
 * rights_build.c - makes a snapshot of rights: rows in any order, then sorted and indexed. Called
 * by the store after each change.
 */
#include "server/rights_internal.h"

#include <stdlib.h>

#include "server/url.h"

struct rights_builder {
    struct rights *r;
    size_t cap_teams, cap_users, cap_members, cap_sites, cap_site_roles, cap_clients, cap_grants;
    bool failed;
};

struct rights_builder *rights_builder_new(void)
{
    struct rights_builder *b = calloc(1, sizeof(*b));
    struct rights *r = calloc(1, sizeof(*r));
    if (!b || !r) {
        free(b);
        free(r);
        return NULL;
    }
    atomic_init(&r->references, 1);
    b->r = r;
    return b;
}

void rights_builder_free(struct rights_builder *b)
{
    if (!b)
        return;
    rights_release(b->r);
    free(b);
}

/* Room for one more in an array of `n`; NULL (and failed) when out of memory. */
static void *grown(struct rights_builder *b, void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return array;
    size_t more = *cap ? *cap * 2 : 8;
    void *moved = reallocarray(array, more, size);
    if (moved)
        *cap = more;
    else
        b->failed = true;
    return moved;
}

static struct str copied(struct rights_builder *b, struct str s)
{
    struct text_block *block = malloc(sizeof(*block) + s.n + 1);
    if (!block) {
        b->failed = true;
        return STR("");
    }
    if (s.n)
        memcpy(block->bytes, s.p, s.n);
    block->bytes[s.n] = 0;
    block->next = b->r->texts;
    b->r->texts = block;
    return (struct str){block->bytes, s.n};
}

/* STR_NONE stays it. */
static struct str copied_if_set(struct rights_builder *b, struct str s)
{
    return str_is_set(s) ? copied(b, s) : STR_NONE;
}

int rights_add_team(struct rights_builder *b, const struct team *team)
{
    struct rights *r = b->r;
    struct team *teams = grown(b, r->teams, r->n_teams, &b->cap_teams, sizeof(*teams));
    if (!teams)
        return -1;
    r->teams = teams;
    teams[r->n_teams] = *team;
    teams[r->n_teams++].name = copied(b, team->name);
    return b->failed ? -1 : 0;
}

int rights_add_user(struct rights_builder *b, const struct user *user)
{
    struct rights *r = b->r;
    struct user *users = grown(b, r->users, r->n_users, &b->cap_users, sizeof(*users));
    if (!users)
        return -1;
    r->users = users;
    struct user *added = &users[r->n_users++];
    *added = *user;
    added->name = copied(b, user->name);
    added->family = copied_if_set(b, user->family);
    added->email = copied_if_set(b, user->email);
    added->password_hash = copied_if_set(b, user->password_hash);
    return b->failed ? -1 : 0;
}

int rights_add_member(struct rights_builder *b, const struct member *member)
{
    struct rights *r = b->r;
    struct member *members = grown(b, r->members, r->n_members, &b->cap_members, sizeof(*members));
    if (!members)
        return -1;
    r->members = members;
    members[r->n_members++] = *member;
    return 0;
}

int rights_add_site(struct rights_builder *b, const struct site *site)
{
    struct rights *r = b->r;
    struct site *sites = grown(b, r->sites, r->n_sites, &b->cap_sites, sizeof(*sites));
    if (!sites)
        return -1;
    r->sites = sites;
    struct str *aliases = calloc(site->n_aliases + 1, sizeof(*aliases));
    if (!aliases) {
        b->failed = true;
        return -1;
    }
    for (size_t i = 0; i < site->n_aliases; i++)
        aliases[i] = copied(b, site->aliases[i]);
    struct site *added = &sites[r->n_sites++];
    *added = *site;
    added->domain = copied(b, site->domain);
    added->time_zone = copied(b, site->time_zone);
    added->aliases = aliases;
    return b->failed ? -1 : 0;
}

int rights_add_site_role(struct rights_builder *b, const struct site_role *role)
{
    struct rights *r = b->r;
    struct site_role *roles =
        grown(b, r->site_roles, r->n_site_roles, &b->cap_site_roles, sizeof(*roles));
    if (!roles)
        return -1;
    r->site_roles = roles;
    roles[r->n_site_roles++] = *role;
    return 0;
}

int rights_add_client(struct rights_builder *b, const struct client *client)
{
    struct rights *r = b->r;
    struct client *clients = grown(b, r->clients, r->n_clients, &b->cap_clients, sizeof(*clients));
    if (!clients)
        return -1;
    r->clients = clients;
    struct client *added = &clients[r->n_clients++];
    *added = *client;
    added->name = copied(b, client->name);
    added->description = copied(b, client->description);
    return b->failed ? -1 : 0;
}

int rights_add_grant(struct rights_builder *b, const struct grant *grant)
{
    struct rights *r = b->r;
    struct grant *grants = grown(b, r->grants, r->n_grants, &b->cap_grants, sizeof(*grants));
    if (!grants)
        return -1;
    r->grants = grants;
    grants[r->n_grants++] = *grant;
    return 0;
}

void rights_take_exclusions(struct rights_builder *b, struct exclusions *x)
{
    b->r->exclusions = x;
}

static int compare_slots(const void *a, const void *b)
{
    return memcmp(((const struct token_slot *)a)->hash, ((const struct token_slot *)b)->hash,
                  TOKEN_HASH_BYTES);
}

static int compare_uuids(const void *a, const void *b, void *rights)
{
    const struct site *sites = ((const struct rights *)rights)->sites;
    return memcmp(sites[*(const size_t *)a].uuid, sites[*(const size_t *)b].uuid, 16);
}

/* 0..n-1, sorted by `compare`; NULL when out of memory or when two are equal. */
static size_t *sorted_index(struct rights *r, size_t n,
                            int (*compare)(const void *, const void *, void *))
{
    size_t *index = calloc(n + 1, sizeof(*index));
    if (!index)
        return NULL;
    for (size_t i = 0; i < n; i++)
        index[i] = i;
    qsort_r(index, n, sizeof(*index), compare, r);
    for (size_t i = 1; i < n; i++) {
        if (compare(&index[i - 1], &index[i], r) == 0) {
            free(index);
            return NULL;
        }
    }
    return index;
}

static int put_host(struct rights *r, struct str host, size_t site)
{
    struct host_slot *slot = rights_host_slot(r, host);
    if (str_is_set(slot->host))
        return slot->site == site ? 0 : -1;
    *slot = (struct host_slot){.host = host, .site = site};
    return 0;
}

static int index_hosts(struct rights *r)
{
    size_t names = 1;
    for (size_t i = 0; i < r->n_sites; i++)
        names += 1 + r->sites[i].n_aliases;
    r->n_hosts = 16;
    while (r->n_hosts < names * 2)
        r->n_hosts *= 2;
    r->hosts = calloc(r->n_hosts, sizeof(*r->hosts));
    if (!r->hosts)
        return -1;
    for (size_t i = 0; i < r->n_sites; i++) {
        if (put_host(r, r->sites[i].domain, i))
            return -1;
        for (size_t k = 0; k < r->sites[i].n_aliases; k++)
            if (put_host(r, r->sites[i].aliases[k], i))
                return -1;
    }
    return 0;
}

/* The clients no longer move: slots may point into them. */
static int index_tokens(struct rights *r)
{
    r->by_token = calloc(2 * r->n_clients + 1, sizeof(*r->by_token));
    r->uses = calloc(r->n_clients + 1, sizeof(*r->uses));
    if (!r->by_token || !r->uses)
        return -1;
    for (size_t i = 0; i < r->n_clients; i++) {
        const struct client *c = &r->clients[i];
        r->by_token[r->n_tokens++] = (struct token_slot){c->token_hash, i};
        if (c->old_until_ms)
            r->by_token[r->n_tokens++] = (struct token_slot){c->old_token_hash, i};
        atomic_init(&r->uses[i].used_ms, c->last_used_ms);
        r->uses[i].written_ms = c->last_used_ms;
    }
    qsort(r->by_token, r->n_tokens, sizeof(*r->by_token), compare_slots);
    for (size_t i = 1; i < r->n_tokens; i++)
        if (compare_slots(&r->by_token[i - 1], &r->by_token[i]) == 0)
            return -1;
    return 0;
}

/* qsort may not be given a null array, not even for no elements. */
static void sort(void *array, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    if (n > 1)
        qsort(array, n, size, compare);
}

/* Things with an id, which each has for itself. */
static bool sort_things(void *things, size_t n, size_t size)
{
    sort(things, n, size, rights_compare_ids);
    for (size_t i = 1; i < n; i++)
        if (rights_compare_ids((char *)things + (i - 1) * size, (char *)things + i * size) == 0)
            return false;
    return true;
}

struct rights *rights_build(struct rights_builder *b)
{
    struct rights *r = b->r;
    if (b->failed || !r || !sort_things(r->teams, r->n_teams, sizeof(*r->teams)) ||
        !sort_things(r->users, r->n_users, sizeof(*r->users)) ||
        !sort_things(r->sites, r->n_sites, sizeof(*r->sites)) ||
        !sort_things(r->clients, r->n_clients, sizeof(*r->clients)))
        return NULL;
    sort(r->members, r->n_members, sizeof(*r->members), rights_compare_members);
    sort(r->site_roles, r->n_site_roles, sizeof(*r->site_roles), rights_compare_site_roles);
    sort(r->grants, r->n_grants, sizeof(*r->grants), rights_compare_grants);
    r->by_uuid = sorted_index(r, r->n_sites, compare_uuids);
    if (!r->by_uuid || index_tokens(r) || index_hosts(r))
        return NULL;
    b->r = NULL;
    return r;
}
