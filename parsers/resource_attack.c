/*
 * resource_attack.c - resource_is_attack and resource_has_lookup of resource.h: what only attacks
 * write. The list is short, and each entry is something that no form and no search box sends.
 */
#include "parsers/resource.h"

#define S(literal) STR_INIT(literal)

/* In lower case; a blank stands for '+' and %20 too. */
static const struct str marks[] = {
    S("../../"),
    S("..\\..\\"),
    S("..%2f"),
    S("/etc/passwd"),
    S("/etc/shadow"),
    S("/proc/self/"),
    S("/bin/sh"),
    S("/bin/bash"),
    S("win.ini"),
    S("php://input"),
    S("php://filter"),
    S("allow_url_include"),
    S("auto_prepend_file"),
    S("call_user_func_array"),
    S("invokefunction"),
    S("<?php"),
    S("base64_decode("),
    S("information_schema"),
    S("waitfor delay"),
    S("xp_cmdshell"),
    S("' or '1'='1"),
    S("' or 1=1"),
    S("pg_sleep("),
    S("select sleep("),
    S("concat(0x"),
    S("union select null"),
    S("union all select null"),
    S("union select 1,"),
    S("union all select 1,"),
    S("<script>alert("),
    S("<script src="),
    S("onerror=alert("),
    S("javascript:alert("),
    S("; wget http"),
    S(";wget http"),
    S("|wget http"),
    S(";curl http"),
    S("cd /tmp;"),
};

/* Every mark has one of these bytes, or comes with one: most queries have none. */
static bool is_suspect(struct str query)
{
    return str_has_any(query, "%/\\<") || str_has_any(query, "('$+") || str_has_any(query, ";| ;");
}

/* Decoded once, '+' as a blank, in lower case. */
static struct str plain(struct str query, char scratch[RESOURCE_PATH_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < query.n && n < RESOURCE_PATH_MAX; i++) {
        int byte = percent_byte(query, i);
        char c = byte < 0 ? query.p[i] : (char)byte;
        scratch[n++] = byte < 0 && c == '+' ? ' ' : ascii_lower(c);
        i += byte < 0 ? 0 : 2;
    }
    return (struct str){scratch, n};
}

bool resource_has_lookup(struct str text)
{
    static const struct str kinds[] = {S("jndi:"), S("${"),  S("lower:"), S("upper:"),
                                       S("env:"),  S("::-"), S("sys:")};

    for (ptrdiff_t at = str_chr(text, '$', 0); at >= 0; at = str_chr(text, '$', (size_t)at + 1)) {
        struct str rest = str_slice(text, (size_t)at + 1, text.n);
        if (rest.n == 0 || rest.p[0] != '{')
            continue;
        rest = str_slice(rest, 1, rest.n);
        for (size_t i = 0; i < COUNT_OF(kinds); i++)
            if (str_starts_nocase(rest, kinds[i]))
                return true;
    }
    return false;
}

bool resource_is_attack(struct str query)
{
    char scratch[RESOURCE_PATH_MAX];

    if (!is_suspect(query))
        return false;
    struct str text = plain(query, scratch);
    if (resource_has_lookup(text))
        return true;
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (str_find(text, marks[i], 0) >= 0)
            return true;
    return false;
}
