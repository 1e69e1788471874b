/* password.c - hashes and compares passwords, by libxcrypt. */
#include "server/password.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#define METHOD "$y$" /* yescrypt, with the library's own cost */

/* What a person without a password is compared with: a hash of nothing anybody can type. */
#define NOBODY_SALT METHOD "j9T$fUgqSkQxVmn0Cd6Qv0Zxk1"

const char *password_refusal(struct str plain)
{
    if (plain.n < PASSWORD_MIN)
        return "is shorter than 8 bytes";
    if (plain.n > PASSWORD_MAX)
        return "is longer than 256 bytes";
    for (size_t i = 0; i < plain.n; i++)
        if ((unsigned char)plain.p[i] < ' ' || plain.p[i] == 127)
            return "holds a control character";
    return NULL;
}

/* crypt(3) of the password by that setting, which may be a whole hash. Appends it to `out`. */
static int crypt_to(struct str plain, const char *setting, struct buf *out)
{
    char phrase[PASSWORD_MAX + 1];
    struct crypt_data *work = NULL;
    int status = -1;
    if (plain.n > PASSWORD_MAX || memchr(plain.n ? plain.p : "", 0, plain.n))
        return -1;
    work = calloc(1, sizeof(*work));
    if (work) {
        if (plain.n)
            memcpy(phrase, plain.p, plain.n);
        phrase[plain.n] = 0;
        const char *hash = crypt_r(phrase, setting, work);
        if (hash && hash[0] != '*') {
            buf_put_str(out, str_of(hash));
            status = out->failed ? -1 : 0;
        }
        OPENSSL_cleanse(phrase, sizeof(phrase));
        OPENSSL_cleanse(work, sizeof(*work));
    }
    free(work);
    return status;
}

int password_hash(struct str plain, struct buf *out)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (!crypt_gensalt_rn(METHOD, 0, NULL, 0, setting, sizeof(setting)))
        return -1;
    return crypt_to(plain, setting, out);
}

bool password_matches(struct str plain, struct str hash)
{
    char setting[PASSWORD_HASH_MAX + 1];
    struct buf made;
    bool known = hash.n > 0 && hash.n <= PASSWORD_HASH_MAX;
    buf_init(&made, PASSWORD_HASH_MAX);
    struct str from = known ? hash : STR(NOBODY_SALT);
    memcpy(setting, from.p, from.n);
    setting[from.n] = 0;
    bool same = crypt_to(plain, setting, &made) == 0 && made.n == hash.n &&
                CRYPTO_memcmp(made.p, hash.p, made.n) == 0;
    buf_release(&made);
    return known && same;
}
