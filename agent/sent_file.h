/*
 * sent_file.h - how far a batch on disk has come that is delivered record by record: a file beside
 * it, `<number>.<destination>.sent`, that only grows. What is noted here is not sent again,
 * whatever happens; what was sent and is not noted, is.
 *
 *     logferry-sent 2 <id of the batch>
 *     <line> <status> <sum> [<reason>]  a record: its line in the body (2 is the first)
 *
 * The status is 202 for a record that the server took, SENT_REFUSED or SENT_HELD, or with which it
 * was rejected. The sum is the low half of XXH3-64 of "<line> <status> <reason>", seeded with that
 * of the id: 8 hex digits. A line that has another one counts for nothing, as an end does that is
 * no whole line; the next note overwrites that. Version 1, without sums, is read; notes behind its
 * own have them as a part of their reason.
 * To change it: raise the number, keep reading the old ones; a file that cannot be read counts as
 * none, and then its records are sent again. Workers only; one at a time for each file.
 */
#ifndef LOGFERRY_AGENT_SENT_FILE_H
#define LOGFERRY_AGENT_SENT_FILE_H

#include "parsers/base/bytes.h"

#define SENT_MAX_BYTES (2u << 20)
#define SENT_REASON_MAX 150u
/* Statuses that no server gives. */
#define SENT_STORED 202
#define SENT_REFUSED 1
#define SENT_HELD 2

struct sent_file {
    int shelf_fd, fd; /* fd -1: not open yet */
    char name[128];
    char id[37];
    uint64_t good; /* bytes in whole lines; 0: there is no file, or none of this batch */
};

struct sent_entry {
    uint32_t line;
    uint16_t status;
    struct str reason; /* borrowed */
};

void sent_init(struct sent_file *f, int shelf_fd, uint64_t seq, const char *destination,
               const char *batch_id);
/* Calls `take` for each entry that is there. 0 (also when there is no file) or an errno. */
int sent_read(struct sent_file *f, void *context,
              void (*take)(void *context, const struct sent_entry *e));
/* Appends an entry for such a file to `text`; controls in the reason become '?'. Any thread. */
void sent_put(const struct sent_file *f, struct buf *text, const struct sent_entry *e);
/* Writes such text behind what is there, and syncs it. 0 or an errno: then nothing of it counts. */
int sent_append(struct sent_file *f, struct str text);
void sent_close(struct sent_file *f);
int sent_remove(int shelf_fd, uint64_t seq, const char *destination); /* 0 or an errno */
bool sent_exists(int shelf_fd, uint64_t seq, const char *destination);
/* At start: those whose batch is gone. */
void sent_clean(int shelf_fd);

#endif
