/*
 * ai_referrer.c - see ai_referrer.h.
 */
#include "parsers/ai_referrer.h"

#include "parsers/query.h"

#define SOURCE_MAX 64u /* longer than any below */

#define S(literal) STR_INIT(literal)

static const struct assistant {
    struct str host;
    const char *name;
} hosts[] = {
    {S("chatgpt.com"), "ChatGPT"},
    {S("chat.openai.com"), "ChatGPT"},
    {S("claude.ai"), "Claude"},
    {S("gemini.google.com"), "Gemini"},
    {S("copilot.microsoft.com"), "Copilot"},
    {S("perplexity.ai"), "Perplexity"},
    {S("chat.deepseek.com"), "DeepSeek"},
    {S("chat.mistral.ai"), "Mistral"},
    {S("poe.com"), "Poe"},
    {S("you.com"), "You.com"},
    {S("phind.com"), "Phind"},
    {S("kagi.com"), "Kagi"},
    {S("arc.net"), "Arc Search"},
    {S("duck.ai"), "Duck.ai"},
    {S("grok.com"), "Grok"},
    {S("grok.x.ai"), "Grok"},
    {S("meta.ai"), "Meta AI"},
    {S("chat.qwen.ai"), "Qwen"},
};

/* What those begin with, "huggingface.co" among them: most referrers are the site's own pages. */
static const char first_letters[] = "acdghkmpy";

/* What a utm_source says beside those hosts. "gemini" alone is an advertising network's, too. */
static const struct assistant sources[] = {
    {S("chatgpt"), "ChatGPT"},       {S("openai"), "ChatGPT"},
    {S("openai.com"), "ChatGPT"},    {S("claude"), "Claude"},
    {S("perplexity"), "Perplexity"}, {S("deepseek"), "DeepSeek"},
    {S("deepseek.com"), "DeepSeek"}, {S("grok"), "Grok"},
    {S("copilot.com"), "Copilot"},   {S("mistral.ai"), "Mistral"},
    {S("qwen.ai"), "Qwen"},
};

/* Is `host` all of `url`'s, up to its path or its port? The dot of the root may stand behind it. */
static bool has_host(struct str url, struct str host)
{
    size_t n = host.n;

    if (!str_starts_nocase(url, host))
        return false;
    n += n < url.n && url.p[n] == '.';
    return n == url.n || memchr("/:?#", url.p[n], sizeof("/:?#")) != NULL;
}

static const char *look_up(const struct assistant *table, size_t n, struct str url)
{
    char first = url.n > 0 ? ascii_lower(url.p[0]) : '\0';

    for (size_t i = 0; i < n; i++)
        if (table[i].host.p[0] == first && has_host(url, table[i].host))
            return table[i].name;
    return NULL;
}
#define LOOK_UP(table, url) look_up(table, COUNT_OF(table), url)

/* "perplexity.ai/search?q=…" of "https://www.perplexity.ai/search?q=…"; a scheme may be missing. */
static struct str from_host(struct str url)
{
    static const struct str schemes[] = {S("https://"), S("http://")};

    for (size_t i = 0; i < COUNT_OF(schemes); i++)
        if (str_starts_nocase(url, schemes[i])) {
            url = str_slice(url, schemes[i].n, url.n);
            break;
        }
    return str_starts_nocase(url, STR("www.")) ? str_slice(url, 4, url.n) : url;
}

/* "huggingface.co/chat", and what is below. */
static bool is_chat(struct str url)
{
    static const struct str folder = S("/chat");
    size_t slash = str_until(url, '/', '?');
    struct str path = str_slice(url, slash, url.n);

    return str_starts(path, folder) &&
           (path.n == folder.n || memchr("/?#", path.p[folder.n], sizeof("/?#") - 1) != NULL);
}

static const char *by_host(struct str referrer)
{
    struct str url = from_host(referrer);

    if (url.n == 0 || !memchr(first_letters, ascii_lower(url.p[0]), sizeof(first_letters) - 1))
        return NULL;
    if (has_host(url, STR("huggingface.co")))
        return is_chat(url) ? "HuggingChat" : NULL;
    return LOOK_UP(hosts, url);
}

/* Percent-decoded into `room`; too long for any name: empty. */
static struct str decode(struct str value, char room[SOURCE_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < value.n; n++) {
        int byte = percent_byte(value, i);
        if (n == SOURCE_MAX)
            return STR("");
        room[n] = byte < 0 ? value.p[i] : (char)byte;
        i += byte < 0 ? 1 : 3;
    }
    return (struct str){room, n};
}

/* "utm_source", and "utm%5Fsource": names are compared as they are meant. */
static bool is_source(struct str name)
{
    static const struct str source = S("utm_source");
    char room[QUERY_TEXT_MAX];

    return str_eq_nocase(name, source) || (name.n > source.n && str_chr(name, '%', 0) >= 0 &&
                                           str_eq(query_decode(name, room), source));
}

static const char *by_source(struct str query)
{
    char room[SOURCE_MAX];
    struct query_param p;

    while (query_next(&query, false, &p)) {
        if (!is_source(p.name) || p.value.n == 0)
            continue;
        struct str source = str_trim(decode(p.value, room));
        const char *assistant = source.n > 0 ? by_host(source) : NULL;
        return assistant != NULL ? assistant : LOOK_UP(sources, from_host(source));
    }
    return NULL;
}

const char *ai_referrer(struct str referrer, struct str query)
{
    const char *assistant = referrer.n > 0 ? by_host(referrer) : NULL;

    return assistant != NULL ? assistant : by_source(query);
}

const char *ai_referrer_name(size_t i)
{
    for (size_t k = 0; k < COUNT_OF(hosts); k++) {
        bool again = k > 0 && strcmp(hosts[k].name, hosts[k - 1].name) == 0;
        if (!again && i-- == 0)
            return hosts[k].name;
    }
    return i == 0 ? "HuggingChat" : NULL;
}
