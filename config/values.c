/* values.c - see values.h. */
#include "config/values.h"

#define MAX_PATH_BYTES 4000
#define MAX_HOST_BYTES 253
#define MAX_HOST_LABEL_BYTES 63
#define MAX_LABEL_BYTES 64
#define MAX_COMPARED_BYTES 40

static size_t digits(struct str s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

struct unit {
    struct str name;
    uint64_t factor;
};

static bool with_unit(struct str s, const struct unit *units, size_t n_units, uint64_t *out)
{
    size_t n = digits(s);
    struct str unit = str_slice(s, n, s.n);
    uint64_t number;

    if (!str_to_u64(str_slice(s, 0, n), UINT64_MAX, &number))
        return false;
    for (size_t i = 0; i < n_units; i++) {
        if (str_eq(unit, units[i].name))
            return !__builtin_mul_overflow(number, units[i].factor, out);
    }
    return false;
}

bool value_size(struct str s, uint64_t *bytes)
{
    static const struct unit units[] = {
        {{"", 0}, 1},
        {{"K", 1}, UINT64_C(1) << 10},
        {{"KiB", 3}, UINT64_C(1) << 10},
        {{"M", 1}, UINT64_C(1) << 20},
        {{"MiB", 3}, UINT64_C(1) << 20},
        {{"G", 1}, UINT64_C(1) << 30},
        {{"GiB", 3}, UINT64_C(1) << 30},
        {{"T", 1}, UINT64_C(1) << 40},
        {{"TiB", 3}, UINT64_C(1) << 40},
    };
    uint64_t value;

    if (!with_unit(s, units, sizeof(units) / sizeof(units[0]), &value))
        return false;
    *bytes = value;
    return true;
}

bool value_duration(struct str s, uint64_t *ms)
{
    static const struct unit units[] = {
        {{"s", 1}, 1000},
        {{"m", 1}, UINT64_C(60) * 1000},
        {{"h", 1}, UINT64_C(3600) * 1000},
        {{"d", 1}, UINT64_C(86400) * 1000},
    };
    uint64_t value;

    if (!with_unit(s, units, sizeof(units) / sizeof(units[0]), &value))
        return false;
    *ms = value;
    return true;
}

static const char *why_no_host_byte(char c)
{
    if ((unsigned char)c >= 0x80)
        return "it is not in ASCII (write the xn-- form)";
    switch (c) {
    case ':':
        return "it has a port or a scheme";
    case '*':
        return "wildcards are not supported by this version";
    case '.':
        return "a part between its dots is empty";
    default:
        return "it holds a sign that no host name has";
    }
}

bool value_host(struct str s, const char **why)
{
    size_t label = 0;

    if (s.n == 0 || s.n > MAX_HOST_BYTES) {
        *why = s.n == 0 ? "it is empty" : "it is longer than 253 bytes";
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.' && label > 0) {
            label = 0;
            continue;
        }
        if (!ascii_alnum(c) && c != '-' && c != '_') {
            *why = why_no_host_byte(c);
            return false;
        }
        if (++label > MAX_HOST_LABEL_BYTES) {
            *why = "a part between its dots is longer than 63 bytes";
            return false;
        }
    }
    if (label == 0) {
        *why = "it ends with a dot";
        return false;
    }
    return true;
}

bool value_method(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] < 'A' || s.p[i] > 'Z') && s.p[i] != '-')
            return false;
    }
    return s.n <= 32;
}

bool value_content_type(struct str s)
{
    ptrdiff_t slash = str_chr(s, '/', 0);

    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == ';' || s.p[i] == ',')
            return false;
    return slash > 0 && (size_t)slash + 1 < s.n;
}

bool value_extension(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alnum(s.p[i]))
            return false;
    return s.n <= 8;
}

bool value_label(struct str s)
{
    if (s.n == 0 || s.n > MAX_LABEL_BYTES)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' && s.p[i] != '.')
            return false;
    }
    return true;
}

bool value_absolute_path(struct str s)
{
    if (s.n == 0 || s.n > MAX_PATH_BYTES || s.p[0] != '/')
        return false;
    return str_find(s, STR("/../"), 0) < 0 && !str_ends(s, STR("/.."));
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t value_distance(struct str a, struct str b)
{
    size_t rows[3][MAX_COMPARED_BYTES + 1]; /* of the matrix: i - 2, i - 1, i */

    if (a.n > MAX_COMPARED_BYTES || b.n > MAX_COMPARED_BYTES)
        return MAX_COMPARED_BYTES;
    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = ascii_lower(a.p[i - 1]), y = ascii_lower(b.p[j - 1]);
            row[j] = least(least(up[j], row[j - 1]) + 1, up[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == ascii_lower(b.p[j - 2]) && ascii_lower(a.p[i - 2]) == y)
                row[j] = least(row[j], up2[j - 2] + 1);
        }
    }
    return rows[a.n % 3][b.n];
}
