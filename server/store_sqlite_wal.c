/*
 * store_sqlite_wal.c - looks at the log that a server left, before SQLite takes it in.
 *
 * SQLite reads a log up to the first frame whose checksum does not fit, and says nothing of what
 * lies behind: after a power cut that is the commit that was being written, and nobody was told it
 * was stored. But it may also be the end of what was stored, in a log that was cut or damaged; or
 * the log may be another data base's, left there when somebody copied a file into its place.
 *
 * The index beside it (-shm) outlives a killed process: its header says how many frames were
 * committed. After a power cut it may be older than the log, never newer: a commit is in it only
 * when it is synced. So what it counts and the log does not have was stored, and is lost.
 *
 * Layouts: sqlite.org/walformat.html. Both files are read as they lie, with no connection open.
 */
#include "server/store_sqlite_impl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAL_MAGIC 0x377f0682u /* its lowest bit: checksums are of big-endian words */
#define WAL_VERSION 3007000u
#define WAL_HEADER 32
#define FRAME_HEADER 24
#define INDEX_HEADER 48
#define INDEX_BACKFILL 96
/* Each new beginning of a log adds one to its first salt. */
#define NEAR_SALT 1000000u

struct sum {
    uint32_t a, b;
};

struct log {
    int fd;
    bool big_endian;
    uint32_t page, salt[2];
    struct sum sum;
    uint64_t committed; /* frames up to the last whole commit */
    uint64_t behind;    /* frames of this log behind that */
    uint32_t pages;     /* of the data base, after the last commit */
    unsigned char *frame;
};

