/* detect_json.c - see detect_json.h. */
#include "parsers/detect_json.h"

#include "parsers/base/json.h"
#include "parsers/detect_behind.h"
#include "parsers/detect_looks.h"
#include "parsers/fields.h"
#include "parsers/json_scan.h"
#include "parsers/verdict.h"

#include <stdlib.h>

#define PATHS_MAX JSON_SCAN_PATHS_MAX
#define PATH_BYTES 96u
#define JSON_LINE_MAX (4u << 20) /* of a line's texts, unescaped and mended */
#define YEAR_2000_MS INT64_C(946684800000)
#define YEAR_2100_MS INT64_C(4102444800000)

/* ---- what values look like --------------------------------------------------------------------
 */

static bool is_time(struct str s)
{
    struct field_times t = {.zone = NULL};
    int64_t ms;

    return field_time(&t, s, &ms) && ms >= YEAR_2000_MS && ms < YEAR_2100_MS;
}

static bool is_request(struct str s)
{
    ptrdiff_t blank = str_rchr(s, ' ');

    return blank > 0 && str_starts(str_slice(s, (size_t)blank + 1, s.n), STR("HTTP/"));
}

static bool is_target(struct str s)
{
    return str_starts(s, STR("/")) || str_starts(s, STR("http://")) ||
           str_starts(s, STR("https://"));
}

static bool is_method(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (ascii_lower(s.p[i]) < 'a' || ascii_lower(s.p[i]) > 'z')
            return false;
    return s.n >= 3 && s.n <= 12;
}

static bool is_status(struct str s)
{
    int64_t value;

    return field_number(s, 0, &value) && (value == 0 || (value >= 100 && value <= 599));
}

static bool is_count(struct str s)
{
    int64_t value;

    return field_number(s, 0, &value) && value >= 0;
}

static bool is_host(struct str s)
{
    return str_chr(s, '.', 0) > 0 && str_chr(s, ' ', 0) < 0 && str_chr(s, '/', 0) < 0;
}

static bool is_scheme(struct str s)
{
    return str_eq_nocase(s, STR("http")) || str_eq_nocase(s, STR("https"));
}

static bool is_protocol(struct str s)
{
    return str_starts(s, STR("HTTP/"));
}

static bool is_type(struct str s)
{
    return str_chr(s, '/', 0) > 0;
}

static bool is_text(struct str s)
{
    return s.n > 0;
}

/* ---- what keys are called ---------------------------------------------------------------------
 *
 * By the last key of a path, or the last two, in letters and digits alone; the first name that some
 * path has counts.
 */

static const struct {
    enum field field;
    bool (*looks)(struct str value);
    const char *names; /* with blanks around each */
} roles[] = {
    {FIELD_TIME, is_time,
     " timestamp time ts timelocal timeiso8601 datetime eventtime starttime requesttimestamp "
     "timestampms receivedat startedat loggedat createdat date at msec epoch "
     "requesttime t "},
    {FIELD_REQUEST, is_request, " request requestline httprequest req "},
    {FIELD_TARGET, is_target,
     " proxypath requesturi originalurl urloriginal requesturl uri url requri requrl requestpath "
     "urlpath "
     "httptarget target reqpath httppath path rawpath resourcepath request "},
    {FIELD_QUERY, is_text, " querystring urlquery args query "},
    {FIELD_METHOD, is_method, " requestmethod httpmethod reqmethod method verb "},
    {FIELD_SCHEME, is_scheme, " scheme urlscheme requestscheme proto "},
    {FIELD_HOST, is_host,
     " httphost requesthost headershost reqhost hostheader vhost urldomain authority servername "
     "domain host "},
    {FIELD_PROTOCOL, is_protocol, " serverprotocol requestprotocol protocol httpversion proto "},
    {FIELD_STATUS, is_status,
     " statuscode responsestatus responsecode httpstatus httpstatuscode responsestatuscode status "
     "resstatus respstatus code sc "},
    {FIELD_BYTES, is_count,
     " bodybytessent bytessent responsesize responsebytes bodybytes bytesout bytes size "
     "contentlength responselength length txbytes "},
    {FIELD_DURATION_S, is_count, " requesttime durations durationsec durationseconds "},
    {FIELD_DURATION_MS, is_count,
     " durationms responsetimems latencyms elapsedms requesttimems timems tookms "},
    {FIELD_DURATION_US, is_count, " durationus latencyus elapsedus "},
    {FIELD_DURATION_NS, is_count, " eventduration durationns latencyns elapsedns "},
    {FIELD_CLIENT_IP, looks_like_address,
     " clientip remoteaddr remoteip clientaddress clientaddr remoteaddress remotehost sourceip "
     "realip ip client src srcip peer addr "},
    {FIELD_REFERRER, is_text, " httpreferer httpreferrer requestreferrer referer referrer ref "},
    {FIELD_USER_AGENT, is_text, " httpuseragent useragentoriginal useragent ua agent "},
    {FIELD_CONTENT_TYPE, is_type, " senthttpcontenttype responsecontenttype contenttype mimetype "},
    {FIELD_REQUEST_ID, is_text, " requestid reqid "},
    {FIELD_FORWARDED_FOR, is_text, " httpxforwardedfor xforwardedfor forwardedfor xff "},
    {FIELD_PURPOSE, is_text, " httpsecpurpose secpurpose "},
};

