/*
 * api_client.c - the address that a request counts for: whoever connects, or what a trusted proxy
 * says of whom it asks for.
 *
 * X-Forwarded-For comes first, because a proxy adds to it what it has seen itself: of all that
 * stands there the nearest address that is no trusted proxy's is the last that cannot have been
 * made up. The other headers are a proxy's word alone; one that does not set them hands on what its
 * client wrote, so they count only when the first is missing.
 */
#include "parsers/client_ip.h"
#include "server/api_internal.h"

static bool is_proxy(const struct api *a, const unsigned char address[16])
{
    for (size_t i = 0; i < a->config.n_proxies; i++)
        if (cidr_holds(&a->config.proxies[i], address))
            return true;
    return false;
}

/* A unix socket has no address: what connects there is on this machine. */
static bool is_trusted(const struct api *a, const struct http_peer *peer)
{
    static const unsigned char none[16];
    static const unsigned char loopback[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    bool is_socket = memcmp(peer->address, none, sizeof(none)) == 0;
    return is_proxy(a, is_socket ? loopback : peer->address);
}

bool api_is_https(const struct api *a, const struct http_request *req)
{
    return str_starts_nocase(a->config.account.public_url, STR("https://")) ||
           (a->config.n_proxies > 0 && is_trusted(a, &req->peer) &&
            str_eq_nocase(http_header(req, STR("x-forwarded-proto")), STR("https")));
}

/* What one field says: from the right, up to the first address that is no proxy's. */
enum said { SAID_NOTHING, SAID_PROXIES, SAID_CLIENT, SAID_NONSENSE };

static enum said read_hops(const struct api *a, struct str field, unsigned char address[16])
{
    enum said said = SAID_NOTHING;
    for (int hops = 0; field.n > 0 && hops < CLIENT_IP_MAX_HOPS; hops++) {
        ptrdiff_t comma = str_rchr(field, ',');
        struct str hop = client_ip_bare(str_slice(field, (size_t)(comma + 1), field.n));
        if (!str_is_set(hop) || !address_parse(hop, address))
            return SAID_NONSENSE;
        if (!is_proxy(a, address))
            return SAID_CLIENT;
        said = SAID_PROXIES;
        field.n = comma < 0 ? 0 : (size_t)comma;
    }
    return field.n > 0 ? SAID_NONSENSE : said;
}

/* Fields of one name are one list (RFC 9110): the last of them is the nearest. */
static enum said read_forwarded_for(const struct api *a, const struct http_request *req,
                                    unsigned char address[16])
{
    enum said said = SAID_NOTHING;
    size_t at = 0;
    struct str field;
    while (str_is_set(field = http_header_next(req, STR("x-forwarded-for"), &at))) {
        unsigned char here[16];
        enum said now = read_hops(a, field, here);
        if (now == SAID_NOTHING || (now == SAID_PROXIES && said != SAID_NOTHING))
            continue;
        said = now;
        memcpy(address, here, sizeof(here));
    }
    return said;
}

/* The last address of a field; CloudFront's has a port behind it, without brackets. */
static bool read_alone(struct str field, bool has_port, unsigned char address[16])
{
    while (field.n > 0) {
        ptrdiff_t comma = str_rchr(field, ',');
        struct str word = str_trim(str_slice(field, (size_t)(comma + 1), field.n));
        ptrdiff_t colon = has_port ? str_rchr(word, ':') : -1;
        struct str bare = client_ip_bare(colon < 0 ? word : str_slice(word, 0, (size_t)colon));
        if (str_is_set(bare) && address_parse(bare, address))
            return true;
        field.n = comma < 0 ? 0 : (size_t)comma;
    }
    return false;
}

static bool read_others(const struct http_request *req, unsigned char address[16])
{
    static const struct {
        struct str name;
        bool has_port;
    } fields[] = {{STR_INIT("x-real-ip"), false},
                  {STR_INIT("cf-connecting-ip"), false},
                  {STR_INIT("fastly-client-ip"), false},
                  {STR_INIT("cloudfront-viewer-address"), true}};
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        struct str field = http_header(req, fields[i].name);
        if (str_is_set(field) && read_alone(field, fields[i].has_port, address))
            return true;
    }
    return false;
}

struct http_peer api_client_of(const struct api *a, const struct http_request *req)
{
    struct http_peer client = {.local = false}; /* no header makes anybody local */
    if (a->config.n_proxies == 0 || !is_trusted(a, &req->peer))
        return req->peer;
    switch (read_forwarded_for(a, req, client.address)) {
    case SAID_CLIENT:
    case SAID_PROXIES:
        return client;
    case SAID_NONSENSE:
        client = req->peer;
        client.local = false;
        return client;
    case SAID_NOTHING:
        break;
    }
    return read_others(req, client.address) ? client : req->peer;
}
