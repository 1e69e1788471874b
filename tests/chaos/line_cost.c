/*
 * line_cost.c - what a line costs that was made to cost much.
 *
 *   line_cost COUNT
 *
 * For each format and each kind of line, COUNT lines of up to 512 bytes are parsed one by one, each
 * a few times: the least counts, since what comes between is the machine's. Prints a row each: the
 * format, the kind, the median and the 99.9th percentile in microseconds of CPU, and how many times
 * as much a line of 256 KiB costs as one of 128 KiB (2 is linear).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "parsers/format.h"

#define SHORT_LINE 512u
#define LONG_LINE (256u << 10)
#define RUNS 5

struct kind {
    const char *name, *head, *again, *tail;
};

static const struct kind kinds[] = {
    {"quotes", "203.0.113.1 - - [24/Nov/2026:02:46:39 +0000] \"GET /", "\"", "\" 200 5"},
    {"escapes", "203.0.113.1 - - [24/Nov/2026:02:46:39 +0000] \"GET /", "\\", " HTTP/1.1\" 200 5"},
    {"escaped-quotes", "203.0.113.1 - - [24/Nov/2026:02:46:39 +0000] \"GET /", "\\\"", ""},
    {"brackets", "203.0.113.1 - - [", "[]", "] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\""},
    {"blanks", "203.0.113.1 - - ", " ", "[24/Nov/2026:02:46:39 +0000] \"GET / HTTP/1.1\" 200 5"},
    {"user", "203.0.113.1 - ", "a b ", " [24/Nov/2026:02:46:39 +0000] \"GET / HTTP/1.1\" 200"},
    {"quoted-parts", "203.0.113.1 - - [24/Nov/2026:02:46:39 +0000] ", "\"GET / HTTP/1.1\" 200 5 ",
     ""},
    {"agent", "203.0.113.1 - - [24/Nov/2026:02:46:39 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"",
     "bot/", "\""},
    {"path", "203.0.113.1 - - [24/Nov/2026:02:46:39 +0000] \"GET ", "/../%2e", " HTTP/1.1\" 200 5"},
    {"digits", "203.0.113.1 - - [24/Nov/2026:02:46:39 +0000] \"GET / HTTP/1.1\" 200 ", "9", ""},
    {"tabs", "2026-11-24\t02:46:39", "\t", ""},
    {"columns", "2026-11-24", "\tFRA56-P1", ""},
    {"percent", "2026-11-24\t02:46:39\tFRA\t5\t203.0.113.1\tGET\td\t/", "%25", "\t200\t-\t-"},
};

static size_t make(const struct kind *k, char *out, size_t size)
{
    size_t head = strlen(k->head), tail = strlen(k->tail), n = head, again = strlen(k->again);
    memcpy(out, k->head, head);
    for (; n + again + tail < size; n += again)
        memcpy(out + n, k->again, again);
    memcpy(out + n, k->tail, tail);
    return n + tail;
}

static double once_us(struct parser *p, const char *line, size_t n)
{
    struct timespec a, b;
    struct hit hit;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
    parser_line(p, (struct str){line, n}, &hit);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
    return (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
}

static double parse_us(struct parser *p, const char *line, size_t n)
{
    double least = once_us(p, line, n);
    for (int i = 1; i < RUNS; i++) {
        double again = once_us(p, line, n);
        least = again < least ? again : least;
    }
    return least;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What twice the length costs, in times; 2 for what costs next to nothing, which cannot be
 * measured. A machine that is busy elsewhere can make it more, not less: again, when it looks so.
 */
static double growth_of(struct parser *p, const struct kind *k, char *line)
{
    double growth = 0;
    for (int i = 0; i < 4 && (i == 0 || growth >= 3); i++) {
        double half = parse_us(p, line, make(k, line, LONG_LINE / 2));
        double whole = parse_us(p, line, make(k, line, LONG_LINE));
        double now = whole < 20 ? 2.0 : whole / half;
        growth = i == 0 || now < growth ? now : growth;
    }
    return growth;
}

static int measure(size_t row, const struct kind *k, size_t count, char *line)
{
    const char *about, *name = format_list(row, &about), *argument = format_argument(row);

    struct buf why;
    buf_init(&why, 1024);
    struct buf spec;
    buf_init(&spec, 4096);
    buf_printf(&spec, "%s%s", format_before(row), name);
    if (argument)
        buf_printf(&spec, ":%s", argument);
    struct format *f = format_new(buf_str(&spec), NULL, &why);
    buf_release(&spec);
    struct parser *p = f ? parser_new(f) : NULL;
    double *v = calloc(count, sizeof(*v));
    if (!p || !v) {
        fprintf(stderr, "line_cost: no parser for %s\n", name);
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        size_t n = make(k, line, 64 + i % (SHORT_LINE - 64) + strlen(k->head) + strlen(k->tail));
        v[i] = parse_us(p, line, n);
    }
    qsort(v, count, sizeof(*v), by_value);
    printf("format=%s kind=%s p50_us=%.2f p999_us=%.2f growth=%.2f\n", name, k->name, v[count / 2],
           v[count * 999 / 1000], growth_of(p, k, line));
    free(v);
    parser_free(p);
    format_free(f);
    buf_release(&why);
    return 0;
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    char *line = malloc(LONG_LINE + 4096);
    const char *about;
    int rc = line && count ? 0 : 64;
    for (size_t i = 0; !rc && format_list(i, &about); i++)
        for (size_t k = 0; !rc && k < sizeof(kinds) / sizeof(kinds[0]); k++)
            rc = measure(i, &kinds[k], count, line);
    free(line);
    return rc;
}