#define ROLES COUNT_OF(roles)
#define NO_RANK UINT16_MAX

struct path {
    char text[PATH_BYTES];
    size_t n;
    unsigned seen;     /* with a value */
    unsigned browsers; /* that begins as theirs do */
    unsigned looks[ROLES];
};

struct guess {
    struct path paths[PATHS_MAX];
    size_t n;
    unsigned lines, objects;
    const struct path *of[ROLES]; /* NULL: none */
};

/* Letters and digits of `s`, in lower case, behind what is there. */
static void put_plain(char *to, size_t *n, struct str s)
{
    for (size_t i = 0; i < s.n && *n < PATH_BYTES; i++)
        if (ascii_alnum(s.p[i]))
            to[(*n)++] = ascii_lower(s.p[i]);
}

/* Where the name stands in the list; NO_RANK: it does not. */
static unsigned rank_of(const char *names, const char *plain, size_t n)
{
    char word[PATH_BYTES + 3];

    if (n == 0)
        return NO_RANK;
    word[0] = ' ';
    memcpy(word + 1, plain, n);
    word[n + 1] = ' ';
    ptrdiff_t at = str_find(str_of(names), (struct str){word, n + 2}, 0);
    return at < 0 ? NO_RANK : (unsigned)at;
}

/* Keys that are not the request's, whatever they are called. */
static bool is_foreign(struct str path, enum field field)
{
    static const struct str parts[] = {STR_INIT("file."), STR_INIT("log."), STR_INIT("process.")};

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (str_find(path, parts[i], 0) >= 0)
            return true;
    return field == FIELD_CONTENT_TYPE && str_starts(path, STR("req"));
}

static unsigned rank_path(const struct path *p, size_t role)
{
    char last[PATH_BYTES], two[PATH_BYTES];
    size_t n = 0, n_two = 0;
    struct str path = {p->text, p->n};
    ptrdiff_t dot = str_rchr(path, '.');
    struct str leaf = str_slice(path, (size_t)(dot + 1), path.n);
    struct str rest = dot > 0 ? str_slice(path, 0, (size_t)dot) : STR("");

    if (is_foreign(path, roles[role].field))
        return NO_RANK;
    put_plain(last, &n, leaf);
    put_plain(two, &n_two, str_slice(rest, (size_t)(str_rchr(rest, '.') + 1), rest.n));
    put_plain(two, &n_two, leaf);
    unsigned a = rank_of(roles[role].names, last, n), b = rank_of(roles[role].names, two, n_two);
    return a < b ? a : b;
}

/* ---- the lines --------------------------------------------------------------------------------
 */

static struct path *find_path(struct guess *g, struct str text)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->paths[i].n == text.n && memcmp(g->paths[i].text, text.p, text.n) == 0)
            return &g->paths[i];
    if (g->n == PATHS_MAX)
        return NULL;
    struct path *p = &g->paths[g->n++];
    memcpy(p->text, text.p, text.n);
    p->n = text.n;
    return p;
}

