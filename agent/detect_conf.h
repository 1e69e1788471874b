/* detect_conf.h - `logferry detect` on a web server's own configuration: what it includes is read,
 * and what it says of its logs printed as sources to paste. */
#ifndef LOGFERRY_AGENT_DETECT_CONF_H
#define LOGFERRY_AGENT_DETECT_CONF_H

#include "config/web_conf.h"

/* `text` is the file's ("-": standard input's). Appends to out; an exit code. */
int detect_conf(const char *path, struct str text, bool json, struct buf *out);
/* A source's format as YAML: a name, or {constructor: 'text'}. */
void detect_put_format(struct buf *out, struct str spec);
/* 'text', its quotes doubled. */
void detect_put_quoted(struct buf *out, struct str text);

#endif
