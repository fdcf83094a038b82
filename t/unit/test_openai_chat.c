#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ai/va_think.h"
#include "ai_reader.h"

static const answer_t sse = {
    VA_AI_LLM, {.model = {0}}, 200, "text/event-stream"};
static const answer_t json = {
    VA_AI_LLM, {.model = {0}}, 200, "application/json"};

#define ROLE                                                                   \
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\","       \
    "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","             \
    "\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}],"            \
    "\"usage\":null}\n\n"
#define DELTA(text)                                                            \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text          \
    "\"},\"finish_reason\":null}]}\n\n"
#define END(reason)                                                            \
    "data: "                                                                   \
    "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason      \
    "\"}]}\n\n"
#define USAGE                                                                  \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,"                    \
    "\"completion_tokens\":3}}\n\n"
#define DONE "data: [DONE]\n\n"
#define TOOL(name)                                                             \
    "data: "                                                                   \
    "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"      \
    "\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"" name   \
    "\",\"arguments\":\"\"}}]},\"finish_reason\":null}]}\n\n"
#define ARGUMENTS                                                              \
    "data: "                                                                   \
    "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"      \
    "\"function\":{\"arguments\":\"{}\"}}]}}]}\n\n"

static void says(const answer_t *a, const char *body, const char *want,
                 size_t hang_ups)
{
    told_t told = {0};

    ai_run_split(&told, a, body, strlen(body));
    assert_string_equal(told.error, "");
    assert_int_equal(told.rc, VA_OK);
    assert_int_equal(told.text.len, strlen(want));
    if (told.text.len != 0) {
        assert_string_equal(told.text.data, want);
    }
    assert_int_equal(told.hang_ups, hang_ups);
    ai_forget(&told);
}

static void builds_a_request(void **state)
{
    const va_ai_message_t messages[] = {
        {VA_ROLE_ASSISTANT, VA_STR("Hello!")},
        {VA_ROLE_USER, VA_STR("Say \"hi\"\n\xff")},
        {VA_ROLE_ASSISTANT, VA_STR("")},
    };
    va_ai_conf_t conf = {.url = VA_STR("http://127.0.0.1:11434/v1"),
                         .model = VA_STR("some-model")};
    va_ai_input_t in = {.stage = VA_AI_LLM,
                        .prompt = VA_STR("Be brief."),
                        .messages = messages,
                        .message_count = 3,
                        .call_sid = VA_STR("CA12")};
    static const char start[] =
        "{\"model\":\"some-model\",\"user\":\"CA12\",\"stream\":true,"
        "\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
        "{\"role\":\"assistant\",\"content\":\"Hello!\"},"
        "{\"role\":\"user\",\"content\":\"Say \\\"hi\\\"\\n\xef\xbf\xbd\"}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"hang_up\",";
    static const char end[] =
        "\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]}";
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &conf, &in), VA_OK);
    assert_string_equal(req.url.data,
                        "http://127.0.0.1:11434/v1/chat/completions");
    assert_int_equal(req.part_count, 0);
    assert_int_equal(req.header_count, 2);
    assert_string_equal(req.headers[0].data, "Content-Type: application/json");
    assert_true(req.body.len > strlen(start));
    assert_memory_equal(req.body.data, start, strlen(start));
    assert_string_equal(req.body.data + req.body.len - strlen(end), end);
    va_ai_request_free(&req);

    in.prompt = VA_STR("");
    in.message_count = 0;
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &conf, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
}

static void a_request_has_a_bound(void **state)
{
    static char big[VA_AI_BODY_MAX];
    va_ai_conf_t conf = {.url = VA_STR("http://127.0.0.1/v1")};
    va_ai_input_t in = {.stage = VA_AI_LLM};
    va_ai_request_t req;

    (void)state;
    memset(big, 'x', sizeof(big));
    in.prompt = (va_str_t){big, sizeof(big)};
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &conf, &in),
                     VA_LIMIT);
    va_ai_request_free(&req);
}

static void reads_a_stream(void **state)
{
    (void)state;
    says(&sse,
         ROLE DELTA("Good") DELTA(" morning") DELTA("!") END("stop") USAGE DONE,
         "Good morning!", 0);
    says(
        &sse,
        ": ping\r\n\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"caf\\u00e9 "
        "\xe2\x82\xac\"},\"finish_reason\":\"stop\"}]}\r\n\r\n",
        "caf\xc3\xa9 \xe2\x82\xac", 0);
}

