/*
 * w3c_columns.h - the columns of W3C extended log files: their names, as AWS, Microsoft and Zeek
 * write them, and rows split into them. Pure.
 */
#ifndef LOGFERRY_PARSERS_W3C_COLUMNS_H
#define LOGFERRY_PARSERS_W3C_COLUMNS_H

#include "parsers/base/bytes.h"

#define W3C_COLUMNS_MAX 64 /* columns behind these are not looked at; there are 41 names (2026) */

enum w3c_column {
    COLUMN_OTHER,
    COLUMN_DATE,
    COLUMN_TIME,
    COLUMN_TIMESTAMP, /* standard logging v2 */
    COLUMN_METHOD,
    COLUMN_STEM,
    COLUMN_STATUS,
    COLUMN_QUERY,
    COLUMN_CLIENT,
    COLUMN_HOST,         /* the viewer's Host header */
    COLUMN_DISTRIBUTION, /* dxxxx.cloudfront.net, whatever the viewer asked for */
    COLUMN_REFERRER,
    COLUMN_USER_AGENT,
    COLUMN_BYTES,
    COLUMN_RESULT,
    COLUMN_REQUEST_ID,
    COLUMN_PROTOCOL,
    COLUMN_TIME_TAKEN,
    COLUMN_FORWARDED_FOR,
    COLUMN_VERSION,
    COLUMN_CONTENT_TYPE,
    COLUMN_VIEWER_HOST, /* real-time logs and IIS: the Host header; x-host-header is not */
    COLUMN_STAMP,       /* since 1970, with a fraction */
    COLUMN_USER,
    COLUMN_PORT,       /* of the server */
    COLUMN_URI,        /* whole, or host and path */
    COLUMN_LOCAL_DATE, /* in the server's zone */
    COLUMN_LOCAL_TIME,
    COLUMN_RANGE_START,
    W3C_COLUMNS,
};

struct w3c_columns {
    unsigned char at[W3C_COLUMNS_MAX]; /* enum w3c_column, by position */
    size_t n;                          /* up to the last column that is of use */
    size_t total;                      /* with those that are of none */
    bool named[W3C_COLUMNS];
    char delimiter;
};

/* No columns yet. */
void w3c_columns_init(struct w3c_columns *c, char delimiter);

/* `list`: names with spaces, tabs or the delimiter between. The first of two equal names counts. */
void w3c_columns_set(struct w3c_columns *c, struct str list);

/* The columns of a row of `n` before any header, as IIS writes them. False: it never wrote `n`. */
bool w3c_columns_of_iis(struct w3c_columns *c, size_t n);

/* The first `n` columns of a row, by enum w3c_column; STR_NONE: the row has no such column. */
void w3c_columns_split(const struct w3c_columns *c, struct str line, size_t n,
                       struct str fields[W3C_COLUMNS]);

/* The same where a column may be in quotes, with the delimiter between them. False: there are more
 * columns in the row than names. */
bool w3c_columns_split_quoted(const struct w3c_columns *c, struct str line,
                              struct str fields[W3C_COLUMNS]);

#endif
