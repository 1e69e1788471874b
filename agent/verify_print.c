/* verify_print.c - see verify_print.h. */
#include "agent/verify_print.h"

#include "agent/terminal.h"
#include "parsers/base/shell.h"
#include "parsers/base/time.h"

#include <inttypes.h>
#include <stdio.h>

#define PATH_COLUMNS 400

/* ---- times ------------------------------------------------------------------------------------
 */

/* 2026-11-03T12:00:00Z, with milliseconds where there are some. */
static void put_time(struct buf *b, int64_t ms)
{
    struct buf text;
    buf_init(&text, 64);
    time_put_rfc3339(&text, ms);
    struct str s = buf_str(&text);
    if (ms % 1000 == 0 && s.n == 24) {
        buf_put_str(b, str_slice(s, 0, 19));
        buf_putc(b, 'Z');
    } else {
        buf_put_str(b, s);
    }
    buf_release(&text);
}

/* 2026-11-03 12:00, or of a day its date. */
static void put_hour(struct buf *b, int64_t ms, int64_t step_ms)
{
    struct buf text;
    buf_init(&text, 64);
    time_put_rfc3339(&text, ms);
    struct str s = buf_str(&text);
    if (s.n == 24)
        buf_printf(b, "%.10s %.5s", s.p, step_ms == VERIFY_HOUR_MS ? s.p + 11 : "     ");
    buf_release(&text);
}

/* ---- the command that mends -------------------------------------------------------------------
 */

static void put_option(struct buf *b, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(b, " --%s ", name);
    shell_put_word(b, str_of(value));
}

static void put_window(struct buf *b, const struct options *o, const struct verify_total *t)
{
    int64_t from = o->since_ms, to = o->until_ms;
    if (!t->hole_anywhere && t->hole_from_ms > from)
        from = t->hole_from_ms;
    if (!t->hole_anywhere && t->hole_to_ms < to)
        to = t->hole_to_ms;
    if (from != INT64_MIN) {
        buf_lit(b, " --since ");
        put_time(b, from);
    }
    if (to != INT64_MAX) {
        buf_lit(b, " --until ");
        put_time(b, to);
    }
}

void verify_put_mend(struct buf *b, const struct options *o, const struct verify_total *t)
{
    bool few = t->n_holed <= VERIFY_MAX_HOLED, guarded = false;
    size_t n = few ? (size_t)t->n_holed : o->n_paths;
    if (!t->n_holed)
        return;
    buf_lit(b, "logferry backfill");
    put_option(b, "config", o->config_given ? o->config : NULL);
    put_option(b, "source", o->source);
    put_option(b, "format", o->format);
    put_option(b, "host", o->host);
    put_option(b, "output", o->output);
    put_window(b, o, t);
    for (size_t i = 0; i < n; i++) {
        struct str path = str_of(few ? t->holed[i] : o->paths[i]);
        if (path.n > 1 && path.p[0] == '-' && !guarded) {
            buf_lit(b, " --");
            guarded = true;
        }
        buf_putc(b, ' ');
        shell_put_word(b, path);
    }
}

/* ---- for people -------------------------------------------------------------------------------
 */

static void put_number_of(struct buf *b, uint64_t n, const char *what)
{
    terminal_put_number(b, n, 0);
    buf_printf(b, " %s%s", what, n == 1 ? "" : "s");
}

static void put_skipped(struct buf *b, const struct verify_counts *c, const char *indent)
{
    const char *before = "";
    if (!verify_skipped(c))
        return;
    buf_printf(b, "%sskipped: ", indent);
    for (int i = 1; i < REASON_COUNT; i++)
        if (c->skipped[i]) {
            buf_printf(b, "%s%s ", before, reason_name((enum reason)i));
            terminal_put_number(b, c->skipped[i], 0);
            before = ", ";
        }
    buf_putc(b, '\n');
}

