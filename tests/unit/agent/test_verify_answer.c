/* Answers of the verify endpoint: only what adds up, line by line, is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/verify_answer.h"
#include "tests/unit/agent/scratch.h"

#define ID "11111111-2222-4333-8444-555555555555"
#define B "{\"batch\":\"" ID "\","
#define N 10u /* records: lines 2 to 11 */

static const struct {
    const char *name, *body;
    bool good;
} table[] = {
    {"all there",
     B "\"present\":10,\"missing\":0,\"excluded\":0,\"missing_lines\":[],\"rejected\":[]}", true},
    {"the least", B "\"present\":10,\"missing\":0,\"missing_lines\":[]}", true},
    {"unknown keys", B "\"new\":{\"a\":[1]},\"present\":10,\"missing\":0,\"missing_lines\":[]}",
     true},
    {"all missing", B "\"present\":0,\"missing\":10,\"missing_lines\":[[2,11]]}", true},
    {"in pieces", B "\"present\":0,\"missing\":10,\"missing_lines\":[[2,2],[3,6],[7,11]]}", true},
    {"two holes", B "\"present\":6,\"missing\":4,\"missing_lines\":[[2,4],[8,8]]}", true},
    {"all kinds",
     B "\"present\":5,\"missing\":2,\"excluded\":2,\"missing_lines\":[[3,4]],\"rejected\":[{"
       "\"line\":2,"
       "\"status\":403,\"error\":\"no\"}]}",
     true},
    {"excluded lines told",
     B "\"present\":7,\"missing\":1,\"excluded\":2,\"missing_lines\":[[4,4]],"
       "\"excluded_lines\":[[2,3]]}",
     true},
    {"a rejection without words",
     B "\"present\":9,\"missing\":0,\"missing_lines\":[],\"rejected\":[{\"line\":11}]}", true},
    {"another batch",
     "{\"batch\":\"21111111-2222-4333-8444-555555555555\",\"present\":10,\"missing\":0,"
     "\"missing_lines\":[]}",
     false},
    {"no batch", "{\"present\":10,\"missing\":0,\"missing_lines\":[]}", false},
    {"no lines told", B "\"present\":10,\"missing\":0}", false},
    {"no missing told", B "\"present\":10,\"missing_lines\":[]}", false},
    {"no present told", B "\"missing\":10,\"missing_lines\":[[2,11]]}", false},
    {"too few", B "\"present\":9,\"missing\":0,\"missing_lines\":[]}", false},
    {"too many", B "\"present\":10,\"missing\":1,\"missing_lines\":[[2,2]]}", false},
    {"more than the body", B "\"present\":11,\"missing\":0,\"missing_lines\":[]}", false},
    {"a negative count", B "\"present\":11,\"missing\":-1,\"missing_lines\":[]}", false},
    {"a fraction", B "\"present\":10.0,\"missing\":0,\"missing_lines\":[]}", false},
    {"lines are fewer than missing", B "\"present\":8,\"missing\":2,\"missing_lines\":[[2,2]]}",
     false},
    {"lines are more than missing", B "\"present\":9,\"missing\":1,\"missing_lines\":[[2,3]]}",
     false},
    {"the header's line", B "\"present\":9,\"missing\":1,\"missing_lines\":[[1,1]]}", false},
    {"behind the body", B "\"present\":9,\"missing\":1,\"missing_lines\":[[12,12]]}", false},
    {"backwards", B "\"present\":8,\"missing\":2,\"missing_lines\":[[4,4],[2,2]]}", false},
    {"a range backwards", B "\"present\":8,\"missing\":2,\"missing_lines\":[[4,3]]}", false},
    {"a line twice", B "\"present\":7,\"missing\":3,\"missing_lines\":[[2,3],[3,3]]}", false},
    {"three ends", B "\"present\":9,\"missing\":1,\"missing_lines\":[[2,2,2]]}", false},
    {"one end", B "\"present\":9,\"missing\":1,\"missing_lines\":[[2]]}", false},
    {"numbers for ranges", B "\"present\":9,\"missing\":1,\"missing_lines\":[2,2]}", false},
    {"text for ranges", B "\"present\":9,\"missing\":1,\"missing_lines\":\"2\"}", false},
    {"missing twice", B "\"present\":10,\"missing\":0,\"missing\":0,\"missing_lines\":[]}", false},
    {"lists twice", B "\"present\":10,\"missing\":0,\"missing_lines\":[],\"missing_lines\":[]}",
     false},
    {"missing and rejected",
     B "\"present\":8,\"missing\":1,\"missing_lines\":[[2,2]],\"rejected\":[{\"line\":2}]}", false},
    {"excluded and missing",
     B "\"present\":8,\"missing\":1,\"excluded\":1,\"missing_lines\":[[2,2]],"
       "\"excluded_lines\":[[2,2]]}",
     false},
    {"excluded and rejected",
     B "\"present\":8,\"missing\":0,\"excluded\":1,\"missing_lines\":[],\"excluded_lines\":[[2,2]],"
       "\"rejected\":[{\"line\":2}]}",
     false},
    {"excluded lines that do not add up",
     B "\"present\":9,\"missing\":0,\"excluded\":1,\"missing_lines\":[],\"excluded_lines\":[]}",
     false},
    {"rejected backwards",
     B "\"present\":8,\"missing\":0,\"missing_lines\":[],\"rejected\":[{\"line\":3},{\"line\":2}]}",
     false},
    {"rejected without a line",
     B "\"present\":9,\"missing\":0,\"missing_lines\":[],\"rejected\":[{\"status\":403}]}", false},
    {"rejected behind the body",
     B "\"present\":9,\"missing\":0,\"missing_lines\":[],\"rejected\":[{\"line\":12}]}", false},
    {"rejected line told twice",
     B "\"present\":9,\"missing\":0,\"missing_lines\":[],\"rejected\":[{\"line\":2,\"line\":3}]}",
     false},
    {"a status of four digits",
     B "\"present\":9,\"missing\":0,\"missing_lines\":[],\"rejected\":[{\"line\":2,\"status\":1000}"
       "]}",
     false},
    {"an array", "[]", false},
    {"nothing", "", false},
    {"trailing bytes", B "\"present\":10,\"missing\":0,\"missing_lines\":[]}x", false},
};

