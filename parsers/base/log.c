/*
 * log.c - formats one event, escapes it, writes it once. See log.h.
 */
#include "parsers/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_BYTES 4096

/* The one piece of state of this layer: set at start and on reload, read by every thread. */
static _Atomic int least_level = LOG_INFO;

void log_set_level(enum log_level least)
{
    atomic_store_explicit(&least_level, (int)least, memory_order_relaxed);
}

/* C0 controls, DEL, and both bytes of the C1 controls as UTF-8 (0xC2 0x80..0x9F): terminals act on
 * all of them. */
static bool is_control(const char *text, size_t n, size_t at)
{
    unsigned char before = at > 0 ? (unsigned char)text[at - 1] : 0;
    unsigned char c = (unsigned char)text[at];
    unsigned char behind = at + 1 < n ? (unsigned char)text[at + 1] : 0;

    if (c < 0x20 || c == 0x7f)
        return true;
    return (c == 0xc2 && behind >= 0x80 && behind < 0xa0) ||
           (before == 0xc2 && c >= 0x80 && c < 0xa0);
}

/* Copies with controls as \xHH; stops before `room` is passed. Returns the bytes written. */
static size_t escape(char *to, size_t room, const char *from, size_t n)
{
    static const char digit[] = "0123456789abcdef";
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)from[i];
        bool control = is_control(from, n, i);
        if (used + (control ? 4 : 1) > room)
            break;
        if (!control) {
            to[used++] = (char)c;
            continue;
        }
        to[used++] = '\\';
        to[used++] = 'x';
        to[used++] = digit[c >> 4];
        to[used++] = digit[c & 15];
    }
    return used;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char text[LINE_BYTES], line[LINE_BYTES];
    va_list args;

    if ((int)level > atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    int kept_errno = errno;
    int head = snprintf(text, sizeof(text), "level=%s event=%s%s", names[level], event,
                        format[0] ? " " : "");
    size_t n = head < 0 ? 0 : (size_t)head;
    if (n < sizeof(text)) {
        va_start(args, format);
        int tail = vsnprintf(text + n, sizeof(text) - n, format, args);
        va_end(args);
        n += tail < 0 ? 0 : (size_t)tail;
    }
    if (n >= sizeof(text))
        n = sizeof(text) - 1;
    size_t used = escape(line, sizeof(line) - 1, text, n);
    line[used++] = '\n';
    /* Where stderr is gone there is nobody left to tell. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
    errno = kept_errno;
}

bool log_limit_pass(struct log_limit *l, int64_t now_ms, int64_t every_ms)
{
    if (now_ms < l->next_ms) {
        l->held++;
        return false;
    }
    l->next_ms = now_ms + every_ms;
    return true;
}
