/*
 * fields.h - from the nodes of a file to typed values, with the messages that go with it.
 *
 * Every reader here is given a mapping and a key, writes its out-parameter only when the key is
 * there and its value is right, and reports to `e` when it is there and wrong. A key without a
 * value counts as absent. Where a list of texts is expected, a single text is a list of one.
 *
 * Messages: "path.of.key: what is wrong; expected …; write `key: example`".
 */
#ifndef LOGFERRY_CONFIG_FIELDS_H
#define LOGFERRY_CONFIG_FIELDS_H

#include "config/yaml.h"
#include "parsers/verdict.h"

struct field_key {
    const char *name;
    bool later; /* documented for a later version: refused with a message that says so */
};

/* What a value should be, and one that is right (as it would stand behind "key: "). */
struct field_hint {
    const char *expected;
    const char *example;
};

/* True when `item` is a mapping to read. Reports each of its keys that is not in `known`. An absent
 * (NULL) or empty item is false without a report. */
bool field_map(struct config_errors *e, const struct yaml_item *item, const struct field_key *known,
               size_t n_known);

void field_problem(struct config_errors *e, const struct yaml_item *item, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A value that is present and wrong: "what "value" …; expected <hint>; write `key: <example>`". */
void field_bad_value(struct config_errors *e, const struct yaml_item *item, const char *what,
                     struct field_hint hint);
void field_missing(struct config_errors *e, const struct yaml_item *map, const char *key,
                   struct field_hint hint);

/* A mapping of names that the user chooses to mappings; NULL when absent or empty, or no mapping
 * (reported). Reports names that are none (value_label) and entries without a value; the caller
 * meets the other kinds with field_map. */
const struct yaml_item *field_named_maps(struct config_errors *e, const struct yaml_item *map,
                                         const char *key, const char *example);

/* The scalar behind a key, not empty; NULL when absent or wrong. */
const struct yaml_item *field_scalar(struct config_errors *e, const struct yaml_item *map,
                                     const char *key, struct field_hint hint);
/* An absolute path. */
bool field_path(struct config_errors *e, const struct yaml_item *map, const char *key,
                const char *example, struct str *out);
bool field_bool(struct config_errors *e, const struct yaml_item *map, const char *key, bool *out);

struct field_range {
    uint64_t min, max;
    struct field_hint hint;
};
bool field_u32(struct config_errors *e, const struct yaml_item *map, const char *key,
               struct field_range range, uint32_t *out);
bool field_size(struct config_errors *e, const struct yaml_item *map, const char *key,
                struct field_range range, uint64_t *bytes);

bool field_duration(struct config_errors *e, const struct yaml_item *map, const char *key,
                    struct field_range range, uint64_t *ms);

/* Never empty. */
struct field_names {
    const char *const *names;
    size_t n;
};
/* The position of the text in `names`; reports with the nearest name otherwise. */
bool field_name(struct config_errors *e, const struct yaml_item *item, struct field_names names,
                size_t *out);

/* The scalars of a list. */
struct field_list {
    const struct yaml_item **items;
    size_t n;
};
bool field_list(struct config_errors *e, const struct yaml_item *map, const char *key,
                struct field_hint hint, struct field_list *out);

/* Lists of one kind; what is wrong in them is reported and left out. */
bool field_cidrs(struct config_errors *e, const struct yaml_item *map, const char *key,
                 const struct cidr **out, size_t *n);
bool field_path_prefixes(struct config_errors *e, const struct yaml_item *map, const char *key,
                         struct str_set *out);
bool field_texts(struct config_errors *e, const struct yaml_item *map, const char *key,
                 struct field_hint hint, struct str_set *out);
/* Host names, in lower case. */
bool field_hosts(struct config_errors *e, const struct yaml_item *map, const char *key,
                 struct str_set *out);
/* One of them; STR_NONE when wrong (reported) or out of memory. */
struct str field_host(struct config_errors *e, const struct yaml_item *item);

#endif
