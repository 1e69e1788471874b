/* Lines of each format that is a program, chosen by the first byte: what is true of every hit; and
 * the scanner of the program, which must agree with its pattern. */
#include "parsers/format_template.h"
#include "tests/fuzz/fuzz_format.h"
#include "tests/unit/parsers/program_judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define FORMATS_MAX 64

static struct known {
    struct format *format;
    struct parser *parser;
    struct judge judge;
} known[FORMATS_MAX];
static size_t n_known;

static void add(size_t i, const char *name)
{
    struct known *k = &known[n_known];
    struct buf spec, why;

    buf_init(&spec, 4000);
    buf_init(&why, 1000);
    buf_printf(&spec, "%s%s", format_before(i), name);
    if (format_argument(i))
        buf_printf(&spec, ":%s", format_argument(i));
    k->format = format_new(buf_str(&spec), NULL, &why);
    k->parser = k->format ? parser_new(k->format) : NULL;
    if (!k->parser)
        fuzz_fail("no parser");
    if (format_template_program(k->format)) {
        if (judge_init(&k->judge, format_template_program(k->format)))
            fuzz_fail("no judge");
        n_known++;
    } else {
        parser_free(k->parser);
        format_free(k->format);
    }
    buf_release(&spec);
    buf_release(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *name, *about, *problem;
    struct str line = {(const char *)data + 1, n - 1};
    struct known *k;
    bool fits;

    for (size_t i = 0; n_known == 0 && i == 0;) {
        for (; n_known < FORMATS_MAX && (name = format_list(i, &about)); i++)
            add(i, name);
    }
    if (n == 0)
        return 0;
    k = &known[data[0] % n_known];
    fuzz_line(k->parser, line);
    problem = judge_line(&k->judge, line, &fits);
    if (problem)
        fuzz_fail(problem);
    return 0;
}
