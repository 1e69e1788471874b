/* server_config.c - logferry-server.yaml: defaults, sections, one owner. See server_config.h. */
#include "config/server_config.h"

#include "config/arena.h"
#include "config/config_file.h"
#include "config/destination_url.h"
#include "config/fields.h"
#include "config/values.h"

#include <stdlib.h>
#include <sys/un.h>

#define MAX_RATE 1000000

static const struct field_hint listen_hint = {"ADDRESS:PORT with a numeric address, or unix:/path",
                                              "127.0.0.1:8080"};

/* ---- listen ------------------------------------------------------------------------------------
 */

static const char *parse_socket(struct str path, struct server_listen *out)
{
    struct sockaddr_un socket;

    if (!value_absolute_path(path) || path.n < 2 || path.n >= sizeof(socket.sun_path))
        return "is no absolute path of at most 107 bytes after unix:";
    *out = (struct server_listen){.socket = path, .loopback = true};
    return NULL;
}

static const char *parse_listen(struct config_arena *a, struct str s, struct server_listen *out)
{
    unsigned char bytes[16];
    ptrdiff_t colon = str_rchr(s, ':');
    uint64_t port;

    if (str_starts(s, STR("unix:")))
        return parse_socket(str_slice(s, 5, s.n), out);
    if (colon < 0 || !str_to_u64(str_slice(s, (size_t)colon + 1, s.n), 65535, &port))
        return "does not end with a port";
    struct str address = str_slice(s, 0, (size_t)colon);
    bool bracket = str_starts(address, STR("[")) && str_ends(address, STR("]"));
    if (bracket)
        address = str_slice(address, 1, address.n - 1);
    if (!bracket && str_eq(address, STR("localhost")))
        address = STR("127.0.0.1");
    if (!address_parse(address, bytes) || bracket != (str_chr(address, ':', 0) >= 0))
        return "does not begin with a numeric address (IPv6 in brackets)";
    *out = (struct server_listen){
        .address = config_arena_str(a, address),
        .port = (uint16_t)port,
        .loopback = host_is_loopback(address),
    };
    return NULL;
}

static void read_listen(struct config_errors *e, const struct yaml_item *root,
                        struct server_config *c)
{
    const struct yaml_item *item = field_scalar(e, root, "listen", listen_hint);
    const char *problem = item ? parse_listen(e->arena, item->text, &c->listen) : NULL;

    if (problem)
        field_bad_value(e, item, problem, listen_hint);
}

/* ---- the other sections
 * -------------------------------------------------------------------------- */

static void read_limits(struct config_errors *e, const struct yaml_item *map,
                        struct server_config *c)
{
    static const struct field_key keys[] = {
        {"ingest_rate", false}, {"ingest_burst", false},    {"api_rate", false},
        {"api_burst", false},   {"exempt_loopback", false}, {"connections", false},
    };
    static const struct field_range rate = {
        0, MAX_RATE, {"requests a second, 0 (no limit) to 1000000", "20"}};
    static const struct field_range burst = {1, MAX_RATE, {"a number from 1 to 1000000", "40"}};
    static const struct field_range connections = {1, 65536, {"a number from 1 to 65536", "512"}};

    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    field_u32(e, map, "ingest_rate", rate, &c->limits.ingest.rate);
    field_u32(e, map, "ingest_burst", burst, &c->limits.ingest.burst);
    field_u32(e, map, "api_rate", rate, &c->limits.api.rate);
    field_u32(e, map, "api_burst", burst, &c->limits.api.burst);
    field_bool(e, map, "exempt_loopback", &c->limits.exempt_loopback);
    field_u32(e, map, "connections", connections, &c->limits.connections);
}

static void read_exclude(struct config_errors *e, const struct yaml_item *map,
                         struct server_config *c)
{
    static const struct field_key keys[] = {{"ip", false}, {"user_agent", false}, {"path", false}};
    static const struct field_hint hint = {"a list of texts within user agents", "[our-synthetic]"};

    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    field_cidrs(e, map, "ip", &c->exclude.ip, &c->exclude.n_ip);
    field_texts(e, map, "user_agent", hint, &c->exclude.user_agent);
    field_path_prefixes(e, map, "path", &c->exclude.path);
}

static int compare_texts(const void *left, const void *right)
{
    const struct str *a = left, *b = right;
    int order = memcmp(a->p, b->p, a->n < b->n ? a->n : b->n);

    return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

static void read_spam(struct config_errors *e, const struct yaml_item *map, struct server_config *c)
{
    static const struct field_key keys[] = {{"referrers", false}, {"networks", false}};
    struct str_set hosts;

    if (!field_map(e, map, keys, COUNT_OF(keys)))
        return;
    field_cidrs(e, map, "networks", &c->spam.networks, &c->spam.n_networks);
    if (!field_hosts(e, map, "referrers", &hosts))
        return;
    struct str *sorted = config_arena_array(e->arena, hosts.n, sizeof(*sorted));
    if (!sorted)
        return;
    for (size_t i = 0; i < hosts.n; i++) {
        struct str host = hosts.items[i];
        sorted[i] = str_starts(host, STR("www.")) ? str_slice(host, 4, host.n) : host;
    }
    qsort(sorted, hosts.n, sizeof(*sorted), compare_texts);
    c->spam.referrers = (struct str_set){sorted, hosts.n};
}

static void read_root(struct config_errors *e, const struct yaml_item *root,
                      struct server_config *c)
{
    static const struct field_key keys[] = {{"listen", false},
                                            {"store", false},
                                            {"limits", false},
                                            {"exclude", false},
                                            {"spam", false}};

    if (!field_map(e, root, keys, COUNT_OF(keys)))
        return;
    read_listen(e, root, c);
    field_path(e, root, "store", "/var/lib/logferry-server", &c->store);
    read_limits(e, yaml_item_get(root, "limits"), c);
    read_exclude(e, yaml_item_get(root, "exclude"), c);
    read_spam(e, yaml_item_get(root, "spam"), c);
}

static void set_defaults(struct server_config *c)
{
    c->listen = (struct server_listen){.address = STR("127.0.0.1"), .port = 8080, .loopback = true};
    c->store = config_file_directory(c->arena, "STATE_DIRECTORY", STR("/var/lib/logferry-server"));
    c->limits.ingest = (struct server_rate){20, 40};
    c->limits.api = (struct server_rate){10, 20};
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
