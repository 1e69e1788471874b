/*
 * prefix.h - what a collector puts in front of, or around, each line of a log: taken off before the
 * format looks at it.
 *
 * - cri, Kubernetes (containerd, CRI-O): 2026-01-02T03:04:05.678901234Z stdout F TEXT
 * - docker, its json-file: {"log":"TEXT\n","stream":"stdout","time":"…"}
 * - syslog, RFC 3164 with <priority> and host or without, with RFC 3339 times too, RFC 5424, and
 *   journalctl's short forms: <190>Jan  2 03:04:05 host nginx[12]: TEXT
 * - message, JSON of Filebeat, Fluent Bit, Google's Cloud Logging, journalctl -o json and others:
 *   {…,"message":"TEXT",…}
 * - csv, a row of an export (Splunk's, Graylog's), RFC 4180; the line is its longest column:
 *   2026-01-02T03:04:05.678Z,web1,"TEXT"
 * - stamp, a time alone (CloudWatch's export, kubectl logs --timestamps), or with Fluentd's tag
 *   behind it: 2026-01-02T03:04:05.678Z TEXT
 * - compose, docker compose logs: web-1  | TEXT
 * - logger, a program's own, with a level, before an address, a time or another beginning of an
 *   access log's line: [2026-01-02 03:04:05 +0000] [12] [INFO] TEXT, INFO:werkzeug:TEXT
 * - the same, as Kubernetes has it: I0102 03:04:05.678901 1 x.go:12] TEXT
 * - grep, of several files, with -n or without: access.log:12:TEXT
 *
 * Kubernetes and Docker cut lines, at 16 KiB mostly. prefix_part tells a part; who reads the file
 * joins them (agent/joiner.h). A part alone is no line of any format.
 */
#ifndef LOGFERRY_PARSERS_PREFIX_H
#define LOGFERRY_PARSERS_PREFIX_H

#include "parsers/decode.h"

struct json_keys;

enum prefix_kind {
    PREFIX_NONE,
    PREFIX_CRI,
    PREFIX_DOCKER,
    PREFIX_SYSLOG,
    PREFIX_MESSAGE,
    PREFIX_CSV,
    PREFIX_STAMP,
    PREFIX_COMPOSE,
    PREFIX_LOGGER,
    PREFIX_GREP,
    PREFIX_KINDS
};

/* From these on formats may begin alike: they are taken off where no format fits with them. */
static inline bool prefix_is_doubtful(enum prefix_kind kind)
{
    return kind >= PREFIX_SYSLOG;
}

/* A time may stand in it. */
static inline bool prefix_has_time(enum prefix_kind kind)
{
    return kind != PREFIX_NONE && kind != PREFIX_COMPOSE && kind != PREFIX_GREP;
}

/* Kubernetes and Docker. */
static inline bool prefix_cuts(enum prefix_kind kind)
{
    return kind == PREFIX_CRI || kind == PREFIX_DOCKER;
}

#define PREFIXES_MAX 3u /* in front of one format */

struct prefix_result {
    struct str text; /* in the line, or (docker) in scratch */
    size_t at;       /* where in the line it begins */
    struct str time; /* what holds the collector's time (prefix_time); STR_NONE: none is there */
    const char *why; /* static */
    bool stderr_;    /* written to standard error, where servers say what is no access log */
    bool systemd;    /* its word on the service, not the service's */
    bool header;     /* names of columns, and no line; false is returned */
};

/* NULL past the last. */
const char *prefix_name(enum prefix_kind kind);
/* "cri+docker+…": the prefix that *spec begins with, which is taken off; PREFIX_NONE: with none. */
enum prefix_kind prefix_take(struct str *spec);
/* The prefix that the line, or the part of one, has beyond doubt, or PREFIX_NONE; of those that are
 * doubtful, the one before what looks like a line of an access log. */
enum prefix_kind prefix_detect(struct str line);

struct prefix_part {
    bool cut;        /* more of it comes, in a later line of the same stream */
    bool stderr_;    /* its stream; else standard output */
    size_t tag_at;   /* cri: where in the line its 'P' or 'F' stands */
    struct str text; /* in the line, as it stands there: docker's with its escapes */
};

/* These need keys: PREFIX_DOCKER and PREFIX_MESSAGE. */
static inline bool prefix_has_keys(enum prefix_kind kind)
{
    return kind == PREFIX_DOCKER || kind == PREFIX_MESSAGE;
}
/* NULL: out of memory. */
struct json_keys *prefix_keys_new(void);
/* False: the line has no such prefix, or is a part of one; then out->why and out->at say why and at
 * which byte. `keys` where prefix_has_keys. */
bool prefix_strip(enum prefix_kind kind, const struct json_keys *keys, struct decode_scratch *s,
                  struct str line, struct prefix_result *out);
/* The time in prefix_result's `time`, for field_time; a slice of it. A syslog's has no year mostly,
 * and is none then. */
struct str prefix_time(struct str time);
/* False: the line has not this prefix. `keys` only for PREFIX_DOCKER. */
bool prefix_part(enum prefix_kind kind, const struct json_keys *keys, struct str line,
                 struct prefix_part *out);
/* Quick, for most lines: true only when nothing of it was cut off behind. */
bool prefix_is_whole(enum prefix_kind kind, struct str line);
/* Of a line that prefix_detect calls PREFIX_DOCKER: does its text end in no "\n"? Then it is a
 * part, or, where no line of the file ends in one, a collector's own JSON: PREFIX_MESSAGE. Docker
 * cuts at PREFIX_DOCKER_PART_BYTES, and a writer's last words may be shorter. */
bool prefix_docker_is_cut(struct str line);
#define PREFIX_DOCKER_PART_BYTES 16384u

#endif
