/*
 * api_sites.c - sites are made, changed, moved and deleted, and people get roles on them. Calls,
 * messages and answers are HitKeep's; aliases, `team_id` and `data_retention_days` of a new site
 * are ours.
 *
 * What may be done to a site is rule A's, for people and for tokens. Where HitKeep asks for
 * site.manage_data, site.manage_team is asked for here: the same roles have it, but not `ingest`,
 * and a web server's token must not be able to shorten what is kept.
 */
#include "parsers/verdict.h"
#include "server/api_json.h"
#include "server/api_person.h"
#include "server/go_text.h"
#include "server/store_life.h"
#include "server/url.h"

#define SITE_RETENTION_DAYS 365
#define SITE_RETENTION_MAX 36500
#define DOMAIN_MAX 253
#define LABEL_MAX 63

struct site_body {
    struct str domain, team, host, email, role;
    int64_t days;
};

#define FIELD(name, kind, member)                                                                  \
    {                                                                                              \
        STR_INIT(name), kind, offsetof(struct site_body, member)                                   \
    }

/* As it is now: `user` and `client` of before a change are gone with it. */
static void answer_site(struct change *c, int64_t id)
{
    const struct rights *r = change_rights(c);
    const struct site *site = r ? rights_site_by_id(r, id) : NULL;
    if (!site)
        return;
    const struct user *user = rights_user_by_id(r, c->user_id);
    const struct client *client = rights_client_by_id(r, c->client_id);
    enum role role = user     ? rights_user_role(r, user, site)
                     : client ? rights_role_now(r, client, site)
                              : ROLE_NONE;
    api_put_site(&c->text, r, site, role);
    buf_putc(&c->text, '\n');
    c->status = 200;
}

/* ---- domains -------------------------------------------------------------------------------- */

static bool is_label(struct str s)
{
    if (s.n == 0 || s.n > LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

/* Labels with dots between them, two at least, and no address. */
static bool is_domain(struct str s)
{
    unsigned char address[16];
    size_t labels = 0;
    if (s.n > DOMAIN_MAX || address_parse(s, address))
        return false;
    for (;; labels++) {
        ptrdiff_t dot = s.n > 0 ? str_chr(s, '.', 0) : -1;
        if (!is_label(dot < 0 ? s : str_slice(s, 0, (size_t)dot)))
            return false;
        if (dot < 0)
            return labels > 0;
        s = str_slice(s, (size_t)dot + 1, s.n);
    }
}

/* In lower case, in `bytes`. n 0: refused. */
static struct str read_domain(struct change *c, struct str text, char bytes[URL_HOST_MAX])
{
    struct str domain = {bytes, 0};
    const char *refusal = NULL;
    text = go_trim(text);
    for (size_t i = 0; i + 2 < text.n && !refusal; i++)
        if (memcmp(text.p + i, "://", 3) == 0)
            refusal = "Domain must not contain protocol (http:// or https://)";
    if (text.n == 0)
        refusal = "Domain is required";
    else if (!refusal && str_starts_nocase(text, STR("www.")))
        refusal = "Domain must not start with 'www.' (we track subdomains automatically)";
    else if (!refusal && !is_domain(text))
        refusal = "Invalid domain format (e.g. example.com)";
    if (refusal) {
        change_refuse(c, 400, refusal);
        return domain;
    }
    for (; domain.n < text.n; domain.n++)
        bytes[domain.n] = ascii_lower(text.p[domain.n]);
    return domain;
}

/* ---- making and deleting --------------------------------------------------------------------- */

/* The team that the body names, or the person's first, which HitKeep calls the active one. NULL:
 * refused. */
static const struct team *team_for_site(struct change *c, struct str text)
{
    unsigned char uuid[16];
    if (str_is_set(text) && !uuid_parse(text, uuid)) {
        change_refuse(c, 400, "Invalid team ID");
        return NULL;
    }
    const struct team *team = str_is_set(text) ? rights_team_by_uuid(c->rights, uuid)
                                               : api_first_team(c->rights, c->user);
    if (team && rights_team_role(c->rights, team->id, c->user) >= TEAM_ADMIN)
        return team;
    change_refuse(c, 403, "Access denied");
    return NULL;
}

static void create_site(struct change *c)
{
    static const struct api_field fields[] = {
        FIELD("domain", API_TEXT, domain),
        FIELD("team_id", API_TEXT, team),
        FIELD("data_retention_days", API_INTEGER, days),
    };
    struct site_body body = {.team = STR_NONE, .days = SITE_RETENTION_DAYS};
    char host[URL_HOST_MAX];
    struct new_site site = {.owner = c->user_id};
    int64_t id;
    if (!change_body_lenient(c, fields, COUNT_OF(fields), &body, "Invalid request body"))
        return;
    site.domain = read_domain(c, body.domain, host);
    const struct team *team = site.domain.n > 0 ? team_for_site(c, body.team) : NULL;
    if (!team)
        return;
    site.team = team->id;
    if (body.days < 0 || body.days > SITE_RETENTION_MAX) {
        change_refuse(c, 400, "Invalid data_retention_days");
        return;
    }
    site.retention_days = (unsigned)body.days;
    if (change_done(c, session_add_site(c->session, &site, &id), "",
                    "Failed to create site (domain might already exist)"))
        answer_site(c, id);
}

void api_site_create(void *ctx, struct http_request *req)
{
    change_start(ctx, req, create_site);
}

static void remove_site(struct change *c)
{
    const struct site *site = change_site(c, PERM_SITE_DELETE);
    if (site && change_done(c, session_remove_site(c->session, site->id), "Site not found", ""))
        change_is_ok(c);
}

void api_site_remove(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, remove_site);
}

/* ---- changing -------------------------------------------------------------------------------- */

static void set_retention(struct change *c)
{
    static const struct api_field fields[] = {FIELD("days", API_INTEGER, days)};
    struct site_body body = {.days = 0};
    const struct site *site = change_site(c, PERM_SITE_MANAGE_TEAM);
    if (!site || !change_body_lenient(c, fields, COUNT_OF(fields), &body, "Invalid request body"))
        return;
    if (body.days < 0)
        change_refuse(c, 400, "Retention days must be non-negative");
    else if (body.days > SITE_RETENTION_MAX)
        change_refuse(c, 400, "Retention days must be at most 36500");
    else if (change_done(c, session_set_retention(c->session, site->id, (unsigned)body.days),
                         "Site not found", ""))
        c->status = 200;
}

void api_site_retention(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, set_retention);
}

