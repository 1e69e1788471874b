/* What kind a file is, and plain ones: growing, unreadable, shared, a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/agent/codecs.h"

static void test_kinds(void **state)
{
    static const char tar[512] = {[0] = 'a', [257] = 'u', 's', 't', 'a', 'r', '\0', '0', '0'};
    static const char gnu[512] = {[0] = 'a', [257] = 'u', 's', 't', 'a', 'r', ' ', ' ', '\0'};
    static char visited[512]; /* by somebody who knows where in the file a line will lie */
    static const struct {
        const char *name;
        struct str content;
        enum container_kind kind;
        const char *codec;
    } table[] = {
        {"empty", STR(""), CONTAINER_PLAIN, NULL},
        {"text", STR("1.2.3.4 - -"), CONTAINER_PLAIN, NULL},
        {"one byte of the magic", STR("\x1f"), CONTAINER_PLAIN, NULL},
        {"gzip", STR("\x1f\x8b\x08"), CONTAINER_GZIP, NULL},
        {"gzip, whatever follows", STR("\x1f\x8b\x09"), CONTAINER_GZIP, NULL},
        {"zstd", STR("\x28\xb5\x2f\xfd\x00\x00"), CONTAINER_ZSTD, NULL},
        {"zstd's first three bytes", STR("\x28\xb5\x2f"), CONTAINER_PLAIN, NULL},
        {"a skippable frame", STR("\x5e\x2a\x4d\x18\4\0\0\0"), CONTAINER_ZSTD, NULL},
        {"no skippable frame", STR("\x60\x2a\x4d\x18\4\0\0\0"), CONTAINER_PLAIN, NULL},
        {"xz",
         STR("\xfd"
             "7zXZ\0"),
         CONTAINER_XZ, NULL},
        {"xz's first five bytes",
         STR("\xfd"
             "7zXZ"),
         CONTAINER_PLAIN, NULL},
        {"bzip2", STR("BZh9\x31\x41\x59\x26\x53\x59"), CONTAINER_BZIP2, NULL},
        {"bzip2 of nothing", STR("BZh1\x17\x72\x45\x38\x50\x90"), CONTAINER_BZIP2, NULL},
        {"bzip2's first bytes", STR("BZh9\x31\x41"), CONTAINER_BZIP2, NULL},
        {"bzip2's first three bytes", STR("BZh"), CONTAINER_PLAIN, NULL},
        {"a host that begins like bzip2", STR("BZh1.example.com 192.0.2.1"), CONTAINER_PLAIN, NULL},
        {"lz4", STR("\x04\x22\x4d\x18\x64\x40"), CONTAINER_FOREIGN, "compressed with lz4"},
        {"compress", STR("\x1f\x9d\x90"), CONTAINER_FOREIGN, "compressed with compress"},
        {"zip", STR("PK\x03\x04\x14\0"), CONTAINER_FOREIGN, "compressed with zip"},
        {"lzip", STR("LZIP\x01\x0c"), CONTAINER_FOREIGN, "compressed with lzip"},
        {"lzma", STR("\x5d\0\0\x80\0"), CONTAINER_FOREIGN, "compressed with lzma"},
        {"UTF-16 of Windows",
         STR("\xff\xfe"
             "1\0"),
         CONTAINER_FOREIGN, "text in UTF-16"},
        {"UTF-16, the other way round",
         STR("\xfe\xff\0"
             "1"),
         CONTAINER_FOREIGN, "text in UTF-16"},
        {"UTF-16 without its mark", STR("a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p\0"),
         CONTAINER_FOREIGN, "text in UTF-16LE"},
        {"and the other way round", STR("\0a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p"),
         CONTAINER_FOREIGN, "text in UTF-16BE"},
        {"too little of it", STR("a\0b\0c\0d"), CONTAINER_PLAIN, NULL},
        {"NULs alone", STR("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
         CONTAINER_PLAIN, NULL},
        {"UTF-32",
         STR("\xff\xfe\0\0"
             "1\0\0\0"),
         CONTAINER_FOREIGN, "text in UTF-32"},
        {"UTF-8 with its mark",
         STR("\xef\xbb\xbf"
             "1"),
         CONTAINER_PLAIN, NULL},
        {"tar", {tar, sizeof(tar)}, CONTAINER_FOREIGN, "a tar archive"},
        {"GNU's tar", {gnu, sizeof(gnu)}, CONTAINER_FOREIGN, "a tar archive"},
        {"tar's first bytes", {tar, 264}, CONTAINER_PLAIN, NULL},
        {"a user agent", {visited, sizeof(visited)}, CONTAINER_PLAIN, NULL},
    };
    struct scratch s;
    memset(visited, 'a', sizeof(visited));
    memcpy(visited + 257, "ustar  ", 7);
    scratch_make(&s);
    for (size_t i = 0; i < COUNT(table); i++) {
        enum container_kind kind;
        const char *codec = NULL;
        scratch_write(&s, "f", table[i].content);
        int fd = scratch_open(&s, "f");
        assert_int_equal(container_detect(fd, &kind, &codec), 0);
        close(fd);
        if (kind != table[i].kind || (codec == NULL) != (table[i].codec == NULL) ||
            (codec && strcmp(codec, table[i].codec) != 0))
            fail_msg("%s: kind %d, codec %s", table[i].name, kind, codec ? codec : "none");
    }
    enum container_kind kind;
    const char *codec;
    assert_int_equal(container_detect(-1, &kind, &codec), -1);
    assert_int_equal(container_detect(s.fd, &kind, &codec), -1);
    scratch_remove(&s);
}

