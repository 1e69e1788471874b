/*
 * resource_probe.c - resource_is_probe of resource.h: the paths that only scanners ask for.
 * Runs for every hit of a person, so it looks at little more than the first and the last segment.
 * What stands in queries: resource_attack.c.
 */
#include "parsers/resource_impl.h"

#define S(literal) STR_INIT(literal)

/* Hidden files and folders that hold secrets; a segment begins with one of these. Not every dot:
 * there are pages about ".net", and /.well-known/, /.netlify/ and /.auth/ are in use. */
static const struct str hidden[] = {
    S(".aws"),      S(".azure"),   S(".bash"),          S(".boto"),        S(".bzr"),
    S(".circleci"), S(".config"),  S(".docker"),        S(".ds_store"),    S(".env"),
    S(".ftp"),      S(".git"),     S(".hg/"),           S(".htaccess"),    S(".htpasswd"),
    S(".idea"),     S(".kube"),    S(".mysql_history"), S(".netrc"),       S(".npmrc"),
    S(".pgpass"),   S(".profile"), S(".pypirc"),        S(".remote-sync"), S(".s3cfg"),
    S(".sftp"),     S(".ssh"),     S(".svn"),           S(".terraform"),   S(".travis"),
    S(".user.ini"), S(".vscode"),  S(".yarnrc"),        S(".zsh"),
};

/* First segments; phpMyAdmin's may be the second. */
static const struct str folders[] = {
    S("+cscoe+"),       S("+cscot+"),        S("_all_dbs"),      S("_async"),
    S("_cat"),          S("_cluster"),       S("_ignition"),     S("_profiler"),
    S("_search"),       S("_utils"),         S("a2billing"),     S("alfa_data"),
    S("aspnet_client"), S("axis2-admin"),    S("boaform"),       S("boafrm"),
    S("cfide"),         S("dana-cached"),    S("dana-na"),       S("dbadmin"),
    S("evox"),          S("global-protect"), S("goform"),        S("gponform"),
    S("h2-console"),    S("hnap1"),          S("host-manager"),  S("jmx-console"),
    S("meta-inf"),      S("myadmin"),        S("mysqladmin"),    S("owa"),
    S("php-my-admin"),  S("phpmyadmin"),     S("phpmyadmin2"),   S("phppgadmin"),
    S("pma"),           S("server-info"),    S("server-status"), S("sqladmin"),
    S("tmui"),          S("uddiexplorer"),   S("userrpm"),       S("vtigercrm"),
    S("web-console"),   S("web-inf"),        S("webfig"),        S("wls-wsat"),
};

/* Last segments. */
static const struct str files[] = {
    S("access.log"),
    S("adminer.php"),
    S("alfa.php"),
    S("app_dev.php"),
    S("application.properties"),
    S("application.yml"),
    S("appsettings.json"),
    S("autodiscover.json"),
    S("autodiscover.xml"),
    S("c99.php"),
    S("cmd.php"),
    S("credentials.json"),
    S("currentsetting.htm"),
    S("database.yml"),
    S("dbadmin.php"),
    S("debug.log"),
    S("device.rsp"),
    S("docker-compose.yaml"),
    S("docker-compose.yml"),
    S("elmah.axd"),
    S("error.log"),
    S("eval-stdin.php"),
    S("filezilla.xml"),
    S("id_dsa"),
    S("id_ed25519"),
    S("id_rsa"),
    S("id_rsa.pub"),
    S("install.php"),
    S("laravel.log"),
    S("local_settings.py"),
    S("login.cgi"),
    S("php-info.php"),
    S("php.ini"),
    S("phpinfo.php"),
    S("phpmyadmin.php"),
    S("privatekey.key"),
    S("r57.php"),
    S("secrets.json"),
    S("secrets.yml"),
    S("server.key"),
    S("setup-config.php"),
    S("setup.cgi"),
    S("sftp-config.json"),
    S("shell.php"),
    S("sitemanager.xml"),
    S("sslvpn_logon.shtml"),
    S("telerik.web.ui.webresource.axd"),
    S("terraform.tfstate"),
    S("trace.axd"),
    S("web.config"),
    S("web.xml"),
    S("winscp.ini"),
    S("wlwmanifest.xml"),
    S("wp-config.php"),
    S("wp-config.txt"),
    S("wp-login.php"),
    S("wso.php"),
    S("xmlrpc.php"),
};

