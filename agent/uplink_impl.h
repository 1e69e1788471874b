/* uplink_impl.h - shared by uplink*.c and destination.c only. */
#ifndef LOGFERRY_AGENT_UPLINK_IMPL_H
#define LOGFERRY_AGENT_UPLINK_IMPL_H

#include "agent/answer.h"
#include "agent/pace.h"
#include "agent/spool.h"
#include "agent/state_dir.h"
#include "agent/uplink.h"
#include "agent/visitor_keys.h"
#include "parsers/base/log.h"

#include <ev.h>

#define MAX_FLYING 2u           /* requests at once for each destination */
#define FETCH_AHEAD 4u          /* spool files of a queue that are read before it is their turn */
#define MAX_GROUPS_IN_MEMORY 6u /* sealed and not yet safe */

#define UPLINK_PARKED STR("parked") /* salt of the id of a batch's parked part */

/* Of a parcel's records, those that a destination has dealt with one by one. */
struct single_tally {
    uint32_t stored, refused, held;
};

/* One batch on its way, wherever its bytes are. */
struct parcel {
    struct uplink *uplink;
    struct parcel *next, **link; /* of all parcels */
    struct batch *batch;         /* NULL while its bytes are only on disk */
    struct group *group;   /* that waits for it to be safe; NULL: none does, or it is already */
    struct parcel *parent; /* of which this is a half, for the one destination in `pending` */
    unsigned halves[CONFIG_MAX_DESTINATIONS]; /* out at that destination in our place */
    unsigned pending;                         /* destinations that have not got it */
    unsigned users;                           /* transfers and tasks that need `batch` */
    unsigned read_errors;                     /* how often the disk could not read its file */
    uint32_t n_records;
    unsigned part;    /* which of its group's batches */
    unsigned named;   /* destinations that its file names */
    int64_t born_ms;  /* uplink_clock_ms when its batch was sealed */
    unsigned counted; /* destinations whose spool_bytes hold counted_bytes */
    uint64_t counted_bytes;
    enum shelf shelf;
    bool on_disk, writing, reading, carries_spans;
    bool plain;       /* when it came in, no destination of it took records one by one */
    unsigned touched; /* destinations that took some of its records one by one */
    struct single_tally tally[CONFIG_MAX_DESTINATIONS]; /* while it is pending there */
    bool kept;   /* its file stays: a destination that is not configured now wants it, too */
    bool queued; /* of a parked one: it is being tried */
    uint64_t seq, bytes_on_disk;
    uint64_t
        covered_by; /* the generation that must be durable before the file goes; 0: not done yet */
};

/* A parcel in a destination's queue. */
struct errand {
    struct errand *next;
    struct parcel *parcel;
    struct destination *destination;
    struct http_transfer *transfer;
    struct delivery *delivery; /* record by record (uplink_singles.h); NULL: as a whole */
};

/* Lines that a destination without room is to get when they are read again: one stretch a stream.
 */
struct owed {
    struct spool_span span; /* path: owned */
    uint64_t records;
};

/* A file that waits for a person: in dead/, or on another shelf for a destination that is not
 * configured. */
struct dead_letter {
    enum shelf shelf;
    uint64_t seq, bytes;
    int64_t born_ms;
    uint32_t n_records;
    bool busy; /* a worker has it */
};

enum destination_state {
    DESTINATION_READY,   /* it answers, as far as we know */
    DESTINATION_WAITING, /* for the back-off to end: it did not answer, or asked for time */
    DESTINATION_PAUSED,  /* for a token or a setting to change: it is asked every few seconds */
};

