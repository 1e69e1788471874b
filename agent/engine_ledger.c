/* engine_ledger.c - the books as log lines; see engine.h and docs/operations.md. */
#include "agent/engine_impl.h"

static void log_source(const struct source *s)
{
    struct buf text;
    const struct counts *c = &s->counts;
    uint64_t skipped = 0;
    buf_init(&text, 4096);
    for (int i = 1; i < REASON_COUNT; i++) {
        skipped += c->skipped[i];
        if (c->skipped[i])
            buf_printf(&text, " %s=%llu", reason_name((enum reason)i),
                       (unsigned long long)c->skipped[i]);
    }
    log_event(LOG_INFO, "ledger", "source=%s lines=%llu records=%llu skipped=%llu lost=%llu%.*s",
              s->config->name.p, (unsigned long long)c->lines, (unsigned long long)c->records,
              (unsigned long long)skipped, (unsigned long long)c->lost, STR_ARGS(buf_str(&text)));
    buf_release(&text);
}

static void log_destination(const struct uplink_ledger *l)
{
    log_event(LOG_INFO, "ledger",
              "destination=%s records=%llu acknowledged=%llu stored=%llu duplicate=%llu "
              "excluded=%llu dead=%llu in_memory=%llu spooled=%llu parked=%llu "
              "expired=%llu owed=%llu batches=%llu state=%s last_error=\"%s\"",
              l->name, (unsigned long long)l->records, (unsigned long long)l->acknowledged,
              (unsigned long long)l->stored, (unsigned long long)l->duplicate,
              (unsigned long long)l->excluded, (unsigned long long)l->dead,
              (unsigned long long)l->in_memory, (unsigned long long)l->spooled,
              (unsigned long long)l->parked, (unsigned long long)l->expired,
              (unsigned long long)l->owed, (unsigned long long)l->batches, l->state, l->last_error);
}

static bool source_balances(const struct counts *c)
{
    uint64_t skipped = 0;
    for (int i = 1; i < REASON_COUNT; i++)
        skipped += c->skipped[i];
    return c->lines == c->records + skipped;
}

bool engine_balances(struct engine *e)
{
    bool good = true;
    for (size_t i = 0; i < e->o.n_sources; i++)
        good = good && source_balances(&e->sources[i].counts);
    for (size_t i = 0; i < uplink_destinations(e->uplink); i++) {
        struct uplink_ledger l;
        uplink_read_ledger(e->uplink, i, &l);
        good = good && l.records ==
                           l.acknowledged + l.dead + l.in_memory + l.spooled + l.parked + l.expired;
    }
    return good;
}

void engine_log_ledger(struct engine *e)
{
    for (size_t i = 0; i < e->o.n_sources; i++)
        log_source(&e->sources[i]);
    for (size_t i = 0; i < uplink_destinations(e->uplink); i++) {
        struct uplink_ledger l;
        uplink_read_ledger(e->uplink, i, &l);
        log_destination(&l);
    }
    log_event(engine_balances(e) ? LOG_INFO : LOG_ERROR, "ledger", "balanced=%s",
              engine_balances(e) ? "yes" : "no");
}
