/* Which files a source has, what their live names are, and which stream each one holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "agent/discover.h"
#include "tests/unit/agent/scratch.h"

#define LINE "1.2.3.4 - - first line\n"

/* A source of these files. `path` holds the pattern as long as it is used. */
static struct source_config source_of(const struct scratch *s, const char *pattern,
                                      char path[PATH_MAX])
{
    return (struct source_config){.files = str_of(scratch_path(s, pattern, path))};
}

static struct discovery find(const struct scratch *s, const char *pattern)
{
    struct discovery d;
    char path[PATH_MAX];
    struct source_config c = source_of(s, pattern, path);
    assert_int_equal(discover_source(&c, NULL, &d), 0);
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
            struct source_config c = source_of(&s, table[i].pattern, pattern);
            bool family = discover_family(&c, path) != 0;
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
    assert_int_equal(d.n, 3); /* directories match by chance, and are nobody's concern */
    for (size_t i = 0; i < d.n; i++) {
        bool good = str_ends(str_of(d.files[i].path), STR("/a.log"));
        assert_int_equal(d.files[i].identified, good);
        assert_int_equal(d.files[i].refused == NULL, good);
    }
    discovery_release(&d);
    scratch_remove(&s);
}

/* A link leads where the source's files are, or where the configuration says that it may. */
static void test_links_out(void **state)
{
    struct scratch s, other;
    char path[PATH_MAX], target[PATH_MAX], aside[PATH_MAX];
    scratch_make(&s);
    scratch_make(&other);
    mkdirat(s.fd, "logs", 0700);
    mkdirat(s.fd, "logs-aside", 0700);
    scratch_write(&other, "secret", STR(LINE));
    scratch_write(&s, "logs-aside/x", STR(LINE));
    scratch_path(&other, "secret", target);
    assert_int_equal(symlinkat(target, s.fd, "logs/out.log"), 0);
    assert_int_equal(symlinkat("../logs-aside/x", s.fd, "logs/aside.log"), 0);
    struct source_config c = source_of(&s, "logs/*.log", path);
    for (int allowed = 0; allowed < 2; allowed++) {
        struct str dirs[] = {str_of(other.path), str_of(scratch_path(&s, "logs-aside", aside))};
        struct discovery d;
        c.symlinks = (struct str_set){dirs, allowed ? 2 : 0};
        assert_int_equal(discover_source(&c, NULL, &d), 0);
        assert_int_equal(d.n, 2);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(d.files[i].refused == NULL, allowed);
            assert_int_equal(d.files[i].identified, allowed);
        }
        discovery_release(&d);
    }
    /* The fixed part of the pattern may be a link: it is the owner's of the configuration. */
    assert_int_equal(symlinkat("logs-aside", s.fd, "alias"), 0);
    c = source_of(&s, "alias/x", path);
    struct discovery d;
    assert_int_equal(discover_source(&c, NULL, &d), 0);
    assert_int_equal(d.n, 1);
    assert_true(d.files[0].identified);
    discovery_release(&d);
    scratch_remove(&s);
    scratch_remove(&other);
}

/* Whose lines they are, the file's own name says, not a link's that sorts before it. */
static void test_link_and_name(void **state)
{
    struct scratch s;
    scratch_make(&s);
    scratch_write(&s, "mine.example.log", STR(LINE));
    assert_int_equal(symlinkat("mine.example.log", s.fd, "a.example.log"), 0);
    struct discovery d = find(&s, "{host}.log");
    assert_int_equal(d.n, 1);
    assert_string_equal(d.files[0].host, "mine.example");
    discovery_release(&d);
    scratch_remove(&s);
}

static void test_olddir(void **state)
{
    static const struct {
        const char *pattern, *olddir, *moved, *live; /* live NULL: not of the source */
    } table[] = {
        {"access.log", "old", "old/access.log.1", "access.log"},
        {"access.log", "old", "old/access-20261101.log.gz", "access.log"},
        {"access.log", "old", "old/access.log", NULL}, /* not rotated, and not live there */
        {"access.log", "old", "older/access.log.1", NULL},
        {"*/{host}.log", "old", "a/old/x.log.1.gz", "a/x.log"},
        {"?/{host}.log", "old", "old/x.log.1", NULL},
        {"a/x.log", "/", "x.log.1", "a/x.log"}, /* "/": the scratch directory, absolute */
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct scratch s;
        struct discovery d;
        char path[PATH_MAX], moved[PATH_MAX], live[PATH_MAX], got[PATH_MAX];
        scratch_make(&s);
        mkdirat(s.fd, "old", 0700);
        mkdirat(s.fd, "older", 0700);
        mkdirat(s.fd, "a", 0700);
        mkdirat(s.fd, "a/old", 0700);
        scratch_write(&s, table[i].moved, STR(LINE));
        struct source_config c = source_of(&s, table[i].pattern, path);
        c.olddir = str_of(table[i].olddir[0] == '/' ? s.path : table[i].olddir);
        scratch_path(&s, table[i].moved, moved);
        assert_int_equal(discover_source(&c, NULL, &d), 0);
        if (d.n != (table[i].live != NULL))
            fail_msg("%s in %s: %zu files", table[i].moved, table[i].olddir, d.n);
        for (size_t k = 0; k < d.n; k++) {
            assert_false(d.files[k].live);
            assert_true(discover_live_name(&c, moved, got, sizeof(got)));
            assert_string_equal(got, scratch_path(&s, table[i].live, live));
            assert_int_equal(d.files[k].family, discover_family(&c, live));
        }
        discovery_release(&d);
        scratch_remove(&s);
    }
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
    struct found_file lz4 = identify(&s, STR("\x04\x22\x4d\x18\0\0"));
    assert_int_equal(lz4.kind, CONTAINER_FOREIGN);
    assert_string_equal(lz4.foreign, "compressed with lz4");
    struct found_file wide = identify(&s, STR("\x28\xb5\x2f\xfd\0\x90\x19\0\0abc"));
    assert_int_equal(wide.kind, CONTAINER_FOREIGN);
    assert_string_equal(wide.foreign, "compressed with zstd with a window over 128 MiB");
    buf_release(&b);
    scratch_remove(&s);
}

