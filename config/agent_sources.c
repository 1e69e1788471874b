/* agent_sources.c - `sources`: which files, in which format. See agent_sections.h. */
#include "config/agent_sections.h"

#include "config/arena.h"
#include "config/fields.h"
#include "config/values.h"
#include "config/zone_file.h"

#include <stdlib.h>

static const struct field_hint files_hint = {"the absolute path of a log, or a glob",
                                             "/var/log/nginx/{host}.access.log"};

/* {host} stands for one path component's wildcard; other braces would be taken for alternatives,
 * which globs here have none of. */
const char *source_files_problem(struct str files)
{
    struct str host = STR("{host}");
    ptrdiff_t at = str_find(files, host, 0);
    size_t braces = 0;

    if (str_find(files, STR("${"), 0) >= 0)
        return "holds ${…}, which is expanded only in `url` and `token_file`";
    if (!value_absolute_path(files))
        return "is no absolute path";
    if (files.p[files.n - 1] == '/')
        return "names a directory";
    if (at >= 0 && str_find(files, host, (size_t)at + host.n) >= 0)
        return "holds {host} more than once";
    for (size_t i = 0; i < files.n; i++)
        braces += files.p[i] == '{' || files.p[i] == '}';
    return braces != (at >= 0 ? 2u : 0u) ? "holds braces that are not {host}" : NULL;
}

static void read_files(struct config_errors *e, const struct yaml_item *map,
                       struct source_config *s)
{
    const struct yaml_item *item = field_scalar(e, map, "files", files_hint);

    if (!yaml_item_get(map, "files"))
        field_missing(e, map, "files", files_hint);
    if (!item)
        return;
    const char *problem = source_files_problem(item->text);
    if (problem)
        field_bad_value(e, item, problem, files_hint);
    else
        s->files = item->text;
}

/* As logrotate's: absolute, or below the log's own directory. */
static void read_olddir(struct config_errors *e, const struct yaml_item *map,
                        struct source_config *s)
{
    static const struct field_hint hint = {"a directory, as logrotate's olddir names it", "old"};
    const struct yaml_item *item = field_scalar(e, map, "olddir", hint);

    if (!item)
        return;
    struct str dir = item->text;
    while (dir.n > 1 && dir.p[dir.n - 1] == '/')
        dir.n--;
    if (!dir.n || dir.n > 1024 || str_find(dir, STR(".."), 0) >= 0)
        field_bad_value(e, item, "is no directory", hint);
    else
        s->olddir = dir;
}

static void read_symlinks(struct config_errors *e, const struct yaml_item *map,
                          struct source_config *s)
{
    static const struct field_hint hint = {"a list of absolute paths of directories",
                                           "[/var/log/pods]"};
    struct field_list list;

    if (!field_list(e, map, "symlinks", hint, &list))
        return;
    struct str *v = config_arena_array(e->arena, list.n, sizeof(*v));
    if (!v)
        return;
    for (size_t i = 0; i < list.n; i++) {
        v[i] = list.items[i]->text;
        if (!value_absolute_path(v[i]))
            field_bad_value(e, list.items[i], "is no absolute path", hint);
    }
    s->symlinks = (struct str_set){v, list.n};
}

/* "-30d": since then, of the live file and the rotated ones. */
static bool is_age(struct str text)
{
    uint64_t ms;

    return str_starts(text, STR("-")) && value_duration(str_slice(text, 1, text.n), &ms);
}

static void read_start(struct config_errors *e, const struct yaml_item *map,
                       struct source_config *s)
{
    static const char *const names[] = {"beginning", "end", "all"};
    static const enum start_kind kinds[] = {START_BEGINNING, START_END, START_ALL};
    static const struct field_hint hint = {"beginning, end or all", "all"};
    const struct yaml_item *item = field_scalar(e, map, "start", hint);
    size_t i;

    if (!item)
        return;
    if (is_age(item->text))
        field_bad_value(e, item, "(an age) is not supported by this version", hint);
    else if (field_name(e, item, (struct field_names){names, COUNT_OF(names)}, &i))
        s->start = kinds[i];
}

static void read_host(struct config_errors *e, const struct yaml_item *map, struct source_config *s)
{
    static const char *const schemes[] = {"https", "http"};
    static const struct field_hint host_hint = {"a host name", "example.com"};
    static const struct field_hint scheme_hint = {"http or https", "https"};
    const struct yaml_item *host = field_scalar(e, map, "default_host", host_hint);
    const struct yaml_item *scheme = field_scalar(e, map, "scheme", scheme_hint);
    size_t i;

    if (host)
        s->default_host = field_host(e, host);
    if (scheme && field_name(e, scheme, (struct field_names){schemes, COUNT_OF(schemes)}, &i))
        s->scheme = scheme->text;
}

static void read_time_zone(struct config_errors *e, const struct yaml_item *map,
                           struct source_config *s)
{
    static const struct field_hint hint = {"the name of a time zone", "Europe/Berlin"};
    const struct yaml_item *item = field_scalar(e, map, "time_zone", hint);
    struct buf why;

    if (!item)
        return;
    buf_init(&why, 1024);
    struct zone *loaded = zone_load(item->text, &why);
    if (!loaded)
        field_bad_value(e, item, buf_cstr(&why), hint);
    struct zone *kept = loaded ? config_arena_array(e->arena, 1, sizeof(*kept)) : NULL;
    struct zone_change *changes =
        kept ? config_arena_array(e->arena, loaded->n, sizeof(*changes)) : NULL;
    if (changes) {
        if (loaded->n > 0)
            memcpy(changes, loaded->changes, loaded->n * sizeof(*changes));
        *kept = (struct zone){loaded->first, loaded->n, changes};
        s->zone = kept;
    }
    free(loaded);
    buf_release(&why);
}

static void read_source(struct config_errors *e, const struct yaml_item *map,
                        struct source_config *s)
{
    static const struct field_key keys[] = {
        {"files", false},          {"format", false},    {"default_host", false},
        {"scheme", false},         {"start", false},     {"optional", false},
        {"olddir", false},         {"symlinks", false},  {"client_ip", false},
        {"cdn_duplicates", false}, {"time_zone", false},
    };

    s->name = map->key;
    s->scheme = STR("https");
    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    read_files(e, map, s);
    read_olddir(e, map, s);
    read_symlinks(e, map, s);
    source_read_format(e, map, s);
    read_start(e, map, s);
    read_host(e, map, s);
    read_time_zone(e, map, s);
    field_bool(e, map, "optional", &s->optional);
    agent_read_client(e, map, s);
}

void agent_read_sources(struct config_errors *e, const struct yaml_item *root,
                        struct agent_config *c)
{
    const struct yaml_item *map = field_named_maps(
        e, root, "sources", "{web: {files: /var/log/nginx/access.log, format: nginx_combined}}");

    if (!map)
        return;
    c->sources = config_arena_array(e->arena, map->n, sizeof(*c->sources));
    if (!c->sources)
        return;
    /* What came before would be sent again after a lost state, and an old AI fetch not at all. */
    enum start_kind start = agent_speaks_hitkeep_only(c) ? START_END : START_BEGINNING;
    for (const struct yaml_item *i = map->first; i; i = i->next) {
        c->sources[c->n_sources] = (struct source_config){.start = start};
        read_source(e, i, &c->sources[c->n_sources++]);
    }
}
