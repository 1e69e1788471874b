/* cmd_detect.c - which format a log has, and the configuration to paste for it. */
#include "agent/commands.h"
#include "agent/detect_conf.h"
#include "agent/log_head.h"
#include "agent/terminal.h"
#include "config/exit_codes.h"
#include "parsers/base/json.h"
#include "parsers/base/shell.h"
#include "parsers/base/time.h"
#include "parsers/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME_ROOM 4096 /* of a path in a message */
#define OUTPUT_MAX (32u << 20)
#define INPUT_MAX (32u << 20) /* of standard input that is looked at */

/* ---- samples ----------------------------------------------------------------------------------
 */

typedef void sample_fn(struct buf *out, const struct hit *hit, bool first);

/* Each sample's hit, read with what the format needs to know from the lines before. */
static void each_sample(struct buf *out, const struct log_head *head, const struct detection *d,
                        sample_fn *fn)
{
    struct buf why;
    struct hit hit;
    size_t k = 0;

    buf_init(&why, 4096);
    struct format *f = format_new(str_of(d->spec), NULL, &why);
    struct parser *p = f ? parser_new(f) : NULL;
    for (size_t i = 0; p && i < head->n && k < d->n_samples; i++) {
        bool wanted = i == d->samples[k];
        if (parser_line(p, head->lines[i], &hit) == PARSE_OK && wanted)
            fn(out, &hit, k == 0);
        k += wanted;
    }
    parser_free(p);
    format_free(f);
    buf_release(&why);
}

static void put_column(struct buf *out, struct str text, size_t width)
{
    size_t from = out->n;

    if (str_is_set(text))
        terminal_put_safe(out, text, width);
    else
        buf_putc(out, '-');
    for (size_t n = out->n - from; n < width; n++)
        buf_putc(out, ' ');
    buf_putc(out, ' ');
}

static void put_sample(struct buf *out, const struct hit *hit, bool first)
{
    buf_lit(out, "  ");
    time_put_rfc3339(out, hit->time_ms);
    buf_putc(out, ' ');
    put_column(out, hit->client_ip, 15);
    put_column(out, hit->host, 20);
    put_column(out, hit->path, 26);
    if (hit->status >= 0)
        buf_printf(out, "%03d ", hit->status);
    else
        buf_lit(out, "-   ");
    put_column(out, hit->user_agent, 40);
    while (out->n && out->p[out->n - 1] == ' ')
        out->n--;
    buf_putc(out, '\n');
}

static void put_json_sample(struct buf *out, const struct hit *hit, bool first)
{
    buf_put_str(out, first ? STR("{\"time\":\"") : STR(",{\"time\":\""));
    time_put_rfc3339(out, hit->time_ms);
    buf_lit(out, "\",\"client_ip\":");
    json_put_string(out, hit->client_ip);
    buf_lit(out, ",\"host\":");
    json_put_string(out, hit->host);
    buf_lit(out, ",\"path\":");
    json_put_string(out, hit->path);
    buf_lit(out, ",\"status\":");
    if (hit->status >= 0)
        buf_put_i64(out, hit->status);
    else
        buf_lit(out, "null");
    buf_lit(out, ",\"user_agent\":");
    json_put_string(out, hit->user_agent);
    buf_putc(out, '}');
}

/* ---- for people -------------------------------------------------------------------------------
 */

/* What a record is made of, and what is done without it. */
static const struct {
    enum hit_field field;
    const char *without;
} wanted[] = {
    {HIT_FIELD_HOST, "set `default_host`, put {host} into the file's name, or add $host (Apache: "
                     "%v) to the format"},
    {HIT_FIELD_PATH, "no line can be a record"},
    {HIT_FIELD_STATUS, "add it to the format: without it no line is a page"},
    {HIT_FIELD_USER_AGENT, "add it to the format: without it no agent and no visitor is known"},
    {HIT_FIELD_CLIENT_IP, "visitors cannot be told apart"},
    {HIT_FIELD_REFERRER, "it is not known where visitors come from"},
    {HIT_FIELD_CONTENT_TYPE, "pages are told by their path"},
    {HIT_FIELD_DURATION, "AI fetches are stored without it"},
};

