/*
 * fuzz_file.h - a directory of its own for targets whose input is a file. In memory where there is
 * /dev/shm; removed when the target ends by itself.
 */
#ifndef LOGFERRY_TESTS_FUZZ_FILE_H
#define LOGFERRY_TESTS_FUZZ_FILE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parsers/base/bytes.h"

static char fuzz_directory[64];
static int fuzz_fd = -1;

static inline void fuzz_remove_directory(void)
{
    static const char *const names[] = {"positions.a",
                                        "positions.b",
                                        "0000000000000000.batch",
                                        "0000000000000001.batch",
                                        "0000000000000007.hk.sent",
                                        "visitor.keys",
                                        "protocol.hk"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlinkat(fuzz_fd, names[i], 0);
    rmdir(fuzz_directory);
}

static inline int fuzz_open_directory(void)
{
    if (fuzz_fd >= 0)
        return fuzz_fd;
    snprintf(fuzz_directory, sizeof(fuzz_directory), "%s/logferry-fuzz-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    if (!mkdtemp(fuzz_directory))
        abort();
    fuzz_fd = open(fuzz_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    atexit(fuzz_remove_directory);
    return fuzz_fd;
}

static inline void fuzz_write_file(const char *name, struct str content)
{
    int fd = openat(fuzz_open_directory(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, content.p, content.n) != (ssize_t)content.n)
        abort();
    close(fd);
}

#endif
