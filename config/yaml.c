/*
 * yaml.c - libyaml's events to a tree. See yaml.h.
 *
 * Events, not libyaml's document: its tree has no caps of ours and resolves aliases, and the place
 * of a key is lost in it. The builder holds its place in the tree itself, so nothing recurses on
 * the input.
 */
#include "config/yaml.h"

#include "config/arena.h"

#include <yaml.h>

struct builder {
    struct config_errors *errors;
    struct yaml_item *root;
    struct yaml_item *open[YAML_MAX_DEPTH]; /* the containers around the next item */
    struct yaml_item *last[YAML_MAX_DEPTH]; /* the last child of each, NULL when it has none */
    unsigned depth;
    size_t items;
    struct str key; /* waits for its value; STR_NONE: none */
    struct config_place key_at;
    unsigned documents;
};

static struct config_place place_of(yaml_mark_t mark)
{
    return (struct config_place){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

/* ---- scalars ------------------------------------------------------------------------------- */

static bool has_control_bytes(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
            return true;
    }
    return false;
}

static bool means_nothing(const yaml_event_t *event, struct str text)
{
    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    return text.n == 0 || str_eq(text, STR("~")) || str_eq(text, STR("null")) ||
           str_eq(text, STR("Null")) || str_eq(text, STR("NULL"));
}

static struct str scalar_text(struct builder *b, const yaml_event_t *event)
{
    struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};

    if (has_control_bytes(text))
        config_error(
            b->errors, place_of(event->start_mark),
            "a line break or a control character stands in this text; expected one line of "
            "text; write it as 'text'");
    return text;
}

/* ---- the tree ------------------------------------------------------------------------------ */

/* The innermost open container; NULL before and after the root. */
static struct yaml_item *inner(const struct builder *b)
{
    return b->depth > 0 ? b->open[b->depth - 1] : NULL;
}

/* NULL when the tree may not grow: reported, or the arena failed. */
static struct yaml_item *add_item(struct builder *b, enum yaml_kind kind, struct config_place at)
{
    struct yaml_item *parent = inner(b);

    if (b->items++ >= YAML_MAX_ITEMS) {
        config_error(b->errors, at, "the file holds more than %d items; remove some",
                     YAML_MAX_ITEMS);
        return NULL;
    }
    struct yaml_item *item = config_arena_alloc(b->errors->arena, sizeof(*item));
    if (!item)
        return NULL;
    *item = (struct yaml_item){.kind = kind, .at = at, .key_at = at, .parent = parent};
    if (!parent) {
        b->root = item;
        return item;
    }
    if (parent->kind == YAML_MAP) {
        item->key = b->key;
        item->key_at = b->key_at;
        b->key = STR_NONE;
    }
    if (b->last[b->depth - 1])
        b->last[b->depth - 1]->next = item;
    else
        parent->first = item;
    b->last[b->depth - 1] = item;
    parent->n++;
    return item;
}

static bool wants_key(const struct builder *b)
{
    const struct yaml_item *parent = inner(b);

    return parent && parent->kind == YAML_MAP && !str_is_set(b->key);
}

static void report_duplicate(struct builder *b, struct str key, struct config_place at)
{
    for (const struct yaml_item *i = inner(b)->first; i; i = i->next) {
        if (!str_eq(i->key, key))
            continue;
        struct str shown = config_shown(key);
        config_error(b->errors, at,
                     "key \"%.*s\" is given twice; the first stands in line %u; remove one",
                     STR_ARGS(shown), i->key_at.line);
        return;
    }
}

static int on_key(struct builder *b, const yaml_event_t *event)
{
    struct str text = scalar_text(b, event);
    struct config_place at = place_of(event->start_mark);

    if (inner(b)->n >= YAML_MAX_KEYS) {
        config_error(b->errors, at, "a mapping holds more than %d keys; remove some",
                     YAML_MAX_KEYS);
        return -1;
    }
    if (text.n > YAML_MAX_KEY_BYTES) {
        config_error(b->errors, at, "a key is longer than %d bytes; shorten it",
                     YAML_MAX_KEY_BYTES);
        return -1;
    }
    report_duplicate(b, text, at);
    b->key = config_arena_str(b->errors->arena, text);
    b->key_at = at;
    return str_is_set(b->key) ? 0 : -1;
}

static int on_scalar(struct builder *b, const yaml_event_t *event)
{
    if (wants_key(b))
        return on_key(b, event);

    struct str text = scalar_text(b, event);
    bool nothing = means_nothing(event, text);
    struct yaml_item *item =
        add_item(b, nothing ? YAML_EMPTY : YAML_TEXT, place_of(event->start_mark));
    if (!item)
        return -1;
    if (nothing)
        return 0;
    item->text = config_arena_str(b->errors->arena, text);
    return str_is_set(item->text) ? 0 : -1;
}

static int on_open(struct builder *b, enum yaml_kind kind, struct config_place at)
{
    if (wants_key(b)) {
        config_error(b->errors, at, "a key is %s; expected a text; write it as key: value",
                     yaml_kind_name(kind));
        return -1;
    }
    if (b->depth >= YAML_MAX_DEPTH) {
        config_error(b->errors, at, "lists and mappings lie more than %d deep; write fewer levels",
                     YAML_MAX_DEPTH);
        return -1;
    }
    struct yaml_item *item = add_item(b, kind, at);
    if (!item)
        return -1;
    b->open[b->depth] = item;
    b->last[b->depth++] = NULL;
    return 0;
}

