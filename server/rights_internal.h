/*
 * rights_internal.h - shared by rights.c (the snapshot in use), rights_rules.c and rights_build.c
 * (how one is made). Nobody else includes it.
 */
#ifndef LOGFERRY_SERVER_RIGHTS_INTERNAL_H
#define LOGFERRY_SERVER_RIGHTS_INTERNAL_H

#include <stdatomic.h>

#include "server/rights.h"

/* Owner of one piece of copied text. */
struct text_block {
    struct text_block *next;
    char bytes[];
};

struct host_slot {
    struct str host; /* STR_NONE: empty slot */
    size_t site;     /* index into sites */
};

struct token_slot {
    const unsigned char *hash; /* into clients: the present one, or the one before */
    size_t client;             /* index */
};

struct use {
    _Atomic int64_t used_ms;
    int64_t written_ms; /* the writer's */
};

struct rights {
    atomic_int references;
    struct text_block *texts;
    struct team *teams;            /* by id */
    struct user *users;            /* by id */
    struct member *members;        /* by team, user */
    struct site *sites;            /* by id */
    struct site_role *site_roles;  /* by site, user */
    struct client *clients;        /* by id */
    struct grant *grants;          /* by client, site */
    struct use *uses;              /* of clients, same index */
    struct token_slot *by_token;   /* by hash */
    const size_t *by_uuid;         /* indices of sites, by uuid */
    struct host_slot *hosts;       /* open addressing; n_hosts is a power of two */
    struct exclusions *exclusions; /* owned; may be NULL */
    size_t n_teams, n_users, n_members, n_sites, n_site_roles, n_clients, n_grants;
    size_t n_tokens, n_hosts;
};

/* The slot of that host, or the empty one where it would stand. */
struct host_slot *rights_host_slot(const struct rights *r, struct str host);

/* The orders of the arrays. Those of things with an id begin with it. */
int rights_compare_ids(const void *a, const void *b);
int rights_compare_members(const void *a, const void *b);
int rights_compare_site_roles(const void *a, const void *b);
int rights_compare_grants(const void *a, const void *b);
/* bsearch may not be given a null array, not even for no elements. */
const void *rights_find(const void *key, const void *array, size_t n, size_t size,
                        int (*compare)(const void *, const void *));

#endif
