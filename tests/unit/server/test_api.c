/* The single-record endpoints and the reads, row by row of HitKeep's contract, through a real
 * socket. */
#include "tests/unit/server/api_bench.h"
#include "tests/unit/server/api_rules.h"

#define AI_PATH "POST /api/sites/" SITE_ID "/ingest/ai-fetch"
#define PAGE_PATH "POST /api/ingest/server/pageview"
#define EVENT_PATH "POST /api/ingest/server/event"
#define ADMIN "Authorization: Bearer admin\r\n"
#define UA_GPT "Mozilla/5.0 (compatible; GPTBot/1.2)"
#define AI_BODY "{\"path\":\"/p\",\"status_code\":200,\"user_agent\":\"" UA_GPT "\"}"
#define PAGE_REST                                                                                  \
    "\"timestamp\":\"2024-02-29T12:00:00.5+01:00\",\"visitor_ip\":\"203.0.113.9\","                \
    "\"user_agent\":\" Firefox \""
#define PAGE_BODY "{\"url\":\"https://www.Example.com:8443/a?b=c#d\"," PAGE_REST "}"
#define EVENT_BODY "{\"url\":\"https://example.com/\",\"name\":\" buy \"," PAGE_REST "}"

struct call {
    const char *name;
    const char *line;
    const char *headers;
    const char *body; /* NULL: none */
    int status;
    const char *answer; /* the body without its newline; "" for none */
    const char *stored; /* what the store was given, a part of the line; NULL: nothing */
};

/* An error is text with nosniff, and nothing that would tell of tokens. */
static void check_error_headers(const char *name, struct probe *p)
{
    if (probe_count(p, "\r\nContent-Type: text/plain; charset=utf-8\r\n") != 1 ||
        probe_count(p, "\r\nX-Content-Type-Options: nosniff\r\n") != 1 ||
        probe_count(p, "WWW-Authenticate") != 0)
        fail_msg("%s: wrong headers: %s", name, probe_text(p));
}

static void check_accepted_headers(const char *name, struct probe *p)
{
    if (probe_count(p, "\r\nContent-Length: 0\r\n") != 1 || probe_count(p, "Content-Type") != 0)
        fail_msg("%s: wrong headers: %s", name, probe_text(p));
}

static void check_stored(struct bench *b, const struct call *c)
{
    const char *noted = buf_cstr(&b->store.noted);
    if (c->stored ? !strstr(noted, c->stored) : *noted != '\0')
        fail_msg("%s: stored \"%s\", wanted \"%s\"", c->name, noted, c->stored ? c->stored : "");
}

static void check_call(struct bench *b, const struct call *c)
{
    struct probe p;
    bench_ask(b, &p, c->line, c->headers, c->body ? str_of(c->body) : STR_NONE);
    char wanted[256];
    snprintf(wanted, sizeof(wanted), "%s%s", c->answer, *c->answer ? "\n" : "");
    if (probe_status(&p) != c->status || strcmp(probe_body(&p), wanted) != 0)
        fail_msg("%s: wanted %d %s, got: %s", c->name, c->status, c->answer, probe_text(&p));
    if (c->status >= 400)
        check_error_headers(c->name, &p);
    else if (c->status == 202)
        check_accepted_headers(c->name, &p);
    check_stored(b, c);
    probe_close(&p);
}

static void check_calls(struct bench *b, const struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_call(b, &calls[i]);
}
#define CHECK_CALLS(b, calls) check_calls(b, calls, sizeof(calls) / sizeof((calls)[0]))

/* ---- tokens ------------------------------------------------------------------------------------
 */

#define UNAUTHORIZED 401, "Unauthorized", NULL
static const struct call token_calls[] = {
    {"no token", PAGE_PATH, "", PAGE_BODY, UNAUTHORIZED},
    {"bearer", PAGE_PATH, "Authorization: Bearer admin\r\n", PAGE_BODY, 202, "", "pageview site=1"},
    {"bearer, any case", PAGE_PATH, "authorization:  bEARER   admin \r\n", PAGE_BODY, 202, "",
     "site=1"},
    {"bearer, tab", PAGE_PATH, "Authorization: Bearer\tadmin\r\n", PAGE_BODY, UNAUTHORIZED},
    {"key", PAGE_PATH, "X-Api-Key: admin\r\n", PAGE_BODY, 202, "", "site=1"},
    {"basic, then key", PAGE_PATH, "Authorization: Basic eDp5\r\nX-API-KEY: admin\r\n", PAGE_BODY,
     202, "", "site=1"},
    {"empty bearer, then key", PAGE_PATH, "Authorization: Bearer \r\nX-Api-Key: admin\r\n",
     PAGE_BODY, 202, "", "site=1"},
    {"bearer wins", PAGE_PATH, "Authorization: Bearer wrong\r\nX-Api-Key: admin\r\n", PAGE_BODY,
     UNAUTHORIZED},
    {"scheme only", PAGE_PATH, "Authorization: Bearer\r\n", PAGE_BODY, UNAUTHORIZED},
    {"token only", PAGE_PATH, "Authorization: admin\r\n", PAGE_BODY, UNAUTHORIZED},
    {"basic", PAGE_PATH, "Authorization: Basic admin\r\n", PAGE_BODY, UNAUTHORIZED},
    {"unknown", PAGE_PATH, "Authorization: Bearer admi\r\n", PAGE_BODY, UNAUTHORIZED},
    {"two words", PAGE_PATH, "Authorization: Bearer admin x\r\n", PAGE_BODY, UNAUTHORIZED},
    {"expired", PAGE_PATH, "Authorization: Bearer expired\r\n", PAGE_BODY, UNAUTHORIZED},
    {"revoked", PAGE_PATH, "Authorization: Bearer revoked\r\n", PAGE_BODY, UNAUTHORIZED},
    {"token before body", PAGE_PATH, "Authorization: Bearer x\r\n", "{", UNAUTHORIZED},
    {"event", EVENT_PATH, "", EVENT_BODY, UNAUTHORIZED},
    {"ai-fetch", AI_PATH, "", AI_BODY, UNAUTHORIZED},
    {"ai-fetch, bad id", "POST /api/sites/x/ingest/ai-fetch", "", AI_BODY, UNAUTHORIZED},
    {"sites", "GET /api/sites", "", NULL, UNAUTHORIZED},
    {"sites, revoked", "GET /api/sites", "X-Api-Key: revoked\r\n", NULL, UNAUTHORIZED},
};

