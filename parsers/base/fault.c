/*
 * fault.c - the faults of test builds. See fault.h. A malformed LOGFERRY_FAULT ends the program: a
 * test whose fault never fires would pass without testing anything. Nothing here allocates: the
 * allocator is one of those who ask.
 */
#include "parsers/base/fault.h"

#ifdef LOGFERRY_FAULTS

#include "parsers/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FAULT_MAX 16
#define COUNT_MAX 256
#define NAME_MAX_BYTES 48

enum kind { KIND_CRASH = 1, KIND_FAIL = 2, KIND_SKIP = 4, KIND_TEAR = 8, KIND_SLEEP = 16 };

struct fault {
    struct str name; /* in the environment, which outlives every thread */
    enum kind kind;
    uint64_t first, last; /* passes, from 1 */
    int64_t for_ms;       /* 0: by passes; else from `first` on for so long */
    uint64_t sleep_ms;
    struct fault_tear tear;
    int error;
    _Atomic uint64_t passes;
    _Atomic int64_t until_ms; /* 0: not begun */
};

static struct fault faults[FAULT_MAX];
static size_t n_faults;
static pthread_once_t read_once = PTHREAD_ONCE_INIT;

static struct count {
    char name[NAME_MAX_BYTES];
    uint64_t passes;
} counts[COUNT_MAX];
static size_t n_counts;
static const char *counts_path;
static pthread_mutex_t counts_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the specification -------------------------------------------------------------------- */

/* Cuts the part before the next `stop` off *s. */
static struct str cut(struct str *s, char stop)
{
    ptrdiff_t at = str_chr(*s, stop, 0);
    size_t end = at < 0 ? s->n : (size_t)at;
    struct str part = str_slice(*s, 0, end);

    *s = str_slice(*s, at < 0 ? end : end + 1, s->n);
    return part;
}

static bool parse_errno(struct str s, int *out)
{
    static const struct {
        struct str name;
        int number;
    } names[] = {{STR("ENOSPC"), ENOSPC}, {STR("EDQUOT"), EDQUOT}, {STR("EIO"), EIO},
                 {STR("EROFS"), EROFS},   {STR("EMFILE"), EMFILE}, {STR("ENFILE"), ENFILE},
                 {STR("ENOMEM"), ENOMEM}};
    uint64_t number;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq(s, names[i].name)) {
            *out = names[i].number;
            return true;
        }
    if (!str_to_u64(s, 4095, &number) || number == 0)
        return false;
    *out = (int)number;
    return true;
}

static bool parse_pass(struct str s, uint64_t *pass)
{
    return str_to_u64(s, UINT64_MAX, pass) && *pass > 0;
}

/* N-M, or N+MS. */
static bool parse_range(struct str range, struct fault *f)
{
    uint64_t ms;
    bool timed = str_chr(range, '+', 0) >= 0;
    struct str first = cut(&range, timed ? '+' : '-');

    if (!parse_pass(first, &f->first))
        return false;
    if (!timed)
        return str_to_u64(range, UINT64_MAX, &f->last) && f->last >= f->first;
    f->last = UINT64_MAX;
    if (!str_to_u64(range, 86400000, &ms) || ms == 0)
        return false;
    f->for_ms = (int64_t)ms;
    return true;
}

static bool parse_tear(struct str spec, struct fault *f)
{
    uint64_t keep;
    struct str pass = cut(&spec, ':'), bytes = cut(&spec, ':');

    if (!parse_pass(pass, &f->first) || !str_to_u64(bytes, SIZE_MAX, &keep))
        return false;
    f->last = f->first;
    f->tear.keep = (size_t)keep;
    f->tear.crash = str_eq(spec, STR("crash"));
    f->tear.cut_short = str_eq(spec, STR("short"));
    return f->tear.crash || f->tear.cut_short || parse_errno(spec, &f->tear.error);
}

