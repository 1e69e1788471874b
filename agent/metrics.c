/* metrics.c - see metrics.h. */
#include "agent/metrics.h"

#include "parsers/base/metrics.h"

#include <ev.h>
#include <stdlib.h>

/* One source, or all those over the cap together. */
struct figures {
    struct str name;
    struct counts counts;
    uint64_t behind;
    struct source_lag lag;
};

struct page {
    struct buf *out;
    const struct status_view *view;
    struct figures *sources;
    size_t n_sources;
    struct uplink_ledger destinations[CONFIG_MAX_DESTINATIONS];
    size_t n_destinations;
};

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void add_source(struct figures *f, const struct engine *e, size_t i)
{
    size_t n;
    struct source_lag lag;
    counts_add(&f->counts, &engine_sources(e, &n)[i].counts);
    f->behind += engine_behind(e, i);
    engine_read_lag(e, i, &lag);
    f->lag.oldest_ms = larger(f->lag.oldest_ms, lag.oldest_ms);
    f->lag.read_ms = larger(f->lag.read_ms, lag.read_ms);
    f->lag.line_ms = larger(f->lag.line_ms, lag.line_ms);
}

static void gather(struct page *p)
{
    struct engine *e = p->view->engine;
    size_t n;
    const struct source *sources = engine_sources(e, &n);
    p->sources = calloc(METRICS_MAX_SOURCES + 1, sizeof(*p->sources));
    for (size_t i = 0; p->sources && i < n; i++) {
        size_t at = i < METRICS_MAX_SOURCES ? i : METRICS_MAX_SOURCES;
        p->sources[at].name = at < METRICS_MAX_SOURCES ? sources[i].config->name : STR("(other)");
        p->n_sources = at + 1;
        add_source(&p->sources[at], e, i);
    }
    p->n_destinations = uplink_destinations(engine_uplink(e));
    for (size_t i = 0; i < p->n_destinations; i++)
        uplink_read_ledger(engine_uplink(e), i, &p->destinations[i]);
}

/* ---- sources ----------------------------------------------------------------------------------
 */

static void put_skipped(const struct page *p)
{
    static const char name[] = "logferry_lines_skipped_total";
    metric_family(p->out, name, "counter", "Lines that made no record, by reason.");
    for (size_t i = 0; i < p->n_sources; i++)
        for (int k = 1; k < REASON_COUNT; k++)
            metric_u64(p->out, name,
                       LABELS({"source", p->sources[i].name},
                              {"reason", str_of(reason_name((enum reason)k))}),
                       p->sources[i].counts.skipped[k]);
}

/* A figure of struct figures, one sample a source. */
struct source_metric {
    const char *name, *type, *help;
    size_t at;
    bool is_ms;
};

static const struct source_metric source_metrics[] = {
    {"logferry_lines_total", "counter", "Lines read.", offsetof(struct figures, counts.lines),
     false},
    {"logferry_records_total", "counter", "Records made of lines.",
     offsetof(struct figures, counts.records), false},
    {"logferry_lost_bytes_total", "counter",
     "Bytes of files that were deleted before they were read.",
     offsetof(struct figures, counts.lost), false},
    {"logferry_source_behind_bytes", "gauge",
     "Bytes of live files that are not safe yet, by the sizes that were seen last.",
     offsetof(struct figures, behind), false},
    {"logferry_source_oldest_unread_seconds", "gauge",
     "No line that is still to be read is older; 0: all are read.",
     offsetof(struct figures, lag.oldest_ms), true},
    {"logferry_source_last_read_timestamp_seconds", "gauge",
     "When lines were read last; 0: not since the start.", offsetof(struct figures, lag.read_ms),
     true},
    {"logferry_source_last_line_timestamp_seconds", "gauge",
     "The latest time in the lines themselves; 0: none was read.",
     offsetof(struct figures, lag.line_ms), true},
};

