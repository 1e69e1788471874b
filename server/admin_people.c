/*
 * admin_people.c - the commands about people and teams, and the audit log.
 */
#include "server/admin_commands.h"

#include "parsers/base/json.h"
#include "parsers/base/time.h"

#define NAME_MAX_BYTES 120
#define EMAIL_MAX_BYTES 254
#define AUDIT_MOST 100000

/* ---- what several of them need ------------------------------------------------------------ */

int admin_user_id(struct admin_job *job, const char *name, int64_t *id)
{
    const struct rights *r = session_rights(job->session);
    const struct user *user = r ? rights_user_by_login(r, str_of(name)) : NULL;
    if (!user)
        return admin_fail(job, EXIT_BAD_DATA, "unknown user %s; see logferry-server user list",
                          name);
    *id = user->id;
    return 0;
}

static int find_team(struct admin_job *job, const char *name, int64_t *id)
{
    const struct rights *r = session_rights(job->session);
    const struct team *teams;
    size_t n = r ? rights_teams(r, &teams) : 0;
    for (size_t i = 0; i < n; i++) {
        if (str_eq(teams[i].name, str_of(name))) {
            *id = teams[i].id;
            return 0;
        }
    }
    return admin_fail(job, EXIT_BAD_DATA, "unknown team %s; see logferry-server team list", name);
}

static bool good_name(struct str name, size_t most)
{
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < ' ' || name.p[i] == 127)
            return false;
    return name.n > 0 && name.n <= most;
}

static bool is_address(struct str s)
{
    return good_name(s, EMAIL_MAX_BYTES) && str_chr(s, '@', 0) >= 1;
}

int admin_instance_role(struct admin_job *job, const char *option, enum instance_role *role)
{
    struct str text = args_value(&job->args, option);
    if (!str_is_set(text) || instance_role_parse(text, role))
        return 0;
    return admin_fail(job, EXIT_BAD_DATA, "%s %s: one of user, admin, owner was expected", option,
                      text.p);
}

/* Tells how it went with one sentence. */
static int done(struct admin_job *job, enum admin_result result, const char *what,
                const char *sentence)
{
    if (result != ADMIN_OK)
        return admin_failed(job, result, what);
    buf_printf(job->out, "%s\n", sentence);
    return 0;
}

static void put_time_or_null(struct buf *out, int64_t ms)
{
    if (ms == 0) {
        buf_lit(out, "null");
        return;
    }
    buf_putc(out, '"');
    time_put_rfc3339(out, ms);
    buf_putc(out, '"');
}

/* ---- user --------------------------------------------------------------------------------- */

int admin_user_add(struct admin_job *job)
{
    struct new_user user = {.email = args_value(&job->args, "--email"),
                            .password_hash = args_value(&job->args, "--password-hash")};
    int64_t id = 0;
    if (job->args.n_words != 1 || !good_name(str_of(job->args.words[0]), NAME_MAX_BYTES))
        return admin_fail(job, EXIT_USAGE,
                          "user add takes one name of 1 to %d bytes: user add anna",
                          NAME_MAX_BYTES);
    if (str_is_set(user.email) && !is_address(user.email))
        return admin_fail(job, EXIT_BAD_DATA, "--email %s is no address", user.email.p);
    int code = admin_instance_role(job, "--role", &user.instance_role);
    if (code)
        return code;
    user.name = str_of(job->args.words[0]);
    enum admin_result result = session_add_user(job->session, &user, &id);
    if (result != ADMIN_OK)
        return admin_failed(job, result, "a user of this name or address");
    buf_printf(job->out, "user %s added\n", user.name.p);
    if (!str_is_set(user.password_hash))
        buf_printf(job->out, "To let this user log in: logferry-server user password %s <FILE\n",
                   user.name.p);
    return 0;
}

int admin_user_password(struct admin_job *job)
{
    int64_t id = 0;
    if (job->args.n_words != 1)
        return admin_fail(job, EXIT_USAGE,
                          "user password takes one name, and the password from --password-file or "
                          "from standard input");
    int code = admin_user_id(job, job->args.words[0], &id);
    struct str hash = args_value(&job->args, "--password-hash");
    return code ? code
                : done(job, session_set_password(job->session, id, hash), "the user",
                       "password set; sessions from before it have ended");
}

/* --name and --email; ADMIN_OK also when neither was given. */
static enum admin_result set_names(struct admin_job *job, int64_t id)
{
    struct str name = args_value(&job->args, "--name"), email = args_value(&job->args, "--email");
    const struct rights *r = session_rights(job->session);
    const struct user *user = r ? rights_user_by_id(r, id) : NULL;
    if (!user)
        return ADMIN_FAILED;
    struct new_user profile = {.name = str_is_set(name) ? name : user->name,
                               .family = str_is_set(name) ? STR_NONE : user->family,
                               .email = str_is_set(email) ? email : user->email};
    return session_set_profile(job->session, id, &profile);
}

