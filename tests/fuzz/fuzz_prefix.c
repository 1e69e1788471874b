/* What collectors put before lines: detected, taken off, and a format behind it. */
#include "tests/fuzz/fuzz_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const specs[] = {"cri+nginx_combined",
                                        "docker+nginx_combined",
                                        "syslog+nginx_combined",
                                        "docker+syslog+nginx_json",
                                        "message+nginx_combined",
                                        "stamp+compose+nginx_combined",
                                        "logger+werkzeug",
                                        "grep+apache_vhost_combined",
                                        "csv+nginx_combined",
                                        "csv+uvicorn",
                                        "docker+clf",
                                        "message+iis",
                                        "stamp+nginx_json"};

    if (n == 0)
        return 0;
    prefix_detect((struct str){(const char *)data + 1, n - 1});
    fuzz_format(specs[data[0] % COUNT_OF(specs)], data + 1, n - 1);
    return 0;
}
