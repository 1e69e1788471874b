/* web_conf_impl.h - shared by web_conf.c, nginx_conf.c and apache_conf.c only. */
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
    struct web_log log; /* without hosts */
    struct web_log_use *next;
};

/* A server (virtual host): its logs, or with `inherits` those of what is around it. */
struct web_server {
    struct web_hosts hosts;
    struct web_log_use *logs, *last; /* as they were written */
    bool inherits;
    struct web_server *next;
};

/* A name of a format and its text. */
struct web_format {
    struct str name, spec;
    bool host_in_line;
    struct web_format *next;
};

struct web_walk {
    const struct web_file *files;
    size_t n_files;
    struct config_arena *arena;
    struct web_conf *out;
    struct web_server top; /* what stands outside of all servers */
    struct web_server *servers;
    struct web_format *formats; /* the last first */
    unsigned opened;            /* files, so that a ring of includes ends */
};

/* Adds a host name that can be one of a site; wildcards, patterns and addresses are passed over. */
void web_add_host(struct web_walk *w, struct web_hosts *hosts, struct str name);
void web_add_log(struct web_walk *w, struct web_server *server, const struct web_log *log);
void web_add_format(struct web_walk *w, struct str name, struct str spec, bool host_in_line);
const struct web_format *web_find_format(const struct web_walk *w, struct str name);
/* All servers' logs with their hosts, each path once, to w->out. */
void web_gather(struct web_walk *w);
bool web_has_format(const char *name); /* in the table of parsers/format.h */
/* "NAME" of the table when it is there, else "constructor:text". */
struct str web_spec(struct web_walk *w, const char *name, const char *constructor, struct str text);

#endif
