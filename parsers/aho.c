/*
 * aho.c - see aho.h. Used by catalogue.c.
 *
 * Built as a trie, completed breadth first into a table without failure links. What leads to a
 * state at which something ends is marked: the inner loop asks one comparison a byte and nothing
 * else.
 */
#include "parsers/aho.h"

#include <stdlib.h>

#define LOUD (UINT32_C(1) << 31)

struct output {
    uint32_t pattern;
    uint32_t length;
    uint32_t next; /* index into outputs, 0: none */
    unsigned edges;
};

struct aho {
    uint32_t *next;         /* [state + class]: a state is the index of its row; may be LOUD */
    uint32_t *first;        /* [state / width]: index into outputs */
    struct output *outputs; /* [0] is unused: 0 means none */
    uint32_t n_states;
    uint32_t n_outputs;
    uint32_t width;             /* classes, and so cells in a row */
    unsigned char classes[256]; /* 0: a byte that occurs in no pattern */
};

/* What lives only while building. */
struct builder {
    struct aho *a;
    uint32_t *fail;
    uint32_t *queue; /* states, breadth first */
};

static bool is_alnum(unsigned char c)
{
    return ascii_alnum((char)c);
}

/* Gives every byte that occurs in a pattern a class, both cases of a letter the same one. */
static void assign_classes(struct aho *a, const struct aho_pattern *patterns, size_t n)
{
    unsigned used = 1;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < patterns[i].text.n; k++) {
            unsigned char c = (unsigned char)ascii_lower(patterns[i].text.p[k]);
            if (a->classes[c] == 0)
                a->classes[c] = (unsigned char)used++;
        }
    for (unsigned c = 'A'; c <= 'Z'; c++)
        a->classes[c] = a->classes[c + 32];
    a->width = used;
}

/* While building, a state is the number of its row. */
static uint32_t *cell(struct aho *a, uint32_t state, unsigned sym)
{
    return &a->next[(size_t)state * a->width + sym];
}

/* Appends to the end of the state's list, so that equal patterns keep their order. */
static void add_output(struct builder *b, uint32_t state, uint32_t index)
{
    uint32_t *link = &b->a->first[state];

    while (*link != 0)
        link = &b->a->outputs[*link].next;
    *link = index;
}

static void add_pattern(struct builder *b, const struct aho_pattern *p, uint32_t index)
{
    struct aho *a = b->a;
    uint32_t state = 0;

    for (size_t k = 0; k < p->text.n; k++) {
        uint32_t *to = cell(a, state, a->classes[(unsigned char)ascii_lower(p->text.p[k])]);
        if (*to == 0)
            *to = a->n_states++;
        state = *to;
    }

    unsigned edges = p->edges;
    if (!is_alnum((unsigned char)p->text.p[0]))
        edges &= ~(unsigned)AHO_LEFT;
    if (!is_alnum((unsigned char)p->text.p[p->text.n - 1]))
        edges &= ~(unsigned)AHO_RIGHT;
    a->outputs[index + 1] = (struct output){index, (uint32_t)p->text.n, 0, edges};
    add_output(b, state, index + 1);
}

/* What the state cannot do itself it takes from its failure state, which is shallower and so
 * already complete. Returns the new end of the queue. */
static uint32_t complete_state(struct builder *b, uint32_t state, uint32_t tail)
{
    struct aho *a = b->a;

    for (unsigned sym = 1; sym < a->width; sym++) {
        uint32_t *to = cell(a, state, sym);
        uint32_t fallback = state == 0 ? 0 : *cell(a, b->fail[state], sym);
        if (*to == 0) {
            *to = fallback;
            continue;
        }
        b->fail[*to] = fallback;
        add_output(b, *to, a->first[fallback]);
        b->queue[tail++] = *to;
    }
    return tail;
}

/* Visits the trie breadth first. */
static void complete(struct builder *b)
{
    uint32_t tail = 1;

    b->queue[0] = 0;
    for (uint32_t head = 0; head < tail; head++)
        tail = complete_state(b, b->queue[head], tail);
}

