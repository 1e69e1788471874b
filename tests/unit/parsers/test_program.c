/* The scanner of every format that is a program, against its pattern: lines of each, cut, mutated
 * and mixed. PROGRAM_JUDGE_LINES says how many a format; the default takes seconds. */
#include "parsers/format_template.h"
#include "tests/unit/parsers/program_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_TEST 2048
#define DEFAULT_LINES 20000

static uint64_t seed = 88172645463325252u;

static size_t below(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % n);
}

/* Formats beyond the rows: what a field's end is decided by, in each combination. */
static const struct {
    const char *spec, *line;
} others[] = {
    {"nginx:$host:$server_port $remote_addr [$time_local] $request $status",
     "[2001:db8::1]:443 2001:db8::2 [02/Jan/2026:03:04:05 +0000] GET /a b HTTP/1.1 200"},
    {"nginx:[$time_iso8601] $scheme://$host$request_uri $status rt=$request_time "
     "urt=$upstream_response_time ua=\"$http_user_agent\" $foo",
     "[2026-01-02T03:04:05+00:00] https://a.example/p?q 200 rt=0.1 urt=0.1, 0.2 : - "
     "ua=\"x y\" z"},
    {"nginx:escape=json {\"t\":\"$msec\",\"r\":\"$request\",\"s\":$status,\"u\":"
     "$upstream_response_time,\"ua\":\"$http_user_agent\",\"f\":$foo}",
     "{\"t\":\"1767323045.678\",\"r\":\"GET / HTTP/1.1\",\"s\":200,\"u\":0.1, 0.2,\"ua\":\"a "
     "\\\"b\\\"\",\"f\":}"},
    {"nginx:escape=none $time_local|$request|$status|$http_user_agent|\"$http_referer\"",
     "02/Jan/2026:03:04:05 +0000|GET /a|b HTTP/1.1|200|a|\"r\""},
    {"nginx:$time_iso8601 $http_x_forwarded_for,$status $request_uri",
     "2026-01-02T03:04:05.5Z 192.0.2.1, 192.0.2.2,200 /p"},
    {"nginx:$msec $request_method $uri$is_args$args $server_protocol $status",
     "1767323045.678 GET /p?a HTTP/2.0 200"},
    {"nginx:[$time_iso8601] \"$scheme://$host:$server_port$request_uri\" $status",
     "[2026-01-02T03:04:05+00:00] \"https://[2001:db8::1]:443/p?q\" 200"},
    {"nginx:$time_local|$ssl_server_name$uri|$http_x_real_ip|$server_protocol|$status",
     "02/Jan/2026:03:04:05 +0000|a.example/p|192.0.2.1||200"},
    {"apache:%{%Y-%m-%d %H:%M:%S}t.%{msec_frac}t %{%z}t %a \"%r\" %>s %T/%D %{ms}T",
     "2026-01-02 03:04:05.678 +0100 192.0.2.1 \"GET /\\\"a HTTP/1.1\" 200 0/12 1"},
    {"apache:%{sec}t %v%U%q %{X-Forwarded-For}i %!200,304{Referer}i \"%{User-Agent}i\"",
     "1767323045 a.example/p?q 192.0.2.1, 192.0.2.2 - \"x\""},
    {"apache:%{%d/%b/%y:%I:%M:%S %p %Z}t \"%r\"", "02/Jan/26:03:04:05 PM UTC \"GET / HTTP/1.0\""},
};

/* A line near `from`: bytes changed, left out, doubled, moved, cut, parts of another. */
static size_t mutate(char *out, struct str from, struct str other)
{
    static const char bytes[] = "\" \\-[]/:+0123aAZ,.|{}=?#\t\x80%";
    size_t n = from.n;

    memcpy(out, from.p, n);
    for (size_t times = below(4); times > 0; times--) {
        size_t more, at;

        if (n == 0)
            break;
        at = below(n);

        switch (below(6)) {
        case 0:
            out[at] = bytes[below(sizeof(bytes))]; /* with the NUL */
            break;
        case 1:
            memmove(out + at, out + at + 1, n - at - 1);
            n--;
            break;
        case 2:
            if (n + 1 >= LINE_MAX_TEST)
                break;
            memmove(out + at + 1, out + at, n - at);
            out[at] = bytes[below(sizeof(bytes))];
            n++;
            break;
        case 3:
            n = below(3) ? n : at;
            break;
        case 4:
            more = below(n - at) % 60;
            if (n + more >= LINE_MAX_TEST)
                break;
            memmove(out + at + more, out + at, n - at); /* said twice */
            n += more;
            break;
        default:
            more = below(other.n) % 40;
            if (n + more >= LINE_MAX_TEST)
                break;
            memmove(out + at + more, out + at, n - at);
            memcpy(out + at, other.p + below(other.n - more), more);
            n += more;
        }
    }
    return n;
}

static size_t lines_wanted(void)
{
    const char *text = getenv("PROGRAM_JUDGE_LINES");
    uint64_t n;

    return text && str_to_u64(str_of(text), UINT32_MAX, &n) ? (size_t)n : DEFAULT_LINES;
}

static void judge_format(const char *spec, struct str line)
{
    struct str other = str_of(format_example(below(4)));
    struct buf why;
    struct judge j;
    const char *problem;
    size_t matched = 0, wanted = lines_wanted();
    bool fits;

    buf_init(&why, 1000);
    struct format *f = format_new(str_of(spec), NULL, &why);
    if (!f)
        fail_msg("%s: %s", spec, buf_cstr(&why));
    problem = judge_init(&j, format_template_program(f));
    if (problem)
        fail_msg("%s: %s", spec, problem);
    problem = judge_line(&j, line, &fits);
    if (problem || !fits)
        fail_msg("%s: %s: %.*s", spec, problem ? problem : j.scan.error, STR_ARGS(line));
    for (size_t i = 0; i < wanted; i++) {
        char text[LINE_MAX_TEST];
        size_t n = mutate(text, line, other);
        char *own = malloc(n + 1);

        assert_non_null(own);
        memcpy(own, text, n);
        problem = judge_line(&j, (struct str){own, n}, &fits);
        if (problem)
            fail_msg("%s: %s: %.*s", spec, problem, (int)n, own);
        matched += fits;
        free(own);
    }
    if (matched < wanted / 20)
        fail_msg("%s: only %zu of %zu lines fit, which shows little", spec, matched, wanted);
    judge_release(&j);
    format_free(f);
    buf_release(&why);
}

static void test_rows(void **state)
{
    const char *name, *about;

    for (size_t i = 0; (name = format_list(i, &about)); i++) {
        struct buf spec, why;
        struct format *f;

        buf_init(&spec, 4000);
        buf_init(&why, 1000);
        buf_printf(&spec, "%s%s", format_before(i), name);
        if (format_argument(i))
            buf_printf(&spec, ":%s", format_argument(i));
        f = format_new(buf_str(&spec), NULL, &why);
        assert_non_null(f);
        struct str line = str_of(format_example(i));
        if (format_before(i)[0])
            line = str_slice(line, sizeof("2026-11-03T00:10:24.250Z stdout F ") - 1, line.n);
        if (format_template_program(f))
            judge_format(buf_cstr(&spec), line);
        format_free(f);
        buf_release(&spec);
        buf_release(&why);
    }
}

static void test_other_formats(void **state)
{
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        judge_format(others[i].spec, str_of(others[i].line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_other_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