/* ---- claims -----------------------------------------------------------------------------------
 */

/* Fixed lines that all begin the stream alike: "n" many of them, from number `from` on. */
static void put_lines(struct buf *b, unsigned from, unsigned n)
{
    buf_lit(b, "the first line of all\n");
    for (unsigned i = from; i < from + n; i++)
        buf_printf(b, "line %06u of a log whose lines are as long as this one is here\n", i);
}

/* What an entry says that has read `text` up to `at`. */
static struct claim claim_of(struct str text, size_t at, uint64_t key)
{
    struct claim c = {.key = key, .dev = 1, .ino = key, .safe = at};
    c.stream = stream_id(str_slice(text, 0, (size_t)str_chr(text, '\n', 0)));
    c.seam = seam_of(str_slice(text, 0, at), at);
    c.head = head_of(str_slice(text, 0, at));
    return c;
}

static struct found_file ask(const struct scratch *s, struct str content, struct claim *claims,
                             size_t n)
{
    char path[PATH_MAX];
    struct found_file f = {.path = path};
    struct stat st;
    scratch_write(s, "asked", content);
    scratch_path(s, "asked", path);
    assert_int_equal(stat(path, &st), 0);
    f.dev = st.st_dev;
    f.ino = st.st_ino;
    f.size = (uint64_t)st.st_size;
    qsort(claims, n, sizeof(*claims), discover_claim_compare);
    discover_identify(&f, NULL, claims, n);
    assert_int_equal(f.error, 0);
    return f;
}

