/* serve_nodes.c - see serve_nodes.h. */
#include "server/serve_nodes.h"

#include <stdio.h>
#include <stdlib.h>

#include "parsers/base/metrics.h"
#include "server/admin.h"

#define STORE_EVERY_S 5.0
#define METRICS_NODES 500u /* of them are told one by one */

/* ---- storing ------------------------------------------------------------------------------ */

struct node_write {
    struct store_job job; /* first */
    struct serve_nodes *owner;
    size_t n;
    struct node_state states[];
};

static int run_write(struct store_session *session, void *arg)
{
    const struct node_write *w = arg;
    enum admin_result result = ADMIN_OK;
    for (size_t i = 0; i < w->n && result == ADMIN_OK; i++)
        result = session_put_node(session, &w->states[i]);
    return result == ADMIN_OK ? 0 : -1;
}

/* One that failed is stored when the node is seen again, which it soon is. */
static void on_written(struct store_job *job)
{
    struct node_write *w = (struct node_write *)job;
    w->owner->busy = false;
    free(w);
}

static void write_dirty(struct serve_nodes *s)
{
    struct nodes *nodes = &s->nodes;
    struct node_write *w =
        nodes->dirty && !s->busy ? calloc(1, sizeof(*w) + nodes->n * sizeof(w->states[0])) : NULL;
    if (!w)
        return;
    for (size_t i = 0; i < nodes->n; i++)
        if (nodes->v[i].dirty)
            w->states[w->n++] = nodes->v[i].state;
    w->owner = s;
    w->job = (struct store_job){.kind = STORE_CALL,
                                .bytes = sizeof(*w) + w->n * sizeof(w->states[0]),
                                .call = run_write,
                                .call_arg = w,
                                .done = on_written};
    s->busy = store_submit(s->store, &w->job) == 0;
    if (!s->busy) {
        free(w);
        return;
    }
    nodes->dirty = false;
    for (size_t i = 0; i < nodes->n; i++)
        nodes->v[i].dirty = false;
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    write_dirty(timer->data);
}

/* ---- life --------------------------------------------------------------------------------- */

static void on_node(void *arg, const struct read_agent_node *node)
{
    nodes_put(arg, &node->state);
}

static void load(struct serve_nodes *s, const char *store_dir)
{
    struct buf error;
    enum store_failure failure;
    buf_init(&error, 4096);
    struct store_reader *reader = store_reader_open(store_dir, &error, &failure);
    if (reader)
        (void)store_reader_agent_nodes(reader, admin_now_ms(), on_node, &s->nodes);
    store_reader_close(reader);
    buf_release(&error);
}

void serve_nodes_start(struct serve_nodes *s, struct ev_loop *loop, struct store *store,
                       const char *store_dir)
{
    s->store = store;
    load(s, store_dir);
    ev_timer_init(&s->timer, on_timer, STORE_EVERY_S, STORE_EVERY_S);
    s->timer.data = s;
    ev_timer_start(loop, &s->timer);
}

void serve_nodes_stop(struct serve_nodes *s, struct ev_loop *loop)
{
    if (!s->store)
        return;
    ev_timer_stop(loop, &s->timer);
    write_dirty(s);
}

/* ---- metrics ------------------------------------------------------------------------------ */

struct node_labels {
    struct metric_label v[2];
    char number[32];
};

/* People's names are no business of a label. */
static void label(struct node_labels *l, const struct rights *rights, const struct node_state *s)
{
    const struct team *teams;
    size_t n = rights_teams(rights, &teams), i = 0;
    while (i < n && teams[i].id != s->team)
        i++;
    snprintf(l->number, sizeof(l->number), s->team < 0 ? "(user %lld)" : "(team %lld)",
             s->team < 0 ? -(long long)s->team : (long long)s->team);
    l->v[0] = (struct metric_label){"team", i < n ? teams[i].name : str_of(l->number)};
    l->v[1] = (struct metric_label){"node", str_of(s->name)};
}

void serve_nodes_put_metrics(const struct serve_nodes *s, struct buf *out)
{
    static const char seen[] = "logferry_server_node_last_seen_timestamp_seconds",
                      lag[] = "logferry_server_node_lag_seconds",
                      waiting[] = "logferry_server_node_waiting_records";
    size_t n = s->nodes.n < METRICS_NODES ? s->nodes.n : METRICS_NODES;
    struct rights *rights = store_rights(s->store);
    struct node_labels *labels = calloc(n + 1, sizeof(*labels));
    metric_gauge(out, "logferry_server_nodes", "Nodes that are known.", s->nodes.n);
    n = labels ? n : 0;
    for (size_t i = 0; i < n; i++)
        label(&labels[i], rights, &s->nodes.v[i].state);
    metric_family(out, seen, "gauge", "When the node was heard of last.");
    for (size_t i = 0; i < n; i++)
        metric_ms(out, seen, (struct metric_labels){labels[i].v, 2}, s->nodes.v[i].state.seen_ms);
    metric_family(out, lag, "gauge", "Age of the oldest line that it had still to deliver then.");
    for (size_t i = 0; i < n; i++)
        metric_ms(out, lag, (struct metric_labels){labels[i].v, 2},
                  (int64_t)s->nodes.v[i].state.lag_ms);
    metric_family(out, waiting, "gauge", "Records that waited at it then.");
    for (size_t i = 0; i < n; i++)
        metric_u64(out, waiting, (struct metric_labels){labels[i].v, 2},
                   s->nodes.v[i].state.waiting);
    free(labels);
    rights_release(rights);
}
