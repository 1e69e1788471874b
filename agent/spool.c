/* spool.c - see spool.h. */
#include "agent/spool.h"
#include "agent/state_dir.h"
#include "parsers/base/fault.h"
#include "parsers/base/sys.h"
#include "parsers/base/time.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (SPOOL_META_MAX + 2 * (size_t)BATCH_MAX_DECODED)
#define NAME_BYTES 32
#define ABSENT_MS (30 * DAY_MS) /* so long an agent may be off, with files in its spool */

const char *shelf_name(enum shelf shelf)
{
    static const char *const names[SHELF_COUNT] = {"spool", "parked", "dead"};
    return names[shelf];
}

static void file_name(uint64_t seq, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "%016" PRIx64 ".batch", seq);
}

void spool_meta_release(struct spool_meta *m)
{
    free(m->spans);
    buf_release(&m->text);
    *m = (struct spool_meta){0};
}

/* ---- writing ----------------------------------------------------------------------------------
 */

void spool_put_destination(struct buf *meta, struct str name)
{
    buf_lit(meta, "to ");
    json_put_string(meta, name);
    buf_putc(meta, '\n');
}

void spool_put_reason(struct buf *meta, struct str reason)
{
    buf_lit(meta, "reason ");
    json_put_string(meta, reason);
    buf_putc(meta, '\n');
}

void spool_put_spans(struct buf *meta, const struct span *spans, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct position *p = spans[i].position;
        buf_printf(meta, "span %016" PRIx64 " ", p->key);
        buf_put_hex(meta, p->stream.b, sizeof(p->stream.b));
        buf_printf(meta, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " ", p->dev, p->ino,
                   spans[i].file_from, spans[i].file_to);
        json_put_string(meta, str_of(p->path));
        buf_putc(meta, '\n');
    }
}

static uint64_t checksum(struct str meta, struct str body)
{
    return hash_64(body, hash_64(meta, 0));
}

int spool_write(int shelf_fd, uint64_t seq, const struct batch *b, struct str meta, uint64_t *bytes)
{
    static const struct write_points points = {
        "spool.before_write", "spool.after_open",   "spool.write",     "spool.after_write",
        "spool.after_fsync",  "spool.after_rename", "spool.after_sync"};
    struct buf head, text;
    char name[NAME_BYTES];
    file_name(seq, name);
    buf_init(&text, SPOOL_META_MAX);
    buf_init(&head, SPOOL_META_MAX + 128);
    buf_printf(&text, "id %s\nencoding %s\nrecords %u\nsealed %" PRId64 "\n", b->id,
               b->encoding == BATCH_ZSTD ? "zstd" : "plain", b->n_records,
               b->sealed_ms > 0 ? b->sealed_ms : 0);
    buf_put_str(&text, meta);
    buf_printf(&head, "logferry-batch %d %016" PRIx64 " %zu %zu\n", SPOOL_VERSION,
               checksum(buf_str(&text), buf_str(&b->body)), text.n, b->body.n);
    buf_put_str(&head, buf_str(&text));
    int rc = head.failed || text.failed
                 ? ENOMEM
                 : state_write_file(shelf_fd, name, buf_str(&head), buf_str(&b->body), &points);
    *bytes = head.n + b->body.n;
    buf_release(&text);
    buf_release(&head);
    return rc;
}

int spool_remove(int shelf_fd, uint64_t seq)
{
    char name[NAME_BYTES];
    file_name(seq, name);
    fault_point("spool.before_unlink");
    int rc = state_remove_file(shelf_fd, name, "spool.after_unlink");
    fault_point("spool.after_unlink_sync");
    return rc;
}

