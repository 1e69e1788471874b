/*
 * admin_site_life.c - site purge: deleting some records; and how long is meant by --retention.
 *
 * A purge is many commands: each deletes one step's rows and says where to go on (`--next`), so
 * that a server stores what is sent in between. The loop over them is in the process of who asked.
 */
#include "server/admin_commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "parsers/base/time.h"
#include "server/store_life.h"

int admin_retention(struct admin_job *job, unsigned otherwise, unsigned *days)
{
    struct str text = args_value(&job->args, "--retention");
    int64_t now_ms = job->call->now_ms, until_ms = 0;
    *days = otherwise;
    if (!str_is_set(text))
        return 0;
    if (str_eq(text, STR("forever"))) {
        *days = 0;
        return 0;
    }
    if (!when_parse(text, now_ms, WHEN_FUTURE, false, &until_ms) || until_ms - now_ms < DAY_MS ||
        until_ms - now_ms > 36500 * DAY_MS)
        return admin_fail(job, EXIT_BAD_DATA,
                          "--retention %s: a number of days from 1d to 36500d was expected, or "
                          "forever",
                          text.p);
    *days = (unsigned)((until_ms - now_ms) / DAY_MS);
    return 0;
}

/* NULL: told. */
static const struct site *find_site(struct admin_job *job, const char *name)
{
    const struct rights *r = session_rights(job->session);
    const struct site *site = r ? rights_site_by_host(r, str_of(name)) : NULL;
    if (!site)
        admin_fail(job, EXIT_BAD_DATA, "unknown site %s; see logferry-server site list", name);
    return site;
}

/* ---- purge ------------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    unsigned kind;
} kinds[] = {
    {"pageviews", PURGE_PAGEVIEWS}, {"ai-fetches", PURGE_AI_FETCHES}, {"events", PURGE_EVENTS}};

static bool read_kinds(const struct args *args, unsigned *out)
{
    *out = 0;
    for (size_t i = 0; i < args->n_options; i++) {
        unsigned found = 0;
        if (strcmp(args->options[i].name, "--kind") != 0)
            continue;
        for (size_t k = 0; k < COUNT_OF(kinds); k++)
            if (strcmp(args->options[i].value, kinds[k].name) == 0)
                found = kinds[k].kind;
        if (!found)
            return false;
        *out |= found;
    }
    if (*out == 0)
        *out = PURGE_PAGEVIEWS | PURGE_AI_FETCHES | PURGE_EVENTS;
    return true;
}

/* All but the site. NULL, or what is wrong. */
static const char *read_purge(const struct args *args, int64_t now_ms, struct purge *p)
{
    struct str from = args_value(args, "--from"), to = args_value(args, "--to");
    struct str next = args_value(args, "--next");
    uint64_t lane = 0;
    *p = (struct purge){.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    if (!str_is_set(args_value(args, "--site")) || args->n_words > 0)
        return "site purge --site S [--from T] [--to T] [--kind pageviews|ai-fetches|events]... "
               "[--yes]";
    if (str_is_set(from) && !when_parse(from, now_ms, WHEN_PAST, false, &p->from_ms))
        return "--from: a time was expected, like 2026-10-01 or 30d";
    if (str_is_set(to) && !when_parse(to, now_ms, WHEN_PAST, true, &p->to_ms))
        return "--to: a time was expected, like 2026-10-31 (that day included) or 30d";
    if (p->from_ms >= p->to_ms)
        return "--from lies behind --to";
    if (!read_kinds(args, &p->kinds))
        return "--kind: one of pageviews, ai-fetches, events was expected";
    if (str_is_set(next) && !str_to_u64(next, INT64_MAX, &lane))
        return "--next: a number was expected";
    p->next = (int64_t)lane;
    return NULL;
}

int admin_site_purge(struct admin_job *job)
{
    struct purge p;
    const char *why = read_purge(&job->args, job->call->now_ms, &p);
    if (why)
        return admin_fail(job, EXIT_USAGE, "%s", why);
    const struct site *site = find_site(job, args_value(&job->args, "--site").p);
    if (!site)
        return EXIT_BAD_DATA;
    p.site = site->id;
    if (session_purge_step(job->session, &p) != ADMIN_OK)
        return admin_fail(job, EXIT_CANNOT_WRITE,
                          "the store could not delete; make room on its disk and try again");
    buf_printf(job->out, "%llu %lld\n", (unsigned long long)p.deleted, (long long)p.next);
    return 0;
}

bool admin_is_purge(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[0], "site") == 0 && strcmp(argv[1], "purge") == 0;
}

