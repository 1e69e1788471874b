/* Which files a source has, what their live names are, and which stream each one holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/wait.h>

#include "agent/discover.h"
#include "tests/unit/agent/scratch.h"

#define LINE "1.2.3.4 - - first line\n"

static struct discovery find(const struct scratch *s, const char *pattern)
{
    struct discovery d;
    char path[PATH_MAX];
    scratch_path(s, pattern, path);
    assert_int_equal(discover_source(str_of(path), NULL, 0, &d), 0);
    return d;
}

static const struct found_file *file_named(const struct discovery *d, const char *name)
{
    for (size_t i = 0; i < d->n; i++)
        if (str_ends(str_of(d->files[i].path), str_of(name)) &&
            d->files[i].path[strlen(d->files[i].path) - strlen(name) - 1] == '/')
            return &d->files[i];
    return NULL;
}

static void test_globs_and_siblings(void **state)
{
    static const struct {
        const char *pattern, *names; /* +live, -sibling, !not at all */
    } table[] = {
        {"access.log",
         "+access.log -access.log.1 -access.log.2.gz -access.log-20260101 -access.log-20260101.gz "
         "-access-20260101.log -access-20260101.log.gz -access.1.log -access.log.old !access.logs "
         "!access !error.log !xaccess.log !access_20260101.log !accesslog"},
        {"*.log", "+a.log +b.log -a.log.1 -b.log-2 +a-2026.log !a.logx !.hidden.log !log"},
        {"plain", "+plain -plain.1 -plain-2 -plain.gz !plainer !plain_1"},
        {"?/x.log", "+a/x.log +b/x.log -b/x.log.1 !ab/x.log !x.log"},
        {"[ab].log", "+a.log +b.log -a.log.1.gz !c.log"},
        {"sub.d/access", "+sub.d/access -sub.d/access.1 !sub.e/access"},
        {"no/such/*.log", "!no.log"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct scratch s;
        size_t wanted = 0;
        scratch_make(&s);
        mkdirat(s.fd, "a", 0700);
        mkdirat(s.fd, "b", 0700);
        mkdirat(s.fd, "ab", 0700);
        mkdirat(s.fd, "sub.d", 0700);
        mkdirat(s.fd, "sub.e", 0700);
        for (struct str names = str_of(table[i].names); names.n;) {
            char name[100];
            struct str one = str_cut(&names, ' ');
            snprintf(name, sizeof(name), "%.*s", (int)one.n - 1, one.p + 1);
            scratch_write(&s, name, STR(LINE));
        }
        struct discovery d = find(&s, table[i].pattern);
        for (struct str names = str_of(table[i].names); names.n;) {
            char name[100], path[PATH_MAX];
            struct str one = str_cut(&names, ' ');
            snprintf(name, sizeof(name), "%.*s", (int)one.n - 1, one.p + 1);
            scratch_path(&s, name, path);
            const struct found_file *f = NULL;
            for (size_t k = 0; k < d.n; k++)
                if (strcmp(d.files[k].path, path) == 0)
                    f = &d.files[k];
            if ((f != NULL) != (one.p[0] != '!') || (f && f->live != (one.p[0] == '+')))
                fail_msg("%s: %.*s is %s", table[i].pattern, STR_ARGS(one),
                         !f        ? "not found"
                         : f->live ? "live"
                                   : "a sibling");
            wanted += f != NULL;
            char pattern[PATH_MAX];
            scratch_path(&s, table[i].pattern, pattern);
            bool family = discover_family(str_of(pattern), path) > 0;
            bool live = discover_matches(str_of(pattern), path);
            if (family != (one.p[0] != '!') || live != (one.p[0] == '+'))
                fail_msg("%s: family says otherwise of %.*s", table[i].pattern, STR_ARGS(one));
        }
        assert_int_equal(d.n, wanted);
        discovery_release(&d);
        discovery_release(&d);
        scratch_remove(&s);
    }
}

