/*
 * server_message.c - see server_message.h. By how a message begins; and where a logger's head alone
 * is known (a time and a level), by the lack of a request behind it. Sources: the documentation of
 * nginx's error_log, Apache's ErrorLogFormat, PHP, gunicorn, uvicorn, Envoy, Traefik, Caddy, Spring
 * Boot, Tomcat, Jetty, rsyslog and supervisord, and the scripts in nginx's and linuxserver.io's
 * images.
 */
#include "parsers/server_message.h"

#include "parsers/detect_looks.h"

#define HEAD_BYTES 96u    /* a logger's level stands in these */
#define PREFIX_BYTES 160u /* and behind a syslog's prefix what this is about */

static bool starts_with_any(struct str s, const struct str *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_starts(s, words[i]))
            return true;
    return false;
}

static bool holds_any(struct str s, const struct str *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_find(s, words[i], 0) >= 0)
            return true;
    return false;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

/* A method as a word of its own, or a protocol. */
static bool has_request(struct str s)
{
    if (str_find(s, STR("HTTP/"), 0) >= 0)
        return true;
    while (s.n > 0) {
        size_t n = 0;

        while (n < s.n && ascii_upper(s.p[n]))
            n++;
        if (n > 0 && looks_like_method(str_slice(s, 0, n)))
            return true;
        while (n < s.n && ascii_alnum(s.p[n]))
            n++;
        s = str_slice(s, n < s.n ? n + 1 : n, s.n);
    }
    return false;
}

/* ---- loggers ----------------------------------------------------------------------------------
 */

/* Behind a word in capitals, in brackets, or behind "level=", that is a level; 0: there is none. A
 * path's part is none. */
static size_t behind_level(struct str head)
{
    for (size_t from = 0, to; from < head.n; from = to + 1) {
        char before = from > 0 ? head.p[from - 1] : ' ';

        for (to = from; to < head.n && ascii_alnum(head.p[to]); to++)
            ;
        if (to == from || to == head.n || str_chr(STR(" \t[]:|=("), before, 0) < 0 ||
            str_chr(STR(" \t]:|)"), head.p[to], 0) < 0 ||
            !looks_like_level(str_slice(head, from, to)))
            continue;
        if (before == '[' || before == '=' || ascii_upper(head.p[from]))
            return to;
    }
    return 0;
}

/* Does an address begin there, or a part of one that was cut? */
static bool starts_with_address(struct str s)
{
    size_t n = 0;
    bool parted = false;

    while (s.n > 0 && str_chr(STR(" \t]:|)-"), s.p[0], 0) >= 0)
        s = str_slice(s, 1, s.n);
    for (; n < s.n && (hex_value(s.p[n]) >= 0 || s.p[n] == '.' || s.p[n] == ':'); n++)
        parted |= s.p[n] == '.' || s.p[n] == ':';
    return n == s.n || (parted && s.p[n] == ' ');
}

/* A time that no access log's line begins with alone, or a level. */
static bool starts_like_logger(struct str s)
{
    static const struct str times[] = {STR_INIT("0000-00-00"), STR_INIT("0000/00/00 "),
                                       STR_INIT("[0000-00-00"), STR_INIT("[00-Aaa-0000"),
                                       STR_INIT("00-Aaa-0000 ")};
    struct str first;

    for (size_t i = 0; i < COUNT_OF(times); i++)
        if (looks_begin_like(s, times[i]))
            return true;
    first = str_cut(&s, s.n > 0 && s.p[0] == '[' ? ']' : ':'); /* "[INFO]", "INFO:" */
    return s.n > 0 && first.n < 12 && looks_like_level(first);
}

/* level=info msg="…", whole. */
static bool is_logfmt(struct str s)
{
    static const struct str starts[] = {STR_INIT("time="), STR_INIT("ts="), STR_INIT("level=")};
    static const struct str requests[] = {STR_INIT(" status="), STR_INIT(" path="),
                                          STR_INIT(" method=")};
    size_t quotes = 0;

    for (size_t i = 0; i < s.n; i++)
        quotes += s.p[i] == '"';
    return starts_with_any(s, starts, COUNT_OF(starts)) && str_find(s, STR(" msg="), 0) > 0 &&
           !holds_any(s, requests, COUNT_OF(requests)) && quotes % 2 == 0;
}

static bool is_logged(struct str s)
{
    size_t to = behind_level(str_slice(s, 0, s.n < HEAD_BYTES ? s.n : HEAD_BYTES));

    if (has_request(s))
        return false;
    if (is_logfmt(s))
        return true;
    return to > 0 && starts_like_logger(s) &&
           (!starts_with_address(str_slice(s, to, s.n)) ||
            str_find(s, STR(" - \"WebSocket "), 0) > 0); /* uvicorn's */
}

/* "I0102 03:04:05.678901       1 x.go:12] ": Kubernetes' logger. */
static bool is_klog(struct str s)
{
    ptrdiff_t to = str_find(s, STR("] "), 0);

    return looks_begin_like(s, STR("A0000 00:00:00.000000 ")) && to > 0 && !has_request(s) &&
           !starts_with_address(str_slice(s, (size_t)to, s.n));
}

