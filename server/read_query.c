/*
 * read_query.c - see read_query.h. What is wrong and what is passed over is HitKeep's choice: times
 * of AI fetches and activity are refused, those of pageviews ignored.
 */
#include "server/read_query.h"

#include "parsers/base/time.h"
#include "server/go_text.h"
#include "server/page_path.h"
#include "server/url.h"
#include "server/uuid.h"

#define DEFAULT_DAYS 30
#define WINDOW_DAYS 30
#define WINDOW_DAYS_MAX 90
#define LIMIT 10
#define LIMIT_MAX 100

static const char *const format_names[] = {"csv", "json", "ndjson"};

const char *read_format_name(enum read_format format)
{
    return format_names[format];
}

bool read_format_parse(struct str name, enum read_format *out)
{
    for (size_t i = 0; i < COUNT_OF(format_names); i++)
        if (str_eq_nocase(name, str_of(format_names[i]))) {
            *out = (enum read_format)i;
            return true;
        }
    return false;
}

static void start(struct read_query *q, struct str query, int64_t from_ms, int64_t to_ms)
{
    *q = (struct read_query){
        .from_ms = from_ms, .to_ms = to_ms, .window_days = WINDOW_DAYS, .limit = LIMIT};
    /* Every value is taken at most twice: as itself, and as a filter's. */
    buf_init(&q->text, 2 * query.n + 64);
    buf_reserve(&q->text, 2 * query.n + 64);
}

void read_query_release(struct read_query *q)
{
    buf_release(&q->text);
}

static struct str value_of(struct read_query *q, struct str query, const char *name)
{
    struct str value = STR_NONE;
    query_value(query, str_of(name), &q->text, &value);
    return value;
}

/* False: there, and no time. */
static bool take_time(struct read_query *q, struct str query, const char *name, int64_t *ms)
{
    struct str text = value_of(q, query, name);
    return !str_is_set(text) || go_time(text, ms);
}

/* What is no number counts as not given. */
static int64_t number_of(struct str text, int64_t otherwise)
{
    uint64_t n = 0;
    bool minus = text.n > 0 && text.p[0] == '-';
    if (text.n > 0 && (minus || text.p[0] == '+'))
        text = str_slice(text, 1, text.n);
    if (!str_to_u64(text, INT64_MAX, &n))
        return otherwise;
    return minus ? -(int64_t)n : (int64_t)n;
}

static void take_format(struct read_query *q, struct str query)
{
    struct str name = value_of(q, query, "format");
    if (!read_format_parse(name, &q->format))
        q->format = READ_CSV;
    q->other_format = str_eq_nocase(name, STR("xlsx")) || str_eq_nocase(name, STR("parquet"));
}

const char *read_query_fetches(struct read_query *q, struct str query, int64_t now_ms)
{
    start(q, query, now_ms - DEFAULT_DAYS * DAY_MS, now_ms);
    if (!take_time(q, query, "from", &q->from_ms))
        return "Invalid from date, expected RFC3339";
    if (!take_time(q, query, "to", &q->to_ms))
        return "Invalid to date, expected RFC3339";
    q->assistant_name = value_of(q, query, "assistant_name");
    q->assistant_family = value_of(q, query, "assistant_family");
    q->resource_type = value_of(q, query, "resource_type");
    q->path = value_of(q, query, "path");
    take_format(q, query);
    return NULL;
}

const char *read_query_correlation(struct read_query *q, struct str query, int64_t now_ms)
{
    const char *wrong = read_query_fetches(q, query, now_ms);
    if (wrong)
        return wrong;
    struct str window = value_of(q, query, "window_days");
    int64_t days = str_is_set(window) ? number_of(window, 0) : WINDOW_DAYS;
    if (days < 1 || days > WINDOW_DAYS_MAX)
        return "Invalid window_days, expected integer between 1 and 90";
    q->window_days = (int)days;
    return NULL;
}

/* ---- pageviews ---------------------------------------------------------------------------- */

#define FILTER_INVALID "invalid filter_type"
#define FILTER_MALFORMED "invalid filter format"
#define FILTER_INCOMPLETE "filter_type and filter_value are required together"