static uint32_t word_at(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t sum_word(const unsigned char *p, bool big_endian)
{
    uint32_t n = word_at(p);
    return big_endian ? n : __builtin_bswap32(n);
}

static void add_sum(struct sum *s, const unsigned char *p, size_t n, bool big_endian)
{
    for (size_t i = 0; i + 8 <= n; i += 8) {
        s->a += sum_word(p + i, big_endian) + s->b;
        s->b += sum_word(p + i + 4, big_endian) + s->a;
    }
}

/* False: no log, or one whose header SQLite will not take. */
static bool read_log_header(struct log *l)
{
    unsigned char h[WAL_HEADER];
    if (pread(l->fd, h, sizeof(h), 0) != (ssize_t)sizeof(h) || (word_at(h) & ~1u) != WAL_MAGIC ||
        word_at(h + 4) != WAL_VERSION)
        return false;
    l->big_endian = word_at(h) & 1;
    l->page = word_at(h + 8);
    l->salt[0] = word_at(h + 16);
    l->salt[1] = word_at(h + 20);
    l->sum = (struct sum){0, 0};
    add_sum(&l->sum, h, 24, l->big_endian);
    return l->sum.a == word_at(h + 24) && l->sum.b == word_at(h + 28) && l->page >= 512 &&
           l->page <= 65536;
}

/* One frame; its checksum goes on from the one before. */
static void take_frame(struct log *l, uint64_t number, bool *whole)
{
    const unsigned char *f = l->frame;
    if (word_at(f + 8) != l->salt[0] || word_at(f + 12) != l->salt[1]) {
        *whole = false; /* of an earlier log */
        return;
    }
    if (*whole) {
        add_sum(&l->sum, f, 8, l->big_endian);
        add_sum(&l->sum, f + FRAME_HEADER, l->page, l->big_endian);
        *whole = l->sum.a == word_at(f + 16) && l->sum.b == word_at(f + 20);
    }
    if (*whole && word_at(f + 4) != 0) {
        l->committed = number;
        l->pages = word_at(f + 4);
        l->behind = 0;
    } else {
        l->behind++;
    }
}

static void read_frames(struct log *l)
{
    size_t n = FRAME_HEADER + (size_t)l->page;
    bool whole = true;
    l->frame = malloc(n);
    for (uint64_t i = 0; l->frame; i++) {
        if (pread(l->fd, l->frame, n, (off_t)(WAL_HEADER + i * n)) != (ssize_t)n)
            break;
        take_frame(l, i + 1, &whole);
    }
    free(l->frame);
}

struct wal_index {
    uint32_t frames, backfilled, salt[2];
};

/* False: none, or none that counts. Its words are this machine's. */
static bool read_index(const char *path, struct wal_index *index)
{
    unsigned char h[INDEX_BACKFILL + 4];
    uint32_t words[12], version = 0;
    struct sum sum = {0, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : pread(fd, h, sizeof(h), 0);
    if (fd >= 0)
        close(fd);
    if (n != (ssize_t)sizeof(h) || memcmp(h, h + INDEX_HEADER, INDEX_HEADER) != 0 || h[12] != 1)
        return false;
    memcpy(words, h, sizeof(words));
    memcpy(&version, h, sizeof(version));
    add_sum(&sum, h, 40, __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
    if (version != WAL_VERSION || sum.a != words[10] || sum.b != words[11])
        return false;
    index->frames = words[4];
    memcpy(&index->backfilled, h + INDEX_BACKFILL, sizeof(index->backfilled));
    index->salt[0] = word_at(h + 32); /* as they stand in the log */
    index->salt[1] = word_at(h + 36);
    return true;
}

/* The log of the same data base, a little later: its index was not on the disk yet when the power
 * went. Or a little earlier: it was to be begun anew, and nothing has been written yet. */
static bool is_kin(const struct log *l, const struct wal_index *index)
{
    return l->salt[0] - index->salt[0] - 1 < NEAR_SALT ||
           (index->frames == 0 && index->salt[0] - l->salt[0] == 1);
}

static void compare(const struct log *l, bool readable, const struct wal_index *index,
                    struct wal_facts *facts)
{
    bool same = readable && l->salt[0] == index->salt[0] && l->salt[1] == index->salt[1];
    uint64_t safe = index->backfilled;
    if (same && l->committed > safe)
        safe = l->committed;
    if (readable && !same && is_kin(l, index))
        return;
    facts->lost = index->frames > safe ? index->frames - safe : 0;
    /* The first log after an empty one has salts of its own, which the index knows from its first
     * commit on: before that it speaks against no log. */
    bool strange = readable && !same && l->committed > 0;
    facts->foreign = strange && index->frames > 0;
    facts->doubtful = strange && index->frames == 0;
}

void wal_look(const char *db_path, struct wal_facts *facts)
{
    struct log l = {.fd = -1};
    struct wal_index index;
    struct stat db, log;
    struct buf path;
    *facts = (struct wal_facts){0};
    buf_init(&path, 4096);
    buf_printf(&path, "%s-wal", db_path);
    if (buf_cstr(&path))
        l.fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool there = l.fd >= 0 && fstat(l.fd, &log) == 0 && S_ISREG(log.st_mode);
    bool readable = there && read_log_header(&l);
    if (readable)
        read_frames(&l);
    if (l.fd >= 0)
        close(l.fd);
    buf_reset(&path);
    buf_printf(&path, "%s-shm", db_path);
    bool indexed = buf_cstr(&path) && read_index(path.p, &index);
    if (indexed)
        compare(&l, readable, &index, facts);
    facts->behind = readable && !indexed ? l.behind : 0;
    /* A store never shrinks. */
    bool shrinks = l.committed > 0 && stat(db_path, &db) == 0 &&
                   (uint64_t)db.st_size > (uint64_t)l.pages * l.page;
    facts->doubtful = facts->doubtful || (l.committed > 0 && (!indexed || shrinks));
    buf_release(&path);
}

void wal_tell(const char *db_path, const struct wal_facts *facts)
{
    static const char mend[] = "logferry-server fsck; then logferry backfill on each web server, "
                               "which adds what is missing";
    if (facts->lost)
        log_event(LOG_ERROR, "store_log_damaged",
                  "file=%s-wal lost_pages=%llu why=\"it was cut, damaged or replaced: what was "
                  "stored last is lost\" mend=\"%s\"",
                  db_path, (unsigned long long)facts->lost, mend);
    else if (facts->behind)
        log_event(LOG_WARN, "store_log_torn",
                  "file=%s-wal pages=%llu why=\"behind its last whole commit: what was being "
                  "written when the machine went down, and not acknowledged; if it did not go "
                  "down, the file is damaged\" mend=\"%s\"",
                  db_path, (unsigned long long)facts->behind, mend);
}
