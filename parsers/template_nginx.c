/*
 * template_nginx.c - any log_format of nginx, as it stands in nginx.conf: with or without
 * `log_format name`, `escape=…`, the quotes around its pieces, and the semicolon. One that writes
 * JSON is a text like any other: its keys stand in one order.
 */
#include "parsers/template.h"

#include <stdlib.h>

#define TEXT_MAX 65536

struct variable {
    const char *name; /* with '*' at its end: all that begin so */
    enum program_shape shape;
    enum template_value value;
    const char *what; /* NULL: "$name" */
};

static const struct variable variables[] = {
    {"remote_addr", SHAPE_WORD, VALUE_CLIENT, "the client's address"},
    {"realip_remote_addr", SHAPE_WORD, VALUE_PEER, "the peer's address"},
    {"remote_addr_*", SHAPE_WORD, VALUE_PEER, "the client's address"}, /* of a map: made shorter */
    {"remote_user", SHAPE_FREE, VALUE_USER, "the user"},
    {"time_local", SHAPE_TIME_CLF, VALUE_TIME, "a time"},
    {"time_iso8601", SHAPE_TIME_ISO, VALUE_TIME, "a time"},
    {"msec", SHAPE_DECIMAL, VALUE_TIME_S, "a time in seconds"},
    {"request", SHAPE_FREE, VALUE_REQUEST, "the request line"},
    {"request_method", SHAPE_WORD, VALUE_METHOD, "the method"},
    {"request_uri", SHAPE_FREE, VALUE_TARGET, "the request's path"},
    {"uri", SHAPE_FREE, VALUE_PATH, "the path"},
    {"document_uri", SHAPE_FREE, VALUE_PATH, "the path"},
    {"args", SHAPE_FREE, VALUE_QUERY, "the query"},
    {"query_string", SHAPE_FREE, VALUE_QUERY, "the query"},
    {"is_args", SHAPE_WORD, VALUE_NONE, NULL},
    {"server_protocol", SHAPE_PROTOCOL, VALUE_PROTOCOL, "the protocol"},
    {"status", SHAPE_STATUS, VALUE_STATUS, "the status"},
    {"body_bytes_sent", SHAPE_COUNT, VALUE_BYTES, "the number of bytes sent"},
    {"bytes_sent", SHAPE_COUNT, VALUE_WIRE_BYTES, "the number of bytes sent"},
    {"http_referer", SHAPE_FREE, VALUE_REFERRER, "the referrer"},
    {"http_user_agent", SHAPE_FREE, VALUE_USER_AGENT, "the user agent"},
    {"http_x_forwarded_for", SHAPE_LIST, VALUE_FORWARDED_FOR, "X-Forwarded-For"},
    {"proxy_add_x_forwarded_for", SHAPE_LIST, VALUE_FORWARDED_FOR, "X-Forwarded-For"},
    {"http_x_real_ip", SHAPE_LIST, VALUE_REAL_IP, "X-Real-IP"},
    {"http_cf_connecting_ip", SHAPE_LIST, VALUE_REAL_IP, "CF-Connecting-IP"},
    {"http_true_client_ip", SHAPE_LIST, VALUE_REAL_IP, "True-Client-IP"},
    {"http_host", SHAPE_WORD, VALUE_HOST_HEADER, "the host"},
    {"host", SHAPE_WORD, VALUE_HOST, "the host"},
    {"server_name", SHAPE_WORD, VALUE_SERVER, "the server's name"},
    {"ssl_server_name", SHAPE_WORD, VALUE_SERVER, "the server's name"},
    {"scheme", SHAPE_WORD, VALUE_SCHEME, "the scheme"},
    {"http_x_forwarded_proto", SHAPE_WORD, VALUE_SCHEME, "the scheme"},
    {"https", SHAPE_WORD, VALUE_HTTPS, NULL},
    {"sent_http_content_type", SHAPE_FREE, VALUE_CONTENT_TYPE, "the content type"},
    {"upstream_http_content_type", SHAPE_FREE, VALUE_CONTENT_TYPE, "the content type"},
    {"request_time", SHAPE_DECIMAL, VALUE_DURATION_S, "the duration"},
    {"request_id", SHAPE_WORD, VALUE_REQUEST_ID, "the request's id"},
    {"http_x_request_id", SHAPE_FREE, VALUE_REQUEST_ID, "the request's id"},
    {"http_forwarded", SHAPE_FREE, VALUE_FORWARDED, "the Forwarded header"},
    {"http_range", SHAPE_FREE, VALUE_RANGE, "the range"},
    {"sent_http_content_range", SHAPE_FREE, VALUE_RANGE, "the range"},
    {"sent_http_content_disposition", SHAPE_FREE, VALUE_DISPOSITION, "the disposition"},
    {"http_sec_purpose", SHAPE_FREE, VALUE_PURPOSE, "the purpose"},
    {"http_purpose", SHAPE_FREE, VALUE_PURPOSE, "the purpose"},
    {"http_x_purpose", SHAPE_FREE, VALUE_PURPOSE, "the purpose"},
    {"http_x_moz", SHAPE_FREE, VALUE_PURPOSE, "the purpose"},
    {"request_length", SHAPE_COUNT, VALUE_NONE, NULL},
    {"server_port", SHAPE_COUNT, VALUE_NONE, NULL},
    {"remote_port", SHAPE_COUNT, VALUE_NONE, NULL},
    {"connection", SHAPE_COUNT, VALUE_NONE, NULL},
    {"connection_requests", SHAPE_COUNT, VALUE_NONE, NULL},
    {"pid", SHAPE_COUNT, VALUE_NONE, NULL},
    {"gzip_ratio", SHAPE_DECIMAL, VALUE_NONE, NULL},
    {"upstream_http_*", SHAPE_FREE, VALUE_NONE, NULL},
    {"upstream_*", SHAPE_LIST, VALUE_NONE, NULL},
};

