/* w3c_iis.h - which columns a row of IIS has that no #Fields line names. Pure. */
#ifndef LOGFERRY_PARSERS_W3C_IIS_H
#define LOGFERRY_PARSERS_W3C_IIS_H

#include "parsers/w3c_columns.h"

/*
 * By what they hold, since IIS keeps their order whichever are ticked: the method, the port and the
 * client's address, the three numbers of the status, a URL and a host before these, and numbers
 * behind. What is not told is passed over. False: it is no such row.
 */
bool w3c_iis_guess(struct w3c_columns *c, struct str line);

#endif
