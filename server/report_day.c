/*
 * report_day.c - `why` of a day: how many lines of it there were, and what became of each, by node;
 * as text for a terminal or as JSON.
 */
#include "server/report_ledger.h"

#include "parsers/base/json.h"
#include "parsers/base/time.h"
#include "server/store_life.h"

static int64_t records_sum(const struct read_day *day)
{
    int64_t sum = day->of_others + day->of_nobody;
    for (int i = 0; i < FATE_COUNT; i++)
        sum += day->records[i];
    return sum;
}

static int64_t lines_sum(const struct read_day *day)
{
    return records_sum(day) + read_skips_sum(&day->skipped);
}

/* ---- text --------------------------------------------------------------------------------- */

static void put_records(struct buf *out, const struct read_day *day)
{
    buf_printf(out, "  records        %14lld\n", (long long)records_sum(day));
    for (int i = 0; i < FATE_COUNT; i++)
        if (day->records[i])
            put_number(out, store_fate_name((enum store_fate)i), day->records[i]);
    if (day->of_others)
        put_number(out, "of other sites", day->of_others);
    if (day->of_nobody)
        put_number(out, "of no site", day->of_nobody);
}

static void put_doubts(struct buf *out, const struct read_day *day)
{
    int64_t untimed = read_skips_sum(&day->untimed);
    if (untimed) {
        buf_printf(out,
                   "  without a time %14lld  in these parts of the logs: it cannot be read, or the "
                   "agent does not tell it\n",
                   (long long)untimed);
        put_skips_text(out, &day->untimed);
    }
    if (day->unaccounted)
        buf_printf(out,
                   "  elsewhere      %14lld  in these parts of the logs: their records went to "
                   "another server, or are on their way\n",
                   (long long)day->unaccounted);
    if (day->gaps)
        buf_printf(out, "  %lld gap%s in the logs: of %lld bytes nothing has been told\n",
                   (long long)day->gaps, day->gaps == 1 ? "" : "s", (long long)day->gap_bytes);
    put_overlap(out, day->overlapping, day->overlapping_bytes);
}

static void put_node(void *arg, const struct read_day *day)
{
    struct buf *out = arg;
    buf_putc(out, '\n');
    put_node_name(out, day->team, day->name);
    buf_printf(out, "  lines          %14lld\n  skipped        %14lld\n", (long long)lines_sum(day),
               (long long)read_skips_sum(&day->skipped));
    put_skips_text(out, &day->skipped);
    put_records(out, day);
    put_doubts(out, day);
}

static int count_stored(struct store_reader *reader, const struct day_filter *filter,
                        uint64_t counts[3])
{
    const struct purge all = {
        .site = filter->site, .from_ms = filter->from_ms, .to_ms = filter->to_ms};
    return store_reader_count(reader, &all, counts);
}

static void put_heading(struct buf *out, const struct day_question *q, const uint64_t counts[3])
{
    put_printable(out, q->site);
    buf_printf(out, ", %.*s in %.*s: ", STR_ARGS(q->day), STR_ARGS(q->time_zone));
    time_put_rfc3339(out, q->filter.from_ms);
    buf_lit(out, " to ");
    time_put_rfc3339(out, q->filter.to_ms);
    buf_printf(out, "\nin the store: pageviews %llu, AI fetches %llu\n",
               (unsigned long long)counts[0], (unsigned long long)counts[1]);
}

int day_put_text(struct store_reader *reader, const struct day_question *q, struct buf *out)
{
    uint64_t counts[3];
    int64_t uncounted = 0;
    if (count_stored(reader, &q->filter, counts))
        return -1;
    put_heading(out, q, counts);
    size_t before = out->n;
    if (store_reader_day(reader, &q->filter, put_node, out, &uncounted))
        return -1;
    if (out->n == before)
        buf_lit(out, "no agent has told of lines of this day\n");
    if (uncounted)
        buf_printf(out,
                   "\n%lld report%s of these days came before this server counted by time: see "
                   "logferry-server ledger --site %.*s\n",
                   (long long)uncounted, uncounted == 1 ? "" : "s", STR_ARGS(q->site));
    return 0;
}

