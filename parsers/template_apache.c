/*
 * template_apache.c - any LogFormat of Apache httpd, as it stands in its configuration: with or
 * without `LogFormat`, the quotes around it and the nickname behind it. varnishncsa reads the same
 * language.
 */
#include "parsers/template.h"

#include <stdlib.h>

#define TEXT_MAX 65536
#define TIME_MAX 256
#define SENTENCE_MAX 1000

struct directive {
    char letter;
    enum program_shape shape;
    enum template_value value;
    const char *what;
};

static const struct directive directives[] = {
    {'h', SHAPE_WORD, VALUE_CLIENT, "the client's address"},
    {'a', SHAPE_WORD, VALUE_CLIENT, "the client's address"},
    {'l', SHAPE_WORD, VALUE_NONE, "the remote log name (mostly \"-\")"},
    {'u', SHAPE_FREE, VALUE_USER, "the user"},
    {'r', SHAPE_FREE, VALUE_REQUEST, "the request line"},
    {'m', SHAPE_WORD, VALUE_METHOD, "the method"},
    {'U', SHAPE_FREE, VALUE_PATH, "the path"},
    {'q', SHAPE_FREE, VALUE_QUERY, "the query"},
    {'H', SHAPE_PROTOCOL, VALUE_PROTOCOL, "the protocol"},
    {'s', SHAPE_STATUS, VALUE_STATUS, "the status"},
    {'b', SHAPE_COUNT, VALUE_BYTES, "the number of bytes sent"},
    {'B', SHAPE_COUNT, VALUE_BYTES, "the number of bytes sent"},
    {'O', SHAPE_COUNT, VALUE_WIRE_BYTES, "the number of bytes sent"},
    {'I', SHAPE_COUNT, VALUE_NONE, "the number of bytes received"},
    {'S', SHAPE_COUNT, VALUE_NONE, "the number of bytes transferred"},
    {'D', SHAPE_COUNT, VALUE_DURATION_US, "the duration"},
    {'T', SHAPE_COUNT, VALUE_DURATION_S, "the duration"},
    {'v', SHAPE_WORD, VALUE_SERVER, "the server's name"},
    {'V', SHAPE_WORD, VALUE_SERVER, "the server's name"},
    {'p', SHAPE_COUNT, VALUE_NONE, "the port"},
    {'k', SHAPE_COUNT, VALUE_NONE, "the number of requests before"},
    {'P', SHAPE_COUNT, VALUE_NONE, "the process"},
    {'X', SHAPE_WORD, VALUE_NONE, "the state of the connection"},
    {'L', SHAPE_WORD, VALUE_NONE, "the log's id"},
    {'A', SHAPE_WORD, VALUE_NONE, "the server's address"},
    {'f', SHAPE_FREE, VALUE_NONE, "the file"},
    {'R', SHAPE_FREE, VALUE_NONE, "the handler"},
    {'i', SHAPE_FREE, VALUE_NONE, "a request header"},
    {'o', SHAPE_FREE, VALUE_NONE, "a response header"},
    {'e', SHAPE_FREE, VALUE_NONE, "a variable"},
    {'n', SHAPE_FREE, VALUE_NONE, "a note"},
    {'C', SHAPE_FREE, VALUE_NONE, "a cookie"},
    {'x', SHAPE_FREE, VALUE_NONE, "a variable"},
    {'^', SHAPE_FREE, VALUE_NONE, "a trailer, or a time"},
};

/* A letter that is none of these is of another module, and tells nothing of a request. */
static const struct directive other = {'\0', SHAPE_FREE, VALUE_NONE, "a module's column"};

