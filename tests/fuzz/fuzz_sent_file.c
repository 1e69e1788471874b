/* Notes of what was sent: any bytes, or entries of a file with its right head and sums. What is
 * read must be read again, with a note behind it that was made since. The first byte says which. */
#include "agent/sent_file.h"
#include "tests/fuzz/fuzz_file.h"

#define ID "11111111-2222-4333-8444-555555555555"
#define NAME "0000000000000007.hk.sent"

struct seen {
    size_t n;
    uint64_t sum; /* of lines and fates, in order */
    struct sent_entry last;
};

static void take(void *context, const struct sent_entry *e)
{
    struct seen *s = context;
    if (e->status > 999 || (e->reason.n && !e->reason.p))
        abort();
    s->n++;
    s->sum = s->sum * 31 + e->line * 1000ull + e->status;
    s->last = *e;
}

static struct seen read_all(struct sent_file *f)
{
    struct seen s = {0};
    sent_init(f, fuzz_open_directory(), 7, "hk", ID);
    if (sent_read(f, &s, take))
        abort();
    return s;
}

/* Lines of the input as entries: a number, a status, and the rest as its reason. */
static void put_entries(struct buf *text, struct str input)
{
    struct sent_file f;
    sent_init(&f, -1, 7, "hk", ID);
    buf_lit(text, "logferry-sent 2 " ID "\n");
    while (input.n > 2) {
        struct str line = str_cut(&input, '\n');
        if (line.n < 2)
            continue;
        const struct sent_entry e = {(unsigned char)line.p[0],
                                     (uint16_t)((unsigned char)line.p[1] * 3),
                                     str_slice(line, 2, line.n)};
        sent_put(&f, text, &e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sent_file f;
    struct buf text, note;
    const struct sent_entry added = {77, 400, STR("why not")};
    if (!size || size > 65536)
        return 0;
    struct str input = {(const char *)data + 1, size - 1};
    buf_init(&text, SENT_MAX_BYTES);
    buf_init(&note, 4096);
    if (data[0] % 4 == 1)
        buf_lit(&text, "logferry-sent 1 " ID "\n");
    if (data[0] % 4 == 2)
        put_entries(&text, input);
    else
        buf_put_str(&text, input);
    if (data[0] % 4 == 3 && text.n) /* of an older note something is left in the middle */
        put_entries(&text, input);
    fuzz_write_file(NAME, buf_str(&text));
    struct seen before = read_all(&f);
    sent_put(&f, &note, &added);
    if (sent_append(&f, buf_str(&note)))
        abort();
    sent_close(&f);
    struct seen after = read_all(&f);
    if (after.n != before.n + 1 || after.last.line != 77 || after.last.status != 400 ||
        after.sum != before.sum * 31 + 77400)
        abort();
    buf_release(&text);
    buf_release(&note);
    return 0;
}
