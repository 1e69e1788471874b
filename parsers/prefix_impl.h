/* prefix_impl.h - for the prefix_*.c files alone: one prefix taken off a line. */
#ifndef LOGFERRY_PARSERS_PREFIX_IMPL_H
#define LOGFERRY_PARSERS_PREFIX_IMPL_H

#include "parsers/prefix.h"

struct prefix_work {
    struct str rest; /* of the line: what is behind the prefix, or where it stopped fitting */
    const char *why; /* static */
    const struct json_keys *keys; /* where prefix_has_keys */
    struct decode_scratch *scratch;
};

/* The word up to the next blank; that is gone over too. */
struct str prefix_word(struct prefix_work *w);
bool prefix_is_rfc3339(struct str s);
/* Of any shape that time_parse_text knows. */
bool prefix_is_time(struct str s);
/* RFC 3339, or with "+0000" as journalctl -o short-iso has it. */
bool prefix_is_iso(struct str s);

/* False, with w->why and w->rest: the line has not this prefix. Else the text is w->rest, unless
 * they set out->text and out->at. */
typedef bool prefix_strip_fn(struct prefix_work *w, struct prefix_result *out);
prefix_strip_fn prefix_docker, prefix_message, prefix_syslog, prefix_csv;

/* prefix_part and prefix_is_whole, for Docker. */
bool prefix_docker_part(const struct json_keys *keys, struct str line, struct prefix_part *out);
bool prefix_docker_is_whole(struct str line);

/* Has the line the prefix, by its looks? Without keys and scratch. */
bool prefix_looks_docker(struct str line);
bool prefix_looks_syslog(struct str line);
bool prefix_looks_message(struct str line);
bool prefix_looks_csv(struct str line);

#endif
