/* log_head.c - see log_head.h. */
#include "agent/log_head.h"

#include "agent/lines.h"

static void keep(struct log_head *head, size_t *at, struct str line, uint64_t number)
{
    at[head->n] = head->text.n;
    buf_put_str(&head->text, line);
    buf_putc(&head->text, '\n');
    head->lines[head->n].n = line.n;
    head->numbers[head->n++] = number;
}

int log_head_read(struct log_head *head, int fd, enum container_kind kind)
{
    size_t at[DETECT_MAX_LINES] = {0};
    struct lines *l = lines_new(fd, kind, 0);
    struct str line;
    enum lines_result what;
    uint64_t number = 0;

    head->n = 0;
    buf_init(&head->text, LOG_HEAD_BYTES + LINE_MAX_BYTES);
    while (l && head->n < DETECT_MAX_LINES && head->text.n < LOG_HEAD_BYTES &&
           ((what = lines_next(l, &line)) != LINES_END ||
            (what = lines_take_half(l, &line)) != LINES_END)) {
        number++;
        if (what == LINES_LINE && !head->text.failed)
            keep(head, at, line, number);
    }
    for (size_t i = 0; i < head->n; i++)
        head->lines[i].p = head->text.p ? head->text.p + at[i] : "";
    bool good = l && !head->text.failed;
    lines_free(l);
    return good ? 0 : -1;
}

void log_head_release(struct log_head *head)
{
    buf_release(&head->text);
    head->n = 0;
}

int log_head_detect(const struct log_head *head, const char *path, struct detection *out)
{
    return detect_format(head->lines, head->n, str_of(path), out);
}
