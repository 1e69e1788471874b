/* Which records have a letter: after a crash, they are refused again and get no second one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/batch_compose.h"
#include "agent/dead_seen.h"
#include "tests/unit/agent/scratch.h"

struct letters {
    struct scratch scratch;
    struct dead_seen *seen;
    unsigned batches;
};

static int setup(void **state)
{
    struct letters *s = calloc(1, sizeof(*s));
    scratch_make(&s->scratch);
    s->seen = dead_seen_new(s->scratch.fd);
    assert_non_null(s->seen);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct letters *s = *state;
    dead_seen_free(s->seen);
    scratch_remove(&s->scratch);
    free(s);
    return 0;
}

/* Another process, after a crash. */
static void restart(struct letters *s)
{
    dead_seen_free(s->seen);
    s->seen = dead_seen_new(s->scratch.fd);
    assert_non_null(s->seen);
}

struct sample {
    unsigned stream;
    uint64_t at;
    uint32_t hash;
    const char *host;
};

static const struct sample pages[] = {
    {0, 10, 7, "example.com"}, {0, 20, 8, "example.com"}, {1, 10, 7, "example.com"}};

static struct batch *make(struct letters *s, const struct sample *samples, size_t n)
{
    struct batch_stream streams[2] = {{.id = {{1}}, .to = 1000}, {.id = {{2}}, .to = 1000}};
    char id[BATCH_ID_BYTES];
    struct buf records;
    buf_init(&records, 1u << 16);
    for (size_t i = 0; i < n; i++) {
        struct buf url;
        buf_init(&url, 1000);
        buf_printf(&url, "https://%s/p", samples[i].host);
        struct record r = {.at = samples[i].at,
                           .line_hash = samples[i].hash,
                           .time_ms = 1764000000000,
                           .user_agent = -1,
                           .user_agent_text = STR("Firefox"),
                           .url = buf_str(&url)};
        record_write(&records, &r);
        streams[samples[i].stream].records++;
        buf_release(&url);
    }
    snprintf(id, sizeof(id), "11111111-2222-4333-8444-%012u", ++s->batches);
    struct batch_header h = {.batch = str_of(id),
                             .agent = STR("t"),
                             .node = STR("n"),
                             .streams = streams,
                             .n_streams = 2};
    struct batch *b = batch_compose(&h, buf_str(&records), (uint32_t)n, s->batches % 2);
    buf_release(&records);
    assert_non_null(b);
    return b;
}

/* How many records the new letter has; 0: there is none. */
static uint32_t bury(struct letters *s, uint64_t seq, const char *to, const struct sample *samples,
                     size_t n)
{
    struct buf meta;
    buf_init(&meta, 1000);
    spool_put_destination(&meta, str_of(to));
    spool_put_reason(&meta, STR("no"));
    struct batch *b = make(s, samples, n);
    struct dead_letter_write w = {
        .b = b, .destination = str_of(to), .meta = buf_str(&meta), .seq = seq};
    assert_int_equal(dead_seen_write(s->seen, &w), 0);
    assert_int_equal(w.bytes != 0, w.n_records != 0);
    assert_int_equal(spool_changed_ms(s->scratch.fd, seq) != 0, w.n_records != 0);
    batch_free(b);
    buf_release(&meta);
    return w.n_records;
}

static void test_a_record_has_one_letter(void **state)
{
    struct letters *s = *state;
    assert_int_equal(bury(s, 1, "main", pages, 3), 3);
    assert_int_equal(bury(s, 2, "main", pages, 3), 0);
    restart(s);
    assert_int_equal(bury(s, 3, "main", pages, 3), 0);
    assert_int_equal(bury(s, 4, "main", pages + 1, 1), 0);
}

static void test_what_is_another_record(void **state)
{
    static const struct sample others[] = {{1, 20, 8, "example.com"},
                                           {0, 11, 7, "example.com"},
                                           {0, 10, 8, "example.com"},
                                           {0, 10, 7, "example.net"}};
    struct letters *s = *state;
    assert_int_equal(bury(s, 1, "main", pages, 3), 3);
    restart(s);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_int_equal(bury(s, 2 + i, "main", &others[i], 1), 1);
    assert_int_equal(bury(s, 9, "other", pages, 3), 3);
}

/* The batch is cut otherwise when its lines are read again. */
static void test_those_without_a_letter_get_one(void **state)
{
    static const struct sample more[] = {{0, 10, 7, "example.com"},
                                         {0, 15, 1, "example.com"},
                                         {0, 20, 8, "example.com"},
                                         {1, 5, 2, "example.com"},
                                         {1, 10, 7, "example.com"}};
    struct letters *s = *state;
    struct batch *letter;
    struct buf body;
    const char *error;
    assert_int_equal(bury(s, 1, "main", pages, 3), 3);
    restart(s);
    assert_int_equal(bury(s, 2, "main", more, COUNT_OF(more)), 2);
    letter = spool_read(s->scratch.fd, 2, NULL, &error);
    assert_non_null(letter);
    assert_int_equal(letter->n_records, 2);
    assert_int_equal(batch_decode(letter, &body, &error), 0);
    assert_true(str_find(buf_str(&body), STR("\"at\":15,"), 0) > 0);
    assert_true(str_find(buf_str(&body), STR("\"at\":5,"), 0) > 0);
    assert_true(str_find(buf_str(&body), STR("\"at\":10,"), 0) < 0);
    buf_release(&body);
    batch_free(letter);
    restart(s);
    assert_int_equal(bury(s, 3, "main", more, COUNT_OF(more)), 0);
}

/* Sent again by a person, or dropped: refused once more, it has a letter once more. */
static void test_a_letter_that_went(void **state)
{
    struct letters *s = *state;
    assert_int_equal(bury(s, 1, "main", pages, 3), 3);
    assert_int_equal(spool_remove(s->scratch.fd, 1), 0);
    assert_int_equal(bury(s, 2, "main", pages, 3), 3);
    assert_int_equal(bury(s, 3, "main", pages, 3), 0);
    restart(s);
    assert_int_equal(bury(s, 4, "main", pages, 3), 0);
    assert_int_equal(spool_remove(s->scratch.fd, 2), 0);
    assert_int_equal(bury(s, 5, "main", pages, 3), 3);
}

/* What cannot be read hides nothing, and stands for nothing. */
static void test_a_damaged_letter(void **state)
{
    struct letters *s = *state;
    assert_int_equal(bury(s, 1, "main", pages, 3), 3);
    int fd = openat(s->scratch.fd, "0000000000000001.batch", O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, 60), 1);
    close(fd);
    restart(s);
    assert_int_equal(bury(s, 2, "main", pages, 3), 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_a_record_has_one_letter),
        T(test_what_is_another_record),
        T(test_those_without_a_letter_get_one),
        T(test_a_letter_that_went),
        T(test_a_damaged_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
