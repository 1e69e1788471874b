/* detect_columns.c - see detect_columns.h. */
#include "parsers/detect_columns.h"

#include "parsers/detect_rows.h"

#include <stdlib.h>

enum role {
    ROLE_NONE, /* not known: passed over */
    ROLE_TEXT, /* stands there as it is */
    ROLE_TIME_CLF,
    ROLE_TIME_ISO,
    ROLE_TIME_OWN,
    ROLE_TIME_EPOCH,
    ROLE_REQUEST,
    ROLE_METHOD,
    ROLE_TARGET,
    ROLE_PROTOCOL,
    ROLE_STATUS,
    ROLE_BYTES,
    ROLE_REFERRER,
    ROLE_AGENT,
    ROLE_CLIENT,
    ROLE_CLIENT_PORT,
    ROLE_PEER,
    ROLE_FORWARDED,
    ROLE_USER,
    ROLE_HOST,
    ROLE_HOST_PORT,
    ROLE_SECONDS,
    ROLE_MICROSECONDS,
    ROLE_TIMES,
    ROLE_TYPE,
    ROLE_SCHEME,
    ROLE_ID,
    ROLES,
};

/* What they are called. NULL: it cannot be said; "": by the column's number. */
static const struct {
    const char *nginx, *apache;
} words[ROLES] = {
    [ROLE_NONE] = {"", ""},
    [ROLE_TIME_CLF] = {"$time_local", "%{%d/%b/%Y:%H:%M:%S %z}t"},
    [ROLE_TIME_ISO] = {"$time_iso8601", NULL},
    [ROLE_TIME_OWN] = {NULL, "%t"},
    [ROLE_TIME_EPOCH] = {"$msec", NULL},
    [ROLE_REQUEST] = {"$request", "%r"},
    [ROLE_METHOD] = {"$request_method", "%m"},
    [ROLE_TARGET] = {"$request_uri", "%U%q"},
    [ROLE_PROTOCOL] = {"$server_protocol", "%H"},
    [ROLE_STATUS] = {"$status", "%>s"},
    [ROLE_BYTES] = {"$body_bytes_sent", "%b"},
    [ROLE_REFERRER] = {"$http_referer", "%{Referer}i"},
    [ROLE_AGENT] = {"$http_user_agent", "%{User-Agent}i"},
    [ROLE_CLIENT] = {"$remote_addr", "%h"},
    [ROLE_CLIENT_PORT] = {"$remote_addr:$remote_port", "%h:%{remote}p"},
    [ROLE_PEER] = {"$realip_remote_addr", "%{c}a"},
    [ROLE_FORWARDED] = {"$http_x_forwarded_for", "%{X-Forwarded-For}i"},
    [ROLE_USER] = {"$remote_user", "%u"},
    [ROLE_HOST] = {"$host", "%v"},
    [ROLE_HOST_PORT] = {"$host:$server_port", "%v:%p"},
    [ROLE_SECONDS] = {"$request_time", ""},
    [ROLE_MICROSECONDS] = {NULL, "%D"},
    [ROLE_TIMES] = {NULL, "%T/%D"},
    [ROLE_TYPE] = {"$sent_http_content_type", "%{Content-Type}o"},
    [ROLE_SCHEME] = {"$scheme", "%{X-Forwarded-Proto}i"},
    [ROLE_ID] = {"$request_id", "%{UNIQUE_ID}e"},
};

#define NOWHERE ((size_t)-1)

struct columns {
    struct rows r;
    enum role role[ROWS_COLUMNS_MAX];
    size_t time, request, status, agent; /* NOWHERE: there is none */
};

/* ---- which column is what ---------------------------------------------------------------------
 */

static bool is_free(const struct columns *c, size_t i)
{
    return i < c->r.n && c->role[i] == ROLE_NONE;
}

/* Of so many percent of the lines; what is missing does not speak against it. */
static bool is_mostly(const struct columns *c, size_t i, enum look look, unsigned percent)
{
    const unsigned *looks = c->r.c[i].looks;

    return looks[look] && (looks[look] + looks[LOOK_MISSING]) * 100 >= c->r.lines * percent;
}

