/*
 * visitor_keys.h - the keys by which visitors are told from others at a HitKeep (visitor.h): one
 * for each day of the log, random, in the file `visitor.keys`. A key goes with the next question,
 * 48 hours after its day has ended, or after it was made for a day of the past; then nobody can
 * tell any more which address a session of that day was.
 *
 *     logferry-visitor-keys 1
 *     <day since 1970> <made, ms since 1970> <32 hex>
 *
 * To change it: raise the number and keep reading the old one. With a file that cannot be read new
 * keys are made: the visitors of a day are then counted twice.
 */
#ifndef LOGFERRY_AGENT_VISITOR_KEYS_H
#define LOGFERRY_AGENT_VISITOR_KEYS_H

#include "parsers/base/siphash.h"

struct visitor_keys;

/* Reads nothing yet. NULL: out of memory. */
struct visitor_keys *visitor_keys_new(int state_fd);
void visitor_keys_free(struct visitor_keys *k); /* accepts NULL */
/* The key of a day; made, and durable, when there is none. Any thread, may wait for a disk. 0 or an
 * errno. */
int visitor_keys_get(struct visitor_keys *k, int64_t day, int64_t now_ms,
                     unsigned char key[SIPHASH_KEY]);

#endif