/* An object of a logger's that is whole. */
static bool is_json(struct str s)
{
    static const struct str requests[] = {STR_INIT("\"request\""), STR_INIT("\"status\""),
                                          STR_INIT("\"url\""),     STR_INIT("\"uri\""),
                                          STR_INIT("\"path\""),    STR_INIT("\"method\"")};

    s = str_trim(s);
    if (!str_starts(s, STR("{\"")) || !str_ends(s, STR("}")) || has_request(s))
        return false;
    return !holds_any(s, requests, COUNT_OF(requests)) &&
           (str_find(s, STR("\"msg\":\""), 0) > 0 || str_find(s, STR("\"message\":\""), 0) > 0) &&
           (str_find(s, STR("\"level\":"), 0) > 0 || str_find(s, STR("\"severity\":"), 0) > 0);
}

/* ---- servers ----------------------------------------------------------------------------------
 */

/* nginx's "2026/11/03 00:10:24 [error] 31#31: ", and "… http: " of programs written in Go. */
static bool is_nginx(struct str s)
{
    static const struct str form = STR_INIT("0000/00/00 00:00:00 ");
    struct str word;
    uint64_t id;

    if (!looks_begin_like(s, form))
        return false;
    s = str_slice(s, form.n, s.n);
    if (str_starts(s, STR("http: ")) || str_starts(s, STR("http2: ")))
        return true;
    word = str_cut(&s, ' ');
    return looks_like_level(word) && str_starts(word, STR("[")) &&
           str_to_u64(str_cut(&s, '#'), UINT64_MAX, &id) &&
           str_to_u64(str_cut(&s, ':'), UINT64_MAX, &id);
}

/* "module:level", or the level alone. */
static bool is_apache_level(struct str s)
{
    ptrdiff_t colon = str_rchr(s, ':');

    return looks_like_level(str_slice(s, (size_t)(colon + 1), s.n));
}

/* Behind PHP's client: what is no request's status. */
static bool is_php_connection(struct str s)
{
    struct str client = str_cut(&s, ' ');

    return str_eq(client, STR("PHP")) ||
           (looks_like_address(client) &&
            (str_starts(s, STR("Accepted")) || str_starts(s, STR("Clos"))));
}

/* Apache's "[Tue Nov 03 00:10:24.186641 2026] [core:error] ", and PHP's own server, which has the
 * same time. */
static bool is_apache(struct str s)
{
    static const struct str form = STR_INIT("[Aaa Aaa _0 00:00:00");
    ptrdiff_t end = str_chr(s, ']', 0);

    if (!looks_begin_like(s, form) || end < 0 || (size_t)end + 2 > s.n)
        return false;
    s = str_slice(s, (size_t)end + 2, s.n);
    if (!str_starts(s, STR("[")))
        return is_php_connection(s);
    s = str_slice(s, 1, s.n);
    return is_apache_level(str_cut(&s, ']'));
}

bool server_repetition(struct str s)
{
    static const struct str starts[] = {STR_INIT("message repeated "),
                                        STR_INIT("last message repeated ")};
    uint64_t times;

    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        if (!str_starts(s, starts[i]))
            continue;
        s = str_slice(s, starts[i].n, s.n);
        return str_to_u64(str_cut(&s, ' '), UINT64_MAX, &times) &&
               str_starts(s, i == 0 ? STR("times: [") : STR("times"));
    }
    return false;
}

bool server_repetition_behind(struct str line)
{
    static const struct str last = STR_INIT("last ");
    struct str front = str_slice(line, 0, line.n < PREFIX_BYTES ? line.n : PREFIX_BYTES);
    ptrdiff_t found = str_find(front, STR("message repeated "), 0);
    size_t at = found > 0 ? (size_t)found : 0;

    if (str_ends(str_slice(line, 0, at), last))
        at -= last.n;
    return str_ends(str_slice(line, 0, at), STR(": ")) &&
           server_repetition(str_slice(line, at, line.n));
}

/* A script of a container's start. */
static bool is_script(struct str s)
{
    static const struct str form = STR_INIT("00-");
    struct str name = str_cut(&s, ':');

    return looks_begin_like(name, form) && str_ends(name, STR(".sh")) &&
           str_chr(name, ' ', 0) < 0 && str_starts(s, STR(" "));
}

bool server_message(struct str line)
{
    static const struct str starts[] = {
        STR_INIT("/docker-entrypoint.sh: "),
        STR_INIT("nginx: ["),
        STR_INIT("PHP Warning:"),
        STR_INIT("PHP Notice:"),
        STR_INIT("PHP Deprecated:"),
        STR_INIT("PHP Fatal error:"),
        STR_INIT("Traceback (most recent call last):"),
        STR_INIT("  File \""),
        STR_INIT("\tat "),
        STR_INIT("Caused by: "),
        STR_INIT("Child ("),     /* varnishd */
        STR_INIT(" * Serving "), /* Flask */
        STR_INIT(" * Running on "),
        STR_INIT("-- Boot "),
        STR_INIT("-- Reboot --"),
        STR_INIT("-- Logs begin at "),
        STR_INIT("-- Journal begins at "),
        STR_INIT("-- No entries --"),
        STR_INIT("==> "), /* tail -f of several files */
        STR_INIT("[s6-init] "),
        STR_INIT("[cont-init.d] "),
        STR_INIT("[services.d] "),
        STR_INIT("[cont-finish.d] "),
    };

    return starts_with_any(line, starts, COUNT_OF(starts)) || is_nginx(line) || is_apache(line) ||
           looks_begin_like(line, STR("AH00000: ")) || is_script(line) || server_repetition(line) ||
           is_logged(line) || is_klog(line) || is_json(line);
}
