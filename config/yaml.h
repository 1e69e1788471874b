/*
 * yaml.h - the YAML that a configuration file may hold, as a small tree that knows its places.
 *
 * One document of mappings, lists and scalars. Refused, each with its place: anchors and aliases,
 * tags, several documents, a key that is given twice or is no scalar, scalars with control bytes,
 * text that is no UTF-8, and what passes the caps below. libyaml reads the text; its header is
 * included in yaml.c only.
 */
#ifndef LOGFERRY_CONFIG_YAML_H
#define LOGFERRY_CONFIG_YAML_H

#include "config/config_error.h"

#define YAML_MAX_BYTES ((size_t)1024 * 1024)
#define YAML_MAX_DEPTH 16
#define YAML_MAX_ITEMS 100000
#define YAML_MAX_KEYS 1024 /* of one mapping */
#define YAML_MAX_KEY_BYTES 256

enum yaml_kind {
    YAML_EMPTY, /* nothing, "~" or "null": as if only the key stood there */
    YAML_TEXT,  /* a scalar, quoted or not */
    YAML_LIST,
    YAML_MAP,
};

/* All of it lies in the arena. */
struct yaml_item {
    enum yaml_kind kind;
    struct config_place at;
    struct str text;                /* of YAML_TEXT, with a NUL behind it */
    struct str key;                 /* under which it stands in a mapping; else STR_NONE */
    struct config_place key_at;     /* in a list, and for the root: the item's own place */
    const struct yaml_item *parent; /* NULL for the root */
    struct yaml_item *first, *next; /* children, in the order of the file */
    size_t n;                       /* children */
};

/* The root; an empty text gives a YAML_EMPTY one. NULL when there is no tree to go on with: the
 * problem is in `e`, unless the arena failed. Problems that leave a tree (a key given twice,
 * control bytes) are in `e` too, so that the caller can look for more. The tree borrows nothing
 * from `text`. */
struct yaml_item *yaml_item_parse(struct str text, struct config_errors *e);
/* The value of a key; NULL when the mapping has none, or `map` is NULL or no mapping. */
const struct yaml_item *yaml_item_get(const struct yaml_item *map, const char *key);
/* Where it stands, as "destinations.main.send" or "sites[2].hosts"; nothing for the root. */
void yaml_item_put_path(const struct yaml_item *item, struct buf *out);
const char *yaml_kind_name(enum yaml_kind kind); /* "nothing", "a text", "a list", "a mapping" */

#endif
