/* backfill_job.c - see backfill_job.h. */
#include "agent/backfill_job.h"

#include "agent/auto_format.h"
#include "agent/state_dir.h"
#include "config/exit_codes.h"
#include "parsers/base/fault.h"
#include "parsers/base/hash.h"
#include "parsers/base/json.h"
#include "parsers/base/sys.h"

#include <stdlib.h>
#include <time.h>

static int complain(struct backfill_job *j, int code, const char *format, const char *what)
{
    char line[8192];
    int n = snprintf(line, sizeof(line), format, what);
    buf_printf(j->err, "logferry %s: %.*s\n", j->command,
               n < (int)sizeof(line) ? n : (int)sizeof(line) - 1, line);
    return code;
}

/* ---- configuration ----------------------------------------------------------------------------
 */

static bool is_url(const char *text)
{
    return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0 ||
           strncmp(text, "unix:", 5) == 0;
}

/* A configuration for --output URL: the token comes from $LOGFERRY_TOKEN, or the usual file. */
static int config_of_url(struct backfill_job *j, const char *url)
{
    struct buf text, error;
    const char *token = getenv("LOGFERRY_TOKEN");
    buf_init(&text, 16u << 10);
    buf_init(&error, 16u << 10);
    buf_lit(&text, "destinations:\n  output:\n    url: ");
    json_put_string(&text, str_of(url));
    if (token)
        buf_lit(&text, "\n    token_env: LOGFERRY_TOKEN");
    buf_putc(&text, '\n');
    j->config = agent_config_parse(buf_str(&text), "--output", &error);
    int code = j->config ? 0
                         : complain(j, EXIT_USAGE, "%s",
                                    error.failed || !buf_cstr(&error) ? "out of memory"
                                                                      : buf_cstr(&error));
    buf_release(&text);
    buf_release(&error);
    return code;
}

static int config_of_file(struct backfill_job *j, const char *path)
{
    struct buf error;
    buf_init(&error, 64u << 10);
    j->config = agent_config_load(path, &error);
    if (!j->config)
        buf_printf(j->err, "%.*s\n", STR_ARGS(str_trim(buf_str(&error))));
    buf_release(&error);
    if (j->config && !j->config->n_destinations)
        return complain(j, EXIT_BAD_CONFIG, "%s: there is no destination", path);
    return j->config ? 0 : EXIT_BAD_CONFIG;
}

/* Of several destinations, only the one that --output names. */
static int choose_destination(struct backfill_job *j, const char *name)
{
    struct agent_config *c = j->config;
    for (size_t i = 0; i < c->n_destinations; i++) {
        if (!str_eq(c->destinations[i].name, str_of(name)))
            continue;
        c->destinations[0] = c->destinations[i];
        c->n_destinations = 1;
        for (size_t k = 0; k < c->n_sites; k++)
            c->sites[k].to = c->sites[k].to >> i & 1;
        return 0;
    }
    return complain(j, EXIT_USAGE, "the configuration has no destination `%s`", name);
}

static int choose_source(struct backfill_job *j, const struct options *o)
{
    const struct agent_config *c = j->config;
    j->source =
        (struct source_config){.name = STR("backfill"), .files = STR("-"), .scheme = STR("https")};
    for (size_t i = 0; o->source && i < c->n_sources; i++)
        if (str_eq(c->sources[i].name, str_of(o->source)))
            j->source = c->sources[i];
    if (o->source && !str_eq(j->source.name, str_of(o->source)))
        return complain(j, EXIT_USAGE, "the configuration has no source `%s`", o->source);
    if (!o->source && !o->format && c->n_sources == 1)
        j->source = c->sources[0];
    if (o->format) {
        j->source.format = str_of(o->format);
        j->source.cdn = CDN_NONE; /* source_init knows */
    }
    if (o->host)
        j->source.default_host = str_of(o->host);
    if (!str_is_set(j->source.format))
        return complain(j, EXIT_USAGE, "%s",
                        "say how to read the lines: --source NAME of the configuration, or "
                        "--format FORMAT and --host HOST");
    if (auto_format_wanted(&j->source) &&
        !auto_format_of_paths(j->config, &j->source, o->state_dir ? o->state_dir : c->state_dir.p,
                              o->paths, o->n_paths))
        return complain(j, EXIT_BAD_DATA, "%s",
                        "no format is known that fits these lines, as `auto` wants it; name one "
                        "with --format, `logferry detect FILE` shows what fits and what does not");
    return 0;
}

/* ---- the job's directory ----------------------------------------------------------------------
 */

static void hash_in(struct buf *b, struct str s)
{
    buf_put_u64(b, s.n);
    buf_putc(b, ':');
    if (s.n)
        buf_put_str(b, s);
}

static void hash_rules(struct buf *b, const struct agent_config *c)
{
    const struct judge_rules *r = &c->rules;
    const struct str_set sets[] = {
        r->methods, r->types,  r->extensions,    r->not_pages,    r->drop_query,
        r->editors, r->always, r->health_checks, r->exclude_path, r->exclude_user_agent};
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        buf_put_u64(b, sets[i].n);
        for (size_t k = 0; k < sets[i].n; k++)
            hash_in(b, sets[i].items[k]);
    }
    buf_put_u64(b, r->count_prefetch);
    buf_put(b, r->statuses, r->n_statuses * sizeof(*r->statuses));
    buf_put(b, r->exclude_ip, r->n_exclude_ip * sizeof(*r->exclude_ip));
    for (size_t i = 0; i < c->n_sites; i++) {
        hash_in(b, c->sites[i].site);
        for (size_t k = 0; k < c->sites[i].hosts.n; k++)
            hash_in(b, c->sites[i].hosts.items[k]);
    }
}

