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