int64_t spool_changed_ms(int shelf_fd, uint64_t seq)
{
    char name[NAME_BYTES];
    struct stat st;
    file_name(seq, name);
    if (fstatat(shelf_fd, name, &st, AT_SYMLINK_NOFOLLOW))
        return 0;
    return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

int64_t spool_age_ms(int shelf_fd, uint64_t seq, int64_t sealed_ms, const struct spool_clock *clock,
                     bool *unknown)
{
    char name[NAME_BYTES];
    int64_t now = clock->now_ms, believable = clock->max_age_ms + ABSENT_MS;
    *unknown = false;
    if (now >= sealed_ms && now - sealed_ms <= believable)
        return now - sealed_ms;
    int64_t changed = spool_changed_ms(shelf_fd, seq);
    if (now >= changed && now - changed <= believable)
        return now - changed;
    file_name(seq, name);
    int rc = utimensat(shelf_fd, name, NULL, AT_SYMLINK_NOFOLLOW);
    (void)rc; /* else the next start begins to count anew */
    *unknown = true;
    return 0;
}

int spool_set_aside(int shelf_fd, uint64_t seq)
{
    char name[NAME_BYTES], bad[NAME_BYTES];
    file_name(seq, name);
    snprintf(bad, sizeof(bad), "%016" PRIx64 ".bad", seq);
    fault_point("spool.before_set_aside");
    if (sys_renameat(shelf_fd, name, shelf_fd, bad) || sys_fsync(shelf_fd))
        return errno;
    fault_point("spool.after_set_aside");
    return 0;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static const char no_memory[] = "out of memory";

/* Appends the JSON string's text and a NUL to m->text, which has room for all: its cap is the
 * file's size. */
static bool unquote(struct spool_meta *m, struct str quoted, struct str *out)
{
    struct json_reader r;
    struct buf escapes;
    buf_init(&escapes, quoted.n + 64);
    json_reader_init(&r, quoted, &escapes);
    bool good = json_next(&r) == JSON_STRING && !memchr(r.text.p, '\0', r.text.n) &&
                m->text.n + r.text.n + 1 <= m->text.cap;
    if (good) {
        size_t at = m->text.n;
        buf_put_str(&m->text, r.text);
        buf_putc(&m->text, '\0');
        *out = (struct str){m->text.p + at, r.text.n};
    }
    buf_release(&escapes);
    return good;
}

static bool read_span(struct spool_meta *m, struct str line)
{
    struct spool_span s;
    struct str path;
    struct spool_span *v = realloc(m->spans, (m->n_spans + 1) * sizeof(*v));
    if (!v)
        return false; /* errno is ENOMEM */
    m->spans = v;
    if (!str_to_hex64(str_cut(&line, ' '), &s.key) ||
        !hash128_parse(str_cut(&line, ' '), &s.stream) ||
        !str_to_u64(str_cut(&line, ' '), UINT64_MAX, &s.dev) ||
        !str_to_u64(str_cut(&line, ' '), UINT64_MAX, &s.ino) ||
        !str_to_u64(str_cut(&line, ' '), UINT64_MAX - 1, &s.from) ||
        !str_to_u64(str_cut(&line, ' '), UINT64_MAX - 1, &s.to) || s.from > s.to ||
        !unquote(m, line, &path))
        return false;
    s.path = path.p;
    m->spans[m->n_spans++] = s;
    return true;
}

static bool read_item(struct spool_meta *m, struct batch *b, struct str line)
{
    uint64_t n;
    struct str word = str_cut(&line, ' ');
    if (str_eq(word, STR("id"))) {
        if (line.n != BATCH_ID_BYTES - 1)
            return false;
        memcpy(b->id, line.p, line.n);
        return true;
    }
    if (str_eq(word, STR("encoding"))) {
        b->encoding = str_eq(line, STR("zstd")) ? BATCH_ZSTD : BATCH_PLAIN;
        return b->encoding == BATCH_ZSTD || str_eq(line, STR("plain"));
    }
    if (str_eq(word, STR("records"))) {
        bool good = str_to_u64(line, BATCH_MAX_RECORDS, &n);
        b->n_records = good ? (uint32_t)n : 0;
        return good;
    }
    if (str_eq(word, STR("sealed"))) {
        bool good = str_to_u64(line, INT64_MAX, &n);
        b->sealed_ms = good ? (int64_t)n : 0;
        return good;
    }
    if (str_eq(word, STR("to")))
        return m->n_to < CONFIG_MAX_DESTINATIONS && unquote(m, line, &m->to[m->n_to]) && ++m->n_to;
    if (str_eq(word, STR("reason")))
        return unquote(m, line, &m->reason);
    return str_eq(word, STR("span")) && read_span(m, line);
}

static bool checksum_fits(uint64_t version, uint64_t sum, struct str rest, uint64_t n_meta)
{
    if (version == 1)
        return hash_crc32(0, rest) == sum;
    return checksum(str_slice(rest, 0, n_meta), str_slice(rest, n_meta, rest.n)) == sum;
}

/* The first line; *rest is what follows it. */
static const char *check_head(struct str *rest, uint64_t *n_meta)
{
    uint64_t version, sum, n_body;
    struct str head = str_cut(rest, '\n');
    if (!str_eq(str_cut(&head, ' '), STR("logferry-batch")) ||
        !str_to_u64(str_cut(&head, ' '), UINT32_MAX, &version))
        return "it is no batch file";
    if (version < 1 || version > SPOOL_VERSION)
        return "it was written by a newer logferry";
    if (!str_to_hex64(str_cut(&head, ' '), &sum) ||
        !str_to_u64(str_cut(&head, ' '), SPOOL_META_MAX, n_meta) ||
        !str_to_u64(str_cut(&head, ' '), FILE_MAX, &n_body) || rest->n != *n_meta + n_body)
        return "it is cut short";
    return checksum_fits(version, sum, *rest, *n_meta) ? NULL : "its checksum does not fit";
}

static const char *parse(struct str file, struct batch *b, struct spool_meta *m)
{
    uint64_t n_meta;
    const char *error = check_head(&file, &n_meta);
    if (error)
        return error;
    struct str meta = str_slice(file, 0, n_meta), body = str_slice(file, n_meta, file.n);
    buf_init(&m->text, meta.n + 1);
    if (!buf_reserve(&m->text, meta.n + 1))
        return no_memory;
    errno = 0;
    while (meta.n)
        if (!read_item(m, b, str_cut(&meta, '\n')))
            return errno == ENOMEM ? no_memory : "its description is malformed";
    if (!b->id[0])
        return "its description has no id";
    buf_init(&b->body, body.n);
    buf_put_str(&b->body, body);
    return b->body.failed ? no_memory : NULL;
}

/* Not the file's own fault, which is what state_read_file finds wrong with it: it may be read
 * another time. */
static bool may_pass(int rc)
{
    return rc && rc != ENOENT && rc != ELOOP && rc != EPERM && rc != EINVAL && rc != EFBIG;
}

struct batch *spool_read(int shelf_fd, uint64_t seq, struct spool_meta *meta, const char **error)
{
    struct spool_meta own = {0};
    struct batch *b = calloc(1, sizeof(*b));
    struct buf file;
    char name[NAME_BYTES];
    file_name(seq, name);
    buf_init(&file, FILE_MAX);
    int rc = b ? state_read_file(shelf_fd, name, &file) : ENOMEM;
    *error = rc ? strerror(rc) : parse(buf_str(&file), b, &own);
    buf_release(&file);
    if (b && !*error && !b->sealed_ms) /* of a version before it was noted */
        b->sealed_ms = spool_changed_ms(shelf_fd, seq);
    if (*error) {
        rc = *error == no_memory ? ENOMEM : rc;
        batch_free(b);
        spool_meta_release(&own);
        errno = may_pass(rc) ? rc : 0;
        return NULL;
    }
    if (meta)
        *meta = own;
    else
        spool_meta_release(&own);
    return b;
}

static int by_seq(const void *a, const void *b)
{
    const struct spool_item *x = a, *y = b;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static int add_item(struct spool_item **items, size_t *n, int shelf_fd, const char *name)
{
    uint64_t seq;
    struct stat st;
    struct str s = str_of(name);
    if (s.n != 16 + sizeof(".batch") - 1 || !str_ends(s, STR(".batch")) ||
        !str_to_hex64(str_slice(s, 0, 16), &seq) ||
        fstatat(shelf_fd, name, &st, AT_SYMLINK_NOFOLLOW))
        return 0;
    struct spool_item *v = realloc(*items, (*n + 1) * sizeof(*v));
    if (!v)
        return -1;
    v[*n] = (struct spool_item){seq, (uint64_t)st.st_size};
    *items = v;
    ++*n;
    return 0;
}

static DIR *open_shelf(int shelf_fd)
{
    int fd = openat(shelf_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0)
        close(fd);
    return dir;
}

void spool_clean(int shelf_fd)
{
    DIR *dir = open_shelf(shelf_fd);
    struct dirent *e;
    while (dir && (e = readdir(dir)))
        if (str_ends(str_of(e->d_name), STR(".batch.new")))
            sys_unlinkat(shelf_fd, e->d_name, 0); /* should it stay, it only takes room */
    if (dir)
        closedir(dir);
}

int spool_list(int shelf_fd, struct spool_item **items, size_t *n)
{
    DIR *dir = open_shelf(shelf_fd);
    struct dirent *e;
    int rc = 0;
    *items = NULL;
    *n = 0;
    if (!dir)
        return -1;
    while (!rc && (e = readdir(dir)))
        rc = add_item(items, n, shelf_fd, e->d_name);
    closedir(dir);
    if (rc) {
        free(*items);
        *items = NULL;
        *n = 0;
    }
    if (*n)
        qsort(*items, *n, sizeof(**items), by_seq);
    return rc;
}
