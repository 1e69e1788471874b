/* lines.c - see lines.h. One buffer; consumed bytes move out of it only when it must be refilled.
 */
#include "agent/lines.h"

#include <stdlib.h>
#include <unistd.h>

#define BUFFER_BYTES (2 * LINE_MAX_BYTES)
/* So much is read at once, and as much again kept before it is moved to the front: while lines are
 * short, all of it stays in a cache that has room for what lines are looked up in, too. */
#define READ_BYTES (128u << 10)

struct lines {
    struct container *container;
    uint64_t base;  /* decoded offset of buffer[0] */
    size_t head;    /* next unread byte */
    size_t tail;    /* end of the bytes in the buffer */
    size_t scanned; /* no newline before this */
    uint64_t last;  /* where the last line began */
    uint64_t number;
    enum container_kind kind;
    int fd; /* of a plain file; -1: it cannot be looked at again */
    bool replaced;
    /* Bytes at the beginning of the present line were given up: NULs, or all of one that is too
     * long. Where it began, and what stood before that, is kept. */
    bool dropped, too_long;
    uint64_t began;
    size_t seam_bytes;
    char seam[SEAM_BYTES];
    char buffer[BUFFER_BYTES];
};

/* Goes to a position, keeping the bytes just before it for the seam. A compressed stream has no
 * other way there than from its start. Ends short of `offset` when the file does. */
static void seek_to(struct lines *l, enum container_kind kind, uint64_t offset)
{
    uint64_t left = offset;
    if (kind == CONTAINER_PLAIN && offset > SEAM_BYTES) {
        l->base = offset - SEAM_BYTES;
        left = SEAM_BYTES;
        container_seek(l->container, l->base);
    }
    while (left) {
        size_t keep = l->tail < SEAM_BYTES ? l->tail : SEAM_BYTES;
        memmove(l->buffer, l->buffer + l->tail - keep, keep);
        l->base += l->tail - keep;
        l->tail = keep;
        size_t room = BUFFER_BYTES - keep;
        size_t got = container_read(l->container, l->buffer + keep, left < room ? left : room);
        if (!got)
            break;
        l->tail += got;
        left -= got;
    }
    l->head = l->scanned = l->tail;
    l->last = l->base + l->head;
}

struct lines *lines_new(int fd, enum container_kind kind, uint64_t offset)
{
    struct lines *l = malloc(sizeof(*l));
    if (!l)
        return NULL;
    memset(l, 0, offsetof(struct lines, buffer));
    l->container = container_new(fd, kind);
    if (!l->container) {
        free(l);
        return NULL;
    }
    l->kind = kind;
    l->fd = kind == CONTAINER_PLAIN && lseek(fd, 0, SEEK_CUR) >= 0 ? fd : -1;
    seek_to(l, kind, offset);
    return l;
}

void lines_free(struct lines *l)
{
    if (!l)
        return;
    container_free(l->container);
    free(l);
}

uint64_t lines_at(const struct lines *l)
{
    return l->last;
}

uint64_t lines_position(const struct lines *l)
{
    return l->dropped ? l->began : l->base + l->head;
}

uint64_t lines_number(const struct lines *l)
{
    return l->number;
}

enum container_end lines_state(const struct lines *l)
{
    return container_state(l->container);
}

enum container_kind lines_kind(const struct lines *l)
{
    return l->kind;
}

uint64_t lines_file_offset(const struct lines *l)
{
    return container_file_offset(l->container);
}

size_t lines_half_bytes(const struct lines *l)
{
    return l->base + l->tail - lines_position(l);
}

struct str lines_seam(const struct lines *l)
{
    if (l->dropped)
        return (struct str){l->seam, l->seam_bytes};
    size_t n = l->head < SEAM_BYTES ? l->head : SEAM_BYTES;
    return (struct str){l->buffer + l->head - n, n};
}

