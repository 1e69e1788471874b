/* token.h - the bearer token of a destination. token_file_read is in agent_config.h. */
#ifndef LOGFERRY_CONFIG_TOKEN_H
#define LOGFERRY_CONFIG_TOKEN_H

#include "parsers/base/bytes.h"

#define TOKEN_MIN_BYTES 8
#define TOKEN_MAX_BYTES 512
#define TOKEN_DEFAULT_FILE "/etc/logferry/token"

/* 8..512 printable ASCII bytes without blanks. */
bool token_valid(struct str token);
/* $CREDENTIALS_DIRECTORY/token where systemd has put one, else TOKEN_DEFAULT_FILE; appended to
 * `out`. */
void token_put_default_path(struct buf *out);

#endif
