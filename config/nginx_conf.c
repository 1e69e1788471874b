/*
 * nginx_conf.c - log_format, access_log and server_name of an nginx configuration, with nginx's
 * rules of inheritance; see web_conf.h.
 *
 * The output of `nginx -T` is all its files, each behind a line "# configuration file PATH:"; they
 * are taken apart and read as the files that they are.
 */
#include "config/web_conf_impl.h"

#include "parsers/template.h"

#include <fnmatch.h>
#include <stdlib.h>

#define MARK "# configuration file "
#define COMBINED_PATH "/var/log/nginx/access.log" /* compiled into every package that we know */
#define COMBINED_TEXT                                                                              \
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "             \
    "\"$http_referer\" \"$http_user_agent\""

/* ---- words ------------------------------------------------------------------------------------
 */

struct reader {
    struct str text;
    size_t at;
    unsigned line;
};

enum ended { ENDED_FILE, ENDED_DIRECTIVE, ENDED_OPEN, ENDED_CLOSE };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char peek(const struct reader *r)
{
    return r->at < r->text.n ? r->text.p[r->at] : '\0';
}

static void step(struct reader *r)
{
    r->line += peek(r) == '\n';
    r->at++;
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->text.n && (is_blank(peek(r)) || peek(r) == '#')) {
        if (peek(r) != '#') {
            step(r);
            continue;
        }
        while (r->at < r->text.n && peek(r) != '\n')
            r->at++;
    }
}

/* A backslash and what it stands for, as ngx_conf_read_token has it. */
static void put_escaped(struct reader *r, struct buf *word)
{
    char c;

    step(r);
    c = peek(r);
    if (r->at >= r->text.n)
        return;
    if (c == 't' || c == 'r' || c == 'n')
        buf_putc(word, c == 't' ? '\t' : c == 'r' ? '\r' : '\n');
    else if (c == '"' || c == '\'' || c == '\\')
        buf_putc(word, c);
    else {
        buf_putc(word, '\\');
        buf_putc(word, c);
    }
    step(r);
}

/* One word, unquoted. A '{' behind '$' belongs to it. */
static void read_word(struct reader *r, struct buf *word)
{
    char quote = peek(r) == '"' || peek(r) == '\'' ? peek(r) : '\0', before = '\0';

    if (quote)
        step(r);
    while (r->at < r->text.n) {
        char c = peek(r);
        if (quote ? c == quote : is_blank(c) || c == ';' || (c == '{' && before != '$'))
            break;
        if (c == '\\') {
            put_escaped(r, word);
            before = '\0';
            continue;
        }
        buf_putc(word, c);
        before = c;
        step(r);
    }
    if (quote)
        step(r);
}

/* A string of Lua, the quote before it read. */
static void skip_lua_string(struct reader *r, char quote)
{
    for (; r->at < r->text.n && peek(r) != quote && peek(r) != '\n'; step(r))
        if (peek(r) == '\\')
            step(r);
}

/* Behind the '{' of Lua: over it, by its braces. */
static void skip_lua(struct reader *r)
{
    unsigned depth = 1;

    for (; r->at < r->text.n && depth; step(r)) {
        char c = peek(r);
        depth += (c == '{') - (c == '}');
        if (c == '"' || c == '\'') {
            step(r);
            skip_lua_string(r, c);
        } else if (c == '-' && r->at + 1 < r->text.n && r->text.p[r->at + 1] == '-') {
            while (r->at + 1 < r->text.n && r->text.p[r->at + 1] != '\n')
                step(r);
        }
    }
}

static void keep_word(struct web_walk *w, struct reader *r, struct web_words *words)
{
    struct buf word;

    buf_init(&word, r->text.n + 1);
    read_word(r, &word);
    struct str text = buf_str(&word);
    if (words->n < WEB_CONF_MAX_WORDS)
        words->v[words->n++] = config_arena_str(w->arena, text);
    else
        w->out->capped = true;
    buf_release(&word);
}

/* The next directive's words, up to ';', '{' or '}'. */
static enum ended read_directive(struct web_walk *w, struct reader *r, struct web_words *words)
{
    words->n = 0;
    skip_blanks(r);
    words->line = r->line;
    while (r->at < r->text.n) {
        char c = peek(r);
        if (c == ';' || c == '{' || c == '}') {
            step(r);
            return c == ';' ? ENDED_DIRECTIVE : c == '{' ? ENDED_OPEN : ENDED_CLOSE;
        }
        keep_word(w, r, words);
        skip_blanks(r);
    }
    return ENDED_FILE;
}

