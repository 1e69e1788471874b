/* page_path.c - see page_path.h. */
#include "server/page_path.h"

#include "parsers/ai_referrer.h"
#include "parsers/secrets.h"

static bool is_added(const struct query_param *p)
{
    return str_starts_nocase(p->name, STR("utm_")) || str_eq_nocase(p->name, STR("hk_qr")) ||
           secrets_hold(p);
}

struct str page_of_path(struct str path, struct buf *scratch)
{
    ptrdiff_t mark = str_chr(path, '?', 0);
    struct query_param p;
    bool dropped = false;
    if (mark < 0)
        return path;
    struct str rest = str_slice(path, (size_t)mark + 1, path.n);
    char separator = '?';
    buf_reset(scratch);
    buf_put_str(scratch, str_slice(path, 0, (size_t)mark));
    while (query_next(&rest, false, &p)) {
        if (p.text.n == 0 || is_added(&p)) {
            dropped = true;
            continue;
        }
        buf_putc(scratch, separator);
        buf_put_str(scratch, p.text);
        separator = '&';
    }
    return dropped || separator == '?' ? buf_str(scratch) : path;
}

struct str prefix_of_path(struct str path)
{
    size_t end = 1;
    if (path.n < 2 || path.p[0] != '/')
        return STR("/");
    while (end < path.n && path.p[end] != '/' && path.p[end] != '?' && path.p[end] != '#')
        end++;
    return end == 1 ? STR("/") : str_slice(path, 0, end);
}

struct str referrer_host(struct str referrer)
{
    size_t from = str_starts_nocase(referrer, STR("https://"))  ? 8
                  : str_starts_nocase(referrer, STR("http://")) ? 7
                                                                : 0;
    if (referrer.n == 0)
        return STR_NONE;
    if (from == 0)
        return referrer;
    ptrdiff_t slash = str_chr(referrer, '/', from);
    struct str host = str_slice(referrer, from, slash < 0 ? referrer.n : (size_t)slash);
    return host.n ? host : STR_NONE;
}

bool referrer_is_from(struct str referrer, struct str host)
{
    struct str rest = referrer.n ? str_trim(referrer) : STR("");
    size_t end = 0, from = str_starts_nocase(rest, STR("https://"))  ? 8
                           : str_starts_nocase(rest, STR("http://")) ? 7
                                                                     : 0;
    if (rest.n == 0)
        return str_eq(host, STR(DIRECT));
    rest = str_slice(rest, from, rest.n);
    while (end < rest.n && !(from && strchr("/:?#", rest.p[end])))
        end++;
    rest.n = end;
    if (str_starts_nocase(rest, STR("www.")))
        rest = str_slice(rest, 4, rest.n);
    return str_eq_nocase(rest, host);
}

struct str language_name(struct str language, char text[16])
{
    size_t n = 0;
    language = str_is_set(language) ? str_trim(language) : STR("");
    while (n < language.n && n < 15 && language.p[n] != '-') {
        text[n] = ascii_lower(language.p[n]);
        n++;
    }
    return n ? (struct str){text, n} : STR(UNSPECIFIED);
}

/* ---- content types ------------------------------------------------------------------------ */

const char *const resource_type_names[RESOURCE_TYPES] = {"html", "image", "document", "other"};

#define OFFICE "application/vnd.openxmlformats-officedocument."

enum resource_type resource_type_of(struct str content_type)
{
    static const struct str html[] = {STR_INIT("text/html"), STR_INIT("application/xhtml+xml")};
    static const struct str documents[] = {
        STR_INIT("application/pdf"),
        STR_INIT("application/msword"),
        STR_INIT(OFFICE "wordprocessingml.document"),
        STR_INIT(OFFICE "presentationml.presentation"),
        STR_INIT("application/vnd.ms-powerpoint"),
        STR_INIT("application/vnd.ms-excel"),
        STR_INIT(OFFICE "spreadsheetml.sheet"),
        STR_INIT("text/plain"),
        STR_INIT("text/markdown"),
    };
    struct str rest = str_is_set(content_type) ? str_trim(content_type) : STR("");
    /* HitKeep's order: trimmed, then cut; a blank before the ';' stays. */
    struct str type = str_cut(&rest, ';');
    if (type.n == 0 || str_is_one_of(type, html, COUNT_OF(html)))
        return RESOURCE_HTML;
    if (str_starts_nocase(type, STR("image/")))
        return RESOURCE_IMAGE;
    return str_is_one_of(type, documents, COUNT_OF(documents)) ? RESOURCE_DOCUMENT : RESOURCE_OTHER;
}

/* ---- user agents -------------------------------------------------------------------------- */

static bool holds(struct str s, struct str what)
{
    return str_find(s, what, 0) >= 0;
}

/* One that shows a mark of these is by this name; several rows have the same. Wrappers and forks
 * carry the marks of what they are made of, so they come first. */
