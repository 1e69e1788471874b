/*
 * text_pool.h - copies of many small texts, freed together.
 */
#ifndef LOGFERRY_SERVER_TEXT_POOL_H
#define LOGFERRY_SERVER_TEXT_POOL_H

#include "parsers/base/bytes.h"

struct pool_block;

/* Zeroed, it is empty. */
struct text_pool {
    struct pool_block *blocks; /* the first is the one with room */
    size_t used, size;         /* of that one */
    size_t bytes;              /* held in all */
};

/* *s becomes a copy that lives as long as the pool; STR_NONE stays. False: no memory. */
bool text_pool_keep(struct text_pool *pool, struct str *s);
void text_pool_release(struct text_pool *pool); /* accepts an empty one */

#endif
