/* The tree of config/yaml.h: what it accepts, what it refuses and where, and its caps. */
#include "config_cases.h"

#include "config/arena.h"
#include "config/yaml.h"

struct world {
    struct config_arena *arena;
    struct config_errors errors;
    struct buf message;
    struct yaml_item *root;
};

static void parse_with(struct world *w, struct str text, size_t arena_bytes)
{
    w->arena = config_arena_new(arena_bytes);
    assert_non_null(w->arena);
    config_errors_init(&w->errors, STR("f"), w->arena);
    buf_init(&w->message, 65536);
    w->root = yaml_item_parse(text, &w->errors);
    config_errors_print(&w->errors, &w->message);
}

static void parse(struct world *w, struct str text)
{
    parse_with(w, text, (size_t)64 << 20);
}

static void release(struct world *w)
{
    buf_release(&w->message);
    config_arena_free(w->arena);
}

static const struct config_case refused[] = {
    {"anchor", "a: 1\nb: &x 1\n",
     "f:2:4: an anchor (&name) stands here; expected plain YAML; remove it, or put the text in "
     "'quotes'\n"},
    {"anchor of a mapping", "a: &x {b: 1}\n",
     "f:1:4: an anchor (&name) stands here; expected plain YAML; remove it, or put the text in "
     "'quotes'\n"},
    {"alias", "a:\n  - *x\n",
     "f:2:5: an alias (*name) stands here; expected plain YAML; write the value out, or put the "
     "text in 'quotes'\n"},
    {"tag", "a: !!int 3\n",
     "f:1:4: a tag (!name) stands here; expected plain YAML; remove it, or put the text in "
     "'quotes'\n"},
    {"second document", "a: 1\n---\nb: 2\n",
     "f:2:1: a second document begins here; expected plain YAML; remove this line and all that "
     "follows\n"},
    {"key twice", "a: 1\nb: 2\n\"a\": 3\n",
     "f:3:1: key \"a\" is given twice; the first stands in line 1; remove one\n"},
    {"two keys twice, in a flow", "{a: 1, a: 2,\n b: 1, b: 2}\n",
     "f:1:8: key \"a\" is given twice; the first stands in line 1; remove one\n"
     "f:2:8: key \"b\" is given twice; the first stands in line 2; remove one\n"},
    {"list as key", "? [a]\n: 1\n",
     "f:1:3: a key is a list; expected a text; write it as key: value\n"},
    {"mapping as key", "{{a: 1}: 2}\n",
     "f:1:2: a key is a mapping; expected a text; write it as key: value\n"},
    {"tab in a text", "a: \"b\\tc\"\n",
     "f:1:4: a line break or a control character stands in this text; expected one line of text; "
     "write it as 'text'\n"},
    {"NUL in a text", "a: \"b\\0c\"\n",
     "f:1:4: a line break or a control character stands in this text; expected one line of text; "
     "write it as 'text'\n"},
    {"C1 control in a key", "\"\\x9bk\": 1\n",
     "f:1:1: a line break or a control character stands in this text; expected one line of text; "
     "write it as 'text'\n"},
    {"literal block", "a: |\n  b\n",
     "f:1:4: a line break or a control character stands in this text; expected one line of text; "
     "write it as 'text'\n"},
    {"open list", "a: [1,\n",
     "f:2:1: not valid YAML: did not find expected node content, while parsing a flow node; indent "
     "with spaces, and put a text that holds signs in 'quotes'\n"},
    {"tab as indentation", "a:\n\tb: 1\n",
     "f:2:1: not valid YAML: found character that cannot start any token, while scanning for the "
     "next token; indent with spaces, and put a text that holds signs in 'quotes'\n"},
    {"colon in a text", "a: b: c\n",
     "f:1:5: not valid YAML: mapping values are not allowed in this context; indent with spaces, "
     "and put a text that holds signs in 'quotes'\n"},
    {"not UTF-8", "a: 1\nb: \xff\n",
     "f:2:4: not valid YAML: invalid leading UTF-8 octet; expected UTF-8 text without control "
     "characters; save the file as UTF-8\n"},
    {"raw control byte", "a: \"\303\244\001\"\n",
     "f:1:6: not valid YAML: control characters are not allowed; expected UTF-8 text without "
     "control characters; save the file as UTF-8\n"},
    {"17 levels", "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\n",
     "f:1:17: lists and mappings lie more than 16 deep; write fewer levels\n"},
    {"16 levels", "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n", ""},
    {"nothing", "", ""},
    {"a comment", "# nothing\n", ""},
    {"one document with its marks", "---\na: 1\n...\n", ""},
    {"byte order mark",
     "\xef\xbb\xbf"
     "a: 1\n",
     ""},
    {"CRLF", "a: 1\r\nb:\r\n  - c\r\n", ""},
};

