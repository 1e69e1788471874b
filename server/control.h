/*
 * control.h - the server's side of the control socket (admin.h): takes a command's words, runs them
 * on the store's writer, sends back what came of it. On the loop's thread.
 */
#ifndef LOGFERRY_SERVER_CONTROL_H
#define LOGFERRY_SERVER_CONTROL_H

#include "server/store.h"

struct ev_loop;
struct control;

/* Listens on DIR/control.sock, mode 0600. NULL with errno. `store` and `dir` are lent. */
struct control *control_new(struct ev_loop *loop, struct store *store, const char *dir);
/* Before store_close; a command that the writer still has ends without an answer. Accepts NULL. */
void control_free(struct control *c);

#endif
