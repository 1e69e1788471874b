/*
 * time_format.c - walks over a time and its format side by side. See time_format.h.
 */
#include "parsers/time_format.h"

#include "parsers/base/time.h"

#include <stdlib.h>

#define TIME_FORMAT_MAX 256

/* The format with its abbreviations (%T, %F, …) written out. */
struct time_format {
    struct buf text;
};

struct parts {
    int year, month, day, hour, minute, second, pm; /* -1: not there */
    int64_t fraction_ms, epoch, zone;
    bool has_epoch, zoned;
};

static const char known[] = "demybhYHIpMSzZsa369%";

static const char *written_out(char c)
{
    switch (c) {
    case 'T':
        return "%H:%M:%S";
    case 'R':
        return "%H:%M";
    case 'F':
        return "%Y-%m-%d";
    case 'D':
        return "%m/%d/%y";
    default:
        return NULL;
    }
}

static bool put_known(struct buf *out, char conversion, struct buf *why)
{
    const char *longer = written_out(conversion);

    if (longer) {
        buf_put_str(out, str_of(longer));
        return true;
    }
    if (conversion != '\0' && strchr(known, conversion)) {
        buf_putc(out, '%');
        buf_putc(out, conversion);
        return true;
    }
    buf_printf(why, "%%%c in a time is not known; known are %%T %%R %%F %%D and",
               conversion > ' ' && conversion <= '~' ? conversion : '?');
    for (const char *k = known; *k; k++)
        buf_printf(why, " %%%c", *k);
    return false;
}

/* Writes the format out; false on a conversion that is not known. */
static bool write_out(struct buf *out, struct str format, struct buf *why)
{
    for (size_t i = 0; i < format.n; i++) {
        if (format.p[i] != '%') {
            buf_putc(out, format.p[i]);
        } else if (++i == format.n) {
            buf_lit(why, "the time's format ends in a single %");
            return false;
        } else if (!put_known(out, format.p[i], why)) {
            return false;
        }
    }
    return true;
}

static bool has(struct str format, char c)
{
    for (size_t i = 0; i + 1 < format.n; i++) {
        if (format.p[i] == '%' && format.p[++i] == c)
            return true;
    }
    return false;
}

static bool tells_instant(struct str f)
{
    if (has(f, 's'))
        return true;
    return (has(f, 'Y') || has(f, 'y')) && (has(f, 'm') || has(f, 'b') || has(f, 'h')) &&
           (has(f, 'd') || has(f, 'e')) && (has(f, 'H') || (has(f, 'I') && has(f, 'p'))) &&
           has(f, 'M');
}

struct time_format *time_format_new(struct str format, struct buf *why)
{
    struct time_format *f = calloc(1, sizeof(*f));

    if (!f) {
        buf_lit(why, "out of memory");
        return NULL;
    }
    buf_init(&f->text, TIME_FORMAT_MAX);
    if (!write_out(&f->text, format, why))
        goto fail;
    if (f->text.failed) {
        buf_printf(why, "the time's format is longer than %d bytes", TIME_FORMAT_MAX);
        goto fail;
    }
    if (!tells_instant(buf_str(&f->text))) {
        buf_lit(why, "the time's format has not all of year, month, day, hour and minute");
        goto fail;
    }
    return f;
fail:
    time_format_free(f);
    return NULL;
}

void time_format_free(struct time_format *f)
{
    if (!f)
        return;
    buf_release(&f->text);
    free(f);
}

/* ---- the walk: each function goes over what a conversion wrote, or answers NULL ---------------
 */

static const char *take_digits(const char *at, const char *end, int n, int *out)
{
    int value = 0;

    if (end - at < n)
        return NULL;
    for (int i = 0; i < n; i++) {
        if (at[i] < '0' || at[i] > '9')
            return NULL;
        value = value * 10 + (at[i] - '0');
    }
    *out = value;
    return at + n;
}

static const char *take_day(const char *at, const char *end, int *out)
{
    return at < end && *at == ' ' ? take_digits(at + 1, end, 1, out) : take_digits(at, end, 2, out);
}

/* Three letters; *month is 0 for those that are no month. */
static const char *take_name(const char *at, const char *end, int *month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    if (end - at < 3 || at[0] < 'A' || at[0] > 'Z' || at[1] < 'a' || at[1] > 'z' || at[2] < 'a' ||
        at[2] > 'z')
        return NULL;
    *month = 0;
    for (int m = 0; m < 12; m++) {
        if (memcmp(at, names + 3 * (size_t)m, 3) == 0)
            *month = m + 1;
    }
    return at + 3;
}

static const char *take_epoch(const char *at, const char *end, struct parts *out)
{
    int n = 0;

    for (; n < 11 && at < end && *at >= '0' && *at <= '9'; n++)
        out->epoch = out->epoch * 10 + (*at++ - '0');
    out->has_epoch = true;
    return n > 0 ? at : NULL;
}

static const char *take_fraction(const char *at, const char *end, int n, struct parts *out)
{
    int value = 0;

    at = take_digits(at, end, n, &value);
    for (; n > 3; n -= 3)
        value /= 1000;
    out->fraction_ms = value;
    return at;
}

static const char *take_zone(const char *at, const char *end, struct parts *out)
{
    int hours = 0, minutes = 0;
    bool minus = at < end && *at == '-';

    out->zoned = true;
    if (at < end && *at == 'Z')
        return at + 1;
    if (at == end || (*at != '+' && *at != '-'))
        return NULL;
    at = take_digits(at + 1, end, 2, &hours);
    if (at && at < end && *at == ':')
        at++;
    at = at ? take_digits(at, end, 2, &minutes) : NULL;
    out->zone = (minus ? -60 : 60) * (int64_t)(hours * 60 + minutes);
    if (hours > 23 || minutes > 59)
        out->day = 0; /* does not exist */
    return at;
}