static size_t find(const struct columns *c, size_t from, size_t to, enum look look,
                   unsigned percent)
{
    for (size_t i = from; i < to && i < c->r.n; i++)
        if (is_free(c, i) && is_mostly(c, i, look, percent))
            return i;
    return NOWHERE;
}

static size_t take(struct columns *c, size_t i, enum role role)
{
    if (i != NOWHERE)
        c->role[i] = role;
    return i;
}

/* One of paths; else one of URLs, which a referrer's column is too. */
static size_t find_target(const struct columns *c, size_t from)
{
    for (size_t i = from; i < c->r.n; i++)
        if (is_free(c, i) && is_mostly(c, i, LOOK_TARGET, 80) &&
            c->r.c[i].looks[LOOK_TARGET] > c->r.c[i].looks[LOOK_URL])
            return i;
    return find(c, from, c->r.n, LOOK_TARGET, 80);
}

static bool take_request(struct columns *c)
{
    c->time = take(c, find(c, 0, c->r.n, LOOK_TIME_CLF, 90), ROLE_TIME_CLF);
    if (c->time == NOWHERE)
        c->time = take(c, find(c, 0, c->r.n, LOOK_TIME_ISO, 90), ROLE_TIME_ISO);
    if (c->time == NOWHERE)
        c->time = take(c, find(c, 0, c->r.n, LOOK_TIME_OWN, 90), ROLE_TIME_OWN);
    if (c->time == NOWHERE)
        c->time = take(c, find(c, 0, c->r.n, LOOK_TIME_EPOCH, 90), ROLE_TIME_EPOCH);
    c->request = take(c, find(c, 0, c->r.n, LOOK_REQUEST, 50), ROLE_REQUEST);
    if (c->time == NOWHERE || c->request != NOWHERE)
        return c->time != NOWHERE;
    size_t method = find(c, 0, c->r.n, LOOK_METHOD, 90);
    c->request = find_target(c, method + 1);
    if (method == NOWHERE || c->request == NOWHERE)
        return false;
    take(c, method, ROLE_METHOD);
    take(c, c->request, ROLE_TARGET);
    take(c, find(c, 0, c->r.n, LOOK_PROTOCOL, 80), ROLE_PROTOCOL);
    return true;
}

static bool is_missing(const struct columns *c, size_t i)
{
    return c->r.c[i].looks[LOOK_MISSING] == c->r.lines;
}

static bool take_status(struct columns *c)
{
    size_t back;

    c->status = find(c, c->request + 1, c->r.n, LOOK_STATUS, 90);
    if (c->status == NOWHERE)
        c->status = find(c, 0, c->r.n, LOOK_STATUS, 90);
    if (take(c, c->status, ROLE_STATUS) == NOWHERE)
        return false;
    back = (c->status > c->request ? c->status : c->request) + 1;
    while (back < c->r.n && c->role[back] != ROLE_NONE)
        back++;
    if (is_free(c, back) && is_missing(c, back) && !c->r.c[back].open)
        take(c, back, ROLE_BYTES);
    else
        take(c, find(c, back, back + 1, LOOK_COUNT, 90), ROLE_BYTES);
    return true;
}

static bool is_referrer(const struct columns *c, size_t i)
{
    const unsigned *looks = c->r.c[i].looks;

    return is_free(c, i) && c->r.c[i].open == c->r.c[c->agent].open &&
           (looks[LOOK_URL] + looks[LOOK_MISSING]) * 10 >= c->r.lines * 6;
}

/* Where combined has it: the second of two columns in quotes behind the request. */
static size_t usual_agent(const struct columns *c)
{
    for (size_t i = c->request + 1; i + 1 < c->r.n; i++) {
        if (is_free(c, i) && is_free(c, i + 1) && c->r.c[i].open == '"' &&
            c->r.c[i + 1].open == '"' && (is_missing(c, i) || is_mostly(c, i, LOOK_URL, 60)))
            return i + 1;
    }
    return NOWHERE;
}

