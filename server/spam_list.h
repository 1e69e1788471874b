/*
 * spam_list.h - lists of spammers as others publish them: names of hosts one a line (the form of
 * Matomo's referrer-spam list), and networks (Spamhaus DROP, as text or as JSON lines). Pure.
 */
#ifndef LOGFERRY_SERVER_SPAM_LIST_H
#define LOGFERRY_SERVER_SPAM_LIST_H

#include "parsers/verdict.h"

#define SPAM_LIST_MAX_BYTES (16u << 20)
#define SPAM_LIST_MAX_ENTRIES 500000u

struct spam_range {
    unsigned char from[16], to[16];
};

/* Zero it before the first read; read any number of lists into it; then sort it once. */
struct spam_list {
    struct str *hosts; /* lower case, without "www."; each owned */
    size_t n_hosts, cap_hosts;
    struct spam_range *ranges;
    size_t n_ranges, cap_ranges;
};

/*
 * Adds what is in `text`. Blank lines and those that begin with '#' or ';' are nothing, nor are
 * JSON lines without a "cidr" (DROP ends with one that tells its date). -1: a line is neither, the
 * list is empty or too long, or memory has run out; "line N: …" is put into `why`.
 */
int spam_list_read_hosts(struct spam_list *l, struct str text, struct buf *why);
int spam_list_read_networks(struct spam_list *l, struct str text, struct buf *why);
/* One of either. NULL, or what is wrong (static text). */
const char *spam_list_add_host(struct spam_list *l, struct str host);
const char *spam_list_add_network(struct spam_list *l, const struct cidr *network);
void spam_list_sort(struct spam_list *l);
void spam_list_release(struct spam_list *l); /* accepts a zeroed one */

/* On a sorted list. `host` is normalised and without "www.". */
bool spam_list_has_host(const struct spam_list *l, struct str host);
bool spam_list_has_address(const struct spam_list *l, const unsigned char address[16]);

#endif
