/*
 * time.c - dates by arithmetic alone. See time.h.
 * Days are counted in eras of 400 years that begin on 1 March, so that the leap day is the last of
 * its year (H. Hinnant, "chrono-compatible low-level date algorithms").
 */
#include "parsers/base/time.h"

#define ERA_DAYS 146097
#define EPOCH_DAY 719468 /* days from 0000-03-01 to 1970-01-01 */
#define YEAR_0_MS (-INT64_C(62167219200000))
#define YEAR_9999_MS INT64_C(253402300799999)

struct civil {
    int year, month, day;
};

static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAY;
}

/* For days of the years 0 to 9999 only: a cycle of 400 years is added so that all of it is
 * unsigned. Multiplications in place of most divisions are those of Neri and Schneider, "Euclidean
 * affine functions and their application to calendar algorithms". */
static struct civil civil_from_days(int64_t since_epoch)
{
    uint32_t quarters = 4 * (uint32_t)(since_epoch + EPOCH_DAY + ERA_DAYS) + 3;
    uint32_t century = quarters / ERA_DAYS;
    uint64_t years = UINT64_C(2939745) * (quarters % ERA_DAYS | 3); /* of the century, times 2^32 */
    uint32_t of_year = (uint32_t)years / 2939745 / 4;               /* from March */
    uint32_t months = 2141 * of_year + 197913;                      /* times 2^16 */
    bool next_year = of_year >= 306;                                /* January, February */
    struct civil c;

    c.day = (int)((months & 0xffff) / 2141) + 1;
    c.month = (int)(months >> 16) - (next_year ? 12 : 0);
    c.year = (int)(100 * century + (uint32_t)(years >> 32)) - 400 + next_year;
    return c;
}

int64_t time_from_civil(int year, int month, int day, int hour, int minute, int second)
{
    int64_t days = days_from_civil(year, month, day);
    return days * 86400 + hour * 3600 + minute * 60 + second;
}

/* Two digits as 0..99, or -1. */
static int two_digits(const char *p)
{
    unsigned high = (unsigned)(unsigned char)p[0] - '0';
    unsigned low = (unsigned)(unsigned char)p[1] - '0';
    return high <= 9 && low <= 9 ? (int)(high * 10 + low) : -1;
}

static int four_digits(const char *p)
{
    int high = two_digits(p);
    int low = two_digits(p + 2);
    return high < 0 || low < 0 ? -1 : high * 100 + low;
}

