/* privacy_path.c - see privacy_path.h. Segments stay where they are, so that a page of a masked
 * path is still told from others; what they hold becomes a '*'. */
#include "parsers/privacy_path.h"

#include "parsers/query.h"
#include "parsers/secrets.h"

/* Patterns hold for so many from the front; config/ knows no longer one. */
#define SEGMENTS_MAX 64

/* ---- patterns ---------------------------------------------------------------------------------
 */

/* What the log has for c: c itself, or its %XX. The width; 0 when it is another byte. */
static size_t byte_width(struct str s, size_t at, char c)
{
    if (at < s.n && s.p[at] == c)
        return 1;
    return at < s.n && percent_byte(s, at) == (unsigned char)c ? 3 : 0;
}

/* Both from the front: how much of `s` the whole of `literal` takes; false when it does not begin
 * so. */
static bool takes(struct str s, struct str literal, size_t *taken)
{
    size_t at = 0;

    for (size_t i = 0; i < literal.n; i++) {
        size_t width = byte_width(s, at, literal.p[i]);
        if (width == 0)
            return false;
        at += width;
    }
    *taken = at;
    return true;
}

/* The segment as a whole. `pattern` has one '*' at most: config/ sees to it. */
static bool text_fits(struct str segment, struct str pattern)
{
    ptrdiff_t star = str_chr(pattern, '*', 0);
    size_t head = 0, tail;

    if (star < 0)
        return takes(segment, pattern, &head) && head == segment.n;
    struct str end = str_slice(pattern, (size_t)star + 1, pattern.n);
    if (!takes(segment, str_slice(pattern, 0, (size_t)star), &head) || head == segment.n)
        return false;
    for (size_t at = head + 1; at <= segment.n; at++)
        if (takes(str_slice(segment, at, segment.n), end, &tail) && at + tail == segment.n)
            return true;
    return false;
}

/* Where a parameter may begin within a path: at a ';', and at a '&', '?' or '#' of a query that
 * became part of the path. s.n, and no *width, when there is none. */
static size_t bare_end(struct str s, size_t from, size_t *width)
{
    for (size_t i = from; i < s.n; i += *width) {
        char c = query_byte(s, i, width);
        if (c == ';' || c == '&' || c == '?' || c == '#')
            return i;
    }
    *width = 0;
    return s.n;
}

/* With its parameters, or without. */
static bool segment_fits(struct str segment, struct str pattern)
{
    size_t width, bare = bare_end(segment, 0, &width);

    return text_fits(segment, pattern) ||
           (bare < segment.n && text_fits(str_slice(segment, 0, bare), pattern));
}

/* ---- segments ---------------------------------------------------------------------------------
 */

/* How a server may read a path: both bits are tried, as nobody knows what it does. */
enum view {
    VIEW_DECODED = 1,  /* %2F, and '\' in both spellings, are slashes */
    VIEW_RESOLVED = 2, /* ".." takes the segment before it away */
    VIEWS = 4,
};

struct segments {
    struct str items[SEGMENTS_MAX];
    size_t n;
};

/* The end of the segment that begins at `from`; *width: of the slash behind it, 0 when it is the
 * last. */
static size_t segment_end(struct str path, size_t from, bool decoded, size_t *width)
{
    for (size_t i = from; i < path.n; i++) {
        int byte = decoded ? percent_byte(path, i) : -1;
        *width = byte < 0 ? 1 : 3;
        if (path.p[i] == '/' || byte == '/' || byte == '\\' || (decoded && path.p[i] == '\\'))
            return i;
    }
    *width = 0;
    return path.n;
}

static bool is_text(struct str segment, struct str text)
{
    size_t taken;

    return takes(segment, text, &taken) && taken == segment.n;
}

