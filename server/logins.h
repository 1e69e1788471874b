/*
 * logins.h - who is logged in: the sessions of people's browsers, in memory, on the loop's thread.
 *
 * A login is known by the SHA-256 of its token, as API tokens are. The store keeps them beside
 * (store_admin.h), so that they outlive a restart. What ends all logins of a person (a new
 * password, being disabled) moves the person's epoch: whoever finds a login compares the two.
 */
#ifndef LOGFERRY_SERVER_LOGINS_H
#define LOGFERRY_SERVER_LOGINS_H

#include "server/token.h"

#define LOGINS_MAX 10000u              /* of all people; the longest unused goes for a new one */
#define LOGINS_OF_ONE 20u              /* of one person; the same */
#define LOGIN_IDLE_MS (7 * 86400000LL) /* unused that long, it has ended */

struct login {
    unsigned char hash[TOKEN_HASH_BYTES];
    int64_t user;  /* the store's number */
    int64_t epoch; /* the user's, when it began; another one ends it */
    int64_t created_ms, expires_ms;
    int64_t used_ms; /* not kept by the store: a restart counts as use */
};

struct logins;

struct logins *logins_new(void);    /* NULL when out of memory */
void logins_free(struct logins *l); /* accepts NULL */
/* -1: out of memory. */
int logins_add(struct logins *l, const struct login *login);
/* The login of that token, noted as used; NULL: unknown, or ended. Valid until the next add or
 * drop. */
const struct login *logins_find(struct logins *l, struct str token, int64_t now_ms);
void logins_drop(struct logins *l, const unsigned char hash[TOKEN_HASH_BYTES]);

#endif