static void put_sources(const struct page *p)
{
    for (size_t m = 0; m < COUNT_OF(source_metrics); m++) {
        const struct source_metric *of = &source_metrics[m];
        metric_family(p->out, of->name, of->type, of->help);
        for (size_t i = 0; i < p->n_sources; i++) {
            struct metric_labels labels = LABELS({"source", p->sources[i].name});
            const char *figure = (const char *)&p->sources[i] + of->at;
            if (of->is_ms)
                metric_ms(p->out, of->name, labels, *(const int64_t *)(const void *)figure);
            else
                metric_u64(p->out, of->name, labels, *(const uint64_t *)(const void *)figure);
        }
    }
    put_skipped(p);
}

/* ---- destinations -----------------------------------------------------------------------------
 */

/* A figure of struct uplink_ledger; `value` of a second label, or NULL. Rows of one name stand
 * together. */
struct destination_metric {
    const char *name, *type, *help;
    size_t at;
    const char *label, *value;
};

#define BOOK(field) offsetof(struct uplink_ledger, field)
#define RECORDS "logferry_destination_records_total"
#define WAITING "logferry_destination_waiting_records"
static const struct destination_metric destination_metrics[] = {
    {RECORDS, "counter", "What became of records.", BOOK(stored), "outcome", "stored"},
    {RECORDS, NULL, NULL, BOOK(duplicate), "outcome", "duplicate"},
    {RECORDS, NULL, NULL, BOOK(excluded), "outcome", "excluded"},
    {RECORDS, NULL, NULL, BOOK(dead), "outcome", "dead"},
    {RECORDS, NULL, NULL, BOOK(expired), "outcome", "expired"},
    {RECORDS, NULL, NULL, BOOK(refused), "outcome", "refused"},
    {RECORDS, NULL, NULL, BOOK(held), "outcome", "held"},
    {WAITING, "gauge", "Records that wait, by where.", BOOK(in_memory), "in", "memory"},
    {WAITING, NULL, NULL, BOOK(spooled), "in", "spool"},
    {WAITING, NULL, NULL, BOOK(parked), "in", "parked"},
    {"logferry_destination_owed_records", "gauge",
     "Records whose lines are read again, for want of room in the spool.", BOOK(owed), NULL, NULL},
    {"logferry_destination_batches_total", "counter", "Batches that it took.", BOOK(batches), NULL,
     NULL},
};

static void put_books(const struct page *p)
{
    for (size_t m = 0; m < COUNT_OF(destination_metrics); m++) {
        const struct destination_metric *of = &destination_metrics[m];
        if (of->type)
            metric_family(p->out, of->name, of->type, of->help);
        for (size_t i = 0; i < p->n_destinations; i++) {
            const char *figure = (const char *)&p->destinations[i] + of->at;
            struct metric_labels labels =
                LABELS({"destination", str_of(p->destinations[i].name)},
                       {of->label ? of->label : "", str_of(of->value ? of->value : "")});
            labels.n = of->label ? 2 : 1;
            metric_u64(p->out, of->name, labels, *(const uint64_t *)(const void *)figure);
        }
    }
}

static void put_states(const struct page *p)
{
    static const char name[] = "logferry_destination_state";
    static const char *const states[] = {"ready", "waiting", "paused"};
    metric_family(p->out, name, "gauge", "1 for the state that it is in.");
    for (size_t i = 0; i < p->n_destinations; i++)
        for (size_t k = 0; k < COUNT_OF(states); k++)
            metric_u64(p->out, name,
                       LABELS({"destination", str_of(p->destinations[i].name)},
                              {"state", str_of(states[k])}),
                       strcmp(p->destinations[i].state, states[k]) == 0);
}

static void put_failures(const struct page *p)
{
    static const char name[] = "logferry_destination_failures_total";
    metric_family(p->out, name, "counter", "Requests that have to be made again, by reason.");
    for (size_t i = 0; i < p->n_destinations; i++)
        for (int k = 0; k < FAILURE_COUNT; k++)
            metric_u64(p->out, name,
                       LABELS({"destination", str_of(p->destinations[i].name)},
                              {"reason", str_of(uplink_failure_name((enum uplink_failure)k))}),
                       p->destinations[i].failures[k]);
}