static const char *take_zone_name(const char *at, const char *end, struct parts *out)
{
    const char *from = at;

    while (at < end && at - from < 5 && *at >= 'A' && *at <= 'Z')
        at++;
    if (at - from == 3 && (memcmp(from, "UTC", 3) == 0 || memcmp(from, "GMT", 3) == 0))
        out->zoned = true;
    return at > from ? at : NULL;
}

static const char *take_half(const char *at, const char *end, struct parts *out)
{
    if (end - at < 2 || (at[0] != 'A' && at[0] != 'P') || at[1] != 'M')
        return NULL;
    out->pm = at[0] == 'P';
    return at + 2;
}

static const char *take_short_year(const char *at, const char *end, struct parts *out)
{
    at = take_digits(at, end, 2, &out->year);
    out->year += out->year < 69 ? 2000 : 1900;
    return at;
}

static const char *take_other(char conversion, const char *at, const char *end, struct parts *out)
{
    int ignored;

    switch (conversion) {
    case 'b':
    case 'h':
        return take_name(at, end, &out->month);
    case 'a':
        return take_name(at, end, &ignored);
    case 'p':
        return take_half(at, end, out);
    case 'z':
        return take_zone(at, end, out);
    case 'Z':
        return take_zone_name(at, end, out);
    case 's':
        return take_epoch(at, end, out);
    case '%':
        return at < end && *at == '%' ? at + 1 : NULL;
    default:
        return take_fraction(at, end, conversion - '0', out);
    }
}

static const char *take(char conversion, const char *at, const char *end, struct parts *out)
{
    switch (conversion) {
    case 'd':
        return take_digits(at, end, 2, &out->day);
    case 'e':
        return take_day(at, end, &out->day);
    case 'm':
        return take_digits(at, end, 2, &out->month);
    case 'y':
        return take_short_year(at, end, out);
    case 'Y':
        return take_digits(at, end, 4, &out->year);
    case 'H':
    case 'I':
        return take_digits(at, end, 2, &out->hour);
    case 'M':
        return take_digits(at, end, 2, &out->minute);
    case 'S':
        return take_digits(at, end, 2, &out->second);
    default:
        return take_other(conversion, at, end, out);
    }
}

static const char *walk(const struct time_format *f, const char *at, const char *end,
                        struct parts *out)
{
    struct str format = buf_str(&f->text);

    *out = (struct parts){.pm = -1};
    for (size_t i = 0; i < format.n && at; i++) {
        if (format.p[i] == '%')
            at = take(format.p[++i], at, end, out);
        else
            at = at < end && *at == format.p[i] ? at + 1 : NULL;
    }
    return at;
}

const char *time_format_end(const struct time_format *f, const char *at, const char *end)
{
    struct parts parts;

    return walk(f, at, end, &parts);
}

static bool exists(const struct parts *t)
{
    if (!time_date_exists(t->year, t->month, t->day))
        return false;
    if (t->pm >= 0 ? t->hour < 1 || t->hour > 12 : t->hour > 23)
        return false;
    return t->minute < 60 && t->second <= 60;
}

bool time_format_parse(const struct time_format *f, struct str text, int64_t *ms, bool *zoned)
{
    struct parts t;

    if (walk(f, text.p, text.p + text.n, &t) != text.p + text.n)
        return false;
    *zoned = t.zoned || t.has_epoch;
    if (t.has_epoch) {
        *ms = t.epoch * 1000 + t.fraction_ms;
        return true;
    }
    if (!exists(&t))
        return false;
    if (t.pm >= 0)
        t.hour = t.hour % 12 + (t.pm ? 12 : 0);
    if (t.second == 60) /* folded, as everywhere here */
        t.second = 59;
    *ms = (time_from_civil(t.year, t.month, t.day, t.hour, t.minute, t.second) - t.zone) * 1000 +
          t.fraction_ms;
    return true;
}

static void put_conversion(struct buf *out, char conversion)
{
    switch (conversion) {
    case 'e':
        buf_lit(out, "(?> \\d|\\d\\d)");
        break;
    case 'b':
    case 'h':
    case 'a':
        buf_lit(out, "[A-Z][a-z][a-z]");
        break;
    case 'Y':
        buf_lit(out, "\\d{4}");
        break;
    case 'p':
        buf_lit(out, "[AP]M");
        break;
    case 'z':
        buf_lit(out, "(?>Z|[+-]\\d\\d:?+\\d\\d)");
        break;
    case 'Z':
        buf_lit(out, "[A-Z]{1,5}+");
        break;
    case 's':
        buf_lit(out, "\\d{1,11}+");
        break;
    case '%':
        buf_putc(out, '%');
        break;
    case '3':
    case '6':
    case '9':
        buf_printf(out, "\\d{%c}", conversion);
        break;
    default:
        buf_lit(out, "\\d\\d");
    }
}

void time_format_pattern(const struct time_format *f, struct buf *out)
{
    struct str format = buf_str(&f->text);

    for (size_t i = 0; i < format.n; i++) {
        if (format.p[i] == '%')
            put_conversion(out, format.p[++i]);
        else
            buf_printf(out, "\\x%02x", (unsigned char)format.p[i]);
    }
}
