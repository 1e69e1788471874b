/* discover_identify.c - what a file holds, and which position entry is its; see discover.h. */
#include "agent/discover.h"

#include "agent/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_LINE_BYTES (64u << 10) /* of the decoded stream, in which the first line must end */
#define MAX_NULS (1ull << 40)        /* a hole that a file may begin with */
#define MAX_DECODINGS 8              /* of a compressed file, for entries that begin alike */

struct hash128 stream_id(struct str first_line)
{
    while (first_line.n && first_line.p[0] == '\0')
        first_line = str_slice(first_line, 1, first_line.n);
    if (first_line.n > STREAM_ID_BYTES)
        first_line.n = STREAM_ID_BYTES;
    return hash_128(first_line);
}

struct hash128 stream_id_none(void)
{
    return hash_128(STR("#"));
}

int discover_claim_compare(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    int order = memcmp(x->stream.b, y->stream.b, sizeof(x->stream.b));
    return order ? order : (x->seam.at < y->seam.at) - (x->seam.at > y->seam.at);
}

/* ---- the first line ---------------------------------------------------------------------------
 */

static void name_stream(struct found_file *f, struct str head)
{
    f->stream = stream_id_none();
    if (str_starts(head, STR("\xef\xbb\xbf")))
        head = str_slice(head, 3, head.n); /* as in lines.c */
    while (head.n) {
        ptrdiff_t nl = str_chr(head, '\n', 0);
        struct str line = nl < 0 ? head : str_slice(head, 0, (size_t)nl);
        if (line.n && line.p[0] != '#') {
            f->identified = nl >= 0 || line.n >= STREAM_ID_BYTES;
            f->stream = stream_id(line);
            return;
        }
        if (nl < 0)
            return;
        head = str_slice(head, (size_t)nl + 1, head.n);
    }
}

/* As much as fits. */
static size_t read_block(struct container *c, char *to)
{
    size_t n = 0, got;
    while (n < FIRST_LINE_BYTES && (got = container_read(c, to + n, FIRST_LINE_BYTES - n)))
        n += got;
    return n;
}

static struct str without_nuls(const char *p, size_t n)
{
    size_t from = 0;
    while (from < n && p[from] == '\0')
        from++;
    return (struct str){p + from, n - from};
}

/* A file may begin with a hole: the first line comes behind it. A plain file's is not read. */
static void name_stream_behind(struct found_file *f, struct container *c, int fd, char *block)
{
    off_t data = f->kind == CONTAINER_PLAIN ? lseek(fd, FIRST_LINE_BYTES, SEEK_DATA) : -1;
    struct str text = STR("");
    size_t n;
    if (data > 0)
        container_seek(c, (uint64_t)data);
    for (uint64_t seen = 0; !text.n && seen < MAX_NULS && (n = read_block(c, block)); seen += n)
        text = without_nuls(block, n);
    if (text.n && text.n < FIRST_LINE_BYTES / 2) { /* the line may go on */
        memmove(block, text.p, text.n);
        text = (struct str){block, text.n};
        text.n += container_read(c, block + text.n, FIRST_LINE_BYTES - text.n);
    }
    name_stream(f, text);
}

static int read_head(struct found_file *f, int fd, char *head, size_t *n)
{
    struct container *c = container_new(fd, f->kind);
    if (!c)
        return ENOMEM;
    *n = read_block(c, head);
    struct str text = without_nuls(head, *n);
    int rc = container_state(c) == CONTAINER_IO_ERROR ? errno : 0;
    if (!*n && container_state(c) == CONTAINER_TOO_WIDE)
        f->foreign = container_too_wide(f->kind);
    if (text.n || *n < FIRST_LINE_BYTES || rc) {
        name_stream(f, text);
    } else {
        char *block = malloc(FIRST_LINE_BYTES);
        if (block)
            name_stream_behind(f, c, fd, block);
        rc = block ? 0 : ENOMEM;
        free(block);
    }
    f->damaged = !f->identified && container_state(c) == CONTAINER_CORRUPT;
    container_free(c);
    return rc;
}

static void read_trailer(struct found_file *f, int fd)
{
    uint64_t length = 0, modulus;
    if (container_is_compressed(f->kind) &&
        container_length(fd, f->kind, f->size, &length, &modulus))
        f->trailer = (uint32_t)length;
}

