/* single.c - see single.h. */
#include "agent/single.h"

#include "agent/visitor.h"
#include "parsers/base/time.h"

#include <stdlib.h>

#define PAGEVIEW_PATH "/api/ingest/server/pageview"

void single_batch_release(struct single_batch *b)
{
    buf_release(&b->text);
    buf_release(&b->scratch);
    free(b->agents);
    free(b->streams);
    free(b->v);
    *b = (struct single_batch){0};
}

/* ---- hosts ------------------------------------------------------------------------------------
 */

/* With its port. */
static struct str authority_of(struct str url)
{
    ptrdiff_t scheme = str_find(url, STR("://"), 0);
    if (scheme < 0)
        return STR("");
    struct str rest = str_slice(url, (size_t)scheme + 3, url.n);
    return str_slice(rest, 0, str_until(rest, '/', '?'));
}

/* As HitKeep names sites. */
static struct str without_www(struct str host)
{
    return str_starts(host, STR("www.")) ? str_slice(host, 4, host.n) : host;
}

/* By which the server finds the site. */
static struct str site_of(const struct record *r)
{
    if (str_is_set(r->site))
        return r->site;
    if (r->kind == RECORD_PAGEVIEW)
        return host_without_port(authority_of(r->url));
    return str_is_set(r->hostname) ? host_without_port(r->hostname) : STR("");
}

/* ---- a batch ----------------------------------------------------------------------------------
 */

/* The header's lists, as far as they are needed later. */
static int keep_header(struct single_batch *b, struct str head, struct batch_header *h,
                       const char **error)
{
    h->streams = calloc(BATCH_MAX_STREAMS, sizeof(*h->streams));
    b->agents = h->user_agents = calloc(BATCH_MAX_USER_AGENTS, sizeof(*b->agents));
    if (!h->streams || !b->agents)
        return -1;
    if (!batch_header_read(head, h, &b->scratch, error))
        return -1;
    b->n_agents = h->n_user_agents;
    b->streams = calloc(h->n_streams + 1, sizeof(*b->streams));
    for (size_t i = 0; b->streams && i < h->n_streams; i++)
        b->streams[i] = h->streams[i].id;
    return b->streams ? 0 : -1;
}

static void read_one(struct single_batch *b, struct str line, struct buf *scratch)
{
    struct single *s = &b->v[b->n++];
    struct record r;
    const char *why;
    *s = (struct single){.at = (uint32_t)(line.p - b->text.p), .n = (uint32_t)line.n};
    if (!record_read(line, &r, scratch, &why))
        return; /* single_render says so */
    s->kind = r.kind == RECORD_AI_FETCH;
    s->time_ms = r.time_ms;
    s->site = hash_64(site_of(&r), s->kind);
}

static int read_records(struct single_batch *b, size_t at, const struct batch_header *h)
{
    struct buf scratch;
    size_t stream = 0;
    uint64_t left = h->n_streams ? h->streams[0].records : 0;
    struct str rest = str_slice(buf_str(&b->text), at, b->text.n);
    b->v = calloc(BATCH_MAX_RECORDS, sizeof(*b->v));
    if (!b->v)
        return -1;
    buf_init(&scratch, BATCH_MAX_DECODED);
    while (rest.n && b->n < BATCH_MAX_RECORDS) {
        read_one(b, str_cut(&rest, '\n'), &scratch);
        while (left == 0 && stream + 1 < h->n_streams)
            left = h->streams[++stream].records;
        left -= left > 0;
        b->v[b->n - 1].stream = (uint32_t)stream;
    }
    buf_release(&scratch);
    return 0;
}

