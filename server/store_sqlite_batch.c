/*
 * store_sqlite_batch.c - one batch: its rows, what it says about lines, its answer. All inside the
 * savepoint that engine_run has set.
 */
#include "server/store_sqlite_impl.h"

#include "parsers/base/time.h"
#include "server/uuid.h"

/* Batches are noted for weeks, at one a second or more, so a row is short: of the body's SHA-256 as
 * much as tells two bodies of one owner apart, and of the answer what is not the usual. */
#define BODY_HASH_KEPT 16
#define PLAIN_TAIL ",\"excluded\":0,\"rejected\":[]"

/* -1: no memory. */
static int write_answer(struct store_job *job, int64_t stored, int64_t duplicate, struct str tail)
{
    char id[UUID_TEXT + 1];
    struct buf *answer = &job->answer;
    uuid_format(job->batch_id, id);
    buf_printf(answer, "{\"batch\":\"%s\",\"stored\":%lld,\"duplicate\":%lld", id,
               (long long)stored, (long long)duplicate);
    buf_put_str(answer, tail);
    buf_putc(answer, '}');
    return answer->failed ? -1 : 0;
}

/* 1: this id was seen, the result is set; 0: it is new; -1: failed. */
static int seen_before(struct engine *e, struct store_job *job)
{
    sqlite3_stmt *row = NULL;
    const void *id = job->batch_id;
    int found = sql_find(e, SQL_GET_BATCH, &row, "ib", job->team, id, (int)sizeof(job->batch_id));
    if (found <= 0)
        return found;
    struct str hash = column_str(row, 0);
    struct str tail = column_str(row, 3);
    bool same = hash.n == BODY_HASH_KEPT && memcmp(hash.p, job->body_hash, hash.n) == 0;
    int status = 0;
    job->result = same ? STORE_REPLAYED : STORE_REUSED;
    if (same)
        status = write_answer(job, sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2),
                              tail.n > 0 ? tail : STR(PLAIN_TAIL));
    sqlite3_reset(row);
    return status ? -1 : 1;
}

static int put_rows(struct engine *e, struct store_job *job)
{
    for (size_t i = 0; i < job->n_rows; i++) {
        enum put_result put = row_put(e, job, &job->rows[i]);
        if (put == PUT_FAILED)
            return -1;
        job->stored += put == PUT_STORED;
        job->duplicate += put == PUT_DUPLICATE;
        e->times.fates[i] = put == PUT_STORED ? FATE_STORED : FATE_TWICE;
    }
    return lanes_flush(e);
}

static int put_intervals(struct engine *e, const struct store_job *job, int64_t node)
{
    int status = 0;
    e->times.row = e->times.left = 0;
    for (size_t i = 0; i < job->n_streams && status == 0; i++)
        status = interval_put(e, job, i, node);
    return status;
}

static int put_answer(struct engine *e, struct store_job *job)
{
    const void *batch = job->batch_id, *hash = job->body_hash;
    int64_t stored = (int64_t)job->stored, duplicate = (int64_t)job->duplicate;
    if (write_answer(job, stored, duplicate, job->tail))
        return -1;
    struct str tail = str_eq(job->tail, STR(PLAIN_TAIL)) ? STR_NONE : job->tail;
    return sql_run(e, SQL_PUT_BATCH, "ibbiiis", job->team, batch, (int)sizeof(job->batch_id), hash,
                   BODY_HASH_KEPT, e->now_ms, stored, duplicate, tail);
}

int batch_put(struct engine *e, struct store_job *job)
{
    int seen = seen_before(e, job);
    if (seen != 0)
        return seen < 0 ? -1 : 0;
    if (job->n_streams > BATCH_MAX_STREAMS || job->n_user_agents > BATCH_MAX_USER_AGENTS ||
        job->n_rows > BATCH_MAX_RECORDS)
        return -1;
    int64_t node = node_id(e, job->team, job->node);
    for (size_t i = 0; i < job->n_streams; i++)
        if ((e->stream_ids[i] = stream_id(e, job->streams[i].id)) < 0)
            return -1;
    if (node < 0 || put_rows(e, job) || put_intervals(e, job, node) || put_answer(e, job))
        return -1;
    return sql_run(e, SQL_ADD_TALLY, "iiiiii", node, time_day(e->now_ms), (int64_t)job->stored,
                   (int64_t)job->duplicate, (int64_t)job->n_excluded, (int64_t)job->n_rejected);
}
