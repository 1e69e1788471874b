/*
 * writer.c - writes numbered log lines as a web server does, and keeps a journal of what it wrote.
 *
 *   writer --file PATH --journal PATH [--option VALUE…]
 *
 *   --first N       number of the first line (0)
 *   --count N       lines for each file, then it ends; 0: until SIGTERM (0)
 *   --rate N        lines a second over all files; 0: as fast as it goes (1000)
 *   --per-write N   whole lines for one write(2) (10)
 *   --chunk N       writes N bytes at a time instead, across the ends of lines, as stdio does (0)
 *   --files N       so many files by turns; a {} in PATH stands for 0000, 0001, … (1)
 *   --stride N      the i-th file's numbers begin at first + i * stride (1000000)
 *   --append 0|1    0: without O_APPEND it keeps its own offset, and leaves a hole of NULs in a
 * file that is truncated under it (1)
 *   --base SECONDS  the moment of line 0 (a day ago, at midnight)
 *   --density N     lines of one second of the log's own time (10)
 *   --tag TEXT      stands in the referrer
 *
 * A number decides what its line is, as in tests/e2e/lines.py. SIGUSR1 opens the files anew by
 * their names, as nginx does; SIGTERM completes the last line and ends it.
 *
 * The journal has one line a write: nanoseconds (monotonic) before it, the file's device:inode, the
 * offset, the bytes, the first number whose line ends in this write, and how many of those there
 * are.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024
#define TICK_NS 2000000
#define NS 1000000000ll

struct options {
    const char *file, *journal, *tag;
    long long first, count, rate, per_write, chunk, files, stride, append, base, density;
};

struct log_file {
    char *path;
    int fd;
    unsigned long long dev, ino;
    long long next, end; /* numbers: of the next line; one past the last, or -1 */
    char *held;          /* --chunk: what is not written yet */
    size_t n_held;
};

struct writer {
    struct options o;
    struct log_file *files;
    FILE *journal;
    long long written, bytes;
};

static volatile sig_atomic_t reopen_wanted, end_wanted;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        reopen_wanted = 1;
    else
        end_wanted = 1;
}

static void die(const char *what, const char *path)
{
    fprintf(stderr, "writer: %s %s: %s\n", what, path, strerror(errno));
    exit(74);
}

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * NS + t.tv_nsec;
}

static const char *agent_of(long long n)
{
    static const char *const humans[] = {
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/125.0.0.0 Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
        "Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0",
    };
    static const char *const ai[] = {
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; GPTBot/1.2; "
        "+https://openai.com/gptbot",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; "
        "+claudebot@anthropic.com)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; PerplexityBot/1.0; "
        "+https://perplexity.ai/perplexitybot)",
    };
    if (n % 10 == 3 || n % 10 == 5)
        return ai[n / 10 % 3];
    if (n % 10 == 8)
        return "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    return humans[n / 10 % 3];
}

static const char *stamp_of(const struct writer *w, long long n)
{
    static long long made_for = -1;
    static char text[64];
    if (made_for != n / w->o.density) {
        time_t t = (time_t)(w->o.base + n / w->o.density);
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S +0000", &tm);
        made_for = n / w->o.density;
    }
    return text;
}

/* Bytes of the line with its newline. */
static size_t make_line(const struct writer *w, long long n, char *out)
{
    bool asset = n % 10 == 7;
    int len =
        snprintf(out, LINE_MAX_BYTES,
                 "203.0.113.%lld - - [%s] \"GET %s%lld%s HTTP/1.1\" %d %lld "
                 "\"https://ref.example.net/%s\" \"%s\"\n",
                 n % 250 + 1, stamp_of(w, n), asset ? "/static/n/" : "/n/", n, asset ? ".css" : "",
                 n % 10 == 9 ? 404 : 200, 1000 + n % 1000, w->o.tag, agent_of(n));
    return (size_t)len;
}

static void open_file(struct log_file *f, bool append)
{
    struct stat st;
    if (f->fd >= 0)
        close(f->fd);
    f->fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : 0), 0640);
    if (f->fd < 0 || fstat(f->fd, &st))
        die("cannot open", f->path);
    if (!append && lseek(f->fd, 0, SEEK_END) < 0)
        die("cannot seek in", f->path);
    f->dev = st.st_dev;
    f->ino = st.st_ino;
}

/* The offset is asked for afterwards: O_APPEND has moved it to where the bytes went. */
static void put(struct writer *w, struct log_file *f, const char *p, size_t n, long long first,
                long long lines)
{
    long long at = now_ns();
    for (size_t done = 0; done < n;) {
        ssize_t got = write(f->fd, p + done, n - done);
        if (got < 0 && errno != EINTR)
            die("cannot write", f->path);
        done += got > 0 ? (size_t)got : 0;
    }
    long long end = lseek(f->fd, 0, SEEK_CUR);
    w->written += lines;
    w->bytes += (long long)n;
    fprintf(w->journal, "%lld %llu:%llu %lld %zu %lld %lld\n", at, f->dev, f->ino,
            end - (long long)n, n, first, lines);
}

static long long lines_due(const struct writer *w, const struct log_file *f, long long allowed)
{
    long long n = allowed < w->o.per_write ? allowed : w->o.per_write;
    return f->end >= 0 && n > f->end - f->next ? f->end - f->next : n;
}

static long long newlines(const char *p, size_t n)
{
    long long found = 0;
    for (size_t i = 0; i < n; i++)
        found += p[i] == '\n';
    return found;
}

