/*
 * secrets.h - which parameters of a URL look like something that must not be passed on: keys,
 * passwords, sessions, addresses of people, and click ids, which name a person to an advertiser.
 * By their names, and where these say nothing, by their values. Pure.
 */
#ifndef LOGFERRY_PARSERS_SECRETS_H
#define LOGFERRY_PARSERS_SECRETS_H

#include "parsers/query.h"

#define SECRETS_VALUE_MAX 2048 /* a longer value is not looked into, and taken for a secret */

/* Name and value as they stand in the query. */
bool secrets_hold(const struct query_param *p);
/* An e-mail address stands in the text, which is decoded. */
bool secrets_is_email(struct str text);

#endif
