/* agent_protocol.c - how to speak to a destination, and what then holds for it: `protocol`, `send`,
 * `rate`, `late_ai_fetch`. See agent_sections.h. */
#include "config/agent_sections.h"

#include "config/fields.h"

/* Below the server's own limits (10 and 20 a second): several agents may share an address. */
#define DEFAULT_AI_FETCH_RATE 8
#define DEFAULT_PAGEVIEW_RATE 16

static void read_protocol(struct config_errors *e, const struct yaml_item *map,
                          struct destination_config *d)
{
    static const char *const names[] = {"auto", "batch", "hitkeep"};
    static const enum protocol kinds[] = {PROTOCOL_AUTO, PROTOCOL_BATCH, PROTOCOL_HITKEEP};
    static const struct field_hint hint = {"auto, batch or hitkeep", "auto"};
    const struct yaml_item *item = field_scalar(e, map, "protocol", hint);
    size_t i;

    if (item && field_name(e, item, (struct field_names){names, COUNT_OF(names)}, &i))
        d->protocol = kinds[i];
}

static void read_send(struct config_errors *e, const struct yaml_item *map,
                      struct destination_config *d)
{
    static const char *const names[] = {"pageview", "ai_fetch"};
    static const unsigned kinds[] = {SEND_PAGEVIEW, SEND_AI_FETCH};
    static const struct field_hint hint = {"a list of pageview and ai_fetch",
                                           "[pageview, ai_fetch]"};
    struct field_list list;
    size_t kind;

    d->send = d->protocol == PROTOCOL_HITKEEP ? SEND_AI_FETCH : SEND_PAGEVIEW | SEND_AI_FETCH;
    if (!field_list(e, map, "send", hint, &list))
        return;
    d->send = 0;
    d->send_given = true;
    for (size_t i = 0; i < list.n; i++) {
        if (field_name(e, list.items[i], (struct field_names){names, COUNT_OF(names)}, &kind))
            d->send |= kinds[kind];
    }
    if (list.n == 0)
        field_problem(e, yaml_item_get(map, "send"),
                      "the list is empty; expected %s; write `send: %s`", hint.expected,
                      hint.example);
}

static void read_rate(struct config_errors *e, const struct yaml_item *map,
                      struct destination_config *d)
{
    static const struct field_key keys[] = {{"ai_fetch", false}, {"pageview", false}};
    static const struct field_range range = {1, 10000, {"requests a second, 1 to 10000", "8"}};

    d->rate_ai_fetch = DEFAULT_AI_FETCH_RATE;
    d->rate_pageview = DEFAULT_PAGEVIEW_RATE;
    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    field_u32(e, map, "ai_fetch", range, &d->rate_ai_fetch);
    field_u32(e, map, "pageview", range, &d->rate_pageview);
}

static void read_late(struct config_errors *e, const struct yaml_item *map,
                      struct destination_config *d)
{
    static const char *const names[] = {"hold", "send"};
    static const struct field_hint hint = {"hold or send", "hold"};
    const struct yaml_item *item = field_scalar(e, map, "late_ai_fetch", hint);
    size_t i;

    if (item && field_name(e, item, (struct field_names){names, COUNT_OF(names)}, &i))
        d->send_late_ai_fetches = i == 1;
}

void destination_read_protocol(struct config_errors *e, const struct yaml_item *map,
                               struct destination_config *d)
{
    static const char *const hitkeep_only[] = {"rate", "late_ai_fetch"};

    read_protocol(e, map, d);
    read_send(e, map, d);
    read_rate(e, yaml_item_get(map, "rate"), d);
    read_late(e, map, d);
    for (size_t i = 0; i < COUNT_OF(hitkeep_only) && d->protocol == PROTOCOL_BATCH; i++)
        if (yaml_item_get(map, hitkeep_only[i]))
            field_problem(e, yaml_item_get(map, hitkeep_only[i]),
                          "a batch has no use for it; remove this line, or write `protocol: "
                          "hitkeep`");
}

void agent_check_protocols(struct config_errors *e, const struct yaml_item *root,
                           const struct agent_config *c)
{
    const struct yaml_item *address = yaml_item_get(yaml_item_get(root, "privacy"), "visitor_ip");

    for (size_t i = 0; i < c->n_destinations && c->privacy.address == PRIVACY_ADDRESS_NONE; i++) {
        const struct destination_config *d = &c->destinations[i];
        if (d->protocol == PROTOCOL_HITKEEP && (d->send & SEND_PAGEVIEW))
            field_problem(e, address,
                          "HitKeep takes no pageview without an address, and destination `%s` is "
                          "sent them; write `visitor_ip: truncated`, or `send: [ai_fetch]` there",
                          d->name.p);
    }
}

bool agent_speaks_hitkeep_only(const struct agent_config *c)
{
    for (size_t i = 0; i < c->n_destinations; i++)
        if (c->destinations[i].protocol != PROTOCOL_HITKEEP)
            return false;
    return c->n_destinations > 0;
}
