/* Command lines: what each becomes, or which mistake it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <getopt.h>
#include <time.h>

#include "agent/options.h"
#include "config/exit_codes.h"
#include "tests/unit/agent/scratch.h"

#define RAN 42
#define USAGE EXIT_USAGE
#define DAY INT64_C(86400000)

static struct options seen; /* of the command that ran */
static char seen_paths[1000];

static int note(const struct options *o)
{
    seen = *o;
    seen_paths[0] = '\0';
    for (size_t i = 0; i < o->n_paths; i++)
        snprintf(seen_paths + strlen(seen_paths), sizeof(seen_paths) - strlen(seen_paths), "%s%s",
                 i ? "|" : "", o->paths[i]);
    return RAN;
}

static const struct command commands[] = {
    {"all", "[PATH…]", "takes everything", "cdvsfhoSUjrnJyOp", note},
    {"none", "", "takes nothing", "", note},
};

/* The line is cut at each blank; "_" stands for an empty word. */
static int run(const char *line)
{
    char *argv[40], text[1000], program[] = "logferry";
    int argc = 1;
    argv[0] = program;
    snprintf(text, sizeof(text), "%s", line);
    for (char *at = text; *at;) {
        char *end = strchrnul(at, ' ');
        bool more = *end != '\0';
        *end = '\0';
        argv[argc++] = strcmp(at, "_") == 0 ? end : at;
        at = end + more;
    }
    argv[argc] = NULL;
    optind = 0; /* glibc: begin anew */
    seen = (struct options){0};
    return options_run(commands, COUNT(commands), argc, argv);
}

static void test_exit_codes(void **state)
{
    static const struct {
        const char *line;
        int code;
    } table[] = {
        {"all", RAN},
        {"none", RAN},
        {"all a b", RAN},
        {"--json all", RAN},
        {"all a --json b", RAN},
        {"all -- --json", RAN},
        {"all -", RAN},
        {"all --config x --state-dir y --source z", RAN},
        {"all --config=x", RAN},
        {"all --dry-run --json --summary --offline --print-defaults --verbose", RAN},
        {"all --json --json --json", RAN},
        {"", EXIT_OK},
        {"help", EXIT_OK},
        {"--help", EXIT_OK},
        {"--help all", EXIT_OK},
        {"all --help", EXIT_OK},
        {"all --help --no-such-thing", USAGE},
        {"help all", EXIT_OK},
        {"--version", EXIT_OK},
        {"nothing", USAGE},
        {"_", USAGE},
        {"allx", USAGE},
        {"All", USAGE},
        {"all --no-such-thing", USAGE},
        {"all -x", USAGE},
        {"all --json=yes", USAGE},
        {"none --json", USAGE},
        {"none --config x", USAGE},
        {"--config x none", USAGE},
        {"all --config", USAGE},
        {"all --since", USAGE},
        {"all --jobs 1", RAN},
        {"all --jobs 16", RAN},
        {"all --jobs 17", USAGE},
        {"all --jobs 0", USAGE},
        {"all --jobs -1", USAGE},
        {"all --jobs x", USAGE},
        {"all --jobs _", USAGE},
        {"all --rate 1000000000", RAN},
        {"all --rate 1000000001", USAGE},
        {"all --rate 1.5", USAGE},
        {"all --since 2026-11-01", RAN},
        {"all --since 2026-02-29", USAGE},
        {"all --since 2024-02-29", RAN},
        {"all --since 2026-13-01", USAGE},
        {"all --since 2026-11-01T12:00:00Z", RAN},
        {"all --since 2026-11-01T12:00:00+02:00", RAN},
        {"all --since 2026-11-01T12:00:00", USAGE},
        {"all --since 2026-11-1", USAGE},
        {"all --since yesterday", USAGE},
        {"all --since _", USAGE},
        {"all --since 30", USAGE},
        {"all --since d", USAGE},
        {"all --since -", USAGE},
        {"all --since 30d", RAN},
        {"all --since -30d", RAN},
        {"all --since=-30d", RAN},
        {"all --since 12h", RAN},
        {"all --since 15m", RAN},
        {"all --since 15s", USAGE},
        {"all --since --30d", USAGE},
        {"all --since 3000000d", USAGE},
        {"all --until 30d", RAN},
        {"all --until x", USAGE},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        int code = run(table[i].line);
        if (code != table[i].code)
            fail_msg("'%s': %d instead of %d", table[i].line, code, table[i].code);
    }
}

