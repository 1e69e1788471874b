/* auth.c - reads the token out of the header fields. The lookup, by hash, is rights.c's. */
#include "server/auth.h"

struct str auth_token(const struct http_request *req)
{
    struct str field = http_header(req, STR("authorization")); /* comes trimmed */
    ptrdiff_t blank = str_is_set(field) ? str_chr(field, ' ', 0) : -1;
    if (blank > 0 && str_eq_nocase(str_slice(field, 0, (size_t)blank), STR("bearer"))) {
        struct str token = str_trim(str_slice(field, (size_t)blank, field.n));
        if (token.n > 0)
            return token;
    }
    struct str key = http_header(req, STR("x-api-key"));
    return key.n > 0 ? key : STR_NONE;
}

const struct client *auth_client(const struct rights *rights, const struct http_request *req,
                                 int64_t now_ms)
{
    struct str token = auth_token(req);
    return str_is_set(token) ? rights_client(rights, token, now_ms) : NULL;
}

void auth_refuse(struct http_request *req)
{
    http_error(req, 401, "Unauthorized");
}
