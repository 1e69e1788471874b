/* judge_defaults.c - the page rule where the configuration is silent: judge_rules_defaults of
 * verdict.h. `logferry check --print-defaults` prints it. */
#include "parsers/verdict.h"

#define S(literal) STR_INIT(literal)
#define SET(array)                                                                                 \
    {                                                                                              \
        array, COUNT_OF(array)                                                                     \
    }

static const struct str methods[] = {S("GET")};
static const int statuses[] = {200, 203, 206, 304};
static const struct str types[] = {S("text/html"), S("application/xhtml+xml")};
static const struct str extensions[] = {
    S("html"), S("htm"),  S("php"), S("shtml"),  S("xhtml"), S("phtml"), S("php3"),
    S("php4"), S("php5"), S("asp"), S("aspx"),   S("jsp"),   S("jspx"),  S("cgi"),
    S("pl"),   S("cfm"),  S("do"),  S("action"), S("md"),
};

/* Data requests of frameworks and shops; previews and editors of WordPress and its page builders; a
 * debugger's, which scanners ask for more often than developers. */
static const struct str drop_query[] = {
    S("_rsc"),
    S("_data"),
    S("_pjax"),
    S("__WB_REVISION__"),
    S("rest_route"),
    S("wc-ajax"),
    S("wc-api"),
    S("wordfence_lh"),
    S("ajax=1"),
    S("ajax=true"),
    S("isAjax=1"),
    S("isAjax=true"),
    S("option=com_ajax"),
    S("_wrapper_format"),
    S("_format=json"),
    S("_format=hal_json"),
    S("format=json"),
    S("format=raw"),
    S("action=raw"),
    S("eID"),
    S("preview="),
    S("preview=1"),
    S("preview=true"),
    S("preview=yes"),
    S("preview_id"),
    S("preview_nonce"),
    S("customize_changeset_uuid"),
    S("customize_theme"),
    S("elementor-preview"),
    S("elementor_library"),
    S("et_fb"),
    S("fl_builder"),
    S("vc_editable"),
    S("ct_builder"),
    S("XDEBUG_SESSION_START"),
};

static const struct str not_pages[] = {
    S("/.well-known/"),
    S("/api/"),
    S("/graphql"),
    S("/jsonapi/"),
    S("/wp-json/"),
    S("/wp-admin/admin-ajax.php"),
    S("/xmlrpc.php"),
    S("/wp-cron.php"),
    S("/ajax/"),
    S("/cdn-cgi/"),
    S("/_next/"),
    S("/_nuxt/"),
    S("/_ipx/"),
    S("/_image"),
    S("/_app/"),
    S("/_astro/"),
    S("/_vercel/"),
    S("/_blazor"),
    S("/.netlify/"),
    S("/socket.io/"),
    S("/matomo.php"),
    S("/matomo/matomo.php"),
    S("/piwik.php"),
    S("/assets/"),
    S("/static/"),
    S("/feed"),
    S("/feeds/posts/"),
    /* Magento, Jira, SharePoint, Ghost, MediaWiki, Drupal */
    S("/store-api/"),
    S("/session/token"),
    S("/rest/V1/"),
    S("/rest/default/V1/"),
    S("/rest/all/V1/"),
    S("/rest/api/"),
    S("/customer/section/load"),
    S("/page_cache/block/"),
    S("/_api/"),
    S("/_vti_bin/"),
    S("/members/api/"),
    S("/api.php"),
    S("/load.php"),
    S("/opensearch_desc.php"),
    S("/w/api.php"),
    S("/w/rest.php"),
    S("/w/load.php"),
    S("/w/opensearch_desc.php"),
    S("/views/ajax"),
    S("/system/ajax"),
    /* for programs, of any software */
    S("/v1/graphql"),
    S("/trpc/"),
    S("/rpc/"),
    S("/gql"),
    S("/twirp/"),
    S("/jsonrpc"),
    S("/json-rpc"),
    S("/RPC2"),
    S("/odata/"),
    S("/ajax.php"),
    S("/oembed"),
    S("/nodeinfo/"),
    S("/signalr/"),
    S("/sockjs/"),
    S("/sockjs-node/"),
    S("/engine.io/"),
    S("/message-bus/"),
    S("/v2/api-docs"),
    S("/v3/api-docs"),
    S("/horizon/api/"),
    S("/telescope/telescope-api/"),
    S("/nova-api/"),
    S("/_serverFn/"),
    S("/_server"),
    S("/_build/"),
    S("/_fresh/"),
    S("/_frsh/"),
    S("/_functions/"),
    S("/.auth/me"),
    S("/__/"),
    S("/g/collect"),
    /* jobs, and what shows developers how a page was made */
    S("/cron.php"),
    S("/app.php/cron/"),
    S("/wp-trackback.php"),
    S("/wp-links-opml.php"),
    S("/mini-profiler-resources/"),
    S("/_debugbar/"),
    S("/__debug__/"),
    S("/_wdt/"),
    S("/ngsw/"),
};

static const struct str editors[] = {S("/wp-admin/"), S("/administrator/"), S("/ghost/"),
                                     S("/typo3/"), S("/umbraco/")};

static const struct str health_checks[] = {
    S("/healthz"),       S("/livez"),           S("/readyz"),           S("/ping"),
    S("/health-check"),  S("/healthcheck"),     S("/health_check"),     S("/_health"),
    S("/__heartbeat__"), S("/actuator/health"), S("/nginx_status"),     S("/stub_status"),
    S("/health/live"),   S("/health/ready"),    S("/healthcheck.html"), S("/_ah/health"),
    S("/_ah/warmup"),    S("/-/readiness"),     S("/-/liveness"),
};

void judge_rules_defaults(struct judge_rules *r)
{
    *r = (struct judge_rules){
        .methods = SET(methods),
        .statuses = statuses,
        .n_statuses = COUNT_OF(statuses),
        .types = SET(types),
        .extensions = SET(extensions),
        .not_pages = SET(not_pages),
        .drop_query = SET(drop_query),
        .editors = SET(editors),
        .health_checks = SET(health_checks),
    };
    judge_rules_index(r);
}
