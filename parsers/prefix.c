/* prefix.c - see prefix.h. */
#include "parsers/prefix.h"

#include "parsers/base/time.h"
#include "parsers/detect_looks.h"
#include "parsers/json_scan.h"
#include "parsers/verdict.h"

static const char *const names[] = {
    [PREFIX_CRI] = "cri",         [PREFIX_DOCKER] = "docker", [PREFIX_SYSLOG] = "syslog",
    [PREFIX_MESSAGE] = "message", [PREFIX_STAMP] = "stamp",   [PREFIX_COMPOSE] = "compose",
    [PREFIX_LOGGER] = "logger",   [PREFIX_GREP] = "grep"};

#define N_NAMES (sizeof(names) / sizeof(names[0]))

const char *prefix_name(enum prefix_kind kind)
{
    return kind > PREFIX_NONE && kind < N_NAMES ? names[kind] : NULL;
}

enum prefix_kind prefix_take(struct str *spec)
{
    for (size_t i = PREFIX_NONE + 1; i < N_NAMES; i++) {
        struct str name = str_of(names[i]);

        if (str_starts(*spec, name) && spec->n > name.n && spec->p[name.n] == '+') {
            *spec = str_slice(*spec, name.n + 1, spec->n);
            return (enum prefix_kind)i;
        }
    }
    return PREFIX_NONE;
}

struct prefix_work {
    struct str rest; /* of the line */
    const char *why;
};

/* Up to the next blank, which is gone over too. */
static struct str word(struct prefix_work *w)
{
    struct str s = str_cut(&w->rest, ' ');
    return s;
}

static bool is_rfc3339(struct str s)
{
    int64_t ms;
    return time_parse_rfc3339(s, &ms);
}

/* ---- Kubernetes --------------------------------------------------------------------------------
 */

struct cri {
    bool good, cut, stderr_;
    size_t tag_at; /* in the line */
};

/* Its tag is "F" or "P", with more behind a ':' in newer ones. */
static struct cri read_cri(struct prefix_work *w, struct str line)
{
    struct str time = word(w), stream = word(w), tag;
    struct cri c = {.stderr_ = str_eq(stream, STR("stderr"))};

    w->why =
        "expected what Kubernetes puts before a line: its time, \"stdout\" or \"stderr\", \"F\"";
    if (!is_rfc3339(time) || (!c.stderr_ && !str_eq(stream, STR("stdout"))))
        return c;
    tag = word(w);
    c.cut = tag.n > 0 && tag.p[0] == 'P';
    c.good = (c.cut || (tag.n > 0 && tag.p[0] == 'F')) && (tag.n == 1 || tag.p[1] == ':');
    c.tag_at = (size_t)(tag.p - line.p);
    return c;
}

static bool strip_cri(struct prefix_work *w, struct prefix_result *out)
{
    struct str line = w->rest;
    struct cri c = read_cri(w, line);

    out->stderr_ = c.stderr_;
    out->time = str_slice(line, 0, str_until(line, ' ', ' '));
    if (c.good && c.cut)
        w->why = "a part of a line that Kubernetes cut (\"P\"), without the rest";
    return c.good && !c.cut;
}

/* ---- Docker ------------------------------------------------------------------------------------
 */

enum { DOCKER_LOG, DOCKER_STREAM, MESSAGE_TEXT, OUTER_TIME, ALL_VALUES };

/* Where the line is in JSON of collectors; and "log". */
static const struct str message_keys[] = {
    STR_INIT("message"),        STR_INIT("MESSAGE"),       STR_INIT("textPayload"),
    STR_INIT("event.original"), STR_INIT("line"),          STR_INIT("@message"),
    STR_INIT("_raw"),           STR_INIT("result._raw"),   STR_INIT("msg"),
    STR_INIT("body"),           STR_INIT("short_message"), STR_INIT("jsonPayload.message"),
};

/* And its time, or the collector's. */
static const struct str time_keys[] = {STR_INIT("time"),      STR_INIT("@timestamp"),
                                       STR_INIT("timestamp"), STR_INIT("ts"),
                                       STR_INIT("date"),      STR_INIT("__REALTIME_TIMESTAMP"),
                                       STR_INIT("_time"),     STR_INIT("result._time")};

