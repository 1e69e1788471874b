/*
 * explain_change.h - what in the configuration would change a line's verdict: the key, and the line
 * to paste, made of the request and of what is in force.
 *
 * A list that is given replaces the one before it, so the whole list that is in force stands in the
 * line, with the one change. The change is the one that touches least: pages.always and
 * exclude.path lift or skip one path (and what is below it), and are named before the lists whose
 * change concerns other paths. Every line was tried: the request is judged anew under it.
 */
#ifndef LOGFERRY_AGENT_EXPLAIN_CHANGE_H
#define LOGFERRY_AGENT_EXPLAIN_CHANGE_H

#include "agent/offline.h"

#define EXPLAIN_PASTE_MAX 4096u /* bytes of a line to paste; a longer one is not shown */

struct explain_change {
    const char *key;  /* of struct rule, or of another list; NULL: nothing there would change it */
    const char *note; /* what else is to know, in brackets behind it; NULL: nothing */
    struct buf paste; /* "pages: {always: [/feed/]}"; empty: the key, but no line for it */
    /* Of lines that have not the source's format: the last that was found, and how often one may
     * still be looked for, which takes milliseconds. */
    char spec[DETECT_SPEC_BYTES];
    unsigned looks;
};

void explain_change_init(struct explain_change *c);
void explain_change_release(struct explain_change *c);
/* Of one line that offline_read has handed out. What is in *c is valid until the next. */
void explain_change_find(struct explain_change *c, const struct offline *o,
                         const struct offline_line *line);

#endif
