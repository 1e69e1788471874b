/* joiner.c - see joiner.h. Most lines go through as they are; only while a part waits for the
 * others is anything copied. */
#include "agent/joiner.h"

#include "agent/discover.h"
#include "parsers/json_scan.h"

#include <stdlib.h>

/* What can wait: lines that begin within JOIN_SPAN_BYTES, the last one whole, and as much again
 * that went out meanwhile. */
#define KEPT_BYTES (4 * JOIN_SPAN_BYTES)

/* A line of one stream, standard output or standard error, that is not whole yet. */
struct open_line {
    bool open, too_long;
    uint64_t item; /* its place in the queue */
    size_t n;      /* of text, in front */
    size_t tail;   /* what follows the text, at the end of `text` meanwhile */
    char text[LINE_MAX_BYTES];
};

/* A line that goes out when all before it have. */
struct waiting {
    uint64_t at, number;
    enum lines_result what;
    bool open, parts;
    struct hash128 head;
    const struct open_line *in; /* where its text is; NULL: kept */
    size_t kept_at, n;
};

struct joiner {
    enum prefix_kind cutter;
    struct json_keys *keys;
    bool held; /* a line of `lines` that was not looked at */
    enum lines_result what;
    struct str line;
    uint64_t line_at, line_number;
    uint64_t first, end; /* the queue, by number: number % JOIN_MAX_WAITING is its place */
    size_t kept_n;
    struct waiting queue[JOIN_MAX_WAITING];
    struct open_line streams[2];
    char kept[KEPT_BYTES];
};

int joiner_new(struct joiner **out, enum prefix_kind cutter)
{
    struct joiner *j;

    *out = NULL;
    if (cutter == PREFIX_NONE)
        return 0;
    j = malloc(sizeof(*j)); /* the large parts cost nothing until they are used */
    if (!j)
        return -1;
    memset(j, 0, offsetof(struct joiner, queue));
    j->streams[0].open = j->streams[1].open = false;
    j->cutter = cutter;
    if (cutter == PREFIX_DOCKER && !(j->keys = prefix_keys_new())) {
        free(j);
        return -1;
    }
    *out = j;
    return 0;
}

void joiner_free(struct joiner *j)
{
    if (!j)
        return;
    json_keys_free(j->keys);
    free(j);
}

/* ---- the queue --------------------------------------------------------------------------------
 */

static struct waiting *item(struct joiner *j, uint64_t number)
{
    return &j->queue[number % JOIN_MAX_WAITING];
}

static struct waiting *push(struct joiner *j)
{
    struct waiting *w = item(j, j->end++);

    *w = (struct waiting){.at = j->line_at, .number = j->line_number, .what = j->what};
    return w;
}

/* Moves the texts that are still to go out to the front. */
static void pack(struct joiner *j)
{
    size_t from = j->kept_n;

    for (uint64_t i = j->first; i < j->end; i++)
        if (!item(j, i)->in && item(j, i)->kept_at < from)
            from = item(j, i)->kept_at;
    memmove(j->kept, j->kept + from, j->kept_n - from);
    j->kept_n -= from;
    for (uint64_t i = j->first; i < j->end; i++)
        if (!item(j, i)->in)
            item(j, i)->kept_at -= from;
}

static bool has_room(struct joiner *j)
{
    if (KEPT_BYTES - j->kept_n < LINE_MAX_BYTES)
        pack(j);
    return KEPT_BYTES - j->kept_n >= LINE_MAX_BYTES;
}

static void keep(struct joiner *j, struct waiting *w, struct str text)
{
    w->in = NULL;
    w->kept_at = j->kept_n;
    w->n = text.n;
    memcpy(j->kept + j->kept_n, text.p, text.n);
    j->kept_n += text.n;
}

static enum lines_result pop(struct joiner *j, const struct lines *l, struct joined *out)
{
    const struct waiting *w = item(j, j->first++);

    *out = (struct joined){.text = {w->in ? w->in->text : j->kept + w->kept_at, w->n},
                           .at = w->at,
                           .number = w->number,
                           .parts = w->parts,
                           .head = w->head};
    if (j->first < j->end)
        out->next = item(j, j->first)->at;
    else
        out->next = j->held ? j->line_at : lines_position(l);
    if (j->first == j->end)
        j->kept_n = 0; /* the text stays where it is until the next call */
    return w->what;
}

/* ---- parts ------------------------------------------------------------------------------------
 */

static void append(struct open_line *o, struct str text)
{
    o->too_long = o->too_long || text.n > LINE_MAX_BYTES - o->n - o->tail;
    if (o->too_long)
        return;
    memcpy(o->text + o->n, text.p, text.n);
    o->n += text.n;
}

