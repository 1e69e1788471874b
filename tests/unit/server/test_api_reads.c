/*
 * test_api_reads.c - the read endpoints over a real store: who may ask, what is refused with which
 * words, and every field of the answers.
 */
#include "tests/unit/server/api_reads_bench.h"

/* ---- who, and what is refused ---------------------------------------------------------------- */

static const char *const endpoints[] = {"ai-fetch/overview",
                                        "ai-fetch/timeseries",
                                        "ai-fetch/correlation",
                                        "ai-fetch/export",
                                        "ai-activity",
                                        "stats",
                                        "hits",
                                        "tracking/status",
                                        "hits/export"};

static void the_gate(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
        const struct {
            const char *method, *site, *token;
            int status;
            const char *body;
        } cases[] = {
            {"GET", site_id, NULL, 401, "Unauthorized\n"},
            {"GET", site_id, "nobody", 401, "Unauthorized\n"},
            {"GET", site_id, "secret", 403, "Forbidden\n"}, /* the ingest role reads nothing */
            {"GET", foreign_id, "viewer", 403, "Access denied\n"},
            {"GET", "11111111-1111-4111-8111-111111111111", "viewer", 403, "Access denied\n"},
            {"GET", "x", "viewer", 400, "invalid site ID\n"},
            {"POST", site_id, "viewer", 405, "Method Not Allowed\n"},
        };
        for (size_t k = 0; k < COUNT_OF(cases); k++) {
            struct answer a;
            char line[256];
            snprintf(line, sizeof(line), "%s /api/sites/%s/%s", cases[k].method, cases[k].site,
                     endpoints[i]);
            ask(b, &a, line, cases[k].token);
            if (a.status != cases[k].status || strcmp(buf_cstr(&a.body), cases[k].body) != 0)
                fail_msg("%s %s: %d %s", line, cases[k].token ? cases[k].token : "-", a.status,
                         buf_cstr(&a.body));
            answer_release(&a);
        }
    }
}

