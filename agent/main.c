/* main.c - logferry's commands. */
#include "agent/commands.h"
#include "agent/options.h"

#include <malloc.h>
#include <signal.h>

static const struct command commands[] = {
    {"report", "[--since T] [--format F] [--json] PATH…",
     "reads logs and shows AI agents, pages and what was skipped; needs no configuration and no "
     "server",
     "dvfhSUJ", command_report},
    {"run", "[--config FILE]", "follows every source and delivers, until SIGTERM", "cdv",
     command_run},
    {"backfill", "[--source NAME | --format F --host H] [--output WHERE] PATH…",
     "delivers history: files, directories, globs, or - for standard input", "cdvsfhoSUjrn",
     command_backfill},
    {"verify", "[--source NAME | --format F --host H] [--output DEST] [--json] PATH…",
     "compares logs with what the server has stored: lines, records, what is missing, by hour",
     "cvsfhoSUJA", command_verify},
    {"explain", "[--source NAME | --format F --host H] [--json | --summary] [FILE | -]",
     "says of each line what becomes of it, and which rule decided", "cdvsfhJy", command_explain},
    {"classify", "[--json] [FILE… | -]",
     "user agents, one a line: AI agent, another bot, or a person", "cdvJ", command_classify},
    {"agents", "[--json] | update [--force] DIR|FILE…",
     "the AI agents that are known, and by which addresses; or newer lists for that", "cdvJF",
     command_agents},
    {"detect", "[--json] FILE… | -",
     "says which format a log has, and prints the configuration to paste; reads `nginx -T` and "
     "Apache's configuration too",
     "vJ", command_detect},
    {"status", "[--json | --metrics]",
     "how the running daemon is: lines, records, what waits, and why", "cdvJM", command_status},
    {"dead", "list | show ID… | replay ID…|--all | drop ID…|--all",
     "the records that a server refused for themselves", "cdvJaYI", command_dead},
    {"check", "[--offline] [--print-defaults]",
     "validates the configuration; tries files, tokens and servers", "cdvOp", command_check},
};

int main(int argc, char **argv)
{
    /* One heap for all threads: what workers allocate, the loop frees, and nothing is allocated for
     * a line. */
    mallopt(M_ARENA_MAX, 1);
    signal(SIGPIPE, SIG_IGN);
    return options_run(commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}
