/*
 * control_wire.h - what a command and a running daemon say to each other, and where they meet.
 *
 * Version 1. A request: "LFc1", the length of what follows (4 bytes, big-endian, at most
 * CONTROL_REQUEST_MAX), then words, each with a NUL behind it:
 *     "<device>:<inode>" of the state directory, the command, "<option>=<value>" or "<option>"…,
 *     "--", the paths
 * An answer: frames of one byte (enum control_frame), a length of 4 bytes, and so many bytes; the
 * last one is CONTROL_EXIT, CONTROL_DECLINED or CONTROL_STRANGER. A client that has had enough
 * shuts its side down and reads on, or goes. To change it: another magic; the daemon closes what it
 * does not know, and the client then says that the versions differ.
 */
#ifndef LOGFERRY_AGENT_CONTROL_WIRE_H
#define LOGFERRY_AGENT_CONTROL_WIRE_H

#include "agent/options.h"

#define CONTROL_MAGIC "LFc1"
#define CONTROL_HEAD_BYTES 8u
#define CONTROL_REQUEST_MAX (1u << 20)
#define CONTROL_WORDS_MAX 16384u
#define CONTROL_FRAME_MAX (1u << 20)
#define CONTROL_NAME "control.sock"

enum control_frame {
    CONTROL_OUT = 'o',      /* for standard output */
    CONTROL_ERR = 'e',      /* for standard error */
    CONTROL_EXIT = 'x',     /* one byte: the exit code */
    CONTROL_DECLINED = 'd', /* a sentence: do it yourself */
    CONTROL_STRANGER = 's', /* this daemon has another state directory */
};

/* A request as the daemon has it. Its text lies in the bytes it was parsed from. */
struct control_request {
    uint64_t dev, ino; /* of the state directory */
    const char *command;
    struct options o; /* o.paths is owned */
};

/* 1: complete, 0: more is to come, -1: no request of ours. */
int control_request_state(struct str in);
/* Parses the words of a complete request in place. False: not well formed; nothing to release. */
bool control_request_parse(char *words, size_t n, struct control_request *out);
void control_request_release(struct control_request *r);
/* Appends a request, head and all. False: too large. */
bool control_request_write(struct buf *out, const struct control_request *r);

/* Where a daemon with this state directory listens: $RUNTIME_DIRECTORY, else /run/logferry for the
 * default state directory, else the state directory. */
const char *control_directory(const char *state_path, char to[4096]);
/* A socket that listens in `dir`, mode 0660; what a dead process left is replaced. -1 with a
 * sentence. */
int control_listen(const char *dir, struct buf *why);
void control_unlink(const char *dir);

enum control_result {
    CONTROL_ANSWERED,
    CONTROL_NOBODY,  /* no daemon of that state directory answers */
    CONTROL_DO_SELF, /* it declined; `why` */
    CONTROL_BROKEN,  /* it went away in the middle, or speaks another version; `why` */
};
/* The client: sends the request to the daemon of that state directory and copies its answer to
 * standard output and error until the end. SIGINT and SIGTERM ask it to stop. */
enum control_result control_call(const char *state_path, const char *command,
                                 const struct options *o, int *exit_code, struct buf *why);

#endif
