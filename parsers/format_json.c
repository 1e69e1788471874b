/*
 * format_json.c - a JSON object a line: formats by their tables of keys (json_rows.c), and by those
 * of the configuration, `json:{"status":"sc","host":["vhost","http.host"]}`.
 *
 * CloudFront's values are percent-encoded as in its text logs, but come decoded out of CloudWatch's
 * transformer. A decoded line is known by a status that is a number, for CloudFront itself writes
 * texts only, or by a blank in the user agent, which it would have encoded.
 */
#include "parsers/format_impl.h"
#include "parsers/json_rows.h"
#include "parsers/json_scan.h"

#include "parsers/base/json.h"
#include "parsers/verdict.h"

#include <stdlib.h>

#define ARGUMENT_MAX 65536u
#define RANK_MAX 200u

struct json_format {
    struct format base;
    struct json_keys *keys;
    char *own; /* the paths of the configuration */
    size_t own_n;
};

struct json_parser {
    struct parser base;
    struct field_times times;
};

/* ---- the keys ----------------------------------------------------------------------------------
 */

static bool add_row(struct json_keys *k, const struct json_row_key *row)
{
    for (; row->paths; row++) {
        struct str rest = str_of(row->paths);

        for (unsigned char rank = 0; rest.n > 0; rank++)
            if (!json_keys_add(k, str_cut(&rest, ' '), row->field, rank))
                return false;
    }
    return true;
}

/* A CDN's log knows itself by the names that only it gives. */
static enum cdn cdn_of_path(struct str path)
{
    static const struct {
        struct str start;
        enum cdn cdn;
    } names[] = {
        {STR_INIT("x-edge-"), CDN_CLOUDFRONT},     {STR_INIT("x-host-header"), CDN_CLOUDFRONT},
        {STR_INIT("cs-uri-stem"), CDN_CLOUDFRONT}, {STR_INIT("ClientRequest"), CDN_CLOUDFLARE},
        {STR_INIT("EdgeStart"), CDN_CLOUDFLARE},   {STR_INIT("EdgeResponse"), CDN_CLOUDFLARE},
    };
    struct str key = str_slice(path, (size_t)(str_rchr(path, '.') + 1), path.n);

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_starts(key, names[i].start))
            return names[i].cdn;
    return CDN_NONE;
}

/* Keeps a copy, since the argument does not outlive format_new. */
static bool add_own(struct json_format *f, struct str path, enum field field, unsigned rank,
                    struct buf *why)
{
    char *to = f->own + f->own_n;

    if (path.n == 0 || rank > RANK_MAX) {
        buf_printf(why, path.n == 0 ? "the key path of a field is empty"
                                    : "a field has too many key paths");
        return false;
    }
    if (f->base.cdn == CDN_NONE)
        f->base.cdn = cdn_of_path(path);
    memcpy(to, path.p, path.n);
    f->own_n += path.n;
    if (json_keys_add(f->keys, (struct str){to, path.n}, field, (unsigned char)rank))
        return true;
    buf_printf(why, "there are too many key paths, or one has over %u keys",
               JSON_SCAN_SEGMENTS_MAX);
    return false;
}

static bool unknown_field(struct str name, struct buf *why)
{
    buf_lit(why, "there is no field \"");
    for (size_t i = 0; i < name.n && i < 40; i++)
        buf_putc(why, name.p[i] >= ' ' && name.p[i] <= '~' ? name.p[i] : '?');
    buf_lit(why, "\"; there are ");
    field_put_names(why);
    return false;
}

/* Behind a field's name: a path, or a list of paths. */
static bool read_paths(struct json_format *f, struct json_reader *r, enum field field,
                       struct buf *why)
{
    enum json_event event = json_next(r);
    unsigned rank = 0;

    if (event == JSON_STRING)
        return add_own(f, r->text, field, 0, why);
    if (event == JSON_ARRAY) {
        while ((event = json_next(r)) == JSON_STRING)
            if (!add_own(f, r->text, field, rank++, why))
                return false;
        if (event == JSON_ARRAY_END && rank > 0)
            return true;
    }
    if (event != JSON_ERROR)
        buf_lit(why, "a field's value is the path of its key, or a list of such paths");
    return false;
}

static bool read_fields(struct json_format *f, struct json_reader *r, uint64_t *have,
                        struct buf *why)
{
    enum json_event event = json_next(r);

    if (event != JSON_OBJECT)
        return false;
    while ((event = json_next(r)) == JSON_KEY) {
        enum field field;

        if (!field_by_name(r->text, &field))
            return unknown_field(r->text, why);
        *have |= UINT64_C(1) << field;
        if (!read_paths(f, r, field, why))
            return false;
    }
    return event == JSON_OBJECT_END && json_next(r) == JSON_END;
}

