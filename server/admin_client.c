/*
 * admin_client.c - the commands about API clients: who holds a token, and what it may do where.
 */
#include "server/admin_commands.h"

#include <openssl/crypto.h>

#include "parsers/base/json.h"
#include "parsers/base/time.h"

#define NAME_MAX_BYTES 120
#define DESCRIPTION_MAX_BYTES 500

/* ---- finding ------------------------------------------------------------------------------ */

/* Is it --team's, or --personal's, when one of them is given? */
static bool is_asked_for(struct admin_job *job, const struct rights *r, const struct client *c)
{
    struct str team_name = args_value(&job->args, "--team");
    struct str login = args_value(&job->args, "--personal");
    const struct team *team = rights_team_by_id(r, c->team);
    const struct user *user = str_is_set(login) ? rights_user_by_login(r, login) : NULL;
    return (!str_is_set(team_name) || (team && str_eq(team->name, team_name))) &&
           (!str_is_set(login) || (user && c->user == user->id));
}

int admin_client_find(struct admin_job *job, const char *name, struct client *out)
{
    const struct rights *r = session_rights(job->session);
    const struct client *clients, *found = NULL;
    size_t n = r ? rights_clients(r, &clients) : 0;
    for (size_t i = 0; i < n; i++) {
        const struct client *c = &clients[i];
        bool is_id = strcmp(c->uuid_text, name) == 0;
        if (!is_id && (!str_eq(c->name, str_of(name)) || !is_asked_for(job, r, c)))
            continue;
        if (!is_id && found && !found->revoked_ms && !c->revoked_ms)
            return admin_fail(job, EXIT_USAGE,
                              "there are several clients %s; say which with --team, --personal, or "
                              "its id from client list --json",
                              name);
        if (is_id || !found || found->revoked_ms)
            found = c;
        if (is_id)
            break;
    }
    if (!found)
        return admin_fail(job, EXIT_BAD_DATA, "unknown client %s; see logferry-server client list",
                          name);
    *out = *found;
    return 0;
}

/* SITE of the client's own team; 0, or an exit code. */
static int find_site(struct admin_job *job, struct str name, int64_t team, int64_t *id)
{
    const struct rights *r = session_rights(job->session);
    const struct site *site = r ? rights_site_by_host(r, name) : NULL;
    if (!site)
        return admin_fail(job, EXIT_BAD_DATA,
                          "unknown site %.*s; add it first: logferry-server site add %.*s",
                          STR_ARGS(name), STR_ARGS(name));
    if (team && site->team != team)
        return admin_fail(job, EXIT_BAD_DATA,
                          "the site %.*s belongs to another team than the "
                          "client; a grant there would count for nothing",
                          STR_ARGS(name));
    *id = site->id;
    return 0;
}

/* "SITE=ROLE" */
static int read_grant(struct admin_job *job, int64_t team, const char *text, struct grant *grant)
{
    struct str words = str_of(text);
    ptrdiff_t equals = str_rchr(words, '=');
    if (equals <= 0)
        return admin_fail(job, EXIT_USAGE,
                          "a grant is SITE=ROLE, like example.com=ingest; found %s", text);
    if (!role_parse(str_slice(words, (size_t)equals + 1, words.n), &grant->role))
        return admin_fail(job, EXIT_BAD_DATA,
                          "unknown role in %s; one of ingest (writes records, "
                          "nothing else), viewer, editor, admin, owner",
                          text);
    return find_site(job, str_slice(words, 0, (size_t)equals), team, &grant->site);
}

static int add_grant(struct admin_job *job, const struct client *client, const char *text)
{
    struct grant grant = {.client = client->id};
    int code = read_grant(job, client->team, text, &grant);
    if (code)
        return code;
    enum admin_result result = session_grant(job->session, &grant);
    return result == ADMIN_OK ? 0 : admin_failed(job, result, "the grant");
}

/* ---- create ------------------------------------------------------------------------------- */

int admin_client_expiry(struct admin_job *job, int64_t *ms)
{
    struct str text = args_value(&job->args, "--expires");
    if (str_eq(text, STR("never")))
        *ms = INT64_MAX;
    if (!str_is_set(text) || str_eq(text, STR("never")) ||
        when_parse(text, job->call->now_ms, WHEN_FUTURE, true, ms))
        return 0;
    return admin_fail(job, EXIT_BAD_DATA,
                      "--expires %s: expected 90d, 2027-01-31 or a time like "
                      "2027-01-31T12:00:00Z",
                      text.p);
}

int admin_client_description(struct admin_job *job, struct str text)
{
    return text.n <= DESCRIPTION_MAX_BYTES
               ? 0
               : admin_fail(job, EXIT_BAD_DATA, "--description is longer than %d bytes",
                            DESCRIPTION_MAX_BYTES);
}

bool admin_client_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < ' ' || name.p[i] == 127)
            return false;
    return name.n > 0 && name.n <= NAME_MAX_BYTES;
}