/* Ends of last segments: backups, dumps, what editors leave. */
static const struct str endings[] = {
    S(".bak"), S(".old"),    S(".orig"),    S(".save"), S(".swp"),
    S(".sql"), S(".sql.gz"), S(".sql.zip"), S(".dump"), S(".pem"),
};

/* Beginnings of paths; the letter behind the first '/' is compared first. */
static const struct str starts[] = {
    S("/manager/html"),
    S("/v2/_catalog"),
    S("/remote/fgt_lang"),
    S("/solr/admin"),
    S("/vendor/phpunit"),
    S("/actuator/env"),
    S("/actuator/heapdump"),
    S("/actuator/gateway"),
    S("/actuator/threaddump"),
    S("/telescope/requests"),
    S("/api/jsonws/invoke"),
    S("/wp-content/debug.log"),
    S("/manager/text/"),
    S("/actuator/mappings"),
    S("/actuator/beans"),
    S("/actuator/configprops"),
    S("/actuator/loggers"),
    S("/actuator/logfile"),
    S("/actuator/trace"),
    S("/actuator/httptrace"),
    S("/mgmt/tm/"),
    S("/ecp/current/"),
    S("/mapi/nspi"),
    S("/mapi/emsmdb"),
    S("/nmaplowercheck"),
    S("/nacos/v1/"),
    S("/jolokia/list"),
    S("/jolokia/exec"),
    S("/jolokia/read"),
    S("/invoker/jmx"),
    S("/invoker/ejb"),
    S("/debug/pprof"),
    S("/debug/default/view"),
    S("/dana/home"),
    S("/ssl-vpn/hipreport"),
    S("/rdweb/pages"),
    S("/ui/vropspluginui"),
    S("/sdk/vimservice"),
    S("/thinkphp/html"),
    S("/thinkphp/public"),
    S("/tp/public/index.php"),
    S("/lucee/admin"),
    S("/windows/win.ini"),
    S("/app_dev.php/"),
    S("/aws/credentials"),
    S("/vendor/autoload.php"),
    S("/vendor/composer/"),
    S("/geoserver/web/"),
    S("/api/sonicos/"),
};

/* Paths, and what is below; a longer word is another path. */
static const struct str consoles[] = {
    S("/remote/login"),
    S("/remote/logincheck"),
    S("/jenkins/script"),
    S("/struts2-showcase"),
    S("/sdk/weblanguage"),
    S("/console/login/loginform.jsp"),
    S("/developmentserver/metadatauploader"),
    S("/_layouts/15/toolpane.aspx"),
};

/* Above phpMyAdmin, where scanners look for it. Of "/package/phpmyadmin" and "/tag/phpmyadmin/" it
 * is the name of a page, and under an answer of 200 with HTML both may hide: an application in one
 * page answers so to everything. */
static const struct str above[] = {
    S("admin"), S("administrator"), S("backup"), S("db"),        S("dbadmin"),
    S("dev"),   S("htdocs"),        S("local"),  S("localhost"), S("new"),
    S("old"),   S("panel"),         S("public"), S("sqladmin"),  S("test"),
    S("tmp"),   S("webadmin"),      S("webdb"),  S("www"),       S("xampp"),
};

/* Folders where no PHP is meant to be called from outside. */
static const struct str libraries[] = {
    S("/phpunit/"),     S("/wp-includes/"), S("/wp-content/uploads/"), S("/wp-content/plugins/"),
    S("/.well-known/"),
};

/* `suffix` is in lower case. */
static bool ends_nocase(struct str s, struct str suffix)
{
    return s.n >= suffix.n && ascii_lower(s.p[s.n - 1]) == suffix.p[suffix.n - 1] &&
           str_eq_nocase(str_slice(s, s.n - suffix.n, s.n), suffix);
}

