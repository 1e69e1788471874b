/*
 * api_admin.c - the whole server for those who manage its users: all sites, all teams. By instance
 * roles alone, for people and their tokens. Calls, messages and answers are HitKeep's.
 */
#include "server/api_json.h"
#include "server/api_person.h"

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

/* May whoever asks change it, and is that an id in the path? False: refused. */
static bool admit(struct change *c, const char *no_id, unsigned char uuid[16])
{
    if (!change_may_on_server(c, PERM_INSTANCE_MANAGE_USERS))
        return false;
    if (api_path_uuid(c->req->params[0], uuid))
        return true;
    change_refuse(c, 400, no_id);
    return false;
}

static void remove_site(struct change *c)
{
    unsigned char uuid[16];
    if (!admit(c, "Invalid site ID", uuid))
        return;
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
                   rights_sites_of(c->rights, teams[i].id));
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
    if (!admit(c, "Invalid team ID", uuid))
        return;
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

static void remove_team(struct change *c)
{
    unsigned char uuid[16];
    if (!admit(c, "Invalid team ID", uuid))
        return;
    const struct team *team = rights_team_by_uuid(c->rights, uuid);
    bool forced = change_is_forced(c); /* then whatever it has goes with it */
    if (!team) {
        change_refuse(c, 404, "Not found");
    } else if (!forced && !team->archived_ms) {
        change_refuse(c, 400, "Archive the team before deleting it");
    } else if (!forced && rights_sites_of(c->rights, team->id) > 0) {
        change_refuse(c, 400, "Transfer or delete all sites before deleting the team");
    } else {
        buf_printf(&c->text, "{\"status\":\"ok\",\"team_id\":\"%s\",\"name\":", team->uuid_text);
        json_put_string(&c->text, team->name);
        buf_lit(&c->text, "}\n");
        if (change_done(c, session_remove_team(c->session, team->id), "Not found", ""))
            c->status = 200;
    }
}

void api_admin_team_remove(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, remove_team);
}
