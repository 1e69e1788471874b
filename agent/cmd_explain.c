/* cmd_explain.c - of each line: the fields, the verdict, the rule, and the record that would be
 * sent. */
#include "agent/commands.h"
#include "agent/explain_change.h"
#include "agent/explain_groups.h"
#include "agent/explain_marks.h"
#include "agent/offline.h"
#include "agent/terminal.h"
#include "config/exit_codes.h"
#include "parsers/ai_referrer.h"
#include "parsers/base/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_MAX (16u << 20)

/* ---- JSON -------------------------------------------------------------------------------------
 */

static void key(struct buf *b, const char *name, bool first)
{
    if (!first)
        buf_putc(b, ',');
    buf_putc(b, '"');
    buf_put_str(b, str_of(name));
    buf_lit(b, "\":");
}

static void put_text(struct buf *b, const char *name, struct str value)
{
    key(b, name, false);
    json_put_string(b, value);
}

static void put_number(struct buf *b, const char *name, int64_t value, int64_t none)
{
    key(b, name, false);
    if (value == none)
        buf_lit(b, "null");
    else
        buf_put_i64(b, value);
}

static void put_hit(struct buf *b, const struct hit *h)
{
    buf_putc(b, '{');
    key(b, "time", true);
    buf_putc(b, '"');
    time_put_rfc3339(b, h->time_ms);
    buf_putc(b, '"');
    put_text(b, "client_ip", h->client_ip);
    put_text(b, "method", h->method);
    put_text(b, "scheme", h->scheme);
    put_text(b, "host", h->host);
    put_text(b, "path", h->path);
    put_text(b, "query", h->query);
    put_text(b, "protocol", h->protocol);
    put_number(b, "status", h->status, -1);
    put_number(b, "bytes", h->bytes, HIT_NO_NUMBER);
    put_number(b, "duration_ms", h->duration_ms, HIT_NO_NUMBER);
    put_text(b, "referrer", h->referrer);
    put_text(b, "user_agent", h->user_agent);
    put_text(b, "content_type", h->content_type);
    put_text(b, "request_id", h->request_id);
    put_text(b, "remote_user", h->remote_user);
    buf_putc(b, '}');
}

static void put_agent(struct buf *b, const struct agent *a, enum verified verified)
{
    buf_lit(b, "{\"name\":");
    json_put_string(b, str_of(a->name));
    put_text(b, "operator", str_of(a->operator));
    put_text(b, "category", str_of(agent_category_name(a->category)));
    put_text(b, "verified", str_of(verified_name(verified)));
    buf_putc(b, '}');
}

static void put_record(struct buf *b, const struct digested *d)
{
    struct record r = d->record;
    r.user_agent = -1;
    r.user_agent_text = d->hit.user_agent;
    record_write(b, &r);
    if (b->n && b->p[b->n - 1] == '\n')
        b->n--;
}

/* The AI assistant that a person came from; NULL: none, or no person. */
static const char *person_from(const struct digested *d)
{
    bool person = d->parsed == PARSE_OK && d->verdict.ua_kind == UA_HUMAN;
    return person ? ai_referrer(d->hit.referrer, d->hit.query) : NULL;
}

static void put_json(struct buf *b, const struct offline_line *line,
                     const struct explain_change *change)
{
    const struct digested *d = line->digested;
    const struct verdict *v = &d->verdict;
    bool ok = d->parsed == PARSE_OK;
    buf_printf(b, "{\"line\":%llu,\"ok\":%s", (unsigned long long)line->number,
               d->parsed == PARSE_BAD ? "false" : "true");
    put_text(b, "error", str_of(d->parsed == PARSE_BAD ? d->error : NULL));
    put_text(b, "verdict", str_of(explain_kind_name(v->kind)));
    put_text(b, "reason", v->reason ? str_of(reason_name(v->reason)) : STR_NONE);
    put_text(b, "rule", str_of(v->rule));
    put_text(b, "key", str_of(change->key));
    put_text(b, "paste", change->paste.n ? buf_str(&change->paste) : STR_NONE);
    key(b, "hit", false);
    if (ok)
        put_hit(b, &d->hit);
    else
        buf_lit(b, "null");
    key(b, "agent", false);
    if (ok && v->agent)
        put_agent(b, v->agent, d->verified);
    else
        buf_lit(b, "null");
    if (ok && v->agent)
        put_text(b, "class", str_of(ai_class_name(v->ai_class)));
    put_text(b, "ai_referrer", str_of(person_from(d)));
    key(b, "record", false);
    if (v->kind != VERDICT_SKIP)
        put_record(b, d);
    else
        buf_lit(b, "null");
    buf_lit(b, "}\n");
}

/* ---- for people -------------------------------------------------------------------------------
 */

static void put_safe(struct buf *b, struct str s)
{
    terminal_put_safe(b, s, SIZE_MAX / 2);
}

static void put_label(struct buf *b, const char *name, struct terminal_style style)
{
    buf_printf(b, "  %s%-12s%s ", style.dim, name, style.off);
}

static void put_field(struct buf *b, const char *name, struct str value,
                      struct terminal_style style)
{
    if (!str_is_set(value))
        return;
    put_label(b, name, style);
    put_safe(b, value);
    buf_putc(b, '\n');
}

static void put_fields(struct buf *b, const struct hit *h, struct terminal_style style)
{
    put_label(b, "time", style);
    time_put_rfc3339(b, h->time_ms);
    buf_putc(b, '\n');
    put_field(b, "host", h->host, style);
    put_field(b, "client", h->client_ip, style);
    put_field(b, "method", h->method, style);
    put_field(b, "path", h->path, style);
    put_field(b, "query", h->query, style);
    put_label(b, "status", style);
    buf_printf(b, "%d\n", h->status);
    put_field(b, "content type", h->content_type, style);
    put_field(b, "referrer", h->referrer, style);
    put_field(b, "user agent", h->user_agent, style);
}

