/*
 * container_impl.h - what container.c knows of a codec: how its members begin, and a decoder that
 * is fed. A new codec is one file container_<codec>.c and its row in container.c.
 */
#ifndef LOGFERRY_AGENT_CONTAINER_IMPL_H
#define LOGFERRY_AGENT_CONTAINER_IMPL_H

#include "agent/container.h"

#define MAGIC_MAX_BYTES 10

struct magic {
    unsigned char bytes[MAGIC_MAX_BYTES + 1];
    unsigned char mask[MAGIC_MAX_BYTES + 1]; /* bits that count */
};

/* Both sides advance as bytes are taken and made. */
struct decode_io {
    const unsigned char *in;
    size_t n_in;
    unsigned char *out;
    size_t n_out;
};

enum decoded {
    DECODED_MORE, /* wants more input, or more room */
    DECODED_END,  /* the member is complete and checked; the decoder is ready for the next */
    DECODED_BAD,
    DECODED_TOO_WIDE,
    DECODED_NO_MEMORY,
};

struct codec {
    const char *name;
    const char *wide;          /* the name of what is too wide */
    const char *to_stdout;     /* decompresses one of those */
    unsigned char magic_bytes; /* of each magic: without them nothing begins a member */
    /* Kinds are told by the first `most` bytes, or as many as there are when that is `least`. */
    unsigned char least, most;
    bool pads; /* zeros in fours may stand behind a member */
    /* Decodes a member again that this one finds damaged or cut: what comes out before and what is
     * wrong with it are the judge's word. NULL: this one's. */
    const struct codec *judge;
    const struct magic *magic;
    size_t n_magic;
    void *(*new)(void); /* NULL: out of memory */
    void (*free)(void *decoder);
    /* Takes and makes what it can, and is called again with no input when there is none left: what
     * it still holds must come out. On an error everything before it has been made. */
    enum decoded (*decode)(void *decoder, struct decode_io *io);
    /* As container_length; NULL: never tells. */
    bool (*length)(int fd, uint64_t size, uint64_t *length, uint64_t *modulus);
};

extern const struct codec codec_gzip, codec_zstd, codec_bzip2, codec_xz;

/* All n bytes at this offset. */
bool container_pread(int fd, void *to, size_t n, uint64_t offset);

#endif