static void what_is_refused(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *what, *query, *message;
    } cases[] = {
        {"ai-fetch/overview", "from=2024-10-04", "Invalid from date, expected RFC3339\n"},
        {"ai-fetch/overview", "from=2024-10-04t00:00:00Z", "Invalid from date, expected RFC3339\n"},
        {"ai-fetch/overview", "from=2024-10-04T00:00:00+02:00",
         "Invalid from date, expected RFC3339\n"}, /* '+' is a blank */
        {"ai-fetch/timeseries", "to=x", "Invalid to date, expected RFC3339\n"},
        {"ai-fetch/export", "from=x&to=y", "Invalid from date, expected RFC3339\n"},
        {"ai-fetch/correlation", "window_days=0",
         "Invalid window_days, expected integer between 1 and 90\n"},
        {"ai-fetch/correlation", "window_days=91",
         "Invalid window_days, expected integer between 1 and 90\n"},
        {"ai-fetch/correlation", "window_days=x",
         "Invalid window_days, expected integer between 1 and 90\n"},
        {"ai-fetch/export", "format=xlsx", "Unsupported format, expected csv, json or ndjson\n"},
        {"hits/export", "format=parquet", "Unsupported format, expected csv, json or ndjson\n"},
        {"stats", "filter=colour:red", "invalid filter_type\n"},
        {"stats", "filter=path", "invalid filter format\n"},
        {"stats", "filter=path:", "filter_type and filter_value are required together\n"},
        {"hits", "filter=%20:x", "filter_type and filter_value are required together\n"},
        {"stats", "filter=colour:red&goal_id=x", "invalid filter_type\n"},
        {"hits", "filter_type=path", "filter_type and filter_value are required together\n"},
        {"hits/export", "filter_value=x", "filter_type and filter_value are required together\n"},
        {"stats", "goal_id=x", "Invalid goal_id\n"},
        {"ai-activity", "from=x&to=y&filter=path", "Invalid from\n"},
        {"ai-activity", "to=2024-10-04", "Invalid to\n"},
        {"ai-activity", "filter=ai_bogus:x", "invalid filter_type\n"},
        {"ai-activity", "filter=ai_bot:", "filter_type and filter_value are required together\n"},
        {"ai-activity", "goal_id=x", "Invalid goal_id\n"},
        {"ai-activity", "funnel_id=x", "Invalid funnel_id\n"},
        {"hits", "funnel_id=x", "Invalid funnel_id\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        expect_answer(b, cases[i].what, cases[i].query, 400, cases[i].message);
}

/* ---- AI fetches ------------------------------------------------------------------------------ */

static void overview_fields(void **state)
{
    struct bench *b = *state;
    expect_answer(
        b, "ai-fetch/overview", FROM_TO, 200,
        "{\"total_requests\":3,\"unique_paths\":3,\"unique_assistants\":2,"
        "\"error_rate_4xx\":33.33,\"error_rate_5xx\":0,\"median_response_ms\":20,"
        "\"total_bytes\":150,\"top_assistants\":[{\"name\":\"GPTBot\",\"value\":2},"
        "{\"name\":\"ClaudeBot\",\"value\":1}],\"top_families\":[{\"name\":\"OpenAI\","
        "\"value\":2},{\"name\":\"Anthropic\",\"value\":1}],\"top_paths\":[{\"name\":"
        "\"/docs\",\"value\":1},{\"name\":\"/docs?utm_source=x\",\"value\":1},{\"name\":"
        "\"/img/a.png\",\"value\":1}],\"top_error_paths\":[{\"name\":\"/docs\",\"value\":1}"
        "],\"resource_type_split\":[{\"name\":\"html\",\"value\":2},{\"name\":\"image\","
        "\"value\":1}]}\n");
    expect_part(b, "ai-fetch/overview", FROM_TO "&assistant_name=ClaudeBot",
                "{\"total_requests\":1,");
    expect_part(b, "ai-fetch/overview", FROM_TO "&assistant_family=OpenAI",
                "{\"total_requests\":2,");
    expect_part(b, "ai-fetch/overview", FROM_TO "&resource_type=image", "{\"total_requests\":1,");
    expect_part(b, "ai-fetch/overview", FROM_TO "&resource_type=film", "{\"total_requests\":0,");
    expect_part(b, "ai-fetch/overview", FROM_TO "&path=/docs", "{\"total_requests\":1,");
    expect_part(b, "ai-fetch/overview", FROM_TO "&path=/nowhere", "{\"total_requests\":0,");
    /* Both ends count, to the millisecond. */
    expect_part(b, "ai-fetch/overview", "from=2024-10-04T12:00:00Z&to=2024-10-04T13:00:00Z",
                "{\"total_requests\":2,");
    expect_part(b, "ai-fetch/overview", "from=2024-10-04T12:00:00.001Z&to=2024-10-04T12:59:59.999Z",
                "{\"total_requests\":0,\"unique_paths\":0,\"unique_assistants\":0,"
                "\"error_rate_4xx\":0,\"error_rate_5xx\":0,\"median_response_ms\":0,");
    expect_part(b, "ai-fetch/overview", "", "{\"total_requests\":0,"); /* the last 30 days */
    expect_part(b, "ai-fetch/overview", FROM_TO "&window_days=x", "{\"total_requests\":3,");
    expect_part(b, "ai-fetch/overview", FROM_TO "&assistant_name=%20ClaudeBot+",
                "{\"total_requests\":1,");
}

static void timeseries_fields(void **state)
{
    struct bench *b = *state;
    /* Pieces of an hour for more than six hours, of 15 minutes for more than one, else of 5. */
    expect_part(
        b, "ai-fetch/timeseries", "from=2024-10-04T11:30:00Z&to=2024-10-04T17:30:00.001Z",
        "[{\"time\":\"2024-10-04T11:00:00Z\",\"count\":0},{\"time\":\"2024-10-04T12:00:00Z\""
        ",\"count\":1},{\"time\":\"2024-10-04T13:00:00Z\",\"count\":1},{\"time\":"
        "\"2024-10-04T14:00:00Z\",\"count\":1},{\"time\":\"2024-10-04T15:00:00Z\",\"count\":0},");
    expect_part(
        b, "ai-fetch/timeseries", "from=2024-10-04T11:50:00Z&to=2024-10-04T17:50:00Z",
        "[{\"time\":\"2024-10-04T11:45:00Z\",\"count\":0},{\"time\":\"2024-10-04T12:00:00Z\""
        ",\"count\":1},{\"time\":\"2024-10-04T12:15:00Z\",\"count\":0},");
    expect_answer(
        b, "ai-fetch/timeseries", "from=2024-10-04T11:57:00Z&to=2024-10-04T12:05:00Z", 200,
        "[{\"time\":\"2024-10-04T11:55:00Z\",\"count\":0},{\"time\":\"2024-10-04T12:00:00Z\""
        ",\"count\":1},{\"time\":\"2024-10-04T12:05:00Z\",\"count\":0}]\n");
    expect_answer(
        b, "ai-fetch/timeseries", "from=2024-10-03T01:00:00Z&to=2024-10-05T01:00:00Z", 200,
        "[{\"time\":\"2024-10-03T00:00:00Z\",\"count\":0},{\"time\":\"2024-10-04T00:00:00Z\""
        ",\"count\":3},{\"time\":\"2024-10-05T00:00:00Z\",\"count\":0}]\n");
    expect_part(
        b, "ai-fetch/timeseries", "from=2024-08-15T00:00:00Z&to=2025-08-15T00:00:00Z",
        "[{\"time\":\"2024-08-01T00:00:00Z\",\"count\":0},{\"time\":\"2024-09-01T00:00:00Z\""
        ",\"count\":0},{\"time\":\"2024-10-01T00:00:00Z\",\"count\":3},{\"time\":"
        "\"2024-11-01T00:00:00Z\",\"count\":0},{\"time\":\"2024-12-01T00:00:00Z\",\"count\":0"
        "},{\"time\":\"2025-01-01T00:00:00Z\",\"count\":0},{\"time\":\"2025-02-01T00:00:00Z\"");
    expect_part(b, "ai-fetch/timeseries", "from=2024-10-04T00:00:00Z&to=2025-10-03T23:59:59Z",
                "[{\"time\":\"2024-10-04T00:00:00Z\",\"count\":3},{\"time\":\"2024-10-05T00:00");
    expect_answer(b, "ai-fetch/timeseries", "from=2024-10-05T00:00:00Z&to=2024-10-04T00:00:00Z",
                  200, "[]\n");
}

static void correlation_fields(void **state)
{
    struct bench *b = *state;
    expect_answer(
        b, "ai-fetch/correlation", FROM_TO, 200,
        "{\"summary\":{\"total_fetches\":3,\"fetched_paths\":2,\"correlated_paths\":1,"
        "\"ai_referred_visits\":1,\"uncorrelated_fetches\":1},\"citation_yield\":[{\"path\":"
        "\"/docs\",\"assistant_name\":\"GPTBot\",\"fetch_count\":2,\"ai_referred_visits\":1,"
        "\"citation_yield_pct\":50},{\"path\":\"/img/a.png\",\"assistant_name\":\"ClaudeBot\","
        "\"fetch_count\":1,\"ai_referred_visits\":0,\"citation_yield_pct\":0}],"
        "\"citation_paths\":[{\"path\":\"/docs\",\"fetch_count\":2,\"ai_referred_visits\":1}],"
        "\"opportunity_pages\":[{\"path\":\"/docs\",\"fetch_count\":2,\"ai_referred_visits\":1,"
        "\"error_requests\":1,\"error_rate_pct\":50},{\"path\":\"/img/a.png\",\"fetch_count\":1,"
        "\"ai_referred_visits\":0,\"error_requests\":0,\"error_rate_pct\":0}],"
        "\"failure_hotspots\":[{\"assistant_name\":\"GPTBot\",\"path_prefix\":\"/docs\","
        "\"total_requests\":2,\"error_requests\":1,\"error_rate_pct\":50}]}\n");
    /* Up to the visit's time only; and by its own filters the fetches alone. */
    expect_part(b, "ai-fetch/correlation", "from=2024-10-04T00:00:00Z&to=2024-10-04T14:30:00Z",
                "\"ai_referred_visits\":0,\"uncorrelated_fetches\":3}");
    expect_part(b, "ai-fetch/correlation", FROM_TO "&assistant_name=ClaudeBot",
                "{\"summary\":{\"total_fetches\":1,\"fetched_paths\":1,\"correlated_paths\":0,");
}

/* As HitKeep: paths as they stand, and a fetch once for each visit that follows it. */
static void strict_correlation(void **state)
{
    struct bench *b = *state;
    struct batch more;
    static const char *const addresses[] = {"192.0.2.3", "192.0.2.4"};
    batch_init(&more, b->fixture, 2);
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        struct record *r = visit(&more, b->fixture, (5 + (int64_t)i) * HOUR_MS,
                                 "https://example.com/docs", addresses[i]);
        r->at += 1000;
        r->referrer = STR("https://chatgpt.com/");
    }
    assert_int_equal(fixture_run(b->fixture->store, &more.job).stored, 2);
    b->api->config.hitkeep_strict = true;
    expect_answer(
        b, "ai-fetch/correlation", FROM_TO, 200,
        "{\"summary\":{\"total_fetches\":3,\"fetched_paths\":3,\"correlated_paths\":1,"
        "\"ai_referred_visits\":2,\"uncorrelated_fetches\":2},\"citation_yield\":[{\"path\":"
        "\"/docs\",\"assistant_name\":\"GPTBot\",\"fetch_count\":2,\"ai_referred_visits\":2,"
        "\"citation_yield_pct\":100},{\"path\":\"/docs?utm_source=x\",\"assistant_name\":"
        "\"GPTBot\",\"fetch_count\":1,\"ai_referred_visits\":0,\"citation_yield_pct\":0},"
        "{\"path\":\"/img/a.png\",\"assistant_name\":\"ClaudeBot\",\"fetch_count\":1,"
        "\"ai_referred_visits\":0,\"citation_yield_pct\":0}],\"citation_paths\":[{\"path\":"
        "\"/docs\",\"fetch_count\":2,\"ai_referred_visits\":2}],\"opportunity_pages\":[{\"path\":"
        "\"/docs\",\"fetch_count\":2,\"ai_referred_visits\":2,\"error_requests\":2,"
        "\"error_rate_pct\":100},{\"path\":\"/docs?utm_source=x\",\"fetch_count\":1,"
        "\"ai_referred_visits\":0,\"error_requests\":0,\"error_rate_pct\":0},{\"path\":"
        "\"/img/a.png\",\"fetch_count\":1,\"ai_referred_visits\":0,\"error_requests\":0,"
        "\"error_rate_pct\":0}],\"failure_hotspots\":[{\"assistant_name\":\"GPTBot\","
        "\"path_prefix\":\"/docs\",\"total_requests\":2,\"error_requests\":1,"
        "\"error_rate_pct\":50}]}\n");
}

