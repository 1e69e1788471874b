/*
 * api_check.h - may this record be stored? The checks of one pageview, event or AI fetch, in
 * HitKeep's order and with its words, for the single-record endpoints and for batches alike. Pure
 * but for the buffers lent.
 */
#ifndef LOGFERRY_SERVER_API_CHECK_H
#define LOGFERRY_SERVER_API_CHECK_H

#include "server/api_filter.h"

struct api_refusal {
    int status;
    const char *message; /* static */
};

/* Who asks, when, and by which rules. */
struct api_judge {
    const struct rights *rights;
    const struct client *client;
    const struct exclusions *exclude; /* the configuration's; the store's are in `rights` */
    const struct lists *lists;
    bool strict; /* a host that no site has is told from one that is not the caller's */
    int64_t now_ms;
};

/* A pageview, or an event, which names a page. */
struct page_check {
    struct str url;
    bool time_known; /* the timestamp could be read */
    int64_t time_ms;
    struct str visitor_ip;
    bool address_optional; /* batches: a sender may keep addresses to itself */
    struct str user_agent; /* trimmed by the caller */
    struct str referrer;
    struct str site_name; /* names the site instead of the URL's host; STR_NONE: the host does */
    struct buf *scratch;  /* as api_path.h wants it: may be `failed` afterwards */
    /* found */
    struct str clean_url; /* what to store: `url` or in `scratch` */
    struct str bare_ip;   /* without an IPv6 zone; STR_NONE when there is none */
    unsigned char address[16];
    char country[3]; /* of the address, "" when not known */
    const struct site *site;
};

/* NULL when all is well: then everything in "found" is set. */
const struct api_refusal *page_refusal(const struct api_judge *j, struct page_check *p);
/* To be accepted and not stored? For pages that page_refusal has let pass. */
bool page_is_dropped(const struct api_judge *j, const struct page_check *p);
/* Excluded by address, country, user agent or path. */
bool subject_is_excluded(const struct api_judge *j, const struct filter_subject *s);
/* Older than its site keeps records: it would go with the next housekeeping. */
bool time_is_over(const struct api_judge *j, const struct site *site, int64_t time_ms);

/* A site by name for writing, by rule B: its domain or an alias. 403 without site.manage_data, and
 * for an unknown one; that is 404 when `strict`. */
const struct api_refusal *site_refusal(const struct api_judge *j, struct str name,
                                       const struct site **site);

/* An AI fetch, its site already settled. */
struct fetch_check {
    const struct site *site;
    int64_t time_ms;
    struct str path, hostname;
    bool path_is_plain;    /* "//a/b" is that path, not /b of the host a */
    struct str user_agent; /* trimmed */
    bool user_agent_is_ai; /* by the catalogue */
    int64_t status_code;
    struct buf *scratch; /* as api_path.h wants it: may be `failed` afterwards */
    /* found */
    struct str clean_path, clean_host; /* clean_host may be STR_NONE */
    bool dropped;                      /* excluded: to be accepted and not stored */
};
const struct api_refusal *fetch_refusal(const struct api_judge *j, struct fetch_check *f);

#endif
