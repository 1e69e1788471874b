/*
 * regex.c - compiles and runs PCRE2 patterns under limits.
 *
 * A pattern runs over text that strangers write, so each match has a step, a heap and a stack
 * limit; reaching one is an answer of its own. Used where a
 * user gives a pattern of his own, and by the tests that judge program.c.
 */
#include "parsers/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#define REGEX_JIT_STACK_START (32u << 10)

struct regex {
    pcre2_code *code;
    bool fast;
};

struct regex_run {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

static void say_compile_error(struct buf *why, int code, size_t offset)
{
    PCRE2_UCHAR text[128];

    if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
        text[0] = '\0';
    buf_printf(why, "the pattern has a mistake at offset %zu: %s", offset, (const char *)text);
}

struct regex *regex_new(struct str pattern, enum regex_speed speed, struct buf *why)
{
    const uint32_t options = (speed == REGEX_SEARCHED ? 0 : PCRE2_ANCHORED) | PCRE2_DOTALL |
                             PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C;
    struct regex *r = calloc(1, sizeof(*r));
    size_t offset = 0;
    int code = 0;

    if (!r) {
        buf_lit(why, "out of memory");
        return NULL;
    }
    r->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, options, &code, &offset, NULL);
    if (!r->code) {
        say_compile_error(why, code, offset);
        free(r);
        return NULL;
    }
    if (speed != REGEX_INTERPRETED)
        r->fast = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0;
    return r;
}

void regex_free(struct regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    free(r);
}

bool regex_is_fast(const struct regex *r)
{
    return r->fast;
}

size_t regex_groups(const struct regex *r)
{
    uint32_t n = 0;

    pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &n);
    return n;
}

const char *regex_group_name(const struct regex *r, size_t i, size_t *group)
{
    uint32_t n = 0, size = 0;
    PCRE2_SPTR table = NULL;

    pcre2_pattern_info(r->code, PCRE2_INFO_NAMECOUNT, &n);
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMETABLE, &table);
    if (i >= n)
        return NULL;
    table += i * size;
    *group = (size_t)table[0] << 8 | table[1];
    return (const char *)table + 2;
}

struct regex_run *regex_run_new(const struct regex *widest)
{
    struct regex_run *run = calloc(1, sizeof(*run));

    if (!run)
        return NULL;
    run->data = pcre2_match_data_create_from_pattern(widest->code, NULL);
    run->context = pcre2_match_context_create(NULL);
    if (!run->data || !run->context)
        goto fail;
    pcre2_set_match_limit(run->context, REGEX_MATCH_LIMIT);
    pcre2_set_heap_limit(run->context, REGEX_HEAP_LIMIT_KIB);
    if (widest->fast) {
        run->stack = pcre2_jit_stack_create(REGEX_JIT_STACK_START, REGEX_JIT_STACK_MAX, NULL);
        if (!run->stack)
            goto fail;
        pcre2_jit_stack_assign(run->context, NULL, run->stack);
    }
    return run;
fail:
    regex_run_free(run);
    return NULL;
}

void regex_run_free(struct regex_run *run)
{
    if (!run)
        return;
    pcre2_match_data_free(run->data);
    pcre2_match_context_free(run->context);
    pcre2_jit_stack_free(run->stack);
    free(run);
}

enum regex_result regex_match(const struct regex *r, struct regex_run *run, struct str subject,
                              size_t from, const size_t **spans)
{
    PCRE2_SPTR text = (PCRE2_SPTR)(subject.p ? subject.p : "");
    int n;

    /* pcre2_jit_match is pcre2_match without the checks of arguments that this function fixes. */
    if (r->fast)
        n = pcre2_jit_match(r->code, text, subject.n, from, 0, run->data, run->context);
    else
        n = pcre2_match(r->code, text, subject.n, from, 0, run->data, run->context);
    if (n < 0)
        return n == PCRE2_ERROR_NOMATCH ? REGEX_NO_MATCH : REGEX_LIMIT;
    *spans = pcre2_get_ovector_pointer(run->data);
    return REGEX_MATCH;
}