static void fetch_exports(void **state)
{
    struct bench *b = *state;
    struct answer a;
    get(b, &a, "ai-fetch/export", FROM_TO);
    const char *text = probe_text(&a.probe), *body = buf_cstr(&a.body);
    assert_non_null(strstr(text, "Content-Type: text/csv; charset=utf-8\r\n"));
    assert_non_null(strstr(text, "Content-Disposition: attachment; filename=ai-fetches_"));
    assert_non_null(strstr(text, ".csv\r\n"));
    assert_memory_equal(
        body,
        "id,site_id,timestamp,assistant_name,assistant_family,path,hostname,"
        "status_code,content_type,resource_type,response_ms,bytes_served,user_agent\n",
        strlen("id,site_id,timestamp,assistant_name,assistant_family,path,hostname,"
               "status_code,content_type,resource_type,response_ms,bytes_served,"
               "user_agent\n"));
    const char *oldest = strstr(body, "2024-10-04T12:00:00Z,GPTBot,OpenAI,/docs?utm_source=x,"
                                      "example.com,200,text/html,html,10,100,Mozilla");
    assert_non_null(oldest);
    assert_non_null(strstr(body, "2024-10-04T14:00:00Z,ClaudeBot,Anthropic,/img/a.png,"));
    assert_true(strstr(body, "T14:00:00Z") < strstr(body, "T13:00:00Z"));
    assert_true(strstr(body, "T13:00:00Z") < strstr(body, "T12:00:00Z"));
    answer_release(&a);
    expect_part(b, "ai-fetch/export", FROM_TO "&format=ndjson&assistant_name=ClaudeBot",
                "\",\"timestamp\":\"2024-10-04T14:00:00Z\",\"assistant_name\":\"ClaudeBot\","
                "\"assistant_family\":\"Anthropic\",\"path\":\"/img/a.png\",\"hostname\":"
                "\"example.com\",\"status_code\":200,\"content_type\":\"image/png\","
                "\"resource_type\":\"image\",\"response_ms\":null,\"bytes_served\":50,"
                "\"user_agent\":\"Mozilla/5.0 (compatible; ClaudeBot/1.0)\"}\n");
    expect_answer(b, "ai-fetch/export", FROM_TO "&format=json&path=/nowhere", 200, "[\n]\n");
    expect_answer(b, "ai-fetch/export",
                  "from=2024-10-05T00:00:00Z&to=2024-10-04T00:00:00Z&format="
                  "ndjson",
                  200, "");
}

