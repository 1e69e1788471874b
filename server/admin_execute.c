/*
 * admin_execute.c - which function a command is, and what several of them need. Runs on the writer.
 */
#include "server/admin_commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/url.h"

struct command {
    const char *name, *sub; /* sub NULL: the name alone */
    int (*run)(struct admin_job *job);
    const char *const *with_value, *const *flags;
    const char *usage;
};

static const char *const no_options[] = {NULL};
static const char *const json_flag[] = {"--json", NULL};
static const char *const init_values[] = {"--team", "--owner", "--password-hash", NULL};
static const char *const site_values[] = {"--alias", "--team", "--retention", "--time-zone", NULL};
static const char *const site_set_values[] = {"--retention", "--time-zone", NULL};
const char *const purge_values[] = {"--site", "--from", "--to", "--kind", "--next", NULL};
const char *const purge_flags[] = {"--yes", NULL};
static const char *const alias_flags[] = {"--remove", NULL};
static const char *const client_values[] = {
    "--name",          "--team",    "--personal", "--description",
    "--instance-role", "--expires", "--grant",    NULL};
static const char *const team_values[] = {"--team", "--personal", "--grant", NULL};
static const char *const update_values[] = {
    "--team", "--personal", "--name", "--description", "--instance-role", "--expires", NULL};
static const char *const roll_values[] = {"--team", "--personal", "--overlap", NULL};
static const char *const user_values[] = {"--email", "--role", "--password-hash", NULL};
static const char *const password_value[] = {"--password-hash", NULL};
static const char *const user_set_values[] = {"--role", "--name", "--email", NULL};
static const char *const owner_value[] = {"--owner", NULL};
static const char *const audit_values[] = {"--since", "--team", NULL};
static const char *const undo_flag[] = {"--undo", NULL};
static const char *const yes_flag[] = {"--yes", NULL};
static const char *const force_flags[] = {"--yes", "--force", NULL};

static const char *const exclude_values[] = {"--site", "--team",       "--ip",          "--country",
                                             "--path", "--user-agent", "--description", NULL};
static const char *const exclude_flags[] = {"--instance", NULL};
static const char *const site_value[] = {"--site", NULL};