static void test_plain_grows_and_seeks(void **state)
{
    struct scratch s;
    char piece[16];
    scratch_make(&s);
    scratch_write(&s, "f", STR("0123456789"));
    int fd = scratch_open(&s, "f");
    struct container *c = container_new(fd, CONTAINER_PLAIN);
    assert_int_equal(container_read(c, piece, 16), 10);
    assert_int_equal(container_read(c, piece, 16), 0);
    assert_int_equal(container_state(c), CONTAINER_CLEAN);
    scratch_append(&s, "f", STR("abc"));
    assert_int_equal(container_read(c, piece, 16), 3);
    assert_memory_equal(piece, "abc", 3);
    assert_int_equal(container_state(c), CONTAINER_MORE);
    container_seek(c, 8);
    assert_int_equal(container_read(c, piece, 16), 5);
    assert_memory_equal(piece, "89abc", 5);
    container_seek(c, 100); /* behind the end: nothing there */
    assert_int_equal(container_read(c, piece, 16), 0);
    assert_int_equal(container_state(c), CONTAINER_CLEAN);
    container_free(c);
    close(fd);
    scratch_remove(&s);
}

static void check_mend(const char *codec, const char *path, const char *want)
{
    struct buf b;
    buf_init(&b, 200);
    container_put_mend(&b, codec, path);
    assert_string_equal(buf_cstr(&b), want);
    buf_release(&b);
}

static void test_names(void **state)
{
    assert_string_equal(container_codec(CONTAINER_PLAIN), "plain");
    assert_string_equal(container_codec(CONTAINER_BZIP2), "bzip2");
    check_mend("compressed with lz4", "/l/a.log.lz4", "lz4 -dc /l/a.log.lz4");
    check_mend("a tar archive", "a.tar", "tar -xOf a.tar");
    check_mend("text in UTF-16", "a.log", "iconv -f UTF-16 -t UTF-8 a.log");
    check_mend("text in UTF-16LE", "a.log", "iconv -f UTF-16LE -t UTF-8 a.log");
    check_mend(container_too_wide(CONTAINER_ZSTD), "it's", "zstd -dc --long=31 'it'\\''s'");
    check_mend(container_too_wide(CONTAINER_XZ), "-a\x1b\n", "xz -dc $'./-a\\x1b\\x0a'");
    assert_true(container_is_compressed(CONTAINER_XZ));
    assert_false(container_is_compressed(CONTAINER_PLAIN));
    assert_false(container_is_compressed(CONTAINER_FOREIGN));
}

static void test_unreadable(void **state)
{
    struct scratch s;
    char piece[16];
    scratch_make(&s);
    struct container *c = container_new(s.fd, CONTAINER_PLAIN); /* a directory */
    assert_int_equal(container_read(c, piece, 16), 0);
    assert_int_equal(container_state(c), CONTAINER_IO_ERROR);
    container_free(c);
    for (size_t i = 0; i < N_CODEC_KINDS; i++) {
        c = container_new(s.fd, codec_kinds[i]);
        assert_int_equal(container_read(c, piece, 16), 0);
        assert_int_equal(container_state(c), CONTAINER_IO_ERROR);
        container_free(c);
    }
    container_free(NULL);
    scratch_remove(&s);
}

/* Two readers of one descriptor do not disturb each other. */
static void test_shared_descriptor(void **state)
{
    struct scratch s;
    char x[4], y[4];
    scratch_make(&s);
    scratch_write(&s, "f", STR("0123456789"));
    int fd = scratch_open(&s, "f");
    struct container *a = container_new(fd, CONTAINER_PLAIN),
                     *b = container_new(fd, CONTAINER_PLAIN);
    assert_int_equal(container_read(a, x, 4), 4);
    assert_int_equal(container_read(b, y, 4), 4);
    assert_memory_equal(x, y, 4);
    container_free(a);
    container_free(b);
    close(fd);
    scratch_remove(&s);
}

static void test_pipe(void **state)
{
    int ends[2];
    char piece[16];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abcdef", 6), 6);
    struct container *c = container_new(ends[0], CONTAINER_PLAIN);
    assert_int_equal(container_read(c, piece, 4), 4);
    assert_int_equal(container_read(c, piece, 4), 2);
    close(ends[1]);
    assert_int_equal(container_read(c, piece, 4), 0);
    assert_int_equal(container_state(c), CONTAINER_CLEAN);
    container_free(c);
    close(ends[0]);
}

/* Looking at a pipe takes nothing out of it. */
static void test_kind_of_a_pipe(void **state)
{
    struct buf coded;
    char piece[64];
    const char *codec;
    buf_init(&coded, 4096);
    put_gzip(&coded, STR("one line\n"));
    for (int i = 0; i < 3; i++) {
        static const enum container_kind want[] = {CONTAINER_GZIP, CONTAINER_PLAIN,
                                                   CONTAINER_PLAIN};
        struct str content[] = {buf_str(&coded), STR("one line\n"), STR("")};
        enum container_kind kind = CONTAINER_FOREIGN;
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], content[i].p, content[i].n), content[i].n);
        close(ends[1]);
        assert_int_equal(container_detect(ends[0], &kind, &codec), 0);
        assert_int_equal(kind, want[i]);
        struct container *c = container_new(ends[0], kind);
        assert_int_equal(container_read(c, piece, sizeof(piece)), content[i].n ? 9 : 0);
        assert_int_equal(container_read(c, piece, sizeof(piece)), 0);
        assert_int_equal(container_state(c), CONTAINER_CLEAN);
        container_free(c);
        close(ends[0]);
    }
    buf_release(&coded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_plain_grows_and_seeks),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_shared_descriptor),
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_kind_of_a_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
