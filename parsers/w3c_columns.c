/*
 * w3c_columns.c - see w3c_columns.h. Sources: Amazon CloudFront Developer Guide, "Standard logs
 * (access logs)" and "Real-time access logs"; Microsoft, "W3C Extended Log File Format" and "IIS
 * Advanced Logging"; docs.zeek.org (http.log).
 */
#include "parsers/w3c_columns.h"

#include <endian.h>

static const struct {
    struct str text;
    enum w3c_column column;
} names[] = {
    {STR_INIT("date"), COLUMN_DATE},
    {STR_INIT("time"), COLUMN_TIME},
    {STR_INIT("timestamp(ms)"), COLUMN_TIMESTAMP},
    {STR_INIT("cs-method"), COLUMN_METHOD},
    {STR_INIT("cs-uri-stem"), COLUMN_STEM},
    {STR_INIT("sc-status"), COLUMN_STATUS},
    {STR_INIT("cs-uri-query"), COLUMN_QUERY},
    {STR_INIT("c-ip"), COLUMN_CLIENT},
    {STR_INIT("x-host-header"), COLUMN_HOST},
    {STR_INIT("cs(Host)"), COLUMN_DISTRIBUTION},
    {STR_INIT("cs(Referer)"), COLUMN_REFERRER},
    {STR_INIT("cs(User-Agent)"), COLUMN_USER_AGENT},
    {STR_INIT("sc-bytes"), COLUMN_BYTES},
    {STR_INIT("x-edge-result-type"), COLUMN_RESULT},
    {STR_INIT("x-edge-request-id"), COLUMN_REQUEST_ID},
    {STR_INIT("cs-protocol"), COLUMN_PROTOCOL},
    {STR_INIT("time-taken"), COLUMN_TIME_TAKEN},
    {STR_INIT("x-forwarded-for"), COLUMN_FORWARDED_FOR},
    {STR_INIT("cs-protocol-version"), COLUMN_VERSION},
    {STR_INIT("sc-content-type"), COLUMN_CONTENT_TYPE},
    {STR_INIT("cs-host"), COLUMN_VIEWER_HOST},
    {STR_INIT("timestamp"), COLUMN_STAMP},
    {STR_INIT("cs-user-agent"), COLUMN_USER_AGENT},
    {STR_INIT("cs-referer"), COLUMN_REFERRER},
    {STR_INIT("cs-version"), COLUMN_VERSION},
    {STR_INIT("cs-username"), COLUMN_USER},
    {STR_INIT("s-port"), COLUMN_PORT},
    {STR_INIT("sc-range-start"), COLUMN_RANGE_START},
    {STR_INIT("cs(Referrer)"), COLUMN_REFERRER},
    {STR_INIT("cs-uri"), COLUMN_URI},
    {STR_INIT("date-local"), COLUMN_LOCAL_DATE},
    {STR_INIT("time-local"), COLUMN_LOCAL_TIME},
    {STR_INIT("TimeTakenMS"), COLUMN_TIME_TAKEN},
    {STR_INIT("c-status"), COLUMN_STATUS}, /* SHOUTcast */
    {STR_INIT("ts"), COLUMN_STAMP},
    {STR_INIT("id.orig_h"), COLUMN_CLIENT},
    {STR_INIT("method"), COLUMN_METHOD},
    {STR_INIT("host"), COLUMN_HOST},
    {STR_INIT("uri"), COLUMN_STEM},
    {STR_INIT("referrer"), COLUMN_REFERRER},
    {STR_INIT("version"), COLUMN_VERSION},
    {STR_INIT("user_agent"), COLUMN_USER_AGENT},
    {STR_INIT("response_body_len"), COLUMN_BYTES},
    {STR_INIT("status_code"), COLUMN_STATUS},
    {STR_INIT("username"), COLUMN_USER},
    {STR_INIT("resp_mime_types"), COLUMN_CONTENT_TYPE},
};

/* What IIS writes by default (7 without, 8.5 and later with the referrer), and with all that can be
 * ticked. Columns of one's own come behind: mostly X-Forwarded-For. */
#define IIS_FRONT                                                                                  \
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) "
#define IIS_BACK "sc-status sc-substatus sc-win32-status time-taken "
#define IIS_ALL                                                                                    \
    "date time s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query s-port "          \
    "cs-username c-ip cs-version cs(User-Agent) cs(Cookie) cs(Referer) cs-host sc-status "         \
    "sc-substatus sc-win32-status sc-bytes cs-bytes time-taken "
