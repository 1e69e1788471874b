/*
 * report_rows.c - a report counted from the rows, text by text: for a time with more different
 * paths than columns can be counted by. Over TALLY_MAX_TEXTS of them are one, TALLY_OTHER.
 */
#include "server/report_impl.h"

static void count(uint64_t counts[TALLY_COLUMNS], const struct read_record *record)
{
    enum tally_column column = report_status_column(record->status);
    counts[TALLY_ALL]++;
    counts[TALLY_SPOOFED] += record->spoofed;
    if (column != TALLY_ALL)
        counts[column]++;
}

static void on_record(void *arg, const struct read_record *record)
{
    struct report *r = arg;
    bool fetch = record->kind == RECORD_AI_FETCH;
    struct tally_entry *page = tally_at(fetch ? &r->ai_paths : &r->pages, record->path);
    uint64_t one[TALLY_COLUMNS] = {0};
    if (!fetch) {
        r->pageviews++;
        id_set_add(&r->visitors, record->visitor);
        if (page)
            page->counts[TALLY_ALL]++;
        return;
    }
    count(one, record);
    report_add_agent(r, record->agent, one);
    if (page)
        count(page->counts, record);
}

int report_by_rows(struct report *r, struct store_reader *reader)
{
    struct tally *tallies[] = {&r->pages, &r->agents, &r->operators, &r->categories, &r->ai_paths};
    if (store_reader_records(reader, &r->filter, on_record, r))
        return -1;
    bool failed = r->visitors.failed;
    for (size_t i = 0; i < COUNT_OF(tallies); i++) {
        failed = failed || tallies[i]->failed;
        tally_sort(tallies[i]);
    }
    return failed ? -1 : 0;
}