/* What stderr gets is about the word that is wrong. */
static void test_messages(void **state)
{
    static const struct {
        const char *line, *want;
    } table[] = {
        {"all --no-such-thing x", "--no-such-thing"},
        {"all x -y", "-y"},
        {"all x -yz", "-yz"},
        {"all -yz x", "-yz"},
        {"all --json=yes", "--json"},
        {"all --source", "--source"},
        {"all --jobs many", "many; --jobs takes a number from 1 to 16"},
        {"all --rate 0", "value 0; --rate takes a number"},
        {"all --since yesterday", "yesterday; --since takes 2026-11-26"},
        {"all --until 2026-13-01", "2026-13-01; --until takes 2026-11-26"},
        {"none --json", "--json"},
        {"nothing", "nothing"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char text[1000];
        FILE *file = tmpfile();
        int before = dup(STDERR_FILENO);
        assert_true(before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
        int code = run(table[i].line);
        fflush(stderr);
        assert_true(dup2(before, STDERR_FILENO) >= 0);
        close(before);
        rewind(file);
        size_t n = fread(text, 1, sizeof(text) - 1, file);
        text[n] = '\0';
        fclose(file);
        if (code != USAGE || !strstr(text, table[i].want))
            fail_msg("'%s': %s", table[i].line, text);
    }
}

static void test_defaults(void **state)
{
    assert_int_equal(run("all"), RAN);
    assert_string_equal(seen.config, "/etc/logferry/logferry.yaml");
    assert_false(seen.config_given);
    assert_null(seen.state_dir);
    assert_null(seen.source);
    assert_null(seen.format);
    assert_null(seen.host);
    assert_null(seen.output);
    assert_true(seen.since_ms == INT64_MIN && seen.until_ms == INT64_MAX);
    assert_int_equal(seen.jobs, 0);
    assert_int_equal(seen.rate, 0);
    assert_false(seen.dry_run || seen.json || seen.summary || seen.offline || seen.print_defaults ||
                 seen.verbose);
    assert_int_equal(seen.n_paths, 0);
}

static void test_values(void **state)
{
    assert_int_equal(run("--verbose all /a --config c --state-dir d --source s --format f --host h "
                         "--output o --jobs 3 --rate 7 --dry-run /b --json --summary --offline "
                         "--print-defaults -- --c"),
                     RAN);
    assert_string_equal(seen_paths, "/a|/b|--c");
    assert_true(seen.config_given);
    assert_true(seen.dry_run && seen.json && seen.summary && seen.offline && seen.print_defaults &&
                seen.verbose);
    assert_int_equal(seen.jobs, 3);
    assert_int_equal(seen.rate, 7);
    const char *const got[] = {seen.config, seen.state_dir, seen.source,
                               seen.format, seen.host,      seen.output};
    for (size_t i = 0; i < COUNT(got); i++) {
        assert_non_null(got[i]);
        assert_int_equal(got[i][0], "cdsfho"[i]);
    }
    assert_int_equal(run("all --jobs 3 --jobs 5"), RAN); /* the last one counts */
    assert_int_equal(seen.jobs, 5);
    assert_int_equal(run("all - -"), RAN);
    assert_string_equal(seen_paths, "-|-");
}

static void assert_near(int64_t got, int64_t want)
{
    assert_true(got >= want - 2000 && got <= want + 2000);
}

static void test_times(void **state)
{
    assert_int_equal(run("all --since 2026-11-01 --until 2026-11-02T12:30:00+02:00"), RAN);
    assert_int_equal(seen.since_ms, 1793491200000);
    assert_int_equal(seen.until_ms, 1793491200000 + DAY + 10 * 3600000 + 30 * 60000);
    int64_t now = (int64_t)time(NULL) * 1000;
    assert_int_equal(run("all --since 30d --until -2h"), RAN);
    assert_near(seen.since_ms, now - 30 * DAY);
    assert_near(seen.until_ms, now - 2 * 3600000);
    assert_int_equal(run("all --since 90m"), RAN);
    assert_near(seen.since_ms, now - 90 * 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_codes), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_defaults),   cmocka_unit_test(test_values),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
