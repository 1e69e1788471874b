/*
 * api_reads.h - the pool behind the read endpoints: two threads, each with a read-only connection,
 * so that no report runs on the loop or the writer. Shared by api.c and api_reads.c.
 */
#ifndef LOGFERRY_SERVER_API_READS_H
#define LOGFERRY_SERVER_API_READS_H

struct ev_loop;
struct read_pool;

/* `store_dir` is lent. NULL: no memory or no thread. */
struct read_pool *read_pool_new(struct ev_loop *loop, const char *store_dir);
/* Stops what runs, and answers 503 to the rest. After http_server_free. Accepts NULL. */
void read_pool_free(struct read_pool *p);

#endif
