/* cmd_verify.c - is everything there? Reads logs as a backfill does, makes the same records, and
 * asks the server of each whether it is stored. Writes nothing anywhere: no positions, no state
 * directory; and the server stores nothing of it. */
#include "agent/agents_home.h"
#include "agent/backfill_job.h"
#include "agent/commands.h"
#include "agent/discover.h"
#include "agent/terminal.h"
#include "agent/verify_print.h"
#include "config/exit_codes.h"

#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OPEN_FILES 16u /* that one fill may read, so that small files share a question */
#define OUTPUT_MAX (64u << 20)
#define NAME_ROOM 4096 /* of a path in a message */

struct open_file {
    struct stream stream;
    struct position position; /* that nobody keeps */
    bool has_lines;
};

struct verify {
    const struct options *options;
    struct backfill_job job;
    struct ev_loop *loop;
    struct discovery files;
    /* what reads */
    struct agents_home agents; /* as the daemon has them: what is sent depends on it */
    struct source source;
    struct worker_kit kit;
    struct parser *parser; /* the kit's: of the one source */
    struct sites *sites;
    struct builder_labels labels;
    struct builder *builder;
    struct open_file *open[OPEN_FILES]; /* in the order of the files */
    size_t n_open;
    size_t next_file, next_path; /* of the files found; of the command line, for "-" */
    /* what asks and counts */
    struct verify_ask *ask;
    struct verify_books *books;
    uint64_t lines, n_files;
    struct buf out;
    bool cannot_write;
};

static int complain(int code, const char *format, const char *what)
{
    fputs("logferry verify: ", stderr);
    fprintf(stderr, format, what);
    fputc('\n', stderr);
    return code;
}

/* ---- output -----------------------------------------------------------------------------------
 */

static void flush(struct verify *v)
{
    if (v->out.failed || fwrite(v->out.p, 1, v->out.n, stdout) != v->out.n || fflush(stdout))
        v->cannot_write = true;
    buf_reset(&v->out);
}

