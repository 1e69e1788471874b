/* exclusions.c - a short list that is walked for each record; networks are parsed when it is made.
 */
#include "server/exclusions.h"

#include <stdlib.h>

#include "parsers/privacy.h"
#include "server/api_path.h"
#include "server/rights.h"

struct exclusions {
    struct exclusion *list;
    struct cidr *networks; /* for each of list: of EXCLUSION_IP, the network */
    size_t n, cap;
};

static const char *const kind_names[EXCLUSION_KINDS] = {
    [EXCLUSION_IP] = "ip",
    [EXCLUSION_COUNTRY] = "country",
    [EXCLUSION_USER_AGENT] = "user_agent",
    [EXCLUSION_PATH] = "path",
};

const char *exclusion_kind_name(enum exclusion_kind kind)
{
    return kind_names[kind];
}

bool exclusion_kind_parse(struct str name, enum exclusion_kind *out)
{
    for (int i = 0; i < EXCLUSION_KINDS; i++) {
        if (str_eq(name, str_of(kind_names[i]))) {
            *out = (enum exclusion_kind)i;
            return true;
        }
    }
    return false;
}

static const char *fault_of(enum exclusion_kind kind, struct str value)
{
    struct cidr network;
    switch (kind) {
    case EXCLUSION_IP:
        return cidr_parse(value, &network) ? NULL : "an address or a network, like 198.51.100.0/24";
    case EXCLUSION_COUNTRY:
        return value.n == 2 && ascii_letter(value.p[0]) && ascii_letter(value.p[1])
                   ? NULL
                   : "a country of two letters, like DE";
    case EXCLUSION_USER_AGENT:
        return value.n > 0 ? NULL : "a part of user agents, like our-synthetic";
    case EXCLUSION_PATH:
        return value.n > 0 ? NULL : "a path, like /healthz";
    }
    return "another kind";
}

/* As it is kept. False: a path that is none. */
static bool put_value(struct buf *out, enum exclusion_kind kind, struct str value)
{
    struct cidr network;
    buf_reset(out);
    switch (kind) {
    case EXCLUSION_IP:
        if (!cidr_parse(value, &network))
            return false;
        cidr_clear_host_bits(&network);
        cidr_put(out, &network);
        return true;
    case EXCLUSION_COUNTRY:
        for (size_t i = 0; i < value.n; i++)
            buf_putc(out, value.p[i] >= 'a' ? (char)(value.p[i] - 32) : value.p[i]);
        return true;
    case EXCLUSION_USER_AGENT:
        buf_put_str(out, value);
        return true;
    case EXCLUSION_PATH:
        return api_rule_path(value, out);
    }
    return false;
}

bool exclusion_clean(enum exclusion_kind kind, struct str value, struct buf *out, const char **why)
{
    static const char too_long[] = "a text of at most 1000 bytes";
    value = value.n > 0 ? str_trim(value) : STR("");
    *why = fault_of(kind, value);
    for (size_t i = 0; i < value.n && !*why; i++)
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
            *why = "a text without control characters";
    if (!*why && value.n > EXCLUSION_VALUE_MAX)
        *why = too_long;
    if (!*why && !put_value(out, kind, value))
        *why = "a path, like /healthz";
    if (!*why && (out->failed || out->n > EXCLUSION_VALUE_MAX)) /* escaped, it is longer */
        *why = too_long;
    return *why == NULL;
}

/* "ip 198.51.100.0/24"; "ip in 198.51.100.0/24" for what is less than that. */
static void put_network(struct buf *out, struct str value)
{
    static const struct privacy cut = {.address = PRIVACY_ADDRESS_TRUNCATED};
    char text[PRIVACY_ADDRESS_TEXT];
    struct cidr c;
    ptrdiff_t slash = str_chr(value, '/', 0);
    struct str address = slash < 0 ? value : str_slice(value, 0, (size_t)slash);
    struct str network = privacy_visitor_ip(&cut, address, text);
    if (!str_is_set(network) || !cidr_parse(value, &c))
        return;
    bool v4 = str_chr(network, ':', 0) < 0;
    unsigned most = v4 ? 24 : 48, bits = !v4 ? c.bits : c.bits > 96 ? c.bits - 96 : 0;
    buf_printf(out, "%s%.*s/%u", bits > most ? "in " : "", STR_ARGS(network),
               bits > most ? most : bits);
}

void exclusion_describe(const struct exclusion *e, struct buf *out)
{
    buf_printf(out, "%s %s ", e->uuid_text, exclusion_kind_name(e->kind));
    if (e->kind == EXCLUSION_IP)
        put_network(out, e->value);
    else
        buf_put_str(out, e->value);
}

