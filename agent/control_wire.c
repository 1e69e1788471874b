/* control_wire.c - requests, and the socket's place; see control_wire.h. The client's side of a
 * conversation is in control_client.c. */
#include "agent/control_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- requests ---------------------------------------------------------------------------------
 */

int control_request_state(struct str in)
{
    const unsigned char *p = (const unsigned char *)in.p;
    size_t known = in.n < 4 ? in.n : 4;
    if (known && memcmp(p, CONTROL_MAGIC, known) != 0)
        return -1;
    if (in.n < CONTROL_HEAD_BYTES)
        return 0;
    size_t n = (size_t)p[4] << 24 | (size_t)p[5] << 16 | (size_t)p[6] << 8 | p[7];
    if (n > CONTROL_REQUEST_MAX || in.n > CONTROL_HEAD_BYTES + n)
        return -1;
    return in.n == CONTROL_HEAD_BYTES + n;
}

/* Options with a text, a number, or nothing behind them. */
static const struct {
    const char *name;
    size_t at;
    enum { TEXT, TIME, NUMBER, FLAG } kind;
} fields[] = {
    {"config", offsetof(struct options, config), TEXT},
    {"source", offsetof(struct options, source), TEXT},
    {"format", offsetof(struct options, format), TEXT},
    {"host", offsetof(struct options, host), TEXT},
    {"output", offsetof(struct options, output), TEXT},
    {"since", offsetof(struct options, since_ms), TIME},
    {"until", offsetof(struct options, until_ms), TIME},
    {"jobs", offsetof(struct options, jobs), NUMBER},
    {"rate", offsetof(struct options, rate), NUMBER},
    {"json", offsetof(struct options, json), FLAG},
    {"metrics", offsetof(struct options, metrics), FLAG},
    {"all", offsetof(struct options, all), FLAG},
    {"yes", offsetof(struct options, yes), FLAG},
    {"show-ip", offsetof(struct options, show_ip), FLAG},
    {"progress", offsetof(struct options, progress), FLAG},
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static bool parse_time(struct str s, int64_t *out)
{
    uint64_t n;
    bool minus = str_starts(s, STR("-"));
    if (!str_to_u64(str_slice(s, minus, s.n), INT64_MAX, &n))
        return false;
    *out = minus ? -(int64_t)n : (int64_t)n;
    return true;
}

static bool set_field(struct options *o, const char *word)
{
    struct str value = str_of(word), name = str_cut(&value, '=');
    bool has_value = strchr(word, '=') != NULL;
    for (size_t i = 0; i < N_FIELDS; i++) {
        char *field = (char *)o + fields[i].at;
        uint64_t n;
        if (!str_eq(name, str_of(fields[i].name)) || has_value == (fields[i].kind == FLAG))
            continue;
        switch (fields[i].kind) {
        case TEXT:
            memcpy(field, &value.p, sizeof(value.p));
            return true;
        case TIME:
            return parse_time(value, (int64_t *)(void *)field);
        case NUMBER:
            if (!str_to_u64(value, 1000000000, &n))
                return false;
            memcpy(field, &n, sizeof(n));
            return true;
        case FLAG:
            *(bool *)field = true;
            return true;
        }
    }
    return false;
}

static bool parse_words(char **words, size_t n, struct control_request *r)
{
    struct str ino = n ? str_of(words[0]) : STR(""), dev = str_cut(&ino, ':');
    size_t i = 2;
    if (n < 3 || !str_to_u64(dev, UINT64_MAX, &r->dev) || !str_to_u64(ino, UINT64_MAX, &r->ino))
        return false;
    r->command = words[1];
    while (i < n && strcmp(words[i], "--") != 0)
        if (!set_field(&r->o, words[i++]))
            return false;
    if (i == n)
        return false;
    r->o.n_paths = n - i - 1;
    memmove(words, words + i + 1, r->o.n_paths * sizeof(*words));
    return true;
}

bool control_request_parse(char *words, size_t n, struct control_request *out)
{
    size_t count = 0, at = 0;
    if (n == 0 || words[n - 1] != '\0')
        return false;
    for (size_t i = 0; i < n; i++)
        count += words[i] == '\0';
    char **v = count <= CONTROL_WORDS_MAX ? calloc(count + 1, sizeof(*v)) : NULL;
    if (!v)
        return false;
    for (size_t i = 0; i < count; i++) {
        v[i] = words + at;
        at += strlen(words + at) + 1;
    }
    *out = (struct control_request){.o = {.since_ms = INT64_MIN, .until_ms = INT64_MAX}};
    if (!parse_words(v, count, out)) {
        free(v);
        return false;
    }
    out->o.paths = v;
    return true;
}

void control_request_release(struct control_request *r)
{
    free(r->o.paths);
    *r = (struct control_request){0};
}

static void put_field(struct buf *b, const struct options *o, size_t i)
{
    const char *field = (const char *)o + fields[i].at, *text;
    int64_t ms;
    uint64_t n;
    switch (fields[i].kind) {
    case TEXT:
        memcpy(&text, field, sizeof(text));
        if (text)
            buf_printf(b, "%s=%s", fields[i].name, text);
        else
            return;
        break;
    case TIME:
        memcpy(&ms, field, sizeof(ms));
        if (ms == INT64_MIN || ms == INT64_MAX)
            return;
        buf_printf(b, "%s=%" PRId64, fields[i].name, ms);
        break;
    case NUMBER:
        memcpy(&n, field, sizeof(n));
        if (!n)
            return;
        buf_printf(b, "%s=%" PRIu64, fields[i].name, n);
        break;
    case FLAG:
        if (!*(const bool *)field)
            return;
        buf_printf(b, "%s", fields[i].name);
        break;
    }
    buf_putc(b, '\0');
}

bool control_request_write(struct buf *out, const struct control_request *r)
{
    struct buf words;
    buf_init(&words, CONTROL_REQUEST_MAX);
    buf_printf(&words, "%" PRIu64 ":%" PRIu64, r->dev, r->ino);
    buf_putc(&words, '\0');
    buf_put(&words, r->command, strlen(r->command) + 1);
    for (size_t i = 0; i < N_FIELDS; i++)
        put_field(&words, &r->o, i);
    buf_put(&words, "--", 3);
    for (size_t i = 0; i < r->o.n_paths; i++)
        buf_put(&words, r->o.paths[i], strlen(r->o.paths[i]) + 1);
    const char length[4] = {(char)(words.n >> 24), (char)(words.n >> 16), (char)(words.n >> 8),
                            (char)words.n};
    bool good = !words.failed && r->o.n_paths < CONTROL_WORDS_MAX - N_FIELDS - 3;
    buf_lit(out, CONTROL_MAGIC);
    buf_put(out, length, sizeof(length));
    buf_put_str(out, buf_str(&words));
    buf_release(&words);
    return good && !out->failed;
}

/* ---- the place --------------------------------------------------------------------------------
 */

const char *control_directory(const char *state_path, char to[4096])
{
    const char *runtime = getenv("RUNTIME_DIRECTORY");
    if (runtime && runtime[0] == '/') {
        struct str rest = str_of(runtime), first = str_cut(&rest, ':');
        snprintf(to, 4096, "%.*s", STR_ARGS(first));
    } else {
        snprintf(to, 4096, "%s",
                 strcmp(state_path, "/var/lib/logferry") == 0 ? "/run/logferry" : state_path);
    }
    return to;
}

/* A socket's address has 108 bytes, a path may have more: the directory is named by its descriptor.
 */
static int address_in(int dir_fd, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/" CONTROL_NAME,
                     dir_fd);
    return n > 0 && (size_t)n < sizeof(address->sun_path) ? 0 : -1;
}