struct destination {
    struct uplink *uplink;
    const struct destination_config *config;
    unsigned index, bit;
    enum destination_state state;
    ev_timer timer;                    /* end of the back-off, next question while paused */
    ev_timer sites_timer;              /* next GET /api/sites */
    struct http_transfer *asking;      /* GET /api/sites */
    struct errand *first, **last;      /* queue */
    struct errand *flying[MAX_FLYING]; /* under way; NULL: a free place */
    unsigned n_flying;
    unsigned failures;    /* in a row */
    bool doubtful;        /* it failed, and has taken nothing since */
    bool no_spool;        /* something expired: until it answers it gets no spool file */
    uint64_t spool_bytes; /* of files in spool/ that wait for it */
    struct owed *owed;
    size_t n_owed, cap_owed;
    uint64_t untold; /* expired records that no event has told of yet */
    const char *untold_why;
    struct log_limit expired_complaint;
    struct buf token;
    char *base_url, *proxy, *ca_file;
    struct log_limit complaint, parked_complaint, dead_complaint, token_complaint, sites_complaint;
    uint64_t sites_hash; /* of the last answer */
    bool sites_known;
    bool sites_told; /* it has answered, now or before a restart: what it wants is known */
    /* which protocol (destination_protocol.c) */
    enum protocol protocol; /* PROTOCOL_AUTO: not decided yet */
    bool candidate;         /* no logferry-server: a HitKeep, when it tells its sites */
    bool listed;            /* and it did: a HitKeep, when it is asked once more */
    struct http_transfer *probing;
    int64_t probed_ms; /* 0: never */
    /* record by record (uplink_singles.c) */
    struct sites *ids;   /* hosts, with the ids of their sites; NULL: not told yet */
    struct pace pace[2]; /* by enum record_kind */
    ev_timer pace_timer;
    unsigned n_requests; /* whose fate is not noted yet */
    uint64_t *closed;    /* `site` of records that were refused with 403 or 404 */
    size_t n_closed;
    int64_t lag_ms; /* of the last AI fetch: from its moment to its delivery, or being held */
    uint64_t untold_held, untold_refused;
    struct log_limit held_complaint, refused_complaint, slow_complaint;
    unsigned patience; /* answers without a change until parked batches are tried all the same */
    char last_error[200];
    char status[192];  /* as it was told last; "": not yet */
    int64_t status_ms; /* uplink_clock_ms then */
    struct uplink_ledger ledger;
};

struct uplink {
    struct uplink_options o;
    struct http_client *http;
    struct parcel *parcels; /* in the order of arrival */
    struct parcel **last_parcel;
    struct destination destinations[CONFIG_MAX_DESTINATIONS];
    size_t n_destinations;
    int shelf_fd[SHELF_COUNT];
    uint64_t shelf_bytes[SHELF_COUNT];
    size_t groups_in_memory;
    size_t tasks;          /* of ours in the pool */
    ev_timer disk_timer;   /* try the spool again after a disk error */
    ev_timer expire_timer; /* looks at ages */
    ev_timer slow_timer;   /* of several destinations, one keeps a batch waiting */
    struct log_limit disk_complaint, full_complaint, age_complaint;
    struct dead_letter *dead; /* in no order */
    struct dead_seen *dead_seen;
    size_t n_dead, cap_dead;
    uint64_t foreign_bytes; /* in spool/, of destinations that are not configured */
    struct sites *sites;
    struct sites *assumed; /* the same, with who has not said what he wants at every host; NULL */
    int64_t begun_ms;
    ev_timer spill_timer; /* the rest of a group, soon */
    struct visitor_keys *visitor_keys;
    bool quiet; /* nothing new is sent record by record */
    bool stopping;
};

/* ---- uplink.c: parcels and errands */
struct parcel *parcel_new(struct uplink *u);
void parcel_free(struct parcel *p);
int destination_enqueue(struct destination *d, struct parcel *p, bool first);
void destination_pump(struct destination *d);
/* The destination has it, in whatever way: stored, parked, dead. */
void parcel_settle(struct parcel *p, struct destination *d);
/* Everybody has it: the bytes go as soon as nothing needs them. */
void parcel_finish(struct parcel *p);
void parcel_make_safe(struct parcel *p);
/* Frees the bytes of a parcel that is on disk and that nobody is using. */
void parcel_trim(struct parcel *p);
void errand_failed(struct errand *e, enum answer_action action, const struct http_answer *a,
                   const char *why);
/* The same without an errand: a request to it has failed. */
void destination_failed(struct destination *d, enum answer_action action,
                        const struct http_answer *a, const char *why);
/* Its place in `flying` is free again. */
void errand_landed(struct errand *e);
/* First in the queue again, and nothing else. */
void errand_put_back(struct errand *e);
/* The server has dealt with all of it; takes the outcome over. */
void errand_accepted(struct errand *e, struct batch_outcome *outcome);
/* Records of the parcel that this destination has not dealt with one by one. */
uint32_t parcel_left(const struct parcel *p, const struct destination *d);
/* What it has dealt with goes to its books: it will get no more of the parcel. */
void parcel_book(struct parcel *p, struct destination *d);

