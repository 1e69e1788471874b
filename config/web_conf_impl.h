/* web_conf_impl.h - shared by web_conf.c, web_choice.c, nginx_conf.c and apache_conf.c only. */
#ifndef LOGFERRY_CONFIG_WEB_CONF_IMPL_H
#define LOGFERRY_CONFIG_WEB_CONF_IMPL_H

#include "config/web_conf.h"

/* A directive's words, unquoted, in storage of the walker. */
struct web_words {
    struct str v[WEB_CONF_MAX_WORDS];
    size_t n;
    unsigned line;
};

/* Hosts of one server. */
struct web_hosts {
    struct str *v;
    size_t n, cap;
};

/* A log of one server, before those of all are gathered. */
struct web_log_use {
    struct web_log log;       /* without hosts */
    struct str condition;     /* of which requests, as it is written; STR_NONE: of all */
    bool global;              /* Apache's GlobalLog: of all virtual hosts, whatever theirs are */
    struct web_candidate *of; /* NULL: not gathered */
    struct web_server *server;
    struct web_log_use *next, *next_of_log;
};

/* One of out->logs, and who writes to it. */
struct web_candidate {
    struct web_log *log;
    struct web_log_use *uses;
    unsigned score; /* how much a line tells */
    bool chosen;
};

/* A server (virtual host): its logs, or with `inherits` those of what is around it. */
struct web_server {
    struct web_hosts hosts;
    struct web_log_use *logs, *last; /* as they were written */
    size_t n_logs;
    bool inherits;
    bool off;         /* nginx's `access_log off` on this level: nothing is written */
    bool any_address; /* Apache's <VirtualHost *:80> */
    struct str file;  /* where it begins */
    unsigned line;
    struct web_server *next;
};

/* A name of a format and its text. */
struct web_format {
    struct str name, spec;
    struct web_format *next;
};

struct web_walk {
    const struct web_file *files;
    size_t n_files;
    struct config_arena *arena;
    struct web_conf *out;
    struct web_server top; /* what stands outside of all servers */
    struct web_server *servers;
    struct web_format *formats;       /* the last first */
    unsigned opened;                  /* files, so that a ring of includes ends */
    struct web_candidate *candidates; /* one for each of out->logs */
};

/* Adds a host name that can be one of a site; wildcards, patterns and addresses are passed over. */
void web_add_host(struct web_walk *w, struct web_hosts *hosts, struct str name);
void web_add_log(struct web_walk *w, struct web_server *server, const struct web_log_use *use);
void web_add_format(struct web_walk *w, struct str name, struct str spec);
const struct web_format *web_find_format(const struct web_walk *w, struct str name);
/* All servers' logs with their hosts, each path once, to w->out. */
void web_gather(struct web_walk *w);
/* What no source can have gets its problem; of logs with the same requests one is to be read. */
void web_choose(struct web_walk *w);
bool web_has_format(const char *name); /* in the table of parsers/format.h */
/* "NAME" of the table when it is there, else "constructor:text". */
struct str web_spec(struct web_walk *w, const char *name, const char *constructor, struct str text);

#endif
