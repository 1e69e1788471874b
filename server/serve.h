/*
 * serve.h - the server's process: its loop, what runs on it, how it starts and ends.
 */
#ifndef LOGFERRY_SERVER_SERVE_H
#define LOGFERRY_SERVER_SERVE_H

#include "config/server_config.h"

struct serve_options {
    const struct server_config *config; /* lent */
    const char *store_dir;
    const char
        *listen; /* "ADDR:PORT" or "unix:/path"; NULL: systemd's sockets, else the config's */
};

/* Runs until SIGTERM or SIGINT. Returns the exit code. */
int serve(const struct serve_options *options);

#endif
