/* cookie.c - RFC 6265, sections 4.1 and 5.4, for one cookie. */
#include "server/cookie.h"

struct str cookie_value(struct str field, struct str name)
{
    while (field.n > 0) {
        ptrdiff_t end = str_chr(field, ';', 0);
        struct str pair = str_trim(end < 0 ? field : str_slice(field, 0, (size_t)end));
        ptrdiff_t equals = pair.n > 0 ? str_chr(pair, '=', 0) : -1;
        if (equals > 0 && str_eq(str_slice(pair, 0, (size_t)equals), name)) {
            struct str value = str_slice(pair, (size_t)equals + 1, pair.n);
            return value.n > 0 ? value : STR_NONE;
        }
        field = end < 0 ? STR_NONE : str_slice(field, (size_t)end + 1, field.n);
    }
    return STR_NONE;
}

static void put(struct buf *out, struct str value, int seconds, bool secure)
{
    buf_printf(out,
               "Set-Cookie: " COOKIE_NAME "=%.*s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s\r\n",
               (int)value.n, value.p, seconds, secure ? "; Secure" : "");
}

void cookie_put(struct buf *out, struct str value, bool secure)
{
    put(out, value, COOKIE_SECONDS, secure);
}

void cookie_put_none(struct buf *out, bool secure)
{
    put(out, STR(""), 0, secure);
}