static int own_keys(struct json_format *f, struct str argument, struct buf *why)
{
    struct json_reader r;
    struct buf scratch;
    uint64_t have = 0;

    f->own = argument.n <= ARGUMENT_MAX ? malloc(argument.n + 1) : NULL;
    if (!f->own) {
        buf_lit(why, "the keys take over 64 KiB, or memory is out");
        return -1;
    }
    buf_init(&scratch, ARGUMENT_MAX);
    json_reader_init(&r, argument, &scratch);
    bool good = read_fields(f, &r, &have, why);
    if (!good && why->n == 0)
        buf_printf(why,
                   "json: takes fields and their keys, like json:{\"time\":\"ts\","
                   "\"target\":\"url\"}; at byte %zu of it: %s",
                   r.at, r.error ? r.error : "this is no map");
    buf_release(&scratch);
    if (good && !fields_suffice(have, f->base.outer_time, why))
        return -1;
    return good ? 0 : -1;
}

static int json_format_init(struct format *base, struct str argument, struct buf *why)
{
    static const enum cdn cdns[JSON_VARIANTS] = {[JSON_CLOUDFRONT] = CDN_CLOUDFRONT,
                                                 [JSON_CLOUDFLARE] = CDN_CLOUDFLARE,
                                                 [JSON_FASTLY] = CDN_FASTLY};
    struct json_format *f = (struct json_format *)base;
    const struct json_row_key *row = json_rows[base->row->variant];

    base->cdn = cdns[base->row->variant];
    f->keys = json_keys_new();
    if (!f->keys || (row && !add_row(f->keys, row))) {
        buf_lit(why, "out of memory");
        return -1;
    }
    return row ? 0 : own_keys(f, argument, why);
}

static void json_fields(const struct format *f, struct format_fields *fields)
{
    const struct json_row_key *row = json_rows[f->row->variant];

    for (int i = 0; !row && i < FIELDS_NAMED; i++)
        fields->maybe |= field_gives((enum field)i);
    for (; row && row->paths; row++)
        fields->maybe |= field_gives(row->field);
    fields->always |= json_rows_always[f->row->variant];
}

static void json_format_release(struct format *base)
{
    struct json_format *f = (struct json_format *)base;

    json_keys_free(f->keys);
    free(f->own);
}

/* ---- the line ----------------------------------------------------------------------------------
 */

static int json_parser_init(struct parser *base)
{
    ((struct json_parser *)base)->times.zone = base->format->zone;
    return 0;
}

static void decode_cloudfront(struct decode_scratch *s, const struct json_found *found,
                              struct str v[FIELDS])
{
    static const enum field texts[] = {FIELD_PATH, FIELD_QUERY, FIELD_REFERRER, FIELD_CONTENT_TYPE,
                                       FIELD_FORWARDED_FOR};
    struct str agent = v[FIELD_USER_AGENT];
    bool number =
        str_is_set(v[FIELD_STATUS]) && v[FIELD_STATUS].n > 0 && !found[FIELD_STATUS].quoted;

    if (number || (agent.n > 0 && memchr(agent.p, ' ', agent.n)))
        return;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        v[texts[i]] = decode_percent(s, v[texts[i]]);
    v[FIELD_USER_AGENT] = decode_percent_user_agent(s, agent);
}

/* Blanks are %20 or '+' in its texts; its paths come without the first '/' from some properties. */
static void decode_akamai(struct decode_scratch *s, struct str v[FIELDS])
{
    struct str path = v[FIELD_PATH];

    v[FIELD_USER_AGENT] = decode_plus(s, decode_percent(s, v[FIELD_USER_AGENT]));
    v[FIELD_REFERRER] = decode_percent(s, v[FIELD_REFERRER]);
    if (path.n > 0 && path.p[0] != '/' && !str_eq(path, STR("-"))) {
        char *to = decode_room(s, path.n + 1);

        if (!to)
            return;
        to[0] = '/';
        memcpy(to + 1, path.p, path.n);
        s->n += path.n + 1;
        v[FIELD_PATH] = (struct str){to, path.n + 1};
    }
}

/* Where no other key has an address, an address in "host" is who asked: so Apache's %h is called.
 */
static void client_in_host(struct str v[FIELDS])
{
    unsigned char address[16];

    if (str_is_set(decode_missing(v[FIELD_CLIENT_IP])) ||
        str_is_set(decode_missing(v[FIELD_FORWARDED_FOR])) ||
        !address_parse(v[FIELD_HOST], address))
        return;
    v[FIELD_CLIENT_IP] = v[FIELD_HOST];
    v[FIELD_HOST] = STR_NONE;
}

