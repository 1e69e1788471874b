/* Path, query and referrer with masks and filters: the input is cut at its newlines; first byte:
 * the settings. What comes out is no longer than what went in, a query has no parameter that looks
 * like a secret, and a referrer with a host no user name. */
#include <stdlib.h>

#include "parsers/privacy.h"
#include "parsers/secrets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

static void check_query(struct str query)
{
    struct query_param p;

    while (query_next(&query, true, &p))
        must(!secrets_hold(&p));
}

static void check_address(struct str text)
{
    static const enum privacy_address kinds[] = {PRIVACY_ADDRESS_FULL, PRIVACY_ADDRESS_TRUNCATED};
    char scratch[PRIVACY_ADDRESS_TEXT];
    unsigned char address[16];

    for (int i = 0; i < 2; i++) {
        struct privacy p = {.address = kinds[i]};
        struct str sent = privacy_visitor_ip(&p, text, scratch);
        must(!str_is_set(sent) || address_parse(sent, address));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct str masks[] = {{"/a/*", 4}, {"/*/b*c/", 7}, {"/order/*/x", 10}};
    static const struct str allow[] = {{"page", 4}, {"utm_*", 5}};
    struct buf scratch;

    if (size == 0)
        return 0;
    struct privacy p = {.query = (enum privacy_query)(data[0] % 3),
                        .allow = {allow, 2},
                        .path_mask = {masks, data[0] & 4 ? 3 : 0},
                        .mask = data[0] >> 4};
    struct str rest = {(const char *)data + 1, size - 1};
    struct hit in = {.path = str_cut(&rest, '\n')};
    in.query = str_cut(&rest, '\n');
    in.referrer = rest;
    struct hit out = in;
    buf_init(&scratch, in.path.n + in.query.n + in.referrer.n + 64);
    must(privacy_apply(&p, &out, &scratch));
    must(out.path.n <= in.path.n && out.query.n <= in.query.n && out.referrer.n <= in.referrer.n);
    if (p.query == PRIVACY_QUERY_NO_SECRETS)
        check_query(out.query);
    must(p.query != PRIVACY_QUERY_DROP || !str_is_set(out.query) || out.query.n == 0);
    if (str_starts(in.referrer, STR("https://"))) {
        struct str host = str_slice(out.referrer, 8, out.referrer.n);
        host = str_cut(&host, '/');
        ptrdiff_t end = str_chr(host, '?', 0);
        must(str_chr(end < 0 ? host : str_slice(host, 0, (size_t)end), '@', 0) < 0 ||
             str_chr(host, '\\', 0) >= 0);
    }
    check_address(in.path);
    buf_release(&scratch);
    return 0;
}
