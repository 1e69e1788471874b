/*
 * detect_columns.h - a log_format or LogFormat for lines of columns that none of the known ones
 * fits: by what each column holds. For detect.c.
 *
 * The lines must say enough: a time, a request (or method and target), and a status, each where
 * nearly all lines have it. What says nothing of a request, or cannot be told, becomes a variable
 * of no known name ("$column7"), which is passed over.
 */
#ifndef LOGFERRY_PARSERS_DETECT_COLUMNS_H
#define LOGFERRY_PARSERS_DETECT_COLUMNS_H

#include "parsers/detect.h"

/* For format_new: "nginx:…" and "apache:…", which undo different escapes; "" where there is none.
 * -1: out of memory. */
int detect_columns(const struct str *lines, size_t n, char nginx[DETECT_SPEC_BYTES],
                   char apache[DETECT_SPEC_BYTES]);

#endif
