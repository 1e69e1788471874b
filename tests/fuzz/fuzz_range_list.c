/*
 * fuzz_range_list.c - an operator's list in any shape. What is read is written and read again to
 * the same; every prefix holds its own first address; and the table answers.
 */
#include <stdlib.h>

#include "parsers/ranges.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct range_list *l)
{
    struct range_list again;
    struct buf text, why;

    buf_init(&text, RANGE_LIST_MAX_BYTES);
    buf_init(&why, 1024);
    range_list_write(&text, l, STR("gptbot"));
    MUST(!text.failed);
    MUST(range_list_read(buf_str(&text), &again, &why) == 0);
    MUST(again.n == l->n && again.date_ms == l->date_ms);
    MUST(memcmp(again.prefixes, l->prefixes, l->n * sizeof(*l->prefixes)) == 0);
    range_list_release(&again);
    buf_release(&text);
    buf_release(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct catalogue *catalogue;
    static struct ranges *ranges;
    struct range_list l;
    struct buf why;

    if (catalogue == NULL) {
        catalogue = catalogue_new(false);
        ranges = ranges_new(catalogue);
        MUST(ranges != NULL);
    }
    buf_init(&why, 1024);
    if (range_list_read((struct str){(const char *)data, size}, &l, &why) == 0) {
        MUST(l.n > 0 && l.n <= RANGE_LIST_MAX_PREFIXES && why.n == 0);
        for (size_t i = 0; i < l.n; i++)
            MUST(cidr_holds(&l.prefixes[i], l.prefixes[i].address));
        if (l.date_ms == INT64_MIN)
            l.date_ms = 0;
        check_again(&l);
        MUST(ranges_add(ranges, STR("gptbot"), &l) == 0);
        range_list_release(&l);
    } else {
        MUST(why.n > 0 && l.prefixes == NULL);
    }
    ranges_check(ranges, catalogue_at(catalogue, size % catalogue_count(catalogue)),
                 (struct str){(const char *)data, size < 45 ? size : 45}, (int64_t)size);
    buf_reset(&why);
    struct catalogue *c = catalogue_parse((struct str){(const char *)data, size}, false, &why);
    MUST((c == NULL) == (why.n > 0));
    catalogue_free(c);
    buf_release(&why);
    return 0;
}