static void put_destination_times(const struct page *p)
{
    static const char success[] = "logferry_destination_last_success_timestamp_seconds";
    static const char oldest[] = "logferry_destination_oldest_waiting_seconds";
    metric_family(p->out, success, "gauge", "When it took a batch last; 0: not since the start.");
    for (size_t i = 0; i < p->n_destinations; i++)
        metric_ms(p->out, success, LABELS({"destination", str_of(p->destinations[i].name)}),
                  p->destinations[i].success_ms);
    metric_family(p->out, oldest, "gauge", "Age of the oldest batch that waits; 0: none does.");
    for (size_t i = 0; i < p->n_destinations; i++)
        metric_ms(p->out, oldest, LABELS({"destination", str_of(p->destinations[i].name)}),
                  p->destinations[i].oldest_ms);
}

/* ---- the rest ---------------------------------------------------------------------------------
 */

static void put_shelves(const struct page *p)
{
    static const char files[] = "logferry_shelf_files", bytes[] = "logferry_shelf_bytes",
                      limit[] = "logferry_shelf_limit_bytes",
                      oldest[] = "logferry_shelf_oldest_seconds";
    struct shelf_state states[SHELF_COUNT];
    struct metric_label labels[SHELF_COUNT];
    for (size_t i = 0; i < SHELF_COUNT; i++) {
        uplink_read_shelf(engine_uplink(p->view->engine), (enum shelf)i, &states[i]);
        labels[i] = (struct metric_label){"shelf", str_of(shelf_name((enum shelf)i))};
    }
    metric_family(p->out, files, "gauge", "Files on disk: batches that wait, dead letters.");
    for (size_t i = 0; i < SHELF_COUNT; i++)
        metric_u64(p->out, files, (struct metric_labels){&labels[i], 1}, states[i].files);
    metric_family(p->out, bytes, "gauge", "Bytes of these files.");
    for (size_t i = 0; i < SHELF_COUNT; i++)
        metric_u64(p->out, bytes, (struct metric_labels){&labels[i], 1}, states[i].bytes);
    metric_family(p->out, limit, "gauge", "How many bytes they may have.");
    for (size_t i = 0; i < SHELF_COUNT; i++)
        metric_u64(p->out, limit, (struct metric_labels){&labels[i], 1},
                   i == SHELF_DEAD ? p->view->config->limits.dead_bytes
                                   : p->view->config->limits.spool_bytes);
    metric_family(p->out, oldest, "gauge", "Age of the oldest of them; 0: there is none.");
    for (size_t i = 0; i < SHELF_COUNT; i++)
        metric_ms(p->out, oldest, (struct metric_labels){&labels[i], 1}, states[i].oldest_ms);
}

static void put_daemon(const struct page *p)
{
    const struct status_view *v = p->view;
    uint64_t jobs = 0;
    for (const struct status_job *j = v->jobs; j; j = j->next)
        jobs++;
    metric_family(p->out, "logferry_build_info", "gauge", "1; the labels tell.");
    metric_u64(p->out, "logferry_build_info",
               LABELS({"version", STR(LOGFERRY_VERSION)}, {"node", v->config->node}), 1);
    metric_gauge(p->out, "logferry_balanced", "Whether the books balance; 0 is a bug.",
                 engine_balances(v->engine));
    metric_gauge(p->out, "logferry_backfill_jobs", "Backfills that the daemon is at.", jobs);
    metric_process(p->out, v->started_ms);
}

void metrics_put(struct buf *out, const struct status_view *v)
{
    struct page p = {.out = out, .view = v};
    gather(&p);
    put_daemon(&p);
    put_sources(&p);
    put_states(&p);
    put_books(&p);
    put_failures(&p);
    put_destination_times(&p);
    put_shelves(&p);
    free(p.sources);
}
