/*
 * admin_password.h - a command's words with `--password-file FILE` (`-`: standard input) made into
 * `--password-hash HASH`.
 */
#ifndef LOGFERRY_SERVER_ADMIN_PASSWORD_H
#define LOGFERRY_SERVER_ADMIN_PASSWORD_H

#include "parsers/base/bytes.h"

struct admin_words {
    int argc;
    char **argv; /* those that were given, or `made` */
    char **made; /* owned */
    struct buf hash;
};

/* 0, or an exit code, told in a line of `err`. Released in either case. */
int admin_words(int argc, char **argv, struct admin_words *words, struct buf *err);
void admin_words_release(struct admin_words *words);

#endif
