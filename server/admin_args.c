/*
 * admin_args.c - splits a command's words; reads times. No I/O, no clock.
 */
#include "server/admin_args.h"

#include "parsers/base/time.h"

static bool listed(const char *const *names, struct str name, const char **found)
{
    for (; *names; names++) {
        if (str_eq(name, str_of(*names))) {
            *found = *names;
            return true;
        }
    }
    return false;
}

/* The option argv[0], whose value may be argv[1]. How many words that took, or -1. */
static int take_option(struct args *a, int argc, char *const *argv, const char *const *with_value,
                       const char *const *flags, struct buf *error)
{
    struct args_option option = {0};
    struct str word = str_of(argv[0]), name = word;
    ptrdiff_t equals = str_chr(word, '=', 0);
    if (equals >= 0)
        name.n = (size_t)equals;
    int used = 1;
    if (!listed(flags, word, &option.name)) {
        if (!listed(with_value, name, &option.name)) {
            buf_printf(error, "unknown option %s; see logferry-server help", argv[0]);
            return -1;
        }
        if (equals < 0 && argc < 2) {
            buf_printf(error, "%s needs a value behind it", option.name);
            return -1;
        }
        used = equals < 0 ? 2 : 1;
        option.value = equals < 0 ? argv[1] : argv[0] + equals + 1;
    }
    a->options[a->n_options++] = option;
    return used;
}

int args_parse(struct args *a, int argc, char *const *argv, const char *const *with_value,
               const char *const *flags, struct buf *error)
{
    bool words_only = false;
    int used;
    *a = (struct args){0};
    if (argc > ARGS_MAX) {
        buf_printf(error, "more than %d words; give fewer at a time", ARGS_MAX);
        return -1;
    }
    for (int i = 0; i < argc; i += used) {
        struct str word = str_of(argv[i]);
        used = 1;
        if (words_only || !str_starts(word, STR("-")) || word.n == 1)
            a->words[a->n_words++] = argv[i];
        else if (str_eq(word, STR("--")))
            words_only = true;
        else
            used = take_option(a, argc - i, argv + i, with_value, flags, error);
        if (used < 0)
            return -1;
    }
    return 0;
}

struct str args_value(const struct args *a, const char *name)
{
    struct str value = STR_NONE;
    for (size_t i = 0; i < a->n_options; i++)
        if (str_eq(str_of(a->options[i].name), str_of(name)))
            value = str_of(a->options[i].value);
    return value;
}

bool args_flag(const struct args *a, const char *name)
{
    for (size_t i = 0; i < a->n_options; i++)
        if (str_eq(str_of(a->options[i].name), str_of(name)))
            return true;
    return false;
}

static bool parse_duration(struct str text, int64_t *ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', DAY_MS}, {'w', 7 * DAY_MS}};
    uint64_t n = 0;
    if (text.n < 2 || !str_to_u64(str_slice(text, 0, text.n - 1), 1000000, &n))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text.p[text.n - 1] == units[i].unit) {
            *ms = (int64_t)n * units[i].ms;
            return true;
        }
    }
    return false;
}

bool when_parse(struct str text, int64_t now_ms, enum when direction, bool end_of_day, int64_t *ms)
{
    int64_t duration = 0;
    if (parse_duration(text, &duration)) {
        *ms = direction == WHEN_PAST ? now_ms - duration : now_ms + duration;
        return true;
    }
    if (text.n == 10 && time_parse_w3c(text, STR("00:00:00"), ms)) {
        *ms += end_of_day ? DAY_MS : 0;
        return true;
    }
    return time_parse_rfc3339(text, ms);
}