/* Those of a path that begins with '/'. Empty ones and "." count for nothing. */
static void list_segments(struct str path, unsigned view, struct segments *list)
{
    size_t width = 1;

    list->n = 0;
    for (size_t from = 1, end; width > 0 && list->n < SEGMENTS_MAX; from = end + width) {
        end = segment_end(path, from, view & VIEW_DECODED, &width);
        struct str segment = str_slice(path, from, end);
        if ((view & VIEW_RESOLVED) && is_text(segment, STR("..")))
            list->n -= list->n > 0;
        else if (segment.n > 0 && !is_text(segment, STR(".")))
            list->items[list->n++] = segment;
    }
}

/* ---- masks ------------------------------------------------------------------------------------
 */

struct mask {
    struct str segment; /* of the path */
    struct str text;    /* what it is sent as */
};

struct masks {
    struct mask items[VIEWS * SEGMENTS_MAX]; /* each view has its own segments */
    size_t n;
};

static struct mask *find_mask(struct masks *masks, struct str segment)
{
    for (size_t i = 0; i < masks->n; i++)
        if (masks->items[i].segment.p == segment.p && masks->items[i].segment.n == segment.n)
            return &masks->items[i];
    return NULL;
}

static void set_mask(struct masks *masks, struct str segment, struct str text)
{
    struct mask *m = find_mask(masks, segment);

    if (!m)
        m = &masks->items[masks->n++];
    *m = (struct mask){segment, text};
}

/* Nothing when the pattern does not fit. */
static void apply_pattern(const struct segments *list, struct str pattern, struct masks *masks)
{
    struct str found[SEGMENTS_MAX];
    struct str rest = pattern;
    size_t n = 0;

    while (rest.n > 0) {
        struct str part = str_cut(&rest, '/');
        if (part.n == 0)
            continue;
        if (n == list->n || !segment_fits(list->items[n], part))
            return;
        found[n++] = str_chr(part, '*', 0) >= 0 ? part : STR_NONE;
    }
    for (size_t i = 0; i < n; i++)
        if (str_is_set(found[i]))
            set_mask(masks, list->items[i], found[i]);
}

static void find_masks(struct str_set patterns, struct str path, struct masks *masks)
{
    struct segments list;
    unsigned possible = 0;

    masks->n = 0;
    if (patterns.n == 0 || path.p[0] != '/')
        return;
    if (str_has_any(path, "%\\%\\"))
        possible |= VIEW_DECODED | VIEW_RESOLVED;
    if (str_find(path, STR(".."), 0) >= 0)
        possible |= VIEW_RESOLVED;
    for (unsigned view = 0; view < VIEWS; view++) {
        if ((view & ~possible) != 0)
            continue;
        list_segments(path, view, &list);
        for (size_t i = 0; i < patterns.n; i++)
            apply_pattern(&list, patterns.items[i], masks);
    }
}

/* ---- what segments look like -------------------------------------------------------------------
 */

static bool is_uuid(struct str s)
{
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : hex_value(s.p[i]) < 0)
            return false;
    }
    return true;
}

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (hex_value(s.p[i]) < 0)
            return false;
    return s.n >= 16;
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n >= 6;
}

static bool text_looks_masked(unsigned mask, struct str s)
{
    return ((mask & PRIVACY_MASK_UUID) && is_uuid(s)) || ((mask & PRIVACY_MASK_HEX) && is_hex(s)) ||
           ((mask & PRIVACY_MASK_NUMBER) && is_number(s)) ||
           ((mask & PRIVACY_MASK_EMAIL) && secrets_is_email(s));
}

