/* detect_conf.c - see detect_conf.h. */
#include "agent/detect_conf.h"

#include "agent/terminal.h"
#include "config/exit_codes.h"
#include "parsers/base/json.h"
#include "parsers/base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARENA_BYTES (128u << 20)
#define NAME_MAX_BYTES 60u /* of a source, before its number */

struct loading {
    struct config_arena *arena;
    enum web_conf_kind kind;
    struct str root;   /* for relative includes */
    struct str vhosts; /* what DUMP_VHOSTS wrote; STR_NONE */
    struct web_file *files;
    size_t n, bytes;
    bool capped;
    bool denied; /* a file may only be read by others */
};

/* ---- files ------------------------------------------------------------------------------------
 */

static void complain(const char *path, const char *what)
{
    char name[4096];
    fprintf(stderr, "logferry detect: %s%s\n", terminal_safe(path, name, sizeof(name)), what);
}

static void complain_unread(const char *path, int error)
{
    char what[200];

    snprintf(what, sizeof(what), " cannot be read (%s); its logs are missing below%s",
             strerror(error), error == EACCES ? "; try it with sudo" : "");
    complain(path, what);
}

static struct str read_text(struct loading *l, const char *path)
{
    char chunk[65536];
    struct buf text;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        l->denied = l->denied || errno == EACCES;
        complain_unread(path, errno);
        return STR_NONE;
    }
    buf_init(&text, WEB_CONF_MAX_BYTES);
    while ((n = read(fd, chunk, sizeof(chunk))) > 0 && !text.failed)
        buf_put(&text, chunk, (size_t)n);
    close(fd);
    struct str copy = text.failed ? STR_NONE : config_arena_str(l->arena, buf_str(&text));
    l->capped = l->capped || text.failed;
    buf_release(&text);
    return copy;
}

static void add_file(struct loading *l, const char *path, struct str text)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->files[i].path, str_of(path)))
            return;
    if (l->n == WEB_CONF_MAX_FILES || l->bytes > WEB_CONF_MAX_BYTES) {
        l->capped = true;
        return;
    }
    if (!str_is_set(text))
        text = read_text(l, path);
    if (!str_is_set(text))
        return;
    l->bytes += text.n;
    l->files[l->n++] = (struct web_file){config_arena_str(l->arena, str_of(path)), text};
}

static void on_include(void *context, struct str pattern);

/* All files of a directory, whose name ends with '/'. */
static void include_all(struct loading *l, const char *directory)
{
    char text[4096];
    int n = snprintf(text, sizeof(text), "%s*", directory);

    if (n > 0 && (size_t)n < sizeof(text))
        on_include(l, (struct str){text, (size_t)n});
}

/* A directory that glob cannot read; one that is not there matches nothing. */
static int on_closed(const char *directory, int error)
{
    if (error == EACCES)
        complain_unread(directory, error);
    return 0;
}

/* Every file that the glob means; a directory of Apache's means all of its files. */
static void on_include(void *context, struct str pattern)
{
    struct loading *l = context;
    char text[4096];
    bool relative = pattern.n && pattern.p[0] != '/';
    glob_t found;

    if (pattern.n + l->root.n + 4 > sizeof(text) || str_find(pattern, STR("${"), 0) >= 0)
        return;
    int n = snprintf(text, sizeof(text), "%.*s%s%.*s", relative ? (int)l->root.n : 0, l->root.p,
                     relative ? "/" : "", STR_ARGS(pattern));
    if (n < 0 || glob(text, GLOB_MARK, on_closed, &found))
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        size_t length = strlen(found.gl_pathv[i]);
        if (length && found.gl_pathv[i][length - 1] != '/')
            add_file(l, found.gl_pathv[i], STR_NONE);
        else if (l->kind == WEB_CONF_APACHE && l->n < WEB_CONF_MAX_FILES && pattern.n > 1 &&
                 pattern.p[pattern.n - 1] != '*')
            include_all(l, found.gl_pathv[i]);
    }
    globfree(&found);
}

static struct str directory_of(struct str path)
{
    ptrdiff_t slash = str_rchr(path, '/');

    return slash < 0 ? STR(".") : str_slice(path, 0, slash ? (size_t)slash : 1);
}

