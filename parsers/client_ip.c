/* client_ip.c - see client_ip.h. */
#include "parsers/client_ip.h"

#include "parsers/cdn.h"

static bool is_trusted(const struct client_rule *rule, struct str address)
{
    unsigned char bytes[16];

    if (!address_parse(address, bytes))
        return false;
    for (size_t i = 0; i < rule->n_trust; i++)
        if (cidr_holds(&rule->trust[i], bytes))
            return true;
    enum cdn cdn = rule->trust_cdns != 0 ? cdn_of(bytes) : CDN_NONE;
    return cdn != CDN_NONE && (rule->trust_cdns >> cdn & 1) != 0;
}

/* Without what stands behind it: "%eth0", and of IPv4 ":443". */
static struct str without_tail(struct str text)
{
    ptrdiff_t zone = str_chr(text, '%', 0);
    ptrdiff_t colon = str_chr(text, ':', 0);

    if (zone > 0)
        text.n = (size_t)zone;
    if (colon > 0 && str_chr(text, ':', (size_t)colon + 1) < 0)
        text.n = (size_t)colon;
    return text;
}

struct str client_ip_bare(struct str text)
{
    unsigned char bytes[16];

    text = str_trim(text);
    if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
        text = str_trim(str_slice(text, 1, text.n - 1));
    if (text.n > 0 && text.p[0] == '[') {
        ptrdiff_t end = str_chr(text, ']', 0);
        if (end < 0)
            return STR_NONE;
        text = str_slice(text, 1, (size_t)end);
    }
    text = without_tail(text);
    return address_parse(text, bytes) ? text : STR_NONE;
}

struct str client_ip_plain(struct str text)
{
    ptrdiff_t colon = str_chr(text, ':', 0);
    bool one = colon > 0 && str_chr(text, ':', (size_t)colon + 1) < 0; /* before a port, then */

    if (!one && !str_starts(text, STR("[")) && str_chr(text, '%', 0) < 0)
        return text;
    struct str bare = client_ip_bare(text);
    return str_is_set(bare) ? bare : text;
}

/* ---- Forwarded --------------------------------------------------------------------------------
 */

/* The length of the text until `end`, not within quotes. */
static size_t until(struct str s, char end)
{
    bool quoted = false;
    size_t i = 0;

    for (; i < s.n && (quoted || s.p[i] != end); i++) {
        if (quoted && s.p[i] == '\\' && i + 1 < s.n)
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
    }
    return i;
}

static struct str cut(struct str *rest, char end)
{
    size_t n = until(*rest, end);
    struct str part = str_slice(*rest, 0, n);

    *rest = n < rest->n ? str_slice(*rest, n + 1, rest->n) : STR_NONE;
    return part;
}

/* The value of "for" in one element; empty when it has none. */
static struct str for_of(struct str element)
{
    while (str_is_set(element)) {
        struct str pair = str_trim(cut(&element, ';'));
        if (str_starts_nocase(pair, STR("for=")))
            return str_slice(pair, 4, pair.n);
    }
    return STR("");
}

/* ---- the way back, from the nearest hop --------------------------------------------------------
 */

/* The last CLIENT_IP_MAX_HOPS hops of a header, the nearest at `n - 1`, in a ring. */
struct hops {
    struct str ring[CLIENT_IP_MAX_HOPS];
    size_t n;
};

static void collect(const struct client_rule *rule, const struct hit *hit, struct hops *hops)
{
    bool forwarded = rule->from == CLIENT_FROM_FORWARDED;
    struct str rest = str_trim(forwarded ? hit->forwarded : hit->forwarded_for);

    if (rest.n == 0)
        return;
    while (str_is_set(rest)) {
        struct str hop = str_trim(forwarded ? cut(&rest, ',') : str_cut(&rest, ','));
        if (hop.n > 0) /* an empty element of a list counts for nothing */
            hops->ring[hops->n++ % CLIENT_IP_MAX_HOPS] = forwarded ? for_of(hop) : hop;
        if (rest.n == 0)
            break;
    }
}

static struct str nearest_untrusted(const struct client_rule *rule, const struct hit *hit)
{
    struct hops hops = {.n = 0};
    struct str address = client_ip_bare(hit->client_ip);

    if (str_is_set(address) && !is_trusted(rule, address))
        return address;
    collect(rule, hit, &hops);
    for (size_t i = hops.n; i > 0; i--) {
        if (hops.n - i == CLIENT_IP_MAX_HOPS)
            return STR_NONE;
        address = client_ip_bare(hops.ring[(i - 1) % CLIENT_IP_MAX_HOPS]);
        if (!str_is_set(address) || !is_trusted(rule, address))
            return address;
    }
    return address;
}

struct str client_ip(const struct client_rule *rule, const struct hit *hit)
{
    return rule->from == CLIENT_FROM_PEER ? hit->client_ip : nearest_untrusted(rule, hit);
}

struct str client_ip_of_list(struct str list)
{
    struct str found = STR_NONE;
    unsigned char bytes[16];

    while (list.n > 0) {
        ptrdiff_t comma = str_rchr(list, ',');
        struct str address = client_ip_bare(str_slice(list, (size_t)(comma + 1), list.n));

        list.n = comma < 0 ? 0 : (size_t)comma;
        if (!str_is_set(address) || !address_parse(address, bytes))
            continue;
        found = address;
        if (!address_is_inner(bytes) && cdn_of(bytes) == CDN_NONE)
            break;
    }
    return found;
}
