/*
 * test_decode.c - from a batch's bytes to a store job: what is kept of them, and that it is all or
 * nothing. What is refused for which reason is test_api_batch.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server/api_decode.h"
#include "tests/unit/server/coded.h"

#define ROOM (48u << 20)
static const enum coding codings[] = {CODING_IDENTITY, CODING_GZIP, CODING_ZSTD};

struct world {
    struct rights *rights;
    struct catalogue *catalogue;
    struct buf plain, coded;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct rights_builder *b = rights_builder_new();
    struct team team = {.id = 1, .name = STR("t")};
    struct site site = {.id = 1, .domain = STR("example.com"), .team = 1};
    struct client client = {.id = 1, .name = STR("c"), .team = 1, .expires_ms = INT64_MAX};
    struct grant grant = {1, 1, ROLE_INGEST};
    assert_int_equal(rights_add_team(b, &team) | rights_add_site(b, &site) |
                         rights_add_client(b, &client) | rights_add_grant(b, &grant),
                     0);
    w->rights = rights_build(b);
    rights_builder_free(b);
    w->catalogue = catalogue_new(false);
    buf_init(&w->plain, ROOM);
    buf_init(&w->coded, ROOM);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    rights_release(w->rights);
    catalogue_free(w->catalogue);
    buf_release(&w->plain);
    buf_release(&w->coded);
    free(w);
    return 0;
}

static void put_header(struct buf *out, unsigned records)
{
    buf_printf(
        out,
        "{\"v\":1,\"batch\":\"0192f0c1-7d3e-7abc-8def-0123456789ab\",\"agent\":\"a\",\"node\":"
        "\"web\\u002d1\",\"job\":null,\"streams\":[{\"id\":\"0123456789abcdef0123456789abcdef\","
        "\"from\":0,\"to\":4000000000,\"lines\":%u,\"records\":%u,\"skipped\":{}}],"
        "\"user_agents\":[\"Fire\\u0066ox\",\"GPTBot/1.2\"]}\n",
        records, records);
}

/* Two of three are pages. `size`: of a path, of which the last digits tell the records apart. */
static void put_record(struct buf *out, const char *host, unsigned i, int size)
{
    static const char time[] = "\"timestamp\":\"2026-11-03T12:00:00Z\"";
    if (i % 3 < 2)
        buf_printf(
            out,
            "{\"k\":\"pageview\",\"at\":%u,\"h\":\"9f31c2aa\",%s,\"url\":\"https:\\/\\/%s/%0*u\","
            "\"visitor_ip\":\"192.0.2.%u\",\"user_agent\":0,\"referrer\":\"https://b.example/\"}\n",
            i, time, host, size, i, i % 250);
    else
        buf_printf(
            out,
            "{\"k\":\"ai_fetch\",\"at\":%u,\"h\":\"9f31c2aa\",%s,\"hostname\":\"%s\",\"path\":"
            "\"/%0*u\",\"status_code\":200,\"content_type\":\"text/html\",\"user_agent\":1,"
            "\"verified\":\"yes\"}\n",
            i, time, host, size, i);
}

static void make(struct world *w, const char *host, unsigned records, int size)
{
    buf_reset(&w->plain);
    put_header(&w->plain, records);
    for (unsigned i = 0; i < records; i++)
        put_record(&w->plain, host, i, size);
    assert_false(w->plain.failed);
}

/* Of a copy of the body that is gone before anybody looks at the job. */
static void decode(struct world *w, struct batch_task *t, enum coding coding, struct str body)
{
    const struct client *clients;
    char *copy = malloc(body.n + 1);
    memcpy(copy, body.p, body.n);
    *t = (struct batch_task){.body = {copy, body.n},
                             .coding = coding,
                             .judge = {.rights = rights_retain(w->rights), .now_ms = 1780000000000},
                             .catalogue = w->catalogue};
    rights_clients(t->judge.rights, &clients);
    t->judge.client = clients;
    batch_decode(t);
    free(copy);
}

static void check_rows(const struct batch_task *t, unsigned records, int size)
{
    char path[200];
    assert_int_equal(t->status, 0);
    assert_int_equal(t->job.n_rows, records);
    assert_true(str_eq(t->job.node, STR("web-1")));
    assert_true(str_eq(t->job.user_agents[0], STR("Firefox")));
    for (unsigned i = 0; i < records; i++) {
        const struct record *r = &t->job.rows[i].record;
        snprintf(path, sizeof(path), "/%0*u", size, i);
        struct str where = r->kind == RECORD_PAGEVIEW ? r->url : r->path;
        assert_true(str_ends(where, str_of(path)));
        assert_int_equal(r->at, i);
        assert_int_equal(t->lines[i], i + 2);
        if (r->kind == RECORD_PAGEVIEW)
            assert_true(str_eq(r->referrer, STR("https://b.example/")));
        else
            assert_true(str_eq(r->hostname, STR("example.com")) && str_eq(r->verified, STR("yes")));
    }
}

