/*
 * test_serve.c - the server as a process: the unix socket that it makes, and whom it yields to.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/store_fixture.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "config/exit_codes.h"
#include "server/serve.h"

struct process {
    char dir[64], store[80], socket[96], listen[112];
    pid_t child; /* 0: none */
};

static int setup(void **state)
{
    struct process *p = calloc(1, sizeof(*p));
    snprintf(p->dir, sizeof(p->dir), "/tmp/logferry-serve-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->store, sizeof(p->store), "%s/store", p->dir);
    snprintf(p->socket, sizeof(p->socket), "%s/http", p->dir);
    snprintf(p->listen, sizeof(p->listen), "unix:%s", p->socket);
    store_close(fixture_open(p->store, true));
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = {"logferry.db", "logferry.db-wal", "logferry.db-shm", "lock",
                                        "control.sock"};
    struct process *p = *state;
    char path[128];
    if (p->child) {
        kill(p->child, SIGKILL);
        waitpid(p->child, NULL, 0);
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", p->store, files[i]);
        unlink(path);
    }
    unlink(p->socket);
    assert_int_equal(rmdir(p->store), 0);
    assert_int_equal(rmdir(p->dir), 0);
    free(p);
    return 0;
}

static void start(struct process *p)
{
    static const struct server_config config = {.limits = {.connections = 10}};
    struct serve_options options = {&config, p->store, p->listen};
    p->child = fork();
    assert_true(p->child >= 0);
    if (p->child == 0)
        _exit(serve(&options));
}

static bool can_connect(const struct process *p)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", p->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
    close(fd);
    return connected;
}

static void await_listening(const struct process *p)
{
    const struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
    for (int i = 0; !can_connect(p); i++) {
        assert_true(i < 500);
        nanosleep(&nap, NULL);
    }
}

static int await_end(struct process *p)
{
    int status = 0;
    assert_int_equal(waitpid(p->child, &status, 0), p->child);
    p->child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run(struct process *p)
{
    start(p);
    return await_end(p);
}

static void test_only_owner_and_group_may_connect(void **state)
{
    struct process *p = *state;
    struct stat st;
    mode_t before = umask(0);
    start(p);
    umask(before);
    await_listening(p);
    assert_int_equal(stat(p->socket, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    kill(p->child, SIGTERM);
    assert_int_equal(await_end(p), 0);
    assert_int_equal(stat(p->socket, &st), -1); /* it goes with its server */
}

static void test_a_stale_socket_is_replaced(void **state)
{
    struct process *p = *state;
    struct stat st;
    start(p);
    await_listening(p);
    kill(p->child, SIGKILL);
    await_end(p);
    assert_int_equal(stat(p->socket, &st), 0);
    assert_false(can_connect(p));
    start(p);
    await_listening(p);
    kill(p->child, SIGTERM);
    assert_int_equal(await_end(p), 0);
}

static void test_another_server_keeps_its_socket(void **state)
{
    struct process *p = *state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", p->socket);
    int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(other, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(other, 1), 0);
    assert_int_equal(run(p), EXIT_UNREACHABLE);
    assert_true(can_connect(p));
    close(other);
}

static void test_no_file_is_removed(void **state)
{
    struct process *p = *state;
    FILE *file = fopen(p->socket, "w");
    struct stat st;
    assert_non_null(file);
    fclose(file);
    assert_int_not_equal(run(p), 0);
    assert_int_equal(stat(p->socket, &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_only_owner_and_group_may_connect),
        T(test_a_stale_socket_is_replaced),
        T(test_another_server_keeps_its_socket),
        T(test_no_file_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
