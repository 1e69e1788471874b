/*
 * detect.c - see detect.h.
 *
 * A format is first tried on a few lines from all over the sample, so that dozens of formats cost
 * little more than the few that fit.
 */
#include "parsers/detect.h"

#include "parsers/access_looks.h"
#include "parsers/detect_behind.h"
#include "parsers/detect_captures.h"
#include "parsers/detect_columns.h"
#include "parsers/detect_layouts.h"
#include "parsers/detect_looks.h"
#include "parsers/format.h"
#include "parsers/hit_fields.h"

#include <stdio.h>
#include <stdlib.h>

#define PROBES 40u /* lines of the first try */

/* What speaks for a program, among formats that fit alike. */
struct evidence {
    unsigned nginx, apache;
};

#define KEPT_MAX 512u /* formats, with what stands before them */

struct detect_formats {
    struct kept_format {
        char *spec;
        struct format *format;
        struct parser *parser;
    } v[KEPT_MAX];
    size_t n;
};

/* The lines as they are, and what they are behind the collectors' prefixes. */
struct head {
    const struct str *lines;
    struct behind *behind;
    struct detect_formats *kept; /* NULL: none are */
};

struct trial {
    char spec[DETECT_SPEC_BYTES];
    unsigned lines, matched, messages;
    uint64_t n_fields; /* over all lines */
    unsigned fields;
    unsigned no_bytes, zero_bytes,
        absolute;     /* lines with "-", with "0", with a URL in the request */
    uint64_t reached; /* columns, of the lines of the first try: how near it came */
    size_t bad_line, bad_column;
    char error[DETECT_ERROR_BYTES]; /* copied: it may be the format's */
    unsigned hosts;                 /* lines that give one with a dot */
    unsigned odd;                   /* lines whose columns are off, as looks_odd tells */
    unsigned nobodys;               /* as looks_like_nobodys tells */
    unsigned timed;                 /* lines that say how long the request took */
    unsigned hundredths;            /* lines that end in a number like "4.87" */
    unsigned lists;  /* lines where a list of addresses stands for one: a header's column */
    unsigned moving; /* lines whose host is another address than that of the line before */
    char host[64];   /* the last such address */
    int affinity;
    bool guessed; /* by detect_columns */
    bool keyed;   /* its lines name what they hold */
};

/* ---- compiled formats --------------------------------------------------------------------------
 */

struct detect_formats *detect_formats_new(void)
{
    return calloc(1, sizeof(struct detect_formats));
}

static void release(struct kept_format *f)
{
    parser_free(f->parser);
    format_free(f->format);
    free(f->spec);
    *f = (struct kept_format){0};
}

void detect_formats_free(struct detect_formats *kept)
{
    for (size_t i = 0; kept && i < kept->n; i++)
        release(&kept->v[i]);
    free(kept);
}

/* False: there is no such format, or it needs an argument, or no memory for it. */
static bool compile(const char *spec, struct kept_format *f)
{
    struct buf why;

    buf_init(&why, 4096);
    *f = (struct kept_format){.format = format_new(str_of(spec), NULL, &why)};
    f->parser = f->format ? parser_new(f->format) : NULL;
    f->spec = f->parser ? strdup(spec) : NULL;
    buf_release(&why);
    if (!f->spec)
        release(f);
    return f->spec != NULL;
}

/* The one that is kept; else made in *own, and kept if it can be. NULL as `compile`. */
static struct kept_format *kept_format(struct detect_formats *kept, const char *spec,
                                       struct kept_format *own)
{
    for (size_t i = 0; kept && i < kept->n; i++)
        if (strcmp(kept->v[i].spec, spec) == 0)
            return &kept->v[i];
    if (!compile(spec, own))
        return NULL;
    if (!kept || kept->n == KEPT_MAX)
        return own;
    kept->v[kept->n] = *own;
    *own = (struct kept_format){0};
    return &kept->v[kept->n++];
}

/* ---- one format -------------------------------------------------------------------------------
 */

static bool holds(struct str s, const char *word)
{
    return str_find(s, str_of(word), 0) >= 0;
}

/* One of detect_layouts.h, not a row. */
static bool is_layout(const struct trial *t)
{
    return strchr(t->spec, ':') != NULL;
}

