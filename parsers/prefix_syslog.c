/* prefix_syslog.c - what syslog and the journal put before a line. */
#include "parsers/detect_looks.h"
#include "parsers/prefix_impl.h"

static bool strip_priority(struct prefix_work *w)
{
    size_t n = 1;

    if (w->rest.n == 0 || w->rest.p[0] != '<')
        return true;
    while (n < w->rest.n && n < 4 && w->rest.p[n] >= '0' && w->rest.p[n] <= '9')
        n++;
    if (n == 1 || n == w->rest.n || w->rest.p[n] != '>')
        return false;
    w->rest = str_slice(w->rest, n + 1, w->rest.n);
    return true;
}

/* ".186641", behind the seconds. */
static void strip_fraction(struct prefix_work *w)
{
    size_t n = 1;

    if (w->rest.n == 0 || w->rest.p[0] != '.')
        return;
    while (n < w->rest.n && ascii_digit(w->rest.p[n]))
        n++;
    w->rest = str_slice(w->rest, n, w->rest.n);
}

/* "Jan  2 03:04:05 ", or a whole time. */
static bool strip_syslog_time(struct prefix_work *w, struct str *time)
{
    static const struct str form = STR_INIT("Aaa _0 00:00:00");

    if (w->rest.n > 0 && ascii_digit(w->rest.p[0]))
        return prefix_is_iso(*time = prefix_word(w));
    if (!looks_begin_like(w->rest, form))
        return false;
    w->rest = str_slice(w->rest, form.n, w->rest.n);
    strip_fraction(w);
    return prefix_word(w).n == 0;
}

/* Behind the ']' of the element at i. */
static size_t element_end(struct str s, size_t i)
{
    bool quoted = false;

    for (i++; i < s.n && (quoted || s.p[i] != ']'); i++) {
        if (s.p[i] == '\\')
            i++;
        else
            quoted ^= s.p[i] == '"';
    }
    return i + 1;
}

/* "[id name=\"value\"]…" or "-", and the blank behind it. */
static bool strip_structured(struct prefix_work *w)
{
    struct str s = w->rest;
    size_t i = 0;

    if (s.n == 0 || (s.p[0] != '[' && s.p[0] != '-'))
        return false;
    if (s.p[0] == '-')
        i = 1;
    while (i < s.n && s.p[i] == '[')
        i = element_end(s, i);
    if (i >= s.n || s.p[i] != ' ')
        return false;
    w->rest = str_slice(s, i + 1, s.n);
    if (str_starts(w->rest, STR("\xef\xbb\xbf")))
        w->rest = str_slice(w->rest, 3, w->rest.n);
    return true;
}

static bool strip_5424(struct prefix_work *w, struct str *time)
{
    prefix_word(w); /* its version */
    *time = prefix_word(w);
    for (int i = 0; i < 4; i++) /* host, program, process, kind of message */
        if (prefix_word(w).n == 0)
            return false;
    return (prefix_is_rfc3339(*time) || str_eq(*time, STR("-"))) && strip_structured(w);
}

bool prefix_syslog(struct prefix_work *w, struct prefix_result *out)
{
    w->why = "expected what syslog puts before a line: <priority>, time, host, program";
    if (!strip_priority(w))
        return false;
    if (str_starts(w->rest, STR("1 ")))
        return strip_5424(w, &out->time);
    if (!strip_syslog_time(w, &out->time))
        return false;
    for (int i = 0; i < 2; i++) { /* the program, perhaps behind the host */
        struct str s = prefix_word(w);

        out->systemd = str_starts(s, STR("systemd["));
        if (s.n > 1 && s.p[s.n - 1] == ':')
            return !looks_like_level(s); /* a program's own logger: "INFO:" */
        if (i == 1 && s.n == 0) /* rsyslog of a sender that names no program, as Fastly's */
            return w->rest.n > 0;
    }
    return false;
}

bool prefix_looks_syslog(struct str line)
{
    struct prefix_work w = {.rest = line};
    struct prefix_result r;
    return prefix_syslog(&w, &r);
}
