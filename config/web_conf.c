/* web_conf.c - what nginx's and Apache's configurations have in common; see web_conf.h. */
#include "config/web_conf_impl.h"

#include "config/values.h"
#include "parsers/format.h"

/* ---- what a text is ---------------------------------------------------------------------------
 */

/* "http {" behind another directive of the same line. */
static bool opens_block(struct str line)
{
    static const struct str words[] = {STR("http"), STR("server")};
    struct str rest = line;

    while (rest.n) {
        size_t end = 0;
        while (end < rest.n && rest.p[end] != ';' && rest.p[end] != '{' && rest.p[end] != '}')
            end++;
        struct str directive = str_trim(str_slice(rest, 0, end));
        for (size_t i = 0; i < COUNT_OF(words); i++)
            if (end < rest.n && rest.p[end] == '{' && str_eq(directive, words[i]))
                return true;
        rest = str_slice(rest, end + (end < rest.n), rest.n);
    }
    return false;
}

/* Does a line begin with this word, blanks before it aside, and go on with a blank or '{'? */
static bool line_begins(struct str line, struct str word)
{
    while (line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
        line = str_slice(line, 1, line.n);
    return str_starts_nocase(line, word) && line.n > word.n &&
           (line.p[word.n] == ' ' || line.p[word.n] == '\t' || line.p[word.n] == '{');
}

static bool begins_any(struct str line, const struct str *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (line_begins(line, words[i]))
            return true;
    return false;
}

static bool is_of_nginx(struct str line)
{
    static const struct str words[] = {STR("http"), STR("server"), STR("log_format"),
                                       STR("access_log")};

    if (!line.n || line.p[0] == '#')
        return false;
    return (begins_any(line, words, COUNT_OF(words)) &&
            (line.p[line.n - 1] == '{' || line.p[line.n - 1] == ';' || line.n < 200)) ||
           opens_block(line);
}

enum web_conf_kind web_conf_kind(struct str text)
{
    static const struct str apache[] = {STR("<VirtualHost"), STR("CustomLog"), STR("LogFormat"),
                                        STR("TransferLog"), STR("ServerRoot")};
    struct str rest = text;

    if (str_find(text, STR("VirtualHost configuration:"), 0) >= 0)
        return WEB_CONF_VHOSTS;
    for (unsigned lines = 0; rest.n && lines < 20000; lines++) {
        struct str line = str_cut(&rest, '\n');
        if (str_starts(line, STR("ServerRoot: \""))) /* DUMP_VHOSTS without a virtual host */
            return WEB_CONF_VHOSTS;
        if (str_starts(line, STR("# configuration file ")))
            return WEB_CONF_NGINX;
        line = str_trim(line);
        if (begins_any(line, apache, COUNT_OF(apache)))
            return WEB_CONF_APACHE;
        if (is_of_nginx(line))
            return WEB_CONF_NGINX;
    }
    return WEB_CONF_NONE;
}

/* "(/etc/apache2/sites-enabled/000-default.conf:1)" at the end of a line. */
static bool vhost_file(struct str line, struct str *path)
{
    ptrdiff_t open = str_rchr(line, '('), colon = str_rchr(line, ':');

    if (open < 0 || colon < open || !line.n || line.p[line.n - 1] != ')')
        return false;
    *path = str_slice(line, (size_t)open + 1, (size_t)colon);
    return path->n > 0 && path->p[0] == '/';
}

void web_conf_vhost_files(struct str text, struct str *root, web_include_fn *fn, void *context)
{
    struct str rest = text, path;

    *root = STR_NONE;
    while (rest.n) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (str_starts(line, STR("ServerRoot: \"")) && line.p[line.n - 1] == '"' && line.n > 14)
            *root = str_slice(line, 13, line.n - 1);
        else if (vhost_file(line, &path))
            fn(context, path);
    }
}

/* The file's name behind `word`, unquoted; STR_NONE: the line is another directive. */
static struct str included(struct str line, struct str word, char end)
{
    if (!line_begins(line, word))
        return STR_NONE;
    struct str name = str_slice(line, word.n, line.n);
    name = str_trim(str_cut(&name, end));
    if (name.n > 1 && (name.p[0] == '"' || name.p[0] == '\'') && name.p[name.n - 1] == name.p[0])
        name = str_slice(name, 1, name.n - 1);
    return name.n ? name : STR_NONE;
}