/* A piece of the template: text, or the name of a variable. */
struct piece {
    struct str text;
    bool is_variable;
};

struct pieces {
    struct piece p[2 * PROGRAM_STEPS_MAX];
    size_t n;
};

static const struct variable *find_variable(struct str name)
{
    static const struct variable unknown = {"", SHAPE_FREE, VALUE_NONE, NULL};

    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        struct str known = str_of(variables[i].name);

        if (known.p[known.n - 1] == '*' ? str_starts(name, str_slice(known, 0, known.n - 1))
                                        : str_eq(name, known))
            return &variables[i];
    }
    return &unknown;
}

uint64_t template_nginx_values(void)
{
    uint64_t values = 0;

    for (size_t i = 0; i < COUNT_OF(variables); i++)
        values |= VALUE_BIT(variables[i].value);
    return values;
}

/* ---- from nginx.conf to the text --------------------------------------------------------------
 */

static void skip_word(struct str *s)
{
    while (s->n > 0 && s->p[0] != ' ' && s->p[0] != '\t' && s->p[0] != '\n' && s->p[0] != '\r')
        *s = str_slice(*s, 1, s->n);
    *s = str_trim(*s);
}

/* A backslash as nginx reads it, also outside quotes, since that is where it is copied from. */
static size_t put_escaped(struct buf *out, struct str s, size_t at)
{
    static const char marks[] = "\"'\\trn", bytes[] = "\"'\\\t\r\n";
    const char *mark = at + 1 < s.n && s.p[at + 1] != '\0' ? strchr(marks, s.p[at + 1]) : NULL;

    buf_putc(out, mark ? bytes[mark - marks] : '\\');
    return mark ? 2 : 1;
}

/* A break outside of quotes, with the indentation behind it, is none of the line's. */
static void put_bare(struct buf *out, struct str s)
{
    bool broken = false;

    for (size_t i = 0; i < s.n;) {
        char c = s.p[i];

        broken = c == '\n' || c == '\r' || (broken && (c == ' ' || c == '\t'));
        if (broken)
            i++;
        else if (c == '\\')
            i += put_escaped(out, s, i);
        else
            buf_putc(out, s.p[i++]);
    }
}

/* What stands between the pieces. */
static struct str skip_blanks(struct str s)
{
    s = str_trim(s);
    while (s.n > 0 && s.p[0] == '#') {
        (void)str_cut(&s, '\n');
        s = str_trim(s);
    }
    return s;
}

