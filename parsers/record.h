/*
 * record.h - the wire form of a record and of a batch's header, for both ends
 * (docs/architecture.md, "The wire"). Written by the agent, read by the server; pure.
 */
#ifndef LOGFERRY_PARSERS_RECORD_H
#define LOGFERRY_PARSERS_RECORD_H

#include "parsers/base/hash.h"
#include "parsers/base/json.h"
#include "parsers/verdict.h"

#define RECORD_WIRE_VERSION 1
#define BATCH_MAX_DECODED (32u << 20) /* bytes */
#define BATCH_MAX_RECORDS 10000u
/* Bytes of one record: of a log's line of 256 KiB each byte may become six. */
#define RECORD_MAX_BYTES (2u << 20)
#define BATCH_MAX_STREAMS 4096u
#define BATCH_MAX_USER_AGENTS 10000u
#define BATCH_MAX_CELLS 65536u

enum record_kind { RECORD_PAGEVIEW, RECORD_AI_FETCH };

/* Everything of one record. When writing, missing text is left out; when reading, it is STR_NONE.
 */
struct record {
    enum record_kind kind;
    uint64_t at;        /* position of the line's start in its stream */
    uint32_t line_hash; /* "h", 8 hex digits */
    struct str site;    /* a site's domain, when the agent names it; else the host decides */
    int64_t time_ms;
    int64_t user_agent; /* index into the header's list, or -1: then user_agent_text */
    struct str user_agent_text;
    struct str verified; /* AI fetches: "yes", "no", "unknown" */
    /* pageview */
    struct str url;
    struct str visitor_ip;
    struct str session_id;
    struct str referrer;
    /* AI fetch */
    struct str hostname, path, content_type;
    int status_code;
    int64_t response_ms, bytes_served; /* HIT_NO_NUMBER when missing */
};

/* Appends one record as a JSON object and '\n'. Text that is no valid UTF-8 is mended with U+FFFD.
 */
void record_write(struct buf *out, const struct record *r);

/*
 * Fills r from a hit that is not skipped, borrowing. A pageview's URL is built in `url_scratch`
 * (reset first): scheme://host, path, query. An AI fetch's path is path and query built the same
 * way in the same scratch, so that both kinds spell a page alike: unreserved bytes, sub-delims and
 * : @ / ? as they are, valid %XX as it is, every other byte percent-encoded in upper case (a '%'
 * without two hex digits as %25). There is no fragment.
 *
 * `host` and `scheme` are the defaults for hits without. A host with other bytes than [a-z0-9._:-]
 * and brackets, or no host, leaves url and hostname missing; a path that does not begin with '/'
 * leaves url and path missing; so does a url_scratch whose cap (three times the line, and the host,
 * always suffices) is reached. Left for the caller: at, line_hash, site, session_id; user_agent is
 * -1 with its text; verified is "unknown" for AI fetches.
 */
void record_from_hit(struct record *r, const struct hit *hit, const struct verdict *v,
                     struct str host, struct str scheme, struct buf *url_scratch);
/* Would it have its url, or its path? Whether there is room for them aside. */
bool record_is_complete(const struct hit *hit, const struct verdict *v, struct str host,
                        struct str scheme);

/*
 * Reads one line, with or without its '\n'. False, with a static sentence in *why, when it is not a
 * record: strict JSON, no duplicate known key, no wrong type (null is one), kind known; k, at, h
 * and timestamp present; at, response_ms and bytes_served 0 to INT64_MAX; status_code 0 to 999;
 * verified one of its three words. Unknown keys are skipped. All of this is syntax: the caller
 * checks that the index of the user agent is in the list, and what its site needs. Missing numbers
 * are -1 (status_code) and HIT_NO_NUMBER. Slices borrow from `line` or `scratch` (reset first; a
 * cap of the line's length always suffices). *r is written only on success.
 */
bool record_read(struct str line, struct record *r, struct buf *scratch, const char **why);

/* A quarter of an hour, counted from 1970 in UTC: the unit by which skipped lines are told, because
 * the clocks of every time zone differ from UTC by a multiple of it. */
#define QUARTER_MS INT64_C(900000)
#define QUARTER_MAX 281558111u /* the last one of the year 9999 */
#define QUARTER_NONE UINT32_MAX
/* QUARTER_NONE: no time (HIT_NO_NUMBER), or one before 1970 or after 9999. */
static inline uint32_t quarter_of(int64_t time_ms)
{
    bool in_range = time_ms >= 0 && time_ms / QUARTER_MS <= QUARTER_MAX;
    return in_range ? (uint32_t)(time_ms / QUARTER_MS) : QUARTER_NONE;
}

/* So many of a stream's skipped lines have this reason and a time in this quarter. */
struct batch_cell {
    uint32_t quarter;
    uint32_t reason; /* enum reason; REASON_COUNT: one that this program does not know */
    uint32_t n;
};

struct batch_stream {
    struct hash128 id;
    uint64_t from, to; /* positions: [from, to) */
    uint64_t lines, records;
    uint32_t skipped[REASON_COUNT];
    /* Read: the sum of the reasons this program does not know (a newer agent's), saturating.
     * Written as "other", which is no reason's name, so it survives being passed on. */
    uint32_t skipped_other;
    /* Of the header's cells: when the skipped lines were. They tell at most what `skipped` tells;
     * the rest has no time, or its agent does not tell it. One quarter and reason may have several.
     */
    uint32_t first_cell, n_cells;
    struct str name; /* label; may be STR_NONE */
};

struct batch_header {
    struct str batch; /* UUID text, canonical */
    struct str agent; /* "logferry/0.1" */
    struct str node;
    struct str job; /* STR_NONE outside a backfill */
    struct batch_stream *streams;
    size_t n_streams;
    struct batch_cell *cells;
    size_t n_cells;
    struct str *user_agents;
    size_t n_user_agents;
};

/* Appends the header as one line and '\n'. A put that fails appends nothing. */
void batch_header_write(struct buf *out, const struct batch_header *h);
/*
 * Reads the header line. `streams`, `cells` and `user_agents` are the caller's arrays, at least
 * BATCH_MAX_* long, already set in *h (what they hold after a failure is undefined); the counts are
 * filled. Without `cells` (NULL) no quarters are read.
 * False with a static sentence in *why: v other than 1, a missing or malformed batch (a UUID in
 * lower case), agent, node or streams, a stream without id, from, to (from <= to <= INT64_MAX),
 * lines or records, more lines by quarters than skipped, a duplicate known key, a wrong type, too
 * many of anything. job may be null or missing; user_agents, skipped, quarters and name may be
 * missing; unknown keys are skipped. Whether the counts balance is the caller's question. Slices
 * borrow as record_read's do.
 */
bool batch_header_read(struct str line, struct batch_header *h, struct buf *scratch,
                       const char **why);

#endif
