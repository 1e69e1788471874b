/*
 * main.c - logferry-server: finds the configuration and the store, and the command.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/exit_codes.h"
#include "config/server_config.h"
#include "server/admin.h"
#include "server/owner.h"
#include "server/serve.h"

#define CONFIG_FILE "/etc/logferry/logferry-server.yaml"

static const char help[] =
    "logferry-server " LOGFERRY_VERSION " - takes what logferry sends, stores it once, answers\n"
    "\n"
    "  init [--team NAME] [--owner NAME] [--password-file F]   make the store\n"
    "  site add DOMAIN [--alias HOST]... [--retention 365d|forever] [--time-zone Europe/Berlin]\n"
    "  site set DOMAIN [--retention 365d|forever] [--time-zone Europe/Berlin]\n"
    "  site purge --site S [--from T] [--to T] [--kind pageviews|ai-fetches|events]... [--yes]\n"
    "  site list [--json]\n"
    "  site alias DOMAIN [--remove] HOST...\n"
    "  exclude add --site S|--team T|--instance [--ip N] [--country CC] [--user-agent T] [--path "
    "P]\n"
    "  exclude list [--site S] [--json], exclude remove ID...\n"
    "  site remove DOMAIN --yes\n"
    "  site member SITE USER owner|admin|editor|viewer|none\n"
    "  team add NAME [--owner USER], team list [--json], team archive NAME [--undo]\n"
    "  team remove NAME --yes [--force]\n"
    "  team member TEAM USER owner|admin|member|none\n"
    "  user add NAME [--email E] [--role user|admin|owner] [--password-file F]\n"
    "  user list [--json], user password NAME [--password-file F] (else standard input)\n"
    "  user set NAME [--role R] [--name N] [--email E], user disable NAME [--undo]\n"
    "  user remove NAME --yes\n"
    "  client create --name N [--team T|--personal USER] [--description D] [--instance-role R]\n"
    "                [--expires T] --grant SITE=ROLE...   prints the token, once\n"
    "  client update NAME [--name N] [--description D] [--instance-role R] [--expires T|never]\n"
    "  client roll NAME [--overlap 24h]      a new token; the old one ends, or after the overlap\n"
    "  client list [--json]\n"
    "  client grant NAME SITE=ROLE...        roles: ingest, viewer, editor, admin, owner\n"
    "  client ungrant NAME SITE...\n"
    "  client revoke NAME, client reactivate NAME, client delete NAME\n"
    "  audit [--since T] [--team T] [--json] who has changed what\n"
    "  serve [--listen ADDR:PORT|unix:/path] run the server, until SIGTERM\n"
    "  report [--site S] [--from T] [--to T] [--top N] [--json]\n"
    "  export --site S --kind pageviews|ai-fetches [--format csv|json|ndjson] [--from T] [--to T]\n"
    "  ledger [--site S [--day D]] [--json]  what became of every line, by node (also: why)\n"
    "  agents [--json]                       the nodes: version, last seen, how far behind\n"
    "  fsck [--json]                         looks for damage; beside a running server, too\n"
    "  backup FILE [--force]                 a copy, beside a running server, too\n"
    "  restore FILE [--yes]                  a backup becomes the store; the server is stopped\n"
    "  help, version\n"
    "\n"
    "  --store DIR      default $STATE_DIRECTORY, else /var/lib/logferry-server\n"
    "  --config FILE    default " CONFIG_FILE ", when it exists\n"
    "  T is 30d, 2026-10-01 or 2026-10-01T12:00:00Z\n";

struct command_line {
    const char *store, *config;
    int argc;
    char **argv; /* without --store and --config */
};

/* Takes "--name V" or "--name=V" at argv[*i]; moves *i. 1: taken, 0: another word, -1: no value. */
static int take_option(char **argv, int argc, int *i, const char *name, const char **value)
{
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0 || (argv[*i][n] != 0 && argv[*i][n] != '='))
        return 0;
    if (argv[*i][n] == '=') {
        *value = argv[*i] + n + 1;
        return 1;
    }
    if (*i + 1 >= argc)
        return -1;
    *value = argv[++*i];
    return 1;
}

