/*
 * A compressed file of any codec: it ends, whatever is asked for at once gives the same bytes (but
 * of a damaged bzip2 block) and the same end, lines are found again at their positions, and what it
 * tells of its length is asked for. The first byte says which codec reads it, so that damaged
 * magics are tried as well; or the file's own magic does.
 */
#include <sys/mman.h>

#include "agent/lines.h"
#include "tests/fuzz/fuzz_file.h"

#define MAX_DECODED (64u << 10)

static void require(bool holds)
{
    if (!holds)
        abort();
}

struct outcome {
    uint64_t n;
    uint64_t hash;
    enum container_end end;
};

static struct outcome read_in_steps(int fd, enum container_kind kind, size_t step)
{
    static char piece[64u << 10];
    struct outcome o = {0};
    struct container *c = container_new(fd, kind);
    size_t n = 0;
    require(c);
    while (o.n < MAX_DECODED && (n = container_read(c, piece, step))) {
        require(n <= step);
        for (size_t i = 0; i < n && o.n < MAX_DECODED; i++, o.n++)
            o.hash = (o.hash ^ (unsigned char)piece[i]) * 0x100000001b3;
    }
    o.end = o.n < MAX_DECODED ? container_state(c) : CONTAINER_MORE;
    require(o.end != CONTAINER_MORE || o.n == MAX_DECODED);
    require(o.end != CONTAINER_IO_ERROR);
    container_free(c);
    return o;
}

static void check_lines(int fd, enum container_kind kind)
{
    struct lines *l = lines_new(fd, kind, 0), *again;
    struct str line, same;
    uint64_t total = 0;
    for (int i = 0; total < MAX_DECODED; i++) {
        enum lines_result r = lines_next(l, &line);
        if (r == LINES_END)
            break;
        require(lines_at(l) == total && lines_position(l) > total);
        if (i == 3 && r == LINES_LINE) {
            again = lines_new(fd, kind, total);
            require(lines_next(again, &same) == LINES_LINE && str_eq(line, same));
            lines_free(again);
        }
        total = lines_position(l);
    }
    lines_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum container_kind kind;
    const char *codec;
    uint64_t length = 0, modulus = 0;
    if (size < 2)
        return 0;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
    require(!container_detect(fd, &kind, &codec));
    if (!container_is_compressed(kind))
        kind = (enum container_kind)(CONTAINER_GZIP + data[0] % 4);
    size_t small = 1 + data[0] / 4 % 64;
    struct outcome one = read_in_steps(fd, kind, 64u << 10), two = read_in_steps(fd, kind, small);
    if (kind == CONTAINER_BZIP2 && (one.end == CONTAINER_CORRUPT || two.end == CONTAINER_CORRUPT))
        require(one.end == two.end || one.end == CONTAINER_MORE || two.end == CONTAINER_MORE);
    else
        require(one.n == two.n && one.hash == two.hash && one.end == two.end);
    if (one.n < MAX_DECODED) /* a bomb's one line may be long */
        check_lines(fd, kind);
    if (container_length(fd, kind, size - 1, &length, &modulus) && !modulus &&
        one.end == CONTAINER_CLEAN)
        require(length == one.n);
    close(fd);
    return 0;
}
