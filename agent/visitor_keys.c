/* visitor_keys.c - see visitor_keys.h. */
#include "agent/visitor_keys.h"

#include "agent/state_dir.h"
#include "parsers/base/time.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#define FILE_NAME "visitor.keys"
#define HEAD "logferry-visitor-keys 1\n"
#define MAX_KEYS 4096u /* days: a backfill of eleven years */
#define MAX_BYTES (MAX_KEYS * 80u)
#define KEPT_MS (2 * DAY_MS)
#define MAX_DAY (INT64_MAX / DAY_MS - 1) /* so that its end is a time */

struct day_key {
    int64_t day, made_ms;
    unsigned char key[SIPHASH_KEY];
};

struct visitor_keys {
    pthread_mutex_t lock;
    int state_fd;
    bool loaded;
    struct day_key *v;
    size_t n;
};

struct visitor_keys *visitor_keys_new(int state_fd)
{
    struct visitor_keys *k = calloc(1, sizeof(*k));
    if (!k || pthread_mutex_init(&k->lock, NULL)) {
        free(k);
        return NULL;
    }
    k->state_fd = state_fd;
    return k;
}

void visitor_keys_free(struct visitor_keys *k)
{
    if (!k)
        return;
    pthread_mutex_destroy(&k->lock);
    if (k->v)
        explicit_bzero(k->v, MAX_KEYS * sizeof(*k->v));
    free(k->v);
    free(k);
}

static bool read_key(struct str line, struct day_key *out)
{
    uint64_t day, made;
    if (!str_to_u64(str_cut(&line, ' '), MAX_DAY, &day) ||
        !str_to_u64(str_cut(&line, ' '), INT64_MAX, &made) || line.n != sizeof(out->key) * 2)
        return false;
    for (size_t i = 0; i < sizeof(out->key); i++) {
        int byte = hex_pair(line.p + 2 * i);
        if (byte < 0)
            return false;
        out->key[i] = (unsigned char)byte;
    }
    out->day = (int64_t)day;
    out->made_ms = (int64_t)made;
    return true;
}

static int load(struct visitor_keys *k)
{
    struct buf text;
    if (!k->v)
        k->v = calloc(MAX_KEYS, sizeof(*k->v));
    if (!k->v)
        return ENOMEM;
    buf_init(&text, MAX_BYTES);
    int rc = state_read_file(k->state_fd, FILE_NAME, &text);
    struct str rest = buf_str(&text);
    k->n = 0;
    if (!rc && str_starts(rest, STR(HEAD)))
        rest = str_slice(rest, sizeof(HEAD) - 1, rest.n);
    else
        rest = STR("");
    while (rest.n && k->n < MAX_KEYS)
        k->n += read_key(str_cut(&rest, '\n'), &k->v[k->n]);
    if (text.p)
        explicit_bzero(text.p, text.cap);
    buf_release(&text);
    k->loaded = rc != EIO && rc != ENOMEM && rc != EMFILE && rc != ENFILE;
    return k->loaded ? 0 : rc;
}

static bool is_old(const struct day_key *d, int64_t now_ms)
{
    int64_t ended = (d->day + 1) * DAY_MS;
    return now_ms - (ended > d->made_ms ? ended : d->made_ms) >= KEPT_MS;
}

/* True: there were some. */
static bool forget_old(struct visitor_keys *k, int64_t now_ms)
{
    size_t kept = 0, before = k->n;
    for (size_t i = 0; i < before; i++)
        if (!is_old(&k->v[i], now_ms))
            k->v[kept++] = k->v[i];
    explicit_bzero(k->v + kept, (before - kept) * sizeof(*k->v));
    k->n = kept;
    return kept < before;
}

static int save(struct visitor_keys *k)
{
    static const struct write_points points = {
        "keys.before_write", "keys.after_open",   "keys.write",     "keys.after_write",
        "keys.after_fsync",  "keys.after_rename", "keys.after_sync"};
    struct buf text;
    buf_init(&text, MAX_BYTES);
    for (size_t i = 0; i < k->n; i++) {
        buf_printf(&text, "%" PRId64 " %" PRId64 " ", k->v[i].day, k->v[i].made_ms);
        buf_put_hex(&text, k->v[i].key, sizeof(k->v[i].key));
        buf_putc(&text, '\n');
    }
    int rc = text.failed
                 ? ENOMEM
                 : state_write_file(k->state_fd, FILE_NAME, STR(HEAD), buf_str(&text), &points);
    if (text.p)
        explicit_bzero(text.p, text.cap);
    buf_release(&text);
    return rc;
}

static const struct day_key *find(const struct visitor_keys *k, int64_t day)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->v[i].day == day)
            return &k->v[i];
    return NULL;
}

static int make(struct visitor_keys *k, int64_t day, int64_t now_ms)
{
    if (k->n == MAX_KEYS)
        return ENOSPC;
    struct day_key *d = &k->v[k->n];
    *d = (struct day_key){.day = day, .made_ms = now_ms};
    if (getrandom(d->key, sizeof(d->key), 0) != sizeof(d->key))
        return EAGAIN;
    k->n++;
    int rc = save(k);
    if (rc)
        k->n--;
    return rc;
}

int visitor_keys_get(struct visitor_keys *k, int64_t day, int64_t now_ms,
                     unsigned char key[SIPHASH_KEY])
{
    pthread_mutex_lock(&k->lock);
    int rc = k->loaded ? 0 : load(k);
    bool fewer = !rc && forget_old(k, now_ms);
    const struct day_key *d = rc ? NULL : find(k, day);
    if (!rc && !d) {
        rc = make(k, day, now_ms);
        d = rc ? NULL : find(k, day);
    } else if (fewer) {
        rc = save(k);
    }
    if (!rc)
        memcpy(key, d->key, SIPHASH_KEY);
    pthread_mutex_unlock(&k->lock);
    return rc;
}