/* ---- the list ---------------------------------------------------------------------------------
 */

struct exclusions *exclusions_new(void)
{
    return calloc(1, sizeof(struct exclusions));
}

void exclusions_free(struct exclusions *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->n; i++)
        free((void *)x->list[i].value.p); /* with the description behind it */
    free(x->list);
    free(x->networks);
    free(x);
}

static int grow(struct exclusions *x)
{
    size_t cap = x->cap ? x->cap * 2 : 16;
    struct exclusion *list = reallocarray(x->list, cap, sizeof(*list));
    if (list)
        x->list = list;
    struct cidr *networks = reallocarray(x->networks, cap, sizeof(*networks));
    if (networks)
        x->networks = networks;
    if (!list || !networks)
        return -1;
    x->cap = cap;
    return 0;
}

/* NUL-terminated. */
static struct str copy_text(char *to, struct str text)
{
    if (text.n > 0)
        memcpy(to, text.p, text.n);
    to[text.n] = '\0';
    return (struct str){to, text.n};
}

static int add_as(struct exclusions *x, const struct exclusion *e, struct str value)
{
    if (x->n == x->cap && grow(x))
        return -1;
    char *texts = malloc(value.n + e->description.n + 2);
    if (!texts)
        return -1;
    x->list[x->n] = *e;
    x->list[x->n].value = copy_text(texts, value);
    x->list[x->n].description = copy_text(texts + value.n + 1, e->description);
    if (e->kind == EXCLUSION_IP)
        cidr_parse(e->value, &x->networks[x->n]);
    x->n++;
    return 0;
}

int exclusions_add(struct exclusions *x, const struct exclusion *e)
{
    struct buf path;
    if (fault_of(e->kind, e->value))
        return 0;
    if (e->kind != EXCLUSION_PATH)
        return add_as(x, e, e->value);
    /* The configuration has it as it was written, and so have old stores. */
    buf_init(&path, API_PATH_ROOM(e->value.n));
    bool clean = api_rule_path(e->value, &path);
    int rc = path.failed ? -1 : add_as(x, e, clean ? buf_str(&path) : e->value);
    buf_release(&path);
    return rc;
}

size_t exclusions_list(const struct exclusions *x, const struct exclusion **list)
{
    *list = x ? x->list : NULL;
    return x ? x->n : 0;
}

const struct exclusion *exclusion_by_uuid(const struct exclusions *x, struct str uuid)
{
    for (size_t i = 0; x && i < x->n; i++)
        if (str_eq_nocase(str_of(x->list[i].uuid_text), uuid))
            return &x->list[i];
    return NULL;
}

/* ---- does one fit? ----------------------------------------------------------------------------
 */

/* "/a" is a prefix of "/a" and "/a/b", not of "/ab"; "/" of all. */
static bool is_below(struct str path, struct str prefix)
{
    return str_starts(path, prefix) &&
           (path.n == prefix.n || prefix.n == 1 || path.p[prefix.n] == '/');
}

bool exclusion_in_scope(const struct exclusion *e, const struct site *site)
{
    if (e->site)
        return site && site->id == e->site;
    return e->team == 0 || (site && site->team == e->team);
}

/* s->path as rules are spelled, made when the first of them asks. STR_NONE: there is none. */
struct compared {
    bool made;
    struct str path;
    struct buf scratch;
};

static struct str path_of(const struct filter_subject *s, struct compared *c)
{
    if (!c->made && s->path.n > 0) {
        buf_init(&c->scratch, API_PATH_ROOM(s->path.n));
        c->path = api_compared_path(s->path, &c->scratch);
    }
    c->made = true;
    return c->path;
}

static bool fits(const struct exclusion *e, const struct cidr *network,
                 const struct filter_subject *s, struct compared *c)
{
    switch (e->kind) {
    case EXCLUSION_IP:
        return s->address && cidr_holds(network, s->address);
    case EXCLUSION_COUNTRY:
        return str_is_set(s->country) && str_eq(s->country, e->value);
    case EXCLUSION_USER_AGENT:
        return str_is_set(s->user_agent) && str_holds_nocase(s->user_agent, e->value);
    case EXCLUSION_PATH:
        return is_below(path_of(s, c), e->value);
    }
    return false;
}

bool exclusions_match(const struct exclusions *x, const struct filter_subject *s)
{
    struct compared c = {.path = STR_NONE};
    bool found = false;
    for (size_t i = 0; x && i < x->n && !found; i++)
        found =
            exclusion_in_scope(&x->list[i], s->site) && fits(&x->list[i], &x->networks[i], s, &c);
    buf_release(&c.scratch);
    return found;
}
