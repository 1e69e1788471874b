/* The page rule against tests/data/page-requests.tsv, and how many of them it gets right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "parsers/verdict.h"

#define DATA "tests/data/page-requests.tsv"
#define PERSON                                                                                     \
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 "                                    \
    "Firefox/128.0"

struct score {
    size_t rows, right, false_pages, missed_pages;
};

static void take_extra(struct hit *hit, struct str extra)
{
    struct str name = str_cut(&extra, '=');

    if (str_eq(name, STR("purpose")))
        hit->purpose = extra;
    else if (str_eq(name, STR("range")))
        hit->range = extra;
    else if (str_eq(name, STR("disposition")))
        hit->disposition = extra;
    else if (str_eq(name, STR("cdn")))
        hit->cdn_result = extra;
    else if (str_eq(name, STR("referrer")))
        hit->referrer = extra;
    else if (str_eq(name, STR("ua")))
        hit->user_agent = str_eq(extra, STR("-")) ? STR_NONE : extra;
    else if (name.n > 0)
        fail_msg("%s: unknown extra \"%.*s\"", DATA, STR_ARGS(name));
}

/* The columns of a row; what was expected is returned. */
static struct str read_row(struct str line, struct hit *hit)
{
    struct str method = str_cut(&line, '\t'), status = str_cut(&line, '\t');
    struct str type = str_cut(&line, '\t'), target = str_cut(&line, '\t');
    struct str expected = str_cut(&line, '\t');
    uint64_t code;

    assert_true(str_to_u64(status, 999, &code));
    assert_true(expected.n > 0 && target.n > 0);
    *hit = (struct hit){.method = str_eq(method, STR("-")) ? STR_NONE : method,
                        .status = (int)code,
                        .user_agent = STR(PERSON)};
    hit->content_type = str_eq(type, STR("-")) ? STR_NONE : type;
    if (target.p[0] == '/') {
        ptrdiff_t mark = str_chr(target, '?', 0);
        hit->path = mark < 0 ? target : str_slice(target, 0, (size_t)mark);
        hit->query = mark < 0 ? STR_NONE : str_slice(target, (size_t)mark + 1, target.n);
    } else {
        hit->bad_request_line = true;
    }
    take_extra(hit, line);
    return expected;
}

static void judge_row(struct ua_cache *cache, struct str line, struct score *score)
{
    struct judge_rules rules;
    struct verdict v;
    struct hit hit;
    struct str expected = read_row(line, &hit);

    judge_rules_defaults(&rules);
    judge(&rules, &hit, ua_cache_get(cache, hit.user_agent), &v);
    const char *got = v.kind == VERDICT_PAGEVIEW ? "pageview" : reason_name(v.reason);
    bool page_expected = str_eq(expected, STR("pageview"));
    score->rows++;
    score->right += str_eq(expected, str_of(got));
    score->false_pages += v.kind == VERDICT_PAGEVIEW && !page_expected;
    score->missed_pages += v.kind != VERDICT_PAGEVIEW && page_expected;
    if (!str_eq(expected, str_of(got)))
        print_error("%.*s: %s (%s)\n", STR_ARGS(line), got, v.rule);
    assert_non_null(v.rule);
}

static void test_data(void **state)
{
    struct catalogue *catalogue = catalogue_new(false);
    struct ua_cache *cache = ua_cache_new(catalogue);
    struct score score = {0};
    FILE *f = fopen(DATA, "re");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    if (!f)
        fail_msg("%s: run the tests from the top of the tree", DATA);
    while ((n = getline(&line, &cap, f)) > 0) {
        struct str text = {line, (size_t)n - (line[n - 1] == '\n')};
        if (text.n > 0 && text.p[0] != '#')
            judge_row(cache, text, &score);
    }
    free(line);
    fclose(f);
    ua_cache_free(cache);
    catalogue_free(catalogue);
    printf("figure: page rule: %zu of %zu requests right, %zu counted that are no pages, %zu pages "
           "not "
           "counted\n",
           score.right, score.rows, score.false_pages, score.missed_pages);
    assert_true(score.rows >= 300);
    assert_int_equal(score.right, score.rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_data)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