/* What lies at the socket's place: NULL when it may be bound, else why not. */
static const char *clear_place(int dir_fd, const struct sockaddr_un *address)
{
    struct stat st;
    if (fstatat(dir_fd, CONTROL_NAME, &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? NULL : strerror(errno);
    if (!S_ISSOCK(st.st_mode))
        return "there is a file that is no socket; it is left alone, move it away";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool answers = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    bool busy = !answers && errno == EAGAIN;
    if (fd >= 0)
        close(fd);
    if (answers || busy)
        return "another logferry answers there; give each its own RUNTIME_DIRECTORY";
    return unlinkat(dir_fd, CONTROL_NAME, 0) && errno != ENOENT ? strerror(errno) : NULL;
}

static const char *bind_in(int fd, int dir_fd)
{
    struct sockaddr_un address;
    if (address_in(dir_fd, &address))
        return "its name is too long";
    const char *error = clear_place(dir_fd, &address);
    if (error)
        return error;
    mode_t old = umask(0117);
    int rc = bind(fd, (const struct sockaddr *)&address, sizeof(address));
    umask(old);
    if (rc || listen(fd, 64))
        return strerror(errno);
    return NULL;
}

int control_listen(const char *dir, struct buf *why)
{
    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir_fd < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const char *error = fd < 0 ? strerror(errno) : bind_in(fd, dir_fd);
    if (error)
        buf_printf(why, "%s/" CONTROL_NAME ": %s", dir, error);
    if (error && fd >= 0)
        close(fd);
    if (dir_fd >= 0)
        close(dir_fd);
    return error ? -1 : fd;
}

void control_unlink(const char *dir)
{
    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return;
    unlinkat(dir_fd, CONTROL_NAME, 0);
    close(dir_fd);
}
