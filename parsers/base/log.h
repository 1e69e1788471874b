/*
 * log.h - one line an event, key=value, to stderr (journald adds time and unit).
 *
 * log_event(LOG_WARN, "file_unreadable", "path=%s why=\"%s\" mend=\"%s\"", …): the event name
 * first, then pairs. Control bytes in the text are written as \xHH. Never pass a token, nor a
 * visitor's address above LOG_DEBUG. Thread-safe: one write(2) a line.
 */
#ifndef LOGFERRY_BASE_LOG_H
#define LOGFERRY_BASE_LOG_H

#include "parsers/base/bytes.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level least);
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* At most one message in `every_ms` for each `struct log_limit`; counts what it held back. */
struct log_limit {
    int64_t next_ms;
    uint64_t held;
};
/* True when the caller should speak now; `now_ms` is any monotonic clock. */
bool log_limit_pass(struct log_limit *l, int64_t now_ms, int64_t every_ms);

#endif