/* `rest` begins with "..": out of the site, with what comes behind it plain, encoded twice, or
 * overlong; "....//" is what a naive filter makes "../" of. */
static bool climbs(struct str rest)
{
    static const struct str ends[] = {S("/"),   S("\\"),     S(";"),   S("%2f"),
                                      S("%5c"), S("%c0%af"), S("%25"), S("\xc0\xaf")};

    struct str end = str_slice(rest, 2, rest.n);
    if (end.n == 0 || str_starts(end, STR("../")))
        return true;
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (str_starts_nocase(end, ends[i]))
            return true;
    return false;
}

/* "%2e%2e/": a dot that was encoded twice is there for no good. */
static bool has_encoded_dots(struct str path)
{
    for (ptrdiff_t at = str_chr(path, '%', 0); at >= 0; at = str_chr(path, '%', (size_t)at + 1)) {
        struct str rest = str_slice(path, (size_t)at, path.n);
        if (str_starts_nocase(rest, STR("%2e%2e")) || str_starts_nocase(rest, STR("%2e.")) ||
            (str_starts_nocase(rest, STR("%2e")) && at > 0 && path.p[at - 1] == '.'))
            return true;
    }
    return false;
}

/* A page about a file with such a name, which begins at `at`: under a tag, or a wiki's, whose
 * titles begin with a capital. None about ".env", which scanners look for in every folder. */
static bool is_title(struct str path, size_t at)
{
    static const struct str tags[] = {S("tag"), S("tags"), S("tagged"), S("topic"), S("topics")};
    struct str folder = str_slice(path, 0, at > 0 ? at - 1 : 0), rest = str_slice(path, at, path.n);
    struct str name = str_cut(&rest, '/');
    ptrdiff_t slash = str_rchr(folder, '/');

    if (rest.n > 0 || slash < 0 || str_starts_nocase(name, STR(".env")))
        return false;
    folder = str_slice(folder, (size_t)slash + 1, folder.n);
    if (str_is_one_of(folder, tags, COUNT_OF(tags)))
        return true;
    return str_eq(folder, STR("wiki")) && (name.p[0] == '.' || ascii_upper(name.p[0]));
}

static bool is_hidden_name(struct str rest)
{
    for (size_t i = 0; i < COUNT_OF(hidden); i++)
        if (str_starts_nocase(rest, hidden[i]))
            return true;
    return false;
}

/* "/.env", "/app/.git/config", and "/../": all are a '.' behind a '/'. */
static bool is_hidden(const struct asked *a)
{
    struct str path = a->path;

    for (ptrdiff_t dot = str_chr(path, '.', a->first_dot); dot >= 0;
         dot = str_chr(path, '.', (size_t)dot + 1)) {
        size_t at = (size_t)dot;
        if (at == 0 || (path.p[at - 1] != '/' && path.p[at - 1] != '\\'))
            continue;
        struct str rest = str_slice(path, at, path.n);
        if (str_starts(rest, STR("..")) && climbs(rest))
            return true;
        if (at < a->shown && is_hidden_name(rest) && !is_title(path, at))
            return true;
    }
    return false;
}

static bool is_file(const struct asked *a)
{
    struct str path = a->path, name = a->segment;

    if ((a->ends & LIST_FILES) && str_is_one_of(name, files, COUNT_OF(files)) &&
        (str_chr(name, '.', 0) >= 0 || name.p[0] == 'i'))
        return !is_title(path, path.n - name.n);
    /* Most files are assets; none of what follows is the extension of one. */
    if (!(a->marks & MARK_DOT) || (a->extension == RESOURCE_ASSET && name.n == a->name.n) ||
        str_chr(name, '.', 0) < 0)
        return false;
    if (name.p[name.n - 1] == '~')
        return true;
    for (size_t i = 0; i < COUNT_OF(endings); i++)
        if (ends_nocase(name, endings[i]))
            return true;
    if (!ends_nocase(name, STR(".php")))
        return false;
    for (size_t i = 0; i < COUNT_OF(libraries); i++)
        if (str_holds_nocase(path, libraries[i]))
            return true;
    return false;
}

