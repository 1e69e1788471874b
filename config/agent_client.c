/* agent_client.c - `sources.*.client_ip` and `cdn_duplicates`: who stands before the web server.
 */
#include "config/agent_sections.h"

#include "config/arena.h"
#include "config/fields.h"
#include "parsers/cdn.h"

static const struct field_hint trust_hint = {
    "a list of the proxies' addresses and networks, or of cloudfront, cloudflare, fastly",
    "[10.0.0.0/8, 127.0.0.1, '::1']"};

static void read_trust(struct config_errors *e, const struct yaml_item *map, struct client_rule *r)
{
    struct field_list list;
    size_t good = 0;

    if (!yaml_item_get(map, "trust")) {
        field_missing(e, map, "trust", trust_hint);
        return;
    }
    if (!field_list(e, map, "trust", trust_hint, &list))
        return;
    struct cidr *cidrs = config_arena_array(e->arena, list.n, sizeof(*cidrs));
    if (!cidrs)
        return;
    for (size_t i = 0; i < list.n; i++) {
        enum cdn cdn = cdn_of_key(list.items[i]->text);
        if (cdn != CDN_NONE)
            r->trust_cdns |= 1u << cdn;
        else if (cidr_parse(list.items[i]->text, &cidrs[good]))
            good++;
        else
            field_bad_value(e, list.items[i], "is neither", trust_hint);
    }
    r->trust = cidrs;
    r->n_trust = good;
}

static void read_client_ip(struct config_errors *e, const struct yaml_item *map,
                           struct client_rule *r)
{
    static const struct field_key keys[] = {{"from", false}, {"trust", false}};
    static const char *const names[] = {"x_forwarded_for", "forwarded"};
    static const enum client_from froms[] = {CLIENT_FROM_X_FORWARDED_FOR, CLIENT_FROM_FORWARDED};
    static const struct field_hint from_hint = {"the header that names the client",
                                                "x_forwarded_for"};
    size_t choice;

    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    const struct yaml_item *from = field_scalar(e, map, "from", from_hint);
    if (!yaml_item_get(map, "from"))
        field_missing(e, map, "from", from_hint);
    if (from && field_name(e, from, (struct field_names){names, COUNT_OF(names)}, &choice))
        r->from = froms[choice];
    read_trust(e, map, r);
}

void agent_read_client(struct config_errors *e, const struct yaml_item *map,
                       struct source_config *s)
{
    static const char *const names[] = {"skip", "count"};
    static const struct field_hint hint = {"skip or count", "skip"};
    const struct yaml_item *item = field_scalar(e, map, "cdn_duplicates", hint);
    size_t choice;

    read_client_ip(e, yaml_item_get(map, "client_ip"), &s->client);
    if (item && field_name(e, item, (struct field_names){names, COUNT_OF(names)}, &choice))
        s->count_cdn_duplicates = choice == 1;
}

unsigned agent_config_cdn_logs(const struct agent_config *c, const struct source_config *s)
{
    unsigned logs = 0;

    if (!s || s->count_cdn_duplicates || s->cdn != CDN_NONE)
        return 0;
    for (size_t i = 0; i < c->n_sources; i++)
        logs |= c->sources[i].cdn == CDN_NONE ? 0 : 1u << c->sources[i].cdn;
    return logs;
}
