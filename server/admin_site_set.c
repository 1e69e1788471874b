/*
 * admin_site_set.c - site set: what of a site can be changed.
 */
#include "server/admin_commands.h"

#include <stdlib.h>

#include "config/zone_file.h"
#include "server/store_life.h"

int admin_set_time_zone(struct admin_job *job, int64_t site, struct str name)
{
    struct buf why;
    bool utc = str_eq(name, STR("UTC"));
    buf_init(&why, 4096);
    struct zone *zone = utc ? NULL : zone_load(name, &why);
    int code = 0;
    if (!zone && !utc)
        code = admin_fail(job, EXIT_BAD_DATA, "--time-zone: %s", why.failed ? "?" : buf_cstr(&why));
    free(zone);
    buf_release(&why);
    if (code)
        return code;
    enum admin_result result = session_set_time_zone(job->session, site, name);
    return result == ADMIN_OK ? 0 : admin_failed(job, result, "the time zone");
}

static int set_retention(struct admin_job *job, int64_t site)
{
    unsigned days = 0;
    const char *name = job->args.words[0];
    int code = admin_retention(job, 0, &days);
    if (code)
        return code;
    enum admin_result result = session_set_retention(job->session, site, days);
    if (result != ADMIN_OK)
        return admin_failed(job, result, name);
    if (days == 0)
        buf_printf(job->out, "%s keeps its records for ever\n", name);
    else
        buf_printf(job->out, "%s keeps its records for %u days; older ones go within the hour\n",
                   name, days);
    return 0;
}

int admin_site_set(struct admin_job *job)
{
    struct str zone = args_value(&job->args, "--time-zone");
    bool retention = str_is_set(args_value(&job->args, "--retention"));
    const struct rights *r = session_rights(job->session);
    if (job->args.n_words != 1 || (zone.n == 0 && !retention))
        return admin_fail(job, EXIT_USAGE,
                          "site set takes a site and what to set: "
                          "site set example.com --retention 365d --time-zone Europe/Berlin");
    const char *name = job->args.words[0];
    const struct site *found = r ? rights_site_by_host(r, str_of(name)) : NULL;
    if (!found)
        return admin_fail(job, EXIT_BAD_DATA, "unknown site %s; see logferry-server site list",
                          name);
    int64_t site = found->id; /* the copy of the rights goes with the first change */
    int code = retention ? set_retention(job, site) : 0;
    if (!code && zone.n) {
        code = admin_set_time_zone(job, site, zone);
        if (!code)
            buf_printf(job->out, "days of %s begin as clocks show them in %.*s\n", name,
                       STR_ARGS(zone));
    }
    return code;
}
