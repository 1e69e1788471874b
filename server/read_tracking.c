/*
 * read_tracking.c - is a site being tracked: HitKeep's fields, in its order, and none that are not
 * known. Of its trackers nothing is known here, nor when a site was last written to.
 */
#include "parsers/base/json.h"
#include "server/read_list.h"
#include "server/rights.h"
#include "server/store_seen.h"

#define DORMANT_MS (7 * INT64_C(86400) * 1000)

/* A host that has become an alias is the site's, too. */
static const char *status_of(const struct site_seen *seen, const struct read_context *x)
{
    const struct site *of_host =
        str_is_set(seen->host) ? rights_site_by_host(x->rights, seen->host) : NULL;
    if (!seen->any)
        return "waiting";
    if (str_is_set(seen->host) && (!of_host || of_host->id != x->site))
        return "domain_mismatch";
    return x->now_ms - seen->last_ms > DORMANT_MS ? "dormant" : "live";
}

static void put_time(struct buf *out, const char *name, int64_t ms)
{
    buf_printf(out, ",\"%s\":\"", name);
    list_put_time(out, ms);
    buf_putc(out, '"');
}

static void put_text(struct buf *out, const char *name, struct str text)
{
    if (text.n == 0)
        return;
    buf_printf(out, ",\"%s\":", name);
    json_put_string(out, text);
}

static void put_seen(struct buf *out, const struct site_seen *seen)
{
    if (seen->any) {
        put_time(out, "first_hit_at", seen->first_ms);
        put_time(out, "last_hit_at", seen->last_ms);
    }
    if (str_is_set(seen->last.name))
        put_time(out, "last_event_at", seen->last.at_ms);
    put_text(out, "last_hostname", seen->host);
    put_text(out, "last_event_name", seen->last.name);
    if (str_is_set(seen->automatic.name))
        put_time(out, "last_automatic_event_at", seen->automatic.at_ms);
    put_text(out, "last_automatic_event_name", seen->automatic.name);
}

int read_tracking(const struct read_context *x, const struct read_query *q, struct buf *out)
{
    const struct site *site = rights_site_by_id(x->rights, x->site);
    const struct team *team = rights_team_by_id(x->rights, site->team);
    struct site_seen seen;
    (void)q;
    store_reader_begin(x->reader);
    int status = store_reader_seen(x->reader, x->site, &seen);
    store_reader_end(x->reader);
    if (status == 0) {
        buf_printf(out, "{\"site_id\":\"%s\",\"tenant_id\":\"%s\",\"status\":\"%s\"", x->site_uuid,
                   team ? team->uuid_text : "", status_of(&seen, x));
        put_seen(out, &seen);
        buf_lit(out, ",\"configured_domain\":");
        json_put_string(out, site->domain);
        buf_lit(out, "}\n");
    }
    site_seen_release(&seen);
    return status;
}
