/* Words with keys: keys, quotes, escapes and times of any bytes; Heroku's lines. */
#include "tests/fuzz/fuzz_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_format("logfmt", data, n);
    fuzz_format("heroku", data, n);
    return 0;
}