static void tokens(void **state)
{
    CHECK_CALLS(*state, token_calls);
}

/* ---- ai-fetch ----------------------------------------------------------------------------------
 */

#define BAD_BODY 400, "Bad request body", NULL
#define AI_SITE(id) "POST /api/sites/" id "/ingest/ai-fetch"
static const struct call fetch_calls[] = {
    {"plain", AI_PATH, ADMIN, AI_BODY, 202, "",
     "ai_fetch site=1 path=/p status=200 ua=" UA_GPT "\n"},
    {"all fields", AI_PATH, ADMIN,
     "{\"path\":\" /p?q=1#f \",\"hostname\":\" WWW.Example.com:443 \",\"status_code\":599,"
     "\"content_type\":\" text/html; charset=utf-8 "
     "\",\"response_ms\":12,\"bytes_served\":9007199254740993,"
     "\"user_agent\":\" " UA_GPT " \",\"timestamp\":\"2020-01-01T00:00:00Z\",\"x\":[{}]}",
     202, "",
     "ai_fetch site=1 host=www.example.com:443 path=/p?q=1#f type=text/html; charset=utf-8 "
     "status=599"
     " ms=12 bytes=9007199254740993 ua=" UA_GPT "\n"},
    {"nothing measured", AI_PATH, ADMIN,
     "{\"path\":\"p\",\"status_code\":100,\"response_ms\":0,\"bytes_served\":-5,\"hostname\":\"\","
     "\"content_type\":\"\",\"user_agent\":\"gptbot\"}",
     202, "", "ai_fetch site=1 path=/p status=100 ua=gptbot\n"},
    /* who */
    {"owner", AI_PATH, "X-Api-Key: owner\r\n", AI_BODY, 202, "", "site=1"},
    {"ingest", AI_PATH, "X-Api-Key: ingest\r\n", AI_BODY, 202, "", "site=1"},
    {"editor", AI_PATH, "X-Api-Key: editor\r\n", AI_BODY, 403, "Forbidden", NULL},
    {"viewer", AI_PATH, "X-Api-Key: viewer\r\n", AI_BODY, 403, "Forbidden", NULL},
    {"viewer there", AI_SITE(SECOND_ID), ADMIN, AI_BODY, 403, "Forbidden", NULL},
    {"no grant", AI_SITE(CLOSED_ID), ADMIN, AI_BODY, 403, "Access denied", NULL},
    {"another team's", AI_SITE(FOREIGN_ID), ADMIN, AI_BODY, 403, "Access denied", NULL},
    {"no such site", AI_SITE(NOWHERE_ID), ADMIN, AI_BODY, 403, "Access denied", NULL},
    {"their own", AI_SITE(FOREIGN_ID), "X-Api-Key: other\r\n", AI_BODY, 202, "", "site=3"},
    {"permission before body", AI_SITE(CLOSED_ID), ADMIN, "{", 403, "Access denied", NULL},
    /* the id */
    {"upper case id", "POST /api/sites/AAAAAAAA-1111-4111-8111-111111111111/ingest/ai-fetch", ADMIN,
     AI_BODY, 403, "Access denied", NULL},
    {"id without dashes", AI_SITE("11111111111141118111111111111111"), ADMIN, AI_BODY, 202, "",
     "site=1"},
    {"id in braces", AI_SITE("{" SITE_ID "}"), ADMIN, AI_BODY, 202, "", "site=1"},
    {"id in escaped braces", AI_SITE("%7B" SITE_ID "%7d"), ADMIN, AI_BODY, 202, "", "site=1"},
    {"urn id", AI_SITE("urn:uuid:" SITE_ID), ADMIN, AI_BODY, 202, "", "site=1"},
    {"no id", AI_SITE("x"), ADMIN, AI_BODY, 400, "invalid site ID", NULL},
    {"long id", AI_SITE(SITE_ID SITE_ID SITE_ID), ADMIN, AI_BODY, 400, "invalid site ID", NULL},
    {"id with a bad escape", AI_SITE(SITE_ID "%2"), ADMIN, AI_BODY, 400, "invalid site ID", NULL},
    {"id with an escaped slash", AI_SITE("..%2f" SITE_ID), ADMIN, AI_BODY, 400, "invalid site ID",
     NULL},
    {"empty id", AI_SITE(""), ADMIN, AI_BODY, 404, "404 page not found", NULL},
    {"double slash", "POST /api//sites/" SITE_ID "/ingest/ai-fetch", ADMIN, AI_BODY, 404,
     "404 page not found", NULL},
    {"slash behind", AI_PATH "/", ADMIN, AI_BODY, 404, "404 page not found", NULL},
    /* the body */
    {"empty body", AI_PATH, ADMIN, "", BAD_BODY},
    {"no body", AI_PATH, ADMIN, NULL, BAD_BODY},
    {"null", AI_PATH, ADMIN, "null", 400, "status_code must be between 100 and 599", NULL},
    {"array", AI_PATH, ADMIN, "[]", BAD_BODY},
    {"string", AI_PATH, ADMIN, "\"x\"", BAD_BODY},
    {"broken", AI_PATH, ADMIN, "{\"path\":\"/p\"", BAD_BODY},
    {"trailing data", AI_PATH, ADMIN, AI_BODY " trailing }", 202, "", "path=/p "},
    {"keys in any case", AI_PATH, ADMIN,
     "{\"PATH\":\"/p\",\"Status_Code\":201,\"uSeR_aGeNt\":\"gptbot\"}", 202, "",
     "path=/p status=201 ua=gptbot"},
    {"the last wins", AI_PATH, ADMIN,
     "{\"path\":\"/1\",\"path\":\"/2\",\"Path\":\"/3\",\"status_code\":200,"
     "\"user_agent\":\"gptbot\"}",
     202, "", "path=/3 "},
    {"null leaves it", AI_PATH, ADMIN,
     "{\"path\":\"/1\",\"path\":null,\"status_code\":200,"
     "\"user_agent\":\"gptbot\",\"hostname\":null}",
     202, "", "site=1 path=/1 "},
    {"invalid UTF-8", AI_PATH, ADMIN,
     "{\"path\":\"/\xff\",\"status_code\":200,\"user_agent\":\"gptbot\"}", 202, "",
     "path=/\xef\xbf\xbd "},
    {"lone surrogate", AI_PATH, ADMIN,
     "{\"path\":\"/\\ud800\",\"status_code\":200,\"user_agent\":\"gptbot\"}", 202, "",
     "path=/\xef\xbf\xbd "},
    {"escapes", AI_PATH, ADMIN,
     "{\"p\\u0061th\":\"\\/\\u00e4\",\"status_code\":200,\"user_agent\":\"gptbot\"}", 202, "",
     "path=/\xc3\xa4 "},
    {"status a string", AI_PATH, ADMIN,
     "{\"path\":\"/\",\"status_code\":\"200\",\"user_agent\":\"gptbot\"}", BAD_BODY},
    {"status 200.0", AI_PATH, ADMIN,
     "{\"path\":\"/\",\"status_code\":200.0,\"user_agent\":\"gptbot\"}", BAD_BODY},
    {"status 2e2", AI_PATH, ADMIN, "{\"path\":\"/\",\"status_code\":2e2,\"user_agent\":\"gptbot\"}",
     BAD_BODY},
    {"status too large", AI_PATH, ADMIN,
     "{\"path\":\"/\",\"status_code\":99999999999999999999,\"user_agent\":\"gptbot\"}", BAD_BODY},
    {"path a number", AI_PATH, ADMIN, "{\"path\":1,\"status_code\":200,\"user_agent\":\"gptbot\"}",
     BAD_BODY},
    {"wrong type behind a fault", AI_PATH, ADMIN, "{\"status_code\":1,\"path\":true}", BAD_BODY},
    {"no content type needed", AI_PATH, ADMIN "Content-Type: text/plain\r\n", AI_BODY, 202, "",
     "site=1"},
    {"an origin does not matter", AI_PATH, ADMIN "Origin: https://x.example\r\n", AI_BODY, 202, "",
     "site=1"},
    /* the fields, in their order */
    {"a key's other letters", AI_PATH, ADMIN,
     "{\"path\":\"\xc2\xa0/p\xe3\x80\x80\",\"\xc5\xbftatus_code\":200,\"user_agent\":\"gptbot\"}",
     202, "", "site=1 path=/p status=200"},
    {"no status", AI_PATH, ADMIN, "{\"path\":\"\",\"user_agent\":\"\"}", 400,
     "status_code must be between 100 and 599", NULL},
    {"status 99", AI_PATH, ADMIN, "{\"status_code\":99}", 400,
     "status_code must be between 100 and 599", NULL},
    {"status 600", AI_PATH, ADMIN, "{\"status_code\":600}", 400,
     "status_code must be between 100 and 599", NULL},
    {"status 0", AI_PATH, ADMIN, "{\"path\":\"/\",\"status_code\":0,\"user_agent\":\"gptbot\"}",
     400, "status_code must be between 100 and 599", NULL},
    {"no user agent", AI_PATH, ADMIN, "{\"status_code\":200}", 400,
     "user_agent must match a known AI bot", NULL},
    {"a browser", AI_PATH, ADMIN, "{\"status_code\":200,\"user_agent\":\"Firefox\"}", 400,
     "user_agent must match a known AI bot", NULL},
    {"a crawler", AI_PATH, ADMIN,
     "{\"path\":\"/\",\"status_code\":200,\"user_agent\":\"Mozilla/5.0 (compatible; "
     "AhrefsBot/7.0)\"}",
     400, "user_agent must match a known AI bot", NULL},
    {"a search engine", AI_PATH, ADMIN,
     "{\"path\":\"/\",\"status_code\":200,\"user_agent\":\"Mozilla/5.0 (compatible; "
     "Googlebot/2.1)\"}",
     400, "user_agent must match a known AI bot", NULL},
    {"a search engine", AI_PATH, ADMIN,
     "{\"path\":\"/\",\"status_code\":200,\"user_agent\":\"Mozilla/5.0 (compatible; "
     "Googlebot/2.1)\"}",
     400, "user_agent must match a known AI bot", NULL},
    {"no path", AI_PATH, ADMIN, "{\"status_code\":200,\"user_agent\":\"gptbot\"}", 400,
     "path is required", NULL},
    {"blank path", AI_PATH, ADMIN,
     "{\"path\":\" \\t\",\"status_code\":200,\"user_agent\":\"gptbot\"}", 400, "path is required",
     NULL},
};

