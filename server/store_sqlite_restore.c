/*
 * store_sqlite_restore.c - a backup becomes the store. Under the store's lock, so no server runs.
 *
 * What must never happen: that the log (logferry.db-wal) of the old data base is replayed into the
 * new one. So the log is gone, durably, before the new one gets its name. The order:
 *
 *   1. the backup is copied to logferry.db.restoring, synced, and the copy is checked. The store is
 *      as it was.
 *   2. the old data base takes its log in (journal_mode = DELETE, which needs that nobody else has
 *      it open) and stays exclusively locked until 5: a report that opens it meanwhile is told so.
 *      The store is as it was, in one file.
 *   3. the old data base gets a second name, logferry.db.replaced. The store is as it was.
 *   4. logferry.db.restoring is renamed to logferry.db: in one moment, the old store or the new
 * one.
 *   5. the old one is closed.
 *
 * The directory is synced between the steps. An end anywhere leaves a whole store, and the command
 * can be given again.
 *
 * An old data base that is too damaged to take its log in is moved aside in 3 instead, and its log
 * behind it: between 3 and 4 there is then no logferry.db, so no server can start on a data base
 * without its log. It says so, and to give the command again, which finds its way (aside_rest).
 */
#include "server/store_sqlite_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parsers/base/fault.h"
#include "server/owner.h"
#include "server/store_care.h"
#include "server/store_dir.h"

#define RESTORING STORE_FILE ".restoring"
#define REPLACED STORE_FILE ".replaced"
#define COPY_BYTES (1u << 20)

struct store_restore {
    const char *dir;
    int dir_fd, lock_fd;
    bool renamed;    /* the copy is the store */
    sqlite3 *old;    /* exclusively locked; NULL: none, or it is damaged */
    bool there;      /* logferry.db */
    bool damaged;    /* what is there could not take its log in */
    struct buf path; /* of a file in `dir`, for SQLite */
    struct buf *error;
    enum store_failure *failure;
};

static const char *path_of(struct store_restore *r, const char *name)
{
    buf_reset(&r->path);
    buf_printf(&r->path, "%s/%s", r->dir, name);
    const char *path = buf_cstr(&r->path);
    return path ? path : "";
}

static int refuse(struct store_restore *r, const char *what, int error)
{
    *r->failure = error == EACCES || error == EPERM ? STORE_DENIED : STORE_CANNOT;
    buf_printf(r->error, "%s: %s; the store in %s is as it was", what,
               error == ENOSPC ? "no room on its disk; make some, and try again" : strerror(error),
               r->dir);
    return -1;
}

static bool is_there(const struct store_restore *r, const char *name)
{
    struct stat st;
    return fstatat(r->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int move(const struct store_restore *r, const char *from, const char *to)
{
    return renameat(r->dir_fd, from, r->dir_fd, to);
}

/* Removes it if it is there. */
static int drop(const struct store_restore *r, const char *name)
{
    return unlinkat(r->dir_fd, name, 0) == 0 || errno == ENOENT ? 0 : -1;
}

/* ---- 1: the copy --------------------------------------------------------------------------- */

/* Opened as whoever started this: a backup may lie where the store's owner sees nothing. */
static int open_backup(struct store_restore *r, const char *file)
{
    struct stat st, log;
    struct buf name;
    buf_init(&name, 4096);
    buf_printf(&name, "%s-wal", file);
    struct owner as = owner_leave();
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int error = errno;
    bool logged = buf_cstr(&name) && stat(name.p, &log) == 0 && log.st_size > 0;
    owner_return(as);
    buf_release(&name);
    if (fd < 0) {
        *r->failure = error == EACCES ? STORE_DENIED : STORE_MISSING;
        buf_printf(r->error, "cannot read the backup %s: %s", file, strerror(error));
        return -1;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !logged)
        return fd;
    *r->failure = STORE_TOO_NEW;
    buf_printf(r->error,
               logged ? "%s is a data base in use, or one that was not closed: it has a log beside "
                        "it (-wal); make a backup of it: logferry-server --store ITS-DIRECTORY "
                        "backup FILE"
                      : "%s is no plain file; give the one that logferry-server backup made",
               file);
    close(fd);
    return -1;
}

static int write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t m = write(fd, bytes, n);
        if (m < 0 && errno != EINTR)
            return -1;
        bytes += m > 0 ? m : 0;
        n -= m > 0 ? (size_t)m : 0;
    }
    return 0;
}

