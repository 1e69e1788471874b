/* agent_sites.c - `sites`: which host names are which site, and where its records go. */
#include "config/agent_sections.h"

#include "config/arena.h"
#include "config/fields.h"

#include <stdlib.h>

static void read_to(struct config_errors *e, const struct yaml_item *map,
                    const struct agent_config *c, struct site_config *s)
{
    static const struct field_hint hint = {"a list of names of `destinations`", "[main]"};
    const char *names[CONFIG_MAX_DESTINATIONS];
    struct field_list list;
    size_t d;

    for (size_t i = 0; i < c->n_destinations; i++)
        names[i] = c->destinations[i].name.p;
    s->to = (1u << c->n_destinations) - 1;
    if (!field_list(e, map, "to", hint, &list))
        return;
    s->to = 0;
    for (size_t i = 0; i < list.n && c->n_destinations > 0; i++) {
        if (field_name(e, list.items[i], (struct field_names){names, c->n_destinations}, &d))
            s->to |= 1u << d;
    }
    if (list.n == 0)
        field_problem(e, yaml_item_get(map, "to"), "the list is empty; expected %s; write `to: %s`",
                      hint.expected, hint.example);
}

static void read_site(struct config_errors *e, const struct yaml_item *map,
                      const struct agent_config *c, struct site_config *s)
{
    static const struct field_key keys[] = {{"hosts", false}, {"site", false}, {"to", false}};
    static const struct field_hint hosts_hint = {"a list of host names",
                                                 "[example.com, www.example.com]"};
    static const struct field_hint site_hint = {"the domain of a site on the server",
                                                "example.com"};

    *s = (struct site_config){.to = 0};
    if (!field_map(e, map, keys, COUNT_OF(keys))) {
        if (map->kind == YAML_EMPTY)
            field_problem(e, map,
                          "nothing stands here; expected {hosts: […], site: …}; remove this "
                          "item");
        return;
    }
    const struct yaml_item *hosts = yaml_item_get(map, "hosts");
    const struct yaml_item *site = field_scalar(e, map, "site", site_hint);
    if (!hosts || hosts->kind == YAML_EMPTY || (hosts->kind == YAML_LIST && hosts->n == 0))
        field_missing(e, map, "hosts", hosts_hint);
    field_hosts(e, map, "hosts", &s->hosts);
    if (!yaml_item_get(map, "site"))
        field_missing(e, map, "site", site_hint);
    if (site)
        s->site = field_host(e, site);
    read_to(e, map, c, s);
}

struct claim { /* of a host name by an entry */
    struct str host;
    const struct yaml_item *entry;
};

static int compare_claims(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    int order = memcmp(a->host.p, b->host.p, a->host.n < b->host.n ? a->host.n : b->host.n);

    if (order == 0 && a->host.n != b->host.n)
        order = a->host.n < b->host.n ? -1 : 1;
    if (order == 0)
        order = a->entry->at.line != b->entry->at.line
                    ? (a->entry->at.line < b->entry->at.line ? -1 : 1)
                    : 0;
    return order;
}

/* A host that two entries claim would go to the first, and nobody would see why. */
static void check_claims(struct config_errors *e, const struct yaml_item *list,
                         const struct agent_config *c)
{
    size_t total = 0, n = 0;
    const struct yaml_item *entry = list->first;

    for (size_t i = 0; i < c->n_sites; i++)
        total += c->sites[i].hosts.n;
    struct claim *claims = config_arena_array(e->arena, total, sizeof(*claims));
    if (!claims)
        return;
    for (size_t i = 0; i < c->n_sites; i++, entry = entry->next) {
        for (size_t j = 0; j < c->sites[i].hosts.n; j++)
            claims[n++] = (struct claim){c->sites[i].hosts.items[j], entry};
    }
    qsort(claims, n, sizeof(*claims), compare_claims);
    for (size_t i = 1; i < n; i++) {
        if (!str_eq(claims[i - 1].host, claims[i].host))
            continue;
        struct str shown = config_shown(claims[i].host);
        field_problem(e, yaml_item_get(claims[i].entry, "hosts"),
                      "\"%.*s\" is given twice; the first stands in line %u; remove one",
                      STR_ARGS(shown), claims[i - 1].entry->at.line);
    }
}

void agent_read_sites(struct config_errors *e, const struct yaml_item *root, struct agent_config *c)
{
    const struct yaml_item *list = yaml_item_get(root, "sites");

    if (!list || list->kind == YAML_EMPTY)
        return;
    if (list->kind != YAML_LIST) {
        field_problem(e, list,
                      "%s stands here; expected a list; write `sites: [{hosts: "
                      "[example.com, www.example.com], site: example.com}]`",
                      yaml_kind_name(list->kind));
        return;
    }
    c->sites = config_arena_array(e->arena, list->n, sizeof(*c->sites));
    if (!c->sites)
        return;
    for (const struct yaml_item *i = list->first; i; i = i->next)
        read_site(e, i, c, &c->sites[c->n_sites++]);
    check_claims(e, list, c);
}
