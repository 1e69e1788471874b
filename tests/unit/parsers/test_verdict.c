#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "parsers/verdict.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define NONE "(none)" /* the field is missing */
#define ZERO -1000    /* status 000; 0 in a row means 200 */
#define PERSON                                                                                     \
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "            \
    "Chrome/124.0.0.0 Safari/537.36"
#define GPTBOT                                                                                     \
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; "                  \
    "+https://openai.com/gptbot)"

/* What is left out: GET, 200, a person, everything else missing. */
struct row {
    const char *method, *path, *query, *type, *ua, *cdn;
    int status;
    bool bad;
    enum verdict_kind kind;
    enum reason reason;
    enum ai_class ai_class;
    const char *key;
};

static const struct row rows[] = {
    /* pages by content type */
    {.path = "/", .type = "text/html", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .type = "text/html; charset=utf-8", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .type = "TEXT/HTML;charset=UTF-8", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .type = " text/html ;charset=x", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .type = "application/xhtml+xml", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .type = "text/html;%20charset=UTF-8", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .type = "text/html, text/html", .kind = VERDICT_PAGEVIEW},
    {.path = "/photo.jpg", .type = "text/html", .kind = VERDICT_PAGEVIEW},
    {.path = "/v1.2/notes", .type = "text/html", .kind = VERDICT_PAGEVIEW},
    {.path = "/report.pdf", .type = "text/html", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .type = "text/css", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/p", .type = "application/javascript", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/p", .type = "image/webp", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/p", .type = "font/woff2", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/p", .type = "video/mp4", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/p",
     .type = "application/manifest+json",
     .kind = VERDICT_SKIP,
     .reason = REASON_ASSET},
    {.path = "/p", .type = "application/x-font-ttf", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/page.html", .type = "image/png", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/p", .type = "application/pdf", .kind = VERDICT_SKIP, .reason = REASON_DOWNLOAD},
    {.path = "/p", .type = "application/zip", .kind = VERDICT_SKIP, .reason = REASON_DOWNLOAD},
    {.path = "/p",
     .type = "application/octet-stream",
     .kind = VERDICT_SKIP,
     .reason = REASON_DOWNLOAD},
    {.path = "/p",
     .type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
     .kind = VERDICT_SKIP,
     .reason = REASON_DOWNLOAD},
    {.path = "/p", .type = "text/csv", .kind = VERDICT_SKIP, .reason = REASON_DOWNLOAD},
    {.path = "/p",
     .type = "application/rss+xml; charset=utf-8",
     .kind = VERDICT_SKIP,
     .reason = REASON_FEED},
    {.path = "/p", .type = "application/atom+xml", .kind = VERDICT_SKIP, .reason = REASON_FEED},
    {.path = "/p", .type = "application/json", .kind = VERDICT_SKIP, .reason = REASON_API},
    {.path = "/p", .type = "application/ld+json", .kind = VERDICT_SKIP, .reason = REASON_API},
    {.path = "/p", .type = "application/vnd.api+json", .kind = VERDICT_SKIP, .reason = REASON_API},
    {.path = "/p", .type = "text/x-component", .kind = VERDICT_SKIP, .reason = REASON_API},
    {.path = "/p", .type = "text/event-stream", .kind = VERDICT_SKIP, .reason = REASON_API},
    {.path = "/p", .type = "text/plain", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/p", .type = "application/xml", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/p", .type = "x", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/p", .type = "text/htmlx", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    /* pages by path, where the log has no content type */
    {.path = "/", .kind = VERDICT_PAGEVIEW},
    {.path = "/about", .kind = VERDICT_PAGEVIEW},
    {.path = "/about/", .kind = VERDICT_PAGEVIEW},
    {.path = "/index.html", .kind = VERDICT_PAGEVIEW},
    {.path = "/index.HTM", .kind = VERDICT_PAGEVIEW},
    {.path = "/x.php", .kind = VERDICT_PAGEVIEW},
    {.path = "/x.aspx", .kind = VERDICT_PAGEVIEW},
    {.path = "/x.shtml", .kind = VERDICT_PAGEVIEW},
    {.path = "/a.jsp", .kind = VERDICT_PAGEVIEW},
    {.path = "/x.md", .kind = VERDICT_PAGEVIEW},
    {.path = "/v1.2", .kind = VERDICT_PAGEVIEW},
    {.path = "/example.com/", .kind = VERDICT_PAGEVIEW},
    {.path = "/example.com", .kind = VERDICT_PAGEVIEW},
    {.path = "/release-2.0.1", .kind = VERDICT_PAGEVIEW},
    {.path = "/a.b/c", .kind = VERDICT_PAGEVIEW},
    {.path = "/x.verylongext", .kind = VERDICT_PAGEVIEW},
    {.path = "/caf%C3%A9", .kind = VERDICT_PAGEVIEW},
    {.path = "/100%", .kind = VERDICT_PAGEVIEW},
    {.path = "/x.jpg/", .kind = VERDICT_PAGEVIEW},
    {.path = "/x.", .kind = VERDICT_PAGEVIEW},
    {.path = "/.x", .kind = VERDICT_PAGEVIEW},
    {.path = "/a;b.png", .kind = VERDICT_PAGEVIEW},
    {.path = "/~user/", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .type = "-", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .type = "", .kind = VERDICT_PAGEVIEW},
    {.path = "/a.css", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/A.PNG", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/img/b.jpeg", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/c%2Ejs", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/d.woff2", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/e.mp4", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/f.js.map", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/g.webmanifest", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/h.svg;v=2", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/x/y.ico", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/a.pdf", .kind = VERDICT_SKIP, .reason = REASON_DOWNLOAD},
    {.path = "/b.zip", .kind = VERDICT_SKIP, .reason = REASON_DOWNLOAD},
    {.path = "/c.docx", .kind = VERDICT_SKIP, .reason = REASON_DOWNLOAD},
    {.path = "/d.tar.gz", .kind = VERDICT_SKIP, .reason = REASON_DOWNLOAD},
    {.path = "/e.epub", .kind = VERDICT_SKIP, .reason = REASON_DOWNLOAD},
    {.path = "/index.rss", .kind = VERDICT_SKIP, .reason = REASON_FEED},
    {.path = "/blog/feed/", .kind = VERDICT_SKIP, .reason = REASON_FEED},
    {.path = "/blog/rss", .kind = VERDICT_SKIP, .reason = REASON_FEED},
    {.path = "/atom.xml", .kind = VERDICT_SKIP, .reason = REASON_FEED},
    {.path = "/index.xml", .kind = VERDICT_SKIP, .reason = REASON_FEED},
    {.path = "/a.json", .kind = VERDICT_SKIP, .reason = REASON_API},
    {.path = "/b.geojson", .kind = VERDICT_SKIP, .reason = REASON_API},
    {.path = "/a.txt", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/b.xml", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/about?", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .query = "x=.css", .kind = VERDICT_PAGEVIEW},
    {.path = "/a.css", .query = "v=1", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/index.html", .status = 304, .kind = VERDICT_PAGEVIEW},
    {.path = "/a.css", .status = 304, .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/p", .status = 304, .type = "text/html", .kind = VERDICT_PAGEVIEW},
    /* names that are no pages */
    {.path = "/robots.txt", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/llms.txt", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/llms-full.txt", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/ads.txt", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/sitemap.xml", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/wp-sitemap-posts-1.xml", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/sitemap_index.xml.gz", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/.well-known/security.txt", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/.well-known/acme-challenge/x", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/favicon.ico", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/favicon-32x32.png", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/apple-touch-icon.png", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/apple-app-site-association", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/browserconfig.xml", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/robots.txt", .type = "text/html", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE},
    {.path = "/favicons-explained", .kind = VERDICT_PAGEVIEW},
    {.path = "/sitemap", .kind = VERDICT_PAGEVIEW},
    {.path = "/robots.txt.html", .kind = VERDICT_PAGEVIEW},
    /* prefixes of pages.not_pages */
    {.path = "/api", .kind = VERDICT_SKIP, .reason = REASON_API, .key = "pages.always"},
    {.path = "/api/v1/users", .kind = VERDICT_SKIP, .reason = REASON_API, .key = "pages.always"},
    {.path = "/api/v1/users", .type = "text/html", .kind = VERDICT_PAGEVIEW, .key = "exclude.path"},
    {.path = "/apidocs", .kind = VERDICT_PAGEVIEW},
    {.path = "/graphql", .kind = VERDICT_SKIP, .reason = REASON_API, .key = "pages.always"},
    {.path = "/wp-json/wp/v2", .kind = VERDICT_SKIP, .reason = REASON_API, .key = "pages.always"},
    {.path = "/wp-admin/admin-ajax.php",
     .kind = VERDICT_SKIP,
     .reason = REASON_API,
     .key = "pages.always"},
    {.path = "/wp-admin/", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE, .key = "pages.always"},
    {.path = "/feed", .kind = VERDICT_SKIP, .reason = REASON_FEED, .key = "pages.always"},
    {.path = "/feed", .type = "text/html", .kind = VERDICT_PAGEVIEW, .key = "exclude.path"},
    {.path = "/feed/x", .kind = VERDICT_SKIP, .reason = REASON_FEED, .key = "pages.always"},
    {.path = "/feedback", .kind = VERDICT_PAGEVIEW},
    {.path = "/_next/data/x.json",
     .type = "text/html",
     .kind = VERDICT_SKIP,
     .reason = REASON_NOT_PAGE,
     .key = "pages.always"},
    {.path = "/_nuxt/x", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE, .key = "pages.always"},
    {.path = "/assets/x", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE, .key = "pages.always"},
    {.path = "/assets", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE, .key = "pages.always"},
    {.path = "/assets/app.css", .kind = VERDICT_SKIP, .reason = REASON_ASSET},
    {.path = "/static/", .kind = VERDICT_SKIP, .reason = REASON_NOT_PAGE, .key = "pages.always"},
    {.path = "/statics/", .kind = VERDICT_PAGEVIEW},
    {.path = "/cdn-cgi/trace",
     .kind = VERDICT_SKIP,
     .reason = REASON_NOT_PAGE,
     .key = "pages.always"},
    {.path = "/%61pi/x", .kind = VERDICT_SKIP, .reason = REASON_API, .key = "pages.always"},
    /* queries of pages.drop_query */
    {.path = "/p",
     .query = "_rsc=1a2b",
     .kind = VERDICT_SKIP,
     .reason = REASON_NOT_PAGE,
     .key = "pages.always"},
    {.path = "/p",
     .query = "a=1&_data",
     .kind = VERDICT_SKIP,
     .reason = REASON_NOT_PAGE,
     .key = "pages.always"},
    {.path = "/p",
     .query = "a&preview=true",
     .kind = VERDICT_SKIP,
     .reason = REASON_NOT_PAGE,
     .key = "pages.always"},
    {.path = "/p", .query = "x_rsc=1", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .query = "_rscx=1", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .query = "a=_rsc", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .query = "&&=", .kind = VERDICT_PAGEVIEW},
    {.path = "/p",
     .query = "&preview",
     .kind = VERDICT_SKIP,
     .reason = REASON_NOT_PAGE,
     .key = "pages.always"},
    {.path = "/p", .query = "a;preview", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .query = "=_rsc", .kind = VERDICT_PAGEVIEW},
    /* methods and statuses */
    {.method = "POST",
     .path = "/p",
     .kind = VERDICT_SKIP,
     .reason = REASON_METHOD,
     .key = "pages.methods"},
    {.method = "HEAD",
     .path = "/p",
     .kind = VERDICT_SKIP,
     .reason = REASON_METHOD,
     .key = "pages.methods"},
    {.method = "OPTIONS",
     .path = "/p",
     .kind = VERDICT_SKIP,
     .reason = REASON_METHOD,
     .key = "pages.methods"},
    {.method = "PUT",
     .path = "/p",
     .kind = VERDICT_SKIP,
     .reason = REASON_METHOD,
     .key = "pages.methods"},
    {.method = "get",
     .path = "/p",
     .kind = VERDICT_SKIP,
     .reason = REASON_METHOD,
     .key = "pages.methods"},
    {.method = "PROPFIND",
     .path = "/p",
     .kind = VERDICT_SKIP,
     .reason = REASON_METHOD,
     .key = "pages.methods"},
    {.path = "/p", .status = 203, .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .status = 206, .kind = VERDICT_PAGEVIEW},
    {.path = "/p",
     .status = 301,
     .kind = VERDICT_SKIP,
     .reason = REASON_REDIRECT,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 302,
     .kind = VERDICT_SKIP,
     .reason = REASON_REDIRECT,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 303,
     .kind = VERDICT_SKIP,
     .reason = REASON_REDIRECT,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 307,
     .kind = VERDICT_SKIP,
     .reason = REASON_REDIRECT,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 308,
     .kind = VERDICT_SKIP,
     .reason = REASON_REDIRECT,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 201,
     .kind = VERDICT_SKIP,
     .reason = REASON_STATUS,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 204,
     .kind = VERDICT_SKIP,
     .reason = REASON_STATUS,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 400,
     .kind = VERDICT_SKIP,
     .reason = REASON_STATUS,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 403,
     .kind = VERDICT_SKIP,
     .reason = REASON_STATUS,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 404,
     .kind = VERDICT_SKIP,
     .reason = REASON_STATUS,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 410,
     .kind = VERDICT_SKIP,
     .reason = REASON_STATUS,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 444,
     .kind = VERDICT_SKIP,
     .reason = REASON_STATUS,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 499,
     .kind = VERDICT_SKIP,
     .reason = REASON_STATUS,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 500,
     .kind = VERDICT_SKIP,
     .reason = REASON_STATUS,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 503,
     .kind = VERDICT_SKIP,
     .reason = REASON_STATUS,
     .key = "pages.statuses"},
    {.path = "/p",
     .status = 999,
     .kind = VERDICT_SKIP,
     .reason = REASON_STATUS,
     .key = "pages.statuses"},
    {.path = "/p", .status = ZERO, .kind = VERDICT_SKIP, .reason = REASON_STATUS},
    {.path = "/p", .status = -1, .kind = VERDICT_SKIP, .reason = REASON_STATUS},
    {.path = "/p", .status = 9, .kind = VERDICT_SKIP, .reason = REASON_STATUS},
    {.path = "/p", .cdn = "Redirect", .kind = VERDICT_SKIP, .reason = REASON_REDIRECT},
    {.path = "/p", .cdn = "Hit", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .cdn = "Error", .kind = VERDICT_PAGEVIEW},
    /* no request */
    {.path = NULL, .kind = VERDICT_SKIP, .reason = REASON_NO_REQUEST},
    {.method = NONE, .path = "/p", .kind = VERDICT_PAGEVIEW}, /* a log without methods */
    {.bad = true, .status = 400, .kind = VERDICT_SKIP, .reason = REASON_NO_REQUEST},
    /* robots */
    {.path = "/p", .ua = "curl/8.5.0", .kind = VERDICT_SKIP, .reason = REASON_BOT},
    {.path = "/.env", .ua = "curl/8.5.0", .kind = VERDICT_SKIP, .reason = REASON_BOT},
    {.path = "/p",
     .ua = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
     .kind = VERDICT_SKIP,
     .reason = REASON_BOT},
    {.path = "/p", .ua = "facebookexternalhit/1.1", .kind = VERDICT_SKIP, .reason = REASON_BOT},
    {.path = "/p", .status = 404, .ua = "Mozilla/5.0", .kind = VERDICT_SKIP, .reason = REASON_BOT},
    {.path = "/p", .ua = NONE, .kind = VERDICT_SKIP, .reason = REASON_NO_USER_AGENT},
    {.path = "/p", .ua = "-", .kind = VERDICT_SKIP, .reason = REASON_NO_USER_AGENT},
    {.path = "/p", .ua = "", .kind = VERDICT_SKIP, .reason = REASON_NO_USER_AGENT},
    {.path = "/p", .ua = " ", .kind = VERDICT_SKIP, .reason = REASON_NO_USER_AGENT},
    {.path = "/healthz",
     .ua = "kube-probe/1.28",
     .kind = VERDICT_SKIP,
     .reason = REASON_HEALTH_CHECK},
    {.path = "/healthz",
     .ua = "ELB-HealthChecker/2.0",
     .kind = VERDICT_SKIP,
     .reason = REASON_HEALTH_CHECK},
    {.path = "/healthz", .ua = "GoogleHC/1.0", .kind = VERDICT_SKIP, .reason = REASON_HEALTH_CHECK},
    {.path = "/healthz",
     .ua = "Amazon-Route53-Health-Check-Service (ref x; report http://amzn.to/1vsZADi)",
     .kind = VERDICT_SKIP,
     .reason = REASON_HEALTH_CHECK},
    {.path = "/healthz",
     .ua = "Consul Health Check",
     .kind = VERDICT_SKIP,
     .reason = REASON_HEALTH_CHECK},
    {.path = "/healthz",
     .ua = "docker-healthcheck/1.0",
     .kind = VERDICT_SKIP,
     .reason = REASON_HEALTH_CHECK},
    {.path = "/healthz", .ua = "Envoy/HC", .kind = VERDICT_SKIP, .reason = REASON_HEALTH_CHECK},
    /* Cloudflare's log: who asked */
    {.path = "/p", .cdn = "eyeball", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .cdn = "orangeToOrange", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .cdn = "false", .kind = VERDICT_PAGEVIEW},
    {.path = "/p", .cdn = "edgeWorkerFetch", .kind = VERDICT_SKIP, .reason = REASON_INTERNAL},
    {.path = "/p", .cdn = "edgeWorkerCacheAPI", .kind = VERDICT_SKIP, .reason = REASON_INTERNAL},
    {.path = "/p", .cdn = "true", .kind = VERDICT_SKIP, .reason = REASON_INTERNAL},
    {.path = "/p",
     .ua = GPTBOT,
     .cdn = "edgeWorkerFetch",
     .kind = VERDICT_SKIP,
     .reason = REASON_INTERNAL},
    {.path = "/p", .ua = "Amazon CloudFront", .kind = VERDICT_SKIP, .reason = REASON_DUPLICATE_CDN},
    /* scanners */
    {.path = "/.env", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/.env.production", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/app/.env", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/.git/config", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/.git", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/.aws/credentials", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/.vscode/sftp.json", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/.DS_Store", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/.ssh/id_rsa", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/.htpasswd", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/%2eenv", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/wp-login.php", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/blog/wp-login.php", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/WP-LOGIN.PHP", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/xmlrpc.php", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/wp-config.php", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/wp-config.php~", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/wp-config.php.bak", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/index.php.old", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/backup.sql", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/dump.sql.gz", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
     .kind = VERDICT_SKIP,
     .reason = REASON_PROBE},
    {.path = "/lib/phpunit/Util/x.php", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/wp-includes/x.php", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/wp-content/uploads/a.php", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/.well-known/shell.php", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/phpmyadmin/", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/phpMyAdmin/index.php", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/boaform/admin/formLogin", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/HNAP1/", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/actuator/env", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/_ignition/execute-solution", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/manager/html", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/v2/_catalog", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/server-status", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/phpinfo.php", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/shell.php", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/id_rsa", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/..%2f..%2fetc/passwd", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/a/../b", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/x/..", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/a%00b", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/a/..;/manager", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/cgi-bin/luci", .status = 404, .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/cgi-bin/../../bin/sh", .kind = VERDICT_SKIP, .reason = REASON_PROBE},
    {.path = "/cgi-bin/guestbook.cgi", .kind = VERDICT_PAGEVIEW},
    {.method = "POST",
     .path = "/.env",
     .status = 404,
     .kind = VERDICT_SKIP,
     .reason = REASON_PROBE},
    {.path = "/vendor/acme", .kind = VERDICT_PAGEVIEW},
    {.path = "/pma-news", .kind = VERDICT_PAGEVIEW},
    {.path = "/blog/.net-tips", .kind = VERDICT_PAGEVIEW},
    {.path = "/a..b", .kind = VERDICT_PAGEVIEW},
    {.path = "/actuators", .kind = VERDICT_PAGEVIEW},
    {.path = "/wp-content/uploads/a.html", .kind = VERDICT_PAGEVIEW},
    /* AI agents */
    {.path = "/", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/p", .type = "text/html", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/p", .status = 404, .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/p", .status = 403, .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/p", .status = 500, .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/p", .status = 301, .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/p", .status = 304, .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.method = "HEAD", .path = "/p", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/p", .status = 100, .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/p", .status = 599, .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/a.pdf", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/a.md", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/a.txt", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/a.json", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/p", .type = "application/pdf", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/api/x", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/feed", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/p", .query = "_rsc=1", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/robots.txt", .ua = GPTBOT, .kind = VERDICT_AI_FETCH, .ai_class = AI_POLICY},
    {.path = "/robots.txt",
     .status = 404,
     .type = "text/html",
     .ua = GPTBOT,
     .kind = VERDICT_AI_FETCH,
     .ai_class = AI_POLICY},
    {.path = "/llms.txt", .ua = GPTBOT, .kind = VERDICT_AI_FETCH, .ai_class = AI_POLICY},
    {.path = "/llms-full.txt", .ua = GPTBOT, .kind = VERDICT_AI_FETCH, .ai_class = AI_POLICY},
    {.path = "/sitemap.xml", .ua = GPTBOT, .kind = VERDICT_AI_FETCH, .ai_class = AI_POLICY},
    {.path = "/sitemaps/sitemap-2.xml.gz",
     .ua = GPTBOT,
     .kind = VERDICT_AI_FETCH,
     .ai_class = AI_POLICY},
    {.path = "/blog/sitemap.xml",
     .type = "text/xml",
     .ua = GPTBOT,
     .kind = VERDICT_AI_FETCH,
     .ai_class = AI_POLICY},
    {.path = "/wiki/Sitemap.xml", .type = "text/html", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/wiki/Robots.txt", .type = "text/html", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/ads.txt", .ua = GPTBOT, .kind = VERDICT_AI_FETCH, .ai_class = AI_POLICY},
    {.path = "/.well-known/x", .ua = GPTBOT, .kind = VERDICT_AI_FETCH, .ai_class = AI_POLICY},
    {.path = "/.env", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/wp-login.php", .status = 404, .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/.git/config", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/a.css",
     .ua = GPTBOT,
     .kind = VERDICT_SKIP,
     .reason = REASON_NOT_SENT,
     .ai_class = AI_ASSET},
    {.path = "/a.png",
     .status = 404,
     .type = "text/html",
     .ua = GPTBOT,
     .kind = VERDICT_SKIP,
     .reason = REASON_NOT_SENT,
     .ai_class = AI_ASSET},
    {.path = "/p",
     .type = "image/png",
     .ua = GPTBOT,
     .kind = VERDICT_SKIP,
     .reason = REASON_NOT_SENT,
     .ai_class = AI_ASSET},
    {.path = "/a.png", .type = "text/html", .ua = GPTBOT, .kind = VERDICT_AI_FETCH},
    {.path = "/favicon.ico",
     .ua = GPTBOT,
     .kind = VERDICT_SKIP,
     .reason = REASON_NOT_SENT,
     .ai_class = AI_ASSET},
    {.path = "/a.js",
     .status = 304,
     .ua = GPTBOT,
     .kind = VERDICT_SKIP,
     .reason = REASON_NOT_SENT,
     .ai_class = AI_ASSET},
    {.method = "POST", .path = "/p", .ua = GPTBOT, .kind = VERDICT_SKIP, .reason = REASON_METHOD},
    {.method = "OPTIONS",
     .path = "/p",
     .ua = GPTBOT,
     .kind = VERDICT_SKIP,
     .reason = REASON_METHOD},
    {.path = "/p", .status = ZERO, .ua = GPTBOT, .kind = VERDICT_SKIP, .reason = REASON_STATUS},
    {.path = "/p", .status = -1, .ua = GPTBOT, .kind = VERDICT_SKIP, .reason = REASON_STATUS},
    {.path = "/p", .status = 600, .ua = GPTBOT, .kind = VERDICT_SKIP, .reason = REASON_STATUS},
    {.path = "/p", .status = 99, .ua = GPTBOT, .kind = VERDICT_SKIP, .reason = REASON_STATUS},
    {.path = NULL, .ua = GPTBOT, .kind = VERDICT_SKIP, .reason = REASON_NO_REQUEST},
};

static struct catalogue *catalogue;
static struct ua_cache *cache;

static int setup(void **state)
{
    catalogue = catalogue_new(false);
    cache = catalogue == NULL ? NULL : ua_cache_new(catalogue);
    return cache == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    ua_cache_free(cache);
    catalogue_free(catalogue);
    return 0;
}

static struct str field(const char *text, const char *otherwise)
{
    text = text != NULL ? text : otherwise;
    return text == NULL || strcmp(text, NONE) == 0 ? STR_NONE : str_of(text);
}

static struct hit hit_of(const struct row *row)
{
    return (struct hit){.method = field(row->method, "GET"),
                        .path = field(row->path, NULL),
                        .query = field(row->query, NULL),
                        .content_type = field(row->type, NULL),
                        .user_agent = field(row->ua, PERSON),
                        .cdn_result = field(row->cdn, NULL),
                        .status = row->status == 0      ? 200
                                  : row->status == ZERO ? 0
                                                        : row->status,
                        .bytes = HIT_NO_NUMBER,
                        .duration_ms = HIT_NO_NUMBER,
                        .bad_request_line = row->bad};
}

static void judge_row(const struct judge_rules *rules, const struct row *row, struct verdict *out)
{
    struct hit hit = hit_of(row);

    judge(rules, &hit, ua_cache_get(cache, hit.user_agent), out);
}

static void test_rows(void **state)
{
    struct judge_rules rules;
    size_t wrong = 0;

    judge_rules_defaults(&rules);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        struct verdict v;
        judge_row(&rules, row, &v);
        bool same = v.kind == row->kind && v.reason == row->reason && v.rule != NULL &&
                    v.ai_class == row->ai_class && (v.agent != NULL) == (v.ua_kind == UA_AI) &&
                    (row->key == NULL || (v.key != NULL && strcmp(v.key, row->key) == 0));
        if (!same)
            print_error("row %zu, %s: kind %d, reason %s, class %s, rule \"%s\", key %s\n", i,
                        row->path ? row->path : "no path", v.kind, reason_name(v.reason),
                        ai_class_name(v.ai_class), v.rule ? v.rule : "", v.key ? v.key : "none");
        wrong += !same;
    }
    assert_int_equal(wrong, 0);
    assert_true(COUNT(rows) >= 120);
}

#define SET(array)                                                                                 \
    {                                                                                              \
        array, COUNT(array)                                                                        \
    }

/* Exclusions come before everything but "no request": an excluded AI agent, robot or page is
 * excluded. */
static void test_exclusions(void **state)
{
    static const struct str paths[] = {{"/healthz", 8}, {"/internal/", 10}};
    static const struct str agents[] = {{"Our-Synthetic", 13}};
    struct cidr networks[3];
    struct judge_rules rules;
    static const struct {
        const char *ip;
        struct row row;
    } cases[] = {
        {"198.51.100.7", {.path = "/p", .reason = REASON_EXCLUDED, .key = "exclude.ip"}},
        {"::ffff:198.51.100.7", {.path = "/p", .reason = REASON_EXCLUDED, .key = "exclude.ip"}},
        {"2001:db8::1", {.path = "/p", .reason = REASON_EXCLUDED, .key = "exclude.ip"}},
        {"203.0.113.9",
         {.path = "/p", .ua = GPTBOT, .reason = REASON_EXCLUDED, .key = "exclude.ip"}},
        {"198.51.101.7", {.path = "/p", .kind = VERDICT_PAGEVIEW}},
        {"not an address", {.path = "/p", .kind = VERDICT_PAGEVIEW}},
        {NULL, {.path = "/p", .kind = VERDICT_PAGEVIEW}},
        {NULL, {.path = "/healthz", .reason = REASON_EXCLUDED, .key = "exclude.path"}},
        {NULL, {.path = "/healthz/live", .reason = REASON_EXCLUDED, .key = "exclude.path"}},
        {NULL, {.path = "/HealthZ", .reason = REASON_EXCLUDED, .key = "exclude.path"}},
        {NULL, {.path = "//healthz", .reason = REASON_EXCLUDED, .key = "exclude.path"}},
        {NULL, {.path = "/%2Finternal//x", .reason = REASON_EXCLUDED, .key = "exclude.path"}},
        {NULL, {.path = "/x//healthz", .kind = VERDICT_PAGEVIEW}},
        {NULL, {.path = "/healthzero", .kind = VERDICT_PAGEVIEW}},
        {NULL, {.path = "/internal", .reason = REASON_EXCLUDED, .key = "exclude.path"}},
        {NULL,
         {.path = "/internal/x", .ua = GPTBOT, .reason = REASON_EXCLUDED, .key = "exclude.path"}},
        {NULL,
         {.path = "/p",
          .ua = "x our-synthetic/2",
          .reason = REASON_EXCLUDED,
          .key = "exclude.user_agent"}},
        {NULL, {.path = "/p", .ua = NONE, .reason = REASON_NO_USER_AGENT}},
        {"198.51.100.7", {.bad = true, .reason = REASON_NO_REQUEST}},
    };

    judge_rules_defaults(&rules);
    assert_true(cidr_parse(STR("198.51.100.0/24"), &networks[0]));
    assert_true(cidr_parse(STR("2001:db8::/32"), &networks[1]));
    assert_true(cidr_parse(STR("203.0.113.9"), &networks[2]));
    rules.exclude_ip = networks;
    rules.n_exclude_ip = COUNT(networks);
    rules.exclude_path = (struct str_set)SET(paths);
    rules.exclude_user_agent = (struct str_set)SET(agents);
    judge_rules_index(&rules);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct hit hit = hit_of(&cases[i].row);
        struct verdict v;
        hit.client_ip = field(cases[i].ip, NULL);
        judge(&rules, &hit, ua_cache_get(cache, hit.user_agent), &v);
        assert_int_equal(v.kind, cases[i].row.kind);
        assert_int_equal(v.reason, cases[i].row.reason);
        if (cases[i].row.key != NULL)
            assert_string_equal(v.key, cases[i].row.key);
    }
}

/* Other rules than the defaults. */
static void test_own_rules(void **state)
{
    static const struct str methods[] = {{"GET", 3}, {"POST", 4}};
    static const int statuses[] = {200, 302, 404};
    static const struct str not_pages[] = {
        {"/rss", 4}, {"/anatomy/", 9}, {"/rest-api", 9}, {"/", 1}};
    struct judge_rules rules = {.methods = SET(methods), .statuses = statuses, .n_statuses = 3};
    struct verdict v;

    judge_rules_index(&rules);
    judge_row(&rules, &(struct row){.path = "/api/x", .method = "POST", .status = 404}, &v);
    assert_int_equal(v.kind, VERDICT_PAGEVIEW);
    judge_row(&rules, &(struct row){.path = "/p", .status = 302}, &v);
    assert_int_equal(v.kind, VERDICT_PAGEVIEW);
    judge_row(&rules, &(struct row){.path = "/p", .query = "preview=1"}, &v);
    assert_int_equal(v.kind, VERDICT_PAGEVIEW);
    judge_row(&rules, &(struct row){.path = "/p", .status = 304}, &v);
    assert_int_equal(v.reason, REASON_REDIRECT);
    rules.not_pages = (struct str_set)SET(not_pages);
    judge_rules_index(&rules);
    judge_row(&rules, &(struct row){.path = "/rss/x"}, &v);
    assert_int_equal(v.reason, REASON_FEED);
    judge_row(&rules, &(struct row){.path = "/anatomy"}, &v);
    assert_int_equal(v.reason, REASON_NOT_PAGE);
    judge_row(&rules, &(struct row){.path = "/rest-api/2"}, &v);
    assert_int_equal(v.reason, REASON_API);
    judge_row(&rules, &(struct row){.path = "/anything"}, &v);
    assert_int_equal(v.reason, REASON_NOT_PAGE);
}

/* pages.always, types, extensions, editors, health_checks, prefetch. */
static void test_keys(void **state)
{
    static const struct str always[] = {{"/feed", 5}, {"/wp-login.php", 13}, {"/guides/", 8}};
    static const struct str types[] = {{"text/plain", 10}};
    static const struct str extensions[] = {{"pdf", 3}};
    struct judge_rules rules;
    struct verdict v;
    static const struct {
        struct row row;
        const char *type, *purpose;
    } cases[] = {
        {{.path = "/feed/x", .kind = VERDICT_PAGEVIEW, .key = "exclude.path"}, NULL, NULL},
        {{.path = "/feedx", .kind = VERDICT_PAGEVIEW, .key = "exclude.path"}, NULL, NULL},
        {{.path = "/wp-login.php", .kind = VERDICT_PAGEVIEW, .key = "exclude.path"}, NULL, NULL},
        {{.path = "/guides/a.css", .kind = VERDICT_PAGEVIEW, .key = "exclude.path"}, NULL, NULL},
        {{.path = "/guides/", .query = "_rsc", .kind = VERDICT_PAGEVIEW}, NULL, NULL},
        {{.path = "/guides/", .status = 404, .reason = REASON_STATUS}, NULL, NULL},
        {{.path = "/guides/", .ua = "curl/8", .reason = REASON_BOT}, NULL, NULL},
        {{.path = "/a.pdf", .kind = VERDICT_PAGEVIEW}, NULL, NULL},
        {{.path = "/a.html", .reason = REASON_NOT_PAGE, .key = "pages.always"}, NULL, NULL},
        {{.path = "/a.zip", .reason = REASON_DOWNLOAD, .key = "pages.always"}, NULL, NULL},
        {{.path = "/p", .kind = VERDICT_PAGEVIEW, .key = "exclude.path"}, "Text/Plain;x", NULL},
        {{.path = "/p", .reason = REASON_NOT_PAGE, .key = "pages.always"}, "text/html", NULL},
        {{.path = "/wp-admin/", .kind = VERDICT_PAGEVIEW}, NULL, NULL},
        {{.path = "/healthz", .kind = VERDICT_PAGEVIEW}, NULL, NULL},
        {{.path = "/p", .kind = VERDICT_PAGEVIEW}, NULL, "prefetch"},
    };

    judge_rules_defaults(&rules);
    rules.always = (struct str_set)SET(always);
    rules.types = (struct str_set)SET(types);
    rules.extensions = (struct str_set)SET(extensions);
    rules.editors = rules.health_checks = (struct str_set){NULL, 0};
    rules.count_prefetch = true;
    judge_rules_index(&rules);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct hit hit = hit_of(&cases[i].row);
        hit.content_type = field(cases[i].type, NULL);
        hit.purpose = field(cases[i].purpose, NULL);
        judge(&rules, &hit, ua_cache_get(cache, hit.user_agent), &v);
        if (v.kind != cases[i].row.kind || v.reason != cases[i].row.reason)
            fail_msg("%zu: %s: %s", i, cases[i].row.path, v.rule);
        if (cases[i].row.key != NULL)
            assert_string_equal(v.key, cases[i].row.key);
    }
}

/* Only decoded where it fits; a longer path is judged as it stands. */
static void test_long_paths(void **state)
{
    static char path[5000];
    struct judge_rules rules;
    struct verdict v;

    judge_rules_defaults(&rules);
    for (size_t n = 1000; n < sizeof(path) - 1; n += n < 1100 ? 1 : 571) {
        memset(path, 'a', n);
        memcpy(path, "/%61", 4);
        memcpy(path + n - 7, "%2Ejpeg", 8);
        judge_row(&rules, &(struct row){.path = path}, &v);
        assert_int_equal(v.kind, n <= 1024 ? VERDICT_SKIP : VERDICT_PAGEVIEW);
    }
}

static void test_names(void **state)
{
    static const char *const names[REASON_COUNT] = {
        "",         "asset",         "not_page",     "api",      "feed",
        "download", "method",        "status",       "redirect", "bot",
        "prefetch", "probe",         "health_check", "internal", "unknown_site",
        "no_host",  "no_user_agent", "no_request",   "excluded", "duplicate_cdn",
        "not_sent", "out_of_window", "unparsable",   "too_long", "directive",
        "partial",
    };
    for (size_t i = 0; i < REASON_COUNT; i++)
        assert_string_equal(reason_name((enum reason)i), names[i]);
    assert_string_equal(ai_class_name(AI_DOCUMENT), "document");
    assert_string_equal(ai_class_name(AI_POLICY), "policy");
    assert_string_equal(ai_class_name(AI_ASSET), "asset");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),      cmocka_unit_test(test_exclusions),
        cmocka_unit_test(test_own_rules), cmocka_unit_test(test_long_paths),
        cmocka_unit_test(test_names),     cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
