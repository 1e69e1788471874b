/*
 * docs/formats.md is docs/formats.in, which is written by hand, with what the code knows of the
 * formats put in: for the line "@formats" the table of all, for "@format NAME FILES" the example of
 * that format, a source, the fields, and of JSON the keys. Run in the top directory:
 * `test_formats_md --write` writes the page (make docs); without it the page is compared.
 */
#include "tests/unit/parsers/format_fixture.h"

#include "parsers/base/json.h"
#include "parsers/json_rows.h"

#define SOURCE "docs/formats.in"
#define PAGE "docs/formats.md"
#define PAGE_MAX ((size_t)1 << 20)
#define WIDTH 120
#define FORMATS_MAX 64

static int format_index(struct str name)
{
    const char *about, *known;

    for (size_t i = 0; (known = format_list(i, &about)); i++)
        if (str_eq(name, str_of(known)))
            return (int)i;
    fail_msg("%s: there is no format %.*s", SOURCE, STR_ARGS(name));
    return -1;
}

/* ---- the table of all ------------------------------------------------------------------------ */

static void put_cell(struct buf *out, const struct format_fields *fields, unsigned bit)
{
    buf_printf(out, " %s |",
               fields->always & bit  ? "yes"
               : fields->maybe & bit ? "if logged"
                                     : "no");
}

static void put_table(struct buf *out)
{
    static const unsigned columns[] = {HIT_BIT(HOST),       HIT_BIT(CONTENT_TYPE),
                                       HIT_BIT(DURATION),   HIT_BIT(REFERRER),
                                       HIT_BIT(USER_AGENT), HIT_BIT(CLIENT_IP)};
    const char *about, *name;

    buf_lit(out, "| name | what writes it | host | content type | duration | referrer | user agent "
                 "| client address |\n|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; (name = format_list(i, &about)); i++) {
        struct fixture x;

        fixture_open_row(&x, i);
        struct format_fields fields = format_fields(x.format);
        buf_printf(out, "| [`%s`](#%s) | ", name, name);
        for (; *about; about++)
            buf_printf(out, "%s%c", *about == '|' ? "\\" : "", *about);
        buf_lit(out, " |");
        for (size_t c = 0; c < COUNT_OF(columns); c++)
            put_cell(out, &fields, columns[c]);
        buf_putc(out, '\n');
        fixture_close(&x);
    }
}

/* ---- YAML ------------------------------------------------------------------------------------ */

static bool is_plain(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!ascii_alnum(text.p[i]) && !memchr("_./()-", text.p[i], 6))
            return false;
    return text.n > 0;
}

static void put_yaml_text(struct buf *out, struct str text)
{
    if (is_plain(text)) {
        buf_put_str(out, text);
        return;
    }
    buf_putc(out, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'')
            buf_putc(out, '\'');
        buf_putc(out, text.p[i]);
    }
    buf_putc(out, '\'');
}

/* JSON of maps, lists and texts as YAML on one line. */
static void put_yaml_of_json(struct buf *out, struct str json)
{
    struct json_reader r;
    struct buf scratch;
    enum json_event event;
    bool first = true;

    buf_init(&scratch, json.n + 1);
    json_reader_init(&r, json, &scratch);
    while ((event = json_next(&r)) != JSON_END) {
        bool ends = event == JSON_OBJECT_END || event == JSON_ARRAY_END;

        assert_int_not_equal(event, JSON_ERROR);
        if (!first && !ends)
            buf_lit(out, ", ");
        first = event == JSON_OBJECT || event == JSON_ARRAY || event == JSON_KEY;
        if (event == JSON_KEY || event == JSON_STRING)
            put_yaml_text(out, r.text);
        else
            buf_putc(out, event == JSON_OBJECT       ? '{'
                          : event == JSON_OBJECT_END ? '}'
                          : event == JSON_ARRAY      ? '['
                                                     : ']');
        if (event == JSON_KEY)
            buf_lit(out, ": ");
    }
    buf_release(&scratch);
}

