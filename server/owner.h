/*
 * owner.h - what root does to a store is done as the store's owner: else the server could not open
 * root's files, and a link in its directory could lead root elsewhere.
 */
#ifndef LOGFERRY_SERVER_OWNER_H
#define LOGFERRY_SERVER_OWNER_H

#include <sys/types.h>

/* From here on this process acts as the owner of `dir`, if root started it and there is such a
 * directory. 0, or -1 with errno. */
int owner_become(const char *dir);

/* Between the two it acts as whoever started it: for files that are not the store's. */
struct owner {
    uid_t uid;
    gid_t gid;
};
struct owner owner_leave(void);
void owner_return(struct owner as); /* ends the process when it cannot */

#endif
