/*
 * A log file, plain or gzip: its lines, their positions and seams beside a plain model. Of a gzip
 * file only that it ends, and that going on at a line's start gives the same line. In a plain one,
 * 0xFF and a byte n stand for 2048 n letters, so that lines over the cap come up. And of what
 * Kubernetes or Docker may have cut: that lines follow each other without a gap, and that going on
 * at a place over which none reaches gives the same.
 */
#include <sys/mman.h>

#include "agent/joiner.h"
#include "tests/fuzz/fuzz_file.h"

static void require(bool holds)
{
    if (!holds)
        abort();
}

static int file_of(struct str content)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, content.p, content.n) == (ssize_t)content.n);
    return fd;
}

static void expand(struct buf *out, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size && !out->failed; i++) {
        if (data[i] != 0xff || i + 1 == size) {
            buf_putc(out, (char)data[i]);
            continue;
        }
        size_t n = (size_t)data[++i] * 2048;
        char *p = buf_reserve(out, n);
        if (p)
            memset(p, 'a' + (int)(i % 26), n);
        out->n += p ? n : 0;
    }
}

static void check_seam(const struct lines *l, struct str content)
{
    uint64_t at = lines_position(l);
    size_t n = at < SEAM_BYTES ? (size_t)at : SEAM_BYTES;
    require(str_eq(lines_seam(l), str_slice(content, (size_t)at - n, (size_t)at)));
}

static void check_plain(int fd, struct str content, size_t at)
{
    struct lines *l = lines_new(fd, CONTAINER_PLAIN, at);
    struct str line;
    ptrdiff_t nl;
    require(lines_position(l) == at);
    check_seam(l, content);
    while ((nl = str_chr(content, '\n', at)) >= 0) {
        struct str text = str_slice(content, at, (size_t)nl);
        if (at == 0 && str_starts(text, STR("\xef\xbb\xbf")))
            text = str_slice(text, 3, text.n);
        while (text.n && text.p[0] == '\0') /* a hole before it is no part of it */
            text = str_slice(text, 1, text.n);
        enum lines_result r = lines_next(l, &line);
        require(r == (text.n > LINE_MAX_BYTES ? LINES_TOO_LONG : LINES_LINE));
        require(r == LINES_TOO_LONG || str_eq(line, text));
        require(lines_at(l) == at && lines_position(l) == (size_t)nl + 1);
        at = (size_t)nl + 1;
        check_seam(l, content);
    }
    require(lines_next(l, &line) == LINES_END);
    require(lines_position(l) == at && lines_half_bytes(l) == content.n - at);
    check_seam(l, content);
    require((lines_take_half(l, &line) == LINES_END) == (at == content.n));
    require(lines_position(l) == content.n);
    lines_free(l);
}

static void check_gzip(int fd)
{
    struct lines *l = lines_new(fd, CONTAINER_GZIP, 0), *again;
    struct str line, same;
    uint64_t total = 0;
    for (int i = 0; total < 16u << 20; i++) {
        enum lines_result r = lines_next(l, &line);
        if (r == LINES_END)
            break;
        require(lines_at(l) == total && lines_position(l) > total);
        if (i == 3 && r == LINES_LINE) {
            again = lines_new(fd, CONTAINER_GZIP, total);
            require(lines_next(again, &same) == LINES_LINE && str_eq(line, same));
            lines_free(again);
        }
        total = lines_position(l);
    }
    require(lines_state(l) != CONTAINER_IO_ERROR);
    lines_free(l);
}

/* 0xFE and a byte stand for what begins a part. */
static void put_prefixes(struct buf *out, struct str content)
{
    static const char *const prefixes[] = {"2026-11-03T00:10:24Z stdout P ",
                                           "2026-11-03T00:10:24Z stdout F ",
                                           "2026-11-03T00:10:24Z stderr P ",
                                           "2026-11-03T00:10:24Z stderr F ",
                                           "{\"log\":\"",
                                           "\",\"stream\":\"stdout\"}\n",
                                           "\\n\",\"stream\":\"stdout\"}\n",
                                           "\",\"stream\":\"stderr\"}\n"};

    for (size_t i = 0; i < content.n; i++) {
        if ((unsigned char)content.p[i] == 0xfe && i + 1 < content.n)
            buf_put_str(out, str_of(prefixes[(unsigned char)content.p[++i] % 8]));
        else
            buf_putc(out, content.p[i]);
    }
}

static uint64_t check_joined(int fd, enum prefix_kind kind, uint64_t from, uint64_t *clean,
                             uint64_t *sum)
{
    struct lines *l = lines_new(fd, CONTAINER_PLAIN, from);
    struct joiner *j;
    struct joined line;
    enum lines_result r;
    bool rest = false;
    require(joiner_new(&j, kind) == 0);
    require(lines_position(l) == from);
    for (;;) {
        r = rest ? joiner_take_rest(j, l, &line) : joiner_next(j, l, &line);
        if (r == LINES_END && rest)
            break;
        rest |= r == LINES_END;
        if (r == LINES_END)
            continue;
        require(line.at == from && line.next > from && line.text.n <= LINE_MAX_BYTES + 1);
        from = line.next;
        *sum = hash_64(r == LINES_TOO_LONG ? STR("") : line.text, *sum + line.at * 3 + r);
        if (!rest && from == lines_position(l) && !*clean) {
            *clean = from;
            *sum = 0;
        }
    }
    joiner_free(j);
    lines_free(l);
    return from;
}

static void check_parts(struct str content, enum prefix_kind kind)
{
    struct buf b;
    uint64_t clean = 0, sum = 0, again = 0;
    buf_init(&b, 4u << 20);
    put_prefixes(&b, content);
    int fd = file_of(buf_str(&b));
    require(check_joined(fd, kind, 0, &clean, &sum) == b.n);
    if (clean) {
        require(check_joined(fd, kind, clean, &clean, &again) == b.n);
        require(sum == again);
    }
    close(fd);
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum container_kind kind;
    const char *codec;
    struct buf b;
    if (size < 2)
        return 0;
    int fd = file_of((struct str){(const char *)data, size});
    require(!container_detect(fd, &kind, &codec));
    if (kind == CONTAINER_GZIP)
        check_gzip(fd);
    close(fd);
    buf_init(&b, 2u << 20); /* several of the longest lines */
    expand(&b, data + 2, size - 2);
    fd = file_of(buf_str(&b));
    check_plain(fd, buf_str(&b), 0);
    size_t from = ((size_t)data[0] << 8 | data[1]) % (b.n + 1);
    ptrdiff_t start = str_chr(buf_str(&b), '\n', from);
    if (start >= 0)
        check_plain(fd, buf_str(&b), (size_t)start + 1);
    close(fd);
    check_parts(buf_str(&b), data[0] % 2 ? PREFIX_CRI : PREFIX_DOCKER);
    buf_release(&b);
    return 0;
}
