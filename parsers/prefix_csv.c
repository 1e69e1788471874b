/* prefix_csv.c - rows of a CSV export (RFC 4180) that have the line in a column: the longest,
 * because what else an export has (a time, a host, fields of the line) is shorter. */
#include "parsers/access_looks.h"
#include "parsers/prefix_impl.h"

#define NAME_BYTES_MAX 64u

struct column {
    struct str text; /* in the row, with quotes doubled */
    bool quoted;
};

/* False: no column of RFC 4180 is at the row's beginning. Else it is taken off. */
static bool next_column(struct str *row, struct column *c)
{
    ptrdiff_t end;

    *c = (struct column){.quoted = str_starts(*row, STR("\""))};
    if (!c->quoted) {
        c->text = str_cut(row, ',');
        return str_chr(c->text, '"', 0) < 0;
    }
    for (size_t from = 1; (end = str_chr(*row, '"', from)) > 0; from = (size_t)end + 2)
        if (!str_starts(str_slice(*row, (size_t)end + 1, row->n), STR("\"")))
            break;
    if (end < 0)
        return false;
    c->text = str_slice(*row, 1, (size_t)end);
    *row = str_slice(*row, (size_t)end + 1, row->n);
    return row->n == 0 || str_cut(row, ',').n == 0;
}

/* The longest column. *time: the first that is one, or STR_NONE. */
static bool find_line(struct str row, struct column *line, struct str *time)
{
    struct column c;

    *line = (struct column){0};
    *time = STR_NONE;
    while (row.n > 0) {
        if (!next_column(&row, &c))
            return false;
        if (c.text.n > line->text.n)
            *line = c;
        if (!str_is_set(*time) && prefix_is_time(c.text))
            *time = c.text;
    }
    return line->text.n > 0;
}

/* "_raw", "Source IP": as the columns of the first row are called. */
static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alnum(s.p[i]) && str_chr(STR("_-.@ "), s.p[i], 0) < 0)
            return false;
    return s.n <= NAME_BYTES_MAX && !ascii_digit(s.p[0]);
}

bool prefix_csv(struct prefix_work *w, struct prefix_result *out)
{
    struct column line;

    w->why = "expected a row of CSV (RFC 4180), whose longest column is the line";
    if (!find_line(w->rest, &line, &out->time))
        return false;
    out->header = is_name(line.text);
    out->at = (size_t)(line.text.p - w->rest.p);
    out->text = decode_csv(w->scratch, line.text);
    return !out->header;
}

/* "[03/Nov/2026:00:10:24 +0000]": the column of a log that is CSV itself. */
static bool is_time_alone(struct str s)
{
    return str_starts(s, STR("[")) && str_chr(s, ']', 0) == (ptrdiff_t)s.n - 1;
}

bool prefix_looks_csv(struct str line)
{
    struct column c;
    struct str time;

    return find_line(line, &c, &time) && c.quoted && !is_time_alone(c.text) &&
           (access_is_in(c.text) || str_starts(c.text, STR("{\"\"")));
}
