/*
 * test_api_activity.c - ai-activity, and the filters of AI, over a real store; what is counted in
 * general test_read_judge.c shows.
 */
#include "tests/unit/server/api_reads_bench.h"

/* Agents that came in as pageviews, and visits that an assistant sent. */
static void hits_of_ai(void **state)
{
    struct bench *b = *state;
    struct batch more;
    batch_init(&more, b->fixture, 2);
    struct record *r = visit(&more, b->fixture, HOUR_MS, "https://example.com/docs", "192.0.2.3");
    r->at = 5000; /* no record of before */
    r->user_agent = -1;
    r->user_agent_text = STR("Mozilla/5.0 (compatible; GPTBot/1.2)");
    assert_int_equal(fixture_run(b->fixture->store, &more.job).stored, 1);
    expect_part(b, "stats", FROM_TO, "\"total_pageviews\":4,");
    expect_part(b, "stats", FROM_TO "&filter=ai_bot:GPTBot", "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=ai_bot:gptbot", "\"total_pageviews\":0,");
    expect_part(b, "stats", FROM_TO "&filter=ai_bot_category:ai_training_crawler",
                "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=ai_bot_category:ai_agent", "\"total_pageviews\":0,");
    expect_part(b, "stats", FROM_TO "&filter=ai_source:ChatGPT", "\"total_pageviews\":1,");
    expect_part(b, "stats", FROM_TO "&filter=ai_source:Claude", "\"total_pageviews\":0,");
    expect_part(b, "hits", FROM_TO "&filter=ai_bot:GPTBot", "\"path\":\"/docs\"");
    expect_part(b, "hits", FROM_TO "&filter=ai_bot:GPTBot", "\"total\":1}");
    expect_part(b, "hits", FROM_TO "&filter=ai_bot_category:ai_training_crawler", "\"total\":1}");
    expect_part(b, "hits", FROM_TO "&filter=ai_source:ChatGPT", "\"total\":1}");
    expect_part(b, "hits/export", FROM_TO "&format=json&filter=ai_bot:GPTBot", "GPTBot/1.2");
    expect_part(b, "ai-activity", FROM_TO,
                "{\"ai_requests\":4,\"tracked_hits\":1,\"fetch_count\":3,\"referral_visits\":1,"
                "\"paths_crawled\":3,\"unique_agents\":2,\"pageviews\":4,");
    expect_part(b, "ai-activity", FROM_TO,
                "\"top_agents\":[{\"name\":\"GPTBot\",\"value\":3,\"tracked_hits\":1,"
                "\"fetch_count\":2},{\"name\":\"ClaudeBot\",\"value\":1,\"tracked_hits\":0,"
                "\"fetch_count\":1}],");
    expect_part(b, "ai-activity", FROM_TO "&filter=ai_source:ChatGPT",
                "{\"ai_requests\":0,\"tracked_hits\":0,\"fetch_count\":0,\"referral_visits\":1,"
                "\"paths_crawled\":0,\"unique_agents\":0,\"pageviews\":4,");
    expect_part(b, "ai-activity", FROM_TO "&filter=path:/docs&filter=path:/x",
                "{\"ai_requests\":0,\"tracked_hits\":0,\"fetch_count\":0,");
    expect_part(b, "ai-activity", FROM_TO "&filter=country:DE",
                "{\"ai_requests\":3,\"tracked_hits\":0,\"fetch_count\":3,\"referral_visits\":0,"
                "\"paths_crawled\":3,\"unique_agents\":2,\"pageviews\":1,");
    /* Nobody has reached a goal, and fetches know of none. */
    expect_part(b, "ai-activity", FROM_TO "&goal_id=11111111-1111-4111-8111-111111111111",
                "{\"ai_requests\":3,\"tracked_hits\":0,\"fetch_count\":3,\"referral_visits\":0,"
                "\"paths_crawled\":3,\"unique_agents\":2,\"pageviews\":0,");
    expect_part(b, "ai-activity", FROM_TO "&compare_from=2024-10-04T00:00:00Z",
                "\"referral_visits\":0}]}\n"); /* half a time to compare with */
}