/* The first part as it stands, but for the tag: what is made of it is a whole line. */
static void begin(struct joiner *j, struct open_line *o, const struct prefix_part *part)
{
    struct waiting *w = push(j);
    size_t text_end = (size_t)(part->text.p - j->line.p) + part->text.n;

    w->open = w->parts = true;
    w->head = stream_id(j->line);
    w->in = o;
    o->open = true;
    o->too_long = false;
    o->item = j->end - 1;
    o->n = text_end;
    o->tail = j->line.n - text_end;
    memcpy(o->text, j->line.p, text_end);
    memcpy(o->text + LINE_MAX_BYTES - o->tail, j->line.p + text_end, o->tail);
    if (part->tag_at)
        o->text[part->tag_at] = 'F';
}

/* No more comes of it: it is whole, or is given up. */
static void finish(struct joiner *j, struct open_line *o, enum lines_result what)
{
    struct waiting *w = item(j, o->item);

    memmove(o->text + o->n, o->text + LINE_MAX_BYTES - o->tail, o->tail);
    w->n = o->too_long ? 0 : o->n + o->tail;
    w->what = o->too_long ? LINES_TOO_LONG : what;
    w->open = o->open = false;
    if (o->item != j->first) /* else it goes out at once */
        keep(j, w, (struct str){o->text, w->n});
}

static void give_up_first(struct joiner *j)
{
    bool second = j->streams[1].open && j->streams[1].item == j->first;

    finish(j, &j->streams[second], LINES_PART);
}

/* True: nothing waits, and the line goes out as it is. */
static bool passes(struct joiner *j)
{
    bool alone = j->first == j->end;
    struct prefix_part part;
    struct open_line *o;

    if (alone && (j->what != LINES_LINE || prefix_is_whole(j->cutter, j->line)))
        return true;
    if (j->what == LINES_LINE && prefix_part(j->cutter, j->keys, j->line, &part)) {
        o = &j->streams[part.stderr_];
        if (o->open) {
            append(o, part.text);
            if (!part.cut)
                finish(j, o, LINES_LINE);
            return false;
        }
        if (part.cut) {
            begin(j, o, &part);
            return false;
        }
    }
    if (!alone)
        keep(j, push(j), j->what == LINES_LINE ? j->line : STR(""));
    return alone;
}

/* ------------------------------------------------------------------------------------------------
 */

static bool fetch(struct joiner *j, struct lines *l, bool rest)
{
    if (j->held)
        return true;
    j->what = rest ? lines_take_half(l, &j->line) : lines_next(l, &j->line);
    j->line_at = lines_at(l);
    j->line_number = lines_number(l);
    j->held = j->what != LINES_END;
    return j->held;
}

/* Is the first part too far behind to wait for the rest of its line? */
static bool is_due(struct joiner *j)
{
    return j->first < j->end && (j->line_at - item(j, j->first)->at >= JOIN_SPAN_BYTES ||
                                 j->end - j->first == JOIN_MAX_WAITING || !has_room(j));
}

static enum lines_result next_of(struct joiner *j, struct lines *l, struct joined *out, bool rest)
{
    for (;;) {
        bool waits = j->first < j->end;

        if (waits && !item(j, j->first)->open)
            return pop(j, l, out);
        bool more = fetch(j, l, rest);
        if (!more && !(rest && waits))
            return LINES_END;
        if (!more || is_due(j)) {
            give_up_first(j);
            continue;
        }
        j->held = false;
        if (!passes(j))
            continue;
        *out = (struct joined){.text = j->what == LINES_LINE ? j->line : STR(""),
                               .at = j->line_at,
                               .next = lines_position(l),
                               .number = j->line_number};
        return j->what;
    }
}

static enum lines_result plain(struct lines *l, struct joined *out, bool rest)
{
    struct str line = STR("");
    enum lines_result what = rest ? lines_take_half(l, &line) : lines_next(l, &line);

    if (what == LINES_TOO_LONG)
        line = STR("");
    if (what != LINES_END)
        *out = (struct joined){line, lines_at(l), lines_position(l), lines_number(l), false, {{0}}};
    return what;
}

enum lines_result joiner_next(struct joiner *j, struct lines *l, struct joined *out)
{
    return j ? next_of(j, l, out, false) : plain(l, out, false);
}

enum lines_result joiner_take_rest(struct joiner *j, struct lines *l, struct joined *out)
{
    return j ? next_of(j, l, out, true) : plain(l, out, true);
}

size_t joiner_half_bytes(const struct joiner *j, const struct lines *l)
{
    size_t half = lines_half_bytes(l);

    if (!j || j->first == j->end)
        return half;
    return lines_position(l) + half - j->queue[j->first % JOIN_MAX_WAITING].at;
}
