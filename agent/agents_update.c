/*
 * agents_update.c - see agents_update.h. Reads no network: how files come here is the
 * administrator's (docs/agents.md shows a cron job with curl).
 *
 * A file is read whole and checked before anything is written. What it is for, its name says: a
 * list's ("gptbot.json", "gptbot.txt"), the last part of the list's address ("searchbot.json"), or
 * an agent's ("GPTBot.csv"); agents.tsv is a catalogue.
 */
#include "agent/agents_update.h"

#include "agent/terminal.h"
#include "config/exit_codes.h"
#include "parsers/base/time.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_ROOM 4096                       /* of a path in a message */
#define MAX_FILES 1000u                      /* of a directory */
#define AHEAD_MS (INT64_C(2) * 86400 * 1000) /* clocks differ; a list of next week is a mistake */

struct update {
    const struct agents_home *home; /* what is in use now */
    const char *directory;
    int fd; /* -1: not opened yet */
    bool force;
    int64_t now_ms;
    unsigned installed;
};

static int refuse(const char *path, const char *why, struct str detail, int code)
{
    char name[NAME_ROOM];
    fprintf(stderr, "logferry agents: %s: %s%.*s\n", terminal_safe(path, name, sizeof(name)), why,
            STR_ARGS(detail));
    return code;
}

/* ---- what a file is for -----------------------------------------------------------------------
 */

static struct str base_of(struct str path, char until)
{
    ptrdiff_t slash = str_rchr(path, '/');
    struct str name = str_slice(path, (size_t)(slash + 1), path.n);
    ptrdiff_t dot = str_rchr(name, until);
    return dot > 0 ? str_slice(name, 0, (size_t)dot) : name;
}

static ptrdiff_t list_of_agent(const struct update *u, struct str name)
{
    const struct catalogue *c = u->home->catalogue;
    for (size_t i = 0; i < catalogue_count(c); i++) {
        const struct agent *a = catalogue_at(c, i);
        uint64_t own = ranges_lists_of(u->home->ranges, a);
        if (own && !(own & (own - 1)) && str_eq_nocase(name, str_of(a->name)))
            return __builtin_ctzll(own);
    }
    return -1;
}

/* The list's place in the catalogue; -1: none. */
static ptrdiff_t list_for(const struct update *u, const char *path)
{
    const struct catalogue *c = u->home->catalogue;
    struct str name = base_of(str_of(path), '.');
    for (size_t i = 0; i < catalogue_lists(c); i++)
        if (str_eq_nocase(name, str_of(catalogue_list(c, i)->name)))
            return (ptrdiff_t)i;
    for (size_t i = 0; i < catalogue_lists(c); i++)
        if (str_eq_nocase(name, base_of(str_of(catalogue_list(c, i)->url), '.')))
            return (ptrdiff_t)i;
    return list_of_agent(u, name);
}

static int refuse_name(const struct update *u, const char *path)
{
    const struct catalogue *c = u->home->catalogue;
    fprintf(stderr,
            "logferry agents: %s: no list has this name; name the file as its list is called, one "
            "of:",
            path);
    for (size_t i = 0; i < catalogue_lists(c); i++)
        fprintf(stderr, " %s", catalogue_list(c, i)->name);
    fputc('\n', stderr);
    return EXIT_BAD_DATA;
}

/* ---- installing -------------------------------------------------------------------------------
 */

static int install(struct update *u, const char *path, const char *name, struct str text)
{
    if (u->fd < 0)
        u->fd = agents_home_open(u->directory);
    int rc = u->fd < 0 ? errno : agents_home_write(u->fd, name, text);
    if (!rc) {
        u->installed++;
        return EXIT_OK;
    }
    bool mine = rc == EACCES || rc == EPERM;
    fprintf(stderr, "logferry agents: %s: cannot install %s/%s: %s%s\n", path, u->directory, name,
            strerror(rc),
            mine ? "; run it as root, or as the service: sudo -u logferry logferry agents update …"
            : rc == ENOTDIR || rc == ELOOP ? "; it must be a directory, and no link"
            : rc == ENOENT ? "; create the directory above it, or name one with --state-dir"
                           : "");
    return mine ? EXIT_PERMISSION : EXIT_CANNOT_WRITE;
}

static void tell_agents(const struct update *u, size_t list)
{
    const struct catalogue *c = u->home->catalogue;
    const char *before = NULL;
    fputs("; serves", stdout);
    for (size_t i = 0; i < catalogue_count(c); i++) {
        const struct agent *a = catalogue_at(c, i);
        if (!(ranges_lists_of(u->home->ranges, a) >> list & 1) ||
            (before && strcmp(before, a->name) == 0))
            continue;
        printf("%s %s", before ? "," : "", a->name);
        before = a->name;
    }
    if (!before)
        printf(" all agents of its operator");
    putchar('\n');
}

/* Is the list's date one that may be taken? */
static int check_date(const struct update *u, const char *path, size_t list, int64_t date_ms)
{
    struct ranges_info have;
    struct buf text;
    int code = EXIT_OK;
    if (u->force)
        return code;
    buf_init(&text, 256);
    if (date_ms > u->now_ms + AHEAD_MS) {
        time_put_date(&text, date_ms);
        code = refuse(path, "its date is in the future (--force takes it): ", buf_str(&text),
                      EXIT_BAD_DATA);
    } else if (ranges_info(u->home->ranges, list, &have) && have.date_ms > date_ms) {
        time_put_rfc3339(&text, date_ms);
        buf_lit(&text, ", and the one in use is of ");
        time_put_rfc3339(&text, have.date_ms);
        code = refuse(path, "older than the list in use (--force takes it): it is of ",
                      buf_str(&text), EXIT_BAD_DATA);
    }
    buf_release(&text);
    return code;
}

