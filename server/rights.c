/*
 * rights.c - the immutable snapshot of who may do what, and its builder.
 *
 * The snapshot is sorted arrays plus one hash table of hosts; it is built anew by the store after
 * each change (changes are rare, look-ups are one per record) and swapped as a whole.
 */
#include "server/rights.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "parsers/base/hash.h"
#include "server/url.h"

/* Owner of one piece of copied text. */
struct text_block {
    struct text_block *next;
    char bytes[];
};

struct host_slot {
    struct str host; /* STR_NONE: empty slot */
    size_t site;     /* index into sites */
};

struct rights {
    atomic_int references;
    struct text_block *texts;
    struct team *teams;
    struct site *sites; /* by id */
    struct client *clients;
    struct grant *grants;    /* by client, site */
    const size_t *by_token;  /* indices of clients, by token hash */
    const size_t *by_uuid;   /* indices of sites, by uuid */
    struct host_slot *hosts; /* open addressing; n_hosts is a power of two */
    size_t n_teams, n_sites, n_clients, n_grants, n_hosts;
};

struct rights_builder {
    struct rights *r;
    size_t cap_teams, cap_sites, cap_clients, cap_grants;
    bool failed;
};

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

/* ---- building ----------------------------------------------------------------------------- */

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
    if (b->r)
        rights_destroy(b->r);
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

static int by_id(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}
static int compare_teams(const void *a, const void *b)
{
    return by_id(((const struct team *)a)->id, ((const struct team *)b)->id);
}
static int compare_sites(const void *a, const void *b)
{
    return by_id(((const struct site *)a)->id, ((const struct site *)b)->id);
}
static int compare_clients(const void *a, const void *b)
{
    return by_id(((const struct client *)a)->id, ((const struct client *)b)->id);
}
static int compare_grants(const void *a, const void *b)
{
    const struct grant *x = a, *y = b;
    int order = by_id(x->client, y->client);
    return order ? order : by_id(x->site, y->site);
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

static struct host_slot *host_slot(const struct rights *r, struct str host)
{
    size_t mask = r->n_hosts - 1;
    size_t i = (size_t)hash_64(host, 0) & mask;
    while (str_is_set(r->hosts[i].host) && !str_eq(r->hosts[i].host, host))
        i = (i + 1) & mask;
    return &r->hosts[i];
}

static int put_host(struct rights *r, struct str host, size_t site)
{
    struct host_slot *slot = host_slot(r, host);
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
    sort(r->sites, r->n_sites, sizeof(*r->sites), compare_sites);
    sort(r->clients, r->n_clients, sizeof(*r->clients), compare_clients);
    sort(r->grants, r->n_grants, sizeof(*r->grants), compare_grants);
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

/* ---- looking up --------------------------------------------------------------------------- */

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
    const struct host_slot *slot = host_slot(r, name);
    if (!str_is_set(slot->host) && str_starts(name, STR("www.")))
        slot = host_slot(r, str_slice(name, 4, name.n));
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
    return r->n_sites ? bsearch(&key, r->sites, r->n_sites, sizeof(key), compare_sites) : NULL;
}

enum role rights_role(const struct rights *r, const struct client *client, const struct site *site)
{
    struct grant key = {.client = client->id, .site = site->id};
    if (client->team != site->team || r->n_grants == 0)
        return ROLE_NONE;
    const struct grant *g = bsearch(&key, r->grants, r->n_grants, sizeof(key), compare_grants);
    return g ? g->role : ROLE_NONE;
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
