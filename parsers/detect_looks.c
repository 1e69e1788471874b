/* detect_looks.c - see detect_looks.h. */
#include "parsers/detect_looks.h"

#include "parsers/base/time.h"
#include "parsers/cdn.h"
#include "parsers/verdict.h"

#define EPOCH_FIRST UINT64_C(946684800) /* 2000 */
#define EPOCH_LAST UINT64_C(4102444800) /* 2100 */
#define ID_BYTES 16u

/* ---- addresses and names ----------------------------------------------------------------------
 */

bool looks_like_address(struct str s)
{
    unsigned char address[16];
    ptrdiff_t colon = str_rchr(s, ':');

    if (address_parse(s, address))
        return true;
    if (colon > 0)
        s.n = (size_t)colon; /* a port */
    if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = str_slice(s, 1, s.n - 1);
    return address_parse(s, address);
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '-' && s.p[i] != '_' &&
            (unsigned char)s.p[i] < 0x80)
            return false;
    return s.n > 0 && s.p[0] != '-' && s.p[0] != '.';
}

bool looks_like_client(struct str s)
{
    unsigned char address[16];
    ptrdiff_t zone = str_chr(s, '%', 0);

    if (zone > 0)
        s.n = (size_t)zone;
    return address_parse(s, address) || is_name(s) || str_starts(s, STR("unix:"));
}

/* Of two labels at least, the last of letters. */
static bool is_host(struct str s)
{
    ptrdiff_t dot = str_rchr(s, '.');
    struct str last = str_slice(s, (size_t)(dot + 1), s.n);

    if (str_eq(s, STR("localhost")))
        return true;
    if (dot < 1 || last.n < 2 || !is_name(s))
        return false;
    if (str_starts_nocase(last, STR("xn--")))
        return true;
    for (size_t i = 0; i < last.n; i++)
        if (ascii_digit(last.p[i]) || last.p[i] == '_' || last.p[i] == '-')
            return false;
    return true;
}

static uint32_t address_looks(struct str s)
{
    unsigned char address[16];
    ptrdiff_t colon = str_rchr(s, ':');
    bool port = colon > 0 && (size_t)colon + 1 < s.n;

    for (size_t i = (size_t)(colon + 1); port && i < s.n; i++)
        port = ascii_digit(s.p[i]);
    if (address_parse(s, address)) {
        bool inner = address_is_inner(address) || cdn_of(address) != CDN_NONE;
        return LOOK_BIT(LOOK_ADDRESS) | (colon >= 0 ? LOOK_BIT(LOOK_ADDRESS_V6) : 0) |
               (inner ? LOOK_BIT(LOOK_PRIVATE) : 0);
    }
    if (!port)
        return is_host(s) ? LOOK_BIT(LOOK_HOST) : 0;
    if (looks_like_address(s))
        return LOOK_BIT(LOOK_ADDRESS_PORT);
    return is_host(str_slice(s, 0, (size_t)colon)) ? LOOK_BIT(LOOK_HOST_PORT) : 0;
}

static bool is_list(struct str s)
{
    unsigned char address[16];
    bool more = str_chr(s, ',', 0) > 0;

    while (more && s.n > 0) {
        struct str one = str_trim(str_cut(&s, ','));

        if (one.n > 0 && !str_eq(one, STR("unknown")) && !str_eq(one, STR("unix:")) &&
            !address_parse(one, address))
            return false;
    }
    return more;
}

/* ---- whole hits -------------------------------------------------------------------------------
 */

#define SLOW_MS (3600 * INT64_C(1000)) /* that long, a duration is in another unit */

/* A user agent where the referrer stands, or the other way. */
static bool is_swapped(const struct hit *h)
{
    return str_starts(h->referrer, STR("Mozilla/")) || str_starts(h->user_agent, STR("https://"));
}

/* "2026-11-03T00:10:24Z", cut at a colon like a port or not. */
static bool is_date_time(struct str host)
{
    for (size_t i = 0; i < 10; i++)
        if (host.n < 11 || (i == 4 || i == 7 ? host.p[i] != '-' : !ascii_digit(host.p[i])))
            return false;
    return ascii_lower(host.p[10]) == 't';
}

bool looks_like_nobodys(const struct hit *h)
{
    return !str_is_set(h->client_ip) && !str_is_set(h->forwarded_for) && str_is_set(h->host) &&
           !str_is_set(h->request_id);
}

