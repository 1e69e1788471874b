/*
 * api_path.h - spells paths as HitKeep does, which is as Go's net/url does: so that a page has one
 * spelling, whichever endpoint told of it.
 */
#ifndef LOGFERRY_SERVER_API_PATH_H
#define LOGFERRY_SERVER_API_PATH_H

#include "parsers/base/bytes.h"

/* What `scratch` may need for inputs of together n bytes: its cap must be at least that. It is
 * reset first, and has `failed` set when there was no memory: then what a function gave means
 * nothing. */
#define API_PATH_ROOM(n) (4 * (n) + 64)

/*
 * An absolute http(s) URL that Go would parse, its path escaped as Go's EscapedPath: *out is `url`
 * itself when nothing changes, else in `scratch`. False: 400, no
 * such URL.
 */
bool api_page_url(struct str url, struct buf *scratch, struct str *out);

/*
 * What an AI fetch names: a path, a path with query, or a URL with an authority, whose host counts
 * when `hostname` is empty. *path_out is STR_NONE when there is no path: 400. *host_out is lower
 * case, STR_NONE when there is none. Both borrow from the arguments or from `scratch`.
 */
void api_fetch_target(struct str path, struct str hostname, struct buf *scratch,
                      struct str *path_out, struct str *host_out);

/*
 * The spelling in which paths of exclusions are kept and compared: of a path or a URL its path,
 * escaped, without query, fragment, dot segments, doubled slashes and one at the end. Appended to
 * `out`. False: there is no path, or no URL.
 */
bool api_rule_path(struct str text, struct buf *out);

/* The same of what is a path already, whatever its escapes are: a part of `path` itself where
 * nothing changes, else in `scratch`. */
struct str api_compared_path(struct str path, struct buf *scratch);

#endif
