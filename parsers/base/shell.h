/*
 * shell.h - words of a command line that somebody will paste from a message.
 */
#ifndef LOGFERRY_BASE_SHELL_H
#define LOGFERRY_BASE_SHELL_H

#include "parsers/base/bytes.h"

/* Appends s as one word: as it is where it is plain, else in '…'. With bytes that may not go to a
 * terminal, or a " (which would end the value of an event's pair), it becomes $'…\xHH…'. */
void shell_put_word(struct buf *b, struct str s);
/* The same for the path of a file: one that begins with - gets ./ in front, lest it be an option.
 */
void shell_put_path(struct buf *b, struct str path);

#endif