struct json_keys *prefix_keys_new(void)
{
    struct json_keys *k = json_keys_new();
    bool good = k && json_keys_add(k, STR("log"), DOCKER_LOG, 0) &&
                json_keys_add(k, STR("stream"), DOCKER_STREAM, 0);

    for (size_t i = 0; good && i < COUNT_OF(message_keys); i++)
        good = json_keys_add(k, message_keys[i], MESSAGE_TEXT, (unsigned char)i);
    for (size_t i = 0; good && i < COUNT_OF(time_keys); i++)
        good = json_keys_add(k, time_keys[i], OUTER_TIME, (unsigned char)i);
    if (good)
        return k;
    json_keys_free(k);
    return NULL;
}

static bool strip_docker(const struct json_keys *keys, struct decode_scratch *s,
                         struct prefix_work *w, struct prefix_result *out)
{
    struct json_found found[ALL_VALUES];
    struct str text, line = w->rest;
    size_t at = 0;
    bool good = json_scan(keys, line, found, ALL_VALUES, &w->why, &at);

    w->rest = str_slice(line, at, line.n);
    if (!good)
        return false;
    w->rest = line;
    w->why = "expected Docker's {\"log\":\"…\\n\",…}";
    text = found[DOCKER_LOG].raw;
    if (!found[DOCKER_LOG].quoted || !str_is_set(text))
        return false;
    out->stderr_ = str_eq(found[DOCKER_STREAM].raw, STR("stderr"));
    out->time = found[OUTER_TIME].raw;
    out->at = (size_t)(text.p - line.p);
    if (found[DOCKER_LOG].escaped)
        text = json_scan_text(s, text);
    if (text.n == 0 || text.p[text.n - 1] != '\n') {
        w->rest = str_slice(line, out->at, line.n);
        w->why = "a part of a line that Docker cut, without the rest";
        return false;
    }
    text.n--;
    out->text = text;
    return true;
}

/* ---- JSON with the line in it ------------------------------------------------------------------
 */

static bool strip_message(const struct json_keys *keys, struct decode_scratch *s,
                          struct prefix_work *w, struct prefix_result *out)
{
    struct json_found found[ALL_VALUES];
    struct str line = w->rest;
    size_t at = 0;
    bool good = json_scan(keys, line, found, ALL_VALUES, &w->why, &at);
    const struct json_found *text =
        &found[good && found[MESSAGE_TEXT].quoted ? MESSAGE_TEXT : DOCKER_LOG];

    w->rest = str_slice(line, at, line.n);
    if (!good)
        return false;
    w->rest = line;
    w->why = "expected JSON with the line in \"message\", \"MESSAGE\", \"textPayload\", \"log\", …";
    if (!text->quoted || !str_is_set(text->raw))
        return false;
    out->time = found[OUTER_TIME].raw;
    out->at = (size_t)(text->raw.p - line.p);
    out->text = text->escaped ? json_scan_text(s, text->raw) : text->raw;
    if (str_ends(out->text, STR("\n")))
        out->text.n--;
    return true;
}

/* ---- parts -------------------------------------------------------------------------------------
 */

/* JSON text, escaped, whose last character is a newline. */
static bool ends_in_newline(struct str raw)
{
    size_t n = str_ends(raw, STR("n")) ? 1
               : raw.n >= 5 && str_eq_nocase(str_slice(raw, raw.n - 5, raw.n), STR("u000a"))
                   ? 5
                   : raw.n;
    size_t escapes = 0;

    while (n + escapes < raw.n && raw.p[raw.n - n - escapes - 1] == '\\')
        escapes++;
    return escapes % 2 == 1;
}

static bool cri_part(struct str line, struct prefix_part *out)
{
    struct prefix_work w = {.rest = line};
    struct cri c = read_cri(&w, line);

    *out = (struct prefix_part){.cut = c.cut, .stderr_ = c.stderr_, .tag_at = c.tag_at};
    out->text = str_slice(line, line.n - w.rest.n, line.n);
    return c.good;
}