static void test_table(void **state)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        struct verify_answer a;
        if (verify_answer_read(str_of(table[i].body), ID, N, &a) != table[i].good)
            fail_msg("%s", table[i].name);
        verify_answer_release(&a);
    }
}

/* Every line has one fate, and the fates come to the counts. */
static void check_walk(const struct verify_answer *a, uint32_t n)
{
    struct verify_walk w = {.answer = a};
    uint64_t fates[4] = {0};
    for (uint32_t line = 2; line < n + 2; line++) {
        const struct verify_rejected *why = NULL;
        enum verify_fate fate = verify_walk_to(&w, line, &why);
        fates[fate]++;
        assert_true((why != NULL) == (fate == VERIFY_REJECTED));
        assert_true(!why || why->line == line);
    }
    assert_int_equal(fates[VERIFY_MISSING], a->missing);
    assert_int_equal(fates[VERIFY_REJECTED], a->n_rejected);
    assert_int_equal(fates[VERIFY_EXCLUDED], a->excluded);
    assert_int_equal(fates[VERIFY_STORED], a->present);
}

/* No prefix of an answer is one; and a byte that is changed makes one that adds up, or none. */
static void test_every_cut_and_mutation(void **state)
{
    static const char bytes[] = "0129[]{},:\"x \\\xff";
    for (size_t i = 0; i < COUNT(table); i++) {
        struct str body = str_of(table[i].body);
        char text[512];
        struct verify_answer a;
        assert_true(body.n < sizeof(text));
        for (size_t n = 0; n < body.n; n++) {
            if (str_starts(str_of("trailing bytes"), str_of(table[i].name)))
                break;
            assert_false(verify_answer_read(str_slice(body, 0, n), ID, N, &a));
            verify_answer_release(&a);
        }
        for (size_t n = 0; n < body.n; n++)
            for (size_t k = 0; k < sizeof(bytes) - 1; k++) {
                memcpy(text, body.p, body.n);
                text[n] = bytes[k];
                if (verify_answer_read((struct str){text, body.n}, ID, N, &a))
                    check_walk(&a, N);
                verify_answer_release(&a);
            }
    }
}

