/*
 * ai_referrer.c - see ai_referrer.h.
 */
#include "parsers/ai_referrer.h"

#define HOST_MAX 64u /* longer than any below */

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

/* What a utm_source says beside those hosts. "gemini" alone is an advertising network's, too. */
static const struct assistant sources[] = {
    {S("chatgpt"), "ChatGPT"},       {S("openai"), "ChatGPT"},
    {S("openai.com"), "ChatGPT"},    {S("claude"), "Claude"},
    {S("perplexity"), "Perplexity"}, {S("deepseek"), "DeepSeek"},
    {S("deepseek.com"), "DeepSeek"}, {S("grok"), "Grok"},
    {S("copilot.com"), "Copilot"},   {S("mistral.ai"), "Mistral"},
    {S("qwen.ai"), "Qwen"},
};

static const char *look_up(const struct assistant *table, size_t n, struct str host)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(host, table[i].host))
            return table[i].name;
    return NULL;
}
#define LOOK_UP(table, host) look_up(table, sizeof(table) / sizeof((table)[0]), host)

/* Before '/', ':', '?', '#' or NUL; what is over HOST_MAX is no name that is looked for. */
static size_t host_end(struct str url)
{
    struct str host = str_slice(url, 0, url.n <= HOST_MAX ? url.n : HOST_MAX + 1);

    host.n = str_until(host, '/', ':');
    host.n = str_until(host, '?', '#');
    return str_until(host, '\0', '\0');
}

/* Of "https://www.perplexity.ai/search?q=…" it is perplexity.ai; what has no scheme is taken
 * whole, up to its end or its path. */
static struct str host_of(struct str url)
{
    static const struct str schemes[] = {{"https://", 8}, {"http://", 7}};

    for (size_t i = 0; i < 2; i++)
        if (str_starts_nocase(url, schemes[i])) {
            url = str_slice(url, schemes[i].n, url.n);
            break;
        }
    struct str host = str_slice(url, 0, host_end(url));
    return str_starts_nocase(host, STR("www.")) ? str_slice(host, 4, host.n) : host;
}

static const char *by_host(struct str referrer)
{
    struct str host = host_of(referrer);

    if (str_eq_nocase(host, STR("huggingface.co")))
        return str_find(referrer, STR("/chat"), 0) >= 0 ? "HuggingChat" : NULL;
    return LOOK_UP(hosts, host);
}

/* Percent-decoded into `room`; too long for any name: empty. */
static struct str decode(struct str value, char room[HOST_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < value.n; n++) {
        int byte = percent_byte(value, i);
        if (n == HOST_MAX)
            return STR("");
        room[n] = byte < 0 ? value.p[i] : (char)byte;
        i += byte < 0 ? 1 : 3;
    }
    return (struct str){room, n};
}

static const char *by_source(struct str query)
{
    char room[HOST_MAX];

    while (query.n > 0) {
        struct str value = str_cut(&query, '&');
        struct str name = str_cut(&value, '=');
        if (!str_eq_nocase(name, STR("utm_source")))
            continue;
        struct str source = str_trim(decode(value, room));
        const char *assistant = source.n > 0 ? by_host(source) : NULL;
        return assistant != NULL ? assistant : LOOK_UP(sources, host_of(source));
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