/* It fits what others do, too. */
static bool is_mixture(const struct trial *t)
{
    struct str name = str_of(t->spec);

    return str_eq(str_slice(name, (size_t)(str_rchr(name, '+') + 1), name.n), STR("clf"));
}

/* It has a column for the server's name. */
static bool has_host(const struct trial *t)
{
    return strstr(t->spec, "%v") || strstr(t->spec, "$host ");
}

/* A name without a dot may be a log name: "user-identifier". */
static bool is_domain(struct str host)
{
    return str_chr(host, '.', 0) >= 0 || str_chr(host, ':', 0) >= 0 ||
           str_eq(host, STR("localhost"));
}

/* No line without one becomes a record. */
static bool gives_path(const struct trial *t)
{
    return t->fields & HIT_BIT(PATH);
}

/* nginx writes its times with three digits behind the point, and how much gzip saved with two. */
static bool is_ratio_a_time(const struct trial *t)
{
    return t->hundredths * 2 > t->timed && str_ends(str_of(t->spec), STR(" $request_time"));
}

/* A guess has looked at addresses. */
static unsigned off_lines(const struct trial *t)
{
    unsigned n = t->odd + (t->guessed ? 0 : t->nobodys);

    return n < t->matched ? n : t->matched;
}

/* Its columns are not where it takes them to be: also of a layout whose host is mostly a "-". */
static bool is_off(const struct trial *t)
{
    return off_lines(t) * (is_mixture(t) ? 20 : 2) > t->matched || t->lists * 20 > t->matched ||
           t->moving * 2 > t->matched || !gives_path(t) || is_ratio_a_time(t) ||
           (is_layout(t) && has_host(t) && t->hosts * 2 <= t->matched);
}

static bool ends_in_hundredths(struct str line)
{
    ptrdiff_t blank = str_rchr(line, ' '), point = str_rchr(line, '.');
    bool two = blank > 0 && point > blank + 1 && (size_t)point + 3 == line.n;

    for (size_t i = (size_t)(blank + 1); two && i < line.n; i++)
        two = ascii_digit(line.p[i]) || i == (size_t)point;
    return two;
}

#define YEAR_2000_MS INT64_C(946684800000)

/* Keys do not move: a user of two words is one, and a time of the last century is another number.
 */
static bool is_odd(const struct trial *t, const struct hit *h)
{
    struct hit named = *h;

    if (!t->keyed)
        return looks_odd(h);
    named.remote_user = STR_NONE;
    return looks_odd(&named) || h->time_ms < YEAR_2000_MS;
}

static void count_hit(struct trial *t, const struct hit *h, struct str line)
{
    unsigned mask = hit_fields(h);

    t->matched++;
    t->fields |= mask;
    t->n_fields += (unsigned)__builtin_popcount(mask);
    t->hosts += is_domain(h->host);
    t->odd += is_odd(t, h);
    t->nobodys += looks_like_nobodys(h);
    t->lists += str_chr(h->client_ip, ',', 0) >= 0;
    if (looks_like_address(h->host) && h->host.n < sizeof(t->host)) {
        t->moving += strlen(t->host) != h->host.n || memcmp(t->host, h->host.p, h->host.n) != 0;
        memcpy(t->host, h->host.p, h->host.n);
        t->host[h->host.n] = '\0';
    }
    t->timed += h->duration_ms != HIT_NO_NUMBER;
    t->hundredths += ends_in_hundredths(line);
    t->no_bytes += h->bytes == HIT_NO_NUMBER;
    t->zero_bytes += h->bytes == 0;
    t->absolute += str_is_set(h->scheme) && str_is_set(h->host);
}

static void copy_text(char *to, const char *from, size_t size)
{
    size_t n = strlen(from);

    n = n < size ? n : size - 1;
    memcpy(to, from, n);
    to[n] = '\0';
}

static void count_bad(struct trial *t, const struct parser *p, size_t line)
{
    size_t column;
    const char *error = parser_error(p, &column);

    t->reached += column;
    if (t->error[0])
        return;
    copy_text(t->error, error, sizeof(t->error));
    t->bad_line = line;
    t->bad_column = column;
}