static const char *const filter_names[HIT_FILTER_TYPES] = {
    [HIT_FILTER_PATH] = "path",
    [HIT_FILTER_HOSTNAME] = "hostname",
    [HIT_FILTER_REFERRER] = "referrer",
    [HIT_FILTER_REFERRER_HOST] = "referrer_host",
    [HIT_FILTER_DEVICE] = "device",
    [HIT_FILTER_COUNTRY] = "country",
    [HIT_FILTER_CITY] = "city",
    [HIT_FILTER_PROVIDER] = "provider",
    [HIT_FILTER_ASN] = "asn",
    [HIT_FILTER_BROWSER] = "browser",
    [HIT_FILTER_LANGUAGE] = "language",
    [HIT_FILTER_UTM_SOURCE] = "utm_source",
    [HIT_FILTER_UTM_MEDIUM] = "utm_medium",
    [HIT_FILTER_UTM_CAMPAIGN] = "utm_campaign",
    [HIT_FILTER_UTM_TERM] = "utm_term",
    [HIT_FILTER_UTM_CONTENT] = "utm_content",
    [HIT_FILTER_QR_CODE_ID] = "qr_code_id",
    [HIT_FILTER_AI_BOT] = "ai_bot",
    [HIT_FILTER_AI_BOT_CATEGORY] = "ai_bot_category",
    [HIT_FILTER_AI_SOURCE] = "ai_source",
};

bool hit_filter_is_ai(enum hit_filter_type type)
{
    return type == HIT_FILTER_AI_BOT || type == HIT_FILTER_AI_BOT_CATEGORY ||
           type == HIT_FILTER_AI_SOURCE;
}

/* What stands for "none" in this filter's lists, STR_NONE for those without such a name. */
static struct str none_of(enum hit_filter_type type)
{
    switch (type) {
    case HIT_FILTER_REFERRER:
    case HIT_FILTER_REFERRER_HOST:
        return STR(DIRECT);
    case HIT_FILTER_COUNTRY:
    case HIT_FILTER_CITY:
    case HIT_FILTER_PROVIDER:
    case HIT_FILTER_ASN:
        return STR(UNKNOWN_PLACE);
    case HIT_FILTER_LANGUAGE:
    case HIT_FILTER_UTM_SOURCE:
    case HIT_FILTER_UTM_MEDIUM:
    case HIT_FILTER_UTM_CAMPAIGN:
    case HIT_FILTER_UTM_TERM:
    case HIT_FILTER_UTM_CONTENT:
        return STR(UNSPECIFIED);
    default:
        return STR_NONE;
    }
}

/* "none" is also taken without its brackets, and in any case. */
static struct str normal_value(enum hit_filter_type type, struct str value)
{
    struct str none = none_of(type);
    if (str_is_set(none) &&
        (str_eq_nocase(value, none) || str_eq_nocase(value, str_slice(none, 1, none.n - 1))))
        return none;
    if (type == HIT_FILTER_REFERRER_HOST && str_starts_nocase(value, STR("www.")))
        return str_slice(value, 4, value.n);
    return type == HIT_FILTER_LANGUAGE ? str_cut(&value, '-') : value;
}

static const char *add_filter(struct read_query *q, struct str type, struct str value)
{
    if (type.n == 0 || value.n == 0)
        return FILTER_INCOMPLETE;
    if (q->n_filters == READ_FILTERS_MAX)
        return "too many filters";
    for (enum hit_filter_type i = 0; i < HIT_FILTER_TYPES; i++)
        if (str_eq_nocase(type, str_of(filter_names[i]))) {
            q->filters[q->n_filters++] =
                (struct hit_filter){.type = i, .value = normal_value(i, value)};
            return NULL;
        }
    return FILTER_INVALID;
}

