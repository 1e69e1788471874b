/*
 * pace.h - how fast requests of one kind may go to a server that limits its clients. Pure.
 *
 * A bucket of tokens. It fills at `rate`, which never passes `most`; a refusal halves the rate, and
 * from then on it grows by a RECOVERY_S-th of `most` each second. So agents behind one address,
 * whom the server counts as one, come to share what it allows.
 */
#ifndef LOGFERRY_AGENT_PACE_H
#define LOGFERRY_AGENT_PACE_H

#include <stdint.h>

struct pace {
    double most, rate; /* a second */
    double tokens;
    int64_t at_ms;    /* of the last look */
    int64_t until_ms; /* nothing before */
    int64_t slowed_ms;
};

/* Times are of one clock that only goes forward. */
void pace_init(struct pace *p, double most, int64_t now_ms);
/* 0: a request may leave now, and its token is taken; else how long to wait. */
int64_t pace_take(struct pace *p, int64_t now_ms);
/* The one that was taken last was not needed. */
void pace_put_back(struct pace *p);
/* A request that left at `sent_ms` was refused for their number: wait so long, and go slower, once
 * for all those that were under way together. */
void pace_slow(struct pace *p, int64_t now_ms, int64_t sent_ms, int64_t wait_ms);

#endif