static size_t find_agent(const struct columns *c, bool quoted)
{
    size_t at = NOWHERE;
    unsigned most = 0;

    for (size_t i = 0; i < c->r.n; i++) {
        unsigned agents = c->r.c[i].looks[LOOK_AGENT];
        char open = c->r.c[i].open; /* "[web/1-1]": an id; "{a.example|curl/8}": of HAProxy */

        if (!is_free(c, i) || agents <= most || open == '[' || open == '{' ||
            (open == '"') != quoted)
            continue;
        at = i;
        most = agents;
    }
    return at;
}

/* Its blanks want quotes: without them it is rather another program's word, "web/app/0a1b2c". */
static void take_agent(struct columns *c)
{
    c->agent = find_agent(c, true);
    if (c->agent == NOWHERE)
        c->agent = find_agent(c, false);
    if (c->agent == NOWHERE)
        c->agent = usual_agent(c);
    if (take(c, c->agent, ROLE_AGENT) == NOWHERE)
        take(c, find(c, c->request + 1, c->r.n, LOOK_URL, 60), ROLE_REFERRER);
    else if (c->agent > 0 && is_referrer(c, c->agent - 1))
        take(c, c->agent - 1, ROLE_REFERRER);
    else if (c->agent + 1 < c->r.n && is_referrer(c, c->agent + 1))
        take(c, c->agent + 1, ROLE_REFERRER);
    else if (take(c, find(c, c->request + 1, c->r.n, LOOK_URL, 60), ROLE_REFERRER) == NOWHERE)
        take(c, find(c, 0, c->request, LOOK_URL, 60), ROLE_REFERRER);
}

/* Of a reverse proxy's own columns, as "urt=" and "upstream_status=". */
static bool is_upstream(struct str key)
{
    return key.n > 0 && ascii_lower(key.p[0]) == 'u';
}

/* Of the side that was asked: "dest_ip=", "server_addr=". */
static bool is_other_side(struct str key)
{
    return str_starts_nocase(key, STR("dest")) || str_starts_nocase(key, STR("server")) ||
           str_starts_nocase(key, STR("local")) || is_upstream(key);
}

/* The word behind it says that it is in another unit: "12.345 ms". */
static bool is_in_ms(const struct columns *c, size_t i)
{
    return i + 1 < c->r.n && c->r.c[i + 1].constant && str_eq(c->r.c[i + 1].first, STR("ms"));
}

static void take_duration(struct columns *c)
{
    for (size_t i = c->request + 1; i < c->r.n; i++) {
        if (!is_free(c, i) || is_upstream(c->r.c[i].key) || is_in_ms(c, i) ||
            !is_mostly(c, i, LOOK_SECONDS, 90))
            continue;
        take(c, i, ROLE_SECONDS);
        return;
    }
    /* Before the time, where the user is mostly. */
    if (c->time > 0 && c->time < c->request && !c->r.c[c->time - 1].open &&
        take(c, find(c, c->time - 1, c->time, LOOK_SECONDS, 90), ROLE_SECONDS) != NOWHERE)
        return;
    if (take(c, find(c, c->request + 1, c->r.n, LOOK_TIMES, 90), ROLE_TIMES) != NOWHERE)
        return;
    /* Apache's %D: one large number alone, behind the user agent. */
    size_t i = c->agent == NOWHERE ? NOWHERE : find(c, c->agent + 1, c->r.n, LOOK_COUNT, 90);
    if (i != NOWHERE && c->r.c[i].sum / c->r.lines >= 2000 &&
        find(c, i + 1, c->r.n, LOOK_COUNT, 90) == NOWHERE)
        take(c, i, ROLE_MICROSECONDS);
}

/* ---- addresses --------------------------------------------------------------------------------
 */

/* Addresses alone, one in each line. */
static bool is_address(const struct columns *c, size_t i)
{
    const unsigned *looks = c->r.c[i].looks;

    return is_free(c, i) && !is_other_side(c->r.c[i].key) && !looks[LOOK_ADDRESSES] &&
           !looks[LOOK_ADDRESS_PORT] && looks[LOOK_ADDRESS] * 10 >= c->r.lines * 9;
}