static void put_reasons(struct buf *b, const struct verify_reasons *r, const char *indent)
{
    for (size_t i = 0; i < r->n; i++) {
        buf_printf(b, "%srejected: ", indent);
        terminal_put_number(b, r->v[i].n, 0);
        buf_printf(b, " with %u ", r->v[i].status);
        terminal_put_safe(b, str_of(r->v[i].error), 100);
        buf_putc(b, '\n');
    }
    if (r->others) {
        buf_printf(b, "%srejected: ", indent);
        terminal_put_number(b, r->others, 0);
        buf_lit(b, " for other reasons\n");
    }
}

static void put_columns(struct buf *b, const struct verify_counts *c)
{
    terminal_put_number(b, c->lines, 13);
    terminal_put_number(b, verify_skipped(c), 12);
    terminal_put_number(b, c->records, 12);
    terminal_put_number(b, c->stored, 12);
    terminal_put_number(b, c->missing, 12);
    terminal_put_number(b, c->excluded, 10);
    terminal_put_number(b, c->rejected, 10);
    buf_putc(b, '\n');
}

static bool is_holed(const struct verify_counts *c)
{
    return c->missing || c->rejected;
}

static void put_row(struct buf *b, const char *label, const struct verify_counts *c, bool shown)
{
    if (!c->lines || !(shown || is_holed(c)))
        return;
    buf_printf(b, "  %-16s", label);
    put_columns(b, c);
}

static void put_rows(struct buf *b, const struct verify_stream *s, bool all_hours)
{
    const struct verify_table *t = &s->table;
    if (!all_hours && !is_holed(&s->sum))
        return;
    buf_printf(b, "  %-16s%13s%12s%12s%12s%12s%10s%10s\n",
               t->step_ms == VERIFY_HOUR_MS ? "hour, UTC" : "day, UTC", "lines", "skipped",
               "records", "stored", "missing", "excluded", "rejected");
    for (size_t i = 0; i < t->n; i++) {
        const struct verify_counts *c = &t->rows[i].counts;
        if (!all_hours && !is_holed(c))
            continue;
        buf_lit(b, "  ");
        put_hour(b, t->rows[i].from_ms, t->step_ms);
        put_columns(b, c);
    }
    put_row(b, "other times", &t->rest, all_hours);
    put_row(b, "no time", &t->unknown, all_hours);
    if (t->step_ms != VERIFY_HOUR_MS)
        buf_printf(b, "  (days instead of hours, and other times: more than %u rows)\n",
                   VERIFY_MAX_ROWS);
}

static void put_state(struct buf *b, const struct verify_stream *s)
{
    const struct verify_counts *c = &s->sum;
    if (!c->lines) {
        buf_lit(b, "no lines");
        return;
    }
    if (s->same_as) {
        buf_lit(b, "same stream as ");
        terminal_put_safe(b, str_of(s->same_as), PATH_COLUMNS);
        return;
    }
    if (c->missing) {
        buf_lit(b, "MISSING ");
        terminal_put_number(b, c->missing, 0);
        buf_lit(b, " of ");
    }
    put_number_of(b, c->records, "record");
    if (c->rejected) {
        buf_lit(b, ", REJECTED ");
        terminal_put_number(b, c->rejected, 0);
    }
    if (c->excluded) {
        buf_lit(b, ", ");
        terminal_put_number(b, c->excluded, 0);
        buf_lit(b, " excluded");
    }
    if (!is_holed(c))
        buf_lit(b, ", none missing");
    buf_lit(b, "; ");
    put_number_of(b, c->lines, "line");
}

void verify_put_text(struct buf *b, const struct verify_stream *s, bool all_hours)
{
    terminal_put_safe(b, str_of(s->path), PATH_COLUMNS);
    if (s->base)
        buf_printf(b, " (from byte %" PRIu64 ")", s->base);
    buf_lit(b, ": ");
    put_state(b, s);
    buf_putc(b, '\n');
    if (!s->sum.lines || s->same_as)
        return;
    if (s->begins_as) {
        buf_lit(b, "  begins as ");
        terminal_put_safe(b, str_of(s->begins_as), PATH_COLUMNS);
        buf_lit(b, " does, and is another or a part of it: lines of both count twice\n");
    }
    put_rows(b, s, all_hours);
    if (all_hours)
        put_skipped(b, &s->sum, "  ");
    put_reasons(b, &s->reasons, "  ");
}