int admin_user_set(struct admin_job *job)
{
    struct str role_text = args_value(&job->args, "--role"),
               name = args_value(&job->args, "--name"), email = args_value(&job->args, "--email");
    enum instance_role role = INSTANCE_USER;
    int64_t id = 0;
    if (job->args.n_words != 1 || !(str_is_set(role_text) || str_is_set(name) || str_is_set(email)))
        return admin_fail(job, EXIT_USAGE,
                          "user set takes one name and --role user|admin|owner, --name or --email");
    if (str_is_set(name) && !good_name(name, NAME_MAX_BYTES))
        return admin_fail(job, EXIT_BAD_DATA, "--name takes a name of 1 to %d bytes",
                          NAME_MAX_BYTES);
    if (str_is_set(email) && !is_address(email))
        return admin_fail(job, EXIT_BAD_DATA, "--email %s is no address", email.p);
    int code = admin_user_id(job, job->args.words[0], &id);
    if (code || (code = admin_instance_role(job, "--role", &role)))
        return code;
    enum admin_result result = set_names(job, id);
    if (result == ADMIN_OK && str_is_set(role_text))
        result = session_set_instance_role(job->session, id, role);
    return done(job, result, result == ADMIN_TAKEN ? "a user of this name or address" : "the user",
                "set");
}

int admin_user_disable(struct admin_job *job)
{
    bool undo = args_flag(&job->args, "--undo");
    int64_t id = 0;
    if (job->args.n_words != 1)
        return admin_fail(job, EXIT_USAGE, "user disable takes one name");
    int code = admin_user_id(job, job->args.words[0], &id);
    return code ? code
                : done(job, session_disable_user(job->session, id, !undo), "the user",
                       undo ? "enabled" : "disabled; sessions and personal tokens are refused");
}

int admin_user_remove(struct admin_job *job)
{
    int64_t id = 0;
    if (job->args.n_words != 1 || !args_flag(&job->args, "--yes"))
        return admin_fail(
            job, EXIT_USAGE,
            "user remove takes one name and --yes: the user's own clients go with it; "
            "user disable keeps them");
    int code = admin_user_id(job, job->args.words[0], &id);
    return code ? code : done(job, session_remove_user(job->session, id), "the user", "removed");
}

static void put_teams_of(struct buf *out, const struct rights *r, const struct user *user,
                         bool json)
{
    const struct member *members;
    const char *comma = "";
    size_t n = rights_members(r, &members);
    for (size_t i = 0; i < n; i++) {
        const struct team *team = rights_team_by_id(r, members[i].team);
        if (members[i].user != user->id || !team)
            continue;
        buf_put_str(out, json ? str_of(comma) : STR(" "));
        if (json)
            json_put_string(out, team->name);
        else
            buf_put_str(out, team->name);
        buf_printf(out, json ? ":\"%s\"" : "=%s", team_role_name(members[i].role));
        comma = ",";
    }
}

static void put_user_json(struct buf *out, const struct rights *r, const struct user *u)
{
    buf_printf(out, "{\"id\":\"%s\",\"name\":", u->uuid_text);
    json_put_string(out, u->name);
    buf_lit(out, ",\"email\":");
    json_put_string(out, u->email);
    buf_printf(out, ",\"instance_role\":\"%s\",\"has_password\":%s,\"disabled_at\":",
               instance_role_name(u->instance_role),
               str_is_set(u->password_hash) ? "true" : "false");
    put_time_or_null(out, u->disabled_ms);
    buf_lit(out, ",\"created_at\":");
    put_time_or_null(out, u->created_ms);
    buf_lit(out, ",\"teams\":{");
    put_teams_of(out, r, u, true);
    buf_lit(out, "}}");
}

int admin_user_list(struct admin_job *job)
{
    const struct rights *r = session_rights(job->session);
    const struct user *users;
    bool json = args_flag(&job->args, "--json");
    if (!r)
        return admin_fail(job, EXIT_CANNOT_WRITE, "the store cannot be read");
    size_t n = rights_users(r, &users);
    buf_put_str(job->out, json ? STR("[") : STR(""));
    for (size_t i = 0; i < n; i++) {
        if (json) {
            buf_put_str(job->out, i ? STR(",") : STR(""));
            put_user_json(job->out, r, &users[i]);
            continue;
        }
        buf_printf(job->out, "%-24s %-6s", users[i].name.p,
                   instance_role_name(users[i].instance_role));
        put_teams_of(job->out, r, &users[i], false);
        if (users[i].disabled_ms)
            buf_lit(job->out, " (disabled)");
        else if (!str_is_set(users[i].password_hash))
            buf_lit(job->out, " (no password)");
        buf_putc(job->out, '\n');
    }
    buf_put_str(job->out, json ? STR("]\n") : STR(""));
    return 0;
}

