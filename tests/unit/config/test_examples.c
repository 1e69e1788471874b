/*
 * The example files load cleanly; and whatever is broken in them, byte by byte, the readers answer
 * with a configuration or a message. Run with ASan: it sees the leaks.
 */
#include "config_cases.h"

#include "config/agent_config.h"
#include "config/server_config.h"
#include "parsers/format.h"

#define AGENT_EXAMPLE "config/logferry.yaml"
#define SERVER_EXAMPLE "config/logferry-server.yaml"

typedef bool read_fn(struct str text, struct buf *error);

static bool read_agent(struct str text, struct buf *error)
{
    struct agent_config *c = agent_config_parse(text, "f", error);

    agent_config_free(c);
    return c != NULL;
}

static bool read_server(struct str text, struct buf *error)
{
    struct server_config *c = server_config_parse(text, "f", error);

    server_config_free(c);
    return c != NULL;
}

/* Right without a message, or wrong with at least one whole line. */
static void read_either_way(read_fn *read, struct str text)
{
    struct buf error;

    buf_init(&error, 65536);
    bool ok = read(text, &error);
    assert_int_equal(ok, error.n == 0);
    if (!ok)
        assert_true(str_ends(buf_str(&error), STR("\n")));
    assert_false(error.failed);
    buf_release(&error);
}

static void load_cleanly(void **state)
{
    struct buf error;

    buf_init(&error, 65536);
    struct agent_config *agent = agent_config_load(AGENT_EXAMPLE, &error);
    struct server_config *server = server_config_load(SERVER_EXAMPLE, &error);
    if (!agent || !server)
        fail_msg("%s", buf_cstr(&error));
    assert_int_equal(agent->n_destinations, 1);
    assert_int_equal(agent->n_sources, 2);
    agent_config_free(agent);
    server_config_free(server);
    buf_release(&error);
}

/* Parses one block of YAML of the documentation; a part of logferry.yaml gets a destination. */
static void check_block(struct str block, bool server)
{
    struct buf text, error;

    buf_init(&text, 65536);
    buf_init(&error, 65536);
    if (!server && str_find(block, STR("destinations:"), 0) < 0)
        buf_lit(&text, "destinations: {main: {url: https://ingest.example.net}}\n");
    buf_put_str(&text, block);
    if (!(server ? read_server : read_agent)(buf_str(&text), &error))
        fail_msg("%s in:\n%.*s", buf_cstr(&error), STR_ARGS(block));
    buf_release(&text);
    buf_release(&error);
}

/* The next block of the page that begins with `fence`; *at is where to look on. */
static bool next_block(struct str page, struct str fence, size_t *at, struct str *block)
{
    ptrdiff_t begin = str_find(page, fence, *at);

    if (begin < 0)
        return false;
    size_t from = (size_t)begin + fence.n;
    ptrdiff_t end = str_find(page, STR("\n```"), from - 1);
    assert_true(end > 0);
    *block = str_slice(page, from, (size_t)end + 1);
    *at = (size_t)end + 1;
    return true;
}

static void documentation_is_right(void **state)
{
    struct str page = read_tree_file("docs/configuration.md"), block;
    ptrdiff_t server_part = str_find(page, STR("\n## logferry-server.yaml"), 0);
    size_t at = 0;
    unsigned blocks = 0;

    assert_true(server_part > 0);
    for (; next_block(page, STR("\n```yaml\n"), &at, &block); blocks++)
        check_block(block, (ptrdiff_t)at > server_part);
    assert_true(blocks >= 11);
    free((char *)page.p);
}

/* The page shows an escape character as "\x1b". */
static void put_unescaped(struct buf *out, struct str line)
{
    static const struct str escape = STR_INIT("\\x1b");
    ptrdiff_t at;

    while ((at = str_find(line, escape, 0)) >= 0) {
        buf_put_str(out, str_slice(line, 0, (size_t)at));
        buf_lit(out, "\x1b");
        line = str_slice(line, (size_t)at + escape.n, line.n);
    }
    buf_put_str(out, line);
}

