/* access_looks.c - see access_looks.h. */
#include "parsers/access_looks.h"

#include "parsers/decode.h"
#include "parsers/detect_looks.h"

/* "\x1b[0m", or that in JSON. */
static struct str without_colour(struct str s)
{
    if (str_starts(s, STR("\x1b[")) || str_starts(s, STR("\\u001b[")))
        (void)str_cut(&s, 'm');
    return s;
}

/* "GET /docs/ 200 " of morgan's "tiny", with colours of "dev", with HTTP/1.1 of "short". */
static bool is_morgan(struct str s)
{
    struct str first = s;
    int status;

    if (looks_like_address(str_cut(&first, ' '))) {
        (void)str_cut(&first, ' '); /* the user */
        s = first;
    }
    s = without_colour(s);
    if (!looks_like_method(str_cut(&s, ' ')) || str_cut(&s, ' ').n == 0)
        return false;
    if (str_starts(s, STR("HTTP/")))
        (void)str_cut(&s, ' ');
    s = without_colour(s);
    return s.n >= 4 && decode_status(str_slice(s, 0, 3), &status) &&
           (s.p[3] == ' ' || s.p[3] == '\x1b' || s.p[3] == '\\');
}

static bool is_uvicorn(struct str s)
{
    struct str first;

    s = without_colour(s);
    if (!str_starts(s, STR("INFO")))
        return false;
    s = without_colour(str_slice(s, 4, s.n));
    first = str_cut(&s, ' ');
    if (!str_eq(first, STR(":")))
        return false;
    while (s.n > 0 && s.p[0] == ' ')
        s = str_slice(s, 1, s.n);
    return looks_like_address(str_cut(&s, ' ')) &&
           (str_starts(s, STR("- \"")) || str_starts(s, STR("- \\\"")));
}

/* "203.0.113.20 \"GET ", with the quote of JSON or not. */
static bool is_actix(struct str s)
{
    if (!looks_like_address(str_cut(&s, ' ')))
        return false;
    if (str_starts(s, STR("\\")))
        s = str_slice(s, 1, s.n);
    return str_starts(s, STR("\"")) && looks_like_method(str_slice(s, 1, str_until(s, ' ', ' ')));
}

bool access_is_untimed(struct str line)
{
    return looks_begin_like(line, STR("00:00:00 | 000 | ")) || /* Fiber's */
           str_starts(line, STR("method=")) || is_morgan(line) || is_uvicorn(line) ||
           is_actix(line);
}

/* "[02/Jan/2026:", "[2/Jan/2026:", "[2026-01-02T", "[Fri Jan  2 03:" or "[GIN] 2026/" at the
 * beginning. */
static bool starts_with_time(struct str s)
{
    static const struct str forms[] = {STR_INIT("[00/Aaa/0000"), STR_INIT("[0/Aaa/0000"),
                                       STR_INIT("[0000-00-00T"), STR_INIT("[Aaa Aaa _0 00:"),
                                       STR_INIT("[GIN] 0000/")};

    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (looks_begin_like(s, forms[i]))
            return true;
    return false;
}

bool access_starts(struct str s)
{
    struct str first = s;

    return looks_like_address(str_cut(&first, ' ')) || starts_with_time(s) ||
           str_starts(s, STR("[pid: ")) || str_starts(s, STR("{\"")) || access_is_untimed(s);
}

static bool has_time(struct str s)
{
    for (ptrdiff_t at = 0; (at = str_chr(s, '[', (size_t)at)) >= 0; at++)
        if (starts_with_time(str_slice(s, (size_t)at, s.n)))
            return true;
    return false;
}

bool access_is_in(struct str s)
{
    return str_starts(s, STR("{\"")) || str_starts(s, STR("{\\\"")) ||
           str_find(s, STR("\t{\""), 0) > 0 || has_time(s) || access_is_untimed(s);
}
