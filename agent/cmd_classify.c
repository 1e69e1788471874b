/* cmd_classify.c - user agents, one a line, to what they are. */
#include "agent/agents_home.h"
#include "agent/commands.h"
#include "agent/terminal.h"
#include "config/exit_codes.h"
#include "parsers/base/json.h"
#include "parsers/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_CAP (64u << 10) /* what is longer is judged, and shown, by so much of it */
#define READ_BYTES (256u << 10)
#define FLUSH_AT (256u << 10)
#define OUT_MAX (FLUSH_AT + LINE_CAP * 8)

struct classify {
    struct ua_cache *cache;
    struct buf out, line, json; /* json: of one line, before it is made safe for a terminal */
    bool as_json, failed;
    bool cut;   /* the line is longer than LINE_CAP */
    bool begun; /* a line of this file was read: a byte order mark is in the first */
};

static const char *kind_name(enum ua_kind kind)
{
    static const char *const names[] = {"human", "bot", "ai"};
    return names[kind];
}

static void put_json(struct classify *c, struct str ua, const struct ua_entry *e)
{
    const struct agent *a = e->agent;
    struct buf *b = &c->json;
    buf_reset(b);
    buf_lit(b, "{\"user_agent\":");
    json_put_string(b, ua);
    buf_lit(b, ",\"kind\":\"");
    buf_put_str(b, str_of(kind_name(e->kind)));
    buf_lit(b, "\",\"agent\":");
    json_put_string(b, str_of(a ? a->name : NULL));
    buf_lit(b, ",\"operator\":");
    json_put_string(b, str_of(a ? a->operator : NULL));
    buf_lit(b, ",\"category\":");
    json_put_string(b, str_of(a ? agent_category_name(a->category) : NULL));
    if (c->cut)
        buf_lit(b, ",\"cut\":true");
    buf_lit(b, "}\n");
    terminal_put_json(&c->out, buf_str(b));
    c->failed = c->failed || b->failed;
}

static void put_text(struct classify *c, struct str ua, const struct ua_entry *e)
{
    const struct agent *a = e->agent;
    buf_printf(&c->out, "%-6s %-24.24s %-18.18s %-10s ", kind_name(e->kind), a ? a->name : "",
               a ? a->operator: "", a ? agent_category_name(a->category) : "");
    terminal_put_safe(&c->out, ua, LINE_CAP * 4);
    if (c->cut)
        buf_lit(&c->out, "…");
    buf_putc(&c->out, '\n');
}

static void flush(struct classify *c)
{
    if (!c->out.n && !c->out.failed)
        return;
    if (c->out.failed || fwrite(c->out.p, 1, c->out.n, stdout) != c->out.n)
        c->failed = true;
    buf_reset(&c->out);
}

static void one_line(struct classify *c, struct str ua)
{
    if (ua.n && ua.p[ua.n - 1] == '\r')
        ua.n--;
    if (!c->begun && str_starts(ua, STR("\xef\xbb\xbf")))
        ua = str_slice(ua, 3, ua.n);
    c->begun = true;
    const struct ua_entry *e = ua_cache_get(c->cache, ua);
    if (c->as_json)
        put_json(c, ua, e);
    else
        put_text(c, ua, e);
    if (c->out.n >= FLUSH_AT)
        flush(c);
}

/* A piece of a line whose end is in a later read. */
static void keep(struct classify *c, struct str piece)
{
    size_t room = LINE_CAP - c->line.n;
    c->cut = c->cut || piece.n > room;
    buf_put_str(&c->line, str_slice(piece, 0, piece.n > room ? room : piece.n));
    c->failed = c->failed || c->line.failed;
}

static void take(struct classify *c, struct str block)
{
    ptrdiff_t newline;
    for (size_t at = 0; at < block.n; at = (size_t)newline + 1) {
        newline = str_chr(block, '\n', at);
        struct str piece = str_slice(block, at, newline < 0 ? block.n : (size_t)newline);
        if (newline >= 0 && !c->line.n && piece.n <= LINE_CAP) {
            one_line(c, piece);
            continue;
        }
        keep(c, piece);
        if (newline < 0)
            return;
        one_line(c, buf_str(&c->line));
        buf_reset(&c->line);
        c->cut = false;
    }
}

static int read_all(struct classify *c, int fd, const char *name)
{
    char *block = malloc(READ_BYTES);
    ssize_t n = 1;
    c->begun = false;
    while (block && !c->failed && n) {
        n = read(fd, block, READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        take(c, (struct str){block, (size_t)n});
    }
    if (n < 0)
        fprintf(stderr, "logferry classify: %s: %s\n", name, strerror(errno));
    if (c->line.n || c->cut)
        one_line(c, buf_str(&c->line));
    buf_reset(&c->line);
    c->cut = false;
    int code = !block ? EXIT_INTERNAL : n < 0 ? EXIT_BAD_DATA : EXIT_OK;
    free(block);
    return code;
}

static int read_path(struct classify *c, const char *path)
{
    if (strcmp(path, "-") == 0)
        return read_all(c, STDIN_FILENO, "standard input");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        fprintf(stderr,
                "logferry classify: %s: %s; it reads user agents, one a line, from files or from "
                "standard input\n",
                path, strerror(errno));
        return EXIT_BAD_DATA;
    }
    int code = read_all(c, fd, path);
    close(fd);
    return code;
}

static int read_paths(struct classify *c, const struct options *o)
{
    int code = EXIT_OK;
    if (!o->n_paths)
        return read_path(c, "-");
    for (size_t i = 0; i < o->n_paths && !c->failed; i++) {
        int one = read_path(c, o->paths[i]);
        code = one ? one : code;
    }
    return code;
}

static void complain(struct str why)
{
    fprintf(stderr, "logferry classify: not used: %.*s\n", STR_ARGS(why));
}

/* As a log of the configuration would be read; without --config, as report reads one. */
static int load_agents(const struct options *o, struct agents_home *agents)
{
    struct agent_config *config = NULL;
    struct buf error;
    int code = EXIT_OK;
    buf_init(&error, 64u << 10);
    if (o->config_given && !(config = agent_config_load(o->config, &error))) {
        fprintf(stderr, "logferry classify: %.*s\n", STR_ARGS(str_trim(buf_str(&error))));
        code = EXIT_BAD_CONFIG;
    } else if (agents_home_load_for(agents, o->state_dir, config, complain)) {
        code = EXIT_INTERNAL;
    }
    buf_release(&error);
    agent_config_free(config);
    return code;
}

int command_classify(const struct options *o)
{
    struct classify c = {.as_json = o->json};
    struct agents_home agents = {0};
    int code = load_agents(o, &agents);
    if (code)
        return code;
    c.cache = ua_cache_new(agents.catalogue);
    buf_init(&c.out, OUT_MAX);
    buf_init(&c.line, LINE_CAP);
    buf_init(&c.json, OUT_MAX);
    code = c.cache ? read_paths(&c, o) : EXIT_INTERNAL;
    if (c.cache)
        flush(&c);
    if (c.failed || fflush(stdout))
        code = EXIT_CANNOT_WRITE;
    buf_release(&c.out);
    buf_release(&c.line);
    buf_release(&c.json);
    ua_cache_free(c.cache);
    agents_home_release(&agents);
    return code;
}