/* %{name}letter. */
static const struct named {
    char letter;
    const char *name;
    enum program_shape shape;
    enum template_value value;
    const char *what;
} names[] = {
    {'i', "Referer", SHAPE_FREE, VALUE_REFERRER, "the referrer"},
    {'i', "User-Agent", SHAPE_FREE, VALUE_USER_AGENT, "the user agent"},
    {'i', "Host", SHAPE_WORD, VALUE_HOST, "the host"},
    {'i', "X-Forwarded-For", SHAPE_LIST, VALUE_FORWARDED_FOR, "X-Forwarded-For"},
    {'i', "X-Real-IP", SHAPE_LIST, VALUE_REAL_IP, "X-Real-IP"},
    {'i', "CF-Connecting-IP", SHAPE_LIST, VALUE_REAL_IP, "CF-Connecting-IP"},
    {'i', "True-Client-IP", SHAPE_LIST, VALUE_REAL_IP, "True-Client-IP"},
    {'i', "X-Forwarded-Proto", SHAPE_WORD, VALUE_SCHEME, "the scheme"},
    {'i', "X-Request-Id", SHAPE_FREE, VALUE_REQUEST_ID, "the request's id"},
    {'i', "Forwarded", SHAPE_FREE, VALUE_FORWARDED, "the Forwarded header"},
    {'i', "Range", SHAPE_FREE, VALUE_RANGE, "the range"},
    {'o', "Content-Range", SHAPE_FREE, VALUE_RANGE, "the range"},
    {'o', "Content-Disposition", SHAPE_FREE, VALUE_DISPOSITION, "the disposition"},
    {'i', "Sec-Purpose", SHAPE_FREE, VALUE_PURPOSE, "the purpose"},
    {'i', "Purpose", SHAPE_FREE, VALUE_PURPOSE, "the purpose"},
    {'i', "X-Purpose", SHAPE_FREE, VALUE_PURPOSE, "the purpose"},
    {'i', "X-Moz", SHAPE_FREE, VALUE_PURPOSE, "the purpose"},
    {'o', "Content-Type", SHAPE_FREE, VALUE_CONTENT_TYPE, "the content type"},
    {'e', "UNIQUE_ID", SHAPE_WORD, VALUE_REQUEST_ID, "the request's id"},
    {'a', "c", SHAPE_WORD, VALUE_PEER, "the peer's address"},
    {'T', "s", SHAPE_COUNT, VALUE_DURATION_S, "the duration"},
    {'T', "ms", SHAPE_COUNT, VALUE_DURATION_MS, "the duration"},
    {'T', "us", SHAPE_COUNT, VALUE_DURATION_US, "the duration"},
    {'P', "hextid", SHAPE_WORD, VALUE_NONE, "the thread"},
    {'x', "SSL_PROTOCOL", SHAPE_WORD, VALUE_NONE, "the TLS version"},
    {'x', "SSL_CIPHER", SHAPE_WORD, VALUE_NONE, "the TLS cipher"},
    {'x', "Varnish:time_firstbyte", SHAPE_DECIMAL, VALUE_NONE, "the time to the first byte"},
    {'x', "Varnish:hitmiss", SHAPE_WORD, VALUE_CACHE, "what the cache did"},
    {'x', "Varnish:handling", SHAPE_WORD, VALUE_CACHE, "what the cache did"},
};

/* One %… of the format. */
struct token {
    char letter;
    struct str name; /* of the braces; STR_NONE without */
    size_t next;     /* the byte behind it */
};

static int say(struct buf *why, size_t at, const char *what)
{
    buf_printf(why, "the '%%' at byte %zu of the LogFormat %s", at, what);
    return -1;
}

/* %!200,304{Referer}i, %>s, %^FU. */
static int read_token(struct str s, size_t at, struct token *out, struct buf *why)
{
    size_t i = at + 1;

    *out = (struct token){.name = STR_NONE};
    while (i < s.n && s.p[i] != '\0' && strchr("!,0123456789<>", s.p[i]))
        i++;
    if (i < s.n && s.p[i] == '{') {
        ptrdiff_t end = str_chr(s, '}', i);

        if (end < 0)
            return say(why, at, "has a '{' without '}'");
        out->name = str_slice(s, i + 1, (size_t)end);
        i = (size_t)end + 1;
    }
    if (i + 2 < s.n && s.p[i] == '^') { /* %{X}^ti, %{X}^to, %^FB */
        out->letter = '^';
        out->next = i + 3;
        return 0;
    }
    if (i >= s.n)
        return say(why, at, "is the end of it");
    out->letter = s.p[i];
    out->next = i + 1;
    return 0;
}

