/*
 * json_rows.h - under which keys the JSON formats of this project keep the fields of a hit; for
 * format_json.c. A new JSON format is a table in json_rows.c and a row in format.c.
 */
#ifndef LOGFERRY_PARSERS_JSON_ROWS_H
#define LOGFERRY_PARSERS_JSON_ROWS_H

#include "parsers/fields.h"

enum json_variant {
    JSON_OWN, /* keys from the configuration */
    JSON_NGINX,
    JSON_CADDY,
    JSON_TRAEFIK,
    JSON_CLOUDFRONT,
    JSON_CLOUDFLARE,
    JSON_AKAMAI,
    JSON_FASTLY,
    JSON_ENVOY,
    JSON_AZURE,
    JSON_GCP,
    JSON_ZEEK,
    JSON_ECS,
    JSON_TOMCAT,
    JSON_VARIANTS,
};

struct json_row_key {
    enum field field;
    const char *paths; /* spaces between; the first that is not missing counts */
};

/* Ends with paths == NULL. */
extern const struct json_row_key *const json_rows[JSON_VARIANTS];
/* What the writer has in every line unless told otherwise, as a set of a hit's fields; nothing
 * where its user chooses the keys. */
extern const unsigned json_rows_always[JSON_VARIANTS];

#endif
