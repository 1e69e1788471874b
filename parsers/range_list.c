/*
 * range_list.c - see range_list.h. Used by ranges.c, and by `logferry agents update`.
 */
#include "parsers/range_list.h"

#include <stdlib.h>

#include "parsers/base/json.h"
#include "parsers/base/time.h"

#define JSON_TEXT_MAX 4096u /* of keys and strings with escapes in them; prefixes have none */

struct reading {
    struct range_list *list;
    size_t cap, line;
    struct buf *why;
};

static int fail(struct reading *r, const char *what, struct str text)
{
    size_t n = text.n < 60 ? text.n : 60;

    buf_printf(r->why, "%zu: %s", r->line, what);
    if (n == 0)
        return -1;
    buf_lit(r->why, ": ");
    for (size_t i = 0; i < n; i++) {
        bool plain = text.p[i] >= 0x20 && text.p[i] < 0x7f;
        buf_putc(r->why, plain ? text.p[i] : '?');
    }
    return -1;
}

static int add(struct reading *r, struct str text)
{
    struct range_list *l = r->list;
    struct cidr c;

    if (!cidr_parse(text, &c))
        return fail(r, "not an address or a prefix", text);
    if (cidr_is_v4(&c) ? c.bits < 96 + RANGE_LIST_MIN_BITS_4 : c.bits < RANGE_LIST_MIN_BITS_6)
        return fail(r, "wider than any operator's network (/8, in IPv6 /16)", text);
    if (l->n == RANGE_LIST_MAX_PREFIXES)
        return fail(r, "more than 100,000 prefixes", STR(""));
    if (l->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        struct cidr *grown = realloc(l->prefixes, cap * sizeof(*grown));
        if (grown == NULL)
            return fail(r, "out of memory", STR(""));
        l->prefixes = grown;
        r->cap = cap;
    }
    cidr_clear_host_bits(&c);
    l->prefixes[l->n++] = c;
    return 0;
}

/* "2026-05-05T00:00:00.000000" has no zone: the operators mean UTC. */
static int take_date(struct reading *r, struct str text)
{
    bool whole = text.n >= 19 && (text.p[10] == 'T' || text.p[10] == ' ');

    if (time_parse_rfc3339(text, &r->list->date_ms))
        return 0;
    if (whole ? time_parse_w3c(str_slice(text, 0, 10), str_slice(text, 11, 19), &r->list->date_ms)
              : time_parse_w3c(text, STR("00:00:00"), &r->list->date_ms))
        return 0;
    r->list->date_ms = INT64_MIN;
    return fail(r, "not a time", text);
}

/* ---- lines --------------------------------------------------------------------------------- */

static int take_comment(struct reading *r, struct str line)
{
    static const struct str head = {RANGE_LIST_HEAD, sizeof(RANGE_LIST_HEAD) - 1};
    static const struct str name = {"# list: ", 8};
    static const struct str date = {"# date: ", 8};

    if (str_starts(line, head) && !str_eq(str_slice(line, head.n, line.n), STR("1")))
        return fail(r, "a version that this program does not know", line);
    if (str_starts(line, name))
        r->list->name = str_slice(line, name.n, line.n);
    return str_starts(line, date) ? take_date(r, str_slice(line, date.n, line.n)) : 0;
}

/* Prefixes one a line, perhaps with a comment behind; of a geofeed's "prefix,country,region,city,"
 * the first. */