static void test_claims(void **state)
{
    struct scratch s;
    struct buf a, b;
    scratch_make(&s);
    buf_init(&a, 1 << 20);
    buf_init(&b, 1 << 20);
    put_lines(&a, 0, 1000);
    put_lines(&b, 1, 1000); /* the same first line, lengths and endings */
    struct str text = buf_str(&a), other = buf_str(&b);
    size_t line = (text.n - 22) / 1000, near = 22 + 3 * line, far = 22 + 900 * line;
    const struct {
        const char *name;
        struct str text; /* what the file holds */
        size_t at;       /* where the entry's position is, in `a` */
        enum claimed want;
    } table[] = {
        {"the file itself", text, far, CLAIM_FITS},
        {"grown since", text, near, CLAIM_FITS},
        {"read to its end", text, text.n, CLAIM_FITS},
        {"another that begins alike", other, far, CLAIM_NONE},
        {"another that begins alike, few lines read", other, near, CLAIM_NONE},
        {"a copy that was made earlier", str_slice(text, 0, far - line), far, CLAIM_SHORT},
        {"another, shorter", str_slice(other, 0, far - line), far, CLAIM_NONE},
        {"shorter than the head", str_slice(text, 0, near), far, CLAIM_WAITS},
        {"another, shorter than the head", str_slice(other, 0, near), far, CLAIM_WAITS},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        for (int gzip = 0; gzip < 2; gzip++) {
            struct claim c = claim_of(text, table[i].at, 7);
            struct buf content;
            buf_init(&content, 1 << 20);
            if (gzip)
                put_gzip(&content, table[i].text);
            else
                buf_put_str(&content, table[i].text);
            struct found_file f = ask(&s, buf_str(&content), &c, 1);
            if (f.claimed != table[i].want || f.claim != (f.claimed ? 7 : 0))
                fail_msg("%s%s: %d", table[i].name, gzip ? ", compressed" : "", f.claimed);
            buf_release(&content);
        }
    struct claim both[] = {claim_of(text, near, 1), claim_of(text, far, 2),
                           claim_of(other, far, 3)};
    assert_int_equal(ask(&s, text, both, 3).claim, 2); /* the farthest that fits */
    assert_int_equal(ask(&s, other, both, 3).claim, 3);
    buf_release(&a);
    buf_release(&b);
    scratch_remove(&s);
}

/* Entries that have read nothing, or are to pass a file over. */
static void test_claims_without_seam(void **state)
{
    struct scratch s;
    struct str text = STR("one\ntwo\nthree\n");
    scratch_make(&s);
    struct claim c = claim_of(text, 0, 7);
    assert_int_equal(ask(&s, text, &c, 1).claimed, CLAIM_NONE);
    c.bound = true; /* it may become a copy of that, or another */
    assert_int_equal(ask(&s, text, &c, 1).claimed, CLAIM_WAITS);
    c.bound = false;
    struct found_file f = ask(&s, text, &c, 1);
    c.dev = f.dev;
    c.ino = f.ino;
    assert_int_equal(ask(&s, text, &c, 1).claimed, CLAIM_FITS);
    struct claim ignored = claim_of(text, 0, 8);
    ignored.safe = UINT64_MAX;
    ignored.head = head_of(text);
    assert_int_equal(ask(&s, text, &ignored, 1).claimed, CLAIM_FITS);
    assert_int_equal(ask(&s, STR("one\ntwo\nfour\nand more\n"), &ignored, 1).claimed, CLAIM_NONE);
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
    struct source_config c = source_of(&s, "*.log", pattern);
    struct discover_known k = {.files = known, .n_files = 3};
    qsort(known, 3, sizeof(*known), discover_known_compare);
    assert_int_equal(discover_source(&c, &k, &d), 0);
    assert_true(file_named(&d, "a.log")->known);
    assert_false(file_named(&d, "a.log")->identified);
    assert_false(file_named(&d, "b.log")->known);
    assert_true(file_named(&d, "b.log")->identified);
    assert_false(file_named(&d, "c.log")->known);
    discovery_release(&d);
    for (size_t i = 0; i < 3; i++)
        known[i].whatever = true;
    assert_int_equal(discover_source(&c, &k, &d), 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(d.files[i].known);
    discovery_release(&d);
    scratch_remove(&s);
}

/* The directories that are watched: those of the files, and for those to come the ones above. */
static void test_directories(void **state)
{
    static const struct {
        const char *pattern, *olddir, *want; /* with a '+' where files are */
    } table[] = {{"*.log", NULL, "+."},
                 {"a/x.log", NULL, "+a"},
                 {"*/x.log", NULL, "+a +b ."},
                 {"{host}/x.log", NULL, "+a +b ."},
                 {"no/x", NULL, "."},
                 {"no/such/x", NULL, "."},
                 {"*/sub/x.log", NULL, "+a/sub a b ."},
                 {"a/x.log", "sub", "+a +a/sub"},
                 {"*/x.log", "sub", "+a +b +a/sub ."}};
    struct scratch s;
    scratch_make(&s);
    mkdirat(s.fd, "a", 0700);
    mkdirat(s.fd, "a/sub", 0700);
    mkdirat(s.fd, "b", 0700);
    scratch_write(&s, "file", STR("x"));
    for (size_t i = 0; i < COUNT(table); i++) {
        struct watched_directory *v;
        char path[PATH_MAX], want[PATH_MAX];
        size_t n, wanted = 0;
        struct source_config c = source_of(&s, table[i].pattern, path);
        c.olddir = table[i].olddir ? str_of(table[i].olddir) : STR_NONE;
        assert_int_equal(discover_directories(&c, &v, &n), 0);
        for (struct str names = str_of(table[i].want); names.n; wanted++) {
            struct str one = str_cut(&names, ' ');
            bool files = one.p[0] == '+';
            bool top = one.p[one.n - 1] == '.', found = false;
            snprintf(want, sizeof(want), "%s%s%.*s", s.path, top ? "" : "/",
                     top ? 0 : (int)one.n - files, one.p + files);
            for (size_t k = 0; k < n; k++)
                found = found || (strcmp(v[k].path, want) == 0 && v[k].files == files);
            if (!found)
                fail_msg("%s: not %s", table[i].pattern, want);
        }
        if (n != wanted)
            fail_msg("%s: %zu", table[i].pattern, n);
        for (size_t k = 0; k < n; k++)
            free(v[k].path);
        free(v);
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

/* No descriptor is to be had: what was not seen is not taken for gone. */
static void test_starved(void **state)
{
    struct scratch s;
    struct rlimit before, none;
    scratch_make(&s);
    scratch_write(&s, "a.log", STR(LINE));
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){(rlim_t)lowest, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct discovery by_glob = find(&s, "*.log"), by_name = find(&s, "a.log");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    struct discovery whole = find(&s, "*.log");
    assert_true(by_glob.starved && by_name.starved && !whole.starved);
    assert_int_equal(by_name.n, 1);
    assert_int_equal(by_name.files[0].error, EMFILE);
    assert_int_equal(whole.n, 1);
    assert_int_equal(whole.files[0].error, 0);
    discovery_release(&by_glob);
    discovery_release(&by_name);
    discovery_release(&whole);
    scratch_remove(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_globs_and_siblings),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_what_is_no_file),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_links_out),
        cmocka_unit_test(test_link_and_name),
        cmocka_unit_test(test_olddir),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_first_lines),
        cmocka_unit_test(test_long_first_lines),
        cmocka_unit_test(test_compressed_twins),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_claims_without_seam),
        cmocka_unit_test(test_known_files),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_starved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
