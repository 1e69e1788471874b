/* account.c - starts with the logins that the store has kept. */
#include "server/account.h"

#include <stdlib.h>
#include <time.h>

#include "server/store_read.h"

static void on_login(void *arg, const struct login *login)
{
    struct login used = *login;
    used.used_ms = time(NULL) * INT64_C(1000);
    logins_add(arg, &used);
}

static int read_logins(struct logins *logins, const char *store_dir)
{
    struct buf error;
    enum store_failure failure;
    buf_init(&error, 4096);
    struct store_reader *reader = store_reader_open(store_dir, &error, &failure);
    buf_release(&error);
    int status = reader ? store_reader_logins(reader, on_login, logins) : -1;
    store_reader_close(reader);
    return status;
}

struct account *account_new(struct ev_loop *loop, const char *store_dir)
{
    struct account *account = calloc(1, sizeof(*account));
    if (!account)
        return NULL;
    account->logins = logins_new();
    account->passwords = api_worker_new(loop);
    /* Without the store's logins, people have to log in again; that is all. */
    if (account->logins && store_dir)
        (void)read_logins(account->logins, store_dir);
    if (account->logins && account->passwords)
        return account;
    account_free(account);
    return NULL;
}

void account_free(struct account *account)
{
    if (!account)
        return;
    api_worker_free(account->passwords);
    logins_free(account->logins);
    free(account);
}