/* ---- JSON --------------------------------------------------------------------------------- */

struct day_json {
    struct read_day sum;
    struct buf nodes;
};

static void add_day(struct read_day *to, const struct read_day *more)
{
    read_skips_add(&to->skipped, &more->skipped);
    read_skips_add(&to->untimed, &more->untimed);
    for (int i = 0; i < FATE_COUNT; i++)
        to->records[i] += more->records[i];
    to->of_others += more->of_others;
    to->of_nobody += more->of_nobody;
    to->unaccounted += more->unaccounted;
    to->gaps += more->gaps;
    to->gap_bytes += more->gap_bytes;
    to->overlapping += more->overlapping;
    to->overlapping_bytes += more->overlapping_bytes;
}

static void put_numbers(struct buf *out, const struct read_day *day)
{
    buf_printf(out, "\"lines\":%lld,\"records\":%lld,\"skipped\":%lld,\"reasons\":",
               (long long)lines_sum(day), (long long)records_sum(day),
               (long long)read_skips_sum(&day->skipped));
    put_skips_json(out, &day->skipped);
    for (int i = 0; i < FATE_COUNT; i++)
        buf_printf(out, ",\"%s\":%lld", store_fate_name((enum store_fate)i),
                   (long long)day->records[i]);
    buf_printf(out, ",\"of_other_sites\":%lld,\"of_no_site\":%lld,\"without_time\":",
               (long long)day->of_others, (long long)day->of_nobody);
    put_skips_json(out, &day->untimed);
    buf_printf(out,
               ",\"elsewhere\":%lld,\"gaps\":%lld,\"gap_bytes\":%lld,"
               "\"overlapping_intervals\":%lld,\"overlapping_bytes\":%lld",
               (long long)day->unaccounted, (long long)day->gaps, (long long)day->gap_bytes,
               (long long)day->overlapping, (long long)day->overlapping_bytes);
}

static void add_node(void *arg, const struct read_day *day)
{
    struct day_json *j = arg;
    struct buf *out = &j->nodes;
    add_day(&j->sum, day);
    put_node_json(out, day->team, day->name);
    put_numbers(out, day);
    buf_putc(out, '}');
}

static void put_question(struct buf *out, const struct day_question *q, const uint64_t counts[3])
{
    buf_lit(out, "{\"site\":");
    json_put_string(out, q->site);
    buf_printf(out, ",\"day\":\"%.*s\",\"time_zone\":", STR_ARGS(q->day));
    json_put_string(out, q->time_zone);
    buf_lit(out, ",\"from\":\"");
    time_put_rfc3339(out, q->filter.from_ms);
    buf_lit(out, "\",\"to\":\"");
    time_put_rfc3339(out, q->filter.to_ms);
    buf_printf(out, "\",\"in_store\":{\"pageviews\":%llu,\"ai_fetches\":%llu},",
               (unsigned long long)counts[0], (unsigned long long)counts[1]);
}

int day_put_json(struct store_reader *reader, const struct day_question *q, struct buf *out)
{
    struct day_json j = {.sum = {.of_others = 0}};
    uint64_t counts[3];
    int64_t uncounted = 0;
    if (count_stored(reader, &q->filter, counts))
        return -1;
    buf_init(&j.nodes, out->max);
    int status = store_reader_day(reader, &q->filter, add_node, &j, &uncounted);
    if (status == 0) {
        put_question(out, q, counts);
        put_numbers(out, &j.sum);
        buf_printf(out, ",\"reports_without_times\":%lld,\"nodes\":[", (long long)uncounted);
        buf_put_str(out, buf_str(&j.nodes));
        buf_lit(out, "]}\n");
    }
    status = j.nodes.failed ? -1 : status;
    buf_release(&j.nodes);
    return status;
}
