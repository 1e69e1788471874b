/* terminal.h - text for people: log bytes made safe, numbers grouped, colour only where it is
 * wanted. */
#ifndef LOGFERRY_AGENT_TERMINAL_H
#define LOGFERRY_AGENT_TERMINAL_H

#include "parsers/base/bytes.h"

/* Appends s with what utf8_printable does not let through as \xHH; at most `columns` wide, as
 * terminal_width has it ('…' when cut). */
void terminal_put_safe(struct buf *b, struct str s, size_t columns);
/* The same into `to`, for a message with a path in it; returns it. */
const char *terminal_safe(const char *s, char *to, size_t size);
/* The columns that safe text takes: '…' and every character of UTF-8 one, wide ones two, marks
 * that combine none. */
size_t terminal_width(struct str safe);
/* Appends JSON text with what a terminal should not be sent as \u escapes: DEL, C1 controls,
 * U+2028, U+2029, and what turns the direction of text. */
void terminal_put_json(struct buf *b, struct str json);
/* Columns of the terminal: $COLUMNS, else what it says of itself, else 80; `otherwise` when it is
 * none. */
size_t terminal_columns(int fd, size_t otherwise);
/* Appends safe text behind `used` columns of a line, and goes on in a new line, two columns in,
 * where a word would pass `columns`. A longer word than a line stays whole. */
void terminal_put_folded(struct buf *b, struct str text, size_t used, size_t columns);
/* 1,234,567 as 1.2M, never rounded up: at most 4 characters, right-aligned in `width`. */
void terminal_put_rounded(struct buf *b, uint64_t n, int width);
/* 1,234,567 right-aligned in `width`. */
void terminal_put_number(struct buf *b, uint64_t n, int width);
/* A terminal, and NO_COLOR is not set. */
bool terminal_has_colour(int fd);
/* Escape sequences; empty ones without colour. */
struct terminal_style {
    const char *bold, *dim, *off;
};
struct terminal_style terminal_style(int fd);

#endif