/* ---- pageviews ------------------------------------------------------------------------------- */

static void stats_fields(void **state)
{
    struct bench *b = *state;
    expect_answer(
        b, "stats", "from=2024-10-04T10:00:00Z&to=2024-10-04T16:30:00Z", 200,
        "{\"live_visitors\":0,\"total_pageviews\":3,\"unique_sessions\":2,\"bounce_rate\":50,"
        "\"avg_session_duration\":45,\"pages_per_session\":1.5,\"chart_data\":["
        "{\"time\":\"2024-10-04T10:00:00Z\",\"pageviews\":0,\"visitors\":0},"
        "{\"time\":\"2024-10-04T11:00:00Z\",\"pageviews\":0,\"visitors\":0},"
        "{\"time\":\"2024-10-04T12:00:00Z\",\"pageviews\":0,\"visitors\":0},"
        "{\"time\":\"2024-10-04T13:00:00Z\",\"pageviews\":0,\"visitors\":0},"
        "{\"time\":\"2024-10-04T14:00:00Z\",\"pageviews\":0,\"visitors\":0},"
        "{\"time\":\"2024-10-04T15:00:00Z\",\"pageviews\":2,\"visitors\":1},"
        "{\"time\":\"2024-10-04T16:00:00Z\",\"pageviews\":1,\"visitors\":1}],"
        "\"top_pages\":[{\"name\":\"/docs?utm_source=chatgpt.com\",\"value\":1},"
        "{\"name\":\"/docs?x=\\\"1,2\\\"\",\"value\":1},{\"name\":\"/pricing\",\"value\":1}],"
        "\"top_landing_pages\":[{\"name\":\"/docs?utm_source=chatgpt.com\",\"value\":1},"
        "{\"name\":\"/docs?x=\\\"1,2\\\"\",\"value\":1}],\"top_exit_pages\":["
        "{\"name\":\"/docs?x=\\\"1,2\\\"\",\"value\":1},{\"name\":\"/pricing\",\"value\":1}],"
        "\"top_referrers\":[{\"name\":\"(Direct)\",\"value\":1},"
        "{\"name\":\"chatgpt.com\",\"value\":1},{\"name\":\"www.google.com\",\"value\":1}],"
        "\"top_devices\":[{\"name\":\"Desktop\",\"value\":3}],\"top_countries\":["
        "{\"name\":\"(Unknown)\",\"value\":2},{\"name\":\"DE\",\"value\":1}],"
        "\"top_cities\":[{\"name\":\"(Unknown)\",\"value\":3}],"
        "\"top_providers\":[{\"name\":\"(Unknown)\",\"value\":3}],"
        "\"top_asns\":[{\"name\":\"(Unknown)\",\"value\":3}],"
        "\"top_browsers\":[{\"name\":\"Firefox\",\"value\":3}],\"top_ai_bots\":[],"
        "\"top_ai_bot_categories\":null,\"top_ai_sources\":[{\"name\":\"ChatGPT\",\"value\":1}],"
        "\"top_languages\":[{\"name\":\"(Unspecified)\",\"value\":3}],"
        "\"top_utm_campaigns\":[{\"name\":\"(Unspecified)\",\"value\":3}],"
        "\"top_utm_contents\":[{\"name\":\"(Unspecified)\",\"value\":3}],"
        "\"top_utm_mediums\":[{\"name\":\"(Unspecified)\",\"value\":3}],"
        "\"top_utm_sources\":[{\"name\":\"(Unspecified)\",\"value\":2},"
        "{\"name\":\"chatgpt.com\",\"value\":1}],"
        "\"top_utm_terms\":[{\"name\":\"(Unspecified)\",\"value\":3}],"
        "\"ai_bot_hits\":0,\"ai_source_visits\":1,\"utm_campaign_hits\":0,"
        "\"utm_content_hits\":0,\"utm_medium_hits\":0,\"utm_source_hits\":1,"
        "\"utm_term_hits\":0,\"goals\":[],\"funnels\":[]}\n");
    /* Of no pageviews: null where HitKeep has no list. */
    expect_answer(
        b, "stats", "from=2024-10-05T10:00:00Z&to=2024-10-05T10:00:00Z", 200,
        "{\"live_visitors\":0,\"total_pageviews\":0,\"unique_sessions\":0,\"bounce_rate\":0,"
        "\"avg_session_duration\":0,\"pages_per_session\":0,\"chart_data\":["
        "{\"time\":\"2024-10-05T10:00:00Z\",\"pageviews\":0,\"visitors\":0}],"
        "\"top_pages\":[],\"top_landing_pages\":[],\"top_exit_pages\":[],\"top_referrers\":[],"
        "\"top_devices\":[],\"top_countries\":[],\"top_cities\":null,\"top_providers\":null,"
        "\"top_asns\":null,\"top_browsers\":[],\"top_ai_bots\":[],"
        "\"top_ai_bot_categories\":null,\"top_ai_sources\":[],\"top_languages\":[],"
        "\"top_utm_campaigns\":[],\"top_utm_contents\":[],\"top_utm_mediums\":[],"
        "\"top_utm_sources\":[],\"top_utm_terms\":[],\"ai_bot_hits\":0,\"ai_source_visits\":0,"
        "\"utm_campaign_hits\":0,\"utm_content_hits\":0,\"utm_medium_hits\":0,"
        "\"utm_source_hits\":0,\"utm_term_hits\":0,\"goals\":[],\"funnels\":[]}\n");
}

