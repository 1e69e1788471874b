/* timers.c - see timers.h. */
#include "agent/timers.h"

#include <stdbool.h>

void timer_pull(struct ev_loop *loop, ev_timer *timer, double after)
{
    bool earlier = ev_is_active(timer) && ev_timer_remaining(loop, timer) <= after;
    if (earlier || ev_is_pending(timer))
        return;
    ev_timer_stop(loop, timer);
    ev_timer_set(timer, after > 0 ? after : 0, 0.0);
    ev_timer_start(loop, timer);
}
