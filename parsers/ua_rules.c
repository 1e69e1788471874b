/*
 * ua_rules.c - see ua_rules.h.
 */
#include "parsers/ua_rules.h"

/* ---- blanks that were encoded -------------------------------------------------------------- */

static struct str decode_percent(struct str ua, char *room)
{
    size_t n = 0;

    for (size_t i = 0; i < ua.n && n < UA_PLAIN_MAX; n++) {
        int byte = percent_byte(ua, i);
        room[n] = byte < 0 ? ua.p[i] : (char)byte;
        i += byte < 0 ? 1 : 3;
    }
    return (struct str){room, n};
}

static struct str decode_plus(struct str ua, char *room)
{
    size_t n = ua.n < UA_PLAIN_MAX ? ua.n : UA_PLAIN_MAX;

    for (size_t i = 0; i < n; i++)
        room[i] = ua.p[i] == '+' ? ' ' : ua.p[i];
    return (struct str){room, n};
}

/* "'curl/8.5.0'": a script's own quotes. */
static struct str without_quotes(struct str ua)
{
    if (ua.n >= 2 && (ua.p[0] == '"' || ua.p[0] == '\'') && ua.p[ua.n - 1] == ua.p[0])
        return str_trim(str_slice(ua, 1, ua.n - 1));
    return ua;
}

struct str ua_plain(struct str ua, char *room)
{
    ua = without_quotes(ua);
    if (str_chr(ua, ' ', 0) >= 0)
        return ua;
    if (str_find(ua, STR("%2520"), 0) >= 0)
        ua = decode_percent(ua, room);
    if (str_find(ua, STR("%20"), 0) >= 0)
        return str_trim(decode_percent(ua, room)); /* in place: it only becomes shorter */
    if (str_starts_nocase(ua, STR("Mozilla/")) && str_find(ua, STR("+("), 0) >= 0)
        return str_trim(decode_plus(ua, room));
    return ua;
}

/* ---- shapes -------------------------------------------------------------------------------- */

/* "crawler@example.com": a letter or digit, '@', and a host name whose last label begins with two
 * letters. */
static bool has_mail_address(struct str ua)
{
    for (ptrdiff_t at = str_chr(ua, '@', 0); at >= 0; at = str_chr(ua, '@', (size_t)at + 1)) {
        size_t i = (size_t)at + 1, label = 0;
        if (at == 0 || !ascii_alnum(ua.p[at - 1]))
            continue;
        for (; i < ua.n && (ascii_alnum(ua.p[i]) || ua.p[i] == '-' || ua.p[i] == '.'); i++)
            if (ua.p[i] == '.' && i + 1 < ua.n && ascii_alnum(ua.p[i + 1]))
                label = i + 1;
        if (label != 0 && label + 1 < ua.n && ascii_alnum(ua.p[label + 1]) &&
            !ascii_digit(ua.p[label]) && !ascii_digit(ua.p[label + 1]))
            return true;
    }
    return false;
}

static bool is_one_of(const struct ua_words *words, struct str name)
{
    for (size_t i = 0; i < words->n; i++)
        if (str_eq_nocase(name, words->items[i]))
            return true;
    return false;
}

/* "SAMSUNG-SGH-E250/1.0", "Nokia6300" */
static bool begins_as_phone(struct str ua, const struct ua_words *phones)
{
    for (size_t i = 0; i < phones->n; i++)
        if (str_starts_nocase(ua, phones->items[i]))
            return true;
    return false;
}

/* "1.40.0" */
static bool is_plain_version(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!ascii_digit(text.p[i]) && text.p[i] != '.')
            return false;
    return text.n > 0;
}

/* Bytes of a feature phone's name and version: what is longer is a token of some kind. */
#define PHONE_MAX 64u

/* "Java/1.8.0_151", "reqwest", "Mozilla/5.0", a UUID: nothing but a name and a version. A name with
 * a digit in it and a version that is more than figures is most often a feature phone's
 * ("W810i/R4EA"; but "nghttp2/1.40.0"). */
