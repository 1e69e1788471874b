/* prefix_json.c - Docker's JSON, and that of collectors, around a line. */
#include "parsers/access_looks.h"
#include "parsers/json_scan.h"
#include "parsers/prefix_impl.h"

#define DOCKER_START "{\"log\":\""

enum { DOCKER_LOG, DOCKER_STREAM, MESSAGE_TEXT, OUTER_TIME, ALL_VALUES };

/* Where the line is in JSON of collectors; and "log". */
static const struct str message_keys[] = {
    STR_INIT("message"),        STR_INIT("MESSAGE"),       STR_INIT("textPayload"),
    STR_INIT("event.original"), STR_INIT("line"),          STR_INIT("@message"),
    STR_INIT("_raw"),           STR_INIT("result._raw"),   STR_INIT("msg"),
    STR_INIT("body"),           STR_INIT("short_message"), STR_INIT("jsonPayload.message"),
};

/* And its time, or the collector's. */
static const struct str time_keys[] = {STR_INIT("time"),      STR_INIT("@timestamp"),
                                       STR_INIT("timestamp"), STR_INIT("ts"),
                                       STR_INIT("date"),      STR_INIT("__REALTIME_TIMESTAMP"),
                                       STR_INIT("_time"),     STR_INIT("result._time")};

struct json_keys *prefix_keys_new(void)
{
    struct json_keys *k = json_keys_new();
    bool good = k && json_keys_add(k, STR("log"), DOCKER_LOG, 0) &&
                json_keys_add(k, STR("stream"), DOCKER_STREAM, 0);

    for (size_t i = 0; good && i < COUNT_OF(message_keys); i++)
        good = json_keys_add(k, message_keys[i], MESSAGE_TEXT, (unsigned char)i);
    for (size_t i = 0; good && i < COUNT_OF(time_keys); i++)
        good = json_keys_add(k, time_keys[i], OUTER_TIME, (unsigned char)i);
    if (good)
        return k;
    json_keys_free(k);
    return NULL;
}

bool prefix_docker(struct prefix_work *w, struct prefix_result *out)
{
    struct json_found found[ALL_VALUES];
    struct str text, line = w->rest;
    size_t at = 0;
    bool good = json_scan(w->keys, line, found, ALL_VALUES, &w->why, &at);

    w->rest = str_slice(line, at, line.n);
    if (!good)
        return false;
    w->rest = line;
    w->why = "expected Docker's {\"log\":\"…\\n\",…}";
    text = found[DOCKER_LOG].raw;
    if (!found[DOCKER_LOG].quoted || !str_is_set(text))
        return false;
    out->stderr_ = str_eq(found[DOCKER_STREAM].raw, STR("stderr"));
    out->time = found[OUTER_TIME].raw;
    out->at = (size_t)(text.p - line.p);
    if (found[DOCKER_LOG].escaped)
        text = json_scan_text(w->scratch, text);
    if (text.n == 0 || text.p[text.n - 1] != '\n') {
        w->rest = str_slice(line, out->at, line.n);
        w->why = "a part of a line that Docker cut, without the rest";
        return false;
    }
    text.n--;
    out->text = text;
    return true;
}

bool prefix_message(struct prefix_work *w, struct prefix_result *out)
{
    struct json_found found[ALL_VALUES];
    struct str line = w->rest;
    size_t at = 0;
    bool good = json_scan(w->keys, line, found, ALL_VALUES, &w->why, &at);
    const struct json_found *text =
        &found[good && found[MESSAGE_TEXT].quoted ? MESSAGE_TEXT : DOCKER_LOG];

    w->rest = str_slice(line, at, line.n);
    if (!good)
        return false;
    w->rest = line;
    w->why = "expected JSON with the line in \"message\", \"MESSAGE\", \"textPayload\", \"log\", …";
    if (!text->quoted || !str_is_set(text->raw))
        return false;
    out->time = found[OUTER_TIME].raw;
    out->at = (size_t)(text->raw.p - line.p);
    out->text = text->escaped ? json_scan_text(w->scratch, text->raw) : text->raw;
    if (str_ends(out->text, STR("\n")))
        out->text.n--;
    return true;
}

