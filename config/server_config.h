/*
 * server_config.h - /etc/logferry/logferry-server.yaml as typed, read-only structs.
 *
 * One owner, as in agent_config.h: server_config_free releases everything, every slice in here
 * lives until then and has a NUL behind it. Syntax and meaning of each key: docs/configuration.md.
 */
#ifndef LOGFERRY_CONFIG_SERVER_CONFIG_H
#define LOGFERRY_CONFIG_SERVER_CONFIG_H

#include "config/listen_address.h"
#include "parsers/verdict.h"

struct config_arena;

/* A bucket for each client address, full at first: `burst` requests at once, `rate` a second after
 * that. */
struct server_rate {
    uint32_t rate; /* 0: no limit */
    uint32_t burst;
};

enum access_log { ACCESS_LOG_OFF, ACCESS_LOG_ERRORS, ACCESS_LOG_ALL };

struct server_config {
    struct str path; /* the file it came from */
    struct listen_address
        listen;       /* default 127.0.0.1:8080; not `loopback` deserves a warning: no TLS here */
    struct str store; /* a directory; default $STATE_DIRECTORY, else /var/lib/logferry-server */
    struct {
        struct server_rate ingest; /* batches, server pageviews and events; default 20, 40 */
        struct server_rate api;    /* AI fetches, reads, management; default 10, 20 */
        struct server_rate auth;   /* log-in, first user; default 2, 5 */
        /* Of each token, in batches; 0, the default: no limit. */
        uint32_t batch_records_per_minute;
        bool exempt_loopback; /* no buckets for loopback and unix sockets; default true */
        uint32_t connections; /* open at once; default 512 */
    } limits;
    struct {                       /* what is answered as stored, and dropped */
        struct str_set ip;         /* addresses and networks */
        struct str_set country;    /* two capital letters each */
        struct str_set user_agent; /* substrings, ASCII case-folded */
        struct str_set path;       /* prefixes on segment boundaries */
    } exclude;
    struct {                      /* the same, for pageviews */
        struct str_set referrers; /* host names, lower case */
        const struct cidr *networks;
        size_t n_networks;
        struct str_set referrer_files, network_files; /* absolute paths */
    } spam;
    struct str geo_country;     /* a file in MaxMind's format; STR_NONE: none */
    const struct cidr *proxies; /* whose X-Forwarded-For counts; default none */
    size_t n_proxies;
    struct listen_address metrics; /* neither address nor socket: not served */
    enum access_log access_log;
    bool hitkeep_strict;   /* hitkeep_compat: strict */
    struct str public_url; /* where people's browsers find it; STR_NONE: not told */
    bool initial_user; /* whoever comes first, while nobody can log in, is its owner; default no */
    struct config_arena *arena; /* owner of all text */
};

/* Reads and checks a file. NULL on failure; then `error` holds every problem found, as
 * agent_config_load's. */
struct server_config *server_config_load(const char *path, struct buf *error);
/* The same from text; `name` stands for the file in messages. Empty text gives the defaults. */
struct server_config *server_config_parse(struct str text, const char *name, struct buf *error);
void server_config_free(struct server_config *c); /* accepts NULL */

#endif