static int find_field(const struct token *token, struct program_field *field)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].letter != token->letter || !str_eq_nocase(token->name, str_of(names[i].name)))
            continue;
        field->shape = names[i].shape;
        field->value = names[i].value;
        field->name = names[i].what;
        return 0;
    }
    const struct directive *d = ascii_letter(token->letter) ? &other : NULL;
    for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++)
        if (directives[i].letter == token->letter)
            d = &directives[i];
    if (!d)
        return -1;
    field->shape = d->shape;
    field->value = d->value;
    field->name = d->what;
    return 0;
}

uint64_t template_apache_values(void)
{
    uint64_t values = 0;

    for (size_t i = 0; i < COUNT_OF(names); i++)
        values |= VALUE_BIT(names[i].value);
    for (size_t i = 0; i < COUNT_OF(directives); i++)
        values |= VALUE_BIT(directives[i].value);
    return values;
}

/* ---- times: several %{…}t with text between them are one time ---------------------------------
 */

/* What one of them is in the language of time_format.h. */
static void put_time(struct buf *out, struct str name)
{
    if (str_starts(name, STR("begin:")))
        name = str_slice(name, 6, name.n);
    else if (str_starts(name, STR("end:")))
        name = str_slice(name, 4, name.n);
    if (str_eq(name, STR("msec_frac")))
        buf_lit(out, "%3");
    else if (str_eq(name, STR("usec_frac")))
        buf_lit(out, "%6");
    else if (str_eq(name, STR("sec")))
        buf_lit(out, "%s");
    else
        buf_put_str(out, name);
}

static bool is_epoch(struct str name, const char *unit)
{
    ptrdiff_t colon = str_chr(name, ':', 0);

    if (colon >= 0 && (str_starts(name, STR("begin:")) || str_starts(name, STR("end:"))))
        name = str_slice(name, (size_t)colon + 1, name.n);
    return str_eq(name, str_of(unit));
}

/* The end of the text at `at`, if a %{…}t stands behind it, and that. */
static bool another_time(struct str s, size_t at, struct token *out)
{
    struct buf ignored;
    ptrdiff_t percent = str_chr(s, '%', at);
    bool found;

    buf_init(&ignored, 200);
    found = percent >= 0 && !read_token(s, (size_t)percent, out, &ignored) && out->letter == 't' &&
            str_is_set(out->name) && !is_epoch(out->name, "msec") && !is_epoch(out->name, "usec");
    buf_release(&ignored);
    return found;
}

/* The time that begins with *token, which gets its last one; NULL when they are none, and why. */
static struct time_format *read_time(struct str s, struct token *token, struct buf *why)
{
    struct token last = *token, next;
    struct time_format *time = NULL;
    struct buf format;

    buf_init(&format, TIME_MAX);
    put_time(&format, token->name);
    while (another_time(s, last.next, &next)) {
        ptrdiff_t percent = str_chr(s, '%', last.next);

        buf_put_str(&format, str_slice(s, last.next, (size_t)percent));
        put_time(&format, next.name);
        last = next;
    }
    if (format.failed)
        buf_printf(why, "the time's format is longer than %d bytes", TIME_MAX);
    else
        time = time_format_new(buf_str(&format), why);
    if (time)
        *token = last;
    buf_release(&format);
    return time;
}

/* What is not all of a time, or is one more, is passed over; why, in `untimed`. */
static int add_own_time(struct template *t, struct str s, struct token *token, struct buf *untimed)
{
    struct program_field field = {.shape = SHAPE_FREE, .name = "a part of a time"};
    bool first = !t->time;
    size_t step;

    buf_reset(untimed);
    if (first)
        t->time = read_time(s, token, untimed);
    if (first && t->time)
        field = (struct program_field){
            .shape = SHAPE_TIME_OWN, .value = VALUE_TIME, .name = "a time", .time_format = t->time};
    return program_field(t->program, &field, &step);
}

