/* JSON lines: the first byte chooses the table of keys, or keys of one's own behind a prefix. */
#include "tests/fuzz/fuzz_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const specs[] = {
        "nginx_json",
        "caddy_json",
        "traefik_json",
        "cloudfront_json",
        "cloudflare_json",
        "akamai_json",
        "fastly_json",
        "envoy_json",
        "azure_json",
        "gcp_json",
        "zeek_json",
        "ecs_json",
        "tomcat_json",
        ("json:{\"time\":[\"t\",\"a.t\"],\"date\":\"d\",\"path\":\"a.b.p\",\"query\":\"q\","
         "\"status\":\"s\",\"duration_us\":\"a.d\"}"),
    };

    if (n > 0)
        fuzz_format(specs[data[0] % (sizeof(specs) / sizeof(specs[0]))], data + 1, n - 1);
    return 0;
}
