/* answer.c - see answer.h. */
#include "agent/answer.h"

#include "parsers/base/json.h"

#include <stdlib.h>

static const struct {
    int from, to;
    enum answer_action action;
    const char *why;
} table[] = {
    {300, 399, ANSWER_PAUSE,
     "the server redirects, and redirects are not followed: set url to where it really is"},
    {401, 401, ANSWER_PAUSE,
     "the server does not know this token, or it was revoked or has expired: make a new one with "
     "`logferry-server client create` and put it into the token file"},
    {403, 403, ANSWER_PAUSE,
     "something before the server forbids this request: look at the proxy's log"},
    {404, 405, ANSWER_PAUSE,
     "there is no batch endpoint at this url: is it a logferry-server, and the right path?"},
    {408, 408, ANSWER_RETRY, "the server waited too long for the request"},
    {413, 413, ANSWER_SPLIT, "the server finds the batch too large"},
    {400, 400, ANSWER_SPLIT, "the server refuses the batch as malformed"},
    {422, 422, ANSWER_SPLIT, "the server refuses the batch"},
    {425, 425, ANSWER_RETRY, "the server asks to try again"},
    {429, 429, ANSWER_RETRY, "the server asks to slow down"},
    {507, 507, ANSWER_RETRY, "the server's disk is full"},
    {500, 599, ANSWER_RETRY, "the server, or a proxy before it, is unwell"},
    {402, 499, ANSWER_PAUSE, "the server refuses the request"},
};

enum answer_action answer_status(long status, const char **why)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (status >= table[i].from && status <= table[i].to) {
            *why = table[i].why;
            return table[i].action;
        }
    *why = "the answer is none that this API gives: is there something between us and the server?";
    return ANSWER_RETRY;
}

void batch_outcome_release(struct batch_outcome *o)
{
    free(o->rejected);
    *o = (struct batch_outcome){0};
}

/* ---- the body of a 200 ------------------------------------------------------------------------
 */

static bool read_count(struct json_reader *r, uint64_t *out)
{
    int64_t n;
    if (json_next(r) != JSON_NUMBER || !json_integer(r->text, &n) || n < 0)
        return false;
    *out = (uint64_t)n;
    return true;
}

static void keep_error(struct batch_outcome *o, struct str text)
{
    size_t n = text.n < sizeof(o->first_error) - 1 ? text.n : sizeof(o->first_error) - 1;
    if (o->first_error[0])
        return;
    memcpy(o->first_error, text.p, n);
    o->first_error[n] = '\0';
}

static bool read_rejected_member(struct json_reader *r, struct batch_outcome *o, uint64_t *line,
                                 uint64_t *status)
{
    struct str key = r->text;
    if (str_eq(key, STR("line")))
        return read_count(r, line);
    if (str_eq(key, STR("status")))
        return read_count(r, status);
    enum json_event e = json_next(r);
    if (!str_eq(key, STR("error")) || e != JSON_STRING)
        return json_skip_value(r, e);
    keep_error(o, r->text);
    return true;
}

static bool read_rejected_one(struct json_reader *r, struct batch_outcome *o)
{
    uint64_t line = 0, status = 0;
    enum json_event e;
    while ((e = json_next(r)) == JSON_KEY)
        if (!read_rejected_member(r, o, &line, &status))
            return false;
    uint32_t last = o->n_rejected ? o->rejected[o->n_rejected - 1].line : 1;
    if (e != JSON_OBJECT_END || line <= last || line > UINT32_MAX || status > 999)
        return false;
    o->rejected[o->n_rejected++] = (struct rejected_record){(uint32_t)line, (uint16_t)status};
    return true;
}

static bool read_rejected(struct json_reader *r, struct batch_outcome *o)
{
    enum json_event e;
    if (o->rejected || json_next(r) != JSON_ARRAY)
        return false;
    o->rejected = malloc(OUTCOME_MAX_REJECTED * sizeof(*o->rejected));
    if (!o->rejected)
        return false;
    while ((e = json_next(r)) == JSON_OBJECT)
        if (o->n_rejected == OUTCOME_MAX_REJECTED || !read_rejected_one(r, o))
            return false;
    return e == JSON_ARRAY_END;
}

static bool read_member(struct json_reader *r, struct str key, const char *batch_id, bool *echoed,
                        struct batch_outcome *o)
{
    if (str_eq(key, STR("stored")))
        return read_count(r, &o->stored);
    if (str_eq(key, STR("duplicate")))
        return read_count(r, &o->duplicate);
    if (str_eq(key, STR("excluded")))
        return read_count(r, &o->excluded);
    if (str_eq(key, STR("rejected")))
        return read_rejected(r, o);
    enum json_event e = json_next(r);
    if (str_eq(key, STR("batch")) && e == JSON_STRING)
        *echoed = str_eq(r->text, str_of(batch_id));
    return json_skip_value(r, e);
}

static bool read_outcome(struct str body, const char *batch_id, struct batch_outcome *o)
{
    struct json_reader r;
    struct buf scratch;
    enum json_event e;
    bool echoed = false, good = true;
    buf_init(&scratch, body.n + 64);
    json_reader_init(&r, body, &scratch);
    if (json_next(&r) != JSON_OBJECT)
        good = false;
    while (good && (e = json_next(&r)) != JSON_OBJECT_END)
        good = e == JSON_KEY && read_member(&r, r.text, batch_id, &echoed, o);
    good = good && json_next(&r) == JSON_END && echoed;
    buf_release(&scratch);
    return good;
}

/* ---- the questions ----------------------------------------------------------------------------
 */

