/* config_file.h - what both configuration readers do before and after their keys. For config/ only.
 */
#ifndef LOGFERRY_CONFIG_CONFIG_FILE_H
#define LOGFERRY_CONFIG_CONFIG_FILE_H

#include "config/config_error.h"

#define CONFIG_ARENA_BYTES ((size_t)64 * 1024 * 1024)

/* Appends the file to `text`, which must be able to hold YAML_MAX_BYTES + 1; a longer file is cut
 * there, so that the parser refuses it. -1: one line in `error`. */
int config_file_read(const char *path, struct buf *text, struct buf *error);
/* 0 when nothing is wrong; else -1, with all problems in `error`. */
int config_file_verdict(const struct config_errors *e, struct buf *error);
/* The first directory of an environment variable as systemd sets it ("/a:/b"), copied to the arena;
 * else `otherwise`, which is static. */
struct str config_file_directory(struct config_arena *a, const char *variable,
                                 struct str otherwise);

#endif
