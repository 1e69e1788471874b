/* Lines of nginx_combined, nginx_main or apache_combined, chosen by the first byte. */
#include "tests/fuzz/fuzz_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const formats[] = {"nginx_combined", "nginx_main", "apache_combined"};

    if (n > 0)
        fuzz_format(formats[data[0] % 3], data + 1, n - 1);
    return 0;
}
