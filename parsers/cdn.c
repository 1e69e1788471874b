/* cdn.c - see cdn.h. */
#include "parsers/cdn.h"

#include "parsers/cdn_ranges.h"

#include <endian.h>

static const struct {
    const char *name, *key;
} cdns[CDN_COUNT] = {
    [CDN_NONE] = {"", ""},
    [CDN_CLOUDFRONT] = {"CloudFront", "cloudfront"},
    [CDN_CLOUDFLARE] = {"Cloudflare", "cloudflare"},
    [CDN_FASTLY] = {"Fastly", "fastly"},
};

static enum cdn find4(uint32_t address)
{
    size_t low = 0, high = cdn_ranges4_n;

    if ((cdn_octets[address >> 29] >> (address >> 24) % 32 & 1) == 0)
        return CDN_NONE;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (address > cdn_ranges4[middle].last)
            low = middle + 1;
        else if (address < cdn_ranges4[middle].first)
            high = middle;
        else
            return cdn_ranges4[middle].cdn;
    }
    return CDN_NONE;
}

static enum cdn find6(uint64_t upper)
{
    for (size_t i = 0; i < cdn_ranges6_n; i++)
        if (upper >= cdn_ranges6[i].first && upper <= cdn_ranges6[i].last)
            return cdn_ranges6[i].cdn;
    return CDN_NONE;
}

enum cdn cdn_of(const unsigned char address[16])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint32_t v4;
    uint64_t v6;

    if (memcmp(address, mapped, sizeof(mapped)) == 0) {
        memcpy(&v4, address + 12, sizeof(v4));
        return find4(be32toh(v4));
    }
    memcpy(&v6, address, sizeof(v6));
    return find6(be64toh(v6));
}

const char *cdn_name(enum cdn cdn)
{
    return cdns[cdn].name;
}

const char *cdn_key(enum cdn cdn)
{
    return cdns[cdn].key;
}

enum cdn cdn_of_key(struct str key)
{
    for (int i = 1; i < CDN_COUNT; i++)
        if (str_eq(key, str_of(cdns[i].key)))
            return (enum cdn)i;
    return CDN_NONE;
}
