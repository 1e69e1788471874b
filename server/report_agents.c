/* report_agents.c - the nodes that deliver, as a table or as JSON; see report.h. */
#include "server/report.h"

#include <inttypes.h>

#include "parsers/base/json.h"
#include "parsers/base/time.h"
#include "server/store_nodes.h"

struct listing {
    struct buf *out;
    int64_t now_ms;
    size_t n;
};

static void put_span(struct buf *out, int64_t ms)
{
    int64_t s = ms < 0 ? 0 : ms / 1000;
    if (s >= 2 * 86400)
        buf_printf(out, "%" PRId64 " d", s / 86400);
    else if (s >= 2 * 3600)
        buf_printf(out, "%" PRId64 " h", s / 3600);
    else if (s >= 120)
        buf_printf(out, "%" PRId64 " min", s / 60);
    else
        buf_printf(out, "%" PRId64 " s", s);
}

static void put_text(void *arg, const struct read_agent_node *node)
{
    struct listing *l = arg;
    const struct node_state *s = &node->state;
    put_printable(l->out, node->team);
    buf_lit(l->out, " / ");
    put_printable(l->out, s->name[0] ? str_of(s->name) : STR("(unnamed)"));
    buf_lit(l->out, "\n  version  ");
    put_printable(l->out, s->version[0] ? str_of(s->version) : STR("not told"));
    buf_lit(l->out, "\n  seen     ");
    put_span(l->out, l->now_ms - s->seen_ms);
    buf_lit(l->out, " ago\n  lag      ");
    put_span(l->out, (int64_t)s->lag_ms);
    buf_printf(l->out, "\n  waiting  %" PRIu64 " records\n  today    %" PRId64 " records\n",
               s->waiting, node->today);
    l->n++;
}

static void put_json(void *arg, const struct read_agent_node *node)
{
    struct listing *l = arg;
    const struct node_state *s = &node->state;
    buf_lit(l->out, "{\"team\":");
    json_put_string(l->out, node->team);
    buf_lit(l->out, ",\"node\":");
    json_put_string(l->out, str_of(s->name));
    buf_lit(l->out, ",\"version\":");
    json_put_string(l->out, s->version[0] ? str_of(s->version) : STR_NONE);
    buf_lit(l->out, ",\"seen\":\"");
    time_put_rfc3339(l->out, s->seen_ms);
    buf_printf(l->out,
               "\",\"lag_seconds\":%" PRIu64 ",\"waiting\":%" PRIu64 ",\"today\":%" PRId64 "}\n",
               s->lag_ms / 1000, s->waiting, node->today);
}

int agents_put(struct store_reader *reader, int64_t now_ms, bool json, struct buf *out)
{
    struct listing l = {.out = out, .now_ms = now_ms};
    int status = store_reader_agent_nodes(reader, now_ms, json ? put_json : put_text, &l);
    if (status == 0 && !json && l.n == 0)
        buf_lit(out, "no agent has been seen yet\n");
    return status;
}