/* -1 with errno */
static int copy_bytes(int from, int to, uint64_t *bytes)
{
    char *block = malloc(COPY_BYTES);
    ssize_t n = -1;
    *bytes = 0;
    while (block && ((n = read(from, block, COPY_BYTES)) > 0 || (n < 0 && errno == EINTR))) {
        if (n > 0 && write_all(to, block, (size_t)n)) {
            n = -1;
            break;
        }
        *bytes += n > 0 ? (uint64_t)n : 0;
    }
    int error = errno;
    free(block);
    errno = error;
    return n < 0 ? -1 : 0;
}

static int make_copy(struct store_restore *r, const char *file, struct restore_info *info)
{
    int from = open_backup(r, file);
    if (from < 0)
        return -1;
    int to = drop(r, RESTORING)
                 ? -1
                 : openat(r->dir_fd, RESTORING,
                          O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int status = to < 0 || copy_bytes(from, to, &info->bytes) || fsync(to) ? -1 : 0;
    int error = errno;
    close(from);
    if (to >= 0)
        close(to);
    return status ? refuse(r, "cannot write " RESTORING, error) : 0;
}

static int64_t last_batch_ms(sqlite3 *db)
{
    sqlite3_stmt *row = NULL;
    int64_t ms = 0;
    if (sqlite3_prepare_v2(db, "SELECT max(received) FROM batches", -1, &row, NULL) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW)
        ms = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return ms;
}

static int check_backup(struct store_restore *r, const char *file, struct restore_info *info)
{
    int64_t version = 0;
    *r->failure = STORE_TOO_NEW;
    sqlite3 *db = copy_open(path_of(r, RESTORING), r->error);
    int status = db ? copy_check(db, file, "integrity_check", &version, r->error) : -1;
    if (status == 0 && version > schema_newest()) {
        buf_printf(
            r->error,
            "%s has schema version %lld, this logferry-server (%s) knows up to %lld; install "
            "the version that made it, or a newer one",
            file, (long long)version, LOGFERRY_VERSION, (long long)schema_newest());
        status = -1;
    }
    if (status == 0)
        info->last_batch_ms = last_batch_ms(db);
    sqlite3_close(db);
    return status;
}

static int begin(struct store_restore *r, const char *file, struct restore_info *info)
{
    if (store_make_directory(r->dir, true, r->error, r->failure) ||
        (r->lock_fd = store_take_lock(r->dir, r->error, r->failure)) < 0)
        return -1;
    r->dir_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->dir_fd < 0)
        return refuse(r, "cannot open the store's directory", errno);
    if (make_copy(r, file, info) || check_backup(r, file, info))
        return -1;
    if (fsync(r->dir_fd) != 0)
        return refuse(r, "cannot sync the store's directory", errno);
    fault_point("restore.after_copy");
    r->there = is_there(r, STORE_FILE);
    info->replaces = r->there || is_there(r, STORE_FILE "-wal");
    return 0;
}

struct store_restore *store_restore_begin(const char *dir, const char *file,
                                          struct restore_info *info, struct buf *error,
                                          enum store_failure *failure)
{
    struct store_restore *r = calloc(1, sizeof(*r));
    *failure = STORE_CANNOT;
    *info = (struct restore_info){0};
    if (!r) {
        buf_lit(error, "out of memory");
        return NULL;
    }
    r->dir = dir;
    r->dir_fd = r->lock_fd = -1;
    r->error = error;
    r->failure = failure;
    buf_init(&r->path, 4096);
    if (begin(r, file, info) == 0)
        return r;
    store_restore_end(r);
    return NULL;
}

/* ---- 2: the old one takes its log in ------------------------------------------------------- */

static int is_delete(void *arg, int n, char **values, char **names)
{
    (void)names;
    *(bool *)arg = n == 1 && values[0] && strcmp(values[0], "delete") == 0;
    return 0;
}

