/*
 * admin.h - the commands: what they do on a store, and how a command line gets there.
 *
 * One process may write a store. A command takes its lock and does the work itself, or, when a
 * server holds it, hands its words over the store's control socket: the server then runs the same
 * admin_execute on its writer, and what has changed holds for the next request.
 */
#ifndef LOGFERRY_SERVER_ADMIN_H
#define LOGFERRY_SERVER_ADMIN_H

#include "server/admin_args.h"
#include "server/store_admin.h"

#define ADMIN_OUTPUT_MAX (64u << 20)
#define ADMIN_REQUEST_MAX (64u << 10)

/* One run of a command; out and err are the caller's, initialised. */
struct admin_call {
    int argc;
    char **argv; /* from the command's name on: "site", "add", "example.com" */
    int64_t now_ms;
    const char *store_dir; /* for the advice that it prints; NULL: the default one */
    struct buf *out, *err;
    int code; /* enum exit_code, set by admin_execute */
};

/* As STORE_CALL wants it: `arg` is a struct admin_call. 0 commits, -1 rolls back (code is not 0).
 */
int admin_execute(struct store_session *session, void *arg);
bool admin_knows(const char *name);
/* Runs admin_execute on the writer of an open store and waits: for a process without a loop. */
void admin_run(struct store *store, struct admin_call *call);

/* The whole command, from the lock or the socket to the output. Returns the exit code. */
int admin_main(const char *store_dir, bool is_default, int argc, char **argv);
/* One run of a command here or in the server, whoever has the store; the answer is in `call`. */
void admin_ask(const char *store_dir, struct admin_call *call);
int64_t admin_now_ms(void);
/* site purge: as many runs as it takes, or only a look at what would go. */
bool admin_is_purge(int argc, char **argv);
int admin_purge_main(const char *store_dir, int argc, char **argv);
/* report, export, ledger, why: read-only, beside a server or without one. */
int admin_report_main(const char *store_dir, int argc, char **argv);
bool admin_report_knows(const char *name);
/* fsck and backup, beside a server or without one, and restore, without one. */
int admin_care_main(const char *store_dir, int argc, char **argv);
bool admin_care_knows(const char *name);

/* The exit code that fits why a store did not open. */
int admin_exit_code(enum store_failure failure);

/*
 * On the wire of the control socket: "LFC1", then lengths as 32-bit big-endian numbers, each
 * followed by that many bytes. A request is one: the words, each with a NUL behind it. An answer is
 * the exit code (a number, nothing behind it), what goes to stdout, and what goes to stderr.
 */
#define CONTROL_MAGIC "LFC1"
#define CONTROL_NAME "control.sock"

/* Connects to, or with `serve` binds and listens on, DIR/control.sock (however long DIR is). The
 * descriptor, or -1 with errno. */
int control_socket(const char *dir, bool serve);
/* Takes the socket's name away again, while the store's lock is still held. */
void control_remove(const char *dir);
/* Client's side; blocks. 0, with call's out, err and code filled; -1: no server answers (errno). */
int control_ask(const char *dir, struct admin_call *call);

#endif