static void make_id(struct backfill_job *j, const struct options *o)
{
    struct buf b;
    buf_init(&b, 64u << 20);
    hash_in(&b, STR(LOGFERRY_VERSION));
    for (size_t i = 0; i < j->config->n_destinations; i++) {
        hash_in(&b, j->config->destinations[i].url);
        buf_put_u64(&b, j->config->destinations[i].send);
    }
    hash_in(&b, j->source.format);
    hash_in(&b, j->source.default_host);
    hash_in(&b, j->source.scheme);
    buf_put_i64(&b, o->since_ms / 3600000); /* "30d" is another instant at each run */
    buf_put_i64(&b, o->until_ms / 3600000);
    hash_rules(&b, j->config);
    for (size_t i = 0; i < o->n_paths; i++)
        hash_in(&b, str_of(o->paths[i]));
    snprintf(j->id, sizeof(j->id), "%016llx", (unsigned long long)hash_64(buf_str(&b), 0));
    buf_release(&b);
}

static int open_directory(struct backfill_job *j, const char *state)
{
    struct buf why;
    int code = 0;
    buf_init(&why, 8192);
    snprintf(j->path, sizeof(j->path), "%s/jobs/%s", state, j->id);
    if (state_dir_open(j->path, &j->fd, &j->lock, &why, &code)) {
        const char *text = buf_cstr(&why) ? buf_cstr(&why) : "out of memory";
        j->busy = strstr(text, "is in use") != NULL;
        complain(j, code,
                 j->busy ? "the same backfill is under way already; wait for it: %s" : "%s", text);
    }
    buf_release(&why);
    fault_point("job.after_open");
    return code;
}

int backfill_job_choose(struct backfill_job *j, const struct options *o, const char *command,
                        struct buf *err)
{
    *j = (struct backfill_job){.command = command, .fd = -1, .lock = -1, .err = err};
    bool url = o->output && is_url(o->output);
    int code = url ? config_of_url(j, o->output) : config_of_file(j, o->config);
    if (!code && o->output && !url)
        code = choose_destination(j, o->output);
    return code ? code : choose_source(j, o);
}

/* Nothing would come of it: only AI fetches are sent, and none of the past. */
static int refuse_vain(struct backfill_job *j, const struct options *o)
{
    int64_t hour_ago = (int64_t)time(NULL) * 1000 - 3600000;
    for (size_t i = 0; i < j->config->n_destinations; i++) {
        const struct destination_config *d = &j->config->destinations[i];
        if (d->protocol != PROTOCOL_HITKEEP || (d->send & SEND_PAGEVIEW) ||
            d->send_late_ai_fetches || o->since_ms > hour_ago)
            return 0;
    }
    return complain(j, EXIT_BAD_CONFIG,
                    "destination `%s` is a HitKeep that is sent AI fetches only, and it would file "
                    "those of the past under today; write `send: [pageview, ai_fetch]` to send "
                    "the pageviews, or `late_ai_fetch: send` if the day does not matter",
                    j->config->destinations[0].name.p);
}

int backfill_job_open(struct backfill_job *j, const struct options *o, const char *state,
                      struct buf *err)
{
    int code = backfill_job_choose(j, o, "backfill", err);
    if (!code)
        code = refuse_vain(j, o);
    if (code)
        return code;
    if (o->jobs)
        j->config->workers = (unsigned)o->jobs;
    make_id(j, o);
    if (!state)
        state = o->state_dir ? o->state_dir : j->config->state_dir.p;
    return open_directory(j, state);
}

/* All is delivered: what is left of the directory after a crash in here sends nothing but what the
 * server has. */
static void remove_directory(struct backfill_job *j)
{
    static const char *const files[] = {"positions.a", "positions.b", "lock"};
    static const char *const shelves[] = {"spool", "parked", "dead"};
    char cache[128];
    fault_point("job.before_remove");
    for (size_t i = 0; i < j->config->n_destinations; i++) {
        snprintf(cache, sizeof(cache), "sites.%s.json", j->config->destinations[i].name.p);
        sys_unlinkat(j->fd, cache, 0);
    }
    sys_unlinkat(j->fd, "visitor.keys", 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        sys_unlinkat(j->fd, files[i], 0);
        fault_point("job.after_unlink");
    }
    for (size_t i = 0; i < sizeof(shelves) / sizeof(shelves[0]); i++)
        sys_unlinkat(j->fd, shelves[i], AT_REMOVEDIR); /* stays when something waits in it */
    sys_unlinkat(AT_FDCWD, j->path, AT_REMOVEDIR);
    fault_point("job.after_remove");
}

void backfill_job_close(struct backfill_job *j, bool complete)
{
    if (complete && j->fd >= 0)
        remove_directory(j);
    if (j->fd >= 0)
        sys_close(j->fd);
    if (j->lock >= 0)
        sys_close(j->lock);
    agent_config_free(j->config);
}