static bool is_comment(struct str line)
{
    return line.n > 0 && line.p[0] == '#';
}

/* Every `step`th line, and all that may be header lines. */
static void try_lines(struct trial *t, struct parser *p, const struct head *head, size_t step)
{
    const struct str *lines = head->lines;
    struct hit hit;

    parser_reset(p);
    for (size_t i = 0; i < head->behind->n; i++) {
        if (lines[i].n == 0 || (i % step != 0 && !is_comment(head->behind->lines[i])))
            continue;
        enum parse_result result = parser_line(p, lines[i], &hit);
        t->lines += result != PARSE_DIRECTIVE;
        t->messages += result == PARSE_DIRECTIVE && parser_directive(p) == DIRECTIVE_MESSAGE;
        if (result == PARSE_OK)
            count_hit(t, &hit, lines[i]);
        else if (result == PARSE_BAD)
            count_bad(t, p, i);
    }
}

/* False: the format needs an argument, or there is no memory for it. */
static bool try_format(const char *spec, const struct head *head, struct trial *t)
{
    struct kept_format own = {0}, *f = kept_format(head->kept, spec, &own);
    size_t step = head->behind->n / PROBES + 1;
    bool keyed = holds(str_of(spec), "json");

    if (f) {
        *t = (struct trial){.keyed = keyed};
        try_lines(t, f->parser, head, step);
        uint64_t reached = t->reached;
        if (step > 1 && t->matched) {
            *t = (struct trial){.keyed = keyed};
            try_lines(t, f->parser, head, 1);
        }
        t->reached = reached;
        copy_text(t->spec, spec, DETECT_SPEC_BYTES);
    }
    release(&own);
    return f != NULL;
}

/* ---- who wrote it -----------------------------------------------------------------------------
 */

/* nginx writes '"' as \x22 and hex digits in upper case, Apache \" and lower case. */
static void weigh_escape(struct str rest, struct evidence *e)
{
    if (rest.n >= 2 && rest.p[1] == '"')
        e->apache++;
    if (rest.n < 4 || rest.p[1] != 'x' || hex_pair(rest.p + 2) < 0)
        return;
    for (size_t i = 2; i < 4; i++) {
        e->apache += rest.p[i] >= 'a';
        e->nginx += rest.p[i] >= 'A' && rest.p[i] <= 'F';
    }
    e->nginx += rest.p[2] == '2' && rest.p[3] == '2';
}

static void weigh_lines(const struct str *lines, size_t n, struct evidence *e)
{
    for (size_t i = 0; i < n; i++)
        for (ptrdiff_t at = 0; (at = str_chr(lines[i], '\\', (size_t)at)) >= 0; at += 2)
            weigh_escape(str_slice(lines[i], (size_t)at, lines[i].n), e);
}

/* Above 0: nginx, below: Apache. */
static int lean(const struct trial *t, const struct evidence *e, struct str path)
{
    bool bytes = !t->guessed || strstr(t->spec, "_bytes_") || strstr(t->spec, " %b ");
    unsigned nginx = e->nginx + t->zero_bytes, apache = e->apache + (bytes ? t->no_bytes : 0);

    if (nginx != apache)
        return nginx > apache ? 1 : -1;
    if (holds(path, "apache") || holds(path, "httpd") || holds(path, "other_vhosts"))
        return -1;
    return holds(path, "nginx") ? 1 : 0;
}

static void set_affinity(struct trial *t, const struct evidence *e, struct str path)
{
    struct str name = str_of(t->spec);
    int to_nginx = lean(t, e, path);

    if (holds(name, "json")) /* its keys say it */
        t->affinity = 0;
    else if (holds(name, "nginx"))
        t->affinity = to_nginx;
    else if (holds(name, "apache"))
        t->affinity = -to_nginx;
    else if (holds(name, "varnish")) /* its request lines hold whole URLs */
        t->affinity = t->absolute * 2 > t->matched ? 2 : -2;
    else if (is_mixture(t))
        t->affinity = -3;
    if (is_off(t))
        t->affinity -= is_layout(t) ? 5 : 4;
}