static void test_walk(void **state)
{
    static const struct {
        const char *body, *fates; /* of lines 2 to 11 */
    } cases[] = {
        {B "\"present\":10,\"missing\":0,\"missing_lines\":[]}", "ssssssssss"},
        {B "\"present\":6,\"missing\":4,\"missing_lines\":[[2,4],[11,11]]}", "mmmssssssm"},
        {B "\"present\":6,\"missing\":2,\"missing_lines\":[[3,3],[5,5]],\"rejected\":[{\"line\":4},"
           "{\"line\":11}]}",
         "smrmsssssr"},
        {B "\"present\":6,\"missing\":2,\"excluded\":2,\"missing_lines\":[[3,4]],"
           "\"excluded_lines\":[[2,2],[11,11]]}",
         "xmmssssssx"},
        {B "\"present\":0,\"missing\":2,\"excluded\":8,\"missing_lines\":[[3,4]]}", "xmmxxxxxxx"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct verify_answer a;
        assert_true(verify_answer_read(str_of(cases[i].body), ID, N, &a));
        assert_false(verify_answer_is_vague(&a));
        struct verify_walk w = {.answer = &a};
        for (uint32_t k = 0; k < N; k++) {
            const struct verify_rejected *why;
            assert_int_equal("smxr"[verify_walk_to(&w, k + 2, &why)], cases[i].fates[k]);
        }
        verify_answer_release(&a);
    }
}

/* Excluded, but not said which. */
static void test_vague(void **state)
{
    struct verify_answer a;
    assert_true(verify_answer_read(
        STR(B "\"present\":9,\"missing\":0,\"excluded\":1,\"missing_lines\":[]}"), ID, N, &a));
    assert_true(verify_answer_is_vague(&a));
    check_walk(&a, N);
    verify_answer_release(&a);
}

static void test_error_text(void **state)
{
    struct verify_answer a;
    struct verify_walk w = {.answer = &a};
    const struct verify_rejected *why = NULL;
    assert_true(
        verify_answer_read(STR("{\"rejected\":[{\"error\":\"not "
                               "\\u0041llowed\",\"line\":11,\"status\":403}],\"batch\":"
                               "\"" ID "\",\"present\":9,\"missing\":0,\"missing_lines\":[]}"),
                           ID, N, &a));
    assert_int_equal(verify_walk_to(&w, 11, &why), VERIFY_REJECTED);
    assert_true(str_eq(why->error, STR("not Allowed")));
    assert_int_equal(why->status, 403);
    verify_answer_release(&a);
}

/* The largest answers there are: every second of 10,000 is missing; all are rejected. */
static void test_large(void **state)
{
    struct verify_answer a;
    struct buf b;
    buf_init(&b, 4u << 20);
    buf_lit(&b, B "\"present\":5000,\"missing\":5000,\"missing_lines\":[");
    for (unsigned i = 0; i < 5000; i++)
        buf_printf(&b, "%s[%u,%u]", i ? "," : "", 2 * i + 2, 2 * i + 2);
    buf_lit(&b, "]}");
    assert_true(verify_answer_read(buf_str(&b), ID, 10000, &a));
    check_walk(&a, 10000);
    verify_answer_release(&a);
    for (unsigned n = 9999; n <= 10001; n++) {
        buf_reset(&b);
        buf_printf(&b, B "\"present\":0,\"missing\":0,\"missing_lines\":[],\"rejected\":[");
        for (unsigned i = 0; i < n; i++)
            buf_printf(&b, "%s{\"line\":%u,\"status\":403}", i ? "," : "", i + 2);
        buf_lit(&b, "]}");
        assert_int_equal(verify_answer_read(buf_str(&b), ID, 10000, &a), n == 10000);
        verify_answer_release(&a);
    }
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),      cmocka_unit_test(test_every_cut_and_mutation),
        cmocka_unit_test(test_walk),       cmocka_unit_test(test_vague),
        cmocka_unit_test(test_error_text), cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
