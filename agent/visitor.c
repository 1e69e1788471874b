/* visitor.c - see visitor.h. */
#include "agent/visitor.h"

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

void visitor_put_uuid(unsigned char bytes[16], char text[VISITOR_SESSION_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x80);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        text[at++] = digits[bytes[i] >> 4];
        text[at++] = digits[bytes[i] & 15];
    }
    text[at] = '\0';
}

struct str visitor_uuid(const unsigned char key[SIPHASH_KEY], const struct visitor *v,
                        char text[VISITOR_SESSION_TEXT])
{
    unsigned char address[16] = {0}, hash[16];
    struct siphash s;

    if (!address_parse(v->address, address))
        memset(address, 0, sizeof(address));
    siphash_init(&s, key);
    siphash_add(&s, (struct str){(const char *)&v->day, sizeof(v->day)});
    siphash_add(&s, (struct str){(const char *)address, sizeof(address)});
    siphash_add(&s, v->site);
    siphash_add(&s, STR("\0"));
    siphash_add(&s, v->user_agent);
    siphash_end(&s, hash);
    visitor_put_uuid(hash, text);
    return (struct str){text, VISITOR_SESSION_TEXT - 1};
}

struct str visitor_session(const struct hit *hit, struct str site, char text[VISITOR_SESSION_TEXT])
{
    const struct visitor v = {time_day(hit->time_ms), site, hit->client_ip, hit->user_agent};

    if (pthread_once(&secret.once, make_key) != 0 || !secret.known)
        return STR_NONE;
    return visitor_uuid(secret.key, &v, text);
}
