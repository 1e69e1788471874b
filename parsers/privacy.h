/*
 * privacy.h - what of a visitor leaves this machine: `privacy` of the configuration. Pure.
 *
 * It changes what is sent of a line, never whether something is sent: position and hash, by which
 * the server knows a record again, are those of the line as it stands in the log.
 */
#ifndef LOGFERRY_PARSERS_PRIVACY_H
#define LOGFERRY_PARSERS_PRIVACY_H

#include "parsers/hit.h"
#include "parsers/verdict.h"

enum privacy_address { PRIVACY_ADDRESS_FULL, PRIVACY_ADDRESS_TRUNCATED, PRIVACY_ADDRESS_NONE };
enum privacy_query {
    PRIVACY_QUERY_NO_SECRETS, /* what secrets.h finds is left out */
    PRIVACY_QUERY_DROP,       /* all of it */
    PRIVACY_QUERY_ALLOW,      /* all but the parameters of `allow` */
};

/* Segments of paths that are masked by what they look like. */
enum privacy_mask {
    PRIVACY_MASK_UUID = 1,
    PRIVACY_MASK_HEX = 2,   /* 16 hex digits and more */
    PRIVACY_MASK_EMAIL = 4, /* holds an e-mail address */
    PRIVACY_MASK_NUMBER = 8 /* six digits and more */
};

struct privacy {
    enum privacy_address address;
    enum privacy_query query;
    struct str_set allow; /* names, case aside; one that ends in '*' stands for all that begin so */
    /* Paths with '*': each stands for any text within its segment. "/order/<star>" holds for
     * "/order/1" and all below it, however a server may come to that path: "//order/./1",
     * "/order%2F1", "/x/../order/1". */
    struct str_set path_mask;
    unsigned mask; /* enum privacy_mask */
};

/* full, no_secrets, no mask */
void privacy_defaults(struct privacy *p);

/*
 * Rewrites path, query and referrer of a hit that is to be sent: the query and that of the referrer
 * as p->query says, the masks in both paths, no user name, password and fragment in the referrer,
 * no ";jsessionid=…" and no "%3Ftoken=…" in paths. What nothing is changed in stays a slice of the
 * line; the rest goes to `scratch` (reset first), which needs no more than the three are long
 * together. False when it has not that much: then the hit must not be sent.
 */
bool privacy_apply(const struct privacy *p, struct hit *hit, struct buf *scratch);

#define PRIVACY_ADDRESS_TEXT 46
/* The visitor's address as it is sent: bare; IPv4 cut to /24 and IPv6 to /48 when truncated;
 * STR_NONE when it is no address, or none is to be sent. Borrows `text` or `client_ip`. */
struct str privacy_visitor_ip(const struct privacy *p, struct str client_ip,
                              char text[PRIVACY_ADDRESS_TEXT]);

#endif