static int install_list(struct update *u, const char *path, size_t list, struct range_list *l)
{
    const char *name = catalogue_list(u->home->catalogue, list)->name;
    char file[64 + sizeof(AGENTS_HOME_RANGES)];
    struct buf text;
    int code = check_date(u, path, list, l->date_ms);
    if (code)
        return code;
    buf_init(&text, RANGE_LIST_MAX_BYTES);
    range_list_write(&text, l, str_of(name));
    snprintf(file, sizeof(file), "%s" AGENTS_HOME_RANGES, name);
    code = text.failed ? EXIT_INTERNAL : install(u, path, file, buf_str(&text));
    if (!code) {
        buf_reset(&text);
        time_put_date(&text, l->date_ms);
        printf("%s: %zu prefixes of %.*s", name, l->n, STR_ARGS(buf_str(&text)));
        tell_agents(u, list);
    }
    buf_release(&text);
    return code;
}

static int take_list(struct update *u, const char *path, struct str text, int64_t modified_ms)
{
    ptrdiff_t list = list_for(u, path);
    struct range_list l;
    struct buf why;
    if (list < 0)
        return refuse_name(u, path);
    buf_init(&why, 1024);
    int code = EXIT_OK;
    if (range_list_read(text, &l, &why))
        code = refuse(path, "", buf_str(&why), EXIT_BAD_DATA);
    buf_release(&why);
    if (code)
        return code;
    if (l.date_ms == INT64_MIN)
        l.date_ms = modified_ms;
    code = install_list(u, path, (size_t)list, &l);
    range_list_release(&l);
    return code;
}

static int take_catalogue(struct update *u, const char *path, struct str text)
{
    struct buf why;
    buf_init(&why, 1024);
    struct catalogue *c = catalogue_parse(text, false, &why);
    int code = c ? EXIT_OK : refuse(path, "", buf_str(&why), EXIT_BAD_DATA);
    const char *have = catalogue_date(u->home->catalogue);
    if (c && !u->force && strcmp(catalogue_date(c), have) < 0)
        code = refuse(path, "older than the catalogue in use, which is of ", str_of(have),
                      EXIT_BAD_DATA);
    if (!code)
        code = install(u, path, AGENTS_HOME_CATALOGUE, text);
    if (!code)
        printf("catalogue: %zu agents of %s\n", catalogue_count(c), catalogue_date(c));
    catalogue_free(c);
    buf_release(&why);
    return code;
}

/* ---- files and directories --------------------------------------------------------------------
 */

static int take_file(struct update *u, const char *path)
{
    struct buf text;
    struct stat st;
    bool catalogue = str_eq(base_of(str_of(path), '/'), STR(AGENTS_HOME_CATALOGUE));
    if (stat(path, &st))
        return refuse(path, strerror(errno), STR(""), EXIT_BAD_DATA);
    buf_init(&text, (catalogue ? CATALOGUE_MAX_BYTES : RANGE_LIST_MAX_BYTES) + 1);
    int rc = agents_home_read(AT_FDCWD, path, &text), code;
    if (rc)
        code = refuse(path, rc == EFBIG ? "larger than any list" : strerror(rc), STR(""),
                      EXIT_BAD_DATA);
    else if (catalogue)
        code = take_catalogue(u, path, buf_str(&text));
    else
        code = take_list(u, path, buf_str(&text), (int64_t)st.st_mtime * 1000);
    buf_release(&text);
    return code;
}

static int is_list(const struct dirent *e)
{
    static const char *const endings[] = {".json", ".txt", ".csv", ".ranges", ".tsv"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (e->d_name[0] != '.' && str_ends(str_of(e->d_name), str_of(endings[i])))
            return 1;
    return 0;
}

static int take_directory(struct update *u, const char *path)
{
    struct dirent **names;
    char file[8192];
    int code = EXIT_OK;
    int n = scandir(path, &names, is_list, alphasort);
    if (n < 0)
        return refuse(path, strerror(errno), STR(""), EXIT_BAD_DATA);
    for (int i = 0; i < n; i++) {
        if ((unsigned)i < MAX_FILES &&
            (size_t)snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name) < sizeof(file)) {
            int one = take_file(u, file);
            code = one ? one : code;
        }
        free(names[i]);
    }
    free(names);
    if (!n)
        code = refuse(path, "holds no *.json, *.csv, *.txt or agents.tsv", STR(""), EXIT_BAD_DATA);
    return code;
}

int agents_update(const struct options *o, const struct agents_home *home, const char *directory)
{
    struct update u = {.home = home,
                       .directory = directory,
                       .fd = -1,
                       .force = o->force,
                       .now_ms = (int64_t)time(NULL) * 1000};
    int code = EXIT_OK;
    for (size_t i = 1; i < o->n_paths; i++) {
        struct stat st;
        bool all = !stat(o->paths[i], &st) && S_ISDIR(st.st_mode);
        int one = all ? take_directory(&u, o->paths[i]) : take_file(&u, o->paths[i]);
        code = one ? one : code;
    }
    if (u.installed)
        printf("%u installed in %s; a running daemon takes them on: systemctl reload logferry\n",
               u.installed, directory);
    if (u.fd >= 0)
        close(u.fd);
    return fflush(stdout) ? EXIT_CANNOT_WRITE : code;
}
