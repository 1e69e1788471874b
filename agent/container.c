/* container.c - plain and gzip (RFC 1952, any number of members) behind one read call. */
#include "agent/container.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define INPUT_BYTES (64u << 10)

struct container {
    int fd;
    enum container_kind kind;
    enum container_end end;
    uint64_t offset; /* of the next byte to pread */
    bool sequential; /* a pipe */
    bool in_member;
    bool seen_member;
    z_stream z;
    gz_header header; /* of the member at hand; `done` is 1 when it is complete */
    unsigned char *input;
};

int container_detect(int fd, enum container_kind *kind, const char **codec)
{
    static const struct {
        const char *magic;
        size_t n;
        const char *name;
    } foreign[] = {{"\x28\xb5\x2f\xfd", 4, "zstd"},
                   {"\xfd"
                    "7zXZ\0",
                    6, "xz"},
                   {"BZh", 3, "bzip2"}};
    char head[6];
    ssize_t n = pread(fd, head, sizeof(head), 0);
    if (n < 0)
        return -1;
    *kind = CONTAINER_PLAIN;
    if (n >= 2 && memcmp(head, "\x1f\x8b", 2) == 0)
        *kind = CONTAINER_GZIP;
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        if ((size_t)n >= foreign[i].n && memcmp(head, foreign[i].magic, foreign[i].n) == 0) {
            *kind = CONTAINER_FOREIGN;
            *codec = foreign[i].name;
        }
    return 0;
}

struct container *container_new(int fd, enum container_kind kind)
{
    struct container *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->fd = fd;
    c->kind = kind;
    c->sequential = lseek(fd, 0, SEEK_CUR) < 0;
    if (kind != CONTAINER_GZIP)
        return c;
    c->input = malloc(INPUT_BYTES);
    if (!c->input || inflateInit2(&c->z, 15 + 16) != Z_OK) {
        free(c->input);
        free(c);
        return NULL;
    }
    return c;
}

void container_free(struct container *c)
{
    if (!c)
        return;
    if (c->kind == CONTAINER_GZIP)
        inflateEnd(&c->z);
    free(c->input);
    free(c);
}

enum container_end container_state(const struct container *c)
{
    return c->end;
}

void container_seek(struct container *c, uint64_t offset)
{
    c->offset = offset;
    c->end = CONTAINER_MORE;
}

uint64_t container_file_offset(const struct container *c)
{
    return c->offset - c->z.avail_in;
}

static size_t fail(struct container *c, enum container_end end)
{
    c->end = end;
    return 0;
}

static ssize_t read_some(struct container *c, void *to, size_t n)
{
    ssize_t got;
    do
        got = c->sequential ? read(c->fd, to, n) : pread(c->fd, to, n, (off_t)c->offset);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        c->offset += (uint64_t)got;
    return got;
}

static size_t read_plain(struct container *c, char *to, size_t n)
{
    ssize_t got = read_some(c, to, n);
    if (got > 0) {
        c->end = CONTAINER_MORE;
        return (size_t)got;
    }
    return fail(c, got ? CONTAINER_IO_ERROR : CONTAINER_CLEAN);
}

/* More input, when there is none left. False at an end. */
static bool feed(struct container *c)
{
    if (c->z.avail_in)
        return true;
    ssize_t got = read_some(c, c->input, INPUT_BYTES);
    if (got <= 0) {
        if (got < 0)
            c->end = CONTAINER_IO_ERROR;
        else
            c->end = c->in_member || !c->seen_member ? CONTAINER_TRUNCATED : CONTAINER_CLEAN;
        return false;
    }
    c->z.next_in = c->input;
    c->z.avail_in = (unsigned)got;
    return true;
}

/* Between members: the next must begin with the magic; anything else is what pads or trails a file.
 */
static bool next_member(struct container *c)
{
    if (c->in_member)
        return true;
    if (!feed(c))
        return false;
    if (c->seen_member && c->z.next_in[0] != 0x1f) {
        c->end = CONTAINER_GARBAGE;
        return false;
    }
    c->in_member = true;
    return inflateGetHeader(&c->z, &c->header) == Z_OK;
}

/* After inflate's answer: may reading go on? */
static bool goes_on(struct container *c, int rc)
{
    if (rc == Z_OK || rc == Z_BUF_ERROR)
        return true;
    if (rc != Z_STREAM_END) {
        c->end = c->seen_member && c->header.done < 1 ? CONTAINER_GARBAGE : CONTAINER_CORRUPT;
        return false;
    }
    c->in_member = false;
    c->seen_member = true;
    if (inflateReset(&c->z) == Z_OK)
        return true;
    c->end = CONTAINER_CORRUPT;
    return false;
}

static size_t read_gzip(struct container *c, char *to, size_t n)
{
    c->z.next_out = (unsigned char *)to;
    c->z.avail_out = n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (unsigned)n;
    unsigned room = c->z.avail_out;
    while (c->z.avail_out == room) {
        if (!next_member(c))
            return 0;
        bool fed = feed(c);
        int rc = inflate(&c->z, Z_NO_FLUSH);
        if (!fed && c->z.avail_out == room)
            return 0; /* feed has told why */
        if (!fed)
            c->end = CONTAINER_MORE; /* inflate still held what had no room before */
        if (!goes_on(c, rc))
            break;
    }
    return room - c->z.avail_out;
}

size_t container_read(struct container *c, char *to, size_t n)
{
    if (c->kind == CONTAINER_PLAIN)
        return read_plain(c, to, n);
    return c->end == CONTAINER_MORE ? read_gzip(c, to, n) : 0;
}
