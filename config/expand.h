/* expand.h - ${NAME} from the environment, in the few values where it is allowed. */
#ifndef LOGFERRY_CONFIG_EXPAND_H
#define LOGFERRY_CONFIG_EXPAND_H

#include "config/yaml.h"

#define EXPAND_MAX_BYTES 4096

/* [A-Za-z_][A-Za-z0-9_]*, at most 128 bytes. */
bool expand_name_valid(struct str name);
/* The text of the item with each ${NAME} replaced; a '$' before anything but '{' stays. False, with
 * a report that shows no value, when a variable is unset, empty or holds control bytes, or a name
 * is malformed. */
bool expand_item(struct config_errors *e, const struct yaml_item *item, struct str *out);

#endif