static void reads_odd_streams(void **state)
{
    (void)state;
    /* no [DONE]; no finish_reason; an end without a blank line */
    says(&sse, ROLE DELTA("a") END("stop"), "a", 0);
    says(&sse, DELTA("a") DONE, "a", 0);
    says(&sse, DELTA("a") "data: [DONE]", "a", 0);
    says(&sse, DELTA("a") END("length") DONE, "a", 0);
    /* white space first */
    says(&sse, "\t \r\n\n" DELTA("a") END("stop"), "a", 0);
    /* after the end nothing counts */
    says(&sse, DELTA("a") END("stop") DONE "data: {broken\n\n", "a", 0);
    /* empty events, null content, other members, other first events */
    says(&sse,
         "data:\n\ndata: {\"choices\":[],\"prompt_filter_results\":[]}\n\n"
         "data: "
         "{\"choices\":[{\"delta\":{\"content\":null}}],\"error\":null}\n\n"
         "data: {\"choices\":null}\n\ndata: null\n\ndata: 5\n\n"
         "data: {\"choices\":[{\"delta\":null}]}\n\n" DELTA("a") END("stop"),
         "a", 0);
    says(
        &sse,
        "data: {\"choices\":[{\"delta\":{\"refusal\":\"I cannot.\"}}]}\n\n" END(
            "stop"),
        "I cannot.", 0);
    says(&sse,
         "data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"thinking\","
         "\"text\":\"no\"},{\"type\":\"text\",\"text\":\"yes\"}]}}]}\n\n" END(
             "stop"),
         "yes", 0);
}

static void reads_an_answer_in_one_piece(void **state)
{
    static const char whole[] =
        "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
        "\"assistant\",\"content\":\"<think>no</think>\\n\\nHello.\"},"
        "\"finish_reason\":\"stop\"}]}";
    answer_t odd = sse;

    (void)state;
    says(&json, whole, "Hello.", 0);
    odd.type = "";
    says(&odd, whole, "Hello.", 0);
    odd.type = "text/event-stream"; /* a lie */
    says(&odd, whole, "Hello.", 0);
    odd.type = "application/json"; /* a lie too */
    says(&odd, ROLE DELTA("a") END("stop"), "a", 0);
    says(&json,
         " {\"choices\":[{\"message\":{\"content\":\"Bye.\",\"tool_calls\":[{"
         "\"function\":{\"name\":\"hang_up\",\"arguments\":\"{}\"}}]},"
         "\"finish_reason\":\"tool_calls\"}]}",
         "Bye.", 1);
}

static void hangs_up_when_the_model_says_so(void **state)
{
    (void)state;
    says(&sse,
         ROLE DELTA("Goodbye.") TOOL("hang_up") ARGUMENTS END("tool_calls")
             DONE,
         "Goodbye.", 1);
    /* no words, called twice, words after it: one event, at the end */
    says(&sse, TOOL("hang_up") END("tool_calls") DONE, "", 1);
    says(&sse, TOOL("hang_up") TOOL("hang_up") DELTA("Bye") END("stop"), "Bye",
         1);
    says(&sse,
         "data: {\"choices\":[{\"delta\":{\"function_call\":{\"name\":"
         "\"hang_up\"}}}]}\n\n" END("function_call"),
         "", 1);
    says(&sse, DELTA("Hi") TOOL("other") END("tool_calls"), "Hi", 0);
    /* a cut stream never hangs up */
    {
        told_t told = {0};
        const char *body = DELTA("Bye") TOOL("hang_up");

        ai_run_split(&told, &sse, body, strlen(body));
        assert_int_equal(told.rc, VA_FAILED);
        assert_int_equal(told.hang_ups, 0);
        ai_forget(&told);
    }
}

static void thinking_is_not_spoken(void **state)
{
    (void)state;
    says(&sse,
         "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\","
         "\"content\":null}}]}\n\n"
         "data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\"}}]}\n\n" DELTA(
             "Yes.") END("stop"),
         "Yes.", 0);
    says(&sse,
         DELTA("<th") DELTA("ink>I wonder </thi") DELTA("nk>")
             DELTA("\\n\\nYes, ") DELTA("1 <2 <thin ice") END("stop"),
         "Yes, 1 <2 <thin ice", 0);
    says(&sse, DELTA("a</think>b<") END("stop"), "ab<", 0);
    ai_fails(&sse, DELTA("<think>never ends") END("stop"), VA_FAILED,
             "the reply is empty");
}

static void think_splits_anywhere(void **state)
{
    static const char text[] = " \n<think>a<b</thin</think> Hi <<think>x"
                               "</think>there</</think>!<think";
    static const char want[] = "Hi <there</!<think";
    size_t len = strlen(text);
    size_t first, second;

    (void)state;
    for (first = 0; first <= len; first++) {
        for (second = first; second <= len; second++) {
            va_think_t t = {0};
            va_buf_t out;

            va_buf_init(&out, 1000);
            va_think_feed(&t, (va_str_t){text, first}, &out);
            va_think_feed(&t, (va_str_t){text + first, second - first}, &out);
            va_think_feed(&t, (va_str_t){text + second, len - second}, &out);
            assert_int_equal(va_think_finish(&t, &out), VA_OK);
            assert_string_equal(out.data, want);
            va_buf_free(&out);
        }
    }
}

