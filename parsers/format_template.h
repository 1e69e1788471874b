/*
 * format_template.h - what a format of the template family is made of: a log_format, a LogFormat.
 */
#ifndef LOGFERRY_PARSERS_FORMAT_TEMPLATE_H
#define LOGFERRY_PARSERS_FORMAT_TEMPLATE_H

#include "parsers/format.h"
#include "parsers/program.h"

/* The program of the format, NULL when it is of another family. */
const struct program *format_template_program(const struct format *f);
/* The fields that its columns give, as a set (hit_fields.h); of another family none. */
unsigned format_template_fields(const struct format *f);

#endif