static void note(struct guess *g, struct str path, struct str value)
{
    struct path *p = find_path(g, path);

    value = decode_missing(value);
    if (!p || !str_is_set(value))
        return;
    p->seen++;
    p->browsers += str_starts(value, STR("Mozilla/"));
    for (size_t i = 0; i < ROLES; i++)
        p->looks[i] += roles[i].looks(value);
}

struct walk {
    char path[PATH_BYTES];
    size_t n;                          /* 0: a key that cannot be a path */
    size_t starts[JSON_MAX_DEPTH + 1]; /* by depth: of the object's keys */
};

static void take_key(struct walk *w, unsigned depth, struct str key)
{
    size_t n = w->starts[depth];
    bool dotted = depth > 1 && str_chr(key, '.', 0) >= 0;

    w->n = 0;
    if (dotted || key.n == 0 || depth > JSON_SCAN_SEGMENTS_MAX || n + key.n + 1 > PATH_BYTES)
        return;
    memcpy(w->path + n, key.p, key.n);
    w->n = n + key.n;
}

/* What a key at `depth` has. Of an array the first value counts, as in json_scan. */
static bool take_value(struct guess *g, struct walk *w, struct json_reader *r, unsigned depth)
{
    enum json_event e = json_next(r);
    struct str path = {w->path, w->n};

    if (e == JSON_OBJECT && (w->n == 0 || w->n == PATH_BYTES))
        return json_skip_value(r, e);
    if (e == JSON_OBJECT) {
        w->path[w->n] = '.';
        w->starts[r->depth] = w->n + 1;
        return true;
    }
    if (e == JSON_ARRAY)
        e = json_next(r);
    if (w->n > 0 && e >= JSON_STRING)
        note(g, path, e == JSON_STRING || e == JSON_NUMBER ? r->text : STR_NONE);
    while (e != JSON_ERROR && r->depth > depth)
        e = json_next(r);
    return e != JSON_ERROR;
}

/* What json_scan takes and RFC 8259 does not, as that has it: "urt":, and \xHH in a text. */
static void mend(struct str line, struct buf *out)
{
    bool quoted = false, value = false; /* inside of a text; a colon was the last thing */

    buf_reset(out);
    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        if (quoted && c == '\\' && i + 1 < line.n) {
            buf_putc(out, c);
            if (line.p[i + 1] == 'x')
                buf_putc(out, c);
            c = line.p[++i];
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && value && (c == ',' || c == '}')) {
            buf_lit(out, "null");
        }
        value = !quoted && (c == ':' || (value && c == ' '));
        buf_putc(out, c);
    }
}

static void read_line(struct guess *g, struct str line, struct buf *mended, struct buf *scratch)
{
    struct json_reader r;
    struct walk w = {.n = 0};
    enum json_event e;

    g->lines++;
    mend(line, mended);
    buf_reset(scratch);
    json_reader_init(&r, buf_str(mended), scratch);
    r.replace_utf8 = true;
    if (json_next(&r) != JSON_OBJECT)
        return;
    while ((e = json_next(&r)) == JSON_KEY || e == JSON_OBJECT_END) {
        unsigned depth = r.depth;

        if (e == JSON_OBJECT_END)
            continue;
        take_key(&w, depth, r.text);
        if (!take_value(g, &w, &r, depth))
            return;
    }
    g->objects += e == JSON_END;
}

/* ---- the guess --------------------------------------------------------------------------------
 */

static bool is_taken(const struct guess *g, const struct path *p)
{
    for (size_t i = 0; i < ROLES; i++)
        if (g->of[i] == p)
            return true;
    return false;
}

/* Four of five values look like it. */
static const struct path *best_path(const struct guess *g, size_t role)
{
    const struct path *best = NULL;
    unsigned rank = NO_RANK;

    for (size_t i = 0; i < g->n; i++) {
        const struct path *p = &g->paths[i];
        if (!p->seen || p->looks[role] * 5 < p->seen * 4 || is_taken(g, p))
            continue;
        unsigned now = rank_path(p, role);
        if (now < rank) {
            rank = now;
            best = p;
        }
    }
    return best;
}

