/*
 * metrics.h - figures as Prometheus reads them (its text format, version 0.0.4), for both programs.
 *
 * A family is its head and then all its samples: metric_family first, then metric_u64 or metric_ms
 * for each set of labels. Names and helps are our own constants and are written as they are; the
 * values of labels may be anything. A failed put shows in out->failed.
 */
#ifndef LOGFERRY_BASE_METRICS_H
#define LOGFERRY_BASE_METRICS_H

#include "parsers/base/bytes.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metric_label {
    const char *name;
    struct str value;
};

struct metric_labels {
    const struct metric_label *v;
    size_t n;
};
#define NO_LABELS ((struct metric_labels){NULL, 0})
#define LABELS(...)                                                                                \
    ((struct metric_labels){(const struct metric_label[]){__VA_ARGS__},                            \
                            COUNT_OF(((const struct metric_label[]){__VA_ARGS__}))})

/* "gauge", or "counter": then the name ends with _total. `help` is one line without a backslash. */
void metric_family(struct buf *out, const char *name, const char *type, const char *help);
void metric_u64(struct buf *out, const char *name, struct metric_labels labels, uint64_t value);
/* Milliseconds, written as seconds. */
void metric_ms(struct buf *out, const char *name, struct metric_labels labels, int64_t ms);

/* A family with one sample and no labels. */
void metric_gauge(struct buf *out, const char *name, const char *help, uint64_t value);
void metric_counter(struct buf *out, const char *name, const char *help, uint64_t value);

/* What a histogram counts: values in microseconds, in buckets up to and including these seconds. */
#define HISTOGRAM_BUCKETS 8
struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS]; /* each value in the first that holds it */
    uint64_t count, sum_us;
};
void histogram_add(struct histogram *h, uint64_t us);
void metric_histogram(struct buf *out, const char *name, const char *help,
                      const struct histogram *h);

/* The families process_*, under the names that Prometheus' own clients use. */
void metric_process(struct buf *out, int64_t started_ms);

#endif