bool looks_odd(const struct hit *h)
{
    struct str forwarded = h->forwarded_for;

    if (str_is_set(h->client_ip) && !looks_like_client(h->client_ip))
        return true;
    if (looks_like_address(h->host) && str_is_set(h->client_ip) &&
        !looks_like_address(h->client_ip))
        return true;
    forwarded = str_trim(str_cut(&forwarded, ','));
    if (forwarded.n > 0 && str_chr(forwarded, '.', 0) >= 0 && !looks_like_address(forwarded))
        return true;
    return str_chr(h->remote_user, ' ', 0) >= 0 || looks_like_address(h->remote_user) ||
           str_chr(h->host, ',', 0) >= 0 || is_date_time(h->host) || h->duration_ms > SLOW_MS ||
           is_swapped(h);
}

/* ---- loggers ----------------------------------------------------------------------------------
 */

bool looks_like_level(struct str s)
{
    static const struct str levels[] = {
        STR_INIT("trace"), STR_INIT("debug"),    STR_INIT("info"),  STR_INIT("notice"),
        STR_INIT("warn"),  STR_INIT("warning"),  STR_INIT("error"), STR_INIT("err"),
        STR_INIT("crit"),  STR_INIT("critical"), STR_INIT("fatal"), STR_INIT("alert"),
        STR_INIT("emerg"), STR_INIT("inf"),      STR_INIT("wrn"),   STR_INIT("dbg"),
        STR_INIT("trc"),   STR_INIT("severe")};

    s = str_trim_signs(s);
    for (size_t i = 0; i < COUNT_OF(levels); i++)
        if (str_eq_nocase(s, levels[i]))
            return true;
    return false;
}

bool looks_begin_like(struct str s, struct str form)
{
    if (s.n < form.n)
        return false;
    for (size_t i = 0; i < form.n; i++) {
        char c = s.p[i];
        bool fits = form.p[i] == '0'   ? ascii_digit(c)
                    : form.p[i] == '_' ? ascii_digit(c) || c == ' '
                    : form.p[i] == 'A' ? ascii_upper(c)
                    : form.p[i] == 'a' ? c >= 'a' && c <= 'z'
                                       : c == form.p[i];
        if (!fits)
            return false;
    }
    return true;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static bool is_method(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return s.n >= 3 && s.n <= 12;
}

/* Alone in its column, a word in capitals may be a level as well: "INFO". */
bool looks_like_method(struct str s)
{
    static const struct str known[] = {
        STR_INIT("GET"),    STR_INIT("HEAD"),   STR_INIT("POST"),    STR_INIT("PUT"),
        STR_INIT("PATCH"),  STR_INIT("TRACE"),  STR_INIT("CONNECT"), STR_INIT("PROPFIND"),
        STR_INIT("DELETE"), STR_INIT("OPTIONS")};

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_eq(s, known[i]))
            return true;
    return false;
}

static bool is_url(struct str s)
{
    return str_starts(s, STR("http://")) || str_starts(s, STR("https://"));
}

static bool is_protocol(struct str s)
{
    return str_starts(s, STR("HTTP/")) && s.n >= 6 && s.n <= 8 && ascii_digit(s.p[5]);
}

static bool is_request(struct str s)
{
    struct str method = str_cut(&s, ' ');

    return is_method(method) && s.n > 0 && (s.p[0] == '/' || is_url(s));
}

static uint32_t request_looks(struct str s)
{
    uint32_t looks = 0;

    if (is_request(s))
        looks |= LOOK_BIT(LOOK_REQUEST);
    if (looks_like_method(s))
        looks |= LOOK_BIT(LOOK_METHOD);
    if (is_url(s))
        looks |= LOOK_BIT(LOOK_URL);
    if ((s.n > 0 && s.p[0] == '/') || is_url(s))
        looks |= LOOK_BIT(LOOK_TARGET);
    if (is_protocol(s))
        looks |= LOOK_BIT(LOOK_PROTOCOL);
    if (str_eq(s, STR("http")) || str_eq(s, STR("https")))
        looks |= LOOK_BIT(LOOK_SCHEME);
    return looks;
}

