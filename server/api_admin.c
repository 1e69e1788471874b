/*
 * api_admin.c - the whole server for those who manage its users: all sites, all teams; and the
 * audit log as HitKeep shows it. By instance roles alone, for people and their tokens. Calls,
 * messages and answers are HitKeep's.
 */
#include <stdlib.h>

#include "parsers/base/time.h"
#include "server/api_json.h"
#include "server/api_person.h"
#include "server/go_text.h"
#include "server/url.h"
#include "server/uuid.h"

#define NOBODY "00000000-0000-0000-0000-000000000000"

/* ---- sites --------------------------------------------------------------------------------- */

static void list_sites(struct change *c)
{
    const struct site *sites;
    if (!change_may_on_server(c, PERM_INSTANCE_MANAGE_USERS))
        return;
    buf_putc(&c->text, '[');
    for (size_t i = rights_sites(c->rights, &sites); i-- > 0;) { /* newest first */
        const struct user *owner = rights_user_by_id(c->rights, sites[i].owner);
        buf_printf(&c->text,
                   "%s{\"id\":\"%s\",\"user_id\":\"%s\",\"domain\":", c->text.n > 1 ? "," : "",
                   sites[i].uuid_text, owner ? owner->uuid_text : NOBODY);
        json_put_string(&c->text, sites[i].domain);
        if (owner && owner->email.n > 0) {
            buf_lit(&c->text, ",\"owner_email\":");
            json_put_string(&c->text, owner->email);
        }
        buf_printf(&c->text,
                   ",\"data_retention_days\":%u,\"created_at\":", sites[i].retention_days);
        api_put_time(&c->text, sites[i].created_ms);
        buf_putc(&c->text, '}');
    }
    buf_lit(&c->text, "]\n");
    c->status = 200;
}

void api_admin_sites(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, list_sites);
}

static void remove_site(struct change *c)
{
    unsigned char uuid[16];
    if (!change_may_on_server(c, PERM_INSTANCE_MANAGE_USERS))
        return;
    if (!api_path_uuid(c->req->params[0], uuid)) {
        change_refuse(c, 400, "Invalid site ID");
        return;
    }
    const struct site *site = rights_site_by_uuid(c->rights, uuid);
    if (!site)
        change_refuse(c, 404, "Site not found");
    else if (change_done(c, session_remove_site(c->session, site->id), "Site not found", ""))
        change_is_ok(c);
}

void api_admin_site_remove(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, remove_site);
}

/* ---- teams --------------------------------------------------------------------------------- */

static void list_teams(struct change *c)
{
    const struct team *teams;
    if (!change_may_on_server(c, PERM_INSTANCE_MANAGE_USERS))
        return;
    size_t n = rights_teams(c->rights, &teams);
    buf_putc(&c->text, '[');
    for (size_t i = 0; i < n; i++) {
        buf_printf(&c->text, "%s{\"id\":\"%s\",\"name\":", i ? "," : "", teams[i].uuid_text);
        json_put_string(&c->text, teams[i].name);
        buf_printf(&c->text,
                   ",\"is_default\":false,\"is_archived\":%s,\"member_count\":%zu,"
                   "\"site_count\":%zu,\"created_at\":",
                   teams[i].archived_ms ? "true" : "false", api_members_in(c->rights, teams[i].id),
                   api_sites_of(c->rights, teams[i].id));
        api_put_time(&c->text, teams[i].created_ms);
        buf_putc(&c->text, '}');
    }
    buf_lit(&c->text, "]\n");
    c->status = 200;
}

void api_admin_teams(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, list_teams);
}

static void archive_team(struct change *c)
{
    unsigned char uuid[16];
    if (!change_may_on_server(c, PERM_INSTANCE_MANAGE_USERS))
        return;
    if (!api_path_uuid(c->req->params[0], uuid)) {
        change_refuse(c, 400, "Invalid team ID");
        return;
    }
    const struct team *team = rights_team_by_uuid(c->rights, uuid);
    if (!team || team->archived_ms)
        change_refuse(c, 400, "Team not found or already archived");
    else if (change_done(c, session_archive_team(c->session, team->id, true), "", ""))
        change_is_ok(c);
}

void api_admin_team_archive(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, archive_team);
}

/* ---- the audit log ------------------------------------------------------------------------- */

#define AUDIT_LIMIT 100
#define AUDIT_LIMIT_MAX 200
#define AUDIT_READ 100000 /* of the newest, at most: more is `logferry-server audit`'s */

struct audit_query {
    struct str action, target_type, outcome, text;
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

static bool read_query(struct change *c, struct audit_query *q)
{
    unsigned char uuid[16];
    /* Room for nine parameters: what has been read may not move. */
    if (!buf_reserve(&c->scratch, 9 * (c->req->query.n + 1))) {
        change_refuse(c, 500, "Internal server error");
        return false;
    }
    *q = (struct audit_query){.action = parameter(c, "action"),
                              .target_type = parameter(c, "target_type"),
                              .outcome = parameter(c, "outcome"),
                              .text = parameter(c, "query"),
                              .from_ms = INT64_MIN,
                              .to_ms = INT64_MAX,
                              .limit = AUDIT_LIMIT};
    struct str actor = parameter(c, "actor_id");
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
    struct audit_filter filter = {.most = AUDIT_READ};
    if (session_read_audit(c->session, &filter, count_entry, page) != 0)
        return false;
    page->end = page->total - q->offset;
    page->first = page->end - q->limit;
    page->total = 0;
    return session_read_audit(c->session, &filter, keep_entry, page) == 0 && !page->texts.failed;
}

static void read_audit(struct change *c)
{
    struct audit_query query;
    if (!change_may_on_server(c, PERM_INSTANCE_VIEW_AUDIT) || !read_query(c, &query))
        return;
    if (query.limit == 0 || query.limit > AUDIT_LIMIT_MAX)
        query.limit = AUDIT_LIMIT;
    struct audit_page *page = calloc(1, sizeof(*page));
    if (!page)
        return;
    page->query = &query;
    page->rights = c->rights;
    buf_init(&page->texts, 4u << 20);
    if (read_page(c, page)) {
        buf_lit(&c->text, "{\"entries\":[");
        for (size_t i = page->n; i-- > 0;) {
            buf_put_str(&c->text,
                        str_slice(buf_str(&page->texts), page->starts[i], page->starts[i + 1]));
            if (i > 0)
                buf_putc(&c->text, ',');
        }
        buf_printf(&c->text, "],\"total\":%lld,\"limit\":%lld,\"offset\":%lld,\"has_more\":%s}\n",
                   (long long)page->total, (long long)query.limit, (long long)query.offset,
                   page->first > 0 ? "true" : "false");
        c->status = 200;
    }
    buf_release(&page->texts);
    free(page);
}

void api_admin_audit(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, read_audit);
}
