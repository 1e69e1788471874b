/*
 * timers.h - libev timers that are due at the earliest moment that anybody asked for. Loop thread.
 */
#ifndef LOGFERRY_AGENT_TIMERS_H
#define LOGFERRY_AGENT_TIMERS_H

#include <ev.h>

/*
 * Fires once in `after` seconds (negative: 0), or earlier, if it was to fire earlier: `after` never
 * puts off. That holds for a timer, too, whose time has come in this turn of the loop and whose
 * callback has not run yet. libev calls such a timer inactive, and starting it again drops that
 * callback.
 */
void timer_pull(struct ev_loop *loop, ev_timer *timer, double after);

#endif
