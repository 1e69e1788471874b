/* uplink_singles.h - delivery record by record: shared by uplink*.c and destination*.c only. */
#ifndef LOGFERRY_AGENT_UPLINK_SINGLES_H
#define LOGFERRY_AGENT_UPLINK_SINGLES_H

#include "agent/sent_file.h"
#include "agent/single.h"
#include "agent/uplink_impl.h"

#include <errno.h>

#define SINGLES_AT_ONCE 4u     /* requests of a destination whose fate is not durable yet */
#define DELIVERY_MAX_DAYS 400u /* of pageviews in one batch */

struct flight {
    struct delivery *delivery;
    struct http_transfer *transfer;
    struct single *single;
    struct buf body;
    int64_t sent_ms;
    enum flight_state {
        FLIGHT_FREE,
        FLIGHT_OUT,      /* for the answer */
        FLIGHT_ANSWERED, /* for the next note to begin */
        FLIGHT_NOTED,    /* for that note to be durable */
    } state;
};

/* A batch on its way to one destination. `task` is first: a worker opens it, and writes notes. */
struct delivery {
    struct task task;
    struct destination *to;
    struct errand *errand;
    bool busy;    /* a worker has it */
    bool opened;  /* what follows is known */
    bool durable; /* it is on disk, and so are notes about it */
    int rc;       /* of the task */
    int64_t now_ms;
    struct single_batch batch;
    struct sent_file file;
    struct buf notes, writing; /* not begun to be written; handed to the task, or failed there */
    size_t left;               /* records without a fate */
    uint32_t next[2];          /* by kind: before it all have theirs */
    struct flight flights[SINGLES_AT_ONCE];
    struct single_request render;
    struct {
        int64_t day;
        unsigned char key[SIPHASH_KEY];
    } keys[DELIVERY_MAX_DAYS];
    size_t n_keys;
    char reason[160]; /* of the first rejected record */
    bool reason_is_dead;
};

/* The destinations that are spoken to so. */
unsigned uplink_singles(const struct uplink *u);
/* This parcel goes to it record by record: always, or because it has begun so. */
bool singles_wanted(const struct destination *d, const struct parcel *p);
/* It is on disk, and the ids of the sites are known. */
bool singles_may_start(const struct destination *d, const struct parcel *p);
/* The errand has a place in `flying`. */
void singles_start(struct errand *e);
/* Sends, notes and ends what can be; true: a delivery ended, there is a free place. */
bool singles_go(struct destination *d);
/* Ends the errand's delivery as it stands. */
void singles_drop(struct errand *e);
void singles_init(struct destination *d);
void singles_release(struct destination *d);

#endif
