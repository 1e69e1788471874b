/* agent_destinations.c - `destinations`: where to, with which token, and what. See
 * agent_sections.h. */
#include "config/agent_sections.h"

#include "config/arena.h"
#include "config/destination_url.h"
#include "config/expand.h"
#include "config/fields.h"
#include "config/token.h"

#include <stdlib.h>

static const struct field_hint url_hint = {
    "https://HOST[:PORT], http:// to this machine, or unix:/path",
    "https://ingest.example.net",
};

static void read_url(struct config_errors *e, const struct yaml_item *map,
                     struct destination_config *d)
{
    const struct yaml_item *item = field_scalar(e, map, "url", url_hint);
    struct str url;
    const char *why;

    if (!yaml_item_get(map, "url"))
        field_missing(e, map, "url", url_hint);
    if (!item || !expand_item(e, item, &url))
        return;
    if (!destination_url_check(url, &d->local, &why)) {
        field_problem(e, item, "%s; expected %s; write `url: %s`", why, url_hint.expected,
                      url_hint.example);
        return;
    }
    while (url.n > 0 && url.p[url.n - 1] == '/')
        url.n--;
    d->url = config_arena_str(e->arena, url);
}

static void read_token_env(struct config_errors *e, const struct yaml_item *item,
                           struct destination_config *d)
{
    struct str name = item->text;

    if (!expand_name_valid(name)) {
        field_problem(e, item,
                      "this is no name of an environment variable; expected the bare name; "
                      "write `token_env: LOGFERRY_TOKEN`");
        return;
    }
    struct str token = str_of(getenv(name.p));
    if (!str_is_set(token) || !token_valid(token)) {
        field_problem(e, item,
                      "the environment variable %.*s %s; expected a token of 8 to 512 printable "
                      "bytes; write `token_file: %s` instead, which needs no environment",
                      STR_ARGS(name), str_is_set(token) ? "holds no token" : "is not set",
                      TOKEN_DEFAULT_FILE);
        return;
    }
    d->token = config_arena_str(e->arena, token);
}

static void read_token_file(struct config_errors *e, const struct yaml_item *item,
                            struct destination_config *d)
{
    struct str path;

    if (!expand_item(e, item, &path))
        return;
    if (path.p[0] != '/') {
        field_problem(e, item, "expected an absolute path; write `token_file: %s`",
                      TOKEN_DEFAULT_FILE);
        return;
    }
    d->token_file = path;
}

static void read_token(struct config_errors *e, const struct yaml_item *map,
                       struct destination_config *d)
{
    static const struct field_hint file_hint = {"the path of a file", TOKEN_DEFAULT_FILE};
    static const struct field_hint env_hint = {"the name of an environment variable",
                                               "LOGFERRY_TOKEN"};
    const struct yaml_item *file = field_scalar(e, map, "token_file", file_hint);
    const struct yaml_item *env = field_scalar(e, map, "token_env", env_hint);
    struct buf path;

    if (file && env)
        field_problem(e, env, "`token_file` is given too; expected one of them; remove this line");
    else if (env)
        read_token_env(e, env, d);
    else if (file)
        read_token_file(e, file, d);
    else {
        buf_init(&path, EXPAND_MAX_BYTES);
        if (config_arena_reserve(e->arena, &path, EXPAND_MAX_BYTES))
            token_put_default_path(&path);
        d->token_file = config_arena_str(e->arena, buf_str(&path));
        buf_release(&path);
    }
}

static void read_transport(struct config_errors *e, const struct yaml_item *map,
                           struct destination_config *d)
{
    static const struct field_hint hint = {"a proxy as http://HOST:PORT",
                                           "http://proxy.example.net:3128"};
    const struct yaml_item *proxy = field_scalar(e, map, "proxy", hint);
    const struct yaml_item *ca_file = yaml_item_get(map, "ca_file");
    const char *why;

    if (proxy && !proxy_url_check(proxy->text, &why))
        field_problem(e, proxy, "%s; expected %s; write `proxy: %s`", why, hint.expected,
                      hint.example);
    else if (proxy && str_starts(d->url, STR("unix:")))
        field_problem(e, proxy, "a unix socket has no proxy; remove this line");
    else if (proxy)
        d->proxy = proxy->text;
    if (field_path(e, map, "ca_file", "/etc/logferry/ca.pem", &d->ca_file) && str_is_set(d->url) &&
        !str_starts(d->url, STR("https://")))
        field_problem(e, ca_file, "only https has certificates; remove this line");
}

static void read_destination(struct config_errors *e, const struct yaml_item *map,
                             struct destination_config *d)
{
    static const struct field_key keys[] = {
        {"url", false},      {"token_file", false}, {"token_env", false},
        {"protocol", false}, {"send", false},       {"proxy", false},
        {"ca_file", false},  {"rate", false},       {"late_ai_fetch", false},
    };

    *d = (struct destination_config){.name = map->key};
    if (str_eq(map->key, STR("none")) || str_eq(map->key, STR("stdout")))
        field_problem(e, map,
                      "this name has a meaning for `backfill --output`; expected another; "
                      "write `main: …`");
    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    read_url(e, map, d);
    read_token(e, map, d);
    destination_read_protocol(e, map, d);
    read_transport(e, map, d);
}

void agent_read_destinations(struct config_errors *e, const struct yaml_item *root,
                             struct agent_config *c)
{
    static const struct field_hint hint = {"at least one server to send to",
                                           "{main: {url: https://ingest.example.net}}"};
    const struct yaml_item *map = field_named_maps(e, root, "destinations", hint.example);
    const struct yaml_item *given = yaml_item_get(root, "destinations");

    if (!given || given->kind == YAML_EMPTY || (map && map->n == 0))
        field_missing(e, root, "destinations", hint);
    if (!map)
        return;
    for (const struct yaml_item *i = map->first; i; i = i->next) {
        if (c->n_destinations == CONFIG_MAX_DESTINATIONS) {
            field_problem(e, i, "there are more than %d destinations; remove some",
                          CONFIG_MAX_DESTINATIONS);
            return;
        }
        read_destination(e, i, &c->destinations[c->n_destinations++]);
    }
}
