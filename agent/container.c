/* container.c - kinds, members and ends, plain files; the decoders are in container_<codec>.c. */
#include "agent/container_impl.h"
#include "parsers/base/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define INPUT_BYTES (64u << 10)
#define SEARCH_BYTES (64u << 20) /* as CONTAINER_GARBAGE says */

struct container {
    int fd;
    const struct codec *codec; /* NULL: plain */
    enum container_end end;
    uint64_t offset; /* of the next byte to pread */
    bool sequential; /* a pipe */
    bool in_member;
    bool seen_member;
    uint64_t member_at; /* in the file */
    uint64_t made;      /* of the member */
    uint64_t known;     /* of what is decoded again: bytes that were given out before */
    void *decoder;
    struct decode_io io; /* its input lies in `input` */
    unsigned char *input;
};

/* ---- kinds ------------------------------------------------------------------------------------
 */

static const struct codec *const codecs[] = {
    [CONTAINER_GZIP] = &codec_gzip,
    [CONTAINER_ZSTD] = &codec_zstd,
    [CONTAINER_BZIP2] = &codec_bzip2,
    [CONTAINER_XZ] = &codec_xz,
};
#define N_CODECS (sizeof(codecs) / sizeof(codecs[0]))

#define TAR_MAGIC_AT 257u
#define TAR_MAGIC_BYTES 8u /* with its NUL, which no line of a log has */
#define HEAD_BYTES (TAR_MAGIC_AT + TAR_MAGIC_BYTES)

#define UTF16_BYTES 32u /* of a file of it; pairs of a character and a NUL */

/* brotli has no magic. Of two that fit the later counts. */
static const struct foreign {
    const char *name; /* "it is ..." */
    const char *to_stdout;
    size_t at;         /* in the file */
    const char *magic; /* NULL: UTF-16 without a byte order mark, with its NULs from `at` on */
    size_t n;
} foreign[] = {
    {"compressed with lz4", "lz4 -dc", 0, "\x04\x22\x4d\x18", 4},
    {"compressed with lz4 (legacy)", "lz4 -dc", 0, "\x02\x21\x4c\x18", 4},
    {"compressed with compress", "zcat", 0, "\x1f\x9d", 2},
    {"compressed with zip", "unzip -p", 0, "PK\x03\x04", 4},
    {"compressed with lzip", "lzip -dc", 0, "LZIP\x01", 5},
    {"compressed with lzma", "xz --format=lzma -dc", 0, "\x5d\0\0", 3},
    {"compressed with lzop", "lzop -dc", 0, "\x89LZO\0\r\n", 7},
    {"compressed with 7z", "7zr x -so", 0, "7z\xbc\xaf\x27\x1c", 6},
    {"a tar archive", "tar -xOf", TAR_MAGIC_AT, "ustar\00000", TAR_MAGIC_BYTES},
    {"a tar archive", "tar -xOf", TAR_MAGIC_AT, "ustar  ", TAR_MAGIC_BYTES}, /* GNU's */
    {"text in UTF-16", "iconv -f UTF-16 -t UTF-8", 0, "\xff\xfe", 2},
    {"text in UTF-16", "iconv -f UTF-16 -t UTF-8", 0, "\xfe\xff", 2},
    {"text in UTF-16LE", "iconv -f UTF-16LE -t UTF-8", 1, NULL, UTF16_BYTES - 1},
    {"text in UTF-16BE", "iconv -f UTF-16BE -t UTF-8", 0, NULL, UTF16_BYTES},
    {"text in UTF-32", "iconv -f UTF-32 -t UTF-8", 0, "\xff\xfe\0\0", 4},
    {"text in UTF-32", "iconv -f UTF-32 -t UTF-8", 0, "\0\0\xfe\xff", 4},
};
#define N_FOREIGN (sizeof(foreign) / sizeof(foreign[0]))

static bool one_fits(const struct codec *codec, const unsigned char *p, size_t n)
{
    for (size_t m = 0; m < codec->n_magic; m++) {
        size_t i = 0;
        while (i < n && (p[i] & codec->magic[m].mask[i]) == codec->magic[m].bytes[i])
            i++;
        if (i == n)
            return true;
    }
    return false;
}

static bool is_utf16(const unsigned char *p, size_t nul)
{
    for (size_t i = 0; i < UTF16_BYTES; i++)
        if ((p[i] == '\0') != (i % 2 == nul))
            return false;
    return true;
}

/* Of a pipe's first bytes a copy, for they stay in it; none of a terminal's. */
static ssize_t peek(int fd, void *to, size_t n)
{
    int copy[2];
    if (pipe2(copy, O_CLOEXEC))
        return -1;
    ssize_t got = tee(fd, copy[1], n, 0);
    if (got > 0)
        got = read(copy[0], to, (size_t)got);
    close(copy[0]);
    close(copy[1]);
    return got < 0 && errno == EINVAL ? 0 : got;
}

