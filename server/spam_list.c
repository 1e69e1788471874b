/* spam_list.c - see spam_list.h. Networks are kept as ranges that do not overlap, so that a search
 * is by halves, however many there are. */
#include "server/spam_list.h"

#include <stdlib.h>

#include "parsers/base/json.h"
#include "server/url.h"

#define LINE_MAX_BYTES 1024

static int refuse(struct buf *why, size_t line, const char *what)
{
    buf_printf(why, "line %zu: %s", line, what);
    return -1;
}

/* Room for one more; NULL when there is none. */
static void *grown(void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return array;
    size_t more = *cap ? *cap * 2 : 64;
    void *moved = n < SPAM_LIST_MAX_ENTRIES ? reallocarray(array, more, size) : NULL;
    if (moved)
        *cap = more;
    return moved;
}

/* 0: taken, or nothing to take; else why not. */
typedef const char *take_line(struct spam_list *l, struct str line);

static int read_lines(struct spam_list *l, struct str text, take_line *take, struct buf *why)
{
    size_t number = 0, before = l->n_hosts + l->n_ranges;
    if (text.n > SPAM_LIST_MAX_BYTES)
        return refuse(why, 0, "the list is larger than 16 MiB");
    while (text.n > 0) {
        struct str line = str_trim(str_cut(&text, '\n'));
        number++;
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
            continue;
        const char *what = line.n <= LINE_MAX_BYTES ? take(l, line) : "it is too long";
        if (what)
            return refuse(why, number, what);
    }
    return l->n_hosts + l->n_ranges > before ? 0 : refuse(why, number, "the list is empty");
}

/* ---- hosts ------------------------------------------------------------------------------------
 */

/* Letters beyond ASCII are let pass: some lists have such names as they are read. */
static bool is_host_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '/' || s.p[i] == '<')
            return false;
    return true;
}

const char *spam_list_add_host(struct spam_list *l, struct str line)
{
    char text[URL_HOST_MAX];
    struct str host = {text, 0};
    if (!is_host_text(line) || !host_normalise(line, text, &host.n))
        return "a host name was expected, like spam.example";
    if (str_starts(host, STR("www.")))
        host = str_slice(host, 4, host.n);
    struct str *hosts = grown(l->hosts, l->n_hosts, &l->cap_hosts, sizeof(*hosts));
    if (!hosts)
        return "too many, or out of memory";
    l->hosts = hosts;
    hosts[l->n_hosts].p = strndup(host.p, host.n);
    hosts[l->n_hosts].n = host.n;
    if (!hosts[l->n_hosts].p)
        return "out of memory";
    l->n_hosts++;
    return NULL;
}

int spam_list_read_hosts(struct spam_list *l, struct str text, struct buf *why)
{
    return read_lines(l, text, spam_list_add_host, why);
}

/* ---- networks ---------------------------------------------------------------------------------
 */

static struct spam_range range_of(const struct cidr *c)
{
    struct spam_range r;
    for (unsigned i = 0; i < 16; i++) {
        unsigned kept = c->bits > i * 8 ? c->bits - i * 8 : 0;
        unsigned char mask = kept >= 8 ? 0xff : (unsigned char)(0xff00u >> kept);
        r.from[i] = c->address[i] & mask;
        r.to[i] = r.from[i] | (unsigned char)~mask;
    }
    return r;
}

const char *spam_list_add_network(struct spam_list *l, const struct cidr *network)
{
    struct spam_range *ranges = grown(l->ranges, l->n_ranges, &l->cap_ranges, sizeof(*ranges));
    if (!ranges)
        return "too many, or out of memory";
    l->ranges = ranges;
    ranges[l->n_ranges++] = range_of(network);
    return NULL;
}

/* {"cidr":"192.0.2.0/24","sblid":"…"}; STR_NONE: an object without it. False: no JSON. */
static bool find_cidr(struct str line, struct str *cidr)
{
    struct json_reader r;
    enum json_event event;
    *cidr = STR_NONE;
    json_reader_init(&r, line, NULL);
    if (json_next(&r) != JSON_OBJECT)
        return false;
    while ((event = json_next(&r)) == JSON_KEY) {
        bool wanted = str_eq(r.text, STR("cidr"));
        event = json_next(&r);
        if (wanted && event == JSON_STRING)
            *cidr = r.text;
        else if (!json_skip_value(&r, event))
            return false;
    }
    return event == JSON_OBJECT_END && json_next(&r) == JSON_END;
}

static const char *take_network(struct spam_list *l, struct str line)
{
    static const char expected[] = "a network was expected, like 192.0.2.0/24 ; SBL1";
    struct cidr c;
    struct str text = line;
    if (line.p[0] == '{' && !find_cidr(line, &text))
        return expected;
    if (!str_is_set(text))
        return NULL;
    if (!cidr_parse(str_trim(str_slice(text, 0, str_until(text, ';', '#'))), &c))
        return expected;
    return spam_list_add_network(l, &c);
}

int spam_list_read_networks(struct spam_list *l, struct str text, struct buf *why)
{
    return read_lines(l, text, take_network, why);
}

/* ---- order and search -------------------------------------------------------------------------
 */

static int compare_hosts(const void *left, const void *right)
{
    const struct str *a = left, *b = right;
    int order = memcmp(a->p, b->p, a->n < b->n ? a->n : b->n);
    return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

static int compare_ranges(const void *left, const void *right)
{
    const struct spam_range *a = left, *b = right;
    return memcmp(a->from, b->from, sizeof(a->from));
}

/* Networks nest or are apart: one that begins within its neighbour lies in it. */
static void drop_nested(struct spam_list *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n_ranges; i++) {
        struct spam_range *last = kept > 0 ? &l->ranges[kept - 1] : NULL;
        if (!last || memcmp(l->ranges[i].from, last->to, sizeof(last->to)) > 0)
            l->ranges[kept++] = l->ranges[i];
        else if (memcmp(l->ranges[i].to, last->to, sizeof(last->to)) > 0)
            *last = l->ranges[i]; /* the same beginning, and wider */
    }
    l->n_ranges = kept;
}

void spam_list_sort(struct spam_list *l)
{
    if (l->n_hosts > 1)
        qsort(l->hosts, l->n_hosts, sizeof(*l->hosts), compare_hosts);
    if (l->n_ranges > 1)
        qsort(l->ranges, l->n_ranges, sizeof(*l->ranges), compare_ranges);
    drop_nested(l);
}

void spam_list_release(struct spam_list *l)
{
    for (size_t i = 0; i < l->n_hosts; i++)
        free((void *)l->hosts[i].p);
    free(l->hosts);
    free(l->ranges);
    *l = (struct spam_list){0};
}

bool spam_list_has_host(const struct spam_list *l, struct str host)
{
    return l->n_hosts > 0 &&
           bsearch(&host, l->hosts, l->n_hosts, sizeof(*l->hosts), compare_hosts) != NULL;
}

bool spam_list_has_address(const struct spam_list *l, const unsigned char address[16])
{
    size_t low = 0, high = l->n_ranges; /* the first one behind the address */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(l->ranges[middle].from, address, 16) > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low > 0 && memcmp(l->ranges[low - 1].to, address, 16) >= 0;
}
