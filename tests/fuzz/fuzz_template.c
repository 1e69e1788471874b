/* The front ends that compile templates: the first line of the input is a format ("nginx:…",
 * "apache:…", "haproxy:…"), the second a line in it. Any format is refused with a sentence or gives
 * a program whose scanner agrees with its pattern. */
#include "parsers/format_template.h"
#include "tests/fuzz/fuzz_format.h"
#include "tests/unit/parsers/program_judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void judge(const struct format *f, struct str line)
{
    const struct program *program = format_template_program(f);
    struct judge j;
    bool fits;
    const char *problem = program ? judge_init(&j, program) : NULL;

    if (!program)
        return;
    if (!problem)
        problem = judge_line(&j, line, &fits);
    judge_release(&j);
    if (problem)
        fuzz_fail(problem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const kinds[] = {"nginx", "apache", "haproxy"};
    struct str rest = {(const char *)data, n}, argument;
    struct buf spec, why;
    struct format *f;
    struct parser *p;

    if (n < 2)
        return 0;
    rest = str_slice(rest, 1, n);
    argument = str_cut(&rest, '\n');
    buf_init(&spec, (size_t)1 << 20);
    buf_init(&why, 4096);
    buf_printf(&spec, "%s:", kinds[data[0] % 3]);
    buf_put_str(&spec, argument);
    f = format_new(buf_str(&spec), NULL, &why);
    if (!f && why.n == 0)
        fuzz_fail("refused without a sentence");
    if (f) {
        p = parser_new(f);
        if (p)
            fuzz_line(p, rest);
        judge(f, rest);
        parser_free(p);
        format_free(f);
    }
    buf_release(&spec);
    buf_release(&why);
    return 0;
}
