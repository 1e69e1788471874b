/* api_check.c - the order of the checks is part of the contract: a request with two faults gets the
 * first one's answer. */
#include "server/api_check.h"

#include "server/api_path.h"
#include "server/lists.h"
#include "server/rights.h"
#include "server/url.h"

static const struct api_refusal bad_url = {400, "url must be an absolute http or https URL"};
static const struct api_refusal bad_time = {400, "timestamp must be RFC3339"};
static const struct api_refusal bad_address = {400, "visitor_ip must be a valid IP address"};
static const struct api_refusal no_user_agent = {400, "user_agent is required"};
static const struct api_refusal no_site = {404, "Site not found"};
static const struct api_refusal no_access = {403, "Access denied"};
static const struct api_refusal bad_status = {400, "status_code must be between 100 and 599"};
static const struct api_refusal not_ai = {400, "user_agent must match a known AI bot"};
static const struct api_refusal no_path = {400, "path is required"};

/* Bare IPv4 or IPv6; a zone behind an IPv6 address is tolerated and dropped. */
static bool take_address(struct page_check *p)
{
    struct str ip = p->visitor_ip;
    ptrdiff_t zone = ip.n > 0 ? str_chr(ip, '%', 0) : -1;
    if (zone >= 0) {
        if ((size_t)zone + 1 == ip.n || str_chr(ip, ':', 0) < 0)
            return false;
        ip.n = (size_t)zone;
    }
    if (ip.n == 0 || !address_parse(ip, p->address))
        return false;
    p->bare_ip = ip;
    return true;
}

const struct api_refusal *site_refusal(const struct api_judge *j, struct str name,
                                       const struct site **site)
{
    const struct site *found = rights_site_by_host(j->rights, name);
    if (!found)
        return j->strict ? &no_site : &no_access;
    if (!role_allows(rights_role(j->rights, j->client, found), PERM_SITE_MANAGE_DATA))
        return &no_access;
    *site = found;
    return NULL;
}

const struct api_refusal *page_refusal(const struct api_judge *j, struct page_check *p)
{
    struct url u;
    p->bare_ip = STR_NONE;
    if (!str_is_set(p->url) || !api_page_url(p->url, p->scratch, &p->clean_url) ||
        !url_split(p->clean_url, &u))
        return &bad_url;
    if (!p->time_known)
        return &bad_time;
    bool none = p->address_optional && !str_is_set(p->visitor_ip);
    if (!none && !take_address(p))
        return &bad_address;
    if (p->user_agent.n == 0)
        return &no_user_agent;
    if (none || !lists_country(j->lists, p->address, p->country))
        p->country[0] = 0;
    return site_refusal(j, str_is_set(p->site_name) ? p->site_name : u.host, &p->site);
}

bool subject_is_excluded(const struct api_judge *j, const struct filter_subject *s)
{
    return exclusions_match(j->exclude, s) || exclusions_match(rights_exclusions(j->rights), s);
}

bool time_is_over(const struct api_judge *j, const struct site *site, int64_t time_ms)
{
    return time_ms < site_cutoff_ms(site, j->now_ms);
}

bool page_is_dropped(const struct api_judge *j, const struct page_check *p)
{
    struct url u;
    struct filter_subject s = {
        .address = str_is_set(p->bare_ip) ? p->address : NULL,
        .country = p->country[0] ? (struct str){p->country, 2} : STR_NONE,
        .user_agent = p->user_agent,
        .path = url_split(p->clean_url, &u) ? u.path : STR_NONE,
        .referrer = p->referrer,
        .site = p->site,
    };
    return subject_is_excluded(j, &s) || filter_is_spam(j->lists, &s) ||
           time_is_over(j, p->site, p->time_ms);
}

const struct api_refusal *fetch_refusal(const struct api_judge *j, struct fetch_check *f)
{
    bool plain = f->path_is_plain && str_starts(f->path, STR("//"));
    api_fetch_target(plain ? STR("/") : f->path, f->hostname, f->scratch, &f->clean_path,
                     &f->clean_host);
    if (plain)
        f->clean_path = f->path;
    struct filter_subject s = {.user_agent = f->user_agent, .path = f->clean_path, .site = f->site};
    f->dropped = subject_is_excluded(j, &s) || time_is_over(j, f->site, f->time_ms);
    if (f->dropped)
        return NULL;
    if (f->status_code < 100 || f->status_code > 599)
        return &bad_status;
    if (!f->user_agent_is_ai)
        return &not_ai;
    return str_is_set(f->clean_path) ? NULL : &no_path;
}
