/*
 * apache_conf.c - LogFormat, CustomLog, TransferLog, ServerName and ServerAlias of an Apache
 * configuration, with its rules of inheritance; see web_conf.h.
 *
 * <IfModule>, <IfDefine> and the like are taken as they stand, but for those that begin with '!':
 * what a package ships is meant for what it ships with.
 */
#include "config/web_conf_impl.h"

#include <fnmatch.h>

#define DEBIAN_LOGS "/var/log/apache2"
#define COMMON "%h %l %u %t \"%r\" %>s "
#define AGENT " \"%{Referer}i\" \"%{User-Agent}i\""

struct apache {
    struct web_walk *w;
    struct web_format *variables; /* Define and envvars: name and value, the last first */
    struct str root;              /* ServerRoot; STR_NONE: not known */
};

struct place {
    struct web_server *server;
    struct str file;
    unsigned depth;
    unsigned off; /* so many sections deep in one that does not hold */
};

/* ---- words ------------------------------------------------------------------------------------
 */

/* One line with those that a backslash joins to it; counts lines. */
static struct str take_line(struct str *rest, unsigned *line, struct buf *joined)
{
    struct str text = str_cut(rest, '\n');

    ++*line;
    if (!text.n || text.p[text.n - 1] != '\\')
        return text;
    buf_reset(joined);
    while (text.n && text.p[text.n - 1] == '\\') {
        buf_put(joined, text.p, text.n - 1);
        text = str_cut(rest, '\n');
        ++*line;
    }
    buf_put_str(joined, text);
    return buf_str(joined);
}

static const struct web_format *find_variable(const struct apache *a, struct str name)
{
    for (const struct web_format *v = a->variables; v; v = v->next)
        if (str_eq(v->name, name))
            return v;
    return NULL;
}

static void add_variable(struct apache *a, struct str name, struct str value)
{
    struct web_format *v = config_arena_alloc(a->w->arena, sizeof(*v));

    if (!v)
        return;
    v->name = config_arena_str(a->w->arena, name);
    v->spec = config_arena_str(a->w->arena, value);
    v->next = a->variables;
    a->variables = v;
}

/* "${NAME}" at the beginning of s. 0: none, or not known. */
static size_t put_variable(struct apache *a, struct str s, struct buf *out)
{
    ptrdiff_t end = str_chr(s, '}', 2);

    if (end < 0)
        return 0;
    struct str name = str_slice(s, 2, (size_t)end);
    const struct web_format *v = find_variable(a, name);
    if (v)
        buf_put_str(out, v->spec);
    else if (str_eq(name, STR("APACHE_LOG_DIR")))
        buf_lit(out, DEBIAN_LOGS);
    else if (!str_is_set(a->w->out->unknown))
        a->w->out->unknown = config_arena_str(a->w->arena, name);
    return v || str_eq(name, STR("APACHE_LOG_DIR")) ? (size_t)end + 1 : 0;
}

/* The text up to the quote, or without one to a blank, variables in it replaced. Where it ended. */
static size_t read_word(struct apache *a, struct str s, char quote, struct buf *out)
{
    size_t i = quote != '\0';

    while (i < s.n) {
        char c = s.p[i];
        char next = i + 1 < s.n ? s.p[i + 1] : '\0';
        if (quote ? c == quote : c == ' ' || c == '\t')
            break;
        size_t variable = c == '$' && next == '{' ? put_variable(a, str_slice(s, i, s.n), out) : 0;
        i += variable;
        if (variable)
            continue;
        i += quote && c == '\\' && (next == quote || next == '\\');
        buf_putc(out, s.p[i++]);
    }
    return i;
}

/* The next word, unquoted. False: there is none. */
static bool take_word(struct apache *a, struct str *rest, struct str *word)
{
    struct buf out;

    *rest = str_trim(*rest);
    if (!rest->n)
        return false;
    char quote = rest->p[0] == '"' || rest->p[0] == '\'' ? rest->p[0] : '\0';
    buf_init(&out, WEB_CONF_MAX_BYTES);
    size_t end = read_word(a, *rest, quote, &out);
    *rest = end < rest->n ? str_slice(*rest, end + 1, rest->n) : STR("");
    *word = config_arena_str(a->w->arena, buf_str(&out));
    buf_release(&out);
    return str_is_set(*word);
}

static void split(struct apache *a, struct str line, struct web_words *words)
{
    words->n = 0;
    while (words->n < WEB_CONF_MAX_WORDS && take_word(a, &line, &words->v[words->n]))
        words->n++;
}

