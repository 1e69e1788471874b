/* cmd_agents.c - the AI agents that are known, and how each can be verified. The update of what
 * they are known by is in agents_update.c. */
#include "agent/agents_home.h"
#include "agent/agents_update.h"
#include "agent/commands.h"
#include "config/exit_codes.h"
#include "parsers/base/json.h"
#include "parsers/base/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OUT_MAX (16u << 20)

static void complain(struct str why)
{
    fprintf(stderr, "logferry agents: not used: %.*s\n", STR_ARGS(why));
}

/* ---- for people -------------------------------------------------------------------------------
 */

static void put_lists_of(struct buf *b, const struct agents_home *h, const struct agent *a)
{
    uint64_t own = ranges_lists_of(h->ranges, a);
    bool some = false;
    for (size_t i = 0; i < catalogue_lists(h->catalogue); i++) {
        struct ranges_info info;
        if (!(own >> i & 1))
            continue;
        buf_printf(b, "%s%s", some ? ", " : "", catalogue_list(h->catalogue, i)->name);
        if (!ranges_info(h->ranges, i, &info))
            buf_lit(b, " (not here)");
        some = true;
    }
    if (!some)
        buf_put_str(b, a->verification[0] ? STR("not by address") : STR("-"));
}

static void put_text(struct buf *b, const struct agents_home *h, const char *directory)
{
    const struct catalogue *c = h->catalogue;
    buf_printf(b, "catalogue of %s, %s: %zu agents\nupdates in %s\n\n", catalogue_date(c),
               h->installed ? "installed" : "built in", catalogue_count(c), directory);
    buf_printf(b, "%-34s %-20s %-10s %s\n", "agent", "operator", "category", "verified by");
    for (size_t i = 0; i < catalogue_count(c); i++) {
        const struct agent *a = catalogue_at(c, i);
        buf_printf(b, "%-34s %-20s %-10s ", a->name, a->operator, agent_category_name(a->category));
        put_lists_of(b, h, a);
        buf_putc(b, '\n');
    }
    buf_printf(b, "\n%-38s %8s  %-10s %-9s %s\n", "address list", "prefixes", "date", "", "from");
    for (size_t i = 0; i < catalogue_lists(c); i++) {
        struct ranges_info info;
        const struct agent_list *l = catalogue_list(c, i);
        if (ranges_info(h->ranges, i, &info)) {
            buf_printf(b, "%-38s %8zu  ", l->name, info.prefixes);
            time_put_date(b, info.date_ms);
            buf_printf(b, " %-9s %s\n", info.installed ? "installed" : "built in", l->url);
        } else {
            buf_printf(b, "%-38s %8s  %-10s %-9s %s\n", l->name, "-", "-", "not here", l->url);
        }
    }
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static void put_key(struct buf *b, const char *key, const char *value)
{
    buf_printf(b, "\"%s\":", key);
    json_put_string(b, str_of(value));
}

static void put_json_list(struct buf *b, const struct agents_home *h, size_t i)
{
    const struct agent_list *l = catalogue_list(h->catalogue, i);
    struct ranges_info info;
    buf_putc(b, '{');
    put_key(b, "name", l->name);
    buf_putc(b, ',');
    put_key(b, "url", l->url);
    if (ranges_info(h->ranges, i, &info)) {
        buf_printf(b, ",\"prefixes\":%zu,\"installed\":%s,\"date\":\"", info.prefixes,
                   info.installed ? "true" : "false");
        time_put_rfc3339(b, info.date_ms);
        buf_lit(b, "\"}");
    } else {
        buf_lit(b, ",\"prefixes\":0,\"installed\":false,\"date\":null}");
    }
}

static void put_json_agent(struct buf *b, const struct agents_home *h, const struct agent *a)
{
    uint64_t own = ranges_lists_of(h->ranges, a);
    bool first = true;
    buf_putc(b, '{');
    put_key(b, "name", a->name);
    buf_putc(b, ',');
    put_key(b, "operator", a->operator);
    buf_printf(b, ",\"category\":\"%s\",\"search_engine\":%s,", agent_category_name(a->category),
               a->search_engine ? "true" : "false");
    put_key(b, "token", a->token);
    buf_putc(b, ',');
    put_key(b, "source", a->source);
    buf_putc(b, ',');
    put_key(b, "verification", a->verification[0] ? a->verification : NULL);
    buf_lit(b, ",\"lists\":[");
    for (size_t i = 0; i < catalogue_lists(h->catalogue); i++)
        if (own >> i & 1) {
            buf_printf(b, "%s\"%s\"", first ? "" : ",", catalogue_list(h->catalogue, i)->name);
            first = false;
        }
    buf_lit(b, "]}");
}

static void put_json(struct buf *b, const struct agents_home *h, const char *directory)
{
    const struct catalogue *c = h->catalogue;
    buf_printf(b, "{\"date\":\"%s\",\"installed\":%s,", catalogue_date(c),
               h->installed ? "true" : "false");
    put_key(b, "directory", directory);
    buf_lit(b, ",\"sources\":[\"vendor\",\"ai.robots.txt\",\"crawler-user-agents\"],\"lists\":[");
    for (size_t i = 0; i < catalogue_lists(c); i++) {
        buf_put_str(b, i ? STR(",") : STR(""));
        put_json_list(b, h, i);
    }
    buf_lit(b, "],\"agents\":[");
    for (size_t i = 0; i < catalogue_count(c); i++) {
        buf_put_str(b, i ? STR(",") : STR(""));
        put_json_agent(b, h, catalogue_at(c, i));
    }
    buf_lit(b, "]}\n");
}

/* ---- the command ------------------------------------------------------------------------------
 */

static int list(const struct options *o, const struct agents_home *h, const char *directory)
{
    struct buf out;
    buf_init(&out, OUT_MAX);
    if (o->json)
        put_json(&out, h, directory);
    else
        put_text(&out, h, directory);
    bool good = !out.failed && fwrite(out.p, 1, out.n, stdout) == out.n && !fflush(stdout);
    buf_release(&out);
    return good ? EXIT_OK : EXIT_CANNOT_WRITE;
}

/* Without a configuration at the usual place the usual directory will do. */
static int find_directory(const struct options *o, struct buf *path)
{
    struct buf error;
    struct agent_config *c = NULL;
    int code = EXIT_OK;
    buf_init(&error, 64u << 10);
    if (!o->state_dir && (o->config_given || access(o->config, F_OK) == 0)) {
        c = agent_config_load(o->config, &error);
        if (!c) {
            fprintf(stderr, "logferry agents: %.*s\n", STR_ARGS(str_trim(buf_str(&error))));
            code = EXIT_BAD_CONFIG;
        }
    }
    if (!code)
        agents_home_path(path, o->state_dir, c);
    agent_config_free(c);
    buf_release(&error);
    return code;
}

int command_agents(const struct options *o)
{
    struct agents_home home = {0};
    struct buf path;
    bool update = o->n_paths && strcmp(o->paths[0], "update") == 0;
    buf_init(&path, 8192);
    int code = find_directory(o, &path);
    const char *directory = buf_cstr(&path);
    if (!code && !directory)
        code = EXIT_INTERNAL;
    if (!code && ((o->n_paths && !update) || (update && o->n_paths == 1))) {
        fputs("logferry agents: give nothing, to see them, or update and the files: "
              "logferry agents update gptbot.json\n",
              stderr);
        code = EXIT_USAGE;
    }
    if (!code && agents_home_load(&home, directory, false, complain))
        code = EXIT_INTERNAL;
    if (!code)
        code = update ? agents_update(o, &home, directory) : list(o, &home, directory);
    agents_home_release(&home);
    buf_release(&path);
    return code;
}
