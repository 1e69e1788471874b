/* page_path.c - see page_path.h. */
#include "server/page_path.h"

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

/* Those that carry the names of others first. */
const char *browser_of(struct str user_agent)
{
    static const struct {
        struct str mark;
        const char *name;
    } marks[] = {
        {STR_INIT("Edg"), "Edge"},         {STR_INIT("OPR/"), "Opera"},
        {STR_INIT("Opera"), "Opera"},      {STR_INIT("SamsungBrowser/"), "Samsung Internet"},
        {STR_INIT("Firefox/"), "Firefox"}, {STR_INIT("FxiOS/"), "Firefox"},
        {STR_INIT("CriOS/"), "Chrome"},    {STR_INIT("Chrome/"), "Chrome"},
    };
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (holds(user_agent, marks[i].mark))
            return marks[i].name;
    return holds(user_agent, STR("Safari/")) && holds(user_agent, STR("Version/")) ? "Safari"
                                                                                   : "Other";
}

const char *device_of(struct str user_agent)
{
    bool android = holds(user_agent, STR("Android")), mobile = holds(user_agent, STR("Mobi"));
    if (holds(user_agent, STR("iPad")) || holds(user_agent, STR("Tablet")) || (android && !mobile))
        return "Tablet";
    return mobile || holds(user_agent, STR("iPhone")) ? "Mobile" : "Desktop";
}