static const char *take_filters(struct read_query *q, struct str query)
{
    const char *wrong = NULL;
    struct str rest = query, raw;
    while (rest.n > 0 && !wrong) {
        struct str pair = str_cut(&rest, '&');
        if (!query_value(pair, STR("filter"), &q->text, &raw))
            continue;
        ptrdiff_t colon = str_chr(raw, ':', 0);
        if (colon < 0)
            return FILTER_MALFORMED;
        wrong = add_filter(q, go_trim(str_slice(raw, 0, (size_t)colon)),
                           go_trim(str_slice(raw, (size_t)colon + 1, raw.n)));
    }
    struct str type = value_of(q, query, "filter_type"), value = value_of(q, query, "filter_value");
    if (!wrong && (str_is_set(type) || str_is_set(value)))
        wrong = add_filter(q, type, value);
    return wrong;
}

/* There are no goals and funnels here: no session has reached one. */
static bool take_ids(struct read_query *q, struct str query, const char *name)
{
    unsigned char id[16];
    struct str rest = query, text;
    while (rest.n > 0) {
        struct str pair = str_cut(&rest, '&');
        if (!query_value(pair, str_of(name), &q->text, &text))
            continue;
        if (!uuid_parse(text, id))
            return false;
        q->nothing = true;
    }
    return true;
}

static const char *take_choice(struct read_query *q, struct str query)
{
    const char *wrong = take_filters(q, query);
    if (wrong)
        return wrong;
    if (!take_ids(q, query, "goal_id"))
        return "Invalid goal_id";
    return take_ids(q, query, "funnel_id") ? NULL : "Invalid funnel_id";
}

static const char *take_pageviews(struct read_query *q, struct str query)
{
    take_time(q, query, "from", &q->from_ms);
    take_time(q, query, "to", &q->to_ms);
    return take_choice(q, query);
}

/* Both ends of it, or none. */
static void take_comparison(struct read_query *q, struct str query)
{
    q->compare_from_ms = q->compare_to_ms = INT64_MIN;
    take_time(q, query, "compare_from", &q->compare_from_ms);
    take_time(q, query, "compare_to", &q->compare_to_ms);
    q->compare = q->compare_from_ms != INT64_MIN && q->compare_to_ms != INT64_MIN;
}

/* As many days, until tomorrow. */
static void start_stats(struct read_query *q, struct str query, int64_t now_ms)
{
    start(q, query, now_ms + DAY_MS - DEFAULT_DAYS * DAY_MS, now_ms + DAY_MS);
}

const char *read_query_stats(struct read_query *q, struct str query, int64_t now_ms)
{
    start_stats(q, query, now_ms);
    const char *wrong = take_pageviews(q, query);
    if (!wrong)
        take_comparison(q, query);
    return wrong;
}

/* Its times are refused, and not passed over. */
const char *read_query_activity(struct read_query *q, struct str query, int64_t now_ms)
{
    start_stats(q, query, now_ms);
    if (!take_time(q, query, "from", &q->from_ms))
        return "Invalid from";
    if (!take_time(q, query, "to", &q->to_ms))
        return "Invalid to";
    const char *wrong = take_choice(q, query);
    if (!wrong)
        take_comparison(q, query);
    return wrong;
}

/* The time alone; nothing in it is refused. */
const char *read_query_sites(struct read_query *q, struct str query, int64_t now_ms)
{
    start_stats(q, query, now_ms);
    take_time(q, query, "from", &q->from_ms);
    take_time(q, query, "to", &q->to_ms);
    return NULL;
}

const char *read_query_hits(struct read_query *q, struct str query, int64_t now_ms)
{
    start(q, query, now_ms - DAY_MS, now_ms);
    const char *wrong = take_pageviews(q, query);
    if (wrong)
        return wrong;
    int64_t limit = number_of(value_of(q, query, "limit"), LIMIT);
    int64_t offset = number_of(value_of(q, query, "offset"), 0);
    struct str sort = value_of(q, query, "sort");
    q->limit = limit < 1 ? LIMIT : limit > LIMIT_MAX ? LIMIT_MAX : (unsigned)limit;
    q->offset = offset > 0 ? (uint64_t)offset : 0;
    q->sort = str_eq(sort, STR("path"))       ? READ_BY_PATH
              : str_eq(sort, STR("referrer")) ? READ_BY_REFERRER
                                              : READ_BY_TIME;
    q->ascending = str_eq_nocase(value_of(q, query, "order"), STR("asc"));
    q->search = value_of(q, query, "q");
    take_format(q, query);
    return NULL;
}
