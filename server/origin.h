/*
 * origin.h - may a browser on another site's page have sent this? Pure.
 *
 * Only browsers send Sec-Fetch-Site and Origin, and a page cannot leave them out or change them.
 * What comes without them is no browser, and its token or cookie speaks for itself.
 */
#ifndef LOGFERRY_SERVER_ORIGIN_H
#define LOGFERRY_SERVER_ORIGIN_H

#include "server/http.h"

/*
 * True for GET, HEAD and OPTIONS; for what a browser says is from the same origin or typed by its
 * user; and when Origin is the Host asked or `public_url` (STR_NONE: not configured). Ports 80 and
 * 443 are what http and https mean without one.
 */
bool origin_admits(const struct http_request *req, struct str public_url);

#endif