/* ---- the best ---------------------------------------------------------------------------------
 */

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Lines whose columns are off count for nothing, else one other line in the file would do for a
 * format that takes anything. A mixture, which passes over what it does not know, must fit a few
 * more than another format. */
static int64_t weight(const struct trial *t)
{
    return gives_path(t) ? (int64_t)(t->matched - off_lines(t)) * (is_mixture(t) ? 49 : 50) : 0;
}

static int compare(const struct trial *a, const struct trial *b)
{
    int by = order(weight(a), weight(b));
    if (!by)
        by = order((int64_t)a->matched * gives_path(a), (int64_t)b->matched * gives_path(b));
    if (!by)
        by = order((int64_t)a->matched, (int64_t)b->matched);
    if (!by)
        by = order(a->affinity, b->affinity);
    if (!by)
        by = order((int64_t)a->n_fields, (int64_t)b->n_fields);
    if (!by && !a->matched)
        by = order((int64_t)a->reached, (int64_t)b->reached);
    return by;
}

/* Which lines fit: the first, the middle, the last of them. */
static void pick_samples(const struct head *head, struct detection *out)
{
    const struct str *lines = head->lines;
    size_t want[DETECT_SAMPLES] = {0, out->matched / 2, out->matched - 1}, seen = 0;
    struct kept_format own = {0}, *f = kept_format(head->kept, out->spec, &own);
    struct hit hit;

    if (f)
        parser_reset(f->parser);
    for (size_t i = 0; f && i < head->behind->n; i++) {
        if (lines[i].n == 0 || parser_line(f->parser, lines[i], &hit) != PARSE_OK)
            continue;
        for (size_t k = out->n_samples; k < DETECT_SAMPLES; k++)
            if (want[k] == seen && (k == 0 || want[k] != want[k - 1]))
                out->samples[out->n_samples++] = i;
        seen++;
    }
    release(&own);
}

static void report(const struct trial *best, const struct trial *second, struct detection *out)
{
    copy_text(out->spec, best->spec, DETECT_SPEC_BYTES);
    out->lines = best->lines;
    out->matched = best->matched;
    out->messages = best->messages;
    out->fits = best->matched > 0 && best->matched * 2 >= best->lines;
    out->fields = best->fields;
    out->guessed = best->guessed;
    out->bad_line = best->bad_line;
    out->bad_column = best->bad_column;
    copy_text(out->error, best->error, sizeof(out->error));
    if (!second->matched)
        return;
    copy_text(out->second, second->spec, DETECT_SPEC_BYTES);
    out->second_matched = second->matched;
}

/* Better than what there is, or the runner-up. */
static void place(const struct trial *t, struct trial *best, struct trial *second)
{
    bool better = !best->spec[0] || compare(t, best) > 0;

    if (better)
        *second = *best;
    else if (compare(t, second) > 0)
        *second = *t;
    if (better)
        *best = *t;
}

/* The rows of the table, then what has no row. */
static const char *candidate(size_t i)
{
    const char *about, *name = format_list(i, &about);
    size_t rows = 0;

    while (!name && format_list(rows, &about))
        rows++;
    return name ? name : detect_layout(i - rows);
}

/* Every format behind the prefixes that were taken off so far. */
static bool try_all(const struct head *head, struct str path, struct trial *best,
                    struct trial *second)
{
    struct evidence evidence = {0, 0};
    char spec[DETECT_SPEC_BYTES];
    const char *name;
    struct trial t;

    weigh_lines(head->behind->lines, head->behind->n, &evidence);
    for (size_t i = 0; (name = candidate(i)); i++) {
        snprintf(spec, sizeof(spec), "%s%s", head->behind->spec, name);
        if (!try_format(spec, head, &t))
            continue;
        set_affinity(&t, &evidence, path);
        place(&t, best, second);
    }
    return best->spec[0] != '\0';
}

static bool fits_all(const struct trial *t)
{
    return t->lines && t->matched == t->lines && !is_off(t);
}

/* Behind what containers' collectors add, which no format has itself; and while none fits all
 * lines, behind a syslog's prefix, too. */
static int try_behind(const struct head *head, struct str path, struct trial *best,
                      struct trial *second)
{
    int more;

