/* field_lists.c - the lists of fields.h. */
#include "config/arena.h"
#include "config/fields.h"
#include "config/values.h"

/* Adds the scalar to the list; false when it is none (reported). */
static bool take_scalar(struct config_errors *e, const struct yaml_item *item,
                        struct field_hint hint, struct field_list *list)
{
    if (item->kind != YAML_TEXT || item->text.n == 0) {
        field_problem(e, item, "%s stands here; expected %s; write a text, or remove this item",
                      item->kind == YAML_TEXT ? "an empty text" : yaml_kind_name(item->kind),
                      hint.expected);
        return false;
    }
    list->items[list->n++] = item;
    return true;
}

bool field_list(struct config_errors *e, const struct yaml_item *map, const char *key,
                struct field_hint hint, struct field_list *out)
{
    const struct yaml_item *item = yaml_item_get(map, key);
    struct field_list list = {NULL, 0};

    if (!item || item->kind == YAML_EMPTY)
        return false;
    if (item->kind == YAML_MAP) {
        field_problem(e, item, "a mapping stands here; expected %s; write `%s: %s`", hint.expected,
                      key, hint.example);
        return false;
    }
    list.items = config_arena_array(e->arena, item->kind == YAML_LIST ? item->n : 1,
                                    sizeof(struct yaml_item *));
    if (!list.items)
        return false;
    if (item->kind == YAML_TEXT) {
        take_scalar(e, item, hint, &list);
    } else {
        for (const struct yaml_item *i = item->first; i; i = i->next)
            take_scalar(e, i, hint, &list);
    }
    *out = list;
    return true;
}

bool field_cidrs(struct config_errors *e, const struct yaml_item *map, const char *key,
                 const struct cidr **out, size_t *n)
{
    static const struct field_hint hint = {"a list of addresses and networks",
                                           "[198.51.100.0/24, 2001:db8::/32]"};
    struct field_list list;
    size_t good = 0;

    if (!field_list(e, map, key, hint, &list))
        return false;
    struct cidr *cidrs = config_arena_array(e->arena, list.n, sizeof(*cidrs));
    if (!cidrs)
        return false;
    for (size_t i = 0; i < list.n; i++) {
        if (cidr_parse(list.items[i]->text, &cidrs[good]))
            good++;
        else
            field_bad_value(e, list.items[i], "is neither an address nor a network", hint);
    }
    *out = cidrs;
    *n = good;
    return true;
}

static struct str *texts_of(struct config_errors *e, const struct field_list *list)
{
    return config_arena_array(e->arena, list->n, sizeof(struct str));
}

bool field_texts(struct config_errors *e, const struct yaml_item *map, const char *key,
                 struct field_hint hint, struct str_set *out)
{
    struct field_list list;

    if (!field_list(e, map, key, hint, &list))
        return false;
    struct str *texts = texts_of(e, &list);
    if (!texts)
        return false;
    for (size_t i = 0; i < list.n; i++)
        texts[i] = list.items[i]->text;
    *out = (struct str_set){texts, list.n};
    return true;
}

bool field_path_prefixes(struct config_errors *e, const struct yaml_item *map, const char *key,
                         struct str_set *out)
{
    static const struct field_hint hint = {"a list of path prefixes that begin with /",
                                           "[/healthz, /internal]"};
    struct field_list list;
    size_t good = 0;

    if (!field_list(e, map, key, hint, &list))
        return false;
    struct str *texts = texts_of(e, &list);
    if (!texts)
        return false;
    for (size_t i = 0; i < list.n; i++) {
        if (list.items[i]->text.p[0] == '/')
            texts[good++] = list.items[i]->text;
        else
            field_bad_value(e, list.items[i], "does not begin with /", hint);
    }
    *out = (struct str_set){texts, good};
    return true;
}

struct str field_host(struct config_errors *e, const struct yaml_item *item)
{
    struct str shown = config_shown(item->text);
    const char *why;

    if (!value_host(item->text, &why)) {
        field_problem(e, item,
                      "\"%.*s\" is no host name: %s; expected a name without scheme and port; "
                      "write it as example.com",
                      STR_ARGS(shown), why);
        return STR_NONE;
    }
    char *lower = config_arena_alloc(e->arena, item->text.n + 1);
    if (!lower)
        return STR_NONE;
    for (size_t i = 0; i < item->text.n; i++)
        lower[i] = ascii_lower(item->text.p[i]);
    return (struct str){lower, item->text.n};
}

bool field_hosts(struct config_errors *e, const struct yaml_item *map, const char *key,
                 struct str_set *out)
{
    static const struct field_hint hint = {"a list of host names",
                                           "[example.com, www.example.com]"};
    struct field_list list;
    size_t good = 0;

    if (!field_list(e, map, key, hint, &list))
        return false;
    struct str *texts = texts_of(e, &list);
    if (!texts)
        return false;
    for (size_t i = 0; i < list.n; i++) {
        struct str host = field_host(e, list.items[i]);
        if (str_is_set(host))
            texts[good++] = host;
    }
    *out = (struct str_set){texts, good};
    return true;
}
