/* admin_care.h - shared by admin_care*.c: fsck, backup, restore. */
#ifndef LOGFERRY_SERVER_ADMIN_CARE_H
#define LOGFERRY_SERVER_ADMIN_CARE_H

#include "config/exit_codes.h"
#include "server/admin.h"

struct care {
    const char *store_dir;
    struct args args;
    struct buf why; /* the sentence for stderr when the code is not 0 */
};

/* One command each; returns the exit code. */
int care_fsck(struct care *c);
int care_backup(struct care *c);
int care_restore(struct care *c);

#endif
