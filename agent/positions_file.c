/* positions_file.c - positions as text in two generations: see positions.h for the form's rules. */
#include "agent/positions.h"
#include "agent/state_dir.h"
#include "parsers/base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const char *const files[2] = {"positions.a", "positions.b"};

/* ---- writing ----------------------------------------------------------------------------------
 */

static void put_entry(struct buf *out, const struct position *e)
{
    buf_lit(out, "entry ");
    buf_printf(out, "%016" PRIx64 " ", e->key);
    buf_put_hex(out, e->stream.b, sizeof(e->stream.b));
    buf_printf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %016" PRIx64 " %" PRIu32, e->dev, e->ino,
               e->seam.at, e->seam.hash, e->seam.bytes);
    buf_printf(out, " %" PRIu32 " %016" PRIx64 " %" PRIu64 " %016" PRIx64 " %" PRIu64 " %d ",
               e->head.bytes, e->head.hash, e->size, e->family, e->seen_s, e->finished);
    intervals_write(&e->safe, out);
    buf_putc(out, ' ');
    json_put_string(out, str_of(e->path));
    buf_putc(out, '\n');
}

/* Of ten thousand entries only a few change from one generation to the next: the others' lines are
 * kept. No memory for that only costs time. */
static void put_cached(struct buf *out, struct position *e)
{
    size_t from = out->n;
    if (e->text) {
        buf_put(out, e->text, e->text_bytes);
        return;
    }
    put_entry(out, e);
    e->text = out->failed ? NULL : malloc(out->n - from);
    if (!e->text)
        return;
    e->text_bytes = out->n - from;
    memcpy(e->text, out->p + from, e->text_bytes);
}

int positions_encode(struct positions *p, int64_t now_ms, struct buf *out)
{
    p->generation++;
    buf_printf(out,
               "logferry-positions %d\ngeneration %" PRIu64 "\nsaved %" PRIi64 "\nuptime %" PRIu64
               "\nspool-next %" PRIu64 "\n",
               POSITIONS_VERSION, p->generation, now_ms > 0 ? now_ms : 0, p->uptime_s,
               p->spool_next);
    for (size_t i = 0; i < p->n_looked; i++)
        buf_printf(out, "looked %016" PRIx64 "\n", p->looked[i]);
    for (size_t i = 0; i < p->n_spooled; i++) {
        if (!p->spooled[i].done.n)
            continue;
        buf_lit(out, "spool-done ");
        json_put_string(out, str_of(p->spooled[i].name));
        buf_putc(out, ' ');
        intervals_write(&p->spooled[i].done, out);
        buf_putc(out, '\n');
    }
    for (size_t i = 0; i < p->n; i++)
        put_cached(out, p->v[i]);
    buf_printf(out, "sum %016" PRIx64 "\n", hash_64(buf_str(out), 0));
    return out->failed ? -1 : 0;
}