void admin_client_put_token(struct admin_job *job, const struct client *client, const char *token)
{
    if (args_flag(&job->args, "--json")) {
        buf_lit(job->out, "{\"name\":");
        json_put_string(job->out, client->name);
        buf_printf(job->out, ",\"token\":\"%s\"}\n", token);
        return;
    }
    buf_printf(job->out, "%s\n", token);
    buf_lit(job->err,
            "This token is shown once, here. On the web server:\n"
            "  install -m 0640 -g logferry /dev/stdin /etc/logferry/token   # then paste it\n");
}

/* HitKeep lets two clients have one name; here a command would not know which is meant. */
static bool is_taken(struct admin_job *job, const struct client *client)
{
    const struct rights *r = session_rights(job->session);
    const struct client *clients;
    size_t n = r ? rights_clients(r, &clients) : 0;
    for (size_t i = 0; i < n; i++)
        if (clients[i].team == client->team && clients[i].user == client->user &&
            !clients[i].revoked_ms && str_eq(clients[i].name, client->name))
            return true;
    return false;
}

static int create(struct admin_job *job, struct client *client, const char *token)
{
    struct grant grants[ARGS_MAX];
    struct new_client fresh = {.fields = {.name = client->name,
                                          .description = client->description,
                                          .instance_role = client->instance_role,
                                          .expires_ms = client->expires_ms,
                                          .grants = grants},
                               .team = client->team,
                               .user = client->user,
                               .token_hash = client->token_hash};
    if (is_taken(job, client))
        return admin_failed(job, ADMIN_TAKEN, "a client of this name");
    for (size_t i = 0; i < job->args.n_options; i++) {
        if (strcmp(job->args.options[i].name, "--grant") != 0)
            continue;
        struct grant *grant = &grants[fresh.fields.n_grants++];
        int code = read_grant(job, client->team, job->args.options[i].value, grant);
        if (code)
            return code;
    }
    enum admin_result result = session_add_client(job->session, &fresh, &client->id);
    if (result != ADMIN_OK)
        return admin_failed(job, result, "the client");
    admin_client_put_token(job, client, token);
    return 0;
}

static int find_owner(struct admin_job *job, struct client *client)
{
    const struct team *team = NULL;
    struct str user = args_value(&job->args, "--personal");
    if (str_is_set(user) && str_is_set(args_value(&job->args, "--team")))
        return admin_fail(job, EXIT_USAGE,
                          "a client is a team's or a user's: --team or --personal");
    if (str_is_set(user))
        return admin_user_id(job, user.p, &client->user);
    int code = admin_team(job, &team);
    if (!code)
        client->team = team->id;
    return code;
}

int admin_client_token(struct admin_job *job, char token[TOKEN_LENGTH + 1],
                       unsigned char hash[TOKEN_HASH_BYTES])
{
    if (token_generate(token) || sha256((struct str){token, TOKEN_LENGTH}, hash))
        return admin_fail(job, EXIT_INTERNAL, "the system gives no random bytes");
    return 0;
}

int admin_client_create(struct admin_job *job)
{
    struct client client = {.name = str_trim(args_value(&job->args, "--name")),
                            .description = args_value(&job->args, "--description"),
                            .expires_ms = INT64_MAX};
    char token[TOKEN_LENGTH + 1];
    if (!admin_client_name(client.name) || job->args.n_words > 0)
        return admin_fail(job, EXIT_USAGE,
                          "client create needs --name (1 to %d bytes) and grants: "
                          "--name web-1 --grant example.com=ingest",
                          NAME_MAX_BYTES);
    int code = find_owner(job, &client);
    if (code || (code = admin_client_expiry(job, &client.expires_ms)) ||
        (code = admin_instance_role(job, "--instance-role", &client.instance_role)) ||
        (code = admin_client_description(job, client.description)) ||
        (code = admin_client_token(job, token, client.token_hash)))
        return code;
    code = create(job, &client, token);
    OPENSSL_cleanse(token, sizeof(token));
    return code;
}

/* ---- grant, ungrant ------------------------------------------------------------------------ */

int admin_client_grant(struct admin_job *job)
{
    struct client client;
    if (job->args.n_words < 1 || job->args.n_words + job->args.n_options < 2)
        return admin_fail(job, EXIT_USAGE,
                          "client grant takes a name and grants: web-1 example.com=ingest");
    int code = admin_client_find(job, job->args.words[0], &client);
    for (size_t i = 1; i < job->args.n_words && !code; i++)
        code = add_grant(job, &client, job->args.words[i]);
    for (size_t i = 0; i < job->args.n_options && !code; i++)
        if (strcmp(job->args.options[i].name, "--grant") == 0)
            code = add_grant(job, &client, job->args.options[i].value);
    if (!code)
        buf_lit(job->out, "granted\n");
    return code;
}