static void put_source(struct buf *out, size_t i, struct str files, const struct hit *hit)
{
    const char *about, *name = format_list(i, &about), *argument = format_argument(i);

    buf_lit(out, "```yaml\nsources:\n  web:\n    files: ");
    put_yaml_text(out, files);
    buf_printf(out, "\n    format: %s%s%s", argument ? "{" : "", format_before(i), name);
    if (argument) {
        buf_lit(out, ": ");
        if (argument[0] == '{')
            put_yaml_of_json(out, str_of(argument));
        else
            put_yaml_text(out, str_of(argument));
        buf_putc(out, '}');
    }
    if (!str_is_set(hit->host) && str_find(files, STR("{host}"), 0) < 0)
        buf_lit(out, "\n    default_host: www.example.com");
    buf_lit(out, "\n```\n");
}

/* ---- what the lines tell --------------------------------------------------------------------- */

/* A word of a paragraph, on the next line where this one is full. */
static void put_word(struct buf *out, size_t *column, const char *word)
{
    size_t n = strlen(word);

    if (*column > 0 && *column + 1 + n > WIDTH) {
        buf_putc(out, '\n');
        *column = 0;
    } else if (*column > 0) {
        buf_putc(out, ' ');
        (*column)++;
    }
    buf_put_str(out, str_of(word));
    *column += n;
}

static void put_set(struct buf *out, size_t *column, unsigned set)
{
    for (int i = 0; set; i++) {
        char word[64];

        if (!(set >> i & 1))
            continue;
        set &= ~(1u << i);
        snprintf(word, sizeof(word), "`%s`%s", hit_field_name((enum hit_field)i), set ? "," : ".");
        put_word(out, column, word);
    }
}

static void put_fields(struct buf *out, struct format_fields fields)
{
    size_t column = 0;

    put_word(out, &column, "Fields:");
    put_set(out, &column, fields.always);
    if (fields.maybe) {
        put_word(out, &column, "If");
        put_word(out, &column, "logged:");
        put_set(out, &column, fields.maybe);
    }
    buf_putc(out, '\n');
}

static const struct json_row_key *keys_of(struct str name)
{
    static const struct {
        struct str name;
        enum json_variant variant;
    } tables[] = {
        {STR_INIT("nginx_json"), JSON_NGINX},
        {STR_INIT("caddy_json"), JSON_CADDY},
        {STR_INIT("traefik_json"), JSON_TRAEFIK},
        {STR_INIT("cloudfront_json"), JSON_CLOUDFRONT},
        {STR_INIT("cloudflare_json"), JSON_CLOUDFLARE},
        {STR_INIT("akamai_json"), JSON_AKAMAI},
        {STR_INIT("fastly_json"), JSON_FASTLY},
        {STR_INIT("envoy_json"), JSON_ENVOY},
        {STR_INIT("azure_json"), JSON_AZURE},
        {STR_INIT("gcp_json"), JSON_GCP},
        {STR_INIT("zeek_json"), JSON_ZEEK},
        {STR_INIT("ecs_json"), JSON_ECS},
        {STR_INIT("tomcat_json"), JSON_TOMCAT},
    };

    for (size_t i = 0; i < COUNT_OF(tables); i++)
        if (str_eq(name, tables[i].name))
            return json_rows[tables[i].variant];
    assert_true(str_find(name, STR("_json"), 0) < 0);
    return NULL;
}

static void put_keys(struct buf *out, const struct json_row_key *row)
{
    buf_lit(out, "\n| field | keys |\n|---|---|\n");
    for (; row->paths; row++) {
        struct str rest = str_of(row->paths);

        if (row->field == FIELD_TLS)
            buf_lit(out, "| `scheme` (https, where it is there) |");
        else if (row->field == FIELD_MESSAGE)
            buf_lit(out, "| none: a line of this and of no request is `directive` |");
        else if (row->field == FIELD_LOGGER)
            buf_lit(out, "| none: a line of another than `http.log.access…` is `directive` |");
        else
            buf_printf(out, "| `%s` |", field_own_name(row->field));
        while (rest.n > 0) {
            struct str key = str_cut(&rest, ' ');
            buf_printf(out, " `%.*s`%s", STR_ARGS(key), rest.n > 0 ? "," : " |\n");
        }
    }
}