static void one_coding_is_as_good_as_another(void **state)
{
    struct world *w = *state;
    unsigned char hash[TOKEN_HASH_BYTES];
    make(w, "example.com", 1000, 20);
    assert_int_equal(sha256(buf_str(&w->plain), hash), 0);
    for (size_t c = 0; c < COUNT_OF(codings); c++) {
        struct batch_task t;
        buf_reset(&w->coded);
        put_coded(codings[c], &w->coded, buf_str(&w->plain));
        decode(w, &t, codings[c], buf_str(&w->coded));
        check_rows(&t, 1000, 20);
        assert_memory_equal(t.job.body_hash, hash, sizeof(hash));
        batch_release(&t);
    }
}

/* Of a batch waiting for the store the texts are there, once each; not its body, nor its syntax. */
static void little_is_kept(void **state)
{
    struct world *w = *state;
    struct batch_task t;
    make(w, "example.com", BATCH_MAX_RECORDS, 40);
    decode(w, &t, CODING_IDENTITY, buf_str(&w->plain));
    check_rows(&t, BATCH_MAX_RECORDS, 40);
    assert_true(t.texts.bytes < w->plain.n / 2);
    assert_ptr_equal(t.rows[0].record.referrer.p, t.rows[1].record.referrer.p);
    size_t rows = t.job.n_rows * (sizeof(*t.rows) + sizeof(*t.lines));
    assert_true(t.job.bytes >= t.texts.bytes + rows);
    assert_true(t.job.bytes < t.texts.bytes + rows + 300000);
    batch_release(&t);
    /* Nothing of what is refused. */
    make(w, "elsewhere.example", BATCH_MAX_RECORDS, 2000);
    assert_true(w->plain.n > 20u << 20);
    decode(w, &t, CODING_IDENTITY, buf_str(&w->plain));
    assert_int_equal(t.status, 0);
    assert_int_equal(t.job.n_rejected, BATCH_MAX_RECORDS);
    assert_true(t.texts.bytes < 4096 && t.job.bytes < 2u << 20);
    batch_release(&t);
}

/* Cut anywhere, or wrong at its end: there is no job, whatever was right before. */
static void all_or_nothing(void **state)
{
    struct world *w = *state;
    struct batch_task t;
    make(w, "example.com", 3, 20);
    for (size_t c = 0; c < COUNT_OF(codings); c++) {
        buf_reset(&w->coded);
        put_coded(codings[c], &w->coded, buf_str(&w->plain));
        /* Plain text is whole without its last newline. */
        size_t whole = codings[c] == CODING_IDENTITY ? w->coded.n - 1 : w->coded.n;
        for (size_t n = 0; n < w->coded.n + 1; n++) {
            decode(w, &t, codings[c], str_slice(buf_str(&w->coded), 0, n));
            assert_int_equal(t.status, n < whole ? 400 : 0);
            assert_int_equal(t.job.rows != NULL, n >= whole);
            batch_release(&t);
        }
        buf_putc(&w->coded, 'x');
        decode(w, &t, codings[c], buf_str(&w->coded));
        assert_int_equal(t.status, 400);
        batch_release(&t);
    }
}

static void sizes_have_caps(void **state)
{
    struct world *w = *state;
    struct batch_task t;
    for (int over = 0; over < 2; over++) {
        buf_reset(&w->plain);
        put_header(&w->plain, 1);
        size_t from = w->plain.n;
        put_record(&w->plain, "example.com", 0, 1);
        int digits = (int)(RECORD_MAX_BYTES - (w->plain.n - 1 - from)) + 1 + over;
        w->plain.n = from;
        put_record(&w->plain, "example.com", 0, digits);
        assert_int_equal(w->plain.n - from - 1, RECORD_MAX_BYTES + over);
        decode(w, &t, CODING_IDENTITY, buf_str(&w->plain));
        assert_int_equal(t.status, over ? 413 : 0);
        if (over)
            assert_string_equal(t.message, "a record is too large");
        batch_release(&t);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(one_coding_is_as_good_as_another),
        T(little_is_kept),
        T(all_or_nothing),
        T(sizes_have_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
