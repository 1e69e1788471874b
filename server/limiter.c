/*
 * limiter.c - buckets in one array, found by a chained hash table with a secret seed, kept in a
 * list by last use. Everything is allocated at the start: an attacker with many addresses costs
 * nothing more.
 */
#include "server/limiter.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "parsers/base/hash.h"

#define NONE UINT32_MAX

struct bucket {
    unsigned char address[16];
    int64_t
        milli_tokens; /* a thousandth of a token is what a rate of 1/s yields in a millisecond */
    int64_t seen_ms;
    uint32_t chain; /* next with the same hash */
    uint32_t newer, older;
};

struct limiter {
    struct limiter_rate rate;
    uint64_t seed;
    uint32_t max, used;
    uint32_t slots; /* of the hash table, a power of two */
    uint32_t *heads;
    uint32_t newest, oldest;
    struct bucket *buckets;
};

struct limiter *limiter_new(struct limiter_rate rate, uint32_t addresses)
{
    struct limiter *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->rate = rate;
    l->max = addresses;
    l->newest = l->oldest = NONE;
    for (l->slots = 1; l->slots < addresses; l->slots *= 2) {
    }
    l->heads = malloc(l->slots * sizeof(*l->heads));
    l->buckets = malloc(addresses * sizeof(*l->buckets));
    if (!l->heads || !l->buckets ||
        getrandom(&l->seed, sizeof(l->seed), 0) != (ssize_t)sizeof(l->seed)) {
        limiter_free(l);
        return NULL;
    }
    memset(l->heads, 0xff, l->slots * sizeof(*l->heads));
    return l;
}

void limiter_free(struct limiter *l)
{
    if (!l)
        return;
    free(l->heads);
    free(l->buckets);
    free(l);
}

static uint32_t *chain_of(struct limiter *l, const unsigned char address[16])
{
    uint64_t h = hash_64((struct str){(const char *)address, 16}, l->seed);
    return &l->heads[h & (l->slots - 1)];
}

static void unlink_by_use(struct limiter *l, uint32_t i)
{
    struct bucket *b = &l->buckets[i];
    if (b->newer == NONE)
        l->newest = b->older;
    else
        l->buckets[b->newer].older = b->older;
    if (b->older == NONE)
        l->oldest = b->newer;
    else
        l->buckets[b->older].newer = b->newer;
}

static void link_newest(struct limiter *l, uint32_t i)
{
    struct bucket *b = &l->buckets[i];
    b->newer = NONE;
    b->older = l->newest;
    if (l->newest != NONE)
        l->buckets[l->newest].newer = i;
    l->newest = i;
    if (l->oldest == NONE)
        l->oldest = i;
}

/* A bucket to be filled in: a fresh one, or the longest unseen. */
static uint32_t take_bucket(struct limiter *l)
{
    if (l->used < l->max)
        return l->used++;
    uint32_t i = l->oldest;
    uint32_t *at = chain_of(l, l->buckets[i].address);
    while (*at != i)
        at = &l->buckets[*at].chain;
    *at = l->buckets[i].chain;
    unlink_by_use(l, i);
    return i;
}

static struct bucket *find(struct limiter *l, const unsigned char address[16], int64_t now_ms)
{
    uint32_t *head = chain_of(l, address);
    uint32_t i = *head;
    while (i != NONE && memcmp(l->buckets[i].address, address, 16) != 0)
        i = l->buckets[i].chain;
    if (i != NONE) {
        unlink_by_use(l, i);
        link_newest(l, i);
        return &l->buckets[i];
    }
    i = take_bucket(l);
    struct bucket *b = &l->buckets[i];
    memcpy(b->address, address, 16);
    b->milli_tokens = (int64_t)l->rate.burst * 1000;
    b->seen_ms = now_ms;
    b->chain = *head;
    *head = i;
    link_newest(l, i);
    return b;
}

bool limiter_allow(struct limiter *l, const unsigned char address[16], int64_t now_ms)
{
    int64_t wait_ms;
    return limiter_take(l, address, 1, now_ms, &wait_ms);
}

bool limiter_take(struct limiter *l, const unsigned char address[16], uint32_t n, int64_t now_ms,
                  int64_t *wait_ms)
{
    if (l->rate.per_second == 0)
        return true;
    struct bucket *b = find(l, address, now_ms);
    int64_t cost = (int64_t)n * 1000;
    int64_t full = (int64_t)l->rate.burst * 1000;
    int64_t passed = now_ms > b->seen_ms ? now_ms - b->seen_ms : 0;
    b->seen_ms = now_ms;
    /* Compared before the product is taken: a long pause must not overflow it. */
    if (passed >= (full - b->milli_tokens) / l->rate.per_second + 1)
        b->milli_tokens = full;
    else
        b->milli_tokens += passed * l->rate.per_second;
    if (b->milli_tokens > full)
        b->milli_tokens = full;
    int64_t missing = (cost < full ? cost : full) - b->milli_tokens;
    if (missing > 0) {
        *wait_ms = missing / l->rate.per_second + 1;
        return false;
    }
    b->milli_tokens -= cost;
    return true;
}