static void ai_fetches(void **state)
{
    CHECK_CALLS(*state, fetch_calls);
}

/* ---- pageview and event ------------------------------------------------------------------------
 */

#define URL_400 400, "url must be an absolute http or https URL", NULL
#define TIME_400 400, "timestamp must be RFC3339", NULL
#define IP_400 400, "visitor_ip must be a valid IP address", NULL
#define UA_400 400, "user_agent is required", NULL
#define PAGE(url) "{\"url\":\"" url "\"," PAGE_REST "}"
#define TIMED(time)                                                                                \
    "{\"url\":\"http://"                                                                           \
    "example.com\",\"visitor_ip\":\"::1\",\"user_agent\":\"x\",\"timestamp\":\"" time "\"}"
#define FROM(ip)                                                                                   \
    "{\"url\":\"http://"                                                                           \
    "example.com\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"user_agent\":\"x\",\"visitor_"         \
    "ip\":\"" ip "\"}"
#define WITH(more) "{\"url\":\"http://example.com\"," PAGE_REST "," more "}"
#define UUID_TEXT_A "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

static const struct call page_calls[] = {
    {"plain", PAGE_PATH, ADMIN, PAGE_BODY, 202, "",
     "pageview site=1 url=https://www.Example.com:8443/a?b=c ip=203.0.113.9 ua=Firefox "
     "time=1709204400500\n"},
    {"alias", PAGE_PATH, ADMIN, PAGE("http://example.de/"), 202, "", "site=1"},
    {"www of an alias", PAGE_PATH, ADMIN, PAGE("http://www.example.de/"), 202, "", "site=1"},
    {"second www", PAGE_PATH, ADMIN, PAGE("http://www.www.example.com/"), 404, "Site not found",
     NULL},
    {"subdomain", PAGE_PATH, ADMIN, PAGE("http://blog.example.com/"), 404, "Site not found", NULL},
    {"unknown domain", PAGE_PATH, ADMIN, PAGE("http://nowhere.net/"), 404, "Site not found", NULL},
    {"foreign domain", PAGE_PATH, ADMIN, PAGE("http://foreign.net/"), 403, "Access denied", NULL},
    {"no grant", PAGE_PATH, ADMIN, PAGE("http://closed.net/"), 403, "Access denied", NULL},
    {"viewer grant", PAGE_PATH, ADMIN, PAGE("http://example.org/"), 403, "Access denied", NULL},
    {"editor", PAGE_PATH, "X-Api-Key: editor\r\n", PAGE_BODY, 403, "Access denied", NULL},
    {"ingest", PAGE_PATH, "X-Api-Key: ingest\r\n", PAGE_BODY, 202, "", "site=1"},
    {"owner", PAGE_PATH, "X-Api-Key: owner\r\n", PAGE_BODY, 202, "", "site=1"},
    /* url */
    {"no url", PAGE_PATH, ADMIN, "{" PAGE_REST "}", URL_400},
    {"null body", PAGE_PATH, ADMIN, "null", URL_400},
    {"relative", PAGE_PATH, ADMIN, PAGE("/a"), URL_400},
    {"no scheme", PAGE_PATH, ADMIN, PAGE("//example.com/"), URL_400},
    {"ftp", PAGE_PATH, ADMIN, PAGE("ftp://example.com/"), URL_400},
    {"no host", PAGE_PATH, ADMIN, PAGE("http:///a"), URL_400},
    {"blanks around", PAGE_PATH, ADMIN, PAGE(" http://example.com/ "), 202, "", "site=1"},
    {"blank within", PAGE_PATH, ADMIN, PAGE("http://exam ple.com/"), URL_400},
    {"control byte", PAGE_PATH, ADMIN, PAGE("http://example.com/\\u0001"), URL_400},
    {"bad escape", PAGE_PATH, ADMIN, PAGE("http://example.com/%zz"), URL_400},
    {"bad escape in the query", PAGE_PATH, ADMIN, PAGE("http://example.com/?%zz"), 202, "",
     "url=http://example.com/?%zz "},
    {"user name", PAGE_PATH, ADMIN, PAGE("http://u:p@example.com/"), 202, "", "site=1"},
    {"bad user name", PAGE_PATH, ADMIN, PAGE("http://u u@example.com/"), URL_400},
    {"blank in the host", PAGE_PATH, ADMIN, PAGE("http://exa mple.com/"), URL_400},
    {"escape in the host", PAGE_PATH, ADMIN, PAGE("http://example.com%00/"), URL_400},
    {"escaped letter in the host", PAGE_PATH, ADMIN, PAGE("http://exam%70le.com/"), URL_400},
    {"port of letters", PAGE_PATH, ADMIN, PAGE("http://example.com:x/"), URL_400},
    {"empty port", PAGE_PATH, ADMIN, PAGE("http://example.com:/"), 202, "", "site=1"},
    {"bad escape in the fragment", PAGE_PATH, ADMIN, PAGE("http://example.com/#%zz"), URL_400},
    {"upper case scheme", PAGE_PATH, ADMIN, PAGE("HTTPS://EXAMPLE.COM/A"), 202, "",
     "url=HTTPS://EXAMPLE.COM/A "},
    {"path escaped as Go does", PAGE_PATH, ADMIN, PAGE("http://example.com/a b!?c d#e"), 202, "",
     "url=http://example.com/a%20b%21?c d ip"},
    {"odd but valid path", PAGE_PATH, ADMIN, PAGE("http://example.com/a!(b)%2f[c]"), 202, "",
     "url=http://example.com/a!(b)%2f[c] "},
    {"only a fragment", PAGE_PATH, ADMIN, PAGE("http://example.com#x"), 202, "",
     "url=http://example.com ip"},
    /* timestamp */
    {"no time", PAGE_PATH, ADMIN, "{\"url\":\"http://example.com\"}", TIME_400},
    {"leap second", PAGE_PATH, ADMIN, TIMED("2016-12-31T23:59:60Z"), TIME_400},
    {"comma", PAGE_PATH, ADMIN, TIMED("2024-01-01T00:00:00,5Z"), 202, "", "time=1704067200500"},
    {"trimmed time", PAGE_PATH, ADMIN, TIMED(" 2024-01-01T00:00:00Z "), 202, "",
     "time=1704067200000"},
    {"long ago", PAGE_PATH, ADMIN, TIMED("1999-12-31T23:59:59-05:00"), 202, "",
     "time=946702799000"},
    {"time to come", PAGE_PATH, ADMIN, TIMED("2999-01-01T00:00:00Z"), 202, "",
     "time=32472144000000"},
    {"no zone", PAGE_PATH, ADMIN, TIMED("2024-01-01T00:00:00"), TIME_400},
    {"blank for T", PAGE_PATH, ADMIN, TIMED("2024-01-01 00:00:00Z"), TIME_400},
    {"small z", PAGE_PATH, ADMIN, TIMED("2024-01-01T00:00:00z"), TIME_400},
    {"day only", PAGE_PATH, ADMIN, TIMED("2024-01-01"), TIME_400},
    {"30 February", PAGE_PATH, ADMIN, TIMED("2024-02-30T00:00:00Z"), TIME_400},
    {"seconds since 1970", PAGE_PATH, ADMIN, TIMED("1704067200"), TIME_400},
    /* visitor_ip */
    {"no address", PAGE_PATH, ADMIN,
     "{\"url\":\"http://example.com\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"user_agent\":\"x\"}",
     IP_400},
    {"IPv6", PAGE_PATH, ADMIN, FROM("2001:DB8::1"), 202, "", "ip=2001:DB8::1 "},
    {"IPv6 zone", PAGE_PATH, ADMIN, FROM("fe80::1%eth0"), 202, "", "ip=fe80::1 "},
    {"empty zone", PAGE_PATH, ADMIN, FROM("fe80::1%"), IP_400},
    {"IPv4 zone", PAGE_PATH, ADMIN, FROM("10.0.0.1%eth0"), IP_400},
    {"port", PAGE_PATH, ADMIN, FROM("10.0.0.1:80"), IP_400},
    {"network", PAGE_PATH, ADMIN, FROM("10.0.0.0/8"), IP_400},
    {"brackets", PAGE_PATH, ADMIN, FROM("[::1]"), IP_400},
    {"name", PAGE_PATH, ADMIN, FROM("localhost"), IP_400},
    {"three parts", PAGE_PATH, ADMIN, FROM("10.0.1"), IP_400},
    {"empty address", PAGE_PATH, ADMIN, FROM(""), IP_400},
    /* user_agent, and the order of all */
    {"no user agent", PAGE_PATH, ADMIN,
     "{\"url\":\"http://x.net\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"visitor_ip\":\"::1\"}",
     UA_400},
    {"blank user agent", PAGE_PATH, ADMIN,
     "{\"url\":\"http://"
     "x.net\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"visitor_ip\":\"::1\",\"user_agent\":\" \"}",
     UA_400},
    {"url first", PAGE_PATH, ADMIN, "{\"timestamp\":\"x\",\"visitor_ip\":\"x\"}", URL_400},
    {"then time", PAGE_PATH, ADMIN,
     "{\"url\":\"http://x.net\",\"timestamp\":\"x\",\"visitor_ip\":\"x\"}", TIME_400},
    {"then address", PAGE_PATH, ADMIN,
     "{\"url\":\"http://x.net\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"visitor_ip\":\"x\"}",
     IP_400},
    /* the rest of the body */
    {"session", PAGE_PATH, ADMIN, WITH("\"session_id\":\"AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE\""),
     202, "", "session=" UUID_TEXT_A " "},
    {"session, bare", PAGE_PATH, ADMIN, WITH("\"session_id\":\"aaaaaaaabbbb4ccc8dddeeeeeeeeeeee\""),
     202, "", "session=" UUID_TEXT_A " "},
    {"session of zeros", PAGE_PATH, ADMIN,
     WITH("\"session_id\":\"00000000-0000-0000-0000-000000000000\""), 202, "",
     "ip=203.0.113.9 ua=Firefox"},
    {"session null", PAGE_PATH, ADMIN, WITH("\"session_id\":null"), 202, "",
     "ip=203.0.113.9 ua=Firefox"},
    {"session empty", PAGE_PATH, ADMIN, WITH("\"session_id\":\"\""), BAD_BODY},
    {"session no UUID", PAGE_PATH, ADMIN, WITH("\"session_id\":\"s\""), BAD_BODY},
    {"session a number", PAGE_PATH, ADMIN, WITH("\"session_id\":1"), BAD_BODY},
    {"page id no UUID", PAGE_PATH, ADMIN, WITH("\"page_id\":\"\""), BAD_BODY},
    {"page id", PAGE_PATH, ADMIN, WITH("\"page_id\":\"" UUID_TEXT_A "\""), 202, "", "site=1"},
    {"width", PAGE_PATH, ADMIN,
     WITH("\"viewport_width\":1,\"screen_height\":null,\"language\":\"de\""), 202, "", "site=1"},
    {"width a string", PAGE_PATH, ADMIN, WITH("\"screen_width\":\"1\""), BAD_BODY},
    {"language a number", PAGE_PATH, ADMIN, WITH("\"language\":1"), BAD_BODY},
    {"referrer", PAGE_PATH, ADMIN, WITH("\"referrer\":\"https://chatgpt.com/\""), 202, "",
     "referrer=https://chatgpt.com/ "},
    {"empty referrer", PAGE_PATH, ADMIN, WITH("\"referrer\":\"\""), 202, "",
     "ip=203.0.113.9 ua=Firefox"},
    {"dnt", PAGE_PATH, ADMIN, WITH("\"dnt\":true"), 202, "", NULL},
    {"no dnt", PAGE_PATH, ADMIN, WITH("\"dnt\":false"), 202, "", "site=1"},
    {"dnt null", PAGE_PATH, ADMIN, WITH("\"dnt\":null"), 202, "", "site=1"},
    {"dnt a number", PAGE_PATH, ADMIN, WITH("\"dnt\":1"), BAD_BODY},
    {"dnt of a foreign site", PAGE_PATH, ADMIN,
     "{\"url\":\"http://foreign.net\"," PAGE_REST ",\"dnt\":true}", 403, "Access denied", NULL},
    {"a bot is counted", PAGE_PATH, ADMIN,
     "{\"url\":\"http://"
     "example.com\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"visitor_ip\":\"::1\","
     "\"user_agent\":\"" UA_GPT "\"}",
     202, "", "ua=" UA_GPT},
    {"empty body", PAGE_PATH, ADMIN, "", BAD_BODY},
    {"deep", PAGE_PATH, ADMIN, WITH("\"x\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]"), BAD_BODY},
};