static void stats_of_some(void **state)
{
    struct bench *b = *state;
    expect_part(b, "stats", FROM_TO "&filter=path:/pricing", "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=referrer_host:chatgpt.com", "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=referrer_host:(Direct)", "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=hostname:example.com", "\"total_pageviews\":3,");
    expect_part(b, "stats", FROM_TO "&filter=hostname:example.org", "\"total_pageviews\":0,");
    expect_part(b, "stats", FROM_TO "&filter=browser:Firefox&filter=device:Desktop",
                "\"total_pageviews\":3,");
    expect_part(b, "stats", FROM_TO "&filter=utm_source:chatgpt.com", "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=country:DE", "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=country:AT", "\"total_pageviews\":0,");
    expect_part(b, "stats", FROM_TO "&filter=country:unknown", "\"total_pageviews\":2,");
    /* A referrer by its name in the list; its host by any port, with or without "www." */
    expect_part(b, "stats", FROM_TO "&filter=referrer:www.google.com", "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=referrer:google.com", "\"total_pageviews\":0,");
    expect_part(b, "stats", FROM_TO "&filter=referrer:DIRECT", "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=referrer_host:GOOGLE.com", "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=referrer_host:WWW.google.com",
                "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=referrer_host:direct", "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=+utm_Source+:+unspecified+&filter=&filter=%20",
                "\"total_pageviews\":2,");
    expect_part(b, "stats", FROM_TO "&filter=city:Unknown&filter=asn:(unknown)",
                "\"total_pageviews\":3,");
    expect_part(b, "stats", FROM_TO "&filter=language:unspecified", "\"total_pageviews\":3,");
    expect_part(b, "stats", FROM_TO "&filter=path:/pricing&filter=utm_source:chatgpt.com",
                "\"total_pageviews\":0,");
    expect_part(b, "stats", FROM_TO "&goal_id=11111111-1111-4111-8111-111111111111",
                "\"total_pageviews\":0,");
    expect_part(b, "stats", FROM_TO "&from=2024-10-04", "\"total_pageviews\":3,");
    expect_part(
        b, "stats", FROM_TO "&compare_from=2024-10-04T00:00:00Z&compare_to=2024-10-04T15:00:00Z",
        ",\"comparison\":{\"total_pageviews\":1,\"unique_sessions\":1,\"bounce_rate\":100,");
    expect_part(b, "stats",
                FROM_TO "&compare_from=2024-10-04T00:00:00Z&compare_to=2024-10-04T15:00:00Z",
                "}],\"ai_bot_hits\":0,\"ai_source_visits\":1,\"utm_campaign_hits\":0,"
                "\"utm_content_hits\":0,\"utm_medium_hits\":0,\"utm_source_hits\":1,"
                "\"utm_term_hits\":0,\"goals\":null,\"total_conversions\":0}}\n");
    /* A visit's first and last page, though it began before the time and ends behind it. */
    expect_part(b, "stats", "from=2024-10-04T15:01:00Z&to=2024-10-04T15:30:00Z",
                "\"top_pages\":[{\"name\":\"/pricing\",\"value\":1}],\"top_landing_pages\":["
                "{\"name\":\"/docs?utm_source=chatgpt.com\",\"value\":1}],\"top_exit_pages\":["
                "{\"name\":\"/pricing\",\"value\":1}],");
    expect_part(b, "stats", "from=2024-10-04T14:00:00Z&to=2024-10-04T15:00:00Z",
                "\"unique_sessions\":1,\"bounce_rate\":100,\"avg_session_duration\":0,");
    expect_part(b, "stats", "from=2024-10-04T14:00:00Z&to=2024-10-04T15:00:00Z",
                "\"top_exit_pages\":[{\"name\":\"/pricing\",\"value\":1}],");
    /* Half a time to compare with is none. */
    expect_part(b, "stats", FROM_TO "&compare_from=2024-10-04T00:00:00Z", "\"funnels\":[]}\n");
    expect_part(b, "stats", FROM_TO "&compare_to=2024-10-04T00:00:00Z", "\"funnels\":[]}\n");
}

