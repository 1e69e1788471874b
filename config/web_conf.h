/*
 * web_conf.h - what a web server's own configuration says of its access logs: where they lie, in
 * which format, and of which hosts. Pure: it is given the text of the files.
 *
 * nginx: nginx.conf with what it includes, a part of it, or the output of `nginx -T`. Apache: the
 * same of httpd.conf. Directives that it does not know are passed over, as are mistakes: the web
 * server has its own checks.
 */
#ifndef LOGFERRY_CONFIG_WEB_CONF_H
#define LOGFERRY_CONFIG_WEB_CONF_H

#include "config/arena.h"
#include "parsers/hit_fields.h"

#define WEB_CONF_MAX_FILES 1024u
#define WEB_CONF_MAX_BYTES (16u << 20) /* of all files */
#define WEB_CONF_MAX_LOGS 512u
#define WEB_CONF_MAX_LOGS_EACH 64u /* of one server */
#define WEB_CONF_MAX_HOSTS 4096u   /* of one server, and of one log */
#define WEB_CONF_MAX_WORDS 512u    /* of one directive */
#define WEB_CONF_MAX_DEPTH 32u     /* blocks and includes in each other */

enum web_conf_kind { WEB_CONF_NONE, WEB_CONF_NGINX, WEB_CONF_APACHE, WEB_CONF_VHOSTS };

struct web_file {
    struct str path, text;
};

struct web_log {
    struct str written;  /* the path as the configuration has it */
    struct str files;    /* for `files` of a source; STR_NONE: there is no such file, see problem */
    struct str nickname; /* what the format is called there */
    struct str
        format; /* for format_new: "nginx_combined", "nginx:$host …"; STR_NONE: see problem */
    struct str *hosts; /* of the servers that write to it, each once, lower case */
    size_t n_hosts;
    unsigned fields;     /* what the format has a place for: HIT_BIT of each; 0 with a problem */
    bool part;           /* only some requests are written: if=, env=, expr= */
    bool main_server;    /* Apache's main server writes to it, and no virtual host */
    const char *problem; /* why it cannot be read, and how to mend that; NULL */
    /* The log that has the requests of this one and is to be read instead; NULL: this one is. */
    const struct web_log *same_as;
    /* Another one to be read that has some of the requests of this one; NULL. */
    const struct web_log *shares;
    struct str file; /* where it was first named */
    unsigned line;
};

struct web_conf {
    enum web_conf_kind kind;
    struct web_log *logs;
    size_t n;
    bool capped; /* one of the caps above was met: there is more */
    /* Of an Apache configuration: variables that are not known, the first of them; STR_NONE. */
    struct str unknown;
};

/* What a text is, by what stands in it. Of WEB_CONF_VHOSTS (`apachectl -t -D DUMP_VHOSTS`) the
 * files are to be read that it names. */
enum web_conf_kind web_conf_kind(struct str text);

/* The files that this one includes, as globs (relative ones as they are written), each once. */
typedef void web_include_fn(void *context, struct str glob);
void web_conf_includes(enum web_conf_kind kind, struct str text, web_include_fn *fn, void *context);
/* The files that `apachectl -t -D DUMP_VHOSTS` names, and in *root its ServerRoot. */
void web_conf_vhost_files(struct str text, struct str *root, web_include_fn *fn, void *context);

/* Has it neither a problem nor another log that is to be read instead? */
bool web_log_is_read(const struct web_log *log);

/* What is known of an Apache beside its files; each may be STR_NONE. */
struct web_apache {
    struct str root;    /* ServerRoot, where the files do not tell */
    struct str defines; /* like envvars: "export APACHE_LOG_DIR=/var/log/apache2" */
    struct str vhosts;  /* what DUMP_VHOSTS wrote: names of virtual hosts that have no ServerName */
};

/* The first file is where reading begins; of `nginx -T` there is that one only. What is found lives
 * in the arena; -1: out of memory. */
int web_conf_nginx(const struct web_file *files, size_t n, struct config_arena *arena,
                   struct web_conf *out);
int web_conf_apache(const struct web_file *files, size_t n, const struct web_apache *known,
                    struct config_arena *arena, struct web_conf *out);

#endif
