/* log_head.c - see log_head.h. */
#include "agent/log_head.h"

#include "agent/joiner.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAUSE_MS 250
#define PAUSES_MAX 64u

static void keep(struct log_head *head, size_t *at, struct str line, uint64_t number)
{
    at[head->n] = head->text.n;
    buf_put_str(&head->text, line);
    buf_putc(&head->text, '\n');
    head->lines[head->n].n = line.n;
    head->numbers[head->n++] = number;
}

/* False: none begins before LOG_HEAD_BYTES. */
static bool next_text(struct lines *l, struct str *line)
{
    enum lines_result what;

    do {
        what = lines_next(l, line);
        if (what == LINES_END)
            what = lines_take_half(l, line);
    } while (what == LINES_TOO_LONG || (what == LINES_LINE && line->n == 0));
    return what == LINES_LINE && lines_at(l) < LOG_HEAD_BYTES;
}

/* Has Docker written these, the first of which looks so? Not when no text ends in "\n" and one is
 * shorter than what it cuts: collectors' JSON has the same keys. */
static bool is_dockers(struct lines *l, struct str line)
{
    bool shorter = false;
    size_t n = 0;

    do {
        if (prefix_detect(line) != PREFIX_DOCKER)
            continue;
        if (!prefix_docker_is_cut(line))
            return true;
        shorter = shorter || line.n < PREFIX_DOCKER_PART_BYTES;
    } while (++n < DETECT_MAX_LINES && next_text(l, &line));
    return !shorter;
}

/* Who may have cut the lines in parts, by the first of them. */
static enum prefix_kind cutter_of(int fd, enum container_kind kind)
{
    struct lines *l = lines_new(fd, kind, 0);
    struct str line;
    enum prefix_kind cutter = PREFIX_NONE;

    if (l && next_text(l, &line))
        cutter = prefix_detect(line);
    if (!prefix_cuts(cutter) || (cutter == PREFIX_DOCKER && !is_dockers(l, line)))
        cutter = PREFIX_NONE;
    lines_free(l);
    return cutter;
}

int log_head_read(struct log_head *head, int fd, enum container_kind kind)
{
    size_t at[DETECT_MAX_LINES] = {0};
    struct joiner *j;
    struct lines *l = lines_new(fd, kind, 0);
    struct joined line;
    enum lines_result what;

    head->cutter = cutter_of(fd, kind);
    bool good = joiner_new(&j, head->cutter) == 0 && l;
    head->n = head->left_out = 0;
    buf_init(&head->text, LOG_HEAD_BYTES + LINE_MAX_BYTES);
    while (good && head->n < DETECT_MAX_LINES && head->text.n < LOG_HEAD_BYTES &&
           ((what = joiner_next(j, l, &line)) != LINES_END ||
            (what = joiner_take_rest(j, l, &line)) != LINES_END)) {
        if (what == LINES_LINE)
            keep(head, at, line.text, line.number);
        else
            head->left_out++;
        good = !head->text.failed;
    }
    for (size_t i = 0; i < head->n; i++)
        head->lines[i].p = head->text.p ? head->text.p + at[i] : "";
    lines_free(l);
    joiner_free(j);
    return good ? 0 : -1;
}

int log_head_comments(struct buf *out, int fd, enum container_kind kind)
{
    struct lines *l = lines_new(fd, kind, 0);
    struct str line;

    while (l && lines_next(l, &line) == LINES_LINE && str_starts(line, STR("#"))) {
        buf_put_str(out, line);
        buf_putc(out, '\n');
    }
    lines_free(l);
    return l && !out->failed ? 0 : -1;
}

void log_head_release(struct log_head *head)
{
    buf_release(&head->text);
    head->n = 0;
}

/* ---- of a pipe --------------------------------------------------------------------------------
 */

/* What lies in the pipe, `room` bytes at most. -1: errno. */
static ssize_t peek_pipe(int fd, char *to, size_t room)
{
    int copy[2];
    ssize_t all = -1, got = 1;

    if (pipe2(copy, O_CLOEXEC))
        return -1;
    (void)fcntl(copy[1], F_SETPIPE_SZ, (int)room);
    if ((all = tee(fd, copy[1], room, 0)) > 0) {
        ssize_t at = 0;

        while (at < all && (got = read(copy[0], to + at, (size_t)(all - at))) > 0)
            at += got;
        all = at;
    }
    close(copy[0]);
    close(copy[1]);
    return all;
}

/* Waits a pause. */
static bool has_ended(int fd)
{
    struct pollfd p = {.fd = fd}; /* a writer's end is told unasked */

    return poll(&p, 1, PAUSE_MS) > 0;
}

/* As much as there will be for the head; -1: errno. */
static ssize_t wait_for_head(int fd, char *to, size_t room)
{
    ssize_t before = -1, n = 0;

    for (unsigned i = 0; i < PAUSES_MAX && n < (ssize_t)room; i++) {
        n = peek_pipe(fd, to, room);
        if (n <= 0 || (n == before && memchr(to, '\n', (size_t)n)))
            break;
        if (has_ended(fd))
            return peek_pipe(fd, to, room);
        before = n;
    }
    return n;
}

int log_head_of_pipe(int fd)
{
    int room = fcntl(fd, F_GETPIPE_SZ), copy = -1;
    char *text = room > 0 ? malloc((size_t)room) : NULL;
    ssize_t n = text ? wait_for_head(fd, text, (size_t)room) : -1;

    if (n >= 0)
        copy = memfd_create("head", MFD_CLOEXEC);
    if (copy >= 0 && write(copy, text, (size_t)n) != n) {
        close(copy);
        copy = -1;
    }
    free(text);
    return copy;
}

int log_head_detect(const struct log_head *head, const char *path, struct detect_formats *kept,
                    struct detection *out)
{
    return detect_format(head->lines, head->n, str_of(path), kept, out);
}

static bool has_status(const struct detection *d)
{
    return d->fields & HIT_BIT(STATUS);
}

bool log_head_is_doubtful(const struct detection *d)
{
    return !d->fits || !has_status(d);
}

int log_head_guess(const struct log_head *head, struct json_guess *guess, struct detection *out)
{
    struct detection fit = {.fits = false};

    if (detect_json(head->lines, head->n, guess) ||
        (guess->spec[0] && detect_fit(head->lines, head->n, guess->spec, &fit)))
        return -1;
    fit.guessed = true;
    if (fit.fits && (!out->fits || (fit.matched >= out->matched && has_status(&fit))))
        *out = fit;
    return 0;
}
