/*
 * agent_config.h - /etc/logferry/logferry.yaml as typed, read-only structs.
 *
 * The whole configuration is one owner: agent_config_free releases everything, and every slice in
 * here lives until then. Syntax and meaning of each key: docs/configuration.md.
 */
#ifndef LOGFERRY_CONFIG_AGENT_CONFIG_H
#define LOGFERRY_CONFIG_AGENT_CONFIG_H

#include "config/config_error.h"
#include "config/listen_address.h"
#include "parsers/cdn.h"
#include "parsers/client_ip.h"
#include "parsers/privacy.h"
#include "parsers/verdict.h"

#define CONFIG_MAX_DESTINATIONS 16 /* a set of them is a bit mask */

enum send_kinds { SEND_PAGEVIEW = 1, SEND_AI_FETCH = 2 };

enum protocol {
    PROTOCOL_AUTO,    /* the server's answer decides */
    PROTOCOL_BATCH,   /* logferry-server */
    PROTOCOL_HITKEEP, /* one record a request */
};

struct destination_config {
    struct str name;
    struct str url;        /* without a trailing '/'; "unix:/path" for a socket */
    struct str token_file; /* STR_NONE: see token */
    struct str token;      /* from token_env, read at load; STR_NONE otherwise */
    struct str proxy;      /* STR_NONE: none, whatever the environment says */
    struct str ca_file;    /* STR_NONE: the system's */
    enum protocol protocol;
    unsigned send;   /* enum send_kinds; for auto what a batch destination gets */
    bool send_given; /* else a destination that turns out to be a HitKeep gets AI fetches only */
    uint32_t rate_ai_fetch, rate_pageview; /* requests a second to a HitKeep, at most */
    bool send_late_ai_fetches; /* to a HitKeep, which files them under the day they come in */
    bool local; /* loopback or a unix socket: plain http allowed, bodies not compressed */
};

struct site_config {
    struct str_set hosts; /* lower case, without port */
    struct str site;      /* the domain sent as the record's site */
    unsigned to;          /* bit i: destinations[i] */
};

enum start_kind { START_BEGINNING, START_END, START_ALL };

struct source_config {
    struct str name;
    struct str files;  /* a glob; {host} is one path component's wildcard that names the site */
    struct str olddir; /* where rotated files are moved: absolute, or below the live file's
                          directory; STR_NONE: they stay beside it */
    struct str_set symlinks; /* absolute directories into which links may lead */
    struct str format;       /* of parsers/format.h, or "auto" until it is decided */
    bool format_is_auto;     /* the configuration says so */
    bool no_line;            /* it is still "auto": there was no line to decide it by */
    enum cdn cdn;            /* whose own log it is, by its format (source_settle_format) */
    struct str default_host;
    struct str scheme;       /* "http" or "https"; default "https" */
    const struct zone *zone; /* of times that name none; NULL: UTC */
    enum start_kind start;
    bool optional; /* no warning while nothing matches */
    struct client_rule client;
    /* Requests that came through a CDN whose own log is a source too: counted all the same. */
    bool count_cdn_duplicates;
};

enum when_full { WHEN_FULL_BLOCK, WHEN_FULL_DROP_OLDEST };

struct agent_config {
    struct str path; /* the file it came from */
    struct str node;
    struct destination_config destinations[CONFIG_MAX_DESTINATIONS];
    size_t n_destinations;
    struct site_config *sites; /* none: whatever sites the token may write */
    size_t n_sites;
    struct source_config *sources;
    size_t n_sources;
    struct judge_rules rules;
    struct privacy privacy;
    bool ai_search_engines;
    struct {
        uint64_t spool_bytes, dead_bytes;
        uint64_t max_age_ms; /* of what rests on disk */
        enum when_full when_full;
    } limits;
    struct listen_address metrics; /* an address; neither is set: not served */
    struct str state_dir;          /* default $STATE_DIRECTORY, else /var/lib/logferry */
    struct str agents_dir;      /* lists and catalogues of `agents update`; STR_NONE: agents below
                                   the state directory */
    unsigned workers;           /* default: the number of CPUs, at most 4 */
    struct config_arena *arena; /* owner of all text */
};

/* Reads and checks a file. NULL on failure; then `error` holds every problem found, one a line, as
 * "file:line:col: what is wrong; what was expected; how to mend". A missing `path` is such a
 * problem. */
struct agent_config *agent_config_load(const char *path, struct buf *error);
/* The same from text; `name` stands for the file in messages. */
struct agent_config *agent_config_parse(struct str text, const char *name, struct buf *error);
void agent_config_free(struct agent_config *c); /* accepts NULL */
/* Sets what follows from s->format. False, with a sentence in `why`: there is no such format. */
bool source_settle_format(struct source_config *s, struct buf *why);
/* The CDNs whose own log is a source, for the lines of source `s` (NULL: of none): bit 1 << enum
 * cdn of parsers/cdn.h. 0 for a CDN's log itself, and with cdn_duplicates: count. */
unsigned agent_config_cdn_logs(const struct agent_config *c, const struct source_config *s);
/* A text without control bytes as YAML, in quotes where it needs them. */
void agent_config_put_text(struct buf *out, struct str s);
/* The defaults as YAML, for `check --print-defaults`. */
void agent_config_print_defaults(struct buf *out);
/* Checks a destination's URL as the file's would be (for --output URL): https, or loopback, or
 * unix:/path. False: why. */
bool destination_url_check(struct str url, bool *local, const char **why);
/* Reads a token file: one line, 8..512 printable bytes, refused when the group may write or others
 * may read it, unless it lies in $CREDENTIALS_DIRECTORY. The token is appended to `out`; false,
 * with one sentence in `why`, otherwise. */
bool token_file_read(const char *path, struct buf *out, struct buf *why);
/* The same of a destination: its token as it was given, or out of its file. */
bool destination_token(const struct destination_config *d, struct buf *out, struct buf *why);

#endif
