/*
 * admin_site.c - init, and the commands about sites.
 */
#include "server/admin_commands.h"

#include <stdlib.h>

#include "parsers/base/json.h"
#include "parsers/base/time.h"

/* ---- init --------------------------------------------------------------------------------- */

static void put_next(struct admin_job *job, const char *what)
{
    buf_lit(job->out, "  logferry-server");
    admin_put_store(job, job->out);
    buf_printf(job->out, " %s\n", what);
}

/* The first person: of the server, and of the first team. */
static enum admin_result add_owner(struct admin_job *job, struct str name, int64_t team)
{
    struct new_user user = {.name = name,
                            .password_hash = args_value(&job->args, "--password-hash"),
                            .instance_role = INSTANCE_OWNER};
    struct member member = {.team = team, .role = TEAM_OWNER};
    enum admin_result result = session_add_user(job->session, &user, &member.user);
    return result == ADMIN_OK ? session_set_member(job->session, &member) : result;
}

int admin_init(struct admin_job *job)
{
    struct str team = args_value(&job->args, "--team"), owner = args_value(&job->args, "--owner");
    const struct rights *r = session_rights(job->session);
    const struct team *teams;
    int64_t id = 0;
    if (!r || job->args.n_words > 0)
        return admin_fail(job, r ? EXIT_USAGE : EXIT_CANNOT_WRITE,
                          "init takes --team, --owner and --password-file only");
    if (rights_teams(r, &teams) > 0) {
        buf_printf(job->out, "the store is there already, with the team %s; nothing was changed\n",
                   teams[0].name.p);
        return 0;
    }
    team = team.n ? team : STR("default");
    owner = owner.n ? owner : STR("owner");
    enum admin_result result = session_add_team(job->session, team, &id);
    if (result == ADMIN_OK)
        result = add_owner(job, owner, id);
    if (result != ADMIN_OK)
        return admin_failed(job, result, "the first team and its owner");
    buf_printf(job->out, "The store is ready: team %.*s, owner %.*s. What to do next:\n",
               STR_ARGS(team), STR_ARGS(owner));
    put_next(job, "site add example.com");
    put_next(job, "client create --name web-1 --grant example.com=ingest");
    put_next(job, "serve");
    if (!str_is_set(args_value(&job->args, "--password-hash"))) {
        buf_printf(job->out, "So that %.*s can log in:\n", STR_ARGS(owner));
        put_next(job, "user password OWNER <FILE");
    }
    return 0;
}

/* ---- site add, alias ---------------------------------------------------------------------- */

static int add_alias(struct admin_job *job, const struct site *site, const char *text)
{
    struct buf host;
    buf_init(&host, 256);
    int code = admin_domain(job, text, true, &host);
    /* The site of the copy in hand may change with the first alias: only its number is kept. */
    const struct rights *r = session_rights(job->session);
    const struct site *there = r && !code ? rights_site_by_host(r, buf_str(&host)) : NULL;
    if (there && there->id != site->id)
        code = admin_fail(job, EXIT_BAD_DATA,
                          "the host %s belongs to the site %s already; remove "
                          "it there: logferry-server site alias %s --remove %s",
                          text, there->domain.p, there->domain.p, text);
    else if (!code && !there) {
        enum admin_result result = session_add_alias(job->session, site->id, buf_str(&host));
        code = result == ADMIN_OK ? 0 : admin_failed(job, result, text);
    }
    buf_release(&host);
    return code;
}

static int put_site(struct admin_job *job, int64_t id)
{
    const struct rights *r = session_rights(job->session);
    const struct site *site = r ? rights_site_by_id(r, id) : NULL;
    if (!site)
        return admin_fail(job, EXIT_INTERNAL, "the new site cannot be read back");
    if (args_flag(&job->args, "--json")) {
        buf_printf(job->out, "{\"id\":\"%s\",\"domain\":\"%s\"}\n", site->uuid_text,
                   site->domain.p);
        return 0;
    }
    buf_printf(job->out, "site %s added, id %s\n", site->domain.p, site->uuid_text);
    return 0;
}

static int add_site(struct admin_job *job, const struct new_site *site, int64_t *id)
{
    const struct rights *r = session_rights(job->session);
    const struct site *there = r ? rights_site_by_host(r, site->domain) : NULL;
    if (there)
        return admin_fail(job, EXIT_BAD_DATA, "%s belongs to the site %s already",
                          job->args.words[0], there->domain.p);
    enum admin_result result = session_add_site(job->session, site, id);
    return result == ADMIN_OK ? 0 : admin_failed(job, result, "this site");
}

