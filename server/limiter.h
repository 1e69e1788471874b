/*
 * limiter.h - a token bucket for each client address, as HitKeep has them: checked before the
 * token, so that guessing costs too. Refill is continuous; a bucket starts full. Of more addresses
 * than the cap, the longest unseen is forgotten.
 */
#ifndef LOGFERRY_SERVER_LIMITER_H
#define LOGFERRY_SERVER_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#define LIMITER_ADDRESSES 10000u

struct limiter_rate {
    uint32_t per_second; /* 0: no limit */
    uint32_t burst;
};

struct limiter;

/* NULL when out of memory, or without random bytes. */
struct limiter *limiter_new(struct limiter_rate rate, uint32_t addresses);
void limiter_free(struct limiter *l); /* accepts NULL */
/* Takes one token of that address; false when there is none. `now_ms` is a monotonic clock. */
bool limiter_allow(struct limiter *l, const unsigned char address[16], int64_t now_ms);
/* Takes n at once. A full bucket lets even more than it holds pass, and owes the rest then. False:
 * nothing was taken, and *wait_ms says when it can be. */
bool limiter_take(struct limiter *l, const unsigned char address[16], uint32_t n, int64_t now_ms,
                  int64_t *wait_ms);

#endif
