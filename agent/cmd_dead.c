/* cmd_dead.c - dead letters: list, show, send again, drop; beside a running daemon and without one.
 */
#include "agent/commands.h"
#include "agent/control_wire.h"
#include "agent/dead.h"
#include "agent/state_dir.h"
#include "config/exit_codes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int usage(void)
{
    fputs("logferry dead: list [--json], show ID…, replay ID… or --all, drop ID… or --all; "
          "`dead list` prints the ids\n",
          stderr);
    return EXIT_USAGE;
}

bool command_state_path(const struct options *o, struct buf *path)
{
    struct buf error;
    buf_init(&error, 64u << 10);
    struct agent_config *c = o->state_dir ? NULL : agent_config_load(o->config, &error);
    if (o->state_dir || c)
        buf_put_str(path, o->state_dir ? str_of(o->state_dir) : c->state_dir);
    else
        fprintf(stderr, "logferry: %.*s; or name the directory with --state-dir\n",
                STR_ARGS(str_trim(buf_str(&error))));
    agent_config_free(c);
    buf_release(&error);
    return buf_cstr(path) && path->n > 0;
}

static int complain(int code, const char *what, const char *why)
{
    fprintf(stderr, "logferry dead: %s: %s\n", what, why);
    return code;
}

static int exit_of(int error)
{
    return error == EACCES || error == EPERM ? EXIT_PERMISSION : EXIT_CANNOT_WRITE;
}

/* ---- looking ----------------------------------------------------------------------------------
 */

/* -1 with *code: 0 when there is nothing. */
static int open_shelf(const char *state, int *code)
{
    char path[4200];
    snprintf(path, sizeof(path), "%s/dead", state);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *code = 0;
    if (fd < 0 && errno != ENOENT)
        *code = complain(exit_of(errno), path, strerror(errno));
    return fd;
}

static int list(const char *state, bool json)
{
    struct buf out;
    int code, fd = open_shelf(state, &code);
    if (fd < 0)
        return code;
    buf_init(&out, 256u << 20);
    if (dead_list(fd, (int64_t)time(NULL) * 1000, json, &out))
        code = complain(exit_of(errno), state, strerror(errno));
    fwrite(buf_str(&out).p, 1, out.n, stdout);
    buf_release(&out);
    close(fd);
    return fflush(stdout) ? EXIT_CANNOT_WRITE : code;
}

static int show(const char *state, const struct options *o)
{
    int code, fd = open_shelf(state, &code);
    for (size_t i = 1; i < o->n_paths && !code; i++) {
        struct buf out;
        uint64_t seq;
        const char *why = "there is no such letter";
        buf_init(&out, 256u << 20);
        if (!dead_parse_id(o->paths[i], &seq) || fd < 0 ||
            !dead_show(fd, seq, o->show_ip, &out, &why))
            code = complain(EXIT_BAD_DATA, o->paths[i], why);
        fwrite(buf_str(&out).p, 1, out.n, stdout);
        buf_release(&out);
    }
    if (fd >= 0)
        close(fd);
    return fflush(stdout) ? EXIT_CANNOT_WRITE : code;
}

/* ---- moving, without a daemon -------------------------------------------------------------------
 */

struct move {
    const struct options *o;
    const char *state;
    enum dead_op op;
    int dir, lock, dead, spool;
    uint64_t next; /* the next spool file's number */
    unsigned letters, failed;
    uint64_t records;
};

static int open_state(struct move *m, int *code)
{
    struct positions positions;
    struct buf why;
    buf_init(&why, 16384);
    if (state_dir_open(m->state, &m->dir, &m->lock, &why, code)) {
        fprintf(stderr, "logferry dead: %.*s\n", STR_ARGS(buf_str(&why)));
    } else if (positions_load(&positions, m->dir, m->state, &why) < 0) {
        *code = complain(EXIT_BAD_DATA, m->state, buf_cstr(&why) ? why.p : "");
    } else {
        m->next = positions.spool_next;
        positions_release(&positions);
        m->dead = state_dir_sub(m->dir, "dead");
        m->spool = state_dir_sub(m->dir, "spool");
        if (m->dead < 0 || m->spool < 0)
            *code = complain(exit_of(errno), m->state, strerror(errno));
    }
    buf_release(&why);
    return *code;
}

