/*
 * template_columns.c - the notation of our own rows: text with <names> in it. What is between <?X>
 * and <.> may be missing, and is there where the text X is; < > is blanks, or none. <%d/%b/%Y> is a
 * time as time_format.h has it. <!word> at the beginning says what the writer escapes. Also
 * HAProxy's HTTP log, whose captured headers the user names.
 */
#include "parsers/template.h"

struct column {
    const char *name;
    enum program_shape shape;
    enum template_value value;
    const char *what;
};

static const struct column columns[] = {
    {"-", SHAPE_WORD, VALUE_NONE, "a column"},
    {"-\"", SHAPE_FREE, VALUE_NONE, "a column in quotes"},
    {"rest", SHAPE_FREE, VALUE_NONE, "the rest"},
    {"request", SHAPE_FREE, VALUE_REQUEST, "the request line"},
    {"request_raw", SHAPE_FREE, VALUE_REQUEST, "the request line"},
    {"method", SHAPE_WORD, VALUE_METHOD, "the method"},
    {"target", SHAPE_FREE, VALUE_TARGET, "the URL"},
    {"url", SHAPE_WORD, VALUE_TARGET, "the URL"},
    {"time_clf", SHAPE_TIME_CLF, VALUE_TIME, "a time"},
    {"time_iso", SHAPE_TIME_ISO, VALUE_TIME, "a time"},
    {"time_s", SHAPE_DECIMAL, VALUE_TIME_S, "a time in seconds"},
    {"time_ms", SHAPE_COUNT, VALUE_TIME_MS, "a time in milliseconds"},
    {"time_us", SHAPE_COUNT, VALUE_TIME_US, "a time in microseconds"},
    {"client", SHAPE_WORD, VALUE_CLIENT, "the client's address"},
    {"client_port", SHAPE_WORD, VALUE_CLIENT_PORT, "the client's address and port"},
    {"user", SHAPE_FREE, VALUE_USER, "the user"},
    {"host", SHAPE_FREE, VALUE_HOST, "the host"},
    {"status", SHAPE_STATUS, VALUE_STATUS, "the status"},
    {"bytes", SHAPE_COUNT, VALUE_BYTES, "the number of bytes sent"},
    {"duration_s", SHAPE_DECIMAL, VALUE_DURATION_S, "the duration"},
    {"duration_ms", SHAPE_COUNT, VALUE_DURATION_MS, "the duration"},
    {"duration_text", SHAPE_FREE, VALUE_DURATION, "the duration"},
    {"decimal_ms", SHAPE_DECIMAL, VALUE_DURATION_MS, "the duration"},
    {"duration_us", SHAPE_COUNT, VALUE_DURATION_US, "the duration"},
    {"duration", SHAPE_WORD, VALUE_DURATION, "the duration"},
    {"referrer", SHAPE_FREE, VALUE_REFERRER, "the referrer"},
    {"user_agent", SHAPE_FREE, VALUE_USER_AGENT, "the user agent"},
    {"content_type", SHAPE_FREE, VALUE_CONTENT_TYPE, "the content type"},
    {"media_type", SHAPE_WORD, VALUE_CONTENT_TYPE, "the content type"},
    {"protocol", SHAPE_PROTOCOL, VALUE_PROTOCOL, "the protocol"},
    {"request_id", SHAPE_FREE, VALUE_REQUEST_ID, "the request's id"},
    {"forwarded_for", SHAPE_FREE, VALUE_FORWARDED_FOR, "X-Forwarded-For"},
    {"purpose", SHAPE_FREE, VALUE_PURPOSE, "the purpose"},
    {"cache", SHAPE_WORD, VALUE_CACHE, "what the cache did"},
};

static const struct column *find_column(struct str name)
{
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        if (str_eq(name, str_of(columns[i].name)))
            return &columns[i];
    }
    return NULL;
}

static int put_column(struct template *t, const struct column *c, enum program_escape escape)
{
    struct program_field field = {.shape = c->shape,
                                  .escape = escape,
                                  .may_be_empty = t->decode == decode_csv,
                                  .value = c->value,
                                  .name = c->what};
    size_t step;

    return program_field(t->program, &field, &step);
}

