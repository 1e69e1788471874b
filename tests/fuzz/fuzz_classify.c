/*
 * fuzz_classify.c - user agent and hit to a verdict. The input's lines are the fields of a hit.
 * Beyond not crashing: the cache agrees with the catalogue, and every verdict is whole.
 */
#include <stdlib.h>

#include "parsers/verdict.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Up to the next newline; STR_NONE once the input is used up. */
static struct str take_line(struct str *rest)
{
    if (rest->n == 0)
        return STR_NONE;
    ptrdiff_t newline = str_chr(*rest, '\n', 0);
    size_t end = newline < 0 ? rest->n : (size_t)newline;
    struct str line = str_slice(*rest, 0, end);
    *rest = str_slice(*rest, newline < 0 ? end : end + 1, rest->n);
    return line;
}

static void check(const struct judge_rules *rules, const struct hit *hit, struct ua_cache *cache)
{
    struct verdict v;

    judge(rules, hit, ua_cache_get(cache, hit->user_agent), &v);
    MUST(v.rule != NULL);
    MUST((v.kind == VERDICT_SKIP) == (v.reason != REASON_NONE));
    MUST((v.ua_kind == UA_AI) == (v.agent != NULL));
    MUST(v.kind != VERDICT_AI_FETCH || (v.ua_kind == UA_AI && v.ai_class != AI_ASSET));
    MUST(v.kind != VERDICT_PAGEVIEW || v.ua_kind == UA_HUMAN);
    MUST(v.reason >= REASON_COUNT || reason_name(v.reason) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct catalogue *catalogue;
    static struct ua_cache *cache;
    static struct judge_rules defaults;

    if (cache == NULL) {
        catalogue = catalogue_new(false);
        cache = ua_cache_new(catalogue);
        MUST(cache != NULL);
        judge_rules_defaults(&defaults);
    }
    struct str rest = {(const char *)data, size};
    int status = size > 0 ? data[0] * 4 - 8 : 200;
    struct hit hit = {.status = status, .bytes = HIT_NO_NUMBER, .duration_ms = HIT_NO_NUMBER};
    hit.user_agent = take_line(&rest);
    hit.path = take_line(&rest);
    hit.method = take_line(&rest);
    hit.query = take_line(&rest);
    hit.content_type = take_line(&rest);
    hit.client_ip = take_line(&rest);
    hit.cdn_result = take_line(&rest);

    const struct agent *agent;
    enum ua_kind kind = catalogue_classify(catalogue, hit.user_agent, &agent);
    const struct ua_entry *entry = ua_cache_get(cache, hit.user_agent);
    MUST(entry->kind == kind && entry->agent == agent);

    struct cidr network;
    struct judge_rules rules = defaults;
    if (cidr_parse(hit.client_ip, &network)) {
        rules.exclude_ip = &network;
        rules.n_exclude_ip = 1;
    }
    rules.exclude_path = (struct str_set){&hit.query, hit.query.n > 0};
    judge_rules_index(&rules);
    rules.exclude_user_agent = (struct str_set){&hit.cdn_result, hit.cdn_result.n > 0};
    check(&rules, &hit, cache);
    check(&defaults, &hit, cache);
    hit.method = STR("GET");
    hit.status = 200;
    check(&defaults, &hit, cache);
    return 0;
}