static void close_all(struct move *m)
{
    const int fds[] = {m->spool, m->dead, m->lock, m->dir};
    for (size_t i = 0; i < 4; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Numbers behind every file that is there, so that none is taken for another. */
static int number(struct move *m)
{
    for (int shelf = 0; shelf < SHELF_COUNT; shelf++) {
        struct spool_item *items;
        size_t n;
        int fd = state_dir_sub(m->dir, shelf_name((enum shelf)shelf));
        if (fd < 0 || spool_list(fd, &items, &n))
            return -1;
        if (n && items[n - 1].seq >= m->next)
            m->next = items[n - 1].seq + 1;
        free(items);
        close(fd);
    }
    return 0;
}

static void move_one(struct move *m, uint64_t seq)
{
    struct dead_move one = {
        .dead_fd = m->dead, .spool_fd = m->spool, .seq = seq, .spool_seq = m->next++};
    if (dead_move(&one, m->op)) {
        char id[32];
        snprintf(id, sizeof(id), "%llx", (unsigned long long)seq);
        complain(EXIT_BAD_DATA, id, one.error ? one.error : "it names no destination");
        m->failed++;
        return;
    }
    m->letters++;
    m->records += one.n_records;
}

static bool is_there(const struct spool_item *items, size_t n, uint64_t seq)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].seq == seq)
            return true;
    return false;
}

static void move_each(struct move *m, const struct spool_item *items, size_t n)
{
    uint64_t seq;
    for (size_t i = 0; i < n && m->o->all; i++)
        move_one(m, items[i].seq);
    for (size_t i = 1; i < m->o->n_paths; i++) {
        if (dead_parse_id(m->o->paths[i], &seq) && is_there(items, n, seq)) {
            move_one(m, seq);
        } else {
            complain(EXIT_BAD_DATA, m->o->paths[i], "there is no such letter");
            m->failed++;
        }
    }
}

static int move_here(const char *state, const struct options *o, enum dead_op op)
{
    struct move m = {
        .o = o, .state = state, .op = op, .dir = -1, .lock = -1, .dead = -1, .spool = -1};
    struct spool_item *items = NULL;
    size_t n = 0;
    int code = 0;
    if (access(state, F_OK))
        return complain(exit_of(errno), state, strerror(errno));
    if (!open_state(&m, &code) && (number(&m) || spool_list(m.dead, &items, &n)))
        code = complain(exit_of(errno), state, strerror(errno));
    if (!code) {
        move_each(&m, items, n);
        printf("%s: %u letters%s\n", op == DEAD_REPLAY ? "to be sent again" : "dropped", m.letters,
               op == DEAD_REPLAY ? ", by the next `logferry run`" : "");
        code = m.failed ? EXIT_BAD_DATA : 0;
    }
    free(items);
    close_all(&m);
    return code;
}

/* ---- the command -------------------------------------------------------------------------------
 */

/* Dropping asks first; where nobody can answer, --yes does. */
static bool is_sure(const struct options *o)
{
    char answer[16];
    if (o->yes)
        return true;
    if (!isatty(STDIN_FILENO)) {
        fputs("logferry dead: what is dropped is gone; say --yes\n", stderr);
        return false;
    }
    fputs("What is dropped is gone. Drop? [y/N] ", stderr);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int move_letters(const char *state, const struct options *o, enum dead_op op)
{
    struct buf why;
    int code = 0;
    if (o->all == (o->n_paths > 1)) {
        return usage();
    }
    if (op == DEAD_DROP && !is_sure(o))
        return EXIT_USAGE;
    buf_init(&why, CONTROL_FRAME_MAX);
    enum control_result result = control_call(state, "dead", o, &code, &why);
    if (result == CONTROL_BROKEN)
        complain(code, "the daemon", buf_cstr(&why) ? why.p : "");
    buf_release(&why);
    if (result == CONTROL_ANSWERED || result == CONTROL_BROKEN)
        return code;
    return move_here(state, o, op);
}

static int run_in(const char *state, const struct options *o, const char *what)
{
    if (strcmp(what, "list") == 0)
        return o->n_paths == 1 ? list(state, o->json) : usage();
    if (strcmp(what, "show") == 0)
        return o->n_paths > 1 ? show(state, o) : usage();
    return move_letters(state, o, strcmp(what, "drop") == 0 ? DEAD_DROP : DEAD_REPLAY);
}

int command_dead(const struct options *o)
{
    static const char *const known[] = {"list", "show", "replay", "drop"};
    struct buf state;
    int code = EXIT_BAD_CONFIG;
    bool good = false;
    for (size_t i = 0; i < 4 && o->n_paths; i++)
        good = good || strcmp(o->paths[0], known[i]) == 0;
    if (!good)
        return usage();
    buf_init(&state, 4096);
    if (command_state_path(o, &state))
        code = run_in(state.p, o, o->paths[0]);
    buf_release(&state);
    return code;
}
