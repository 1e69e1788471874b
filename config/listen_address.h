/* listen_address.h - where a program listens: "127.0.0.1:8080", "[::1]:8080", "unix:/path". */
#ifndef LOGFERRY_CONFIG_LISTEN_ADDRESS_H
#define LOGFERRY_CONFIG_LISTEN_ADDRESS_H

#include "parsers/base/bytes.h"

struct config_errors;
struct field_hint;
struct yaml_item;

struct listen_address {
    struct str socket;  /* path of a unix socket; STR_NONE: the address below */
    struct str address; /* numeric, without brackets: "127.0.0.1", "::1"; STR_NONE with `socket` */
    uint16_t port;      /* 0: the kernel chooses */
    bool loopback; /* `socket`, or an address of this machine only: others cannot connect, and what
                      is sent crosses no network */
};

/* The value of `listen` in `map`, if there is one; a wrong one is reported, and nothing set. True:
 * it was set. */
bool field_listen(struct config_errors *e, const struct yaml_item *map, struct field_hint hint,
                  struct listen_address *out);
/* As http_listen_tcp reads it, and as a person does: "[::1]:8080", "unix:/path". */
void listen_address_put(const struct listen_address *l, struct buf *out);

#endif
