#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ai/va_think.h"
#include "ai_reader.h"

static const answer_t sse = {
    VA_AI_LLM, {.model = {0}}, 200, "text/event-stream", NULL};
static const answer_t json = {
    VA_AI_LLM, {.model = {0}}, 200, "application/json", NULL};

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
        {.role = VA_ROLE_ASSISTANT, .text = VA_STR("Hello!")},
        {.role = VA_ROLE_USER, .text = VA_STR("Say \"hi\"\n\xff")},
        {.role = VA_ROLE_ASSISTANT, .text = VA_STR("")},
    };
    va_ai_conf_t conf = {.url = VA_STR("http://127.0.0.1:11434/v1"),
                         .model = VA_STR("some-model")};
    va_ai_input_t in = {.stage = VA_AI_LLM,
                        .prompt = VA_STR("Be brief."),
                        .messages = messages,
                        .message_count = 3,
                        .call_sid = VA_STR("CA12")};
    static const char want[] =
        "{\"model\":\"some-model\",\"user\":\"CA12\",\"stream\":true,"
        "\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
        "{\"role\":\"assistant\",\"content\":\"Hello!\"},"
        "{\"role\":\"user\",\"content\":\"Say \\\"hi\\\"\\n\xef\xbf\xbd\"}]}";
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &conf, &in), VA_OK);
    assert_string_equal(req.url.data,
                        "http://127.0.0.1:11434/v1/chat/completions");
    assert_int_equal(req.part_count, 0);
    assert_int_equal(req.header_count, 2);
    assert_string_equal(req.headers[0].data, "Content-Type: application/json");
    assert_string_equal(req.body.data, want);
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

#define CALLS(list)                                                            \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[" list        \
    "]},\"finish_reason\":null}]}\n\n"

static void calls(const char *body, const char *want)
{
    told_t told = {0};

    ai_run_split(&told, &sse, body, strlen(body));
    assert_string_equal(told.error, "");
    assert_string_equal(told.calls.data, want);
    ai_forget(&told);
}

static void reads_calls_in_fragments(void **state)
{
    (void)state;
    calls(
        DELTA("One moment.") CALLS(
            "{\"index\":0,\"id\":\"call_a\",\"type\":\"function\","
            "\"function\":{\"name\":\"lookup\",\"arguments\":\"\"}}")
            CALLS("{\"index\":0,\"function\":{\"arguments\":\"{\\\"q\\\":\"}}")
                CALLS("{\"index\":0,\"function\":{\"arguments\":\"1}\"}}")
                    CALLS("{\"index\":1,\"id\":\"call_b\",\"function\":{"
                          "\"name\":\"book\"}}") END("tool_calls") DONE,
        "call_a lookup {\"q\":1}\ncall_b book {}\n");
    /* mixed in one piece, the second first; id and name repeated */
    calls(CALLS("{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"two\"}},"
                "{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"one\"}}")
              CALLS("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"one\","
                    "\"arguments\":\"{}\"}},"
                    "{\"index\":1,\"function\":{\"arguments\":\"[]\"}}")
                  END("tool_calls"),
          "b two []\na one {}\n");
}

static void reads_calls_of_odd_servers(void **state)
{
    (void)state;
    /* whole, and all with the same index */
    calls(CALLS("{\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"f\","
                "\"arguments\":\"{\\\"a\\\":1}\"}}")
              CALLS("{\"index\":0,\"id\":\"y\",\"function\":{\"name\":\"f\","
                    "\"arguments\":\"{\\\"a\\\":2}\"}}") END("stop"),
          "x f {\"a\":1}\ny f {\"a\":2}\n");
    /* no index, no id */
    calls(CALLS("{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}")
              END("tool_calls"),
          "call_0 f {}\n");
    calls(CALLS("{\"id\":\"p\",\"function\":{\"name\":\"f\"}},{\"id\":\"q\","
                "\"function\":{\"name\":\"g\",\"arguments\":\"1\"}}")
              END("tool_calls"),
          "p f {}\nq g 1\n");
    /* arguments that are no JSON are told as they are */
    calls(CALLS("{\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"f\","
                "\"arguments\":\"{oops\"}}") END("tool_calls"),
          "x f {oops\n");
    /* hostile ones */
    calls(CALLS("null,5,{},{\"index\":1e99,\"function\":null},"
                "{\"index\":-7,\"function\":{\"name\":\"f\"}}") END("stop"),
          "call_0 f {}\n");
}

