/*
 * zone_file.c - see zone_file.h. A file holds the changes known when it was made, and a rule for
 * later years as in the environment variable TZ (POSIX); both become one table.
 */
#include "config/zone_file.h"

#include "parsers/base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define ZONE_DIR "/usr/share/zoneinfo"
#define HEADER_BYTES 44u
#define CHANGES_MAX 4096u
#define TYPES_MAX 256u
#define OFFSET_MAX (26 * 3600)
#define DAY_S INT64_C(86400)

/* ---- the rule for later years: "CET-1CEST,M3.5.0,M10.5.0/3" ------------------------------------
 */

struct rule_date {
    char kind; /* 'M': month, week, weekday; 'J': day without leap days; '0': day from 0 */
    int month, week, day;
    int32_t time; /* seconds of the day; may be negative, and over a day */
};

struct rule {
    int32_t standard, summer; /* seconds east */
    bool has_summer;
    struct rule_date begin, end;
};

static bool take(struct str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = str_slice(*s, 1, s->n);
    return true;
}

static bool take_number(struct str *s, int max, int *out)
{
    int value = 0;
    size_t n = 0;

    for (; n < s->n && n < 4 && s->p[n] >= '0' && s->p[n] <= '9'; n++)
        value = value * 10 + (s->p[n] - '0');
    *s = str_slice(*s, n, s->n);
    *out = value;
    return n > 0 && value <= max;
}

/* [+-]h[:m[:s]] */
static bool take_time(struct str *s, int32_t *seconds)
{
    int hours, minutes = 0, rest = 0;
    bool negative = take(s, '-');

    if (!negative)
        take(s, '+');
    if (!take_number(s, 167, &hours))
        return false;
    if (take(s, ':') && !take_number(s, 59, &minutes))
        return false;
    if (take(s, ':') && !take_number(s, 59, &rest))
        return false;
    *seconds = (hours * 3600 + minutes * 60 + rest) * (negative ? -1 : 1);
    return true;
}

/* "CET", "<+0530>" */
static bool take_name(struct str *s)
{
    size_t n = 0;

    if (take(s, '<')) {
        ptrdiff_t end = str_chr(*s, '>', 0);
        if (end < 0)
            return false;
        *s = str_slice(*s, (size_t)end + 1, s->n);
        return true;
    }
    while (n < s->n && ascii_alnum(s->p[n]) && (s->p[n] < '0' || s->p[n] > '9'))
        n++;
    *s = str_slice(*s, n, s->n);
    return n > 0;
}

static bool take_date(struct str *s, struct rule_date *d)
{
    *d = (struct rule_date){.kind = '0', .time = 7200};
    if (!take(s, ','))
        return false;
    if (take(s, 'M')) {
        d->kind = 'M';
        if (!take_number(s, 12, &d->month) || d->month < 1 || !take(s, '.') ||
            !take_number(s, 5, &d->week) || d->week < 1 || !take(s, '.') ||
            !take_number(s, 6, &d->day))
            return false;
    } else {
        if (take(s, 'J'))
            d->kind = 'J';
        if (!take_number(s, 365, &d->day) || (d->kind == 'J' && d->day < 1))
            return false;
    }
    return !take(s, '/') || take_time(s, &d->time);
}

/* Seconds west, as a rule writes them. */
static bool take_offset(struct str *s, int32_t *east)
{
    int32_t west;

    if (!take_time(s, &west) || west <= -OFFSET_MAX || west >= OFFSET_MAX)
        return false;
    *east = -west;
    return true;
}

static bool parse_rule(struct str s, struct rule *r)
{
    *r = (struct rule){0};
    if (!take_name(&s) || !take_offset(&s, &r->standard))
        return false;
    if (s.n == 0)
        return true;
    r->has_summer = true;
    r->summer = r->standard + 3600;
    if (!take_name(&s))
        return false;
    if (s.n > 0 && s.p[0] != ',' && !take_offset(&s, &r->summer))
        return false;
    return take_date(&s, &r->begin) && take_date(&s, &r->end) && s.n == 0;
}

static bool is_leap(int year)
{
    return time_date_exists(year, 2, 29);
}

