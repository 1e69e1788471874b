/* privacy_path.h - the masks of paths; for privacy.c. */
#ifndef LOGFERRY_PARSERS_PRIVACY_PATH_H
#define LOGFERRY_PARSERS_PRIVACY_PATH_H

#include "parsers/privacy.h"

/* Appends the path as it is sent; never more bytes than it has. */
void privacy_put_path(const struct privacy *p, struct str path, struct buf *out);

/* False: it would be put as it is. */
bool privacy_may_change_path(const struct privacy *p, struct str path);

#endif
