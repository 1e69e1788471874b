/* admin_copy.c - backup and restore: their words, what they ask, and what they tell. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "parsers/base/time.h"
#include "server/admin_care.h"
#include "server/store_care.h"

/* The one word that the command takes; NULL: refused. */
static const char *file_word(struct care *c, const char *usage)
{
    const char *file = c->args.n_words == 1 ? c->args.words[0] : NULL;
    if (!file)
        buf_printf(&c->why, "it is: logferry-server %s", usage);
    return file;
}

int care_backup(struct care *c)
{
    enum store_failure failure;
    uint64_t bytes = 0;
    const char *file = file_word(c, "backup FILE [--force]");
    if (!file)
        return EXIT_USAGE;
    if (strcmp(file, "-") == 0) {
        buf_lit(&c->why, "backup writes no stream: the copy is checked and synced before it gets "
                         "its name; make it as a file, and send that");
        return EXIT_USAGE;
    }
    if (store_backup(c->store_dir, file, args_flag(&c->args, "--force"), &bytes, &c->why, &failure))
        return admin_exit_code(failure);
    printf("%s: %llu bytes, checked\n", file, (unsigned long long)bytes);
    return fflush(stdout) ? EXIT_CANNOT_WRITE : EXIT_OK;
}

static void put_time(struct buf *out, int64_t ms)
{
    if (ms > 0)
        time_put_rfc3339(out, ms);
    else
        buf_lit(out, "none");
}

/* True: go on. Without a terminal nobody can be asked. */
static bool confirmed(struct care *c, const char *file, const struct restore_info *info)
{
    char answer[16] = "";
    struct buf question;
    if (!info->replaces || args_flag(&c->args, "--yes"))
        return true;
    if (!isatty(STDIN_FILENO)) {
        buf_printf(&c->why, "there is a store in %s; to replace it, give --yes", c->store_dir);
        return false;
    }
    buf_init(&question, 8192);
    buf_printf(&question, "Replace the store in %s by %s (%llu bytes, last batch: ", c->store_dir,
               file, (unsigned long long)info->bytes);
    put_time(&question, info->last_batch_ms);
    buf_lit(&question, ")? The old one is kept as logferry.db.replaced. [y/N] ");
    fwrite(buf_str(&question).p, 1, question.n, stderr);
    buf_release(&question);
    if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    buf_lit(&c->why, "nothing was changed");
    return false;
}

static void put_done(struct care *c, const char *file, const struct restore_info *info)
{
    struct buf out;
    buf_init(&out, 16384);
    buf_printf(&out, "restored %s from %s; its last batch: ", c->store_dir, file);
    put_time(&out, info->last_batch_ms);
    buf_putc(&out, '\n');
    if (info->replaces)
        buf_printf(&out,
                   "the store that was there: %s/logferry.db.replaced%s%s; remove it when all "
                   "is well\n",
                   c->store_dir, info->kept ? "; " : "", info->kept ? info->kept : "");
    buf_lit(&out, "next: start the server; revoke again what was revoked since the backup; and on "
                  "each web server: logferry backfill, which adds what came since\n");
    fwrite(buf_str(&out).p, 1, out.n, stdout);
    buf_release(&out);
}

int care_restore(struct care *c)
{
    enum store_failure failure;
    struct restore_info info;
    const char *file = file_word(c, "restore FILE [--yes]");
    if (!file)
        return EXIT_USAGE;
    struct store_restore *r = store_restore_begin(c->store_dir, file, &info, &c->why, &failure);
    if (!r)
        return admin_exit_code(failure);
    int code = EXIT_OK;
    if (!confirmed(c, file, &info))
        code = EXIT_USAGE;
    else if (store_restore_finish(r, &info, &c->why, &failure))
        code = admin_exit_code(failure);
    else
        put_done(c, file, &info);
    store_restore_end(r);
    return code == EXIT_OK && fflush(stdout) ? EXIT_CANNOT_WRITE : code;
}
