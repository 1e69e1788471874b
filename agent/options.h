/*
 * options.h - the command line as one struct; each command takes the options that its row allows.
 */
#ifndef LOGFERRY_AGENT_OPTIONS_H
#define LOGFERRY_AGENT_OPTIONS_H

#include "parsers/base/bytes.h"

struct options {
    const char *config; /* default /etc/logferry/logferry.yaml */
    bool config_given;
    const char *state_dir; /* NULL: the configuration's */
    const char *source;    /* of the configuration */
    const char *format, *host;
    const char *output;         /* a destination's name or URL, "stdout", "none" */
    int64_t since_ms, until_ms; /* INT64_MIN, INT64_MAX: not given */
    uint64_t jobs, rate;        /* 0: not given */
    bool dry_run, json, metrics, summary, all_hours, offline, print_defaults, verbose;
    bool all, yes, show_ip; /* dead letters */
    bool force;             /* an older list, an older catalogue */
    bool progress;          /* of a backfill: on a terminal; not on the command line */
    char **paths;
    size_t n_paths;
};

struct command {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *about;
    const char *takes;                   /* the letters of its options, see options.c */
    int (*run)(const struct options *o); /* returns an exit code */
};

/* Reads argv (options may stand anywhere) and runs the command. Returns the exit code. */
int options_run(const struct command *commands, size_t n, int argc, char **argv);

#endif