static const struct {
    struct str mark;
    const char *name;
} browsers[] = {
    {STR_INIT("fban/"), "Facebook"},
    {STR_INIT("fbav/"), "Facebook"},
    {STR_INIT("instagram"), "Instagram"},
    {STR_INIT("musical_ly"), "TikTok"},
    {STR_INIT("tiktok"), "TikTok"},
    {STR_INIT("bytedancewebview"), "TikTok"},
    {STR_INIT("twitter"), "Twitter"},
    {STR_INIT("linkedinapp"), "LinkedIn"},
    {STR_INIT("micromessenger"), "WeChat"},
    {STR_INIT(" line/"), "Line"},
    {STR_INIT("gsa/"), "GSA"},
    {STR_INIT("duckduckgo/"), "DuckDuckGo"},
    {STR_INIT("ecosia"), "Ecosia"},
    {STR_INIT("whale/"), "Whale"},
    {STR_INIT("qqbrowser/"), "QQBrowser"},
    {STR_INIT("quark/"), "Quark"},
    {STR_INIT("ucbrowser/"), "UCBrowser"},
    {STR_INIT("ubrowser/"), "UCBrowser"},
    {STR_INIT("miuibrowser/"), "MIUI Browser"},
    {STR_INIT("huaweibrowser/"), "Huawei Browser"},
    {STR_INIT("vivobrowser/"), "Vivo Browser"},
    {STR_INIT("360se/"), "360"},
    {STR_INIT("360browser/"), "360"},
    {STR_INIT("qihu"), "360"},
    {STR_INIT("avast/"), "Avast Secure Browser"},
    {STR_INIT("avastsecurebrowser"), "Avast Secure Browser"},
    {STR_INIT("avg/"), "AVG Secure Browser"},
    {STR_INIT("avgsecurebrowser"), "AVG Secure Browser"},
    {STR_INIT("silk/"), "Silk"},
    {STR_INIT("edg/"), "Edge"},
    {STR_INIT("edga/"), "Edge"},
    {STR_INIT("edgios/"), "Edge"},
    {STR_INIT("opt/"), "Opera Touch"},
    {STR_INIT("opgx/"), "Opera GX"},
    {STR_INIT("opr/"), "Opera"},
    {STR_INIT("opera"), "Opera"},
    {STR_INIT("brave"), "Brave"},
    {STR_INIT("vivaldi"), "Vivaldi"},
    {STR_INIT("samsungbrowser"), "Samsung Internet"},
    {STR_INIT("yabrowser/"), "Yandex"},
    {STR_INIT("electron/"), "Electron"},
};
static const struct {
    struct str mark;
    const char *name, *mobile;
} engines[] = {
    {STR_INIT("firefox/"), "Firefox", "Mobile Firefox"},
    {STR_INIT("fxios/"), "Firefox", "Mobile Firefox"},
    {STR_INIT("chrome/"), "Chrome", "Mobile Chrome"},
    {STR_INIT("crios/"), "Chrome", "Mobile Chrome"},
    {STR_INIT("safari/"), "Safari", "Mobile Safari"},
    {STR_INIT("trident"), "IE", "IE"},
    {STR_INIT("msie"), "IE", "IE"},
    {STR_INIT("android"), "Android Browser", "Android Browser"},
    {STR_INIT("webkit"), "WebKit", "WebKit"},
};

#define AGENT_SCANNED 1024 /* bytes of a user agent that tell its browser */

const char *browser_of(struct str user_agent)
{
    char bytes[AGENT_SCANNED];
    struct str lower = {bytes, 0};
    while (lower.n < user_agent.n && lower.n < sizeof(bytes)) {
        bytes[lower.n] = ascii_lower(user_agent.p[lower.n]);
        lower.n++;
    }
    if (str_trim(lower).n == 0)
        return UNKNOWN_PLACE;
    for (size_t i = 0; i < COUNT_OF(browsers); i++)
        if (holds(lower, browsers[i].mark))
            return browsers[i].name;
    bool chrome = holds(lower, STR("chrome/")) || holds(lower, STR("crios/"));
    if (chrome && holds(lower, STR("; wv)")))
        return "Chrome WebView";
    for (size_t i = 0; i < COUNT_OF(engines); i++)
        if (holds(lower, engines[i].mark))
            return holds(lower, STR("mobile")) ? engines[i].mobile : engines[i].name;
    return OTHER_BROWSER;
}

const char *device_of(struct str user_agent)
{
    bool android = holds(user_agent, STR("Android")), mobile = holds(user_agent, STR("Mobi"));
    if (holds(user_agent, STR("iPad")) || holds(user_agent, STR("Tablet")) || (android && !mobile))
        return "Tablet";
    return mobile || holds(user_agent, STR("iPhone")) ? "Mobile" : "Desktop";
}

const char *ai_source_of(struct str referrer, struct str path)
{
    ptrdiff_t mark = str_chr(path, '?', 0);
    struct str query = mark < 0 ? STR_NONE : str_slice(path, (size_t)mark + 1, path.n);
    return referrer.n || query.n ? ai_referrer(referrer, query) : NULL;
}

const char *hitkeep_category(enum agent_category category)
{
    static const char *const names[] = {
        [AGENT_TRAINING] = "ai_training_crawler", [AGENT_SEARCH] = "ai_search_indexer",
        [AGENT_ASSISTANT] = "ai_assistant",       [AGENT_AGENT] = "ai_agent",
        [AGENT_CODING] = "ai_coding_agent",       [AGENT_OTHER] = "other_ai",
    };
    return names[category];
}
