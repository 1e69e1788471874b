/*
 * detect_layouts.h - formats without a name of their own that many write: what detection tries
 * beside the rows of the table, and prints as the log_format or LogFormat that they are.
 */
#ifndef LOGFERRY_PARSERS_DETECT_LAYOUTS_H
#define LOGFERRY_PARSERS_DETECT_LAYOUTS_H

#include <stddef.h>

/* The i-th, for format_new; NULL behind the last. Static. */
const char *detect_layout(size_t i);

#endif