static const struct foreign *foreign_of(const unsigned char *head, size_t n)
{
    const struct foreign *found = NULL;
    for (size_t i = 0; i < N_FOREIGN; i++)
        if (n >= foreign[i].at + foreign[i].n &&
            (foreign[i].magic ? memcmp(head + foreign[i].at, foreign[i].magic, foreign[i].n) == 0
                              : is_utf16(head, foreign[i].at)))
            found = &foreign[i];
    return found;
}

/* Its name, when the decoded bytes begin so: tar(1) unpacks both. NULL: they do not. */
static const char *tar_inside(int fd, enum container_kind kind)
{
    unsigned char head[HEAD_BYTES];
    size_t n = 0, got = 1;
    struct container *c = container_new(fd, kind);
    while (c && got && n < sizeof(head)) {
        got = container_read(c, (char *)head + n, sizeof(head) - n);
        n += got;
    }
    const struct foreign *inside = foreign_of(head, n);
    container_free(c);
    return inside && inside->at == TAR_MAGIC_AT ? inside->name : NULL;
}

int container_detect(int fd, enum container_kind *kind, const char **codec)
{
    unsigned char head[HEAD_BYTES];
    bool pipe = false;
    ssize_t got = pread(fd, head, sizeof(head), 0);
    if (got < 0 && errno == ESPIPE) {
        pipe = true;
        got = peek(fd, head, sizeof(head));
    }
    if (got < 0)
        return -1;
    size_t n = (size_t)got;
    *kind = CONTAINER_PLAIN;
    for (size_t i = CONTAINER_PLAIN + 1; i < N_CODECS; i++)
        if (n >= codecs[i]->least &&
            one_fits(codecs[i], head, n < codecs[i]->most ? n : codecs[i]->most))
            *kind = (enum container_kind)i;
    const struct foreign *strange = foreign_of(head, n);
    const char *name = strange ? strange->name : NULL;
    if (!name && !pipe && container_is_compressed(*kind))
        name = tar_inside(fd, *kind);
    if (name) {
        *kind = CONTAINER_FOREIGN;
        *codec = name;
    }
    return 0;
}

static const struct codec *codec_of(enum container_kind kind)
{
    return kind < N_CODECS ? codecs[kind] : NULL;
}

const char *container_codec(enum container_kind kind)
{
    const struct codec *codec = codec_of(kind);
    return codec ? codec->name : "plain";
}

const char *container_too_wide(enum container_kind kind)
{
    return codec_of(kind)->wide;
}

static const char *to_stdout(const char *codec)
{
    for (size_t i = 0; i < N_FOREIGN; i++)
        if (strcmp(foreign[i].name, codec) == 0)
            return foreign[i].to_stdout;
    for (size_t i = CONTAINER_PLAIN + 1; i < N_CODECS; i++)
        if (codecs[i]->wide && strcmp(codecs[i]->wide, codec) == 0)
            return codecs[i]->to_stdout;
    return "cat";
}

void container_put_mend(struct buf *b, const char *codec, const char *path)
{
    buf_printf(b, "%s ", to_stdout(codec));
    shell_put_path(b, str_of(path));
}

