/*
 * url.h - takes an absolute http or https URL apart, as HitKeep's server endpoints do. Pure.
 */
#ifndef LOGFERRY_SERVER_URL_H
#define LOGFERRY_SERVER_URL_H

#include "parsers/base/bytes.h"

#define URL_HOST_MAX 255

struct url {
    struct str host;  /* as it stands: any case; user info and port removed; IPv6 in brackets */
    struct str path;  /* "/" when empty */
    struct str query; /* without '?'; STR_NONE when there is none */
};

/* Slices borrow from `text`. False when it is no absolute http(s) URL with a host. The fragment is
 * dropped. */
bool url_split(struct str text, struct url *out);

/* Lower case, port and one trailing dot dropped; false when empty or over URL_HOST_MAX. `out` is
 * not NUL-terminated. */
bool host_normalise(struct str host, char out[URL_HOST_MAX], size_t *n);

/* What a person types for a site, a host or a URL, as sites have it: normalised, without a leading
 * "www." unless kept. False when it is no host name. */
bool site_host(struct str text, bool keep_www, char out[URL_HOST_MAX], size_t *n);

/* The first value of parameter `name`, percent- and plus-decoded and trimmed, appended to `out`
 * (the query's length holds what any number of names append); then *value borrows it there. False
 * when absent or empty. */
bool query_value(struct str query, struct str name, struct buf *out, struct str *value);

#endif
