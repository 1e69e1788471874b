/*
 * fuzz_json - the JSON reader against jansson, the mending reader against itself, and the writer:
 * what it writes of any bytes is read back by both.
 */
#include "tests/fuzz/json_judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

/* Any input gives an end after finitely many events, and texts that are UTF-8. */
static void read_mending(struct str in)
{
    struct json_reader r;
    struct buf scratch;
    enum json_event e;
    size_t events = 0;

    buf_init(&scratch, 3 * in.n);
    json_reader_init(&r, in, &scratch);
    r.replace_utf8 = true;
    r.allow_trailing = true;
    while ((e = json_next(&r)) > JSON_END) {
        check(++events <= 2 * in.n + 1);
        if (e == JSON_STRING || e == JSON_KEY) {
            json_t *s = json_stringn(r.text.p, r.text.n);
            check(s != NULL);
            json_decref(s);
        }
    }
    check(r.at <= in.n);
    buf_release(&scratch);
}

static void write_and_read(struct str in)
{
    struct json_reader r;
    struct buf text, scratch;

    buf_init(&text, 6 * in.n + 2);
    json_put_string(&text, in);
    check(!text.failed);
    check(judge_text(buf_str(&text)) == JUDGE_AGREE);
    json_t *theirs = json_loadb(text.p, text.n, JUDGE_WRITTEN, NULL);
    check(theirs != NULL);
    json_decref(theirs);
    buf_init(&scratch, text.n);
    json_reader_init(&r, buf_str(&text), &scratch);
    check(json_next(&r) == JSON_STRING);
    if (r.text.n == in.n)
        check(str_eq(r.text, in)); /* mending only lengthens */
    check(r.text.n >= in.n && json_next(&r) == JSON_END);
    buf_release(&scratch);
    buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {size ? (const char *)data : "", size};

    check(judge_text(in) != JUDGE_DIFFER);
    read_mending(in);
    write_and_read(in);
    return 0;
}
