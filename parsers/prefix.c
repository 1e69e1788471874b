/* prefix.c - see prefix.h. */
#include "parsers/prefix.h"

#include "parsers/access_looks.h"
#include "parsers/base/time.h"
#include "parsers/detect_looks.h"
#include "parsers/prefix_impl.h"
#include "parsers/verdict.h"

struct str prefix_word(struct prefix_work *w)
{
    return str_cut(&w->rest, ' ');
}

bool prefix_is_rfc3339(struct str s)
{
    int64_t ms;
    return time_parse_rfc3339(s, &ms);
}

bool prefix_is_time(struct str s)
{
    bool local;
    int64_t ms;
    return time_parse_text(s, &ms, &local);
}

bool prefix_is_iso(struct str s)
{
    char full[40];

    if (s.n < 20 || s.n >= sizeof(full) - 1 || (s.p[s.n - 5] != '+' && s.p[s.n - 5] != '-'))
        return prefix_is_rfc3339(s);
    memcpy(full, s.p, s.n);
    full[s.n - 2] = ':';
    memcpy(full + s.n - 1, s.p + s.n - 2, 2);
    return prefix_is_rfc3339((struct str){full, s.n + 1});
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
    struct str time = prefix_word(w), stream = prefix_word(w), tag;
    struct cri c = {.stderr_ = str_eq(stream, STR("stderr"))};

    w->why =
        "expected what Kubernetes puts before a line: its time, \"stdout\" or \"stderr\", \"F\"";
    if (!prefix_is_rfc3339(time) || (!c.stderr_ && !str_eq(stream, STR("stdout"))))
        return c;
    tag = prefix_word(w);
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

static bool cri_part(struct str line, struct prefix_part *out)
{
    struct prefix_work w = {.rest = line};
    struct cri c = read_cri(&w, line);

    *out = (struct prefix_part){.cut = c.cut, .stderr_ = c.stderr_, .tag_at = c.tag_at};
    out->text = str_slice(line, line.n - w.rest.n, line.n);
    return c.good;
}

static bool looks_cri(struct str line)
{
    struct prefix_work w = {.rest = line};
    return read_cri(&w, line).good;
}

static bool is_whole_cri(struct str line)
{
    ptrdiff_t blank = str_chr(line, ' ', 0);
    struct str rest = blank < 0 ? STR("") : str_slice(line, (size_t)blank, line.n);

    return str_starts(rest, STR(" stdout F ")) || str_starts(rest, STR(" stderr F "));
}

/* ---- a time, a container's name ----------------------------------------------------------------
 */

/* Fluentd's: "2026-01-02 03:04:05.678901234 +0000 web.access: {…}". */
static bool strip_fluentd(struct prefix_work *w, struct str *time)
{
    struct str line = w->rest, tag;

    for (int i = 0; i < 3; i++)
        (void)prefix_word(w);
    *time = str_trim(str_slice(line, 0, line.n - w->rest.n));
    tag = prefix_word(w);
    return str_ends(tag, STR(":")) && str_starts(w->rest, STR("{")) && prefix_is_time(*time);
}

static bool strip_stamp(struct prefix_work *w, struct prefix_result *out)
{
    struct str line = w->rest, rest = line;

    w->why = "expected a time like 2026-01-02T03:04:05.678Z before the line";
    if (prefix_is_iso(out->time = prefix_word(w)))
        return w->rest.n > 0;
    w->rest = line;
    if (strip_fluentd(w, &out->time))
        return true;
    w->rest = line;
    if (!prefix_is_iso(out->time = str_cut(&rest, '\t')) || str_cut(&rest, '\t').n == 0 ||
        rest.n == 0)
        return false;
    w->rest = rest;
    return true;
}

static bool strip_compose(struct prefix_work *w, struct prefix_result *out)
{
    struct str name = str_cut(&w->rest, '|');
    (void)out;

    w->why = "expected what docker compose puts before a line: the container's name and \" | \"";
    w->rest = decode_behind_colours(w->rest);
    if (!str_ends(name, STR(" ")) || name.n > 256 || !str_starts(w->rest, STR(" ")))
        return false;
    w->rest = decode_behind_colours(str_slice(w->rest, 1, w->rest.n));
    return str_chr(str_trim(name), ' ', 0) < 0;
}

/* ---- a program's logger ------------------------------------------------------------------------
 */

/* "I0102", Kubernetes' logger: level, month and day. */
static bool is_klog(struct str s)
{
    return s.n == 5 && looks_begin_like(s, STR("A0000")) && str_chr(STR("IWEF"), s.p[0], 0) >= 0;
}

/* Words, and parts of them between colons, up to a level, and on to where the line begins. */
static bool strip_logger(struct prefix_work *w, struct prefix_result *out)
{
    enum { PARTS_MAX = 24 };
    struct str line = w->rest;
    bool level = false;

    w->why = "expected what a logger puts before a line, with a level like INFO, and the line";
    for (int i = 0; i < PARTS_MAX && w->rest.n > 0 && !(level && access_starts(w->rest)); i++) {
        size_t n = 0;

        while (n < w->rest.n && w->rest.p[n] != ' ' && w->rest.p[n] != ':')
            n++;
        level |= looks_like_level(str_slice(w->rest, 0, n)) || is_klog(str_slice(w->rest, 0, n));
        w->rest = str_slice(w->rest, n < w->rest.n ? n + 1 : n, w->rest.n);
    }
    out->time = str_slice(line, 0, line.n - w->rest.n);
    return level && access_starts(w->rest);
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
static bool strip_grep(struct prefix_work *w, struct prefix_result *out)
{
    struct str name = str_cut(&w->rest, ':'), after;
    uint64_t port;
    (void)out;

    w->why = "expected what grep puts before a line: the file's name and \":\"";
    if (!is_file_name(name))
        return false;
    strip_line_number(w);
    after = w->rest;
    after = str_cut(&after, ' ');
    return after.n > 0 && !str_to_u64(after, UINT64_MAX, &port);
}

/* ---- all of them -------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    prefix_strip_fn *strip;
    bool (*looks)(struct str line); /* beyond doubt; NULL: what is behind must look like a line */
} rows[PREFIX_KINDS] = {
    [PREFIX_CRI] = {"cri", strip_cri, looks_cri},
    [PREFIX_DOCKER] = {"docker", prefix_docker, prefix_looks_docker},
    [PREFIX_SYSLOG] = {"syslog", prefix_syslog, prefix_looks_syslog},
    [PREFIX_MESSAGE] = {"message", prefix_message, prefix_looks_message},
    [PREFIX_CSV] = {"csv", prefix_csv, prefix_looks_csv},
    [PREFIX_STAMP] = {"stamp", strip_stamp, NULL},
    [PREFIX_COMPOSE] = {"compose", strip_compose, NULL},
    [PREFIX_LOGGER] = {"logger", strip_logger, NULL},
    [PREFIX_GREP] = {"grep", strip_grep, NULL},
};

const char *prefix_name(enum prefix_kind kind)
{
    return kind < PREFIX_KINDS ? rows[kind].name : NULL;
}

enum prefix_kind prefix_take(struct str *spec)
{
    for (size_t i = PREFIX_NONE + 1; i < PREFIX_KINDS; i++) {
        struct str name = str_of(rows[i].name);

        if (str_starts(*spec, name) && spec->n > name.n && spec->p[name.n] == '+') {
            *spec = str_slice(*spec, name.n + 1, spec->n);
            return (enum prefix_kind)i;
        }
    }
    return PREFIX_NONE;
}

bool prefix_strip(enum prefix_kind kind, const struct json_keys *keys, struct decode_scratch *s,
                  struct str line, struct prefix_result *out)
{
    struct prefix_work w = {.rest = line, .keys = keys, .scratch = s};
    bool good;

    *out = (struct prefix_result){0};
    good = rows[kind].strip(&w, out);
    out->why = w.why;
    if (!good || !str_is_set(out->text)) {
        out->text = w.rest;
        out->at = line.n - w.rest.n;
    }
    return good;
}

bool prefix_part(enum prefix_kind kind, const struct json_keys *keys, struct str line,
                 struct prefix_part *out)
{
    if (kind == PREFIX_CRI)
        return cri_part(line, out);
    return kind == PREFIX_DOCKER && prefix_docker_part(keys, line, out);
}

bool prefix_is_whole(enum prefix_kind kind, struct str line)
{
    return kind == PREFIX_CRI ? is_whole_cri(line) : prefix_docker_is_whole(line);
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
    for (struct str rest = time; rest.n > 0; (void)str_cut(&rest, ' '))
        for (int n = 3; n > 0; n--) /* "2026-01-02 03:04:05 +0000" */
            if (prefix_is_time(words_of(rest, n)))
                return words_of(rest, n);
    return time;
}

/* Does a line begin behind the prefix, or behind a time that comes next? */
static bool has_line_behind(enum prefix_kind kind, struct str line)
{
    struct prefix_work w = {.rest = line};
    struct prefix_result r;

    return rows[kind].strip(&w, &r) &&
           (access_is_in(w.rest) || (strip_stamp(&w, &r) && access_is_in(w.rest)));
}

enum prefix_kind prefix_detect(struct str line)
{
    for (enum prefix_kind kind = PREFIX_NONE + 1; kind < PREFIX_KINDS; kind++)
        if (rows[kind].looks ? rows[kind].looks(line) : has_line_behind(kind, line))
            return kind;
    return PREFIX_NONE;
}