/* What would go. The reader is beside the writer, which goes on. */
static int show(struct purge *p, const char *store_dir, struct str site_name, struct buf *why)
{
    enum store_failure failure;
    uint64_t counts[3] = {0};
    struct store_reader *reader = store_reader_open(store_dir, why, &failure);
    struct rights *rights = reader ? store_reader_rights(reader) : NULL;
    const struct site *site = rights ? rights_site_by_host(rights, site_name) : NULL;
    int code = reader ? EXIT_CANNOT_WRITE : admin_exit_code(failure);
    if (rights && !site) {
        code = EXIT_BAD_DATA;
        buf_printf(why, "unknown site %s; see logferry-server site list", site_name.p);
    } else if (site) {
        p->site = site->id;
        code = store_reader_count(reader, p, counts) ? EXIT_CANNOT_WRITE : 0;
    }
    if (code == 0) {
        for (size_t i = 0; i < COUNT_OF(kinds); i++)
            if (p->kinds & kinds[i].kind)
                printf("%llu %s\n", (unsigned long long)counts[i], kinds[i].name);
        puts("nothing was deleted; to delete these for good, say --yes");
    } else if (why->n == 0) {
        buf_lit(why, "the store cannot be read");
    }
    rights_release(rights);
    store_reader_close(reader);
    return code;
}

/* The words of one step: those given, and where to go on. */
static int run_step(struct admin_call *call, int argc, char **argv, struct purge *p)
{
    char next[32];
    char *words[ARGS_MAX + 2];
    long long left;
    char *end;
    snprintf(next, sizeof(next), "--next=%lld", (long long)p->next);
    for (int i = 0; i < argc; i++)
        words[i] = argv[i];
    words[argc] = next;
    call->argc = argc + 1;
    call->argv = words;
    buf_reset(call->out);
    admin_ask(call->store_dir, call);
    if (call->code)
        return call->code;
    p->deleted = strtoull(buf_cstr(call->out), &end, 10);
    left = strtoll(end, NULL, 10);
    p->next = left;
    return 0;
}

static int delete_all(const char *store_dir, int argc, char **argv, struct purge *p)
{
    struct buf out, err;
    uint64_t deleted = 0;
    buf_init(&out, 4096);
    buf_init(&err, 65536);
    struct admin_call call = {.store_dir = store_dir, .out = &out, .err = &err};
    call.now_ms = admin_now_ms();
    int code = 0;
    for (p->next = 0; p->next >= 0 && code == 0; deleted += p->deleted)
        code = run_step(&call, argc, argv, p);
    if (code == 0)
        printf("%llu deleted; backups hold them until they are made anew\n",
               (unsigned long long)deleted);
    else
        fprintf(stderr,
                "%.*slogferry-server: %llu were deleted before that; give the command again\n",
                STR_ARGS(buf_str(&err)), (unsigned long long)(deleted - p->deleted));
    buf_release(&out);
    buf_release(&err);
    return code;
}

int admin_purge_main(const char *store_dir, int argc, char **argv)
{
    struct args *args = calloc(1, sizeof(*args));
    struct purge p;
    struct buf why;
    if (!args)
        return EXIT_INTERNAL;
    buf_init(&why, 4096);
    int code =
        argc > ARGS_MAX || args_parse(args, argc - 2, argv + 2, purge_values, purge_flags, &why)
            ? EXIT_USAGE
            : 0;
    const char *problem = code ? NULL : read_purge(args, admin_now_ms(), &p);
    if (problem) {
        code = EXIT_USAGE;
        buf_printf(&why, "%s", problem);
    }
    bool yes = args_flag(args, "--yes");
    if (code == 0)
        code = yes ? delete_all(store_dir, argc, argv, &p)
                   : show(&p, store_dir, args_value(args, "--site"), &why);
    if (why.n > 0)
        fprintf(stderr, "logferry-server: %s\n", buf_cstr(&why));
    buf_release(&why);
    free(args);
    return code;
}
