/* fields.c - typed readers for single keys. Lists are in field_lists.c. See fields.h. */
#include "config/fields.h"

#include "config/arena.h"
#include "config/values.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define NAMES_BYTES 600

/* ---- messages ----------------------------------------------------------------------------------
 */

/* Where a problem of `item` lies: at its key when nothing stands behind it, as in a list of keys.
 */
static struct config_place place_of(const struct yaml_item *item)
{
    return item->kind == YAML_TEXT || item->kind == YAML_LIST ? item->at : item->key_at;
}

static void report(struct config_errors *e, const struct yaml_item *item, struct config_place at,
                   const char *text)
{
    struct buf path;

    buf_init(&path, YAML_MAX_DEPTH * (CONFIG_SHOWN_BYTES + 1));
    yaml_item_put_path(item, &path);
    struct str p = buf_str(&path);
    config_error(e, at, "%.*s%s%s", STR_ARGS(p), p.n > 0 ? ": " : "", text);
    buf_release(&path);
}

void field_problem(struct config_errors *e, const struct yaml_item *item, const char *format, ...)
{
    char text[CONFIG_MAX_PROBLEM_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    report(e, item, place_of(item), text);
}

/* The key a value belongs to: its own, or that of the list it stands in. */
static struct str key_of(const struct yaml_item *item)
{
    if (!str_is_set(item->key) && item->parent)
        item = item->parent;
    return str_is_set(item->key) ? item->key : STR("");
}

void field_bad_value(struct config_errors *e, const struct yaml_item *item, const char *what,
                     struct field_hint hint)
{
    struct str shown = config_shown(item->text), key = config_shown(key_of(item));

    field_problem(e, item, "\"%.*s\" %s; expected %s; write `%.*s: %s`", STR_ARGS(shown), what,
                  hint.expected, STR_ARGS(key), hint.example);
}

void field_missing(struct config_errors *e, const struct yaml_item *map, const char *key,
                   struct field_hint hint)
{
    char text[CONFIG_MAX_PROBLEM_BYTES];

    snprintf(text, sizeof(text), "`%s` is missing; expected %s; add `%s: %s`", key, hint.expected,
             key, hint.example);
    report(e, map, map->key_at, text);
}

static void wrong_kind(struct config_errors *e, const struct yaml_item *item,
                       struct field_hint hint)
{
    struct str key = config_shown(key_of(item));

    field_problem(e, item, "%s stands here; expected %s; write `%.*s: %s`",
                  yaml_kind_name(item->kind), hint.expected, STR_ARGS(key), hint.example);
}

/* ---- names -------------------------------------------------------------------------------------
 */

/* The name that was probably meant; NULL when none is near. */
static const char *nearest(struct str given, const char *name, const char *best)
{
    struct str candidate = str_of(name);
    size_t allowed = candidate.n < 5 ? 1 : candidate.n < 8 ? 2 : 3;
    size_t distance = value_distance(given, candidate);

    if (distance > allowed)
        return best;
    return !best || distance < value_distance(given, str_of(best)) ? name : best;
}

static void put_name(struct buf *names, const char *name)
{
    if (names->n > 0)
        buf_lit(names, ", ");
    buf_put_str(names, str_of(name));
}

static void unknown_key(struct config_errors *e, const struct yaml_item *item,
                        const struct field_key *known, size_t n_known)
{
    struct str key = config_shown(item->key);
    char text[CONFIG_MAX_PROBLEM_BYTES];
    const char *best = NULL;
    struct buf names;

    buf_init(&names, NAMES_BYTES);
    for (size_t i = 0; i < n_known; i++) {
        best = nearest(item->key, known[i].name, best);
        if (!known[i].later)
            put_name(&names, known[i].name);
    }
    struct str list = buf_str(&names);
    snprintf(text, sizeof(text), "unknown key \"%.*s\"; expected one of %.*s; %s%s%s",
             STR_ARGS(key), STR_ARGS(list), best ? "did you mean `" : "", best ? best : "remove it",
             best ? "`?" : "");
    report(e, item->parent, item->key_at, text);
    buf_release(&names);
}

static void check_key(struct config_errors *e, const struct yaml_item *item,
                      const struct field_key *known, size_t n_known)
{
    for (size_t i = 0; i < n_known; i++) {
        if (!str_eq(item->key, str_of(known[i].name)))
            continue;
        if (known[i].later)
            report(e, item, item->key_at, "this key is not supported by this version; remove it");
        return;
    }
    unknown_key(e, item, known, n_known);
}

bool field_map(struct config_errors *e, const struct yaml_item *item, const struct field_key *known,
               size_t n_known)
{
    if (!item || item->kind == YAML_EMPTY)
        return false;
    if (item->kind != YAML_MAP) {
        field_problem(e, item,
                      "%s stands here; expected a mapping; write its keys below it, as "
                      "`%s: …`",
                      yaml_kind_name(item->kind), known[0].name);
        return false;
    }
    for (const struct yaml_item *i = item->first; i; i = i->next)
        check_key(e, i, known, n_known);
    return true;
}

const struct yaml_item *field_named_maps(struct config_errors *e, const struct yaml_item *map,
                                         const char *key, const char *example)
{
    const struct yaml_item *item = yaml_item_get(map, key);
    struct field_hint hint = {"a mapping of names", example};

    if (!item || item->kind == YAML_EMPTY)
        return NULL;
    if (item->kind != YAML_MAP) {
        wrong_kind(e, item, hint);
        return NULL;
    }
    for (const struct yaml_item *i = item->first; i; i = i->next) {
        if (!value_label(i->key))
            report(e, i, i->key_at,
                   "this is no name; expected 1 to 64 letters, digits, `-`, `_` or `.`; write "
                   "`main: …`");
        if (i->kind == YAML_EMPTY)
            report(
                e, i, i->key_at,
                "nothing stands here; expected a mapping; write its keys below it, or remove it");
    }
    return item;
}

bool field_name(struct config_errors *e, const struct yaml_item *item, struct field_names names,
                size_t *out)
{
    const char *best = NULL;
    struct buf list;

    for (size_t i = 0; i < names.n; i++) {
        if (str_eq(item->text, str_of(names.names[i]))) {
            *out = i;
            return true;
        }
    }
    buf_init(&list, NAMES_BYTES);
    for (size_t i = 0; i < names.n; i++) {
        best = nearest(item->text, names.names[i], best);
        put_name(&list, names.names[i]);
    }
    struct str given = config_shown(item->text), all = buf_str(&list);
    struct str key = config_shown(key_of(item));
    field_problem(e, item, "\"%.*s\" is not known here; expected one of %.*s; %s `%.*s: %s`%s",
                  STR_ARGS(given), STR_ARGS(all), best ? "did you mean" : "write", STR_ARGS(key),
                  best ? best : names.names[0], best ? "?" : "");
    buf_release(&list);
    return false;
}

/* ---- single values
 * ------------------------------------------------------------------------------- */

const struct yaml_item *field_scalar(struct config_errors *e, const struct yaml_item *map,
                                     const char *key, struct field_hint hint)
{
    const struct yaml_item *item = yaml_item_get(map, key);

    if (!item || item->kind == YAML_EMPTY)
        return NULL;
    if (item->kind != YAML_TEXT) {
        wrong_kind(e, item, hint);
        return NULL;
    }
    if (item->text.n == 0) {
        field_bad_value(e, item, "is empty", hint);
        return NULL;
    }
    return item;
}

bool field_path(struct config_errors *e, const struct yaml_item *map, const char *key,
                const char *example, struct str *out)
{
    struct field_hint hint = {"an absolute path without `..`", example};
    const struct yaml_item *item = field_scalar(e, map, key, hint);

    if (!item)
        return false;
    if (str_find(item->text, STR("${"), 0) >= 0) {
        field_bad_value(e, item, "holds ${…}, which is expanded only in `url` and `token_file`",
                        hint);
        return false;
    }
    if (!value_absolute_path(item->text)) {
        field_bad_value(e, item, "is no such path", hint);
        return false;
    }
    *out = item->text;
    return true;
}

bool field_bool(struct config_errors *e, const struct yaml_item *map, const char *key, bool *out)
{
    struct field_hint hint = {"true or false", "true"};
    const struct yaml_item *item = field_scalar(e, map, key, hint);

    if (!item)
        return false;
    if (str_eq(item->text, STR("true")))
        *out = true;
    else if (str_eq(item->text, STR("false")))
        *out = false;
    else {
        field_bad_value(e, item, "is neither", hint);
        return false;
    }
    return true;
}

bool field_u32(struct config_errors *e, const struct yaml_item *map, const char *key,
               struct field_range range, uint32_t *out)
{
    const struct yaml_item *item = field_scalar(e, map, key, range.hint);
    uint64_t value;

    if (!item)
        return false;
    if (!str_to_u64(item->text, range.max, &value) || value < range.min) {
        field_bad_value(e, item, "is out of range or no number", range.hint);
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

/* A value that `read` understands, within its range. */
static bool field_ranged(struct config_errors *e, const struct yaml_item *item,
                         bool (*read)(struct str, uint64_t *), struct field_range range,
                         uint64_t *out)
{
    uint64_t value;

    if (!item)
        return false;
    if (!read(item->text, &value)) {
        field_bad_value(e, item, "is not understood", range.hint);
        return false;
    }
    if (value < range.min || value > range.max) {
        field_bad_value(e, item, value < range.min ? "is too small" : "is too large", range.hint);
        return false;
    }
    *out = value;
    return true;
}

bool field_size(struct config_errors *e, const struct yaml_item *map, const char *key,
                struct field_range range, uint64_t *bytes)
{
    return field_ranged(e, field_scalar(e, map, key, range.hint), value_size, range, bytes);
}

bool field_duration(struct config_errors *e, const struct yaml_item *map, const char *key,
                    struct field_range range, uint64_t *ms)
{
    return field_ranged(e, field_scalar(e, map, key, range.hint), value_duration, range, ms);
}