/* ---- team --------------------------------------------------------------------------------- */

int admin_team_add(struct admin_job *job)
{
    struct str owner = args_value(&job->args, "--owner");
    struct member member = {.role = TEAM_OWNER};
    if (job->args.n_words != 1 || !good_name(str_of(job->args.words[0]), NAME_MAX_BYTES))
        return admin_fail(job, EXIT_USAGE, "team add takes one name of 1 to %d bytes",
                          NAME_MAX_BYTES);
    int code = owner.n ? admin_user_id(job, owner.p, &member.user) : 0;
    if (code)
        return code;
    enum admin_result result =
        session_add_team(job->session, str_of(job->args.words[0]), &member.team);
    if (result == ADMIN_OK && member.user)
        result = session_set_member(job->session, &member);
    return done(job, result, "a team of this name", "team added");
}

int admin_team_list(struct admin_job *job)
{
    const struct rights *r = session_rights(job->session);
    const struct team *teams;
    bool json = args_flag(&job->args, "--json");
    if (!r)
        return admin_fail(job, EXIT_CANNOT_WRITE, "the store cannot be read");
    size_t n = rights_teams(r, &teams);
    buf_put_str(job->out, json ? STR("[") : STR(""));
    for (size_t i = 0; i < n; i++) {
        if (!json) {
            buf_printf(job->out, "%s%s\n", teams[i].name.p,
                       teams[i].archived_ms ? " (archived)" : "");
            continue;
        }
        buf_printf(job->out, "%s{\"id\":\"%s\",\"name\":", i ? "," : "", teams[i].uuid_text);
        json_put_string(job->out, teams[i].name);
        buf_lit(job->out, ",\"archived_at\":");
        put_time_or_null(job->out, teams[i].archived_ms);
        buf_putc(job->out, '}');
    }
    buf_put_str(job->out, json ? STR("]\n") : STR(""));
    return 0;
}

int admin_team_member(struct admin_job *job)
{
    struct member member = {0};
    const char *const *words = job->args.words;
    if (job->args.n_words != 3)
        return admin_fail(job, EXIT_USAGE,
                          "team member takes a team, a user and a role: "
                          "team member default anna owner|admin|member|none");
    bool none = str_eq(str_of(words[2]), STR("none"));
    if (!none && !team_role_parse(str_of(words[2]), &member.role))
        return admin_fail(job, EXIT_BAD_DATA, "%s is none of owner, admin, member, none", words[2]);
    int code = find_team(job, words[0], &member.team);
    if (code || (code = admin_user_id(job, words[1], &member.user)))
        return code;
    enum admin_result result = none ? session_remove_member(job->session, member.team, member.user)
                                    : session_set_member(job->session, &member);
    return done(job, result, "the member", none ? "no longer a member" : "set");
}

int admin_team_archive(struct admin_job *job)
{
    bool undo = args_flag(&job->args, "--undo");
    int64_t id = 0;
    if (job->args.n_words != 1)
        return admin_fail(job, EXIT_USAGE, "team archive takes one name");
    int code = find_team(job, job->args.words[0], &id);
    return code ? code
                : done(job, session_archive_team(job->session, id, !undo), "the team",
                       undo ? "reopened" : "archived; its sites and tokens are closed");
}

int admin_team_remove(struct admin_job *job)
{
    bool forced = args_flag(&job->args, "--force");
    int64_t id = 0;
    if (job->args.n_words != 1 || !args_flag(&job->args, "--yes"))
        return admin_fail(job, EXIT_USAGE,
                          "team remove takes one name and --yes: its clients go with it; with "
                          "--force its sites and their records, too");
    int code = find_team(job, job->args.words[0], &id);
    if (code)
        return code;
    const struct rights *r = session_rights(job->session);
    const struct team *team = r ? rights_team_by_id(r, id) : NULL;
    if (!team)
        return admin_fail(job, EXIT_CANNOT_WRITE, "the store cannot be read");
    if (!forced && !team->archived_ms)
        return admin_fail(job, EXIT_BAD_DATA,
                          "team %s is in use; logferry-server team archive %s comes first",
                          team->name.p, team->name.p);
    if (!forced && rights_sites_of(r, id) > 0)
        return admin_fail(job, EXIT_BAD_DATA,
                          "team %s has sites; remove them (site remove) or give --force",
                          team->name.p);
    return done(job, session_remove_team(job->session, id), "the team",
                "removed; a running server deletes the records of its sites within the next hours");
}

/* ---- site member, site remove ------------------------------------------------------------- */

