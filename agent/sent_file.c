/* sent_file.c - see sent_file.h. */
#include "agent/sent_file.h"

#include "agent/state_dir.h"
#include "parsers/base/fault.h"
#include "parsers/base/hash.h"
#include "parsers/base/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define HEAD "logferry-sent 2 "
#define HEAD_1 "logferry-sent 1 "
#define SUM_DIGITS 8

static void put_name(char *name, size_t size, uint64_t seq, const char *destination)
{
    snprintf(name, size, "%016" PRIx64 ".%s.sent", seq, destination);
}

void sent_init(struct sent_file *f, int shelf_fd, uint64_t seq, const char *destination,
               const char *batch_id)
{
    *f = (struct sent_file){.shelf_fd = shelf_fd, .fd = -1};
    put_name(f->name, sizeof(f->name), seq, destination);
    snprintf(f->id, sizeof(f->id), "%s", batch_id);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* Of what an entry says, in a file of this batch. */
static uint32_t sum_of(const struct sent_file *f, const struct sent_entry *e)
{
    char text[32 + SENT_REASON_MAX];
    int n = snprintf(text, sizeof(text), "%" PRIu32 " %u %.*s", e->line, e->status,
                     STR_ARGS(e->reason));
    return (uint32_t)hash_64((struct str){text, (size_t)n}, hash_64(str_of(f->id), 0));
}

static bool read_numbers(struct str *line, struct sent_entry *e)
{
    uint64_t number, status;
    if (!str_to_u64(str_cut(line, ' '), UINT32_MAX, &number) ||
        !str_to_u64(str_cut(line, ' '), 999, &status))
        return false;
    *e = (struct sent_entry){(uint32_t)number, (uint16_t)status, STR("")};
    return true;
}

static bool read_entry(const struct sent_file *f, struct str line, bool summed,
                       struct sent_entry *e)
{
    char sum[SUM_DIGITS + 1];
    if (!read_numbers(&line, e))
        return false;
    if (!summed) {
        e->reason = line;
        return true;
    }
    struct str told = str_cut(&line, ' ');
    if (line.n > SENT_REASON_MAX)
        return false;
    e->reason = line;
    snprintf(sum, sizeof(sum), "%08" PRIx32, sum_of(f, e));
    return str_eq(told, str_of(sum));
}

/* The file's first line: whether its entries have sums. False: it is none of this batch. */
static bool read_head(const struct sent_file *f, struct str head, bool *summed)
{
    *summed = str_starts(head, STR(HEAD));
    return (*summed || str_starts(head, STR(HEAD_1))) &&
           str_eq(str_slice(head, sizeof(HEAD) - 1, head.n), str_of(f->id));
}

static void read_text(struct sent_file *f, struct str text, void *context,
                      void (*take)(void *context, const struct sent_entry *e))
{
    struct sent_entry entry;
    bool summed;
    ptrdiff_t end = str_chr(text, '\n', 0);
    if (end < 0 || !read_head(f, str_slice(text, 0, (size_t)end), &summed))
        return;
    f->good = (uint64_t)end + 1;
    while ((end = str_chr(text, '\n', (size_t)f->good)) >= 0) {
        bool whole = read_entry(f, str_slice(text, (size_t)f->good, (size_t)end), summed, &entry);
        if (!whole && !summed)
            return;
        if (whole)
            take(context, &entry);
        f->good = (uint64_t)end + 1;
    }
}

int sent_read(struct sent_file *f, void *context,
              void (*take)(void *context, const struct sent_entry *e))
{
    struct buf text;
    buf_init(&text, SENT_MAX_BYTES);
    int rc = state_read_file(f->shelf_fd, f->name, &text);
    f->good = 0;
    if (!rc)
        read_text(f, buf_str(&text), context, take);
    buf_release(&text);
    return rc == ENOENT ? 0 : rc;
}

bool sent_exists(int shelf_fd, uint64_t seq, const char *destination)
{
    char name[128];
    struct stat st;
    put_name(name, sizeof(name), seq, destination);
    return fstatat(shelf_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

void sent_put(const struct sent_file *f, struct buf *text, const struct sent_entry *e)
{
    char reason[SENT_REASON_MAX];
    struct sent_entry clean = *e;
    size_t n = e->reason.n < sizeof(reason) ? e->reason.n : sizeof(reason);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)e->reason.p[i];
        reason[i] = c < ' ' || c == 0x7f ? '?' : (char)c;
    }
    clean.reason = (struct str){reason, n};
    buf_printf(text, "%" PRIu32 " %u %08" PRIx32, e->line, e->status, sum_of(f, &clean));
    if (n)
        buf_putc(text, ' ');
    buf_put(text, reason, n);
    buf_putc(text, '\n');
}

static int write_at(struct sent_file *f, struct str text, uint64_t at)
{
    while (text.n) {
        ssize_t n = fault_fails("sent.write") ? -1 : sys_pwrite(f->fd, text.p, text.n, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        text = str_slice(text, (size_t)n, text.n);
        at += (uint64_t)n;
    }
    return 0;
}

/* Without anything but what is good; a new one gets its first line. */
static int open_file(struct sent_file *f)
{
    struct buf head;
    f->fd = sys_openat(f->shelf_fd, f->name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (f->fd < 0)
        return errno;
    if (f->good)
        return 0;
    buf_init(&head, 256);
    buf_printf(&head, HEAD "%s\n", f->id);
    int rc = sys_ftruncate(f->fd, 0) ? errno : write_at(f, buf_str(&head), 0);
    if (!rc && sys_fsync(f->shelf_fd))
        rc = errno;
    if (!rc)
        f->good = head.n;
    buf_release(&head);
    return rc;
}

int sent_append(struct sent_file *f, struct str text)
{
    fault_point("sent.before_write");
    int rc = f->fd < 0 || !f->good ? (sent_close(f), open_file(f)) : 0;
    if (!rc && sys_ftruncate(f->fd, (off_t)f->good))
        rc = errno;
    if (!rc)
        rc = write_at(f, text, f->good);
    fault_point("sent.after_write");
    if (!rc && sys_fsync(f->fd))
        rc = errno;
    if (rc)
        return rc;
    f->good += text.n;
    fault_point("sent.after_fsync");
    return 0;
}

void sent_close(struct sent_file *f)
{
    if (f->fd >= 0)
        sys_close(f->fd);
    f->fd = -1;
}

int sent_remove(int shelf_fd, uint64_t seq, const char *destination)
{
    char name[128];
    put_name(name, sizeof(name), seq, destination);
    fault_point("sent.before_unlink");
    return sys_unlinkat(shelf_fd, name, 0) && errno != ENOENT ? errno : 0;
}

void sent_clean(int shelf_fd)
{
    int fd = openat(shelf_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    if (!dir && fd >= 0)
        close(fd);
    while (dir && (e = readdir(dir))) {
        struct stat st;
        char batch[32];
        struct str name = str_of(e->d_name);
        if (name.n < 17 || !str_ends(name, STR(".sent")))
            continue;
        snprintf(batch, sizeof(batch), "%.16s.batch", e->d_name);
        if (fstatat(shelf_fd, batch, &st, AT_SYMLINK_NOFOLLOW) && errno == ENOENT)
            sys_unlinkat(shelf_fd, e->d_name, 0); /* should it stay, it only takes room */
    }
    if (dir)
        closedir(dir);
}
