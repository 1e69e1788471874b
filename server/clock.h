/*
 * clock.h - clocks of this machine in milliseconds. CLOCK_MONOTONIC counts from any moment: for
 * spans and deadlines within one process. CLOCK_REALTIME counts from 1970.
 */
#ifndef LOGFERRY_SERVER_CLOCK_H
#define LOGFERRY_SERVER_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
