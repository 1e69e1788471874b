/*
 * offline.h - reading logs line by line without engine, positions or server: for report, explain,
 * and a backfill to nowhere or to standard output.
 */
#ifndef LOGFERRY_AGENT_OFFLINE_H
#define LOGFERRY_AGENT_OFFLINE_H

#include "agent/agents_home.h"
#include "agent/digest.h"
#include "agent/discover.h"
#include "agent/options.h"
#include "parsers/detect.h"

/* Those of the files that were read, each once, in the order of the first of its files. Static
 * text. */
#define OFFLINE_MAX_FORMATS 64u
struct offline_formats {
    const char *names[OFFLINE_MAX_FORMATS];
    size_t n;
};

struct offline {
    struct agent_config *config;      /* NULL: none was asked for or there is none */
    const struct source_config *from; /* --source; NULL */
    struct agents_home agents;
    struct judge_rules rules; /* the configuration's or the defaults */
    struct privacy privacy;   /* the same */
    struct client_rule client;
    bool named;            /* the format is the command line's or the source's */
    struct format *format; /* else of each file, by its lines; NULL before the first */
    char detected[DETECT_SPEC_BYTES];
    bool has_text;               /* the file at hand: in its head is a line of a request */
    bool formless;               /* in its head is no text: its lines are only counted */
    enum prefix_kind cutter;     /* of a formless one: who cut them in parts */
    struct buf comments;         /* that the file began with of which it was detected */
    struct detect_formats *kept; /* NULL: no file was asked for its format yet */
    struct parser *parser;
    struct sites *sites;
    struct digest digest;
    struct digest_rules digest_rules;
    struct offline_formats formats;
    unsigned n_read; /* files whose format is known */
    unsigned unread; /* files that could not be read, or not to their end */
    /* Of a directory or a glob, and with the format of no access log, as a server's error.log: what
     * is there besides is no failure, if any other file was read. Else they are among `unread`. */
    unsigned foreign;
    bool is_named; /* the file at hand stands in the command line itself */
};

struct offline_line {
    const char *path;
    uint64_t number; /* in its file, from 1 */
    uint64_t at;
    struct str text;
    struct digested *digested;
};

/* What a line is worth is the caller's; false stops. */
typedef bool (*offline_fn)(void *context, const struct offline_line *line);

/* Prepares by the command line's --config, --source, --format, --host, --since, --until. Prints
 * what is wrong and returns an exit code, or 0. */
int offline_init(struct offline *o, const struct options *options, const char *command);
/* Lines that name no host are localhost's, where every host will do and none was given. True: so
 * it is. */
bool offline_any_host(struct offline *o);
void offline_release(struct offline *o);
/* All lines of all paths ("-" is standard input), half lines at the end included. An exit code. */
int offline_read(struct offline *o, char *const *paths, size_t n, offline_fn line, void *context);

#endif