/* Behind "from", as Go's chi has it: else what is behind the request is the upstream's. */
static bool is_behind_from(const struct columns *c, size_t i)
{
    return i > 0 && c->r.c[i - 1].constant && str_eq(c->r.c[i - 1].first, STR("from"));
}

/* IPv6 with a port but without brackets, as some write it, may look like one without. */
static size_t find_address_port(const struct columns *c)
{
    for (size_t i = 0; i < c->r.n; i++) {
        const unsigned *looks = c->r.c[i].looks;
        unsigned all = looks[LOOK_ADDRESS_PORT] + looks[LOOK_ADDRESS_V6] + looks[LOOK_MISSING];
        bool place = i < c->request || is_behind_from(c, i);

        if (place && is_free(c, i) && looks[LOOK_ADDRESS_PORT] && all * 10 >= c->r.lines * 9)
            return i;
    }
    return NOWHERE;
}

/* What a header holds: lists, or nothing now and then. */
static bool is_forwarded(const struct columns *c, size_t i)
{
    const unsigned *looks = c->r.c[i].looks;
    unsigned all = looks[LOOK_ADDRESS] + looks[LOOK_ADDRESSES];

    return is_free(c, i) && !is_other_side(c->r.c[i].key) && all &&
           (all + looks[LOOK_MISSING]) * 10 >= c->r.lines * 9;
}

/* The proxy's own, mostly: also where it stands before the visitor's. */
static bool is_private(const struct columns *c, size_t i)
{
    return c->r.c[i].looks[LOOK_PRIVATE] * 10 >= c->r.lines * 9;
}

static size_t find_address(const struct columns *c, size_t from)
{
    while (from < c->r.n && !is_address(c, from))
        from++;
    return from < c->r.n ? from : NOWHERE;
}

/* Names of visitors, as Apache looks them up, and the addresses that have none. One name alone is
 * the server's. */
static size_t find_names(const struct columns *c)
{
    const unsigned *looks = c->r.c[0].looks;
    bool names = looks[LOOK_HOST] && (c->r.lines == 1 || !c->r.c[0].constant) &&
                 (looks[LOOK_HOST] + looks[LOOK_ADDRESS]) * 10 >= c->r.lines * 9;

    return is_free(c, 0) && names ? 0 : NOWHERE;
}

static void take_addresses(struct columns *c)
{
    size_t first = find_address(c, 0), second = NOWHERE, list = 0;
    bool any;

    if (first != NOWHERE && first < c->request)
        second = find_address(c, first + 1);
    bool two = second != NOWHERE && second < c->request;
    if (two && c->r.c[first].constant && !c->r.c[second].constant) { /* the server's */
        take(c, first, ROLE_HOST);
        first = second;
        second = NOWHERE;
    } else if (two && is_private(c, first) && !is_private(c, second)) {
        take(c, first, ROLE_PEER);
        first = second;
    }
    any = take(c, first, ROLE_CLIENT) != NOWHERE;
    if (any && two && second != NOWHERE && is_free(c, second))
        take(c, second, ROLE_PEER);
    while (list < c->r.n && !is_forwarded(c, list))
        list++;
    if (list < c->r.n)
        any = take(c, list, ROLE_FORWARDED) != NOWHERE;
    if (!any)
        any = take(c, find_address_port(c), ROLE_CLIENT_PORT) != NOWHERE;
    if (!any)
        take(c, find_names(c), ROLE_CLIENT);
}

static bool has(const struct columns *c, enum role role)
{
    for (size_t i = 0; i < c->r.n; i++)
        if (c->role[i] == role)
            return true;
    return false;
}

