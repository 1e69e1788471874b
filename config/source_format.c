/*
 * source_format.c - `format` of a source: a name, or a constructor, which becomes one text, as the
 * command line writes it: `{nginx: '$host …'}` is "nginx:$host …", and where a constructor takes
 * more than a text, that is written as JSON: `{json: {status: sc}}` is `json:{"status":"sc"}`.
 */
#include "config/agent_sections.h"

#include "config/arena.h"
#include "config/fields.h"
#include "parsers/base/json.h"
#include "parsers/format.h"

#define MAX_FORMATS 64

static const struct field_hint hint = {"the name of a log format, or one of your own",
                                       "nginx_combined"};

static struct field_names known_formats(const char *names[MAX_FORMATS])
{
    size_t n = 0;
    const char *about;

    while (n < MAX_FORMATS && (names[n] = format_list(n, &about)))
        n++;
    return (struct field_names){names, n};
}

static void put_json(struct buf *out, const struct yaml_item *item);

static void put_items(struct buf *out, const struct yaml_item *of)
{
    for (const struct yaml_item *i = of->first; i; i = i->next) {
        if (i != of->first)
            buf_putc(out, ',');
        if (of->kind == YAML_MAP) {
            json_put_string(out, i->key);
            buf_putc(out, ':');
        }
        put_json(out, i);
    }
}

static void put_json(struct buf *out, const struct yaml_item *item)
{
    if (item->kind == YAML_TEXT) {
        json_put_string(out, item->text);
    } else if (item->kind == YAML_EMPTY) {
        buf_lit(out, "null");
    } else {
        buf_putc(out, item->kind == YAML_MAP ? '{' : '[');
        put_items(out, item);
        buf_putc(out, item->kind == YAML_MAP ? '}' : ']');
    }
}

/* "constructor:argument". */
static struct str constructed(struct config_errors *e, const struct yaml_item *map)
{
    const struct yaml_item *argument = map->first;
    struct str text = STR_NONE;
    struct buf out;

    if (map->n != 1) {
        field_problem(e, map,
                      "a format of your own has one key, its kind; write `format: {nginx: "
                      "'$remote_addr …'}`");
        return STR_NONE;
    }
    buf_init(&out, SOURCE_FORMAT_MAX_BYTES);
    buf_put_str(&out, argument->key);
    buf_putc(&out, ':');
    if (argument->kind == YAML_TEXT)
        buf_put_str(&out, argument->text);
    else
        put_json(&out, argument);
    if (out.failed)
        field_problem(e, map, "the format is longer than %d bytes, or memory is out",
                      SOURCE_FORMAT_MAX_BYTES);
    else
        text = config_arena_str(e->arena, buf_str(&out));
    buf_release(&out);
    return text;
}

bool source_settle_format(struct source_config *s, struct buf *why)
{
    struct format *f = format_new(s->format, NULL, why);

    if (f)
        s->cdn = format_cdn(f);
    format_free(f);
    return f != NULL;
}

/* What is wrong with it is known here. */
static void check_format(struct config_errors *e, const struct yaml_item *item,
                         struct source_config *s)
{
    struct buf why;

    buf_init(&why, 4096);
    if (!source_settle_format(s, &why))
        field_problem(e, item, "%.*s", STR_ARGS(buf_str(&why)));
    buf_release(&why);
}

static bool is_known(struct config_errors *e, const struct yaml_item *item)
{
    const char *names[MAX_FORMATS];
    struct field_names known = known_formats(names);
    /* What has an argument, or a prefix, check_format judges. */
    bool composed = str_chr(item->text, ':', 0) >= 0 || str_chr(item->text, '+', 0) >= 0;
    size_t i;

    return composed || str_eq(item->text, STR("auto")) || field_name(e, item, known, &i);
}

void source_read_format(struct config_errors *e, const struct yaml_item *map,
                        struct source_config *s)
{
    const struct yaml_item *item = yaml_item_get(map, "format");

    if (!item || item->kind == YAML_EMPTY) {
        field_missing(e, map, "format", hint);
        return;
    }
    if (item->kind == YAML_MAP) {
        s->format = constructed(e, item);
    } else {
        item = field_scalar(e, map, "format", hint);
        if (!item || !is_known(e, item))
            return;
        s->format = item->text;
    }
    s->format_is_auto = str_eq(s->format, STR("auto"));
    if (str_is_set(s->format) && !s->format_is_auto)
        check_format(e, item, s);
}
