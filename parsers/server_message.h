/*
 * server_message.h - lines that a server, its language's logger, or what starts it writes of itself
 * among the lines of an access log: on one screen, in one container's log, in one journal. For
 * lines that have not the format; those of HAProxy alone are with its format. Pure.
 */
#ifndef LOGFERRY_PARSERS_SERVER_MESSAGE_H
#define LOGFERRY_PARSERS_SERVER_MESSAGE_H

#include "parsers/base/bytes.h"

/* False in doubt, and of all that may be a request or a part of one. */
bool server_message(struct str line);
/* Of those, one that some formats would have: rsyslog's word, behind its prefix, on a line that it
 * does not write again ("message repeated 2 times: [ LINE]"). */
bool server_repetition(struct str line);
bool server_repetition_behind(struct str line); /* the same, with the prefix */

#endif