static void calls_have_bounds(void **state)
{
    va_buf_t body;
    int i;

    (void)state;
    va_buf_init(&body, 1 << 20);
    for (i = 0; i < 17; i++) {
        va_buf_printf(&body,
                      CALLS("{\"index\":%d,\"function\":{\"name\":\"f\"}}"), i);
    }
    va_buf_puts(&body, END("tool_calls"));
    {
        told_t told = {0};

        ai_run(&told, &sse, body.data, body.len, 0, body.len);
        assert_int_equal(told.rc, VA_LIMIT);
        assert_int_equal(told.why, VA_AI_MALFORMED);
        assert_string_equal(told.error, "too many or too long calls");
        ai_forget(&told);
    }
    va_buf_free(&body);
}

static void says_what_kind_of_failure(void **state)
{
    static const struct {
        int status;
        const char *body;
        va_ai_error_class_t why;
        bool again;
    } cases[] = {
        {400, "{\"error\":{\"message\":\"bad\"}}", VA_AI_MISUSED, false},
        {404, "", VA_AI_MISUSED, false},
        {401, "{\"error\":\"who?\"}", VA_AI_REFUSED, false},
        {402, "", VA_AI_QUOTA, false},
        {403, "{\"error\":{\"code\":\"insufficient_quota\"}}", VA_AI_QUOTA,
         false},
        {400, "{\"error\":{\"code\":\"invalid_api_key\"}}", VA_AI_REFUSED,
         false},
        {408, "", VA_AI_SERVER, true},
        {429, "{\"error\":{\"code\":\"rate_limit_exceeded\"}}", VA_AI_LIMITED,
         true},
        {429, "{\"error\":{\"code\":null,\"type\":\"insufficient_quota\"}}",
         VA_AI_QUOTA, false},
        {429, "<html>", VA_AI_LIMITED, true},
        {500, "{\"error\":{\"type\":\"invalid_request_error\"}}", VA_AI_SERVER,
         true},
        {503, "", VA_AI_SERVER, true},
        {200, "data: {\"error\":{\"code\":\"insufficient_quota\"}}\n\n",
         VA_AI_QUOTA, false},
        {200, "data: {\"error\":{\"message\":\"oops\"}}\n\n", VA_AI_SERVER,
         true},
        {200, "data: {\n\n", VA_AI_MALFORMED, true},
        {200, DELTA("a"), VA_AI_CUT, true},
        {200, END("stop"), VA_AI_EMPTY, true},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        answer_t a = {VA_AI_LLM, {.model = {0}}, cases[i].status, "", NULL};
        told_t told = {0};

        ai_run_split(&told, &a, cases[i].body, strlen(cases[i].body));
        assert_int_equal(told.why, cases[i].why);
        assert_int_equal(va_ai_retryable(told.why), cases[i].again);
        ai_forget(&told);
    }
}

static void passes_parameters_on(void **state)
{
    const va_ai_param_t params[] = {
        {VA_STR("temperature"), VA_STR("0.2")},
        {VA_STR("stop"), VA_STR("[\"\\n\"]")},
        {VA_STR("reasoning_effort"), VA_STR("low")},
        {VA_STR("say \"x\""), VA_STR("{not json")},
        {VA_STR("user"), VA_STR("12")},
        {VA_STR("messages"), VA_STR("[]")},
        {VA_STR("model"), VA_STR("")},
    };
    va_ai_conf_t conf = {.url = VA_STR("http://127.0.0.1/v1"),
                         .model = VA_STR("m"),
                         .params = params,
                         .param_count = sizeof(params) / sizeof(params[0])};
    va_ai_input_t in = {
        .stage = VA_AI_LLM, .prompt = VA_STR("p"), .call_sid = VA_STR("CA12")};
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &conf, &in), VA_OK);
    assert_string_equal(
        req.body.data,
        "{\"stream\":true,\"temperature\":0.2,\"stop\":[\"\\n\"],"
        "\"reasoning_effort\":\"low\",\"say \\\"x\\\"\":\"{not json\","
        "\"user\":12,\"model\":\"\","
        "\"messages\":[{\"role\":\"system\",\"content\":\"p\"}]}");
    va_ai_request_free(&req);
}

