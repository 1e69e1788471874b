/*
 * report.c - the records of a time, counted: by columns, or where those are too many different ones
 * by rows.
 */
#include "server/report_impl.h"

#include <stdlib.h>

enum tally_column report_status_column(int status)
{
    if ((status >= 200 && status < 300) || status == 304)
        return TALLY_OK;
    if (status >= 300 && status < 400)
        return TALLY_REDIRECT;
    if (status >= 400 && status < 500)
        return TALLY_CLIENT;
    return status >= 500 && status < 600 ? TALLY_SERVER : TALLY_ALL;
}

static void add(uint64_t to[TALLY_COLUMNS], const uint64_t more[TALLY_COLUMNS])
{
    for (int i = 0; i < TALLY_COLUMNS; i++)
        to[i] += more[i];
}

static void add_to(struct tally *t, struct str text, const uint64_t counts[TALLY_COLUMNS])
{
    struct tally_entry *entry = tally_at(t, text);
    if (entry)
        add(entry->counts, counts);
}

static struct str part_of(struct str key, int part)
{
    for (; part > 0; part--) {
        ptrdiff_t tab = str_chr(key, '\t', 0);
        key = tab < 0 ? STR("") : str_slice(key, (size_t)tab + 1, key.n);
    }
    ptrdiff_t tab = str_chr(key, '\t', 0);
    return tab < 0 ? key : str_slice(key, 0, (size_t)tab);
}

void report_add_agent(struct report *r, int64_t agent, const uint64_t counts[TALLY_COLUMNS])
{
    struct str key = STR("(unknown)\t(unknown)\t(unknown)");
    if (agent > 0 && agent < REPORT_AGENTS_MAX && str_is_set(r->agent_texts[agent]))
        key = r->agent_texts[agent];
    add(r->ai, counts);
    r->other_status += counts[TALLY_ALL] - counts[TALLY_OK] - counts[TALLY_REDIRECT] -
                       counts[TALLY_CLIENT] - counts[TALLY_SERVER];
    add_to(&r->agents, key, counts);
    add_to(&r->operators, part_of(key, 1), counts);
    add_to(&r->categories, part_of(key, 2), counts);
}

static void on_agent(void *arg, const struct read_agent *agent)
{
    struct report *r = arg;
    struct buf text;
    if (agent->id < 0 || agent->id >= REPORT_AGENTS_MAX)
        return;
    buf_init(&text, 4096);
    buf_put_str(&text, agent->name);
    buf_putc(&text, '\t');
    buf_put_str(&text, agent->operator);
    buf_putc(&text, '\t');
    buf_put_str(&text, agent->category);
    if (text.failed)
        buf_release(&text);
    else /* the bytes are the report's from here on */
        r->agent_texts[agent->id] = buf_str(&text);
}

int report_begin(struct report *r, struct store_reader *reader, const struct read_filter *filter,
                 struct str site)
{
    *r = (struct report){.filter = *filter, .site = site};
    r->agent_texts = calloc(REPORT_AGENTS_MAX, sizeof(*r->agent_texts));
    return r->agent_texts ? store_reader_agents(reader, on_agent, r) : -1;
}

int report_gather(struct report *r, struct store_reader *reader, const struct read_filter *filter,
                  struct str site, size_t top)
{
    if (report_begin(r, reader, filter, site))
        return -1;
    if (report_by_columns(r, reader, top) == 0)
        return 0;
    report_release(r);
    return report_begin(r, reader, filter, site) ? -1 : report_by_rows(r, reader);
}

void report_release(struct report *r)
{
    id_set_release(&r->visitors);
    tally_release(&r->pages);
    tally_release(&r->agents);
    tally_release(&r->operators);
    tally_release(&r->categories);
    tally_release(&r->ai_paths);
    for (size_t i = 0; r->agent_texts && i < REPORT_AGENTS_MAX; i++)
        free((void *)r->agent_texts[i].p);
    free(r->agent_texts);
    r->agent_texts = NULL;
}
