/*
 * store_sqlite_backup.c - a copy of a store, taken beside the server that writes it.
 *
 * SQLite's backup call on a read-only connection, all pages in one step: one read transaction, so
 * the copy is one moment, and the writer never waits for it. It copies pages as they are, at the
 * disk's speed; VACUUM INTO would rewrite every row and index, and hold its read transaction
 * several times as long. While it lasts the writer's log cannot be emptied: it grows by what is
 * written meanwhile, and is cut back at the first checkpoint afterwards (docs/operations.md). The
 * price: pages that are free in the store are free pages in the copy too.
 */
#include "server/store_sqlite_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parsers/base/fault.h"
#include "server/owner.h"
#include "server/store_care.h"

#define TEMP_NAME ".logferry-backup.XXXXXX"

struct backup {
    const char *dir, *file;
    bool force;
    sqlite3 *from;
    struct buf to_dir, temp; /* paths */
    int fd;                  /* of the copy; -1: not made yet */
    bool named;
    struct buf *error;
    enum store_failure *failure;
};

static int refuse(struct backup *b, enum store_failure failure, const char *why)
{
    *b->failure = failure;
    buf_printf(b->error, "cannot make the backup %s: %s", b->file, why);
    return -1;
}

static int refuse_errno(struct backup *b, int error)
{
    return refuse(b, error == EACCES || error == EPERM ? STORE_DENIED : STORE_CANNOT,
                  error == ENOSPC ? "no room there; give a file on another disk" : strerror(error));
}

/* ---- the target ---------------------------------------------------------------------------- */

static int split_target(struct backup *b)
{
    struct str file = str_of(b->file);
    ptrdiff_t slash = str_rchr(file, '/');
    if (file.n == 0 || slash + 1 == (ptrdiff_t)file.n)
        return refuse(b, STORE_CANNOT, "that is no file's name");
    buf_put_str(&b->to_dir, slash < 0    ? STR(".")
                            : slash == 0 ? STR("/")
                                         : str_slice(file, 0, (size_t)slash));
    buf_put_str(&b->temp, buf_str(&b->to_dir));
    buf_lit(&b->temp, "/" TEMP_NAME);
    return buf_cstr(&b->to_dir) && buf_cstr(&b->temp)
               ? 0
               : refuse(b, STORE_CANNOT, "its path is too long");
}

/* A name that the store itself uses, in its own directory: a rename there would replace it. */
static bool is_of_the_store(const struct backup *b)
{
    struct stat store, target;
    const char *slash = strrchr(b->file, '/'), *name = slash ? slash + 1 : b->file;
    return (strncmp(name, STORE_FILE, strlen(STORE_FILE)) == 0 || strcmp(name, "lock") == 0 ||
            strcmp(name, "control.sock") == 0) &&
           stat(b->dir, &store) == 0 && stat(b->to_dir.p, &target) == 0 &&
           store.st_dev == target.st_dev && store.st_ino == target.st_ino;
}

static int check_target(struct backup *b)
{
    struct stat st;
    if (split_target(b))
        return -1;
    if (is_of_the_store(b))
        return refuse(b, STORE_CANNOT, "the store itself uses this name; give another one");
    if (lstat(b->file, &st) != 0)
        return errno == ENOENT ? 0 : refuse_errno(b, errno);
    if (!S_ISREG(st.st_mode))
        return refuse(b, STORE_CANNOT, "it is there, and no plain file; give another name");
    return b->force ? 0
                    : refuse(b, STORE_CANNOT,
                             "it is there already; give another name, or replace it with --force");
}

/* ---- copying ------------------------------------------------------------------------------- */

/* Its read transaction is the moment that is copied. All files of the store are open after this. */
static int open_store(struct backup *b)
{
    struct buf path;
    int64_t version = 0;
    int status = -1;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/" STORE_FILE, b->dir);
    if (buf_cstr(&path))
        b->from = reader_connect(path.p, b->error, b->failure);
    if (b->from) {
        *b->failure = STORE_TOO_NEW; /* the exit code of data that is bad */
        sqlite3_exec(b->from, "PRAGMA mmap_size = 0; BEGIN", NULL, NULL, NULL);
        status = schema_known(b->from, path.p, "see what is left of it: logferry-server fsck",
                              &version, b->error);
    }
    buf_release(&path);
    return status;
}

static int make_temp(struct backup *b)
{
    struct stat store;
    b->fd = mkostemp(b->temp.p, O_CLOEXEC);
    if (b->fd < 0)
        return refuse_errno(b, errno);
    if (geteuid() == 0 && (stat(b->dir, &store) != 0 || fchown(b->fd, store.st_uid, store.st_gid)))
        return refuse_errno(b, errno);
    return 0;
}

static int refuse_code(struct backup *b, sqlite3 *db, int code)
{
    int reason = db ? sqlite3_system_errno(db) : 0;
    if ((code & 0xff) == SQLITE_FULL || ((code & 0xff) == SQLITE_IOERR && reason == ENOSPC))
        return refuse_errno(b, ENOSPC);
    if ((code & 0xff) == SQLITE_CORRUPT)
        *b->failure = STORE_TOO_NEW;
    return refuse(b, *b->failure, sqlite3_errstr(code));
}

static int copy_pages(struct backup *b)
{
    sqlite3 *to = NULL;
    *b->failure = STORE_CANNOT;
    int code = sqlite3_open_v2(b->temp.p, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) /* it is synced at the end, or thrown away */
        code = sqlite3_exec(to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL,
                            NULL);
    if (code == SQLITE_OK) {
        sqlite3_backup *pages = sqlite3_backup_init(to, "main", b->from, "main");
        code = pages ? sqlite3_backup_step(pages, -1) : sqlite3_errcode(to);
        int end = sqlite3_backup_finish(pages);
        code = code == SQLITE_DONE ? end : code;
    }
    int status = code == SQLITE_OK ? 0 : refuse_code(b, to, code);
    sqlite3_close(to);
    return status;
}

