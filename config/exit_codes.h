/* exit_codes.h - what both programs end with; the numbers of sysexits.h, under names that say what
 * they mean here. */
#ifndef LOGFERRY_CONFIG_EXIT_CODES_H
#define LOGFERRY_CONFIG_EXIT_CODES_H

enum exit_code {
    EXIT_OK = 0,
    EXIT_USAGE = 64,
    EXIT_BAD_DATA = 65,
    EXIT_UNREACHABLE = 69,
    EXIT_INTERNAL = 70, /* out of memory, and what should not happen */
    EXIT_CANNOT_WRITE = 73,
    EXIT_PERMISSION = 77,
    EXIT_BAD_CONFIG = 78,
};

#endif