static int split(int argc, char **argv, struct command_line *line)
{
    *line = (struct command_line){.argv = argv};
    for (int i = 1; i < argc; i++) {
        int taken = take_option(argv, argc, &i, "--store", &line->store);
        if (taken == 0)
            taken = take_option(argv, argc, &i, "--config", &line->config);
        if (taken < 0) {
            fprintf(stderr, "logferry-server: %s needs a value behind it\n", argv[i]);
            return EXIT_USAGE;
        }
        if (taken == 0)
            line->argv[line->argc++] = argv[i];
    }
    return 0;
}

/* NULL: told on stderr. */
static struct server_config *load_config(const struct command_line *line)
{
    struct buf error;
    buf_init(&error, 1u << 20);
    const char *path = line->config ? line->config : CONFIG_FILE;
    bool there = line->config || access(path, F_OK) == 0;
    struct server_config *config = there ? server_config_load(path, &error)
                                         : server_config_parse(STR(""), "(defaults)", &error);
    if (!config)
        fprintf(stderr, "logferry-server: %.*s\n", STR_ARGS(buf_str(&error)));
    buf_release(&error);
    return config;
}

static int run_serve(const struct command_line *line, const struct server_config *config,
                     const char *store)
{
    static const char *const values[] = {"--listen", NULL};
    static const char *const flags[] = {NULL};
    struct args args;
    struct buf error;
    buf_init(&error, 1024);
    int status = args_parse(&args, line->argc - 1, line->argv + 1, values, flags, &error);
    if (status == 0 && args.n_words > 0) {
        buf_printf(&error, "serve takes no word; found %s", args.words[0]);
        status = -1;
    }
    if (status != 0)
        fprintf(stderr, "logferry-server: %.*s\n", STR_ARGS(buf_str(&error)));
    buf_release(&error);
    if (status != 0)
        return EXIT_USAGE;
    struct serve_options options = {
        .config = config, .store_dir = store, .listen = args_value(&args, "--listen").p};
    return serve(&options);
}

static int become_owner(const char *store)
{
    if (owner_become(store) == 0)
        return 0;
    fprintf(stderr, "logferry-server: cannot act as the owner of %s: %s; run this as that user\n",
            store, strerror(errno));
    return EXIT_PERMISSION;
}

static int run_command(const struct command_line *line, const struct server_config *config,
                       const char *store)
{
    const char *name = line->argv[0];
    if (strcmp(name, "serve") == 0)
        return run_serve(line, config, store);
    int code = become_owner(store);
    if (code)
        return code;
    if (admin_is_purge(line->argc, line->argv))
        return admin_purge_main(store, line->argc, line->argv);
    if (admin_report_knows(name))
        return admin_report_main(store, line->argc, line->argv);
    if (admin_care_knows(name))
        return admin_care_main(store, line->argc, line->argv);
    return admin_main(store, !line->store, line->argc, line->argv);
}

static int run(const struct command_line *line)
{
    const char *name = line->argv[0];
    bool serving = strcmp(name, "serve") == 0;
    if (!serving && !admin_knows(name) && !admin_report_knows(name) && !admin_care_knows(name)) {
        fprintf(stderr, "logferry-server: unknown command %s; see logferry-server help\n", name);
        return EXIT_USAGE;
    }
    /* A command with its store named needs nothing of the configuration. */
    bool needed = serving || !line->store || line->config;
    struct server_config *config = needed ? load_config(line) : NULL;
    if (needed && !config)
        return EXIT_BAD_CONFIG;
    int code = run_command(line, config, line->store ? line->store : config->store.p);
    server_config_free(config);
    return code;
}

int main(int argc, char **argv)
{
    struct command_line line;
    umask(0077);
    int code = split(argc, argv, &line);
    if (code)
        return code;
    if (line.argc == 0) {
        fputs(help, stderr);
        return EXIT_USAGE;
    }
    if (strcmp(line.argv[0], "help") == 0 || strcmp(line.argv[0], "--help") == 0) {
        fputs(help, stdout);
        return 0;
    }
    if (strcmp(line.argv[0], "version") == 0 || strcmp(line.argv[0], "--version") == 0) {
        puts("logferry-server " LOGFERRY_VERSION);
        return 0;
    }
    return run(&line);
}
