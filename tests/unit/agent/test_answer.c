/* What an answer means: one row for each row of the table in answer.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/answer.h"
#include "tests/unit/agent/scratch.h"

#define ID "11111111-2222-4333-8444-555555555555"

static enum answer_action ask(const char *error, long status, struct str body,
                              struct batch_outcome *outcome, const char **why)
{
    struct http_answer a = {.error = error, .status = status, .body = body, .retry_after_ms = -1};
    *why = NULL;
    return answer_batch(&a, ID, outcome, why);
}

/* Statuses from..to with a body that would be right for a 200. */
static void test_statuses(void **state)
{
    static const struct {
        long from, to;
        enum answer_action batch, sites;
    } table[] = {
        {0, 199, ANSWER_RETRY, ANSWER_RETRY},   {201, 299, ANSWER_RETRY, ANSWER_RETRY},
        {300, 399, ANSWER_PAUSE, ANSWER_PAUSE}, {400, 400, ANSWER_SPLIT, ANSWER_PAUSE},
        {401, 401, ANSWER_PAUSE, ANSWER_PAUSE}, {402, 402, ANSWER_PAUSE, ANSWER_PAUSE},
        {403, 403, ANSWER_PAUSE, ANSWER_PAUSE}, {404, 404, ANSWER_PAUSE, ANSWER_PAUSE},
        {405, 405, ANSWER_PAUSE, ANSWER_PAUSE}, {406, 407, ANSWER_PAUSE, ANSWER_PAUSE},
        {408, 408, ANSWER_RETRY, ANSWER_RETRY}, {409, 412, ANSWER_PAUSE, ANSWER_PAUSE},
        {413, 413, ANSWER_SPLIT, ANSWER_PAUSE}, {414, 421, ANSWER_PAUSE, ANSWER_PAUSE},
        {422, 422, ANSWER_SPLIT, ANSWER_PAUSE}, {423, 424, ANSWER_PAUSE, ANSWER_PAUSE},
        {425, 425, ANSWER_RETRY, ANSWER_RETRY}, {426, 428, ANSWER_PAUSE, ANSWER_PAUSE},
        {429, 429, ANSWER_RETRY, ANSWER_RETRY}, {430, 499, ANSWER_PAUSE, ANSWER_PAUSE},
        {500, 599, ANSWER_RETRY, ANSWER_RETRY}, {600, 999, ANSWER_RETRY, ANSWER_RETRY},
        {-1, -1, ANSWER_RETRY, ANSWER_RETRY},
    };
    static const struct str body =
        STR("{\"batch\":\"" ID "\",\"stored\":1,\"duplicate\":0,\"excluded\":0,\"rejected\":[]}");
    for (size_t i = 0; i < COUNT(table); i++)
        for (long status = table[i].from; status <= table[i].to; status++) {
            struct http_answer a = {.status = status, .body = body};
            struct batch_outcome o;
            const char *why = NULL, *sites_why = NULL;
            enum answer_action batch = ask(NULL, status, body, &o, &why);
            if (batch != table[i].batch || !why || !*why)
                fail_msg("batch, %ld: %d", status, batch);
            assert_int_equal(o.n_rejected, 0);
            enum answer_action sites = answer_sites(&a, &sites_why);
            if (sites != table[i].sites || !sites_why || !*sites_why)
                fail_msg("sites, %ld: %d", status, sites);
        }
}

/* A transport that failed says nothing, whatever status and body came before. */
static void test_transport(void **state)
{
    struct batch_outcome o;
    const char *why = NULL;
    struct http_answer a = {.error = "connection reset", .status = 200, .body = STR("[]")};
    assert_int_equal(ask("timeout", 0, STR(""), &o, &why), ANSWER_RETRY);
    assert_non_null(why);
    assert_int_equal(ask("timeout", 200, STR("{\"batch\":\"" ID "\",\"stored\":1}"), &o, &why),
                     ANSWER_RETRY);
    assert_int_equal(ask("timeout", 401, STR(""), &o, &why), ANSWER_RETRY);
    why = NULL;
    assert_int_equal(answer_sites(&a, &why), ANSWER_RETRY);
    assert_non_null(why);
    a.error = NULL;
    assert_int_equal(answer_sites(&a, &why), ANSWER_ACCEPTED);
}