/* Azure CDN has seconds with a fraction where App Service has whole milliseconds. */
static void decode_azure(struct str v[FIELDS])
{
    if (str_chr(v[FIELD_DURATION_MS], '.', 0) < 0)
        return;
    v[FIELD_DURATION_S] = v[FIELD_DURATION_MS];
    v[FIELD_DURATION_MS] = STR_NONE;
}

/* What Caddy's errors and handlers say of a request is in the access log's entry for it, too. */
static bool is_of_another_logger(struct str logger)
{
    return str_is_set(decode_missing(logger)) && !str_starts(logger, STR("http.log.access"));
}

/* The second of a level, a logger and a message. */
static struct str logger_of(struct str message)
{
    struct str rest = message;

    (void)str_cut(&rest, '\t');
    struct str logger = str_cut(&rest, '\t');
    return rest.n > 0 ? logger : STR_NONE;
}

/* Of Caddy's console encoder: a time, a level, a logger and a message before the object, with tabs
 * between them; of Fluentd's files, a time and a tag. The object; the line itself where there is no
 * such front. */
static struct str take_console(struct str line, struct str *time, struct str *message)
{
    ptrdiff_t tab = str_chr(line, '\t', 0), at = str_find(line, STR("\t{"), 0);

    if (line.n == 0 || line.p[0] == '{' || at < 0 || tab == at)
        return line;
    *time = str_slice(line, 0, (size_t)tab);
    *message = str_slice(line, (size_t)tab + 1, (size_t)at);
    return str_slice(line, (size_t)at + 1, line.n);
}

/* An object is no value, but of TLS. */
static void read_texts(struct decode_scratch *s, const struct json_found *found,
                       struct str v[FIELDS])
{
    for (size_t i = 0; i < FIELDS; i++) {
        bool inner = !found[i].quoted && str_eq(found[i].raw, STR("{"));

        v[i] = found[i].escaped ? json_scan_text(s, found[i].raw) : found[i].raw;
        if (inner && i != FIELD_TLS)
            v[i] = STR_NONE;
    }
}

static enum parse_result message_of(struct parser *base)
{
    base->directive = DIRECTIVE_MESSAGE;
    return PARSE_DIRECTIVE;
}

static enum parse_result json_line(struct parser *base, struct str line, struct hit *hit)
{
    struct json_parser *p = (struct json_parser *)base;
    const struct json_format *f = (const struct json_format *)base->format;
    struct json_found found[FIELDS];
    struct str v[FIELDS], time = STR_NONE, message = STR_NONE, object = line;
    const char *why = "";
    size_t at;

    if (base->format->row->variant == JSON_CADDY || base->format->row->variant == JSON_NGINX)
        object = take_console(line, &time, &message);
    if (!json_scan(f->keys, object, found, FIELDS, &why, &at))
        return parser_fail(base, why, (size_t)(object.p - line.p) + at);
    read_texts(&base->scratch, found, v);
    if (str_is_set(time) && !str_is_set(v[FIELD_TIME])) {
        v[FIELD_TIME] = time;
        v[FIELD_MESSAGE] = message;
        v[FIELD_LOGGER] = logger_of(message);
    }
    if (base->format->row->variant == JSON_NGINX)
        client_in_host(v);
    else if (base->format->row->variant == JSON_CLOUDFRONT)
        decode_cloudfront(&base->scratch, found, v);
    else if (base->format->row->variant == JSON_AKAMAI)
        decode_akamai(&base->scratch, v);
    else if (base->format->row->variant == JSON_AZURE)
        decode_azure(v);
    if (base->format->row->variant == JSON_CADDY && is_of_another_logger(v[FIELD_LOGGER]))
        return message_of(base);
    enum field bad = fields_to_hit(&base->scratch, &p->times, v, hit, &why);
    if (bad == FIELDS)
        return PARSE_OK;
    bool answer =
        bad == FIELD_PATH && base->format->row->variant == JSON_ZEEK; /* without a request */
    if (bad == FIELD_MESSAGE || answer)
        return message_of(base);
    return parser_fail(base, why, found[bad].raw.p ? (size_t)(found[bad].raw.p - line.p) : 0);
}

const struct format_family format_json_family = {
    .directives = false,
    .format_size = sizeof(struct json_format),
    .parser_size = sizeof(struct json_parser),
    .format_init = json_format_init,
    .format_release = json_format_release,
    .fields = json_fields,
    .parser_init = json_parser_init,
    .line = json_line,
};
