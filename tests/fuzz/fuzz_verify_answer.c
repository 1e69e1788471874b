/* Answers of the verify endpoint of a server that nobody trusts. */
#include <stdlib.h>

#include "agent/verify_answer.h"

#define ID "11111111-2222-4333-8444-555555555555"

/* Every line has one fate, and the fates come to the counts. */
static void check_answer(const struct verify_answer *a, uint32_t n)
{
    struct verify_walk w = {.answer = a};
    uint64_t fates[4] = {0};
    for (uint32_t line = 2; line < n + 2; line++) {
        const struct verify_rejected *why = NULL;
        enum verify_fate fate = verify_walk_to(&w, line, &why);
        fates[fate]++;
        if ((why != NULL) != (fate == VERIFY_REJECTED) ||
            (why && (why->line != line || why->status > 999 || !why->error.p)))
            abort();
    }
    if (fates[VERIFY_STORED] != a->present || fates[VERIFY_MISSING] != a->missing ||
        fates[VERIFY_EXCLUDED] != a->excluded || fates[VERIFY_REJECTED] != a->n_rejected)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verify_answer a;
    struct buf body;
    if (!size)
        return 0;
    uint32_t n = data[0] / 2u;
    buf_init(&body, size + 128);
    if (data[0] % 2)
        buf_lit(&body, "{\"batch\":\"" ID "\",");
    buf_put(&body, data + 1, size - 1);
    if (verify_answer_read(buf_str(&body), ID, n, &a))
        check_answer(&a, n);
    verify_answer_release(&a);
    buf_release(&body);
    return 0;
}