static const struct {
    size_t n;
    const char *columns;
} iis_columns[] = {
    {14, IIS_FRONT IIS_BACK},
    {15, IIS_FRONT "cs(Referer) " IIS_BACK},
    {16, IIS_FRONT "cs(Referer) " IIS_BACK "x-forwarded-for"},
    {22, IIS_ALL},
    {23, IIS_ALL "x-forwarded-for"},
};

void w3c_columns_init(struct w3c_columns *c, char delimiter)
{
    *c = (struct w3c_columns){.delimiter = delimiter};
}

static enum w3c_column find_column(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_eq_nocase(name, names[i].text))
            return names[i].column;
    }
    return COLUMN_OTHER;
}

static bool parts_names(const struct w3c_columns *c, char byte)
{
    return byte == ' ' || byte == '\t' || byte == c->delimiter;
}

static void add_column(struct w3c_columns *c, struct str name)
{
    enum w3c_column column = find_column(name);

    if (c->named[column])
        column = COLUMN_OTHER;
    c->at[c->total++] = (unsigned char)column;
    if (column == COLUMN_OTHER)
        return;
    c->named[column] = true;
    c->n = c->total;
}

void w3c_columns_set(struct w3c_columns *c, struct str list)
{
    memset(c->named, 0, sizeof(c->named));
    c->n = c->total = 0;
    for (size_t at = 0; at < list.n && c->total < W3C_COLUMNS_MAX; at++) {
        size_t from = at;

        while (at < list.n && !parts_names(c, list.p[at]))
            at++;
        if (at > from)
            add_column(c, str_slice(list, from, at));
    }
}

bool w3c_columns_of_iis(struct w3c_columns *c, size_t n)
{
    for (size_t i = 0; i < COUNT_OF(iis_columns); i++) {
        if (iis_columns[i].n != n)
            continue;
        if (c->total != n)
            w3c_columns_set(c, str_of(iis_columns[i].columns));
        return true;
    }
    return false;
}

/* The high bit of each byte of `word` that is in `wanted`, which holds one byte eight times. */
static inline uint64_t find_in(uint64_t word, uint64_t wanted)
{
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);

    word ^= wanted;
    return ~(((word & low7) + low7) | word | low7);
}

/* Half of the work on a row is to find its delimiters, so this looks at eight bytes at a time. */
void w3c_columns_split(const struct w3c_columns *c, struct str line, size_t n,
                       struct str fields[W3C_COLUMNS])
{
    const uint64_t delimiters = (unsigned char)c->delimiter * UINT64_C(0x0101010101010101);
    size_t from = 0, column = 0;

    memset(fields, 0, W3C_COLUMNS * sizeof(*fields));
    for (size_t at = 0; at < line.n && column < n; at += 8) {
        uint64_t word = 0, found;

        if (line.n - at >= 8)
            memcpy(&word, line.p + at, 8);
        else
            memcpy(&word, line.p + at, line.n - at);
        for (found = find_in(le64toh(word), delimiters); found && column < n; found &= found - 1) {
            size_t tab = at + (size_t)__builtin_ctzll(found) / 8;

            fields[c->at[column++]] = str_slice(line, from, tab);
            from = tab + 1;
        }
    }
    if (column < n)
        fields[c->at[column]] = str_slice(line, from, line.n);
}

/* The quote that ends a column in quotes; -1: there is none. */
static ptrdiff_t closing_quote(struct str line, size_t from, char delimiter)
{
    ptrdiff_t at = (ptrdiff_t)from;

    while ((at = str_chr(line, '"', (size_t)at)) >= 0) {
        if ((size_t)at + 1 == line.n || line.p[at + 1] == delimiter)
            return at;
        at++;
    }
    return -1;
}

bool w3c_columns_split_quoted(const struct w3c_columns *c, struct str line,
                              struct str fields[W3C_COLUMNS])
{
    size_t from = 0, column = 0;

    memset(fields, 0, W3C_COLUMNS * sizeof(*fields));
    for (; from < line.n && column < c->total; column++) {
        bool quoted = line.p[from] == '"';
        ptrdiff_t end = quoted ? closing_quote(line, from + 1, c->delimiter) : -1;

        if (end >= 0) {
            fields[c->at[column]] = str_slice(line, from + 1, (size_t)end);
            from = (size_t)end + 2;
            continue;
        }
        end = str_chr(line, c->delimiter, from);
        fields[c->at[column]] = str_slice(line, from, end < 0 ? line.n : (size_t)end);
        from = end < 0 ? line.n : (size_t)end + 1;
    }
    return from >= line.n;
}
