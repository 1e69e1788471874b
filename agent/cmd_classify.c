/* cmd_classify.c - user agents, one a line, to what they are. */
#include "agent/agents_home.h"
#include "agent/commands.h"
#include "agent/terminal.h"
#include "config/exit_codes.h"
#include "parsers/base/utf8.h"
#include "parsers/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "parsers/base/json.h"

#define LINE_CAP (64u << 10) /* what is longer is judged, and shown, by so much of it */
#define READ_BYTES (256u << 10)
#define FLUSH_AT (256u << 10)
#define OUT_MAX (FLUSH_AT + LINE_CAP * 8)

struct classify {
    struct ua_cache *cache;
    struct buf out, line;
    bool json, failed;
    bool cut; /* the line is longer than LINE_CAP */
};

/* As json_put_string; what utf8_printable does not let through to a terminal is escaped too. */
static void put_json_text(struct buf *b, struct str s)
{
    size_t from = 0, at = 0;
    buf_putc(b, '"');
    while (at < s.n) {
        size_t length = (unsigned char)s.p[at] < 0x7f ? 1 : utf8_length(s.p + at, s.n - at);
        if ((unsigned char)s.p[at] < 0x7f || !length || utf8_printable(str_slice(s, at, s.n))) {
            at += length ? length : 1;
            continue;
        }
        json_put_escaped(b, str_slice(s, from, at));
        unsigned c = (unsigned char)s.p[at];
        if (length == 2)
            c = (c & 0x1fu) << 6 | ((unsigned char)s.p[at + 1] & 0x3fu);
        else if (length == 3)
            c = (c & 0xfu) << 12 | ((unsigned char)s.p[at + 1] & 0x3fu) << 6 |
                ((unsigned char)s.p[at + 2] & 0x3fu);
        buf_printf(b, "\\u%04x", c); /* none of them is longer than three bytes */
        at += length;
        from = at;
    }
    json_put_escaped(b, str_slice(s, from, at));
    buf_putc(b, '"');
}

static const char *kind_name(enum ua_kind kind)
{
    static const char *const names[] = {"human", "bot", "ai"};
    return names[kind];
}

static void put_json(struct classify *c, struct str ua, const struct ua_entry *e)
{
    const struct agent *a = e->agent;
    buf_lit(&c->out, "{\"user_agent\":");
    put_json_text(&c->out, ua);
    buf_lit(&c->out, ",\"kind\":\"");
    buf_put_str(&c->out, str_of(kind_name(e->kind)));
    buf_lit(&c->out, "\",\"agent\":");
    json_put_string(&c->out, str_of(a ? a->name : NULL));
    buf_lit(&c->out, ",\"operator\":");
    json_put_string(&c->out, str_of(a ? a->operator : NULL));
    buf_lit(&c->out, ",\"category\":");
    json_put_string(&c->out, str_of(a ? agent_category_name(a->category) : NULL));
    if (c->cut)
        buf_lit(&c->out, ",\"cut\":true");
    buf_lit(&c->out, "}\n");
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
    const struct ua_entry *e = ua_cache_get(c->cache, ua);
    if (c->json)
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
        fprintf(stderr, "logferry classify: %s: %s\n", path, strerror(errno));
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
    struct buf error, path;
    int code = EXIT_OK;
    buf_init(&error, 64u << 10);
    buf_init(&path, 8192);
    if (o->config_given && !(config = agent_config_load(o->config, &error))) {
        fprintf(stderr, "logferry classify: %.*s\n", STR_ARGS(str_trim(buf_str(&error))));
        code = EXIT_BAD_CONFIG;
    }
    agents_home_path(&path, o->state_dir, config);
    if (!code &&
        agents_home_load(agents, buf_cstr(&path), config && config->ai_search_engines, complain))
        code = EXIT_INTERNAL;
    buf_release(&path);
    buf_release(&error);
    agent_config_free(config);
    return code;
}

int command_classify(const struct options *o)
{
    struct classify c = {.json = o->json};
    struct agents_home agents = {0};
    int code = load_agents(o, &agents);
    if (code)
        return code;
    c.cache = ua_cache_new(agents.catalogue);
    buf_init(&c.out, OUT_MAX);
    buf_init(&c.line, LINE_CAP);
    code = c.cache ? read_paths(&c, o) : EXIT_INTERNAL;
    if (c.cache)
        flush(&c);
    if (c.failed || fflush(stdout))
        code = EXIT_CANNOT_WRITE;
    buf_release(&c.out);
    buf_release(&c.line);
    ua_cache_free(c.cache);
    agents_home_release(&agents);
    return code;
}
