/* api_agents.c - the catalogue, for whoever asks: names, not how they are recognised. */
#include "parsers/ai_referrer.h"
#include "server/api_internal.h"
#include "server/page_path.h"

#include "parsers/base/json.h"

static bool is_first_of_name(const struct catalogue *c, size_t i)
{
    const char *name = catalogue_at(c, i)->name;
    for (size_t k = 0; k < i; k++)
        if (!catalogue_at(c, k)->search_engine && strcmp(catalogue_at(c, k)->name, name) == 0)
            return false;
    return true;
}

static void put_agents(struct buf *out, const struct catalogue *c)
{
    const char *comma = "";
    for (size_t i = 0; i < catalogue_count(c); i++) {
        const struct agent *agent = catalogue_at(c, i);
        if (agent->search_engine || !is_first_of_name(c, i))
            continue;
        buf_printf(out, "%s{\"name\":", comma);
        json_put_string(out, str_of(agent->name));
        buf_lit(out, ",\"family\":");
        json_put_string(out, str_of(agent->operator));
        buf_printf(out, ",\"category\":\"%s\"}", hitkeep_category(agent->category));
        comma = ",";
    }
}

void api_ai_agents(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct buf out;
    if (!api_within_rate(a, a->general, req))
        return;
    buf_init(&out, 4u << 20);
    buf_printf(&out, "{\"generated_at\":\"%sT00:00:00Z\",\"agents\":[",
               catalogue_date(a->catalogue));
    put_agents(&out, a->catalogue);
    buf_lit(&out, "],\"ai_referrers\":[");
    for (size_t i = 0; ai_referrer_name(i); i++) {
        buf_put_str(&out, i ? STR(",{\"name\":") : STR("{\"name\":"));
        json_put_string(&out, str_of(ai_referrer_name(i)));
        buf_putc(&out, '}');
    }
    buf_lit(&out, "]}\n");
    if (out.failed)
        http_error(req, 500, "Internal server error");
    else
        http_respond(req, 200, "application/json", "Cache-Control: private, max-age=86400\r\n",
                     buf_str(&out));
    buf_release(&out);
}
