/*
 * format_impl.h - what a family of formats implements; for parsers/format*.c only.
 *
 * A new format is one row in format.c. A new family is one file that defines a `struct
 * format_family`, whose format and parser structs begin with the base structs below.
 */
#ifndef LOGFERRY_PARSERS_FORMAT_IMPL_H
#define LOGFERRY_PARSERS_FORMAT_IMPL_H

#include "parsers/decode.h"
#include "parsers/fields.h"
#include "parsers/format.h"
#include "parsers/prefix.h"

struct format_family;

struct format_row {
    const char *name;
    const char *about;    /* one line, for format_list */
    const char *argument; /* a good one for behind "name:"; NULL: the format takes none */
    const struct format_family *family;
    int variant; /* the family's own enum */
    const char
        *example; /* a line, without its end; of formats with directives those before it too */
};

struct format {
    const struct format_row *row;
    const struct zone *zone; /* of times without one; NULL: UTC */
    /* What format.c takes off a line before the family sees it. */
    enum prefix_kind prefixes[PREFIXES_MAX];
    size_t n_prefixes;
    struct json_keys *prefix_keys;
    bool outer_time; /* before the lines may stand a time, for those that have none */
    enum cdn cdn;    /* format_cdn: the family's format_init says so */
};

struct parser {
    const struct format *format;
    struct decode_scratch scratch; /* empty when `line` is called */
    const char *error; /* lives as long as the format; set together with error_at by parser_fail */
    size_t error_at;
    enum directive directive;       /* DIRECTIVE_HEADER when `line` is called */
    struct field_times outer_times; /* what stands before lines without a time */
};

struct format_family {
    bool directives;    /* format_has_directives */
    size_t format_size; /* of the struct that begins with struct format */
    size_t parser_size; /* of the struct that begins with struct parser */
    /* The structs come zeroed, with their base filled; release is called after a failed init too.
     */
    int (*format_init)(struct format *f, struct str argument, struct buf *why);
    void (*format_release)(struct format *f);
    /* Adds to *fields, where those are that every format has; both sets may hold a field. */
    void (*fields)(const struct format *f, struct format_fields *fields);
    int (*parser_init)(struct parser *p);     /* -1: out of memory */
    void (*parser_release)(struct parser *p); /* NULL: there is nothing to release */
    void (*parser_reset)(struct parser *p);   /* NULL: a line depends on no line before it */
    /* `line` has 1 to FORMAT_MAX_LINE bytes, without the line end. Fills *hit, which is no use to
     * the caller unless the answer is PARSE_OK; it comes with nothing set (hit_nothing). A time
     * that stays missing is taken from what stands before the line. */
    enum parse_result (*line)(struct parser *p, struct str line, struct hit *hit);
};

enum w3c_variant { W3C_CLOUDFRONT, W3C_REALTIME, W3C_OWN, W3C_IIS, W3C_ZEEK };
extern const struct format_family format_w3c_family;
extern const struct format_family format_regex_family;
extern const struct format_family format_clf_family;
extern const struct format_family format_ltsv_family;
enum logfmt_variant { LOGFMT_ANY, LOGFMT_HEROKU };
extern const struct format_family format_logfmt_family;
/* Variants: enum json_variant of json_rows.h. */
extern const struct format_family format_json_family;
/* Rows of format_template.c. */
enum template_variant {
    TEMPLATE_NGINX_COMBINED,
    TEMPLATE_NGINX_MAIN,
    TEMPLATE_NGINX,
    TEMPLATE_NPM,
    TEMPLATE_APACHE_COMMON,
    TEMPLATE_APACHE_COMBINED,
    TEMPLATE_APACHE_COMBINEDIO,
    TEMPLATE_APACHE_VHOST,
    TEMPLATE_APACHE,
    TEMPLATE_VARNISH,
    TEMPLATE_TRAEFIK,
    TEMPLATE_HAPROXY_HTTP,
    TEMPLATE_HAPROXY,
    TEMPLATE_ALB,
    TEMPLATE_ELB,
    TEMPLATE_ENVOY,
    TEMPLATE_ISTIO,
    TEMPLATE_BUNNY,
    TEMPLATE_S3,
    TEMPLATE_SQUID,
    TEMPLATE_SQUID_EXTENSIVE,
    TEMPLATE_GCS,
    TEMPLATE_UWSGI,
    TEMPLATE_WERKZEUG,
    TEMPLATE_GIN,
    TEMPLATE_PHP,
    TEMPLATE_UNTIMED, /* lines of those below have no time */
    TEMPLATE_FIBER = TEMPLATE_UNTIMED,
    TEMPLATE_UVICORN,
    TEMPLATE_ACTIX,
    TEMPLATE_MORGAN_DEV,
    TEMPLATE_MORGAN_TINY,
    TEMPLATE_MORGAN_SHORT,
};
extern const struct format_family format_template_family;

/* A hit in which every value is missing. */
static inline struct hit hit_nothing(void)
{
    return (struct hit){.time_ms = HIT_NO_NUMBER,
                        .status = -1,
                        .bytes = HIT_NO_NUMBER,
                        .duration_ms = HIT_NO_NUMBER};
}

static inline enum parse_result parser_fail(struct parser *p, const char *why, size_t at)
{
    p->error = why;
    p->error_at = at;
    return PARSE_BAD;
}

#endif
