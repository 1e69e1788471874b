/*
 * fuzz_web_conf.c - any bytes as a web server's configuration: the first byte says whose.
 */
#include "config/web_conf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *context, struct str glob)
{
    if (!glob.n)
        abort();
    ++*(size_t *)context;
}

static void check(const struct web_conf *conf)
{
    if (conf->n > WEB_CONF_MAX_LOGS)
        abort();
    for (size_t i = 0; i < conf->n; i++) {
        const struct web_log *log = &conf->logs[i];
        if (!log->problem && !(str_is_set(log->files) && log->fields & HIT_BIT(PATH)))
            abort();
        if (log->same_as && !web_log_is_read(log->same_as))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {size ? (const char *)data + 1 : "", size ? size - 1 : 0}, root;
    struct web_file files[] = {{STR("/etc/x/main"), text}, {STR("/etc/x/b"), text}};
    struct config_arena *arena = config_arena_new(16 << 20);
    struct web_conf conf;
    size_t n = 0;
    bool nginx = size && data[0] & 1;

    web_conf_kind(text);
    web_conf_vhost_files(text, &root, count, &n);
    web_conf_includes(nginx ? WEB_CONF_NGINX : WEB_CONF_APACHE, text, count, &n);
    struct web_apache known = {STR_NONE, text, text};
    int rc = nginx ? web_conf_nginx(files, 2, arena, &conf)
                   : web_conf_apache(files, 2, &known, arena, &conf);
    if (rc == 0)
        check(&conf);
    config_arena_free(arena);
    return 0;
}
