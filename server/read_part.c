/* read_part.c - see read_part.h. */
#include "server/read_part.h"

#include <stdio.h>
#include <stdlib.h>

#include "parsers/base/json.h"
#include "server/page_path.h"

/* ---- blocks -------------------------------------------------------------------------------- */

void block_times(const struct block *block, int64_t ms[BLOCK])
{
    uint64_t at[BLOCK];
    columns_read(block->part, COLUMN_AT, block->from, block->n, at);
    for (uint32_t i = 0; i < block->n; i++)
        ms[i] = block->part->first_ms + (int64_t)at[i];
}

void each_block(const struct columns *part, int64_t from_ms, int64_t to_ms,
                void (*on_block)(void *arg, struct block *block), void *arg)
{
    struct block block = {.part = part};
    bool inside = part->first_ms >= from_ms && part->last_ms <= to_ms;
    for (; block.from < part->n; block.from += BLOCK) {
        int64_t ms[BLOCK];
        block.n = part->n - block.from < BLOCK ? part->n - block.from : BLOCK;
        memset(block.wanted, 1, sizeof(block.wanted));
        if (!inside) {
            block_times(&block, ms);
            for (uint32_t i = 0; i < block.n; i++)
                block.wanted[i] = ms[i] >= from_ms && ms[i] <= to_ms;
        }
        on_block(arg, &block);
    }
}

/* ---- AI fetches ---------------------------------------------------------------------------- */

static bool wants(const struct read_query *q, struct str name, struct str operator)
{
    return (!str_is_set(q->assistant_name) || str_eq(q->assistant_name, name)) &&
           (!str_is_set(q->assistant_family) || str_eq(q->assistant_family, operator));
}

struct agent_reading {
    struct fetch_filter *filter;
    const struct read_query *q;
    bool failed;
};

#define UNKNOWN "(unknown)" /* an agent that is in no catalogue */
#define AGENTS_MAX (1 << 20)

static bool make_room(struct fetch_filter *f, size_t n)
{
    if (n <= f->n_agents)
        return true;
    struct fetch_agent *more = n <= AGENTS_MAX ? realloc(f->agents, n * sizeof(*more)) : NULL;
    if (!more)
        return false;
    memset(more + f->n_agents, 0, (n - f->n_agents) * sizeof(*more));
    f->agents = more;
    f->n_agents = n;
    return true;
}

/* Of the name that the store has. */
static struct str category_of(struct str name)
{
    for (int k = AGENT_TRAINING; k <= AGENT_OTHER; k++)
        if (str_eq(name, str_of(agent_category_name((enum agent_category)k))))
            return str_of(hitkeep_category((enum agent_category)k));
    return STR_NONE;
}

static void on_agent(void *arg, const struct read_agent *agent)
{
    struct agent_reading *r = arg;
    if (agent->id <= 0 || !make_room(r->filter, (size_t)agent->id + 1)) {
        r->failed = true;
        return;
    }
    struct fetch_agent *slot = &r->filter->agents[agent->id];
    slot->name = copied(agent->name);
    slot->operator= copied(agent->operator);
    slot->category = category_of(agent->category);
    slot->wanted = wants(r->q, agent->name, agent->operator);
    r->failed = r->failed || !slot->name.p || !slot->operator.p;
}

static int type_wanted(struct str name)
{
    if (!str_is_set(name))
        return -1;
    for (int i = 0; i < RESOURCE_TYPES; i++)
        if (str_eq(name, str_of(resource_type_names[i])))
            return i;
    return -2;
}

int fetch_filter_init(struct fetch_filter *f, const struct read_context *x,
                      const struct read_query *q)
{
    struct agent_reading reading = {.filter = f, .q = q};
    *f = (struct fetch_filter){.from_ms = q->from_ms,
                               .to_ms = q->to_ms,
                               .type = type_wanted(q->resource_type),
                               .path = column_key(q->path)};
    if (!make_room(f, 1))
        return -1;
    f->agents[0] = (struct fetch_agent){.name = copied(STR(UNKNOWN)),
                                        .operator= copied(STR(UNKNOWN)),
                                        .wanted = wants(q, STR(UNKNOWN), STR(UNKNOWN))};
    reading.failed = !f->agents[0].name.p || !f->agents[0].operator.p;
    return store_reader_agents(x->reader, on_agent, &reading) || reading.failed ? -1 : 0;
}

static void narrow_agents(struct fetch_filter *f, const struct hit_filter *filter)
{
    for (size_t i = 0; i < f->n_agents; i++) {
        struct fetch_agent *a = &f->agents[i];
        struct str have = filter->type == HIT_FILTER_AI_BOT ? a->name : a->category;
        a->wanted = a->wanted && str_is_set(have) && str_eq(have, filter->value);
    }
}

