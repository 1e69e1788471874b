/* config_error.h - shared by the configuration readers. */
#ifndef LOGFERRY_CONFIG_CONFIG_ERROR_H
#define LOGFERRY_CONFIG_CONFIG_ERROR_H
struct config_arena; /* see config/yaml.h */
#endif