/* JSON text, escaped, whose last character is a newline. */
static bool ends_in_newline(struct str raw)
{
    size_t n = str_ends(raw, STR("n")) ? 1
               : raw.n >= 5 && str_eq_nocase(str_slice(raw, raw.n - 5, raw.n), STR("u000a"))
                   ? 5
                   : raw.n;
    size_t escapes = 0;

    while (n + escapes < raw.n && raw.p[raw.n - n - escapes - 1] == '\\')
        escapes++;
    return escapes % 2 == 1;
}

bool prefix_docker_part(const struct json_keys *keys, struct str line, struct prefix_part *out)
{
    struct json_found found[ALL_VALUES];
    const char *why;
    size_t at = 0;

    if (!json_scan(keys, line, found, ALL_VALUES, &why, &at) || !found[DOCKER_LOG].quoted ||
        !str_is_set(found[DOCKER_LOG].raw))
        return false;
    *out = (struct prefix_part){.text = found[DOCKER_LOG].raw};
    if (out->text.n == 0 && out->text.p[0] == '-')
        out->text.n = 1; /* to json_scan, a value that is missing */
    out->stderr_ = str_eq(found[DOCKER_STREAM].raw, STR("stderr"));
    out->cut = !ends_in_newline(out->text);
    return true;
}

/* Behind its first key, as prefix_looks_docker knows it. */
bool prefix_docker_is_cut(struct str line)
{
    struct str text = str_slice(line, STR(DOCKER_START).n, line.n);
    size_t n = 0;

    while (n < text.n && text.p[n] != '"')
        n += text.p[n] == '\\' ? 2 : 1;
    return n >= text.n || !ends_in_newline(str_slice(text, 0, n));
}

bool prefix_docker_is_whole(struct str line)
{
    static const size_t behind = 160; /* that much may follow the text: "stream" and "time" */
    struct str tail = str_slice(line, line.n > behind ? line.n - behind : 0, line.n);
    ptrdiff_t at = str_find(tail, STR("\\n\",\"stream\":\""), 0);

    return at >= 0 && ends_in_newline(str_slice(line, 0, (size_t)(tail.p - line.p + at) + 2));
}

/* The text of this key, from its first byte on; STR_NONE: it has none. */
static struct str text_of_key(struct str line, struct str key)
{
    for (ptrdiff_t at = 0; (at = str_find(line, key, (size_t)at)) > 0; at++) {
        struct str rest = str_slice(line, (size_t)at + key.n, line.n);

        if (line.p[at - 1] != '"' || !str_starts(rest, STR("\":")))
            continue;
        rest = str_trim(str_slice(rest, 2, rest.n));
        if (rest.n > 0 && rest.p[0] == '"')
            return str_slice(rest, 1, rest.n);
    }
    return STR_NONE;
}

static bool has_access(struct str line, struct str key)
{
    struct str text = text_of_key(line, key);

    return str_is_set(text) && access_is_in(text);
}

bool prefix_looks_message(struct str line)
{
    if (line.n == 0 || line.p[0] != '{')
        return false;
    for (size_t i = 0; i < COUNT_OF(message_keys); i++) {
        struct str key = message_keys[i]; /* its last part, whatever it is in */

        if (has_access(line, str_slice(key, (size_t)(str_rchr(key, '.') + 1), key.n)))
            return true;
    }
    return has_access(line, STR("log"));
}

bool prefix_looks_docker(struct str line)
{
    return str_starts(line, STR(DOCKER_START)) && str_find(line, STR("\"stream\":\"std"), 0) > 0 &&
           str_find(line, STR("\"time\":\""), 0) > 0;
}