static bool is_bare_name(struct str ua, const struct ua_words *browsers)
{
    ptrdiff_t slash = str_chr(ua, '/', 0);
    struct str name = slash < 0 ? ua : str_slice(ua, 0, (size_t)slash);
    bool letters = false, digits = false;

    for (size_t i = 0; i < name.n; i++) {
        digits = digits || ascii_digit(name.p[i]);
        letters = letters || (ascii_alnum(name.p[i]) && !ascii_digit(name.p[i]));
    }
    bool phone = letters && digits && slash >= 0 && ua.n <= PHONE_MAX &&
                 !is_plain_version(str_slice(ua, (size_t)slash + 1, ua.n));
    return !phone && !is_one_of(browsers, name);
}

/* "NPROneAndroid", "WeatheriOS", but not "audios" */
static bool ends_as_platform(struct str word)
{
    return str_ends(word, STR("Android")) || str_ends(word, STR("iOS"));
}

/* "RadioPublic/iOS-2.0", "Gaana-Android", "TwitterAndroid/7 (HUAWEI …)": an app that says where it
 * runs. */
static bool is_app(struct str ua)
{
    static const struct str platforms[] = {STR_INIT("android"), STR_INIT("ios"),
                                           STR_INIT("iphone"),  STR_INIT("ipad"),
                                           STR_INIT("tvos"),    STR_INIT("watchos")};
    bool named = false, platform = false;

    for (size_t start = 0, end; start < ua.n; start = end + 1) {
        for (end = start; end < ua.n && ascii_alnum(ua.p[end]);)
            end++;
        struct str word = str_slice(ua, start, end);
        bool known = false;
        for (size_t i = 0; i < COUNT_OF(platforms); i++)
            known = known || str_eq_nocase(word, platforms[i]);
        platform = platform || known || ends_as_platform(word);
        named = named || (!known && word.n > 0 && !ascii_digit(word.p[0]));
    }
    return named && platform;
}

/* Behind "Mozilla/5.0"; STR_NONE for what does not begin so. */
static struct str behind_mozilla(struct str ua)
{
    static const struct str head = {"Mozilla/", 8};
    size_t at = head.n;

    if (!str_starts_nocase(ua, head))
        return STR_NONE;
    while (at < ua.n && (ascii_digit(ua.p[at]) || ua.p[at] == '.'))
        at++;
    return str_slice(ua, at, ua.n);
}

/* "Mozilla/5.0 (compatible; evc-batch/2.0)": the old way to be let in, without a browser's name in
 * it. With nothing behind: "Mozilla/5.0 (Python-urllib2)", a name where a browser lists its
 * platform, and "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", what scripts copy. */
static bool is_bare_comment(struct str rest)
{
    static const struct str platforms[] = {
        {" (Windows NT", 12}, {" (X11; Linux", 12}, {" (Macintosh; Intel", 18}};

    if (str_starts_nocase(rest, STR(" (compatible")))
        return true;
    if (str_chr(rest, ')', 0) != (ptrdiff_t)rest.n - 1)
        return false;
    if (str_starts(rest, STR(" (")) && str_chr(rest, ';', 0) < 0)
        return true;
    for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++)
        if (str_starts(rest, platforms[i]))
            return true;
    return false;
}

/* "(KHTML, like Gecko); compatible; Name/1.0", "Safari/537.36 (compatible; Name)": behind the name
 * of its engine, where a browser says so at most of another browser ("compatible; MSIE"). */
static bool says_compatible_late(struct str ua, const struct ua_words *browsers)
{
    static const struct str word = STR_INIT("ompatible;");
    ptrdiff_t at = str_find(ua, STR("Gecko"), 0);

    if (at < 0 || (at = str_find(ua, word, (size_t)at)) < 0)
        return false;
    if (ascii_lower(ua.p[at - 1]) != 'c' || ascii_alnum(ua.p[at - 2]))
        return false;
    struct str name = str_trim(str_slice(ua, (size_t)at + word.n, ua.n));
    size_t n = 0;
    while (n < name.n && ascii_alnum(name.p[n]))
        n++;
    return !is_one_of(browsers, str_slice(name, 0, n));
}

/* "Mozilla/5.0 Name/1.0": words, and no parenthesis, in which every browser has its platform. */
static bool is_bare_words(struct str rest)
{
    return rest.n > 1 && rest.p[0] == ' ' && ascii_alnum(rest.p[1]) && str_chr(rest, '(', 0) < 0 &&
           str_chr(rest, ';', 0) < 0;
}

/* What apps of Facebook send without a browser around it: "[FBAN/FB4A;FBAV/…]". */
static bool is_facebook_app(struct str ua)
{
    return str_starts(ua, STR("[FBAN/")) || str_starts(ua, STR("[FB_IAB/"));
}

