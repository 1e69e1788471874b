/*
 * catalogue.c - see catalogue.h. Parses agents/agents.tsv and agents/bots.tsv once, and classifies.
 *
 * All tokens of both files are patterns of one automaton; what a hit means is in tokens[pattern].
 * The rules that need no token (an address of mail, a bare name) run only when no hit has decided.
 */
#include "parsers/catalogue.h"

#include <stdlib.h>

#include "parsers/agents_data.h"
#include "parsers/aho.h"
#include "parsers/base/time.h"
#include "parsers/ua_rules.h"

#define AGENT_COLUMNS 9
#define BOT_COLUMNS 3
#define LIST_COLUMNS 4

/* How a token's hit is checked; see the head of agents/bots.tsv. */
enum token_match {
    TOKEN_WORD,
    TOKEN_START,
    TOKEN_PRODUCT,
    TOKEN_ANY,
    TOKEN_SUFFIX,
    TOKEN_ADDRESS,
    TOKEN_RIVAL,
    TOKEN_BROWSER,
    TOKEN_DEVICE,
    TOKEN_MATCHES, /* the ones above are patterns */
    TOKEN_EXEMPT = TOKEN_MATCHES,
    TOKEN_PHONE,
    TOKEN_KINDS,
};

static const char *const match_names[TOKEN_KINDS] = {
    "word",  "start",   "product", "any",    "suffix", "address",
    "rival", "browser", "device",  "exempt", "phone",
};
static const unsigned match_edges[TOKEN_MATCHES] = {
    AHO_WORD,     AHO_WORD, AHO_WORD, AHO_ANYWHERE, AHO_RIGHT,
    AHO_ANYWHERE, AHO_WORD, AHO_WORD, AHO_WORD,
};
static const char *const category_names[] = {
    "training", "search", "assistant", "agent", "coding", "other",
};
#define N_CATEGORIES (sizeof(category_names) / sizeof(category_names[0]))

struct token {
    enum token_match match;
    const struct agent *agent; /* NULL: another robot */
};

struct catalogue {
    char *text; /* both files, fields NUL-terminated */
    const char *date;
    struct agent *agents;
    size_t n_agents;
    struct agent_list lists[CATALOGUE_MAX_LISTS];
    size_t n_lists;
    struct token *tokens;         /* by pattern */
    struct aho_pattern *patterns; /* while loading */
    size_t n_tokens;
    struct ua_words exempt, browsers, phones;
    struct aho *aho;
    bool search_engines;
};

/* ---- loading ------------------------------------------------------------------------------- */

static int name_index(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

/* Cuts the line at *at into fields, in place, and moves *at behind it. The number of fields; 0 for
 * a comment. */
static size_t take_row(char **at, char *end, char **fields, size_t max)
{
    char *p = *at;
    char *newline = memchr(p, '\n', (size_t)(end - p));
    size_t n = 0;

    if (newline == NULL)
        newline = end;
    *newline = '\0';
    *at = newline + 1;
    if (*p == '#' || *p == '\0')
        return 0;
    while (p != NULL && n < max) {
        char *tab = memchr(p, '\t', (size_t)(newline - p));
        fields[n++] = p;
        if (tab != NULL)
            *tab++ = '\0';
        p = tab;
    }
    return p == NULL ? n : max + 1;
}

static void add_pattern(struct catalogue *c, const char *text, enum token_match match,
                        const struct agent *agent)
{
    c->patterns[c->n_tokens] = (struct aho_pattern){str_of(text), match_edges[match]};
    c->tokens[c->n_tokens++] = (struct token){match, agent};
}

/* Names go into JSON and onto terminals, tokens into the automaton. */
static bool is_clean(const char *text, size_t min, size_t max)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return n >= min && n <= max;
}

/* "@list", name, URL, "operator" or "agent". NULL: it is good. */
static const char *take_list(struct catalogue *c, char *const *f, size_t n)
{
    if (n != LIST_COLUMNS)
        return "a list has four columns";
    if (c->n_lists == CATALOGUE_MAX_LISTS)
        return "there are more than 64 lists";
    for (const char *p = f[1]; *p != '\0'; p++)
        if (!ascii_alnum(*p) && *p != '-')
            return "the list's name has something else than letters, digits and '-'";
    if (!is_clean(f[1], 2, 40) || !is_clean(f[2], 8, 200))
        return "the list has no name, or no address";
    c->lists[c->n_lists++] = (struct agent_list){f[1], f[2], strcmp(f[3], "operator") == 0};
    return NULL;
}