static void pageviews(void **state)
{
    CHECK_CALLS(*state, page_calls);
}

#define EVENT(more) "{\"url\":\"http://example.com/p\"," PAGE_REST more "}"
static const struct call event_calls[] = {
    {"plain", EVENT_PATH, ADMIN, EVENT_BODY, 202, "",
     "event site=1 name=buy properties={} ip=203.0.113.9 ua=Firefox time=1709204400500\n"},
    {"properties", EVENT_PATH, ADMIN,
     EVENT(",\"name\":\"n\",\"properties\":{ \"a\" : [1, 2.50, {}, [] ,null "
           ",true],\"b\\u00e4\":{\"c\":\"\\\"\xff\"},"
           "\"d\":false }"),
     202, "",
     "properties={\"a\":[1,2.50,{},[],null,true],\"b\xc3\xa4\":{\"c\":\"\\\"\xef\xbf\xbd\"},\"d\":"
     "false} ip"},
    {"properties null", EVENT_PATH, ADMIN, EVENT(",\"name\":\"n\",\"properties\":null"), 202, "",
     "properties={} "},
    {"the last properties", EVENT_PATH, ADMIN,
     EVENT(",\"name\":\"n\",\"properties\":{\"a\":1},\"Properties\":{\"b\":2}"), 202, "",
     "properties={\"b\":2} "},
    {"properties an array", EVENT_PATH, ADMIN, EVENT(",\"name\":\"n\",\"properties\":[]"),
     BAD_BODY},
    {"properties a string", EVENT_PATH, ADMIN, EVENT(",\"name\":\"n\",\"properties\":\"{}\""),
     BAD_BODY},
    {"broken properties", EVENT_PATH, ADMIN, EVENT(",\"name\":\"n\",\"properties\":{\"a\"}"),
     BAD_BODY},
    {"session", EVENT_PATH, ADMIN, EVENT(",\"name\":\"n\",\"session_id\":\"" UUID_TEXT_A "\""), 202,
     "", "session=" UUID_TEXT_A " "},
    {"no name", EVENT_PATH, ADMIN, EVENT(""), 400, "name is required", NULL},
    {"blank name", EVENT_PATH, ADMIN, EVENT(",\"name\":\" \""), 400, "name is required", NULL},
    {"name a number", EVENT_PATH, ADMIN, EVENT(",\"name\":1"), BAD_BODY},
    {"site before name", EVENT_PATH, ADMIN, "{\"url\":\"http://nowhere.net\"," PAGE_REST "}", 404,
     "Site not found", NULL},
    {"grant before name", EVENT_PATH, ADMIN, "{\"url\":\"http://closed.net\"," PAGE_REST "}", 403,
     "Access denied", NULL},
    {"name before dnt", EVENT_PATH, ADMIN, EVENT(",\"dnt\":true"), 400, "name is required", NULL},
    {"dnt", EVENT_PATH, ADMIN, EVENT(",\"name\":\"n\",\"dnt\":true"), 202, "", NULL},
    {"page id is nothing here", EVENT_PATH, ADMIN, EVENT(",\"name\":\"n\",\"page_id\":1"), 202, "",
     "name=n"},
    {"url", EVENT_PATH, ADMIN, "{}", URL_400},
};