static bool is(const struct web_words *words, const char *name)
{
    return words->n > 0 && str_eq_nocase(words->v[0], str_of(name));
}

/* ---- formats ----------------------------------------------------------------------------------
 */

static const struct {
    const char *text, *name;
} formats[] = {
    {COMMON "%b", "apache_common"},
    {COMMON "%O", "apache_common"},
    {COMMON "%b" AGENT, "apache_combined"},
    {COMMON "%O" AGENT, "apache_combined"},
    {"%v:%p " COMMON "%b" AGENT, "apache_vhost_combined"},
    {"%v:%p " COMMON "%O" AGENT, "apache_vhost_combined"},
};

static struct str spec_of(struct web_walk *w, struct str text)
{
    const char *name = NULL;

    for (size_t i = 0; i < COUNT_OF(formats); i++)
        if (str_eq_nocase(text, str_of(formats[i].text)))
            name = formats[i].name;
    return web_spec(w, name, "apache", text);
}

/* LogFormat "TEXT" [NICKNAME]; without one it is TransferLog's. */
static void take_format(struct apache *a, const struct web_words *words)
{
    struct str text;

    if (words->n < 2)
        return;
    const struct web_format *same = words->n == 2 ? web_find_format(a->w, words->v[1]) : NULL;
    text = words->v[1];
    if (same)
        web_add_format(a->w, STR(""), same->spec);
    else
        web_add_format(a->w, words->n > 2 ? words->v[2] : STR(""), spec_of(a->w, text));
}

/* ---- logs -------------------------------------------------------------------------------------
 */

/* What a program behind '|' writes to: rotatelogs' and cronolog's argument. STR_NONE: another. */
static struct str piped_path(struct apache *a, struct str command)
{
    struct web_words words;

    while (command.n && (command.p[0] == '|' || command.p[0] == '$' || command.p[0] == ' '))
        command = str_slice(command, 1, command.n);
    split(a, command, &words);
    if (!words.n ||
        !(str_ends(words.v[0], STR("rotatelogs")) || str_ends(words.v[0], STR("rotatelogs2")) ||
          str_ends(words.v[0], STR("cronolog"))))
        return STR_NONE;
    for (size_t i = 1; i < words.n; i++) {
        struct str word = words.v[i];
        bool takes_value = word.n == 2 && word.p[0] == '-' && strchr("LpnSPO", word.p[1]) != NULL;
        if (takes_value)
            i++;
        else if (word.p && word.n && word.p[0] != '-')
            return word;
    }
    return STR_NONE;
}

/* strftime's parts as '*'. rotatelogs without any puts the time behind the name. */
static struct str as_glob(struct web_walk *w, struct str path, bool piped)
{
    struct buf out;
    bool any = false;

    buf_init(&out, 4096);
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '%' && piped && i + 1 < path.n) {
            if (!out.n || out.p[out.n - 1] != '*')
                buf_putc(&out, '*');
            any = true;
            i++;
        } else {
            buf_putc(&out, path.p[i]);
        }
    }
    if (piped && !any)
        buf_lit(&out, ".*");
    struct str glob = out.failed ? STR_NONE : config_arena_str(w->arena, buf_str(&out));
    buf_release(&out);
    return glob;
}

static struct str whole_path(struct apache *a, struct str path)
{
    struct buf out;

    if (!path.n || path.p[0] == '/' || !str_is_set(a->root))
        return path;
    buf_init(&out, 4096);
    buf_put_str(&out, a->root);
    buf_putc(&out, '/');
    buf_put_str(&out, path);
    struct str whole = out.failed ? path : config_arena_str(a->w->arena, buf_str(&out));
    buf_release(&out);
    return whole;
}

static void set_path(struct apache *a, struct web_log *log)
{
    bool piped = log->written.p[0] == '|';
    struct str path = piped ? piped_path(a, log->written) : log->written;

    if (str_starts(path, STR("syslog:"))) {
        log->problem = "it goes to syslog, not to a file; add a CustomLog that names a file";
        return;
    }
    if (!str_is_set(path)) {
        log->problem = "it goes to a program; name the files that it writes yourself";
        return;
    }
    path = whole_path(a, path);
    if (path.p[0] != '/')
        log->problem = "the path is relative to ServerRoot, which is not in what was given; write "
                       "it whole";
    else if (str_starts(path, STR("/dev/")))
        log->problem = "it is no file; add a CustomLog that names one";
    else if (str_find(path, STR("${"), 0) >= 0 || str_chr(path, '{', 0) >= 0)
        log->problem = "the path holds a variable that is not known; write it whole";
    else
        log->files = as_glob(a->w, path, piped);
}

