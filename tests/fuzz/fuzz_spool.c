/* A file of the spool: any bytes, or any description and body with their right checksum. What is
 * read must hold together, and selecting from its body must not care what that is. */
#include "agent/spool.h"
#include "tests/fuzz/fuzz_file.h"

static bool select_some(void *context, size_t line)
{
    return *(const uint8_t *)context >> (line % 8) & 1;
}

static uint64_t touch(struct str s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s.n; i++)
        sum += (unsigned char)s.p[i];
    return sum;
}

static volatile uint64_t touched; /* so that the bytes are really read */

static void check_meta(const struct spool_meta *m)
{
    uint64_t sum = touch(m->reason);
    if (m->n_to > CONFIG_MAX_DESTINATIONS)
        abort();
    for (size_t i = 0; i < m->n_to; i++)
        sum += touch(m->to[i]);
    for (size_t i = 0; i < m->n_spans; i++) {
        if (m->spans[i].from > m->spans[i].to)
            abort();
        sum += touch(str_of(m->spans[i].path));
    }
    touched = sum;
}

/* Written again, it is read as the same. */
static void check_again(const struct batch *b)
{
    uint64_t bytes;
    const char *error;
    if (spool_write(fuzz_fd, 1, b, STR_NONE, &bytes))
        abort();
    struct batch *again = spool_read(fuzz_fd, 1, NULL, &error);
    if (!again || strcmp(again->id, b->id) != 0 || again->encoding != b->encoding ||
        again->n_records != b->n_records || !str_eq(buf_str(&again->body), buf_str(&b->body)))
        abort();
    batch_free(again);
}

static void check_select(const struct batch *b, uint8_t mask)
{
    const char *error = NULL;
    struct batch *part = batch_select(b, select_some, &mask, STR("salt"), mask & 1, &error);
    if (part && (error || part->n_records == 0 || strlen(part->id) != BATCH_ID_BYTES - 1))
        abort();
    batch_free(part);
}

/* Version 1 with its checksum: `at` says where the description ends. */
static void seal(struct buf *file, struct str rest, size_t at)
{
    static const struct str id = STR("id 11111111-2222-4333-8444-555555555555\n");
    struct buf b;
    buf_init(&b, id.n + rest.n);
    buf_put_str(&b, id);
    buf_put_str(&b, rest);
    unsigned crc = hash_crc32(0, buf_str(&b));
    at = id.n + (at < rest.n ? at : rest.n);
    buf_printf(file, "logferry-batch 1 %08x %zu %zu\n", crc, at, b.n - at);
    buf_put_str(file, buf_str(&b));
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spool_meta meta;
    struct buf file;
    const char *error = NULL;
    if (size < 4)
        return 0;
    struct str rest = {(const char *)data + 4, size - 4};
    buf_init(&file, size + 256);
    if (data[0] % 4)
        seal(&file, rest, (size_t)data[1] << 8 | data[2]);
    else
        buf_put_str(&file, rest);
    fuzz_write_file("0000000000000000.batch", buf_str(&file));
    struct batch *b = spool_read(fuzz_fd, 0, &meta, &error);
    if (!b && !error)
        abort();
    if (b) {
        check_meta(&meta);
        check_again(b);
        check_select(b, data[3]);
        spool_meta_release(&meta);
    }
    batch_free(b);
    buf_release(&file);
    return 0;
}
