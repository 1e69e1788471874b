/* offline.c - see offline.h. */
#include "agent/offline.h"

#include "agent/joiner.h"
#include "agent/log_head.h"
#include "agent/terminal.h"
#include "config/exit_codes.h"
#include "parsers/base/shell.h"
#include "parsers/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_ROOM 4096 /* of a path in a message */
#define COMMENTS_MAX (64u << 10)

static int complain(const char *command, const char *what, struct str detail, int code)
{
    fprintf(stderr, "logferry %s: %s%.*s\n", command, what, STR_ARGS(detail));
    return code;
}

/* ---- preparation ------------------------------------------------------------------------------
 */

static int load_config(struct offline *o, const struct options *options, const char *command)
{
    struct buf error;
    if (!options->source && !options->config_given)
        return 0;
    buf_init(&error, 64u << 10);
    o->config = agent_config_load(options->config, &error);
    int code = o->config ? 0 : complain(command, "", str_trim(buf_str(&error)), EXIT_BAD_CONFIG);
    buf_release(&error);
    for (size_t i = 0; !code && options->source && i < o->config->n_sources; i++)
        if (str_eq(o->config->sources[i].name, str_of(options->source)))
            o->from = &o->config->sources[i];
    if (!code && options->source && !o->from)
        code = complain(command, "the configuration has no source ", str_of(options->source),
                        EXIT_USAGE);
    return code;
}

static int take_format(struct offline *o, struct str name, const char *command)
{
    struct buf why;
    buf_init(&why, 4096);
    o->format = format_new(name, o->from ? o->from->zone : NULL, &why);
    o->parser = o->format ? parser_new(o->format) : NULL;
    int code = o->parser ? 0 : complain(command, "", buf_str(&why), EXIT_USAGE);
    buf_release(&why);
    return code;
}

/* Hosts go by the configuration's sites where there are some; else every host will do. */
static int take_sites(struct offline *o)
{
    const struct agent_config *c = o->config;
    o->digest_rules.any_site = !c || !c->n_sites;
    if (o->digest_rules.any_site)
        return 0;
    o->sites = sites_of_config(c);
    for (size_t i = 0; i < c->n_destinations; i++)
        o->digest_rules.send[i] = c->destinations[i].send;
    o->digest_rules.n_destinations = c->n_destinations;
    return o->sites ? 0 : EXIT_INTERNAL;
}

static void take_rules(struct offline *o, const struct options *options)
{
    judge_rules_defaults(&o->rules);
    privacy_defaults(&o->privacy);
    if (o->config) {
        o->rules = o->config->rules;
        o->privacy = o->config->privacy;
    }
    if (o->from)
        o->client = o->from->client;
    o->digest_rules = (struct digest_rules){
        .judge = &o->rules,
        .privacy = &o->privacy,
        .client = &o->client,
        .cdn_logs = o->config ? agent_config_cdn_logs(o->config, o->from) : 0,
        .default_host = options->host ? str_of(options->host)
                        : o->from     ? o->from->default_host
                                      : STR_NONE,
        .scheme = o->from && str_is_set(o->from->scheme) ? o->from->scheme : STR("https"),
        .since_ms = options->since_ms,
        .until_ms = options->until_ms,
    };
}

static void on_ignored_agents(struct str why)
{
    fprintf(stderr, "logferry: not used: %.*s\n", STR_ARGS(why));
}

static int take_agents(struct offline *o, const struct options *options)
{
    int rc = agents_home_load_for(&o->agents, options->state_dir, o->config, on_ignored_agents);
    return !rc && !digest_init(&o->digest, o->agents.catalogue, o->agents.ranges) ? 0
                                                                                  : EXIT_INTERNAL;
}

int offline_init(struct offline *o, const struct options *options, const char *command)
{
    *o = (struct offline){0};
    int code = load_config(o, options, command);
    if (code)
        return code;
    take_rules(o, options);
    code = take_sites(o);
    if (!code)
        code = take_agents(o, options);
    struct str format = options->format ? str_of(options->format)
                        : o->from       ? o->from->format
                                        : STR_NONE;
    o->named = str_is_set(format) && !str_eq(format, STR("auto"));
    if (!code && o->named)
        code = take_format(o, format, command);
    return code;
}