static void put_given(struct buf *out, const struct detection *d)
{
    bool first = true;

    buf_lit(out, "  gives   ");
    for (int i = 0; i < HIT_FIELD_COUNT; i++)
        if (d->fields >> i & 1) {
            buf_printf(out, "%s%s", first ? "" : ", ", hit_field_name((enum hit_field)i));
            first = false;
        }
    buf_putc(out, '\n');
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (!(d->fields >> wanted[i].field & 1))
            buf_printf(out, "  lacks   %s: %s\n", hit_field_name(wanted[i].field),
                       wanted[i].without);
}

static void put_paste(struct buf *out, const char *path, const struct detection *d, bool guessed)
{
    char *whole = strcmp(path, "-") == 0 ? NULL : realpath(path, NULL);

    if (d->guessed)
        buf_printf(out, "\n# guessed by %s: look whether the lines above are right",
                   guessed ? "the names of the keys" : "what the columns hold");
    buf_lit(out, "\nsources:\n  web:\n    files: ");
    detect_put_quoted(out, str_of(whole ? whole : "/var/log/nginx/access.log"));
    buf_lit(out, "\n    format: ");
    detect_put_format(out, str_of(d->spec));
    if (!(d->fields >> HIT_FIELD_HOST & 1))
        buf_lit(out, "\n    default_host: example.com  # write yours");
    buf_lit(out, "\n\n");
    free(whole);
}

static void put_text(struct buf *out, const char *path, const struct log_head *head,
                     const struct detection *d, bool guessed)
{
    terminal_put_safe(out, str_of(path), 200);
    buf_printf(out, ": %s, fits %u of the first %u lines (%.1f %%)",
               guessed ? "JSON of no format known here; a guess at its keys" : d->spec, d->matched,
               d->lines, 100.0 * d->matched / d->lines);
    if (d->second[0])
        buf_printf(out, "; next: %s (%u)", d->second, d->second_matched);
    buf_putc(out, '\n');
    each_sample(out, head, d, put_sample);
    put_given(out, d);
    if (d->error[0])
        buf_printf(out, "  line %llu does not fit: column %zu: %s\n",
                   (unsigned long long)head->numbers[d->bad_line], d->bad_column + 1, d->error);
    put_paste(out, path, d, guessed);
}

/* Of JSON whose keys cannot be guessed. */
static void put_own_keys(struct buf *out, const struct json_guess *guess)
{
    const char *key = guess->keys;

    buf_lit(out, "Its lines are JSON with the keys ");
    for (size_t i = 0; i < guess->n_keys; i++, key += strlen(key) + 1) {
        buf_put_str(out, i ? STR(", ") : STR(""));
        terminal_put_safe(out, str_of(key), 100);
    }
    buf_printf(out,
               "%s. None of them has the name and the values of: %s. Write the keys "
               "yourself, like `format: {json: {time: ts, target: url, status: code, user_agent: "
               "ua, host: vhost}}`.\n",
               guess->more_keys ? ", …" : "", guess->missing);
}

/* Of {"records":[…: records; empty where it is not of that kind. */
static struct str list_name(struct str line)
{
    struct str name = str_slice(line, str_starts(line, STR("{\"")) ? 2 : line.n, line.n);

    name.n = str_until(name, '"', '"');
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_alnum(name.p[i]) && name.p[i] != '_')
            return STR("");
    struct str behind = str_slice(line, (size_t)(name.p - line.p) + name.n, line.n);
    return str_starts(behind, STR("\":[")) ? name : STR("");
}

/* JSON in another shape than an object a line, and what makes it that. False: it is none. */
static bool put_reshape(struct buf *out, const char *path, struct str line,
                        const struct json_guess *guess)
{
    struct str text = str_trim(line), name = guess->n_keys ? STR("") : list_name(text);
    struct str rest = str_trim(str_slice(text, text.n > 0, text.n));
    bool list = str_starts(text, STR("[")) && (rest.n == 0 || rest.p[0] == '{');
    bool spread = str_eq(text, STR("{"));

    if (!list && !spread && name.n == 0)
        return false;
    buf_lit(out, ": JSON, but not one object a line, as it is read: `jq -c '.");
    buf_put_str(out, name);
    buf_put_str(out, spread ? STR("'") : STR("[]'"));
    if (strcmp(path, "-") != 0) {
        buf_putc(out, ' ');
        shell_put_path(out, str_of(path));
    }
    buf_lit(out, " | logferry detect -`\n");
    return true;
}