int positions_store(int dir_fd, uint64_t generation, struct str text)
{
    static const struct write_points points = {"positions.before_write", "positions.after_open",
                                               "positions.write",        "positions.after_write",
                                               "positions.after_fsync",  "positions.after_rename",
                                               "positions.after_sync"};
    return state_write_file(dir_fd, files[generation % 2], text, STR_NONE, &points);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static bool next_u64(struct str *s, uint64_t *out)
{
    return str_to_u64(str_cut(s, ' '), UINT64_MAX, out);
}

/* A JSON string, NUL-terminated in `scratch`. */
static const char *unquote(struct str text, struct buf *scratch)
{
    struct json_reader r;
    struct buf escapes;
    buf_reset(scratch);
    buf_init(&escapes, text.n + 64);
    json_reader_init(&r, text, &escapes);
    if (json_next(&r) == JSON_STRING)
        buf_put_str(scratch, r.text);
    else
        scratch->failed = true;
    buf_release(&escapes);
    return buf_cstr(scratch);
}

static bool next_hex(struct str *s, uint64_t *out)
{
    return str_to_hex64(str_cut(s, ' '), out);
}

static bool next_u32(struct str *s, uint32_t max, uint32_t *out)
{
    uint64_t n;
    if (!str_to_u64(str_cut(s, ' '), max, &n))
        return false;
    *out = (uint32_t)n;
    return true;
}

/* What version 1 had between the inode and the intervals. */
static bool read_middle_1(struct str *line, struct position *e)
{
    uint64_t seen;
    bool good = next_u64(line, &e->seam.at) && next_hex(line, &e->seam.hash) &&
                str_to_u64(str_cut(line, ' '), INT64_MAX, &seen);
    e->seam.bytes = e->seam.at < 64 ? (uint32_t)e->seam.at : 64;
    return good;
}

static bool read_middle(struct str *line, struct position *e)
{
    uint64_t finished;
    bool good = next_u64(line, &e->seam.at) && next_hex(line, &e->seam.hash) &&
                next_u32(line, SEAM_BYTES, &e->seam.bytes) &&
                next_u32(line, HEAD_BYTES, &e->head.bytes) && next_hex(line, &e->head.hash) &&
                next_u64(line, &e->size) && next_hex(line, &e->family) &&
                next_u64(line, &e->seen_s) && str_to_u64(str_cut(line, ' '), 1, &finished);
    e->finished = good && finished;
    return good && e->seam.bytes <= e->seam.at;
}

static int read_entry(struct positions *p, struct str line, uint64_t version, struct buf *scratch)
{
    struct position found = {.source = -1};
    if (!next_hex(&line, &found.key) || !hash128_parse(str_cut(&line, ' '), &found.stream) ||
        !next_u64(&line, &found.dev) || !next_u64(&line, &found.ino) ||
        !(version == 1 ? read_middle_1(&line, &found) : read_middle(&line, &found)))
        return -1;
    struct str safe = str_cut(&line, ' ');
    const char *path = unquote(line, scratch);
    struct position *e = path ? positions_add_keyed(p, found.key, found.stream, path) : NULL;
    if (!e)
        return -1;
    found.path = e->path;
    *e = found;
    return intervals_read(&e->safe, safe);
}

static int read_spooled(struct positions *p, struct str line, struct buf *scratch)
{
    ptrdiff_t space = str_rchr(line, ' ');
    if (space < 0)
        return -1;
    const char *name = unquote(str_slice(line, 0, (size_t)space), scratch);
    struct intervals *done = name ? positions_spooled(p, str_of(name)) : NULL;
    return done ? intervals_read(done, str_slice(line, (size_t)space + 1, line.n)) : -1;
}

static int read_looked(struct positions *p, struct str line)
{
    uint64_t source;
    return str_to_hex64(line, &source) && positions_note_looked(p, source) >= 0 ? 0 : -1;
}

static int read_line(struct positions *p, struct str line, uint64_t version, struct buf *scratch)
{
    uint64_t saved;
    struct str word = str_cut(&line, ' ');
    if (str_eq(word, STR("entry")))
        return read_entry(p, line, version, scratch);
    if (str_eq(word, STR("spool-done")))
        return read_spooled(p, line, scratch);
    if (str_eq(word, STR("looked")))
        return read_looked(p, line);
    if (str_eq(word, STR("generation")))
        return str_to_u64(line, UINT64_MAX - 1, &p->generation) ? 0 : -1;
    if (str_eq(word, STR("spool-next")))
        return str_to_u64(line, UINT64_MAX - 1, &p->spool_next) ? 0 : -1;
    if (str_eq(word, STR("uptime")))
        return str_to_u64(line, UINT64_MAX / 2, &p->uptime_s) ? 0 : -1;
    if (!str_eq(word, STR("saved")) || !str_to_u64(line, INT64_MAX, &saved))
        return -1;
    p->saved_ms = (int64_t)saved;
    return 0;
}

/* The text without its last line, when that is the right checksum. */
static bool check_sum(struct str *text)
{
    uint64_t sum;
    if (!text->n || text->p[text->n - 1] != '\n')
        return false;
    size_t from = (size_t)(str_rchr(str_slice(*text, 0, text->n - 1), '\n') + 1);
    struct str last = str_slice(*text, from, text->n - 1), word = str_cut(&last, ' ');
    *text = str_slice(*text, 0, from);
    if (!str_to_hex64(last, &sum))
        return false;
    if (str_eq(word, STR("crc"))) /* version 1 */
        return last.n == 8 && hash_crc32(0, *text) == sum;
    return str_eq(word, STR("sum")) && last.n == 16 && hash_64(*text, 0) == sum;
}

enum read_result { READ_OK, READ_NONE, READ_DAMAGED, READ_NEWER };

static enum read_result read_text(struct positions *p, struct str text)
{
    struct buf scratch;
    uint64_t version;
    int rc = 0;
    if (!check_sum(&text))
        return READ_DAMAGED;
    struct str first = str_cut(&text, '\n');
    if (!str_eq(str_cut(&first, ' '), STR("logferry-positions")) ||
        !str_to_u64(first, UINT32_MAX, &version))
        return READ_DAMAGED;
    if (version > POSITIONS_VERSION)
        return READ_NEWER;
    buf_init(&scratch, 64u << 10);
    while (text.n && !rc)
        rc = read_line(p, str_cut(&text, '\n'), version, &scratch);
    buf_release(&scratch);
    return rc ? READ_DAMAGED : READ_OK;
}

static enum read_result read_one(struct positions *p, int dir_fd, const char *name,
                                 const char **error)
{
    struct buf text;
    enum read_result result = READ_DAMAGED;
    buf_init(&text, POSITIONS_MAX_BYTES);
    int rc = state_read_file(dir_fd, name, &text);
    *error = "is damaged";
    if (!rc)
        result = read_text(p, buf_str(&text));
    else if (rc == ENOENT)
        result = READ_NONE;
    else
        *error = strerror(rc);
    if (result == READ_NEWER)
        *error = "was written by a newer logferry";
    buf_release(&text);
    return result;
}

/* Which generation counts; -1: none. A newer program's is neither used nor passed over: what the
 * other one says would be sent again, and then written over it. */
static int choose(const struct positions generation[2], const enum read_result result[2])
{
    if (result[0] == READ_NEWER || result[1] == READ_NEWER)
        return -1;
    if (result[0] == READ_OK && result[1] == READ_OK)
        return generation[1].generation > generation[0].generation;
    return result[0] == READ_OK ? 0 : result[1] == READ_OK ? 1 : -1;
}

static void explain(struct buf *why, const char *dir, const enum read_result result[2],
                    const char *const error[2])
{
    for (int i = 0; i < 2; i++)
        if (result[i] == READ_NEWER) {
            buf_printf(why,
                       "%s/%s %s; install that version again, or move both positions.* away to "
                       "read all sources again (the server drops what it has)",
                       dir, files[i], error[i]);
            return;
        }
    int bad = result[0] == READ_NONE ? 1 : 0;
    buf_printf(why,
               "%s/%s %s, and there is no other generation; move both away to read all sources "
               "again (the server drops what it has)",
               dir, files[bad], error[bad]);
}

int positions_load(struct positions *p, int dir_fd, const char *dir, struct buf *why)
{
    struct positions generation[2] = {{0}, {0}};
    enum read_result result[2];
    const char *error[2];
    *p = (struct positions){0};
    for (int i = 0; i < 2; i++)
        result[i] = read_one(&generation[i], dir_fd, files[i], &error[i]);
    int best = choose(generation, result);
    if (best >= 0) {
        if (result[!best] == READ_DAMAGED)
            buf_printf(why, "%s/%s %s; the other generation is used", dir, files[!best],
                       error[!best]);
        *p = generation[best];
        positions_release(&generation[!best]);
        return 1;
    }
    positions_release(&generation[0]);
    positions_release(&generation[1]);
    if (result[0] == READ_NONE && result[1] == READ_NONE)
        return 0;
    explain(why, dir, result, error);
    return -1;
}
