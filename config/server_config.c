/* server_config.c - logferry-server.yaml: defaults, sections, one owner. See server_config.h. */
#include "config/server_config.h"

#include "config/arena.h"
#include "config/config_file.h"
#include "config/fields.h"
#include "config/values.h"

#include <stdlib.h>

#define MAX_RATE 1000000

static const struct field_hint listen_hint = {"ADDRESS:PORT with a numeric address, or unix:/path",
                                              "127.0.0.1:8080"};

static void read_limits(struct config_errors *e, const struct yaml_item *map,
                        struct server_config *c)
{
    static const struct field_key keys[] = {
        {"ingest_rate", false}, {"ingest_burst", false},    {"api_rate", false},
        {"api_burst", false},   {"exempt_loopback", false}, {"connections", false},
        {"auth_rate", false},   {"auth_burst", false},      {"batch_records_per_minute", false},
    };
    static const struct field_range rate = {
        0, MAX_RATE, {"requests a second, 0 (no limit) to 1000000", "20"}};
    static const struct field_range burst = {1, MAX_RATE, {"a number from 1 to 1000000", "40"}};
    static const struct field_range records = {
        0, 10000000, {"records of a token a minute, 0 (no limit) to 10000000", "60000"}};
    static const struct field_range connections = {1, 65536, {"a number from 1 to 65536", "512"}};

    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    field_u32(e, map, "ingest_rate", rate, &c->limits.ingest.rate);
    field_u32(e, map, "ingest_burst", burst, &c->limits.ingest.burst);
    field_u32(e, map, "api_rate", rate, &c->limits.api.rate);
    field_u32(e, map, "api_burst", burst, &c->limits.api.burst);
    field_u32(e, map, "auth_rate", rate, &c->limits.auth.rate);
    field_u32(e, map, "auth_burst", burst, &c->limits.auth.burst);
    field_u32(e, map, "batch_records_per_minute", records, &c->limits.batch_records_per_minute);
    field_bool(e, map, "exempt_loopback", &c->limits.exempt_loopback);
    field_u32(e, map, "connections", connections, &c->limits.connections);
}

/* As they are written: the server keeps all that it excludes in one list of texts. */
static void read_networks(struct config_errors *e, const struct yaml_item *map, struct str_set *out)
{
    static const struct field_hint hint = {"a list of addresses and networks", "[198.51.100.0/24]"};
    const struct cidr *cidrs;
    size_t n;

    if (field_cidrs(e, map, "ip", &cidrs, &n)) /* which tells what is wrong with each */
        field_texts(e, map, "ip", hint, out);
}

static void read_countries(struct config_errors *e, const struct yaml_item *map,
                           struct str_set *out)
{
    static const struct field_hint hint = {"a list of countries of two capital letters", "[AQ]"};

    if (!field_texts(e, map, "country", hint, out))
        return;
    for (size_t i = 0; i < out->n; i++) {
        struct str c = out->items[i];
        if (c.n != 2 || c.p[0] < 'A' || c.p[0] > 'Z' || c.p[1] < 'A' || c.p[1] > 'Z')
            field_problem(e, yaml_item_get(map, "country"),
                          "\"%.*s\" is no country; expected %s; write `country: %s`",
                          STR_ARGS(config_shown(c)), hint.expected, hint.example);
    }
}

static void read_exclude(struct config_errors *e, const struct yaml_item *map,
                         struct server_config *c)
{
    static const struct field_key keys[] = {
        {"ip", false}, {"country", false}, {"user_agent", false}, {"path", false}};
    static const struct field_hint hint = {"a list of texts within user agents", "[our-synthetic]"};

    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    read_networks(e, map, &c->exclude.ip);
    read_countries(e, map, &c->exclude.country);
    field_texts(e, map, "user_agent", hint, &c->exclude.user_agent);
    field_path_prefixes(e, map, "path", &c->exclude.path);
}

static void read_files(struct config_errors *e, const struct yaml_item *map, const char *key,
                       struct str_set *out)
{
    static const struct field_hint hint = {"a list of absolute paths",
                                           "[/var/lib/logferry-server/spammers.txt]"};
    struct str_set files;

    if (!field_texts(e, map, key, hint, &files))
        return;
    for (size_t i = 0; i < files.n; i++)
        if (!value_absolute_path(files.items[i]))
            field_problem(e, yaml_item_get(map, key),
                          "\"%.*s\" is no absolute path; write the whole path of the file",
                          STR_ARGS(config_shown(files.items[i])));
    *out = files;
}

static void read_spam(struct config_errors *e, const struct yaml_item *map, struct server_config *c)
{
    static const struct field_key keys[] = {{"referrers", false},
                                            {"networks", false},
                                            {"referrer_files", false},
                                            {"network_files", false}};

    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    field_cidrs(e, map, "networks", &c->spam.networks, &c->spam.n_networks);
    field_hosts(e, map, "referrers", &c->spam.referrers);
    read_files(e, map, "referrer_files", &c->spam.referrer_files);
    read_files(e, map, "network_files", &c->spam.network_files);
}

static void read_geo(struct config_errors *e, const struct yaml_item *map, struct server_config *c)
{
    static const struct field_key keys[] = {{"country", false}};

    if (field_map(e, map, keys, COUNT_OF(keys)))
        field_path(e, map, "country", "/var/lib/GeoIP/GeoLite2-Country.mmdb", &c->geo_country);
}

