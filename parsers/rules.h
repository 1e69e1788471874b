/*
 * rules.h - what can decide about a line: each rule with what becomes of the line, the sentence
 * that says so, and the key of the configuration that would change it: where several would, the one
 * that does so for one path alone. In the order of docs/pages.md, which has a row for each
 * (tests/unit/parsers/test_rules.c). What to write there, and whether it helps this line:
 * agent/explain_change.h.
 */
#ifndef LOGFERRY_PARSERS_RULES_H
#define LOGFERRY_PARSERS_RULES_H

#include "parsers/verdict.h"

enum rule_id {
    RULE_TOO_LONG,
    RULE_PARTIAL,
    RULE_HEADER,
    RULE_MESSAGE,
    RULE_STANDARD_ERROR,
    RULE_UNPARSABLE,
    RULE_DUMMY_CONNECTION,
    RULE_OPTIONS_STAR,
    RULE_CDN_OWN,
    RULE_NO_REQUEST,
    RULE_EXCLUDED_IP,
    RULE_EXCLUDED_PATH,
    RULE_EXCLUDED_USER_AGENT,
    RULE_CLOUDFRONT_FETCH,
    RULE_AI_METHOD,
    RULE_AI_NO_STATUS,
    RULE_AI_ASSET,
    RULE_AI_FETCH,
    RULE_NO_USER_AGENT,
    RULE_HEALTH_CHECK_AGENT,
    RULE_ROBOT,
    RULE_PROBE_PATH,
    RULE_PROBE_QUERY,
    RULE_PROBE_LOOKUP,
    RULE_PREFETCH,
    RULE_METHOD,
    RULE_REDIRECT,
    RULE_NO_STATUS,
    RULE_STATUS,
    RULE_LATER_PART,
    RULE_CDN_REDIRECT,
    RULE_ALWAYS,
    RULE_DROP_QUERY,
    RULE_POLICY,
    RULE_FURNITURE,
    RULE_FRAMEWORK_DATA,
    RULE_EDITORS,
    RULE_ATTACHMENT,
    RULE_TYPE_PAGE,
    RULE_TYPE_ASSET,
    RULE_TYPE_DOWNLOAD,
    RULE_TYPE_FEED,
    RULE_TYPE_DATA,
    RULE_TYPE_OTHER,
    RULE_PATH_ASSET,
    RULE_HEALTH_CHECK_PATH,
    RULE_BELOW_API,
    RULE_BELOW_FEED,
    RULE_BELOW_OTHER,
    RULE_PROGRAM_API,
    RULE_PROGRAM_OTHER,
    RULE_FEED_QUERY,
    RULE_DOWNLOAD_QUERY,
    RULE_PATH_FEED,
    RULE_PATH_DOWNLOAD,
    RULE_PATH_DATA,
    RULE_PATH_OTHER,
    RULE_PATH_PAGE,
    RULE_CDN_DUPLICATE,
    RULE_OUT_OF_WINDOW,
    RULE_NO_HOST,
    RULE_UNKNOWN_SITE,
    RULE_NOT_WANTED,
    RULE_BAD_HOST,
    RULES,
};

struct rule {
    enum verdict_kind kind;
    enum reason reason;
    const char *text, *key; /* see struct verdict */
};

const struct rule *rule_of(enum rule_id id);
/* Sets kind, reason, rule and key. */
void rule_decide(struct verdict *v, enum rule_id id);

#endif
