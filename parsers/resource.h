/*
 * resource.h - what a request was for, by its path and by the answer's content type. Pure, no
 * allocation. Paths are as in a hit: with '/' at the start, without query.
 */
#ifndef LOGFERRY_PARSERS_RESOURCE_H
#define LOGFERRY_PARSERS_RESOURCE_H

#include "parsers/resource_index.h"

#define RESOURCE_PATH_MAX 1024 /* longer paths are judged as they stand in the log, undecoded */

enum resource {
    RESOURCE_UNKNOWN, /* no content type */
    RESOURCE_PAGE,    /* HTML; a path without an extension, or with one that nobody knows */
    RESOURCE_ASSET, /* what a page pulls in: style, script, image, font, sound, film, source map */
    RESOURCE_DOWNLOAD, /* pdf, office, archives, programs */
    RESOURCE_FEED,
    RESOURCE_API, /* JSON and its like */
    RESOURCE_OTHER,
};

/* A path looked over once, for all the questions below. Borrows the path or the scratch. */
struct asked {
    struct str path;         /* %XX decoded once, slashes in a row merged */
    struct str segment;      /* the last one; empty where it says nothing of the page */
    struct str name;         /* the same without its ";params" */
    size_t first_dot;        /* path.n: there is none */
    size_t shown;            /* where the path of a file begins that a forge shows; path.n: none */
    unsigned marks;          /* which odd bytes are in it; of resource*.c */
    unsigned begins, ends;   /* the lists that may hold its first segment, and `segment` */
    enum resource extension; /* `name`'s; RESOURCE_UNKNOWN: none, or one that nobody knows */
    bool pages;              /* it is one of resource_index_pages */
};

/* `scratch` is used when there is any %XX to decode, or any slash to leave out. */
void resource_look(const struct resource_index *ix, struct str path,
                   char scratch[RESOURCE_PATH_MAX], struct asked *out);

/* The type is cut at ';', ',' or a blank, case-folded. RESOURCE_UNKNOWN when missing, empty or "-".
 */
enum resource resource_by_type(struct str content_type);

/* The bare type: cut and trimmed as above. */
struct str resource_bare_type(struct str content_type);
/* Types that say nothing: text/plain, XML, octet-stream. Where the path tells more, it decides. */
bool resource_type_is_vague(struct str content_type);
/* "attachment", with parameters or without. */
bool resource_is_attachment(struct str disposition);

/* "/feed/", "/blog/feed/atom", "/rss.xml" */
bool resource_is_feed(const struct asked *a);
/* What a framework's script fetches for a page that it shows already: "/_next/data/", ".data",
 * "__data.json", "page-data.json", ".rsc" and their like. */
bool resource_is_data(const struct asked *a);
/* Addresses that known software has for its scripts, in whatever folder it stands:
 * "/blog/wp-json/x", "/de/api/v1/x", "/rest/de/V1/carts". RESOURCE_API, RESOURCE_OTHER, or
 * RESOURCE_UNKNOWN for all else, by out[html][query]: is the answer HTML (then only those that are
 * a part of a page, or an editor's)? is there a query? */
void resource_of_program(const struct resource_index *ix, const struct asked *a, uint8_t out[2][2]);
/* "/graphql", which is an interface when resource_is_graphql_query: "operationName=…". */
bool resource_is_graphql(const struct asked *a);
bool resource_is_graphql_query(struct str query);
/* "_=1764230400123": the time that jQuery adds, so that no cache answers its script; "EIO=4", of
 * Socket.IO. */
bool resource_is_script_query(struct str query);
/* "section_id=template--1__main", "section_id=cart-drawer": a part of a page, of Shopify. */
bool resource_is_section_query(struct str query);
/* "download_file=37", of WooCommerce. */
bool resource_is_download_query(struct str query);
/* "feed=rss2", "format=feed" */
bool resource_is_feed_query(struct str query);
/* robots.txt, llms.txt, ads.txt and the like, sitemaps, at the top of the site, and what is below
 * /.well-known/: what a site tells machines about itself. */
bool resource_is_policy(const struct asked *a);
/* "/blog/sitemap.xml": in any folder, and if it is not a page about one. */
bool resource_is_sitemap(const struct asked *a);
/* Files that browsers ask for by themselves: site association, browserconfig.xml, at the top of the
 * site; favicons and touch icons, in folders too; and what a CDN answers by itself, /cdn-cgi/. */
bool resource_is_furniture(const struct asked *a);
/* What only scanners ask for: secrets and backups, admin tools, known holes, paths that climb out
 * of the site. */
bool resource_is_probe(const struct asked *a);
/* "/info.php", when there is no query: with one it may be a page. */
bool resource_is_bare_probe(const struct asked *a);
/* Below /cgi-bin/, where old sites have their pages: a probe when the answer was an error. */
bool resource_is_cgi(const struct asked *a);
/* Text that only an attack holds: lookups of log4j, paths to /etc/passwd, PHP wrappers, SQL.
 * `query` is as in the log; of one over RESOURCE_PATH_MAX bytes, so many are looked at. */
bool resource_is_attack(struct str query);
/* "${jndi:…" in any text, plain. */
bool resource_has_lookup(struct str text);

/* Is `path` `prefix` or below it, case aside? "/feed" holds "/feed" and "/Feed/x", not "/feedback".
 * A '/' at the prefix's end makes no difference. Inline, because a dozen are tried for every hit;
 * most differ in the low bits of their first letter. */
static inline bool resource_below(struct str path, struct str prefix)
{
    if (prefix.n > 0 && prefix.p[prefix.n - 1] == '/')
        prefix.n--;
    if (path.n < prefix.n || (prefix.n > 1 && ((path.p[1] ^ prefix.p[1]) & 31) != 0))
        return false;
    return (path.n == prefix.n || path.p[prefix.n] == '/') &&
           bytes_same_nocase(path.p, prefix.p, prefix.n);
}

/* Which of the prefixes, from 1, holds `path` first; 0: none. */
size_t resource_first_below(struct str path, const struct str *prefixes, size_t n);

#endif
