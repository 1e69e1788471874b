/* seam.c - see seam.h. */
#include "agent/seam.h"

#include "agent/lines.h"
#include "parsers/base/hash.h"

#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

static struct str last_bytes(struct str s, size_t n)
{
    return s.n > n ? str_slice(s, s.n - n, s.n) : s;
}

struct seam seam_of(struct str before, uint64_t at)
{
    struct str s = last_bytes(before, SEAM_BYTES);
    return at ? (struct seam){.at = at, .hash = hash_64(s, 0), .bytes = (uint32_t)s.n}
              : (struct seam){0};
}

bool seam_fits(const struct seam *seam, struct str before)
{
    return before.n >= seam->bytes && hash_64(last_bytes(before, seam->bytes), 0) == seam->hash;
}

struct head head_of(struct str first)
{
    struct str s = str_slice(first, 0, first.n < HEAD_BYTES ? first.n : HEAD_BYTES);
    return s.n ? (struct head){.bytes = (uint32_t)s.n, .hash = hash_64(s, 0)} : (struct head){0};
}

bool head_fits(const struct head *head, struct str first)
{
    return head->bytes == 0 ||
           (first.n >= head->bytes && hash_64(str_slice(first, 0, head->bytes), 0) == head->hash);
}

static enum seam_result check_plain(int fd, const struct seam *seam)
{
    char text[SEAM_BYTES];
    ssize_t n;
    if (seam->bytes > SEAM_BYTES || seam->bytes > seam->at)
        return SEAM_DIFFERS;
    do
        n = pread(fd, text, seam->bytes, (off_t)(seam->at - seam->bytes));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return SEAM_ERROR;
    if ((size_t)n < seam->bytes)
        return SEAM_SHORT;
    return seam_fits(seam, (struct str){text, (size_t)n}) ? SEAM_FITS : SEAM_DIFFERS;
}

enum seam_result seam_check(int fd, enum container_kind kind, const struct seam *seam)
{
    if (kind == CONTAINER_PLAIN)
        return check_plain(fd, seam);
    struct lines *l = lines_new(fd, kind, seam->at);
    if (!l)
        return SEAM_ERROR;
    enum seam_result result = SEAM_SHORT;
    if (lines_state(l) == CONTAINER_IO_ERROR)
        result = SEAM_ERROR;
    else if (lines_position(l) == seam->at)
        result = seam_fits(seam, lines_seam(l)) ? SEAM_FITS : SEAM_DIFFERS;
    lines_free(l);
    return result;
}
