/*
 * client_ip.h - who asked, when proxies stand in between: `sources.*.client_ip`. Pure.
 */
#ifndef LOGFERRY_PARSERS_CLIENT_IP_H
#define LOGFERRY_PARSERS_CLIENT_IP_H

#include "parsers/hit.h"
#include "parsers/verdict.h"

#define CLIENT_IP_MAX_HOPS 32

enum client_from { CLIENT_FROM_PEER, CLIENT_FROM_X_FORWARDED_FOR, CLIENT_FROM_FORWARDED };

struct client_rule {
    enum client_from from;
    const struct cidr *trust; /* the proxies that may say for whom they ask */
    size_t n_trust;
    unsigned trust_cdns; /* bit 1 << enum cdn: those of parsers/cdn.h */
};

/*
 * The address of the client. From the peer: hit->client_ip as it is. Else, if the peer is trusted,
 * the nearest address in the header, from the right, that is not; the leftmost when all of them
 * are; the peer's when there is no header. A peer that is no address (a unix socket, none in the
 * format) is this machine's, and trusted. A peer that is not trusted may write what it likes: the
 * header is not looked at. STR_NONE when the nearest is not known ("unknown", "_hidden", what is no
 * address), or further away than CLIENT_IP_MAX_HOPS. The answer is a slice of the hit's fields,
 * without port, brackets and zone.
 */
struct str client_ip(const struct client_rule *rule, const struct hit *hit);

/* One address as proxies write it: blanks, quotes, brackets, port, zone around it are cut off.
 * STR_NONE when there is none. */
struct str client_ip_bare(struct str text);

/* The same for a log's column, which may hold something else than an address: that stays as it is,
 * as does what is an address already. */
struct str client_ip_plain(struct str text);

/* Of a header alone, where no peer was logged: the nearest address that is neither inner
 * (address_is_inner) nor a CDN's; the leftmost when all are; STR_NONE when it holds none. */
struct str client_ip_of_list(struct str list);

#endif