static void set_log_format(struct apache *a, struct web_log *log, bool transfer)
{
    const struct web_format *f = web_find_format(a->w, log->nickname);

    if (f) {
        log->format = f->spec;
    } else if (transfer) {
        log->format = spec_of(a->w, STR(COMMON "%b"));
    } else if (str_chr(log->nickname, '%', 0) >= 0) {
        log->format = spec_of(a->w, log->nickname);
    } else {
        log->problem = "its LogFormat is not in what was given; give httpd.conf or apache2.conf";
    }
}

/* CustomLog and GlobalLog PATH|PIPE NICKNAME|FORMAT [env=…|expr=…]; TransferLog PATH|PIPE */
static void take_log(struct apache *a, const struct web_words *words, struct place place)
{
    bool transfer = is(words, "TransferLog");
    struct web_log_use use = {.log = {.file = place.file, .line = words->line},
                              .global = is(words, "GlobalLog")};

    if (words->n < 2 || !words->v[1].n)
        return;
    place.server->inherits = false;
    use.log.written = words->v[1];
    use.log.nickname = words->n > 2 && !transfer ? words->v[2] : STR("");
    if (words->n > 3)
        use.condition = words->v[3];
    set_log_format(a, &use.log, transfer);
    set_path(a, &use.log);
    web_add_log(a->w, place.server, &use);
}

/* ---- sections and files -----------------------------------------------------------------------
 */

static void walk(struct apache *a, struct str text, struct place *place);

static bool fits(const struct apache *a, struct str glob, struct str path)
{
    char pattern[4096], name[4096];
    size_t n = 0;

    if (glob.n + a->root.n + 4 > sizeof(pattern) || path.n >= sizeof(name) || !glob.n)
        return false;
    if (glob.p[0] != '/' && str_is_set(a->root)) {
        memcpy(pattern, a->root.p, a->root.n);
        n = a->root.n;
        pattern[n++] = '/';
    }
    memcpy(pattern + n, glob.p, glob.n);
    n += glob.n;
    pattern[n] = '\0';
    memcpy(name, path.p, path.n);
    name[path.n] = '\0';
    if (fnmatch(pattern, name, FNM_PATHNAME) == 0)
        return true;
    memcpy(pattern + n, "/*", 3); /* a directory is all of its files */
    return fnmatch(pattern, name, FNM_PATHNAME) == 0;
}

static void take_include(struct apache *a, const struct web_words *words, const struct place *place)
{
    struct web_walk *w = a->w;

    for (size_t i = 0; words->n > 1 && i < w->n_files; i++) {
        if (!fits(a, words->v[1], w->files[i].path))
            continue;
        if (++w->opened > WEB_CONF_MAX_FILES || place->depth >= WEB_CONF_MAX_DEPTH) {
            w->out->capped = true;
            return;
        }
        struct place inside = *place;
        inside.file = w->files[i].path;
        inside.depth++;
        walk(a, w->files[i].text, &inside);
    }
}

static void open_section(struct apache *a, struct str head, unsigned line, struct place *place)
{
    bool negated = str_starts_nocase(head, STR("<If")) && str_chr(head, '!', 0) >= 0;

    if (place->off || negated) {
        place->off++;
        return;
    }
    if (!str_starts_nocase(head, STR("<VirtualHost")) || place->server != &a->w->top)
        return;
    struct web_server *server = config_arena_alloc(a->w->arena, sizeof(*server));
    if (!server)
        return;
    server->inherits = true;
    server->any_address = str_chr(head, '*', 0) >= 0 || str_find(head, STR("_default_"), 0) >= 0;
    server->file = place->file;
    server->line = line;
    server->next = a->w->servers;
    a->w->servers = server;
    place->server = server;
}

static void close_section(struct apache *a, struct str head, struct place *place)
{
    if (place->off && str_starts_nocase(head, STR("</If")))
        place->off--;
    else if (str_starts_nocase(head, STR("</VirtualHost")))
        place->server = &a->w->top;
}

