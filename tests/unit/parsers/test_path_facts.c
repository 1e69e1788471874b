/* test_path_facts.c - the cache says of a path what path_facts_of says, under whatever rules and
 * whatever has been in the slots before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "parsers/path_facts.h"

static struct str always[] = {STR_INIT("/shop")}, never[] = {STR_INIT("/x"), STR_INIT("/shop/api")};

static struct judge_rules *new_rules(struct str_set pages, struct str_set not_pages)
{
    struct judge_rules *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    judge_rules_defaults(r);
    r->always = pages;
    r->not_pages = not_pages;
    judge_rules_index(r);
    return r;
}

static void check(struct text_cache *c, const struct judge_rules *r, struct str path)
{
    struct path_facts want;
    struct text_id id = text_id_of(path);

    path_facts_of(r, path, &want);
    path_cache_prefetch(c, r, id);
    const struct path_facts *got = path_cache_find(c, r, path, id);
    assert_int_equal(got->is, want.is);
    assert_int_equal(got->extension, want.extension);
    assert_int_equal(got->below, want.below);
    assert_memory_equal(got->program, want.program, sizeof(got->program));
}

/* One cache serves sources with other lists. Twice as many paths as there are slots. */
static void test_cache(void **state)
{
    struct judge_rules *rules[] = {
        new_rules((struct str_set){always, 1}, (struct str_set){never, 2}),
        new_rules((struct str_set){NULL, 0}, (struct str_set){never, 2}),
        new_rules((struct str_set){NULL, 0}, (struct str_set){never, 1}),
    };
    static const char *const shapes[] = {"/shop/api/%u", "/x/%u.png", "/wp-admin/%u.php",
                                         "/%u/feed/",    "/shop/%u/", "/cgi-bin/%u"};
    struct text_cache *c = path_cache_new();
    char path[64];

    assert_non_null(c);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 2 * PATH_CACHE_SLOTS; i++) {
            snprintf(path, sizeof(path), shapes[i % COUNT_OF(shapes)], i / 12 * 12);
            check(c, rules[i / 12 % COUNT_OF(rules)], str_of(path));
        }
    check(c, rules[0], STR_NONE);
    check(c, rules[0], STR(""));
    text_cache_free(c);
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        free(rules[i]);
}

/* Of the same lists, and of no others: what one source has found out holds for the other. */
static void test_identity(void **state)
{
    struct judge_rules *a = new_rules((struct str_set){always, 1}, (struct str_set){never, 2});
    struct judge_rules *b = new_rules((struct str_set){always, 1}, (struct str_set){never, 2});
    struct judge_rules *c = new_rules((struct str_set){never, 1}, (struct str_set){never, 2});

    assert_int_equal(a->index.identity, b->index.identity);
    assert_int_not_equal(a->index.identity, c->index.identity);
    free(a);
    free(b);
    free(c);
}

/* What was in the cache and made room is not known any more, and nothing else's value is. */
static void test_room(void **state)
{
    struct text_cache *c = text_cache_new(64, sizeof(uint64_t));
    unsigned known = 0, total = 0;

    assert_non_null(c);
    for (unsigned round = 0; round < 4; round++)
        for (uint64_t i = 0; i < (round < 2 ? 40 : 1000); i++, total++) {
            struct text_id id = text_id_of((struct str){(const char *)&i, sizeof(i)});
            bool is_known;
            uint64_t *value = text_cache_find(c, id, &is_known);
            if (is_known)
                assert_int_equal(*value, i);
            *value = i;
            known += is_known;
            assert_ptr_equal(text_cache_find(c, id, &is_known), value);
            assert_true(is_known);
        }
    assert_in_range(known, 20, total / 2);
    text_cache_free(c);
    text_cache_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