static bool docker_part(const struct json_keys *keys, struct str line, struct prefix_part *out)
{
    struct json_found found[ALL_VALUES];
    const char *why;
    size_t at = 0;

    if (!json_scan(keys, line, found, ALL_VALUES, &why, &at) || !found[DOCKER_LOG].quoted ||
        !str_is_set(found[DOCKER_LOG].raw))
        return false;
    *out = (struct prefix_part){.text = found[DOCKER_LOG].raw};
    if (out->text.n == 0 && out->text.p[0] == '-')
        out->text.n = 1; /* to json_scan, a value that is missing */
    out->stderr_ = str_eq(found[DOCKER_STREAM].raw, STR("stderr"));
    out->cut = !ends_in_newline(out->text);
    return true;
}

bool prefix_part(enum prefix_kind kind, const struct json_keys *keys, struct str line,
                 struct prefix_part *out)
{
    if (kind == PREFIX_CRI)
        return cri_part(line, out);
    return kind == PREFIX_DOCKER && docker_part(keys, line, out);
}

static bool is_whole_cri(struct str line)
{
    ptrdiff_t blank = str_chr(line, ' ', 0);
    struct str rest = blank < 0 ? STR("") : str_slice(line, (size_t)blank, line.n);

    return str_starts(rest, STR(" stdout F ")) || str_starts(rest, STR(" stderr F "));
}

static bool is_whole_docker(struct str line)
{
    static const size_t behind = 160; /* that much may follow the text: "stream" and "time" */
    struct str tail = str_slice(line, line.n > behind ? line.n - behind : 0, line.n);
    ptrdiff_t at = str_find(tail, STR("\\n\",\"stream\":\""), 0);

    return at >= 0 && ends_in_newline(str_slice(line, 0, (size_t)(tail.p - line.p + at) + 2));
}

bool prefix_is_whole(enum prefix_kind kind, struct str line)
{
    return kind == PREFIX_CRI ? is_whole_cri(line) : is_whole_docker(line);
}

/* ---- syslog ------------------------------------------------------------------------------------
 */

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

/* "2026-01-02T03:04:05+0000", as journalctl -o short-iso has it, or with a colon. */
static bool is_iso(struct str s)
{
    char full[40];

    if (s.n < 20 || s.n >= sizeof(full) - 1 || (s.p[s.n - 5] != '+' && s.p[s.n - 5] != '-'))
        return is_rfc3339(s);
    memcpy(full, s.p, s.n);
    full[s.n - 2] = ':';
    memcpy(full + s.n - 1, s.p + s.n - 2, 2);
    return is_rfc3339((struct str){full, s.n + 1});
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
        return is_iso(*time = word(w));
    if (!looks_begin_like(w->rest, form))
        return false;
    w->rest = str_slice(w->rest, form.n, w->rest.n);
    strip_fraction(w);
    return word(w).n == 0;
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
    word(w); /* its version */
    *time = word(w);
    for (int i = 0; i < 4; i++) /* host, program, process, kind of message */
        if (word(w).n == 0)
            return false;
    return (is_rfc3339(*time) || str_eq(*time, STR("-"))) && strip_structured(w);
}

static bool strip_syslog(struct prefix_work *w, struct prefix_result *out)
{
    w->why = "expected what syslog puts before a line: <priority>, time, host, program";
    if (!strip_priority(w))
        return false;
    if (str_starts(w->rest, STR("1 ")))
        return strip_5424(w, &out->time);
    if (!strip_syslog_time(w, &out->time))
        return false;
    for (int i = 0; i < 2; i++) { /* the program, perhaps behind the host */
        struct str s = word(w);

        out->systemd = str_starts(s, STR("systemd["));
        if (s.n > 1 && s.p[s.n - 1] == ':')
            return !looks_like_level(s); /* a program's own logger: "INFO:" */
        if (i == 1 && s.n == 0) /* rsyslog of a sender that names no program, as Fastly's */
            return w->rest.n > 0;
    }
    return false;
}

/* ---- a time, a container's name ----------------------------------------------------------------
 */

static bool strip_stamp(struct prefix_work *w, struct str *time)
{
    struct str line = w->rest;

    w->why = "expected a time like 2026-01-02T03:04:05.678Z before the line";
    if (is_iso(*time = word(w)))
        return w->rest.n > 0;
    if (!is_iso(*time = str_cut(&line, '\t')) || str_cut(&line, '\t').n == 0 || line.n == 0)
        return false;
    w->rest = line;
    return true;
}