int admin_site_add(struct admin_job *job)
{
    const struct team *team = NULL;
    struct buf domain;
    struct new_site site = {0};
    int64_t id = 0;
    if (job->args.n_words != 1)
        return admin_fail(job, EXIT_USAGE, "site add takes one domain: site add example.com");
    int code = admin_team(job, &team);
    buf_init(&domain, 256);
    if (!code)
        code = admin_retention(job, RETENTION_DAYS_DEFAULT, &site.retention_days);
    if (!code)
        code = admin_domain(job, job->args.words[0], false, &domain);
    if (!code) {
        site.domain = buf_str(&domain);
        site.team = team->id;
        code = add_site(job, &site, &id);
    }
    buf_release(&domain);
    struct site added = {.id = id};
    for (size_t i = 0; i < job->args.n_options && !code; i++)
        if (strcmp(job->args.options[i].name, "--alias") == 0)
            code = add_alias(job, &added, job->args.options[i].value);
    struct str zone = args_value(&job->args, "--time-zone");
    if (!code && zone.n)
        code = admin_set_time_zone(job, id, zone);
    return code ? code : put_site(job, id);
}

static int remove_alias(struct admin_job *job, int64_t site, const char *text)
{
    struct buf host;
    buf_init(&host, 256);
    int code = admin_domain(job, text, true, &host);
    if (!code) {
        enum admin_result result = session_remove_alias(job->session, site, buf_str(&host));
        code = result == ADMIN_OK ? 0 : admin_failed(job, result, text);
    }
    buf_release(&host);
    return code;
}

int admin_site_alias(struct admin_job *job)
{
    const struct rights *r = session_rights(job->session);
    if (job->args.n_words < 2)
        return admin_fail(job, EXIT_USAGE,
                          "site alias takes a site and hosts: "
                          "site alias example.com shop.example.com");
    const struct site *site = r ? rights_site_by_host(r, str_of(job->args.words[0])) : NULL;
    if (!site)
        return admin_fail(job, EXIT_BAD_DATA, "unknown site %s; see logferry-server site list",
                          job->args.words[0]);
    struct site copy = {.id = site->id};
    bool remove = args_flag(&job->args, "--remove");
    for (size_t i = 1; i < job->args.n_words; i++) {
        int code = remove ? remove_alias(job, copy.id, job->args.words[i])
                          : add_alias(job, &copy, job->args.words[i]);
        if (code)
            return code;
    }
    buf_printf(job->out, "%zu %s\n", job->args.n_words - 1, remove ? "removed" : "added");
    return 0;
}

/* ---- site list ---------------------------------------------------------------------------- */

static void put_site_json(struct buf *out, const struct rights *r, const struct site *site)
{
    const struct team *team = rights_team_by_id(r, site->team);
    buf_printf(out, "{\"id\":\"%s\",\"domain\":", site->uuid_text);
    json_put_string(out, site->domain);
    buf_lit(out, ",\"team\":");
    json_put_string(out, team ? team->name : STR_NONE);
    buf_lit(out, ",\"aliases\":[");
    for (size_t i = 0; i < site->n_aliases; i++) {
        buf_put_str(out, i ? STR(",") : STR(""));
        json_put_string(out, site->aliases[i]);
    }
    buf_lit(out, "],\"time_zone\":");
    json_put_string(out, site->time_zone);
    buf_printf(out, ",\"retention_days\":%u,\"created_at\":\"", site->retention_days);
    time_put_rfc3339(out, site->created_ms);
    buf_lit(out, "\"}");
}

static void put_site_line(struct buf *out, const struct site *site)
{
    buf_printf(out, "%-32s %s", site->domain.p, site->uuid_text);
    for (size_t k = 0; k < site->n_aliases; k++)
        buf_printf(out, " %s", site->aliases[k].p);
    if (site->retention_days)
        buf_printf(out, " (%u days)", site->retention_days);
    else
        buf_lit(out, " (for ever)");
    if (!str_eq(site->time_zone, STR("UTC")))
        buf_printf(out, " (%s)", site->time_zone.p);
    buf_putc(out, '\n');
}

int admin_site_list(struct admin_job *job)
{
    const struct rights *r = session_rights(job->session);
    const struct site *sites;
    bool json = args_flag(&job->args, "--json");
    if (!r)
        return admin_fail(job, EXIT_CANNOT_WRITE, "the store cannot be read");
    size_t n = rights_sites(r, &sites);
    if (json)
        buf_putc(job->out, '[');
    for (size_t i = 0; i < n; i++) {
        if (json) {
            buf_put_str(job->out, i ? STR(",") : STR(""));
            put_site_json(job->out, r, &sites[i]);
            continue;
        }
        put_site_line(job->out, &sites[i]);
    }
    if (json)
        buf_lit(job->out, "]\n");
    else if (n == 0)
        buf_lit(job->out, "no site yet; add one: logferry-server site add example.com\n");
    return 0;
}
