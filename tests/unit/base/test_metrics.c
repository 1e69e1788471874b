/* Prometheus' text: heads, labels and what is escaped in them, numbers, histograms, the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "parsers/base/metrics.h"

static void expect(struct buf *out, const char *text)
{
    assert_string_equal(buf_cstr(out), text);
    buf_release(out);
}

static void test_families(void **state)
{
    struct buf out;
    buf_init(&out, 4096);
    metric_counter(&out, "a_total", "How many.", UINT64_MAX);
    metric_gauge(&out, "b_bytes", "How large.", 0);
    metric_family(&out, "c", "gauge", "Two labels.");
    metric_u64(&out, "c", LABELS({"x", STR("1")}, {"y", STR("")}), 7);
    expect(&out, "# HELP a_total How many.\n# TYPE a_total counter\na_total 18446744073709551615\n"
                 "# HELP b_bytes How large.\n# TYPE b_bytes gauge\nb_bytes 0\n"
                 "# HELP c Two labels.\n# TYPE c gauge\nc{x=\"1\",y=\"\"} 7\n");
}

static void test_values_of_labels(void **state)
{
    static const struct {
        struct str value;
        const char *written;
    } cases[] = {
        {STR("a\\b"), "a\\\\b"},
        {STR("say \"no\""), "say \\\"no\\\""},
        {STR("two\nlines"), "two\\nlines"},
        {STR("\x1b[2J\x7f"), "\xef\xbf\xbd[2J\xef\xbf\xbd"},
        {STR("\0"), "\xef\xbf\xbd"},
        {STR("caf\xc3\xa9"), "caf\xc3\xa9"},
        {STR("\xc3"), "\xef\xbf\xbd"},
        {STR("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[128];
        struct buf out;
        buf_init(&out, 4096);
        metric_u64(&out, "m", LABELS({"l", cases[i].value}), 1);
        snprintf(text, sizeof(text), "m{l=\"%s\"} 1\n", cases[i].written);
        expect(&out, text);
    }
}

static void test_milliseconds(void **state)
{
    static const struct {
        int64_t ms;
        const char *written;
    } cases[] = {{0, "m 0.000\n"},
                 {1, "m 0.001\n"},
                 {61500, "m 61.500\n"},
                 {-20, "m -0.020\n"},
                 {INT64_MIN, "m -9223372036854775.808\n"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        buf_init(&out, 4096);
        metric_ms(&out, "m", NO_LABELS, cases[i].ms);
        expect(&out, cases[i].written);
    }
}

static void test_histogram(void **state)
{
    static const uint64_t values[] = {0, 1000, 1001, 499999, 60000000, 60000001};
    struct histogram h = {0};
    struct buf out;
    for (size_t i = 0; i < COUNT_OF(values); i++)
        histogram_add(&h, values[i]);
    buf_init(&out, 4096);
    metric_histogram(&out, "h_seconds", "How long.", &h);
    expect(&out, "# HELP h_seconds How long.\n# TYPE h_seconds histogram\n"
                 "h_seconds_bucket{le=\"0.001\"} 2\nh_seconds_bucket{le=\"0.005\"} 3\n"
                 "h_seconds_bucket{le=\"0.02\"} 3\nh_seconds_bucket{le=\"0.1\"} 3\n"
                 "h_seconds_bucket{le=\"0.5\"} 4\nh_seconds_bucket{le=\"2\"} 4\n"
                 "h_seconds_bucket{le=\"10\"} 4\nh_seconds_bucket{le=\"60\"} 5\n"
                 "h_seconds_bucket{le=\"+Inf\"} 6\nh_seconds_sum 120.502001\nh_seconds_count 6\n");
}

static uint64_t value_of(struct buf *out, const char *name)
{
    uint64_t value = 0;
    char line[64];
    snprintf(line, sizeof(line), "\n%s ", name);
    ptrdiff_t at = str_find(buf_str(out), str_of(line), 0);
    assert_true(at >= 0);
    struct str rest = str_slice(buf_str(out), (size_t)at + strlen(line), out->n);
    assert_true(str_to_u64(str_cut(&rest, '\n'), UINT64_MAX, &value));
    return value;
}

static void test_process(void **state)
{
    struct buf before, after;
    buf_init(&before, 4096);
    buf_init(&after, 4096);
    metric_process(&before, 1500);
    FILE *more = fopen("/dev/null", "r");
    assert_non_null(more);
    metric_process(&after, 1500);
    fclose(more);
    assert_true(str_find(buf_str(&after), STR("\nprocess_start_time_seconds 1.500\n"), 0) > 0);
    assert_int_equal(value_of(&after, "process_open_fds"),
                     value_of(&before, "process_open_fds") + 1);
    assert_true(value_of(&after, "process_max_fds") > value_of(&after, "process_open_fds"));
    assert_in_range(value_of(&after, "process_resident_memory_bytes"), 1u << 20, UINT64_C(1) << 40);
    buf_release(&before);
    buf_release(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),     cmocka_unit_test(test_values_of_labels),
        cmocka_unit_test(test_milliseconds), cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
