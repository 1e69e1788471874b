/*
 * admin_export.c - the command export: the API's exports, written to standard output piece by
 * piece.
 */
#include <stdio.h>

#include "config/exit_codes.h"
#include "server/admin_export.h"
#include "server/read_list.h"

#define PIECE_MAX (256u << 20)

static int write_pieces(struct export *e, const struct read_context *x, struct buf *why)
{
    struct buf piece;
    int code = 0;
    buf_init(&piece, PIECE_MAX);
    while (!e->done && code == 0) {
        buf_reset(&piece);
        if (export_next(e, x, &piece)) {
            buf_lit(why, "the store cannot be read, or there is no memory; see its disk; what was "
                         "written is not all");
            code = EXIT_BAD_DATA;
        } else if (piece.n > 0 && fwrite(piece.p, 1, piece.n, stdout) != piece.n) {
            code = EXIT_CANNOT_WRITE;
        }
    }
    if (code == 0 && fflush(stdout))
        code = EXIT_CANNOT_WRITE;
    if (code == EXIT_CANNOT_WRITE)
        buf_lit(why, "cannot write to standard output; make room where it goes, and begin anew");
    buf_release(&piece);
    return code;
}

int admin_export(struct store_reader *reader, const struct site *site, const struct args *args,
                 const struct admin_times *times, struct buf *why)
{
    struct str kind = args_value(args, "--kind"), format = args_value(args, "--format");
    bool fetches = str_eq(kind, STR("ai-fetches"));
    struct read_query query = {.from_ms = times->from_ms, .to_ms = times->to_ms};
    struct read_context x = {.reader = reader, .now_ms = times->now_ms};
    struct export e;
    enum read_format as = READ_CSV;
    if (!site || (!fetches && !str_eq(kind, STR("pageviews"))) ||
        (str_is_set(format) && !read_format_parse(format, &as))) {
        buf_lit(why, "export --site example.com --kind pageviews|ai-fetches "
                     "[--format csv|json|ndjson] [--from T] [--to T]");
        return EXIT_USAGE;
    }
    x.site = site->id;
    x.site_uuid = site->uuid_text;
    /* [from, to] there, [from, to) here. */
    query.to_ms -= query.to_ms != INT64_MAX;
    export_begin(&e, fetches ? COLUMNS_FETCHES : COLUMNS_PAGEVIEWS, &query, as);
    return write_pieces(&e, &x, why);
}