bool container_pread(int fd, void *to, size_t n, uint64_t offset)
{
    ssize_t got;
    do
        got = pread(fd, to, n, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got >= 0 && (size_t)got == n;
}

bool container_length(int fd, enum container_kind kind, uint64_t size, uint64_t *length,
                      uint64_t *modulus)
{
    const struct codec *codec = codec_of(kind);
    if (codec)
        return codec->length && codec->length(fd, size, length, modulus);
    if (kind == CONTAINER_PLAIN) {
        *length = size;
        *modulus = 0;
    }
    return kind == CONTAINER_PLAIN;
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct container *container_new(int fd, enum container_kind kind)
{
    struct container *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->fd = fd;
    c->codec = codec_of(kind);
    c->sequential = lseek(fd, 0, SEEK_CUR) < 0;
    if (!c->codec)
        return c;
    if (c->sequential && c->codec->judge)
        c->codec = c->codec->judge;
    c->input = malloc(INPUT_BYTES);
    c->decoder = c->codec->new ();
    if (c->input && c->decoder)
        return c;
    container_free(c);
    return NULL;
}

void container_free(struct container *c)
{
    if (!c)
        return;
    if (c->decoder)
        c->codec->free(c->decoder);
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
    return c->offset - c->io.n_in;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static bool ends(struct container *c, enum container_end end)
{
    c->end = end;
    return false;
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
    c->end = got > 0 ? CONTAINER_MORE : got ? CONTAINER_IO_ERROR : CONTAINER_CLEAN;
    return got > 0 ? (size_t)got : 0;
}

/* At least n bytes of input at hand, or as many as there are. False: none, or a failure. */
static bool feed(struct container *c, size_t n)
{
    if (c->io.n_in >= n)
        return true;
    if (c->io.n_in)
        memmove(c->input, c->io.in, c->io.n_in);
    c->io.in = c->input;
    while (c->io.n_in < n) {
        ssize_t got = read_some(c, c->input + c->io.n_in, INPUT_BYTES - c->io.n_in);
        if (got < 0)
            return ends(c, CONTAINER_IO_ERROR);
        if (!got)
            break;
        c->io.n_in += (size_t)got;
    }
    if (c->io.n_in)
        return true;
    return ends(c, c->in_member || !c->seen_member ? CONTAINER_TRUNCATED : CONTAINER_CLEAN);
}

static bool member_follows(struct container *c)
{
    size_t magic = c->codec->magic_bytes;

    for (uint64_t n = 0; n < SEARCH_BYTES && feed(c, magic) && c->io.n_in >= magic; n++) {
        if (one_fits(c->codec, c->io.in, magic))
            return true;
        c->io.in++;
        c->io.n_in--;
    }
    return false;
}

/* At what begins no member: a hole that a crash left has members behind it. */
static bool ends_in_garbage(struct container *c)
{
    uint64_t at = container_file_offset(c);
    bool follows = member_follows(c);

    if (c->end == CONTAINER_IO_ERROR)
        return false;
    c->offset = at; /* what is told is where it begins */
    c->io.n_in = 0;
    return ends(c, follows ? CONTAINER_CORRUPT : CONTAINER_GARBAGE);
}

/* Over zeros in fours. False at an end: the file's, or zeros that are not of these. */
static bool skip_padding(struct container *c)
{
    uint64_t n = 0;
    while (feed(c, 1) && !c->io.in[0]) {
        c->io.in++;
        c->io.n_in--;
        n++;
    }
    if (n % 4 && c->end != CONTAINER_IO_ERROR)
        return ends_in_garbage(c);
    return c->end == CONTAINER_MORE;
}

/* Between members: what does not begin another is what pads or trails a file. */
static bool next_member(struct container *c)
{
    if (c->in_member)
        return true;
    if (c->codec->pads && c->seen_member && !skip_padding(c))
        return false;
    if (!feed(c, c->codec->magic_bytes))
        return false;
    size_t n = c->io.n_in < c->codec->magic_bytes ? c->io.n_in : c->codec->magic_bytes;
    if (!one_fits(c->codec, c->io.in, n))
        return c->seen_member ? ends_in_garbage(c) : ends(c, CONTAINER_CORRUPT);
    if (n < c->codec->magic_bytes) {
        c->io.n_in = 0;
        return ends(c, CONTAINER_TRUNCATED);
    }
    c->in_member = true;
    c->member_at = container_file_offset(c);
    c->made = 0;
    return true;
}

/* From the member's beginning on by the judge. False: there is none, or it is at work already. */
static bool ask_judge(struct container *c)
{
    void *decoder = c->codec->judge && !c->sequential ? c->codec->judge->new () : NULL;
    if (!decoder)
        return false;
    c->codec->free(c->decoder);
    c->codec = c->codec->judge;
    c->decoder = decoder;
    c->offset = c->member_at;
    c->io.n_in = 0;
    c->known = c->made;
    c->end = CONTAINER_MORE;
    return true;
}

/* Of n bytes from `to` on, those that are new move to the front. */
static void drop_known(struct container *c, unsigned char *to, size_t n)
{
    size_t known = c->known < n ? (size_t)c->known : n;
    memmove(to, to + known, n - known);
    c->known -= known;
    c->io.out -= known;
    c->io.n_out += known;
}

static enum decoded decode_some(struct container *c)
{
    unsigned char *to = c->io.out;
    enum decoded what = c->codec->decode(c->decoder, &c->io);
    size_t n = (size_t)(c->io.out - to);
    if (c->known)
        drop_known(c, to, n);
    else
        c->made += n;
    return what;
}

/* After the decoder's answer: may reading go on? */
static bool goes_on(struct container *c, enum decoded what)
{
    switch (what) {
    case DECODED_MORE:
        return true;
    case DECODED_END:
        c->in_member = false;
        c->seen_member = true;
        return true;
    case DECODED_TOO_WIDE:
        return ends(c, CONTAINER_TOO_WIDE);
    case DECODED_NO_MEMORY:
        errno = ENOMEM;
        return ends(c, CONTAINER_IO_ERROR);
    case DECODED_BAD:
        break;
    }
    return ends(c, CONTAINER_CORRUPT);
}

static size_t read_coded(struct container *c, char *to, size_t n)
{
    c->io.out = (unsigned char *)to;
    c->io.n_out = n;
    while (n && c->io.n_out == n) {
        if (!next_member(c))
            return 0;
        bool fed = feed(c, 1);
        uint64_t known = c->known;
        enum decoded what = decode_some(c);
        bool stuck = !fed && what == DECODED_MORE && c->io.n_out == n && c->known == known;
        bool cut = stuck && c->end == CONTAINER_TRUNCATED;
        if ((cut || what == DECODED_BAD) && ask_judge(c))
            continue;
        if (stuck)
            return 0;            /* feed has told why */
        c->end = CONTAINER_MORE; /* else it held what had no room before, or a member's end */
        if (!goes_on(c, what))
            break;
    }
    return n - c->io.n_out;
}

size_t container_read(struct container *c, char *to, size_t n)
{
    if (!c->codec)
        return read_plain(c, to, n);
    return c->end == CONTAINER_MORE ? read_coded(c, to, n) : 0;
}
