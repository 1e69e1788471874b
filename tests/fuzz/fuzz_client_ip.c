/* X-Forwarded-For and Forwarded, first byte: which. The answer is an address, a slice of the input,
 * and not a trusted one unless all are. */
#include <stdlib.h>

#include "parsers/client_ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cidr trust;
    unsigned char address[16];

    if (size == 0)
        return 0;
    must(cidr_parse(STR("10.0.0.0/8"), &trust));
    struct client_rule rule = {.from = data[0] & 1 ? CLIENT_FROM_FORWARDED
                                                   : CLIENT_FROM_X_FORWARDED_FOR,
                               .trust = &trust,
                               .n_trust = 1,
                               .trust_cdns = data[0] >> 4};
    struct str header = {(const char *)data + 1, size - 1};
    struct hit hit = {.client_ip = STR("10.0.0.1"), .forwarded = header, .forwarded_for = header};
    struct str found = client_ip(&rule, &hit);
    if (str_is_set(found)) {
        must(address_parse(found, address));
        must(str_eq(found, STR("10.0.0.1")) ||
             (found.p >= header.p && found.p + found.n <= header.p + header.n));
    }
    hit.client_ip = STR("192.0.2.1");
    must(str_eq(client_ip(&rule, &hit), STR("192.0.2.1")));
    hit.client_ip = header;
    client_ip(&rule, &hit);
    return 0;
}
