/*
 * Each allocation of the readers failed in turn: the answer is "out of memory", and nothing leaks.
 * Only a build with fault points (SAN=1) can do it. Each try is a process of its own, because the
 * faults are read from the environment once, at the first allocation: this program must make none
 * itself.
 */
#include "config_cases.h"

#include "config/agent_config.h"
#include "config/server_config.h"

#include <sys/wait.h>
#include <unistd.h>

#ifdef LOGFERRY_FAULTS

typedef bool read_fn(struct str text, struct buf *error);

static bool read_agent(struct str text, struct buf *error)
{
    struct agent_config *c = agent_config_parse(text, "f", error);

    agent_config_free(c);
    return c != NULL;
}

static bool read_server(struct str text, struct buf *error)
{
    struct server_config *c = server_config_parse(text, "f", error);

    server_config_free(c);
    return c != NULL;
}

/* Exit statuses, away from those of the sanitizers. */
enum outcome { READ = 10, REFUSED, WRONG };

static enum outcome try_read(read_fn *read, struct str text)
{
    struct buf error;

    buf_init(&error, 65536);
    bool ok = read(text, &error);
    bool said = str_eq(buf_str(&error), STR("f: out of memory\n"));
    buf_release(&error);
    return ok ? READ : said ? REFUSED : WRONG;
}

static enum outcome try_file(read_fn *read, const char *path)
{
    struct str text = read_tree_file(path);
    enum outcome outcome = try_read(read, text);

    free((char *)text.p);
    return outcome;
}

static enum outcome with_failing_allocation(read_fn *read, const char *path, unsigned nth)
{
    char fault[64];
    int status;

    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        snprintf(fault, sizeof(fault), "fail:config_alloc:%u-%u:12", nth, nth);
        setenv("LOGFERRY_FAULT", fault, 1);
        /* Not _exit: leaks are looked for at exit, and change the status. */
        exit(try_file(read, path));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? (enum outcome)WEXITSTATUS(status) : WRONG;
}

static void each_allocation_failed_in(read_fn *read, const char *path)
{
    enum outcome outcome;
    unsigned n = 1;

    while ((outcome = with_failing_allocation(read, path, n)) == REFUSED)
        n++;
    assert_int_equal(outcome, READ); /* with fewer than n allocations */
    assert_in_range(n, 20, 2000);
}

static void each_allocation_failed(void **state)
{
    each_allocation_failed_in(read_agent, "config/logferry.yaml");
    each_allocation_failed_in(read_server, "config/logferry-server.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_failed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    printf("[  SKIPPED ] needs a build with fault points: make SAN=1\n");
    return 0;
}

#endif
