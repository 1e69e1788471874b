/* notify.h - what systemd is told (sd_notify's protocol: a datagram to $NOTIFY_SOCKET). Nothing
 * without systemd. */
#ifndef LOGFERRY_AGENT_NOTIFY_H
#define LOGFERRY_AGENT_NOTIFY_H

/* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=…"; several separated by newlines. */
void notify_systemd(const char *state);
/* Half of WatchdogSec in seconds; 0 without a watchdog. */
double notify_watchdog_interval(void);

#endif