/* <!word>. */
static enum program_escape set_escape(struct template *t, struct str word)
{
    static const struct {
        struct str word;
        decode_fn *decode;
        enum program_escape escape;
        bool raw_request;
    } words[] = {
        {STR_INIT("!quotes"), decode_nginx, ESCAPE_QUOTES, false},
        {STR_INIT("!csv"), decode_csv, ESCAPE_NONE, false},
        {STR_INIT("!traefik"), decode_quotes, ESCAPE_PAIRS, true},
        {STR_INIT("!python"), decode_python, ESCAPE_NONE, false},
        {STR_INIT("!go"), decode_go, ESCAPE_NONE, false},
    };
    size_t i = 0;

    while (i + 1 < COUNT_OF(words) && !str_eq(word, words[i].word))
        i++;
    t->decode = words[i].decode;
    t->raw_request = words[i].raw_request;
    return words[i].escape;
}

static int put_time(struct template *t, struct str format, struct buf *why)
{
    struct program_field field = {.shape = SHAPE_TIME_OWN, .value = VALUE_TIME, .name = "a time"};
    size_t step;

    t->time = time_format_new(format, why);
    field.time_format = t->time;
    return t->time ? program_field(t->program, &field, &step) : -1;
}

/* Up to 15. */
static void put_blanks(struct template *t)
{
    static const struct str blanks = STR_INIT("        ");

    for (size_t n = blanks.n; n > 0; n /= 2) {
        program_optional(t->program, str_slice(blanks, 0, n));
        program_optional_end(t->program);
    }
}

/* What stands between < and >. */
static int put_name(struct template *t, struct str name, enum program_escape *escape,
                    struct buf *why)
{
    const struct column *c;
    bool raw = str_eq(name, STR("request_raw"));

    if (name.n > 0 && name.p[0] == '?') {
        program_optional(t->program, str_slice(name, 1, name.n));
        return 0;
    }
    if (str_eq(name, STR("."))) {
        program_optional_end(t->program);
        return 0;
    }
    if (name.n > 0 && name.p[0] == '!') {
        *escape = set_escape(t, name);
        return 0;
    }
    if (str_eq(name, STR(" "))) {
        put_blanks(t);
        return 0;
    }
    if (name.n > 0 && name.p[0] == '%')
        return put_time(t, name, why);
    c = find_column(name);
    if (!c)
        buf_printf(why, "there is no column <%.*s>", STR_ARGS(name));
    return c ? put_column(t, c, raw ? ESCAPE_NONE : *escape) : -1;
}

int template_columns(struct template *t, struct str text, struct buf *why)
{
    enum program_escape escape = ESCAPE_NONE;

    while (text.n > 0) {
        ptrdiff_t at = str_chr(text, '<', 0), end = at < 0 ? -1 : str_chr(text, '>', (size_t)at);
        struct str name;

        if (end < 0) {
            program_text(t->program, text);
            return 0;
        }
        program_text(t->program, str_slice(text, 0, (size_t)at));
        name = str_slice(text, (size_t)at + 1, (size_t)end);
        text = str_slice(text, (size_t)end + 1, text.n);
        if (put_name(t, name, &escape, why))
            return -1;
    }
    return 0;
}

/* ---- HAProxy ----------------------------------------------------------------------------------
 *
 * The prefix of a syslog and the address are one field, since what is in a prefix differs: it ends
 * before the time. HAProxy writes bytes of requests and captures that could end them as #XX.
 */

static void put_captures(struct template *t)
{
    for (int i = 0; i < 2; i++) {
        program_optional(t->program, STR("{"));
        (void)put_column(t, find_column(STR("-\"")), ESCAPE_NONE);
        program_text(t->program, STR("} "));
        program_optional_end(t->program);
    }
}

static bool may_be_captured(const struct column *c)
{
    return c->shape == SHAPE_FREE && c->value != VALUE_REQUEST && c->value != VALUE_TARGET &&
           c->value != VALUE_USER;
}

