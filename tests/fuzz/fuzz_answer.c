/* Answers of a server that nobody trusts: to a batch, to one record, to GET /api/sites, and to the
 * question what it is. */
#include <stdlib.h>

#include "agent/answer.h"
#include "agent/sites.h"

#define ID "11111111-2222-4333-8444-555555555555"

static void check_outcome(const struct batch_outcome *o)
{
    uint32_t last = 1;
    if (o->n_rejected > OUTCOME_MAX_REJECTED || o->stored > INT64_MAX ||
        !memchr(o->first_error, '\0', sizeof(o->first_error)))
        abort();
    for (size_t i = 0; i < o->n_rejected; i++) {
        if (o->rejected[i].line <= last || o->rejected[i].status > 999)
            abort();
        last = o->rejected[i].line;
    }
}

static void check_sites(struct str body)
{
    const char *why = NULL;
    struct sites *s = sites_new();
    int n = sites_add_answer(s, body, 1, &why);
    if (n < 0 && !why)
        abort();
    struct buf again;
    buf_init(&again, 16u << 20);
    sites_write_answer(s, 1, &again);
    struct sites *t = sites_new();
    if (sites_add_answer(t, buf_str(&again), 1, &why) < 0 || sites_count(t) > sites_count(s))
        abort();
    sites_unref(s);
    sites_unref(t);
    buf_release(&again);
}

/* An id becomes a part of request paths. */
static void check_ids(struct str body)
{
    static const struct str hosts[] = {STR_INIT("a.example"), STR_INIT("a"),
                                       STR_INIT("example.com")};
    const char *why = NULL;
    struct sites *s = sites_with_ids(body, &why);
    for (size_t i = 0; s && i < COUNT_OF(hosts); i++) {
        const struct site_route *r = sites_find(s, hosts[i]);
        if (r && (!r->site.n || memchr(r->site.p, '/', r->site.n)))
            abort();
    }
    if (!s && !why)
        abort();
    sites_unref(s);
}

static void check_kind(const struct http_answer *a)
{
    const char *why = NULL;
    if (answer_capabilities(a, &why) == PROTOCOL_AUTO && !why)
        abort();
    why = NULL;
    if (answer_single(a, &why) != SINGLE_ACCEPTED && !why)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct batch_outcome o;
    const char *why = NULL;
    struct buf body;
    if (!size)
        return 0;
    buf_init(&body, size + 128);
    if (data[0] % 2)
        buf_lit(&body, "{\"batch\":\"" ID "\",");
    buf_put(&body, data + 1, size - 1);
    struct http_answer a = {.status = data[0] < 200 ? 200 : data[0] * 4, .body = buf_str(&body)};
    enum answer_action action = answer_batch(&a, ID, &o, &why);
    if (action == ANSWER_ACCEPTED)
        check_outcome(&o);
    else if (!why || o.n_rejected || o.rejected)
        abort();
    batch_outcome_release(&o);
    check_sites(a.body);
    check_ids(a.body);
    check_kind(&a);
    buf_release(&body);
    return 0;
}