static void events(void **state)
{
    CHECK_CALLS(*state, event_calls);
}

/* ---- sizes -------------------------------------------------------------------------------------
 */

static void bodies_over_64_KiB(void **state)
{
    struct bench *b = *state;
    struct buf body;
    for (size_t over = 0; over <= 1; over++) {
        buf_init(&body, 1u << 20);
        buf_lit(&body, AI_BODY);
        while (body.n < API_SINGLE_BODY_MAX + over)
            buf_putc(&body, ' ');
        struct call c = {"size",
                         AI_PATH,
                         ADMIN,
                         buf_cstr(&body),
                         over ? 400 : 202,
                         over ? "Bad request body" : "",
                         over ? NULL : "path=/p"};
        check_call(b, &c);
        c.headers = "Authorization: Bearer x\r\n"; /* too large comes after the token … */
        c.status = 401;
        c.answer = "Unauthorized";
        c.stored = NULL;
        check_call(b, &c);
        c.line = AI_SITE(CLOSED_ID); /* … and after the grant */
        c.headers = ADMIN;
        c.status = 403;
        c.answer = "Access denied";
        check_call(b, &c);
        buf_release(&body);
    }
}

/* ---- routes and reads --------------------------------------------------------------------------
 */

static const struct call route_calls[] = {
    {"unknown", "GET /api/nothing", ADMIN, NULL, 404, "404 page not found", NULL},
    {"root", "GET /", "", NULL, 404, "404 page not found", NULL},
    {"below a route", "POST /api/ingest/server/pageview/x", ADMIN, PAGE_BODY, 404,
     "404 page not found", NULL},
    {"wrong method", "GET /api/ingest/server/pageview", ADMIN, NULL, 405, "Method Not Allowed",
     NULL},
    {"put", "PUT /api/sites/" SITE_ID "/ingest/ai-fetch", ADMIN, AI_BODY, 405, "Method Not Allowed",
     NULL},
    {"options", "OPTIONS /api/ingest/server/event", "", NULL, 405, "Method Not Allowed", NULL},
    {"post to a read", "POST /api/status", ADMIN, "{}", 405, "Method Not Allowed", NULL},
    {"odd method", "BREW /healthz", "", NULL, 405, "Method Not Allowed", NULL},
    {"query", "POST /api/ingest/server/pageview?x=y", ADMIN, PAGE_BODY, 202, "", "site=1"},
};

