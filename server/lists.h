/*
 * lists.h - what the files that the configuration names tell of addresses and referrers: spammers,
 * countries. A snapshot: immutable, shared between threads, counted; a newer one takes its place
 * when a file has changed.
 */
#ifndef LOGFERRY_SERVER_LISTS_H
#define LOGFERRY_SERVER_LISTS_H

#include "config/server_config.h"

struct lists;

/* Reads every file. NULL: which and why, in `error`. The configuration outlives it. */
struct lists *lists_load(const struct server_config *config, struct buf *error);
struct lists *lists_retain(const struct lists *l);
void lists_release(const struct lists *l); /* accepts NULL; thread-safe */
/* Is one of the files another one than was read? Looks at their times, not into them. */
bool lists_changed(const struct lists *l);

/* What it holds, for the log. */
size_t lists_spam_hosts(const struct lists *l);
size_t lists_spam_networks(const struct lists *l);
bool lists_have_countries(const struct lists *l);

/* The three accept NULL, which knows nothing. `host` is normalised and without "www.". */
bool lists_spam_host(const struct lists *l, struct str host);
bool lists_spam_address(const struct lists *l, const unsigned char address[16]);
bool lists_country(const struct lists *l, const unsigned char address[16], char country[2]);

#endif
