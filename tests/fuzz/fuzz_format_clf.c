/* Lines of nginx_combined, nginx_main or apache_combined, chosen by the first byte; and the short
 * cut for plain lines, which must agree with the layout. */
#include "tests/fuzz/fuzz_format.h"
#include "tests/unit/parsers/clf_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void fuzz_split(const char *name, struct str line)
{
    struct buf why;
    bool taken;

    buf_init(&why, 1000);
    struct format *f = format_new(str_of(name), NULL, &why);
    struct parser *p = f ? parser_new(f) : NULL;
    const char *problem = p ? clf_split_problem(p, line, &taken) : "no parser";
    if (problem)
        fuzz_fail(problem);
    parser_free(p);
    format_free(f);
    buf_release(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const formats[] = {"nginx_combined", "nginx_main", "apache_combined"};

    if (n == 0)
        return 0;
    fuzz_format(formats[data[0] % 3], data + 1, n - 1);
    fuzz_split(formats[data[0] % 3], (struct str){(const char *)data + 1, n - 1});
    return 0;
}