/* Decoded; with its parameters, or without. */
static bool looks_masked(unsigned mask, struct str segment)
{
    char scratch[SECRETS_VALUE_MAX];
    size_t width;

    if (mask == 0 || segment.n == 0)
        return false;
    if (segment.n > sizeof(scratch))
        return true;
    struct str text = query_unfold(segment, scratch);
    return text_looks_masked(mask, text) ||
           text_looks_masked(mask, str_slice(text, 0, bare_end(text, 0, &width)));
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static bool is_secret_parameter(struct str text)
{
    size_t width;

    for (size_t i = 0; i < text.n; i += width)
        if (query_byte(text, i, &width) == '=') {
            struct query_param param = {text, str_slice(text, 0, i),
                                        str_slice(text, i + width, text.n)};
            return secrets_hold(&param);
        }
    return false;
}

/* "page;jsessionid=1;v=2" is "page;v=2", and "page%3Ftoken=1%26v=2" is "page%3Fv=2". */
static void put_params(struct str segment, struct buf *out)
{
    struct str separator = STR_NONE;
    size_t width = 1;

    for (size_t from = 0, end; width > 0; from = end + width) {
        end = bare_end(segment, from, &width);
        struct str part = str_slice(segment, from, end);
        if (from == 0 || !is_secret_parameter(part)) {
            buf_put_str(out, separator);
            buf_put_str(out, part);
            separator = STR_NONE;
        }
        if (!str_is_set(separator))
            separator = str_slice(segment, end, end + width);
    }
}

static bool has_masks(const struct privacy *p)
{
    return p->path_mask.n > 0 || p->mask != 0;
}

/* The path's segments without their secret parameters. */
static void put_bare(struct str path, struct buf *out)
{
    size_t width = 1;

    for (size_t from = 0, end; width > 0; from = end + width) {
        end = segment_end(path, from, false, &width);
        put_params(str_slice(path, from, end), out);
        buf_put_str(out, str_slice(path, end, end + width));
    }
}

/* `text` stands behind the end of `out`, or is not in it. */
static void move_to_end(struct str text, struct buf *out)
{
    if (text.n > 0)
        memmove(out->p + out->n, text.p, text.n);
    out->n += text.n;
}

/* No longer than the segment: a '*' stands for one byte at least. Is it masked? */
static bool put_masked(const struct privacy *p, struct masks *masks, struct str segment,
                       struct buf *out)
{
    const struct mask *m = find_mask(masks, segment);
    bool masked = m || looks_masked(p->mask, segment);

    if (masked)
        move_to_end(m ? m->text : STR("*"), out);
    return masked;
}

/* What stands between two '/': as a whole, or by the parts that encoded ones make of it. */
static void put_segment(const struct privacy *p, struct masks *masks, struct str segment,
                        struct buf *out)
{
    size_t width = 1;

    if (put_masked(p, masks, segment, out))
        return;
    for (size_t from = 0, end; width > 0; from = end + width) {
        end = segment_end(segment, from, true, &width);
        struct str part = str_slice(segment, from, end);
        if (!put_masked(p, masks, part, out))
            move_to_end(part, out);
        move_to_end(str_slice(segment, end, end + width), out);
    }
}

void privacy_put_path(const struct privacy *p, struct str path, struct buf *out)
{
    struct masks masks;
    size_t mark = out->n, width = 1;

    if (path.n == 0)
        return;
    put_bare(path, out);
    struct str bare = str_slice(buf_str(out), mark, out->n);
    if (!has_masks(p) || bare.n == 0)
        return;
    find_masks(p->path_mask, bare, &masks);
    out->n = mark; /* what is written stands before what is read */
    for (size_t from = 0, end; width > 0; from = end + width) {
        end = segment_end(bare, from, false, &width);
        put_segment(p, &masks, str_slice(bare, from, end), out);
        move_to_end(str_slice(bare, end, end + width), out);
    }
}

bool privacy_may_change_path(const struct privacy *p, struct str path)
{
    if (has_masks(p))
        return true;
    /* Most paths with a '%' have letters of a language behind it, and no parameter. */
    return str_has_any(path, "=%=%") &&
           (str_chr(path, '=', 0) >= 0 || str_find(path, STR("3D"), 0) >= 0 ||
            str_find(path, STR("3d"), 0) >= 0);
}
