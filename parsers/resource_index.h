/*
 * resource_index.h - what a path is not, by a look at a few of its letters: in front of the
 * questions of resource.h, which most paths answer with no. Read-only once it is made.
 */
#ifndef LOGFERRY_PARSERS_RESOURCE_INDEX_H
#define LOGFERRY_PARSERS_RESOURCE_INDEX_H

#include "parsers/base/bytes.h"

/* Lists of names that paths begin with or end in, as bits. The first are those of the rules
 * (verdict.h), the others of resource*.c. */
enum path_list {
    LIST_NOT_PAGES = 1,
    LIST_EDITORS = 2,
    LIST_HEALTH = 4,
    LIST_ALWAYS = 8,
    LIST_EXCLUDE = 16,
    LIST_FOLDERS = 32, /* scanners' first segments, and beginnings of paths */
    LIST_FILES = 64,   /* scanners' last segments */
    LIST_FEEDS = 128,  /* last segments of feeds */
};

/*
 * Most paths are in none of the lists, and three letters tell: by a hash of those that a segment
 * begins with, which lists may hold it. The letters' low five bits count, so case does not. And the
 * known extensions, to be found at once.
 */
#define RESOURCE_BEGINNINGS 8192u
#define RESOURCE_EXTENSIONS 512u
struct resource_index {
    unsigned char lists[RESOURCE_BEGINNINGS];     /* enum path_list */
    uint64_t extensions[RESOURCE_EXTENSIONS];     /* a hash table; 0: free */
    unsigned char resources[RESOURCE_EXTENSIONS]; /* enum resource */
    uint32_t programs[32]; /* by a segment's first letter, bits by its second: resource_program.c */
    uint64_t identity;     /* the same for the same lists, not 0 */
};

/* With what resource*.c know themselves. */
void resource_index_init(struct resource_index *ix);
/* A name that a segment is, or begins with; one of less than three letters is the whole of it. */
void resource_index_add(struct resource_index *ix, struct str name, enum path_list list);
/* An extension of pages, whatever it is known as; one that is not known has no need of it. */
void resource_index_pages(struct resource_index *ix, struct str extension);

#endif
