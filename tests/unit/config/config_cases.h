/* config_cases.h - tables of YAML texts and the messages they must give, for the tests of config/.
 */
#ifndef LOGFERRY_TESTS_CONFIG_CASES_H
#define LOGFERRY_TESTS_CONFIG_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "parsers/base/bytes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct config_case {
    const char *name;
    const char *yaml;
    const char *error; /* all of it, "f:line:col: …\n"; "" when the text is right */
};

/* Fails the test when the message is another one. */
static inline void expect_error(const struct config_case *c, struct buf *error)
{
    const char *got = buf_cstr(error);

    assert_non_null(got);
    if (strcmp(got, c->error) == 0)
        return;
    fail_msg("%s\n--- got\n%s--- expected\n%s", c->name, got, c->error);
}

#define TREE_FILE_MAX (1u << 20) /* docs/formats.md, the longest, has 69 KB */

/* A file of the tree, whichever directory the test is run from. The caller frees p. */
static inline struct str read_tree_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(TREE_FILE_MAX);

    assert_non_null(text);
    if (!f)
        fail_msg("%s: run the tests from the top of the tree", path);
    size_t n = fread(text, 1, TREE_FILE_MAX, f);
    assert_true(n > 0 && n < TREE_FILE_MAX);
    fclose(f);
    return (struct str){text, n};
}

#endif
