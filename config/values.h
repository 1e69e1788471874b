/* values.h - the small languages of single values: sizes, durations, host names, labels. Pure. */
#ifndef LOGFERRY_CONFIG_VALUES_H
#define LOGFERRY_CONFIG_VALUES_H

#include "parsers/base/bytes.h"

/* Digits and a unit: none (bytes), K or KiB, M or MiB, G or GiB, T or TiB; powers of 1024. */
bool value_size(struct str s, uint64_t *bytes);
/* Digits and a unit: s, m, h or d. */
bool value_duration(struct str s, uint64_t *ms);
/* A DNS name or a numeric IPv4 address: letters, digits, '-', '_', labels of 1..63 bytes, at most
 * 253 in all, no port, no wildcard, no dot at either end. False: what is wrong with it, in *why. */
bool value_host(struct str s, const char **why);
/* An HTTP method in capitals, at most 32. */
bool value_method(struct str s);
/* A content type without parameters: "text/html". */
bool value_content_type(struct str s);
/* What stands behind a file name's last dot: at most 8 letters and digits. */
bool value_extension(struct str s);
/* What names a destination or a source: 1..64 letters, digits, '-', '_' or '.'. */
bool value_label(struct str s);
/* Begins with '/', holds no ".." component, at most 4000 bytes. */
bool value_absolute_path(struct str s);
/* An upper bound of the edits (insert, delete, change, swap neighbours) from one to the other,
 * ASCII case aside; for "did you mean". Texts over 40 bytes are far from everything. */
size_t value_distance(struct str a, struct str b);

#endif