static void routes(void **state)
{
    struct bench *b = *state;
    struct probe p;
    CHECK_CALLS(b, route_calls);
    bench_ask(b, &p, "DELETE /healthz", "", STR_NONE);
    assert_int_equal(probe_count(&p, "\r\nAllow: GET, HEAD\r\n"), 1);
    probe_close(&p);
    bench_ask(b, &p, "HEAD /api/ingest/server/event", "", STR_NONE);
    assert_int_equal(probe_status(&p), 405);
    assert_int_equal(probe_count(&p, "\r\nAllow: POST\r\n"), 1);
    assert_string_equal(probe_body(&p), "");
    probe_close(&p);
}

static void sites_of_a_token(void **state)
{
    static const struct {
        const char *token, *sites;
    } cases[] = {
        {"admin",
         "[{\"id\":\"" SECOND_ID
         "\",\"user_id\":\"00000000-0000-0000-0000-000000000000\",\"domain\":\"example.org\","
         "\"data_retention_days\":365,\"created_at\":\"2026-01-01T00:00:00Z\","
         "\"aliases\":[],\"role\":\"viewer\"},"
         "{\"id\":\"" SITE_ID
         "\",\"user_id\":\"00000000-0000-0000-0000-000000000000\",\"domain\":\"example.com\","
         "\"data_retention_days\":0,\"created_at\":\"2026-01-01T00:00:00Z\","
         "\"aliases\":[\"example.de\",\"www2.example.com\"],\"role\":\"admin\"}]\n"},
        {"other",
         "[{\"id\":\"" FOREIGN_ID
         "\",\"user_id\":\"00000000-0000-0000-0000-000000000000\",\"domain\":\"foreign.net\","
         "\"data_retention_days\":0,\"created_at\":\"2026-01-01T00:00:00Z\","
         "\"aliases\":[],\"role\":\"owner\"}]\n"},
    };
    struct probe p;
    for (size_t i = 0; i < 2; i++) {
        char headers[64];
        snprintf(headers, sizeof(headers), "X-Api-Key: %s\r\n", cases[i].token);
        bench_ask(*state, &p, "GET /api/sites", headers, STR_NONE);
        assert_int_equal(probe_status(&p), 200);
        assert_int_equal(probe_count(&p, "\r\nContent-Type: application/json\r\n"), 1);
        assert_string_equal(probe_body(&p), cases[i].sites);
        probe_close(&p);
    }
}