static void refuses_with_place(void **state)
{
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct world w;
        parse(&w, str_of(refused[i].yaml));
        expect_error(&refused[i], &w.message);
        if (refused[i].error[0] == '\0')
            assert_non_null(w.root);
        release(&w);
    }
}

static void assert_text(const struct yaml_item *item, const char *text)
{
    assert_non_null(item);
    assert_int_equal(item->kind, YAML_TEXT);
    assert_string_equal(item->text.p, text);
    assert_int_equal(item->text.n, strlen(text));
}

static void builds_the_tree(void **state)
{
    struct world w;
    parse(&w, STR("a: 1\nlist: [x, 'null', ~, null, \"\"]\nm:\n  k: {deep: v}\n  e:\n"));

    assert_non_null(w.root);
    assert_int_equal(w.root->n, 3);
    assert_text(yaml_item_get(w.root, "a"), "1");
    const struct yaml_item *list = yaml_item_get(w.root, "list");
    assert_int_equal(list->kind, YAML_LIST);
    assert_int_equal(list->n, 5);
    assert_int_equal(list->at.line, 2);
    assert_int_equal(list->at.column, 7);
    assert_int_equal(list->key_at.column, 1);
    assert_text(list->first->next, "null");
    assert_int_equal(list->first->next->next->kind, YAML_EMPTY);
    assert_int_equal(list->first->next->next->next->kind, YAML_EMPTY);
    assert_text(list->first->next->next->next->next, "");
    const struct yaml_item *m = yaml_item_get(w.root, "m");
    assert_text(yaml_item_get(yaml_item_get(m, "k"), "deep"), "v");
    assert_int_equal(yaml_item_get(m, "e")->kind, YAML_EMPTY);
    assert_null(yaml_item_get(m, "none"));
    assert_null(yaml_item_get(list, "x"));
    assert_null(yaml_item_get(NULL, "x"));
    release(&w);
}

static void names_paths(void **state)
{
    struct world w;
    struct buf path;

    parse(&w, STR("m:\n  k:\n    - a\n    - {x: 1}\n"));
    buf_init(&path, 200);
    const struct yaml_item *k = yaml_item_get(yaml_item_get(w.root, "m"), "k");
    yaml_item_put_path(yaml_item_get(k->first->next, "x"), &path);
    assert_string_equal(buf_cstr(&path), "m.k[2].x");
    buf_reset(&path);
    yaml_item_put_path(w.root, &path);
    assert_int_equal(path.n, 0);
    buf_release(&path);
    release(&w);
}

/* Text of `unit` repeated `n` times between two others. */
static struct buf repeated(const char *before, const char *unit, size_t n, const char *after)
{
    struct buf text;

    buf_init(&text, (size_t)4 << 20);
    buf_put_str(&text, str_of(before));
    for (size_t i = 0; i < n; i++)
        buf_put_str(&text, str_of(unit));
    buf_put_str(&text, str_of(after));
    assert_false(text.failed);
    return text;
}

