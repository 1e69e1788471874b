/*
 * rights_internal.h - shared by rights.c (the snapshot in use) and rights_build.c (how one is
 * made). Nobody else includes it.
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

struct rights {
    atomic_int references;
    struct text_block *texts;
    struct team *teams;
    struct site *sites; /* by id */
    struct client *clients;
    struct grant *grants;          /* by client, site */
    const size_t *by_token;        /* indices of clients, by token hash */
    const size_t *by_uuid;         /* indices of sites, by uuid */
    struct host_slot *hosts;       /* open addressing; n_hosts is a power of two */
    struct exclusions *exclusions; /* owned; may be NULL */
    size_t n_teams, n_sites, n_clients, n_grants, n_hosts;
};

/* The slot of that host, or the empty one where it would stand. */
struct host_slot *rights_host_slot(const struct rights *r, struct str host);

/* The orders of the arrays. */
int rights_compare_ids(int64_t a, int64_t b);
int rights_compare_sites(const void *a, const void *b);
int rights_compare_grants(const void *a, const void *b);

#endif
