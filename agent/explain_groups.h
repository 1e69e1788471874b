/* explain_groups.h - a whole log in groups, for `explain --summary`: by verdict and reason, and in
 * these by path, numbers and ids made '*'; what has no format, by what was expected. */
#ifndef LOGFERRY_AGENT_EXPLAIN_GROUPS_H
#define LOGFERRY_AGENT_EXPLAIN_GROUPS_H

#include "agent/offline.h"

struct explain_groups;

const char *explain_kind_name(enum verdict_kind kind);
struct explain_groups *explain_groups_new(void);    /* NULL: out of memory */
void explain_groups_free(struct explain_groups *g); /* accepts NULL */
void explain_groups_add(struct explain_groups *g, const struct offline *o,
                        const struct offline_line *line);
/* As a table for people, or as one JSON object. Once. */
void explain_groups_put(struct explain_groups *g, bool json, struct buf *out);
/* A path with its numbers, and what looks like an id, as '*': "/a/123/b" is "/a/" "*" "/b". */
void explain_collapse(struct buf *out, struct str path);

#endif
