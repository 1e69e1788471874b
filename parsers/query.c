/* query.c - see query.h. */
#include "parsers/query.h"

bool query_next(struct str *rest, bool semicolons, struct query_param *out)
{
    if (!str_is_set(*rest))
        return false;
    size_t n = str_until(*rest, '&', semicolons ? ';' : '&');
    out->text = str_slice(*rest, 0, n);
    *rest = n < rest->n ? str_slice(*rest, n + 1, rest->n) : STR_NONE;
    ptrdiff_t equals = str_chr(out->text, '=', 0);
    out->name = equals < 0 ? out->text : str_slice(out->text, 0, (size_t)equals);
    out->value = equals < 0 ? STR_NONE : str_slice(out->text, (size_t)equals + 1, n);
    return true;
}

struct str query_decode(struct str text, char scratch[QUERY_TEXT_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < text.n && n < QUERY_TEXT_MAX; i++) {
        int byte = percent_byte(text, i);
        char c = byte < 0 ? text.p[i] : (char)byte;
        scratch[n++] = byte < 0 && c == '+' ? ' ' : ascii_lower(c);
        i += byte < 0 ? 0 : 2;
    }
    return (struct str){scratch, n};
}

struct str query_unescape(struct str text, char *scratch)
{
    size_t n = 0;

    if (str_chr(text, '%', 0) < 0)
        return text;
    for (size_t i = 0; i < text.n; i++) {
        int byte = percent_byte(text, i);
        scratch[n++] = byte < 0 ? text.p[i] : (char)byte;
        i += byte < 0 ? 0 : 2;
    }
    return (struct str){scratch, n};
}

struct str query_unfold(struct str text, char *scratch)
{
    size_t before = text.n + 1;

    for (int i = 0; i < QUERY_DEPTH && text.n < before; i++) {
        before = text.n;
        text = query_unescape(text, scratch);
    }
    return text;
}

char query_byte(struct str text, size_t at, size_t *width)
{
    int byte = percent_byte(text, at);

    *width = byte < 0 ? 1 : 3;
    /* "%25" and two more digits: what "%3B" was before it was encoded again. */
    for (int i = 1; i < QUERY_DEPTH && byte == '%' && text.n - at - *width >= 2; i++) {
        int next = hex_pair(text.p + at + *width);
        if (next < 0)
            break;
        byte = next;
        *width += 2;
    }
    return byte < 0 ? text.p[at] : (char)byte;
}
