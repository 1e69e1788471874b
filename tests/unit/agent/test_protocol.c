/* `protocol: auto`: what a server is taken for, by its answers and by what is in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/uplink_singles.h"
#include "tests/unit/agent/fake_hitkeep.h"
#include "tests/unit/agent/uplink_rig.h"

#define OURS "{\"server\":\"logferry-server/1\",\"protocols\":[\"batch\"],\"limits\":{}}"
#define PAGE "<!doctype html><html></html>\n"
#define LIST "[{\"id\":\"" HITKEEP_ID "\",\"domain\":\"example.com\"}]"
#define MOST 4

/* Answers to the question what it is, in turn; the last one stays. */
struct script {
    struct said {
        int status;
        const char *body;
    } says[MOST];
    size_t n, next;
    unsigned asked;
};

static bool capabilities(struct fake_connection *c, struct str head, struct str body)
{
    struct script *s = c->server->context;
    assert_true(str_starts(head, STR("GET /api/ingest/server/capabilities ")));
    const struct said *a = &s->says[s->next];
    s->next += s->next + 1 < s->n;
    s->asked++;
    fake_send(c, a->status, NULL, str_of(a->body), strlen(a->body));
    return false;
}

static void rig_make_auto(struct rig *r, struct script *s, const char *sites)
{
    while (s->n < MOST && s->says[s->n].status)
        s->n++;
    rig_make_servers(r, 1, true);
    r->protocol = "auto";
    r->server[0].other = capabilities;
    r->server[0].context = s;
    snprintf(r->server[0].sites, sizeof(r->server[0].sites), "%s", sites);
    rig_make_agent(r);
    settle(r);
}

static void assert_protocol(struct rig *r, const char *want, const char *what)
{
    const char *is = books(r, 0).protocol;
    if (strcmp(is, want) != 0)
        fail_msg("%s: taken for %s", what, is);
}

static bool is_decided(struct rig *r)
{
    return strcmp(books(r, 0).protocol, "auto") != 0 && is_quiet(r) &&
           !r->uplink->destinations[0].probing;
}

static void test_deciding(void **state)
{
    static const struct {
        const char *name;
        struct said says[MOST];
        const char *sites, *protocol;
    } table[] = {
        {"ours", {{200, OURS}}, LIST, "batch"},
        {"HitKeep 2.8.1", {{200, PAGE}}, LIST, "hitkeep"},
        {"a newer HitKeep", {{404, "404 page not found\n"}}, LIST, "hitkeep"},
        {"one without sites", {{404, "404 page not found\n"}}, "[]", "hitkeep"},
        {"405", {{405, "Method Not Allowed\n"}}, LIST, "hitkeep"},
        {"a page for everything", {{200, PAGE}}, PAGE, "auto"},
        {"no way through", {{403, PAGE}}, LIST, "auto"},
        {"a limit", {{429, "Too Many Requests\n"}}, LIST, "auto"},
        /* The proxy before it knows no server yet; then ours is there. */
        {"ours that comes late", {{404, "404 page not found\n"}, {200, OURS}}, LIST, "batch"},
        {"ours behind a page", {{200, PAGE}, {200, OURS}}, LIST, "batch"},
        {"unwell in between", {{404, PAGE}, {502, PAGE}}, LIST, "auto"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct rig r;
        struct script s = {0};
        memcpy(s.says, table[i].says, sizeof(s.says));
        rig_make_auto(&r, &s, table[i].sites);
        for (unsigned k = 0; k < 20; k++)
            ev_run(r.loop, EVRUN_ONCE);
        settle(&r);
        assert_protocol(&r, table[i].protocol, table[i].name);
        rig_remove(&r);
    }
}

static void ask_again(struct rig *r)
{
    r->uplink->destinations[0].probed_ms -= 120000;
    r->uplink->destinations[0].doubtful = true;
    uplink_retry_now(r->uplink);
    for (unsigned i = 0; i < 20; i++)
        ev_run(r->loop, EVRUN_ONCE);
    settle(r);
}

/* A page of the proxy's while our server is away does not make it a HitKeep, which would get no
 * pageviews. */
static void test_page_while_it_is_away(void **state)
{
    struct rig r;
    struct script s = {.says = {{200, OURS}}};
    rig_make_auto(&r, &s, LIST);
    wait_for(&r, "the decision", is_decided, false);
    assert_protocol(&r, "batch", "at first");
    s.says[0] = (struct said){200, PAGE};
    snprintf(r.server[0].sites, sizeof(r.server[0].sites), "%s", PAGE);
    unsigned before = s.asked;
    ask_again(&r);
    assert_true(s.asked > before);
    assert_protocol(&r, "batch", "while a page stands there");
    snprintf(r.server[0].sites, sizeof(r.server[0].sites), "%s", LIST);
    s.says[0] = (struct said){200, OURS};
    ask_again(&r);
    assert_protocol(&r, "batch", "when it is back");
    rig_remove(&r);
}

static void test_another_server_later(void **state)
{
    struct rig r;
    struct script s = {.says = {{200, OURS}}};
    rig_make_auto(&r, &s, LIST);
    wait_for(&r, "the decision", is_decided, false);
    s.says[0] = (struct said){404, "404 page not found\n"};
    ask_again(&r);
    assert_protocol(&r, "hitkeep", "a HitKeep");
    s.says[0] = (struct said){200, OURS};
    ask_again(&r);
    assert_protocol(&r, "batch", "ours again");
    rig_remove(&r);
}

/* What was decided is known at a start without the server, for this URL. */
static void test_remembered(void **state)
{
    struct rig r;
    struct script s = {.says = {{404, "404 page not found\n"}}};
    rig_make_auto(&r, &s, LIST);
    wait_for(&r, "the decision", is_decided, false);
    s.says[0].status = 503;
    restart(&r);
    settle(&r);
    assert_protocol(&r, "hitkeep", "after a restart");
    scratch_write(&r.dir, "protocol.main",
                  STR("logferry-protocol 1 batch https://other.example\n"));
    restart(&r);
    settle(&r);
    assert_protocol(&r, "auto", "with another URL's file");
    rig_remove(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deciding),
        cmocka_unit_test(test_page_while_it_is_away),
        cmocka_unit_test(test_another_server_later),
        cmocka_unit_test(test_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
