/* log_head.c - see log_head.h. */
#include "agent/log_head.h"

#include "agent/joiner.h"

static void keep(struct log_head *head, size_t *at, struct str line, uint64_t number)
{
    at[head->n] = head->text.n;
    buf_put_str(&head->text, line);
    buf_putc(&head->text, '\n');
    head->lines[head->n].n = line.n;
    head->numbers[head->n++] = number;
}

/* Who may have cut the lines in parts, by the first of them. */
static enum prefix_kind cutter_of(int fd, enum container_kind kind)
{
    struct lines *l = lines_new(fd, kind, 0);
    struct str line = STR("");
    enum prefix_kind cutter = PREFIX_NONE;

    while (l && lines_next(l, &line) == LINES_LINE && line.n == 0)
        ;
    if (line.n > 0)
        cutter = prefix_detect(line);
    lines_free(l);
    return prefix_cuts(cutter) ? cutter : PREFIX_NONE;
}

int log_head_read(struct log_head *head, int fd, enum container_kind kind)
{
    size_t at[DETECT_MAX_LINES] = {0};
    struct joiner *j;
    struct lines *l = lines_new(fd, kind, 0);
    bool good = joiner_new(&j, cutter_of(fd, kind)) == 0 && l;
    struct joined line;
    enum lines_result what;

    head->n = 0;
    buf_init(&head->text, LOG_HEAD_BYTES + LINE_MAX_BYTES);
    while (good && head->n < DETECT_MAX_LINES && head->text.n < LOG_HEAD_BYTES &&
           ((what = joiner_next(j, l, &line)) != LINES_END ||
            (what = joiner_take_rest(j, l, &line)) != LINES_END)) {
        if (what == LINES_LINE)
            keep(head, at, line.text, line.number);
        good = !head->text.failed;
    }
    for (size_t i = 0; i < head->n; i++)
        head->lines[i].p = head->text.p ? head->text.p + at[i] : "";
    lines_free(l);
    joiner_free(j);
    return good ? 0 : -1;
}

void log_head_release(struct log_head *head)
{
    buf_release(&head->text);
    head->n = 0;
}

int log_head_detect(const struct log_head *head, const char *path, struct detect_formats *kept,
                    struct detection *out)
{
    return detect_format(head->lines, head->n, str_of(path), kept, out);
}
