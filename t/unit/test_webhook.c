/*
 * The user's own service: in place of a model, and behind a tool.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ai/va_webhook.h"
#include "ai_reader.h"

static const va_ai_message_t messages[] = {
    {.role = VA_ROLE_USER, .text = VA_STR("One \"x\"")},
    {.role = VA_ROLE_ASSISTANT,
     .text = VA_STR("Wait."),
     .tool_id = VA_STR("t1"),
     .tool_name = VA_STR("f"),
     .tool_args = VA_STR("{\"a\":1}")},
    {.role = VA_ROLE_TOOL, .tool_id = VA_STR("t1"), .text = VA_STR("5")},
};

static const char *header(const va_ai_request_t *req, const char *start)
{
    size_t i;

    for (i = 0; i < req->header_count; i++) {
        if (strncmp(req->headers[i].data, start, strlen(start)) == 0) {
            return req->headers[i].data + strlen(start);
        }
    }
    return NULL;
}

static void the_signature_is_hmac_sha256(void **state)
{
    va_ai_conf_t conf = {.key = VA_STR("Jefe")};
    va_ai_request_t req = {.header_count = 0};

    (void)state;
    /* RFC 4231, test case 2 */
    assert_int_equal(
        va_webhook_sign(&req, &conf, VA_STR("what do ya want for nothing?")),
        VA_OK);
    assert_string_equal(
        req.headers[0].data,
        "X-VoiceAI-Signature: sha256="
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    va_ai_request_free(&req);
}