static int read_lines(struct reading *r, struct str text)
{
    for (r->line = 1; text.n > 0; r->line++) {
        struct str line = str_trim(str_cut(&text, '\n'));
        int rc = 0;
        if (line.n == 0)
            continue;
        if (line.p[0] == '#')
            rc = take_comment(r, line);
        else
            rc = add(r, str_trim(str_slice(line, 0, str_until(line, ',', '#'))));
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void count_line(struct reading *r, const struct json_reader *j)
{
    r->line = 1;
    for (size_t i = 0; i < j->at && i < j->in.n; i++)
        r->line += j->in.p[i] == '\n';
}

static int json_fail(struct reading *r, const struct json_reader *j, const char *what)
{
    count_line(r, j);
    return fail(r, j->error != NULL ? j->error : what, STR(""));
}

static int add_prefix(struct reading *r, const struct json_reader *j)
{
    if (cidr_parse(j->text, &(struct cidr){0}) && add(r, j->text) == 0)
        return 0;
    if (r->why->n == 0) {
        count_line(r, j);
        fail(r, "not an address or a prefix", j->text);
    }
    return -1;
}

/* One element of "prefixes": an object with ipv4Prefix or ipv6Prefix. */
static int read_prefix(struct reading *r, struct json_reader *j)
{
    enum json_event e;

    while ((e = json_next(j)) == JSON_KEY) {
        bool wanted = str_eq(j->text, STR("ipv4Prefix")) || str_eq(j->text, STR("ipv6Prefix"));
        e = json_next(j);
        if (!wanted || e == JSON_NULL) {
            if (!json_skip_value(j, e))
                return json_fail(r, j, "a prefix is no object");
            continue;
        }
        if (e != JSON_STRING)
            return json_fail(r, j, "a prefix is no text");
        if (add_prefix(r, j) != 0)
            return -1;
    }
    return e == JSON_OBJECT_END ? 0 : json_fail(r, j, "a prefix is no object");
}

static int read_prefixes(struct reading *r, struct json_reader *j)
{
    enum json_event e;

    if (json_next(j) != JSON_ARRAY)
        return json_fail(r, j, "\"prefixes\" is no array");
    while ((e = json_next(j)) == JSON_OBJECT)
        if (read_prefix(r, j) != 0)
            return -1;
    return e == JSON_ARRAY_END ? 0 : json_fail(r, j, "\"prefixes\" holds something else");
}

static int read_member(struct reading *r, struct json_reader *j)
{
    if (str_eq(j->text, STR("prefixes")))
        return read_prefixes(r, j);
    bool date = str_eq(j->text, STR("creationTime"));
    enum json_event e = json_next(j);
    if (!date)
        return json_skip_value(j, e) ? 0 : json_fail(r, j, "malformed");
    if (e != JSON_STRING)
        return json_fail(r, j, "\"creationTime\" is no text");
    count_line(r, j);
    return take_date(r, j->text);
}

static int read_json(struct reading *r, struct str text)
{
    struct json_reader j;
    struct buf scratch;
    enum json_event e;
    int rc = 0;

    buf_init(&scratch, JSON_TEXT_MAX);
    json_reader_init(&j, text, &scratch);
    r->line = 1;
    if (json_next(&j) != JSON_OBJECT)
        rc = json_fail(r, &j, "no JSON object");
    while (rc == 0 && (e = json_next(&j)) == JSON_KEY)
        rc = read_member(r, &j);
    if (rc == 0 && (e != JSON_OBJECT_END || json_next(&j) != JSON_END))
        rc = json_fail(r, &j, "malformed");
    buf_release(&scratch);
    return rc;
}

/* ---- both ---------------------------------------------------------------------------------- */

int range_list_read(struct str text, struct range_list *out, struct buf *why)
{
    struct reading r = {.list = out, .line = 1, .why = why};
    struct str begin;

    *out = (struct range_list){.name = STR_NONE, .date_ms = INT64_MIN};
    if (text.n > RANGE_LIST_MAX_BYTES)
        return fail(&r, "larger than 8 MiB", STR(""));
    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = str_slice(text, 3, text.n);
    begin = str_trim(text);
    int rc = begin.n > 0 && begin.p[0] == '{' ? read_json(&r, text) : read_lines(&r, text);
    if (rc == 0 && out->n == 0) {
        r.line = 1;
        rc = fail(&r, "there is no prefix in it", STR(""));
    }
    if (rc != 0)
        range_list_release(out);
    return rc;
}

void range_list_release(struct range_list *l)
{
    free(l->prefixes);
    *l = (struct range_list){.name = STR_NONE, .date_ms = INT64_MIN};
}

void range_list_write(struct buf *out, const struct range_list *l, struct str name)
{
    buf_lit(out, RANGE_LIST_HEAD "1\n# list: ");
    buf_put_str(out, name);
    buf_lit(out, "\n# date: ");
    time_put_rfc3339(out, l->date_ms);
    buf_putc(out, '\n');
    for (size_t i = 0; i < l->n; i++) {
        cidr_put(out, &l->prefixes[i]);
        buf_putc(out, '\n');
    }
}
