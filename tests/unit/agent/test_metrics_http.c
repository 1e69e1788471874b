/* The request for /metrics: each is given whole, and cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/metrics_http.h"

#define END " HTTP/1.1\r\nHost: localhost\r\n\r\n"

static const struct {
    const char *request;
    int status;
} cases[] = {
    {"GET /metrics" END, 200},
    {"GET /metrics?x=y" END, 200},
    {"GET /metrics HTTP/1.0\r\n\r\n", 200},
    {"GET /metrics HTTP/1.0\n\n", 200},
    {"GET /metric" END, 404},
    {"GET /metricsx" END, 404},
    {"GET /metrics/" END, 404},
    {"GET //metrics" END, 404},
    {"GET http://127.0.0.1/metrics" END, 404},
    {"GET /%6detrics" END, 404},
    {"GET /" END, 404},
    {"POST /metrics" END, 405},
    {"HEAD /metrics" END, 405},
    {"get /metrics" END, 405},
    {"GET /metrics HTTP/2.0\r\n\r\n", 400},
    {"GET /metrics\r\n\r\n", 400},
    {"GET  /metrics" END, 400},
    {"GET /metrics  HTTP/1.1\r\n\r\n", 400},
    {"\r\n\r\nGET /metrics" END, 400},
    {"\n\n", 400},
};

static void test_requests(void **state)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str whole = str_of(cases[i].request);
        if (metrics_request_status(whole) != cases[i].status)
            fail_msg("%s: %d", cases[i].request, metrics_request_status(whole));
        for (size_t n = 0; cases[i].status == 200 && n < whole.n; n++)
            assert_int_equal(metrics_request_status(str_slice(whole, 0, n)), 0);
    }
}

/* A head that never ends is refused when it is as long as heads may be, not before. */
static void test_long_head(void **state)
{
    static char text[METRICS_HEAD_MAX];
    memset(text, 'a', sizeof(text));
    assert_int_equal(metrics_request_status((struct str){text, sizeof(text) - 1}), 0);
    assert_int_equal(metrics_request_status((struct str){text, sizeof(text)}), 400);
    memset(text, '\n', 1);
    assert_int_equal(metrics_request_status((struct str){text, sizeof(text)}), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_long_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