static const char *take_agent(struct catalogue *c, char *const *f, size_t n)
{
    if (n != AGENT_COLUMNS)
        return "an agent has nine columns, with a tab between";
    int category = name_index(category_names, N_CATEGORIES, f[2]);
    int match = name_index(match_names, TOKEN_RIVAL, f[4]);
    if (category < 0)
        return "the category (third column) is none of those known here";
    if (match < 0)
        return "the match (fifth column) is none of those known here";
    if (!is_clean(f[0], 1, 60) || !is_clean(f[1], 1, 60) || !is_clean(f[3], 3, 60) ||
        !is_clean(f[5], 1, 600))
        return "the name, operator, token or verification is empty, too long, or no plain text";
    if (c->n_agents == CATALOGUE_MAX_AGENTS)
        return "there are more than 5,000 agents";
    struct agent *a = &c->agents[c->n_agents++];
    *a = (struct agent){.name = f[0],
                        .operator= f[1],
                        .category = (enum agent_category)category,
                        .token = f[3],
                        .verification = strcmp(f[5], "-") == 0 ? "" : f[5],
                        .source = f[7],
                        .search_engine = strcmp(f[6], "yes") == 0};
    add_pattern(c, a->token, (enum token_match)match, a);
    return NULL;
}

static int load_agents(struct catalogue *c, char *at, char *end, struct buf *why)
{
    char *f[AGENT_COLUMNS];

    for (size_t line = 2; at < end; line++) {
        size_t n = take_row(&at, end, f, AGENT_COLUMNS);
        if (n == 0)
            continue;
        bool list = strcmp(f[0], "@list") == 0;
        const char *wrong = list ? take_list(c, f, n) : take_agent(c, f, n);
        if (wrong != NULL) {
            buf_printf(why, "%zu: %s", line, wrong);
            return -1;
        }
    }
    if (c->n_agents == 0)
        buf_printf(why, "1: there is no agent in it");
    return c->n_agents == 0 ? -1 : 0;
}

static int load_bots(struct catalogue *c, char *at, char *end)
{
    char *f[BOT_COLUMNS];

    while (at < end) {
        size_t n = take_row(&at, end, f, BOT_COLUMNS);
        if (n == 0)
            continue;
        int match = n == BOT_COLUMNS ? name_index(match_names, TOKEN_KINDS, f[1]) : -1;
        if (match < 0)
            return -1;
        if (match == TOKEN_EXEMPT)
            c->exempt.items[c->exempt.n++] = str_of(f[0]);
        if (match == TOKEN_PHONE)
            c->phones.items[c->phones.n++] = str_of(f[0]);
        if (match == TOKEN_BROWSER)
            c->browsers.items[c->browsers.n++] = str_of(f[0]);
        if (match < TOKEN_MATCHES)
            add_pattern(c, f[0], (enum token_match)match, NULL);
    }
    return 0;
}

static size_t count_lines(const char *p, const char *end)
{
    size_t n = 1;

    for (; p < end; p++)
        n += *p == '\n';
    return n;
}

/* "# date: 2026-11-22" is the first line. */
static const char *take_date(char *text, char *end)
{
    static const char head[] = "# date: ";
    char *newline = memchr(text, '\n', (size_t)(end - text));

    if (newline == NULL || strncmp(text, head, sizeof(head) - 1) != 0)
        return NULL;
    *newline = '\0';
    int64_t ms;
    const char *date = text + sizeof(head) - 1;
    return time_parse_w3c(str_of(date), STR("00:00:00"), &ms) ? date : NULL;
}

