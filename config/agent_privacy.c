/* agent_privacy.c - `privacy`: what of a visitor is sent. See agent_sections.h. */
#include "config/agent_sections.h"

#include "config/arena.h"
#include "config/fields.h"

static void read_address(struct config_errors *e, const struct yaml_item *map, struct privacy *p)
{
    static const char *const names[] = {"full", "truncated", "none"};
    static const enum privacy_address kinds[] = {PRIVACY_ADDRESS_FULL, PRIVACY_ADDRESS_TRUNCATED,
                                                 PRIVACY_ADDRESS_NONE};
    static const struct field_hint hint = {"full, truncated or none", "truncated"};
    const struct yaml_item *item = field_scalar(e, map, "visitor_ip", hint);
    size_t choice;

    if (item && field_name(e, item, (struct field_names){names, COUNT_OF(names)}, &choice))
        p->address = kinds[choice];
}

/* A word, or the list of what is let through. */
static void read_query(struct config_errors *e, const struct yaml_item *map, struct privacy *p)
{
    static const char *const names[] = {"no_secrets", "drop"};
    static const struct field_hint hint = {
        "no_secrets, drop, or a list of the parameters that are sent", "[page, q, 'utm_*']"};
    const struct yaml_item *item = yaml_item_get(map, "query");
    size_t choice;

    if (item && item->kind == YAML_LIST) {
        if (field_texts(e, map, "query", hint, &p->allow))
            p->query = PRIVACY_QUERY_ALLOW;
        return;
    }
    item = field_scalar(e, map, "query", hint);
    if (item && field_name(e, item, (struct field_names){names, COUNT_OF(names)}, &choice))
        p->query = choice == 0 ? PRIVACY_QUERY_NO_SECRETS : PRIVACY_QUERY_DROP;
}

/* NULL when it is right. */
static const char *check_pattern(struct str pattern)
{
    size_t stars = 0, here = 0;

    for (size_t i = 0; i < pattern.n; i++) {
        here = pattern.p[i] == '/' ? 0 : here + (pattern.p[i] == '*');
        stars += pattern.p[i] == '*';
        if (here > 1)
            return "has two * within one segment";
        if (pattern.p[i] == '?' || pattern.p[i] == '#')
            return "holds more than a path";
    }
    return stars == 0 ? "masks nothing: it has no *" : NULL;
}

static unsigned mask_of(struct str word)
{
    static const struct {
        const char *name;
        enum privacy_mask mask;
    } words[] = {{"uuid", PRIVACY_MASK_UUID},
                 {"hex", PRIVACY_MASK_HEX},
                 {"email", PRIVACY_MASK_EMAIL},
                 {"number", PRIVACY_MASK_NUMBER}};

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_eq(word, str_of(words[i].name)))
            return words[i].mask;
    return 0;
}

static void read_path_mask(struct config_errors *e, const struct yaml_item *map, struct privacy *p)
{
    static const struct field_hint hint = {
        "a list of paths with * for what is masked, or of uuid, hex, email, number",
        "[/order/*, uuid]"};
    struct field_list list;
    size_t good = 0;

    if (!field_list(e, map, "path_mask", hint, &list))
        return;
    struct str *patterns = config_arena_array(e->arena, list.n, sizeof(*patterns));
    if (!patterns)
        return;
    for (size_t i = 0; i < list.n; i++) {
        struct str text = list.items[i]->text;
        unsigned mask = mask_of(text);
        const char *problem = mask               ? NULL
                              : text.p[0] != '/' ? "is neither a path nor one of these words"
                                                 : check_pattern(text);
        if (problem)
            field_bad_value(e, list.items[i], problem, hint);
        else if (mask)
            p->mask |= mask;
        else
            patterns[good++] = text;
    }
    p->path_mask = (struct str_set){patterns, good};
}

void agent_read_privacy(struct config_errors *e, const struct yaml_item *root,
                        struct agent_config *c)
{
    static const struct field_key keys[] = {
        {"visitor_ip", false}, {"query", false}, {"path_mask", false}};
    const struct yaml_item *map = yaml_item_get(root, "privacy");

    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    read_address(e, map, &c->privacy);
    read_query(e, map, &c->privacy);
    read_path_mask(e, map, &c->privacy);
}
