/*
 * admin_export.h - called by admin_report.c, which has opened the store and read the times.
 */
#ifndef LOGFERRY_SERVER_ADMIN_EXPORT_H
#define LOGFERRY_SERVER_ADMIN_EXPORT_H

#include "server/admin_args.h"
#include "server/store_read.h"

struct admin_times {
    int64_t now_ms, from_ms, to_ms; /* [from, to) */
};

/* Writes to standard output; `site` NULL is refused. An exit code, with a sentence in `why`. */
int admin_export(struct store_reader *reader, const struct site *site, const struct args *args,
                 const struct admin_times *times, struct buf *why);

#endif