/* What is counted as this destination's share follows the parcel's state. */
void parcel_recount(struct parcel *p);
/* The destination's queue entries of this parcel. */
void destination_drop(struct destination *d, struct parcel *p);
/* Those who keep others waiting unless their batches are spooled: down, or (where there are others)
 * in doubt, or still busy with what was spooled. */
unsigned uplink_unwell(const struct uplink *u);

/* ---- uplink_expiry.c: room and age */
int64_t uplink_clock_ms(void); /* since boot; goes on in a suspended machine */
int64_t uplink_wall_ms(const struct uplink *u);
void uplink_expiry_start(struct uplink *u);
void uplink_expiry_release(struct uplink *u);
/* The age of a file that was found at start; tells once when the clock cannot be trusted. */
int64_t uplink_age_ms(struct uplink *u, enum shelf shelf, uint64_t seq, int64_t sealed_ms);
void uplink_expire(struct uplink *u);
/* It came back from a destination: is it too old by now? */
void uplink_expire_soon(struct uplink *u, const struct parcel *p);
/* Makes room for so many bytes more, if that is what is wanted: true when each of the parcel's
 * destinations has it. False: it stays in memory, or was owed and freed. */
bool uplink_make_room(struct uplink *u, struct parcel *p);
/* What is owed to a destination that answers and has nothing else to do is read again. */
void destination_pay(struct destination *d);
void uplink_add_dead(struct uplink *u, const struct dead_letter *letter);
/* On the loop, after a worker removed its file: 0, or the errno of that. */
void uplink_dead_removed(struct uplink *u, enum shelf shelf, uint64_t seq, int rc);

/* ---- uplink_disk.c: what workers do for parcels */
int uplink_load_shelves(struct uplink *u, struct buf *why);
void uplink_spill(struct uplink *u, struct parcel *p);
void uplink_spill_all(struct uplink *u);
void uplink_fetch(struct parcel *p);   /* reads the bytes back, then pumps */
void uplink_discard(struct parcel *p); /* removes the file, then frees the parcel */
/* Says so once a minute, and tries again in a while. */
void uplink_disk_failed(struct uplink *u, enum shelf shelf, int rc);

/* ---- uplink_aftermath.c */
/* Parks, buries or halves what the answer says; takes the outcome over, and ends the errand. */
enum aftermath_kind { AFTERMATH_REJECTED, AFTERMATH_SPLIT, AFTERMATH_BURY };
void uplink_aftermath(struct errand *e, enum aftermath_kind kind, struct batch_outcome *outcome,
                      const char *reason);

/* ---- destination.c: states, tokens, sites */
int destination_init(struct destination *d, struct uplink *u, unsigned index, struct buf *why);
void destination_release(struct destination *d);
void destination_start(struct destination *d);
void destination_set_state(struct destination *d, enum destination_state state, int64_t wait_ms);
void destination_complain(struct destination *d, const char *event, const struct http_answer *a,
                          const char *why);
void destination_ask_sites(struct destination *d);
/* The next question: which protocol, while that is not decided or may have changed; else the sites.
 */
void destination_ask(struct destination *d);
/* Writes a small file of the destination, on a worker: what a start can do without. Takes the text
 * over. */
void destination_keep(struct destination *d, const char *name, struct buf *text,
                      const struct write_points *points);
void destination_plan_next(struct destination *d);

/* ---- destination_protocol.c */
/* What was decided before the start, as far as it holds for this URL. */
void destination_recall_protocol(struct destination *d);
void destination_probe(struct destination *d);
/* The server has told its sites. */
void destination_confirm_protocol(struct destination *d);
/* enum send_kinds, as the configuration or the protocol has it. */
unsigned destination_sends(const struct destination *d);

/* Who is known from now on, with what is withheld from whom; takes the reference over. */
void uplink_publish(struct uplink *u, struct sites *s);
/* The same sites, after a change of what is withheld. */
void uplink_withhold(struct uplink *u);
/* After a change of who is known: what is to be assumed of the others. */
void uplink_assume_sites(struct uplink *u);
void destination_unpark(struct destination *d);
const char *destination_status(struct destination *d); /* NULL: nothing is told */
void destination_read_token(struct destination *d);

#endif