void web_conf_includes(enum web_conf_kind kind, struct str text, web_include_fn *fn, void *context)
{
    static const struct str words[] = {STR("include"), STR("IncludeOptional")};
    struct str rest = text;

    while (rest.n) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        for (size_t i = 0; i < (kind == WEB_CONF_NGINX ? 1 : 2); i++) {
            struct str name = included(line, words[i], kind == WEB_CONF_NGINX ? ';' : '\n');
            if (str_is_set(name))
                fn(context, name);
        }
    }
}

/* ---- hosts and logs ---------------------------------------------------------------------------
 */

static void put_host(struct web_walk *w, struct web_hosts *hosts, struct str name)
{
    for (size_t i = 0; i < hosts->n; i++)
        if (str_eq(hosts->v[i], name))
            return;
    if (hosts->n >= WEB_CONF_MAX_HOSTS) {
        w->out->capped = true;
        return;
    }
    if (hosts->n == hosts->cap) {
        size_t cap = hosts->cap ? hosts->cap * 2 : 8;
        struct str *v = config_arena_array(w->arena, cap, sizeof(*v));
        if (!v)
            return;
        if (hosts->n)
            memcpy(v, hosts->v, hosts->n * sizeof(*v));
        hosts->v = v;
        hosts->cap = cap;
    }
    hosts->v[hosts->n++] = name;
}

void web_add_host(struct web_walk *w, struct web_hosts *hosts, struct str name)
{
    char lower[256];
    const char *why;
    ptrdiff_t colon;

    if (str_starts(name, STR(".")))
        name = str_slice(name, 1, name.n);
    if (str_starts_nocase(name, STR("https://")))
        name = str_slice(name, 8, name.n);
    else if (str_starts_nocase(name, STR("http://")))
        name = str_slice(name, 7, name.n);
    colon = str_chr(name, ':', 0);
    if (colon >= 0)
        name = str_slice(name, 0, (size_t)colon);
    if (!name.n || name.n > 253 || str_chr(name, '*', 0) >= 0 || str_chr(name, '~', 0) >= 0 ||
        str_chr(name, '_', 0) >= 0)
        return;
    for (size_t i = 0; i < name.n; i++)
        lower[i] = ascii_lower(name.p[i]);
    if (!value_host(name, &why))
        return;
    name = config_arena_str(w->arena, (struct str){lower, name.n});
    if (str_is_set(name))
        put_host(w, hosts, name);
}

void web_add_log(struct web_walk *w, struct web_server *server, const struct web_log_use *log)
{
    if (server->n_logs == WEB_CONF_MAX_LOGS_EACH) {
        w->out->capped = true;
        return;
    }
    struct web_log_use *use = config_arena_alloc(w->arena, sizeof(*use));
    if (!use)
        return;
    *use = *log;
    use->server = server;
    use->next = NULL;
    server->n_logs++;
    if (server->logs)
        server->last->next = use;
    else
        server->logs = use;
    server->last = use;
}

void web_add_format(struct web_walk *w, struct str name, struct str spec)
{
    struct web_format *f = config_arena_alloc(w->arena, sizeof(*f));

    if (!f)
        return;
    *f = (struct web_format){config_arena_str(w->arena, name), spec, w->formats};
    w->formats = f;
}

const struct web_format *web_find_format(const struct web_walk *w, struct str name)
{
    for (const struct web_format *f = w->formats; f; f = f->next)
        if (str_eq(f->name, name))
            return f;
    return NULL;
}

bool web_has_format(const char *name)
{
    const char *have, *about;

    for (size_t i = 0; (have = format_list(i, &about)); i++)
        if (strcmp(have, name) == 0)
            return true;
    return false;
}

/* In one line, as a format of the user's own is written. */
static void put_line(struct buf *out, struct str text)
{
    static const char bytes[] = "\t\n\r", marks[] = "tnr";

    for (size_t i = 0; i < text.n; i++) {
        const char *byte = text.p[i] != '\0' ? strchr(bytes, text.p[i]) : NULL;

        if (byte)
            buf_putc(out, '\\');
        buf_putc(out, byte ? marks[byte - bytes] : text.p[i]);
    }
}