static void the_service_gets_the_conversation(void **state)
{
    const va_ai_param_t params[] = {{VA_STR("tenant"), VA_STR("7")},
                                    {VA_STR("auth"), VA_STR("bearer")}};
    const va_ai_tool_t tool = {VA_STR("hang_up"), VA_STR("Ends."), VA_STR("")};
    va_ai_conf_t conf = {.url = VA_STR("https://example.com/a?b=c"),
                         .key = VA_STR(KEY),
                         .params = params,
                         .param_count = 1};
    va_ai_input_t in = {.stage = VA_AI_LLM,
                        .prompt = VA_STR("Be brief."),
                        .messages = messages,
                        .message_count = 3,
                        .tools = &tool,
                        .tool_count = 1,
                        .language = VA_STR("en-US"),
                        .call_sid = VA_STR("CA1")};
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("webhook"), &conf, &in), VA_OK);
    assert_string_equal(req.url.data, "https://example.com/a?b=c");
    assert_string_equal(
        req.body.data,
        "{\"call_sid\":\"CA1\",\"language\":\"en-US\",\"prompt\":\"Be brief.\","
        "\"text\":\"One \\\"x\\\"\",\"tenant\":7,\"messages\":["
        "{\"role\":\"user\",\"content\":\"One \\\"x\\\"\"},"
        "{\"role\":\"assistant\",\"content\":\"Wait.\",\"tool_id\":\"t1\","
        "\"tool_name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"},"
        "{\"role\":\"tool\",\"content\":\"5\",\"tool_id\":\"t1\"}],"
        "\"tools\":[{\"name\":\"hang_up\",\"description\":\"Ends.\"}]}");
    assert_int_equal(strlen(header(&req, "X-VoiceAI-Signature: sha256=")), 64);
    assert_null(header(&req, "Authorization"));
    va_ai_request_free(&req);

    conf.param_count = 2;
    assert_int_equal(va_ai_request(&req, VA_STR("webhook"), &conf, &in), VA_OK);
    assert_string_equal(header(&req, "Authorization: Bearer "), KEY);
    assert_null(header(&req, "X-VoiceAI-Signature"));
    assert_null(strstr(req.body.data, "bearer"));
    va_ai_request_free(&req);

    conf.key = VA_STR("");
    assert_int_equal(va_ai_request(&req, VA_STR("webhook"), &conf, &in), VA_OK);
    assert_null(header(&req, "Authorization"));
    va_ai_request_free(&req);
    conf.url = VA_STR("");
    assert_int_equal(va_ai_request(&req, VA_STR("webhook"), &conf, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
}

static void says(const char *type, const char *body, const char *want,
                 const char *calls)
{
    answer_t a = {VA_AI_LLM, {.model = {0}}, 200, type, "webhook"};
    told_t told = {0};

    ai_run_split(&told, &a, body, strlen(body));
    assert_string_equal(told.error, "");
    assert_string_equal(told.text.data != NULL ? told.text.data : "", want);
    assert_string_equal(told.calls.data != NULL ? told.calls.data : "", calls);
    ai_forget(&told);
}

static void it_may_answer_in_three_ways(void **state)
{
    (void)state;
    says("text/plain; charset=utf-8",
         " Caf\xc3\xa9 \xe2\x82\xac 5, \xf0\x9f\x98\x80.\nBye",
         "Caf\xc3\xa9 \xe2\x82\xac 5, \xf0\x9f\x98\x80.\nBye", "");
    says("", "data is what I need", "data is what I need", "");
    /* bytes that are not UTF-8 */
    says("text/plain", "a\xff z\xe2\x82", "a\xef\xbf\xbd z\xef\xbf\xbd", "");
    says("text/event-stream",
         "data: Hello\n\ndata:  there.\n\ndata: {\"text\":\" Bye.\","
         "\"hang_up\":true}\n\ndata: [DONE]\n\n",
         "Hello there. Bye.", "call_0 hang_up {}\n");
    says("text/event-stream", "data: Hello", "Hello", "");
    says("application/json",
         "{\"text\":\"Look.\",\"tools\":[{\"id\":\"x\",\"name\":\"f\","
         "\"arguments\":{\"a\":1}},{\"name\":\"g\",\"arguments\":\"{}\"}]}",
         "Look.", "x f {\"a\":1}\ncall_1 g {}\n");
    says("text/plain", "{\"text\":\"JSON all the same\"}", "JSON all the same",
         "");
    /* nothing to be said is an answer too */
    says("text/plain", "", "", "");
    says("application/json", "{}", "", "");
}

static void fails(const char *type, int status, const char *body,
                  va_ai_error_class_t why, const char *error)
{
    answer_t a = {VA_AI_LLM, {.model = {0}}, status, type, "webhook"};
    told_t told = {0};

    ai_run_split(&told, &a, body, strlen(body));
    assert_int_equal(told.why, why);
    assert_non_null(strstr(told.error, error));
    ai_forget(&told);
}

static void it_may_fail(void **state)
{
    answer_t a = {VA_AI_LLM, {.model = {0}}, 200, "text/plain", "webhook"};

    (void)state;
    fails("text/html", 200, "<html>", VA_AI_MALFORMED, "a page");
    fails("application/json", 200, "{\"error\":\"no\"}", VA_AI_SERVER, "no");
    fails("application/json", 200, "{\"text\":", VA_AI_MALFORMED, "malformed");
    fails("text/plain", 500, "Oops", VA_AI_SERVER, "HTTP 500: Oops");
    ai_refuses_100_mb(&a, "a");
}

static void tool(const char *method, const char *arguments, va_rc_t rc,
                 const char *url, const char *body)
{
    const va_ai_param_t param = {VA_STR("method"), va_str(method)};
    va_ai_conf_t conf = {.url = VA_STR("http://127.0.0.1:1/f"),
                         .key = VA_STR(KEY),
                         .params = &param,
                         .param_count = method[0] != '\0'};
    va_ai_input_t in = {.stage = VA_AI_REST,
                        .text = va_str(arguments),
                        .call_sid = VA_STR("CA1")};
    va_ai_request_t req;

    assert_int_equal(va_ai_request(&req, VA_STR("tool"), &conf, &in), rc);
    if (rc == VA_OK) {
        assert_string_equal(req.method, method[0] != '\0' ? method : "POST");
        assert_string_equal(req.url.data, url);
        assert_string_equal(req.body.data != NULL ? req.body.data : "", body);
        assert_string_equal(header(&req, "X-VoiceAI-Call: "), "CA1");
        assert_non_null(header(&req, "X-VoiceAI-Signature: sha256="));
    }
    va_ai_request_free(&req);
}

static void a_tool_gets_its_arguments(void **state)
{
    (void)state;
    tool("", "{\"a\": 1}", VA_OK, "http://127.0.0.1:1/f", "{\"a\": 1}");
    tool("PUT", "", VA_OK, "http://127.0.0.1:1/f", "{}");
    tool("GET", "{\"a\":\"x y&\",\"b\":1.50,\"c\":[true,null]}", VA_OK,
         "http://127.0.0.1:1/f?a=x+y%26&b=1.50&c=%5Btrue%2Cnull%5D", "");
    tool("GET", "{}", VA_OK, "http://127.0.0.1:1/f", "");
    tool("", "{oops", VA_INVALID, "", "");
    tool("", "[1]", VA_INVALID, "", "");
    tool("BREW", "{}", VA_INVALID, "", "");
}

static void a_tool_answers(void **state)
{
    answer_t a = {VA_AI_REST, {.model = {0}}, 200, "text/plain", "tool"};
    told_t told = {0};

    (void)state;
    ai_run_split(&told, &a, "17 degrees", 10);
    assert_int_equal(told.rc, VA_OK);
    assert_string_equal(told.text.data, "17 degrees");
    ai_forget(&told);
    a.status = 404;
    ai_run_split(&told, &a, "{\"error\":\"no city\"}", 19);
    assert_int_equal(told.rc, VA_FAILED);
    assert_string_equal(told.error, "HTTP 404: no city");
    ai_forget(&told);
}

static void spans_are_posted_as_they_are(void **state)
{
    const va_ai_param_t params[] = {
        {VA_STR("header.Authorization"), VA_STR("Bearer x")},
        {VA_STR("header.X-Bad"), VA_STR("a\r\nb")}};
    va_ai_conf_t conf = {.url = VA_STR("https://example.com/v1/traces"),
                         .params = params,
                         .param_count = 1};
    va_ai_input_t in = {.stage = VA_AI_REST, .text = VA_STR("{\"a\":[1]}")};
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("otlp"), &conf, &in), VA_OK);
    assert_string_equal(req.url.data, "https://example.com/v1/traces");
    assert_string_equal(req.body.data, "{\"a\":[1]}");
    assert_string_equal(header(&req, "Authorization: "), "Bearer x");
    assert_string_equal(header(&req, "Content-Type: "), "application/json");
    assert_null(header(&req, "traceparent: "));
    va_ai_request_free(&req);

    conf.param_count = 2;
    assert_int_equal(va_ai_request(&req, VA_STR("otlp"), &conf, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
    conf.param_count = 0;
    in.text = VA_STR("");
    assert_int_equal(va_ai_request(&req, VA_STR("otlp"), &conf, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
}

static void the_service_is_told_of_the_trace(void **state)
{
    va_ai_conf_t conf = {.url = VA_STR("https://example.com/tool")};
    va_ai_input_t in = {.stage = VA_AI_REST,
                        .traceparent = VA_STR("00-1-2-01")};
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("tool"), &conf, &in), VA_OK);
    assert_string_equal(header(&req, "traceparent: "), "00-1-2-01");
    va_ai_request_free(&req);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_posted_as_they_are),
        cmocka_unit_test(the_service_is_told_of_the_trace),
        cmocka_unit_test(the_signature_is_hmac_sha256),
        cmocka_unit_test(the_service_gets_the_conversation),
        cmocka_unit_test(it_may_answer_in_three_ways),
        cmocka_unit_test(it_may_fail),
        cmocka_unit_test(a_tool_gets_its_arguments),
        cmocka_unit_test(a_tool_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
