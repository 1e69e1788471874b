/*
 * bench_formats.c - how many lines a CPU second each format's parser reads, and nothing else.
 *
 *   bench_formats GOLDEN_DIRECTORY
 *
 * The lines of a format are its example and what tests/data/golden has of it, half each, with
 * digits changed at random where the line still fits. They are parsed for a while, five times; the
 * middle one counts. Prints "name lines_per_cpu_second bytes_per_line", a line each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "parsers/format.h"

#define LINES 20000u
#define LINE_MAX_BYTES 4096u /* longer golden lines are left out */
#define GOLDEN_MAX 64u
#define ROUNDS 5
#define ROUND_S 0.08

struct bench {
    struct parser *parser;
    struct buf golden;
    struct str kinds[GOLDEN_MAX]; /* lines that give a hit; the example's is first */
    size_t n_kinds;
    char *text; /* of all lines, one behind the other, as in a file */
    struct str lines[LINES];
    uint64_t random;
};

static uint64_t next_random(struct bench *b)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return b->random;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool fits(struct bench *b, struct str line)
{
    struct hit hit;
    return parser_line(b->parser, line, &hit) == PARSE_OK;
}

/* Header lines go through the parser, and lines that give a hit are kept. */
static void take_lines(struct bench *b, struct str lines)
{
    while (lines.n > 0) {
        struct str line = str_cut(&lines, '\n');
        if (fits(b, line) && line.n <= LINE_MAX_BYTES && b->n_kinds < GOLDEN_MAX)
            b->kinds[b->n_kinds++] = line;
    }
}

static void read_golden(struct bench *b, const char *directory, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.log", directory, name);
    FILE *f = fopen(path, "re");
    if (!f)
        return; /* not every format has a file of its own name */
    for (char *to; (to = buf_reserve(&b->golden, 4096));) {
        size_t n = fread(to, 1, 4096, f);
        if (n == 0)
            break;
        b->golden.n += n;
    }
    fclose(f);
}

static void vary(struct bench *b, struct str line)
{
    char *p = (char *)line.p;
    for (int i = 0; i < 8; i++) {
        char *c = p + next_random(b) % line.n, before = *c;
        if (!ascii_digit(before))
            continue;
        *c = (char)('1' + next_random(b) % 9);
        if (!fits(b, line))
            *c = before;
    }
}

/* The header that the lines need has been read last. */
static void make_lines(struct bench *b)
{
    char *to = b->text;

    for (size_t i = 0; i < LINES; i++) {
        size_t pick = b->n_kinds > 1 && i % 2 ? 1 + next_random(b) % (b->n_kinds - 1) : 0;
        struct str line = b->kinds[pick];
        memcpy(to, line.p, line.n);
        b->lines[i] = (struct str){to, line.n};
        to += line.n;
        vary(b, b->lines[i]);
    }
}

static double round_speed(struct bench *b)
{
    double began = cpu_seconds(), took;
    uint64_t lines = 0, hits = 0;
    do {
        for (size_t i = 0; i < LINES; i++)
            hits += fits(b, b->lines[i]);
        lines += LINES;
        took = cpu_seconds() - began;
    } while (took < ROUND_S);
    return hits == lines ? (double)lines / took : 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct bench *b, const char *name, size_t row, const char *directory)
{
    struct str example = str_of(format_example(row));
    double speeds[ROUNDS];
    uint64_t bytes = 0;

    b->n_kinds = 0;
    b->random = 88172645463325252u;
    buf_reset(&b->golden);
    take_lines(b, example);
    /* A format with header lines has them once: what golden files have differs. */
    if (str_chr(example, '\n', 0) < 0) {
        read_golden(b, directory, name);
        take_lines(b, buf_str(&b->golden));
    }
    make_lines(b);
    for (size_t i = 0; i < LINES; i++)
        bytes += b->lines[i].n;
    for (int i = 0; i < ROUNDS; i++)
        speeds[i] = round_speed(b);
    qsort(speeds, ROUNDS, sizeof(speeds[0]), by_value);
    printf("%s %.0f %" PRIu64 "\n", name, speeds[ROUNDS / 2], bytes / LINES);
    fflush(stdout);
}

static int measure_format(struct bench *b, size_t row, const char *directory)
{
    const char *about, *name = format_list(row, &about), *argument = format_argument(row);
    struct buf spec, why;

    buf_init(&spec, 4096);
    buf_init(&why, 4096);
    buf_printf(&spec, "%s%s%s%s", format_before(row), name, argument ? ":" : "",
               argument ? argument : "");
    struct format *f = format_new(buf_str(&spec), NULL, &why);
    b->parser = f ? parser_new(f) : NULL;
    if (b->parser)
        measure(b, name, row, directory);
    else
        fprintf(stderr, "bench_formats: %s: %s\n", name, buf_cstr(&why));
    int rc = b->parser ? 0 : 1;
    parser_free(b->parser);
    format_free(f);
    buf_release(&spec);
    buf_release(&why);
    return rc;
}

int main(int argc, char **argv)
{
    static struct bench b;
    const char *about;
    int rc = argc == 2 ? 0 : 64;

    b.text = malloc((size_t)LINES * LINE_MAX_BYTES);
    buf_init(&b.golden, (size_t)1 << 20);
    if (!b.text)
        rc = 71;
    for (size_t i = 0; !rc && format_list(i, &about); i++)
        rc = measure_format(&b, i, argv[1]);
    buf_release(&b.golden);
    free(b.text);
    return rc;
}