/* A product and its version somewhere: "Mozilla/5.0 (…", "curl/8.1". */
static bool is_agent(struct str s)
{
    char first = s.n > 0 ? ascii_lower(s.p[0]) : '\0';

    if (first < 'a' || first > 'z' || is_url(s) || is_request(s) || is_protocol(s))
        return false;
    for (ptrdiff_t at = 0; (at = str_chr(s, '/', (size_t)at)) >= 0; at++)
        if (at > 1 && (size_t)at + 1 < s.n && ascii_alnum(s.p[at - 1]) && ascii_digit(s.p[at + 1]))
            return true;
    return false;
}

static bool is_type(struct str s)
{
    static const char *const kinds[] = {"text/", "image/", "application/",
                                        "font/", "video/", "audio/"};

    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_starts(s, str_of(kinds[i])))
            return true;
    return false;
}

/* ---- numbers and times ------------------------------------------------------------------------
 */

/* Those of RFC 9110 and of IANA's list, and what nginx, IIS, Apache, AWS and Cloudflare have of
 * their own. */
static bool is_known_status(uint64_t code)
{
    static const struct {
        uint16_t first, last;
    } known[] = {{0, 0},     {100, 104}, {200, 208}, {218, 218}, {226, 226}, {300, 308},
                 {400, 431}, {440, 440}, {444, 444}, {449, 451}, {460, 464}, {494, 499},
                 {500, 511}, {520, 530}, {561, 561}, {598, 599}};

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (code >= known[i].first && code <= known[i].last)
            return true;
    return false;
}

static uint32_t number_looks(struct str s)
{
    ptrdiff_t point = str_chr(s, '.', 0);
    struct str whole = str_slice(s, 0, point < 0 ? s.n : (size_t)point);
    struct str rest = str_slice(s, point < 0 ? s.n : (size_t)point + 1, s.n);
    uint32_t looks = 0;
    uint64_t value, part;

    if (!str_to_u64(whole, UINT64_MAX / 2, &value) ||
        (point >= 0 && !str_to_u64(rest, UINT64_MAX / 2, &part)))
        return 0;
    if (whole.n == 10 && value >= EPOCH_FIRST && value < EPOCH_LAST)
        looks |= LOOK_BIT(LOOK_TIME_EPOCH);
    if (point < 0)
        looks |= LOOK_BIT(LOOK_COUNT);
    if (point < 0 && s.n == 3 && is_known_status(value))
        looks |= LOOK_BIT(LOOK_STATUS);
    if ((rest.n == 3 || rest.n == 4 || rest.n == 6) && value < 1000000) /* 4: Ruby's Rack */
        looks |= LOOK_BIT(LOOK_SECONDS);
    return looks;
}

/* "0/41544" */
static bool is_times(struct str s)
{
    struct str first = str_cut(&s, '/');
    uint64_t value;

    return str_to_u64(first, UINT32_MAX, &value) && str_to_u64(s, UINT64_MAX / 2, &value);
}

static bool is_iso(struct str s)
{
    int64_t ms;

    return s.n > 19 && s.p[10] == 'T' && time_parse_rfc3339(s, &ms);
}

/* Hex of 16 digits and more, with dashes or without. */
static bool is_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (hex_value(s.p[i]) < 0 && s.p[i] != '-')
            return false;
    return s.n >= ID_BYTES;
}

static uint32_t time_looks(struct str s)
{
    int64_t ms;
    bool local;

    if (time_parse_clf(s, &ms))
        return LOOK_BIT(LOOK_TIME_CLF);
    if (is_iso(s))
        return LOOK_BIT(LOOK_TIME_ISO);
    return time_parse_text(s, &ms, &local) ? LOOK_BIT(LOOK_TIME_OWN) : 0;
}

uint32_t looks_of(struct str value)
{
    uint32_t looks;

    if (value.n == 0 || str_eq(value, STR("-")))
        return LOOK_BIT(LOOK_MISSING);
    looks = address_looks(value) | request_looks(value) | number_looks(value) | time_looks(value);
    if (is_list(value))
        looks |= LOOK_BIT(LOOK_ADDRESSES);
    if (is_times(value))
        looks |= LOOK_BIT(LOOK_TIMES);
    if (is_agent(value))
        looks |= LOOK_BIT(LOOK_AGENT);
    if (is_type(value))
        looks |= LOOK_BIT(LOOK_TYPE);
    if (is_id(value))
        looks |= LOOK_BIT(LOOK_ID);
    return looks;
}