uint64_t template_haproxy_values(void)
{
    uint64_t values = 0;

    for (size_t i = 0; i < COUNT_OF(columns); i++)
        if (may_be_captured(&columns[i]))
            values |= VALUE_BIT(columns[i].value);
    return values;
}

/* The names of one group of braces, which is not there for what was no request. */
static int put_group(struct template *t, struct str group, struct buf *why)
{
    bool first = true;

    program_optional(t->program, STR("{"));
    while (group.n > 0) {
        struct str name = str_cut(&group, '|');
        const struct column *c = find_column(str_eq(name, STR("-")) ? STR("-\"") : name);

        if (!c || !may_be_captured(c)) {
            buf_printf(why,
                       "\"%.*s\" is no captured header; there are host, user_agent, referrer, "
                       "forwarded_for, content_type, request_id, purpose and -",
                       name.n > 40 ? 40 : (int)name.n, name.p);
            return -1;
        }
        if (!first)
            program_text(t->program, STR("|"));
        (void)put_column(t, c, ESCAPE_NONE);
        first = false;
    }
    program_text(t->program, STR("} "));
    program_optional_end(t->program);
    return 0;
}

/* "host|user_agent content_type": of the request, and behind a blank of the answer. */
static int put_named_captures(struct template *t, struct str names, struct buf *why)
{
    while (names.n > 0) {
        struct str group = str_cut(&names, ' ');

        if (group.n > 0 && put_group(t, group, why))
            return -1;
    }
    return 0;
}

int template_haproxy(struct template *t, struct str text, struct buf *why)
{
    struct program_field client = {
        .shape = SHAPE_FREE, .value = VALUE_CLIENT_PORT, .name = "the client's address and port"};
    struct program_field request = {
        .shape = SHAPE_FREE, .value = VALUE_REQUEST, .ends_at = '"', .name = "the request line"};
    size_t step;

    t->decode = decode_hash;
    (void)program_field(t->program, &client, &step);
    if (template_columns(t,
                         STR(" [<%d/%b/%Y:%T.%3>] <-> <-> <->/<->/<->/<->/<duration_ms> <status> "
                             "<bytes> <-> <-> "
                             "<-> <-> <-> "),
                         why))
        return -1;
    if (text.n == 0)
        put_captures(t);
    else if (put_named_captures(t, text, why))
        return -1;
    program_text(t->program, STR("\""));
    (void)program_field(t->program, &request, &step);
    return template_columns(t, STR("<?\"><rest><.>"), why);
}

/* ---- what is no request ------------------------------------------------------------------------
 */

/* Of lines of HAProxy's that end before a request, those of option tcplog have three timers, where
 * a request's have five, and those of failed handshakes "frontend/bind: " in their third word. */
static bool is_connection(struct str s)
{
    struct str word = str_cut(&s, ' '), name;
    size_t slashes = 0;

    if (str_chr(word, ':', 0) < 1 || !str_starts(s, STR("[")))
        return false;
    (void)str_cut(&s, ' ');
    name = str_cut(&s, ' ');
    if (str_ends(name, STR(":")))
        return true;
    (void)str_cut(&s, ' ');
    word = str_cut(&s, ' ');
    for (size_t i = 0; i < word.n; i++)
        slashes += word.p[i] == '/';
    return slashes == 2;
}

bool template_haproxy_message(struct str line)
{
    static const char *const starts[] = {"Proxy ",    "Server ",           "Backup Server ",
                                         "Stopping ", "Health check for ", "backend ",
                                         "Pausing ",  "Connect from "};
    ptrdiff_t tag = str_find(line, STR("]: "), 0);

    if (tag >= 0)
        line = str_slice(line, (size_t)tag + 3, line.n);
    for (size_t i = 0; i < COUNT_OF(starts); i++)
        if (str_starts(line, str_of(starts[i])))
            return true;
    return str_chr(line, '"', 0) < 0 && is_connection(line);
}