bool offline_any_host(struct offline *o)
{
    struct digest_rules *rules = &o->digest_rules;
    if (!rules->any_site || str_is_set(rules->default_host))
        return false;
    rules->default_host = STR("localhost");
    return true;
}

void offline_release(struct offline *o)
{
    digest_release(&o->digest);
    buf_release(&o->comments);
    detect_formats_free(o->kept);
    parser_free(o->parser);
    format_free(o->format);
    sites_unref(o->sites);
    agents_home_release(&o->agents);
    agent_config_free(o->config);
    *o = (struct offline){0};
}

/* ---- the format, when nobody named it ---------------------------------------------------------
 */

static const char *name_of(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static void refuse(const char *path, const struct log_head *head, const struct detection *d)
{
    struct buf b;
    buf_init(&b, 16u * NAME_ROOM);
    buf_lit(&b, "logferry: ");
    terminal_put_safe(&b, str_of(name_of(path)), NAME_ROOM);
    if (!d->lines)
        buf_lit(&b, ": it holds what a server says of itself, and no line of a request");
    else if (!d->matched && str_starts(head->lines[d->bad_line], STR("{")))
        buf_lit(&b, ": its lines are JSON, with the keys of none of the formats known here");
    else
        buf_printf(&b,
                   ": its lines have none of the formats known here (%s fits %u of %u; line %llu "
                   "stops fitting at column %zu: %s)",
                   d->spec, d->matched, d->lines, (unsigned long long)head->numbers[d->bad_line],
                   d->bad_column + 1, d->error);
    buf_lit(&b, "; see `logferry detect ");
    if (strcmp(path, "-") == 0)
        buf_putc(&b, '-');
    else
        shell_put_path(&b, str_of(path));
    fprintf(stderr, "%.*s`, or name one with --format\n", STR_ARGS(buf_str(&b)));
    buf_release(&b);
}

static void drop_format(struct offline *o)
{
    parser_free(o->parser);
    format_free(o->format);
    o->parser = NULL;
    o->format = NULL;
}

/* Keeps the format of the file before where it is the same. */
static int take_detected(struct offline *o, const char *path, const struct detection *d)
{
    if (o->format && strcmp(o->detected, d->spec) == 0)
        return 0;
    char name[NAME_ROOM];
    drop_format(o);
    memcpy(o->detected, d->spec, sizeof(o->detected));
    fprintf(stderr, "logferry: format %s (%sfits %u of the first %u lines of %s)\n", d->spec,
            d->guessed ? "guessed; " : "", d->matched, d->lines,
            terminal_safe(name_of(path), name, sizeof(name)));
    return take_format(o, str_of(d->spec), "");
}

/* A file of header lines, or of what went to standard error: by this format they are. "": there is
 * not even that. */
static int take_textless(struct offline *o, const struct log_head *head, const char *spec)
{
    o->has_text = false;
    o->formless = !spec[0];
    o->cutter = head->cutter;
    if (o->formless)
        return 0;
    drop_format(o);
    buf_release(&o->comments);
    memcpy(o->detected, spec, sizeof(o->detected));
    return take_format(o, str_of(spec), "");
}

/* Does the file begin with the header lines of the one that was looked at before? Ten thousand of a
 * CDN do, and its format need not be found anew in the lines of each. */
static bool begins_as_before(struct offline *o, int fd, enum container_kind kind)
{
    struct buf comments;
    buf_init(&comments, COMMENTS_MAX);
    bool same = o->format && o->comments.n && !log_head_comments(&comments, fd, kind) &&
                str_eq(buf_str(&comments), buf_str(&o->comments));
    buf_release(&comments);
    return same;
}

static void keep_comments(struct offline *o, int fd, enum container_kind kind)
{
    buf_release(&o->comments);
    buf_init(&o->comments, COMMENTS_MAX);
    if (log_head_comments(&o->comments, fd, kind))
        buf_reset(&o->comments);
}

static void start_file(struct offline *o)
{
    o->has_text = true;
    o->formless = false;
}

/* Of each file, by its head; *readable: one of no format is told and left. */
static int detect(struct offline *o, int fd, enum container_kind kind, const char *path,
                  bool *readable)
{
    struct detection d;
    struct json_guess guess;
    struct log_head *head = calloc(1, sizeof(*head));
    int code = EXIT_INTERNAL;

    *readable = false;
    if (!o->kept)
        o->kept = detect_formats_new();
    if (head && o->kept && !log_head_read(head, fd, kind) &&
        !log_head_detect(head, path, o->kept, &d) &&
        (!log_head_is_doubtful(&d) || !log_head_guess(head, &guess, &d)))
        code = 0;
    if (!code && d.fits) {
        code = take_detected(o, path, &d);
        *readable = !code;
        keep_comments(o, fd, kind);
    } else if (!code && (d.lines || d.messages)) {
        refuse(path, head, &d);
        if (o->is_named)
            o->unread++;
        else
            o->foreign++;
    } else if (!code) {
        code = take_textless(o, head, d.spec);
        *readable = !code;
    }
    if (head)
        log_head_release(head);
    free(head);
    return code;
}

static int find_format(struct offline *o, int fd, enum container_kind kind, const char *path,
                       bool *readable)
{
    start_file(o);
    *readable = o->named || begins_as_before(o, fd, kind);
    return *readable ? 0 : detect(o, fd, kind, path, readable);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* Of what is no line's text, or of a file without a format. */
static void count_only(enum lines_result what, struct str text, struct digested *d)
{
    bool comment = what == LINES_LINE && str_starts(text, STR("#"));

    *d = (struct digested){.parsed = comment ? PARSE_DIRECTIVE : PARSE_BAD};
    rule_decide(&d->verdict, comment                  ? RULE_HEADER
                             : what == LINES_PART     ? RULE_PARTIAL
                             : what == LINES_TOO_LONG ? RULE_TOO_LONG
                                                      : RULE_UNPARSABLE);
    d->error = what == LINES_LINE ? "no line at the beginning of the file shows its format"
                                  : d->verdict.rule;
}

static bool hand_out(struct offline *o, const char *path, enum lines_result what,
                     const struct joined *j, offline_fn fn, void *context)
{
    struct digested d;
    struct str text = j->text;
    struct offline_line line = {path, j->number, j->at, text, &d};
    if (what != LINES_LINE || o->formless) {
        count_only(what, text, &d);
        return fn(context, &line);
    }
    while (text.n && text.p[0] == '\0')
        text = str_slice(text, 1, text.n);
    digest_line(&o->digest, &o->digest_rules, o->sites, o->parser, text, &d);
    if (d.verdict.kind != VERDICT_SKIP && !o->digest_rules.no_record) {
        d.record.at = line.at;
        d.record.line_hash = hash_line(line.text);
    }
    return fn(context, &line);
}

static void tell_end(struct offline *o, const struct lines *l, const char *path)
{
    static const char *const text[] = {
        [CONTAINER_TRUNCATED] =
            "the file ends inside a member; the complete lines before that were read",
        [CONTAINER_CORRUPT] = "damaged data; the lines before the damage were read",
        [CONTAINER_TOO_WIDE] = "the window is over 128 MiB from here on; decompress the file first",
        [CONTAINER_IO_ERROR] = "reading failed"};
    enum container_end end = lines_state(l);
    if (!text[end])
        return;
    fprintf(stderr, "logferry: %s: %s (%s, at byte %llu of the file)\n", path, text[end],
            container_codec(lines_kind(l)), (unsigned long long)lines_file_offset(l));
    o->unread++;
}

static bool is_complete(const struct lines *l)
{
    enum container_end end = lines_state(l);
    return end == CONTAINER_CLEAN || end == CONTAINER_GARBAGE;
}

static void note_format(struct offline *o)
{
    const char *name = format_name(o->format);

    o->n_read++;
    for (size_t i = 0; i < o->formats.n; i++)
        if (strcmp(o->formats.names[i], name) == 0)
            return;
    if (o->formats.n < OFFLINE_MAX_FORMATS)
        o->formats.names[o->formats.n++] = name;
}

static int read_fd(struct offline *o, int fd, enum container_kind kind, const char *path,
                   offline_fn fn, void *context)
{
    struct joiner *j = NULL;
    struct lines *l = lines_new(fd, kind, 0);
    struct joined line;
    enum lines_result what;
    bool go_on = true;
    int code = EXIT_INTERNAL;
    if (o->has_text)
        note_format(o);
    if (l && joiner_new(&j, o->formless ? o->cutter : format_cutter(o->format)) == 0) {
        if (!o->formless)
            parser_reset(o->parser);
        while (go_on && ((what = joiner_next(j, l, &line)) != LINES_END ||
                         (is_complete(l) && (what = joiner_take_rest(j, l, &line)) != LINES_END)))
            go_on = hand_out(o, path, what, &line, fn, context);
        if (go_on)
            tell_end(o, l, path);
        code = 0;
    }
    lines_free(l);
    joiner_free(j);
    return code;
}

static void tell_unread(const struct found_file *f, const char *why)
{
    struct buf b;
    buf_init(&b, 8u * NAME_ROOM);
    buf_lit(&b, "logferry: ");
    terminal_put_safe(&b, str_of(f->path), NAME_ROOM);
    buf_printf(&b, ": %s%s\n", f->foreign ? "cannot be read, it is " : "", why);
    if (f->foreign) {
        buf_lit(&b, "logferry: try: ");
        container_put_mend(&b, f->foreign, f->path);
        buf_lit(&b, " | logferry … -\n");
    }
    fprintf(stderr, "%.*s", STR_ARGS(buf_str(&b)));
    buf_release(&b);
}

static int read_file(struct offline *o, const struct found_file *f, offline_fn fn, void *context)
{
    const char *why = f->error ? strerror(f->error) : f->foreign;
    int fd = why ? -1 : open(f->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        tell_unread(f, why ? why : strerror(errno));
        o->unread++;
        return 0;
    }
    bool readable;
    int code = find_format(o, fd, f->kind, f->path, &readable);
    if (!code && readable)
        code = read_fd(o, fd, f->kind, f->path, fn, context);
    close(fd);
    return code;
}

/* A pipe's by what lies in it, which is still read then. */
static int detect_stdin(struct offline *o, enum container_kind kind, bool *readable)
{
    int fd = lseek(STDIN_FILENO, 0, SEEK_CUR) < 0 ? log_head_of_pipe(STDIN_FILENO) : STDIN_FILENO;
    int code;

    if (fd < 0) {
        fprintf(stderr, "logferry: standard input: it is neither a file nor a pipe, so its format "
                        "cannot be guessed; name it with --format\n");
        return EXIT_USAGE;
    }
    code = detect(o, fd, kind, "-", readable);
    if (fd != STDIN_FILENO)
        close(fd);
    return code;
}

static int read_stdin(struct offline *o, offline_fn fn, void *context)
{
    enum container_kind kind;
    const char *codec;
    if (container_detect(STDIN_FILENO, &kind, &codec)) {
        fprintf(stderr, "logferry: standard input: %s\n", strerror(errno));
    } else if (kind == CONTAINER_FOREIGN) {
        fprintf(stderr,
                "logferry: standard input: cannot be read, it is %s; hand over its plain text\n",
                codec);
    } else {
        bool readable = o->named;
        start_file(o);
        int code = readable ? 0 : detect_stdin(o, kind, &readable);
        return !code && readable ? read_fd(o, STDIN_FILENO, kind, "-", fn, context) : code;
    }
    o->unread++;
    return 0;
}

static void tell_no_file(struct offline *o, const char *path, int why)
{
    char name[NAME_ROOM];
    struct stat st;
    const char *what = "there is no file";
    if (why)
        what = strerror(why);
    else if (!stat(path, &st) && !S_ISDIR(st.st_mode))
        what = "it is no regular file; hand a pipe over as standard input: -";
    fprintf(stderr, "logferry: %s: %s\n", terminal_safe(path, name, sizeof(name)), what);
    o->unread++;
}

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

int offline_read(struct offline *o, char *const *paths, size_t n, offline_fn fn, void *context)
{
    int code = 0;
    for (size_t i = 0; i < n && !code; i++) {
        struct discovery found = {0};
        o->is_named = strcmp(paths[i], "-") == 0 || is_file(paths[i]);
        if (strcmp(paths[i], "-") == 0) {
            code = read_stdin(o, fn, context);
            continue;
        }
        errno = 0;
        if (discover_path(paths[i], &found))
            code = EXIT_INTERNAL;
        if (!found.n)
            tell_no_file(o, paths[i], errno);
        for (size_t k = 0; k < found.n && !code; k++)
            code = read_file(o, &found.files[k], fn, context);
        discovery_release(&found);
    }
    if (!o->n_read)
        o->unread += o->foreign;
    return code;
}