static bool is(const struct web_words *words, const char *name)
{
    return words->n > 0 && str_eq(words->v[0], str_of(name));
}

/* ---- log_format -------------------------------------------------------------------------------
 */

static const char *known_format(struct str text, bool escaped)
{
    if (escaped)
        return NULL;
    if (str_eq(text, STR(COMBINED_TEXT)))
        return "nginx_combined";
    return str_eq(text, STR(COMBINED_TEXT " \"$http_x_forwarded_for\"")) ? "nginx_main" : NULL;
}

/* Each twice: who reads the format undoes what nginx.conf was read without. */
static void put_backslashes(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, text.p[i]);
    }
}

/* log_format NAME [escape=MODE] STRING… */
static void take_format(struct web_walk *w, const struct web_words *words)
{
    size_t first = words->n > 2 && str_starts(words->v[2], STR("escape=")) ? 3 : 2;
    bool escaped = first == 3 && !str_eq(words->v[2], STR("escape=default"));
    struct buf text, spec;

    if (words->n <= first)
        return;
    buf_init(&text, WEB_CONF_MAX_BYTES);
    for (size_t i = first; i < words->n; i++) {
        size_t from = text.n;

        buf_put_str(&text, words->v[i]);
        template_nginx_join(&text, from);
    }
    const char *known = known_format(buf_str(&text), escaped);
    buf_init(&spec, WEB_CONF_MAX_BYTES);
    if (escaped) {
        buf_put_str(&spec, words->v[2]);
        buf_putc(&spec, ' ');
    }
    put_backslashes(&spec, buf_str(&text));
    web_add_format(w, words->v[1], web_spec(w, known, "nginx", buf_str(&spec)));
    buf_release(&spec);
    buf_release(&text);
}

/* ---- access_log -------------------------------------------------------------------------------
 */

static bool is_host_variable(struct str name)
{
    return str_eq(name, STR("host")) || str_eq(name, STR("http_host")) ||
           str_eq(name, STR("server_name")) || str_eq(name, STR("ssl_server_name"));
}

/* The name behind the '$' at `at`, with or without braces; *end is behind it. */
static struct str variable_at(struct str path, size_t at, size_t *end)
{
    bool braces = at + 1 < path.n && path.p[at + 1] == '{';
    size_t from = at + 1 + braces, to = from;

    while (to < path.n && (ascii_alnum(path.p[to]) || path.p[to] == '_'))
        to++;
    *end = to + (braces && to < path.n && path.p[to] == '}');
    return str_slice(path, from, to);
}

/* Variables as {host}, once, and '*'. */
static struct str path_of(struct web_walk *w, struct str path)
{
    bool host = false;
    struct buf out;

    buf_init(&out, 4096);
    for (size_t i = 0; i < path.n;) {
        if (path.p[i] != '$') {
            buf_putc(&out, path.p[i++]);
            continue;
        }
        bool now = is_host_variable(variable_at(path, i, &i)) && !host;
        host = host || now;
        buf_put_str(&out, now ? STR("{host}") : STR("*"));
    }
    struct str files = out.failed ? STR_NONE : config_arena_str(w->arena, buf_str(&out));
    buf_release(&out);
    return files;
}

/* A brace that opens no ${name}. */
static bool has_braces(struct str path)
{
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == '{' && (i == 0 || path.p[i - 1] != '$'))
            return true;
    return false;
}

static const char *path_problem(struct str path)
{
    if (str_starts(path, STR("memory:")))
        return "only error_log has a ring in memory; for access_log nginx makes a file of this "
               "name, "
               "in its prefix (`nginx -V` tells it); write a whole path: `access_log "
               "/var/log/nginx/access.log combined;`";
    if (str_starts(path, STR("syslog:")))
        return "it goes to syslog, not to a file; write it to a file too: `access_log "
               "/var/log/nginx/access.log combined;`";
    if (str_starts(path, STR("/dev/")))
        return "it is no file; write it to one too: `access_log /var/log/nginx/access.log "
               "combined;`";
    if (str_starts(path, STR("$")))
        return "its name is a variable; name the files yourself";
    if (!str_starts(path, STR("/")))
        return "the path is relative to nginx's prefix (`nginx -V` tells it); write it whole";
    return has_braces(path) ? "its name holds braces; name the files by a glob yourself" : NULL;
}

