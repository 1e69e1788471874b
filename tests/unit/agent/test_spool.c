/* Files of batches: what is written is read, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/resource.h>

#include "agent/spool.h"
#include "tests/unit/agent/scratch.h"

#define ID "11111111-2222-4333-8444-555555555555"

static struct batch *make_batch(enum batch_encoding encoding, struct str body)
{
    struct batch *b = calloc(1, sizeof(*b));
    memcpy(b->id, ID, BATCH_ID_BYTES);
    b->encoding = encoding;
    b->n_records = 17;
    b->sealed_ms = 1764000000123;
    buf_init(&b->body, 1 << 20);
    buf_put_str(&b->body, body);
    return b;
}

static void write_file(const struct scratch *s, uint64_t seq, const struct batch *b,
                       const struct buf *meta)
{
    uint64_t bytes = 0;
    struct stat st;
    char name[40];
    assert_int_equal(spool_write(s->fd, seq, b, buf_str(meta), &bytes), 0);
    snprintf(name, sizeof(name), "%016llx.batch", (unsigned long long)seq);
    assert_int_equal(fstatat(s->fd, name, &st, 0), 0);
    assert_int_equal(st.st_size, bytes);
}

/* Destinations, a reason and spans with names that need quoting. */
static void put_meta(struct buf *meta)
{
    struct position p = {.key = 0xfedcba9876543210, .dev = 7, .ino = UINT64_MAX};
    struct span spans[3] = {0};
    char odd[] = "/l/\xc3\xa4 \"x\" \\ \n\t\x01.log", empty[] = "", plain[] = "/l/a.log";
    struct position q = p, r = p;
    p.path = odd;
    q.path = empty;
    r.path = plain;
    p.stream.b[0] = 9;
    spans[0] = (struct span){.position = &p, .file_from = 5, .file_to = 10};
    spans[1] = (struct span){.position = &q, .file_from = 0, .file_to = 0};
    spans[2] = (struct span){.position = &r, .file_from = 1ull << 40, .file_to = 1ull << 41};
    spool_put_destination(meta, STR("main"));
    spool_put_destination(meta, STR("with \"quotes\" and\nmore"));
    spool_put_reason(meta, STR("line 3: \"no\"\n"));
    spool_put_spans(meta, spans, 3);
}

static void assert_meta(const struct spool_meta *m)
{
    assert_int_equal(m->n_to, 2);
    assert_true(str_eq(m->to[0], STR("main")));
    assert_true(str_eq(m->to[1], STR("with \"quotes\" and\nmore")));
    assert_true(str_eq(m->reason, STR("line 3: \"no\"\n")));
    assert_int_equal(m->n_spans, 3);
    assert_int_equal(m->spans[0].key, 0xfedcba9876543210);
    assert_int_equal(m->spans[0].stream.b[0], 9);
    assert_int_equal(m->spans[0].dev, 7);
    assert_int_equal(m->spans[0].ino, UINT64_MAX);
    assert_int_equal(m->spans[0].from, 5);
    assert_int_equal(m->spans[0].to, 10);
    assert_string_equal(m->spans[0].path, "/l/\xc3\xa4 \"x\" \\ \n\t\x01.log");
    assert_string_equal(m->spans[1].path, "");
    assert_int_equal(m->spans[2].to, 1ull << 41);
    assert_string_equal(m->spans[2].path, "/l/a.log");
}

static bool same_batch(const struct batch *a, const struct batch *b)
{
    return strcmp(a->id, b->id) == 0 && a->encoding == b->encoding &&
           a->n_records == b->n_records && a->sealed_ms == b->sealed_ms &&
           str_eq(buf_str(&a->body), buf_str(&b->body));
}