static void find_root(struct loading *l, struct str text)
{
    struct str rest = text;

    while (rest.n) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (!str_starts_nocase(line, STR("ServerRoot ")))
            continue;
        line = str_trim(str_slice(line, 11, line.n));
        if (line.n > 2 && line.p[0] == '"')
            line = str_slice(line, 1, line.n - 1);
        l->root = line;
        return;
    }
}

static void on_vhost_file(void *context, struct str path)
{
    char text[4096];

    if (path.n >= sizeof(text))
        return;
    memcpy(text, path.p, path.n);
    text[path.n] = '\0';
    add_file(context, text, STR_NONE);
}

/* `apachectl -t -D DUMP_VHOSTS` names the files of virtual hosts: read with the main one. */
static void load_vhosts(struct loading *l, struct str text)
{
    static const char *const mains[] = {"apache2.conf", "conf/httpd.conf", "httpd.conf"};
    struct str root;
    char path[4096];

    l->kind = WEB_CONF_APACHE;
    l->vhosts = text;
    web_conf_vhost_files(text, &root, on_vhost_file, l);
    size_t named = l->n;
    if (!str_is_set(root))
        root = access("/etc/apache2", F_OK) ? STR("/etc/httpd") : STR("/etc/apache2");
    l->root = root;
    for (size_t i = 0; i < COUNT_OF(mains) && l->n == named; i++) {
        snprintf(path, sizeof(path), "%.*s/%s", STR_ARGS(root), mains[i]);
        if (access(path, F_OK) == 0 || errno == EACCES)
            add_file(l, path, STR_NONE);
    }
    if (l->n == named) {
        snprintf(path, sizeof(path), "%.*s", STR_ARGS(root));
        complain(path, ": Apache's main configuration file is not there (apache2.conf, "
                       "conf/httpd.conf or httpd.conf); its formats and logs are missing below");
        return;
    }
    struct web_file first = l->files[0]; /* reading begins with the main one */
    l->files[0] = l->files[named];
    l->files[named] = first;
}

static struct str load_defines(struct loading *l)
{
    char path[4096];

    snprintf(path, sizeof(path), "%.*s/envvars", STR_ARGS(l->root));
    return l->kind == WEB_CONF_APACHE && access(path, R_OK) == 0 ? read_text(l, path) : STR_NONE;
}

static void load(struct loading *l, const char *path, struct str text)
{
    l->kind = web_conf_kind(text);
    l->root = directory_of(str_of(path));
    if (l->kind == WEB_CONF_VHOSTS) {
        load_vhosts(l, text);
    } else {
        add_file(l, path, text);
        if (l->kind == WEB_CONF_APACHE)
            find_root(l, text);
    }
    if (str_find(text, STR("# configuration file "), 0) >= 0 && l->kind == WEB_CONF_NGINX)
        return; /* all of them are there */
    for (size_t i = 0; i < l->n; i++)
        web_conf_includes(l->kind, l->files[i].text, on_include, l);
}

/* ---- output -----------------------------------------------------------------------------------
 */

static void put_escaped(struct buf *out, struct str text)
{
    struct buf json;
    buf_init(&json, WEB_CONF_MAX_BYTES);
    json_put_string(&json, text);
    terminal_put_json(out, buf_str(&json));
    buf_release(&json);
}

static bool is_printable(struct str text)
{
    for (size_t i = 0; i < text.n;) {
        size_t n = utf8_printable(str_slice(text, i, text.n));
        if (!n)
            return false;
        i += n;
    }
    return true;
}

/* With escapes, which YAML reads as JSON does, where there are bytes that no terminal should be
 * sent. */
void detect_put_quoted(struct buf *out, struct str text)
{
    if (!is_printable(text)) {
        put_escaped(out, text);
        return;
    }
    buf_putc(out, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'')
            buf_putc(out, '\'');
        buf_putc(out, text.p[i]);
    }
    buf_putc(out, '\'');
}