/* ---- what our files may not hold ------------------------------------------------------------ */

static int refuse(struct builder *b, const yaml_event_t *event, const char *what, const char *mend)
{
    config_error(b->errors, place_of(event->start_mark), "%s; expected plain YAML; %s", what, mend);
    return -1;
}

static int check_extras(struct builder *b, const yaml_event_t *event, const yaml_char_t *anchor,
                        const yaml_char_t *tag)
{
    if (anchor)
        return refuse(b, event, "an anchor (&name) stands here",
                      "remove it, or put the text in 'quotes'");
    if (tag)
        return refuse(b, event, "a tag (!name) stands here",
                      "remove it, or put the text in 'quotes'");
    return 0;
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return b->documents++ == 0 ? 0
                                   : refuse(b, event, "a second document begins here",
                                            "remove this line and all that follows");
    case YAML_ALIAS_EVENT:
        return refuse(b, event, "an alias (*name) stands here",
                      "write the value out, or put the text in 'quotes'");
    case YAML_SCALAR_EVENT:
        if (check_extras(b, event, event->data.scalar.anchor, event->data.scalar.tag))
            return -1;
        return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        if (check_extras(b, event, event->data.sequence_start.anchor,
                         event->data.sequence_start.tag))
            return -1;
        return on_open(b, YAML_LIST, place_of(event->start_mark));
    case YAML_MAPPING_START_EVENT:
        if (check_extras(b, event, event->data.mapping_start.anchor, event->data.mapping_start.tag))
            return -1;
        return on_open(b, YAML_MAP, place_of(event->start_mark));
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        return 0;
    default:
        return 0;
    }
}

/* ---- libyaml --------------------------------------------------------------------------------- */

/* The reader of libyaml knows only the offset of a byte it cannot decode. */
static struct config_place place_at_offset(struct str text, size_t offset)
{
    struct config_place at = {1, 1};

    for (size_t i = 0; i < text.n && i < offset; i++) {
        if (text.p[i] == '\n') {
            at.line++;
            at.column = 1;
        } else if (((unsigned char)text.p[i] & 0xc0) != 0x80) {
            at.column++;
        }
    }
    return at;
}

static void report_syntax(struct builder *b, const yaml_parser_t *parser, struct str text)
{
    const char *problem = parser->problem ? parser->problem : "cannot be read";

    switch (parser->error) {
    case YAML_MEMORY_ERROR:
        config_error(b->errors, (struct config_place){0, 0}, "out of memory");
        break;
    case YAML_READER_ERROR:
        config_error(b->errors, place_at_offset(text, parser->problem_offset),
                     "not valid YAML: %s; expected UTF-8 text without control characters; save the "
                     "file as UTF-8",
                     problem);
        break;
    default:
        config_error(b->errors, place_of(parser->problem_mark),
                     "not valid YAML: %s%s%s; indent with spaces, and put a text that holds signs "
                     "in 'quotes'",
                     problem, parser->context ? ", " : "", parser->context ? parser->context : "");
    }
}

static int build(struct builder *b, yaml_parser_t *parser, struct str text)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            report_syntax(b, parser, text);
            return -1;
        }
        bool end = event.type == YAML_STREAM_END_EVENT;
        int result = on_event(b, &event);
        yaml_event_delete(&event);
        if (result || end)
            return result;
    }
}

struct yaml_item *yaml_item_parse(struct str text, struct config_errors *e)
{
    struct builder b = {.errors = e};
    yaml_parser_t parser;

    if (text.n > YAML_MAX_BYTES) {
        config_error(e, (struct config_place){0, 0},
                     "the file is larger than %zu bytes; is it the right one?", YAML_MAX_BYTES);
        return NULL;
    }
    if (str_starts(text, STR("\xef\xbb\xbf"))) /* a byte order mark is no character of line 1 */
        text = str_slice(text, 3, text.n);
    if (!yaml_parser_initialize(&parser)) {
        config_error(e, (struct config_place){0, 0}, "out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    int result = build(&b, &parser, text);
    yaml_parser_delete(&parser);
    if (result)
        return NULL;
    if (!b.root) /* no document at all */
        return add_item(&b, YAML_EMPTY, (struct config_place){1, 1});
    return b.root;
}

/* ---- reading the tree ------------------------------------------------------------------------ */

const struct yaml_item *yaml_item_get(const struct yaml_item *map, const char *key)
{
    struct str wanted = str_of(key);

    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (const struct yaml_item *i = map->first; i; i = i->next) {
        if (str_eq(i->key, wanted))
            return i;
    }
    return NULL;
}

void yaml_item_put_path(const struct yaml_item *item, struct buf *out)
{
    if (!item->parent)
        return;
    yaml_item_put_path(item->parent, out); /* at most YAML_MAX_DEPTH deep */
    if (str_is_set(item->key)) {
        if (item->parent->parent)
            buf_lit(out, ".");
        buf_put_str(out, config_shown(item->key));
        return;
    }
    size_t position = 1;
    for (const struct yaml_item *i = item->parent->first; i != item; i = i->next)
        position++;
    buf_printf(out, "[%zu]", position);
}

const char *yaml_kind_name(enum yaml_kind kind)
{
    switch (kind) {
    case YAML_EMPTY:
        return "nothing";
    case YAML_TEXT:
        return "a text";
    case YAML_LIST:
        return "a list";
    case YAML_MAP:
        return "a mapping";
    }
    return "";
}
