/*
 * rights_build.c - makes a snapshot of rights: rows in any order, then sorted and indexed. Called
 * by the store after each change.
 */
#include "server/rights_internal.h"

#include <stdlib.h>

#include "server/url.h"

struct rights_builder {
    struct rights *r;
    size_t cap_teams, cap_sites, cap_clients, cap_grants;
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
    added->aliases = aliases;
    return b->failed ? -1 : 0;
}

int rights_add_client(struct rights_builder *b, const struct client *client)
{
    struct rights *r = b->r;
    struct client *clients = grown(b, r->clients, r->n_clients, &b->cap_clients, sizeof(*clients));
    if (!clients)
        return -1;
    r->clients = clients;
    clients[r->n_clients] = *client;
    clients[r->n_clients++].name = copied(b, client->name);
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

static int compare_teams(const void *a, const void *b)
{
    return rights_compare_ids(((const struct team *)a)->id, ((const struct team *)b)->id);
}

static int compare_clients(const void *a, const void *b)
{
    return rights_compare_ids(((const struct client *)a)->id, ((const struct client *)b)->id);
}

static int compare_tokens(const void *a, const void *b, void *rights)
{
    const struct client *clients = ((const struct rights *)rights)->clients;
    return memcmp(clients[*(const size_t *)a].token_hash, clients[*(const size_t *)b].token_hash,
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

/* qsort may not be given a null array, not even for no elements. */
static void sort(void *array, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    if (n > 1)
        qsort(array, n, size, compare);
}

struct rights *rights_build(struct rights_builder *b)
{
    struct rights *r = b->r;
    if (b->failed || !r)
        return NULL;
    sort(r->teams, r->n_teams, sizeof(*r->teams), compare_teams);
    sort(r->sites, r->n_sites, sizeof(*r->sites), rights_compare_sites);
    sort(r->clients, r->n_clients, sizeof(*r->clients), compare_clients);
    sort(r->grants, r->n_grants, sizeof(*r->grants), rights_compare_grants);
    for (size_t i = 1; i < r->n_sites; i++)
        if (r->sites[i].id == r->sites[i - 1].id)
            return NULL;
    for (size_t i = 1; i < r->n_clients; i++)
        if (r->clients[i].id == r->clients[i - 1].id)
            return NULL;
    r->by_token = sorted_index(r, r->n_clients, compare_tokens);
    r->by_uuid = sorted_index(r, r->n_sites, compare_uuids);
    if (!r->by_token || !r->by_uuid || index_hosts(r))
        return NULL;
    b->r = NULL;
    return r;
}
