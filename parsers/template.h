/*
 * template.h - formats that are described by the text of a line with names in it: nginx's
 * log_format, Apache's LogFormat, and the notation of our own rows. Each front end turns its text
 * into a program (program.h) whose fields carry the values below; format_template.c runs it.
 *
 * For parsers/template_*.c and parsers/format_template.c.
 */
#ifndef LOGFERRY_PARSERS_TEMPLATE_H
#define LOGFERRY_PARSERS_TEMPLATE_H

#include "parsers/decode.h"
#include "parsers/program.h"
#include "parsers/time_format.h"

/* What a field gives to the hit, in the order in which they are looked at: where two give the same,
 * the later one counts, unless it is missing. */
enum template_value {
    VALUE_NONE,
    VALUE_REQUEST, /* GET /path HTTP/1.1 */
    VALUE_METHOD,
    VALUE_TARGET, /* path and query, or a whole URL */
    VALUE_PATH,   /* decoded by the writer; only where nothing above gave a path */
    VALUE_QUERY,  /* of VALUE_PATH; with or without '?' */
    VALUE_PROTOCOL,
    VALUE_TIME,   /* a shape of time */
    VALUE_TIME_S, /* epoch, with a fraction */
    VALUE_TIME_MS,
    VALUE_TIME_US,
    VALUE_PEER, /* who connected, where VALUE_CLIENT is whom it came for */
    VALUE_CLIENT,
    VALUE_CLIENT_PORT, /* address:port, maybe behind other words */
    VALUE_USER,
    VALUE_SERVER,      /* a configured name */
    VALUE_HOST_HEADER, /* as sent, where VALUE_HOST is what the server took of header and URL */
    VALUE_HOST,        /* what the client asked for */
    VALUE_SCHEME,
    VALUE_HTTPS, /* "on" */
    VALUE_STATUS,
    VALUE_WIRE_BYTES, /* with headers; only where the format has no VALUE_BYTES */
    VALUE_BYTES,
    VALUE_DURATION, /* with its unit, as Go writes it */
    VALUE_DURATION_S,
    VALUE_DURATION_MS,
    VALUE_DURATION_US,
    VALUE_DURATION_NS,
    VALUE_REFERRER,
    VALUE_USER_AGENT,
    VALUE_CONTENT_TYPE,
    VALUE_REQUEST_ID,
    VALUE_REAL_IP, /* a header with one address, where VALUE_FORWARDED_FOR has all */
    VALUE_FORWARDED_FOR,
    VALUE_FORWARDED,
    VALUE_RANGE,
    VALUE_DISPOSITION,
    VALUE_PURPOSE,
    VALUE_CACHE,
    VALUES,
};

struct template
{
    struct program *program;
    decode_fn *decode;        /* of every field; NULL: nothing to undo */
    char mark;                /* what `decode` looks for: a line without it has nothing to undo */
    bool raw_request;         /* but not of VALUE_REQUEST */
    struct time_format *time; /* of the SHAPE_TIME_OWN field; NULL when there is none */
};

/* Value i is in a set as bit i. */
#define VALUE_BIT(value) (UINT64_C(1) << (value))

/* A front end fills `t`, which comes zeroed and is released by the caller also after a failure;
 * -1, and a sentence in `why`. */
typedef int template_fn(struct template *t, struct str text, struct buf *why);

template_fn template_nginx;
template_fn template_apache;
template_fn template_columns;
template_fn template_haproxy; /* the names of captured headers */

/* The set of values that a template of the user can name. */
typedef uint64_t template_values_fn(void);
template_values_fn template_nginx_values;
template_values_fn template_apache_values;
template_values_fn template_haproxy_values; /* of the captured headers */
/* One of HAProxy's, behind a syslog's prefix or not, that is of no request. */
bool template_haproxy_message(struct str line);

/* A piece of a log_format was put behind `text` at `from`: it does not go on with the name of a
 * variable there, which is put into braces if it could. */
void template_nginx_join(struct buf *text, size_t from);
/* What a front end took out of the user's text, named `what`: takes the breaks off its end. -1, and
 * a sentence: there is one inside. */
int template_one_line(struct buf *text, const char *what, struct buf *why);

void template_release(struct template *t);

#endif