static void expect_sites(struct bench *b, const char *token, const char *query, int status,
                         const char *body)
{
    struct answer a;
    char line[256];
    snprintf(line, sizeof(line), "GET /api/sites/overview?%s", query);
    ask(b, &a, line, token);
    if (a.status != status || strcmp(buf_cstr(&a.body), body) != 0)
        fail_msg("%s: wanted %d %s\ngot %d %s", query, status, body, a.status, buf_cstr(&a.body));
    answer_release(&a);
}

/* All sites that one may view, with their numbers. */
static void overview_of_sites(void **state)
{
    struct bench *b = *state;
    char body[1024];
    snprintf(body, sizeof(body),
             "{\"sites\":[{\"site_id\":\"%s\",\"status\":\"ready\",\"total_pageviews\":3,"
             "\"unique_sessions\":2,\"bounce_rate\":50,\"chart_data\":["
             "{\"time\":\"2024-10-04T00:00:00Z\",\"pageviews\":3,\"visitors\":2},"
             "{\"time\":\"2024-10-05T00:00:00Z\",\"pageviews\":0,\"visitors\":0},"
             "{\"time\":\"2024-10-06T00:00:00Z\",\"pageviews\":0,\"visitors\":0}]}]}\n",
             site_id);
    expect_sites(b, "viewer", "from=2024-10-04T00:00:00Z&to=2024-10-06T00:00:00Z", 200, body);
    snprintf(body, sizeof(body),
             "{\"sites\":[{\"site_id\":\"%s\",\"status\":\"ready\",\"total_pageviews\":0,"
             "\"unique_sessions\":0,\"bounce_rate\":0,\"chart_data\":[]}]}\n",
             site_id);
    expect_sites(b, "viewer", "from=2024-10-04T00:00:00Z&to=2024-10-03T00:00:00Z", 200, body);
    expect_sites(b, "secret", "", 200, "{\"sites\":[]}\n"); /* may write, not view */
    expect_sites(b, "nobody", "", 401, "Unauthorized\n");
    expect_sites(b, NULL, "", 401, "Unauthorized\n");
}