static void put_change(struct buf *b, const struct explain_change *c, struct terminal_style style)
{
    put_label(b, "changed by", style);
    buf_printf(b, "%s in the configuration", c->key);
    if (c->paste.n) {
        buf_lit(b, ": `");
        buf_put_str(b, buf_str(&c->paste));
        buf_putc(b, '`');
    }
    if (c->note)
        buf_printf(b, " (%s)", c->note);
    buf_putc(b, '\n');
}

static void put_agent_rows(struct buf *b, const struct digested *d, struct terminal_style style)
{
    const struct verdict *v = &d->verdict;

    put_label(b, "AI agent", style);
    buf_printf(b, "%s, %s, %s, class %s\n", v->agent->name, v->agent->operator,
               agent_category_name(v->agent->category), ai_class_name(v->ai_class));
    put_field(b, "verified", str_of(verified_name(d->verified)), style);
}

static void put_record_row(struct buf *b, const struct digested *d, struct terminal_style style)
{
    struct buf record;

    buf_init(&record, TEXT_MAX);
    put_record(&record, d);
    put_label(b, "record", style);
    terminal_put_json(b, buf_str(&record));
    buf_putc(b, '\n');
    buf_release(&record);
}

static void put_text_form(struct buf *b, const struct offline_line *line,
                          const struct explain_change *change, size_t columns,
                          struct terminal_style style)
{
    const struct digested *d = line->digested;
    const struct verdict *v = &d->verdict;

    buf_printf(b, "%sline %llu: %s", style.bold, (unsigned long long)line->number,
               explain_kind_name(v->kind));
    if (v->kind == VERDICT_SKIP)
        buf_printf(b, " (%s)", reason_name(v->reason));
    buf_printf(b, "%s\n", style.off);
    if (d->parsed == PARSE_OK) {
        explain_put_marks(b, line->text, &d->hit, columns, style);
        put_fields(b, &d->hit, style);
    } else if (d->parsed == PARSE_BAD) {
        explain_put_caret(b, line->text, d->column, d->error, columns, style);
    }
    if (v->agent && d->parsed == PARSE_OK)
        put_agent_rows(b, d, style);
    put_field(b, "came from", str_of(person_from(d)), style);
    put_field(b, "because", str_of(v->rule), style);
    if (change->key)
        put_change(b, change, style);
    if (v->kind != VERDICT_SKIP)
        put_record_row(b, d, style);
    buf_putc(b, '\n');
}

/* ---- the command
 * ----------------------------------------------------------------------------------
 */

struct explain {
    const struct options *options;
    const struct offline *from;
    struct buf text, json; /* of one line */
    struct explain_change change;
    size_t columns;
    struct terminal_style style;
    struct explain_groups *groups; /* with --summary */
    bool any_host, assumed;        /* a line that names no host is localhost's; one was */
};

static bool on_line(void *context, const struct offline_line *line)
{
    struct explain *e = context;
    const struct digested *d = line->digested;
    e->assumed |= e->any_host && d->verdict.kind != VERDICT_SKIP && !str_is_set(d->hit.host);
    if (e->groups) {
        explain_groups_add(e->groups, e->from, line);
        return true;
    }
    explain_change_find(&e->change, e->from, line);
    buf_reset(&e->text);
    buf_reset(&e->json);
    if (e->options->json) {
        put_json(&e->json, line, &e->change);
        terminal_put_json(&e->text, buf_str(&e->json));
    } else {
        put_text_form(&e->text, line, &e->change, e->columns, e->style);
    }
    if (e->text.failed || e->json.failed)
        return fputs("logferry explain: a line's explanation is larger than 16 MiB\n", stderr) >= 0;
    return fwrite(e->text.p, 1, e->text.n, stdout) == e->text.n;
}

static int print_groups(struct explain *e)
{
    buf_reset(&e->text);
    explain_groups_put(e->groups, e->options->json, &e->text);
    bool good = !e->text.failed && fwrite(e->text.p, 1, e->text.n, stdout) == e->text.n;
    return good ? EXIT_OK : EXIT_CANNOT_WRITE;
}

static void tell_assumed(const struct explain *e)
{
    if (e->assumed)
        fputs("logferry: the lines name no host: the site is shown as localhost; --host names it\n",
              stderr);
}

int command_explain(const struct options *options)
{
    char dash[] = "-";
    char *standard_input[] = {dash};
    struct offline o;
    struct explain e = {.options = options,
                        .from = &o,
                        .columns = terminal_columns(STDOUT_FILENO, 100),
                        .style = terminal_style(STDOUT_FILENO)};
    int code = offline_init(&o, options, "explain");
    e.any_host = offline_any_host(&o);
    if (options->summary)
        e.groups = explain_groups_new();
    if (!code && options->summary && !e.groups)
        code = EXIT_INTERNAL;
    buf_init(&e.text, TEXT_MAX);
    buf_init(&e.json, TEXT_MAX);
    explain_change_init(&e.change);
    if (!code)
        code = offline_read(&o, options->n_paths ? options->paths : standard_input,
                            options->n_paths ? options->n_paths : 1, on_line, &e);
    if (!code && e.groups)
        code = print_groups(&e);
    if (!code && (fflush(stdout) || ferror(stdout)))
        code = EXIT_CANNOT_WRITE;
    tell_assumed(&e);
    if (!code && o.unread)
        code = EXIT_BAD_DATA;
    explain_groups_free(e.groups);
    explain_change_release(&e.change);
    buf_release(&e.text);
    buf_release(&e.json);
    offline_release(&o);
    return code;
}
