/*
 * ai_referrer.c - see ai_referrer.h.
 */
#include "parsers/ai_referrer.h"

#define HOST_MAX 64u /* longer than any below */

static const struct assistant {
    const char *host, *name;
} hosts[] = {
    {"chatgpt.com", "ChatGPT"},
    {"chat.openai.com", "ChatGPT"},
    {"claude.ai", "Claude"},
    {"gemini.google.com", "Gemini"},
    {"copilot.microsoft.com", "Copilot"},
    {"perplexity.ai", "Perplexity"},
    {"chat.deepseek.com", "DeepSeek"},
    {"chat.mistral.ai", "Mistral"},
    {"poe.com", "Poe"},
    {"you.com", "You.com"},
    {"phind.com", "Phind"},
    {"kagi.com", "Kagi"},
    {"arc.net", "Arc Search"},
    {"duck.ai", "Duck.ai"},
    {"grok.com", "Grok"},
    {"grok.x.ai", "Grok"},
    {"meta.ai", "Meta AI"},
    {"chat.qwen.ai", "Qwen"},
};

/* What a utm_source says beside those hosts. "gemini" alone is an advertising network's, too. */
static const struct assistant sources[] = {
    {"chatgpt", "ChatGPT"},       {"openai", "ChatGPT"},
    {"openai.com", "ChatGPT"},    {"claude", "Claude"},
    {"perplexity", "Perplexity"}, {"deepseek", "DeepSeek"},
    {"deepseek.com", "DeepSeek"}, {"grok", "Grok"},
    {"copilot.com", "Copilot"},   {"mistral.ai", "Mistral"},
    {"qwen.ai", "Qwen"},
};

static const char *look_up(const struct assistant *table, size_t n, struct str host)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(host, str_of(table[i].host)))
            return table[i].name;
    return NULL;
}
#define LOOK_UP(table, host) look_up(table, sizeof(table) / sizeof((table)[0]), host)

/* Of "https://www.perplexity.ai/search?q=…" it is perplexity.ai; what has no scheme is taken
 * whole, up to its end or its path. */
static struct str host_of(struct str url)
{
    static const struct str schemes[] = {{"https://", 8}, {"http://", 7}};
    size_t end = 0;

    for (size_t i = 0; i < 2; i++)
        if (str_starts_nocase(url, schemes[i])) {
            url = str_slice(url, schemes[i].n, url.n);
            break;
        }
    while (end < url.n && end <= HOST_MAX && strchr("/:?#", url.p[end]) == NULL)
        end++;
    struct str host = str_slice(url, 0, end);
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
