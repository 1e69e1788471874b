/*
 * admin.c - from a command line to admin_execute: on the store itself when no server holds it, else
 * over the server's control socket.
 */
#include "server/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config/exit_codes.h"
#include "server/admin_password.h"

/* A server that has just taken the lock needs a moment until its socket is there. */
#define ASK_TRIES 20
#define ASK_EVERY_MS 100

int admin_exit_code(enum store_failure failure)
{
    switch (failure) {
    case STORE_DENIED:
        return EXIT_PERMISSION;
    case STORE_MISSING:
        return EXIT_BAD_CONFIG;
    case STORE_TOO_NEW:
        return EXIT_BAD_DATA;
    case STORE_LOCKED:
    case STORE_CANNOT:
        break;
    }
    return EXIT_CANNOT_WRITE;
}

struct waiting_call {
    struct admin_call *call;
    bool done;
    enum store_result result;
};

static void on_called(struct store_job *job)
{
    struct waiting_call *w = job->owner;
    w->result = job->result;
    w->done = true;
}

void admin_run(struct store *store, struct admin_call *call)
{
    struct waiting_call waiting = {.call = call};
    struct store_job job = {.kind = STORE_CALL,
                            .call = admin_execute,
                            .call_arg = call,
                            .done = on_called,
                            .owner = &waiting};
    if (store_submit(store, &job) == 0) {
        while (!waiting.done && store_wait(store, -1))
            store_collect(store);
    }
    if (call->code == 0 && (!waiting.done || waiting.result != STORE_OK)) {
        call->code = EXIT_CANNOT_WRITE;
        buf_reset(call->out);
        buf_lit(call->err, "logferry-server: the store could not write this; nothing was changed; "
                           "make room on its disk and try again\n");
    }
}

int64_t admin_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void write_all(FILE *file, const struct buf *text)
{
    if (text->n)
        fwrite(text->p, 1, text->n, file);
    fflush(file);
}

static void pause_ms(long ms)
{
    struct timespec t = {.tv_sec = 0, .tv_nsec = ms * 1000000};
    nanosleep(&t, NULL);
}

/* Does the command here, unless another process holds the store; then asks that one. False: it
 * holds the store and does not answer. */
static bool try_to_run(const char *dir, struct admin_call *call)
{
    struct store_options options = {.create = strcmp(call->argv[0], "init") == 0};
    enum store_failure failure = STORE_CANNOT;
    struct buf error;
    buf_init(&error, 4096);
    struct store *store = store_open(dir, &options, &error, &failure);
    if (store) {
        admin_run(store, call);
        store_close(store);
    } else {
        call->code = admin_exit_code(failure);
    }
    if (!store && failure != STORE_LOCKED)
        buf_printf(call->err, "logferry-server: %s\n", buf_cstr(&error));
    buf_release(&error);
    return store || failure != STORE_LOCKED || control_ask(dir, call) == 0;
}

void admin_ask(const char *dir, struct admin_call *call)
{
    for (int tries = 1; !try_to_run(dir, call); tries++) {
        if (errno == EACCES || tries == ASK_TRIES) {
            buf_lit(call->err, "logferry-server: another process holds the store and does not "
                               "answer on its control socket; end it, or try again\n");
            call->code = EXIT_UNREACHABLE;
            return;
        }
        pause_ms(ASK_EVERY_MS);
    }
}

int admin_main(const char *store_dir, bool is_default, int argc, char **argv)
{
    struct buf out, err;
    buf_init(&out, ADMIN_OUTPUT_MAX);
    buf_init(&err, ADMIN_OUTPUT_MAX);
    struct admin_call call = {.argc = argc,
                              .argv = argv,
                              .now_ms = admin_now_ms(),
                              .store_dir = is_default ? NULL : store_dir,
                              .out = &out,
                              .err = &err};
    struct admin_words words;
    call.code = admin_words(argc, argv, &words, &err);
    call.argc = words.argc;
    call.argv = words.argv;
    if (call.code == 0)
        admin_ask(store_dir, &call);
    admin_words_release(&words);
    write_all(stdout, &out);
    write_all(stderr, &err);
    buf_release(&out);
    buf_release(&err);
    return ferror(stdout) ? EXIT_CANNOT_WRITE : call.code;
}