struct str web_spec(struct web_walk *w, const char *name, const char *constructor, struct str text)
{
    struct buf out;

    if (name && web_has_format(name))
        return str_of(name);
    buf_init(&out, WEB_CONF_MAX_BYTES);
    buf_put_str(&out, str_of(constructor));
    buf_putc(&out, ':');
    put_line(&out, text);
    struct str spec = out.failed ? STR_NONE : config_arena_str(w->arena, buf_str(&out));
    buf_release(&out);
    return spec;
}

/* ---- all servers together ---------------------------------------------------------------------
 */

static bool same_text(struct str a, struct str b)
{
    return str_is_set(a) == str_is_set(b) && str_eq(a, b);
}

static bool same_files(const struct web_log *a, const struct web_log *b)
{
    return same_text(a->files, b->files) &&
           (str_is_set(a->files) || str_eq(a->written, b->written));
}

/* The entry of this path, made when it is not there. */
static struct web_candidate *entry_of(struct web_walk *w, const struct web_log_use *use)
{
    struct web_conf *out = w->out;

    for (size_t i = 0; i < out->n; i++)
        if (same_files(&out->logs[i], &use->log)) {
            if (!same_text(out->logs[i].format, use->log.format) && !out->logs[i].problem)
                out->logs[i].problem = "two formats are written to this file; give each its own";
            return &w->candidates[i];
        }
    if (out->n == WEB_CONF_MAX_LOGS) {
        out->capped = true;
        return NULL;
    }
    out->logs[out->n] = use->log;
    out->logs[out->n].part = true;
    out->logs[out->n].main_server = true;
    w->candidates[out->n].log = &out->logs[out->n];
    return &w->candidates[out->n++];
}

/* What put_host made for so many. */
static size_t room_for(size_t n)
{
    size_t cap = n ? 8 : 0;

    while (cap < n)
        cap *= 2;
    return cap;
}

static void gather_use(struct web_walk *w, const struct web_server *server, struct web_log_use *use)
{
    if (!use->of && (use->of = entry_of(w, use))) {
        use->next_of_log = use->of->uses;
        use->of->uses = use;
    }
    if (!use->of)
        return;
    struct web_log *log = use->of->log;
    struct web_hosts hosts = {log->hosts, log->n_hosts, room_for(log->n_hosts)};
    for (size_t i = 0; i < server->hosts.n; i++)
        put_host(w, &hosts, server->hosts.v[i]);
    log->hosts = hosts.v;
    log->n_hosts = hosts.n;
    log->part = log->part && str_is_set(use->condition);
    log->main_server =
        log->main_server && server == &w->top && w->out->kind == WEB_CONF_APACHE && w->servers;
}

static void gather_server(struct web_walk *w, const struct web_server *server)
{
    const struct web_server *owner = server->inherits ? &w->top : server;

    for (struct web_log_use *u = owner->off ? NULL : owner->logs; u; u = u->next)
        gather_use(w, server, u);
}

/* As they were written: the lists hold the last first. */
static void reverse(struct web_walk *w)
{
    struct web_server *servers = NULL, *next;

    for (struct web_server *s = w->servers; s; s = next) {
        next = s->next;
        s->next = servers;
        servers = s;
    }
    w->servers = servers;
}

void web_gather(struct web_walk *w)
{
    w->out->logs = config_arena_array(w->arena, WEB_CONF_MAX_LOGS, sizeof(*w->out->logs));
    w->candidates = config_arena_array(w->arena, WEB_CONF_MAX_LOGS, sizeof(*w->candidates));
    if (!w->out->logs || !w->candidates)
        return;
    reverse(w);
    for (const struct web_server *s = w->servers; s; s = s->next)
        gather_server(w, s);
    /* Apache's main server answers where no virtual host has the address and the port. */
    if (!w->servers || w->out->kind == WEB_CONF_APACHE)
        gather_server(w, &w->top);
    web_choose(w);
}