static void rename_site(struct change *c)
{
    static const struct api_field fields[] = {FIELD("domain", API_TEXT, domain)};
    struct site_body body = {.domain = STR_NONE};
    char bytes[URL_HOST_MAX];
    const struct site *site = change_site(c, PERM_SITE_MANAGE_TEAM);
    if (!site || !change_body_lenient(c, fields, COUNT_OF(fields), &body, "Invalid request body"))
        return;
    struct str domain = read_domain(c, body.domain, bytes);
    int64_t id = site->id;
    if (domain.n == 0)
        return;
    if (str_eq(domain, site->domain) ||
        change_done(c, session_rename_site(c->session, id, domain), "Site not found",
                    "Domain already in use by another site"))
        answer_site(c, id);
}

void api_site_rename(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, rename_site);
}

/* For people: who asks has to manage both teams. */
static void move_site(struct change *c)
{
    static const struct api_field fields[] = {FIELD("team_id", API_TEXT, team)};
    struct site_body body = {.team = STR_NONE};
    unsigned char uuid[16];
    uint32_t given;
    const struct site *site = change_site(c, PERM_SITE_MANAGE_TEAM);
    if (!site)
        return;
    if (!change_body(c, fields, COUNT_OF(fields), &body, &given)) {
        change_refuse(c, 400, "Invalid request body");
        return;
    }
    if (!uuid_parse(go_trim(body.team), uuid)) {
        change_refuse(c, 400, "Invalid team_id");
        return;
    }
    const struct user *user = rights_user_by_id(c->rights, change_user_id(c));
    if (!user) {
        change_refuse(c, 401, "Unauthorized");
        return;
    }
    const struct team *from = rights_team_by_id(c->rights, site->team);
    const struct team *to = rights_team_by_uuid(c->rights, uuid);
    if (!to || rights_team_role(c->rights, to->id, user) < TEAM_ADMIN) {
        change_refuse(c, 403, "Access denied");
        return;
    }
    buf_printf(&c->text,
               "{\"destination_team_id\":\"%s\",\"site_id\":\"%s\",\"source_team_id\":\"%s\","
               "\"status\":\"ok\"}\n",
               to->uuid_text, site->uuid_text, from ? from->uuid_text : "");
    if (change_done(c, session_move_site(c->session, site->id, to->id), "Site not found", ""))
        c->status = 200;
}

void api_site_move(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, move_site);
}

/* ---- aliases --------------------------------------------------------------------------------- */

