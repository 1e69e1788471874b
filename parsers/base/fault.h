/*
 * fault.h - what a test build (SAN=1) can be told to suffer. Nothing of it is in a release build.
 *
 * LOGFERRY_FAULT=SPEC[,SPEC]…   what happens at the passes of a name, counted from 1
 *     crash:NAME:N              _exit(137) at the N-th pass, as SIGKILL would end it
 *     fail:NAME:N-M:ERRNO       passes N to M fail
 *     fail:NAME:N+MS:ERRNO      every pass fails from the N-th on, for MS milliseconds
 *     skip:NAME:N-M             the call is not made and says that it was (a disk that lies)
 *     sleep:NAME:N-M:MS         passes N to M of a point take so many milliseconds longer
 *     tear:NAME:N:K:END         the N-th write stores its first K bytes only; then END is "crash",
 *                               "short" (it says how many), or an ERRNO
 *   ERRNO is ENOSPC, EDQUOT, EIO, EROFS, EMFILE, ENFILE, ENOMEM or a number. NAME is one of
 *   - a point of docs/architecture.md: crash and sleep at all of them, fail where it says so;
 *   - a call of sys.h, before it is made: sys.open, sys.read, sys.write (pwrite as well),
 *     sys.fsync, sys.fsync_dir, sys.ftruncate, sys.rename, sys.unlink, sys.mkdir: all kinds, and
 *     tear for sys.write; with ".done" behind it the moment after: crash only;
 *   - malloc: calloc, realloc, strdup and strndup too, of our own code, not of the libraries: fail;
 *   - config_alloc: the arena of a configuration: fail.
 * LOGFERRY_FAULT_COUNTS=FILE    appends "NAME PASSES" lines when the program ends or crashes
 * LOGFERRY_JOURNAL=FILE         appends every operation on state: sys.h
 * LOGFERRY_CLOCK=[+-]SECONDS    the wall clock is that far off, for us and for the libraries
 * LOGFERRY_CLOCK=/FILE          the same, by the 64-bit little-endian number of seconds that the
 *                               file's first eight bytes are; read anew at every question
 */
#ifndef LOGFERRY_BASE_FAULT_H
#define LOGFERRY_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef LOGFERRY_FAULTS
void fault_point(const char *name);
bool fault_fails(const char *name); /* sets errno when true */

/* For sys.c: one pass of a call, which may crash here. */
enum fault_verdict { FAULT_NONE, FAULT_FAIL, FAULT_SKIP, FAULT_TEAR };
struct fault_tear {
    size_t keep; /* bytes */
    bool crash, cut_short;
    int error; /* when neither */
};
enum fault_verdict fault_call(const char *name, struct fault_tear *tear); /* FAIL sets errno */
_Noreturn void fault_crash(void);
#else
static inline void fault_point(const char *name)
{
    (void)name;
}
static inline bool fault_fails(const char *name)
{
    (void)name;
    return false;
}
#endif

#endif
