/* The page rule on any request: the input is cut at its newlines into path, query, content type,
 * purpose, range, disposition, user agent. Each verdict names its rule, and a skip its reason. */
#include <stdlib.h>

#include "parsers/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ua_cache *cache(void)
{
    static struct ua_cache *c;

    if (!c)
        c = ua_cache_new(catalogue_new(false));
    return c;
}

static struct str field(struct str *rest)
{
    struct str s = str_cut(rest, '\n');

    return s.n > 0 ? s : STR_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 206, 304, 404, 0, -1};
    struct judge_rules rules;
    struct verdict v;

    if (size == 0)
        return 0;
    struct str rest = {(const char *)data + 1, size - 1};
    struct hit hit = {.method = data[0] & 1 ? STR("GET") : STR("OPTIONS"),
                      .status = statuses[data[0] / 2 % 6]};
    hit.path = field(&rest);
    hit.query = field(&rest);
    hit.content_type = field(&rest);
    hit.purpose = field(&rest);
    hit.range = field(&rest);
    hit.disposition = field(&rest);
    hit.user_agent = rest.n > 0 ? rest : STR("Mozilla/5.0 (X11; rv:128.0) Firefox/128.0");
    judge_rules_defaults(&rules);
    judge(&rules, &hit, ua_cache_get(cache(), hit.user_agent), &v);
    if (!v.rule || (v.kind == VERDICT_SKIP) != (v.reason != REASON_NONE))
        abort();
    return 0;
}