/* ---- claims -----------------------------------------------------------------------------------
 */

struct question {
    struct found_file *file;
    struct str first; /* the decoded stream's first bytes */
    int fd;
    unsigned decodings;
};

/* Nothing was read with this entry. */
static enum claimed ask_unread(const struct question *q, const struct claim *c)
{
    if (!c->bound && c->dev == q->file->dev && c->ino == q->file->ino)
        return CLAIM_FITS;
    return c->bound ? CLAIM_WAITS : CLAIM_NONE;
}

static enum claimed ask_seam(struct question *q, const struct claim *c)
{
    if (q->file->trailer && c->head.bytes && q->file->trailer == (uint32_t)c->safe)
        return CLAIM_FITS; /* as long as what was read of it: not decoded for the rest */
    if (q->file->kind != CONTAINER_PLAIN && q->decodings++ >= MAX_DECODINGS)
        return CLAIM_WAITS;
    switch (seam_check(q->fd, q->file->kind, &c->seam)) {
    case SEAM_FITS:
        return CLAIM_FITS;
    case SEAM_SHORT:
        return c->head.bytes ? CLAIM_SHORT : CLAIM_WAITS;
    case SEAM_ERROR:
        return CLAIM_WAITS;
    default:
        return CLAIM_NONE;
    }
}

static enum claimed ask(struct question *q, const struct claim *c)
{
    if (q->first.n < c->head.bytes)
        return CLAIM_WAITS; /* shorter than what its file was known to begin with */
    if (!head_fits(&c->head, q->first))
        return CLAIM_NONE;
    if (c->seam.at)
        return ask_seam(q, c);
    if (c->safe && c->head.bytes) /* passed over as a whole, or to be read again */
        return CLAIM_FITS;
    return ask_unread(q, c);
}

/* The first entry of this stream. */
static size_t find_claims(const struct claim *claims, size_t n, struct hash128 stream)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (memcmp(claims[mid].stream.b, stream.b, sizeof(stream.b)) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The entry with the farthest position that fits; else what is left to hope for. */
static void find_claim(struct question *q, const struct claim *claims, size_t n)
{
    struct found_file *f = q->file;
    for (size_t i = find_claims(claims, n, f->stream);
         i < n && hash128_eq(claims[i].stream, f->stream) && f->claimed != CLAIM_FITS; i++) {
        enum claimed answer = ask(q, &claims[i]);
        bool better = answer == CLAIM_FITS || (answer == CLAIM_SHORT && f->claimed != answer) ||
                      (answer == CLAIM_WAITS && f->claimed == CLAIM_NONE);
        if (!better)
            continue;
        f->claimed = answer;
        f->claim = claims[i].key;
    }
}

/* ---- a file -----------------------------------------------------------------------------------
 */

static int look_into(struct found_file *f, int fd, const struct claim *claims, size_t n_claims)
{
    size_t n;
    if (container_detect(fd, &f->kind, &f->foreign))
        return errno;
    if (f->kind == CONTAINER_FOREIGN)
        return 0;
    char *head = malloc(FIRST_LINE_BYTES);
    if (!head)
        return ENOMEM;
    int rc = read_head(f, fd, head, &n);
    if (f->foreign) {
        f->kind = CONTAINER_FOREIGN;
    } else if (!rc) {
        struct question q = {.file = f, .first = {head, n}, .fd = fd};
        read_trailer(f, fd);
        f->head = head_of(q.first);
        find_claim(&q, claims, n_claims);
    }
    free(head);
    return rc;
}

void discover_identify(struct found_file *f, const struct log_roots *roots,
                       const struct claim *claims, size_t n_claims)
{
    struct stat st;
    int fd = -1, rc = log_file_open(f->path, roots, &fd, &st, &f->refused);
    if (rc >= 0)
        f->refused = NULL;
    if (rc > 0)
        f->error = rc;
    if (fd < 0)
        return;
    if ((uint64_t)st.st_dev != f->dev || (uint64_t)st.st_ino != f->ino)
        f->error = ENOENT; /* another file took the name since: the next look will see it */
    else
        f->error = look_into(f, fd, claims, n_claims);
    close(fd);
}