static void keeps_its_caps(void **state)
{
    struct world w;
    struct buf text = repeated("[", "1,", YAML_MAX_ITEMS, "1]");

    parse(&w, buf_str(&text));
    assert_null(w.root);
    assert_string_equal(buf_cstr(&w.message),
                        "f:1:200000: the file holds more than 100000 items; remove some\n");
    release(&w);
    buf_release(&text);

    text = repeated("# ", "x", YAML_MAX_BYTES, "\n");
    parse(&w, buf_str(&text));
    assert_null(w.root);
    assert_string_equal(buf_cstr(&w.message),
                        "f: the file is larger than 1048576 bytes; is it the right one?\n");
    release(&w);
    buf_release(&text);

    text = repeated("", "k", YAML_MAX_KEY_BYTES + 1, ": 1\n");
    parse(&w, buf_str(&text));
    assert_null(w.root);
    assert_string_equal(buf_cstr(&w.message),
                        "f:1:1: a key is longer than 256 bytes; shorten it\n");
    release(&w);
    buf_release(&text);

    buf_init(&text, 65536);
    for (int i = 0; i <= YAML_MAX_KEYS; i++)
        buf_printf(&text, "k%d: 1\n", i);
    parse(&w, buf_str(&text));
    assert_null(w.root);
    assert_string_equal(buf_cstr(&w.message),
                        "f:1025:1: a mapping holds more than 1024 keys; remove some\n");
    release(&w);
    buf_release(&text);
}

/* Shapes that made YAML scanners slow: none may take more than a moment. The runner's time limit
 * judges. */
static void survives_hard_shapes(void **state)
{
    static const char *const units[] = {"[",     "{",  "- ", "? ",  "{a: ", "a: [", "\"",
                                        "'",     "&",  "*",  "!",   "|\n",  ">\n ", "%",
                                        "---\n", "\n", " ",  "a\n", ": "};

    for (size_t i = 0; i < COUNT(units); i++) {
        struct world w;
        struct buf text = repeated("", units[i], 65536 / strlen(units[i]), "");
        parse(&w, buf_str(&text));
        release(&w);
        buf_release(&text);
    }
}

static void fails_without_memory(void **state)
{
    struct str text = STR("a: [1, {b: c}]\nd: 'e'\nd: \"x\\ty\"\n");
    bool done = false;

    for (size_t cap = 0; !done && cap < 65536; cap += 16) {
        struct world w;
        parse_with(&w, text, cap);
        done = !config_arena_failed(w.arena);
        if (w.root && done)
            assert_int_equal(w.errors.n, 2);
        release(&w);
    }
    assert_true(done);
}

static void escapes_its_messages(void **state)
{
    struct config_arena *arena = config_arena_new(4096);
    struct config_errors e;
    struct buf out;

    config_errors_init(&e, STR("f\033"), arena);
    config_error(&e, (struct config_place){3, 1}, "third");
    config_error(&e, (struct config_place){1, 9}, "a\nb\x1b[0m \xc2\x9b \xc3\xa4");
    buf_init(&out, 4096);
    config_errors_print(&e, &out);
    assert_string_equal(buf_cstr(&out), "f\\x1b:1:9: a\\x0ab\\x1b[0m \\xc2\\x9b \xc3\xa4\n"
                                        "f\\x1b:3:1: third\n");
    buf_release(&out);
    config_arena_free(arena);
}

static void counts_what_it_does_not_show(void **state)
{
    struct config_arena *arena = config_arena_new(65536);
    struct config_errors e;
    struct buf out;

    config_errors_init(&e, STR("f"), arena);
    for (unsigned i = 1; i <= CONFIG_MAX_PROBLEMS + 2; i++)
        config_error(&e, (struct config_place){i, 1}, "x");
    buf_init(&out, 4096);
    config_errors_print(&e, &out);
    assert_true(str_ends(buf_str(&out), STR("f:20:1: x\nf: 2 more problems are not shown\n")));
    buf_release(&out);
    config_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_place),   cmocka_unit_test(builds_the_tree),
        cmocka_unit_test(names_paths),          cmocka_unit_test(keeps_its_caps),
        cmocka_unit_test(survives_hard_shapes), cmocka_unit_test(fails_without_memory),
        cmocka_unit_test(escapes_its_messages), cmocka_unit_test(counts_what_it_does_not_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
