/* visitor.c - see visitor.h. */
#include "agent/visitor.h"

#include "parsers/base/siphash.h"
#include "parsers/base/time.h"
#include "parsers/verdict.h"

#include <pthread.h>
#include <sys/random.h>

/* Written once, before any thread reads it. */
static struct {
    pthread_once_t once;
    unsigned char key[SIPHASH_KEY];
    bool known;
} secret = {.once = PTHREAD_ONCE_INIT};

static void make_key(void)
{
    secret.known = getrandom(secret.key, sizeof(secret.key), 0) == sizeof(secret.key);
}

/* As version 8: "of the maker's own design". */
static void put_uuid(unsigned char hash[16], char text[VISITOR_SESSION_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    hash[6] = (unsigned char)((hash[6] & 0x0f) | 0x80);
    hash[8] = (unsigned char)((hash[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        text[at++] = digits[hash[i] >> 4];
        text[at++] = digits[hash[i] & 15];
    }
    text[at] = '\0';
}

struct str visitor_session(const struct hit *hit, struct str site, char text[VISITOR_SESSION_TEXT])
{
    unsigned char address[16] = {0}, hash[16];
    int64_t day = time_day(hit->time_ms);
    struct siphash s;

    if (pthread_once(&secret.once, make_key) != 0 || !secret.known)
        return STR_NONE;
    if (!address_parse(hit->client_ip, address))
        memset(address, 0, sizeof(address));
    siphash_init(&s, secret.key);
    siphash_add(&s, (struct str){(const char *)&day, sizeof(day)});
    siphash_add(&s, (struct str){(const char *)address, sizeof(address)});
    siphash_add(&s, site);
    siphash_add(&s, STR("\0"));
    siphash_add(&s, hit->user_agent);
    siphash_end(&s, hash);
    put_uuid(hash, text);
    return (struct str){text, VISITOR_SESSION_TEXT - 1};
}