/* A word that YAML takes for that text. */
static bool is_plain(struct str text)
{
    static const struct str others[] = {STR_INIT("y"),    STR_INIT("n"),     STR_INIT("yes"),
                                        STR_INIT("no"),   STR_INIT("on"),    STR_INIT("off"),
                                        STR_INIT("true"), STR_INIT("false"), STR_INIT("null")};

    for (size_t i = 0; i < text.n; i++)
        if (!ascii_alnum(text.p[i]) && (i == 0 || str_chr(STR("_.-"), text.p[i], 0) < 0))
            return false;
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (str_eq_nocase(text, others[i]))
            return false;
    return text.n > 0 && !ascii_digit(text.p[0]);
}

/* The keys of `json:{"time":"ts",…}` as a map. */
static void put_keys(struct buf *out, struct str argument)
{
    struct json_reader r;
    struct buf scratch;

    buf_init(&scratch, argument.n + 1);
    json_reader_init(&r, argument, &scratch);
    json_next(&r);
    buf_putc(out, '{');
    for (bool first = true; json_next(&r) == JSON_KEY; first = false) {
        buf_printf(out, "%s%.*s: ", first ? "" : ", ", STR_ARGS(r.text));
        json_next(&r);
        if (is_plain(r.text))
            buf_put_str(out, r.text);
        else
            detect_put_quoted(out, r.text);
    }
    buf_putc(out, '}');
    buf_release(&scratch);
}

void detect_put_format(struct buf *out, struct str spec)
{
    ptrdiff_t colon = str_chr(spec, ':', 0);

    if (colon < 0) {
        buf_put_str(out, spec);
        return;
    }
    struct str kind = str_slice(spec, 0, (size_t)colon);
    struct str argument = str_slice(spec, (size_t)colon + 1, spec.n);
    buf_putc(out, '{');
    buf_put_str(out, kind);
    buf_lit(out, ": ");
    if (str_ends(kind, STR("json")))
        put_keys(out, argument);
    else
        detect_put_quoted(out, argument);
    buf_putc(out, '}');
}

static void put_hosts(struct buf *out, const struct web_log *log)
{
    for (size_t i = 0; i < log->n_hosts; i++) {
        if (i)
            buf_lit(out, ", ");
        buf_put_str(out, log->hosts[i]);
    }
}

/* "access" of /var/log/nginx/access.log, and a number when it is taken. */
static void put_name(struct buf *out, const struct web_conf *conf, const struct web_log *log)
{
    struct str path = log->files;
    ptrdiff_t slash = str_rchr(path, '/');
    struct str name = str_slice(path, (size_t)(slash + 1), path.n);
    size_t from = out->n;

    if (str_ends(name, STR(".log")))
        name.n -= 4;
    for (size_t k = 0; k < name.n; k++)
        if (ascii_alnum(name.p[k]) || (out->n > from && (name.p[k] == '-' || name.p[k] == '_')))
            buf_putc(out, name.p[k]);
        else if (out->n > from && out->p[out->n - 1] != '-')
            buf_putc(out, '-');
    if (out->n == from)
        buf_lit(out, "log");
    if (out->n > from + NAME_MAX_BYTES)
        out->n = from + NAME_MAX_BYTES;
    if (conf->n > 1)
        buf_printf(out, "-%zu", (size_t)(log - conf->logs) + 1);
}

static void put_remarks(struct buf *out, const struct web_conf *conf, const struct web_log *log)
{
    if (log->main_server)
        buf_lit(out,
                "    # the main server's: requests to an address and port of no virtual host\n");
    if (log->part)
        buf_lit(out, "    # only some requests are written to it (if=, env= or expr=)\n");
    if (log->shares) {
        buf_lit(out, "    # ");
        put_name(out, conf, log->shares);
        buf_lit(out, " may have some of the same requests; reading both counts those twice\n");
    }
}

static void put_host(struct buf *out, const struct web_log *log)
{
    bool by_name = str_find(log->files, STR("{host}"), 0) >= 0;

    if (by_name || log->fields & HIT_BIT(HOST))
        return;
    if (log->n_hosts == 1) {
        buf_lit(out, "    default_host: ");
        buf_put_str(out, log->hosts[0]);
        buf_putc(out, '\n');
    } else if (log->n_hosts) {
        buf_lit(out, "    # several sites write here, and no line names its host: put $host (%v in "
                     "Apache) first in the\n    # format, or give each site a file of its own. "
                     "Hosts: ");
        put_hosts(out, log);
        buf_lit(out, "\n    default_host: ");
        buf_put_str(out, log->hosts[0]);
        buf_putc(out, '\n');
    } else {
        buf_lit(out, "    default_host: example.com  # no server name is known; write yours\n");
    }
}

