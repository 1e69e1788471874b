/* detect_looks.h - what the value of a column looks like; for detect*.c, format_clf.c, prefix.c and
 * server_message.c. Pure. */
#ifndef LOGFERRY_PARSERS_DETECT_LOOKS_H
#define LOGFERRY_PARSERS_DETECT_LOOKS_H

#include "parsers/hit.h"

enum look {
    LOOK_MISSING, /* "-", or nothing */
    LOOK_ADDRESS,
    LOOK_ADDRESS_V6, /* of these */
    LOOK_ADDRESS_PORT,
    LOOK_ADDRESSES, /* two or more, with commas between them */
    LOOK_PRIVATE,   /* an address that is no visitor's: of a private network, or a CDN's */
    LOOK_HOST,
    LOOK_HOST_PORT,
    LOOK_COUNT,
    LOOK_STATUS,
    LOOK_SECONDS, /* with three or six digits behind the point */
    LOOK_TIMES,   /* in whole seconds and in microseconds: "0/41544" */
    LOOK_TIME_CLF,
    LOOK_TIME_ISO,
    LOOK_TIME_OWN,   /* of another shape, perhaps without a zone */
    LOOK_TIME_EPOCH, /* in seconds, with or without a fraction */
    LOOK_REQUEST,
    LOOK_METHOD,
    LOOK_TARGET,
    LOOK_PROTOCOL,
    LOOK_URL,
    LOOK_AGENT,
    LOOK_TYPE,
    LOOK_SCHEME,
    LOOK_ID,
    LOOKS,
};

/* A set: bit i is enum look i. */
#define LOOK_BIT(look) (UINT32_C(1) << (look))

uint32_t looks_of(struct str value);

/* An address as logs have it: bare, in brackets, with a port or without. */
bool looks_like_address(struct str s);
/* A host is there, and nothing of who asked: the address may have been taken for the host. An id is
 * in the logs of proxies (Envoy), which mostly have no address. */
bool looks_like_nobodys(const struct hit *h);
/* Columns are not where the format took them to be. */
bool looks_odd(const struct hit *h);
/* "GET"; of those that are usual. */
bool looks_like_method(struct str s);
/* A logger's level, in any case, whatever stands around it: "[error]", "INF", "WARNING". */
bool looks_like_level(struct str s);
/* Does s begin like `form`? There 0 stands for a digit, A and a for letters of their case, _ for a
 * digit or a blank, any other byte for itself. */
bool looks_begin_like(struct str s, struct str form);
/* Could it be who asked: an address, a name, "unix:"? */
bool looks_like_client(struct str s);

#endif
