/*
 * page_path.h - which page a path means, and what of the web a host, a user agent or a content type
 * is: what reports group by. Pure.
 */
#ifndef LOGFERRY_SERVER_PAGE_PATH_H
#define LOGFERRY_SERVER_PAGE_PATH_H

#include "parsers/base/bytes.h"
#include "parsers/catalogue.h"

/* Path and query without the parameters that a campaign or a click has added (utm_…, hk_qr, click
 * ids and the like as parsers/secrets.h knows them): a slice of `path` when there are none, else
 * put together in `scratch` (reset first; the path's length is room enough). */
struct str page_of_path(struct str path, struct buf *scratch);
/* "/docs" of "/docs/install?x=1", "/" of "/" and of what has no first segment. */
struct str prefix_of_path(struct str path);

/* The host of an http(s) referrer, as it stands; any other text as a whole; STR_NONE of none. */
struct str referrer_host(struct str referrer);

/* Does it come from this host, by any port, with or without "www.", in any case? `host` has none of
 * the three; DIRECT: is there no referrer? */
bool referrer_is_from(struct str referrer, struct str host);

/* What stands for a text that is not there. */
#define UNSPECIFIED "(Unspecified)"
#define DIRECT "(Direct)"
#define UNKNOWN_PLACE "(Unknown)"

/* "en" of "en-US", in lower case, into `text`; UNSPECIFIED of none. */
struct str language_name(struct str language, char text[16]);

enum resource_type { RESOURCE_HTML, RESOURCE_IMAGE, RESOURCE_DOCUMENT, RESOURCE_OTHER };
#define RESOURCE_TYPES 4
enum resource_type resource_type_of(struct str content_type); /* STR_NONE: html */
extern const char *const resource_type_names[RESOURCE_TYPES];

/* A browser by HitKeep's names, "Firefox", "Mobile Safari"; OTHER_BROWSER, or UNKNOWN_PLACE of
 * none. And "Mobile", "Tablet", "Desktop". */
#define OTHER_BROWSER "(Other)"
const char *browser_of(struct str user_agent);
const char *device_of(struct str user_agent);

/* The assistant that sent a pageview ("ChatGPT"), by its referrer and its path and query; NULL. */
const char *ai_source_of(struct str referrer, struct str path);
/* HitKeep's name of a category: "ai_assistant", … */
const char *hitkeep_category(enum agent_category category);

#endif
