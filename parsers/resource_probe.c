/*
 * resource_probe.c - resource_is_probe of resource.h: the paths that only scanners ask for.
 * Runs for every hit of a person, so it looks at little more than the first and the last segment.
 */
#include <stdlib.h>

#include "parsers/resource.h"

#define NAME_MAX_BYTES 31
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Hidden files and folders that hold secrets; a segment begins with one of these. Not every dot:
 * there are pages about ".net", and /.well-known/, /.netlify/ and /.auth/ are in use. */
static const char *const hidden[] = {
    ".aws",       ".azure",    ".bash",        ".boto",          ".bzr",   ".circleci", ".config",
    ".docker",    ".ds_store", ".env",         ".ftp",           ".git",   ".hg/",      ".htaccess",
    ".htpasswd",  ".idea",     ".kube",        ".mysql_history", ".netrc", ".npmrc",    ".pgpass",
    ".profile",   ".pypirc",   ".remote-sync", ".s3cfg",         ".sftp",  ".ssh",      ".svn",
    ".terraform", ".travis",   ".vscode",      ".yarnrc",        ".zsh",
};

/* First segments, sorted. */
static const char *const folders[] = {
    "_ignition",   "_profiler", "boaform",       "dana-na",      "gponform",    "hnap1",
    "jmx-console", "myadmin",   "mysqladmin",    "php-my-admin", "phpmyadmin",  "phpmyadmin2",
    "phppgadmin",  "pma",       "server-status", "sqladmin",     "web-console",
};

/* Last segments, sorted. */
static const char *const files[] = {
    "adminer.php",      "alfa.php",           "autodiscover.xml", "c99.php",        "cmd.php",
    "dbadmin.php",      "docker-compose.yml", "eval-stdin.php",   "id_dsa",         "id_ed25519",
    "id_rsa",           "login.cgi",          "phpinfo.php",      "phpmyadmin.php", "r57.php",
    "setup-config.php", "setup.cgi",          "sftp-config.json", "shell.php",      "web.config",
    "wlwmanifest.xml",  "wp-config.php",      "wp-login.php",     "wso.php",        "xmlrpc.php",
};

/* Ends of last segments: backups, dumps, what editors leave. */
static const char *const endings[] = {
    ".bak", ".old", ".orig", ".save", ".swp", ".sql", ".sql.gz", ".sql.zip", ".dump", ".pem",
};

/* Beginnings of paths; the letter behind the first '/' is compared first. */
static const char *const starts[] = {
    "/manager/html",     "/v2/_catalog",        "/remote/fgt_lang",   "/solr/admin",
    "/vendor/phpunit",   "/actuator/env",       "/actuator/health",   "/actuator/heapdump",
    "/actuator/gateway", "/telescope/requests", "/api/jsonws/invoke", "/wp-content/debug.log",
};

/* Folders where no PHP is meant to be called from outside. */
static const char *const libraries[] = {"/phpunit/", "/wp-includes/", "/wp-content/uploads/",
                                        "/wp-content/plugins/", "/.well-known/"};

static int compare(const void *key, const void *element)
{
    return strcmp(key, *(const char *const *)element);
}

static bool is_listed(struct str name, const char *const *list, size_t n)
{
    char folded[NAME_MAX_BYTES + 1];

    if (name.n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++)
        folded[i] = ascii_lower(name.p[i]);
    folded[name.n] = '\0';
    return bsearch(folded, list, n, sizeof(*list), compare) != NULL;
}

static bool ends_nocase(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq_nocase(str_slice(s, s.n - suffix.n, s.n), suffix);
}

/* "/.env", "/app/.git/config", and "/../": both are a '.' behind a '/'. */
static bool is_hidden(struct str path)
{
    for (ptrdiff_t at = str_find(path, STR("/."), 0); at >= 0;
         at = str_find(path, STR("/."), (size_t)at + 1)) {
        struct str rest = str_slice(path, (size_t)at + 1, path.n);
        if (str_starts(rest, STR("..")) &&
            (rest.n == 2 || rest.p[2] == '/' || rest.p[2] == '\\' || rest.p[2] == ';'))
            return true;
        for (size_t i = 0; i < COUNT(hidden); i++)
            if (str_starts_nocase(rest, str_of(hidden[i])))
                return true;
    }
    return false;
}

static bool is_file(struct str path, struct str name)
{
    if (str_chr(name, '.', 0) < 0)
        return str_starts(name, STR("id_")) && is_listed(name, files, COUNT(files));
    if (is_listed(name, files, COUNT(files)) || name.p[name.n - 1] == '~')
        return true;
    for (size_t i = 0; i < COUNT(endings); i++)
        if (ends_nocase(name, str_of(endings[i])))
            return true;
    if (!ends_nocase(name, STR(".php")))
        return false;
    for (size_t i = 0; i < COUNT(libraries); i++)
        if (str_find(path, str_of(libraries[i]), 0) >= 0)
            return true;
    return false;
}

static bool is_success(int status)
{
    return (status >= 200 && status < 300) || status == 304;
}

bool resource_is_probe(struct str path, int status)
{
    if (path.n < 2)
        return false;
    ptrdiff_t second = str_chr(path, '/', 1), last = str_rchr(path, '/');
    struct str folder = str_slice(path, 1, second < 0 ? path.n : (size_t)second);
    struct str name = str_slice(path, last < 0 ? 0 : (size_t)last + 1, path.n);

    if (is_hidden(path) || str_chr(path, '\0', 0) >= 0 ||
        is_listed(folder, folders, COUNT(folders)))
        return true;
    if (str_eq_nocase(folder, STR("cgi-bin")) && !is_success(status))
        return true;
    for (size_t i = 0; i < COUNT(starts); i++)
        if (path.p[1] == starts[i][1] && str_starts(path, str_of(starts[i])))
            return true;
    return name.n > 0 && is_file(path, name);
}