static void set_log_format(struct web_walk *w, struct web_log *log)
{
    const struct web_format *f = web_find_format(w, log->nickname);

    if (f) {
        log->format = f->spec;
    } else if (str_eq(log->nickname, STR("combined"))) {
        log->format = web_spec(w, "nginx_combined", "nginx", STR(COMBINED_TEXT));
    } else {
        log->problem = "its log_format is not in what was given; give the output of `nginx -T`";
    }
}

/* access_log PATH [FORMAT [buffer=… gzip=… flush=… if=…]] | off */
static void take_log(struct web_walk *w, struct web_server *server, const struct web_words *words,
                     struct str file)
{
    struct web_log_use use = {
        .log = {.file = file, .line = words->line, .nickname = STR("combined")}};
    struct web_log *log = &use.log;

    server->inherits = false;
    server->off = server->off || (words->n > 1 && str_eq(words->v[1], STR("off")));
    if (words->n < 2 || server->off)
        return;
    log->written = words->v[1];
    if (words->n > 2 && str_chr(words->v[2], '=', 0) < 0)
        log->nickname = words->v[2];
    for (size_t i = 2; i < words->n; i++)
        if (str_starts(words->v[i], STR("if=")))
            use.condition = words->v[i];
    set_log_format(w, log);
    const char *problem = path_problem(log->written);
    if (problem)
        log->problem = problem;
    else
        log->files = path_of(w, log->written);
    web_add_log(w, server, &use);
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

struct place {
    struct web_server *server;  /* whose logs these are */
    struct str file, directory; /* of nginx.conf, for relative includes */
    unsigned depth;
    bool location; /* within a location: what it writes is the server's as well */
};

static void walk(struct web_walk *w, struct reader *r, struct place place);

static void skip_block(struct web_walk *w, struct reader *r, const struct web_words *head)
{
    struct web_words words;
    unsigned depth = 1;
    enum ended ended;

    if (head->n && str_ends(head->v[0], STR("_by_lua_block"))) {
        skip_lua(r);
        return;
    }
    while (depth && (ended = read_directive(w, r, &words)) != ENDED_FILE) {
        if (ended == ENDED_OPEN && words.n && str_ends(words.v[0], STR("_by_lua_block")))
            skip_lua(r);
        else
            depth += (ended == ENDED_OPEN) - (ended == ENDED_CLOSE);
    }
}

static bool fits(struct str glob, struct str path, struct str directory)
{
    char pattern[4096], name[4096];
    bool relative = !str_starts(glob, STR("/"));

    if (glob.n + directory.n + 2 > sizeof(pattern) || path.n >= sizeof(name))
        return false;
    size_t n = relative ? directory.n : 0;
    if (n) {
        memcpy(pattern, directory.p, n);
        pattern[n++] = '/';
    }
    memcpy(pattern + n, glob.p, glob.n);
    pattern[n + glob.n] = '\0';
    memcpy(name, path.p, path.n);
    name[path.n] = '\0';
    return fnmatch(pattern, name, FNM_PATHNAME) == 0;
}

static void take_include(struct web_walk *w, const struct web_words *words, struct place place)
{
    for (size_t i = 0; words->n > 1 && i < w->n_files; i++) {
        struct reader r = {w->files[i].text, 0, 1};
        if (!fits(words->v[1], w->files[i].path, place.directory))
            continue;
        if (++w->opened > WEB_CONF_MAX_FILES || place.depth >= WEB_CONF_MAX_DEPTH) {
            w->out->capped = true;
            return;
        }
        struct place inside = place;
        inside.file = w->files[i].path;
        inside.depth++;
        walk(w, &r, inside);
    }
}

static void take_server(struct web_walk *w, struct reader *r, struct place place)
{
    struct web_server *server = config_arena_alloc(w->arena, sizeof(*server));

    if (!server)
        return;
    server->inherits = true;
    server->next = w->servers;
    w->servers = server;
    place.server = server;
    walk(w, r, place);
}

/* A location's own logs are some of the server's; without any it has the server's. */
static void take_location(struct web_walk *w, struct reader *r, struct place place)
{
    struct web_server own = {.inherits = true}, *server = config_arena_alloc(w->arena, sizeof(own));

    if (!server)
        return;
    *server = own;
    server->hosts = place.server->hosts;
    place.server = server;
    place.location = true;
    walk(w, r, place);
    if (!server->logs)
        return;
    server->inherits = false;
    server->next = w->servers;
    w->servers = server;
}

static void take_block(struct web_walk *w, struct reader *r, const struct web_words *words,
                       struct place place)
{
    if (place.depth++ >= WEB_CONF_MAX_DEPTH) {
        w->out->capped = true;
        skip_block(w, r, words);
    } else if (is(words, "http")) {
        walk(w, r, place);
    } else if (is(words, "server") && place.server == &w->top) {
        take_server(w, r, place);
    } else if ((is(words, "location") || is(words, "if") || is(words, "limit_except")) &&
               place.server != &w->top) {
        take_location(w, r, place);
    } else {
        skip_block(w, r, words);
    }
}

static void take_directive(struct web_walk *w, const struct web_words *words, struct place place)
{
    if (is(words, "log_format"))
        take_format(w, words);
    else if (is(words, "access_log"))
        take_log(w, place.server, words, place.file);
    else if (is(words, "include"))
        take_include(w, words, place);
    for (size_t i = 1; is(words, "server_name") && i < words->n; i++)
        web_add_host(w, &place.server->hosts, words->v[i]);
}

/* To the end of the block, or of the file. */
static void walk(struct web_walk *w, struct reader *r, struct place place)
{
    struct web_words words;
    enum ended ended;

    while (!config_arena_failed(w->arena) && (ended = read_directive(w, r, &words)) != ENDED_FILE &&
           ended != ENDED_CLOSE) {
        if (ended == ENDED_OPEN)
            take_block(w, r, &words, place);
        else
            take_directive(w, &words, place);
    }
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* PATH of "# configuration file PATH:". */
static struct str marked_path(struct str line)
{
    struct str path = str_trim(str_slice(line, sizeof(MARK) - 1, line.n));

    if (path.n && path.p[path.n - 1] == ':')
        path.n--;
    return path;
}

/* The files of `nginx -T`. */
static struct web_file *take_apart(struct web_walk *w, struct str text, size_t *n)
{
    struct web_file *files = config_arena_array(w->arena, WEB_CONF_MAX_FILES, sizeof(*files));
    struct str rest = text;

    *n = 0;
    while (files && rest.n) {
        struct str line = str_cut(&rest, '\n');
        if (!str_starts(line, STR(MARK))) {
            if (*n)
                files[*n - 1].text.n = (size_t)(line.p + line.n - files[*n - 1].text.p);
            continue;
        }
        w->out->capped = w->out->capped || *n == WEB_CONF_MAX_FILES;
        if (*n == WEB_CONF_MAX_FILES)
            break;
        files[(*n)++] = (struct web_file){marked_path(line), {rest.n ? rest.p : "", 0}};
    }
    return files;
}

static struct str directory_of(struct str path)
{
    ptrdiff_t slash = str_rchr(path, '/');
    return slash < 0 ? STR(".") : str_slice(path, 0, (size_t)slash);
}

/* Where no access_log is at all. */
static void take_default(struct web_walk *w, struct str file)
{
    struct web_log_use use = {.log = {.file = file,
                                      .written = STR(COMBINED_PATH),
                                      .files = STR(COMBINED_PATH),
                                      .nickname = STR("combined")}};

    set_log_format(w, &use.log);
    web_add_log(w, &w->top, &use);
}

int web_conf_nginx(const struct web_file *files, size_t n, struct config_arena *arena,
                   struct web_conf *out)
{
    struct web_walk w = {
        .files = files, .n_files = n, .arena = arena, .out = out, .top = {.inherits = true}};

    *out = (struct web_conf){.kind = WEB_CONF_NGINX};
    if (n == 1 &&
        (str_starts(files[0].text, STR(MARK)) || str_find(files[0].text, STR("\n" MARK), 0) >= 0))
        w.files = take_apart(&w, files[0].text, &w.n_files);
    if (w.files && w.n_files) {
        struct reader r = {w.files[0].text, 0, 1};
        walk(&w, &r,
             (struct place){.server = &w.top,
                            .file = w.files[0].path,
                            .directory = directory_of(w.files[0].path)});
        if (w.top.inherits && w.servers)
            take_default(&w, w.files[0].path);
        web_gather(&w);
    }
    return config_arena_failed(arena) ? -1 : 0;
}