static void test_round_trip(void **state)
{
    static const enum batch_encoding encodings[] = {BATCH_PLAIN, BATCH_ZSTD};
    static const struct str bodies[] = {STR(""), STR("{\"v\":1}\n"), STR("\0\n\xff binary\n\n")};
    struct scratch s;
    struct buf meta;
    scratch_make(&s);
    buf_init(&meta, 1 << 20);
    put_meta(&meta);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < COUNT(bodies); k++) {
            struct batch *b = make_batch(encodings[i], bodies[k]);
            struct spool_meta m;
            const char *error = "";
            write_file(&s, i * 10 + k, b, &meta);
            struct batch *back = spool_read(s.fd, i * 10 + k, &m, &error);
            assert_non_null(back);
            assert_null(error);
            assert_true(same_batch(b, back));
            assert_null(back->group);
            assert_meta(&m);
            spool_meta_release(&m);
            spool_meta_release(&m);
            batch_free(back);
            back = spool_read(s.fd, i * 10 + k, NULL, &error);
            assert_true(same_batch(b, back));
            batch_free(back);
            batch_free(b);
        }
    buf_release(&meta);
    scratch_remove(&s);
}

static void test_no_meta(void **state)
{
    struct scratch s;
    struct spool_meta m;
    struct buf meta;
    const char *error;
    scratch_make(&s);
    buf_init(&meta, 100);
    struct batch *b = make_batch(BATCH_PLAIN, STR("x"));
    write_file(&s, 0, b, &meta);
    struct batch *back = spool_read(s.fd, 0, &m, &error);
    assert_non_null(back);
    assert_int_equal(m.n_to, 0);
    assert_int_equal(m.n_spans, 0);
    assert_false(str_is_set(m.reason));
    spool_meta_release(&m);
    batch_free(back);
    batch_free(b);
    scratch_remove(&s);
}

/* A batch of 64 MiB would never have been sealed; the description may be large. */
static void test_many_spans(void **state)
{
    struct scratch s;
    struct spool_meta m;
    struct buf meta;
    const char *error;
    char path[] = "/var/log/nginx/a-rather-long-name.example.com.access.log";
    struct position p = {.key = 1, .path = path};
    struct span span = {.position = &p};
    scratch_make(&s);
    buf_init(&meta, 8u << 20);
    spool_put_destination(&meta, STR("main"));
    for (uint64_t i = 0; i < 1024; i++) {
        span.file_from = i * 10;
        span.file_to = i * 10 + 5;
        spool_put_spans(&meta, &span, 1);
    }
    struct batch *b = make_batch(BATCH_PLAIN, STR("x"));
    write_file(&s, 0, b, &meta);
    struct batch *back = spool_read(s.fd, 0, &m, &error);
    assert_non_null(back);
    assert_int_equal(m.n_spans, 1024);
    assert_int_equal(m.spans[1023].from, 10230);
    assert_string_equal(m.spans[0].path, path);
    spool_meta_release(&m);
    batch_free(back);
    batch_free(b);
    buf_release(&meta);
    scratch_remove(&s);
}

#define FILE_0 "0000000000000000.batch"

/* The changed file is refused with a sentence, or it still says the same. */
static void assert_harmless(const struct scratch *s, struct str changed, const struct batch *b)
{
    struct spool_meta m;
    const char *error = NULL;
    scratch_write(s, FILE_0, changed);
    struct batch *back = spool_read(s->fd, 0, &m, &error);
    if (!back) {
        assert_non_null(error);
        return;
    }
    assert_true(same_batch(back, b));
    assert_meta(&m);
    spool_meta_release(&m);
    batch_free(back);
}

static void test_damage(void **state)
{
    struct scratch s;
    struct buf meta, file;
    const char *error;
    scratch_make(&s);
    buf_init(&meta, 1 << 20);
    buf_init(&file, 1 << 20);
    put_meta(&meta);
    struct batch *b = make_batch(BATCH_ZSTD, STR("some bytes of a body\n"));
    write_file(&s, 0, b, &meta);
    scratch_read(&s, FILE_0, &file);
    for (size_t n = 0; n < file.n; n++) {
        scratch_write(&s, FILE_0, str_slice(buf_str(&file), 0, n));
        assert_null(spool_read(s.fd, 0, NULL, &error));
        assert_non_null(error);
    }
    for (size_t i = 0; i < file.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            file.p[i] ^= (char)(1 << bit);
            assert_harmless(&s, buf_str(&file), b);
            file.p[i] ^= (char)(1 << bit);
        }
    buf_putc(&file, 'x');
    scratch_write(&s, FILE_0, buf_str(&file));
    assert_null(spool_read(s.fd, 0, NULL, &error));
    batch_free(b);
    buf_release(&meta);
    buf_release(&file);
    scratch_remove(&s);
}