bool lines_replaced(const struct lines *l)
{
    return l->replaced;
}

/* Looked at after the bytes behind it were read: when it is still there, they are of the same text.
 */
static bool still_there(const struct lines *l)
{
    char text[SEAM_BYTES];
    size_t n = l->tail < SEAM_BYTES ? l->tail : SEAM_BYTES;
    uint64_t from = l->base + l->tail - n;
    return l->fd < 0 || (pread(l->fd, text, n, (off_t)from) == (ssize_t)n &&
                         memcmp(text, l->buffer + l->tail - n, n) == 0);
}

/* Makes room and reads more. False at an end. */
static bool refill(struct lines *l)
{
    size_t keep = l->head < SEAM_BYTES ? l->head : SEAM_BYTES;
    size_t drop = l->head - keep;
    if (drop && l->tail > READ_BYTES) {
        memmove(l->buffer, l->buffer + drop, l->tail - drop);
        l->base += drop;
        l->head -= drop;
        l->tail -= drop;
        l->scanned -= drop;
    }
    size_t room = BUFFER_BYTES - l->tail;
    size_t got =
        container_read(l->container, l->buffer + l->tail, room < READ_BYTES ? room : READ_BYTES);
    l->replaced = container_state(l->container) != CONTAINER_IO_ERROR && !still_there(l);
    if (l->replaced)
        return false;
    l->tail += got;
    return got > 0;
}

/* Gives up the bytes of the present line before `to`. */
static void drop(struct lines *l, size_t to)
{
    if (!l->dropped) {
        struct str seam = lines_seam(l);
        memcpy(l->seam, seam.p, seam.n);
        l->seam_bytes = seam.n;
        l->began = lines_position(l);
    }
    l->dropped = true;
    l->head = to;
    if (l->scanned < to)
        l->scanned = to;
}

/* What a writer that kept its offset leaves before its line when the file is truncated: a hole, of
 * any size. */
static void drop_nuls(struct lines *l)
{
    size_t to = l->head;
    while (to < l->tail && l->buffer[to] == '\0')
        to++;
    if (to > l->head)
        drop(l, to);
}

/* The byte order mark that editors and IIS put at the beginning of a file: no part of its first
 * line, which is known by its first byte. */
static void drop_mark(struct lines *l)
{
    static const char mark[] = {'\xef', '\xbb', '\xbf'};
    if (l->base + l->head == 0 && l->tail - l->head >= sizeof(mark) &&
        memcmp(l->buffer + l->head, mark, sizeof(mark)) == 0)
        drop(l, l->head + sizeof(mark));
}

static void drop_front(struct lines *l)
{
    drop_mark(l);
    drop_nuls(l);
}

static enum lines_result emit(struct lines *l, size_t end, size_t next, struct str *line)
{
    size_t start = l->head;
    bool too_long = l->too_long;
    l->last = lines_position(l);
    l->number++;
    l->head = l->scanned = next;
    l->dropped = l->too_long = false;
    *line = (struct str){l->buffer + start, end - start};
    return too_long ? LINES_TOO_LONG : LINES_LINE;
}

enum lines_result lines_next(struct lines *l, struct str *line)
{
    for (;;) {
        if (!l->too_long)
            drop_front(l);
        const char *from = l->buffer + l->scanned;
        const char *nl = memchr(from, '\n', l->tail - l->scanned);
        size_t end = nl ? (size_t)(nl - l->buffer) : l->tail;
        l->too_long = l->too_long || end - l->head > LINE_MAX_BYTES;
        if (nl)
            return emit(l, end, end + 1, line);
        l->scanned = l->tail;
        if (l->too_long)
            drop(l, l->tail);
        if (!refill(l))
            return LINES_END;
    }
}

enum lines_result lines_take_half(struct lines *l, struct str *line)
{
    if (!lines_half_bytes(l))
        return LINES_END;
    return emit(l, l->tail, l->tail, line);
}