static void test_accepted(void **state)
{
    static const struct {
        const char *name, *body;
        bool accepted;
        uint64_t stored, duplicate, excluded;
        size_t rejected;
    } table[] = {
        {"all of it",
         "{\"batch\":\"" ID "\",\"stored\":3,\"duplicate\":2,\"excluded\":1,\"rejected\":[{"
         "\"line\":2,\"status\":403,\"error\":\"no\"}]}",
         true, 3, 2, 1, 1},
        {"only the id", "{\"batch\":\"" ID "\"}", true, 0, 0, 0, 0},
        {"the id last", "{\"stored\":3,\"batch\":\"" ID "\"}", true, 3, 0, 0, 0},
        {"more than we know",
         "{\"v\":2,\"batch\":\"" ID "\",\"new\":{\"stored\":[9]},\"stored\":3,\"late\":null}", true,
         3, 0, 0, 0},
        {"a large count", "{\"batch\":\"" ID "\",\"stored\":9223372036854775807}", true, INT64_MAX,
         0, 0, 0},
        {"no id", "{\"stored\":3}", false, 0, 0, 0, 0},
        {"another id", "{\"batch\":\"11111111-2222-4333-8444-555555555556\"}", false, 0, 0, 0, 0},
        {"the id in capitals", "{\"batch\":\"A1111111-2222-4333-8444-555555555555\"}", false, 0, 0,
         0, 0},
        {"a prefix of the id", "{\"batch\":\"11111111-2222-4333-8444-55555555555\"}", false, 0, 0,
         0, 0},
        {"the id as a number", "{\"batch\":7}", false, 0, 0, 0, 0},
        {"the id, then another", "{\"batch\":\"" ID "\",\"batch\":\"x\"}", false, 0, 0, 0, 0},
        {"the id further in", "{\"x\":{\"batch\":\"" ID "\"}}", false, 0, 0, 0, 0},
        {"nothing", "", false, 0, 0, 0, 0},
        {"HTML", "<html>welcome</html>", false, 0, 0, 0, 0},
        {"an array", "[{\"batch\":\"" ID "\"}]", false, 0, 0, 0, 0},
        {"something behind", "{\"batch\":\"" ID "\"} x", false, 0, 0, 0, 0},
        {"a negative count", "{\"batch\":\"" ID "\",\"stored\":-1}", false, 0, 0, 0, 0},
        {"half a count", "{\"batch\":\"" ID "\",\"stored\":1.5}", false, 0, 0, 0, 0},
        {"a count in text", "{\"batch\":\"" ID "\",\"stored\":\"1\"}", false, 0, 0, 0, 0},
        {"a count over int64", "{\"batch\":\"" ID "\",\"stored\":9223372036854775808}", false, 0, 0,
         0, 0},
        {"rejected is no array", "{\"batch\":\"" ID "\",\"rejected\":{}}", false, 0, 0, 0, 0},
        {"rejected twice",
         "{\"batch\":\"" ID "\",\"rejected\":[{\"line\":2,\"status\":400}],\"rejected\":[]}", false,
         0, 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct batch_outcome o;
        const char *why = NULL;
        enum answer_action action = ask(NULL, 200, str_of(table[i].body), &o, &why);
        if (action != (table[i].accepted ? ANSWER_ACCEPTED : ANSWER_RETRY))
            fail_msg("%s: %d", table[i].name, action);
        if (!table[i].accepted && !why)
            fail_msg("%s: no reason", table[i].name);
        if (o.stored != table[i].stored || o.duplicate != table[i].duplicate ||
            o.excluded != table[i].excluded || o.n_rejected != table[i].rejected)
            fail_msg("%s: wrong counts", table[i].name);
        batch_outcome_release(&o);
        batch_outcome_release(&o); /* twice is fine */
    }
}

static void test_rejected_lists(void **state)
{
    static const struct {
        const char *name, *list;
        bool accepted;
    } table[] = {
        {"empty", "", true},
        {"the first record", "{\"line\":2,\"status\":403}", true},
        {"the status first", "{\"status\":403,\"line\":2}", true},
        {"in order", "{\"line\":2,\"status\":403},{\"line\":3,\"status\":400}", true},
        {"with gaps", "{\"line\":2,\"status\":403},{\"line\":10001,\"status\":400}", true},
        {"other keys", "{\"line\":2,\"field\":[{\"line\":9}],\"status\":400}", true},
        {"error is no text", "{\"line\":2,\"status\":400,\"error\":null}", true},
        {"the header", "{\"line\":1,\"status\":400}", false},
        {"line 0", "{\"line\":0,\"status\":400}", false},
        {"no line", "{\"status\":400}", false},
        {"the same twice", "{\"line\":2,\"status\":400},{\"line\":2,\"status\":400}", false},
        {"backwards", "{\"line\":3,\"status\":400},{\"line\":2,\"status\":400}", false},
        {"a line over 32 bits", "{\"line\":4294967296,\"status\":400}", false},
        {"a negative line", "{\"line\":-2,\"status\":400}", false},
        {"a status of four digits", "{\"line\":2,\"status\":1000}", false},
        {"a status that is text", "{\"line\":2,\"status\":\"400\"}", false},
        {"numbers instead of objects", "2,3", false},
        {"an object, then a number", "{\"line\":2,\"status\":400},3", false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct batch_outcome o;
        struct buf b;
        const char *why;
        buf_init(&b, 4096);
        buf_printf(&b, "{\"batch\":\"%s\",\"rejected\":[%s]}", ID, table[i].list);
        if ((ask(NULL, 200, buf_str(&b), &o, &why) == ANSWER_ACCEPTED) != table[i].accepted)
            fail_msg("%s", table[i].name);
        batch_outcome_release(&o);
        buf_release(&b);
    }
}

static void test_first_error(void **state)
{
    struct batch_outcome o;
    struct buf b;
    const char *why;
    buf_init(&b, 4096);
    buf_lit(&b, "{\"batch\":\"" ID "\",\"rejected\":[{\"line\":2,\"status\":403,\"error\":\"");
    put_repeated(&b, 'x', 1000);
    buf_lit(&b, "\"},{\"line\":3,\"status\":400,\"error\":\"second\"}]}");
    assert_int_equal(ask(NULL, 200, buf_str(&b), &o, &why), ANSWER_ACCEPTED);
    assert_int_equal(strlen(o.first_error), sizeof(o.first_error) - 1);
    assert_int_equal(o.first_error[0], 'x');
    assert_int_equal(o.rejected[1].line, 3);
    assert_int_equal(o.rejected[1].status, 400);
    batch_outcome_release(&o);
    buf_release(&b);
}

static void test_ten_thousand_rejected(void **state)
{
    for (unsigned n = 9999; n <= 10001; n++) {
        struct batch_outcome o;
        struct buf b;
        const char *why;
        buf_init(&b, 4u << 20);
        buf_lit(&b, "{\"batch\":\"" ID "\",\"rejected\":[");
        for (unsigned i = 0; i < n; i++)
            buf_printf(&b, "%s{\"line\":%u,\"status\":403}", i ? "," : "", i + 2);
        buf_lit(&b, "]}");
        bool accepted = ask(NULL, 200, buf_str(&b), &o, &why) == ANSWER_ACCEPTED;
        assert_int_equal(accepted, n <= 10000);
        assert_int_equal(o.n_rejected, accepted ? n : 0);
        batch_outcome_release(&o);
        buf_release(&b);
    }
}

/* No prefix of an answer is a success. */
static void test_cut_at_each_byte(void **state)
{
    static const struct str body =
        STR("{\"batch\":\"" ID "\",\"stored\":1,\"rejected\":[{\"line\":2,\"status\":403,"
            "\"error\":\"\\u00e9\"}],\"excluded\":0}");
    for (size_t n = 0; n < body.n; n++) {
        struct batch_outcome o;
        const char *why;
        assert_int_equal(ask(NULL, 200, str_slice(body, 0, n), &o, &why), ANSWER_RETRY);
        batch_outcome_release(&o);
    }
}

static void test_records(void **state)
{
    for (unsigned status = 0; status < 1000; status++)
        assert_int_equal(answer_record(status),
                         status == 403 || status == 404 ? RECORD_PARK : RECORD_DEAD);
}

/* ---- record by record, and which protocol ------------------------------------------------------
 */

static void test_singles(void **state)
{
    static const struct {
        long from, to;
        const char *body;
        enum single_action action;
    } table[] = {
        {202, 202, "", SINGLE_ACCEPTED},
        {202, 202, "{}\n", SINGLE_RETRY}, /* not HitKeep's */
        {0, 199, "", SINGLE_RETRY},
        {200, 201, "", SINGLE_RETRY},
        {200, 200, "<!doctype html><html>", SINGLE_RETRY},
        {203, 299, "", SINGLE_RETRY},
        {300, 399, "", SINGLE_PAUSE},
        {400, 400, "user_agent must match a known AI bot\n", SINGLE_REFUSED},
        {400, 400, "status_code must be between 100 and 599\n", SINGLE_DEAD},
        {400, 400, "Bad request body\n", SINGLE_DEAD},
        {400, 400, "invalid site ID\n", SINGLE_DEAD},
        {400, 400, "url must be an absolute http or https URL\n", SINGLE_DEAD},
        {400, 400, "<html>400 Bad Request</html>", SINGLE_DEAD},
        {401, 401, "Unauthorized\n", SINGLE_PAUSE},
        {402, 402, "", SINGLE_PAUSE},
        {403, 403, "Access denied\n", SINGLE_PARK},
        {403, 403, "Forbidden\n", SINGLE_PARK},
        {403, 403, "<html>403 Forbidden</html>", SINGLE_PAUSE},
        {403, 403, "", SINGLE_PAUSE},
        {404, 404, "Site not found\n", SINGLE_PARK},
        {404, 404, "Not found\n", SINGLE_PAUSE},
        {404, 404, "404 page not found\n", SINGLE_PAUSE},
        {405, 405, "Method Not Allowed\n", SINGLE_PAUSE},
        {406, 407, "", SINGLE_PAUSE},
        {408, 408, "", SINGLE_RETRY},
        {409, 412, "", SINGLE_PAUSE},
        {413, 413, "", SINGLE_DEAD},
        {414, 421, "", SINGLE_PAUSE},
        {422, 422, "", SINGLE_DEAD},
        {423, 424, "", SINGLE_PAUSE},
        {425, 425, "", SINGLE_RETRY},
        {426, 428, "", SINGLE_PAUSE},
        {429, 429, "Too Many Requests\n", SINGLE_SLOW},
        {430, 499, "", SINGLE_PAUSE},
        {500, 500, "Internal server error\n", SINGLE_RETRY},
        {503, 503, "Service not available on this node\n", SINGLE_RETRY},
        {500, 599, "", SINGLE_RETRY},
        {600, 999, "", SINGLE_RETRY},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        for (long status = table[i].from; status <= table[i].to; status++) {
            struct http_answer a = {.status = status, .body = str_of(table[i].body)};
            const char *why = NULL;
            enum single_action action = answer_single(&a, &why);
            if (action != table[i].action || (action != SINGLE_ACCEPTED && (!why || !*why)))
                fail_msg("%ld %s: %d", status, table[i].body, action);
            a.error = "connection reset";
            assert_int_equal(answer_single(&a, &why), SINGLE_RETRY);
        }
}

static void test_capabilities(void **state)
{
    static const char page[] = "<!doctype html><html><body>HitKeep</body></html>";
    static const struct {
        const char *name, *body;
        long status;
        enum protocol protocol;
    } table[] = {
        {"ours", "{\"server\":\"logferry-server/1\",\"protocols\":[\"batch\"],\"limits\":{}}", 200,
         PROTOCOL_BATCH},
        {"a newer one's", "{\"protocols\":[\"x\",{\"y\":[1]},\"batch\"],\"z\":null}\n", 200,
         PROTOCOL_BATCH},
        {"2.8.1's page for what it does not know", page, 200, PROTOCOL_HITKEEP},
        {"a newer HitKeep", "404 page not found\n", 404, PROTOCOL_HITKEEP},
        {"behind the method's wall", "Method Not Allowed\n", 405, PROTOCOL_HITKEEP},
        {"other JSON", "{\"status\":\"ok\"}", 200, PROTOCOL_HITKEEP},
        {"no list", "{\"protocols\":\"batch\"}", 200, PROTOCOL_HITKEEP},
        {"another protocol", "{\"protocols\":[\"bunch\"]}", 200, PROTOCOL_HITKEEP},
        {"cut short", "{\"protocols\":[\"batch\"]", 200, PROTOCOL_HITKEEP},
        {"empty", "", 200, PROTOCOL_HITKEEP},
        {"a wrong token", "Unauthorized\n", 401, PROTOCOL_AUTO},
        {"forbidden", "", 403, PROTOCOL_AUTO},
        {"elsewhere", "", 302, PROTOCOL_AUTO},
        {"busy", "", 429, PROTOCOL_AUTO},
        {"unwell", page, 502, PROTOCOL_AUTO},
        {"unwell too", "", 503, PROTOCOL_AUTO},
        {"no HTTP", "", 0, PROTOCOL_AUTO},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct http_answer a = {.status = table[i].status, .body = str_of(table[i].body)};
        const char *why = NULL;
        enum protocol p = answer_capabilities(&a, &why);
        if (p != table[i].protocol || (p == PROTOCOL_AUTO && (!why || !*why)))
            fail_msg("%s: %d", table[i].name, p);
        a.error = "timeout";
        assert_int_equal(answer_capabilities(&a, &why), PROTOCOL_AUTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),         cmocka_unit_test(test_transport),
        cmocka_unit_test(test_accepted),         cmocka_unit_test(test_rejected_lists),
        cmocka_unit_test(test_first_error),      cmocka_unit_test(test_ten_thousand_rejected),
        cmocka_unit_test(test_cut_at_each_byte), cmocka_unit_test(test_records),
        cmocka_unit_test(test_singles),          cmocka_unit_test(test_capabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
