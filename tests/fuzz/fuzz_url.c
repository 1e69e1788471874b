/*
 * fuzz_url.c - any bytes as a URL, a host, a query and a UUID.
 */
#include <stdlib.h>

#include "server/url.h"
#include "server/uuid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct str part, struct str whole)
{
    if (part.n > 0 && (part.p < whole.p || part.p + part.n > whole.p + whole.n) &&
        !str_eq(part, STR("/")))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size}, value;
    struct url url;
    struct buf out;
    unsigned char uuid[16];
    char host[URL_HOST_MAX], canonical[UUID_TEXT + 1];
    size_t n = 0;
    buf_init(&out, size + 1);
    if (url_split(text, &url)) {
        check_inside(url.host, text);
        check_inside(url.path, text);
        check_inside(url.query, text);
        if (url.host.n == 0 || url.path.n == 0)
            abort();
        if (query_value(url.query, STR("utm_source"), &out, &value) && value.n > url.query.n)
            abort();
    }
    if (host_normalise(text, host, &n) && (n == 0 || n > URL_HOST_MAX))
        abort();
    buf_reset(&out);
    query_value(text, STR("a"), &out, &value);
    if (uuid_parse(text, uuid)) {
        uuid_format(uuid, canonical);
        if (!uuid_parse(str_of(canonical), uuid))
            abort();
    }
    buf_release(&out);
    return 0;
}
