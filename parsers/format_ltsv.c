/*
 * format_ltsv.c - labeled tab-separated values (ltsv.org): columns with tabs between, each a label,
 * a colon and a value. The labels are ltsv.org's, and the keys of nginx_json, since what nginx is
 * told to write has mostly its variables' names.
 */
#include "parsers/format_impl.h"
#include "parsers/json_rows.h"
#include "parsers/json_scan.h"

#define LABELS_MAX 128u

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
    size_t n;
    struct label {
        struct str name;
        enum field field;
        unsigned rank; /* of several labels of one field the lowest counts */
    } labels[LABELS_MAX];
};

struct ltsv_parser {
    struct parser base;
    struct field_times times;
};

/* ---- the labels --------------------------------------------------------------------------------
 */

static bool add_labels(struct ltsv_format *f, const struct json_row_key *row)
{
    for (; row->paths; row++) {
        struct str rest = str_of(row->paths);

        while (rest.n > 0) {
            if (f->n == LABELS_MAX)
                return false;
            f->labels[f->n] = (struct label){str_cut(&rest, ' '), row->field, (unsigned)f->n};
            f->n++;
        }
    }
    return true;
}

static int ltsv_format_init(struct format *base, struct str argument, struct buf *why)
{
    struct ltsv_format *f = (struct ltsv_format *)base;

    (void)argument;
    if (add_labels(f, own) && add_labels(f, json_rows[JSON_NGINX]))
        return 0;
    buf_lit(why, "there are too many labels");
    return -1;
}

static void ltsv_format_release(struct format *base)
{
    (void)base;
}

static void ltsv_fields(const struct format *base, struct format_fields *fields)
{
    const struct ltsv_format *f = (const struct ltsv_format *)base;

    for (size_t i = 0; i < f->n; i++)
        fields->maybe |= field_gives(f->labels[i].field);
}

/* ---- the line ----------------------------------------------------------------------------------
 */

static int ltsv_parser_init(struct parser *base)
{
    ((struct ltsv_parser *)base)->times.zone = base->format->zone;
    return 0;
}

static const struct label *find_label(const struct ltsv_format *f, struct str name)
{
    for (size_t i = 0; i < f->n; i++)
        if (str_eq(f->labels[i].name, name))
            return &f->labels[i];
    return NULL;
}

/* What a line has: of each field the value, and by which label. */
struct found {
    struct str v[FIELDS];
    unsigned rank[FIELDS];
    struct str host; /* the column "host" */
};

static void take(const struct ltsv_format *f, struct found *found, struct str name,
                 struct str value)
{
    if (!str_is_set(decode_missing(value)))
        value = STR_NONE;
    if (str_eq(name, STR("host"))) {
        if (!str_is_set(found->host))
            found->host = value;
        return;
    }
    const struct label *label = find_label(f, name);
    if (!label || !str_is_set(value))
        return;
    if (str_is_set(found->v[label->field]) && found->rank[label->field] <= label->rank)
        return;
    found->v[label->field] = value;
    found->rank[label->field] = label->rank;
}

/* ltsv.org's "host" is who asks; where another label says that, it is nginx's, the site. */
static void place_host(struct found *found)
{
    enum field field = str_is_set(found->v[FIELD_CLIENT_IP]) ? FIELD_HOST : FIELD_CLIENT_IP;

    if (!str_is_set(found->v[field]))
        found->v[field] = found->host;
}

static enum parse_result ltsv_line(struct parser *base, struct str line, struct hit *hit)
{
    struct ltsv_parser *p = (struct ltsv_parser *)base;
    struct found found = {.host = STR_NONE};
    struct str v[FIELDS], rest = line;
    const char *why = "";

    while (rest.n > 0) {
        struct str column = str_cut(&rest, '\t');
        ptrdiff_t colon = str_chr(column, ':', 0);

        if (colon <= 0)
            return parser_fail(base, "this column has no label", (size_t)(column.p - line.p));
        take((const struct ltsv_format *)base->format, &found, str_slice(column, 0, (size_t)colon),
             str_slice(column, (size_t)colon + 1, column.n));
    }
    place_host(&found);
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
