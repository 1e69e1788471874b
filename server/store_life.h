/*
 * store_life.h - how long records stay, and taking some of them away. Engine-neutral; in a
 * STORE_CALL, like store_admin.h.
 */
#ifndef LOGFERRY_SERVER_STORE_LIFE_H
#define LOGFERRY_SERVER_STORE_LIFE_H

#include "server/store_admin.h"
#include "server/store_read.h"

/* Days; 0: for ever. What is over goes with the next housekeeping. */
enum admin_result session_set_retention(struct store_session *session, int64_t site, unsigned days);

enum {
    PURGE_PAGEVIEWS = 1,
    PURGE_AI_FETCHES = 2,
    PURGE_EVENTS = 4,
};

#define PURGE_STEP_ROWS 5000

/* What is to go: of one site, [from, to). */
struct purge {
    int64_t site;
    int64_t from_ms, to_ms;
    unsigned kinds; /* PURGE_… */
    /* Where the next step begins: 0 at first, then as the last step left it; -1: all is gone. */
    int64_t next;
    uint64_t deleted; /* by the last step */
};

/*
 * Deletes up to PURGE_STEP_ROWS rows: short enough not to be in the way of what is sent meanwhile.
 * A record that is gone is as if it had never been sent: a backfill adds it again.
 */
enum admin_result session_purge_step(struct store_session *session, struct purge *p);

/* How many rows there are, by kind: pageviews, AI fetches, events. -1: cannot be read. */
int store_reader_count(struct store_reader *r, const struct purge *p, uint64_t counts[3]);

#endif
