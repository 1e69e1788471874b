/*
 * destination_url.c - which URLs an agent may send visitors' addresses and a token to.
 *
 * Encrypted, or not leaving this machine. The syntax is narrower than RFC 3986: what curl and we
 * could read differently (user names, backslashes, blanks, short IPv4 forms) is refused instead of
 * interpreted.
 */
#include "config/destination_url.h"

#include "config/agent_config.h"
#include "config/values.h"

#include <sys/un.h>

#define MAX_URL_BYTES 2048

static const char *const why_authority =
    "expected a host name or an address after the scheme, and at most a port after it";

static bool port_ok(struct str s)
{
    uint64_t port;

    return str_to_u64(s, 65535, &port) && port > 0;
}

/* "host", "host:port", "[v6]" or "[v6]:port"; the host without its brackets. */
static bool split_authority(struct str s, struct str *host)
{
    bool bracket = str_starts(s, STR("["));
    ptrdiff_t end = bracket ? str_chr(s, ']', 0) : str_chr(s, ':', 0);
    unsigned char address[16];
    const char *unused;

    if (bracket && end < 0)
        return false;
    size_t host_end = end < 0 ? s.n : (size_t)end;
    struct str name = str_slice(s, bracket ? 1 : 0, host_end);
    struct str rest = str_slice(s, host_end + (bracket ? 1 : 0), s.n);
    if (rest.n > 0 && (rest.p[0] != ':' || !port_ok(str_slice(rest, 1, rest.n))))
        return false;
    if (bracket ? str_chr(name, ':', 0) < 0 || !address_parse(name, address)
                : !value_host(name, &unused))
        return false;
    *host = name;
    return true;
}

bool host_is_loopback(struct str host)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const unsigned char v6[16] = {[15] = 1};
    unsigned char a[16];

    if (str_eq_nocase(host, STR("localhost")))
        return true;
    if (!address_parse(host, a))
        return false;
    return memcmp(a, v6, sizeof(v6)) == 0 ||
           (memcmp(a, mapped, sizeof(mapped)) == 0 && a[12] == 127);
}

static const char *check_bytes(struct str url)
{
    if (url.n > MAX_URL_BYTES)
        return "it is longer than 2048 bytes";
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '\\')
            return "it holds a blank, a backslash or a byte that is not ASCII";
        if (c == '@')
            return "it holds a user name or an @; the token goes in `token_file`";
        if (c == '?' || c == '#')
            return "it holds a query or a fragment; expected the address of the server only";
    }
    return NULL;
}

static const char *check_unix(struct str path)
{
    struct sockaddr_un socket;

    if (!value_absolute_path(path) || path.n < 2)
        return "expected an absolute path after unix:";
    if (path.n >= sizeof(socket.sun_path))
        return "the path of a unix socket has at most 107 bytes";
    return NULL;
}

/* `rest` is what stands behind the scheme. NULL: it is good. */
static const char *check_authority(struct str rest, bool https, bool *local)
{
    struct str host;

    if (!split_authority(str_cut(&rest, '/'), &host))
        return why_authority;
    *local = host_is_loopback(host);
    if (!https && !*local)
        return "plain http would show the token and the visitors on the network";
    return NULL;
}

static const char *check_url(struct str url, bool *local)
{
    const char *problem = check_bytes(url);

    *local = true;
    if (problem)
        return problem;
    if (str_starts(url, STR("unix:")))
        return check_unix(str_slice(url, 5, url.n));
    if (str_starts(url, STR("https://")))
        return check_authority(str_slice(url, 8, url.n), true, local);
    if (str_starts(url, STR("http://")))
        return check_authority(str_slice(url, 7, url.n), false, local);
    return "it does not begin with https://";
}

bool destination_url_check(struct str url, bool *local, const char **why)
{
    bool is_local;
    const char *problem = check_url(url, &is_local);

    if (problem)
        *why = problem;
    else
        *local = is_local;
    return !problem;
}

bool proxy_url_check(struct str url, const char **why)
{
    static const struct str schemes[] = {
        {"http://", 7}, {"https://", 8}, {"socks5://", 9}, {"socks5h://", 10}};
    const char *problem = check_bytes(url);
    struct str host;

    for (size_t i = 0; !problem && i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (!str_starts(url, schemes[i]))
            continue;
        if (split_authority(str_slice(url, schemes[i].n, url.n), &host))
            return true;
        problem = why_authority;
    }
    *why = problem ? problem : "it does not begin with http://, https://, socks5:// or socks5h://";
    return false;
}
