/* w3c_iis.c - see w3c_iis.h. Source: Microsoft, "W3C Extended Log File Format" (IIS 6.0 to 10). */
#include "parsers/w3c_iis.h"

#include "parsers/verdict.h"

struct row {
    struct str v[W3C_COLUMNS_MAX];
    enum w3c_column columns[W3C_COLUMNS_MAX]; /* COLUMN_OTHER: not told */
    size_t n;
};

static bool is_number(struct str s)
{
    uint64_t value;

    return str_to_u64(s, UINT64_MAX / 2, &value);
}

static bool is_status(struct str s)
{
    uint64_t value;

    return s.n == 3 && str_to_u64(s, 999, &value) && value >= 100;
}

static bool is_method(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return s.n >= 3;
}

/* With the zone that IIS writes behind IPv6. */
static bool is_address(struct str s)
{
    unsigned char bytes[16];

    return address_parse(str_cut(&s, '%'), bytes);
}

static bool is_url(struct str s)
{
    return str_starts(s, STR("http://")) || str_starts(s, STR("https://"));
}

static bool is_host(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alnum(s.p[i]) && str_chr(STR(".-:"), s.p[i], 0) < 0)
            return false;
    return str_chr(s, '.', 0) > 0 || str_starts(s, STR("localhost"));
}

static bool split(struct str line, struct row *row)
{
    row->n = 0;
    while (line.n > 0) {
        if (row->n == W3C_COLUMNS_MAX)
            return false;
        row->columns[row->n] = COLUMN_OTHER;
        row->v[row->n++] = str_cut(&line, ' ');
    }
    return true;
}

/* From date to the client's address; behind that, or 0. */
static size_t name_front(struct row *row)
{
    static const enum w3c_column front[] = {COLUMN_METHOD, COLUMN_STEM, COLUMN_QUERY,
                                            COLUMN_PORT,   COLUMN_USER, COLUMN_CLIENT};
    size_t m = 2;

    while (m < 6 && m + 1 < row->n &&
           !(is_method(row->v[m]) && str_starts(row->v[m + 1], STR("/"))))
        m++;
    if (m + COUNT_OF(front) >= row->n || !is_method(row->v[m]) || !is_number(row->v[m + 3]) ||
        !is_address(row->v[m + 5]))
        return 0;
    row->columns[0] = COLUMN_DATE;
    row->columns[1] = COLUMN_TIME;
    for (size_t i = 0; i < COUNT_OF(front); i++)
        row->columns[m + i] = front[i];
    return m + COUNT_OF(front);
}

/* Between the client's address and the status, which is at `to`. */
static void name_texts(struct row *row, size_t from, size_t to)
{
    if (from < to && str_starts(row->v[from], STR("HTTP/")))
        row->columns[from++] = COLUMN_VERSION;
    if (from < to)
        row->columns[from++] = COLUMN_USER_AGENT;
    for (size_t i = from; i < to; i++)
        if (is_url(row->v[i]))
            row->columns[i] = COLUMN_REFERRER;
    if (from < to && row->columns[to - 1] == COLUMN_OTHER && is_host(row->v[to - 1]))
        row->columns[to - 1] = COLUMN_VIEWER_HOST;
}

/* The three numbers of the status, and what is behind. */
static void name_back(struct row *row, size_t at)
{
    size_t from = at + 3, end = from;

    row->columns[at] = COLUMN_STATUS;
    while (end < row->n && is_number(row->v[end]))
        end++;
    if (end - from > 1)
        row->columns[from] = COLUMN_BYTES;
    if (end > from)
        row->columns[end - 1] = COLUMN_TIME_TAKEN;
    if (end < row->n && is_address(row->v[end]))
        row->columns[end] = COLUMN_FORWARDED_FOR;
}

/* Of several of one kind the last counts. */
static void set_columns(struct w3c_columns *c, const struct row *row)
{
    memset(c->named, 0, sizeof(c->named));
    for (size_t i = row->n; i-- > 0;) {
        enum w3c_column column = c->named[row->columns[i]] ? COLUMN_OTHER : row->columns[i];

        c->at[i] = (unsigned char)column;
        c->named[column] = column != COLUMN_OTHER;
    }
    c->n = c->total = row->n;
}

bool w3c_iis_guess(struct w3c_columns *c, struct str line)
{
    struct row row;
    size_t from = split(line, &row) ? name_front(&row) : 0, status = from;

    if (from == 0)
        return false;
    while (status + 2 < row.n && !(is_status(row.v[status]) && is_number(row.v[status + 1]) &&
                                   is_number(row.v[status + 2])))
        status++;
    if (status + 2 >= row.n)
        return false;
    name_texts(&row, from, status);
    name_back(&row, status);
    set_columns(c, &row);
    return true;
}
