/* fuzz_spam_list.c - lists of spammers in any shape: what was read is found, and nothing beside a
 * network is. First byte: hosts or networks. */
#include <stdlib.h>

#include "server/spam_list.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spam_list l = {0};
    struct buf why;
    if (size == 0)
        return 0;
    struct str text = {(const char *)data + 1, size - 1};
    buf_init(&why, 256);
    int status = data[0] % 2 ? spam_list_read_hosts(&l, text, &why)
                             : spam_list_read_networks(&l, text, &why);
    MUST((status == 0) == (why.n == 0));
    spam_list_sort(&l);
    for (size_t i = 0; i < l.n_hosts; i++)
        MUST(spam_list_has_host(&l, l.hosts[i]));
    for (size_t i = 0; i < l.n_ranges; i++) {
        MUST(spam_list_has_address(&l, l.ranges[i].from));
        MUST(spam_list_has_address(&l, l.ranges[i].to));
        MUST(i == 0 || memcmp(l.ranges[i - 1].to, l.ranges[i].from, 16) < 0);
    }
    spam_list_release(&l);
    buf_release(&why);
    return 0;
}