static int make_room(struct catalogue *c, struct str agents)
{
    size_t n_bots = (size_t)(agents_data_bots_end - agents_data_bots);
    size_t agent_lines = count_lines(agents.p, agents.p + agents.n);
    size_t bot_lines = count_lines(agents_data_bots, agents_data_bots_end);

    c->text = malloc(agents.n + n_bots + 2);
    c->agents = calloc(agent_lines, sizeof(*c->agents));
    c->tokens = calloc(agent_lines + bot_lines, sizeof(*c->tokens));
    c->patterns = calloc(agent_lines + bot_lines, sizeof(*c->patterns));
    c->exempt.items = calloc(bot_lines, sizeof(*c->exempt.items));
    c->browsers.items = calloc(bot_lines, sizeof(*c->browsers.items));
    c->phones.items = calloc(bot_lines, sizeof(*c->phones.items));
    return c->text && c->agents && c->tokens && c->patterns && c->exempt.items &&
                   c->browsers.items && c->phones.items
               ? 0
               : -1;
}

static int load(struct catalogue *c, struct str agents, struct buf *why)
{
    size_t n_bots = (size_t)(agents_data_bots_end - agents_data_bots);

    if (make_room(c, agents) != 0)
        return -1;
    char *bots = c->text + agents.n + 1;
    memcpy(c->text, agents.p, agents.n);
    memcpy(bots, agents_data_bots, n_bots);
    c->date = take_date(c->text, c->text + agents.n);
    if (c->date == NULL) {
        buf_printf(why, "1: the first line is not \"# date: \" and the catalogue's date");
        return -1;
    }
    if (load_agents(c, c->text + strlen(c->text) + 1, c->text + agents.n, why) != 0 ||
        load_bots(c, bots, bots + n_bots) != 0)
        return -1;
    c->aho = aho_new(c->patterns, c->n_tokens);
    free(c->patterns);
    c->patterns = NULL;
    return c->aho == NULL ? -1 : 0;
}

struct catalogue *catalogue_parse(struct str agents, bool search_engines, struct buf *why)
{
    struct catalogue *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->search_engines = search_engines;
    bool fits = agents.n <= CATALOGUE_MAX_BYTES && memchr(agents.p, '\0', agents.n) == NULL;
    if (!fits)
        buf_printf(why, "1: it is larger than 1 MiB, or no text");
    if (!fits || load(c, agents, why) != 0) {
        if (why->n == 0)
            buf_printf(why, "1: out of memory, or too many tokens");
        catalogue_free(c);
        return NULL;
    }
    return c;
}

struct catalogue *catalogue_new(bool search_engines)
{
    struct str agents = {agents_data_agents, (size_t)(agents_data_agents_end - agents_data_agents)};
    struct buf why;

    buf_init(&why, 1024);
    struct catalogue *c = catalogue_parse(agents, search_engines, &why);
    buf_release(&why);
    return c;
}

void catalogue_free(struct catalogue *c)
{
    if (c == NULL)
        return;
    aho_free(c->aho);
    free(c->patterns);
    free(c->tokens);
    free(c->agents);
    free(c->exempt.items);
    free(c->browsers.items);
    free(c->phones.items);
    free(c->text);
    free(c);
}

const char *catalogue_date(const struct catalogue *c)
{
    return c->date;
}

size_t catalogue_count(const struct catalogue *c)
{
    return c->n_agents;
}

const struct agent *catalogue_at(const struct catalogue *c, size_t i)
{
    return &c->agents[i];
}

size_t catalogue_lists(const struct catalogue *c)
{
    return c->n_lists;
}

const struct agent_list *catalogue_list(const struct catalogue *c, size_t i)
{
    return &c->lists[i];
}

const char *agent_category_name(enum agent_category category)
{
    return category_names[category];
}

/* ---- checking a hit ------------------------------------------------------------------------ */

/* The whole user agent, or all of it before " (+", the beginning of a robot's address. */
static bool stands_alone(struct str ua, const struct aho_hit *hit)
{
    return hit->start == 0 &&
           (hit->end == ua.n || str_starts(str_slice(ua, hit->end, ua.n), STR(" (+")));
}

/* "(compatible; Devin)" */
static bool is_compatible(struct str ua, const struct aho_hit *hit)
{
    return hit->end < ua.n && (ua.p[hit->end] == ')' || ua.p[hit->end] == ';') &&
           str_ends(str_slice(ua, 0, hit->start), STR("compatible; "));
}

static bool product_fits(struct str ua, const struct aho_hit *hit)
{
    char before = hit->start == 0 ? ' ' : ua.p[hit->start - 1];

    return stands_alone(ua, hit) || is_compatible(ua, hit) ||
           ((before == ' ' || before == ';' || before == '(') && hit->end + 1 < ua.n &&
            ua.p[hit->end] == '/' && ascii_digit(ua.p[hit->end + 1]));
}