static void hits_fields(void **state)
{
    struct bench *b = *state;
    expect_part(b, "hits", FROM_TO "&limit=1", "\"page_id\":\""); /* none was sent */
    expect_part(b, "hits", FROM_TO "&limit=1",
                ",\"timestamp\":\"2024-10-04T16:00:00.25Z\",\"path\":\"/docs?"
                "x=\\\"1,2\\\"\",\"hostname\":\"example.com\",\"referrer\":\"https://www.google.c"
                "om/search?q=a\",\"user_agent\":\"Mozilla/5.0 (X11; Linux x86_64) Firefox"
                "/130.0\",\"viewport_width\":null,\"viewport_height\":null,\"screen_width\":"
                "null,\"screen_height\":null,\"language\":null,\"country_code\":\"DE\",\"regio"
                "n\":null,\"city\":null,\"provider\":null,\"asn\":null,\"asn_org\":null,\"utm_s"
                "ource\":null,\"utm_medium\":null,\"utm_campaign\":null,\"utm_term\":null,\"u"
                "tm_content\":null,\"qr_code_id\":null,\"is_unique\":null}],\"total\":3}\n");
    expect_part(b, "hits", FROM_TO "&filter=country:(unknown)", "\"total\":2}\n");
    expect_part(b, "hits", FROM_TO "&q=PRICING", "\"total\":1}\n");
    expect_part(b, "hits", FROM_TO "&q=google", "\"total\":1}\n");
    expect_part(b, "hits", FROM_TO "&q=%25", "{\"data\":[],\"total\":0}\n");
    expect_part(b, "hits", FROM_TO "&offset=3", "{\"data\":[],\"total\":3}\n");
    expect_part(b, "hits", FROM_TO "&offset=99999999999&limit=99999999999",
                "{\"data\":[],\"total\":3}\n");
    expect_part(b, "hits", FROM_TO "&sort=path&order=asc&limit=1", "\"path\":\"/docs?utm_source");
    expect_part(b, "hits", FROM_TO "&sort=path&limit=1", "\"path\":\"/pricing\"");
    expect_part(b, "hits", FROM_TO "&sort=referrer&order=asc&limit=1",
                "\"referrer\":\"https://chatgpt.com/\"");
    expect_part(b, "hits", "", "{\"data\":[],\"total\":0}\n"); /* the last day */
    expect_part(b, "hits/export", FROM_TO "&format=json", "\"is_unique\":null},\n{\"id\":");
    expect_part(b, "hits/export", FROM_TO,
                "2024-10-04T16:00:00.25Z,\"/docs?x=\"\"1,2\"\"\",example.com,https://www.google");
}

