#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "parsers/catalogue.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct catalogue *catalogue;    /* as by default */
static struct catalogue *with_engines; /* ai: {search_engines: true} */
static const char *const kinds[] = {"human", "bot", "ai"};

static int setup(void **state)
{
    catalogue = catalogue_new(false);
    with_engines = catalogue_new(true);
    return catalogue != NULL && with_engines != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    catalogue_free(catalogue);
    catalogue_free(with_engines);
    catalogue_free(NULL);
    return 0;
}

static enum ua_kind classify(const char *ua, const struct agent **agent)
{
    return catalogue_classify(catalogue, str_of(ua), agent);
}

/* Calls `check` for each line of a file in tests/data; returns how many there were. */
static size_t each_line(const char *name, bool (*check)(char *line))
{
    FILE *f = fopen(name, "r");
    char *line = NULL;
    size_t cap = 0, n = 0, wrong = 0;
    ssize_t length;

    assert_non_null(f);
    while ((length = getline(&line, &cap, f)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        n++;
        wrong += !check(line);
    }
    free(line);
    fclose(f);
    assert_int_equal(wrong, 0);
    return n;
}

static bool is_kind(const char *ua, enum ua_kind want)
{
    const struct agent *agent;
    enum ua_kind got = classify(ua, &agent);

    if (got != want)
        print_error("%s (%s), not %s: %s\n", kinds[got], agent ? agent->name : "no agent",
                    kinds[want], ua);
    return got == want && (agent != NULL) == (want == UA_AI);
}

static bool is_human(char *line)
{
    return is_kind(line, UA_HUMAN);
}

static bool is_bot(char *line)
{
    return is_kind(line, UA_BOT);
}

static bool is_agent(char *line)
{
    char *ua = strchr(line, '\t');
    const struct agent *agent;

    assert_non_null(ua);
    *ua++ = '\0';
    if (classify(ua, &agent) == UA_AI && strcmp(agent->name, line) == 0)
        return true;
    print_error("%s, not %s: %s\n", agent ? agent->name : "no agent", line, ua);
    return false;
}

static void test_people(void **state)
{
    size_t n = each_line("tests/data/user-agents-human.txt", is_human);

    print_message("figure: people taken for robots: 0 of %zu\n", n);
    assert_true(n >= 600);
}

static void test_robots(void **state)
{
    size_t n = each_line("tests/data/user-agents-bot.txt", is_bot);

    print_message("figure: robots recognised: %zu of %zu\n", n, n);
    assert_true(n >= 600);
}

/* Another's list, whole. What it calls robots and is let through here are browsers inside apps, and
 * an editor: somebody looks at the page. */
static void test_other_list(void **state)
{
    static const char *const people[] = {"Instagram 406.", "Code/1.115.0", "MetaIAB Facebook",
                                         "Fluid/0.9.6"};
    size_t n = 0, known = 0, n_ai = 0, known_ai = 0, judged = 0, cap = 0;
    FILE *f = fopen("tests/data/user-agents-crawlers.tsv", "r");
    char *line = NULL;
    ssize_t length;

    assert_non_null(f);
    while ((length = getline(&line, &cap, f)) > 0) {
        const struct agent *agent;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        char *ua = strchr(line, '\t') + 1;
        bool ai = strncmp(line, "ai\t", 3) == 0;
        enum ua_kind kind = classify(ua, &agent);
        n++;
        n_ai += ai;
        known += kind != UA_HUMAN;
        known_ai += ai && kind == UA_AI;
        for (size_t i = 0; kind == UA_HUMAN && i < COUNT(people); i++)
            judged += strstr(ua, people[i]) != NULL;
        if (ai && kind != UA_AI)
            print_error("not AI: %s\n", ua);
    }
    free(line);
    fclose(f);
    print_message("figure: crawler-user-agents: robots recognised %zu of %zu, AI agents %zu of "
                  "%zu; %zu are people's by judgement\n",
                  known, n, known_ai, n_ai, judged);
    assert_int_equal(n, 2116);
    assert_int_equal(known + judged, n);
    assert_int_equal(known_ai, n_ai);
}

static char in_case(char c, unsigned way)
{
    bool up = way == 2 && c >= 'a' && c <= 'z';

    return way == 1 ? ascii_lower(c) : up ? (char)(c - 32) : c;
}

/* As it is, in lower case, in upper case. */
static void is_agent_in_each_case(const char *ua, const char *name)
{
    char other[512];

    for (unsigned way = 0; way < 3; way++) {
        const struct agent *agent;
        for (size_t at = 0; at <= strlen(ua); at++)
            other[at] = in_case(ua[at], way);
        if (classify(other, &agent) != UA_AI || strcmp(agent->name, name) != 0)
            print_error("%s, not %s: %s\n", agent ? agent->name : "none", name, other);
        assert_true(agent != NULL && strcmp(agent->name, name) == 0);
    }
}

/* Each of the leading agents in every shape that logs have shown. */
static void test_shapes(void **state)
{
    static const char *const names[] = {
        "GPTBot",
        "OAI-SearchBot",
        "ChatGPT-User",
        "ClaudeBot",
        "Claude-User",
        "Claude-SearchBot",
        "PerplexityBot",
        "Perplexity-User",
        "GoogleOther",
        "Google-Agent",
        "Applebot",
        "Amazonbot",
        "Amzn-User",
        "Amzn-SearchBot",
        "meta-externalagent",
        "meta-externalfetcher",
        "meta-webindexer",
        "MistralAI-User",
        "DuckAssistBot",
        "CCBot",
        "Bytespider",
        "Google-CloudVertexBot",
        "KimiBot",
        "YouBot",
        "cohere-ai",
        "FacebookBot",
        "PetalBot",
        "LinerBot",
        "iAskBot",
        "newsai",
        "SBIntuitionsBot",
        "iaskspider",
    };
    static const char *const shapes[] = {
        "%s",
        "%s/1.0",
        "%s/2",
        "%s 1.3",
        "%s/1.0; +https://example.com/bot",
        "%s;",
        "(%s)",
        "Mozilla/5.0 (compatible; %s/1.0; +https://example.com/bot)",
        "Mozilla/5.0 (compatible; %s; mailto:bot@example.com)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; %s/1.1; +https://x.com/y",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; %s/1.0; robots.txt; "
        "+https://example.com/bot)",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/131.0.0.0 Safari/537.36; compatible; %s/1.3; robots.txt; +https://openai.com/bot",
        "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile "
        "Safari/537.36 (compatible; %s; spider-feedback@example.com)",
        "Mozilla/5.0%%20(compatible;%%20%s/1.0;%%20+https://example.com/bot)",
        "Mozilla/5.0%%2520(compatible;%%2520%s/1.0;%%2520+https://example.com/bot)",
        "Mozilla/5.0+(compatible;+%s/1.0;++https://example.com/bot)",
        "%s/1.0 (+https://example.com/bot) some words behind",
        "  %s/1.0  ",
        "\"%s/1.0\"",
        "User-Agent: %s/1.0",
    };
    char ua[512];

    for (size_t i = 0; i < COUNT(names); i++)
        for (size_t k = 0; k < COUNT(shapes); k++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(ua, sizeof(ua), shapes[k], names[i]);
#pragma GCC diagnostic pop
            is_agent_in_each_case(ua, names[i]);
        }
}

static void test_twins(void **state)
{
    static const struct {
        const char *ua, *name, *operator;
        enum agent_category category;
    } cases[] = {
        {"PerplexityBot/1.0", "PerplexityBot", "Perplexity", AGENT_SEARCH},
        {"meta-externalagent/1.1", "meta-externalagent", "Meta", AGENT_TRAINING},
        {"MistralAI-User/1.0", "MistralAI-User", "Mistral AI", AGENT_ASSISTANT},
        {"LinerBot/1.0", "LinerBot", "Liner", AGENT_ASSISTANT},
        {"iAskBot/1.0", "iAskBot", "iAsk", AGENT_ASSISTANT},
        {"newsai/1.0", "newsai", "unknown", AGENT_TRAINING},
        {"SBIntuitionsBot/0.1", "SBIntuitionsBot", "SB Intuitions", AGENT_TRAINING},
        {"iaskspider/2.0", "iaskspider", "iAsk", AGENT_ASSISTANT},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct agent *a;
        assert_int_equal(classify(cases[i].ua, &a), UA_AI);
        assert_string_equal(a->name, cases[i].name);
        assert_string_equal(a->operator, cases[i].operator);
        assert_int_equal(a->category, cases[i].category);
    }
}

/* Words of the catalogue in what people use. */
static void test_generic_words(void **state)
{
    static const char *const words[] = {"Cursor", "Operator", "Trae", "Devin",  "Code",   "Spider",
                                        "LCC",    "SLCC2",    "YaK",  "Scrapy", "OpenAI", "UseAI"};
    static const char *const shapes[] = {
        "Mozilla/5.0 (Linux; Android 13; %s Build/TP1A) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/121.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 13; %s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/121.0 "
        "Mobile Safari/537.36",
        "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; %s; .NET CLR 2.0.50727)",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/121.0 Safari/537.36 [referrer openai.com/%s]",
    };
    char ua[512];

    for (size_t i = 0; i < COUNT(words); i++)
        for (size_t k = 0; k < COUNT(shapes); k++) {
            if (k > 0 && strcmp(words[i], "Spider") == 0)
                continue; /* outside a model's name that is a robot's word */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(ua, sizeof(ua), shapes[k], words[i]);
#pragma GCC diagnostic pop
            assert_true(is_kind(ua, UA_HUMAN));
        }
}

static void test_parse(void **state)
{
    static const char head[] = "# date: 2026-11-25\n";
    static const char good[] = "X\tY\ttraining\txbot\tword\t-\tno\tvendor\tfacts\n";
    static const struct {
        const char *head, *row, *why;
    } bad[] = {
        {"", good, "1: "},
        {"# date: soon\n", good, "1: "},
        {"# date: 2026-11-25\n", "", "1: "},
        {"# date: 2026-11-25\n", "X\tY\n", "2: an agent has nine columns"},
        {"# date: 2026-11-25\n", "\n#\nX\tY\ttraining\txbot\tword\t-\tno\tvendor\tf\tmore\n",
         "4: "},
        {"# date: 2026-11-25\n", "X\tY\twhat\txbot\tword\t-\tno\tvendor\tfacts\n",
         "2: the category"},
        {"# date: 2026-11-25\n", "X\tY\tother\txbot\tlike\t-\tno\tvendor\tfacts\n", "2: the match"},
        {"# date: 2026-11-25\n", "X\tY\tother\tx\tword\t-\tno\tvendor\tfacts\n", "2: the name"},
        {"# date: 2026-11-25\n", "X\033[1m\tY\tother\txbot\tword\t-\tno\tvendor\tfacts\n",
         "2: the name"},
        {"# date: 2026-11-25\n", "@list\tx\n", "2: a list has four"},
        {"# date: 2026-11-25\n", "@list\t../x\thttps://x.org/\tagent\n", "2: the list's name"},
    };
    struct buf text, why;
    const struct agent *agent;

    buf_init(&text, 4096);
    buf_init(&why, 1024);
    buf_put_str(&text, str_of(head));
    buf_put_str(&text, str_of("@list\txlist\thttps://example.com/x.json\toperator\n"));
    buf_put_str(&text, str_of(good));
    struct catalogue *c = catalogue_parse(buf_str(&text), false, &why);
    assert_non_null(c);
    assert_string_equal(catalogue_date(c), "2026-11-25");
    assert_int_equal(catalogue_lists(c), 1);
    assert_string_equal(catalogue_list(c, 0)->name, "xlist");
    assert_int_equal(catalogue_classify(c, STR("XBot/1.0"), &agent), UA_AI);
    assert_int_equal(catalogue_classify(c, STR("curl/8"), &agent), UA_BOT);
    catalogue_free(c);
    for (size_t i = 0; i < COUNT(bad); i++) {
        buf_reset(&text);
        buf_reset(&why);
        buf_put_str(&text, str_of(bad[i].head));
        buf_put_str(&text, str_of(bad[i].row));
        assert_null(catalogue_parse(buf_str(&text), false, &why));
        assert_true(str_starts(buf_str(&why), str_of(bad[i].why)));
    }
    buf_reset(&why);
    assert_null(catalogue_parse((struct str){"# date: 2026-11-25\n\0", 20}, false, &why));
    buf_release(&text);
    buf_release(&why);
}

static void test_agents(void **state)
{
    size_t n = each_line("tests/data/user-agents-ai.txt", is_agent);

    print_message("figure: AI agents named right: %zu of %zu\n", n, n);
    assert_true(n >= 70);
}

static void test_every_token_finds_its_agent(void **state)
{
    char ua[256];
    size_t ai = 0;

    for (size_t i = 0; i < catalogue_count(catalogue); i++) {
        const struct agent *want = catalogue_at(catalogue, i), *got;
        ai += !want->search_engine;
        snprintf(ua, sizeof(ua), "Mozilla/5.0 (compatible; %s/1.0; +https://example.com)",
                 want->token);
        if (want->search_engine)
            assert_int_equal(classify(ua, &got), UA_BOT);
        else
            assert_int_equal(classify(ua, &got), UA_AI);
        assert_true(catalogue_is_search_engine(catalogue, str_of(ua)) == want->search_engine);
        assert_true(catalogue_is_search_engine(with_engines, str_of(ua)) == want->search_engine);
        assert_int_equal(catalogue_classify(with_engines, str_of(ua), &got), UA_AI);
        assert_string_equal(got->token, want->token);
        assert_string_equal(got->name, want->name);
    }
    assert_true(ai >= 160);
}

/* Names in the catalogue are spelt as the operators do; the token is their lower case. */
static void test_names_match_too(void **state)
{
    char ua[256];

    for (size_t i = 0; i < catalogue_count(catalogue); i++) {
        const struct agent *want = catalogue_at(catalogue, i), *got;
        snprintf(ua, sizeof(ua), "%s/2.3", want->name);
        catalogue_classify(with_engines, str_of(ua), &got);
        assert_non_null(got);
        assert_string_equal(got->name, want->name);
    }
}

static void test_data(void **state)
{
    static const char *const categories[] = {"training", "search", "assistant",
                                             "agent",    "coding", "other"};

    assert_int_equal(strlen(catalogue_date(catalogue)), strlen("2026-11-22"));
    for (size_t i = 0; i < catalogue_count(catalogue); i++) {
        const struct agent *a = catalogue_at(catalogue, i);
        assert_true(a->name[0] != '\0' && a->operator[0] != '\0' && a->source[0] != '\0');
        assert_true(a->category <= AGENT_OTHER);
        assert_true(strcmp(a->verification, "-") != 0);
        assert_null(strchr(a->token, '/')); /* versions are no part of a token */
    }
    for (size_t i = 0; i < COUNT(categories); i++)
        assert_string_equal(agent_category_name((enum agent_category)i), categories[i]);
}

/* By hand from the operators' pages. */
static void test_leading_agents(void **state)
{
    static const struct {
        const char *name, *operator;
        enum agent_category category;
        const char *verification; /* how it begins */
    } cases[] = {
        {"GPTBot", "OpenAI", AGENT_TRAINING, "json:https://openai.com/gptbot.json"},
        {"OAI-SearchBot", "OpenAI", AGENT_SEARCH, "json:https://openai.com/searchbot.json"},
        {"ChatGPT-User", "OpenAI", AGENT_ASSISTANT, "json:https://openai.com/chatgpt-user.json"},
        {"OAI-AdsBot", "OpenAI", AGENT_OTHER, "json:"},
        {"ClaudeBot", "Anthropic", AGENT_TRAINING, "json:https://claude.com/crawling/bots.json"},
        {"Claude-SearchBot", "Anthropic", AGENT_SEARCH, "json:https://claude.com/"},
        {"Claude-User", "Anthropic", AGENT_ASSISTANT, "json:https://claude.com/"},
        {"Claude-Code", "Anthropic", AGENT_CODING, ""},
        {"PerplexityBot", "Perplexity", AGENT_SEARCH, "json:https://www.perplexity.ai/"},
        {"Perplexity-User", "Perplexity", AGENT_ASSISTANT, "json:https://www.perplexity.ai/"},
        {"GoogleOther", "Google", AGENT_TRAINING, "json:https://developers.google.com/"},
        {"Google-CloudVertexBot", "Google", AGENT_OTHER, "json:https://developers.google.com/"},
        {"Google-Agent", "Google", AGENT_AGENT, "json:https://developers.google.com/"},
        {"Gemini-Deep-Research", "Google", AGENT_ASSISTANT, "json:"},
        {"Google-NotebookLM", "Google", AGENT_ASSISTANT, "json:"},
        {"Applebot", "Apple", AGENT_SEARCH, "json:https://search.developer.apple.com/"},
        {"Amazonbot", "Amazon", AGENT_TRAINING, "rdns:crawl.amazonbot.amazon"},
        {"Amzn-SearchBot", "Amazon", AGENT_SEARCH, "rdns:"},
        {"Amzn-User", "Amazon", AGENT_ASSISTANT, "rdns:"},
        {"meta-externalagent", "Meta", AGENT_TRAINING, "asn:32934"},
        {"meta-webindexer", "Meta", AGENT_SEARCH, "asn:32934"},
        {"meta-externalfetcher", "Meta", AGENT_ASSISTANT, "asn:32934"},
        {"MistralAI-User", "Mistral AI", AGENT_ASSISTANT, "json:https://mistral.ai/"},
        {"DuckAssistBot", "DuckDuckGo", AGENT_ASSISTANT, "json:https://duckduckgo.com/"},
        {"CCBot", "Common Crawl", AGENT_TRAINING, "json:https://index.commoncrawl.org/"},
        {"Bytespider", "ByteDance", AGENT_TRAINING, ""},
        {"Kimi-SearchBot", "Moonshot AI", AGENT_SEARCH, "json:https://www.kimi.com/"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct agent *a;
        assert_int_equal(classify(cases[i].name, &a), UA_AI);
        assert_string_equal(a->name, cases[i].name);
        assert_string_equal(a->operator, cases[i].operator);
        assert_int_equal(a->category, cases[i].category);
        assert_true(str_starts(str_of(a->verification), str_of(cases[i].verification)));
        assert_false(a->search_engine);
    }
}

/* What lists under the LGPL have and nobody else, and words that are too generic. */
static void test_tokens_left_out(void **state)
{
    static const char *const tokens[] = {
        "bard-ai",         "character-ai",    "chatgpt-browser",
        "cohere-command",  "cohere-training", "doximity-diffbot",
        "gemini-ai",       "gochitchat.ai",   "groq-bot",
        "huggingface-bot", "ias_crawler",     "ias_wombles",
        "imagesift",       "prorata",         "replicate-bot",
        "runpod-bot",      "sentibot",        "together-bot",
        "udv-ai-research", "webzio",          "code",
        "spider",
    };
    for (size_t i = 0; i < catalogue_count(catalogue); i++)
        for (size_t k = 0; k < COUNT(tokens); k++)
            assert_string_not_equal(catalogue_at(catalogue, i)->token, tokens[k]);
}

/* Told by their shape; no name of the lists stands in them. */
static void test_forms(void **state)
{
    static const struct {
        const char *ua;
        enum ua_kind kind;
    } cases[] = {
        /* "compatible;" behind the engine's name: how crawlers of today introduce themselves */
        {"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; Newcomer/1.1", UA_BOT},
        {"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Newcomer) Chrome/131.0",
         UA_BOT},
        {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/27.0 "
         "Safari/537.36 (compatible; Newcomer/2.0)",
         UA_BOT},
        {"Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile "
         "Safari/537.36 (Compatible;Newcomer)",
         UA_BOT},
        {"Mozilla/5.0 (X11; rv:28.0) Gecko/20100101 Firefox/28.0 (compatible; Newcomer)", UA_BOT},
        {"Mozilla/5.0 (compatible; Konqueror/3.5; Linux) KHTML/3.5.5 (like Gecko)", UA_HUMAN},
        {"Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0) like Gecko", UA_HUMAN},
        {"Mozilla/5.0 (Windows NT 10.0; rv:9.0) Gecko/20100101 Firefox/9 incompatible; x",
         UA_HUMAN},
        {"Mozilla/5.0 (Windows NT 10.0; rv:9.0) Gecko/20100101 Firefox/9 (compatible)", UA_HUMAN},
        {"Mozilla/5.0 (X11; Linux; compatible; x) AppleWebKit/538 (KHTML, like Gecko)", UA_HUMAN},
        {"Mozilla/5.0 (X11; Linux) like Gecko", UA_HUMAN},
        /* "Mozilla/5.0" and words, without the parenthesis in which every browser has its platform
         */
        {"Mozilla/5.0 Newcomer", UA_BOT},
        {"Mozilla/5.0 newcomer/2.12.4", UA_BOT},
        {"Mozilla/5.0 Firefox/26.0", UA_BOT},
        {"Mozilla/5.0 Macintosh; U; PPC Mac OS X; en-US; rv:1.0.1) Gecko/20030917 Camino/0.7",
         UA_HUMAN},
        {"Mozilla/5.0 Galeon/1.2.5 (X11; Linux i686; U)", UA_HUMAN},
        {"Mozilla 4.75 [en]", UA_HUMAN},
        {"Mozilla/4.75 [en] (X11; U)", UA_HUMAN},
        /* a name with a digit in it, and a version: a program's in figures, a phone's otherwise */
        {"nghttp2/1.40.0", UA_BOT},
        {"Boto3/1.26", UA_BOT},
        {"W810i/R4EA", UA_HUMAN},
        {"w3m/0.5.3", UA_HUMAN},
        {"w3m/0.5.3+git20190105", UA_HUMAN},
        {"Apple-iPhone7C2/1202.466", UA_HUMAN},
        {"UCWEB8.4.0.150/28/352", UA_HUMAN},
        {"J2ME/UCWEB7.0.3.45/139/7682", UA_HUMAN},
        {"E97510d/", UA_HUMAN},
    };
    size_t wrong = 0;

    for (size_t i = 0; i < COUNT(cases); i++)
        wrong += !is_kind(cases[i].ua, cases[i].kind);
    assert_int_equal(wrong, 0);
}

static void test_boundaries_and_order(void **state)
{
    static const struct {
        const char *ua;
        enum ua_kind kind;
        const char *name;
    } cases[] = {
        {"notamazonbot/1.0 (Linux x86_64)", UA_BOT, NULL},
        {"Mozilla/5.0 (X11; myGPTBotClone2) Gecko/1", UA_HUMAN, NULL},
        {"GPTBot", UA_AI, "GPTBot"},
        {"gPTbOT", UA_AI, "GPTBot"},
        {"x-gptbot_y", UA_AI, "GPTBot"},
        {"GPTBots and others", UA_BOT, NULL},
        {"Claude-SearchBot ClaudeBot", UA_AI, "Claude-SearchBot"},
        {"ClaudeBot Claude-SearchBot", UA_AI, "Claude-SearchBot"},
        {"Claude-User claude-code", UA_AI, "Claude-User"},
        {"claude-code Claude-User", UA_AI, "Claude-Code"},
        {"Applebot-Extended", UA_AI, "Applebot-Extended"},
        {"Applebot-Something", UA_AI, "Applebot"},
        {"GoogleOther Googlebot", UA_AI, "GoogleOther"},
        {"Ai2Bot-Dolma (+https://www.allenai.org/crawler)", UA_AI, "AI2Bot-Dolma"},
        {"MistralAI-User/1.0", UA_AI, "MistralAI-User"},
        {"iaskspider/2.0", UA_AI, "iaskspider"},
        /* generic words */
        {"Devin/1.0", UA_AI, "Devin"},
        {"Devin", UA_AI, "Devin"},
        {" devin ", UA_AI, "Devin"},
        {"Devin (+https://devin.ai)", UA_AI, "Devin"},
        {"Devin (iPhone; iOS 17.0)", UA_HUMAN, NULL},
        {"Devin Android", UA_HUMAN, NULL},
        {"Mozilla/5.0 (Linux; Android 9) Devin (+) Chrome/90 Safari/537.36", UA_HUMAN, NULL},
        {"Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; LCC; SLCC2)", UA_HUMAN, NULL},
        {"Mozilla/5.0 (X11) Devin/2", UA_AI, "Devin"},
        {"Mozilla/5.0 (Linux; Android 9; Devin) Chrome/90 Safari/537.36", UA_HUMAN, NULL},
        {"Mozilla/5.0 (Linux; Android 9; X-Devin/1) Chrome/90 Safari/537.36", UA_HUMAN, NULL},
        {"Mozilla/5.0 (X11) Devin/x Chrome/90 Safari/537.36", UA_HUMAN, NULL},
        {"Mozilla/5.0 (X11) Cursor/0.42.3 Chrome/128 Electron/32 Safari/537.36", UA_AI, "Cursor"},
        {"Mozilla/5.0 (X11) Code/1.95 Chrome/128 Electron/32 Safari/537.36", UA_HUMAN, NULL},
        {"Mozilla/5.0 (X11) Chrome/90 Devin/", UA_HUMAN, NULL},
        /* nothing, or nothing much */
        {"", UA_BOT, NULL},
        {"-", UA_BOT, NULL},
        {" - ", UA_BOT, NULL},
        {"   ", UA_BOT, NULL},
        {"\x01", UA_BOT, NULL},
        /* addresses of mail */
        {"Mozilla/5.0 (X11; someone@example.org) Gecko/1", UA_BOT, NULL},
        {"Mozilla/5.0 (iPhone) Ecosia ios@9.2.3.1367 Safari/604.1", UA_HUMAN, NULL},
        {"Mozilla/5.0 (X11; @home) Gecko/1 user@host", UA_HUMAN, NULL},
        {"Mozilla/5.0 (X11; a@b.) Gecko/1", UA_HUMAN, NULL},
        {"Mozilla/5.0 (X11; a@b.c", UA_HUMAN, NULL},
        /* suffixes and what cancels them */
        {"Mozilla/5.0 (Linux; Android 9; Foobot) Chrome/90 Safari/537.36", UA_HUMAN, NULL},
        {"Mozilla/5.0 (Linux; Android 9; Moto (4)) Chrome/90 (compatible; foobot)", UA_BOT, NULL},
        {"Mozilla/5.0 (Linux; Android 9; Foobot", UA_HUMAN, NULL},
        {"Mozilla/5.0 (Linux; Android 9; X (Foobot) Build/1) Chrome/90", UA_HUMAN, NULL},
        {"Mozilla/5.0 (Linux; Android 9; X (1)) Chrome/90 App Android (33; Foobot; x)", UA_HUMAN,
         NULL},
        {"Mozilla/5.0 (Linux; Android 9; X) Chrome/90 [FBAN/FB4A;FBDV/Foobot]", UA_HUMAN, NULL},
        {"Mozilla/5.0 (Linux; Android 9; X) Chrome/90 [FBAN/FB4A;FBDV/X] foobot", UA_BOT, NULL},
        {"Mozilla/5.0 (Linux; Android 9; X) Chrome/90 [x;FBDV/Foobot]", UA_BOT, NULL},
        {"Mozilla/5.0 (Linux; Android 9; X) Chrome/90 (33; Foobot; x)", UA_BOT, NULL},
        {"Mozilla/5.0 (Linux; Android 9; X) Chrome/90 Mobile) foobot", UA_BOT, NULL},
        {"Mozilla/5.0 (X11; Linux) foobot", UA_BOT, NULL},
        {"Mozilla/5.0 (X11; Linux) CUBOT Chrome/90", UA_HUMAN, NULL},
        {"Mozilla/5.0 (X11; Linux) Bottle/1.0 Chrome/90", UA_HUMAN, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct agent *agent;
        enum ua_kind kind = classify(cases[i].ua, &agent);
        if (kind != cases[i].kind)
            print_error("%s, not %s: %s\n", kinds[kind], kinds[cases[i].kind], cases[i].ua);
        assert_int_equal(kind, cases[i].kind);
        if (cases[i].name != NULL)
            assert_string_equal(agent->name, cases[i].name);
    }
    const struct agent *agent;
    assert_int_equal(catalogue_classify(catalogue, STR_NONE, &agent), UA_BOT);
}

static void test_search_engines(void **state)
{
    static const char *const engines[] = {
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
        "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
        "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)",
    };
    const struct agent *agent;

    for (size_t i = 0; i < COUNT(engines); i++) {
        assert_int_equal(classify(engines[i], &agent), UA_BOT);
        assert_null(agent);
        assert_int_equal(catalogue_classify(with_engines, str_of(engines[i]), &agent), UA_AI);
        assert_true(agent->search_engine);
    }
    assert_int_equal(catalogue_classify(with_engines, STR("AhrefsBot/7.0"), &agent), UA_BOT);
}

/* The cache says what the catalogue says, and keeps the caller's marks as long as the slot. */
static void test_cache(void **state)
{
    struct ua_cache *u = ua_cache_new(catalogue);
    char text[1000];
    const struct agent *agent;

    assert_non_null(u);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 3 * UA_CACHE_SLOTS; i++) {
            snprintf(text, sizeof(text), "%s/%u.0 (X11) Gecko", i % 3 ? "GPTBot" : "Some", i);
            struct ua_entry *e = ua_cache_get(u, str_of(text));
            assert_int_equal(e->kind, classify(text, &agent));
            assert_ptr_equal(e->agent, agent);
            assert_true(e->mark == 0 || e->index == i);
            e->mark = 7;
            e->index = i;
            assert_ptr_equal(ua_cache_get(u, str_of(text)), e);
            assert_int_equal(e->mark, 7);
        }

    ua_cache_get(u, STR_NONE)->mark = 9;
    assert_int_equal(ua_cache_get(u, STR(""))->mark, 9);
    assert_int_equal(ua_cache_get(u, STR(""))->kind, UA_BOT);
    assert_int_equal(ua_cache_get(u, STR("-"))->kind, UA_BOT);

    /* of any length, to its last byte */
    memset(text, 'a', sizeof(text));
    memcpy(text, "GPTBot (", 8);
    struct str longest = {text, sizeof(text)}, shorter = {text, sizeof(text) - 1};
    ua_cache_get(u, longest)->mark = 5;
    assert_int_equal(ua_cache_get(u, shorter)->mark, 0);
    assert_int_equal(ua_cache_get(u, longest)->mark, 5);
    text[sizeof(text) - 1] = 'b';
    assert_int_equal(ua_cache_get(u, longest)->mark, 0);
    assert_int_equal(ua_cache_get(u, longest)->kind, UA_AI);
    ua_cache_free(u);
    ua_cache_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people),
        cmocka_unit_test(test_robots),
        cmocka_unit_test(test_other_list),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_generic_words),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_agents),
        cmocka_unit_test(test_every_token_finds_its_agent),
        cmocka_unit_test(test_names_match_too),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_leading_agents),
        cmocka_unit_test(test_tokens_left_out),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_boundaries_and_order),
        cmocka_unit_test(test_search_engines),
        cmocka_unit_test(test_cache),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
