#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/cli_make_call.h"
#include "cli/cli_rest.h"
#include "exact.h"
#include "twilio/va_make_call.h"
#include "twilio/va_rest.h"
#include "wire/va_base64.h"
#include "wire/va_json.h"

#define ACCOUNT "AC00000000000000000000000000000000"
#define CALL "CA11111111111111111111111111111111"
#define BASE "http://h:1/2010-04-01"

static cli_request_t http;
static cli_rest_request_t *r;
static va_buf_t body, answer;
static va_str_t copy;

static int make(void **state)
{
    (void)state;
    r = calloc(1, sizeof(*r));
    va_buf_init(&body, VA_REST_BODY_MAX);
    va_buf_init(&answer, VA_REST_BODY_MAX);
    copy = exact(VA_STR(""));
    return r == NULL;
}

static int unmake(void **state)
{
    (void)state;
    cli_rest_free(r);
    free(r);
    va_buf_free(&body);
    va_buf_free(&answer);
    exact_free(copy);
    return 0;
}

/* Reads a request as it would arrive. */
static int parse(const char *text)
{
    exact_free(copy);
    copy = exact(va_str(text));
    return cli_request_read(&http, copy);
}

/* Sends a form to a path with the password given. */
static int post(const char *path, const char *password, const char *form)
{
    char plain[128], code[256] = "", text[20000];
    size_t n =
        (size_t)snprintf(plain, sizeof(plain), "%s:%s", ACCOUNT, password);

    code[va_base64_encode(code, (const uint8_t *)plain, n)] = '\0';
    snprintf(text, sizeof(text),
             "POST %s HTTP/1.1\r\nHost: h\r\nauthorization: Basic %s\r\n"
             "Content-Type: application/x-www-form-urlencoded\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             path, code, strlen(form), form);
    assert_int_equal(parse(text), 1);
    cli_rest_free(r);
    va_buf_reset(&answer);
    return cli_rest_read(r, &http, ACCOUNT, "secret", &answer);
}

static const char calls[] = "/2010-04-01/Accounts/" ACCOUNT "/Calls.json";
static const char one[] =
    "/2010-04-01/Accounts/" ACCOUNT "/Calls/" CALL ".json";

/* Checks that a request is refused so, in a way that our own client reads. */
static void refused(const char *path, const char *form, int status,
                    unsigned code)
{
    va_rest_answer_t a;

    assert_int_equal(post(path, "secret", form), status);
    assert_int_equal(va_rest_read(status, va_buf_view(&answer), &a), VA_FAILED);
    assert_int_equal(a.code, code);
}

/* What our own client asks for is understood. */
static void a_call_of_ours_is_made(void **state)
{
    va_rest_create_t c = {.base = VA_STR(BASE),
                          .account = VA_STR(ACCOUNT),
                          .to = VA_STR("+15550100001"),
                          .from = VA_STR("+15550100002"),
                          .url = VA_STR("https://a.example/out?x=1&y=2"),
                          .status_callback = VA_STR("https://a.example/s"),
                          .amd = VA_AMD_MESSAGE_END,
                          .amd_callback = VA_STR("https://a.example/amd"),
                          .amd_timeout = 20,
                          .timeout = 30,
                          .time_limit = 600};
    va_buf_t url;

    (void)state;
    va_buf_init(&url, VA_REST_URL_MAX);
    assert_int_equal(va_rest_create(&url, &body, &c), VA_OK);
    assert_string_equal(url.data, "http://h:1/2010-04-01/Accounts/" ACCOUNT
                                  "/Calls.json");
    va_buf_free(&url);
    assert_int_equal(post(calls, "secret", body.data), 0);
    assert_int_equal(r->what, CLI_REST_CREATE);
    assert_string_equal(r->create.to, "+15550100001");
    assert_string_equal(r->create.from, "+15550100002");
    assert_string_equal(r->create.url, "https://a.example/out?x=1&y=2");
    assert_null(r->create.twiml);
    assert_string_equal(r->create.status_callback, "https://a.example/s");
    assert_int_equal(r->create.status_events, CLI_EVENTS_ALL);
    assert_true(r->create.detect && r->create.message_end && r->create.async);
    assert_string_equal(r->create.detect_callback, "https://a.example/amd");
    assert_int_equal(r->create.ring_s, 30);
    assert_int_equal(r->create.limit_s, 600);
}

static void a_change_of_ours_is_understood(void **state)
{
    va_rest_update_t u = {.base = VA_STR(BASE),
                          .account = VA_STR(ACCOUNT),
                          .call = VA_STR(CALL),
                          .twiml = VA_STR("<Response/>")};
    va_buf_t url;

    (void)state;
    va_buf_init(&url, VA_REST_URL_MAX);
    assert_int_equal(va_rest_update(&url, &body, &u), VA_OK);
    assert_int_equal(post(strstr(url.data, "/2010"), "secret", body.data), 0);
    va_buf_free(&url);
    assert_int_equal(r->what, CLI_REST_UPDATE);
    assert_string_equal(r->call_sid, CALL);
    assert_int_equal(r->command.type, CLI_COMMAND_TWIML);
    assert_string_equal(r->command.text, "<Response/>");

    assert_int_equal(post(one, "secret", "Url=http%3A%2F%2Fa%2Fb&Method=GET"),
                     0);
    assert_int_equal(r->command.type, CLI_COMMAND_REDIRECT);
    assert_true(r->command.get);
    assert_int_equal(post(one, "secret", "Status=completed"), 0);
    assert_int_equal(r->command.type, CLI_COMMAND_END);
    assert_int_equal(post(one, "secret", "Status=canceled"), 0);
    assert_int_equal(r->command.type, CLI_COMMAND_CANCEL);
}

static void what_twilio_refuses_is_refused(void **state)
{
    static char big[6000] = "Twiml=";
    static const char who[] = "To=%2B15550100001&From=%2B15550100002";
    char form[512];
    size_t i;
    static const struct {
        const char *form;
        unsigned code;
    } cases[] = {
        {"&Url=ftp%3A%2F%2Fa%2F", 21205},
        {"", 21205},
        {"&Url=http%3A%2F%2Fa%2F&Method=PUT", 21209},
        {"&Url=http%3A%2F%2Fa%2F&Timeout=601", 21208},
        {"&Url=http%3A%2F%2Fa%2F&Timeout=abc", 21208},
        {"&Url=http%3A%2F%2Fa%2F&StatusCallbackEvent=queued", 21626},
        {"&Url=http%3A%2F%2Fa%2F&StatusCallback=x", 21609},
        {"&Url=http%3A%2F%2Fa%2F&MachineDetection=Yes", 21234},
        {"&Url=http%3A%2F%2Fa%2F&MachineDetection=Enable&AsyncAmd=true", 21262},
        {"&Url=http%3A%2F%2Fa%2F&MachineDetectionTimeout=60", 21263},
    };

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(form, sizeof(form), "%s%s", who, cases[i].form);
        refused(calls, form, 400, cases[i].code);
    }
    refused(calls, "From=%2B1555", 400, 21201);
    refused(calls, "To=5550100001&From=%2B15550100002", 400, 21211);
    refused(calls, "To=%2B15550100001", 400, 21213);
    refused(calls, "To=%2B15550100001&From=me", 400, 21212);
    refused(calls, "To=%", 400, 20001);
    refused(one, "Status=busy", 400, 20422);
    refused(one, "", 400, 21200);
    refused(one, "Status=completed&Twiml=a", 400, 21200);
    memset(big + 6, 'a', 4001);
    refused(one, big, 400, 32018);
    big[4006] = '\0';
    assert_int_equal(post(one, "secret", big), 0);
    refused("/2010-04-01/Accounts/AC1/Calls.json", "", 404, 20404);
    refused("/2010-04-01/Accounts/" ACCOUNT "/Calls/CA1.json", "", 404, 20404);
    refused("/", "", 404, 20404);
}

