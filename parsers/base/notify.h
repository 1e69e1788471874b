/*
 * notify.h - systemd's notification protocol and socket activation (sd_notify(3),
 * sd_listen_fds(3)), without its library. Every function does nothing when systemd has not asked
 * for it.
 */
#ifndef LOGFERRY_BASE_NOTIFY_H
#define LOGFERRY_BASE_NOTIFY_H

#include <stdint.h>

/* Sends "READY=1", "STATUS=…", several lines joined by '\n'. Never blocks. */
void notify_send(const char *state);
/* Milliseconds between two WATCHDOG=1 that systemd wants at least; 0: none wanted. */
int64_t notify_watchdog_ms(void);
/* How many listening sockets systemd has passed, from NOTIFY_FIRST_FD on; they are made
 * close-on-exec. */
int notify_listen_fds(void);
#define NOTIFY_FIRST_FD 3

#endif
