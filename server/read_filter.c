/*
 * read_filter.c - which pageviews fit the filters: decided once for each key of a part, not for
 * each record.
 */
#include <stdlib.h>

#include "server/page_path.h"
#include "server/read_stats.h"
#include "server/uuid.h"

/* ---- user agents --------------------------------------------------------------------------- */

#define SEEN_SLOTS 65536u

struct read_agents_seen {
    struct seen_agent slots[SEEN_SLOTS];
};

struct read_agents_seen *read_agents_seen_new(void)
{
    return calloc(1, sizeof(struct read_agents_seen));
}

void read_agents_seen_free(struct read_agents_seen *s)
{
    free(s);
}

const struct seen_agent *seen_agent(const struct read_context *x, uint64_t id)
{
    struct seen_agent *slot = &x->seen->slots[id % SEEN_SLOTS];
    if (slot->id == id && slot->browser)
        return slot;
    struct str text = store_reader_text(x->reader, (int64_t)id);
    *slot = (struct seen_agent){.id = id, .browser = browser_of(text), .device = device_of(text)};
    catalogue_classify(x->catalogue, text, &slot->ai);
    if (slot->ai && slot->ai->search_engine)
        slot->ai = NULL;
    return slot;
}

/* ---- filters ------------------------------------------------------------------------------- */

static enum column_id column_of(enum hit_filter_type type)
{
    switch (type) {
    case HIT_FILTER_PATH:
        return COLUMN_PATH;
    case HIT_FILTER_HOSTNAME:
        return COLUMN_HOST;
    case HIT_FILTER_REFERRER:
    case HIT_FILTER_REFERRER_HOST:
        return COLUMN_REFERRER_HOST;
    case HIT_FILTER_COUNTRY:
        return COLUMN_COUNTRY;
    case HIT_FILTER_LANGUAGE:
        return COLUMN_LANGUAGE;
    case HIT_FILTER_UTM_SOURCE:
        return COLUMN_UTM_SOURCE;
    case HIT_FILTER_UTM_MEDIUM:
        return COLUMN_UTM_MEDIUM;
    case HIT_FILTER_UTM_CAMPAIGN:
        return COLUMN_UTM_CAMPAIGN;
    case HIT_FILTER_UTM_TERM:
        return COLUMN_UTM_TERM;
    case HIT_FILTER_UTM_CONTENT:
        return COLUMN_UTM_CONTENT;
    case HIT_FILTER_QR_CODE_ID:
        return COLUMN_QR_CODE;
    case HIT_FILTER_AI_SOURCE:
        return COLUMN_AI_SOURCE;
    default:
        return COLUMN_UA;
    }
}

struct host_reading {
    struct hit_filters *filters;
    size_t filter;
};

static void on_host(void *arg, int64_t id)
{
    struct host_reading *r = arg;
    struct count *c = counts_at(&r->filters->hosts, (uint64_t)id, 1);
    if (c)
        c->n |= UINT64_C(1) << r->filter;
    else
        r->filters->failed = true;
}

/* What a filter can be decided by alone: the key that it wants. False: it needs more, or nothing
 * can have it (f->nothing). */
static bool key_of(struct hit_filters *f, const struct hit_filter *filter, uint64_t *key)
{
    struct str value = filter->value;
    unsigned char id[16];
    switch (filter->type) {
    case HIT_FILTER_PATH:
    case HIT_FILTER_AI_SOURCE:
        break;
    case HIT_FILTER_REFERRER:
        value = str_eq(value, STR(DIRECT)) ? STR_NONE : value;
        break;
    case HIT_FILTER_COUNTRY:
        value = str_eq(value, STR(UNKNOWN_PLACE)) ? STR_NONE : value;
        break;
    case HIT_FILTER_UTM_SOURCE:
    case HIT_FILTER_UTM_MEDIUM:
    case HIT_FILTER_UTM_CAMPAIGN:
    case HIT_FILTER_UTM_TERM:
    case HIT_FILTER_UTM_CONTENT:
        value = str_eq(value, STR(UNSPECIFIED)) ? STR_NONE : value;
        break;
    case HIT_FILTER_QR_CODE_ID:
        f->nothing = f->nothing || !uuid_parse(value, id);
        value = (struct str){(const char *)id, sizeof(id)};
        break;
    default:
        return false;
    }
    *key = f->nothing ? 0 : column_key(value);
    return true;
}

