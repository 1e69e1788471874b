/*
 * resource_impl.h - what the files of resource.h share; for parsers/resource*.c only.
 */
#ifndef LOGFERRY_PARSERS_RESOURCE_IMPL_H
#define LOGFERRY_PARSERS_RESOURCE_IMPL_H

#include "parsers/resource.h"

/* asked.marks: bytes without which a question need not be asked. */
enum path_mark {
    MARK_DOT = 1,
    MARK_PARAMS = 2, /* ';' */
    MARK_UNDERSCORE = 4,
    MARK_PERCENT = 8,
    MARK_ODD = 16,     /* one of % < $ and NUL */
    MARK_SLASHES = 32, /* two of them, or more, in a row */
};

/* The lists of resource_probe.c, and those of resource_program.c. */
void resource_index_probes(struct resource_index *ix);
void resource_index_programs(struct resource_index *ix);

#endif