static void tells_of_tools_and_their_calls(void **state)
{
    const va_ai_tool_t tools[] = {
        {VA_STR("now"), VA_STR(""), VA_STR("")},
        {VA_STR("lookup"), VA_STR("Looks \"it\" up."),
         VA_STR("{\"type\":\"object\"}")},
    };
    const va_ai_message_t messages[] = {
        {.role = VA_ROLE_USER, .text = VA_STR("When?")},
        {.role = VA_ROLE_ASSISTANT, .text = VA_STR("Let me see.")},
        {.role = VA_ROLE_ASSISTANT,
         .tool_id = VA_STR("c1"),
         .tool_name = VA_STR("now")},
        {.role = VA_ROLE_ASSISTANT,
         .tool_id = VA_STR("c2"),
         .tool_name = VA_STR("lookup"),
         .tool_args = VA_STR("{\"q\":1}")},
        {.role = VA_ROLE_TOOL, .tool_id = VA_STR("c1"), .text = VA_STR("")},
        {.role = VA_ROLE_TOOL, .tool_id = VA_STR("c2"), .text = VA_STR("5")},
        {.role = VA_ROLE_ASSISTANT,
         .text = VA_STR("And"),
         .tool_id = VA_STR("c3"),
         .tool_name = VA_STR("now")},
        {.role = VA_ROLE_TOOL, .tool_id = VA_STR("c3"), .text = VA_STR("6")},
    };
    va_ai_conf_t conf = {.url = VA_STR("http://127.0.0.1/v1")};
    va_ai_input_t in = {.stage = VA_AI_LLM,
                        .messages = messages,
                        .message_count = 8,
                        .tools = tools,
                        .tool_count = 2};
    va_ai_tool_t broken = {VA_STR("x"), VA_STR(""), VA_STR("[]")};
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &conf, &in), VA_OK);
    assert_string_equal(
        req.body.data,
        "{\"stream\":true,\"messages\":["
        "{\"role\":\"user\",\"content\":\"When?\"},"
        "{\"role\":\"assistant\",\"content\":\"Let me see.\",\"tool_calls\":["
        "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"now\","
        "\"arguments\":\"{}\"}},"
        "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":"
        "\"lookup\","
        "\"arguments\":\"{\\\"q\\\":1}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"5\"},"
        "{\"role\":\"assistant\",\"content\":\"And\",\"tool_calls\":["
        "{\"id\":\"c3\",\"type\":\"function\",\"function\":{\"name\":\"now\","
        "\"arguments\":\"{}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c3\",\"content\":\"6\"}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"now\","
        "\"parameters\":{\"type\":\"object\",\"properties\":{}}}},"
        "{\"type\":\"function\",\"function\":{\"name\":\"lookup\","
        "\"description\":\"Looks \\\"it\\\" up.\","
        "\"parameters\":{\"type\":\"object\"}}}]}");
    va_ai_request_free(&req);

    in.tools = &broken;
    in.tool_count = 1;
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &conf, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
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
    answer_t a = {VA_AI_LLM, {.model = {0}}, 401, "application/json", NULL};

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
    ai_fails(&sse, ROLE TOOL("") END("tool_calls") DONE, VA_FAILED,
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
        cmocka_unit_test(reads_calls_in_fragments),
        cmocka_unit_test(reads_calls_of_odd_servers),
        cmocka_unit_test(calls_have_bounds),
        cmocka_unit_test(says_what_kind_of_failure),
        cmocka_unit_test(passes_parameters_on),
        cmocka_unit_test(tells_of_tools_and_their_calls),
        cmocka_unit_test(thinking_is_not_spoken),
        cmocka_unit_test(think_splits_anywhere),
        cmocka_unit_test(tells_why_it_failed),
        cmocka_unit_test(errors_inside_the_stream),
        cmocka_unit_test(every_bound_holds),
        cmocka_unit_test(stops_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