bool ua_looks_made(struct str ua, const struct ua_words *browsers, const struct ua_words *phones,
                   bool browser, bool device)
{
    if (is_facebook_app(ua))
        return false;
    if (has_mail_address(ua) || says_compatible_late(ua, browsers))
        return true;
    struct str rest = behind_mozilla(ua);
    if (str_is_set(rest))
        return rest.n == 0 || rest.p[0] == '/' || is_bare_words(rest) ||
               (!browser && is_bare_comment(rest));
    if (begins_as_phone(ua, phones))
        return false;
    if (str_chr(ua, ' ', 0) < 0 && str_chr(ua, '(', 0) < 0 && str_chr(ua, ';', 0) < 0)
        return is_bare_name(ua, browsers) && !is_app(ua);
    return !device && !is_app(ua);
}

/* ---- phones -------------------------------------------------------------------------------- */

/* The end of the parenthesis that opens at `open`; the end of the text when it does not close. */
static size_t comment_end(struct str ua, size_t open)
{
    size_t depth = 0;

    for (size_t i = open; i < ua.n; i++) {
        if (ua.p[i] == '(')
            depth++;
        else if (ua.p[i] == ')' && --depth == 0)
            return i;
    }
    return ua.n;
}

#define MODEL_WINDOW 1024u /* bytes before and behind a word that are looked at */
#define MODEL_DEPTH 4u     /* parentheses around it */

/* Is the parenthesis that opens at `open` one in which phones have their names? Android's comment,
 * "(Linux; Android 14; <model> Build/…)", and what apps put behind it: "Instagram 300 Android
 * (33/13; …; <model>; …)", "[FBAN/FB4A;…;FBDV/<model>;…]". */
static bool has_model(struct str ua, size_t open)
{
    static const struct str android = STR_INIT("Android");

    if (ua.p[open] == '[')
        return str_starts(str_slice(ua, open + 1, ua.n), STR("FB"));
    size_t from = open > android.n ? open - android.n - 1 : 0;
    return str_find(str_slice(ua, from, comment_end(ua, open)), android, 0) >= 0;
}

/* By each parenthesis around `at`, in a window: whoever writes 64 KiB of parentheses shall not be
 * waited for. */
bool ua_names_a_model(struct str ua, size_t at)
{
    size_t first = at > MODEL_WINDOW ? at - MODEL_WINDOW : 0;
    size_t end = at + MODEL_WINDOW < ua.n ? at + MODEL_WINDOW : ua.n;
    size_t closed = 0, around = 0;

    ua = str_slice(ua, first, end);
    at -= first;
    while (at-- > 0 && around < MODEL_DEPTH) {
        char c = ua.p[at];
        if (c == ')' || c == ']')
            closed++;
        else if (c != '(' && c != '[')
            continue;
        else if (closed > 0)
            closed--;
        else if (has_model(ua, at))
            return true;
        else
            around++;
    }
    return false;
}

/* ---- health checks ---------------------------------------------------------------------------
 */

bool ua_is_health_check(struct str ua)
{
    static const struct str heads[] = {STR_INIT("kube-probe"),
                                       STR_INIT("ELB-HealthChecker"),
                                       STR_INIT("GoogleHC"),
                                       STR_INIT("GoogleStackdriverMonitoring-UptimeChecks"),
                                       STR_INIT("Amazon-Route53-Health-Check-Service"),
                                       STR_INIT("Envoy/HC"),
                                       STR_INIT("Consul Health Check"),
                                       STR_INIT("clb-healthcheck"),
                                       STR_INIT("ApplicationHealthService"),
                                       STR_INIT("Edge Health Probe"),
                                       STR_INIT("Load Balancer Agent"),
                                       STR_INIT("AlwaysOn"),
                                       STR_INIT("HAProxy")};
    static const struct str words[] = {STR_INIT("healthcheck"), STR_INIT("health-check"),
                                       STR_INIT("health check")};

    for (size_t i = 0; i < COUNT_OF(heads); i++)
        if (str_starts_nocase(ua, heads[i]))
            return true;
    if (!str_holds_nocase(ua, STR("health"))) /* all of the words begin with it */
        return false;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_holds_nocase(ua, words[i]))
            return true;
    return false;
}
