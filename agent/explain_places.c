/* explain_places.c - see explain_places.h. */
#include "agent/explain_places.h"

#include "parsers/base/time.h"
#include "parsers/detect_looks.h"

#define SEARCH_MAX (8u << 10) /* bytes; an escaped text is compared at many places of the line */
#define TIME_MAX 64u
#define ZONE_STEP_S 900 /* all zones are whole quarters of an hour apart */

/* ---- texts ------------------------------------------------------------------------------------
 */

/* How many bytes that `rest` begins with stand for this one, as log writers escape it; 0: none. */
static size_t escaped_byte(struct str rest, char byte)
{
    static const char letters[] = "\"\\/bfnrtv", meant[] = "\"\\/\b\f\n\r\t\v";
    int value = (unsigned char)byte;
    const char *letter;

    if (rest.n == 0)
        return 0;
    if (rest.n >= 4 && str_starts(rest, STR("\\x")) && hex_pair(rest.p + 2) == value)
        return 4;
    if (rest.n >= 6 && str_starts(rest, STR("\\u00")) && hex_pair(rest.p + 4) == value)
        return 6;
    if (rest.n >= 2 && rest.p[0] == '\\' && rest.p[1] && (letter = strchr(letters, rest.p[1])) &&
        meant[letter - letters] == byte)
        return 2;
    if (percent_byte(rest, 0) == value)
        return 3;
    if (rest.n >= 5 && str_starts(rest, STR("%25")) && hex_pair(rest.p + 3) == value)
        return 5; /* CloudFront's user agents */
    if (byte == '"' && str_starts(rest, STR("\"\"")))
        return 2;
    return rest.p[0] == byte || (byte == ' ' && rest.p[0] == '+');
}

/* The length of the text, escaped, that `rest` begins with; 0: it does not. */
static size_t escaped_text(struct str rest, struct str text)
{
    size_t at = 0;

    for (size_t i = 0; i < text.n; i++) {
        size_t n = escaped_byte(str_slice(rest, at, rest.n), text.p[i]);
        if (n == 0)
            return 0;
        at += n;
    }
    return at;
}

static bool begins_value(struct str line, size_t at)
{
    return at == 0 || strchr(" \t\"'|,=[(:;?", line.p[at - 1]);
}

static bool ends_value(struct str line, size_t at)
{
    return at == line.n || strchr(" \t\"'|,;])}?&\\", line.p[at]);
}

static struct str place_of_escaped(struct str line, struct str text)
{
    struct str found = STR_NONE;

    for (size_t at = 0; line.n <= SEARCH_MAX && at < line.n; at++) {
        size_t n = begins_value(line, at) ? escaped_text(str_slice(line, at, line.n), text) : 0;
        if (n == 0 || !ends_value(line, at + n))
            continue;
        if (str_is_set(found))
            return STR_NONE;
        found = str_slice(line, at, at + n);
    }
    return found;
}

struct str place_of_text(struct str line, struct str text)
{
    ptrdiff_t at;

    if (text.n > 0 && text.p >= line.p && text.p + text.n <= line.p + line.n)
        return text;
    if (text.n < 2)
        return STR_NONE;
    at = str_find(line, text, 0);
    if (at < 0)
        return place_of_escaped(line, text);
    return str_find(line, text, (size_t)at + 1) < 0
               ? str_slice(line, (size_t)at, (size_t)at + text.n)
               : STR_NONE;
}

/* ---- times ------------------------------------------------------------------------------------
 */

static bool is_this_time(struct str text, int64_t ms)
{
    char copy[TIME_MAX];
    struct str s = {copy, text.n};
    int64_t found;
    bool local;

    if (text.n > sizeof(copy))
        return false;
    for (size_t i = 0; i < text.n; i++)
        copy[i] = text.p[i] == '\t' ? ' ' : text.p[i];
    return time_parse_text(s, &found, &local) && (found / 1000 - ms / 1000) % ZONE_STEP_S == 0;
}