static bool is_exempt(const struct catalogue *c, struct str word)
{
    for (size_t i = 0; i < c->exempt.n; i++)
        if (str_eq_nocase(word, c->exempt.items[i]))
            return true;
    return false;
}

static bool suffix_fits(const struct catalogue *c, struct str ua, const struct aho_hit *hit)
{
    size_t start = hit->start;

    while (start > 0 && ascii_alnum(ua.p[start - 1]))
        start--;
    return !is_exempt(c, str_slice(ua, start, hit->end)) && !ua_names_a_model(ua, start);
}

/* Some controls that programmers put into their windows name the address of their maker. */
static bool address_fits(const struct catalogue *c, struct str ua)
{
    for (size_t i = 0; i < c->exempt.n; i++)
        if (str_chr(c->exempt.items[i], '.', 0) >= 0 && str_holds_nocase(ua, c->exempt.items[i]))
            return false;
    return true;
}

static bool hit_counts(const struct catalogue *c, struct str ua, const struct aho_hit *hit)
{
    switch (c->tokens[hit->pattern].match) {
    case TOKEN_START:
        return hit->start == 0;
    case TOKEN_PRODUCT:
        return product_fits(ua, hit);
    case TOKEN_SUFFIX:
        return suffix_fits(c, ua, hit);
    default:
        return true;
    }
}

/* ---- classification ------------------------------------------------------------------------ */

/* What the tokens of one user agent say. */
struct found {
    const struct agent *agent;
    size_t longest; /* of an agent's token, or of one that is its rival */
    bool engines;   /* the crawlers of search engines count as AI */
    bool bot, browser, device;
    bool address; /* of the web; whose it is, is looked up once */
};

static void take_hit(const struct catalogue *c, const struct aho_hit *hit, struct found *f)
{
    const struct token *t = &c->tokens[hit->pattern];
    const struct agent *a = t->agent;
    bool engine = a != NULL && a->search_engine && !f->engines;

    if (t->match == TOKEN_BROWSER || t->match == TOKEN_DEVICE) {
        f->browser = f->browser || t->match == TOKEN_BROWSER;
        f->device = true;
        return;
    }
    if (t->match == TOKEN_ADDRESS && a == NULL) {
        f->address = true;
        return;
    }
    f->bot = f->bot || a == NULL || engine;
    if (engine || (a == NULL && t->match != TOKEN_RIVAL) || hit->end - hit->start <= f->longest)
        return;
    f->longest = hit->end - hit->start;
    f->agent = a;
}

static enum ua_kind classify(const struct catalogue *c, struct str user_agent, bool engines,
                             const struct agent **agent)
{
    struct aho_cursor cursor = {0};
    struct aho_hit hit;
    struct found f = {.engines = engines};
    char plain[UA_PLAIN_MAX];

    *agent = NULL;
    if (user_agent.n == 0)
        return UA_BOT;
    struct str ua = ua_plain(str_trim(user_agent), plain);
    if (ua.n == 0 || str_eq(ua, STR("-")))
        return UA_BOT;
    while (aho_next(c->aho, ua, &cursor, &hit)) {
        const struct token *t = &c->tokens[hit.pattern];
        bool settled = f.bot && t->match == TOKEN_SUFFIX && t->agent == NULL;
        if (!settled && hit_counts(c, ua, &hit))
            take_hit(c, &hit, &f);
    }
    *agent = f.agent;
    if (f.agent != NULL)
        return UA_AI;
    if (f.bot || (f.address && address_fits(c, ua)))
        return UA_BOT;
    return ua_looks_made(ua, &c->browsers, &c->phones, f.browser, f.device) ? UA_BOT : UA_HUMAN;
}

enum ua_kind catalogue_classify(const struct catalogue *c, struct str user_agent,
                                const struct agent **agent)
{
    return classify(c, user_agent, c->search_engines, agent);
}

bool catalogue_is_search_engine(const struct catalogue *c, struct str user_agent)
{
    const struct agent *agent;

    return classify(c, user_agent, false, &agent) == UA_BOT &&
           classify(c, user_agent, true, &agent) == UA_AI;
}
