/*
 * format_template.h - what tests see of a format of the template family.
 */
#ifndef LOGFERRY_PARSERS_FORMAT_TEMPLATE_H
#define LOGFERRY_PARSERS_FORMAT_TEMPLATE_H

#include "parsers/format.h"
#include "parsers/program.h"

/* The program of the format, NULL when it is of another family. */
const struct program *format_template_program(const struct format *f);

#endif