static void test_hosts(void **state)
{
    static const struct {
        const char *pattern, *name, *host; /* NULL: none */
    } table[] = {
        {"{host}.access.log", "example.com.access.log", "example.com"},
        {"{host}.access.log", "Example.COM.access.log", "example.com"},
        {"{host}.access.log", "example.com.access.log.1", "example.com"},
        {"{host}.access.log", "example.com.access.log-20260101.gz", "example.com"},
        {"{host}.access.log", "example.com.access-20260101.log.gz", "example.com"},
        {"{host}.access.log", "my-site.example.access-2.log", "my-site.example"},
        {"access-{host}.log", "access-example.com.log", "example.com"},
        {"access-{host}.log", "access-example.com.log.7.gz", "example.com"},
        {"access_{host}", "access_example.com", "example.com"},
        {"{host}/access.log", "example.com/access.log", "example.com"},
        {"{host}/access.log", "example.com/access.log.1", "example.com"},
        {"{host}/access.log", "example.com/access-2026.log.gz", "example.com"},
        {"{host}/*.log", "example.com/x.log", "example.com"},
        {"{host}.*.log", "example.com.access.log", "example.com"},
        {"*-{host}.log", "ssl-example.com.log", "example.com"},
        {"access.log", "access.log", NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct scratch s;
        scratch_make(&s);
        mkdirat(s.fd, "example.com", 0700);
        scratch_write(&s, table[i].name, STR(LINE));
        struct discovery d = find(&s, table[i].pattern);
        if (d.n != 1)
            fail_msg("%s: %zu files for %s", table[i].pattern, d.n, table[i].name);
        const char *host = d.files[0].host;
        if ((host == NULL) != (table[i].host == NULL) || (host && strcmp(host, table[i].host) != 0))
            fail_msg("%s: %s has the host %s", table[i].pattern, table[i].name,
                     host ? host : "(none)");
        discovery_release(&d);
        scratch_remove(&s);
    }
}

static void test_what_is_no_file(void **state)
{
    struct scratch s;
    scratch_make(&s);
    scratch_write(&s, "a.log", STR(LINE));
    mkdirat(s.fd, "directory.log", 0700);
    assert_int_equal(mkfifoat(s.fd, "fifo.log", 0600), 0);
    assert_int_equal(symlinkat("/dev/zero", s.fd, "device.log"), 0);
    assert_int_equal(symlinkat("nowhere", s.fd, "dangling.log"), 0);
    assert_int_equal(symlinkat("fifo.log", s.fd, "to-fifo.log"), 0);
    struct discovery d = find(&s, "*.log");
    assert_int_equal(d.n, 1);
    assert_true(str_ends(str_of(d.files[0].path), STR("/a.log")));
    discovery_release(&d);
    scratch_remove(&s);
}

/* A file is read once, however many names it has. */
static void test_links(void **state)
{
    struct scratch s;
    scratch_make(&s);
    scratch_write(&s, "a.log", STR(LINE));
    assert_int_equal(linkat(s.fd, "a.log", s.fd, "b.log", 0), 0);
    assert_int_equal(symlinkat("a.log", s.fd, "c.log"), 0);
    assert_int_equal(linkat(s.fd, "a.log", s.fd, "a.log.1", 0), 0);
    mkdirat(s.fd, "elsewhere", 0700);
    scratch_write(&s, "elsewhere/d", STR(LINE));
    assert_int_equal(symlinkat("elsewhere/d", s.fd, "d.log"), 0);
    struct discovery d = find(&s, "*.log");
    assert_int_equal(d.n, 2);
    assert_true(file_named(&d, "a.log")->live);
    const struct found_file *linked = file_named(&d, "d.log");
    assert_non_null(linked); /* containers' logs are links */
    assert_true(linked->identified);
    discovery_release(&d);
    scratch_remove(&s);
}

static void test_unreadable(void **state)
{
    struct scratch s;
    int status;
    scratch_make(&s);
    scratch_write(&s, "a.log", STR(LINE));
    assert_int_equal(fchmodat(s.fd, "a.log", 0, 0), 0);
    assert_int_equal(chmod(s.path, 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
            _exit(9);
        struct discovery d = find(&s, "*.log");
        _exit(d.n == 1 && d.files[0].error == EACCES && !d.files[0].identified ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    scratch_remove(&s);
}

/* ---- identification ---------------------------------------------------------------------------
 */

static struct found_file identify(const struct scratch *s, struct str content)
{
    scratch_write(s, "f", content);
    struct discovery d = find(s, "f");
    assert_int_equal(d.n, 1);
    assert_int_equal(d.files[0].error, 0);
    struct found_file f = d.files[0];
    assert_int_equal(f.size, content.n);
    discovery_release(&d);
    f.path = f.host = NULL;
    return f;
}

static void test_first_lines(void **state)
{
    static const struct {
        const char *name;
        struct str content, line;
        bool identified;
    } table[] = {
        {"a line", STR("one\ntwo\n"), STR("one"), true},
        {"half a line", STR("one"), STR("one"), false},
        {"empty", STR(""), STR_NONE, false},
        {"CRLF", STR("one\r\ntwo\r\n"), STR("one\r"), true},
        {"behind headers", STR("#Version: 1.0\n#Fields: a\none\ntwo\n"), STR("one"), true},
        {"only headers", STR("#Version: 1.0\n#Fields: a\n"), STR_NONE, false},
        {"half a header", STR("#Version: 1.0"), STR_NONE, false},
        {"behind empty lines", STR("\n\none\n"), STR("one"), true},
        {"only empty lines", STR("\n\n\n"), STR_NONE, false},
        {"NULs before it", STR("\0\0\0one\ntwo\n"), STR("one"), true},
        {"NULs before half of it", STR("\0\0\0one"), STR("one"), false},
        {"NULs within", STR("o\0ne\n"), STR("o\0ne"), true},
    };
    struct scratch s;
    scratch_make(&s);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct found_file f = identify(&s, table[i].content);
        if (f.identified != table[i].identified)
            fail_msg("%s: identified: %d", table[i].name, f.identified);
        if (str_is_set(table[i].line) && !hash128_eq(f.stream, stream_id(table[i].line)))
            fail_msg("%s: another stream", table[i].name);
    }
    assert_true(hash128_eq(stream_id(STR("\0\0one")), stream_id(STR("one"))));
    assert_false(hash128_eq(stream_id(STR("one")), stream_id(STR("one "))));
    scratch_remove(&s);
}

static void test_long_first_lines(void **state)
{
    struct scratch s;
    struct buf b;
    scratch_make(&s);
    buf_init(&b, 1 << 20);
    put_repeated(&b, 'x', STREAM_ID_BYTES);
    struct hash128 id = stream_id(buf_str(&b));
    struct found_file half = identify(&s, str_slice(buf_str(&b), 0, b.n - 1));
    assert_false(half.identified);
    struct found_file f = identify(&s, buf_str(&b)); /* what follows cannot change it any more */
    assert_true(f.identified);
    assert_true(hash128_eq(f.stream, id));
    put_repeated(&b, 'y', 300000);
    f = identify(&s, buf_str(&b));
    assert_true(f.identified);
    assert_true(hash128_eq(f.stream, id));
    buf_putc(&b, '\n');
    f = identify(&s, buf_str(&b));
    assert_true(hash128_eq(f.stream, id));
    buf_reset(&b);
    for (int i = 0; i < 10000; i++) /* headers without end */
        buf_lit(&b, "#Comment\n");
    buf_lit(&b, "one\n");
    f = identify(&s, buf_str(&b));
    assert_false(f.identified);
    buf_release(&b);
    scratch_remove(&s);
}

static void test_compressed_twins(void **state)
{
    struct scratch s;
    struct buf b;
    struct found_file plain, gzip;
    scratch_make(&s);
    buf_init(&b, 1 << 20);
    plain = identify(&s, STR("one\ntwo\n"));
    put_gzip(&b, STR("one\ntwo\n"));
    gzip = identify(&s, buf_str(&b));
    assert_int_equal(plain.kind, CONTAINER_PLAIN);
    assert_int_equal(plain.trailer, 0);
    assert_int_equal(gzip.kind, CONTAINER_GZIP);
    assert_int_equal(gzip.trailer, 8);
    assert_true(gzip.identified);
    assert_true(hash128_eq(plain.stream, gzip.stream));
    for (size_t n = 2; n < b.n; n++) { /* cut: no error, and no other stream */
        struct found_file f = identify(&s, str_slice(buf_str(&b), 0, n));
        assert_true(!f.identified || hash128_eq(f.stream, gzip.stream));
    }
    struct found_file zstd = identify(&s, STR("\x28\xb5\x2f\xfd\0\0"));
    assert_int_equal(zstd.kind, CONTAINER_FOREIGN);
    assert_string_equal(zstd.foreign, "zstd");
    buf_release(&b);
    scratch_remove(&s);
}

static void test_known_files(void **state)
{
    struct scratch s;
    struct discovery d;
    char pattern[PATH_MAX];
    scratch_make(&s);
    scratch_write(&s, "a.log", STR(LINE));
    scratch_write(&s, "b.log", STR(LINE));
    scratch_write(&s, "c.log", STR(LINE));
    d = find(&s, "*.log");
    struct known_file known[3];
    for (size_t i = 0; i < 3; i++) {
        const struct found_file *f = &d.files[i];
        known[i] = (struct known_file){f->dev, f->ino, f->size, f->mtime_ms, false};
        assert_false(f->known);
    }
    discovery_release(&d);
    known[1].size++;
    known[2].mtime_ms++;
    scratch_path(&s, "*.log", pattern);
    qsort(known, 3, sizeof(*known), discover_known_compare);
    assert_int_equal(discover_source(str_of(pattern), known, 3, &d), 0);
    assert_true(file_named(&d, "a.log")->known);
    assert_false(file_named(&d, "a.log")->identified);
    assert_false(file_named(&d, "b.log")->known);
    assert_true(file_named(&d, "b.log")->identified);
    assert_false(file_named(&d, "c.log")->known);
    discovery_release(&d);
    for (size_t i = 0; i < 3; i++)
        known[i].whatever = true;
    assert_int_equal(discover_source(str_of(pattern), known, 3, &d), 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(d.files[i].known);
    discovery_release(&d);
    scratch_remove(&s);
}

static void test_directories(void **state)
{
    static const struct {
        const char *pattern;
        size_t n;
    } table[] = {{"*.log", 1}, {"a/x.log", 1}, {"*/x.log", 2}, {"{host}/x.log", 2}, {"no/x", 0}};
    struct scratch s;
    scratch_make(&s);
    mkdirat(s.fd, "a", 0700);
    mkdirat(s.fd, "b", 0700);
    scratch_write(&s, "file", STR("x"));
    for (size_t i = 0; i < COUNT(table); i++) {
        char **directories, path[PATH_MAX];
        size_t n;
        scratch_path(&s, table[i].pattern, path);
        assert_int_equal(discover_directories(str_of(path), &directories, &n), 0);
        if (n != table[i].n)
            fail_msg("%s: %zu", table[i].pattern, n);
        for (size_t k = 0; k < n; k++)
            free(directories[k]);
        free(directories);
    }
    scratch_remove(&s);
}

static size_t found_by_path(const struct scratch *s, const char *name, struct discovery *d)
{
    char path[PATH_MAX];
    *d = (struct discovery){0};
    assert_int_equal(discover_path(scratch_path(s, name, path), d), 0);
    return d->n;
}

static void test_paths(void **state)
{
    struct scratch s;
    struct discovery d;
    char path[PATH_MAX], deep[200] = "";
    scratch_make(&s);
    scratch_write(&s, "a.log", STR(LINE));
    scratch_write(&s, "b [1]*.log", STR(LINE));
    mkdirat(s.fd, "tree", 0700);
    mkdirat(s.fd, "tree/sub", 0700);
    mkdirat(s.fd, "tree/.git", 0700);
    scratch_write(&s, "tree/1.log", STR(LINE));
    scratch_write(&s, "tree/sub/2.log", STR(LINE));
    scratch_write(&s, "tree/.git/3.log", STR(LINE));
    scratch_write(&s, "tree/.4.log", STR(LINE));
    assert_int_equal(symlinkat("..", s.fd, "tree/sub/up"), 0);
    assert_int_equal(symlinkat("../a.log", s.fd, "tree/link"), 0);
    assert_int_equal(mkfifoat(s.fd, "tree/fifo", 0600), 0);
    assert_int_equal(found_by_path(&s, "a.log", &d), 1);
    assert_true(d.files[0].live && d.files[0].identified);
    assert_int_equal(discover_path(scratch_path(&s, "a.log", path), &d), 0);
    assert_int_equal(d.n, 1); /* named twice */
    discovery_release(&d);
    assert_int_equal(found_by_path(&s, "b [1]*.log", &d), 1); /* a name before a pattern */
    discovery_release(&d);
    assert_int_equal(found_by_path(&s, "?.log", &d), 1);
    discovery_release(&d);
    assert_int_equal(found_by_path(&s, "tree", &d), 2);
    assert_non_null(file_named(&d, "1.log"));
    assert_non_null(file_named(&d, "2.log"));
    discovery_release(&d);
    errno = 0;
    assert_int_equal(found_by_path(&s, "nothing", &d), 0);
    assert_int_equal(errno, ENOENT);
    for (int i = 0; i < 20; i++) { /* there is an end to it */
        snprintf(deep + strlen(deep), sizeof(deep) - strlen(deep), "%sd", i ? "/" : "");
        mkdirat(s.fd, deep, 0700);
        snprintf(path, sizeof(path), "%s/f.log", deep);
        scratch_write(&s, path, STR(LINE));
    }
    assert_int_equal(found_by_path(&s, "d", &d), 16);
    discovery_release(&d);
    scratch_remove(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_globs_and_siblings),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_what_is_no_file),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_first_lines),
        cmocka_unit_test(test_long_first_lines),
        cmocka_unit_test(test_compressed_twins),
        cmocka_unit_test(test_known_files),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
