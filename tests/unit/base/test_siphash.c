/* SipHash-2-4-128: the vectors that its authors publish, for the key 00 01 … 0f and the texts 00,
 * 00 01, … */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "parsers/base/siphash.h"

static void hash(const unsigned char *text, size_t n, size_t cut, unsigned char out[16])
{
    unsigned char key[SIPHASH_KEY];
    struct siphash s;

    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = (unsigned char)i;
    siphash_init(&s, key);
    siphash_add(&s, (struct str){(const char *)text, cut});
    siphash_add(&s, (struct str){(const char *)text + cut, n - cut});
    siphash_end(&s, out);
}

static void test_vectors(void **state)
{
    static const struct {
        size_t n;
        unsigned char hash[16];
    } vectors[] = {
        {0,
         {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02,
          0x93}},
        {1,
         {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc,
          0x45}},
        {2,
         {0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6, 0x0a, 0xff,
          0xe4}},
    };
    unsigned char text[64], got[16];

    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        hash(text, vectors[i].n, 0, got);
        assert_memory_equal(got, vectors[i].hash, 16);
    }
}

/* In two parts, cut anywhere, it is the same as in one. */
static void test_parts(void **state)
{
    unsigned char text[40] = "a text that is longer than a few words", whole[16], parts[16];

    for (size_t n = 0; n <= sizeof(text); n++) {
        hash(text, n, 0, whole);
        for (size_t cut = 0; cut <= n; cut++) {
            hash(text, n, cut, parts);
            assert_memory_equal(whole, parts, 16);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors),
                                       cmocka_unit_test(test_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