static void take_directive(struct apache *a, const struct web_words *words, struct place *place)
{
    if (is(words, "LogFormat"))
        take_format(a, words);
    else if (is(words, "CustomLog") || is(words, "TransferLog") || is(words, "GlobalLog"))
        take_log(a, words, *place);
    else if (is(words, "ServerRoot") && words->n > 1)
        a->root = words->v[1];
    else if (is(words, "Define") && words->n > 1)
        add_variable(a, words->v[1], words->n > 2 ? words->v[2] : STR(""));
    else if (is(words, "Include") || is(words, "IncludeOptional"))
        take_include(a, words, place);
    for (size_t i = 1; (is(words, "ServerName") || is(words, "ServerAlias")) && i < words->n; i++)
        web_add_host(a->w, &place->server->hosts, words->v[i]);
}

static void walk(struct apache *a, struct str text, struct place *place)
{
    struct web_words words;
    struct buf joined;
    struct str rest = text;
    unsigned line = 0;

    buf_init(&joined, WEB_CONF_MAX_BYTES);
    while (rest.n && !config_arena_failed(a->w->arena)) {
        struct str head = str_trim(take_line(&rest, &line, &joined));
        if (!head.n || head.p[0] == '#')
            continue;
        if (head.n > 1 && head.p[0] == '<') {
            if (head.p[1] == '/')
                close_section(a, head, place);
            else if (!place->off || str_starts_nocase(head, STR("<If")))
                open_section(a, head, line, place);
            continue;
        }
        if (place->off)
            continue;
        split(a, head, &words);
        words.line = line;
        take_directive(a, &words, place);
    }
    buf_release(&joined);
}

/* "export NAME=value", as envvars has it; "$SUFFIX" and what it quotes are left out. */
static void take_defines(struct apache *a, struct str text)
{
    struct str rest = text;

    while (rest.n) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (!str_starts(line, STR("export ")) || str_chr(line, '=', 0) < 0)
            continue;
        line = str_slice(line, 7, line.n);
        struct str name = str_trim(str_cut(&line, '='));
        ptrdiff_t dollar = str_chr(line, '$', 0);
        if (dollar > 0)
            line = str_slice(line, 0, (size_t)dollar);
        if (dollar != 0)
            add_variable(a, name, str_trim(line));
    }
}

/* The name before "(FILE:LINE)" in what DUMP_VHOSTS wrote; STR_NONE. */
static struct str dumped_name(struct str vhosts, const struct web_server *server)
{
    struct buf place;

    buf_init(&place, WEB_CONF_MAX_BYTES);
    buf_printf(&place, " (%.*s:%u)", STR_ARGS(server->file), server->line);
    ptrdiff_t at = place.failed ? -1 : str_find(vhosts, buf_str(&place), 0);
    buf_release(&place);
    if (at < 0)
        return STR_NONE;
    struct str before = str_slice(vhosts, 0, (size_t)at);
    size_t from = before.n;
    while (from > 0 && before.p[from - 1] != ' ' && before.p[from - 1] != '\n')
        from--;
    return str_slice(before, from, before.n);
}

/* A virtual host without a ServerName has the main server's, where it is bound to no address; else
 * what the resolver calls its address. */
static void name_servers(struct web_walk *w, struct str vhosts)
{
    for (struct web_server *s = w->servers; s; s = s->next) {
        if (s->hosts.n > 0)
            continue;
        struct str name = vhosts.n > 0 ? dumped_name(vhosts, s) : STR_NONE;
        if (str_is_set(name))
            web_add_host(w, &s->hosts, name);
        if (s->hosts.n == 0 && s->any_address && w->top.hosts.n > 0)
            web_add_host(w, &s->hosts, w->top.hosts.v[0]);
    }
}

/* GlobalLog is every virtual host's, beside its own. */
static void spread_global(struct web_walk *w)
{
    for (struct web_server *s = w->servers; s; s = s->next)
        for (const struct web_log_use *u = w->top.logs; u && !s->inherits; u = u->next)
            if (u->global)
                web_add_log(w, s, u);
}

int web_conf_apache(const struct web_file *files, size_t n, const struct web_apache *known,
                    struct config_arena *arena, struct web_conf *out)
{
    struct web_walk w = {
        .files = files, .n_files = n, .arena = arena, .out = out, .top = {.inherits = true}};
    struct apache a = {.w = &w, .root = known->root};

    *out = (struct web_conf){.kind = WEB_CONF_APACHE};
    take_defines(&a, known->defines);
    if (n) {
        struct place place = {.server = &w.top, .file = files[0].path};
        walk(&a, files[0].text, &place);
        name_servers(&w, known->vhosts);
        spread_global(&w);
        web_gather(&w);
    }
    return config_arena_failed(arena) ? -1 : 0;
}
