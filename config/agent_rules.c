/* agent_rules.c - `exclude` and `pages`: what the page rule of parsers/verdict.h is given. */
#include "config/agent_sections.h"

#include "config/arena.h"
#include "config/fields.h"
#include "config/values.h"

static void read_exclude(struct config_errors *e, const struct yaml_item *map,
                         struct judge_rules *r)
{
    static const struct field_key keys[] = {{"ip", false}, {"path", false}, {"user_agent", false}};
    static const struct field_hint hint = {"a list of texts within user agents", "[our-synthetic]"};

    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    field_cidrs(e, map, "ip", &r->exclude_ip, &r->n_exclude_ip);
    field_path_prefixes(e, map, "path", &r->exclude_path);
    field_texts(e, map, "user_agent", hint, &r->exclude_user_agent);
}

static void read_methods(struct config_errors *e, const struct yaml_item *map,
                         struct judge_rules *r)
{
    static const struct field_hint hint = {"a list of methods in capitals", "[GET]"};
    struct field_list list;

    if (!field_list(e, map, "methods", hint, &list))
        return;
    struct str *methods = config_arena_array(e->arena, list.n, sizeof(*methods));
    if (!methods)
        return;
    for (size_t i = 0; i < list.n; i++) {
        methods[i] = list.items[i]->text;
        if (!value_method(methods[i]))
            field_bad_value(e, list.items[i], "is no method", hint);
    }
    r->methods = (struct str_set){methods, list.n};
}

static void read_statuses(struct config_errors *e, const struct yaml_item *map,
                          struct judge_rules *r)
{
    static const struct field_hint hint = {"a list of HTTP statuses, 100 to 599",
                                           "[200, 203, 206, 304]"};
    struct field_list list;

    if (!field_list(e, map, "statuses", hint, &list))
        return;
    int *statuses = config_arena_array(e->arena, list.n, sizeof(*statuses));
    if (!statuses)
        return;
    for (size_t i = 0; i < list.n; i++) {
        uint64_t status = 0;
        if (!str_to_u64(list.items[i]->text, 599, &status) || status < 100)
            field_bad_value(e, list.items[i], "is no status", hint);
        statuses[i] = (int)status;
    }
    r->statuses = statuses;
    r->n_statuses = list.n;
}

/* Texts of which each is what `right` says. */
static void read_words(struct config_errors *e, const struct yaml_item *map, const char *key,
                       struct field_hint hint, bool (*right)(struct str), struct str_set *out)
{
    struct field_list list;

    if (!field_list(e, map, key, hint, &list))
        return;
    struct str *words = config_arena_array(e->arena, list.n, sizeof(*words));
    if (!words)
        return;
    for (size_t i = 0; i < list.n; i++) {
        words[i] = list.items[i]->text;
        if (!right(words[i]))
            field_bad_value(e, list.items[i], "is none", hint);
    }
    *out = (struct str_set){words, list.n};
}

static void read_prefetch(struct config_errors *e, const struct yaml_item *map,
                          struct judge_rules *r)
{
    static const char *const names[] = {"skip", "count"};
    static const struct field_hint hint = {"skip or count", "skip"};
    const struct yaml_item *item = field_scalar(e, map, "prefetch", hint);
    size_t choice;

    if (item && field_name(e, item, (struct field_names){names, COUNT_OF(names)}, &choice))
        r->count_prefetch = choice == 1;
}

static void read_pages(struct config_errors *e, const struct yaml_item *map, struct judge_rules *r)
{
    static const struct field_key keys[] = {
        {"methods", false},    {"statuses", false},  {"types", false},   {"extensions", false},
        {"drop_query", false}, {"not_pages", false}, {"editors", false}, {"health_checks", false},
        {"always", false},     {"prefetch", false},
    };
    static const struct field_hint query = {"a list of query parameters, or of parameter=value",
                                            "[_rsc, _data, preview]"};
    static const struct field_hint types = {"a list of content types without parameters",
                                            "[text/html, application/xhtml+xml]"};
    static const struct field_hint extensions = {
        "a list of extensions without the dot, at most 8 letters and digits", "[html, php]"};

    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    read_methods(e, map, r);
    read_statuses(e, map, r);
    read_words(e, map, "types", types, value_content_type, &r->types);
    read_words(e, map, "extensions", extensions, value_extension, &r->extensions);
    field_texts(e, map, "drop_query", query, &r->drop_query);
    field_path_prefixes(e, map, "not_pages", &r->not_pages);
    field_path_prefixes(e, map, "editors", &r->editors);
    field_path_prefixes(e, map, "health_checks", &r->health_checks);
    field_path_prefixes(e, map, "always", &r->always);
    read_prefetch(e, map, r);
}

void agent_read_rules(struct config_errors *e, const struct yaml_item *root, struct agent_config *c)
{
    read_exclude(e, yaml_item_get(root, "exclude"), &c->rules);
    read_pages(e, yaml_item_get(root, "pages"), &c->rules);
    judge_rules_index(&c->rules);
}
