/* serve_lists.c - see serve_lists.h. */
#include "server/serve_lists.h"

#include "config/exit_codes.h"
#include "parsers/base/log.h"
#include "server/api.h"
#include "server/exclusions.h"

#define LOOK_SECONDS 5.

static int add_texts(struct exclusions *x, enum exclusion_kind kind, struct str_set texts)
{
    for (size_t i = 0; i < texts.n; i++)
        if (exclusions_add(x, &(struct exclusion){.kind = kind, .value = texts.items[i]}))
            return -1;
    return 0;
}

struct exclusions *serve_exclusions(const struct server_config *c)
{
    struct exclusions *x = exclusions_new();
    if (x && add_texts(x, EXCLUSION_IP, c->exclude.ip) == 0 &&
        add_texts(x, EXCLUSION_COUNTRY, c->exclude.country) == 0 &&
        add_texts(x, EXCLUSION_USER_AGENT, c->exclude.user_agent) == 0 &&
        add_texts(x, EXCLUSION_PATH, c->exclude.path) == 0)
        return x;
    exclusions_free(x);
    return NULL;
}

static struct lists *load(const struct serve_lists *s)
{
    struct buf why;
    buf_init(&why, 4096);
    struct lists *lists = lists_load(s->config, &why);
    if (!lists)
        log_event(LOG_ERROR, "cannot_read_list", "why=\"%s\" mend=\"put a good file there\"",
                  buf_cstr(&why));
    buf_release(&why);
    return lists;
}

void serve_lists_reload(struct serve_lists *s)
{
    struct lists *fresh = load(s);
    if (!fresh)
        return;
    log_event(LOG_INFO, "lists_read", "spam_hosts=%zu spam_networks=%zu countries=%s",
              lists_spam_hosts(fresh), lists_spam_networks(fresh),
              lists_have_countries(fresh) ? "yes" : "no");
    if (s->api)
        api_set_lists(s->api, fresh);
    lists_release(s->lists);
    s->lists = fresh;
}

static void on_look(struct ev_loop *loop, ev_timer *w, int events)
{
    struct serve_lists *s = w->data;
    (void)loop;
    (void)events;
    if (lists_changed(s->lists))
        serve_lists_reload(s);
}

int serve_lists_start(struct serve_lists *s, struct ev_loop *loop,
                      const struct server_config *config)
{
    *s = (struct serve_lists){.loop = loop, .config = config};
    ev_timer_init(&s->timer, on_look, LOOK_SECONDS, LOOK_SECONDS);
    s->timer.data = s;
    s->exclude = serve_exclusions(config);
    s->lists = load(s);
    if (!s->exclude || !s->lists)
        return s->lists ? EXIT_INTERNAL : EXIT_BAD_CONFIG;
    ev_timer_start(loop, &s->timer);
    return 0;
}

void serve_lists_stop(struct serve_lists *s)
{
    if (s->loop)
        ev_timer_stop(s->loop, &s->timer);
    s->api = NULL;
}

void serve_lists_release(struct serve_lists *s)
{
    exclusions_free(s->exclude);
    lists_release(s->lists);
    *s = (struct serve_lists){.loop = NULL};
}