#define UNREADY(why)                                                                               \
    "{\"code\":\"database_unavailable\",\"message\":\"" why "\",\"retry_after_seconds\":5,"        \
    "\"status\":\"error\"}\n"

static void probes_of_health(void **state)
{
    struct bench *b = *state;
    struct probe p;
    static const char *const paths[] = {"GET /healthz", "GET /readyz"};
    for (size_t i = 0; i < 2; i++) {
        bench_ask(b, &p, paths[i], "", STR_NONE);
        assert_int_equal(probe_status(&p), 200);
        assert_string_equal(probe_body(&p), "ok");
        probe_close(&p);
    }
    static const struct {
        bool full, failing;
        const char *body;
    } ills[] = {{true, false, UNREADY("no room on the disk")},
                {false, true, UNREADY("the store cannot be written")}};
    for (size_t i = 0; i < 2; i++) {
        b->store.full = ills[i].full;
        b->store.failing = ills[i].failing;
        bench_ask(b, &p, "GET /readyz", "", STR_NONE);
        assert_int_equal(probe_status(&p), 503);
        assert_string_equal(probe_body(&p), ills[i].body);
        assert_int_equal(probe_count(&p, "\r\nRetry-After: 5\r\n"), 1);
        assert_int_equal(probe_count(&p, "\r\nContent-Type: application/json\r\n"), 1);
        probe_close(&p);
    }
    bench_ask(b, &p, "HEAD /healthz", "", STR_NONE);
    assert_int_equal(probe_status(&p), 200);
    assert_int_equal(probe_count(&p, "Content-Length: 2\r\n"), 1);
    assert_string_equal(probe_body(&p), "");
    probe_close(&p);
}

static void capabilities(void **state)
{
    struct probe p;
    bench_ask(*state, &p, "GET /api/ingest/server/capabilities", "", STR_NONE);
    assert_int_equal(probe_status(&p), 200);
    assert_non_null(strstr(probe_body(&p), "{\"server\":\"logferry-server/"));
    assert_non_null(
        strstr(probe_body(&p),
               "\"protocols\":[\"batch\"],\"verify\":1,\"limits\":{\"decoded_bytes\":33554432,"
               "\"records\":10000,\"streams\":4096,"));
    assert_non_null(strstr(probe_body(&p), "\"time\":\"20"));
    probe_close(&p);
}

/* ---- the store's answers, limits, filters ------------------------------------------------------
 */

static void an_unwell_store(void **state)
{
    struct bench *b = *state;
    static const struct call failing[] = {
        {"fetch", AI_PATH, ADMIN, AI_BODY, 500, "Internal server error", "ai_fetch"},
        {"page", PAGE_PATH, ADMIN, PAGE_BODY, 500, "Internal server error", "pageview"},
        {"event", EVENT_PATH, ADMIN, EVENT_BODY, 500, "Internal server error", "event"},
    };
    static const struct call busy[] = {
        {"busy", PAGE_PATH, ADMIN, PAGE_BODY, 503, "Service not available on this node", NULL},
    };
    static const enum store_result results[] = {STORE_FULL, STORE_FAILED};
    for (size_t i = 0; i < 2; i++) {
        b->store.next_result = results[i];
        CHECK_CALLS(b, failing);
    }
    b->store.busy = true;
    CHECK_CALLS(b, busy);
}

static void restart_with(struct bench *b)
{
    bench_stop(b);
    bench_start(b);
}

static void limits_of_rate(void **state)
{
    struct bench *b = *state;
    static const struct call with_token[] = {
        {"page", PAGE_PATH, ADMIN, PAGE_BODY, 202, "", "site=1"},
    };
    static const struct call without[] = {{"bad token", PAGE_PATH, "", PAGE_BODY, UNAUTHORIZED}};
    static const struct call limited[] = {
        {"page", PAGE_PATH, ADMIN, PAGE_BODY, 429, "Too Many Requests", NULL},
        {"event", EVENT_PATH, "", EVENT_BODY, 429, "Too Many Requests", NULL},
    };
    static const struct call other_bucket[] = {
        {"fetch", AI_PATH, ADMIN, AI_BODY, 202, "", "site=1"},
        {"fetch", AI_PATH, ADMIN, AI_BODY, 202, "", "site=1"},
        {"sites", "GET /api/sites", ADMIN, NULL, 429, "Too Many Requests", NULL},
        {"fetch", AI_PATH, ADMIN, AI_BODY, 429, "Too Many Requests", NULL},
    };
    b->config.ingest_rate = b->config.api_rate = (struct limiter_rate){1, 2};
    restart_with(b); /* local peers are not limited */
    for (int i = 0; i < 5; i++)
        CHECK_CALLS(b, with_token);
    b->config.limit_local = true;
    restart_with(b);
    CHECK_CALLS(b, with_token);
    CHECK_CALLS(b, without); /* a bad token costs as much */
    CHECK_CALLS(b, limited);
    CHECK_CALLS(b, other_bucket);
}

