/* The query strings of the read endpoints: whatever they hold, what comes out is within bounds. */
#include <stdint.h>
#include <stdlib.h>

#include "server/read_query.h"

#define NOW_MS INT64_C(1790000000000)

static void check(const struct read_query *q, const char *wrong)
{
    if (q->n_filters > READ_FILTERS_MAX || q->text.failed)
        abort();
    for (size_t i = 0; i < q->n_filters; i++)
        if (q->filters[i].value.n == 0 || q->filters[i].type >= HIT_FILTER_TYPES)
            abort();
    if (!wrong && (q->limit < 1 || q->limit > 100 || q->window_days < 1 || q->window_days > 90))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    typedef const char *reader(struct read_query *, struct str, int64_t);
    static reader *const readers[] = {read_query_fetches, read_query_correlation, read_query_stats,
                                      read_query_sites, read_query_hits};
    struct str query = {(const char *)data, size};
    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        struct read_query q;
        const char *wrong = readers[i](&q, query, NOW_MS);
        check(&q, wrong);
        read_query_release(&q);
    }
    return 0;
}