static const struct command commands[] = {
    {"init", NULL, admin_init, init_values, no_options,
     "init [--team NAME] [--owner NAME] [--password-file F]"},
    {"site", "add", admin_site_add, site_values, json_flag,
     "site add DOMAIN [--alias HOST]... [--team T] [--retention 365d|forever] [--time-zone Z]"},
    {"site", "list", admin_site_list, no_options, json_flag, "site list [--json]"},
    {"site", "set", admin_site_set, site_set_values, no_options,
     "site set DOMAIN [--retention 365d|forever] [--time-zone Z]"},
    {"site", "purge", admin_site_purge, purge_values, purge_flags,
     "site purge --site S [--from T] [--to T] [--kind K]... [--yes]"},
    {"site", "alias", admin_site_alias, no_options, alias_flags,
     "site alias DOMAIN [--remove] HOST..."},
    {"exclude", "add", admin_exclude_add, exclude_values, exclude_flags,
     "exclude add --site S|--team T|--instance [--ip NETWORK] [--country CC] [--user-agent TEXT] "
     "[--path /P]... [--description D]"},
    {"exclude", "list", admin_exclude_list, site_value, json_flag,
     "exclude list [--site S] [--json]"},
    {"exclude", "remove", admin_exclude_remove, no_options, no_options, "exclude remove ID..."},
    {"client", "create", admin_client_create, client_values, json_flag,
     "client create --name N [--team T|--personal USER] [--description D] [--instance-role R] "
     "[--expires T] --grant SITE=ROLE..."},
    {"client", "update", admin_client_update, update_values, no_options,
     "client update NAME [--name N] [--description D] [--instance-role R] [--expires T|never]"},
    {"client", "roll", admin_client_roll, roll_values, json_flag,
     "client roll NAME [--overlap 24h] [--team T|--personal USER]"},
    {"client", "reactivate", admin_client_reactivate, team_values, no_options,
     "client reactivate NAME [--team T|--personal USER]"},
    {"client", "delete", admin_client_delete, team_values, no_options,
     "client delete NAME [--team T|--personal USER]"},
    {"client", "list", admin_client_list, no_options, json_flag, "client list [--json]"},
    {"client", "grant", admin_client_grant, team_values, no_options,
     "client grant NAME SITE=ROLE... [--team T]"},
    {"client", "ungrant", admin_client_ungrant, team_values, no_options,
     "client ungrant NAME SITE... [--team T]"},
    {"client", "revoke", admin_client_revoke, team_values, no_options,
     "client revoke NAME [--team T|--personal USER]"},
    {"user", "add", admin_user_add, user_values, no_options,
     "user add NAME [--email E] [--role user|admin|owner] [--password-file F]"},
    {"user", "list", admin_user_list, no_options, json_flag, "user list [--json]"},
    {"user", "password", admin_user_password, password_value, no_options,
     "user password NAME [--password-file F] (or the password on standard input)"},
    {"user", "set", admin_user_set, user_set_values, no_options,
     "user set NAME [--role user|admin|owner] [--name N] [--email E]"},
    {"user", "disable", admin_user_disable, no_options, undo_flag, "user disable NAME [--undo]"},
    {"user", "remove", admin_user_remove, no_options, yes_flag, "user remove NAME --yes"},
    {"team", "add", admin_team_add, owner_value, no_options, "team add NAME [--owner USER]"},
    {"team", "list", admin_team_list, no_options, json_flag, "team list [--json]"},
    {"team", "member", admin_team_member, no_options, no_options,
     "team member TEAM USER owner|admin|member|none"},
    {"team", "archive", admin_team_archive, no_options, undo_flag, "team archive NAME [--undo]"},
    {"team", "remove", admin_team_remove, no_options, force_flags,
     "team remove NAME --yes [--force]"},
    {"site", "member", admin_site_member, no_options, no_options,
     "site member SITE USER owner|admin|editor|viewer|none"},
    {"site", "remove", admin_site_remove, no_options, yes_flag, "site remove DOMAIN --yes"},
    {"audit", NULL, admin_audit, audit_values, json_flag,
     "audit [--since 30d] [--team T] [--json]"},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(int argc, char **argv)
{
    for (size_t i = 0; i < N_COMMANDS && argc > 0; i++) {
        const struct command *c = &commands[i];
        if (strcmp(c->name, argv[0]) == 0 &&
            (!c->sub || (argc > 1 && strcmp(c->sub, argv[1]) == 0)))
            return c;
    }
    return NULL;
}

bool admin_knows(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return true;
    return false;
}

int admin_fail(struct admin_job *job, int code, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_printf(job->err, "logferry-server: %s\n", text);
    return code;
}

int admin_failed(struct admin_job *job, enum admin_result result, const char *what)
{
    if (result == ADMIN_TAKEN)
        return admin_fail(job, EXIT_BAD_DATA, "%s exists already; choose another name", what);
    if (result == ADMIN_FULL)
        return admin_fail(job, EXIT_BAD_DATA, "%s: there are as many as there may be; remove one",
                          what);
    if (result == ADMIN_LAST_OWNER)
        return admin_fail(job, EXIT_BAD_DATA,
                          "%s is the last owner; make another one first: logferry-server user set "
                          "NAME --role owner, or team member TEAM NAME owner",
                          what);
    if (result == ADMIN_ENDED)
        return admin_fail(
            job, EXIT_BAD_DATA,
            "%s is revoked or expired; first: logferry-server client reactivate NAME, "
            "or client update NAME --expires T",
            what);
    if (result == ADMIN_NONE)
        return admin_fail(job, EXIT_BAD_DATA, "%s is not there; nothing was changed", what);
    return admin_fail(job, EXIT_CANNOT_WRITE,
                      "cannot write %s to the store; make room on its disk and try again", what);
}

void admin_put_store(struct admin_job *job, struct buf *out)
{
    if (job->call->store_dir)
        buf_printf(out, " --store %s", job->call->store_dir);
}

int admin_team(struct admin_job *job, const struct team **team)
{
    const struct team *teams;
    struct str name = args_value(&job->args, "--team");
    const struct rights *r = session_rights(job->session);
    size_t n = r ? rights_teams(r, &teams) : 0;
    if (n == 0)
        return admin_fail(job, EXIT_BAD_CONFIG,
                          "the store holds no team yet; first: "
                          "logferry-server init");
    for (size_t i = 0; i < n; i++) {
        if (str_is_set(name) ? str_eq(teams[i].name, name) : n == 1) {
            *team = &teams[i];
            return 0;
        }
    }
    if (str_is_set(name))
        return admin_fail(job, EXIT_BAD_DATA, "unknown team %s; the first one is %s", name.p,
                          teams[0].name.p);
    return admin_fail(job, EXIT_USAGE, "there are %zu teams; say which with --team NAME", n);
}

int admin_domain(struct admin_job *job, const char *text, bool keep_www, struct buf *host)
{
    char bytes[URL_HOST_MAX];
    struct str name = {bytes, 0};
    if (!site_host(str_of(text), keep_www, bytes, &name.n))
        return admin_fail(job, EXIT_BAD_DATA,
                          "\"%s\" is no host name; write it like example.com (xn--… when it has "
                          "other letters)",
                          text);
    buf_reset(host);
    buf_put_str(host, name);
    return host->failed ? EXIT_INTERNAL : 0;
}

static int usage(struct admin_job *job, const char *name)
{
    buf_printf(job->err, "logferry-server: unknown use of `%s`; it is:\n", name);
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            buf_printf(job->err, "  logferry-server %s\n", commands[i].usage);
    return EXIT_USAGE;
}

static int execute(struct admin_job *job)
{
    struct admin_call *call = job->call;
    const struct command *command = find(call->argc, call->argv);
    struct buf why;
    if (!command)
        return usage(job, call->argc > 0 ? call->argv[0] : "");
    int skip = command->sub ? 2 : 1;
    buf_init(&why, 1024);
    int code = 0;
    if (args_parse(&job->args, call->argc - skip, call->argv + skip, command->with_value,
                   command->flags, &why))
        code = admin_fail(job, EXIT_USAGE, "%s: %s", command->usage,
                          why.failed ? "?" : buf_cstr(&why));
    buf_release(&why);
    return code ? code : command->run(job);
}

int admin_execute(struct store_session *session, void *arg)
{
    struct admin_call *call = arg;
    struct admin_job *job = calloc(1, sizeof(*job));
    call->code = EXIT_INTERNAL;
    if (job) {
        *job = (struct admin_job){
            .session = session, .call = call, .out = call->out, .err = call->err};
        call->code = execute(job);
    }
    free(job);
    if (call->code == 0 && (call->out->failed || call->err->failed))
        call->code = EXIT_INTERNAL;
    return call->code == 0 ? 0 : -1;
}
