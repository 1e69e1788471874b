/* The lenient bodies of the single-record endpoints, and the spelling of the paths and URLs that
 * they bring. */
#include <stdlib.h>

#include "server/api_json.h"
#include "server/api_path.h"
#include "server/url.h"

struct body {
    struct str url, path, hostname, properties;
    int64_t status;
    bool dnt;
    struct api_uuid session;
};

#define FIELD(name, kind, member)                                                                  \
    {                                                                                              \
        STR(name), kind, offsetof(struct body, member)                                             \
    }
static const struct api_field fields[] = {
    FIELD("url", API_TEXT, url),
    FIELD("path", API_TEXT, path),
    FIELD("hostname", API_TEXT, hostname),
    FIELD("properties", API_OBJECT, properties),
    FIELD("status_code", API_INTEGER, status),
    FIELD("dnt", API_BOOL, dnt),
    FIELD("session_id", API_UUID, session),
};

/* What was written anew is JSON, one object, read strictly. */
static void check_object(struct str text)
{
    struct buf scratch;
    struct json_reader r;
    buf_init(&scratch, 1u << 20);
    json_reader_init(&r, text, &scratch);
    enum json_event first = json_next(&r);
    if (first != JSON_OBJECT || !json_skip_value(&r, first) || json_next(&r) != JSON_END)
        abort();
    buf_release(&scratch);
}

/* A URL once respelled is respelled no more, and still has its host. */
static void check_url(struct str url, struct buf *paths)
{
    struct str once, twice;
    struct url a, b;
    if (!api_page_url(url, paths, &once) || paths->failed)
        return;
    struct buf again;
    buf_init(&again, API_PATH_ROOM(once.n));
    if (!api_page_url(once, &again, &twice) || !str_eq(once, twice))
        abort();
    if (!url_split(url, &a) || !url_split(once, &b) || !str_eq(a.host, b.host) ||
        b.path.p[0] != '/')
        abort();
    buf_release(&again);
}

static void check_target(const struct body *body, struct buf *paths)
{
    struct str path, host;
    api_fetch_target(body->path, body->hostname, paths, &path, &host);
    if (paths->failed)
        abort();
    if (str_is_set(path) && (path.n == 0 || path.p[0] != '/'))
        abort();
    if (str_is_set(host) && host.n == 0)
        abort();
}

/* A rule fits the path that it was made of, and is its own spelling. */
static void check_rule(struct str text)
{
    struct buf rule, again;
    buf_init(&rule, API_PATH_ROOM(text.n));
    buf_init(&again, API_PATH_ROOM(API_PATH_ROOM(text.n)));
    if (api_rule_path(text, &rule)) {
        struct str once = buf_str(&rule);
        if (rule.failed || once.n == 0 || once.p[0] != '/' ||
            !str_eq(api_compared_path(once, &again), once))
            abort();
    }
    struct str path = api_compared_path(text, &rule);
    if (rule.failed || path.n == 0 || path.p[0] != '/')
        abort();
    buf_release(&rule);
    buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct body body = {.properties = STR("{}")};
    struct buf scratch, objects, paths;
    if (size > 65536)
        return 0;
    buf_init(&scratch, 4 * 65536);
    buf_init(&objects, 4 * 65536);
    buf_init(&paths, API_PATH_ROOM(6 * 65536));
    struct str text = {(const char *)data, size};
    if (api_json_read(text, fields, sizeof(fields) / sizeof(fields[0]), &body, &scratch,
                      &objects)) {
        check_object(body.properties);
        if (str_is_set(body.url))
            check_url(body.url, &paths);
        check_target(&body, &paths);
        if (str_is_set(body.path))
            check_rule(body.path);
    }
    check_rule(text);
    buf_release(&scratch);
    buf_release(&objects);
    buf_release(&paths);
    return 0;
}