static void take_host(struct columns *c)
{
    size_t i = find(c, 0, c->request, LOOK_HOST_PORT, 60);

    if (has(c, ROLE_HOST) || take(c, i, ROLE_HOST_PORT) != NOWHERE)
        return;
    i = find(c, 0, c->r.n, LOOK_HOST, 60);
    /* nginx's own name for it only where no other column has one */
    if (i != NOWHERE && str_eq(c->r.c[i].key, STR("sn="))) {
        size_t other = find(c, i + 1, c->r.n, LOOK_HOST, 60);
        i = other == NOWHERE ? i : other;
    }
    take(c, i, ROLE_HOST);
}

/* ---- the rest ---------------------------------------------------------------------------------
 */

/* Without a letter or a digit, and of nothing that a configuration reads as its own. */
static bool is_mark(const struct rows_column *c)
{
    for (size_t i = 0; i < c->first.n; i++)
        if (ascii_alnum(c->first.p[i]) || (unsigned char)c->first.p[i] >= 0x80 ||
            str_chr(STR("$%\\\"'"), c->first.p[i], 0) >= 0)
            return false;
    return c->constant && !c->key.n && !c->open;
}

/* What stands before the time, or behind it and before the request: the user last, and a log name
 * that nobody has. */
static void take_front(struct columns *c)
{
    size_t end = c->time > 0 && c->time < c->request ? c->time : c->request;
    bool user = false;

    for (size_t i = end; i-- > 0;) {
        const struct rows_column *column = &c->r.c[i];

        if (!is_free(c, i))
            continue;
        if (!user && i + 1 == end && !column->open && !is_mostly(c, i, LOOK_ID, 90) &&
            !is_mostly(c, i, LOOK_COUNT, 90) && column->first.n > 0 &&
            (!is_mark(column) || str_eq(column->first, STR("-"))))
            user = take(c, i, ROLE_USER) != NOWHERE;
        else if (is_mark(column))
            take(c, i, ROLE_TEXT);
    }
}

static void take_marks(struct columns *c)
{
    for (size_t i = 0; i < c->r.n; i++)
        if (is_free(c, i) && is_mark(&c->r.c[i]) && !str_eq(c->r.c[i].first, STR("-")))
            take(c, i, ROLE_TEXT);
}

/* A word alone before the user, in hardly a line: rather a user of two words. */
static bool is_doubtful(const struct columns *c)
{
    for (size_t i = 1; i < c->r.n && c->r.lines < 3; i++) {
        bool plain = c->role[i - 1] == ROLE_NONE && !c->r.c[i - 1].open;

        for (unsigned k = 0; k < LOOKS; k++)
            plain &= !c->r.c[i - 1].looks[k];
        if (plain && c->role[i] == ROLE_USER)
            return true;
    }
    return false;
}

static bool tell_roles(struct columns *c)
{
    if (!take_request(c) || !take_status(c))
        return false;
    take_agent(c);
    take_addresses(c);
    take_host(c);
    take_duration(c);
    take(c, find(c, 0, c->r.n, LOOK_TYPE, 90), ROLE_TYPE);
    take(c, find(c, 0, c->r.n, LOOK_SCHEME, 90), ROLE_SCHEME);
    take_front(c);
    take(c, find(c, 0, c->r.n, LOOK_ID, 90), ROLE_ID);
    take_marks(c);
    return !is_doubtful(c);
}

/* ---- the format -------------------------------------------------------------------------------
 */

/* The digits of a second from *at on, which moves behind them. Apache has words for three and six.
 */
static bool put_fraction(struct str text, size_t *at, struct buf *out)
{
    size_t from = *at + 1, end = from;

    if (*at == text.n || (text.p[*at] != '.' && text.p[*at] != ','))
        return true;
    while (end < text.n && ascii_digit(text.p[end]))
        end++;
    if (end - from != 3 && end - from != 6)
        return false;
    buf_printf(out, "}t%c%%{%s_frac", text.p[*at], end - from == 3 ? "msec" : "usec");
    if (end < text.n)
        buf_lit(out, "}t%{");
    *at = end;
    return true;
}