static void only_the_account_may(void **state)
{
    (void)state;
    assert_int_equal(post(calls, "secres", ""), 401);
    assert_int_equal(post(calls, "", ""), 401);
    assert_int_equal(post(calls, "secret2", ""), 401);
    parse("POST /2010-04-01/Accounts/x/Calls.json HTTP/1.1\r\n"
          "Authorization: Bearer secret\r\n\r\n");
    assert_int_equal(cli_rest_read(r, &http, ACCOUNT, NULL, &answer), 401);
    assert_int_equal(post(one, "other", "Status=completed"), 401);
    assert_int_equal(cli_rest_read(r, &http, ACCOUNT, NULL, &answer), 0);
}

static void a_call_is_shown_as_twilio_shows_it(void **state)
{
    cli_rest_call_t call = {.sid = CALL,
                            .to = "+15550100001",
                            .from = "\"<\\",
                            .status = "completed",
                            .answered_by = "human",
                            .created = 1000000000,
                            .started = 1000000001,
                            .ended = 1000000061};
    va_rest_answer_t a;
    va_json_t *v;

    (void)state;
    cli_rest_call(&answer, &call, ACCOUNT);
    assert_int_equal(va_rest_read(201, va_buf_view(&answer), &a), VA_OK);
    assert_string_equal(a.sid, CALL);
    assert_string_equal(a.status, "completed");
    assert_string_equal(a.to, "+15550100001");
    assert_string_equal(a.from, "\"<\\");
    v = va_json_parse(va_buf_view(&answer), NULL, 0);
    assert_non_null(v);
    assert_string_equal(va_json_str(v, "duration").data, "60");
    assert_string_equal(va_json_str(v, "direction").data, "outbound-api");
    assert_string_equal(va_json_str(v, "start_time").data,
                        "Sun, 09 Sep 2001 01:46:41 +0000");
    va_json_free(v);
}