static bool strip_compose(struct prefix_work *w)
{
    struct str name = str_cut(&w->rest, '|');

    w->why = "expected what docker compose puts before a line: the container's name and \" | \"";
    if (!str_ends(name, STR(" ")) || name.n > 256 || !str_starts(w->rest, STR(" ")))
        return false;
    w->rest = str_slice(w->rest, 1, w->rest.n);
    return str_chr(str_trim(name), ' ', 0) < 0;
}

/* ---- lines without a time ----------------------------------------------------------------------
 */

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

bool prefix_is_untimed(struct str line)
{
    return looks_begin_like(line, STR("00:00:00 | 000 | ")) || /* Fiber's */
           str_starts(line, STR("method=")) || is_morgan(line) || is_uvicorn(line) ||
           is_actix(line);
}

/* ---- a program's logger ------------------------------------------------------------------------
 */

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

/* "I0102", Kubernetes' logger: level, month and day. */
static bool is_klog(struct str s)
{
    return s.n == 5 && looks_begin_like(s, STR("A0000")) && str_chr(STR("IWEF"), s.p[0], 0) >= 0;
}

static bool starts_access(struct str s)
{
    struct str first = s;

    return looks_like_address(str_cut(&first, ' ')) || starts_with_time(s) ||
           str_starts(s, STR("[pid: ")) || str_starts(s, STR("{\"")) || prefix_is_untimed(s);
}

/* Words, and parts of them between colons, up to a level, and on to where the line begins. */
static bool strip_logger(struct prefix_work *w, struct str *time)
{
    enum { PARTS_MAX = 24 };
    struct str line = w->rest;
    bool level = false;

    w->why = "expected what a logger puts before a line, with a level like INFO, and the line";
    for (int i = 0; i < PARTS_MAX && w->rest.n > 0 && !(level && starts_access(w->rest)); i++) {
        size_t n = 0;

        while (n < w->rest.n && w->rest.p[n] != ' ' && w->rest.p[n] != ':')
            n++;
        level |= looks_like_level(str_slice(w->rest, 0, n)) || is_klog(str_slice(w->rest, 0, n));
        w->rest = str_slice(w->rest, n < w->rest.n ? n + 1 : n, w->rest.n);
    }
    *time = str_slice(line, 0, line.n - w->rest.n);
    return level && starts_access(w->rest);
}

/* ---- the name of a file ------------------------------------------------------------------------
 */

/* Neither a host nor the beginning of an address. */
static bool is_file_name(struct str name)
{
    unsigned char address[16];

    return str_has_any(name, "./_-") && str_chr(name, ' ', 0) < 0 && !address_parse(name, address);
}

/* What `grep -n` has between: digits and a colon, but not those of an IPv6 address. */
static void strip_line_number(struct prefix_work *w)
{
    struct str rest = w->rest, number = str_cut(&rest, ':'), first = w->rest;
    unsigned char address[16];
    uint64_t line;

    if (str_to_u64(number, UINT64_MAX, &line) && !address_parse(str_cut(&first, ' '), address))
        w->rest = rest;
}

/* A number alone behind the name is a host's port. */
static bool strip_grep(struct prefix_work *w)
{
    struct str name = str_cut(&w->rest, ':'), after;
    uint64_t port;

    w->why = "expected what grep puts before a line: the file's name and \":\"";
    if (!is_file_name(name))
        return false;
    strip_line_number(w);
    after = w->rest;
    after = str_cut(&after, ' ');
    return after.n > 0 && !str_to_u64(after, UINT64_MAX, &port);
}

/* ------------------------------------------------------------------------------------------------
 */

static bool strip_text(enum prefix_kind kind, struct prefix_work *w, struct prefix_result *out)
{
    switch (kind) {
    case PREFIX_CRI:
        return strip_cri(w, out);
    case PREFIX_SYSLOG:
        return strip_syslog(w, out);
    case PREFIX_STAMP:
        return strip_stamp(w, &out->time);
    case PREFIX_COMPOSE:
        return strip_compose(w);
    case PREFIX_LOGGER:
        return strip_logger(w, &out->time);
    case PREFIX_GREP:
        return strip_grep(w);
    default:
        return false;
    }
}

