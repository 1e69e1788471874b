/* dead_seen.c - see dead_seen.h. */
#include "agent/dead_seen.h"

#include "parsers/base/sys.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define FIRST_SLOTS 256u

struct slot {
    uint64_t key; /* 0: free */
    uint64_t seq; /* of the letter */
};

struct dead_seen {
    pthread_mutex_t mutex;
    int fd;
    bool was_read;
    struct slot *slots; /* a power of two, at most half full */
    size_t n, cap;
};

struct dead_seen *dead_seen_new(int dead_fd)
{
    struct dead_seen *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    pthread_mutex_init(&s->mutex, NULL);
    s->fd = dead_fd;
    return s;
}

void dead_seen_free(struct dead_seen *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->mutex);
    free(s->slots);
    free(s);
}

struct str dead_site(const struct record *r)
{
    struct str url = r->url;
    if (str_is_set(r->site))
        return r->site;
    if (str_is_set(r->hostname))
        return r->hostname;
    for (int i = 0; i < 2 && url.n; i++)
        str_cut(&url, '/'); /* "https:" and what is between the slashes */
    return url.n ? str_cut(&url, '/') : STR("");
}

/* ---- the table ------------------------------------------------------------------------------ */

/* The slot that has this key, or a free one. */
static struct slot *find(struct slot *slots, size_t cap, uint64_t key)
{
    size_t i = key & (cap - 1);
    while (slots[i].key && slots[i].key != key)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static bool grow(struct dead_seen *s)
{
    size_t cap = s->cap ? 2 * s->cap : FIRST_SLOTS;
    struct slot *slots = calloc(cap, sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = 0; i < s->cap; i++)
        if (s->slots[i].key)
            *find(slots, cap, s->slots[i].key) = s->slots[i];
    free(s->slots);
    s->slots = slots;
    s->cap = cap;
    return true;
}

/* Full, or without memory, it forgets: a second letter is the lesser harm. */
static void put(struct dead_seen *s, uint64_t key, uint64_t seq)
{
    if (2 * (s->n + 1) > s->cap && (s->n >= DEAD_SEEN_MAX || !grow(s)))
        return;
    struct slot *slot = find(s->slots, s->cap, key);
    s->n += slot->key == 0;
    *slot = (struct slot){key, seq};
}

/* A letter that was sent again or dropped counts no more. */
static bool has(const struct dead_seen *s, uint64_t key)
{
    const struct slot *slot = s->cap ? find(s->slots, s->cap, key) : NULL;
    return slot && slot->key && spool_changed_ms(s->fd, slot->seq) != 0;
}

/* ---- the records of a batch ----------------------------------------------------------------- */

static uint64_t key_of(const struct record *r, struct hash128 stream, struct str destination)
{
    struct buf text;
    buf_init(&text, RECORD_MAX_BYTES);
    buf_put(&text, stream.b, sizeof(stream.b));
    buf_printf(&text, "%llx %x ", (unsigned long long)r->at, (unsigned)r->line_hash);
    buf_put_str(&text, destination);
    buf_putc(&text, ' ');
    buf_put_str(&text, dead_site(r));
    uint64_t key = hash_64(buf_str(&text), 0);
    buf_release(&text);
    return key ? key : 1;
}

/* The keys of all its records, in their order; the caller frees them. NULL: it cannot be read. */
static uint64_t *keys_of(const struct batch *b, struct str destination)
{
    struct batch_header h = {0};
    struct buf body, header_scratch, scratch;
    const char *why;
    uint64_t *keys = calloc(b->n_records + 1u, sizeof(*keys));
    buf_init(&header_scratch, BATCH_MAX_DECODED);
    buf_init(&scratch, BATCH_MAX_DECODED);
    h.streams = calloc(BATCH_MAX_STREAMS, sizeof(*h.streams));
    h.user_agents = calloc(BATCH_MAX_USER_AGENTS, sizeof(*h.user_agents));
    bool good = batch_decode(b, &body, &why) == 0 && keys && h.streams && h.user_agents;
    struct str rest = good ? buf_str(&body) : STR("");
    good = good && batch_header_read(str_cut(&rest, '\n'), &h, &header_scratch, &why);
    uint32_t n = 0;
    for (size_t i = 0; good && i < h.n_streams; i++) {
        for (uint64_t k = 0; good && k < h.streams[i].records; k++) {
            struct record r;
            good = n < b->n_records && record_read(str_cut(&rest, '\n'), &r, &scratch, &why);
            if (good)
                keys[n++] = key_of(&r, h.streams[i].id, destination);
        }
    }
    free(h.streams);
    free(h.user_agents);
    buf_release(&body);
    buf_release(&header_scratch);
    buf_release(&scratch);
    if (good && n == b->n_records)
        return keys;
    free(keys);
    return NULL;
}

/* ---- the shelf ------------------------------------------------------------------------------ */

static void read_letter(struct dead_seen *s, uint64_t seq)
{
    struct spool_meta meta = {0};
    const char *why;
    struct batch *b = spool_read(s->fd, seq, &meta, &why);
    uint64_t *keys = b && meta.n_to ? keys_of(b, meta.to[0]) : NULL;
    for (uint32_t i = 0; keys && i < b->n_records; i++)
        put(s, keys[i], seq);
    free(keys);
    batch_free(b);
    spool_meta_release(&meta);
}

/* A letter that stands for another has to be durable: a crash may have come before the name was. */
static void read_shelf(struct dead_seen *s)
{
    struct spool_item *items;
    size_t n;
    s->was_read = true;
    if (sys_fsync(s->fd) || spool_list(s->fd, &items, &n))
        return;
    while (n-- > 0 && s->n < DEAD_SEEN_MAX)
        read_letter(s, items[n].seq);
    free(items);
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool select_fresh(void *context, size_t line)
{
    const uint64_t *keys = context;
    return keys[line - 2] != 0; /* line 2 is the first record */
}

/* Of the records that have a letter the keys become 0; of the others: how many there are. */
static uint32_t drop_seen(const struct dead_seen *s, uint64_t *keys, uint32_t n)
{
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (has(s, keys[i]))
            keys[i] = 0;
        fresh += keys[i] != 0;
    }
    return fresh;
}

static int write_fresh(struct dead_seen *s, struct dead_letter_write *w, uint64_t *keys)
{
    uint32_t n = keys ? drop_seen(s, keys, w->b->n_records) : w->b->n_records;
    struct batch *part = NULL;
    const char *error = NULL;
    if (n == 0)
        return 0;
    if (n < w->b->n_records &&
        !(part = batch_select(w->b, select_fresh, keys, STR("fresh"), false, &error)))
        return EIO;
    int rc = spool_write(s->fd, w->seq, part ? part : w->b, w->meta, &w->bytes);
    batch_free(part);
    if (rc)
        return rc;
    w->n_records = n;
    for (uint32_t i = 0; keys && i < w->b->n_records; i++)
        if (keys[i])
            put(s, keys[i], w->seq);
    return 0;
}

int dead_seen_write(struct dead_seen *s, struct dead_letter_write *w)
{
    w->bytes = 0;
    w->n_records = 0;
    pthread_mutex_lock(&s->mutex);
    if (!s->was_read)
        read_shelf(s);
    uint64_t *keys = keys_of(w->b, w->destination);
    int rc = write_fresh(s, w, keys);
    pthread_mutex_unlock(&s->mutex);
    free(keys);
    return rc;
}
