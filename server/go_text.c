/* go_text.c - see go_text.h. */
#include "server/go_text.h"

#include "parsers/base/time.h"
#include "parsers/base/utf8.h"

/* ---- white space --------------------------------------------------------------------------------
 */

/* The length of the white space that s (n > 0) begins with, or 0. */
static size_t space_at(const char *p, size_t n)
{
    static const struct str wide[] = {
        STR_INIT("\xc2\x85"),     STR_INIT("\xc2\xa0"),     STR_INIT("\xe1\x9a\x80"),
        STR_INIT("\xe2\x80\xa8"), STR_INIT("\xe2\x80\xa9"), STR_INIT("\xe2\x80\xaf"),
        STR_INIT("\xe2\x81\x9f"), STR_INIT("\xe3\x80\x80"),
    };
    struct str s = {p, n};
    if (p[0] == ' ' || (p[0] >= '\t' && p[0] <= '\r'))
        return 1;
    for (size_t i = 0; i < COUNT_OF(wide); i++)
        if (str_starts(s, wide[i]))
            return wide[i].n;
    bool is_quad = n >= 3 && str_starts(s, STR("\xe2\x80")) && utf8_in_range(p[2], 0x80, 0x8a);
    return is_quad ? 3 : 0;
}

struct str go_trim(struct str s)
{
    size_t n;
    if (s.n == 0)
        return STR("");
    while (s.n > 0 && (n = space_at(s.p, s.n)) > 0)
        s = str_slice(s, n, s.n);
    while (s.n > 0) {
        for (n = s.n < 3 ? s.n : 3; n > 0 && space_at(s.p + s.n - n, n) != n; n--) {
        }
        if (n == 0)
            break;
        s.n -= n;
    }
    return s;
}

/* ---- keys ---------------------------------------------------------------------------------------
 */

bool go_key_is(struct str key, struct str name)
{
    size_t at = 0;
    for (size_t i = 0; i < name.n; i++) {
        struct str rest = str_slice(key, at, key.n);
        if (rest.n > 0 && ascii_lower(rest.p[0]) == name.p[i])
            at++;
        else if (name.p[i] == 's' && str_starts(rest, STR("\xc5\xbf")))
            at += 2;
        else if (name.p[i] == 'k' && str_starts(rest, STR("\xe2\x84\xaa")))
            at += 3;
        else
            return false;
    }
    return at == key.n;
}

/* ---- time ---------------------------------------------------------------------------------------
 */

#define TIME_MAX 64

static bool two_digits(const char *p, int most, int *out)
{
    if (!ascii_digit(p[0]) || !ascii_digit(p[1]))
        return false;
    *out = (p[0] - '0') * 10 + (p[1] - '0');
    return *out <= most;
}

/* "Z", or "+hh:mm". */
static bool read_offset(struct str s, int64_t *seconds)
{
    int hours, minutes;
    *seconds = 0;
    if (str_eq(s, STR("Z")))
        return true;
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':' ||
        !two_digits(s.p + 1, 24, &hours) || !two_digits(s.p + 4, 60, &minutes))
        return false;
    *seconds = (hours * 60 + minutes) * (s.p[0] == '-' ? -60 : 60);
    return true;
}

bool go_time(struct str text, int64_t *ms)
{
    char bytes[TIME_MAX + 2];
    struct str utc = {bytes, 19};
    int64_t offset, local;
    bool short_hour = text.n > 12 && text.p[12] == ':';
    size_t date = short_hour ? 18 : 19, at = date;
    if (text.n <= date || text.n > TIME_MAX || text.p[10] != 'T')
        return false;
    memcpy(bytes, text.p, 11);
    bytes[11] = '0';
    memcpy(bytes + 11 + short_hour, text.p + 11, date - 11);
    if (bytes[17] == '6') /* which ours takes for a leap second */
        return false;
    if ((text.p[at] == '.' || text.p[at] == ',') && at + 1 < text.n &&
        ascii_digit(text.p[at + 1])) {
        bytes[utc.n++] = '.';
        for (at++; at < text.n && ascii_digit(text.p[at]); at++)
            bytes[utc.n++] = text.p[at];
    }
    if (!read_offset(str_slice(text, at, text.n), &offset))
        return false;
    bytes[utc.n++] = 'Z';
    if (!time_parse_rfc3339(utc, &local))
        return false;
    *ms = local - offset * 1000;
    return true;
}