static void put_source(struct buf *out, const struct web_conf *conf, const struct web_log *log)
{
    buf_lit(out, "  ");
    put_name(out, conf, log);
    buf_lit(out, ":\n    files: ");
    detect_put_quoted(out, log->files);
    buf_lit(out, "\n    format: ");
    detect_put_format(out, log->format);
    buf_putc(out, '\n');
    put_remarks(out, conf, log);
    put_host(out, log);
}

/* As a comment, behind one that says why. */
static void put_unread(struct buf *out, const struct web_conf *conf, const struct web_log *log)
{
    struct buf source;

    buf_lit(out, "  # ");
    put_name(out, conf, log->same_as);
    if (log->same_as->part && !log->part)
        buf_lit(out, " has some of the same requests, and their user agents; reading both counts "
                     "those twice\n");
    else
        buf_lit(out, " has the same requests; reading both counts them twice\n");
    buf_init(&source, out->max);
    put_source(&source, conf, log);
    for (struct str rest = buf_str(&source); rest.n;) {
        struct str line = str_cut(&rest, '\n');
        buf_lit(out, "  # ");
        buf_put_str(out, str_slice(line, 2, line.n));
        buf_putc(out, '\n');
    }
    out->failed = out->failed || source.failed;
    buf_release(&source);
}

/* ---- sites ------------------------------------------------------------------------------------
 */

struct mention { /* of a host by a log; the i-th of all */
    struct str host;
    size_t i;
    const struct web_log *log;
};

static int compare_order(const void *left, const void *right)
{
    const struct mention *a = left, *b = right;

    return a->i < b->i ? -1 : a->i > b->i;
}

static int compare_hosts(const void *left, const void *right)
{
    const struct mention *a = left, *b = right;
    int order = memcmp(a->host.p, b->host.p, a->host.n < b->host.n ? a->host.n : b->host.n);

    if (order == 0 && a->host.n != b->host.n)
        return a->host.n < b->host.n ? -1 : 1;
    return order ? order : compare_order(left, right);
}

/* The hosts of the logs that are read, each where it is first. */
static size_t collect_hosts(const struct web_conf *conf, struct mention *hosts)
{
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < conf->n; i++)
        for (size_t k = 0; web_log_is_read(&conf->logs[i]) && k < conf->logs[i].n_hosts; k++, n++)
            hosts[n] = (struct mention){conf->logs[i].hosts[k], n, &conf->logs[i]};
    qsort(hosts, n, sizeof(*hosts), compare_hosts);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !str_eq(hosts[kept - 1].host, hosts[i].host))
            hosts[kept++] = hosts[i];
    qsort(hosts, kept, sizeof(*hosts), compare_order);
    return kept;
}

