/*
 * format.h - from a log line to a hit. Pure: no I/O, no clock, no logging; no allocation per line.
 *
 * A `struct format` is a compiled description, read-only after format_new, shared by any number of
 * threads. A `struct parser` is the state of one stream (the current #Fields line, scratch space):
 * one thread at a time.
 */
#ifndef LOGFERRY_PARSERS_FORMAT_H
#define LOGFERRY_PARSERS_FORMAT_H

#include "parsers/cdn.h"
#include "parsers/hit_fields.h"
#include "parsers/prefix.h"

enum parse_result {
    PARSE_OK,        /* *hit is filled */
    PARSE_DIRECTIVE, /* a line that belongs there and is of no request (enum directive); of any
                      * format what begins with '#' and is no line of it */
    PARSE_BAD,       /* the line does not have the format; parser_error tells where and why */
};

enum directive {
    DIRECTIVE_HEADER,  /* of the format: W3C's '#…' */
    DIRECTIVE_MESSAGE, /* what else the program writes into the same file */
    DIRECTIVE_STDERR,  /* on standard error, by what a collector put in front */
};

/* Longer lines are PARSE_BAD; readers drop them earlier. */
#define FORMAT_MAX_LINE ((size_t)1 << 20)

struct format;
struct parser;
struct zone;

/*
 * Compiles a format by its name ("nginx_combined", "cloudfront", …) or a constructor with its
 * argument ("nginx:$host …", "json:{"status":"sc"}"), perhaps with what a collector puts before the
 * lines in front ("cri+nginx_combined"; parsers/prefix.h). `zone` is what times without a zone are
 * in; NULL: UTC; it must outlive the format. On failure NULL, and `why` (cap 200 or more) gets one
 * sentence.
 */
struct format *format_new(struct str spec, const struct zone *zone, struct buf *why);
void format_free(struct format *f); /* accepts NULL */
const char *format_name(const struct format *f);
/* One line of text on what the format is; for --help and docs. NULL past the last. */
const char *format_list(size_t i, const char **about);
/* A line (or with directives, lines) in the i-th format, for docs and tests. */
const char *format_example(size_t i);
/* What must stand before the i-th format's name: "cri+" or any other with a time, of lines that
 * have none; format_example is a line of that. "": nothing. */
const char *format_before(size_t i);
/* What may stand behind "name:" of the i-th format, for docs and tests: format_example is a line of
 * that. NULL: it takes nothing. */
const char *format_argument(size_t i);
/* What its lines tell, as sets of fields. Of a format with an argument: whatever that is. */
struct format_fields {
    unsigned always; /* each line has a place for it, where it may be missing */
    unsigned maybe;  /* some have: where its writer was told to log it */
};
struct format_fields format_fields(const struct format *f);
/* True when lines that begin with '#' are directives, and "#Version" begins a new stream
 * (CloudFront, W3C). */
bool format_has_directives(const struct format *f);

/* Who may have cut its lines in parts (prefix.h): what stands before all else, where that is
 * Kubernetes or Docker; else PREFIX_NONE. */
enum prefix_kind format_cutter(const struct format *f);
/* Whose own log has lines of this format; CDN_NONE for a web server's. */
enum cdn format_cdn(const struct format *f);

/* NULL when out of memory. The format must outlive the parser. */
struct parser *parser_new(const struct format *f);
void parser_free(struct parser *p); /* accepts NULL */
/* Forget the state of the stream (before position 0 of another). */
void parser_reset(struct parser *p);
/* Without a final '\r' and the byte order mark of a file's start; parser_line does that itself. */
struct str parser_trim(struct str line);
/* `line` without its '\n'; a final '\r' is dropped. It must stay unchanged while the hit is in use.
 * Only on PARSE_OK does *hit say anything. */
enum parse_result parser_line(struct parser *p, struct str line, struct hit *hit);
/* After PARSE_DIRECTIVE. */
enum directive parser_directive(const struct parser *p);
/* After PARSE_BAD: a sentence that lives as long as the format, and in *column the 0-based byte
 * where the format stopped fitting. */
const char *parser_error(const struct parser *p, size_t *column);

#endif