/* Local seconds at which the date of the rule is in this year. */
static int64_t date_seconds(const struct rule_date *d, int year)
{
    if (d->kind != 'M') {
        int day = d->kind == 'J' ? d->day - 1 + (is_leap(year) && d->day > 59) : d->day;
        return time_from_civil(year, 1, 1, 0, 0, 0) + day * DAY_S + d->time;
    }
    int64_t first = time_from_civil(year, d->month, 1, 0, 0, 0) / DAY_S;
    int weekday = (int)(((first + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    int day = (d->day - weekday + 7) % 7 + (d->week - 1) * 7;
    while (!time_date_exists(year, d->month, day + 1))
        day -= 7;
    return (first + day) * DAY_S + d->time;
}

/* ---- the table ---------------------------------------------------------------------------------
 */

static bool add_change(struct zone *z, int64_t at, int32_t offset)
{
    if (z->n == CHANGES_MAX || (z->n > 0 && at <= z->changes[z->n - 1].at))
        return false;
    z->changes[z->n++] = (struct zone_change){at, offset};
    return true;
}

static void add_rule(struct zone *z, const struct rule *r)
{
    for (int year = 1970; r->has_summer && year <= ZONE_LAST_YEAR; year++) {
        int64_t begin = date_seconds(&r->begin, year) - r->standard;
        int64_t end = date_seconds(&r->end, year) - r->summer;

        if (begin < end)
            add_change(z, begin, r->summer); /* those before the last change are no change */
        add_change(z, end, r->standard);
        if (begin >= end)
            add_change(z, begin, r->summer);
    }
}

/* ---- the file ----------------------------------------------------------------------------------
 */

static uint32_t u32_at(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static int64_t i64_at(const char *p)
{
    return (int64_t)((uint64_t)u32_at(p) << 32 | u32_at(p + 4));
}

struct block {
    size_t utc, standard, leaps, changes, types, names;
    size_t bytes; /* behind the header */
};

static bool read_header(struct str file, size_t time_bytes, struct block *b)
{
    const char *p = file.p + 20;

    if (file.n < HEADER_BYTES || !str_starts(file, STR("TZif")))
        return false;
    *b = (struct block){
        u32_at(p), u32_at(p + 4), u32_at(p + 8), u32_at(p + 12), u32_at(p + 16), u32_at(p + 20), 0};
    if (b->utc > TYPES_MAX || b->standard > TYPES_MAX || b->leaps > CHANGES_MAX ||
        b->changes > CHANGES_MAX || b->types < 1 || b->types > TYPES_MAX || b->names > CHANGES_MAX)
        return false;
    b->bytes = b->changes * (time_bytes + 1) + b->types * 6 + b->names +
               b->leaps * (time_bytes + 4) + b->standard + b->utc;
    return file.n - HEADER_BYTES >= b->bytes;
}

static bool read_offset(const char *types, size_t type, int32_t *offset)
{
    *offset = (int32_t)u32_at(types + 6 * type);
    return *offset > -OFFSET_MAX && *offset < OFFSET_MAX;
}

static bool read_changes(struct zone *z, const char *p, size_t time_bytes, const struct block *b)
{
    const char *types = p + b->changes * (time_bytes + 1);

    if (!read_offset(types, 0, &z->first))
        return false;
    for (size_t i = 0; i < b->changes; i++) {
        const char *at = p + i * time_bytes;
        size_t type = (unsigned char)p[b->changes * time_bytes + i];
        int64_t when = time_bytes == 8 ? i64_at(at) : (int32_t)u32_at(at);
        int32_t offset;

        if (type >= b->types || !read_offset(types, type, &offset))
            return false;
        /* Sums of any log's time and these stay in range. */
        if (when < -INT64_C(100000000000) || when > INT64_C(300000000000))
            when = when < 0 ? -INT64_C(100000000000) : INT64_C(300000000000);
        if (!add_change(z, when, offset))
            return false;
    }
    return true;
}

static bool read_file(struct zone *z, struct str file)
{
    struct block b;
    struct rule rule;
    size_t time_bytes = 4;

    if (!read_header(file, 4, &b))
        return false;
    if (file.p[4] >= '2') {
        time_bytes = 8;
        file = str_slice(file, HEADER_BYTES + b.bytes, file.n);
        if (!read_header(file, 8, &b))
            return false;
    }
    if (!read_changes(z, file.p + HEADER_BYTES, time_bytes, &b))
        return false;
    file = str_slice(file, HEADER_BYTES + b.bytes, file.n);
    if (time_bytes == 4 || !take(&file, '\n') || file.n == 0 || file.p[0] == '\n')
        return true; /* no rule */
    if (!parse_rule(str_cut(&file, '\n'), &rule))
        return false;
    if (z->n == 0)
        z->first = rule.standard;
    add_rule(z, &rule);
    return true;
}

struct zone *zone_parse(struct str file)
{
    struct zone *z = malloc(sizeof(*z) + CHANGES_MAX * sizeof(*z->changes));

    if (!z)
        return NULL;
    *z = (struct zone){.changes = (struct zone_change *)(void *)(z + 1)};
    if (!read_file(z, file)) {
        free(z);
        return NULL;
    }
    return z;
}

static bool is_zone_name(struct str name)
{
    if (name.n == 0 || name.n > 64 || !ascii_alnum(name.p[0]) || str_find(name, STR(".."), 0) >= 0)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '\0' || (!ascii_alnum(name.p[i]) && !strchr("_+-/", name.p[i])))
            return false;
    return true;
}

static bool read_whole(int fd, struct buf *out)
{
    for (;;) {
        char *to = buf_reserve(out, 4096);
        ssize_t n = to ? read(fd, to, 4096) : -1;

        if (n <= 0)
            return n == 0;
        out->n += (size_t)n;
    }
}

static struct zone *load_path(const char *path)
{
    struct zone *z = NULL;
    struct buf file;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return NULL;
    buf_init(&file, ZONE_FILE_MAX);
    if (read_whole(fd, &file))
        z = zone_parse(buf_str(&file));
    buf_release(&file);
    close(fd);
    return z;
}

struct zone *zone_load(struct str name, struct buf *why)
{
    struct zone *z = NULL;
    struct buf path;

    buf_init(&path, 256);
    if (is_zone_name(name)) {
        buf_printf(&path, ZONE_DIR "/%.*s", STR_ARGS(name));
        z = load_path(buf_cstr(&path));
        if (!z && access(ZONE_DIR "/Etc/UTC", R_OK))
            buf_lit(why, "is in no time zone data, since there are none in " ZONE_DIR
                         "; install them: apt install tzdata");
    }
    if (!z && why->n == 0)
        buf_lit(why, "is no time zone of " ZONE_DIR "; `timedatectl list-timezones` lists them");
    buf_release(&path);
    return z;
}
