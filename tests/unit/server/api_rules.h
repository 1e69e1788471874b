/*
 * api_rules.h - exclusions and lists as a configuration names them, for the API of a test. Included
 * by one .c file a program.
 */
#ifndef LOGFERRY_TESTS_API_RULES_H
#define LOGFERRY_TESTS_API_RULES_H

#include "server/exclusions.h"
#include "server/serve_lists.h"

struct rules {
    struct server_config *config;
    struct exclusions *exclude;
    struct lists *lists;
};

static inline void rules_make(struct rules *r, const char *yaml)
{
    struct buf error;
    buf_init(&error, 4096);
    r->config = server_config_parse(str_of(yaml), "f", &error);
    if (!r->config)
        fail_msg("%s", buf_cstr(&error));
    r->exclude = serve_exclusions(r->config);
    r->lists = lists_load(r->config, &error);
    if (!r->lists)
        fail_msg("%s", buf_cstr(&error));
    assert_non_null(r->exclude);
    buf_release(&error);
}

static inline void rules_release(struct rules *r)
{
    exclusions_free(r->exclude);
    lists_release(r->lists);
    server_config_free(r->config);
}

#endif