/* Whatever its key is called: "clientUa". */
static const struct path *find_agent(const struct guess *g)
{
    const struct path *best = NULL;
    unsigned most = 0;

    for (size_t i = 0; i < g->n; i++) {
        if (g->paths[i].browsers <= most || is_taken(g, &g->paths[i]))
            continue;
        best = &g->paths[i];
        most = best->browsers;
    }
    return best;
}

static bool has(const struct guess *g, enum field field)
{
    for (size_t i = 0; i < ROLES; i++)
        if (roles[i].field == field)
            return g->of[i] != NULL;
    return false;
}

/* A request line holds what these do. */
static bool is_told(const struct guess *g, enum field field)
{
    bool part = field == FIELD_TARGET || field == FIELD_QUERY || field == FIELD_METHOD ||
                field == FIELD_PROTOCOL;

    return part && has(g, FIELD_REQUEST);
}

static void put_missing(const struct guess *g, struct buf *out)
{
    if (!has(g, FIELD_TIME))
        buf_lit(out, "time");
    if (!has(g, FIELD_REQUEST) && !has(g, FIELD_TARGET))
        buf_put_str(out, out->n ? STR(", path") : STR("path"));
    if (!has(g, FIELD_STATUS))
        buf_put_str(out, out->n ? STR(", status") : STR("status"));
}

static void put_spec(const struct guess *g, const char *prefixes, struct buf *out)
{
    bool first = true;

    buf_printf(out, "%sjson:{", prefixes);
    for (size_t i = 0; i < ROLES; i++) {
        if (!g->of[i])
            continue;
        if (!first)
            buf_putc(out, ',');
        first = false;
        json_put_string(out, str_of(field_own_name(roles[i].field)));
        buf_putc(out, ':');
        json_put_string(out, (struct str){g->of[i]->text, g->of[i]->n});
    }
    buf_putc(out, '}');
}

/* As many as there is room for. */
static void put_keys(const struct guess *g, struct json_guess *out)
{
    size_t at = 0;

    for (size_t i = 0; i < g->n; i++) {
        const struct path *p = &g->paths[i];
        out->more_keys = at + p->n + 1 > sizeof(out->keys);
        if (out->more_keys)
            return;
        memcpy(out->keys + at, p->text, p->n);
        at += p->n;
        out->keys[at++] = '\0';
        out->n_keys++;
    }
    out->more_keys = g->n == PATHS_MAX;
}

/* "" when it does not fit. */
static void copy_out(char *to, size_t size, struct buf *text)
{
    size_t n = text->failed || text->n >= size ? 0 : text->n;

    if (n > 0)
        memcpy(to, text->p, n);
    to[n] = '\0';
    buf_reset(text);
}

static void conclude(struct guess *g, const struct behind *b, struct buf *text,
                     struct json_guess *out)
{
    out->is_json = g->objects * 2 > g->lines;
    for (size_t i = 0; i < ROLES; i++) {
        g->of[i] = is_told(g, roles[i].field) ? NULL : best_path(g, i);
        if (!g->of[i] && roles[i].field == FIELD_USER_AGENT)
            g->of[i] = find_agent(g);
    }
    put_keys(g, out);
    buf_reset(text);
    put_missing(g, text);
    copy_out(out->missing, sizeof(out->missing), text);
    if (out->missing[0] || !out->is_json)
        return;
    put_spec(g, b->spec, text);
    copy_out(out->spec, sizeof(out->spec), text);
}

int detect_json(const struct str *lines, size_t n, struct json_guess *out)
{
    struct behind *b = behind_new(lines, n);
    struct guess *g = calloc(1, sizeof(*g));
    struct buf scratch, mended;
    int more = b && g ? 1 : -1;

    *out = (struct json_guess){.is_json = false};
    while (more > 0)
        more = behind_next(b, true);
    buf_init(&scratch, JSON_LINE_MAX);
    buf_init(&mended, JSON_LINE_MAX);
    for (size_t i = 0; !more && i < b->n; i++)
        if (b->lines[i].n > 0)
            read_line(g, b->lines[i], &mended, &scratch);
    if (!more)
        conclude(g, b, &scratch, out);
    buf_release(&scratch);
    buf_release(&mended);
    behind_free(b);
    free(g);
    return more;
}