static void tells_why_it_failed(void **state)
{
    answer_t a = {VA_AI_LLM, {.model = {0}}, 401, "application/json"};

    (void)state;
    ai_fails(&a, "{\"error\":{\"message\":\"Bad key\",\"code\":null}}",
             VA_FAILED, "HTTP 401: Bad key");
    a.status = 429;
    ai_fails(&a,
             "{\"error\":{\"message\":\"Slow down\",\"code\":"
             "\"rate_limit_exceeded\"}}",
             VA_FAILED, "HTTP 429: Slow down (rate_limit_exceeded)");
    a.status = 500;
    a.type = "text/html";
    ai_fails(&a, "<!DOCTYPE html><h1>500</h1>", VA_FAILED, "HTTP 500");
    a.status = 200;
    ai_fails(&a, "<!DOCTYPE html><h1>Welcome</h1>", VA_INVALID, "a page");
}

static void errors_inside_the_stream(void **state)
{
    (void)state;
    ai_fails(&sse,
             DELTA("a") "data: {\"error\":{\"message\":\"Overloaded, key " KEY
                        "\",\"type\":\"server_error\"}}\n\n" DONE,
             VA_FAILED, "Overloaded, key *** (server_error)");
    ai_fails(&sse, "event: error\ndata: {\"error\":\"out of memory\"}\n\n",
             VA_FAILED, "out of memory");
    ai_fails(&sse, DELTA("a") "data: {\"choices\":[{\"del\n\n", VA_INVALID,
             "malformed JSON");
    ai_fails(&sse, DELTA("a") "data: oops\n\n" END("stop"), VA_INVALID,
             "malformed JSON");
    ai_fails(&sse, ROLE DELTA("a"), VA_FAILED, "the stream was cut");
    ai_fails(&sse, DELTA("a") "data: {\"choices\":[{\"delta\":{\"con",
             VA_INVALID, "malformed JSON");
    ai_fails(&sse, "", VA_FAILED, "the stream was cut");
    ai_fails(&sse, "hello\nworld\n\n", VA_FAILED, "the stream was cut");
    ai_fails(&sse, DELTA("a") END("content_filter") DONE, VA_FAILED,
             "content filter");
    ai_fails(&sse, ROLE END("stop") DONE, VA_FAILED, "the reply is empty");
    ai_fails(&sse, ROLE TOOL("other") END("tool_calls") DONE, VA_FAILED,
             "the reply is empty");
    ai_fails(&json, "{\"choices\":[]}", VA_FAILED, "the reply is empty");
    ai_fails(&json, "{\"choices\":[{\"message\":{\"content\":\"cut", VA_INVALID,
             "malformed JSON");
    ai_fails(&json, "{\"error\":{\"message\":\"no model\"}}", VA_FAILED,
             "no model");
}

static void every_bound_holds(void **state)
{
    static const char delta[] =
        DELTA("0123456789012345678901234567890123456789"
              "0123456789012345678901234567890123456789");
    told_t told = {0};
    va_ai_reader_t *r;
    size_t i;

    (void)state;
    ai_refuses_100_mb(&sse, "data: ");
    ai_refuses_100_mb(&sse, ": a comment\n\n");
    ai_refuses_100_mb(&json, "{\"choices\":[");
    ai_refuses_100_mb(&sse, " ");

    /* a model that does not stop talking */
    r = ai_start(&told, &sse);
    assert_int_equal(va_ai_reader_head(r, 200, va_str(sse.type)), VA_OK);
    for (i = 0; i < 10000 && told.rc == VA_OK; i++) {
        told.rc = va_ai_reader_feed(r, (const uint8_t *)delta, strlen(delta));
    }
    assert_int_equal(told.rc, VA_LIMIT);
    assert_in_range(told.text.len, 60000, 65536);
    ai_end(&told, r);
    ai_forget(&told);
}

static void stops_when_told(void **state)
{
    const char *body = DELTA("a") DELTA("b") DELTA("c") END("stop");
    told_t told = {.stop_after = 2};

    (void)state;
    ai_run(&told, &sse, body, strlen(body), 0, 1000);
    assert_int_equal(told.rc, VA_FAILED);
    assert_int_equal(told.events, 2);
    assert_string_equal(told.error, "stopped");
    ai_forget(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_a_request),
        cmocka_unit_test(a_request_has_a_bound),
        cmocka_unit_test(reads_a_stream),
        cmocka_unit_test(reads_odd_streams),
        cmocka_unit_test(reads_an_answer_in_one_piece),
        cmocka_unit_test(hangs_up_when_the_model_says_so),
        cmocka_unit_test(thinking_is_not_spoken),
        cmocka_unit_test(think_splits_anywhere),
        cmocka_unit_test(tells_why_it_failed),
        cmocka_unit_test(errors_inside_the_stream),
        cmocka_unit_test(every_bound_holds),
        cmocka_unit_test(stops_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