static int add_time(struct template *t, struct str s, struct token *token, struct buf *untimed)
{
    struct program_field field = {.shape = SHAPE_TIME_CLF, .value = VALUE_TIME, .name = "a time"};
    size_t step;

    if (str_is_set(token->name) && token->name.n > 0) {
        if (!is_epoch(token->name, "msec") && !is_epoch(token->name, "usec"))
            return add_own_time(t, s, token, untimed);
        field.shape = SHAPE_COUNT;
        field.value = is_epoch(token->name, "msec") ? VALUE_TIME_MS : VALUE_TIME_US;
        return program_field(t->program, &field, &step);
    }
    program_text(t->program, STR("["));
    (void)program_field(t->program, &field, &step);
    program_text(t->program, STR("]"));
    return 0;
}

static bool has_time(const struct program *p)
{
    for (size_t i = 0; i < program_steps(p); i++) {
        unsigned value = program_step_field(p, i)->value;

        if (value >= VALUE_TIME && value <= VALUE_TIME_US)
            return true;
    }
    return false;
}

/* ---- the format -------------------------------------------------------------------------------
 */

static int add_directive(struct template *t, struct str s, size_t at, struct token *token,
                         struct buf *why)
{
    struct program_field field = {.escape = ESCAPE_PAIRS};
    size_t step;

    if (find_field(token, &field)) {
        buf_printf(why, "%%%c in the LogFormat is not known",
                   token->letter > ' ' && token->letter <= '~' ? token->letter : '?');
        return -1;
    }
    if (field.value == VALUE_PATH && str_starts(str_slice(s, token->next, s.n), STR("%q"))) {
        field.value = VALUE_TARGET;
        token->next += 2;
    } else if (field.shape == SHAPE_WORD && str_starts(str_slice(s, token->next, s.n), STR("%U"))) {
        field.ends_at = '/';
    }
    if (program_field(t->program, &field, &step))
        return say(why, at,
                   "stands directly behind another column, so nobody can tell where that one "
                   "ends; put a blank or a quote between them");
    return 0;
}

static int add_all(struct template *t, struct str s, struct buf *untimed, struct buf *why)
{
    size_t at = 0;

    while (at < s.n) {
        ptrdiff_t percent = str_chr(s, '%', at);
        size_t to = percent < 0 ? s.n : (size_t)percent;
        struct token token;

        program_text(t->program, str_slice(s, at, to));
        if (percent < 0)
            return 0;
        if (read_token(s, to, &token, why))
            return -1;
        if (token.letter == '%')
            program_text(t->program, STR("%"));
        else if (token.letter == 't' ? add_time(t, s, &token, untimed)
                                     : add_directive(t, s, to, &token, why))
            return why->n ? -1 : say(why, to, "stands directly behind another column");
        at = token.next;
    }
    return 0;
}

/* \" \\ \n \t, and of `LogFormat "…" name` what is inside the quotes. */
static void unwrap(struct buf *out, struct str text)
{
    static const char marks[] = "\"\\nt", bytes[] = "\"\\\n\t";
    bool whole = str_starts_nocase(str_trim(text), STR("LogFormat "));

    if (whole) {
        text = str_trim(text);
        text = str_trim(str_slice(text, 9, text.n));
        whole = text.n > 0 && text.p[0] == '"';
    }
    for (size_t i = whole; i < text.n; i++) {
        const char *mark = NULL;

        if (whole && text.p[i] == '"')
            return;
        if (text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] != '\0')
            mark = strchr(marks, text.p[i + 1]);
        buf_putc(out, mark ? bytes[mark - marks] : text.p[i]);
        i += mark != NULL;
    }
}

int template_apache(struct template *t, struct str text, struct buf *why)
{
    struct buf plain, untimed;
    int rc = -1;

    t->decode = decode_apache;
    buf_init(&plain, TEXT_MAX);
    buf_init(&untimed, SENTENCE_MAX);
    unwrap(&plain, text);
    if (plain.failed)
        buf_printf(why, "the LogFormat is longer than %d bytes", TEXT_MAX);
    else if (!template_one_line(&plain, "LogFormat", why))
        rc = add_all(t, buf_str(&plain), &untimed, why);
    if (!rc && untimed.n && !has_time(t->program)) {
        buf_put_str(why, buf_str(&untimed));
        rc = -1;
    }
    buf_release(&plain);
    buf_release(&untimed);
    return rc;
}