static bool in_name(char c)
{
    return ascii_alnum(c) || c == '_';
}

void template_nginx_join(struct buf *text, size_t from)
{
    size_t name = from, end = text->n;

    while (name > 0 && in_name(text->p[name - 1]))
        name--;
    if (name == 0 || name == from || from == end || text->p[name - 1] != '$' ||
        !in_name(text->p[from]))
        return;
    buf_lit(text, "{}");
    if (text->failed)
        return;
    memmove(text->p + from + 2, text->p + from, end - from);
    memmove(text->p + name + 1, text->p + name, from - name);
    text->p[name] = '{';
    text->p[from + 1] = '}';
}

/* Quoted pieces with blanks between them. False when something else is there. */
static bool put_pieces(struct buf *out, struct str s)
{
    s = skip_blanks(s);
    while (s.n > 0) {
        char quote = s.p[0];
        size_t i = 1, from = out->n;

        if (quote != '\'' && quote != '"')
            return false;
        while (i < s.n && s.p[i] != quote) {
            if (s.p[i] == '\\')
                i += put_escaped(out, s, i);
            else
                buf_putc(out, s.p[i++]);
        }
        if (i >= s.n)
            return false;
        template_nginx_join(out, from);
        s = skip_blanks(str_slice(s, i + 1, s.n));
    }
    return true;
}

static int read_escape(struct template *t, struct str word, enum program_escape *escape,
                       struct buf *why)
{
    if (str_eq(word, STR("default"))) {
        *escape = ESCAPE_QUOTES;
        t->decode = decode_nginx;
    } else if (str_eq(word, STR("json"))) {
        *escape = ESCAPE_PAIRS;
        t->decode = decode_json_text;
    } else if (str_eq(word, STR("none"))) {
        *escape = ESCAPE_NONE;
        t->decode = NULL;
    } else {
        buf_printf(why, "escape=%.*s is none of default, json and none",
                   word.n > 40 ? 40 : (int)word.n, word.p);
        return -1;
    }
    return 0;
}

static struct str without_semicolon(struct str s)
{
    s = str_trim(s);
    return str_ends(s, STR(";")) ? str_trim(str_slice(s, 0, s.n - 1)) : s;
}

/* Puts the format itself into `out`. */
static int unwrap(struct template *t, struct str text, struct buf *out, enum program_escape *escape,
                  struct buf *why)
{
    bool whole;
    size_t before = out->n;

    if (text.n > 0 &&
        (text.p[0] == ' ' || text.p[0] == '\n' || text.p[0] == '\t' || str_ends(text, STR("\n"))))
        text = str_trim(text);
    whole = str_starts(text, STR("log_format "));
    if (whole) {
        skip_word(&text);
        skip_word(&text);
    }
    if (str_starts(text, STR("escape="))) {
        struct str word = str_slice(text, 7, text.n);

        skip_word(&text);
        if (read_escape(t, str_trim(str_slice(word, 0, word.n - text.n)), escape, why))
            return -1;
    }
    if (whole)
        text = without_semicolon(text);
    if (whole || (text.n > 0 && text.p[0] == '\'')) {
        if (put_pieces(out, without_semicolon(text)))
            return 0;
        out->n = before;
    }
    put_bare(out, text);
    return 0;
}

/* ---- from the text to steps -------------------------------------------------------------------
 */

static size_t name_length(struct str s, size_t at)
{
    size_t n = 0;

    while (at + n < s.n && in_name(s.p[at + n]))
        n++;
    return n;
}

/* The variable that begins at `at`, where the '$' is, and in *next where it ends. */
static int read_variable(struct str s, size_t at, struct str *name, size_t *next, struct buf *why)
{
    bool braces = at + 1 < s.n && s.p[at + 1] == '{';
    size_t from = at + 1 + braces, n = name_length(s, from);

    if (n == 0 || (braces && (from + n >= s.n || s.p[from + n] != '}'))) {
        buf_printf(why, "the '$' at byte %zu of the log_format begins no name of a variable", at);
        return -1;
    }
    *name = str_slice(s, from, from + n);
    *next = from + n + braces;
    return 0;
}

