/*
 * agent_config.c - logferry.yaml as a whole: defaults, the small sections, one owner. The large
 * sections are in agent_destinations.c, agent_sites.c, agent_sources.c and agent_rules.c.
 */
#include "config/agent_config.h"

#include "config/agent_sections.h"
#include "config/arena.h"
#include "config/config_file.h"
#include "config/fields.h"
#include "config/values.h"
#include "parsers/base/time.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)
#define MAX_WORKERS 16 /* POOL_MAX_WORKERS of agent/pool.h */

static unsigned default_workers(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return n < 1 ? 1 : n > 4 ? 4 : (unsigned)n;
}

static struct str default_node(struct config_arena *a)
{
    char name[65];

    if (gethostname(name, sizeof(name)) != 0)
        return STR("localhost");
    name[sizeof(name) - 1] = '\0';
    return value_label(str_of(name)) ? config_arena_str(a, str_of(name)) : STR("localhost");
}

static void set_defaults(struct agent_config *c)
{
    c->node = default_node(c->arena);
    judge_rules_defaults(&c->rules);
    privacy_defaults(&c->privacy);
    c->limits.spool_bytes = GIB;
    c->limits.dead_bytes = 64 * MIB;
    c->limits.max_age_ms = 7 * DAY_MS;
    c->limits.when_full = WHEN_FULL_BLOCK;
    c->state_dir = config_file_directory(c->arena, "STATE_DIRECTORY", STR("/var/lib/logferry"));
    c->workers = default_workers();
}

static void read_limits(struct config_errors *e, const struct yaml_item *map,
                        struct agent_config *c)
{
    static const struct field_key keys[] = {
        {"spool", false}, {"dead", false}, {"max_age", false}, {"when_full", false}};
    static const struct field_range spool = {MIB, 16 * TIB, {"a size from 1MiB to 16TiB", "1GiB"}};
    static const struct field_range dead = {
        64 * KIB, 16 * TIB, {"a size from 64KiB to 16TiB", "64MiB"}};
    static const struct field_range age = {
        60000, 365 * DAY_MS, {"a duration from 1m to 365d", "7d"}};
    static const struct field_hint full = {"block or drop_oldest", "block"};
    static const char *const full_names[] = {"block", "drop_oldest"};
    size_t choice;

    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    field_size(e, map, "spool", spool, &c->limits.spool_bytes);
    field_size(e, map, "dead", dead, &c->limits.dead_bytes);
    field_duration(e, map, "max_age", age, &c->limits.max_age_ms);
    const struct yaml_item *item = field_scalar(e, map, "when_full", full);
    if (item &&
        field_name(e, item, (struct field_names){full_names, COUNT_OF(full_names)}, &choice))
        c->limits.when_full = (enum when_full)choice;
}

static void read_node(struct config_errors *e, const struct yaml_item *root, struct agent_config *c)
{
    static const struct field_hint hint = {"1 to 64 letters, digits, `-`, `_` or `.`", "web-1"};
    const struct yaml_item *item = field_scalar(e, root, "node", hint);

    if (item && !value_label(item->text))
        field_bad_value(e, item, "is no label", hint);
    else if (item)
        c->node = item->text;
}

static void read_metrics(struct config_errors *e, const struct yaml_item *map,
                         struct agent_config *c)
{
    static const struct field_key keys[] = {{"listen", false}};
    static const struct field_hint hint = {"ADDRESS:PORT with a numeric address", "127.0.0.1:9464"};

    if (!field_map(e, map, keys, COUNT_OF(keys)) || !field_listen(e, map, hint, &c->metrics) ||
        str_is_set(c->metrics.address))
        return;
    field_bad_value(e, yaml_item_get(map, "listen"), "is a socket, which Prometheus cannot read",
                    hint);
}

static void read_root(struct config_errors *e, const struct yaml_item *root, struct agent_config *c)
{
    static const struct field_key keys[] = {
        {"node", false},      {"destinations", false}, {"sites", false},   {"sources", false},
        {"exclude", false},   {"pages", false},        {"limits", false},  {"ai", false},
        {"state_dir", false}, {"workers", false},      {"privacy", false}, {"agents_dir", false},
        {"metrics", false},
    };
    static const struct field_key ai_keys[] = {{"search_engines", false}};
    static const struct field_range workers = {1, MAX_WORKERS, {"a number from 1 to 16", "4"}};

    if (!field_map(e, root, keys, COUNT_OF(keys)) && root->kind != YAML_EMPTY)
        return;
    read_node(e, root, c);
    agent_read_destinations(e, root, c);
    agent_read_sites(e, root, c);
    agent_read_sources(e, root, c);
    agent_read_rules(e, root, c);
    agent_read_privacy(e, root, c);
    agent_check_protocols(e, root, c);
    read_limits(e, yaml_item_get(root, "limits"), c);
    if (field_map(e, yaml_item_get(root, "ai"), ai_keys, COUNT_OF(ai_keys)))
        field_bool(e, yaml_item_get(root, "ai"), "search_engines", &c->ai_search_engines);
    read_metrics(e, yaml_item_get(root, "metrics"), c);
    field_path(e, root, "state_dir", "/var/lib/logferry", &c->state_dir);
    field_path(e, root, "agents_dir", "/var/lib/logferry/agents", &c->agents_dir);
    field_u32(e, root, "workers", workers, &c->workers);
}

struct agent_config *agent_config_parse(struct str text, const char *name, struct buf *error)
{
    struct config_arena *arena = config_arena_new(CONFIG_ARENA_BYTES);
    struct agent_config *c = arena ? config_arena_alloc(arena, sizeof(*c)) : NULL;
    struct config_errors e;

    if (!c) {
        buf_printf(error, "%s: out of memory\n", name);
        config_arena_free(arena);
        return NULL;
    }
    c->arena = arena;
    c->path = config_arena_str(arena, str_of(name));
    config_errors_init(&e, str_of(name), arena);
    set_defaults(c);
    const struct yaml_item *root = yaml_item_parse(text, &e);
    if (root)
        read_root(&e, root, c);
    if (config_file_verdict(&e, error)) {
        config_arena_free(arena);
        return NULL;
    }
    return c;
}

struct agent_config *agent_config_load(const char *path, struct buf *error)
{
    struct agent_config *c = NULL;
    struct buf text;

    buf_init(&text, YAML_MAX_BYTES + 1);
    if (config_file_read(path, &text, error) == 0)
        c = agent_config_parse(buf_str(&text), path, error);
    buf_release(&text);
    return c;
}

void agent_config_free(struct agent_config *c)
{
    if (c)
        config_arena_free(c->arena); /* which holds *c as well */
}
