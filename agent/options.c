/* options.c - see options.h. */
#include "agent/options.h"

#include "config/exit_codes.h"
#include "parsers/base/log.h"
#include "parsers/base/time.h"
#include "parsers/format.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct {
    const char *name, *value; /* value: what it takes, NULL: nothing */
    char letter;
    const char *about;
} table[] = {
    {"config", "FILE", 'c', "configuration (default /etc/logferry/logferry.yaml)"},
    {"state-dir", "DIR", 'd', "where positions, spool and jobs are kept"},
    {"verbose", NULL, 'v', "log debugging events too"},
    {"source", "NAME", 's', "read as this source of the configuration is read"},
    {"format", "NAME", 'f', "the lines' format; `logferry help formats` lists them"},
    {"host", "HOST", 'h', "the site's host, for lines that name none"},
    {"output", "WHERE", 'o', "a destination's name or URL, stdout, or none"},
    {"since", "TIME", 'S',
     "only lines from then on: 2026-11-01, 2026-11-01T12:00:00Z, or 30d for 30 days ago"},
    {"until", "TIME", 'U', "only lines before then"},
    {"jobs", "N", 'j', "worker threads"},
    {"rate", "N", 'r', "at most N lines a second"},
    {"dry-run", NULL, 'n', "read and count, send nothing"},
    {"json", NULL, 'J', "one JSON object a line"},
    {"metrics", NULL, 'M', "in Prometheus' text format"},
    {"summary", NULL, 'y', "one line for each verdict and reason"},
    {"all-hours", NULL, 'A', "show every hour, not only those that lack something"},
    {"offline", NULL, 'O', "look at the configuration only"},
    {"all", NULL, 'a', "every dead letter"},
    {"yes", NULL, 'Y', "do not ask"},
    {"show-ip", NULL, 'I', "show visitors' addresses whole"},
    {"force", NULL, 'F', "take a list or a catalogue that is older than the one in use"},
    {"print-defaults", NULL, 'p', "print what holds where the configuration is silent"},
};
#define N_OPTIONS (sizeof(table) / sizeof(table[0]))
#define LETTER_HELP 256 /* getopt's value for --help: no letter */

static int usage(const struct command *c, const char *format, const char *what)
{
    fputs("logferry: ", stderr);
    fprintf(stderr, format, what);
    if (c)
        fprintf(stderr, "; usage: logferry %s %s\n", c->name, c->arguments);
    else
        fputs("; `logferry help` shows the commands\n", stderr);
    return EXIT_USAGE;
}

static void print_options(const char *letters)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (strchr(letters, table[i].letter))
            printf("  --%-15s %-6s %s\n", table[i].name, table[i].value ? table[i].value : "",
                   table[i].about);
}

static int help_formats(void)
{
    const char *name, *about;
    for (size_t i = 0; (name = format_list(i, &about)); i++)
        printf("%-16s %s\n", name, about);
    return EXIT_OK;
}

static int help(const struct command *commands, size_t n, const char *name)
{
    if (name && strcmp(name, "formats") == 0)
        return help_formats();
    for (size_t i = 0; name && i < n; i++)
        if (strcmp(commands[i].name, name) == 0) {
            printf("usage: logferry %s %s\n%s\n\n", name, commands[i].arguments, commands[i].about);
            print_options(commands[i].takes);
            return EXIT_OK;
        }
    puts("logferry " LOGFERRY_VERSION ": access logs to pageviews and AI fetches\n");
    for (size_t i = 0; i < n; i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].about);
    puts("\n`logferry help COMMAND` shows a command's options, `logferry help formats` the "
         "formats.");
    return EXIT_OK;
}

/* "30d" or "-30d", "12h", "15m" ago; a date; or RFC 3339. */
static bool read_time(const char *text, int64_t *ms)
{
    struct str s = str_of(text);
    uint64_t n;
    if (s.n > 1 && s.p[0] == '-')
        s = str_slice(s, 1, s.n);
    char unit = s.n ? s.p[s.n - 1] : '\0';
    int64_t factor = unit == 'd' ? 86400000 : unit == 'h' ? 3600000 : unit == 'm' ? 60000 : 0;
    if (factor && str_to_u64(str_slice(s, 0, s.n - 1), 1000000, &n)) {
        *ms = (int64_t)time(NULL) * 1000 - (int64_t)n * factor;
        return true;
    }
    if (s.n == 10)
        return time_parse_w3c(s, STR("00:00:00"), ms);
    return time_parse_rfc3339(s, ms);
}

static bool set_number(const char *text, uint64_t max, uint64_t *out)
{
    return str_to_u64(str_of(text), max, out) && *out > 0;
}

