/*
 * single.h - a sealed batch as requests to HitKeep's endpoints, one for each record. No I/O and no
 * clock; the keys of visitors are the caller's.
 *
 * What is sent: one strict JSON object with exactly the keys that those endpoints have, integers,
 * valid UTF-8. Path and query are spelt as in the batch, so alike in both kinds of record; host
 * names go in lower case, without a port.
 */
#ifndef LOGFERRY_AGENT_SINGLE_H
#define LOGFERRY_AGENT_SINGLE_H

#include "agent/batch.h"
#include "agent/sites.h"
#include "parsers/base/siphash.h"

#define SINGLE_BODY_MAX (64u << 10) /* bytes; HitKeep refuses more as malformed */
#define SINGLE_PATH_MAX 256u

struct single {
    uint32_t at, n;     /* of its line in the batch's text */
    uint32_t stream;    /* index into `streams` */
    uint16_t status;    /* the caller's: 0 while nothing is known, else sent_file.h's */
    unsigned char kind; /* enum record_kind */
    bool flying;        /* the caller's */
    int64_t time_ms;
    uint64_t site; /* hash of kind and host: records with the same one share their fate at 403 */
};

struct single_batch {
    struct buf text, scratch;
    struct str *agents;
    size_t n_agents;
    struct hash128 *streams;
    struct single *v; /* v[i] is line i + 2 of the body */
    size_t n;
};

/* 0, or -1 with a static sentence; after either, release it. Worker. */
int single_batch_open(struct single_batch *b, const struct batch *from, const char **error);
void single_batch_release(struct single_batch *b); /* accepts a zeroed one */

enum single_fit {
    SINGLE_FITS,
    SINGLE_NOT_TAKEN, /* by its nature nothing for a HitKeep: a status outside 100 to 599, a URL
                         that is not http */
    SINGLE_NO_SITE,   /* the token's list of sites has none for it */
    SINGLE_BROKEN,    /* lacks what HitKeep insists on */
};

struct single_request {
    struct buf path, body, scratch; /* the caller's, initialised */
    const char *why;                /* static, for all but SINGLE_FITS */
};

/* `ids`: hosts, with the id of each as its site. `key`: of the record's day (pageviews). */
enum single_fit single_render(const struct single_batch *b, const struct single *s,
                              const struct sites *ids, const unsigned char key[SIPHASH_KEY],
                              struct single_request *out);

#endif