static void activity_fields(void **state)
{
    struct bench *b = *state;
    expect_answer(
        b, "ai-activity",
        "from=2024-10-04T12:00:00Z&to=2024-10-04T18:30:00Z&filter=ai_bot:ClaudeBot"
        "&compare_from=2024-10-04T00:00:00Z&compare_to=2024-10-04T13:00:00Z",
        200,
        "{\"ai_requests\":1,\"tracked_hits\":0,\"fetch_count\":1,\"referral_visits\":0,"
        "\"paths_crawled\":1,\"unique_agents\":1,\"pageviews\":3,\"error_rate_4xx\":0,"
        "\"error_rate_5xx\":0,\"median_response_ms\":0,\"total_bytes\":50,\"top_agents\":["
        "{\"name\":\"ClaudeBot\",\"value\":1,\"tracked_hits\":0,\"fetch_count\":1}],"
        "\"top_categories\":[{\"name\":\"ai_training_crawler\",\"value\":1,\"tracked_hits\":0,"
        "\"fetch_count\":1}],\"top_paths\":[{\"name\":\"/img/a.png\",\"value\":1,"
        "\"tracked_hits\":0,\"fetch_count\":1}],\"top_sources\":[],\"top_families\":["
        "{\"name\":\"Anthropic\",\"value\":1,\"tracked_hits\":0,\"fetch_count\":1}],"
        "\"top_resource_types\":[{\"name\":\"image\",\"value\":1,\"tracked_hits\":0,"
        "\"fetch_count\":1}],\"top_error_paths\":[],\"top_agents_by_category\":{"
        "\"ai_training_crawler\":[{\"name\":\"ClaudeBot\",\"value\":1,\"tracked_hits\":0,"
        "\"fetch_count\":1}]},\"series\":["
        "{\"time\":\"2024-10-04T12:00:00Z\",\"ai_requests\":0,\"tracked_hits\":0,"
        "\"fetch_count\":0,\"referral_visits\":0},"
        "{\"time\":\"2024-10-04T13:00:00Z\",\"ai_requests\":0,\"tracked_hits\":0,"
        "\"fetch_count\":0,\"referral_visits\":0},"
        "{\"time\":\"2024-10-04T14:00:00Z\",\"ai_requests\":1,\"tracked_hits\":0,"
        "\"fetch_count\":1,\"referral_visits\":0},"
        "{\"time\":\"2024-10-04T15:00:00Z\",\"ai_requests\":0,\"tracked_hits\":0,"
        "\"fetch_count\":0,\"referral_visits\":0},"
        "{\"time\":\"2024-10-04T16:00:00Z\",\"ai_requests\":0,\"tracked_hits\":0,"
        "\"fetch_count\":0,\"referral_visits\":0},"
        "{\"time\":\"2024-10-04T17:00:00Z\",\"ai_requests\":0,\"tracked_hits\":0,"
        "\"fetch_count\":0,\"referral_visits\":0},"
        "{\"time\":\"2024-10-04T18:00:00Z\",\"ai_requests\":0,\"tracked_hits\":0,"
        "\"fetch_count\":0,\"referral_visits\":0}],\"comparison\":{\"ai_requests\":0,"
        "\"tracked_hits\":0,\"fetch_count\":0,\"referral_visits\":0,\"paths_crawled\":0,"
        "\"unique_agents\":0,\"pageviews\":0}}\n");
    /* A time that ends before it begins: nothing, and all lists are there. */
    expect_answer(b, "ai-activity", "from=2024-10-05T00:00:00Z&to=2024-10-04T00:00:00Z", 200,
                  "{\"ai_requests\":0,\"tracked_hits\":0,\"fetch_count\":0,\"referral_visits\":0,"
                  "\"paths_crawled\":0,\"unique_agents\":0,\"pageviews\":0,\"error_rate_4xx\":0,"
                  "\"error_rate_5xx\":0,\"median_response_ms\":0,\"total_bytes\":0,"
                  "\"top_agents\":[],\"top_categories\":[],\"top_paths\":[],\"top_sources\":[],"
                  "\"top_families\":[],\"top_resource_types\":[],\"top_error_paths\":[],"
                  "\"top_agents_by_category\":{},\"series\":[]}\n");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, reads_setup, teardown)
    const struct CMUnitTest tests[] = {T(hits_of_ai), T(activity_fields)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
