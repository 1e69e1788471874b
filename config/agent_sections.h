/*
 * agent_sections.h - the parts of logferry.yaml, each read by one function. For config/ only.
 *
 * Each reads its keys of the root into `c`, on top of the defaults that stand there, and reports to
 * `e`.
 */
#ifndef LOGFERRY_CONFIG_AGENT_SECTIONS_H
#define LOGFERRY_CONFIG_AGENT_SECTIONS_H

#include "config/agent_config.h"
#include "config/yaml.h"

void agent_read_destinations(struct config_errors *e, const struct yaml_item *root,
                             struct agent_config *c);
/* protocol, send, rate, late_ai_fetch of one of them */
void destination_read_protocol(struct config_errors *e, const struct yaml_item *map,
                               struct destination_config *d);
/* After the privacy: what does not go together. */
void agent_check_protocols(struct config_errors *e, const struct yaml_item *root,
                           const struct agent_config *c);
/* Every destination is `hitkeep`. */
bool agent_speaks_hitkeep_only(const struct agent_config *c);
/* After the destinations: `to` names them. */
void agent_read_sites(struct config_errors *e, const struct yaml_item *root,
                      struct agent_config *c);
/* After the destinations: `start` depends on them. */
void agent_read_sources(struct config_errors *e, const struct yaml_item *root,
                        struct agent_config *c);
/* What is wrong with a text as `files` of one, said behind it: "holds …"; NULL when it is right. */
const char *source_files_problem(struct str files);
#define SOURCE_FORMAT_MAX_BYTES 65536 /* "constructor:argument" */
/* `format` of one of them. */
void source_read_format(struct config_errors *e, const struct yaml_item *map,
                        struct source_config *s);
/* client_ip and cdn_duplicates of one source */
void agent_read_client(struct config_errors *e, const struct yaml_item *map,
                       struct source_config *s);
/* exclude, pages */
void agent_read_rules(struct config_errors *e, const struct yaml_item *root,
                      struct agent_config *c);
void agent_read_privacy(struct config_errors *e, const struct yaml_item *root,
                        struct agent_config *c);

#endif
