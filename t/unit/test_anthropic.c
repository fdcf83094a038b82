#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ai_reader.h"

static const answer_t sse = {
    VA_AI_LLM, {.model = {0}}, 200, "text/event-stream", "anthropic"};

#define EVENT(type, rest)                                                      \
    "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define START                                                                  \
    EVENT("message_start",                                                     \
          ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":"      \
          "\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":9}}")
#define BLOCK(i, block)                                                        \
    EVENT("content_block_start", ",\"index\":" #i ",\"content_block\":" block)
#define TEXT_BLOCK(i) BLOCK(i, "{\"type\":\"text\",\"text\":\"\"}")
#define DELTA(i, delta)                                                        \
    EVENT("content_block_delta", ",\"index\":" #i ",\"delta\":" delta)
#define TEXT(i, text)                                                          \
    DELTA(i, "{\"type\":\"text_delta\",\"text\":\"" text "\"}")
#define INPUT(i, json)                                                         \
    DELTA(i, "{\"type\":\"input_json_delta\",\"partial_json\":\"" json "\"}")
#define BLOCK_END(i) EVENT("content_block_stop", ",\"index\":" #i "   ")
#define REASON(reason)                                                         \
    EVENT("message_delta",                                                     \
          ",\"delta\":{\"stop_reason\":\"" reason                              \
          "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":5}")
#define STOP EVENT("message_stop", "")
#define PING EVENT("ping", "")

static void says(const char *body, const char *want, const char *calls)
{
    told_t told = {0};

    ai_run_split(&told, &sse, body, strlen(body));
    assert_string_equal(told.error, "");
    assert_string_equal(told.text.data != NULL ? told.text.data : "", want);
    assert_string_equal(told.calls.data != NULL ? told.calls.data : "", calls);
    ai_forget(&told);
}

static void builds_a_request(void **state)
{
    const va_ai_tool_t tools[] = {
        {VA_STR("hang_up"), VA_STR("Ends it."), VA_STR("")}};
    const va_ai_param_t params[] = {{VA_STR("temperature"), VA_STR("0.3")},
                                    {VA_STR("max_tokens"), VA_STR("200")},
                                    {VA_STR("system"), VA_STR("no")}};
    const va_ai_message_t messages[] = {
        {.role = VA_ROLE_ASSISTANT, .text = VA_STR("Hello!")},
        {.role = VA_ROLE_USER, .text = VA_STR("One")},
        {.role = VA_ROLE_USER, .text = VA_STR("")},
        {.role = VA_ROLE_USER, .text = VA_STR("two \"x\"")},
        {.role = VA_ROLE_ASSISTANT,
         .text = VA_STR("Wait."),
         .tool_id = VA_STR("t1"),
         .tool_name = VA_STR("f"),
         .tool_args = VA_STR("{\"a\":1}")},
        {.role = VA_ROLE_ASSISTANT,
         .tool_id = VA_STR("t2"),
         .tool_name = VA_STR("g"),
         .tool_args = VA_STR("{oops")},
        {.role = VA_ROLE_TOOL, .tool_id = VA_STR("t1"), .text = VA_STR("5")},
        {.role = VA_ROLE_TOOL, .tool_id = VA_STR("t2"), .text = VA_STR("")},
    };
    va_ai_conf_t conf = {.key = VA_STR(KEY),
                         .model = VA_STR("claude-x"),
                         .params = params,
                         .param_count = 3};
    va_ai_input_t in = {.stage = VA_AI_LLM,
                        .prompt = VA_STR("Be brief."),
                        .messages = messages,
                        .message_count = 8,
                        .tools = tools,
                        .tool_count = 1};
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("anthropic"), &conf, &in),
                     VA_OK);
    assert_string_equal(req.url.data, "https://api.anthropic.com/v1/messages");
    assert_string_equal(req.headers[0].data, "x-api-key: " KEY);
    assert_string_equal(req.headers[1].data, "anthropic-version: 2023-06-01");
    assert_string_equal(
        req.body.data,
        "{\"model\":\"claude-x\",\"stream\":true,\"temperature\":0.3,"
        "\"max_tokens\":200,\"system\":\"Be brief.\",\"messages\":["
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"(The "
        "call begins.)\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":"
        "\"Hello!\"}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"One\"},"
        "{\"type\":\"text\",\"text\":\"two \\\"x\\\"\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":"
        "\"Wait.\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\","
        "\"input\":{\"a\":1}},{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":"
        "\"g\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
        "\"tool_use_id\":\"t1\",\"content\":\"5\"},{\"type\":\"tool_result\","
        "\"tool_use_id\":\"t2\",\"content\":\"\"}]}],"
        "\"tools\":[{\"name\":\"hang_up\",\"description\":\"Ends it.\","
        "\"input_schema\":{\"type\":\"object\",\"properties\":{}}}]}");
    va_ai_request_free(&req);

    in.message_count = 0;
    in.tool_count = 0;
    conf.param_count = 0;
    assert_int_equal(va_ai_request(&req, VA_STR("anthropic"), &conf, &in),
                     VA_OK);
    assert_string_equal(
        req.body.data,
        "{\"model\":\"claude-x\",\"max_tokens\":1024,\"stream\":true,"
        "\"system\":\"Be brief.\",\"messages\":[{\"role\":\"user\",\"content\":"
        "[{\"type\":\"text\",\"text\":\"(The call begins.)\"}]}]}");
    va_ai_request_free(&req);
    in.prompt = VA_STR("");
    assert_int_equal(va_ai_request(&req, VA_STR("anthropic"), &conf, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
}

static void reads_a_stream(void **state)
{
    (void)state;
    says(START PING TEXT_BLOCK(0) TEXT(0, "Good") TEXT(0, " morning!")
             BLOCK_END(0) REASON("end_turn") STOP,
         "Good morning!", "");
    /* thinking is not spoken */
    says(START BLOCK(0, "{\"type\":\"thinking\",\"thinking\":\"\"}")
             DELTA(0, "{\"type\":\"thinking_delta\",\"thinking\":\"Hm\"}")
                 DELTA(0, "{\"type\":\"signature_delta\",\"signature\":\"x\"}")
                     BLOCK_END(0) TEXT_BLOCK(1) TEXT(1, "Yes.") BLOCK_END(1)
                         REASON("max_tokens") STOP,
         "Yes.", "");
    /* the end without message_stop; events without names */
    says("data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":"
         "\"text_delta\",\"text\":\"a\"}}\n\n" REASON("end_turn"),
         "a", "");
}

static void reads_calls(void **state)
{
    (void)state;
    says(START TEXT_BLOCK(0) TEXT(0, "One moment.") BLOCK_END(0) BLOCK(
             1, "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"lookup\","
                "\"input\":{}}") INPUT(1, "") INPUT(1, "{\\\"q\\\":")
             INPUT(1, " 1}") BLOCK_END(1)
                 BLOCK(2, "{\"type\":\"tool_use\",\"id\":\"toolu_2\","
                          "\"name\":\"hang_up\",\"input\":{}}") BLOCK_END(2)
                     REASON("tool_use") STOP,
         "One moment.", "toolu_1 lookup {\"q\": 1}\ntoolu_2 hang_up {}\n");
}

static void reads_an_answer_in_one_piece(void **state)
{
    (void)state;
    says("{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":"
         "\"text\",\"text\":\"Hi.\"},{\"type\":\"tool_use\",\"id\":\"t\","
         "\"name\":\"f\",\"input\":{\"a\":[1.50,\"x\",null,true],\"b\":{}}}],"
         "\"stop_reason\":\"tool_use\"}",
         "Hi.", "t f {\"a\":[1.50,\"x\",null,true],\"b\":{}}\n");
}

static void fails(int status, const char *body, va_ai_error_class_t why,
                  const char *error)
{
    answer_t a = sse;
    told_t told = {0};

    a.status = status;
    ai_run_split(&told, &a, body, strlen(body));
    assert_int_not_equal(told.rc, VA_OK);
    assert_int_equal(told.why, why);
    assert_non_null(strstr(told.error, error));
    assert_int_equal(told.calls.len, 0);
    ai_forget(&told);
}

static void tells_why_it_failed(void **state)
{
    (void)state;
    fails(401,
          "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\","
          "\"message\":\"invalid x-api-key\"},\"request_id\":\"r\"}",
          VA_AI_REFUSED, "HTTP 401: invalid x-api-key (authentication_error)");
    fails(529,
          "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
          "\"message\":\"Overloaded\"}}",
          VA_AI_SERVER, "HTTP 529: Overloaded");
    fails(429,
          "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
          "\"message\":\"Slow\"}}",
          VA_AI_LIMITED, "HTTP 429: Slow");
    fails(429,
          "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
          "\"message\":\"Spent\",\"details\":{\"error_code\":"
          "\"enforced_spend_limit_reached\"}}}",
          VA_AI_QUOTA, "HTTP 429: Spent");
    fails(200,
          START TEXT_BLOCK(0) TEXT(0, "a") EVENT(
              "error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":"
                       "\"Overloaded\"}"),
          VA_AI_SERVER, "Overloaded (overloaded_error)");
    fails(200, START TEXT_BLOCK(0) TEXT(0, "a"), VA_AI_CUT, "cut");
    fails(200, START TEXT_BLOCK(0) "data: {\"type\":\"con\n\n", VA_AI_MALFORMED,
          "malformed JSON");
    fails(200, START REASON("end_turn") STOP, VA_AI_EMPTY, "empty");
    fails(200, START TEXT(0, "a") REASON("refusal") STOP, VA_AI_EMPTY,
          "refused");
    /* a call of which the end is missing is no call */
    fails(200,
          START BLOCK(0, "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\"}")
              INPUT(0, "{"),
          VA_AI_CUT, "cut");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_a_request),
        cmocka_unit_test(reads_a_stream),
        cmocka_unit_test(reads_calls),
        cmocka_unit_test(reads_an_answer_in_one_piece),
        cmocka_unit_test(tells_why_it_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