static void on_stream(void *context, const struct verify_stream *s)
{
    struct verify *v = context;
    if (v->options->json)
        verify_put_json(&v->out, s);
    else
        verify_put_text(&v->out, s, v->options->all_hours);
    flush(v);
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* fd: of standard input; -1: the file is opened by its path. */
static struct open_file *new_file(struct verify *v, const struct found_file *f, int fd)
{
    struct open_file *file = calloc(1, sizeof(*file));
    if (!file)
        abort(); /* a kilobyte; nothing is lost, the command can be run again */
    struct stream *s = &file->stream;
    file->position.stream = f->stream;
    s->source = &v->source;
    s->position = &file->position;
    s->path = f->path;
    s->dev = f->dev;
    s->ino = f->ino;
    s->r.fd = fd;
    s->r.sequential = fd >= 0;
    s->r.finish = fd >= 0 || discover_is_finished(f, (int64_t)(ev_time() * 1000));
    return file;
}

static void free_file(struct open_file *f)
{
    reading_close(&f->stream.r);
    free(f);
}

/* The files that the command line names, but for "-". */
static int find_files(struct verify *v)
{
    const struct options *o = v->options;
    for (size_t i = 0; i < o->n_paths; i++) {
        size_t before = v->files.n;
        if (strcmp(o->paths[i], "-") == 0)
            continue;
        errno = 0;
        if (discover_path(o->paths[i], &v->files))
            return complain(EXIT_INTERNAL, "%s", "out of memory");
        if (v->files.n == before) {
            int why = errno;
            char name[NAME_ROOM];
            fprintf(stderr, "logferry verify: %s: %s\n",
                    terminal_safe(o->paths[i], name, sizeof(name)),
                    why ? strerror(why) : "there is no file, or it was named before");
            v->job.unread++;
        }
    }
    if (v->files.capped) {
        fprintf(stderr, "logferry verify: more than %u files; verify the others by themselves\n",
                DISCOVER_MAX_FILES);
        v->job.unread++;
    }
    return 0;
}

static void tell_foreign(struct verify *v, const char *path, const char *codec)
{
    struct buf b;
    buf_init(&b, 8u * NAME_ROOM);
    buf_lit(&b, "logferry verify: ");
    terminal_put_safe(&b, str_of(path), NAME_ROOM);
    buf_printf(&b, ": not readable, it is %s; try: ", codec);
    container_put_mend(&b, codec, path);
    buf_lit(&b, " | logferry verify … -\n");
    fprintf(stderr, "%.*s", STR_ARGS(buf_str(&b)));
    buf_release(&b);
    v->job.unread++;
}

static bool is_readable(struct verify *v, const struct found_file *f)
{
    if (!f->error && !f->foreign && !f->refused)
        return true;
    if (f->foreign) {
        tell_foreign(v, f->path, f->foreign);
        return false;
    }
    char name[NAME_ROOM];
    fprintf(stderr, "logferry verify: %s: %s\n", terminal_safe(f->path, name, sizeof(name)),
            f->refused ? f->refused : strerror(f->error));
    v->job.unread++;
    return false;
}

/* The next of what the command line names; NULL: that was all. */
static struct open_file *next_file(struct verify *v)
{
    static char name[] = "-";
    static const struct found_file standard_input = {.path = name};
    const struct options *o = v->options;
    while (v->next_file < v->files.n) {
        const struct found_file *f = &v->files.files[v->next_file++];
        if (is_readable(v, f))
            return new_file(v, f, -1);
    }
    while (v->next_path < o->n_paths)
        if (strcmp(o->paths[v->next_path++], "-") == 0) {
            v->next_path = o->n_paths; /* it can be read once */
            return new_file(v, &standard_input, dup(STDIN_FILENO));
        }
    return NULL;
}

static void tell_unread(struct verify *v, const struct stream *s, const char *why,
                        const char *detail)
{
    char name[NAME_ROOM];
    fprintf(stderr, "logferry verify: %s: %s%s%s\n", terminal_safe(s->path, name, sizeof(name)),
            why, *detail ? ": " : "", detail);
    v->job.unread++;
}

static void tell_end(struct verify *v, const struct stream *s)
{
    const struct reading *r = &s->r;
    char name[NAME_ROOM];
    switch (r->end) {
    case READ_TRUNCATED:
        tell_unread(v, s,
                    "the compressed file ends too early; the complete lines before that were read",
                    "");
        break;
    case READ_CORRUPT:
        tell_unread(v, s, "damaged compressed data; the lines before the damage were read", "");
        break;
    case READ_FOREIGN:
        tell_foreign(v, s->path, r->foreign);
        break;
    case READ_STRANGER:
        tell_unread(v, s, "it was truncated or replaced meanwhile; run the command again", "");
        break;
    case READ_REFUSED:
        tell_unread(v, s, "it is not opened", r->refused);
        break;
    case READ_GONE:
    case READ_FAILED:
        tell_unread(v, s, "it cannot be read", strerror(r->error));
        break;
    case READ_ALL:
        if (r->half)
            fprintf(stderr,
                    "logferry verify: %s: %zu bytes behind the last newline are no line yet\n",
                    terminal_safe(s->path, name, sizeof(name)), r->half);
        break;
    default:
        break;
    }
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* Takes the group's one batch over, or drops it when it holds no record. */
static int ask_group(struct verify *v, struct group *g)
{
    struct batch *b = g->n_batches == 1 ? g->batches[0] : NULL; /* of the one destination */
    struct verify_record *records = b ? verify_books_take(v->books, b->n_records) : NULL;
    if (records && b->n_records) {
        g->batches[0] = NULL;
        verify_ask_batch(v->ask, b, records);
    } else {
        free(records);
    }
    group_free(g);
    return records ? 0 : EXIT_INTERNAL;
}

static void close_finished(struct verify *v)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->n_open; i++) {
        struct open_file *f = v->open[i];
        struct reading *r = &f->stream.r;
        v->lines += r->counts.lines;
        f->has_lines = f->has_lines || r->counts.lines;
        r->counts = (struct counts){0};
        r->bad.error = NULL;
        if (r->end == READ_MORE) {
            v->open[kept++] = f;
            continue;
        }
        tell_end(v, &f->stream);
        verify_books_end_file(v->books, f->stream.path, f->has_lines);
        free_file(f);
    }
    v->n_open = kept;
}

static int fill_once(struct verify *v)
{
    struct fill f = {.kits = &v->kit,
                     .sources = &v->source,
                     .sites = v->sites,
                     .builder = v->builder,
                     .n_streams = v->n_open,
                     .seal = true,
                     .witness = verify_books_witness(v->books)};
    int code = 0;
    for (size_t i = 0; i < v->n_open; i++)
        f.streams[i] = &v->open[i]->stream;
    fill_run(&f.task, 0);
    for (size_t i = 0; i < f.n_groups; i++) {
        if (code)
            group_free(f.groups[i]);
        else
            code = ask_group(v, f.groups[i]);
    }
    close_finished(v);
    return code;
}

/* An exit code: of what kept the reading from its end. */
static int read_all(struct verify *v)
{
    int code = 0;
    while (!code && verify_ask_wait_room(v->ask) && !v->cannot_write) {
        struct open_file *f;
        while (v->n_open < OPEN_FILES && (f = next_file(v))) {
            v->open[v->n_open++] = f;
            v->n_files++;
        }
        if (!v->n_open)
            break;
        code = fill_once(v);
    }
    if (!code)
        verify_ask_wait_all(v->ask);
    return code;
}

/* ---- preparation ------------------------------------------------------------------------------
 */

static int choose(struct verify *v)
{
    const struct options *o = v->options;
    if (!o->n_paths)
        return complain(EXIT_USAGE, "%s",
                        "name log files, directories, globs, or - for standard input");
    struct buf err;
    buf_init(&err, 64u << 10);
    int code = backfill_job_choose(&v->job, o, "verify", &err);
    v->job.err = NULL;
    if (err.n)
        fwrite(err.p, 1, err.n, stderr);
    buf_release(&err);
    if (!code && v->job.config->n_destinations > 1)
        return complain(EXIT_USAGE, "%s has several destinations: say --output NAME with one",
                        o->config);
    return code ? code : find_files(v);
}

