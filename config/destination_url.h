/* destination_url.h - URLs of the agent's configuration. destination_url_check is in
 * agent_config.h. */
#ifndef LOGFERRY_CONFIG_DESTINATION_URL_H
#define LOGFERRY_CONFIG_DESTINATION_URL_H

#include "parsers/base/bytes.h"

/* "localhost", ::1, or an address in 127.0.0.0/8 (IPv4-mapped too); without brackets and port. */
bool host_is_loopback(struct str host);
/* http, https, socks5 or socks5h, host and port, no user name, no path. False: why. */
bool proxy_url_check(struct str url, const char **why);

#endif