/* The source that docs/formats.md shows reads the lines shown above it, and knows their site. */
static void check_format_block(struct str lines, struct str block)
{
    struct buf text, error, unescaped;
    struct hit hit = {0};
    enum parse_result result = PARSE_BAD;

    buf_init(&text, 65536);
    buf_init(&error, 65536);
    buf_init(&unescaped, 65536);
    buf_lit(&text, "destinations: {main: {url: https://ingest.example.net}}\n");
    buf_put_str(&text, block);
    struct agent_config *c = agent_config_parse(buf_str(&text), "f", &error);
    if (!c)
        fail_msg("%s in:\n%.*s", buf_cstr(&error), STR_ARGS(block));
    const struct source_config *source = &c->sources[0];
    struct format *f = format_new(source->format, NULL, &error);
    struct parser *p = f ? parser_new(f) : NULL;
    assert_non_null(p);
    put_unescaped(&unescaped, lines);
    lines = buf_str(&unescaped);
    while (lines.n > 0)
        result = parser_line(p, str_cut(&lines, '\n'), &hit);
    if (result != PARSE_OK)
        fail_msg("does not read the line above it:\n%.*s", STR_ARGS(block));
    assert_true(str_is_set(hit.host) || str_is_set(source->default_host) ||
                str_find(block, STR("{host}"), 0) > 0);
    parser_free(p);
    format_free(f);
    agent_config_free(c);
    buf_release(&text);
    buf_release(&error);
    buf_release(&unescaped);
}

static void formats_are_right(void **state)
{
    struct str page = read_tree_file("docs/formats.md"), lines, block;
    const char *about;
    size_t at = 0, formats = 0, blocks = 0;

    while (format_list(formats, &about))
        formats++;
    /* A block without a language that is followed by one of YAML. */
    for (; next_block(page, STR("\n\n```\n"), &at, &lines); blocks++) {
        assert_true(next_block(page, STR("\n```yaml\n"), &at, &block));
        check_format_block(lines, block);
    }
    assert_int_equal(blocks, formats);
    free((char *)page.p);
}

/* A prefix is copied to a block of its own size, so that ASan sees a read past its end. */
static void each_prefix_of(read_fn *read, const char *path)
{
    struct str whole = read_tree_file(path);

    for (size_t n = 0; n <= whole.n; n++) {
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy + 1, whole.p, n);
        read_either_way(read, (struct str){copy + 1, n});
        free(copy);
    }
    free((char *)whole.p);
}

static void each_prefix(void **state)
{
    each_prefix_of(read_agent, AGENT_EXAMPLE);
    each_prefix_of(read_server, SERVER_EXAMPLE);
}

/* Every byte becomes each of those that mean something to YAML, to us, or to nobody. */
static void each_byte_changed_in(read_fn *read, const char *path)
{
    static const char bytes[] = "\0\n\t :-#[{]},'\"&*!%|>?/x7\200\303\377";
    struct str whole = read_tree_file(path);
    char *text = (char *)whole.p;

    for (size_t i = 0; i < whole.n; i++) {
        char kept = text[i];
        for (size_t j = 0; j < sizeof(bytes) - 1; j++) {
            text[i] = bytes[j];
            read_either_way(read, whole);
        }
        text[i] = kept;
    }
    free(text);
}

static void each_byte_changed(void **state)
{
    each_byte_changed_in(read_agent, AGENT_EXAMPLE);
    each_byte_changed_in(read_server, SERVER_EXAMPLE);
}

static void each_byte_missing_in(read_fn *read, const char *path)
{
    struct str whole = read_tree_file(path);
    char *text = malloc(whole.n);

    assert_non_null(text);
    for (size_t i = 0; i < whole.n; i++) {
        memcpy(text, whole.p, i);
        memcpy(text + i, whole.p + i + 1, whole.n - i - 1);
        read_either_way(read, (struct str){text, whole.n - 1});
    }
    free(text);
    free((char *)whole.p);
}

static void each_byte_missing(void **state)
{
    each_byte_missing_in(read_agent, AGENT_EXAMPLE);
    each_byte_missing_in(read_server, SERVER_EXAMPLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_cleanly),      cmocka_unit_test(documentation_is_right),
        cmocka_unit_test(formats_are_right), cmocka_unit_test(each_prefix),
        cmocka_unit_test(each_byte_changed), cmocka_unit_test(each_byte_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