static int load_agents(struct verify *v, const struct agent_config *c)
{
    struct buf path;
    buf_init(&path, 8192);
    agents_home_path(&path, NULL, c);
    const char *directory = buf_cstr(&path);
    int rc = directory ? agents_home_load(&v->agents, directory, c->ai_search_engines, NULL) : -1;
    buf_release(&path);
    return rc;
}

static int make_reader(struct verify *v)
{
    const struct agent_config *c = v->job.config;
    struct buf why;
    int code = 0;
    buf_init(&why, 4096);
    if (source_init(&v->source, &v->job.source, c, &why)) {
        const char *text = buf_cstr(&why);
        code = complain(v->options->format ? EXIT_USAGE : EXIT_BAD_CONFIG, "%s",
                        text ? text : "out of memory");
    }
    buf_release(&why);
    v->source.rules.since_ms = v->options->since_ms;
    v->source.rules.until_ms = v->options->until_ms;
    v->labels = (struct builder_labels){
        .node = c->node, .compress = !c->destinations[0].local, .all_destinations = 1};
    v->sites = c->n_sites ? sites_of_config(c) : sites_new();
    v->builder = builder_new(&v->labels);
    v->books = verify_books_new(on_stream, v);
    v->kit.parsers = &v->parser;
    if (!code && (load_agents(v, c) || !v->sites || !v->builder || !v->books ||
                  digest_init(&v->kit.digest, v->agents.catalogue, v->agents.ranges)))
        code = complain(EXIT_INTERNAL, "%s", "out of memory");
    return code;
}

static int connect_server(struct verify *v)
{
    struct verify_ask_options o = {.loop = v->loop,
                                   .destination = &v->job.config->destinations[0],
                                   .context = v->books,
                                   .on_answer = verify_books_answer};
    struct buf why;
    const char *text;
    int code = 0;
    buf_init(&why, 4096);
    v->ask = verify_ask_new(&o, &why, &code);
    if (!v->ask) {
        text = buf_cstr(&why);
        complain(code, "%s", text ? text : "out of memory");
    }
    buf_release(&why);
    if (!v->ask)
        return code;
    verify_ask_sites(v->ask, v->job.config->n_sites ? NULL : v->sites);
    code = verify_ask_failure(v->ask, &text);
    return code ? complain(code, "%s", text) : 0;
}

/* ---- the command ------------------------------------------------------------------------------
 */

static int conclude(struct verify *v, double seconds)
{
    const struct verify_total *t = verify_books_total(v->books);
    const struct destination_config *d = &v->job.config->destinations[0];
    const struct verify_counts *c = &t->counts;
    struct verify_end e = {.options = v->options,
                           .total = t,
                           .destination = d->name.p,
                           .url = d->url.p,
                           .lines = v->lines,
                           .files = v->n_files,
                           .unread = v->job.unread,
                           .seconds = seconds};
    e.balanced = verify_counts_balance(c) && c->lines + t->repeated_lines == v->lines;
    if (v->options->json)
        verify_put_json_end(&v->out, &e);
    else
        verify_put_text_end(&v->out, &e);
    flush(v);
    if (v->cannot_write)
        return complain(EXIT_CANNOT_WRITE, "standard output: %s", strerror(errno));
    if (!e.balanced)
        return EXIT_INTERNAL;
    return c->missing || c->rejected || v->job.unread ? EXIT_BAD_DATA : EXIT_OK;
}

static int verify(struct verify *v)
{
    const char *why;
    double begun = ev_time();
    int code = read_all(v);
    if (code)
        return complain(code, "%s", "out of memory");
    code = verify_ask_failure(v->ask, &why);
    if (code) {
        complain(code, "%s", why);
        return complain(code, "%s", "it did not come to its end: what is printed is a part");
    }
    return conclude(v, ev_time() - begun);
}

static void release(struct verify *v)
{
    while (v->n_open)
        free_file(v->open[--v->n_open]);
    verify_ask_free(v->ask);
    verify_books_free(v->books);
    builder_free(v->builder);
    sites_unref(v->sites);
    digest_release(&v->kit.digest);
    parser_free(v->parser);
    source_release(&v->source);
    agents_home_release(&v->agents);
    discovery_release(&v->files);
    backfill_job_close(&v->job, false);
    buf_release(&v->out);
    ev_loop_destroy(v->loop);
}

int command_verify(const struct options *o)
{
    struct verify v = {.options = o, .job = {.fd = -1, .lock = -1}, .loop = ev_default_loop(0)};
    buf_init(&v.out, OUTPUT_MAX);
    int code = choose(&v);
    if (!code)
        code = make_reader(&v);
    if (!code)
        code = connect_server(&v);
    if (!code)
        code = verify(&v);
    release(&v);
    return code;
}