static void exclusions_and_spam(void **state)
{
    struct bench *b = *state;
    struct rules rules;
    rules_make(&rules,
               "exclude: {ip: [198.51.100.0/25, '2001:db8::/33'], user_agent: our-SYNTHETIC,\n"
               "  path: [/internal, /h/]}\n"
               "spam: {networks: 192.0.2.0/24,\n"
               "  referrers: [bad.example, example.com, spam.example, example.de]}\n");
    b->config.exclude = rules.exclude;
    b->config.lists = rules.lists;
    static const struct call calls[] = {
        {"excluded address", PAGE_PATH, ADMIN, FROM("198.51.100.127"), 202, "", NULL},
        {"beside it", PAGE_PATH, ADMIN, FROM("198.51.100.128"), 202, "", "site=1"},
        {"mapped address", PAGE_PATH, ADMIN, FROM("::ffff:198.51.100.1"), 202, "", NULL},
        {"excluded IPv6", PAGE_PATH, ADMIN, FROM("2001:db8:7fff::1"), 202, "", NULL},
        {"beside it", PAGE_PATH, ADMIN, FROM("2001:db8:8000::1"), 202, "", "site=1"},
        {"spam network", PAGE_PATH, ADMIN, FROM("192.0.2.77"), 202, "", NULL},
        {"excluded path", PAGE_PATH, ADMIN, PAGE("http://example.com/internal/x"), 202, "", NULL},
        {"the path itself", PAGE_PATH, ADMIN, PAGE("http://example.com/internal?x"), 202, "", NULL},
        {"another path", PAGE_PATH, ADMIN, PAGE("http://example.com/internals"), 202, "", "site=1"},
        {"with a slash", PAGE_PATH, ADMIN, PAGE("http://example.com/h/x"), 202, "", NULL},
        {"without it", PAGE_PATH, ADMIN, PAGE("http://example.com/h"), 202, "", NULL},
        {"by another way", PAGE_PATH, ADMIN, PAGE("http://example.com/x/..//h/"), 202, "", NULL},
        {"excluded agent", PAGE_PATH, ADMIN,
         "{\"url\":\"http://"
         "example.com\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"visitor_ip\":\"::1\","
         "\"user_agent\":\"x our-synthetic/1\"}",
         202, "", NULL},
        {"spam referrer", PAGE_PATH, ADMIN, WITH("\"referrer\":\"https://www.SPAM.example:80/x\""),
         202, "", NULL},
        {"a bare name", PAGE_PATH, ADMIN, WITH("\"referrer\":\" www.Spam.example/// \""), 202, "",
         NULL},
        {"below a spammer", PAGE_PATH, ADMIN, WITH("\"referrer\":\"https://x.spam.example/\""), 202,
         "", "site=1"},
        {"the site itself", PAGE_PATH, ADMIN, WITH("\"referrer\":\"https://example.com/\""), 202,
         "", "site=1"},
        {"below the site", PAGE_PATH, ADMIN, WITH("\"referrer\":\"https://blog.example.com/\""),
         202, "", "site=1"},
        {"an alias of the site", PAGE_PATH, ADMIN, WITH("\"referrer\":\"https://www.example.de/\""),
         202, "", "site=1"},
        {"event", EVENT_PATH, ADMIN, EVENT(",\"name\":\"n\",\"referrer\":\"http://bad.example\""),
         202, "", NULL},
        {"checked before", PAGE_PATH, ADMIN, PAGE("http://closed.net/internal"), 403,
         "Access denied", NULL},
        {"fetch of a path", AI_PATH, ADMIN, "{\"path\":\"/internal/x\"}", 202, "", NULL},
        {"fetch by an agent", AI_PATH, ADMIN, "{\"user_agent\":\"our-synthetic\"}", 202, "", NULL},
        {"fetch", AI_PATH, ADMIN, AI_BODY, 202, "", "site=1"},
    };
    restart_with(b);
    CHECK_CALLS(b, calls);
    /* The forwarder's own address decides about AI fetches, before their body is read. */
    static const struct call dropped[] = {
        {"excluded forwarder", AI_PATH, ADMIN, "{", 202, "", NULL},
        {"no grant", AI_SITE(CLOSED_ID), ADMIN, AI_BODY, 403, "Access denied", NULL},
        {"pageviews do not care", PAGE_PATH, ADMIN, PAGE_BODY, 202, "", "site=1"},
    };
    static const char *const forwarders[] = {"exclude: {ip: 127.0.0.0/8}",
                                             "spam: {networks: 127.0.0.0/8}"};
    for (size_t i = 0; i < COUNT_OF(forwarders); i++) {
        struct rules others;
        rules_make(&others, forwarders[i]);
        b->config.exclude = others.exclude;
        b->config.lists = others.lists;
        restart_with(b);
        CHECK_CALLS(b, dropped);
        b->config.exclude = NULL;
        b->config.lists = NULL;
        restart_with(b);
        rules_release(&others);
    }
    rules_release(&rules);
}

/* A request that the store still has when everything else has gone. */
static void going_down_with_work_in_the_store(void **state)
{
    struct bench *b = *state;
    struct probe p;
    ev_check_stop(b->loop, &b->turn);
    buf_reset(&b->request);
    buf_printf(&b->request,
               PAGE_PATH " HTTP/1.1\r\nHost: a\r\n" ADMIN "Content-Length: %zu\r\n\r\n%s",
               strlen(PAGE_BODY), PAGE_BODY);
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, buf_str(&b->request));
    probe_run(&p, 20);
    assert_non_null(b->store.jobs);
    assert_int_equal(p.in.n, 0);
    restart_with(b);
    assert_null(b->store.jobs);
    probe_close(&p);
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tokens),
        T(ai_fetches),
        T(pageviews),
        T(events),
        T(bodies_over_64_KiB),
        T(routes),
        T(sites_of_a_token),
        T(probes_of_health),
        T(capabilities),
        T(an_unwell_store),
        T(limits_of_rate),
        T(exclusions_and_spam),
        T(going_down_with_work_in_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
