/*
 * account.h - what the API keeps for people: their logins, and a thread for their passwords.
 */
#ifndef LOGFERRY_SERVER_ACCOUNT_H
#define LOGFERRY_SERVER_ACCOUNT_H

#include "server/api_worker.h"
#include "server/limiter.h"
#include "server/logins.h"

#define ACCOUNT_PASSWORDS_MAX 32u /* waiting for the thread; over it 503 */

struct account {
    struct logins *logins;
    struct api_worker *passwords;
    unsigned n_passwords; /* with the thread */
};

/* With the logins that the store in `store_dir` holds (NULL: none). NULL: no memory, or no thread.
 */
struct account *account_new(struct ev_loop *loop, const char *store_dir);
void account_free(struct account *account); /* accepts NULL */

#endif