static void put_totals(struct buf *b, const struct verify_end *e)
{
    const struct verify_total *t = e->total;
    const struct verify_counts *c = &t->counts;
    buf_putc(b, '\n');
    put_number_of(b, e->files, "file");
    buf_lit(b, ", ");
    put_number_of(b, t->streams, "stream");
    if (t->repeated) {
        buf_lit(b, " (and ");
        terminal_put_number(b, t->repeated, 0);
        buf_lit(b, " that had been there before)");
    }
    buf_printf(b, ", %.1f s\n", e->seconds);
    if (e->unread) {
        buf_lit(b, "NOT READ, or not to the end: ");
        put_number_of(b, e->unread, "path");
        buf_putc(b, '\n');
    }
    put_number_of(b, c->lines, "line");
    buf_lit(b, " = ");
    terminal_put_number(b, verify_skipped(c), 0);
    buf_lit(b, " skipped + ");
    put_number_of(b, c->records, "record");
    buf_putc(b, '\n');
    put_number_of(b, c->records, "record");
    buf_lit(b, " = ");
    terminal_put_number(b, c->stored, 0);
    buf_lit(b, " stored + ");
    terminal_put_number(b, c->missing, 0);
    buf_lit(b, " missing + ");
    terminal_put_number(b, c->excluded, 0);
    buf_lit(b, " excluded + ");
    terminal_put_number(b, c->rejected, 0);
    buf_lit(b, " rejected\n");
}

static void put_holes(struct buf *b, const struct verify_end *e)
{
    const struct verify_total *t = e->total;
    buf_lit(b, "MISSING: ");
    put_number_of(b, t->counts.missing, "record");
    if (!t->hole_anywhere) {
        buf_lit(b, " between ");
        put_hour(b, t->hole_from_ms, VERIFY_HOUR_MS);
        buf_lit(b, " and ");
        put_hour(b, t->hole_to_ms, VERIFY_HOUR_MS);
        buf_lit(b, " UTC");
    }
    buf_lit(b, ", in ");
    put_number_of(b, t->n_holed, "file");
    buf_lit(b, "\nmend: ");
    verify_put_mend(b, e->options, t);
    for (size_t i = 0; i < e->options->n_paths; i++)
        if (strcmp(e->options->paths[i], "-") == 0)
            buf_lit(b, "\n      (for `-`: with the same lines on standard input)");
    buf_putc(b, '\n');
}

void verify_put_text_end(struct buf *b, const struct verify_end *e)
{
    const struct verify_total *t = e->total;
    put_totals(b, e);
    put_skipped(b, &t->counts, "");
    put_reasons(b, &t->reasons, "");
    if (!e->balanced)
        buf_lit(b, "THE BOOKS DO NOT BALANCE: this is a bug, please report it\n");
    if (t->counts.rejected)
        buf_lit(b, "What is rejected is in no store under this token. For 403 and 404: "
                   "`logferry-server client grant` or `site add`, then verify again\n");
    if (t->counts.missing)
        put_holes(b, e);
    else if (!t->counts.rejected)
        buf_printf(b, "%s: nothing is missing%s\n", e->url,
                   e->unread ? " of what could be read" : "");
}

/* ---- for programs -----------------------------------------------------------------------------
 */

static void put_json_counts(struct buf *b, const struct verify_counts *c)
{
    const char *before = "";
    buf_printf(b, ",\"lines\":%" PRIu64 ",\"skipped\":{", c->lines);
    for (int i = 1; i < REASON_COUNT; i++)
        if (c->skipped[i]) {
            buf_printf(b, "%s\"%s\":%" PRIu64, before, reason_name((enum reason)i), c->skipped[i]);
            before = ",";
        }
    buf_printf(b,
               "},\"records\":%" PRIu64 ",\"stored\":%" PRIu64 ",\"missing\":%" PRIu64
               ",\"excluded\":%" PRIu64 ",\"rejected\":%" PRIu64,
               c->records, c->stored, c->missing, c->excluded, c->rejected);
}