static bool begins_with_p(struct str name)
{
    return name.n > 0 && ascii_lower(name.p[0]) == 'p';
}

/* "phpmyadmin", "phpMyAdmin-5.2.1", "pma2023": a folder of the list, or one with a version. */
static bool is_folder(struct str name)
{
    if (str_is_one_of(name, folders, COUNT_OF(folders)))
        return true;
    if (!begins_with_p(name))
        return false;
    struct str rest = str_starts_nocase(name, STR("phpmyadmin")) ? str_slice(name, 10, name.n)
                      : str_starts_nocase(name, STR("pma"))      ? str_slice(name, 3, name.n)
                                                                 : STR_NONE;
    if (rest.n > 0 && (rest.p[0] == '-' || rest.p[0] == '_'))
        rest = str_slice(rest, 1, rest.n);
    return rest.n > 0 && rest.p[0] >= '0' && rest.p[0] <= '9';
}

static bool is_start(struct str path)
{
    if (resource_first_below(path, consoles, COUNT_OF(consoles)) > 0)
        return true;
    for (size_t i = 0; i < COUNT_OF(starts); i++)
        if (ascii_lower(path.p[1]) == starts[i].p[1] && str_starts_nocase(path, starts[i]))
            return true;
    return false;
}

/* What no link on a page has. */
static bool is_odd(const struct asked *a)
{
    struct str path = a->path;

    if (a->segment.n == 6 && str_ends(path, STR("/etc/passwd")))
        return true;
    if (!(a->marks & MARK_ODD))
        return false;
    return str_chr(path, '\0', 0) >= 0 || has_encoded_dots(path) || resource_has_lookup(path) ||
           str_find(path, STR("<script"), 0) >= 0;
}

/* phpMyAdmin below `first`: where scanners look for it, or with one of its own files. */
static bool is_second_folder(struct str first, struct str rest)
{
    return begins_with_p(rest) && str_starts_nocase(rest, STR("phpmyadmin")) &&
           is_folder(str_cut(&rest, '/')) &&
           (ends_nocase(rest, STR(".php")) || str_is_one_of(first, above, COUNT_OF(above)));
}

/* By the first two segments. */
static bool is_scanned(struct str path, unsigned lists)
{
    struct str rest = str_slice(path, 1, path.n);
    struct str first = str_cut(&rest, '/');

    if (is_second_folder(first, rest))
        return true;
    if (!(lists & LIST_FOLDERS))
        return false;
    return is_folder(first) || is_start(path);
}

bool resource_is_probe(const struct asked *a)
{
    if (a->path.n < 2)
        return false;
    return ((a->marks & MARK_DOT) && is_hidden(a)) || is_odd(a) || is_scanned(a->path, a->begins) ||
           (a->segment.n > 0 && is_file(a));
}

bool resource_is_cgi(const struct asked *a)
{
    static const struct str folder = S("/cgi-bin");
    struct str path = a->path;

    return (a->begins & LIST_FOLDERS) && str_starts_nocase(path, folder) &&
           (path.n == folder.n || path.p[folder.n] == '/');
}

bool resource_is_bare_probe(const struct asked *a)
{
    return (a->ends & LIST_FILES) && str_eq_nocase(a->path, STR("/info.php"));
}

void resource_index_probes(struct resource_index *ix)
{
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        resource_index_add(ix, folders[i], LIST_FOLDERS);
    for (size_t i = 0; i < COUNT_OF(starts); i++)
        resource_index_add(ix, str_slice(starts[i], 1, starts[i].n), LIST_FOLDERS);
    for (size_t i = 0; i < COUNT_OF(consoles); i++)
        resource_index_add(ix, str_slice(consoles[i], 1, consoles[i].n), LIST_FOLDERS);
    resource_index_add(ix, STR("cgi-bin"), LIST_FOLDERS);
    resource_index_add(ix, STR("info.php"), LIST_FILES);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        resource_index_add(ix, files[i], LIST_FILES);
}
