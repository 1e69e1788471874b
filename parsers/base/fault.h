/*
 * fault.h - named points where a test build crashes or fails. Nothing in a release build.
 *
 * LOGFERRY_FAULT=crash:NAME:N   _exit(137) when point NAME is passed for the N-th time (as SIGKILL
 * would) LOGFERRY_FAULT=fail:NAME:N-M:ERRNO   fault_fails(NAME) is true from the N-th to the M-th
 * pass Several, separated by commas. ERRNO is ENOSPC, EIO, EROFS or a number.
 */
#ifndef LOGFERRY_BASE_FAULT_H
#define LOGFERRY_BASE_FAULT_H

#include <stdbool.h>

#ifdef LOGFERRY_FAULTS
void fault_point(const char *name);
bool fault_fails(const char *name); /* sets errno when true */
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