int admin_client_ungrant(struct admin_job *job)
{
    struct client client;
    if (job->args.n_words < 2)
        return admin_fail(job, EXIT_USAGE,
                          "client ungrant takes a name and sites: web-1 example.com");
    int code = admin_client_find(job, job->args.words[0], &client);
    for (size_t i = 1; i < job->args.n_words && !code; i++) {
        int64_t site = 0;
        code = find_site(job, str_of(job->args.words[i]), client.team, &site);
        enum admin_result result = code ? ADMIN_OK : session_ungrant(job->session, client.id, site);
        if (result != ADMIN_OK)
            code = admin_failed(job, result, "this grant");
    }
    if (!code)
        buf_lit(job->out, "no longer granted\n");
    return code;
}

/* ---- list --------------------------------------------------------------------------------- */

static const char *state_of(const struct client *client, int64_t now_ms)
{
    if (client->revoked_ms)
        return "revoked";
    return now_ms > client->expires_ms ? "expired" : "active";
}

static void put_time_or_null(struct buf *out, int64_t ms)
{
    if (ms == INT64_MAX) {
        buf_lit(out, "null");
        return;
    }
    buf_putc(out, '"');
    time_put_rfc3339(out, ms);
    buf_putc(out, '"');
}

/* INT64_MAX: never. The store writes it down within minutes. */
static int64_t last_used(const struct client *client)
{
    return client->last_used_ms ? client->last_used_ms : INT64_MAX;
}

static void put_client_json(struct admin_job *job, const struct rights *r,
                            const struct client *client)
{
    const struct team *team = rights_team_by_id(r, client->team);
    struct buf *out = job->out;
    const struct user *user = rights_user_by_id(r, client->user);
    buf_printf(out, "{\"id\":\"%s\",\"name\":", client->uuid_text);
    json_put_string(out, client->name);
    buf_lit(out, ",\"team\":");
    json_put_string(out, team ? team->name : STR_NONE);
    buf_lit(out, ",\"user\":");
    json_put_string(out, user ? user->name : STR_NONE);
    buf_lit(out, ",\"description\":");
    json_put_string(out, client->description);
    buf_printf(out, ",\"instance_role\":\"%s\"", instance_role_name(client->instance_role));
    buf_printf(out, ",\"state\":\"%s\",\"created_at\":", state_of(client, job->call->now_ms));
    put_time_or_null(out, client->created_ms);
    buf_lit(out, ",\"expires_at\":");
    put_time_or_null(out, client->expires_ms);
    buf_lit(out, ",\"last_used_at\":");
    put_time_or_null(out, last_used(client));
    buf_lit(out, ",\"grants\":{");
}

static void put_grants(struct admin_job *job, const struct rights *r, const struct client *client,
                       bool json)
{
    const struct grant *grants;
    const char *comma = "";
    size_t n = rights_grants(r, &grants);
    for (size_t i = 0; i < n; i++) {
        const struct site *site = rights_site_by_id(r, grants[i].site);
        if (grants[i].client != client->id || !site)
            continue;
        if (json)
            buf_printf(job->out, "%s\"%s\":\"%s\"", comma, site->domain.p,
                       role_name(grants[i].role));
        else
            buf_printf(job->out, " %s=%s", site->domain.p, role_name(grants[i].role));
        comma = ",";
    }
}

static const char *owner_name(const struct rights *r, const struct client *client)
{
    const struct user *user = rights_user_by_id(r, client->user);
    return user ? user->name.p : "?";
}

int admin_client_list(struct admin_job *job)
{
    const struct rights *r = session_rights(job->session);
    const struct client *clients;
    bool json = args_flag(&job->args, "--json");
    if (!r)
        return admin_fail(job, EXIT_CANNOT_WRITE, "the store cannot be read");
    size_t n = rights_clients(r, &clients);
    if (json)
        buf_putc(job->out, '[');
    for (size_t i = 0; i < n; i++) {
        if (json) {
            buf_put_str(job->out, i ? STR(",") : STR(""));
            put_client_json(job, r, &clients[i]);
            put_grants(job, r, &clients[i], true);
            buf_lit(job->out, "}}");
            continue;
        }
        buf_printf(job->out, "%-24s %-8s", clients[i].name.p,
                   state_of(&clients[i], job->call->now_ms));
        put_grants(job, r, &clients[i], false);
        if (clients[i].expires_ms != INT64_MAX) {
            buf_lit(job->out, " until ");
            time_put_rfc3339(job->out, clients[i].expires_ms);
        }
        if (clients[i].user)
            buf_printf(job->out, " (%s's own)", owner_name(r, &clients[i]));
        buf_putc(job->out, '\n');
    }
    if (json)
        buf_lit(job->out, "]\n");
    else if (n == 0)
        buf_lit(job->out, "no client yet; make one: logferry-server client create --name web-1 "
                          "--grant example.com=ingest\n");
    return 0;
}