static void requests_arrive_in_pieces(void **state)
{
    static const char text[] = "POST /a HTTP/1.1\r\nContent-Length: 3\r\n"
                               "Content-Type: text/x\r\n\r\nabc";
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(text) - 1; i++) {
        exact_free(copy);
        copy = exact((va_str_t){text, i});
        assert_int_equal(cli_request_read(&http, copy), 0);
    }
    assert_int_equal(parse(text), 1);
    assert_string_equal(http.method, "POST");
    assert_string_equal(http.target, "/a");
    assert_string_equal(http.type, "text/x");
    assert_true(va_str_eq(http.body, VA_STR("abc")));
}

static void broken_requests_are_refused(void **state)
{
    static char big[CLI_REQUEST_HEAD + 16];

    (void)state;
    assert_int_equal(parse("\r\n\r\n"), 400);
    assert_int_equal(parse("GET\r\n\r\n"), 400);
    assert_int_equal(parse("GET a HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(parse("GET /a HTTP/2.0\r\n\r\n"), 400);
    assert_int_equal(parse("DOSOMETHING /a HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(parse("GET /a HTTP/1.1\r\nnonsense\r\n\r\n"), 400);
    assert_int_equal(parse("POST /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
                     400);
    assert_int_equal(parse("POST /a HTTP/1.1\r\nContent-Length: 65537\r\n\r\n"),
                     413);
    assert_int_equal(
        parse("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 411);
    memset(big, 'a', sizeof(big) - 1);
    assert_int_equal(parse(big), 431);
    memcpy(big, "GET /", 5);
    memcpy(big + 3000, " HTTP/1.1\r\n\r\n", 14);
    assert_int_equal(parse(big), 414);
}

/* What is asked of /make-call is what it takes. */
static void make_call_is_asked_for(void **state)
{
    cli_options_t *o = calloc(1, sizeof(*o));
    char error[VA_MAKE_CALL_ERROR_MAX] = "";
    va_make_call_t *call = NULL;

    (void)state;
    assert_non_null(o);
    o->to = "+15550100001";
    o->from = "+15550100002";
    cli_make_call_body(&body, o);
    assert_string_equal(body.data, "{\"to_number\":\"+15550100001\"}");
    va_buf_reset(&body);
    o->from_given = true;
    o->message = "say \"hi\"";
    o->prompt = "p";
    o->voice = "v";
    o->call_mode = "gather";
    o->amd = "detect_message_end";
    o->parameters[0] = "name=a=b";
    o->parameters[1] = "empty=";
    o->parameter_count = 2;
    cli_make_call_body(&body, o);
    assert_int_equal(
        va_make_call_parse(&call, va_buf_view(&body), error, sizeof(error)),
        VA_OK);
    assert_true(va_str_eq(call->message, VA_STR("say \"hi\"")));
    assert_int_equal(call->mode, VA_MAKE_CALL_GATHER);
    assert_int_equal(call->machine_detection, VA_AMD_MESSAGE_END);
    assert_int_equal(call->param_count, 2);
    assert_true(va_str_eq(call->params[0].value, VA_STR("a=b")));
    va_make_call_free(call);
    free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_call_of_ours_is_made, make, unmake),
        cmocka_unit_test_setup_teardown(a_change_of_ours_is_understood, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(what_twilio_refuses_is_refused, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(only_the_account_may, make, unmake),
        cmocka_unit_test_setup_teardown(a_call_is_shown_as_twilio_shows_it,
                                        make, unmake),
        cmocka_unit_test_setup_teardown(requests_arrive_in_pieces, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(broken_requests_are_refused, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(make_call_is_asked_for, make, unmake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