/* --chunk: writes whole chunks of what is held; all of it when `all`. */
static void put_chunks(struct writer *w, struct log_file *f, bool all)
{
    size_t chunk = (size_t)w->o.chunk, done = 0;
    long long first = f->next - newlines(f->held, f->n_held);
    while (f->n_held - done >= chunk || (all && f->n_held > done)) {
        size_t n = f->n_held - done < chunk ? f->n_held - done : chunk;
        long long lines = newlines(f->held + done, n);
        put(w, f, f->held + done, n, first, lines);
        first += lines;
        done += n;
    }
    f->n_held -= done;
    memmove(f->held, f->held + done, f->n_held);
}

/* Up to one write's lines into a file; returns how many. */
static long long write_some(struct writer *w, struct log_file *f, long long allowed)
{
    long long n = lines_due(w, f, allowed), first = f->next;
    if (n <= 0)
        return 0;
    for (long long i = 0; i < n; i++)
        f->n_held += make_line(w, f->next++, f->held + f->n_held);
    if (w->o.chunk) {
        put_chunks(w, f, false);
    } else {
        put(w, f, f->held, f->n_held, first, n);
        f->n_held = 0;
    }
    return n;
}

static void reopen(struct writer *w)
{
    reopen_wanted = 0;
    for (long long i = 0; i < w->o.files; i++) {
        if (w->o.chunk)
            put_chunks(w, &w->files[i], true);
        open_file(&w->files[i], w->o.append);
    }
    fflush(w->journal);
}

/* Lines that the rate allows by now. */
static long long allowance(const struct writer *w, long long began, long long done)
{
    if (!w->o.rate)
        return 1000;
    double seconds = (double)(now_ns() - began) / (double)NS;
    return (long long)(seconds * (double)w->o.rate) + 1 - done;
}

static void wait_a_tick(void)
{
    struct timespec tick = {0, TICK_NS};
    nanosleep(&tick, NULL);
}

static void write_all(struct writer *w)
{
    long long began = now_ns(), done = 0, turn = 0, idle = 0, flushed = began;
    while (!end_wanted && idle < w->o.files) {
        if (reopen_wanted)
            reopen(w);
        long long due = allowance(w, began, done);
        if (now_ns() - flushed > NS / 10) {
            fflush(w->journal);
            flushed = now_ns();
        }
        if (due < 1) {
            wait_a_tick();
            continue;
        }
        long long n = write_some(w, &w->files[turn++ % w->o.files], due);
        idle = n ? 0 : idle + 1;
        done += n;
    }
    for (long long i = 0; i < w->o.files && w->o.chunk; i++)
        put_chunks(w, &w->files[i], true);
}

static char *path_of(const char *pattern, long long i)
{
    const char *mark = strstr(pattern, "{}");
    size_t size = strlen(pattern) + 32;
    char *path = malloc(size);
    if (!path)
        die("no memory for", pattern);
    if (mark)
        snprintf(path, size, "%.*s%04lld%s", (int)(mark - pattern), pattern, i, mark + 2);
    else
        snprintf(path, size, "%s", pattern);
    return path;
}

static void open_all(struct writer *w)
{
    struct rlimit limit;
    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    w->journal = fopen(w->o.journal, "ae");
    if (!w->journal)
        die("cannot open", w->o.journal);
    setvbuf(w->journal, NULL, _IOFBF, 1 << 20);
    w->files = calloc((size_t)w->o.files, sizeof(*w->files));
    for (long long i = 0; w->files && i < w->o.files; i++) {
        struct log_file *f = &w->files[i];
        f->path = path_of(w->o.file, i);
        f->fd = -1;
        f->next = w->o.first + i * w->o.stride;
        f->end = w->o.count ? f->next + w->o.count : -1;
        f->held = malloc((size_t)(w->o.per_write + 1) * LINE_MAX_BYTES + (size_t)w->o.chunk);
        if (!f->held)
            die("no memory for", f->path);
        open_file(f, w->o.append);
    }
}

static void close_all(struct writer *w)
{
    if (fclose(w->journal))
        die("cannot write", w->o.journal);
    for (long long i = 0; i < w->o.files; i++) {
        close(w->files[i].fd);
        free(w->files[i].path);
        free(w->files[i].held);
    }
    free(w->files);
}

static bool set_option(struct options *o, const char *name, const char *value)
{
    const struct {
        const char *name;
        long long *number;
        const char **text;
    } table[] = {
        {"--file", NULL, &o->file},
        {"--journal", NULL, &o->journal},
        {"--tag", NULL, &o->tag},
        {"--first", &o->first, NULL},
        {"--count", &o->count, NULL},
        {"--rate", &o->rate, NULL},
        {"--per-write", &o->per_write, NULL},
        {"--chunk", &o->chunk, NULL},
        {"--files", &o->files, NULL},
        {"--stride", &o->stride, NULL},
        {"--append", &o->append, NULL},
        {"--base", &o->base, NULL},
        {"--density", &o->density, NULL},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(name, table[i].name) != 0)
            continue;
        if (table[i].text)
            *table[i].text = value;
        else
            *table[i].number = strtoll(value, NULL, 10);
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct writer w = {0};
    long long midnight = (long long)time(NULL) / 86400 * 86400 - 86400;
    w.o = (struct options){.tag = "t",
                           .rate = 1000,
                           .per_write = 10,
                           .files = 1,
                           .stride = 1000000,
                           .append = 1,
                           .base = midnight,
                           .density = 10};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!set_option(&w.o, argv[i], argv[i + 1])) {
            fprintf(stderr, "writer: unknown option %s\n", argv[i]);
            return 64;
        }
    }
    if (!w.o.file || !w.o.journal || w.o.per_write < 1 || w.o.files < 1 || w.o.density < 1) {
        fprintf(stderr, "usage: writer --file PATH --journal PATH [--option VALUE…]\n");
        return 64;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    open_all(&w);
    write_all(&w);
    close_all(&w);
    printf("lines=%lld bytes=%lld\n", w.written, w.bytes);
    return 0;
}
