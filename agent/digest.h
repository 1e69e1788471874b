/*
 * digest.h - one line's way from text to record or reason: parse, judge, find the site. The one
 * path that run, backfill, report and explain share. One thread at a time; no allocation per line.
 */
#ifndef LOGFERRY_AGENT_DIGEST_H
#define LOGFERRY_AGENT_DIGEST_H

#include "agent/sites.h"
#include "agent/visitor.h"
#include "parsers/format.h"
#include "parsers/cdn.h"
#include "parsers/client_ip.h"
#include "parsers/privacy.h"
#include "parsers/ranges.h"
#include "parsers/record.h"

/* What holds for all lines of one source. Borrowed, read-only. */
struct digest_rules {
    const struct judge_rules *judge;
    const struct privacy *privacy;
    const struct client_rule *client;
    /* CDNs whose own log is a source: bit 1 << enum cdn. What came through them is skipped. */
    unsigned cdn_logs;
    struct str
        default_host;  /* used when the line has none; STR_NONE: the line is skipped as no_host */
    struct str scheme; /* used when the line has none */
    int64_t since_ms, until_ms; /* [since, until) */
    bool any_site;              /* explain, report: every host will do */
    bool no_record;             /* report: it is enough to know whether there could be one */
    unsigned send[CONFIG_MAX_DESTINATIONS]; /* enum send_kinds of each destination */
    size_t n_destinations;
};

struct digested {
    enum parse_result parsed;
    struct hit hit; /* valid when parsed is PARSE_OK; client_ip is the client's (client_ip.h) */
    struct text_id path_id, user_agent_id; /* the same */
    struct ua_entry *ua;                   /* the same; never NULL then */
    struct verdict verdict;                /* always set */
    enum verified verified; /* with verdict.agent: does the address bear the name out? */
    /* When the verdict is no skip, and not with rules->no_record; its at, line_hash and user_agent
     * are the caller's. */
    struct record record;
    unsigned to;       /* destinations, when the verdict is no skip */
    bool bare_peer;    /* who connected has an address that needs no mending */
    enum cdn edge;     /* of a hit that is wanted: the CDN from whose address it came */
    const char *error; /* for PARSE_BAD: why, and at which byte */
    size_t column;
};

struct digest {
    struct ua_cache *agents;
    struct text_cache *paths;
    const struct ranges *ranges;
    struct buf url, sent;
    char address[PRIVACY_ADDRESS_TEXT];
    char session[VISITOR_SESSION_TEXT];
};

/* `ranges` may be NULL: then nobody is verified. Borrows both. -1: out of memory. */
int digest_init(struct digest *d, const struct catalogue *catalogue, const struct ranges *ranges);
void digest_release(struct digest *d);
/* Everything in *out is valid until the next line. `sites` may be NULL with rules->any_site. */
void digest_line(struct digest *d, const struct digest_rules *rules, const struct sites *sites,
                 struct parser *parser, struct str line, struct digested *out);

#endif
