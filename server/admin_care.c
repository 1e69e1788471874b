/*
 * admin_care.c - the commands that look after the store's files: which one, and what its words are.
 * They run in their own process, beside a server (fsck, backup) or instead of one (restore).
 */
#include "server/admin_care.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const no_options[] = {NULL};
static const char *const fsck_flags[] = {"--json", NULL};
static const char *const backup_flags[] = {"--force", NULL};
static const char *const restore_flags[] = {"--yes", NULL};

static const struct {
    const char *name;
    int (*run)(struct care *c);
    const char *const *flags;
} commands[] = {
    {"fsck", care_fsck, fsck_flags},
    {"backup", care_backup, backup_flags},
    {"restore", care_restore, restore_flags},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

bool admin_care_knows(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return true;
    return false;
}

static int run(struct care *c, int argc, char **argv)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, argv[0]) != 0)
            continue;
        if (args_parse(&c->args, argc - 1, argv + 1, no_options, commands[i].flags, &c->why))
            return EXIT_USAGE;
        return commands[i].run(c);
    }
    return EXIT_USAGE;
}

int admin_care_main(const char *store_dir, int argc, char **argv)
{
    struct care *c = calloc(1, sizeof(*c));
    if (!c)
        return EXIT_INTERNAL;
    c->store_dir = store_dir;
    buf_init(&c->why, 8192);
    int code = run(c, argc, argv);
    if (code != 0)
        fprintf(stderr, "logferry-server: %.*s\n", STR_ARGS(buf_str(&c->why)));
    buf_release(&c->why);
    free(c);
    return code;
}
