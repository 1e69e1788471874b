/* The rules, and that docs/pages.md has a row for each, in their order, and no other. */
#include "parsers/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <stdlib.h>

#define PAGE "docs/pages.md"

static void test_each_is_whole(void **state)
{
    bool has_rule[REASON_COUNT] = {false};

    for (int i = 0; i < RULES; i++) {
        const struct rule *r = rule_of((enum rule_id)i);
        struct verdict v = {.kind = VERDICT_SKIP};

        if (!r->text)
            fail_msg("rule %d has no row", i);
        assert_int_equal(r->kind == VERDICT_SKIP, r->reason != REASON_NONE);
        rule_decide(&v, (enum rule_id)i);
        assert_true(v.kind == r->kind && v.reason == r->reason);
        assert_ptr_equal(v.rule, r->text);
        assert_ptr_equal(v.key, r->key);
        has_rule[r->reason] = true;
    }
    for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
        if (!has_rule[i])
            fail_msg("no rule gives %s", reason_name((enum reason)i));
}

/* What the first column calls it. */
static const char *outcome_of(const struct rule *r)
{
    if (r->kind == VERDICT_SKIP)
        return reason_name(r->reason);
    return r->kind == VERDICT_PAGEVIEW ? "pageview" : "ai_fetch";
}

static void check_rule(int id, struct str outcome, struct str text, struct str key)
{
    if (id >= RULES)
        fail_msg("%s: no rule says \"%.*s\"", PAGE, STR_ARGS(text));
    const struct rule *r = rule_of((enum rule_id)id);

    if (!str_eq(outcome, str_of(outcome_of(r))) || !str_eq(text, str_of(r->text)) ||
        !str_eq(key, str_of(r->key)))
        fail_msg("%s has: | `%.*s` | %.*s | `%.*s` |\nbut the next rule is: | `%s` | %s | `%s` |",
                 PAGE, STR_ARGS(outcome), STR_ARGS(text), STR_ARGS(key), outcome_of(r), r->text,
                 r->key ? r->key : "");
}

static struct str next_cell(struct str *line)
{
    return str_trim(str_cut(line, '|'));
}

/* "`api`, `feed`": the next of them; STR_NONE behind the last. */
static struct str next_name(struct str *cell)
{
    if (str_chr(*cell, '`', 0) < 0)
        return STR_NONE;
    (void)str_cut(cell, '`');
    return str_cut(cell, '`');
}

/* A row of a table of reasons stands for as many rules as it names reasons. */
static void check_row(int *id, struct str line)
{
    (void)str_cut(&line, '|');
    struct str outcomes = next_cell(&line), text = next_cell(&line), key = next_cell(&line);
    struct str outcome;

    key = next_name(&key);
    assert_true(str_chr(outcomes, '`', 0) == 0);
    while (str_is_set(outcome = next_name(&outcomes)))
        check_rule((*id)++, outcome, text, key);
}

static void test_page_has_all(void **state)
{
    FILE *f = fopen(PAGE, "re");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int id = 0;
    bool in_table = false;

    if (!f)
        fail_msg("%s: run the tests from the top of the tree", PAGE);
    while ((n = getline(&line, &cap, f)) > 0) {
        struct str text = {line, (size_t)n};

        if (str_starts(text, STR("| reason | rule | key |")))
            in_table = true;
        else if (!str_starts(text, STR("|")))
            in_table = false;
        else if (in_table && !str_starts(text, STR("|-")))
            check_row(&id, text);
    }
    free(line);
    fclose(f);
    if (id < RULES)
        fail_msg("%s has no row for \"%s\"", PAGE, rule_of((enum rule_id)id)->text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_whole),
        cmocka_unit_test(test_page_has_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
