/* pace.c - see pace.h. */
#include "agent/pace.h"

#define RECOVERY_S 60.0
#define BURST_S 0.25   /* what gathers while nothing is sent */
#define SLOWEST 0.0625 /* of `most` */

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

void pace_init(struct pace *p, double most, int64_t now_ms)
{
    *p = (struct pace){.most = most, .rate = most, .tokens = 1, .at_ms = now_ms};
}

static void fill(struct pace *p, int64_t now_ms)
{
    double seconds = (double)(now_ms - p->at_ms) / 1000;
    if (seconds <= 0)
        return;
    p->at_ms = now_ms;
    p->rate = smaller(p->most, p->rate + p->most * seconds / RECOVERY_S);
    p->tokens = smaller(p->tokens + p->rate * seconds, larger(1, p->rate * BURST_S));
}

int64_t pace_take(struct pace *p, int64_t now_ms)
{
    fill(p, now_ms);
    if (now_ms < p->until_ms)
        return p->until_ms - now_ms;
    if (p->tokens >= 1) {
        p->tokens -= 1;
        return 0;
    }
    return 1 + (int64_t)((1 - p->tokens) * 1000 / p->rate);
}

void pace_put_back(struct pace *p)
{
    p->tokens += 1;
}

void pace_slow(struct pace *p, int64_t now_ms, int64_t sent_ms, int64_t wait_ms)
{
    fill(p, now_ms);
    p->tokens = 0;
    if (now_ms + wait_ms > p->until_ms)
        p->until_ms = now_ms + wait_ms;
    if (p->slowed_ms && sent_ms <= p->slowed_ms)
        return;
    p->slowed_ms = now_ms;
    p->rate = larger(p->rate / 2, p->most * SLOWEST);
}