static int split(struct pieces *out, struct str s, struct buf *why)
{
    size_t at = 0;

    while (at < s.n) {
        struct piece *piece = &out->p[out->n];
        size_t next = at;

        if (out->n == sizeof(out->p) / sizeof(out->p[0])) {
            buf_printf(why, "the log_format has more than %d variables", PROGRAM_STEPS_MAX);
            return -1;
        }
        piece->is_variable = s.p[at] == '$';
        if (piece->is_variable) {
            if (read_variable(s, at, &piece->text, &next, why))
                return -1;
        } else {
            while (next < s.n && s.p[next] != '$')
                next++;
            piece->text = str_slice(s, at, next);
        }
        out->n++;
        at = next;
    }
    return 0;
}

static const struct variable *variable_at(const struct pieces *p, size_t i)
{
    return i < p->n && p->p[i].is_variable ? find_variable(p->p[i].text) : NULL;
}

static bool begins_with_slash(const struct variable *v)
{
    return v && (v->value == VALUE_TARGET || v->value == VALUE_PATH);
}

static int say_adjacent(const struct pieces *p, size_t i, struct buf *why)
{
    buf_printf(why,
               "nothing stands between $%.*s and $%.*s, so nobody can tell where one ends; put a "
               "blank or a quote between them in nginx.conf",
               STR_ARGS(p->p[i - 1].text), STR_ARGS(p->p[i].text));
    return -1;
}

/* Adds the variable at *i, and those that can only be read together with it; *i is the last. */
static int add_variable(struct template *t, const struct pieces *p, size_t *i,
                        enum program_escape escape, struct buf *why)
{
    const struct variable *v = variable_at(p, *i), *args = variable_at(p, *i + 2);
    struct str name = p->p[*i].text;
    size_t first = *i, step;
    char shown[64];
    struct program_field field = {
        .shape = v->shape,
        .escape = escape,
        .value = v->value,
        .name = v->what,
        .may_be_empty = escape != ESCAPE_QUOTES || v->shape == SHAPE_PROTOCOL ||
                        (v->shape == SHAPE_WORD && v->value != VALUE_CLIENT),
    };

    if (!field.name) {
        size_t n = name.n < sizeof(shown) - 2 ? name.n : sizeof(shown) - 2;

        shown[0] = '$';
        memcpy(shown + 1, name.p, n);
        shown[n + 1] = '\0';
        field.name = shown;
    }
    if (v->value == VALUE_PATH && args && args->value == VALUE_QUERY && p->p[*i + 1].is_variable &&
        str_eq(p->p[*i + 1].text, STR("is_args"))) {
        field.value = VALUE_TARGET;
        *i += 2;
    } else if ((v->shape == SHAPE_WORD || v->shape == SHAPE_COUNT) &&
               begins_with_slash(variable_at(p, *i + 1))) {
        field.ends_at = '/';
    }
    return program_field(t->program, &field, &step) ? say_adjacent(p, first, why) : 0;
}

static int add_pieces(struct template *t, const struct pieces *p, enum program_escape escape,
                      struct buf *why)
{
    for (size_t i = 0; i < p->n; i++) {
        if (!p->p[i].is_variable)
            program_text(t->program, p->p[i].text);
        else if (add_variable(t, p, &i, escape, why))
            return -1;
    }
    return 0;
}

int template_nginx(struct template *t, struct str text, struct buf *why)
{
    enum program_escape escape = ESCAPE_QUOTES;
    struct pieces *pieces = calloc(1, sizeof(*pieces));
    struct buf plain;
    int rc = -1;

    buf_init(&plain, TEXT_MAX);
    t->decode = decode_nginx;
    if (!pieces || unwrap(t, text, &plain, &escape, why))
        goto out;
    if (plain.failed) {
        buf_printf(why, "the log_format is longer than %d bytes", TEXT_MAX);
        goto out;
    }
    rc = template_one_line(&plain, "log_format", why);
    if (rc == 0)
        rc = split(pieces, buf_str(&plain), why);
    if (rc == 0)
        rc = add_pieces(t, pieces, escape, why);
out:
    if (rc && why->n == 0)
        buf_lit(why, "out of memory");
    buf_release(&plain);
    free(pieces);
    return rc;
}
