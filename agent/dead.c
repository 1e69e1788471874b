/* dead.c - see dead.h. */
#include "agent/dead.h"

#include "agent/dead_seen.h"
#include "agent/terminal.h"
#include "parsers/base/fault.h"
#include "parsers/base/json.h"
#include "parsers/base/time.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- reading ----------------------------------------------------------------------------------
 */

bool dead_parse_id(const char *text, uint64_t *seq)
{
    return str_to_hex64(str_of(text), seq);
}

/* A letter's body, with its header read. */
struct letter {
    struct batch *batch;
    struct spool_meta meta;
    struct buf body, scratch;
    struct batch_header header;
    struct str rest; /* the records */
};

static void letter_close(struct letter *l)
{
    batch_free(l->batch);
    spool_meta_release(&l->meta);
    free(l->header.streams);
    free(l->header.user_agents);
    buf_release(&l->body);
    buf_release(&l->scratch);
}

static bool letter_open(struct letter *l, int dead_fd, uint64_t seq, const char **why)
{
    *l = (struct letter){0};
    buf_init(&l->scratch, BATCH_MAX_DECODED);
    l->batch = spool_read(dead_fd, seq, &l->meta, why);
    if (!l->batch || batch_decode(l->batch, &l->body, why))
        return false;
    *why = "out of memory";
    l->header.streams = calloc(BATCH_MAX_STREAMS, sizeof(*l->header.streams));
    l->header.user_agents = calloc(BATCH_MAX_USER_AGENTS, sizeof(*l->header.user_agents));
    if (!l->header.streams || !l->header.user_agents)
        return false;
    l->rest = buf_str(&l->body);
    return batch_header_read(str_cut(&l->rest, '\n'), &l->header, &l->scratch, why);
}

/* ---- the list ---------------------------------------------------------------------------------
 */

struct row {
    uint64_t seq;
    int64_t age_s;
    struct str destination, reason, site;
    uint32_t n_records;
};

static void put_row_json(struct buf *out, const struct row *r)
{
    buf_printf(out, "{\"id\":\"%" PRIx64 "\",\"age_seconds\":%" PRId64 ",\"destination\":", r->seq,
               r->age_s);
    json_put_string(out, r->destination);
    buf_printf(out, ",\"records\":%" PRIu32 ",\"reason\":", r->n_records);
    json_put_string(out, r->reason);
    buf_lit(out, ",\"site\":");
    json_put_string(out, r->site);
    buf_lit(out, "}\n");
}

static void put_age(struct buf *out, int64_t seconds)
{
    char text[32];
    if (seconds >= 2 * 86400)
        snprintf(text, sizeof(text), "%" PRId64 "d", seconds / 86400);
    else if (seconds >= 2 * 3600)
        snprintf(text, sizeof(text), "%" PRId64 "h", seconds / 3600);
    else if (seconds >= 120)
        snprintf(text, sizeof(text), "%" PRId64 "m", seconds / 60);
    else
        snprintf(text, sizeof(text), "%" PRId64 "s", seconds);
    buf_printf(out, "%5s", text);
}

static void put_row(struct buf *out, const struct row *r)
{
    buf_printf(out, "%-8" PRIx64 " ", r->seq);
    put_age(out, r->age_s);
    buf_printf(out, " %7" PRIu32 "  ", r->n_records);
    terminal_put_safe(out, r->destination, 64);
    buf_lit(out, "  ");
    terminal_put_safe(out, r->site.n ? r->site : STR("-"), 64);
    buf_lit(out, "  ");
    terminal_put_safe(out, r->reason, 120);
    buf_putc(out, '\n');
}

static void list_one(int dead_fd, uint64_t seq, int64_t now_ms, bool json, struct buf *out)
{
    struct letter l;
    struct record record;
    const char *why = NULL, *ignored;
    struct buf scratch;
    struct row row = {.seq = seq};
    buf_init(&scratch, BATCH_MAX_DECODED);
    if (letter_open(&l, dead_fd, seq, &why)) {
        row.destination = l.meta.n_to ? l.meta.to[0] : STR("");
        row.reason = str_is_set(l.meta.reason) ? l.meta.reason : STR("");
        row.n_records = l.batch->n_records;
        row.age_s = (now_ms - l.batch->sealed_ms) / 1000;
        row.age_s = row.age_s > 0 ? row.age_s : 0;
        struct str first = l.rest;
        if (record_read(str_cut(&first, '\n'), &record, &scratch, &ignored))
            row.site = dead_site(&record);
    } else {
        row.destination = STR("?");
        row.reason = str_of(why);
    }
    if (json)
        put_row_json(out, &row);
    else
        put_row(out, &row);
    letter_close(&l);
    buf_release(&scratch);
}