int admin_site_member(struct admin_job *job)
{
    struct site_role role = {0};
    const char *const *words = job->args.words;
    const struct rights *r = session_rights(job->session);
    if (job->args.n_words != 3)
        return admin_fail(job, EXIT_USAGE,
                          "site member takes a site, a user and a role: "
                          "site member example.com anna owner|admin|editor|viewer|none");
    bool none = str_eq(str_of(words[2]), STR("none"));
    if (!none && (!role_parse(str_of(words[2]), &role.role) || role.role == ROLE_INGEST))
        return admin_fail(job, EXIT_BAD_DATA, "%s is none of owner, admin, editor, viewer, none",
                          words[2]);
    const struct site *site = r ? rights_site_by_host(r, str_of(words[0])) : NULL;
    if (!site)
        return admin_fail(job, EXIT_BAD_DATA, "unknown site %s; see logferry-server site list",
                          words[0]);
    role.site = site->id;
    int code = admin_user_id(job, words[1], &role.user);
    return code ? code
                : done(job, session_set_site_role(job->session, &role),
                       none ? "the role" : "this user, as a member of the site's team,",
                       none ? "taken away" : "set");
}

int admin_site_remove(struct admin_job *job)
{
    const struct rights *r = session_rights(job->session);
    if (job->args.n_words != 1 || !args_flag(&job->args, "--yes"))
        return admin_fail(job, EXIT_USAGE,
                          "site remove takes one site and --yes: its records go with it");
    const struct site *site = r ? rights_site_by_host(r, str_of(job->args.words[0])) : NULL;
    if (!site)
        return admin_fail(job, EXIT_BAD_DATA, "unknown site %s; see logferry-server site list",
                          job->args.words[0]);
    return done(job, session_remove_site(job->session, site->id), "the site",
                "removed; a running server deletes its records within the next hours");
}

/* ---- audit -------------------------------------------------------------------------------- */

struct audit_job {
    struct buf *out;
    const struct rights *rights;
    bool json, first;
};

static void put_entry_json(struct audit_job *a, const struct audit_entry *e)
{
    const struct team *team = rights_team_by_id(a->rights, e->team);
    buf_put_str(a->out, a->first ? STR("{\"at\":\"") : STR(",{\"at\":\""));
    time_put_rfc3339(a->out, e->at_ms);
    buf_lit(a->out, "\",\"actor\":");
    json_put_string(a->out, e->actor);
    buf_lit(a->out, ",\"action\":");
    json_put_string(a->out, e->action);
    buf_lit(a->out, ",\"subject\":");
    json_put_string(a->out, e->subject);
    buf_printf(a->out, ",\"subject_id\":\"%s\",\"team\":", e->subject_id);
    json_put_string(a->out, team ? team->name : STR_NONE);
    buf_lit(a->out, ",\"detail\":");
    json_put_string(a->out, e->detail);
    buf_putc(a->out, '}');
}

static void on_entry(void *arg, const struct audit_entry *e)
{
    struct audit_job *a = arg;
    if (a->json) {
        put_entry_json(a, e);
        a->first = false;
        return;
    }
    time_put_rfc3339(a->out, e->at_ms);
    buf_printf(a->out, "  %-12.*s %-24.*s %.*s%s%.*s\n",
               STR_ARGS(str_is_set(e->actor) ? e->actor : STR("(command)")), STR_ARGS(e->action),
               STR_ARGS(e->subject), e->detail.n ? ": " : "", STR_ARGS(e->detail));
}

int admin_audit(struct admin_job *job)
{
    struct str since = args_value(&job->args, "--since"), team = args_value(&job->args, "--team");
    struct audit_filter filter = {.most = AUDIT_MOST};
    struct audit_job a = {job->out, session_rights(job->session), args_flag(&job->args, "--json"),
                          true};
    if (job->args.n_words > 0 || !a.rights)
        return admin_fail(job, EXIT_USAGE, "audit takes --since, --team and --json only");
    if (str_is_set(since) &&
        !when_parse(since, job->call->now_ms, WHEN_PAST, false, &filter.since_ms))
        return admin_fail(job, EXIT_USAGE,
                          "--since %s: expected 30d, 2026-10-01 or a time like "
                          "2026-10-01T12:00:00Z",
                          since.p);
    int code = str_is_set(team) ? find_team(job, team.p, &filter.team) : 0;
    if (code)
        return code;
    buf_put_str(job->out, a.json ? STR("[") : STR(""));
    if (session_read_audit(job->session, &filter, on_entry, &a))
        return admin_fail(job, EXIT_CANNOT_WRITE, "the store cannot be read; see its disk");
    buf_put_str(job->out, a.json ? STR("]\n") : STR(""));
    return 0;
}
