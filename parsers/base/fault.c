/*
 * fault.c - the fault points of test builds. See fault.h. A malformed LOGFERRY_FAULT ends the
 * program: a test whose fault never fires would pass without testing anything.
 */
#include "parsers/base/fault.h"

#ifdef LOGFERRY_FAULTS

#include "parsers/base/bytes.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FAULT_MAX 16

struct fault {
    struct str name; /* in the environment, which outlives every thread */
    bool crash;
    uint64_t first, last; /* passes, from 1 */
    int error;
    _Atomic uint64_t passes;
};

static struct fault faults[FAULT_MAX];
static size_t n_faults;
static pthread_once_t read_once = PTHREAD_ONCE_INIT;

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
    uint64_t number;

    if (str_eq(s, STR("ENOSPC")))
        *out = ENOSPC;
    else if (str_eq(s, STR("EIO")))
        *out = EIO;
    else if (str_eq(s, STR("EROFS")))
        *out = EROFS;
    else if (str_to_u64(s, 4095, &number) && number > 0)
        *out = (int)number;
    else
        return false;
    return true;
}

static bool parse_fault(struct str spec, struct fault *f)
{
    struct str kind = cut(&spec, ':');

    f->name = cut(&spec, ':');
    f->crash = str_eq(kind, STR("crash"));
    if (f->name.n == 0 || !(f->crash || str_eq(kind, STR("fail"))))
        return false;
    if (f->crash)
        return str_to_u64(spec, UINT64_MAX, &f->first) && f->first > 0;
    struct str range = cut(&spec, ':');
    struct str first = cut(&range, '-');
    return str_to_u64(first, UINT64_MAX, &f->first) && f->first > 0 &&
           str_to_u64(range, UINT64_MAX, &f->last) && f->last >= f->first &&
           parse_errno(spec, &f->error);
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
}

void fault_point(const char *name)
{
    pthread_once(&read_once, read_environment);
    for (size_t i = 0; i < n_faults; i++) {
        struct fault *f = &faults[i];
        if (f->crash && str_eq(f->name, str_of(name)) &&
            atomic_fetch_add(&f->passes, 1) + 1 == f->first)
            _exit(137);
    }
}

bool fault_fails(const char *name)
{
    bool fails = false;

    pthread_once(&read_once, read_environment);
    for (size_t i = 0; i < n_faults; i++) {
        struct fault *f = &faults[i];
        if (f->crash || !str_eq(f->name, str_of(name)))
            continue;
        uint64_t pass = atomic_fetch_add(&f->passes, 1) + 1;
        if (pass >= f->first && pass <= f->last) {
            errno = f->error;
            fails = true;
        }
    }
    return fails;
}

#endif
