/* owner.c - effective ids, and back. */
#include "server/owner.h"

#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int owner_become(const char *dir)
{
    struct stat st;
    if (geteuid() != 0 || stat(dir, &st) != 0 || st.st_uid == 0)
        return 0;
    return setgroups(0, NULL) == 0 && setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0 ? 0 : -1;
}

struct owner owner_leave(void)
{
    struct owner as = {geteuid(), getegid()};
    if (getuid() == 0 && as.uid != 0 && (seteuid(0) != 0 || setegid(getgid()) != 0))
        owner_return(as); /* what follows is then refused, and says so */
    return as;
}

void owner_return(struct owner as)
{
    if (getegid() != as.gid && setegid(as.gid) != 0)
        abort();
    if (geteuid() != as.uid && seteuid(as.uid) != 0)
        abort();
}
