/* A CloudFront file: header lines and rows. With an odd first byte the 33 columns are named first.
 */
#include "tests/fuzz/fuzz_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char header[] =
        "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status "
        "cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id "
        "x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher "
        "x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port "
        "time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len "
        "sc-range-start sc-range-end\n";
    size_t head = n > 0 && data[0] % 2 ? sizeof(header) - 1 : 0;
    uint8_t *file;

    if (n == 0 || !(file = malloc(head + n)))
        return 0;
    memcpy(file, header, head);
    memcpy(file + head, data + 1, n - 1);
    fuzz_format("cloudfront", file, head + n - 1);
    free(file);
    return 0;
}