/* Version 1, as it was first released: read for ever. */
static void put_version_1(struct buf *file, const char *meta, const char *body)
{
    struct buf rest;
    buf_init(&rest, 1 << 20);
    buf_put_str(&rest, str_of(meta));
    buf_put_str(&rest, str_of(body));
    unsigned crc = hash_crc32(0, buf_str(&rest));
    buf_printf(file, "logferry-batch 1 %08x %zu %zu\n%.*s", crc, strlen(meta), strlen(body),
               STR_ARGS(buf_str(&rest)));
    buf_release(&rest);
}

static void test_descriptions(void **state)
{
#define HEAD "id " ID "\nencoding zstd\nrecords 3\n"
#define SPAN "span 00000000000000ff 000102030405060708090a0b0c0d0e0f "
    static const struct {
        const char *meta;
        bool good;
    } table[] = {
        {HEAD "to \"main\"\n", true},
        {HEAD SPAN "1 2 3 4 \"/a\"\n", true},
        {HEAD SPAN "1 2 3 3 \"/a\"\n", true},
        {"id " ID "x\n", false},
        {"id 1\n", false},
        {HEAD "sealed 1764000000123\n", true},
        {HEAD "sealed -1\n", false},
        {HEAD "sealed\n", false},
        {HEAD "records\n", false},
        {HEAD "records 10001\n", false},
        {HEAD "to main\n", false},
        {HEAD "to \"main\n", false},
        {HEAD "to \"ma\\u0000in\"\n", false},
        {HEAD "to\n", false},
        {HEAD "\n", false},
        {HEAD "something \"else\"\n", false},
        {HEAD SPAN "1 2 4 3 \"/a\"\n", false},
        {HEAD SPAN "1 2 3 18446744073709551615 \"/a\"\n", false},
        {HEAD SPAN "1 2 3 4\n", false},
        {HEAD SPAN "1 2 3\n", false},
        {HEAD "span\n", false},
        {HEAD "reason \"\\x\"\n", false},
        {HEAD "encoding brotli\n", false},
        {"encoding zstd\nrecords 3\n", false},
    };
    struct scratch s;
    scratch_make(&s);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf file;
        const char *error = NULL;
        buf_init(&file, 1 << 20);
        put_version_1(&file, table[i].meta, "body");
        scratch_write(&s, FILE_0, buf_str(&file));
        struct batch *b = spool_read(s.fd, 0, NULL, &error);
        if ((b != NULL) != table[i].good || (error == NULL) != table[i].good)
            fail_msg("%s: %s", table[i].meta, error ? error : "accepted");
        /* Before version 3 the file's time is all there is. */
        int64_t changed = spool_changed_ms(s.fd, 0);
        if (b && !strstr(table[i].meta, "sealed"))
            assert_int_equal(b->sealed_ms, changed);
        batch_free(b);
        buf_release(&file);
    }
    scratch_remove(&s);
}

static void test_more_destinations_than_there_can_be(void **state)
{
    struct scratch s;
    struct buf meta;
    const char *error;
    scratch_make(&s);
    buf_init(&meta, 1 << 20);
    struct batch *b = make_batch(BATCH_PLAIN, STR("x"));
    for (int i = 0; i <= CONFIG_MAX_DESTINATIONS; i++)
        spool_put_destination(&meta, STR("main"));
    write_file(&s, 0, b, &meta);
    assert_null(spool_read(s.fd, 0, NULL, &error));
    batch_free(b);
    buf_release(&meta);
    scratch_remove(&s);
}