static bool set(struct options *o, char letter, const char *value)
{
    switch (letter) {
    case 'c':
        o->config = value;
        o->config_given = true;
        return true;
    case 'd':
        o->state_dir = value;
        return true;
    case 's':
        o->source = value;
        return true;
    case 'f':
        o->format = value;
        return true;
    case 'h':
        o->host = value;
        return true;
    case 'o':
        o->output = value;
        return true;
    case 'S':
        return read_time(value, &o->since_ms);
    case 'U':
        return read_time(value, &o->until_ms);
    case 'j':
        return set_number(value, 16, &o->jobs);
    case 'r':
        return set_number(value, 1000000000, &o->rate);
    default:
        return false;
    }
}

static void set_flag(struct options *o, char letter)
{
    o->verbose = o->verbose || letter == 'v';
    o->dry_run = o->dry_run || letter == 'n';
    o->json = o->json || letter == 'J';
    o->metrics = o->metrics || letter == 'M';
    o->summary = o->summary || letter == 'y';
    o->all_hours = o->all_hours || letter == 'A';
    o->offline = o->offline || letter == 'O';
    o->print_defaults = o->print_defaults || letter == 'p';
    o->force = o->force || letter == 'F';
    o->all = o->all || letter == 'a';
    o->yes = o->yes || letter == 'Y';
    o->show_ip = o->show_ip || letter == 'I';
}

static const struct command *find(const struct command *commands, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void long_options(struct option *out)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        out[i] = (struct option){table[i].name, table[i].value ? required_argument : no_argument,
                                 NULL, table[i].letter};
    out[N_OPTIONS] = (struct option){"help", no_argument, NULL, LETTER_HELP};
    out[N_OPTIONS + 1] = (struct option){"version", no_argument, NULL, 'V'};
    out[N_OPTIONS + 2] = (struct option){0};
}

/* getopt stands on a word of several letters until it has refused the last of them. */
static const char *refused_word(int argc, char **argv)
{
    const char *next = optind < argc ? argv[optind] : "";
    bool inside = optopt && next[0] == '-' && next[1] != '-' && strchr(next + 1, optopt);
    return inside ? next : argv[optind - 1];
}

/* What getopt found, of any command. */
struct given {
    struct options o;
    char letters[N_OPTIONS + 1]; /* each once */
    size_t n_letters;
    bool help, version;
};

/* What usage says of a value that `set` refuses. */
static const char *refusal(int letter)
{
    switch (letter) {
    case 'S':
        return "cannot read the value %s; --since takes 2026-11-26, 2026-11-26T10:00:00Z or -7d";
    case 'U':
        return "cannot read the value %s; --until takes 2026-11-26, 2026-11-26T10:00:00Z or -7d";
    case 'j':
        return "cannot read the value %s; --jobs takes a number from 1 to 16";
    default:
        return "cannot read the value %s; --rate takes a number from 1 to 1000000000";
    }
}

/* 0, or the exit code. */
static int take_option(struct given *g, int letter, int argc, char **argv)
{
    if (letter == '?')
        return usage(NULL, "unknown option %s", refused_word(argc, argv));
    if (letter == ':')
        return usage(NULL, "%s needs a value", argv[optind - 1]);
    g->help = g->help || letter == LETTER_HELP;
    g->version = letter == 'V';
    if (g->help || g->version)
        return 0;
    if (optarg && !set(&g->o, (char)letter, optarg))
        return usage(NULL, refusal(letter), optarg);
    set_flag(&g->o, (char)letter);
    if (g->n_letters < N_OPTIONS && !strchr(g->letters, letter))
        g->letters[g->n_letters++] = (char)letter;
    return 0;
}

/* An option that this command does not take, or NULL. */
static const char *refused_option(const struct command *c, const struct given *g)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (strchr(g->letters, table[i].letter) && !strchr(c->takes, table[i].letter))
            return table[i].name;
    return NULL;
}

int options_run(const struct command *commands, size_t n, int argc, char **argv)
{
    struct given g = {.o = {.config = "/etc/logferry/logferry.yaml",
                            .since_ms = INT64_MIN,
                            .until_ms = INT64_MAX}};
    struct option longs[N_OPTIONS + 3];
    int at, letter, code = 0;
    long_options(longs);
    opterr = 0;
    while (!code && !g.version && (letter = getopt_long(argc, argv, ":", longs, &at)) != -1)
        code = take_option(&g, letter, argc, argv);
    if (code)
        return code;
    if (g.version)
        return puts("logferry " LOGFERRY_VERSION) < 0 ? EXIT_CANNOT_WRITE : EXIT_OK;
    /* argv ends with a NULL, and so do the words behind the options. */
    const char *name = argv[optind];
    if (g.help || !name || strcmp(name, "help") == 0)
        return help(commands, n, g.help || !name ? name : argv[optind + 1]);
    const struct command *c = find(commands, n, name);
    if (!c)
        return usage(NULL, "unknown command `%s`", name);
    const char *refused = refused_option(c, &g);
    if (refused)
        return usage(c, "this command does not take --%s", refused);
    g.o.paths = argv + optind + 1;
    g.o.n_paths = (size_t)(argc - optind - 1);
    log_set_level(g.o.verbose ? LOG_DEBUG : LOG_INFO);
    return c->run(&g.o);
}