static void put_json_reasons(struct buf *b, const struct verify_reasons *r)
{
    buf_lit(b, ",\"reasons\":[");
    for (size_t i = 0; i < r->n; i++) {
        buf_printf(b, "%s{\"status\":%u,\"error\":", i ? "," : "", r->v[i].status);
        json_put_string(b, str_of(r->v[i].error));
        buf_printf(b, ",\"records\":%" PRIu64 "}", r->v[i].n);
    }
    if (r->others)
        buf_printf(b, "%s{\"status\":null,\"error\":null,\"records\":%" PRIu64 "}", r->n ? "," : "",
                   r->others);
    buf_putc(b, ']');
}

static void put_json_name(struct buf *b, const char *type, const struct verify_stream *s)
{
    buf_printf(b, "{\"type\":\"%s\",\"path\":", type);
    json_put_string(b, str_of(s->path));
    buf_lit(b, ",\"stream\":\"");
    buf_put_hex(b, s->id.b, sizeof(s->id.b));
    buf_printf(b, "\",\"from\":%" PRIu64, s->base);
}

/* `span` tells how long the row is: an hour, a day, or whatever found no row; "unknown": lines
 * without a time. */
static void put_json_row(struct buf *b, const struct verify_stream *s, const char *span,
                         const int64_t *from_ms, const struct verify_counts *c)
{
    if (!c->lines)
        return;
    put_json_name(b, "hour", s);
    buf_printf(b, ",\"span\":\"%s\",\"hour\":", span);
    if (from_ms) {
        buf_putc(b, '"');
        put_time(b, *from_ms);
        buf_putc(b, '"');
    } else {
        buf_lit(b, "null");
    }
    put_json_counts(b, c);
    buf_lit(b, "}\n");
}

static void put_json_text(struct buf *b, const char *key, const char *value)
{
    buf_printf(b, ",\"%s\":", key);
    json_put_string(b, str_of(value));
}

void verify_put_json(struct buf *b, const struct verify_stream *s)
{
    const struct verify_table *t = &s->table;
    const char *span = t->step_ms == VERIFY_HOUR_MS ? "hour" : "day";
    for (size_t i = 0; i < t->n && !s->same_as; i++)
        put_json_row(b, s, span, &t->rows[i].from_ms, &t->rows[i].counts);
    if (!s->same_as) {
        put_json_row(b, s, "other", NULL, &t->rest);
        put_json_row(b, s, "unknown", NULL, &t->unknown);
    }
    put_json_name(b, "stream", s);
    put_json_text(b, "same_as", s->same_as);
    put_json_text(b, "begins_as", s->begins_as);
    put_json_counts(b, &s->sum);
    put_json_reasons(b, &s->reasons);
    buf_lit(b, "}\n");
}

void verify_put_json_end(struct buf *b, const struct verify_end *e)
{
    const struct verify_total *t = e->total;
    struct buf mend;
    buf_init(&mend, 1u << 20);
    verify_put_mend(&mend, e->options, t);
    buf_lit(b, "{\"type\":\"summary\"");
    put_json_text(b, "destination", e->destination);
    put_json_text(b, "url", e->url);
    buf_printf(b,
               ",\"files\":%" PRIu64 ",\"unread\":%" PRIu64 ",\"streams\":%" PRIu64
               ",\"repeated\":%" PRIu64,
               e->files, e->unread, t->streams, t->repeated);
    put_json_counts(b, &t->counts);
    put_json_reasons(b, &t->reasons);
    put_json_text(b, "mend", mend.n ? buf_cstr(&mend) : NULL);
    buf_printf(b, ",\"balanced\":%s,\"seconds\":%.3f}\n", e->balanced ? "true" : "false",
               e->seconds);
    buf_release(&mend);
}