static void put_format(struct buf *out, size_t i, struct str files)
{
    const char *about, *name = format_list(i, &about);
    const struct json_row_key *keys = keys_of(str_of(name));
    struct fixture x;

    fixture_open_row(&x, i);
    fixture_parse_example(&x, i);
    buf_lit(out, "```\n");
    for (const char *c = format_example(i); *c; c++)
        buf_printf(out, *c == '\x1b' ? "\\x%02x" : "%c", *c); /* colours of a terminal */
    buf_lit(out, "\n```\n\n");
    put_source(out, i, files, &x.hit);
    buf_putc(out, '\n');
    put_fields(out, format_fields(x.format));
    if (keys)
        put_keys(out, keys);
    fixture_close(&x);
}

/* ---- the page -------------------------------------------------------------------------------- */

static struct buf file_of(const char *path)
{
    struct buf content;
    FILE *f = fopen(path, "re");
    char *to;

    if (!f)
        fail_msg("%s: run the tests from the top of the tree", path);
    buf_init(&content, PAGE_MAX);
    while ((to = buf_reserve(&content, 4096))) {
        size_t n = fread(to, 1, 4096, f);
        if (n == 0)
            break;
        content.n += n;
    }
    fclose(f);
    return content;
}

static struct buf made_page(void)
{
    struct buf source = file_of(SOURCE), page;
    struct str rest = buf_str(&source);
    bool shown[FORMATS_MAX] = {false};
    const char *about, *name;

    buf_init(&page, PAGE_MAX);
    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');

        if (str_eq(line, STR("@formats"))) {
            put_table(&page);
        } else if (str_starts(line, STR("@format "))) {
            (void)str_cut(&line, ' ');
            int i = format_index(str_cut(&line, ' '));
            put_format(&page, (size_t)i, line);
            shown[i] = true;
        } else {
            buf_put_str(&page, line);
            buf_putc(&page, '\n');
        }
    }
    buf_release(&source);
    for (size_t i = 0; (name = format_list(i, &about)); i++)
        if (!shown[i])
            fail_msg("%s has no line \"@format %s FILES\"", SOURCE, name);
    assert_false(page.failed);
    return page;
}

static void test_page_is_current(void **state)
{
    struct buf made = made_page(), page = file_of(PAGE);
    bool same = str_eq(buf_str(&made), buf_str(&page));

    buf_release(&made);
    buf_release(&page);
    if (!same)
        fail_msg("%s is not what %s and the code make: run `make docs`", PAGE, SOURCE);
}

static void test_write(void **state)
{
    struct buf made = made_page();
    FILE *out = fopen(PAGE, "we");

    assert_non_null(out);
    assert_int_equal(fwrite(made.p, 1, made.n, out), made.n);
    assert_int_equal(fclose(out), 0);
    buf_release(&made);
}

/* A line never gives more than its format says; and what a name promises, its format has. */
static void test_fields_hold(void **state)
{
    const char *about;

    for (size_t i = 0; format_list(i, &about); i++) {
        struct fixture x;

        fixture_open_row(&x, i);
        fixture_parse_example(&x, i);
        struct format_fields fields = format_fields(x.format);
        unsigned more = hit_fields(&x.hit) & ~(fields.always | fields.maybe);
        if (more)
            fail_msg("%s gives fields %#x that it is not said to have", format_name(x.format),
                     more);
        assert_int_equal(fields.always & fields.maybe, 0);
        fixture_close(&x);
    }
    for (int i = 0; i < FIELDS_NAMED; i++)
        assert_true(field_gives((enum field)i) || i == FIELD_DATE);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest check[] = {
        cmocka_unit_test(test_page_is_current),
        cmocka_unit_test(test_fields_hold),
    };
    const struct CMUnitTest write[] = {cmocka_unit_test(test_write)};

    if (argc > 1 && strcmp(argv[1], "--write") == 0)
        return cmocka_run_group_tests(write, NULL, NULL);
    return cmocka_run_group_tests(check, NULL, NULL);
}
