/* privacy_path.c - see privacy_path.h. Segments stay where they are, so that a page of a masked
 * path is still told from others; what they hold becomes a '*'. */
#include "parsers/privacy_path.h"

#include "parsers/query.h"
#include "parsers/secrets.h"

#define SEGMENTS_MAX 64 /* patterns hold for so many from the front */

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

/* `pattern` has one '*' at most: config/ sees to it. */
static bool segment_fits(struct str segment, struct str pattern)
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

/* The segments' masks by one pattern; nothing when it does not fit. */
static void apply_pattern(struct str path, struct str pattern, struct str masks[SEGMENTS_MAX])
{
    struct str found[SEGMENTS_MAX];
    struct str path_rest = path, rest = str_slice(pattern, 1, pattern.n);
    size_t n = 0;

    if (path.n == 0 || path.p[0] != '/')
        return;
    path_rest = str_slice(path, 1, path.n);
    while (rest.n > 0) {
        if (n == SEGMENTS_MAX || path_rest.n == 0)
            return;
        struct str segment = str_cut(&path_rest, '/'), part = str_cut(&rest, '/');
        if (!segment_fits(segment, part))
            return;
        found[n++] = str_chr(part, '*', 0) >= 0 ? part : STR_NONE;
    }
    for (size_t i = 0; i < n; i++)
        if (str_is_set(found[i]))
            masks[i] = found[i];
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
    bool digit = false;

    for (size_t i = 0; i < s.n; i++) {
        if (hex_value(s.p[i]) < 0)
            return false;
        digit |= s.p[i] <= '9';
    }
    return digit && s.n >= 16;
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n >= 6;
}

static bool looks_masked(unsigned mask, struct str s)
{
    return ((mask & PRIVACY_MASK_UUID) && is_uuid(s)) || ((mask & PRIVACY_MASK_HEX) && is_hex(s)) ||
           ((mask & PRIVACY_MASK_NUMBER) && is_number(s)) ||
           ((mask & PRIVACY_MASK_EMAIL) && secrets_is_email(s));
}

/* ---- writing ----------------------------------------------------------------------------------
 */

/* "page;jsessionid=1;v=2" is "page;v=2". */
static void put_params(struct str segment, struct buf *out)
{
    struct query_param param;
    size_t n = 0;

    if (str_chr(segment, ';', 0) < 0) {
        buf_put_str(out, segment);
        return;
    }
    for (struct str rest = segment; str_is_set(rest); n++) {
        ptrdiff_t end = str_chr(rest, ';', 0);
        struct str part = end < 0 ? rest : str_slice(rest, 0, (size_t)end);
        rest = end < 0 ? STR_NONE : str_slice(rest, (size_t)end + 1, rest.n);
        struct str text = part;
        bool secret = n > 0 && query_next(&text, false, &param) && secrets_hold(&param);
        if (secret)
            continue;
        if (n > 0)
            buf_putc(out, ';');
        buf_put_str(out, part);
    }
}

void privacy_put_path(const struct privacy *p, struct str path, struct buf *out)
{
    struct str masks[SEGMENTS_MAX] = {{NULL, 0}};
    struct str rest = path;

    if (!str_is_set(path))
        return;
    for (size_t i = 0; i < p->path_mask.n; i++)
        apply_pattern(path, p->path_mask.items[i], masks);
    /* Segment 0 is what stands before the first '/': nothing. */
    for (size_t i = 0; str_is_set(rest); i++) {
        ptrdiff_t slash = str_chr(rest, '/', 0);
        struct str segment = slash < 0 ? rest : str_slice(rest, 0, (size_t)slash);
        rest = slash < 0 ? STR_NONE : str_slice(rest, (size_t)slash + 1, rest.n);
        if (i > 0)
            buf_putc(out, '/');
        if (i > 0 && i <= SEGMENTS_MAX && str_is_set(masks[i - 1]))
            buf_put_str(out, masks[i - 1]);
        else if (segment.n > 0 && looks_masked(p->mask, segment))
            buf_putc(out, '*');
        else
            put_params(segment, out);
    }
}
