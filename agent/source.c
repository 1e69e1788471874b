/* source.c - a source of the configuration as workers see it; see stream.h. */
#include "agent/stream.h"

int source_init(struct source *s, const struct source_config *config, const struct agent_config *c,
                struct buf *why)
{
    *s = (struct source){.config = config, .format = format_new(config->format, config->zone, why)};
    if (!s->format)
        return -1;
    s->directives = format_has_directives(s->format);
    s->rules = (struct digest_rules){
        .judge = &c->rules,
        .privacy = &c->privacy,
        .client = &config->client,
        .cdn_logs = format_cdn(s->format) == CDN_NONE ? agent_config_cdn_logs(c, config) : 0,
        .default_host = config->default_host,
        .scheme = config->scheme,
        .since_ms = INT64_MIN,
        .until_ms = INT64_MAX,
        .n_destinations = c->n_destinations};
    for (size_t i = 0; i < c->n_destinations; i++)
        s->rules.send[i] = c->destinations[i].send;
    return 0;
}

void source_release(struct source *s)
{
    format_free(s->format);
    s->format = NULL;
    log_roots_release(&s->roots);
}
