/*
 * store_sqlite_visitor.c - a number for a visitor, instead of an address.
 *
 * The number is the beginning of SHA-256(key of the record's UTC day | site | address | user
 * agent). Keys are random, one a day, and deleted when no record has used them for 48 hours: from
 * then on nobody, us included, can find out whose number it was. The price: records of that day
 * which come still later (a backfill in two goes) count their visitors anew.
 */
#include "server/store_sqlite_impl.h"

#include <sys/random.h>

#include "parsers/base/hash.h"
#include "parsers/base/time.h"

#define TOUCH_EVERY_MS (3600 * 1000)

static int load_key(struct engine *e, struct day_key *key, int64_t day)
{
    sqlite3_stmt *row = NULL;
    const void *bytes = key->key;
    int n = sizeof(key->key);
    int found = sql_find(e, SQL_GET_DAY_KEY, &row, "i", day);
    if (found == 1) {
        bool sound = sqlite3_column_bytes(row, 0) == n;
        if (sound)
            memcpy(key->key, sqlite3_column_blob(row, 0), (size_t)n);
        sqlite3_reset(row);
        if (sound)
            return 0;
        /* Damaged: refused, the records of this day would wait for ever. */
    }
    if (found < 0 || getrandom(key->key, sizeof(key->key), 0) != (ssize_t)sizeof(key->key))
        return -1;
    key->used_ms = e->now_ms;
    return sql_run(e, SQL_PUT_DAY_KEY, "ibi", day, bytes, n, e->now_ms);
}

static const struct day_key *day_key(struct engine *e, int64_t at_ms)
{
    int64_t day = time_day(at_ms);
    struct day_key *key = &e->day_keys[(uint64_t)day % DAY_KEY_SLOTS];
    if (key->used_ms == 0 || key->day != day) {
        *key = (struct day_key){.day = day};
        if (load_key(e, key, day)) {
            key->used_ms = 0;
            return NULL;
        }
    }
    /* used_ms is 0 behind a key that was read: note its use at once, then hourly. */
    if (e->now_ms - key->used_ms >= TOUCH_EVERY_MS) {
        if (sql_run(e, SQL_TOUCH_DAY_KEY, "ii", day, e->now_ms))
            return NULL;
        key->used_ms = e->now_ms;
    }
    return key;
}

static int64_t first_eight(const unsigned char *bytes)
{
    int64_t number;
    memcpy(&number, bytes, sizeof(number));
    return number;
}

static int from_session(const struct store_row *row, int64_t *out)
{
    struct buf text;
    buf_init(&text, row->record.session_id.n + 32);
    buf_put_i64(&text, row->site);
    buf_putc(&text, ' ');
    buf_put_str(&text, row->record.session_id);
    bool failed = text.failed;
    struct hash128 hash = hash_128(buf_str(&text));
    buf_release(&text);
    if (failed)
        return -1;
    *out = first_eight(hash.b);
    return 0;
}

int visitor_id(struct engine *e, const struct store_row *row, struct str user_agent, int64_t *out)
{
    const struct record *r = &row->record;
    unsigned char address[16] = {0}, hash[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    if (str_is_set(r->session_id))
        return from_session(row, out);
    if (str_is_set(r->visitor_ip) && !address_parse(r->visitor_ip, address))
        return -1;
    const struct day_key *key = day_key(e, r->time_ms);
    if (!key || EVP_DigestInit_ex2(e->digest, e->md, NULL) != 1 ||
        EVP_DigestUpdate(e->digest, key->key, sizeof(key->key)) != 1 ||
        EVP_DigestUpdate(e->digest, &row->site, sizeof(row->site)) != 1 ||
        EVP_DigestUpdate(e->digest, address, sizeof(address)) != 1 ||
        EVP_DigestUpdate(e->digest, user_agent.p, user_agent.n) != 1 ||
        EVP_DigestFinal_ex(e->digest, hash, &n) != 1)
        return -1;
    *out = first_eight(hash);
    return 0;
}