bool prefix_strip(enum prefix_kind kind, const struct json_keys *keys, struct decode_scratch *s,
                  struct str line, struct prefix_result *out)
{
    struct prefix_work w = {.rest = line, .why = "there is no such prefix"};
    bool good = false;

    *out = (struct prefix_result){0};
    if (prefix_has_keys(kind)) {
        good = kind == PREFIX_DOCKER ? strip_docker(keys, s, &w, out)
                                     : strip_message(keys, s, &w, out);
    } else {
        good = strip_text(kind, &w, out);
        out->at = line.n - w.rest.n;
        out->text = w.rest;
    }
    out->why = w.why;
    if (!good)
        out->at = line.n - w.rest.n;
    return good;
}

/* The first n words, without what a logger puts behind them and in front. */
static struct str words_of(struct str s, int n)
{
    size_t to = 0;

    for (; n > 0 && to < s.n; n--)
        to += str_until(str_slice(s, to, s.n), ' ', ' ') + 1;
    s.n = to < s.n ? to : s.n;
    return str_trim_signs(s);
}

struct str prefix_time(struct str time)
{
    bool local;
    int64_t ms;

    for (struct str rest = time; rest.n > 0; (void)str_cut(&rest, ' '))
        for (int n = 3; n > 0; n--) /* "2026-01-02 03:04:05 +0000" */
            if (time_parse_text(words_of(rest, n), &ms, &local))
                return words_of(rest, n);
    return time;
}

static bool has_time(struct str s)
{
    for (ptrdiff_t at = 0; (at = str_chr(s, '[', (size_t)at)) >= 0; at++)
        if (starts_with_time(str_slice(s, (size_t)at, s.n)))
            return true;
    return false;
}

/* It may be a line of an access log, with or without escapes. */
static bool is_access(struct str s)
{
    return str_starts(s, STR("{\"")) || str_starts(s, STR("{\\\"")) ||
           str_find(s, STR("\t{\""), 0) > 0 || has_time(s) || prefix_is_untimed(s);
}

/* The text of this key, from its first byte on; STR_NONE: it has none. */
static struct str text_of_key(struct str line, struct str key)
{
    for (ptrdiff_t at = 0; (at = str_find(line, key, (size_t)at)) > 0; at++) {
        struct str rest = str_slice(line, (size_t)at + key.n, line.n);

        if (line.p[at - 1] != '"' || !str_starts(rest, STR("\":")))
            continue;
        rest = str_trim(str_slice(rest, 2, rest.n));
        if (rest.n > 0 && rest.p[0] == '"')
            return str_slice(rest, 1, rest.n);
    }
    return STR_NONE;
}

static bool has_access(struct str line, struct str key)
{
    struct str text = text_of_key(line, key);

    return str_is_set(text) && is_access(text);
}

static bool is_message(struct str line)
{
    if (line.n == 0 || line.p[0] != '{')
        return false;
    for (size_t i = 0; i < COUNT_OF(message_keys); i++) {
        struct str key = message_keys[i]; /* its last part, whatever it is in */

        if (has_access(line, str_slice(key, (size_t)(str_rchr(key, '.') + 1), key.n)))
            return true;
    }
    return has_access(line, STR("log"));
}

enum prefix_kind prefix_detect(struct str line)
{
    struct prefix_work w = {.rest = line};
    struct prefix_result r;

    if (str_starts(line, STR("{\"log\":\"")) && str_find(line, STR("\"stream\":\"std"), 0) > 0 &&
        str_find(line, STR("\"time\":\""), 0) > 0)
        return PREFIX_DOCKER;
    if (read_cri(&w, line).good)
        return PREFIX_CRI;
    w.rest = line;
    if (strip_syslog(&w, &r))
        return PREFIX_SYSLOG;
    if (is_message(line))
        return PREFIX_MESSAGE;
    for (enum prefix_kind kind = PREFIX_STAMP; kind < PREFIX_KINDS; kind++) {
        w.rest = line;
        if (!strip_text(kind, &w, &r))
            continue;
        if (is_access(w.rest) || (strip_stamp(&w, &r.time) && is_access(w.rest)))
            return kind;
    }
    return PREFIX_NONE;
}