static void test_newer_version(void **state)
{
    struct scratch s;
    const char *error;
    scratch_make(&s);
    scratch_write(&s, FILE_0, STR("logferry-batch 99 something new\n"));
    assert_null(spool_read(s.fd, 0, NULL, &error));
    assert_non_null(strstr(error, "newer"));
    scratch_write(&s, FILE_0, STR(""));
    assert_null(spool_read(s.fd, 0, NULL, &error));
    unlinkat(s.fd, FILE_0, 0);
    assert_null(spool_read(s.fd, 0, NULL, &error));
    assert_string_equal(error, strerror(ENOENT));
    scratch_remove(&s);
}

/* errno tells a file that is to blame from one that cannot be read now. */
static void test_who_is_to_blame(void **state)
{
    struct scratch s;
    struct rlimit limit, none;
    struct buf meta;
    const char *error;
    scratch_make(&s);
    buf_init(&meta, 100);
    struct batch *b = make_batch(BATCH_PLAIN, STR("x"));
    write_file(&s, 0, b, &meta);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct batch *back = spool_read(s.fd, 0, NULL, &error);
    int blamed = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_null(back);
    assert_int_equal(blamed, EMFILE);
    back = spool_read(s.fd, 0, NULL, &error);
    assert_non_null(back);
    batch_free(back);
    scratch_write(&s, FILE_0, STR("logferry-batch 2"));
    errno = EIO;
    assert_null(spool_read(s.fd, 0, NULL, &error));
    assert_int_equal(errno, 0);
    unlinkat(s.fd, FILE_0, 0);
    assert_null(spool_read(s.fd, 0, NULL, &error));
    assert_int_equal(errno, 0);
    batch_free(b);
    scratch_remove(&s);
}

static void assert_list(const struct scratch *s, const uint64_t *want, size_t n_want)
{
    struct spool_item *items;
    size_t n;
    assert_int_equal(spool_list(s->fd, &items, &n), 0);
    assert_int_equal(n, n_want);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(items[i].seq, want[i]);
        assert_int_equal(items[i].bytes, 3);
    }
    free(items);
}

static void test_shelves(void **state)
{
    static const char *const others[] = {"0000000000000001.batch.new",
                                         "0000000000000001.bad",
                                         "1.batch",
                                         "000000000000000g.batch",
                                         "notes.txt",
                                         ".batch",
                                         "00000000000000001.batch"};
    static const uint64_t seqs[] = {1, 2, 10, 16, UINT64_MAX};
    struct scratch s;
    scratch_make(&s);
    assert_list(&s, seqs, 0);
    for (size_t i = COUNT(seqs); i--;) {
        char name[40];
        snprintf(name, sizeof(name), "%016llx.batch", (unsigned long long)seqs[i]);
        scratch_write(&s, name, STR("abc"));
    }
    for (size_t i = 0; i < COUNT(others); i++)
        scratch_write(&s, others[i], STR("abcd"));
    assert_list(&s, seqs, 5);
    assert_int_equal(spool_remove(s.fd, UINT64_MAX), 0);
    assert_int_equal(spool_remove(s.fd, UINT64_MAX), 0); /* gone is gone */
    assert_int_equal(spool_set_aside(s.fd, 16), 0);
    assert_int_equal(spool_set_aside(s.fd, 16), ENOENT);
    assert_true(scratch_has(&s, "0000000000000010.bad"));
    assert_list(&s, seqs, 3);
    struct spool_item *items;
    size_t n;
    spool_clean(s.fd);
    assert_false(scratch_has(&s, "0000000000000001.batch.new"));
    for (size_t i = 1; i < COUNT(others); i++)
        assert_true(scratch_has(&s, others[i]));
    assert_list(&s, seqs, 3);
    spool_clean(-1);
    assert_int_equal(spool_list(-1, &items, &n), -1);
    assert_string_equal(shelf_name(SHELF_SPOOL), "spool");
    assert_string_equal(shelf_name(SHELF_PARKED), "parked");
    assert_string_equal(shelf_name(SHELF_DEAD), "dead");
    scratch_remove(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_no_meta),
        cmocka_unit_test(test_many_spans),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_descriptions),
        cmocka_unit_test(test_more_destinations_than_there_can_be),
        cmocka_unit_test(test_newer_version),
        cmocka_unit_test(test_who_is_to_blame),
        cmocka_unit_test(test_shelves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