int dead_list(int dead_fd, int64_t now_ms, bool json, struct buf *out)
{
    struct spool_item *items;
    size_t n;
    if (spool_list(dead_fd, &items, &n))
        return -1;
    if (!json)
        buf_lit(out, "id         age records  destination  site  reason\n");
    for (size_t i = 0; i < n; i++)
        list_one(dead_fd, items[i].seq, now_ms, json, out);
    free(items);
    return 0;
}

/* ---- one letter -------------------------------------------------------------------------------
 */

static struct str mask(struct str ip, char to[INET6_ADDRSTRLEN])
{
    unsigned char b[16];
    snprintf(to, INET6_ADDRSTRLEN, "%.*s", STR_ARGS(ip));
    if (inet_pton(AF_INET, to, b) == 1) {
        b[3] = 0;
        inet_ntop(AF_INET, b, to, INET6_ADDRSTRLEN);
    } else if (inet_pton(AF_INET6, to, b) == 1) {
        memset(b + 6, 0, 10);
        inet_ntop(AF_INET6, b, to, INET6_ADDRSTRLEN);
    } else {
        return STR("masked");
    }
    return str_of(to);
}

static void show_record(const struct letter *l, struct str line, bool show_ip, struct buf *out)
{
    char ip[INET6_ADDRSTRLEN];
    const char *why;
    struct record r;
    struct buf scratch, text;
    buf_init(&scratch, BATCH_MAX_DECODED);
    buf_init(&text, BATCH_MAX_DECODED);
    if (record_read(line, &r, &scratch, &why)) {
        if (r.user_agent >= 0 && (uint64_t)r.user_agent < l->header.n_user_agents) {
            r.user_agent_text = l->header.user_agents[r.user_agent];
            r.user_agent = -1;
        }
        if (str_is_set(r.visitor_ip) && !show_ip)
            r.visitor_ip = mask(r.visitor_ip, ip);
        record_write(&text, &r);
        terminal_put_safe(out, str_trim(buf_str(&text)), SIZE_MAX / 2);
    } else {
        buf_printf(out, "(a record that cannot be shown: %s)", why);
    }
    buf_putc(out, '\n');
    buf_release(&scratch);
    buf_release(&text);
}

bool dead_show(int dead_fd, uint64_t seq, bool show_ip, struct buf *out, const char **why)
{
    struct letter l;
    bool good = letter_open(&l, dead_fd, seq, why);
    while (good && l.rest.n)
        show_record(&l, str_cut(&l.rest, '\n'), show_ip, out);
    letter_close(&l);
    return good;
}

/* ---- moving -----------------------------------------------------------------------------------
 */

static int to_spool(struct dead_move *m)
{
    struct spool_meta meta = {0};
    struct buf text;
    struct batch *b = spool_read(m->dead_fd, m->seq, &meta, &m->error);
    if (b)
        b = batch_renew(b, &m->error);
    int rc = b && meta.n_to ? 0 : EINVAL;
    buf_init(&text, SPOOL_META_MAX);
    if (!rc) {
        snprintf(m->destination, sizeof(m->destination), "%.*s", STR_ARGS(meta.to[0]));
        m->n_records = b->n_records;
        m->sealed_ms = b->sealed_ms;
        spool_put_destination(&text, meta.to[0]);
        rc = spool_write(m->spool_fd, m->spool_seq, b, buf_str(&text), &m->spool_bytes);
        m->error = rc ? strerror(rc) : NULL;
    }
    fault_point("replay.after_write");
    buf_release(&text);
    spool_meta_release(&meta);
    batch_free(b);
    return rc;
}

int dead_move(struct dead_move *m, enum dead_op op)
{
    int rc = op == DEAD_REPLAY ? to_spool(m) : 0;
    if (rc)
        return rc;
    int removed = spool_remove(m->dead_fd, m->seq);
    if (removed && op == DEAD_DROP) {
        m->error = strerror(removed);
        return removed;
    }
    return 0; /* a replayed letter that stays is a duplicate the next time */
}
