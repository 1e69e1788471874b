/*
 * admin_exclude.c - exclude add, list, remove: what is accepted and not stored.
 */
#include "server/admin_commands.h"

#include "parsers/base/json.h"
#include "parsers/base/time.h"

static const struct {
    const char *option;
    enum exclusion_kind kind;
} kinds[] = {
    {"--ip", EXCLUSION_IP},
    {"--country", EXCLUSION_COUNTRY},
    {"--user-agent", EXCLUSION_USER_AGENT},
    {"--path", EXCLUSION_PATH},
};

struct scope {
    int64_t team, site;
};

/* From --site, --team or --instance, of which there must be one. */
static int find_scope(struct admin_job *job, struct scope *scope)
{
    struct str site_name = args_value(&job->args, "--site"),
               team_name = args_value(&job->args, "--team");
    bool instance = args_flag(&job->args, "--instance");
    *scope = (struct scope){0, 0};
    if (str_is_set(site_name) + str_is_set(team_name) + instance != 1)
        return admin_fail(job, EXIT_USAGE,
                          "say where: --site example.com, --team NAME or --instance");
    if (instance)
        return 0;
    if (str_is_set(team_name)) {
        const struct team *team = NULL;
        int code = admin_team(job, &team);
        scope->team = team ? team->id : 0;
        return code;
    }
    const struct rights *r = session_rights(job->session);
    const struct site *site = r ? rights_site_by_host(r, site_name) : NULL;
    if (!site)
        return admin_fail(job, EXIT_BAD_DATA, "unknown site %s; see logferry-server site list",
                          site_name.p);
    scope->site = site->id;
    return 0;
}

static int add_one(struct admin_job *job, const struct scope *scope, enum exclusion_kind kind,
                   const char *text)
{
    struct buf value;
    const char *why = "";
    struct exclusion e = {.team = scope->team,
                          .site = scope->site,
                          .kind = kind,
                          .description = args_value(&job->args, "--description")};
    int code = 0;
    buf_init(&value, EXCLUSION_VALUE_MAX);
    if (!exclusion_clean(kind, str_of(text), &value, &why)) {
        code = admin_fail(job, EXIT_BAD_DATA, "\"%s\": expected %s", text, why);
    } else {
        e.value = buf_str(&value);
        enum admin_result result = session_add_exclusion(job->session, &e);
        if (result == ADMIN_OK)
            buf_printf(job->out, "%s %s\n", e.uuid_text, text);
        else
            code = admin_failed(job, result, text);
    }
    buf_release(&value);
    return code;
}

int admin_exclude_add(struct admin_job *job)
{
    struct scope scope;
    size_t added = 0;
    if (job->args.n_words > 0)
        return admin_fail(job, EXIT_USAGE, "exclude add takes options only; found %s",
                          job->args.words[0]);
    if (args_value(&job->args, "--description").n > EXCLUSION_DESCRIPTION_MAX)
        return admin_fail(job, EXIT_USAGE, "--description has at most %d bytes",
                          EXCLUSION_DESCRIPTION_MAX);
    int code = find_scope(job, &scope);
    for (size_t i = 0; i < job->args.n_options && !code; i++) {
        for (size_t k = 0; k < COUNT_OF(kinds) && !code; k++) {
            if (strcmp(job->args.options[i].name, kinds[k].option) != 0)
                continue;
            code = add_one(job, &scope, kinds[k].kind, job->args.options[i].value);
            added++;
        }
    }
    if (!code && added == 0)
        return admin_fail(job, EXIT_USAGE,
                          "say what: --ip 198.51.100.0/24, --country DE, --user-agent TEXT, "
                          "--path /healthz");
    return code;
}

/* ---- list -------------------------------------------------------------------------------------
 */

/* "example.com", "team NAME", or "instance". */
static void put_scope(struct buf *out, const struct rights *r, const struct exclusion *e)
{
    const struct site *site = e->site ? rights_site_by_id(r, e->site) : NULL;
    const struct team *team = e->team ? rights_team_by_id(r, e->team) : NULL;
    if (site)
        buf_put_str(out, site->domain);
    else if (team)
        buf_printf(out, "team %s", team->name.p);
    else
        buf_put_str(out, e->site || e->team ? STR("(gone)") : STR("instance"));
}

static void put_json(struct buf *out, const struct rights *r, const struct exclusion *e)
{
    struct buf scope;
    buf_init(&scope, 1024);
    put_scope(&scope, r, e);
    buf_printf(out, "{\"id\":\"%s\",\"scope\":", e->uuid_text);
    json_put_string(out, buf_str(&scope));
    buf_printf(out, ",\"kind\":\"%s\",\"value\":", exclusion_kind_name(e->kind));
    json_put_string(out, e->value);
    buf_lit(out, ",\"description\":");
    json_put_string(out, e->description);
    buf_lit(out, ",\"created_at\":\"");
    time_put_rfc3339(out, e->created_ms);
    buf_lit(out, "\"}");
    buf_release(&scope);
}

static void put_line(struct buf *out, const struct rights *r, const struct exclusion *e)
{
    buf_printf(out, "%s %-10s %s  (", e->uuid_text, exclusion_kind_name(e->kind), e->value.p);
    put_scope(out, r, e);
    buf_putc(out, ')');
    if (e->description.n > 0)
        buf_printf(out, " %s", e->description.p);
    buf_putc(out, '\n');
}

/* Those of one site, or all. */
static void put_list(struct admin_job *job, const struct rights *r, const struct site *site)
{
    const struct exclusion *list;
    bool json = args_flag(&job->args, "--json");
    const char *before = json ? "[" : "";
    size_t n = exclusions_list(rights_exclusions(r), &list), shown = 0;
    for (size_t i = 0; i < n; i++) {
        if (site && !exclusion_in_scope(&list[i], site))
            continue;
        shown++;
        buf_put_str(job->out, str_of(before));
        before = json ? "," : "";
        (json ? put_json : put_line)(job->out, r, &list[i]);
    }
    if (json)
        buf_put_str(job->out, shown > 0 ? STR("]\n") : STR("[]\n"));
    else if (shown == 0)
        buf_lit(job->out, "nothing is excluded by the store; the configuration may do so\n");
}

int admin_exclude_list(struct admin_job *job)
{
    const struct rights *r = session_rights(job->session);
    struct str name = args_value(&job->args, "--site");
    const struct site *site = r && str_is_set(name) ? rights_site_by_host(r, name) : NULL;
    if (!r)
        return admin_fail(job, EXIT_CANNOT_WRITE, "the store cannot be read");
    if (str_is_set(name) && !site)
        return admin_fail(job, EXIT_BAD_DATA, "unknown site %s; see logferry-server site list",
                          name.p);
    put_list(job, r, site);
    return 0;
}

/* ---- remove -----------------------------------------------------------------------------------
 */

int admin_exclude_remove(struct admin_job *job)
{
    if (job->args.n_words == 0)
        return admin_fail(job, EXIT_USAGE,
                          "exclude remove takes ids; see logferry-server exclude list");
    for (size_t i = 0; i < job->args.n_words; i++) {
        const struct rights *r = session_rights(job->session);
        const struct exclusion *e =
            r ? exclusion_by_uuid(rights_exclusions(r), str_of(job->args.words[i])) : NULL;
        enum admin_result result = e   ? session_remove_exclusion(job->session, e->id)
                                   : r ? ADMIN_NONE
                                       : ADMIN_FAILED;
        if (result != ADMIN_OK)
            return admin_failed(job, result, job->args.words[i]);
    }
    buf_printf(job->out, "%zu removed\n", job->args.n_words);
    return 0;
}
