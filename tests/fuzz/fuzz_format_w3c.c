/* Columns of IIS, of Zeek, of real-time logs and of the configuration; cloudfront has a target of its own.
 */
#include "tests/fuzz/fuzz_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const specs[] = {
        "iis",
        "zeek",
        "cloudfront_realtime",
        "w3c:{\"delimiter\":\",\"}",
        ("w3c:{\"fields\":[\"date\",\"time\",\"cs-uri-stem\",\"cs-host\",\"cs(User-Agent)\","
         "\"sc-status\"],\"delimiter\":\" \"}"),
    };

    if (n > 0)
        fuzz_format(specs[data[0] % (sizeof(specs) / sizeof(specs[0]))], data + 1, n - 1);
    return 0;
}
