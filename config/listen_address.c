/* listen_address.c - see listen_address.h. */
#include "config/listen_address.h"

#include "config/arena.h"
#include "config/destination_url.h"
#include "config/fields.h"
#include "config/values.h"

#include <sys/un.h>

static const char *parse_socket(struct str path, struct listen_address *out)
{
    struct sockaddr_un socket;

    if (!value_absolute_path(path) || path.n < 2 || path.n >= sizeof(socket.sun_path))
        return "is no absolute path of at most 107 bytes after unix:";
    *out = (struct listen_address){.socket = path, .loopback = true};
    return NULL;
}

static const char *parse(struct config_arena *a, struct str s, struct listen_address *out)
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
    *out = (struct listen_address){
        .address = config_arena_str(a, address),
        .port = (uint16_t)port,
        .loopback = host_is_loopback(address),
    };
    return NULL;
}

bool field_listen(struct config_errors *e, const struct yaml_item *map, struct field_hint hint,
                  struct listen_address *out)
{
    const struct yaml_item *item = field_scalar(e, map, "listen", hint);
    const char *problem = item ? parse(e->arena, item->text, out) : NULL;

    if (problem)
        field_bad_value(e, item, problem, hint);
    return item && !problem;
}

void listen_address_put(const struct listen_address *l, struct buf *out)
{
    if (str_is_set(l->socket))
        buf_printf(out, "unix:%s", l->socket.p);
    else
        buf_printf(out, str_chr(l->address, ':', 0) >= 0 ? "[%s]:%u" : "%s:%u", l->address.p,
                   l->port);
}
