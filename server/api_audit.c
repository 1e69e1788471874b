/*
 * api_audit.c - the audit log as HitKeep shows it: of the whole server to whoever may view that,
 * and of a team to those who manage it.
 */
#include <stdlib.h>

#include "parsers/base/time.h"
#include "server/api_json.h"
#include "server/api_person.h"
#include "server/go_text.h"
#include "server/url.h"
#include "server/uuid.h"

#define NOBODY "00000000-0000-0000-0000-000000000000"

#define AUDIT_LIMIT 100
#define AUDIT_LIMIT_OF_TEAM 25
#define AUDIT_LIMIT_MAX 200
#define AUDIT_READ 100000 /* of the newest, at most: more is `logferry-server audit`'s */

struct audit_query {
    struct str action, target_type, outcome, text;
    int64_t team;  /* 0: all there is */
    int64_t actor; /* a user; 0: whoever; -1: one who is not there */
    int64_t from_ms, to_ms;
    int64_t limit, offset;
};

/* One reading: first how many there are, then those of the page, oldest first. */
struct audit_page {
    const struct audit_query *query;
    const struct rights *rights;
    int64_t total; /* that fit */
    int64_t first, end;
    struct buf texts;
    size_t starts[AUDIT_LIMIT_MAX + 1];
    size_t n;
};

static struct str target_type_of(struct str action)
{
    ptrdiff_t dot = str_chr(action, '.', 0);
    return dot < 0 ? action : str_slice(action, 0, (size_t)dot);
}

static bool fits(const struct audit_query *q, const struct audit_entry *e)
{
    return (q->action.n == 0 || str_eq(q->action, e->action)) &&
           (q->target_type.n == 0 || str_eq(q->target_type, target_type_of(e->action))) &&
           (q->outcome.n == 0 || str_eq(q->outcome, STR("success"))) &&
           (q->actor == 0 || q->actor == e->user) && e->at_ms >= q->from_ms &&
           e->at_ms <= q->to_ms &&
           (q->text.n == 0 || str_holds_nocase(e->actor, q->text) ||
            str_holds_nocase(e->subject, q->text) || str_holds_nocase(e->detail, q->text));
}

static void put_entry(struct buf *out, const struct rights *r, const struct audit_entry *e)
{
    const struct team *team = e->team ? rights_team_by_id(r, e->team) : NULL;
    const struct user *user = e->user ? rights_user_by_id(r, e->user) : NULL;
    struct str type = target_type_of(e->action);
    buf_printf(out, "{\"id\":\"00000000-0000-4000-8000-%012llx\",\"created_at\":",
               (unsigned long long)e->id & 0xffffffffffffULL);
    api_put_time(out, e->at_ms);
    if (user)
        buf_printf(out, ",\"actor_id\":\"%s\"", user->uuid_text);
    if (team)
        buf_printf(out, ",\"team_id\":\"%s\"", team->uuid_text);
    buf_lit(out, ",\"actor_email_snapshot\":");
    json_put_string(out, user && user->email.n > 0 ? user->email
                         : e->actor.n > 0          ? e->actor
                                                   : STR(""));
    buf_lit(out, ",\"actor_role_snapshot\":\"\",\"action\":");
    json_put_string(out, e->action);
    buf_lit(out, ",\"target_type\":");
    json_put_string(out, type);
    if (e->subject_id[0])
        buf_printf(out, ",\"target_id\":\"%s\"", e->subject_id);
    buf_lit(out, ",\"target_label\":");
    json_put_string(out, e->subject);
    buf_lit(out, ",\"outcome\":\"success\"");
    if (e->detail.n > 0) {
        buf_lit(out, ",\"details\":");
        json_put_string(out, e->detail);
    }
    buf_putc(out, '}');
}

/* An optional text. */
static void put_some(struct buf *out, const char *name, struct str text)
{
    if (text.n == 0)
        return;
    buf_printf(out, ",\"%s\":", name);
    json_put_string(out, text);
}

/* The same as HitKeep has it of a team. */
static void put_team_entry(struct buf *out, const struct rights *r, const struct audit_entry *e)
{
    const struct team *team = rights_team_by_id(r, e->team);
    const struct user *user = e->user ? rights_user_by_id(r, e->user) : NULL;
    buf_printf(out, "{\"id\":\"00000000-0000-4000-8000-%012llx\",\"team_id\":\"%s\",\"action\":",
               (unsigned long long)e->id & 0xffffffffffffULL, team ? team->uuid_text : NOBODY);
    json_put_string(out, e->action);
    buf_lit(out, ",\"details\":");
    json_put_string(out, e->detail.n > 0 ? e->detail : STR(""));
    if (user) {
        buf_printf(out, ",\"actor_user_id\":\"%s\"", user->uuid_text);
        put_some(out, "actor_email", user->email);
    }
    put_some(out, "actor_email_snapshot", e->actor);
    put_some(out, "target_type", target_type_of(e->action));
    put_some(out, "target_id", str_of(e->subject_id));
    put_some(out, "target_label", e->subject);
    buf_lit(out, ",\"outcome\":\"success\",\"created_at\":");
    api_put_time(out, e->at_ms);
    buf_putc(out, '}');
}

static void count_entry(void *arg, const struct audit_entry *e)
{
    struct audit_page *page = arg;
    page->total += fits(page->query, e);
}

