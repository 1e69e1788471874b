/*
 * range_list.h - a list of addresses that an operator publishes, read from the shapes in which they
 * come: the operators' JSON, a geofeed (RFC 8805), or prefixes one a line. Pure.
 *
 * What `logferry agents update` installs, and what is linked into the program, is the last of them
 * with a head:
 *
 *     # logferry address list, version 1
 *     # list: gptbot
 *     # date: 2026-05-05T00:00:00Z
 *     192.0.2.0/24
 *
 * To change it: another version, read beside this one until no installed file can have it; a
 * program that meets a newer version keeps to the list it was built with and says so.
 */
#ifndef LOGFERRY_PARSERS_RANGE_LIST_H
#define LOGFERRY_PARSERS_RANGE_LIST_H

#include "parsers/verdict.h"

#define RANGE_LIST_HEAD "# logferry address list, version "
#define RANGE_LIST_MAX_BYTES (8u << 20)
#define RANGE_LIST_MAX_PREFIXES 100000u
#define RANGE_LIST_MIN_BITS_4 8u  /* a wider prefix is a mistake, or somebody's idea of a joke */
#define RANGE_LIST_MIN_BITS_6 16u /* the same */

struct range_list {
    struct str name;       /* of its head, borrowed; STR_NONE: it has none */
    int64_t date_ms;       /* of its head, or the JSON's creationTime; INT64_MIN: it has none */
    struct cidr *prefixes; /* as written, host bits cleared */
    size_t n;
};

/* 0, or -1 with "line: what is wrong" in `why`, and then *out is as after release. Borrows from
 * `text`. */
int range_list_read(struct str text, struct range_list *out, struct buf *why);
void range_list_release(struct range_list *l); /* accepts a zeroed one */
/* Appends the list as it is installed. */
void range_list_write(struct buf *out, const struct range_list *l, struct str name);

#endif
