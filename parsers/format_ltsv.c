/*
 * format_ltsv.c - labeled tab-separated values (ltsv.org): columns with tabs between, each a label,
 * a colon and a value. The labels are ltsv.org's, and the keys of nginx_json, since what nginx is
 * told to write has mostly its variables' names.
 */
#include "parsers/format_impl.h"
#include "parsers/json_scan.h"
#include "parsers/labels.h"

/* Those that nginx_json has not. */
static const struct json_row_key own[] = {
    {FIELD_REQUEST, "req"},
    {FIELD_FORWARDED_FOR, "forwardedfor"},
    {FIELD_DURATION_S, "reqtime"},
    {FIELD_DURATION_US, "reqtime_microsec taken"},
    {FIELDS, NULL},
};

struct ltsv_format {
    struct format base;
    struct labels labels;
};

struct ltsv_parser {
    struct parser base;
    struct field_times times;
};

/* ---- the labels --------------------------------------------------------------------------------
 */

static int ltsv_format_init(struct format *base, struct str argument, struct buf *why)
{
    struct labels *l = &((struct ltsv_format *)base)->labels;

    (void)argument;
    return labels_add(l, own, why) && labels_add(l, json_rows[JSON_NGINX], why) ? 0 : -1;
}

static void ltsv_format_release(struct format *base)
{
    (void)base;
}

static void ltsv_fields(const struct format *base, struct format_fields *fields)
{
    fields->maybe |= labels_give(&((const struct ltsv_format *)base)->labels);
}

/* ---- the line ----------------------------------------------------------------------------------
 */

static int ltsv_parser_init(struct parser *base)
{
    ((struct ltsv_parser *)base)->times.zone = base->format->zone;
    return 0;
}

/* ltsv.org's "host" is who asks; where another label says that, it is nginx's, the site. */
static void place_host(struct labelled *found, struct str host)
{
    enum field field = str_is_set(found->v[FIELD_CLIENT_IP]) ? FIELD_HOST : FIELD_CLIENT_IP;

    if (!str_is_set(found->v[field]))
        found->v[field] = host;
}

static enum parse_result ltsv_line(struct parser *base, struct str line, struct hit *hit)
{
    struct ltsv_parser *p = (struct ltsv_parser *)base;
    const struct labels *labels = &((const struct ltsv_format *)base->format)->labels;
    struct labelled found = {.rank = {0}};
    struct str v[FIELDS], rest = line, host = STR_NONE;
    const char *why = "";

    while (rest.n > 0) {
        struct str column = str_cut(&rest, '\t');
        ptrdiff_t colon = str_chr(column, ':', 0);

        if (colon <= 0)
            return parser_fail(base, "this column has no label", (size_t)(column.p - line.p));
        struct str name = str_slice(column, 0, (size_t)colon);
        struct str value = str_slice(column, (size_t)colon + 1, column.n);
        if (!str_eq(name, STR("host")))
            labels_take(labels, &found, name, value);
        else if (!str_is_set(host))
            host = decode_missing(value);
    }
    place_host(&found, host);
    for (size_t i = 0; i < FIELDS; i++)
        v[i] = str_chr(found.v[i], '\\', 0) < 0 ? found.v[i]
                                                : json_scan_text(&base->scratch, found.v[i]);
    enum field bad = fields_to_hit(&base->scratch, &p->times, v, hit, &why);
    if (bad == FIELDS)
        return PARSE_OK;
    return parser_fail(base, why, found.v[bad].p ? (size_t)(found.v[bad].p - line.p) : 0);
}

const struct format_family format_ltsv_family = {
    .directives = false,
    .format_size = sizeof(struct ltsv_format),
    .parser_size = sizeof(struct ltsv_parser),
    .format_init = ltsv_format_init,
    .format_release = ltsv_format_release,
    .fields = ltsv_fields,
    .parser_init = ltsv_parser_init,
    .line = ltsv_line,
};
