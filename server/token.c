/*
 * token.c - makes tokens; hashes them, and whatever else goes by its SHA-256. By OpenSSL.
 */
#include "server/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/random.h>

#include "parsers/base/hash.h"

int sha256(struct str s, unsigned char out[TOKEN_HASH_BYTES])
{
    unsigned int n = 0;
    const void *bytes = s.p ? s.p : "";
    return EVP_Digest(bytes, s.n, out, &n, EVP_sha256(), NULL) == 1 && n == TOKEN_HASH_BYTES ? 0
                                                                                             : -1;
}

struct sha256_run {
    EVP_MD_CTX *context;
};

struct sha256_run *sha256_begin(void)
{
    struct sha256_run *run = calloc(1, sizeof(*run));
    if (!run)
        return NULL;
    run->context = EVP_MD_CTX_new();
    if (run->context && EVP_DigestInit_ex(run->context, EVP_sha256(), NULL) == 1)
        return run;
    sha256_free(run);
    return NULL;
}

int sha256_add(struct sha256_run *run, struct str s)
{
    return EVP_DigestUpdate(run->context, s.p, s.n) == 1 ? 0 : -1;
}

int sha256_end(struct sha256_run *run, unsigned char out[TOKEN_HASH_BYTES])
{
    unsigned int n = 0;
    return EVP_DigestFinal_ex(run->context, out, &n) == 1 && n == TOKEN_HASH_BYTES ? 0 : -1;
}

void sha256_free(struct sha256_run *run)
{
    if (!run)
        return;
    EVP_MD_CTX_free(run->context);
    free(run);
}

int token_generate(char out[TOKEN_LENGTH + 1])
{
    unsigned char secret[32];
    if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
        return -1;
    struct buf text;
    buf_init(&text, TOKEN_LENGTH + 1);
    buf_lit(&text, "lf_");
    buf_put_hex(&text, secret, sizeof(secret));
    uint32_t crc = hash_crc32(0, buf_str(&text));
    buf_putc(&text, '_');
    const unsigned char sum[4] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16),
                                  (unsigned char)(crc >> 8), (unsigned char)crc};
    buf_put_hex(&text, sum, sizeof(sum));
    int status = text.failed || text.n != TOKEN_LENGTH ? -1 : 0;
    if (status == 0) {
        memcpy(out, text.p, TOKEN_LENGTH);
        out[TOKEN_LENGTH] = 0;
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    if (text.p)
        OPENSSL_cleanse(text.p, text.cap);
    buf_release(&text);
    return status;
}

void secret_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}
