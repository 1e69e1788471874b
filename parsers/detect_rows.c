/* detect_rows.c - see detect_rows.h. */
#include "parsers/detect_rows.h"

#include "parsers/base/time.h"

/* As one line has it. */
struct cell {
    struct str key, value;
    char open;
    bool bracketed;
};

struct row {
    struct cell c[ROWS_COLUMNS_MAX];
    size_t n; /* 0: too many, or none */
};

/* Header lines, as Zeek's, say nothing of the columns. */
static bool is_row(struct str line)
{
    return line.n > 0 && line.p[0] != '#';
}

/* ---- what parts columns -----------------------------------------------------------------------
 */

static size_t count_of(struct str line, struct str what)
{
    size_t n = 0;

    for (ptrdiff_t at = 0; (at = str_find(line, what, (size_t)at)) >= 0; at += (ptrdiff_t)what.n)
        n++;
    return n;
}

/* Outside of quotes and brackets, where a line of comma-separated values has no blank. */
static size_t count_outside(struct str line, char separator)
{
    size_t n = 0;
    char close = '\0';

    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];

        if (close && c == '\\')
            i++;
        else if (close)
            close = c == close ? '\0' : close;
        else if (c == '"' || c == '[')
            close = rows_close(c);
        else if (c == ' ')
            return 0;
        else
            n += c == separator;
    }
    return n;
}

static size_t count_separators(struct str line, struct str separator)
{
    bool blanks = separator.p[0] == ',' || separator.p[0] == ';';

    return blanks ? count_outside(line, separator.p[0]) : count_of(line, separator);
}

static struct str separator_of(const struct str *lines, size_t n)
{
    static const struct str separators[] = {STR_INIT("\t"), STR_INIT(" | "), STR_INIT("|"),
                                            STR_INIT(","), STR_INIT(";")};
    size_t some = 0;

    for (size_t i = 0; i < n; i++)
        some += is_row(lines[i]);
    for (size_t k = 0; k < COUNT_OF(separators); k++) {
        size_t with = 0;

        for (size_t i = 0; i < n; i++)
            with += is_row(lines[i]) && count_separators(lines[i], separators[k]) >= 5;
        if (with * 10 > some * 9)
            return separators[k];
    }
    return STR(" ");
}

/* ---- one line ---------------------------------------------------------------------------------
 */

static bool ends_at(struct str s, size_t at, struct str separator)
{
    return at == s.n || str_starts(str_slice(s, at, s.n), separator);
}

/* Where the bracket or quote that `s` begins with is closed, with a separator or the line's end
 * behind it; 0: nowhere. */
static size_t closed_at(struct str s, char close, struct str separator)
{
    for (size_t i = 1; i < s.n; i++) {
        if (close == '"' && s.p[i] == '\\')
            i++;
        else if (s.p[i] == close && ends_at(s, i + 1, separator))
            return i;
        else if (close != '"' && s.p[i] == s.p[0])
            return 0; /* another one's: "[2001:db8::7]:80 … [" */
    }
    return 0;
}

char rows_close(char open)
{
    static const char opens[] = "[({\"", closes[] = "])}\"";
    const char *at = open != '\0' ? strchr(opens, open) : NULL;

    return at ? closes[at - opens] : '\0';
}

static size_t key_length(struct str s)
{
    size_t n = 0;

    while (n < s.n && (ascii_alnum(s.p[n]) || s.p[n] == '_' || s.p[n] == '-'))
        n++;
    return n > 0 && n < s.n && s.p[n] == '=' && !ascii_digit(s.p[0]) ? n + 1 : 0;
}

static size_t word_length(struct str s, struct str separator)
{
    ptrdiff_t at = str_find(s, separator, 0);

    return at < 0 ? s.n : (size_t)at;
}

/* "2026-11-03" */
static bool is_date(struct str s)
{
    for (size_t i = 0; i < 10; i++)
        if (s.n != 10 || (i == 4 || i == 7 ? s.p[i] != '-' && s.p[i] != '/' : !ascii_digit(s.p[i])))
            return false;
    return true;
}

/* With the time of day at the end of it. */
static bool is_time(struct str s)
{
    int64_t ms;
    bool local;

    return s.n >= 19 && time_parse_text(s, &ms, &local) && local;
}

static bool is_zone(struct str s)
{
    return s.n >= 5 && (s.p[0] == '+' || s.p[0] == '-') && ascii_digit(s.p[1]) &&
           ascii_digit(s.p[4]);
}

/* Words that are one value: "a, b" and "a : b" of lists, a date, a time and its zone. */
static bool goes_on(struct str word, struct str next)
{
    if (word.n == 0 || next.n == 0 || rows_close(next.p[0]))
        return false;
    return word.p[word.n - 1] == ',' || str_starts(next, STR(": ")) || str_ends(word, STR(" :")) ||
           (is_date(word) && next.n >= 8 && ascii_digit(next.p[0]) && next.p[2] == ':') ||
           (is_zone(next) && is_time(word));
}

