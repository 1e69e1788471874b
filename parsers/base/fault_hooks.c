/*
 * fault_hooks.c - what a test build puts in the place of the C library's allocator, clock and
 * fsync, so that fault.h holds for them.
 *
 * The allocator through the linker's --wrap: only our own objects are linked so, the libraries keep
 * theirs. The clock and the syncs by their names, which the dynamic linker finds here first: libev
 * asks the clock itself, and SQLite's table of system calls has no fsync.
 */
#ifdef LOGFERRY_FAULTS

#include "parsers/base/fault.h"
#include "parsers/base/sys.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* ---- the allocator ------------------------------------------------------------------------ */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

void *__wrap_malloc(size_t n)
{
    return fault_fails("malloc") ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fault_fails("malloc") ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fault_fails("malloc") ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
    return fault_fails("malloc") ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
    return fault_fails("malloc") ? NULL : __real_strndup(s, n);
}

/* ---- the clock ---------------------------------------------------------------------------- */

static const volatile int64_t *shift_file;
static int64_t fixed_shift;
static pthread_once_t clock_once = PTHREAD_ONCE_INIT;

static void read_clock(void)
{
    const char *text = getenv("LOGFERRY_CLOCK");
    if (!text)
        return;
    if (text[0] != '/') {
        fixed_shift = strtoll(text, NULL, 10);
        return;
    }
    int fd = open(text, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        static const char complaint[] = "LOGFERRY_CLOCK: cannot read the file\n";
        (void)!write(STDERR_FILENO, complaint, sizeof(complaint) - 1);
        _exit(64);
    }
    close(fd);
    shift_file = map;
}

static int64_t shift(void)
{
    pthread_once(&clock_once, read_clock);
    return shift_file ? *shift_file : fixed_shift;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, t);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        t->tv_sec += shift();
    return rc;
}

time_t time(time_t *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

/* ---- syncs -------------------------------------------------------------------------------- */

int fsync(int fd)
{
    return sys_fsync(fd);
}

int fdatasync(int fd) /* what it leaves out, the state does not need */
{
    return sys_fsync(fd);
}

#endif
