/*
 * admin_report.c - the commands that only read: report, export, the ledger (also called why),
 * agents. They open the store read-only in their own process, beside a server or without one.
 */
#include "server/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/exit_codes.h"
#include "config/zone_file.h"
#include "server/admin_export.h"
#include "server/report.h"

#define TOP_DEFAULT 20

struct reading {
    struct args args;
    struct store_reader *reader;
    struct rights *rights;
    struct zone *zone; /* of the site; NULL: UTC */
    struct buf out, why;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The site of --site; NULL for all of them. */
static int find_site(struct reading *q, const struct site **site)
{
    struct str name = args_value(&q->args, "--site");
    *site = NULL;
    if (!str_is_set(name))
        return 0;
    *site = rights_site_by_host(q->rights, name);
    if (*site && str_eq((*site)->time_zone, STR("UTC")))
        return 0;
    if (*site)
        return (q->zone = zone_load((*site)->time_zone, &q->why)) ? 0 : EXIT_BAD_CONFIG;
    buf_printf(&q->why, "unknown site %s; see logferry-server site list", name.p);
    return EXIT_BAD_DATA;
}

static int parse_time(struct reading *q, const char *option, bool end, int64_t *ms)
{
    struct str text = args_value(&q->args, option);
    bool is_date = text.n == strlen("2026-10-01");
    if (!str_is_set(text) || when_parse(text, now_ms(), WHEN_PAST, end, ms)) {
        if (is_date) /* it begins as clocks there show it */
            *ms = zone_to_utc_ms(q->zone, *ms / 1000);
        return 0;
    }
    buf_printf(&q->why, "%s %s: expected 30d, 2026-10-01 or a time like 2026-10-01T12:00:00Z",
               option, text.p);
    return EXIT_USAGE;
}

static int parse_top(struct reading *q, size_t *top)
{
    struct str text = args_value(&q->args, "--top");
    uint64_t n = TOP_DEFAULT;
    if (str_is_set(text) && (!str_to_u64(text, 1000000, &n) || n == 0)) {
        buf_printf(&q->why, "--top %s: a number from 1 to 1000000 was expected", text.p);
        return EXIT_USAGE;
    }
    *top = (size_t)n;
    return 0;
}

static int report(struct reading *q, const struct site *site)
{
    struct read_filter filter = {site ? site->id : 0, INT64_MIN, INT64_MAX};
    size_t top = TOP_DEFAULT;
    int code = parse_time(q, "--from", false, &filter.from_ms);
    if (code || (code = parse_time(q, "--to", true, &filter.to_ms)) || (code = parse_top(q, &top)))
        return code;
    struct report r;
    if (report_gather(&r, q->reader, &filter, site ? site->domain : STR_NONE, top)) {
        buf_lit(&q->why, "the store cannot be read, or there is no memory; see its disk");
        code = EXIT_BAD_DATA;
    } else if (args_flag(&q->args, "--json")) {
        report_put_json(&r, top, &q->out);
    } else {
        report_put_text(&r, top, &q->out);
    }
    report_release(&r);
    return code;
}

static int export(struct reading *q, const struct site *site)
{
    struct admin_times times = {now_ms(), INT64_MIN, INT64_MAX};
    int code = parse_time(q, "--from", false, &times.from_ms);
    if (!code)
        code = parse_time(q, "--to", true, &times.to_ms);
    return code ? code : admin_export(q->reader, site, &q->args, &times, &q->why);
}

/* From midnight to midnight, as clocks at the site show it. */
static int parse_day(struct reading *q, const struct site *site, struct day_question *day)
{
    int64_t ms;
    day->day = args_value(&q->args, "--day");
    if (!site) {
        buf_lit(&q->why, "--day needs --site: which hours a day has, the site's time zone says");
        return EXIT_USAGE;
    }
    if (day->day.n != strlen("2026-10-01") || !when_parse(day->day, 0, WHEN_PAST, false, &ms)) {
        buf_printf(&q->why, "--day %s: a date like 2026-10-01 was expected", day->day.p);
        return EXIT_USAGE;
    }
    day->filter = (struct day_filter){.site = site->id,
                                      .from_ms = zone_to_utc_ms(q->zone, ms / 1000),
                                      .to_ms = zone_to_utc_ms(q->zone, ms / 1000 + 86400)};
    day->site = site->domain;
    day->time_zone = site->time_zone;
    return 0;
}

static int ledger(struct reading *q, const struct site *site)
{
    int64_t id = site ? site->id : 0;
    bool json = args_flag(&q->args, "--json");
    struct day_question day;
    int status;
    if (str_is_set(args_value(&q->args, "--day"))) {
        int code = parse_day(q, site, &day);
        if (code)
            return code;
        status =
            json ? day_put_json(q->reader, &day, &q->out) : day_put_text(q->reader, &day, &q->out);
    } else {
        status = json ? ledger_put_json(q->reader, id, &q->out)
                      : ledger_put_text(q->reader, id, &q->out);
    }
    if (status == 0)
        return 0;
    buf_lit(&q->why, "the store cannot be read; see its disk");
    return EXIT_BAD_DATA;
}

static int agents(struct reading *q, const struct site *site)
{
    if (agents_put(q->reader, now_ms(), args_flag(&q->args, "--json"), &q->out) == 0)
        return 0;
    buf_lit(&q->why, "the store cannot be read; see its disk");
    return EXIT_BAD_DATA;
}

static const char *const report_values[] = {"--site", "--from", "--to", "--top", NULL};
static const char *const export_values[] = {"--site", "--from", "--to", "--kind", "--format", NULL};
static const char *const ledger_values[] = {"--site", "--day", NULL};
static const char *const json_flag[] = {"--json", NULL};
static const char *const none[] = {NULL};

static const struct reading_command {
    const char *name;
    int (*run)(struct reading *q, const struct site *site);
    const char *const *values, *const *flags;
} commands[] = {
    {"report", report, report_values, json_flag}, {"export", export, export_values, none},
    {"ledger", ledger, ledger_values, json_flag}, {"why", ledger, ledger_values, json_flag},
    {"agents", agents, none, json_flag},
};

static const struct reading_command *find_command(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

bool admin_report_knows(const char *name)
{
    return find_command(name) != NULL;
}

static int run(struct reading *q, const char *store_dir, int argc, char **argv)
{
    const struct reading_command *command = find_command(argv[0]);
    enum store_failure failure = STORE_CANNOT;
    const struct site *site = NULL;
    if (args_parse(&q->args, argc - 1, argv + 1, command->values, command->flags, &q->why))
        return EXIT_USAGE;
    if (q->args.n_words > 0) {
        buf_printf(&q->why, "%s takes options only; found %s", argv[0], q->args.words[0]);
        return EXIT_USAGE;
    }
    if (!(q->reader = store_reader_open(store_dir, &q->why, &failure)))
        return admin_exit_code(failure);
    if (!(q->rights = store_reader_rights(q->reader))) {
        buf_lit(&q->why, "the store's sites cannot be read; see its disk");
        return EXIT_BAD_DATA;
    }
    int code = find_site(q, &site);
    return code ? code : command->run(q, site);
}

int admin_report_main(const char *store_dir, int argc, char **argv)
{
    struct reading q = {0};
    buf_init(&q.out, ADMIN_OUTPUT_MAX);
    buf_init(&q.why, 4096);
    int code = run(&q, store_dir, argc, argv);
    if (code == 0 && q.out.failed) {
        buf_lit(&q.why, "the answer is too large; use --top, --site or --from");
        code = EXIT_INTERNAL;
    }
    if (code == 0 && (fwrite(buf_str(&q.out).p, 1, q.out.n, stdout) != q.out.n || fflush(stdout)))
        code = EXIT_CANNOT_WRITE;
    else if (code != 0)
        fprintf(stderr, "logferry-server: %.*s\n", STR_ARGS(buf_str(&q.why)));
    rights_release(q.rights);
    free(q.zone);
    store_reader_close(q.reader);
    buf_release(&q.out);
    buf_release(&q.why);
    return code;
}
