/* cdn_ranges.h - the table behind cdn.h; for cdn.c and its test. */
#ifndef LOGFERRY_PARSERS_CDN_RANGES_H
#define LOGFERRY_PARSERS_CDN_RANGES_H

#include "parsers/cdn.h"

struct cdn_range4 {
    uint32_t first, last;
    enum cdn cdn;
};
struct cdn_range6 {
    uint64_t first, last; /* the upper 64 bits */
    enum cdn cdn;
};

/* By address, without overlap. */
extern const struct cdn_range4 cdn_ranges4[];
extern const size_t cdn_ranges4_n;
/* The first octets of all of them, as a bit set: most addresses need no search. */
extern const uint32_t cdn_octets[8];
extern const struct cdn_range6 cdn_ranges6[];
extern const size_t cdn_ranges6_n;

#endif
