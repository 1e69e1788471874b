/* zone.c - see zone.h. */
#include "parsers/base/zone.h"

static int32_t offset_of(const struct zone *z, size_t period)
{
    return period == 0 ? z->first : z->changes[period - 1].offset;
}

/* Period i lies between changes i - 1 and i. The first that does not end before `local` as its own
 * clock shows it. */
static size_t find_period(const struct zone *z, int64_t local)
{
    size_t low = 0, high = z->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (local - offset_of(z, middle) < z->changes[middle].at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int64_t zone_to_utc_ms(const struct zone *zone, int64_t local_seconds)
{
    if (!zone)
        return local_seconds * 1000;
    size_t period = find_period(zone, local_seconds);
    int64_t utc = local_seconds - offset_of(zone, period);
    if (period > 0 && utc < zone->changes[period - 1].at)
        utc = local_seconds - offset_of(zone, period - 1); /* never shown */
    return utc * 1000;
}

int32_t zone_offset(const struct zone *zone, int64_t utc_seconds)
{
    size_t low = 0, high = zone ? zone->n : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (utc_seconds < zone->changes[middle].at)
            high = middle;
        else
            low = middle + 1;
    }
    return zone ? offset_of(zone, low) : 0;
}