static void put_zone(struct str zone, struct buf *out)
{
    if (str_starts(zone, STR(" "))) {
        buf_putc(out, ' ');
        zone = str_slice(zone, 1, zone.n);
    }
    if (zone.n > 0)
        buf_put_str(out, zone.n == 3 && !ascii_digit(zone.p[1]) ? STR("%Z") : STR("%z"));
}

/* Calendar text, as time_parse_text knows it, in Apache's words. */
static bool put_own_time(struct str text, struct buf *out)
{
    bool named = str_starts(str_slice(text, 2, text.n), STR("/"));
    bool weekday = text.n >= 24 && !ascii_digit(text.p[0]);
    bool http = weekday && text.p[3] == ',';
    size_t at = weekday ? http ? 25 : 24 : named ? 20 : 19;

    if (text.n < at) /* missing in the first line */
        return false;
    if (weekday)
        buf_put_str(out, http ? STR("%{%a, %d %b %Y %T") : STR("%{%a %b %e %T %Y"));
    else if (named)
        buf_printf(out, "%%{%%d/%%b/%%Y%c%%T", text.p[11]);
    else
        buf_printf(out, "%%{%%Y%c%%m%c%%d%c%%T", text.p[4], text.p[4], text.p[10]);
    if (!put_fraction(text, &at, out))
        return false;
    put_zone(str_slice(text, at, text.n), out);
    buf_lit(out, "}t");
    return true;
}

static void put_open(const struct rows_column *c, struct buf *out)
{
    if (c->open)
        buf_putc(out, c->open);
    if (c->bracketed)
        buf_putc(out, '[');
}

static void put_close(const struct rows_column *c, struct buf *out)
{
    if (c->bracketed)
        buf_putc(out, ']');
    if (c->open)
        buf_putc(out, rows_close(c->open));
}

/* False: this language has no word for it. */
static bool put_column(const struct columns *c, size_t i, bool nginx, struct buf *out)
{
    const struct rows_column *column = &c->r.c[i];
    const char *word = nginx ? words[c->role[i]].nginx : words[c->role[i]].apache;

    if (c->role[i] == ROLE_TEXT) {
        buf_put_str(out, column->first);
        return true;
    }
    if (!word)
        return false;
    buf_put_str(out, column->key);
    if (!nginx && c->role[i] == ROLE_TIME_CLF && column->open == '[') {
        buf_lit(out, "%t");
        return true;
    }
    put_open(column, out);
    if (c->role[i] == ROLE_TIME_OWN) {
        if (!put_own_time(column->first, out))
            return false;
    } else if (word[0])
        buf_put_str(out, str_of(word));
    else if (!nginx)
        buf_printf(out, "%%{column%zu}n", i + 1);
    else /* of a proxy's several tries: "a, b" */
        buf_printf(out, "%scolumn%zu", column->open ? "$" : "$upstream_", i + 1);
    put_close(column, out);
    return true;
}

static void put_format(const struct columns *c, bool nginx, char out[DETECT_SPEC_BYTES])
{
    struct buf text;
    bool good = true;

    buf_init(&text, DETECT_SPEC_BYTES - 1);
    buf_put_str(&text, nginx ? STR("nginx:") : STR("apache:"));
    for (size_t i = 0; good && i < c->r.n; i++) {
        if (i > 0)
            buf_put_str(&text, c->r.separator.p[0] == '\t' ? STR("\\t") : c->r.separator);
        good = put_column(c, i, nginx, &text);
    }
    out[0] = '\0';
    if (good && buf_cstr(&text))
        memcpy(out, text.p, text.n + 1);
    buf_release(&text);
}

int detect_columns(const struct str *lines, size_t n, char nginx[DETECT_SPEC_BYTES],
                   char apache[DETECT_SPEC_BYTES])
{
    struct columns *c = calloc(1, sizeof(*c));

    nginx[0] = apache[0] = '\0';
    if (!c)
        return -1;
    c->time = c->request = c->status = c->agent = NOWHERE;
    if (rows_read(lines, n, &c->r) && tell_roles(c)) {
        put_format(c, true, nginx);
        put_format(c, false, apache);
    }
    free(c);
    return 0;
}