static void read_metrics(struct config_errors *e, const struct yaml_item *map,
                         struct server_config *c)
{
    static const struct field_key keys[] = {{"listen", false}};
    static const struct field_hint hint = {"ADDRESS:PORT with a numeric address, or unix:/path",
                                           "127.0.0.1:9465"};

    if (field_map(e, map, keys, COUNT_OF(keys)))
        field_listen(e, map, hint, &c->metrics);
}

static void read_access_log(struct config_errors *e, const struct yaml_item *root,
                            struct server_config *c)
{
    static const char *const names[] = {"off", "errors", "all"};
    static const struct field_hint hint = {"off, errors or all", "errors"};
    const struct yaml_item *item = field_scalar(e, root, "access_log", hint);
    size_t choice;

    if (item && field_name(e, item, (struct field_names){names, COUNT_OF(names)}, &choice))
        c->access_log = (enum access_log)choice;
}

static void read_compat(struct config_errors *e, const struct yaml_item *root,
                        struct server_config *c)
{
    static const char *const names[] = {"sensible", "strict"};
    static const struct field_hint hint = {"strict or sensible", "strict"};
    const struct yaml_item *item = field_scalar(e, root, "hitkeep_compat", hint);
    size_t choice;

    if (item && field_name(e, item, (struct field_names){names, COUNT_OF(names)}, &choice))
        c->hitkeep_strict = choice == 1;
}

static void read_public_url(struct config_errors *e, const struct yaml_item *root,
                            struct server_config *c)
{
    static const struct field_hint hint = {"an http or https URL without a path",
                                           "https://stats.example.net"};
    const struct yaml_item *item = field_scalar(e, root, "public_url", hint);
    if (!item)
        return;
    struct str url = item->text, rest = STR_NONE;
    if (str_starts(url, STR("https://")))
        rest = str_slice(url, 8, url.n);
    else if (str_starts(url, STR("http://")))
        rest = str_slice(url, 7, url.n);
    if (rest.n > 0 && str_ends(rest, STR("/")))
        rest = str_slice(rest, 0, rest.n - 1);
    if (rest.n == 0 || str_chr(rest, '/', 0) >= 0)
        field_bad_value(e, item, "is no such URL", hint);
    else
        c->public_url = url;
}

static void read_root(struct config_errors *e, const struct yaml_item *root,
                      struct server_config *c)
{
    static const struct field_key keys[] = {
        {"listen", false},          {"store", false},      {"limits", false},
        {"exclude", false},         {"spam", false},       {"geo", false},
        {"trusted_proxies", false}, {"metrics", false},    {"access_log", false},
        {"hitkeep_compat", false},  {"public_url", false}, {"initial_user", false}};

    if (!field_map(e, root, keys, COUNT_OF(keys)))
        return;
    field_listen(e, root, listen_hint, &c->listen);
    field_path(e, root, "store", "/var/lib/logferry-server", &c->store);
    read_limits(e, yaml_item_get(root, "limits"), c);
    read_exclude(e, yaml_item_get(root, "exclude"), c);
    read_spam(e, yaml_item_get(root, "spam"), c);
    read_geo(e, yaml_item_get(root, "geo"), c);
    read_metrics(e, yaml_item_get(root, "metrics"), c);
    read_access_log(e, root, c);
    field_cidrs(e, root, "trusted_proxies", &c->proxies, &c->n_proxies);
    read_compat(e, root, c);
    read_public_url(e, root, c);
    field_bool(e, root, "initial_user", &c->initial_user);
}

static void set_defaults(struct server_config *c)
{
    c->listen =
        (struct listen_address){.address = STR("127.0.0.1"), .port = 8080, .loopback = true};
    c->store = config_file_directory(c->arena, "STATE_DIRECTORY", STR("/var/lib/logferry-server"));
    c->limits.ingest = (struct server_rate){20, 40};
    c->limits.api = (struct server_rate){10, 20};
    c->limits.auth = (struct server_rate){2, 5};
    c->limits.exempt_loopback = true;
    c->limits.connections = 512;
}

struct server_config *server_config_parse(struct str text, const char *name, struct buf *error)
{
    struct config_arena *arena = config_arena_new(CONFIG_ARENA_BYTES);
    struct server_config *c = arena ? config_arena_alloc(arena, sizeof(*c)) : NULL;
    struct config_errors e;

    if (!c) {
        buf_printf(error, "%s: out of memory\n", name);
        config_arena_free(arena);
        return NULL;
    }
    c->arena = arena;
    c->path = config_arena_str(arena, str_of(name));
    config_errors_init(&e, str_of(name), arena);
    set_defaults(c);
    const struct yaml_item *root = yaml_item_parse(text, &e);
    if (root)
        read_root(&e, root, c);
    if (config_file_verdict(&e, error)) {
        config_arena_free(arena);
        return NULL;
    }
    return c;
}

struct server_config *server_config_load(const char *path, struct buf *error)
{
    struct server_config *c = NULL;
    struct buf text;

    buf_init(&text, YAML_MAX_BYTES + 1);
    if (config_file_read(path, &text, error) == 0)
        c = server_config_parse(buf_str(&text), path, error);
    buf_release(&text);
    return c;
}

void server_config_free(struct server_config *c)
{
    if (c)
        config_arena_free(c->arena); /* which holds *c as well */
}
