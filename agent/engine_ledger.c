/* engine_ledger.c - the books as log lines; see engine.h and docs/operations.md. */
#include "agent/engine_impl.h"

/* One line: to the log, or as the log would have it, to `out`. */
static void put_line(struct buf *out, enum log_level level, struct buf *text)
{
    if (!out) {
        log_event(level, "ledger", "%.*s", STR_ARGS(buf_str(text)));
    } else {
        buf_lit(out, "level=");
        buf_put_str(out, level == LOG_ERROR ? STR("error") : STR("info"));
        buf_lit(out, " event=ledger ");
        buf_put_str(out, buf_str(text));
        buf_putc(out, '\n');
    }
    buf_reset(text);
}

static void put_source(struct buf *text, const struct source *s)
{
    const struct counts *c = &s->counts;
    uint64_t skipped = 0;
    for (int i = 1; i < REASON_COUNT; i++)
        skipped += c->skipped[i];
    buf_printf(text, "source=%s lines=%llu records=%llu skipped=%llu lost=%llu", s->config->name.p,
               (unsigned long long)c->lines, (unsigned long long)c->records,
               (unsigned long long)skipped, (unsigned long long)c->lost);
    for (int i = 1; i < REASON_COUNT; i++)
        if (c->skipped[i])
            buf_printf(text, " %s=%llu", reason_name((enum reason)i),
                       (unsigned long long)c->skipped[i]);
}

static void put_destination(struct buf *text, const struct uplink_ledger *l)
{
    buf_printf(text,
               "destination=%s records=%llu acknowledged=%llu stored=%llu duplicate=%llu "
               "excluded=%llu dead=%llu in_memory=%llu spooled=%llu parked=%llu "
               "expired=%llu refused=%llu held=%llu owed=%llu batches=%llu protocol=%s state=%s "
               "last_error=\"%s\"",
               l->name, (unsigned long long)l->records, (unsigned long long)l->acknowledged,
               (unsigned long long)l->stored, (unsigned long long)l->duplicate,
               (unsigned long long)l->excluded, (unsigned long long)l->dead,
               (unsigned long long)l->in_memory, (unsigned long long)l->spooled,
               (unsigned long long)l->parked, (unsigned long long)l->expired,
               (unsigned long long)l->refused, (unsigned long long)l->held,
               (unsigned long long)l->owed, (unsigned long long)l->batches, l->protocol, l->state,
               l->last_error);
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
        good = good && l.records == l.acknowledged + l.dead + l.in_memory + l.spooled + l.parked +
                                        l.expired + l.refused + l.held;
    }
    return good;
}

void engine_put_ledger(struct engine *e, struct buf *out)
{
    struct buf text;
    bool good = engine_balances(e);
    buf_init(&text, 8192);
    for (size_t i = 0; i < e->o.n_sources; i++) {
        put_source(&text, &e->sources[i]);
        put_line(out, LOG_INFO, &text);
    }
    for (size_t i = 0; i < uplink_destinations(e->uplink); i++) {
        struct uplink_ledger l;
        uplink_read_ledger(e->uplink, i, &l);
        put_destination(&text, &l);
        put_line(out, LOG_INFO, &text);
    }
    buf_printf(&text, "balanced=%s", good ? "yes" : "no");
    put_line(out, good ? LOG_INFO : LOG_ERROR, &text);
    buf_release(&text);
}

void engine_log_ledger(struct engine *e)
{
    engine_put_ledger(e, NULL);
}

uint64_t engine_behind(const struct engine *e, size_t source)
{
    uint64_t bytes = 0;
    for (const struct stream *s = TAILQ_FIRST(&e->streams); s; s = TAILQ_NEXT(s, all)) {
        if (s->source != &e->sources[source] || !s->live || !s->position)
            continue;
        uint64_t safe = intervals_gap(&s->position->safe, 0);
        bytes += s->size > safe ? s->size - safe : 0;
    }
    return bytes;
}

/* While one backlog is read, its lines tell how old they are; else nothing can be older than the
 * moment at which there was something to read again. */
void engine_read_lag(const struct engine *e, size_t source, struct source_lag *out)
{
    const struct source *of = &e->sources[source];
    *out = (struct source_lag){.read_ms = of->read_ms, .line_ms = of->line_ms};
    for (const struct stream *s = TAILQ_FIRST(&e->streams); s; s = TAILQ_NEXT(s, all)) {
        if (s->source != of || !s->unread_since_ms)
            continue;
        int64_t age = s->backlog_ms ? engine_now_ms(e) - s->backlog_ms
                                    : engine_mono_ms() - s->unread_since_ms;
        out->oldest_ms = age > out->oldest_ms ? age : out->oldest_ms;
    }
}
