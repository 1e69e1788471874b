/*
 * uuid.c - UUIDs as bytes and as text. Called by the store, the admin commands and the API.
 */
#include "server/uuid.h"

#include <sys/random.h>

int uuid_generate(unsigned char out[16])
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return -1;
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    memcpy(out, bytes, sizeof(bytes));
    return 0;
}

void uuid_format(const unsigned char uuid[16], char out[UUID_TEXT + 1])
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[n++] = '-';
        out[n++] = digits[uuid[i] >> 4];
        out[n++] = digits[uuid[i] & 15];
    }
    out[n] = 0;
}

static bool parse_digits(struct str s, bool dashes, unsigned char out[16])
{
    size_t at = 0;
    for (size_t i = 0; i < 16; i++) {
        if (dashes && (i == 4 || i == 6 || i == 8 || i == 10) && s.p[at++] != '-')
            return false;
        int byte = hex_pair(s.p + at);
        if (byte < 0)
            return false;
        out[i] = (unsigned char)byte;
        at += 2;
    }
    return true;
}

bool uuid_parse(struct str s, unsigned char out[16])
{
    unsigned char bytes[16];
    bool dashes = s.n != 32;
    if (s.n == UUID_TEXT + 9 && str_starts_nocase(s, STR("urn:uuid:")))
        s = str_slice(s, 9, s.n);
    else if (s.n == UUID_TEXT + 2) /* braces, at which google/uuid does not look */
        s = str_slice(s, 1, s.n - 1);
    if (s.n != (dashes ? UUID_TEXT : 32) || !parse_digits(s, dashes, bytes))
        return false;
    memcpy(out, bytes, sizeof(bytes));
    return true;
}
