/* What people's browsers send: the Cookie field, and the strict bodies of management calls, which
 * jansson must accept as well when we do. */
#include "server/api_json.h"
#include "server/cookie.h"
#include "server/url.h"
#include "tests/fuzz/json_judge.h"

struct body {
    struct str name, list;
    int64_t n;
    bool on;
};

static const struct api_field fields[] = {
    {STR_INIT("name"), API_TEXT, offsetof(struct body, name)},
    {STR_INIT("list"), API_ARRAY, offsetof(struct body, list)},
    {STR_INIT("n"), API_INTEGER, offsetof(struct body, n)},
    {STR_INIT("on"), API_BOOL, offsetof(struct body, on)},
};

static void check_cookie(struct str text)
{
    struct str value = cookie_value(text, STR(COOKIE_NAME));
    if (!str_is_set(value))
        return;
    size_t before = (size_t)(value.p - text.p);
    if (value.n == 0 || before < 9 || before + value.n > text.n || str_chr(value, ';', 0) >= 0 ||
        memcmp(value.p - 9, COOKIE_NAME "=", 9) != 0)
        abort();
}

static void check_body(struct str text)
{
    struct body body = {STR_NONE, STR_NONE, 0, false};
    struct buf scratch;
    uint32_t given;
    json_error_t error;
    buf_init(&scratch, 1u << 20);
    if (api_json_read_strict(text, fields, COUNT_OF(fields), &body, &scratch, &given)) {
        size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY; /* null, too */
        json_t *judged = json_loadb(text.p, text.n, flags, &error);
        /* Of what is in an array only the form is looked at: not numbers' sizes, not keys. */
        bool inside = json_error_code(&error) == json_error_numeric_overflow ||
                      json_error_code(&error) == json_error_duplicate_key;
        if (judged ? json_typeof(judged) != JANSSON_OBJECT && json_typeof(judged) != JANSSON_NULL
                   : !(inside && str_is_set(body.list)))
            abort();
        json_decref(judged);
    }
    buf_release(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char host[URL_HOST_MAX];
    size_t n;
    struct str text = {(const char *)data, size};
    check_cookie(text);
    check_body(text);
    if (site_host(text, size & 1, host, &n) && (n == 0 || n > 253))
        abort();
    return 0;
}