    do {
        while ((more = behind_next(head->behind, false)) > 0)
            ;
        if (more < 0 || !try_all(head, path, best, second))
            return -1;
        more = fits_all(best) ? 0 : behind_next(head->behind, true);
    } while (more > 0);
    return more;
}

/* By the columns alone, where no format fits nearly all lines as it should. */
static int try_columns(const struct head *head, struct str path, struct trial *best,
                       struct trial *second)
{
    struct evidence evidence = {0, 0};
    char specs[2][DETECT_SPEC_BYTES], spec[DETECT_SPEC_BYTES];
    struct trial t;

    if (best->matched * 10 >= best->lines * 9 && best->matched && !is_off(best) &&
        !is_mixture(best))
        return 0;
    if (detect_columns(head->behind->lines, head->behind->n, specs[0], specs[1]))
        return -1;
    weigh_lines(head->behind->lines, head->behind->n, &evidence);
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        int n = snprintf(spec, sizeof(spec), "%s%s", head->behind->spec, specs[i]);

        if (!specs[i][0] || n >= (int)sizeof(spec) || !try_format(spec, head, &t))
            continue;
        t.guessed = true;
        if (is_off(&t))
            continue;
        set_affinity(&t, &evidence, path);
        place(&t, best, second);
    }
    return 0;
}

/* HAProxy's captured headers, where they can be told. */
static void try_captures(const struct head *head, struct trial *best, struct trial *second)
{
    const struct str general = STR("haproxy_http");
    struct str spec = str_of(best->spec);
    struct buf own;
    struct trial t;

    if (!str_ends(spec, general))
        return;
    buf_init(&own, DETECT_SPEC_BYTES - 1);
    buf_put_str(&own, str_slice(spec, 0, spec.n - general.n));
    buf_lit(&own, "haproxy:");
    if (detect_captures(head->behind->lines, head->behind->n, &own) && buf_cstr(&own) &&
        try_format(buf_cstr(&own), head, &t) && t.matched == best->matched) {
        t.guessed = true;
        *second = *best;
        *best = t;
    }
    buf_release(&own);
}

static bool have_text(const struct behind *b)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->lines[i].n > 0)
            return true;
    return false;
}

/* Why no format fits lines that are known to have no time, where nothing before them has one. */
static void tell_untimed(const struct behind *behind, struct detection *out)
{
    size_t untimed = 0;

    for (size_t i = 0; i < behind->n; i++)
        untimed += access_is_untimed(behind->lines[i]);
    if (untimed * 2 <= out->lines)
        return;
    copy_text(out->error,
              "these lines have no time: have one logged with them, or read them as the "
              "collector keeps them that puts a time before each (docker, cri, syslog, stamp)",
              sizeof(out->error));
    out->bad_column = 0;
}

int detect_format(const struct str *lines, size_t n, struct str path, struct detect_formats *kept,
                  struct detection *out)
{
    struct trial best = {.lines = 0}, second = {.lines = 0};
    struct head head = {lines, behind_new(lines, n), kept};
    int rc = head.behind ? 0 : -1;

    *out = (struct detection){.fits = false};
    if (!rc && have_text(head.behind)) {
        rc = try_behind(&head, path, &best, &second);
        if (!rc)
            rc = try_columns(&head, path, &best, &second);
        if (!rc)
            try_captures(&head, &best, &second);
        if (!rc)
            report(&best, &second, out);
        if (!rc && out->matched)
            pick_samples(&head, out);
        else if (!rc)
            tell_untimed(head.behind, out);
    }
    behind_free(head.behind);
    return rc;
}

int detect_fit(const struct str *lines, size_t n, const char *spec, struct detection *out)
{
    struct trial t, none = {.lines = 0};
    struct head head = {lines, behind_new(lines, n), NULL};
    int rc = -1;

    *out = (struct detection){.fits = false};
    while (head.behind && (rc = behind_next(head.behind, true)) > 0)
        ;
    if (!rc && try_format(spec, &head, &t)) {
        report(&t, &none, out);
        if (out->matched)
            pick_samples(&head, out);
    } else {
        rc = -1;
    }
    behind_free(head.behind);
    return rc;
}