static void put_sites(struct buf *out, const struct web_conf *conf)
{
    size_t n = 1;

    for (size_t i = 0; i < conf->n; i++)
        n += conf->logs[i].n_hosts;
    struct mention *hosts = calloc(n, sizeof(*hosts));
    if (!hosts) {
        out->failed = true;
        return;
    }
    n = collect_hosts(conf, hosts);
    if (n > 0)
        buf_lit(out,
                "# Where the server knows a site by another name than its hosts':\n# sites:\n");
    for (size_t i = 0, first = 0; i < n; i++) {
        bool last = i + 1 == n || hosts[i + 1].log != hosts[i].log;
        buf_put_str(out, i == first ? STR("#   - {hosts: [") : STR(", "));
        buf_put_str(out, hosts[i].host);
        if (last) {
            buf_printf(out, "], site: %.*s}\n", STR_ARGS(hosts[first].host));
            first = i + 1;
        }
    }
    free(hosts);
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static void put_origin(struct buf *out, const struct web_conf *conf, const char *path)
{
    buf_printf(out, "# from the configuration of %s, ",
               conf->kind == WEB_CONF_NGINX ? "nginx" : "Apache");
    terminal_put_safe(out, str_of(path), 4096);
    buf_putc(out, '\n');
}

static void put_problem(struct buf *out, const struct web_log *log)
{
    buf_lit(out, "# not read: ");
    terminal_put_safe(out, log->written, 400);
    buf_lit(out, " (");
    terminal_put_safe(out, log->file, 400);
    buf_printf(out, ":%u): ", log->line);
    terminal_put_safe(out, str_of(log->problem), 2000);
    buf_putc(out, '\n');
}

static size_t put_yaml(struct buf *out, const struct web_conf *conf)
{
    size_t n = 0;

    for (size_t i = 0; i < conf->n; i++) {
        n += web_log_is_read(&conf->logs[i]);
        if (conf->logs[i].problem)
            put_problem(out, &conf->logs[i]);
    }
    if (n)
        buf_lit(out, "sources:\n");
    for (size_t i = 0; i < conf->n; i++) {
        const struct web_log *log = &conf->logs[i];
        if (web_log_is_read(log))
            put_source(out, conf, log);
        else if (!log->problem)
            put_unread(out, conf, log);
    }
    put_sites(out, conf);
    return n;
}

static void put_json_log(struct buf *out, const struct web_log *log)
{
    buf_lit(out, "{\"path\":");
    json_put_string(out, log->written);
    buf_lit(out, ",\"files\":");
    json_put_string(out, log->files);
    buf_lit(out, ",\"format\":");
    json_put_string(out, log->format);
    buf_printf(out, ",\"host_in_line\":%s,\"part\":%s,\"main_server\":%s,\"same_as\":",
               log->fields & HIT_BIT(HOST) ? "true" : "false", log->part ? "true" : "false",
               log->main_server ? "true" : "false");
    json_put_string(out, log->same_as ? log->same_as->files : STR_NONE);
    buf_lit(out, ",\"hosts\":[");
    for (size_t k = 0; k < log->n_hosts; k++) {
        buf_put_str(out, k ? STR(",") : STR(""));
        json_put_string(out, log->hosts[k]);
    }
    buf_lit(out, "],\"problem\":");
    json_put_string(out, str_of(log->problem));
    buf_putc(out, '}');
}

static size_t put_json(struct buf *text, const char *path, const struct web_conf *conf)
{
    size_t n = 0;
    struct buf json, *out = &json; /* made safe for a terminal at the end */

    buf_init(&json, text->max);
    buf_lit(out, "{\"file\":");
    json_put_string(out, str_of(path));
    buf_printf(out, ",\"kind\":\"%s\",\"logs\":[",
               conf->kind == WEB_CONF_NGINX ? "nginx" : "apache");
    for (size_t i = 0; i < conf->n; i++) {
        n += web_log_is_read(&conf->logs[i]);
        buf_put_str(out, i ? STR(",") : STR(""));
        put_json_log(out, &conf->logs[i]);
    }
    buf_lit(out, "]}\n");
    terminal_put_json(text, buf_str(&json));
    buf_release(&json);
    return n;
}

int detect_conf(const char *path, struct str text, bool json, struct buf *out)
{
    struct loading l = {.arena = config_arena_new(ARENA_BYTES)};
    struct web_conf conf = {.kind = WEB_CONF_NONE};
    int rc = -1;

    if (l.arena)
        l.files = config_arena_array(l.arena, WEB_CONF_MAX_FILES, sizeof(*l.files));
    if (l.files) {
        load(&l, path, text);
        struct web_apache known = {l.root, load_defines(&l), l.vhosts};
        rc = l.kind == WEB_CONF_NGINX ? web_conf_nginx(l.files, l.n, l.arena, &conf)
                                      : web_conf_apache(l.files, l.n, &known, l.arena, &conf);
    }
    if (rc) {
        config_arena_free(l.arena);
        complain(path, ": out of memory");
        return EXIT_INTERNAL;
    }
    if (l.capped || conf.capped)
        complain(path, ": too large; what follows is a part");
    if (!json)
        put_origin(out, &conf, path);
    size_t n = json ? put_json(out, path, &conf) : put_yaml(out, &conf);
    if (!n)
        complain(path,
                 ": it names no access log that can be read; give the output of `nginx -T`, or "
                 "Apache's main configuration file");
    config_arena_free(l.arena);
    return n ? EXIT_OK : l.denied ? EXIT_PERMISSION : EXIT_BAD_DATA;
}
