/*
 * address.c - addresses and networks, declared in verdict.h: exclude.ip, trusted proxies, published
 * ranges.
 */
#include <arpa/inet.h>

#include "parsers/verdict.h"

#define ADDRESS4_TEXT 15
#define ADDRESS_TEXT 45 /* the longest IPv6 text: eight groups with an IPv4 tail */

/* 0 to 255 without a leading zero; the byte behind it, or NULL. What is at `at` ends in a NUL. */
static const char *parse_octet(const char *at, unsigned char *out)
{
    unsigned value = (unsigned char)*at++ - (unsigned)'0';

    if (value > 9)
        return NULL;
    for (int more = 0; more < 2 && ascii_digit(*at); more++) {
        if (value == 0)
            return NULL;
        value = value * 10 + (unsigned)(*at++ - '0');
    }
    *out = (unsigned char)value;
    return value <= 255 ? at : NULL;
}

/* Four numbers as inet_pton takes them. By hand, because it is done for every record. */
static bool parse4(struct str text, unsigned char out[4])
{
    char copy[ADDRESS4_TEXT + 1];
    const char *at = copy;

    if (text.n > ADDRESS4_TEXT || text.n == 0)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    for (int i = 0; i < 4; i++) {
        if (i > 0 && *at++ != '.')
            return false;
        at = parse_octet(at, &out[i]);
        if (!at)
            return false;
    }
    return at == copy + text.n;
}

bool address_parse(struct str text, unsigned char out[16])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    char copy[ADDRESS_TEXT + 1];
    unsigned char address[16];

    if (parse4(text, address + 12)) {
        memcpy(address, mapped, sizeof(mapped));
    } else {
        if (text.n == 0 || text.n > ADDRESS_TEXT || memchr(text.p, ':', text.n) == NULL ||
            memchr(text.p, '\0', text.n) != NULL)
            return false;
        memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
        if (inet_pton(AF_INET6, copy, address) != 1)
            return false;
    }
    memcpy(out, address, sizeof(address));
    return true;
}

bool cidr_parse(struct str text, struct cidr *out)
{
    ptrdiff_t slash = str_chr(text, '/', 0);
    struct str address = slash < 0 ? text : str_slice(text, 0, (size_t)slash);
    bool v4 = str_chr(address, ':', 0) < 0;
    uint64_t bits = v4 ? 32 : 128;
    struct cidr c;

    if (!address_parse(address, c.address))
        return false;
    if (slash >= 0 && !str_to_u64(str_slice(text, (size_t)slash + 1, text.n), bits, &bits))
        return false;
    c.bits = (unsigned)bits + (v4 ? 96 : 0);
    *out = c;
    return true;
}

bool cidr_is_v4(const struct cidr *c)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

    return c->bits >= 96 && memcmp(c->address, mapped, sizeof(mapped)) == 0;
}

void cidr_clear_host_bits(struct cidr *c)
{
    for (unsigned bit = c->bits; bit < 128; bit++)
        c->address[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
}

void cidr_put(struct buf *out, const struct cidr *c)
{
    char text[INET6_ADDRSTRLEN];
    bool v4 = cidr_is_v4(c);

    if (inet_ntop(v4 ? AF_INET : AF_INET6, c->address + (v4 ? 12 : 0), text, sizeof(text)))
        buf_printf(out, "%s/%u", text, c->bits - (v4 ? 96 : 0));
}

bool cidr_holds(const struct cidr *c, const unsigned char address[16])
{
    unsigned whole = c->bits / 8, rest = c->bits % 8;

    if (memcmp(c->address, address, whole) != 0)
        return false;
    return rest == 0 || ((c->address[whole] ^ address[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}

bool cidr_contains(const struct cidr *c, struct str address)
{
    unsigned char bytes[16];

    return address_parse(address, bytes) && cidr_holds(c, bytes);
}

bool address_is_inner(const unsigned char address[16])
{
    static const struct cidr networks[] = {
        {{[10] = 0xff, [11] = 0xff, [12] = 0}, 104},              /* 0.0.0.0/8 */
        {{[10] = 0xff, [11] = 0xff, [12] = 10}, 104},             /* 10.0.0.0/8 */
        {{[10] = 0xff, [11] = 0xff, [12] = 100, [13] = 64}, 106}, /* 100.64.0.0/10 */
        {{[10] = 0xff, [11] = 0xff, [12] = 127}, 104},            /* 127.0.0.0/8 */
        {{[10] = 0xff, [11] = 0xff, [12] = 169, [13] = 254}, 112},
        {{[10] = 0xff, [11] = 0xff, [12] = 172, [13] = 16}, 108},
        {{[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 168}, 112},
        {{0}, 96},                /* ::, ::1 */
        {{0xfc}, 7},              /* fc00::/7 */
        {{0xfe, [1] = 0x80}, 10}, /* fe80::/10 */
    };

    for (size_t i = 0; i < COUNT_OF(networks); i++)
        if (cidr_holds(&networks[i], address))
            return true;
    return false;
}