/* ---- checking a copy ----------------------------------------------------------------------- */

sqlite3 *copy_open(const char *path, struct buf *error)
{
    static const char hex[] = "0123456789ABCDEF";
    struct buf uri;
    sqlite3 *db = NULL;
    buf_init(&uri, 16384);
    buf_lit(&uri, "file:");
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        if (ascii_alnum((char)*p) || strchr("/._-", *p))
            buf_putc(&uri, (char)*p);
        else
            buf_printf(&uri, "%%%c%c", hex[*p >> 4], hex[*p & 15]);
    }
    buf_lit(&uri, "?immutable=1");
    int code =
        buf_cstr(&uri)
            ? sqlite3_open_v2(uri.p, &db,
                              SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL)
            : SQLITE_NOMEM;
    buf_release(&uri);
    if (code == SQLITE_OK)
        return db;
    buf_printf(error, "cannot read %s: %s", path, sqlite3_errstr(code));
    sqlite3_close(db);
    return NULL;
}

/* The first thing that the check tells, without the line before it that names the data base. */
static struct str first_finding(struct str text)
{
    ptrdiff_t lf = str_chr(text, '\n', 0);
    if (lf >= 0 && str_starts(text, STR("***")))
        text = str_slice(text, (size_t)lf + 1, text.n);
    lf = str_chr(text, '\n', 0);
    return lf < 0 ? text : str_slice(text, 0, (size_t)lf);
}

int copy_check(sqlite3 *db, const char *path, const char *pragma, int64_t *version,
               struct buf *error)
{
    char text[64];
    sqlite3_stmt *row = NULL;
    if (schema_known(db, path, "it is damaged, or cut short; give another backup", version, error))
        return -1;
    snprintf(text, sizeof(text), "PRAGMA %s(1)", pragma);
    int code = sqlite3_prepare_v2(db, text, -1, &row, NULL);
    code = code == SQLITE_OK ? sqlite3_step(row) : code;
    bool sound = code == SQLITE_ROW && str_eq(column_str(row, 0), STR("ok"));
    if (!sound)
        buf_printf(error, "%s is damaged: %.*s", path,
                   STR_ARGS(code == SQLITE_ROW ? first_finding(column_str(row, 0))
                                               : str_of(sqlite3_errstr(code))));
    sqlite3_finalize(row);
    return sound ? 0 : -1;
}

static int check_copy(struct backup *b)
{
    int64_t version = 0;
    struct buf why;
    buf_init(&why, 4096);
    sqlite3 *db = copy_open(b->temp.p, &why);
    int status = db ? copy_check(db, "the copy", "quick_check", &version, &why) : -1;
    sqlite3_close(db);
    if (status != 0) {
        *b->failure = STORE_TOO_NEW;
        buf_printf(b->error,
                   "the backup %s was not made: %s; look at the store with: "
                   "logferry-server fsck",
                   b->file, buf_cstr(&why));
    }
    buf_release(&why);
    return status;
}

/* ---- naming it ----------------------------------------------------------------------------- */

static int sync_directory(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return status;
}

static int rename_temp(struct backup *b)
{
    if (b->force)
        return rename(b->temp.p, b->file);
    if (renameat2(AT_FDCWD, b->temp.p, AT_FDCWD, b->file, RENAME_NOREPLACE) == 0)
        return 0;
    /* Not every file system knows that flag; check_target has looked. */
    return errno == EINVAL || errno == ENOSYS ? rename(b->temp.p, b->file) : -1;
}

static int name_it(struct backup *b, uint64_t *bytes)
{
    struct stat st;
    fault_point("backup.after_copy");
    if (fsync(b->fd) != 0 || fstat(b->fd, &st) != 0)
        return refuse_errno(b, errno);
    fault_point("backup.after_fsync");
    if (rename_temp(b) != 0)
        return refuse_errno(b, errno);
    b->named = true;
    fault_point("backup.after_rename");
    if (sync_directory(b->to_dir.p) != 0)
        return refuse_errno(b, errno);
    *bytes = (uint64_t)st.st_size;
    return 0;
}

static int run(struct backup *b, uint64_t *bytes)
{
    /* The store is read as its owner; the target is whoever's who started this. */
    if (open_store(b))
        return -1;
    struct owner as = owner_leave();
    int status = check_target(b) || make_temp(b) || copy_pages(b) ? -1 : 0;
    sqlite3_close(b->from); /* the writer's log may be emptied again */
    b->from = NULL;
    if (status == 0 && (check_copy(b) || name_it(b, bytes)))
        status = -1;
    if (b->fd >= 0 && !b->named)
        unlink(b->temp.p);
    owner_return(as);
    return status;
}

int store_backup(const char *dir, const char *file, bool force, uint64_t *bytes, struct buf *error,
                 enum store_failure *failure)
{
    struct backup b = {
        .dir = dir, .file = file, .force = force, .fd = -1, .error = error, .failure = failure};
    *failure = STORE_CANNOT;
    buf_init(&b.to_dir, 4096);
    buf_init(&b.temp, 4096);
    int status = run(&b, bytes);
    sqlite3_close(b.from);
    if (b.fd >= 0)
        close(b.fd);
    buf_release(&b.to_dir);
    buf_release(&b.temp);
    return status;
}