/* Every filter picks the same pageviews for a report (columns) and for a list (rows). */
static void filters_agree(void **state)
{
    struct bench *b = *state;
    static const char *const filters[] = {"path:/pricing",
                                          "hostname:example.com",
                                          "referrer:https://chatgpt.com/",
                                          "referrer:(Direct)",
                                          "referrer_host:www.google.com",
                                          "referrer:www.google.com",
                                          "referrer:direct",
                                          "referrer_host:google.com",
                                          "referrer_host:(Direct)",
                                          "device:Desktop",
                                          "device:Mobile",
                                          "country:(Unknown)",
                                          "country:Unknown",
                                          "country:DE",
                                          "country:de",
                                          "city:x",
                                          "asn:1",
                                          "provider:(Unknown)",
                                          "browser:Firefox",
                                          "browser:Chrome",
                                          "language:(Unspecified)",
                                          "language:en",
                                          "utm_source:chatgpt.com",
                                          "utm_source:(Unspecified)",
                                          "utm_medium:x",
                                          "utm_campaign:(Unspecified)",
                                          "utm_term:x",
                                          "utm_content:(Unspecified)",
                                          "qr_code_id:11111111-1111-4111-8111-111111111111",
                                          "ai_source:ChatGPT",
                                          "AI_Source:chatgpt",
                                          "ai_bot:GPTBot",
                                          "ai_bot_category:ai_training_crawler"};
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        struct answer stats, hits;
        char query[256], total[32];
        snprintf(query, sizeof(query), FROM_TO "&filter=%s", filters[i]);
        get(b, &stats, "stats", query);
        get(b, &hits, "hits", query);
        const char *n = strstr(buf_cstr(&stats.body), "\"total_pageviews\":");
        assert_non_null(n);
        snprintf(total, sizeof(total), "\"total\":%d}", (int)strtol(n + 18, NULL, 10));
        if (!strstr(buf_cstr(&hits.body), total))
            fail_msg("%s: stats %.30s, hits %s", filters[i], n, buf_cstr(&hits.body));
        answer_release(&stats);
        answer_release(&hits);
    }
}

/* ---- others ---------------------------------------------------------------------------------- */

static void the_catalogue(void **state)
{
    struct bench *b = *state;
    struct answer a;
    ask(b, &a, "GET /api/ai-agents", NULL);
    const char *body = buf_cstr(&a.body);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(probe_text(&a.probe), "Cache-Control: private, max-age=86400\r\n"));
    assert_non_null(strstr(body, "{\"generated_at\":\"20"));
    assert_non_null(strstr(body, "{\"name\":\"GPTBot\",\"family\":\"OpenAI\",\"category\":"
                                 "\"ai_training_crawler\"}"));
    assert_null(strstr(body, "Googlebot"));
    assert_non_null(strstr(body, "\"ai_referrers\":[{\"name\":\"ChatGPT\"},{\"name\":\"Claude\"}"));
    assert_non_null(strstr(body, "{\"name\":\"HuggingChat\"}]}\n"));
    assert_non_null(strstr(strstr(body, "\"ai_referrers\""), "\"Qwen\""));
    answer_release(&a);
}

static void head_has_no_body(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
        struct probe p;
        struct buf request;
        buf_init(&request, 1000);
        buf_printf(&request,
                   "HEAD /api/sites/%s/%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                   "Authorization: Bearer viewer\r\n\r\n",
                   site_id, endpoints[i]);
        probe_connect(&p, b->loop, http_server_port(b->server));
        probe_send(&p, buf_str(&request));
        assert_true(probe_await_close(&p));
        assert_non_null(strstr(probe_text(&p), "HTTP/1.1 200 OK"));
        assert_string_equal(strstr(probe_text(&p), "\r\n\r\n"), "\r\n\r\n");
        probe_close(&p);
        buf_release(&request);
    }
}

static void percents(void **state)
{
    static const struct {
        uint64_t n, all;
        const char *text;
    } cases[] = {{0, 0, "0"},
                 {0, 7, "0"},
                 {7, 7, "100"},
                 {1, 3, "33.33"},
                 {2, 3, "66.67"},
                 {1, 8, "12.5"},
                 {1, 800, "0.13"},
                 {1, 20000, "0.01"},
                 {1, 20001, "0"},
                 {201, 20000, "1"},
                 {203, 20000, "1.01"},
                 {3, 1, "300"},
                 {UINT32_MAX, 1, "429496729500"}};
    struct buf out;
    (void)state;
    buf_init(&out, 100);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_reset(&out);
        put_percent(&out, cases[i].n, cases[i].all);
        assert_string_equal(buf_cstr(&out), cases[i].text);
    }
    buf_release(&out);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, reads_setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_gate),          T(what_is_refused),    T(overview_fields),
        T(timeseries_fields), T(correlation_fields), T(strict_correlation),
        T(fetch_exports),     T(stats_fields),       T(stats_of_some),
        T(overview_of_sites), T(hits_fields),        T(filters_agree),
        T(the_catalogue),     T(head_has_no_body),   cmocka_unit_test(percents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