void fetch_filter_narrow(struct fetch_filter *f, const struct read_query *q)
{
    for (size_t i = 0; i < q->n_filters; i++) {
        const struct hit_filter *filter = &q->filters[i];
        uint64_t path = filter->type == HIT_FILTER_PATH ? column_key(filter->value) : f->path;
        if (filter->type == HIT_FILTER_AI_BOT || filter->type == HIT_FILTER_AI_BOT_CATEGORY)
            narrow_agents(f, filter);
        if (filter->type == HIT_FILTER_AI_SOURCE || (f->path && f->path != path))
            f->type = -2;
        f->path = path;
    }
}

void fetch_filter_release(struct fetch_filter *f)
{
    for (size_t i = 0; i < f->n_agents; i++) {
        free((void *)f->agents[i].name.p);
        free((void *)f->agents[i].operator.p);
    }
    free(f->agents);
    *f = (struct fetch_filter){0};
}

const struct fetch_agent *fetch_agent_at(const struct fetch_filter *f, uint64_t id)
{
    return &f->agents[id < f->n_agents && f->agents[id].name.p ? id : 0];
}

/* The index of a key in a part, or n_keys. */
static uint32_t index_of(const struct columns *part, enum column_id id, uint64_t key)
{
    uint32_t i = 0;
    while (i < part->of[id].n_keys && columns_key(part, id, i) != key)
        i++;
    return i;
}

struct fetch_pass {
    const struct fetch_filter *filter;
    uint32_t path; /* its index in the part */
    bool all_agents;
    void (*on_block)(void *arg, struct block *block);
    void *arg;
};

static void narrow(const struct fetch_pass *pass, struct block *block)
{
    uint64_t values[BLOCK];
    const struct fetch_filter *f = pass->filter;
    if (f->path) {
        columns_read(block->part, COLUMN_PATH, block->from, block->n, values);
        for (uint32_t i = 0; i < block->n; i++)
            block->wanted[i] = block->wanted[i] && values[i] == pass->path;
    }
    if (f->type >= 0) {
        columns_read(block->part, COLUMN_TYPE, block->from, block->n, values);
        for (uint32_t i = 0; i < block->n; i++)
            block->wanted[i] = block->wanted[i] && values[i] == (uint64_t)f->type;
    }
    if (!pass->all_agents) {
        columns_read(block->part, COLUMN_AGENT, block->from, block->n, values);
        for (uint32_t i = 0; i < block->n; i++) {
            uint64_t id = columns_key(block->part, COLUMN_AGENT, (uint32_t)values[i]);
            block->wanted[i] = block->wanted[i] && fetch_agent_at(f, id)->wanted;
        }
    }
}

static void on_fetch_block(void *arg, struct block *block)
{
    const struct fetch_pass *pass = arg;
    narrow(pass, block);
    pass->on_block(pass->arg, block);
}

void each_fetch_block(const struct fetch_filter *f, const struct columns *part,
                      void (*on_block)(void *arg, struct block *block), void *arg)
{
    struct fetch_pass pass = {.filter = f, .on_block = on_block, .arg = arg, .all_agents = true};
    bool any = false;
    for (uint32_t i = 0; i < part->of[COLUMN_AGENT].n_keys; i++) {
        bool wanted = fetch_agent_at(f, columns_key(part, COLUMN_AGENT, i))->wanted;
        pass.all_agents = pass.all_agents && wanted;
        any = any || wanted;
    }
    if (f->path)
        pass.path = index_of(part, COLUMN_PATH, f->path);
    if (f->type != -2 && any && (!f->path || pass.path < part->of[COLUMN_PATH].n_keys))
        each_block(part, f->from_ms, f->to_ms, on_fetch_block, &pass);
}

uint64_t key_pair(uint64_t a, uint64_t b)
{
    uint64_t v = (a ^ b * 0x9E3779B97F4A7C15u) * 0xC2B2AE3D27D4EB4Fu;
    return v ^ v >> 29;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

int put_top(struct buf *out, const char *name, struct top *top)
{
    buf_printf(out, "\"%s\":[", name);
    for (size_t i = 0; i < top->n; i++) {
        buf_put_str(out, i ? STR(",{\"name\":") : STR("{\"name\":"));
        json_put_string(out, top->entries[i].name);
        buf_printf(out, ",\"value\":%llu}", (unsigned long long)top->entries[i].value);
    }
    buf_putc(out, ']');
    int status = top->failed ? -1 : 0;
    top_release(top);
    return status;
}

void put_percent(struct buf *out, uint64_t n, uint64_t all)
{
    /* Step by step as DuckDB's ROUND(n * 100.0 / all, 2): 201 of 20,000 are 1, not 1.01. */
    uint64_t hundredths = all ? (uint64_t)((double)n * 100.0 / (double)all * 100.0 + 0.5) : 0;
    buf_put_u64(out, hundredths / 100);
    unsigned rest = (unsigned)(hundredths % 100);
    if (rest % 10)
        buf_printf(out, ".%02u", rest);
    else if (rest)
        buf_printf(out, ".%u", rest / 10);
}

void put_double(struct buf *out, double v)
{
    char text[64];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    buf_put_str(out, str_of(text));
}