bool time_date_exists(int year, int month, int day)
{
    static const signed char length[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (year < 0 || month < 1 || month > 12 || day < 1 || day > length[month - 1])
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month != 2 || day < 29 || leap;
}

/* HH:MM:SS to the second of the day, or -1; second 60 is folded into 59. */
static int clock_seconds(const char *p)
{
    int hour = two_digits(p);
    int minute = two_digits(p + 3);
    int second = two_digits(p + 6);

    if (p[2] != ':' || p[5] != ':' || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 60)
        return -1;
    return hour * 3600 + minute * 60 + (second == 60 ? 59 : second);
}

/* The sign and its digits to seconds east of UTC. */
static bool zone_seconds(char sign, const char *hours, const char *minutes, int *out)
{
    int hour = two_digits(hours);
    int minute = two_digits(minutes);

    if ((sign != '+' && sign != '-') || hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return false;
    int seconds = hour * 3600 + minute * 60;
    *out = sign == '-' ? -seconds : seconds;
    return true;
}

/* 1..12, or 0. The sum of its second and third letter tells a month's name from the others. */
static int month_number(const char *p)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const unsigned char by_sum[32] = {
        [1] = 7,  [2] = 4,  [3] = 6,  [5] = 11,  [7] = 2,  [8] = 12,
        [15] = 1, [19] = 3, [21] = 9, [23] = 10, [26] = 5, [28] = 8,
    };
    int month = by_sum[((unsigned char)p[1] + (unsigned char)p[2]) % 32];

    return month > 0 && memcmp(p, names + 3 * (month - 1), 3) == 0 ? month : 0;
}

bool time_parse_clf(struct str s, int64_t *ms)
{
    char full[26] = "0";
    int zone;

    if (s.n == 25) { /* a day of one digit */
        memcpy(full + 1, s.p, 25);
        s = (struct str){full, sizeof(full)};
    }
    if (s.n != 26 || s.p[2] != '/' || s.p[6] != '/' || (s.p[11] != ':' && s.p[11] != ' ') ||
        s.p[20] != ' ')
        return false;
    int day = two_digits(s.p);
    int month = month_number(s.p + 3);
    int year = four_digits(s.p + 7);
    int second = clock_seconds(s.p + 12);
    if (!time_date_exists(year, month, day) || second < 0 ||
        !zone_seconds(s.p[21], s.p + 22, s.p + 24, &zone))
        return false;
    *ms = (days_from_civil(year, month, day) * 86400 + second - zone) * 1000;
    return true;
}

/* YYYY-MM-DD in ten bytes, to days. */
static bool parse_date(const char *p, int64_t *days)
{
    int year = four_digits(p);
    int month = two_digits(p + 5);
    int day = two_digits(p + 8);

    if (p[4] != '-' || p[7] != '-' || !time_date_exists(year, month, day))
        return false;
    *days = days_from_civil(year, month, day);
    return true;
}

bool time_parse_w3c(struct str date, struct str time, int64_t *ms)
{
    int64_t days;

    if (date.n != 10 || time.n != 8 || !parse_date(date.p, &days))
        return false;
    int second = clock_seconds(time.p);
    if (second < 0)
        return false;
    *ms = (days * 86400 + second) * 1000;
    return true;
}

/* ".5" and so on at *at, when there is one: milliseconds, what is finer cut off. */
static bool parse_fraction(struct str s, char mark, size_t *at, int *ms)
{
    static const int weight[] = {100, 10, 1};
    size_t digits = 0;

    *ms = 0;
    if (*at >= s.n || s.p[*at] != mark)
        return true;
    for (++*at; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; ++*at, digits++)
        *ms += digits < 3 ? (s.p[*at] - '0') * weight[digits] : 0;
    return digits > 0;
}

static bool parse_zone(struct str zone, int *seconds)
{
    if (zone.n == 1 && (zone.p[0] == 'Z' || zone.p[0] == 'z')) {
        *seconds = 0;
        return true;
    }
    return zone.n == 6 && zone.p[3] == ':' &&
           zone_seconds(zone.p[0], zone.p + 1, zone.p + 4, seconds);
}

bool time_parse_rfc3339(struct str s, int64_t *ms)
{
    int64_t days;
    size_t at = 19;
    int fraction, zone;

    if (s.n < 20 || !parse_date(s.p, &days))
        return false;
    if (s.p[10] != 'T' && s.p[10] != 't' && s.p[10] != ' ')
        return false;
    int second = clock_seconds(s.p + 11);
    if (second < 0 || !parse_fraction(s, '.', &at, &fraction) ||
        !parse_zone(str_slice(s, at, s.n), &zone))
        return false;
    *ms = (days * 86400 + second - zone) * 1000 + fraction;
    return true;
}

/* What stands behind the seconds: nothing (local), or a zone. */
static bool parse_any_zone(struct str s, int *seconds, bool *local)
{
    *seconds = 0;
    *local = s.n == 0;
    if (s.n > 0 && s.p[0] == ' ')
        s = str_slice(s, 1, s.n);
    if (*local || str_eq(s, STR("UTC")) || str_eq(s, STR("GMT")))
        return true;
    if (s.n == 3)
        return zone_seconds(s.p[0], s.p + 1, "00", seconds);
    if (s.n == 5)
        return zone_seconds(s.p[0], s.p + 1, s.p + 3, seconds);
    return parse_zone(s, seconds);
}

/* dd/Mon/yyyy or YYYY-MM-DD or YYYY/MM/DD, and the byte behind it; *used of s (20 bytes or more or
 * all of it) are read. */
static bool parse_any_date(struct str s, int64_t *days, size_t *used)
{
    char iso[10];

    if (s.p[2] == '/') {
        int month = month_number(s.p + 3);

        *used = 12;
        if (s.n < 20 || s.p[6] != '/' || (s.p[11] != ':' && s.p[11] != ' ') ||
            !time_date_exists(four_digits(s.p + 7), month, two_digits(s.p)))
            return false;
        *days = days_from_civil(four_digits(s.p + 7), month, two_digits(s.p));
        return true;
    }
    memcpy(iso, s.p, sizeof(iso));
    if (iso[4] == '/' && iso[7] == '/')
        iso[4] = iso[7] = '-';
    *used = 11;
    return parse_date(iso, days) && (s.p[10] == 'T' || s.p[10] == 't' || s.p[10] == ' ');
}

static bool is_weekday(const char *p)
{
    static const char names[] = "SunMonTueWedThuFriSat";

    for (size_t i = 0; i < sizeof(names) - 1; i += 3)
        if (memcmp(p, names + i, 3) == 0)
            return true;
    return false;
}

/* HTTP's dates (RFC 9110, 5.6.7), and C's asctime. */
static bool parse_weekday_first(struct str s, int64_t *ms, bool *local)
{
    bool asctime = s.n == 24 && s.p[3] == ' ' && s.p[7] == ' ' && s.p[10] == ' ' && s.p[19] == ' ';
    char day[2] = {0};
    int zone = 0;

    if (!asctime && (s.n < 25 || s.p[3] != ',' || s.p[4] != ' ' || s.p[7] != ' ' ||
                     s.p[11] != ' ' || s.p[16] != ' '))
        return false;
    memcpy(day, s.p + (asctime ? 8 : 5), 2);
    if (day[0] == ' ')
        day[0] = '0';
    int month = month_number(s.p + (asctime ? 4 : 8));
    int year = four_digits(s.p + (asctime ? 20 : 12));
    int second = clock_seconds(s.p + (asctime ? 11 : 17));
    if (!time_date_exists(year, month, two_digits(day)) || second < 0 ||
        !parse_any_zone(str_slice(s, asctime ? s.n : 25, s.n), &zone, local))
        return false;
    *ms = (days_from_civil(year, month, two_digits(day)) * 86400 + second - zone) * 1000;
    return true;
}

bool time_parse_text(struct str s, int64_t *ms, bool *local)
{
    int64_t days;
    int fraction, zone;
    size_t at;

    if (s.n >= 24 && is_weekday(s.p))
        return parse_weekday_first(s, ms, local);
    if (s.n < 19 || !parse_any_date(s, &days, &at))
        return false;
    int second = clock_seconds(s.p + at);
    at += 8;
    if (second < 0 || !parse_fraction(s, at < s.n && s.p[at] == ',' ? ',' : '.', &at, &fraction) ||
        !parse_any_zone(str_slice(s, at, s.n), &zone, local))
        return false;
    *ms = (days * 86400 + second - zone) * 1000 + fraction;
    return true;
}

static void write_date(char *to, int64_t days)
{
    struct civil c = civil_from_days(days);

    decimal_pair(to, (unsigned)c.year / 100);
    decimal_pair(to + 2, (unsigned)c.year % 100);
    to[4] = '-';
    decimal_pair(to + 5, (unsigned)c.month);
    to[7] = '-';
    decimal_pair(to + 8, (unsigned)c.day);
}

static int64_t clamp_years(int64_t ms)
{
    if (ms < YEAR_0_MS)
        return YEAR_0_MS;
    return ms > YEAR_9999_MS ? YEAR_9999_MS : ms;
}

void time_put_rfc3339(struct buf *out, int64_t ms)
{
    char *to = buf_reserve(out, 24);

    if (!to)
        return;
    ms = clamp_years(ms);
    int64_t days = time_day(ms);
    unsigned rest = (unsigned)(ms - days * DAY_MS);
    unsigned second = rest / 1000;
    unsigned fraction = rest % 1000;
    write_date(to, days);
    to[10] = 'T';
    decimal_pair(to + 11, second / 3600);
    to[13] = ':';
    decimal_pair(to + 14, second / 60 % 60);
    to[16] = ':';
    decimal_pair(to + 17, second % 60);
    to[19] = '.';
    to[20] = (char)('0' + fraction / 100);
    decimal_pair(to + 21, fraction % 100);
    to[23] = 'Z';
    out->n += 24;
}

void time_put_date(struct buf *out, int64_t ms)
{
    char *to = buf_reserve(out, 10);

    if (!to)
        return;
    write_date(to, time_day(clamp_years(ms)));
    out->n += 10;
}

int64_t time_day(int64_t ms)
{
    return ms >= 0 ? ms / DAY_MS : -((-(ms + 1)) / DAY_MS) - 1;
}

void time_to_date(int64_t day, int *year, int *month, int *of_month)
{
    struct civil c = civil_from_days(day);

    *year = c.year;
    *month = c.month;
    *of_month = c.day;
}