static bool parse_fault(struct str spec, struct fault *f)
{
    struct str kind = cut(&spec, ':');

    f->name = cut(&spec, ':');
    if (f->name.n == 0)
        return false;
    if (str_eq(kind, STR("crash"))) {
        f->kind = KIND_CRASH;
        return parse_pass(spec, &f->first) && (f->last = f->first);
    }
    if (str_eq(kind, STR("tear"))) {
        f->kind = KIND_TEAR;
        return parse_tear(spec, f);
    }
    struct str range = cut(&spec, ':');
    if (str_eq(kind, STR("sleep"))) {
        f->kind = KIND_SLEEP;
        return parse_range(range, f) && str_to_u64(spec, 60000, &f->sleep_ms);
    }
    f->kind = str_eq(kind, STR("skip")) ? KIND_SKIP : KIND_FAIL;
    if (f->kind == KIND_SKIP)
        return parse_range(range, f) && spec.n == 0;
    return str_eq(kind, STR("fail")) && parse_range(range, f) && parse_errno(spec, &f->error);
}

static void write_counts(void)
{
    int fd = open(counts_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    for (size_t i = 0; i < n_counts; i++)
        dprintf(fd, "%s %llu\n", counts[i].name, (unsigned long long)counts[i].passes);
    close(fd);
}

static void read_environment(void)
{
    struct str left = str_of(getenv("LOGFERRY_FAULT"));

    while (left.n > 0) {
        struct str spec = cut(&left, ',');
        if (n_faults == FAULT_MAX || !parse_fault(spec, &faults[n_faults])) {
            fprintf(stderr, "LOGFERRY_FAULT: cannot use '%.*s'\n", STR_ARGS(spec));
            _exit(64);
        }
        n_faults++;
    }
    counts_path = getenv("LOGFERRY_FAULT_COUNTS");
    if (counts_path && (!counts_path[0] || atexit(write_counts)))
        counts_path = NULL;
}

/* ---- passes ------------------------------------------------------------------------------- */

static void count_pass(const char *name)
{
    size_t i = 0;

    if (!counts_path)
        return;
    pthread_mutex_lock(&counts_lock);
    while (i < n_counts && strcmp(counts[i].name, name) != 0)
        i++;
    if (i == n_counts && n_counts < COUNT_MAX && strlen(name) < NAME_MAX_BYTES) {
        memcpy(counts[i].name, name, strlen(name) + 1);
        n_counts++;
    }
    if (i < n_counts)
        counts[i].passes++;
    pthread_mutex_unlock(&counts_lock);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_due(struct fault *f, uint64_t pass)
{
    int64_t none = 0;

    if (pass < f->first || pass > f->last)
        return false;
    if (!f->for_ms)
        return true;
    atomic_compare_exchange_strong(&f->until_ms, &none, now_ms() + f->for_ms);
    return now_ms() < atomic_load(&f->until_ms);
}

/* One pass for all faults of these kinds on that name; the first that is due now. */
static struct fault *pass(const char *name, unsigned kinds)
{
    struct fault *due = NULL;

    for (size_t i = 0; i < n_faults; i++) {
        struct fault *f = &faults[i];
        if (!(f->kind & kinds) || !str_eq(f->name, str_of(name)))
            continue;
        uint64_t n = atomic_fetch_add(&f->passes, 1) + 1;
        if (is_due(f, n) && !due)
            due = f;
    }
    return due;
}

void fault_crash(void)
{
    if (counts_path)
        write_counts();
    _exit(137);
}

void fault_point(const char *name)
{
    pthread_once(&read_once, read_environment);
    count_pass(name);
    if (n_faults && pass(name, KIND_CRASH))
        fault_crash();
    struct fault *slow = n_faults ? pass(name, KIND_SLEEP) : NULL;
    if (slow)
        usleep((useconds_t)slow->sleep_ms * 1000);
}

bool fault_fails(const char *name)
{
    pthread_once(&read_once, read_environment);
    count_pass(name);
    struct fault *due = n_faults ? pass(name, KIND_FAIL) : NULL;
    if (due)
        errno = due->error;
    return due != NULL;
}

enum fault_verdict fault_call(const char *name, struct fault_tear *tear)
{
    fault_point(name);
    struct fault *due = n_faults ? pass(name, KIND_FAIL | KIND_SKIP | KIND_TEAR) : NULL;
    if (!due)
        return FAULT_NONE;
    if (due->kind == KIND_FAIL)
        errno = due->error;
    if (due->kind == KIND_TEAR)
        *tear = due->tear;
    return due->kind == KIND_FAIL ? FAULT_FAIL : due->kind == KIND_SKIP ? FAULT_SKIP : FAULT_TEAR;
}

#endif
