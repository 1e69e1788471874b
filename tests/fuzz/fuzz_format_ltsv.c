/* Labeled tab-separated values: columns, labels, times and requests of any bytes. */
#include "tests/fuzz/fuzz_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_format("ltsv", data, n);
    return 0;
}
