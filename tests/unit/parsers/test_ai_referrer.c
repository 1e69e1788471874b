#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "parsers/ai_referrer.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
    const char *referrer, *query, *assistant;
} cases[] = {
    {"https://chatgpt.com/", NULL, "ChatGPT"},
    {"https://chatgpt.com", NULL, "ChatGPT"},
    {"https://www.chatgpt.com/c/1?x=y", NULL, "ChatGPT"},
    {"HTTPS://CHATGPT.COM/", NULL, "ChatGPT"},
    {"http://chat.openai.com:443/", NULL, "ChatGPT"},
    {"chatgpt.com", NULL, "ChatGPT"},
    {"https://chatgpt.com.", NULL, "ChatGPT"},
    {"https://chatgpt.com./c/1", NULL, "ChatGPT"},
    {"https://www.perplexity.ai.:443/", NULL, "Perplexity"},
    {"https://chatgpt.com../", NULL, NULL},
    {"https://claude.ai/chat/1", NULL, "Claude"},
    {"https://gemini.google.com/app", NULL, "Gemini"},
    {"https://copilot.microsoft.com/", NULL, "Copilot"},
    {"https://www.perplexity.ai/search/x", NULL, "Perplexity"},
    {"https://chat.deepseek.com/", NULL, "DeepSeek"},
    {"https://chat.mistral.ai/chat", NULL, "Mistral"},
    {"https://poe.com/", NULL, "Poe"},
    {"https://you.com/", NULL, "You.com"},
    {"https://www.phind.com/", NULL, "Phind"},
    {"https://kagi.com/", NULL, "Kagi"},
    {"https://arc.net/", NULL, "Arc Search"},
    {"https://duck.ai/", NULL, "Duck.ai"},
    {"https://grok.com/", NULL, "Grok"},
    {"https://grok.x.ai/", NULL, "Grok"},
    {"https://www.meta.ai/", NULL, "Meta AI"},
    {"https://chat.qwen.ai/", NULL, "Qwen"},
    {"https://huggingface.co/chat/", NULL, "HuggingChat"},
    {"https://huggingface.co/chat", NULL, "HuggingChat"},
    {"https://huggingface.co/chat?model=x", NULL, "HuggingChat"},
    {"https://huggingface.co/chatbots", NULL, NULL},
    {"https://huggingface.co/models?x=/chat", NULL, NULL},
    {"https://huggingface.co?/chat", NULL, NULL},
    {"https://huggingface.co/models", NULL, NULL},
    {"https://huggingface.co/", NULL, NULL},
    {"https://openai.com/", NULL, NULL},
    {"https://notchatgpt.com/", NULL, NULL},
    {"https://chatgpt.com.example.org/", NULL, NULL},
    {"https://example.org/?u=https://chatgpt.com/", NULL, NULL},
    {"https://chatgpt.com@example.org/", NULL, NULL},
    {"https://www.google.com/", NULL, NULL},
    {"", "", NULL},
    {NULL, NULL, NULL},
    {NULL, "utm_source=chatgpt.com", "ChatGPT"},
    {"https://example.org/", "a=b&utm_source=chatgpt.com&utm_medium=x", "ChatGPT"},
    {NULL, "UTM_SOURCE=ChatGPT", "ChatGPT"},
    {NULL, "utm_source=openai", "ChatGPT"},
    {NULL, "utm_source=perplexity", "Perplexity"},
    {NULL, "utm_source=perplexity.ai", "Perplexity"},
    {NULL, "utm_source=www.perplexity.ai", "Perplexity"},
    {NULL, "utm_source=claude.ai", "Claude"},
    {NULL, "utm_source=copilot.com", "Copilot"},
    {NULL, "utm_source=https%3A%2F%2Fchatgpt.com%2F", "ChatGPT"},
    {NULL, "utm_source=chat%67pt.com", "ChatGPT"},
    {NULL, "utm%5Fsource=chatgpt.com", "ChatGPT"},
    {NULL, "a=1&%75tm%5fSOURCE=chatgpt.com", "ChatGPT"},
    {NULL, "utm%255Fsource=chatgpt.com", NULL},
    {NULL, "utm%5Fsourcery=chatgpt.com", NULL},
    {NULL, "utm%5Fsource", NULL},
    {NULL, "utm_source=newsletter", NULL},
    {NULL, "utm_source=gemini", NULL},
    {NULL, "utm_source=", NULL},
    {NULL, "utm_source", NULL},
    {NULL, "xutm_source=chatgpt.com", NULL},
    {NULL, "utm_source=%", NULL},
    {NULL, "utm_source=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     NULL},
    {"https://claude.ai/", "utm_source=chatgpt.com", "Claude"},
};

static void test_table(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *got = ai_referrer(str_of(cases[i].referrer), str_of(cases[i].query));
        if (!got != !cases[i].assistant)
            print_error("%s ? %s\n", cases[i].referrer, cases[i].query);
        assert_int_equal(got != NULL, cases[i].assistant != NULL);
        if (got)
            assert_string_equal(got, cases[i].assistant);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
