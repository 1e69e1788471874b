/*
 * report.c - one pass over the records of a time: everything is counted at once, in memory.
 */
#include "server/report.h"

#include <stdlib.h>

static enum tally_column status_column(int status)
{
    if ((status >= 200 && status < 300) || status == 304)
        return TALLY_OK;
    if (status >= 300 && status < 400)
        return TALLY_REDIRECT;
    if (status >= 400 && status < 500)
        return TALLY_CLIENT;
    return status >= 500 && status < 600 ? TALLY_SERVER : TALLY_ALL;
}

static void count(uint64_t counts[TALLY_COLUMNS], const struct read_record *record)
{
    enum tally_column column = status_column(record->status);
    counts[TALLY_ALL]++;
    counts[TALLY_SPOOFED] += record->spoofed;
    if (column != TALLY_ALL)
        counts[column]++;
}

static void count_in(struct tally *t, struct str text, const struct read_record *record)
{
    struct tally_entry *entry = tally_at(t, text);
    if (entry)
        count(entry->counts, record);
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

static void on_ai_fetch(struct report *r, const struct read_record *record)
{
    struct str key = STR("(unknown)\t(unknown)\t(unknown)");
    if (record->agent > 0 && record->agent < REPORT_AGENTS_MAX &&
        str_is_set(r->agent_texts[record->agent]))
        key = r->agent_texts[record->agent];
    count(r->ai, record);
    r->other_status += status_column(record->status) == TALLY_ALL;
    count_in(&r->agents, key, record);
    count_in(&r->operators, part_of(key, 1), record);
    count_in(&r->categories, part_of(key, 2), record);
    count_in(&r->ai_paths, record->path, record);
}

static void on_record(void *arg, const struct read_record *record)
{
    struct report *r = arg;
    if (record->kind == RECORD_AI_FETCH) {
        on_ai_fetch(r, record);
        return;
    }
    struct tally_entry *page = tally_at(&r->pages, record->path);
    r->pageviews++;
    id_set_add(&r->visitors, record->visitor);
    if (page)
        page->counts[TALLY_ALL]++;
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

int report_gather(struct report *r, struct store_reader *reader, const struct read_filter *filter,
                  struct str site)
{
    *r = (struct report){.filter = *filter, .site = site};
    id_set_init(&r->visitors);
    struct tally *tallies[] = {&r->pages, &r->agents, &r->operators, &r->categories, &r->ai_paths};
    for (size_t i = 0; i < sizeof(tallies) / sizeof(tallies[0]); i++)
        tally_init(tallies[i]);
    r->agent_texts = calloc(REPORT_AGENTS_MAX, sizeof(*r->agent_texts));
    if (!r->agent_texts || store_reader_agents(reader, on_agent, r) ||
        store_reader_records(reader, filter, on_record, r))
        return -1;
    bool failed = r->visitors.failed;
    for (size_t i = 0; i < sizeof(tallies) / sizeof(tallies[0]); i++) {
        failed = failed || tallies[i]->failed;
        tally_sort(tallies[i]);
    }
    return failed ? -1 : 0;
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
