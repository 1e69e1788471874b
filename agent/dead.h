/*
 * dead.h - the letters in dead/: what they say, for people, and what is done with them while no
 * daemon runs. Not for the loop: everything here waits for the disk.
 */
#ifndef LOGFERRY_AGENT_DEAD_H
#define LOGFERRY_AGENT_DEAD_H

#include "agent/spool.h"

/* An id of the command line, as `dead list` prints it. */
bool dead_parse_id(const char *text, uint64_t *seq);
/* One line a letter, or one JSON object: id, age, destination, records, reason, site. -1: errno.
 * Letters that cannot be read are listed with why. */
int dead_list(int dead_fd, int64_t now_ms, bool json, struct buf *out);
/* The records of a letter, one JSON object a line. Visitors' addresses lose their last byte (IPv6:
 * all but the first 48 bits) unless `show_ip`. False with a sentence. */
bool dead_show(int dead_fd, uint64_t seq, bool show_ip, struct buf *out, const char **why);

enum dead_op { DEAD_REPLAY, DEAD_DROP };

/* Replay: the letter becomes a spool file of that number under a new batch id, and is then removed;
 * a crash between leaves both, and its records are duplicates when they are sent again. Drop: it is
 * removed. 0 or an errno; `error` says more. */
struct dead_move {
    int dead_fd, spool_fd;
    uint64_t seq, spool_seq;
    /* results */
    char destination[64]; /* of a replay */
    uint32_t n_records;
    int64_t sealed_ms;
    uint64_t spool_bytes;
    const char *error;
};
int dead_move(struct dead_move *m, enum dead_op op);

#endif
