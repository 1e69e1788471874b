/* admin_fsck.c - fsck: a line for each thing that is wrong with a store. */
#include <stdio.h>

#include "parsers/base/json.h"
#include "server/admin_care.h"
#include "server/store_care.h"

struct fsck {
    bool json;
    uint64_t n;
};

static void put_json(struct buf *out, const struct check_finding *f, bool first)
{
    buf_put_str(out, str_of(first ? "{\"findings\":[\n" : ",\n"));
    buf_lit(out, "{\"table\":");
    json_put_string(out, str_of(f->table));
    buf_lit(out, ",\"row\":");
    if (str_is_set(f->row))
        json_put_string(out, f->row);
    else
        buf_lit(out, "null");
    buf_lit(out, ",\"what\":");
    json_put_string(out, f->what);
    buf_lit(out, ",\"mend\":");
    json_put_string(out, str_of(f->mend));
    buf_putc(out, '}');
}

/* A damaged row may hold any byte: none of them moves the cursor. */
static void put_printable(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        buf_putc(out, c < ' ' || c == 127 ? '?' : s.p[i]);
    }
}

static void put_text(struct buf *out, const struct check_finding *f)
{
    buf_put_str(out, str_of(f->table));
    if (str_is_set(f->row)) {
        buf_putc(out, ' ');
        put_printable(out, f->row);
    }
    buf_lit(out, ": ");
    put_printable(out, f->what);
    buf_printf(out, "; mend: %s\n", f->mend);
}

static void on_finding(void *arg, const struct check_finding *finding)
{
    struct fsck *fsck = arg;
    struct buf line;
    buf_init(&line, 1u << 20);
    if (fsck->json)
        put_json(&line, finding, fsck->n == 0);
    else
        put_text(&line, finding);
    fsck->n++;
    fwrite(buf_str(&line).p, 1, line.n, stdout);
    buf_release(&line);
}

int care_fsck(struct care *c)
{
    enum store_failure failure;
    struct fsck fsck = {.json = args_flag(&c->args, "--json")};
    if (c->args.n_words > 0) {
        buf_printf(&c->why, "fsck takes options only; found %s", c->args.words[0]);
        return EXIT_USAGE;
    }
    if (store_check(c->store_dir, on_finding, &fsck, &c->why, &failure))
        return admin_exit_code(failure);
    if (fsck.json)
        puts(fsck.n ? "],\"clean\":false}" : "{\"findings\":[],\"clean\":true}");
    else if (fsck.n == 0)
        printf("%s: nothing found\n", c->store_dir);
    if (fflush(stdout) || ferror(stdout)) {
        buf_lit(&c->why, "cannot write what was found");
        return EXIT_CANNOT_WRITE;
    }
    if (fsck.n == 0)
        return EXIT_OK;
    buf_printf(&c->why, "%llu findings in %s", (unsigned long long)fsck.n, c->store_dir);
    return EXIT_BAD_DATA;
}
