/*
 * admin_password.c - takes a password out of a file or standard input and puts its hash among the
 * words of a command: the password itself never leaves the process of who typed it, and hashing it
 * keeps no server waiting.
 */
#include "server/admin_password.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/exit_codes.h"
#include "server/owner.h"
#include "server/password.h"

#define OPTION "--password-file"

static void tell(struct buf *err, const char *what, const char *more)
{
    buf_printf(err, "logferry-server: %s%s\n", what, more);
}

/* The first line. -1: told. */
static int read_password(const char *path, char *line, size_t room, struct buf *err)
{
    bool from_stdin = strcmp(path, "-") == 0;
    struct owner as = owner_leave(); /* the file is who asks's, not the store's */
    FILE *file = from_stdin ? stdin : fopen(path, "re");
    int reason = errno;
    owner_return(as);
    if (!file) {
        buf_printf(err, "logferry-server: cannot read the password from %s: %s\n", path,
                   strerror(reason));
        return -1;
    }
    char *got = fgets(line, (int)room, file);
    if (!from_stdin)
        fclose(file);
    if (got)
        return 0;
    tell(err, "there is no password in ", from_stdin ? "standard input" : path);
    return -1;
}

static int hash_of(const char *path, struct buf *hash, struct buf *err)
{
    char line[PASSWORD_MAX + 3];
    if (read_password(path, line, sizeof(line), err))
        return EXIT_BAD_DATA;
    struct str plain = {line, strcspn(line, "\r\n")};
    const char *refusal = password_refusal(plain);
    int code = refusal ? EXIT_BAD_DATA : password_hash(plain, hash) ? EXIT_INTERNAL : 0;
    OPENSSL_cleanse(line, sizeof(line));
    if (refusal)
        tell(err, "the password ", refusal);
    else if (code)
        tell(err, "the password cannot be hashed: ", "no memory, or no random bytes");
    return code;
}

/* Where the words name a file; "user password" without a name of one: standard input. Moves
 * *skip past the option. */
static const char *find_file(int argc, char **argv, int *at, int *skip)
{
    size_t n = strlen(OPTION);
    for (*at = 0; *at < argc; ++*at) {
        if (strncmp(argv[*at], OPTION "=", n + 1) == 0) {
            *skip = 1;
            return argv[*at] + n + 1;
        }
        if (strcmp(argv[*at], OPTION) == 0 && *at + 1 < argc) {
            *skip = 2;
            return argv[*at + 1];
        }
    }
    *skip = 0;
    return argc > 2 && strcmp(argv[0], "user") == 0 && strcmp(argv[1], "password") == 0 ? "-"
                                                                                        : NULL;
}

int admin_words(int argc, char **argv, struct admin_words *words, struct buf *err)
{
    int at, skip;
    const char *path = find_file(argc, argv, &at, &skip);
    *words = (struct admin_words){.argc = argc, .argv = argv};
    buf_init(&words->hash, PASSWORD_HASH_MAX + 1);
    if (!path)
        return 0;
    int code = hash_of(path, &words->hash, err);
    if (code)
        return code;
    words->made = calloc((size_t)argc + 3, sizeof(*words->made));
    if (!words->made || !buf_cstr(&words->hash))
        return EXIT_INTERNAL;
    words->argv = words->made;
    memcpy(words->argv, argv, (size_t)at * sizeof(*argv));
    memcpy(words->argv + at, argv + at + skip, (size_t)(argc - at - skip) * sizeof(*argv));
    words->argc = argc - skip;
    words->argv[words->argc++] = (char *)"--password-hash";
    words->argv[words->argc++] = words->hash.p;
    return 0;
}

void admin_words_release(struct admin_words *words)
{
    free(words->made);
    buf_release(&words->hash);
}
