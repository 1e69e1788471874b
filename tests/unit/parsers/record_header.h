/* record_header.h - batch headers as text, and reading them. */
#ifndef LOGFERRY_TESTS_RECORD_HEADER_H
#define LOGFERRY_TESTS_RECORD_HEADER_H

#include "parsers/record.h"

#define UUID "0190b0a0-1234-7abc-8def-0123456789ab"
#define ID "00112233445566778899aabbccddeeff"

/* Arrays as long as the contract wants them. */
struct arrays {
    struct batch_stream streams[BATCH_MAX_STREAMS];
    struct batch_cell cells[BATCH_MAX_CELLS];
    struct str user_agents[BATCH_MAX_USER_AGENTS];
};

static inline bool header_reads(struct str line, struct batch_header *h, struct arrays *a,
                                struct buf *scratch, const char **why)
{
    *h = (struct batch_header){
        .streams = a->streams, .cells = a->cells, .user_agents = a->user_agents};
    *why = NULL;
    return batch_header_read(line, h, scratch, why);
}

#define V "{\"v\":1,\"batch\":\"" UUID "\",\"agent\":\"a\",\"node\":\"n\""
#define S "{\"id\":\"" ID "\",\"from\":1,\"to\":1,\"lines\":0,\"records\":0"
#define ONE(more) V ",\"streams\":[" S more "}]}"

#endif