int single_batch_open(struct single_batch *b, const struct batch *from, const char **error)
{
    struct batch_header h = {0};
    *b = (struct single_batch){0};
    buf_init(&b->scratch, BATCH_MAX_DECODED);
    if (batch_decode(from, &b->text, error))
        return -1;
    *error = "out of memory";
    size_t end = str_until(buf_str(&b->text), '\n', '\n');
    int rc = keep_header(b, str_slice(buf_str(&b->text), 0, end), &h, error);
    if (!rc)
        rc = read_records(b, end < b->text.n ? end + 1 : end, &h);
    free(h.streams);
    return rc;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static void put_text(struct buf *out, struct str key, struct str value)
{
    if (!str_is_set(value))
        return;
    if (out->n > 1)
        buf_putc(out, ',');
    buf_putc(out, '"');
    buf_put_str(out, key);
    buf_lit(out, "\":");
    json_put_string(out, value);
}

static void put_number(struct buf *out, struct str key, int64_t value)
{
    buf_lit(out, ",\"");
    buf_put_str(out, key);
    buf_lit(out, "\":");
    buf_put_i64(out, value);
}

/* HitKeep goes by the URL's host alone and knows no aliases: a host that the configuration counts
 * to a site of another name takes that name. */
static void put_url(struct buf *out, const struct record *r)
{
    struct str authority = authority_of(r->url);
    struct buf url;
    if (!str_is_set(r->site) ||
        str_eq(without_www(r->site), without_www(host_without_port(authority)))) {
        put_text(out, STR("url"), r->url);
        return;
    }
    size_t from = (size_t)(authority.p - r->url.p);
    buf_init(&url, SINGLE_BODY_MAX);
    buf_put_str(&url, str_slice(r->url, 0, from));
    buf_put_str(&url, r->site);
    buf_put_str(&url, str_slice(r->url, from + authority.n, r->url.n));
    put_text(out, STR("url"), buf_str(&url));
    out->failed = out->failed || url.failed;
    buf_release(&url);
}

/* HitKeep would take "//a/b" for the path /b of the host a; behind a host it is what it is. */
static void put_path(struct buf *out, const struct record *r, struct str host)
{
    struct buf url;
    if (!str_starts(r->path, STR("//"))) {
        put_text(out, STR("path"), r->path);
        return;
    }
    buf_init(&url, SINGLE_BODY_MAX);
    buf_lit(&url, "https://");
    buf_put_str(&url, host);
    buf_put_str(&url, r->path);
    put_text(out, STR("path"), buf_str(&url));
    out->failed = out->failed || url.failed;
    buf_release(&url);
}

static struct str agent_of(const struct single_batch *b, const struct record *r)
{
    struct str agent = r->user_agent < 0                       ? r->user_agent_text
                       : (uint64_t)r->user_agent < b->n_agents ? b->agents[r->user_agent]
                                                               : STR_NONE;
    return str_is_set(agent) ? str_trim(agent) : STR("");
}

static enum single_fit refuse(struct single_request *out, enum single_fit fit, const char *why)
{
    out->why = why;
    return fit;
}

/* The same for the same line, whenever it is sent. */
static void put_page_id(struct buf *out, struct hash128 stream, const struct record *r)
{
    char text[VISITOR_SESSION_TEXT];
    struct buf key;
    buf_init(&key, 64);
    buf_put(&key, stream.b, sizeof(stream.b));
    buf_put(&key, &r->at, sizeof(r->at));
    buf_put(&key, &r->line_hash, sizeof(r->line_hash));
    struct hash128 h = hash_128(buf_str(&key));
    buf_release(&key);
    visitor_put_uuid(h.b, text);
    put_text(out, STR("page_id"), str_of(text));
}

static enum single_fit render_pageview(const struct single_batch *b, const struct single *s,
                                       const struct record *r, const unsigned char *key,
                                       struct single_request *out)
{
    char text[VISITOR_SESSION_TEXT];
    unsigned char address[16];
    struct visitor v = {time_day(r->time_ms), site_of(r), r->visitor_ip, agent_of(b, r)};
    if (!str_starts(r->url, STR("https://")) && !str_starts(r->url, STR("http://")))
        return refuse(out, SINGLE_NOT_TAKEN, "the URL is neither http nor https");
    if (!str_is_set(r->visitor_ip) || !address_parse(r->visitor_ip, address))
        return refuse(out, SINGLE_BROKEN, "visitor_ip must be a valid IP address");
    if (!v.user_agent.n)
        return refuse(out, SINGLE_BROKEN, "user_agent is required");
    v.site = without_www(v.site);
    put_url(&out->body, r);
    buf_lit(&out->body, ",\"timestamp\":\"");
    time_put_rfc3339(&out->body, r->time_ms);
    buf_putc(&out->body, '"');
    put_text(&out->body, STR("visitor_ip"), r->visitor_ip);
    put_text(&out->body, STR("user_agent"), v.user_agent);
    put_text(&out->body, STR("referrer"), r->referrer);
    put_text(&out->body, STR("session_id"), visitor_uuid(key, &v, text));
    put_page_id(&out->body, b->streams[s->stream], r);
    buf_lit(&out->path, PAGEVIEW_PATH);
    return SINGLE_FITS;
}

static enum single_fit render_fetch(const struct single_batch *b, const struct record *r,
                                    const struct sites *ids, struct single_request *out)
{
    struct str host = site_of(r), agent = agent_of(b, r);
    const struct site_route *site = host.n ? sites_find(ids, host) : NULL;
    if (r->status_code < 100 || r->status_code > 599)
        return refuse(out, SINGLE_NOT_TAKEN, "the status is not in 100 to 599");
    if (!site)
        return refuse(out, SINGLE_NO_SITE, "the token's list of sites does not have this one");
    if (!str_is_set(r->path) || !r->path.n)
        return refuse(out, SINGLE_BROKEN, "path is required");
    struct str hostname = str_is_set(r->hostname) ? host_without_port(r->hostname) : STR_NONE;
    put_path(&out->body, r, str_is_set(hostname) ? hostname : host);
    put_text(&out->body, STR("hostname"), hostname);
    put_number(&out->body, STR("status_code"), r->status_code);
    put_text(&out->body, STR("content_type"), r->content_type);
    if (r->response_ms > 0)
        put_number(&out->body, STR("response_ms"), r->response_ms);
    if (r->bytes_served > 0)
        put_number(&out->body, STR("bytes_served"), r->bytes_served);
    put_text(&out->body, STR("user_agent"), agent);
    buf_printf(&out->path, "/api/sites/%.*s/ingest/ai-fetch", STR_ARGS(site->site));
    return SINGLE_FITS;
}

enum single_fit single_render(const struct single_batch *b, const struct single *s,
                              const struct sites *ids, const unsigned char key[SIPHASH_KEY],
                              struct single_request *out)
{
    struct record r;
    const char *why;
    buf_reset(&out->path);
    buf_reset(&out->body);
    out->why = NULL;
    if (!record_read(str_slice(buf_str(&b->text), s->at, s->at + s->n), &r, &out->scratch, &why))
        return refuse(out, SINGLE_BROKEN, "the record cannot be read");
    buf_putc(&out->body, '{');
    enum single_fit fit = r.kind == RECORD_PAGEVIEW ? render_pageview(b, s, &r, key, out)
                                                    : render_fetch(b, &r, ids, out);
    buf_putc(&out->body, '}');
    if (fit == SINGLE_FITS && (out->body.failed || out->path.failed))
        return refuse(out, SINGLE_BROKEN,
                      "the record is larger than the 64 KiB that HitKeep takes");
    return fit;
}
