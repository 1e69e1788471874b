/* explain_marks.c - see explain_marks.h. */
#include "agent/explain_marks.h"

#include "agent/explain_places.h"
#include "agent/terminal.h"
#include "parsers/base/utf8.h"

#include <stdlib.h>

#define NAME_ROWS 4
#define MARGIN 2

struct mark {
    size_t from, to; /* bytes of the line */
    const char *name;
};

struct marks {
    struct mark v[HIT_FIELD_COUNT];
    size_t n;
};

/* ---- where the fields are ---------------------------------------------------------------------
 */

static void add(struct marks *m, struct str line, struct str place, enum hit_field field)
{
    size_t from = (size_t)(place.p - line.p), to = from + place.n;

    if (place.n == 0)
        return;
    for (size_t i = 0; i < m->n; i++)
        if (from < m->v[i].to && m->v[i].from < to)
            return; /* one mark a place: the field that came first */
    m->v[m->n++] = (struct mark){from, to, hit_field_name(field)};
}

static size_t path_end(const struct marks *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->v[i].name, "path") == 0)
            return m->v[i].to;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

static void find_marks(struct marks *m, struct str line, const struct hit *hit)
{
    m->n = 0;
    for (int i = 0; i < HIT_FIELD_COUNT; i++) {
        struct str text = hit_field_text(hit, (enum hit_field)i);
        add(m, line, place_of_text(line, text), (enum hit_field)i);
    }
    add(m, line, place_of_time(line, hit->time_ms), HIT_FIELD_TIME);
    if (hit->status >= 0)
        add(m, line, place_of_status(line, path_end(m), hit->status), HIT_FIELD_STATUS);
    qsort(m->v, m->n, sizeof(m->v[0]), compare);
}

/* ---- rows -------------------------------------------------------------------------------------
 */

struct row {
    struct buf text;
    char ruler[EXPLAIN_MAX_COLUMNS];
    char names[NAME_ROWS][EXPLAIN_MAX_COLUMNS];
    size_t used;
    bool any;
};

static void row_begin(struct row *row)
{
    buf_reset(&row->text);
    memset(row->ruler, ' ', sizeof(row->ruler));
    memset(row->names, ' ', sizeof(row->names));
    row->used = 0;
    row->any = false;
}

static bool is_free(const char *names, size_t from, size_t n)
{
    for (size_t i = from ? from - 1 : 0; i < from + n + 1 && i < EXPLAIN_MAX_COLUMNS; i++)
        if (names[i] != ' ')
            return false;
    return true;
}

/* In the first row with room under this column. */
static void put_name(struct row *row, size_t column, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < NAME_ROWS && column + n <= EXPLAIN_MAX_COLUMNS; i++)
        if (is_free(row->names[i], column, n)) {
            memcpy(row->names[i] + column, name, n);
            return;
        }
}

static void put_row(struct buf *out, const char *text, size_t n, struct terminal_style style)
{
    while (n && text[n - 1] == ' ')
        n--;
    if (!n)
        return;
    buf_printf(out, "%*s%s", MARGIN, "", style.dim);
    buf_put(out, text, n);
    buf_printf(out, "%s\n", style.off);
}

static void row_end(struct buf *out, const struct row *row, struct terminal_style style)
{
    buf_printf(out, "%*s", MARGIN, "");
    buf_put_str(out, buf_str(&row->text));
    buf_putc(out, '\n');
    if (!row->any)
        return;
    put_row(out, row->ruler, sizeof(row->ruler), style);
    for (size_t i = 0; i < NAME_ROWS; i++)
        put_row(out, row->names[i], sizeof(row->names[i]), style);
}

static void mark_columns(struct row *row, const struct mark *mark, size_t at, size_t width)
{
    bool begins = at == mark->from;

    for (size_t i = 0; i < width; i++)
        row->ruler[row->used + i] = begins && i == 0 ? '^' : '~';
    if (begins)
        put_name(row, row->used, mark->name);
    row->any = true;
}

void explain_put_marks(struct buf *out, struct str line, const struct hit *hit, size_t columns,
                       struct terminal_style style)
{
    struct marks marks;
    struct row row;
    size_t k = 0;

    columns = columns < 20 ? 20 : columns > EXPLAIN_MAX_COLUMNS ? EXPLAIN_MAX_COLUMNS : columns;
    find_marks(&marks, line, hit);
    buf_init(&row.text, EXPLAIN_MAX_COLUMNS * 8);
    row_begin(&row);
    for (size_t i = 0; i < line.n;) {
        size_t n = utf8_printable(str_slice(line, i, line.n)), step = n ? n : 1, from = row.text.n;
        terminal_put_safe(&row.text, str_slice(line, i, i + step), 4);
        size_t width = terminal_width(str_slice(buf_str(&row.text), from, row.text.n));
        if (row.used + width > columns - MARGIN || row.text.n > EXPLAIN_MAX_COLUMNS * 4) {
            row.text.n = from;
            row_end(out, &row, style);
            row_begin(&row);
            continue;
        }
        while (k < marks.n && marks.v[k].to <= i)
            k++;
        if (k < marks.n && i >= marks.v[k].from)
            mark_columns(&row, &marks.v[k], i, width);
        row.used += width;
        i += step;
    }
    row_end(out, &row, style);
    buf_release(&row.text);
}

/* A place to begin, about `room` bytes before `at`, where no character is cut. */
static size_t begin_before(struct str line, size_t at, size_t room)
{
    size_t from = at > room ? at - room : 0;

    while (from < at && utf8_is_tail(line.p[from]))
        from++;
    return from;
}

void explain_put_caret(struct buf *out, struct str line, size_t column, const char *why,
                       size_t columns, struct terminal_style style)
{
    size_t at = column < line.n ? column : line.n;
    size_t from = begin_before(line, at, columns / 2);
    struct buf before;

    buf_init(&before, 64 << 10);
    terminal_put_safe(&before, str_slice(line, from, at), SIZE_MAX / 2);
    buf_printf(out, "%*s", MARGIN, "");
    buf_put_str(out, buf_str(&before));
    terminal_put_safe(out, str_slice(line, at, line.n), columns / 2);
    buf_printf(out, "\n%*s%s^ column %zu: %s%s\n", (int)(MARGIN + terminal_width(buf_str(&before))),
               "", style.bold, column + 1, why, style.off);
    buf_release(&before);
}
