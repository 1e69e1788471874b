/* A batch from its bytes to a store job: any coding, any header, any records. What comes out must
 * be in bounds. */
#include <stdlib.h>

#include "server/api_decode.h"

static void add_rights(struct rights_builder *b)
{
    struct team team = {.id = 1, .name = STR("t")};
    struct site site = {.id = 1,
                        .uuid = {1},
                        .uuid_text = "01000000-0000-0000-0000-000000000000",
                        .domain = STR("a.b"),
                        .team = 1};
    struct client client = {.id = 1, .name = STR("c"), .team = 1, .expires_ms = INT64_MAX};
    struct grant grant = {1, 1, ROLE_INGEST};
    if (rights_add_team(b, &team) || rights_add_site(b, &site) || rights_add_client(b, &client) ||
        rights_add_grant(b, &grant))
        abort();
}

static const struct rights *rights_for_fuzzing(void)
{
    static const struct rights *rights;
    if (!rights) {
        struct rights_builder *b = rights_builder_new();
        add_rights(b);
        rights = rights_build(b);
        rights_builder_free(b);
    }
    return rights;
}

static uint64_t touch(struct str s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s.n; i++)
        sum += (unsigned char)s.p[i];
    return sum;
}

static void check_job(const struct batch_task *t)
{
    volatile uint64_t sum = 0;
    for (size_t i = 0; i < t->job.n_rows; i++) {
        const struct store_row *row = &t->job.rows[i];
        const struct record *r = &row->record;
        if (row->site != 1 || row->stream >= t->job.n_streams ||
            r->user_agent >= (int64_t)t->job.n_user_agents)
            abort();
        sum += touch(r->url) + touch(r->path) + touch(r->hostname) + touch(r->referrer) +
               touch(r->visitor_ip) + touch(r->user_agent_text) + touch(r->content_type);
    }
    sum += touch(t->job.tail) + touch(t->job.node) + touch(t->job.job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct catalogue *catalogue;
    const struct client *clients;
    if (!catalogue)
        catalogue = catalogue_new(false);
    if (size < 1)
        return 0;
    struct batch_task t = {
        .body = {(const char *)data + 1, size - 1},
        .coding = data[0] % 8 == 1   ? CODING_GZIP
                  : data[0] % 8 == 2 ? CODING_ZSTD
                                     : CODING_IDENTITY,
        .judge = {.rights = rights_retain(rights_for_fuzzing()), .now_ms = 1780000000000},
        .catalogue = catalogue,
    };
    rights_clients(t.judge.rights, &clients);
    t.judge.client = clients;
    batch_decode(&t);
    if (t.status == 0)
        check_job(&t);
    else if (t.status < 400 || t.message[0] == '\0')
        abort();
    batch_release(&t);
    return 0;
}