int hit_filters_init(struct hit_filters *f, const struct read_context *x,
                     const struct read_query *q)
{
    *f = (struct hit_filters){.x = x, .q = q, .nothing = q->nothing};
    for (size_t i = 0; i < q->n_filters; i++) {
        struct host_reading reading = {f, i};
        f->by_key[i] = key_of(f, &q->filters[i], &f->keys[i]);
        f->passes[i] = calloc(COLUMNS_MAX_RECORDS, sizeof(bool));
        if (!f->passes[i] ||
            (q->filters[i].type == HIT_FILTER_HOSTNAME &&
             store_reader_text_ids(x->reader, q->filters[i].value, on_host, &reading)))
            return -1;
    }
    return f->failed ? -1 : 0;
}

void hit_filters_release(struct hit_filters *f)
{
    for (size_t i = 0; i < READ_FILTERS_MAX; i++)
        free(f->passes[i]);
    counts_release(&f->hosts);
    *f = (struct hit_filters){0};
}

static bool is_language(const struct hit_filters *f, const struct columns *part, uint32_t index,
                        struct str value)
{
    char text[16];
    struct str language = STR_NONE;
    if (columns_key(part, COLUMN_LANGUAGE, index))
        language = store_reader_sample(f->x->reader, columns_sample(part, COLUMN_LANGUAGE, index),
                                       SAMPLE_LANGUAGE);
    return str_eq_nocase(language_name(language, text), value);
}

static bool is_referrer(const struct hit_filters *f, const struct columns *part, uint32_t index,
                        struct str value)
{
    struct str referrer = STR_NONE;
    if (columns_key(part, COLUMN_REFERRER_HOST, index))
        referrer = store_reader_sample(
            f->x->reader, columns_sample(part, COLUMN_REFERRER_HOST, index), SAMPLE_REFERRER);
    return referrer_is_from(referrer, value);
}

static bool is_bot(const struct hit_filters *f, uint64_t user_agent,
                   const struct hit_filter *filter)
{
    const struct agent *ai = seen_agent(f->x, user_agent)->ai;
    return ai && str_eq(filter->value,
                        str_of(filter->type == HIT_FILTER_AI_BOT ? ai->name
                                                                 : hitkeep_category(ai->category)));
}

static bool passes(const struct hit_filters *f, size_t i, const struct columns *part,
                   uint32_t index)
{
    const struct hit_filter *filter = &f->q->filters[i];
    enum column_id id = column_of(filter->type);
    uint64_t key = columns_key(part, id, index);
    const struct count *host;
    switch (filter->type) {
    case HIT_FILTER_HOSTNAME:
        host = counts_find(&f->hosts, key);
        return host && (host->n >> i & 1);
    case HIT_FILTER_DEVICE:
        return str_eq(filter->value, str_of(seen_agent(f->x, key)->device));
    case HIT_FILTER_BROWSER:
        return str_eq(filter->value, str_of(seen_agent(f->x, key)->browser));
    case HIT_FILTER_AI_BOT:
    case HIT_FILTER_AI_BOT_CATEGORY:
        return is_bot(f, key, filter);
    case HIT_FILTER_LANGUAGE:
        return is_language(f, part, index, filter->value);
    case HIT_FILTER_REFERRER_HOST:
        return is_referrer(f, part, index, filter->value);
    default: /* cities, providers, networks: none is known */
        return str_eq(filter->value, STR(UNKNOWN_PLACE));
    }
}

bool hit_filters_begin(struct hit_filters *f, const struct columns *part)
{
    for (size_t i = 0; i < f->q->n_filters && !f->nothing; i++) {
        enum column_id id = column_of(f->q->filters[i].type);
        uint32_t n = part->of[id].n_keys;
        bool any = false;
        for (uint32_t k = 0; k < n; k++) {
            f->passes[i][k] =
                f->by_key[i] ? columns_key(part, id, k) == f->keys[i] : passes(f, i, part, k);
            any = any || f->passes[i][k];
        }
        if (!any)
            return false;
    }
    return !f->nothing;
}

void hit_filters_narrow(const struct hit_filters *f, struct block *block)
{
    uint64_t index[BLOCK];
    for (size_t i = 0; i < f->q->n_filters; i++) {
        columns_read(block->part, column_of(f->q->filters[i].type), block->from, block->n, index);
        for (uint32_t k = 0; k < block->n; k++)
            block->wanted[k] = block->wanted[k] && f->passes[i][index[k]];
    }
}
