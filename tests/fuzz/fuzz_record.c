/*
 * fuzz_record - the two readers of the wire form. What is read and written again must be read as
 * the same, and be JSON to another library; a URL built of any bytes holds only what may stand in
 * one.
 */
#include "parsers/record.h"
#include "tests/fuzz/json_judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_record(struct str line)
{
    struct buf scratch, first, second;
    struct record r;
    const char *why = NULL;

    buf_init(&scratch, line.n);
    buf_init(&first, 8 * line.n + 1000);
    buf_init(&second, 8 * line.n + 1000);
    if (record_read(line, &r, &scratch, &why)) {
        record_write(&first, &r);
        check(!first.failed && judge_text(buf_str(&first)) == JUDGE_AGREE);
        check(judge_text(line) != JUDGE_DIFFER);
        check(record_read(buf_str(&first), &r, &scratch, &why));
        record_write(&second, &r);
        check(str_eq(buf_str(&first), buf_str(&second)));
    } else {
        check(why != NULL);
    }
    buf_release(&scratch);
    buf_release(&first);
    buf_release(&second);
}

static void check_header(struct str line)
{
    static struct batch_stream streams[BATCH_MAX_STREAMS];
    static struct batch_cell cells[BATCH_MAX_CELLS];
    static struct str user_agents[BATCH_MAX_USER_AGENTS];
    struct batch_header h = {.streams = streams, .cells = cells, .user_agents = user_agents};
    struct buf scratch, first, second;
    const char *why = NULL;

    buf_init(&scratch, 8 * line.n + 1000);
    buf_init(&first, 8 * line.n + 1000);
    buf_init(&second, 8 * line.n + 1000);
    if (batch_header_read(line, &h, &scratch, &why)) {
        batch_header_write(&first, &h);
        check(!first.failed && judge_text(buf_str(&first)) == JUDGE_AGREE);
        check(batch_header_read(buf_str(&first), &h, &scratch, &why));
        batch_header_write(&second, &h);
        check(str_eq(buf_str(&first), buf_str(&second)));
    } else {
        check(why != NULL);
    }
    buf_release(&scratch);
    buf_release(&first);
    buf_release(&second);
}

/* The text holds URL bytes only, and encoding it once more changes nothing. */
static void check_url(struct str bytes)
{
    struct verdict v = {.kind = VERDICT_AI_FETCH};
    struct buf once, twice;
    struct record r;

    buf_init(&once, 3 * bytes.n + 1);
    buf_init(&twice, 3 * bytes.n + 1);
    struct hit hit = {.path = bytes};
    record_from_hit(&r, &hit, &v, STR_NONE, STR_NONE, &once);
    if (str_is_set(r.path)) {
        for (size_t i = 0; i < r.path.n; i++)
            check(r.path.p[i] > ' ' && r.path.p[i] < 0x7f &&
                  !strchr("\"<>\\^`{|}#[]", r.path.p[i]));
        hit.path = r.path;
        record_from_hit(&r, &hit, &v, STR_NONE, STR_NONE, &twice);
        check(str_eq(hit.path, r.path));
    } else {
        check(bytes.n == 0 || bytes.p[0] != '/');
    }
    buf_release(&once);
    buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {size ? (const char *)data : "", size};

    check_record(in);
    check_header(in);
    check_url(in);
    return 0;
}
