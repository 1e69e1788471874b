/* metrics.c - see metrics.h. */
#include "parsers/base/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

#include "parsers/base/utf8.h"

void metric_family(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The format knows three escapes. Other control bytes are legal in it and no use to anybody, and it
 * must be UTF-8: both become U+FFFD. */
static void put_value(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n;) {
        size_t n = utf8_length(s.p + i, s.n - i);
        if (s.p[i] == '\\' || s.p[i] == '"') {
            buf_putc(out, '\\');
            buf_putc(out, s.p[i]);
        } else if (s.p[i] == '\n') {
            buf_lit(out, "\\n");
        } else if (n == 0 || utf8_in_range(s.p[i], 0, 0x1f) || s.p[i] == 0x7f) {
            buf_lit(out, "\xef\xbf\xbd");
        } else {
            buf_put(out, s.p + i, n);
        }
        i += n ? n : 1;
    }
}

static void put_series(struct buf *out, const char *name, struct metric_labels labels)
{
    buf_put_str(out, str_of(name));
    for (size_t i = 0; i < labels.n; i++) {
        buf_putc(out, i ? ',' : '{');
        buf_put_str(out, str_of(labels.v[i].name));
        buf_lit(out, "=\"");
        put_value(out, labels.v[i].value);
        buf_putc(out, '"');
    }
    if (labels.n)
        buf_putc(out, '}');
    buf_putc(out, ' ');
}

void metric_u64(struct buf *out, const char *name, struct metric_labels labels, uint64_t value)
{
    put_series(out, name, labels);
    buf_put_u64(out, value);
    buf_putc(out, '\n');
}

void metric_ms(struct buf *out, const char *name, struct metric_labels labels, int64_t ms)
{
    put_series(out, name, labels);
    uint64_t size = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    buf_printf(out, "%s%" PRIu64 ".%03u\n", ms < 0 ? "-" : "", size / 1000,
               (unsigned)(size % 1000));
}

void metric_gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    metric_family(out, name, "gauge", help);
    metric_u64(out, name, NO_LABELS, value);
}

void metric_counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    metric_family(out, name, "counter", help);
    metric_u64(out, name, NO_LABELS, value);
}

/* ---- histograms -------------------------------------------------------------------------------
 */

static const struct {
    uint64_t us;
    const char *seconds;
} bounds[HISTOGRAM_BUCKETS] = {{1000, "0.001"},  {5000, "0.005"}, {20000, "0.02"},
                               {100000, "0.1"},  {500000, "0.5"}, {2000000, "2"},
                               {10000000, "10"}, {60000000, "60"}};

void histogram_add(struct histogram *h, uint64_t us)
{
    size_t i = 0;
    while (i < HISTOGRAM_BUCKETS && us > bounds[i].us)
        i++;
    if (i < HISTOGRAM_BUCKETS)
        h->buckets[i]++;
    h->count++;
    h->sum_us += us;
}

void metric_histogram(struct buf *out, const char *name, const char *help,
                      const struct histogram *h)
{
    uint64_t sum = 0;
    metric_family(out, name, "histogram", help);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        sum += h->buckets[i];
        buf_printf(out, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", name, bounds[i].seconds, sum);
    }
    buf_printf(out,
               "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %" PRIu64 ".%06" PRIu64
               "\n%s_count %" PRIu64 "\n",
               name, h->count, name, h->sum_us / 1000000, h->sum_us % 1000000, name, h->count);
}

/* ---- the process ------------------------------------------------------------------------------
 */

static uint64_t resident_bytes(void)
{
    char text[128];
    uint64_t pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (fd >= 0)
        close(fd);
    struct str rest = {text, n > 0 ? (size_t)n : 0};
    str_cut(&rest, ' '); /* the first number is the address space's size */
    return str_to_u64(str_cut(&rest, ' '), UINT64_MAX / 65536, &pages)
               ? pages * (uint64_t)sysconf(_SC_PAGESIZE)
               : 0;
}

static uint64_t open_files(void)
{
    uint64_t n = 0;
    DIR *directory = opendir("/proc/self/fd");
    for (struct dirent *d; directory && (d = readdir(directory));)
        n += d->d_name[0] != '.';
    if (!directory)
        return 0;
    closedir(directory);
    return n - 1; /* the directory's own */
}

static int64_t ms_of(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000 + t.tv_usec / 1000;
}

void metric_process(struct buf *out, int64_t started_ms)
{
    struct rusage usage = {0};
    struct rlimit files = {0};
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &files);
    metric_family(out, "process_start_time_seconds", "gauge", "When it was started, Unix time.");
    metric_ms(out, "process_start_time_seconds", NO_LABELS, started_ms);
    metric_family(out, "process_cpu_seconds_total", "counter", "User and system time.");
    metric_ms(out, "process_cpu_seconds_total", NO_LABELS,
              ms_of(usage.ru_utime) + ms_of(usage.ru_stime));
    metric_gauge(out, "process_resident_memory_bytes", "Memory that it occupies.",
                 resident_bytes());
    metric_gauge(out, "process_open_fds", "Open file descriptors.", open_files());
    metric_gauge(out, "process_max_fds", "How many it may have open.", files.rlim_cur);
}