static void keep_entry(void *arg, const struct audit_entry *e)
{
    struct audit_page *page = arg;
    if (!fits(page->query, e))
        return;
    int64_t at = page->total++;
    if (at < page->first || at >= page->end || page->n >= AUDIT_LIMIT_MAX)
        return;
    if (page->query->team)
        put_team_entry(&page->texts, page->rights, e);
    else
        put_entry(&page->texts, page->rights, e);
    page->starts[++page->n] = page->texts.n;
}

/* A parameter, trimmed; n 0: it is not there. */
static struct str parameter(struct change *c, const char *name)
{
    struct str value = STR("");
    struct str query = c->req->query;
    if (query.n == 0 || !query_value(query, str_of(name), &c->scratch, &value))
        return STR("");
    return value;
}

/* False: refused. */
static bool read_number(struct change *c, const char *name, const char *refusal, int64_t *out)
{
    struct str text = parameter(c, name);
    int64_t n;
    if (text.n == 0)
        return true;
    if (json_integer(text, &n) && n >= 0 && n <= INT32_MAX) {
        *out = n;
        return true;
    }
    change_refuse(c, 400, refusal);
    return false;
}

static bool read_time(struct change *c, const char *name, const char *refusal, int64_t *out)
{
    struct str text = parameter(c, name);
    if (text.n == 0 || go_time(text, out))
        return true;
    change_refuse(c, 400, refusal);
    return false;
}

/* With the team's, and the limit, there already. */
static bool read_query(struct change *c, struct audit_query *q)
{
    unsigned char uuid[16];
    /* Room for nine parameters: what has been read may not move. */
    if (!buf_reserve(&c->scratch, 9 * (c->req->query.n + 1))) {
        change_refuse(c, 500, "Internal server error");
        return false;
    }
    q->action = parameter(c, "action");
    q->target_type = parameter(c, "target_type");
    q->outcome = parameter(c, "outcome");
    q->text = parameter(c, "query");
    q->from_ms = INT64_MIN;
    q->to_ms = INT64_MAX;
    /* HitKeep's list of a team does not know it. */
    struct str actor = q->team ? STR("") : parameter(c, "actor_id");
    if (actor.n > 0 && !uuid_parse(actor, uuid)) {
        change_refuse(c, 400, "invalid actor_id");
        return false;
    }
    const struct user *user = actor.n > 0 ? rights_user_by_uuid(c->rights, uuid) : NULL;
    q->actor = user ? user->id : actor.n > 0 ? -1 : 0;
    return read_time(c, "from", "invalid from date, expected RFC3339", &q->from_ms) &&
           read_time(c, "to", "invalid to date, expected RFC3339", &q->to_ms) &&
           read_number(c, "limit", "invalid limit", &q->limit) &&
           read_number(c, "offset", "invalid offset", &q->offset);
}

static bool read_page(struct change *c, struct audit_page *page)
{
    const struct audit_query *q = page->query;
    struct audit_filter filter = {.team = q->team, .most = AUDIT_READ};
    if (session_read_audit(c->session, &filter, count_entry, page) != 0)
        return false;
    page->end = page->total - q->offset;
    page->first = page->end - q->limit;
    page->total = 0;
    return session_read_audit(c->session, &filter, keep_entry, page) == 0 && !page->texts.failed;
}

static void put_page(struct buf *out, const struct audit_page *page)
{
    const struct audit_query *q = page->query;
    buf_lit(out, "{\"entries\":[");
    for (size_t i = page->n; i-- > 0;) {
        buf_put_str(out, str_slice(buf_str(&page->texts), page->starts[i], page->starts[i + 1]));
        if (i > 0)
            buf_putc(out, ',');
    }
    buf_printf(out, "],\"total\":%lld,\"limit\":%lld,\"offset\":%lld,\"has_more\":%s",
               (long long)page->total, (long long)q->limit, (long long)q->offset,
               page->first > 0 ? "true" : "false");
    if (q->team)
        put_some(out, "action", q->action);
    buf_lit(out, "}\n");
}

/* `query` has the team, and the limit that HitKeep takes when none that is one was given. */
static void answer(struct change *c, struct audit_query *query)
{
    int64_t limit = query->limit;
    if (!read_query(c, query))
        return;
    if (query->limit == 0 || query->limit > AUDIT_LIMIT_MAX)
        query->limit = limit;
    struct audit_page *page = calloc(1, sizeof(*page));
    if (!page)
        return;
    page->query = query;
    page->rights = c->rights;
    buf_init(&page->texts, 4u << 20);
    if (read_page(c, page)) {
        put_page(&c->text, page);
        c->status = 200;
    }
    buf_release(&page->texts);
    free(page);
}

static void read_audit(struct change *c)
{
    struct audit_query query = {.limit = AUDIT_LIMIT};
    if (change_may_on_server(c, PERM_INSTANCE_VIEW_AUDIT))
        answer(c, &query);
}

void api_admin_audit(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, read_audit);
}

static void read_team_audit(struct change *c)
{
    const struct team *team = change_team(c, TEAM_ADMIN);
    struct audit_query query = {.team = team ? team->id : 0, .limit = AUDIT_LIMIT_OF_TEAM};
    if (team)
        answer(c, &query);
}

void api_team_audit(void *ctx, struct http_request *req)
{
    change_start(ctx, req, read_team_audit);
}