static int take_log_in(struct store_restore *r)
{
    bool one_file = false;
    int code = sqlite3_open_v2(path_of(r, STORE_FILE), &r->old,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return code;
    sqlite3_busy_timeout(r->old, 5000);
    /* Else closing a damaged one would throw its log away. */
    code = sqlite3_db_config(r->old, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(r->old, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;",
                            NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(r->old, "PRAGMA journal_mode = DELETE", is_delete, &one_file, NULL);
    if (code == SQLITE_OK && one_file)
        code = sqlite3_exec(r->old, "BEGIN EXCLUSIVE", NULL, NULL, NULL);
    return code == SQLITE_OK && !one_file ? SQLITE_BUSY : code;
}

/* 0: it is one file now, or damaged; -1: not to be touched. */
static int settle_old(struct store_restore *r)
{
    if (!r->there)
        return 0;
    int code = take_log_in(r), reason = r->old ? sqlite3_system_errno(r->old) : 0;
    if (code == SQLITE_OK)
        return 0;
    sqlite3_close(r->old);
    r->old = NULL;
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        *r->failure = STORE_LOCKED;
        buf_printf(r->error,
                   "a report, a backup or another program reads the store in %s; wait until it has "
                   "ended, or end it, and try again; the store is as it was",
                   r->dir);
        return -1;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        r->damaged = true;
        return 0;
    case SQLITE_IOERR:
        r->damaged = reason != ENOSPC && reason != EDQUOT;
        break;
    default:
        break;
    }
    return r->damaged ? 0
                      : refuse(r, "the old data base cannot take its log in",
                               (code & 0xff) == SQLITE_FULL ? ENOSPC
                               : reason                     ? reason
                                                            : EIO);
}

/* ---- 3 and 4: names ------------------------------------------------------------------------ */

/* A log without its data base is the rest of one that was moved aside, by hand or by a restore that
 * was ended: it goes behind it. */
static int aside_rest(struct store_restore *r)
{
    if (is_there(r, STORE_FILE "-wal") && move(r, STORE_FILE "-wal", REPLACED "-wal") != 0)
        return -1;
    fault_point("restore.after_aside_log");
    return drop(r, STORE_FILE "-shm") || drop(r, STORE_FILE "-journal") || fsync(r->dir_fd);
}

static int keep_old(struct store_restore *r)
{
    /* With no logferry.db there, what is set aside already may be all there is: it stays. */
    if (r->there && (drop(r, REPLACED) || drop(r, REPLACED "-wal") || fsync(r->dir_fd)))
        return -1;
    bool second_name =
        r->there && !r->damaged && linkat(r->dir_fd, STORE_FILE, r->dir_fd, REPLACED, 0) == 0;
    if (r->there && !second_name && move(r, STORE_FILE, REPLACED) != 0)
        return -1;
    if (fsync(r->dir_fd) != 0)
        return -1;
    fault_point("restore.after_keep");
    return aside_rest(r);
}

int store_restore_finish(struct store_restore *r, struct restore_info *info, struct buf *error,
                         enum store_failure *failure)
{
    r->error = error;
    r->failure = failure;
    if (settle_old(r))
        return -1;
    fault_point("restore.after_log");
    if (keep_old(r) == 0 && move(r, RESTORING, STORE_FILE) == 0) {
        r->renamed = true;
        fault_point("restore.after_rename");
        info->kept = r->damaged ? "it is damaged, and its log is beside it" : NULL;
        if (fsync(r->dir_fd) == 0)
            return 0;
    }
    *failure = STORE_CANNOT;
    buf_printf(error,
               "cannot put the backup in the place of %s/" STORE_FILE ": %s; mend that, and give "
               "the command again",
               r->dir, strerror(errno));
    return -1;
}

void store_restore_end(struct store_restore *r)
{
    if (!r)
        return;
    sqlite3_close(r->old);
    if (r->dir_fd >= 0) {
        if (!r->renamed)
            drop(r, RESTORING);
        close(r->dir_fd);
    }
    if (r->lock_fd >= 0)
        close(r->lock_fd);
    buf_release(&r->path);
    free(r);
}
