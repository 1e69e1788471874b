/*
 * api_filter.h - is a record spam? Pure; used by the loop and by the decoder.
 */
#ifndef LOGFERRY_SERVER_API_FILTER_H
#define LOGFERRY_SERVER_API_FILTER_H

#include "server/exclusions.h"

struct lists;

/* By address, or by the referrer's host, unless that is the site's own. `l` may be NULL. */
bool filter_is_spam(const struct lists *l, const struct filter_subject *s);

#endif
