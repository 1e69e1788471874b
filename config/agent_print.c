/* agent_print.c - the defaults of logferry.yaml, as YAML that can be pasted. */
#include "config/agent_config.h"

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!ascii_alnum(c) && c != '_' && c != '/' && c != '.' && (c != '-' || i == 0))
            return false;
    }
    return s.n > 0 && !str_eq_nocase(s, STR("null"));
}

void agent_config_put_text(struct buf *out, struct str s)
{
    if (is_plain(s)) {
        buf_put_str(out, s);
        return;
    }
    buf_putc(out, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'')
            buf_putc(out, '\'');
        buf_putc(out, s.p[i]);
    }
    buf_putc(out, '\'');
}

static void put_texts(struct buf *out, const char *key, const struct str_set *set)
{
    buf_printf(out, "  %s: [", key);
    for (size_t i = 0; i < set->n; i++) {
        if (i > 0)
            buf_lit(out, ", ");
        agent_config_put_text(out, set->items[i]);
    }
    buf_lit(out, "]\n");
}

void agent_config_print_defaults(struct buf *out)
{
    struct judge_rules r;

    judge_rules_defaults(&r);
    buf_lit(out, "pages:\n");
    put_texts(out, "methods", &r.methods);
    buf_lit(out, "  statuses: [");
    for (size_t i = 0; i < r.n_statuses; i++)
        buf_printf(out, "%s%d", i > 0 ? ", " : "", r.statuses[i]);
    buf_lit(out, "]\n");
    put_texts(out, "types", &r.types);
    put_texts(out, "extensions", &r.extensions);
    put_texts(out, "drop_query", &r.drop_query);
    put_texts(out, "not_pages", &r.not_pages);
    put_texts(out, "editors", &r.editors);
    put_texts(out, "health_checks", &r.health_checks);
    put_texts(out, "always", &r.always);
    buf_printf(out, "  prefetch: %s\n", r.count_prefetch ? "count" : "skip");
    buf_lit(out, "privacy: {visitor_ip: full, query: no_secrets, path_mask: []}\n"
                 "exclude: {ip: [], path: [], user_agent: []}\n"
                 "limits: {spool: 1GiB, dead: 64MiB, max_age: 7d, when_full: block}\n"
                 "ai: {search_engines: false}\n");
}