enum answer_action answer_batch(const struct http_answer *a, const char *batch_id,
                                struct batch_outcome *outcome, const char **why)
{
    *outcome = (struct batch_outcome){0};
    if (a->error) {
        *why = "the server cannot be reached";
        return ANSWER_RETRY;
    }
    if (a->status != 200)
        return answer_status(a->status, why);
    if (read_outcome(a->body, batch_id, outcome))
        return ANSWER_ACCEPTED;
    batch_outcome_release(outcome);
    *why = "the answer does not echo the batch id: is it a logferry-server, and nothing in between "
           "that answers for it?";
    return ANSWER_RETRY;
}

enum answer_action answer_sites(const struct http_answer *a, const char **why)
{
    if (a->error) {
        *why = "the server cannot be reached";
        return ANSWER_RETRY;
    }
    if (a->status == 200)
        return ANSWER_ACCEPTED;
    enum answer_action action = answer_status(a->status, why);
    return action == ANSWER_SPLIT ? ANSWER_PAUSE : action;
}

/* ---- which protocol ----------------------------------------------------------------------------
 */

/* {"protocols":["batch",…],…} */
static bool read_protocols(struct json_reader *r, bool *batch)
{
    enum json_event e = json_next(r);
    if (e != JSON_ARRAY)
        return json_skip_value(r, e);
    while ((e = json_next(r)) != JSON_ARRAY_END) {
        *batch = *batch || (e == JSON_STRING && str_eq(r->text, STR("batch")));
        if (!json_skip_value(r, e))
            return false;
    }
    return true;
}

static bool tells_batch(struct str body)
{
    struct json_reader r;
    struct buf scratch;
    enum json_event e;
    bool batch = false, good = true;
    buf_init(&scratch, body.n + 64);
    json_reader_init(&r, body, &scratch);
    if (json_next(&r) != JSON_OBJECT)
        good = false;
    while (good && (e = json_next(&r)) != JSON_OBJECT_END) {
        if (e == JSON_KEY && str_eq(r.text, STR("protocols")))
            good = read_protocols(&r, &batch);
        else
            good = e == JSON_KEY && json_skip_value(&r, json_next(&r));
    }
    good = good && json_next(&r) == JSON_END;
    buf_release(&scratch);
    return good && batch;
}

/* A HitKeep answers an unknown path with 404, or (2.8.1) with its dashboard's page and 200. */
enum protocol answer_capabilities(const struct http_answer *a, const char **why)
{
    if (a->error) {
        *why = "the server cannot be reached";
        return PROTOCOL_AUTO;
    }
    if (a->status == 200)
        return tells_batch(a->body) ? PROTOCOL_BATCH : PROTOCOL_HITKEEP;
    if (a->status == 404 || a->status == 405)
        return PROTOCOL_HITKEEP;
    answer_status(a->status, why);
    return PROTOCOL_AUTO;
}

/* ---- one record --------------------------------------------------------------------------------
 */

static const char unwell[] = "the server, or a proxy before it, is unwell";
static const char no_endpoint[] =
    "there is no such endpoint at this url: is it a HitKeep, and its public url?";

/* The first row that fits. body NULL: any. */
static const struct {
    int from, to;
    const char *body; /* how the answer begins */
    enum single_action action;
    const char *why;
} single_table[] = {
    {300, 399, NULL, SINGLE_PAUSE,
     "the server redirects, and redirects are not followed: set url to where it really is"},
    {400, 400, "user_agent must match a known AI bot", SINGLE_REFUSED,
     "the server's list of AI agents does not have this one"},
    {400, 400, NULL, SINGLE_DEAD, "the server refuses the record"},
    {401, 401, NULL, SINGLE_PAUSE,
     "the server does not know this token, or it was revoked or has expired: make a new one under "
     "API clients, and put it into the token file"},
    {403, 403, "Access denied", SINGLE_PARK, "the token has no grant for this site"},
    {403, 403, "Forbidden\n", SINGLE_PARK,
     "the token's grant for this site is too small: the role must be admin or owner"},
    {403, 403, NULL, SINGLE_PAUSE,
     "something before the server forbids this request: look at the proxy's log"},
    {404, 404, "Site not found", SINGLE_PARK, "the server has no such site"},
    {404, 405, NULL, SINGLE_PAUSE, no_endpoint},
    {408, 408, NULL, SINGLE_RETRY, "the server waited too long for the request"},
    {413, 413, NULL, SINGLE_DEAD, "the record is too large for the server, or a proxy before it"},
    {422, 422, NULL, SINGLE_DEAD, "the server refuses the record"},
    {425, 425, NULL, SINGLE_RETRY, "the server asks to try again"},
    {429, 429, NULL, SINGLE_SLOW, "the server asks to slow down"},
    {402, 499, NULL, SINGLE_PAUSE, "the server refuses the request"},
    {500, 599, NULL, SINGLE_RETRY, unwell},
};

enum single_action answer_single(const struct http_answer *a, const char **why)
{
    if (a->error) {
        *why = "the server cannot be reached";
        return SINGLE_RETRY;
    }
    if (a->status == 202 && a->body.n == 0)
        return SINGLE_ACCEPTED;
    for (size_t i = 0; i < COUNT_OF(single_table); i++) {
        const char *body = single_table[i].body;
        if (a->status < single_table[i].from || a->status > single_table[i].to ||
            (body && !str_starts(a->body, str_of(body))))
            continue;
        *why = single_table[i].why;
        return single_table[i].action;
    }
    *why = "the answer is not HitKeep's 202 without a body: is there something between us and it?";
    return SINGLE_RETRY;
}

/* ---- rejected records --------------------------------------------------------------------------
 */

enum record_action answer_record(unsigned status)
{
    return status == 403 || status == 404 ? RECORD_PARK : RECORD_DEAD;
}
