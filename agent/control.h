/*
 * control.h - the daemon's side of the control socket: takes requests, hands each to the daemon's
 * commands, sends back what they say. On the loop's thread; nothing here waits.
 *
 * Anyone who may open the socket (mode 0660) may ask for `status`; for all else the client must be
 * root, or of the daemon's own user. At most CONTROL_MAX_CALLS at once, ten seconds for a request
 * to come, thirty for an answer to be taken.
 */
#ifndef LOGFERRY_AGENT_CONTROL_H
#define LOGFERRY_AGENT_CONTROL_H

#include "agent/control_wire.h"

#define CONTROL_MAX_CALLS 16u

struct ev_loop;
struct control;

/* A request that is being answered. */
struct control_call {
    const struct control_request *request; /* until control_end */
    /* The client shut its side down, or is gone. After the latter the call may still be written to,
     * and must still be ended. NULL: nobody needs to know. */
    void (*on_hangup)(struct control_call *call);
    void *context; /* the command's */
};

/* Appends to the client's standard output or error. */
void control_put(struct control_call *call, enum control_frame kind, struct str text);
/* So many bytes the client has not taken yet. */
size_t control_pending(const struct control_call *call);
/* The last word; the call may not be used any more. */
void control_end(struct control_call *call, int exit_code);
void control_decline(struct control_call *call, const char *why);

struct control_options {
    struct ev_loop *loop;
    const char *state_path;
    int state_fd;
    void *context;
    /* Answers now, or later: until then the call is the callee's to end. */
    void (*on_call)(void *context, struct control_call *call);
};

/* NULL with a sentence. */
struct control *control_new(const struct control_options *options, struct buf *why);
/* Takes no new request. Calls that are being answered go on. */
void control_close(struct control *c);
/* What has been said is sent, as far as the sockets take it; every call must have ended. Accepts
 * NULL. */
void control_free(struct control *c);

#endif
