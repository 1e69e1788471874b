/*
 * text_cache.h - what is known of the texts that came of late, so that it need not be found out for
 * each line: one thread's. A text, which its text_id stands for, has four slots to be in.
 */
#ifndef LOGFERRY_PARSERS_TEXT_CACHE_H
#define LOGFERRY_PARSERS_TEXT_CACHE_H

#include "parsers/base/hash.h"

struct text_cache;

/* `slots` is a power of two, 4 or more; each has a value of so many bytes, aligned to 8. Memory is
 * touched when it is used. NULL: there is none. */
struct text_cache *text_cache_new(size_t slots, size_t value_bytes);
void text_cache_free(struct text_cache *c); /* accepts NULL */
/* Fetches what text_cache_find looks at first: memory has time to come until then. */
void text_cache_prefetch(const struct text_cache *c, struct text_id id);
/* The text's value, valid until the next call for another. *known: it is what the caller has left
 * there; else the text was not in the cache, which it is from now on. */
void *text_cache_find(struct text_cache *c, struct text_id id, bool *known);

#endif