/* Digits since 1970, as many as seconds, milliseconds, microseconds or nanoseconds have by now. */
static bool is_this_epoch(struct str digits, int64_t ms)
{
    uint64_t seconds;
    bool whole = digits.n == 10 || digits.n == 13 || digits.n == 16 || digits.n == 19;

    return whole && str_to_u64(str_slice(digits, 0, 10), UINT64_MAX, &seconds) &&
           (int64_t)seconds == ms / 1000;
}

static size_t run_of(struct str s, size_t from, const char *bytes)
{
    while (from < s.n && s.p[from] && strchr(bytes, s.p[from]))
        from++;
    return from;
}

/* Of the date and time that s begins with; 0: it does not. */
static size_t time_length(struct str s)
{
    static const struct str forms[] = {
        STR_INIT("0000-00-00T00:00:00"),     STR_INIT("0000-00-00 00:00:00"),
        STR_INIT("0000-00-00\t00:00:00"),    STR_INIT("0000/00/00 00:00:00"),
        STR_INIT("00/Aaa/0000:00:00:00"),    STR_INIT("00/Aaa/0000 00:00:00"),
        STR_INIT("Aaa Aaa _0 00:00:00 0000")};

    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        if (!looks_begin_like(s, forms[i]))
            continue;
        size_t n = run_of(s, forms[i].n, "0123456789.,:Z+-");
        while (strchr(",.:", s.p[n - 1])) /* what stands behind the time */
            n--;
        bool zone = looks_begin_like(str_slice(s, n, s.n), STR(" +0000")) ||
                    looks_begin_like(str_slice(s, n, s.n), STR(" -0000"));
        return zone ? n + 6 : n;
    }
    return 0;
}

struct str place_of_time(struct str line, int64_t ms)
{
    for (size_t at = 0; at < line.n; at++) {
        if (!begins_value(line, at))
            continue;
        struct str rest = str_slice(line, at, line.n);
        struct str time = str_slice(rest, 0, time_length(rest));
        struct str digits = str_slice(rest, 0, run_of(rest, 0, "0123456789"));

        if (time.n > 0 && is_this_time(time, ms))
            return time;
        if (is_this_epoch(digits, ms))
            return str_slice(rest, 0, run_of(rest, digits.n, ".0123456789"));
    }
    return STR_NONE;
}

/* ---- status -----------------------------------------------------------------------------------
 */

static bool is_of_status(struct str line, size_t at)
{
    static const size_t before = 24; /* the key, its quotes and a colon */
    struct str key = str_slice(line, at > before ? at - before : 0, at);

    key = str_slice(key, (size_t)(str_rchr(key, ',') + 1), key.n);
    return str_find(key, STR("tatus"), 0) >= 0;
}

static bool stands_alone(struct str line, size_t at)
{
    char before = at > 0 ? line.p[at - 1] : ' ';
    char after = at + 3 < line.n ? line.p[at + 3] : ' ';

    return strchr(" \t\":", before) && strchr(" \t\",}", after);
}

/* The next that stands alone; line.n: none does. */
static size_t next_status(struct str line, struct str digits, size_t from)
{
    ptrdiff_t at = str_find(line, digits, from);

    while (at >= 0 && !stands_alone(line, (size_t)at))
        at = str_find(line, digits, (size_t)at + 1);
    return at < 0 ? line.n : (size_t)at;
}

static size_t next_in_json(struct str line, struct str digits)
{
    size_t first = next_status(line, digits, 0), at = first, n = 0;

    for (; at < line.n && !is_of_status(line, at); at = next_status(line, digits, at + 1))
        n++;
    return at < line.n ? at : n == 1 ? first : line.n;
}

struct str place_of_status(struct str line, size_t path_end, int status)
{
    char text[3] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                    (char)('0' + status % 10)};
    struct str digits = {text, sizeof(text)};
    bool json = str_starts(line, STR("{"));
    size_t at = json ? next_in_json(line, digits) : next_status(line, digits, path_end);

    if (!json && at == line.n)
        at = next_status(line, digits, 0);
    return at < line.n ? str_slice(line, at, at + 3) : STR_NONE;
}
