/* rules.c - see rules.h. */
#include "parsers/rules.h"

#define SKIP(reason, text, key)                                                                    \
    {                                                                                              \
        VERDICT_SKIP, reason, text, key                                                            \
    }
#define PAGE(text, key)                                                                            \
    {                                                                                              \
        VERDICT_PAGEVIEW, REASON_NONE, text, key                                                   \
    }

static const struct rule rules[RULES] = {
    [RULE_TOO_LONG] = SKIP(REASON_TOO_LONG, "the line is longer than 256 KiB", NULL),
    [RULE_PARTIAL] = SKIP(REASON_PARTIAL,
                          "a part of a line that the container's log cut, without the rest", NULL),
    [RULE_HEADER] = SKIP(REASON_DIRECTIVE, "a header line of the format", NULL),
    [RULE_MESSAGE] = SKIP(REASON_DIRECTIVE, "a message of the server, not a request", NULL),
    [RULE_STANDARD_ERROR] =
        SKIP(REASON_DIRECTIVE, "written to standard error, not to the access log", NULL),
    [RULE_UNPARSABLE] =
        SKIP(REASON_UNPARSABLE, "the line does not have the source's format", "sources.*.format"),
    [RULE_DUMMY_CONNECTION] = SKIP(REASON_INTERNAL, "Apache woke one of its own processes", NULL),
    [RULE_OPTIONS_STAR] =
        SKIP(REASON_INTERNAL, "OPTIONS * asks for the server, not for a page", NULL),
    [RULE_CDN_OWN] = SKIP(REASON_INTERNAL, "asked by the CDN itself, not by a client of it", NULL),
    [RULE_NO_REQUEST] = SKIP(REASON_NO_REQUEST, "no path can be read from the request", NULL),
    [RULE_EXCLUDED_IP] = SKIP(REASON_EXCLUDED, "client address is excluded", "exclude.ip"),
    [RULE_EXCLUDED_PATH] = SKIP(REASON_EXCLUDED, "path is excluded", "exclude.path"),
    [RULE_EXCLUDED_USER_AGENT] =
        SKIP(REASON_EXCLUDED, "user agent is excluded", "exclude.user_agent"),
    [RULE_CLOUDFRONT_FETCH] =
        SKIP(REASON_DUPLICATE_CDN, "fetched by CloudFront, whose own log has the visitor's request",
             NULL),
    [RULE_AI_METHOD] = SKIP(REASON_METHOD, "method of an AI agent is neither GET nor HEAD", NULL),
    [RULE_AI_NO_STATUS] = SKIP(REASON_STATUS, "no HTTP status was answered", NULL),
    [RULE_AI_ASSET] =
        SKIP(REASON_NOT_SENT, "asset fetched by an AI agent: counted, not sent", NULL),
    [RULE_AI_FETCH] = {VERDICT_AI_FETCH, REASON_NONE, "user agent is an AI agent of the catalogue",
                       "exclude.user_agent"},
    [RULE_NO_USER_AGENT] = SKIP(REASON_NO_USER_AGENT, "no user agent was sent", NULL),
    [RULE_HEALTH_CHECK_AGENT] = SKIP(REASON_HEALTH_CHECK, "user agent is a health check's", NULL),
    [RULE_ROBOT] = SKIP(REASON_BOT, "user agent is a robot's", "ai.search_engines"),
    [RULE_PROBE_PATH] = SKIP(REASON_PROBE, "path that only scanners ask for", "pages.always"),
    [RULE_PROBE_QUERY] = SKIP(REASON_PROBE, "query that only attacks have", "pages.always"),
    [RULE_PROBE_LOOKUP] =
        SKIP(REASON_PROBE, "user agent or referrer is an attack on log4j", "pages.always"),
    [RULE_PREFETCH] =
        SKIP(REASON_PREFETCH, "fetched in advance: perhaps nobody will see it", "pages.prefetch"),
    [RULE_METHOD] = SKIP(REASON_METHOD, "method is not one of a page's", "pages.methods"),
    [RULE_REDIRECT] = SKIP(REASON_REDIRECT, "status is a redirect", "pages.statuses"),
    [RULE_NO_STATUS] = SKIP(REASON_STATUS, "no HTTP status was answered", NULL),
    [RULE_STATUS] = SKIP(REASON_STATUS, "status is not one of a page's", "pages.statuses"),
    [RULE_LATER_PART] =
        SKIP(REASON_STATUS, "a later part of something that was begun before", NULL),
    [RULE_CDN_REDIRECT] = SKIP(REASON_REDIRECT, "the CDN redirected, from http to https", NULL),
    [RULE_ALWAYS] = PAGE("path is one of those that are always pages", "exclude.path"),
    [RULE_DROP_QUERY] =
        SKIP(REASON_NOT_PAGE, "query has a parameter that no page has", "pages.always"),
    [RULE_POLICY] = SKIP(REASON_NOT_PAGE, "file for machines: robots.txt, sitemap, /.well-known/",
                         "pages.always"),
    [RULE_FURNITURE] =
        SKIP(REASON_NOT_PAGE, "file that browsers ask for by themselves", "pages.always"),
    [RULE_FRAMEWORK_DATA] =
        SKIP(REASON_NOT_PAGE, "data that a framework fetches for a page it shows", "pages.always"),
    [RULE_EDITORS] =
        SKIP(REASON_NOT_PAGE, "path is where the site's own people work", "pages.always"),
    [RULE_ATTACHMENT] = SKIP(REASON_DOWNLOAD, "answer is an attachment", "pages.always"),
    [RULE_TYPE_PAGE] = PAGE("content type is HTML", "exclude.path"),
    [RULE_TYPE_ASSET] = SKIP(REASON_ASSET, "content type is an asset's", "pages.always"),
    [RULE_TYPE_DOWNLOAD] = SKIP(REASON_DOWNLOAD, "content type is a download's", "pages.always"),
    [RULE_TYPE_FEED] = SKIP(REASON_FEED, "content type is a feed's", "pages.always"),
    [RULE_TYPE_DATA] = SKIP(REASON_API, "content type is data, not a page", "pages.always"),
    [RULE_TYPE_OTHER] = SKIP(REASON_NOT_PAGE, "content type is not HTML", "pages.always"),
    [RULE_PATH_ASSET] = SKIP(REASON_ASSET, "path ends in a known static extension", "pages.always"),
    [RULE_HEALTH_CHECK_PATH] =
        SKIP(REASON_HEALTH_CHECK, "path is asked for by health checks", "pages.always"),
    [RULE_BELOW_API] = SKIP(REASON_API, "path is below one that holds no pages", "pages.always"),
    [RULE_BELOW_FEED] = SKIP(REASON_FEED, "path is below one that holds no pages", "pages.always"),
    [RULE_BELOW_OTHER] =
        SKIP(REASON_NOT_PAGE, "path is below one that holds no pages", "pages.always"),
    [RULE_PROGRAM_API] =
        SKIP(REASON_API, "address that known software has for its scripts", "pages.always"),
    [RULE_PROGRAM_OTHER] =
        SKIP(REASON_NOT_PAGE, "address that known software has for its scripts", "pages.always"),
    [RULE_FEED_QUERY] = SKIP(REASON_FEED, "query asks for a feed", "pages.always"),
    [RULE_DOWNLOAD_QUERY] = SKIP(REASON_DOWNLOAD, "query asks for a download", "pages.always"),
    [RULE_PATH_FEED] = SKIP(REASON_FEED, "path is a feed's", "pages.always"),
    [RULE_PATH_DOWNLOAD] =
        SKIP(REASON_DOWNLOAD, "path ends in the extension of a download", "pages.always"),
    [RULE_PATH_DATA] = SKIP(REASON_API, "path ends in the extension of data", "pages.always"),
    [RULE_PATH_OTHER] =
        SKIP(REASON_NOT_PAGE, "path ends in an extension that is not a page's", "pages.always"),
    [RULE_PATH_PAGE] = PAGE("path is a page's", "exclude.path"),
    [RULE_CDN_DUPLICATE] =
        SKIP(REASON_DUPLICATE_CDN, "came through a CDN whose own log is read too",
             "sources.*.cdn_duplicates"),
    [RULE_OUT_OF_WINDOW] =
        SKIP(REASON_OUT_OF_WINDOW, "the line's time is outside --since and --until", NULL),
    [RULE_NO_HOST] = SKIP(REASON_NO_HOST, "the line names no host and the source has no default",
                          "sources.*.default_host"),
    [RULE_UNKNOWN_SITE] = SKIP(
        REASON_UNKNOWN_SITE, "no site of the configuration or of the token has this host", "sites"),
    [RULE_NOT_WANTED] = SKIP(REASON_NOT_SENT, "no destination of this site is sent this kind",
                             "destinations.*.send"),
    [RULE_BAD_HOST] = SKIP(REASON_NO_HOST, "the host is no host name", NULL),
};

const struct rule *rule_of(enum rule_id id)
{
    return &rules[id];
}

void rule_decide(struct verdict *v, enum rule_id id)
{
    v->kind = rules[id].kind;
    v->reason = rules[id].reason;
    v->rule = rules[id].text;
    v->key = rules[id].key;
}
