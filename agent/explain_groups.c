/* explain_groups.c - see explain_groups.h. */
#include "agent/explain_groups.h"

#include "agent/explain_change.h"
#include "agent/tally.h"
#include "agent/terminal.h"

#include <stdlib.h>

#define TOP 3
#define ID_BYTES 16       /* a part of a path this long with digits in it is an id */
#define PATH_BYTES 200    /* of a path are looked at */
#define EXAMPLE_BYTES 200 /* of the first line are kept */

/* One reason; reason 0 is pageviews, and REASON_COUNT AI fetches. */
struct group {
    uint64_t lines;
    const char *rule, *key;
    struct tally paths;
    char example[EXAMPLE_BYTES];
    size_t example_n;
};

struct explain_groups {
    uint64_t lines;
    struct group v[REASON_COUNT + 1];
    struct buf path;
};

const char *explain_kind_name(enum verdict_kind kind)
{
    static const char *const names[] = {"skip", "pageview", "ai_fetch"};
    return names[kind];
}

struct explain_groups *explain_groups_new(void)
{
    struct explain_groups *g = calloc(1, sizeof(*g));

    if (g)
        buf_init(&g->path, 4096);
    return g;
}

void explain_groups_free(struct explain_groups *g)
{
    if (!g)
        return;
    for (size_t i = 0; i <= REASON_COUNT; i++)
        tally_release(&g->v[i].paths);
    buf_release(&g->path);
    free(g);
}

/* ---- adding -----------------------------------------------------------------------------------
 */

static bool is_id(struct str part)
{
    size_t digits = 0, others = 0;

    for (size_t i = 0; i < part.n; i++) {
        digits += part.p[i] >= '0' && part.p[i] <= '9';
        others += hex_value(part.p[i]) < 0 && part.p[i] != '-';
    }
    return (digits && digits == part.n) || (part.n >= 8 && digits && !others) ||
           (part.n >= ID_BYTES && digits * 5 >= part.n);
}

void explain_collapse(struct buf *out, struct str path)
{
    struct str rest = path.n < PATH_BYTES ? path : str_slice(path, 0, PATH_BYTES);

    while (rest.n) {
        bool more = str_chr(rest, '/', 0) >= 0;
        struct str part = str_cut(&rest, '/');
        buf_put_str(out, is_id(part) ? STR("*") : part);
        if (more)
            buf_putc(out, '/');
    }
}

/* A group's rule and key are its first line's. */
static void begin_group(struct group *group, const struct offline *o,
                        const struct offline_line *line)
{
    struct explain_change change;

    explain_change_init(&change);
    explain_change_find(&change, o, line);
    group->rule = line->digested->verdict.rule;
    group->key = change.key;
    group->example_n = line->text.n < EXAMPLE_BYTES ? line->text.n : EXAMPLE_BYTES;
    if (group->example_n)
        memcpy(group->example, line->text.p, group->example_n);
    explain_change_release(&change);
}

void explain_groups_add(struct explain_groups *g, const struct offline *o,
                        const struct offline_line *line)
{
    const struct digested *d = line->digested;
    const struct verdict *v = &d->verdict;
    struct group *group = &g->v[v->kind == VERDICT_AI_FETCH ? REASON_COUNT : v->reason];

    g->lines++;
    if (!group->lines++)
        begin_group(group, o, line);
    buf_reset(&g->path);
    if (d->parsed == PARSE_OK)
        explain_collapse(&g->path, d->hit.path);
    else if (d->parsed == PARSE_BAD)
        buf_put_str(&g->path, str_of(d->error));
    if (g->path.n)
        tally_add(&group->paths, buf_str(&g->path));
}

/* ---- output -----------------------------------------------------------------------------------
 */

static const char *kind_of(size_t i)
{
    return i == 0 ? "pageview" : i == REASON_COUNT ? "ai_fetch" : "skip";
}

static const char *name_of(size_t i)
{
    return i == 0 || i == REASON_COUNT ? kind_of(i) : reason_name((enum reason)i);
}

static struct str example_of(const struct group *group)
{
    return (struct str){group->example, group->example_n};
}

static void put_group(struct buf *out, struct explain_groups *g, size_t i)
{
    struct group *group = &g->v[i];
    size_t n = tally_sort(&group->paths);

    terminal_put_number(out, group->lines, 12);
    buf_printf(out, " %5.1f %%  %s", 100.0 * (double)group->lines / (double)g->lines, name_of(i));
    if (group->rule)
        buf_printf(out, ": %s", group->rule);
    if (group->key)
        buf_printf(out, "; changed by %s", group->key);
    buf_putc(out, '\n');
    for (size_t k = 0; k < n && k < TOP; k++) {
        terminal_put_number(out, group->paths.v[k].count, 32);
        buf_lit(out, "  ");
        terminal_put_safe(out, tally_key(&group->paths.v[k]), 70);
        buf_putc(out, '\n');
    }
    if (i == 0 || i == REASON_COUNT)
        return;
    buf_printf(out, "%32s  e.g. ", "");
    terminal_put_safe(out, example_of(group), 90);
    buf_putc(out, '\n');
}

static void put_json_group(struct buf *out, struct group *group, size_t i)
{
    size_t n = tally_sort(&group->paths);

    buf_printf(out, "{\"verdict\":\"%s\",\"reason\":", kind_of(i));
    json_put_string(out, strcmp(kind_of(i), "skip") == 0 ? str_of(name_of(i)) : STR_NONE);
    buf_printf(out, ",\"lines\":%llu,\"rule\":", (unsigned long long)group->lines);
    json_put_string(out, str_of(group->rule));
    buf_lit(out, ",\"key\":");
    json_put_string(out, str_of(group->key));
    buf_lit(out, ",\"groups\":[");
    for (size_t k = 0; k < n && k < TOP; k++) {
        buf_printf(out, "%s{\"group\":", k ? "," : "");
        json_put_string(out, tally_key(&group->paths.v[k]));
        buf_printf(out, ",\"lines\":%llu}", (unsigned long long)group->paths.v[k].count);
    }
    buf_lit(out, "],\"example\":");
    json_put_string(out, example_of(group));
    buf_putc(out, '}');
}

static void put_json(struct buf *out, struct explain_groups *g)
{
    bool first = true;
    struct buf json;

    buf_init(&json, 4u << 20);
    buf_printf(&json, "{\"lines\":%llu,\"verdicts\":[", (unsigned long long)g->lines);
    for (size_t i = 0; i <= REASON_COUNT; i++) {
        if (!g->v[i].lines)
            continue;
        if (!first)
            buf_putc(&json, ',');
        put_json_group(&json, &g->v[i], i);
        first = false;
    }
    buf_lit(&json, "]}\n");
    terminal_put_json(out, buf_str(&json));
    buf_release(&json);
}

void explain_groups_put(struct explain_groups *g, bool json, struct buf *out)
{
    if (json) {
        put_json(out, g);
        return;
    }
    terminal_put_number(out, g->lines, 12);
    buf_lit(out, " lines\n");
    for (size_t i = 0; i <= REASON_COUNT; i++)
        if (g->v[i].lines)
            put_group(out, g, i);
}
