/* detect_captures.c - see detect_captures.h. */
#include "parsers/detect_captures.h"

#include "parsers/detect_looks.h"

#define GROUPS 2u /* of requests and of answers */
#define CELLS_MAX 8u

struct cell {
    unsigned seen, looks[LOOKS];
};

struct captures {
    struct cell cells[GROUPS][CELLS_MAX];
    size_t n[GROUPS]; /* of the first line that has any; of it, 0: there is no such group */
};

/* Behind HAProxy's numbers and before its request, both of which hold no brace and no quote: those
 * in headers are escaped. Moves *rest behind it. STR_NONE: there is no group. */
static struct str take_group(struct str *rest)
{
    ptrdiff_t end = str_chr(*rest, '}', 0);

    if (!str_starts(*rest, STR("{")) || end < 0)
        return STR_NONE;
    struct str group = str_slice(*rest, 1, (size_t)end);
    *rest = str_slice(*rest, (size_t)end + 1, rest->n);
    if (str_starts(*rest, STR(" ")))
        *rest = str_slice(*rest, 1, rest->n);
    return group;
}

static size_t count_cells(struct str group)
{
    size_t n = str_is_set(group);

    for (size_t i = 0; i < group.n; i++)
        n += group.p[i] == '|';
    return n;
}

static void note_group(struct captures *c, size_t g, struct str group)
{
    for (size_t i = 0; i < c->n[g]; i++) {
        struct cell *cell = &c->cells[g][i];
        uint32_t looks = looks_of(str_cut(&group, '|'));

        cell->seen += !(looks & LOOK_BIT(LOOK_MISSING));
        for (unsigned k = 0; k < LOOKS; k++)
            cell->looks[k] += looks >> k & 1;
    }
}

static void note_line(struct captures *c, struct str line)
{
    ptrdiff_t quote = str_chr(line, '"', 0), brace = str_chr(line, '{', 0);
    struct str rest, groups[GROUPS];

    if (brace < 0 || quote < brace)
        return;
    rest = str_slice(line, (size_t)brace, (size_t)quote);
    for (size_t g = 0; g < GROUPS; g++)
        groups[g] = take_group(&rest);
    if (!c->n[0] && count_cells(groups[0]) <= CELLS_MAX && count_cells(groups[1]) <= CELLS_MAX)
        for (size_t g = 0; g < GROUPS; g++)
            c->n[g] = count_cells(groups[g]);
    for (size_t g = 0; g < GROUPS; g++)
        if (count_cells(groups[g]) != c->n[g])
            return;
    for (size_t g = 0; g < GROUPS; g++)
        note_group(c, g, groups[g]);
}

/* Not every robot names a product and its version, and some ask for an address. */
static const char *name_of(const struct cell *cell)
{
    const unsigned *looks = cell->looks;
    unsigned hosts = looks[LOOK_HOST] + looks[LOOK_HOST_PORT];
    unsigned addresses = looks[LOOK_ADDRESS] + looks[LOOK_ADDRESSES];

    if (looks[LOOK_AGENT] * 10 > cell->seen * 6)
        return "user_agent";
    if (looks[LOOK_URL] * 10 > cell->seen * 6)
        return "referrer";
    if (looks[LOOK_TYPE] * 10 > cell->seen * 6)
        return "content_type";
    if (hosts * 10 > cell->seen * 6)
        return "host";
    return addresses * 10 > cell->seen * 9 ? "forwarded_for" : "-";
}

bool detect_captures(const struct str *lines, size_t n, struct buf *out)
{
    struct captures c = {.n = {0}};
    bool told = false;

    for (size_t i = 0; i < n; i++)
        note_line(&c, lines[i]);
    for (size_t g = 0; g < GROUPS && c.n[g]; g++)
        for (size_t i = 0; i < c.n[g]; i++) {
            const char *name = name_of(&c.cells[g][i]);

            if (i > 0 || g > 0)
                buf_putc(out, i > 0 ? '|' : ' ');
            buf_put_str(out, str_of(name));
            told |= name[0] != '-';
        }
    return told;
}