/* Turns row numbers into indices, those of rows at which something ends with LOUD. */
static void link_rows(struct builder *b)
{
    struct aho *a = b->a;

    for (size_t i = 0; i < (size_t)a->n_states * a->width; i++) {
        uint32_t to = a->next[i];
        a->next[i] = to * a->width + (a->first[to] != 0 ? LOUD : 0);
    }
}

static int build(struct builder *b, const struct aho_pattern *patterns, size_t n, size_t states)
{
    struct aho *a = b->a;

    assign_classes(a, patterns, n);
    a->n_outputs = (uint32_t)n;
    a->n_states = 1;
    a->next = calloc(states * a->width, sizeof(*a->next));
    a->outputs = calloc(n + 1, sizeof(*a->outputs));
    b->fail = calloc(states, sizeof(*b->fail));
    b->queue = calloc(states, sizeof(*b->queue));
    a->first = calloc(states, sizeof(*a->first));
    if (!a->next || !a->outputs || !b->fail || !b->queue || !a->first)
        return -1;
    for (size_t i = 0; i < n; i++)
        add_pattern(b, &patterns[i], (uint32_t)i);
    complete(b);
    link_rows(b);
    return 0;
}

struct aho *aho_new(const struct aho_pattern *patterns, size_t n)
{
    size_t states = 1;

    for (size_t i = 0; i < n; i++) {
        if (patterns[i].text.n == 0 || patterns[i].text.n > AHO_MAX_STATES - states)
            return NULL;
        states += patterns[i].text.n;
    }
    struct builder b = {.a = calloc(1, sizeof(struct aho))};
    if (b.a == NULL)
        return NULL;
    if (build(&b, patterns, n, states) != 0) {
        aho_free(b.a);
        b.a = NULL;
    }
    free(b.fail);
    free(b.queue);
    return b.a;
}

void aho_free(struct aho *a)
{
    if (a == NULL)
        return;
    free(a->next);
    free(a->first);
    free(a->outputs);
    free(a);
}

size_t aho_bytes(const struct aho *a)
{
    return sizeof(*a) + (size_t)a->n_states * a->width * sizeof(*a->next) +
           a->n_states * sizeof(*a->first) + (a->n_outputs + 1) * sizeof(*a->outputs);
}

static bool edges_fit(const struct output *o, struct str text, size_t end)
{
    size_t start = end - o->length;

    if ((o->edges & AHO_LEFT) != 0 && start > 0 && is_alnum((unsigned char)text.p[start - 1]))
        return false;
    return (o->edges & AHO_RIGHT) == 0 || end == text.n || !is_alnum((unsigned char)text.p[end]);
}

/* The first of the outputs from `output` on that may end at `at`; 0: none. */
static uint32_t fitting(const struct aho *a, uint32_t output, struct str text, size_t at)
{
    while (output != 0 && !edges_fit(&a->outputs[output], text, at))
        output = a->outputs[output].next;
    return output;
}

/* To behind the next byte at which something ends; false: nothing does, *at is the text's end. */
static inline bool advance(const struct aho *a, struct str text, size_t *at, uint32_t *state)
{
    const unsigned char *p = (const unsigned char *)text.p;
    const uint32_t *next = a->next;
    uint32_t now = *state;
    size_t i = *at;

    while (now < LOUD && i < text.n)
        now = next[now + a->classes[p[i++]]];
    *at = i;
    *state = now & ~LOUD;
    return now >= LOUD;
}

bool aho_next(const struct aho *a, struct str text, struct aho_cursor *c, struct aho_hit *hit)
{
    uint32_t state = c->state, output = c->output;
    size_t at = c->at;

    do {
        output = fitting(a, output, text, at);
        if (output != 0) {
            const struct output *o = &a->outputs[output];
            *hit = (struct aho_hit){o->pattern, at - o->length, at};
            *c = (struct aho_cursor){at, state, o->next};
            return true;
        }
        bool more = advance(a, text, &at, &state);
        output = more ? a->first[state / a->width] : 0;
    } while (output != 0);
    *c = (struct aho_cursor){at, state, 0};
    return false;
}
