/*
 * api_filter.h - is a record one of those that are accepted and dropped? Pure; used by the loop and
 * by the decoder.
 */
#ifndef LOGFERRY_SERVER_API_FILTER_H
#define LOGFERRY_SERVER_API_FILTER_H

#include "server/api.h"

struct site;

/* What is known of a record; STR_NONE for what is not. */
struct filter_subject {
    const unsigned char *address; /* 16 bytes, or NULL */
    struct str user_agent;
    struct str path; /* with or without a query */
    struct str referrer;
    const struct site *site; /* its own hosts are no spam; may be NULL */
};

/* Excluded by address, user agent or path. */
bool filter_excludes(const struct api_filters *f, const struct filter_subject *s);
/* Spam by address or by the referrer's host. */
bool filter_is_spam(const struct api_filters *f, const struct filter_subject *s);

#endif
