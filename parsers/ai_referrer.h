/*
 * ai_referrer.h - did a person come from an AI assistant? By the page that linked here, or by the
 * utm_source that assistants put into their links, which survives where the referrer does not.
 */
#ifndef LOGFERRY_PARSERS_AI_REFERRER_H
#define LOGFERRY_PARSERS_AI_REFERRER_H

#include "parsers/base/bytes.h"

/* The assistant's name ("ChatGPT", static), or NULL. `referrer` is the header's text, `query` what
 * follows the '?' of the request; both may be STR_NONE. Of hosts, whole names count, with or
 * without "www."; the referrer decides before the query. */
const char *ai_referrer(struct str referrer, struct str query);
/* The assistants that it knows, each once; NULL behind the last. */
const char *ai_referrer_name(size_t i);

#endif