static struct str read_word(struct str s, struct str separator)
{
    size_t n = word_length(s, separator);

    if (separator.p[0] == ' ' && separator.n == 1 && str_starts(s, STR("Mozilla/")))
        return s; /* without quotes it has no other end than the line's */
    while (separator.p[0] == ' ' && separator.n == 1 && n + 1 < s.n &&
           goes_on(str_slice(s, 0, n), str_slice(s, n + 1, s.n)))
        n += 1 + word_length(str_slice(s, n + 1, s.n), separator);
    return str_slice(s, 0, n);
}

/* The cell that `rest` begins with, which is cut off with the separator behind it. */
static struct cell read_cell(struct str *rest, struct str separator)
{
    struct cell cell = {.key = STR("")};
    struct str s = *rest;
    size_t end;

    if (separator.n == 1 && separator.p[0] == ' ') {
        cell.key = str_slice(s, 0, key_length(s));
        s = str_slice(s, cell.key.n, s.n);
    }
    end = s.n > 0 && rows_close(s.p[0]) ? closed_at(s, rows_close(s.p[0]), separator) : 0;
    if (end > 0) {
        cell.open = s.p[0];
        cell.value = str_slice(s, 1, end);
        cell.bracketed = cell.open == '"' && end > 3 && s.p[1] == '[' && s.p[end - 1] == ']';
        if (cell.bracketed)
            cell.value = str_slice(s, 2, end - 1);
        end++;
    } else {
        cell.value = read_word(s, separator);
        end = cell.value.n;
    }
    s = str_slice(s, end, s.n);
    *rest = s.n > 0 ? str_slice(s, separator.n, s.n) : STR_NONE;
    return cell;
}

static void read_row(struct str line, struct str separator, struct row *row)
{
    row->n = 0;
    while (str_is_set(line)) {
        if (row->n == ROWS_COLUMNS_MAX) {
            row->n = 0;
            return;
        }
        row->c[row->n++] = read_cell(&line, separator);
    }
}

/* ---- all of them ------------------------------------------------------------------------------
 */

static void count_cell(struct rows_column *c, const struct cell *cell)
{
    uint32_t looks = looks_of(cell->value);
    uint64_t value;

    for (unsigned i = 0; i < LOOKS; i++)
        c->looks[i] += looks >> i & 1;
    if (looks & LOOK_BIT(LOOK_COUNT) && str_to_u64(cell->value, UINT32_MAX, &value))
        c->sum += value;
    c->constant &= str_eq(c->first, cell->value);
}

/* False: the row is of another shape than the first. */
static bool count_row(struct rows *r, const struct row *row)
{
    for (size_t i = 0; r->lines > 0 && i < r->n; i++)
        if (row->c[i].open != r->c[i].open || row->c[i].bracketed != r->c[i].bracketed ||
            !str_eq(row->c[i].key, r->c[i].key))
            return false;
    for (size_t i = 0; i < r->n; i++) {
        const struct cell *cell = &row->c[i];

        if (r->lines == 0)
            r->c[i] = (struct rows_column){.key = cell->key,
                                           .open = cell->open,
                                           .bracketed = cell->bracketed,
                                           .first = cell->value,
                                           .constant = true};
        count_cell(&r->c[i], cell);
    }
    r->lines++;
    return true;
}

/* The number of columns that most lines have; 0: none. */
static size_t usual_count(const struct str *lines, size_t n, size_t step, struct str separator)
{
    unsigned counts[ROWS_COLUMNS_MAX + 1] = {0};
    size_t best = 0;
    struct row row;

    for (size_t i = 0; i < n; i += step) {
        if (!is_row(lines[i]))
            continue;
        read_row(lines[i], separator, &row);
        counts[row.n]++;
    }
    for (size_t i = 1; i <= ROWS_COLUMNS_MAX; i++)
        if (counts[i] > counts[best] || best == 0)
            best = i;
    return best && counts[best] > 0 ? best : 0;
}

bool rows_read(const struct str *lines, size_t n, struct rows *out)
{
    size_t step = n / ROWS_LINES_MAX + 1;
    unsigned others = 0;
    struct row row;

    *out = (struct rows){.separator = separator_of(lines, n)};
    out->n = usual_count(lines, n, step, out->separator);
    for (size_t i = 0; out->n && i < n; i += step) {
        if (!is_row(lines[i]))
            continue;
        read_row(lines[i], out->separator, &row);
        others += row.n != out->n || !count_row(out, &row);
    }
    return out->lines > others;
}