static void put_refusal(struct buf *out, const char *path, const struct log_head *head,
                        const struct detection *d, const struct json_guess *guess)
{
    struct str line = head->lines[d->bad_line];
    size_t from = d->bad_column > 60 ? d->bad_column - 60 : 0;
    struct buf before;

    from = from < line.n ? from : line.n;
    size_t at = d->bad_column < line.n ? d->bad_column : line.n;
    terminal_put_safe(out, str_of(path), 200);
    if (!d->matched && put_reshape(out, path, line, guess))
        return;
    if (guess->is_json && guess->missing[0] && !d->matched) {
        buf_lit(out, ": its lines are JSON, with the keys of none of the formats known here\n");
        put_own_keys(out, guess);
        return;
    }
    buf_printf(out,
               ": its lines have none of the formats known here; %s comes nearest (%u of %u)\n",
               d->spec, d->matched, d->lines);
    buf_printf(out, "line %llu, column %zu: %s\n  ", (unsigned long long)head->numbers[d->bad_line],
               d->bad_column + 1, d->error);
    terminal_put_safe(out, str_slice(line, from, line.n), 110);
    buf_init(&before, 4096);
    terminal_put_safe(&before, str_slice(line, from, at), 1000);
    buf_printf(out, "\n  %*s^\n", (int)terminal_width(buf_str(&before)), "");
    buf_release(&before);
    if (guess->is_json && guess->missing[0]) {
        put_own_keys(out, guess);
        return;
    }
    buf_lit(out, "Give the web server's own log format instead: `logferry detect` reads the output "
                 "of `nginx -T`, and Apache's configuration.\n");
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static void put_json_keys(struct buf *out, const struct json_guess *guess)
{
    const char *key = guess->keys;

    if (!guess->is_json) {
        buf_lit(out, "null");
        return;
    }
    buf_putc(out, '[');
    for (size_t i = 0; i < guess->n_keys; i++, key += strlen(key) + 1) {
        if (i > 0)
            buf_putc(out, ',');
        json_put_string(out, str_of(key));
    }
    buf_putc(out, ']');
}

static void put_json(struct buf *text, const char *path, const struct log_head *head,
                     const struct detection *d, const struct json_guess *guess)
{
    bool first = true;
    struct buf json, *out = &json; /* made safe for a terminal at the end */

    buf_init(&json, OUTPUT_MAX);

    buf_lit(out, "{\"file\":");
    json_put_string(out, str_of(path));
    buf_lit(out, ",\"format\":");
    json_put_string(out, d->fits ? str_of(d->spec) : STR_NONE);
    buf_printf(out, ",\"lines\":%u,\"matched\":%u,\"rate\":%.4f,\"candidate\":", d->lines,
               d->matched, d->lines ? (double)d->matched / d->lines : 0.0);
    json_put_string(out, d->spec[0] ? str_of(d->spec) : STR_NONE);
    buf_lit(out, ",\"next\":");
    json_put_string(out, d->second[0] ? str_of(d->second) : STR_NONE);
    buf_lit(out, ",\"fields\":[");
    for (int i = 0; i < HIT_FIELD_COUNT; i++)
        if (d->fields >> i & 1) {
            buf_printf(out, "%s\"%s\"", first ? "" : ",", hit_field_name((enum hit_field)i));
            first = false;
        }
    buf_lit(out, "],\"samples\":[");
    each_sample(out, head, d, put_json_sample);
    buf_printf(out, "],\"guessed\":%s,\"keys\":", d->guessed ? "true" : "false");
    put_json_keys(out, guess);
    buf_lit(out, ",\"mismatch\":");
    if (d->error[0]) {
        buf_printf(out, "{\"line\":%llu,\"column\":%zu,\"error\":",
                   (unsigned long long)head->numbers[d->bad_line], d->bad_column + 1);
        json_put_string(out, str_of(d->error));
        buf_putc(out, '}');
    } else {
        buf_lit(out, "null");
    }
    buf_lit(out, "}\n");
    terminal_put_json(text, buf_str(&json));
    buf_release(&json);
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* All of standard input as a file that can be read twice. */
static int copy_stdin(void)
{
    char chunk[65536];
    size_t all = 0;
    ssize_t n;
    int fd = memfd_create("stdin", MFD_CLOEXEC);

    while (fd >= 0 && all < INPUT_MAX && (n = read(STDIN_FILENO, chunk, sizeof(chunk))) > 0) {
        if (write(fd, chunk, (size_t)n) != n) {
            close(fd);
            return -1;
        }
        all += (size_t)n;
    }
    return fd;
}

static int conf_of(const char *path, int fd, bool json, struct buf *out)
{
    char chunk[65536];
    struct buf text;
    off_t at = 0;
    ssize_t n;

    buf_init(&text, WEB_CONF_MAX_BYTES);
    while (!text.failed && (n = pread(fd, chunk, sizeof(chunk), at)) > 0) {
        buf_put(&text, chunk, (size_t)n);
        at += n;
    }
    int code = detect_conf(path, buf_str(&text), json, out);
    buf_release(&text);
    return code;
}

static void put_empty(struct buf *out, const char *path, const struct log_head *head, bool messages)
{
    terminal_put_safe(out, str_of(path), 200);
    if (messages)
        buf_lit(out, ": it holds what a server says of itself, and no line of a request: it is no "
                     "access log, or an empty one\n");
    else if (head->left_out)
        buf_lit(out, ": its lines are over 256 KiB, or parts of lines whose end is not there\n");
    else
        buf_lit(out, ": it holds no line yet\n");
}

static int judge_head(const char *path, int fd, const struct log_head *head, bool json,
                      struct buf *out)
{
    struct detection d;
    struct json_guess guess = {.is_json = false};

    if (log_head_detect(head, path, NULL, &d))
        return EXIT_INTERNAL;
    if (!d.fits && web_conf_kind(buf_str(&head->text)) != WEB_CONF_NONE)
        return conf_of(path, fd, json, out);
    if (log_head_is_doubtful(&d) && log_head_guess(head, &guess, &d))
        return EXIT_INTERNAL;
    if (json)
        put_json(out, path, head, &d, &guess);
    else if (!d.spec[0] || !d.lines)
        put_empty(out, path, head, d.messages > 0);
    else if (d.fits)
        put_text(out, path, head, &d, d.guessed && guess.is_json);
    else
        put_refusal(out, path, head, &d, &guess);
    return d.fits ? EXIT_OK : EXIT_BAD_DATA;
}

static void tell_foreign(const char *path, const char *codec)
{
    struct buf b;

    buf_init(&b, 8u * NAME_ROOM);
    buf_lit(&b, "logferry detect: ");
    terminal_put_safe(&b, str_of(path), NAME_ROOM);
    buf_printf(&b, ": it is %s, which is not read; try: ", codec);
    container_put_mend(&b, codec, path);
    fprintf(stderr, "%.*s | logferry detect -\n", STR_ARGS(buf_str(&b)));
    buf_release(&b);
}

static int detect_file(const char *path, bool json, struct buf *out)
{
    bool standard = strcmp(path, "-") == 0;
    enum container_kind kind = CONTAINER_PLAIN;
    const char *codec = NULL;
    int fd = standard ? copy_stdin() : open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int code = EXIT_BAD_DATA;
    char name[NAME_ROOM];

    if (fd < 0 || container_detect(fd, &kind, &codec)) {
        int error = errno;
        fprintf(stderr, "logferry detect: %s: %s\n", terminal_safe(path, name, sizeof(name)),
                strerror(error));
        code = error == EACCES ? EXIT_PERMISSION : EXIT_BAD_DATA;
    } else if (kind == CONTAINER_FOREIGN) {
        tell_foreign(path, codec);
    } else {
        struct log_head *head = calloc(1, sizeof(*head));
        code = EXIT_INTERNAL;
        if (head && !log_head_read(head, fd, kind))
            code = judge_head(path, fd, head, json, out);
        if (head)
            log_head_release(head);
        free(head);
    }
    if (fd >= 0)
        close(fd);
    return code;
}

int command_detect(const struct options *options)
{
    struct buf out;
    int code = EXIT_OK;

    if (!options->n_paths) {
        fputs("logferry detect: name log files, e.g. logferry detect /var/log/nginx/access.log, or "
              "nginx -T | logferry detect -\n",
              stderr);
        return EXIT_USAGE;
    }
    buf_init(&out, OUTPUT_MAX);
    for (size_t i = 0; i < options->n_paths; i++) {
        buf_reset(&out);
        int now = detect_file(options->paths[i], options->json, &out);
        if (out.failed || fwrite(out.p ? out.p : "", 1, out.n, stdout) != out.n)
            now = EXIT_CANNOT_WRITE;
        code = code ? code : now;
    }
    buf_release(&out);
    return fflush(stdout) ? EXIT_CANNOT_WRITE : code;
}