/* The body's host. n 0: refused. */
static struct str read_host(struct change *c, char bytes[URL_HOST_MAX])
{
    static const struct api_field fields[] = {FIELD("host", API_TEXT, host)};
    struct site_body body = {.host = STR_NONE};
    struct str host = {bytes, 0};
    uint32_t given;
    if (!change_body(c, fields, COUNT_OF(fields), &body, &given))
        return STR_NONE;
    if (body.host.n && site_host(go_trim(body.host), true, bytes, &host.n))
        return host;
    change_refuse(c, 400, "Invalid host");
    return STR_NONE;
}

static void set_alias(struct change *c,
                      enum admin_result (*set)(struct store_session *, int64_t, struct str))
{
    char bytes[URL_HOST_MAX];
    const struct site *site = change_site(c, PERM_SITE_MANAGE_TEAM);
    struct str host = site ? read_host(c, bytes) : STR_NONE;
    int64_t id = site ? site->id : 0;
    if (host.n > 0 && change_done(c, set(c->session, id, host), "Host not found",
                                  "Host belongs to a site already"))
        answer_site(c, id);
}

static void add_alias(struct change *c)
{
    set_alias(c, session_add_alias);
}

void api_alias_add(void *ctx, struct http_request *req)
{
    change_start(ctx, req, add_alias);
}

static void remove_alias(struct change *c)
{
    set_alias(c, session_remove_alias);
}

void api_alias_remove(void *ctx, struct http_request *req)
{
    change_start(ctx, req, remove_alias);
}

/* ---- people on a site ------------------------------------------------------------------------ */

static void put_member(struct buf *out, const struct user *user, enum role role)
{
    if (out->n > 1)
        buf_putc(out, ',');
    buf_printf(out, "{\"id\":\"%s\",\"user_id\":\"%s\",\"email\":", user->uuid_text,
               user->uuid_text);
    api_put_email(out, user);
    buf_printf(out, ",\"role\":\"%s\"}", role_name(role));
}

/* Who was given a role on it, and who added it; a team's owner or admin is there without. */
static void list_members(struct change *c)
{
    const struct site *site = change_site(c, PERM_SITE_VIEW);
    const struct site_role *roles;
    if (!site)
        return;
    const struct user *owner = rights_user_by_id(c->rights, site->owner);
    size_t n = rights_site_roles(c->rights, &roles);
    buf_putc(&c->text, '[');
    if (owner)
        put_member(&c->text, owner, ROLE_OWNER);
    for (size_t i = 0; i < n; i++) {
        const struct user *user = rights_user_by_id(c->rights, roles[i].user);
        if (roles[i].site == site->id && user && user != owner)
            put_member(&c->text, user, roles[i].role);
    }
    buf_lit(&c->text, "]\n");
    c->status = 200;
}

void api_site_member_list(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, list_members);
}

static void add_member(struct change *c)
{
    static const struct api_field fields[] = {
        FIELD("email", API_TEXT, email),
        FIELD("role", API_TEXT, role),
    };
    struct site_body body = {.email = STR_NONE, .role = STR_NONE};
    const struct site *site = change_site(c, PERM_SITE_MANAGE_TEAM);
    struct site_role given = {.site = site ? site->id : 0};
    if (!site || !change_body_lenient(c, fields, COUNT_OF(fields), &body, "Invalid request"))
        return;
    struct str email = go_trim(body.email);
    if (!api_is_email(email)) {
        change_refuse(c, 400, "Invalid email");
        return;
    }
    if (!role_parse(body.role, &given.role) || given.role == ROLE_INGEST) {
        change_refuse(c, 400, "Invalid role");
        return;
    }
    /* Nobody hands on more than he has. */
    if (given.role == ROLE_OWNER && !change_site(c, PERM_SITE_DELETE))
        return;
    const struct user *user = rights_user_by_login(c->rights, email);
    given.user = user ? user->id : 0;
    if (!user || user->disabled_ms)
        change_refuse(c, 404, "User not found");
    else if (change_done(c, session_set_site_role(c->session, &given), "User not found", ""))
        change_is_ok(c);
}

void api_site_member_add(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, add_member);
}

static void remove_member(struct change *c)
{
    unsigned char uuid[16];
    const struct site *site = change_site(c, PERM_SITE_MANAGE_TEAM);
    if (!site)
        return;
    if (!api_path_uuid(c->req->params[1], uuid)) {
        change_refuse(c, 400, "Invalid user ID");
        return;
    }
    const struct user *user = rights_user_by_uuid(c->rights, uuid);
    struct site_role role = {.site = site->id, .user = user ? user->id : 0, .role = ROLE_NONE};
    if (change_done(c, session_set_site_role(c->session, &role), "User not found", ""))
        change_is_ok(c);
}

void api_site_member_remove(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, remove_member);
}
