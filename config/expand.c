/* expand.c - see expand.h. What comes from the environment may be a secret: no message shows it. */
#include "config/expand.h"

#include "config/arena.h"
#include "config/fields.h"

#include <stdlib.h>

#define MAX_NAME_BYTES 128

bool expand_name_valid(struct str name)
{
    if (name.n == 0 || name.n > MAX_NAME_BYTES || (name.p[0] >= '0' && name.p[0] <= '9'))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (!ascii_alnum(name.p[i]) && name.p[i] != '_')
            return false;
    }
    return true;
}

/* NULL when the value may be used. */
static const char *why_unusable(struct str value)
{
    if (!str_is_set(value))
        return "not set";
    for (size_t i = 0; i < value.n; i++) {
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
            return "no single line";
    }
    return value.n == 0 ? "empty" : NULL;
}

static bool put_variable(struct config_errors *e, const struct yaml_item *item, struct str name,
                         struct buf *out)
{
    char cname[MAX_NAME_BYTES + 1];
    struct str shown = config_shown(name);

    if (!expand_name_valid(name)) {
        field_problem(e, item,
                      "\"${%.*s}\" names no variable; expected ${NAME}; write ${TOKEN_DIR}",
                      STR_ARGS(shown));
        return false;
    }
    memcpy(cname, name.p, name.n);
    cname[name.n] = '\0';
    struct str value = str_of(getenv(cname));
    const char *problem = why_unusable(value);
    if (problem) {
        field_problem(e, item,
                      "the environment variable %.*s is %s; expected its value; set it with "
                      "`Environment=%.*s=…` in the unit, or write the value here",
                      STR_ARGS(shown), problem, STR_ARGS(shown));
        return false;
    }
    buf_put_str(out, value);
    return true;
}

static bool expand_into(struct config_errors *e, const struct yaml_item *item, struct buf *out)
{
    struct str text = item->text;
    size_t at = 0;

    for (;;) {
        ptrdiff_t open = str_find(text, STR("${"), at);
        if (open < 0)
            break;
        ptrdiff_t close = str_chr(text, '}', (size_t)open);
        if (close < 0) {
            field_problem(e, item, "\"${\" has no \"}\"; expected ${NAME}; write ${TOKEN_DIR}");
            return false;
        }
        buf_put_str(out, str_slice(text, at, (size_t)open));
        if (!put_variable(e, item, str_slice(text, (size_t)open + 2, (size_t)close), out))
            return false;
        at = (size_t)close + 1;
    }
    buf_put_str(out, str_slice(text, at, text.n));
    return true;
}

bool expand_item(struct config_errors *e, const struct yaml_item *item, struct str *out)
{
    struct buf text;

    buf_init(&text, EXPAND_MAX_BYTES);
    /* All of it at once: what does not fit then is too long, and not out of memory. */
    bool ok =
        config_arena_reserve(e->arena, &text, EXPAND_MAX_BYTES) && expand_into(e, item, &text);
    if (ok && text.failed) {
        field_problem(e, item, "the text is longer than %d bytes; shorten it", EXPAND_MAX_BYTES);
        ok = false;
    }
    struct str copy = ok ? config_arena_str(e->arena, buf_str(&text)) : STR_NONE;
    buf_release(&text);
    if (str_is_set(copy))
        *out = copy;
    return str_is_set(copy);
}
