#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exact.h"
#include "twilio/va_rest.h"
#include "wire/va_form.h"
#include "wire/va_utf8.h"

#define ACCOUNT "AC0123456789abcdef0123456789abcdef"
#define CALL "CA0123456789abcdef0123456789abcdef"
#define BASE "https://api.twilio.com/2010-04-01"

static const va_rest_create_t least = {
    .base = {BASE, sizeof(BASE) - 1},
    .account = {ACCOUNT, sizeof(ACCOUNT) - 1},
    .to = {"+15551234567", 12},
    .from = {"+15557654321", 12},
    .url = {"https://v.example.com/voice/outbound?a=1&b=2", 44},
};

static const va_rest_update_t nothing = {
    .base = {BASE, sizeof(BASE) - 1},
    .account = {ACCOUNT, sizeof(ACCOUNT) - 1},
    .call = {CALL, sizeof(CALL) - 1},
};

typedef struct {
    va_buf_t url;
    va_buf_t body;
    va_rc_t rc;
} built_t;

static void begin(built_t *b)
{
    va_buf_init(&b->url, VA_REST_URL_MAX);
    va_buf_init(&b->body, VA_REST_BODY_MAX);
}

static void end(built_t *b)
{
    va_buf_free(&b->url);
    va_buf_free(&b->body);
}

static va_rc_t create(const va_rest_create_t *call, const char *body)
{
    built_t b;

    begin(&b);
    b.rc = va_rest_create(&b.url, &b.body, call);
    if (b.rc == VA_OK) {
        assert_string_equal(b.url.data,
                            BASE "/Accounts/" ACCOUNT "/Calls.json");
        if (body != NULL) {
            assert_string_equal(b.body.data, body);
        }
    }
    end(&b);
    return b.rc;
}

static va_rc_t update(const va_rest_update_t *change, const char *body)
{
    built_t b;

    begin(&b);
    b.rc = va_rest_update(&b.url, &b.body, change);
    if (b.rc == VA_OK) {
        assert_string_equal(b.url.data,
                            BASE "/Accounts/" ACCOUNT "/Calls/" CALL ".json");
        if (body != NULL) {
            assert_string_equal(b.body.data, body);
        }
    }
    end(&b);
    return b.rc;
}

#define LEAST                                                                  \
    "To=%2B15551234567&From=%2B15557654321&Url=https%3A%2F%2Fv.example.com"    \
    "%2Fvoice%2Foutbound%3Fa%3D1%26b%3D2&Method=POST"

static void makes_a_call(void **state)
{
    va_rest_create_t call = least;

    (void)state;
    assert_int_equal(create(&call, LEAST), VA_OK);
    call.status_callback = VA_STR("https://v.example.com/call-status");
    call.fallback_url = VA_STR("http://v/fallback");
    call.amd = VA_AMD_MESSAGE_END;
    call.amd_timeout = 30;
    call.amd_callback = VA_STR("https://v.example.com/amd");
    call.record = true;
    call.record_callback = VA_STR("https://v/rec");
    call.timeout = 45;
    call.time_limit = 3600;
    assert_int_equal(
        create(&call, LEAST
               "&FallbackUrl=http%3A%2F%2Fv%2Ffallback&FallbackMethod=POST"
               "&StatusCallback=https%3A%2F%2Fv.example.com%2Fcall-status"
               "&StatusCallbackMethod=POST"
               "&StatusCallbackEvent=initiated&StatusCallbackEvent=ringing"
               "&StatusCallbackEvent=answered&StatusCallbackEvent=completed"
               "&MachineDetection=DetectMessageEnd&MachineDetectionTimeout=30"
               "&AsyncAmd=true&AsyncAmdStatusCallback=https%3A%2F%2F"
               "v.example.com%2Famd&AsyncAmdStatusCallbackMethod=POST"
               "&Record=true&RecordingStatusCallback=https%3A%2F%2Fv%2Frec"
               "&Timeout=45&TimeLimit=3600"),
        VA_OK);
}

static void leaves_out_what_has_no_meaning(void **state)
{
    va_rest_create_t call = least;

    (void)state;
    call.amd_callback = VA_STR("https://v/amd");
    call.amd_timeout = 30;
    call.record_callback = VA_STR("https://v/rec");
    assert_int_equal(create(&call, LEAST), VA_OK);
    call.amd = VA_AMD_OFF;
    assert_int_equal(create(&call, LEAST), VA_OK);
    call = least;
    call.amd = VA_AMD_ENABLE;
    assert_int_equal(create(&call, LEAST "&MachineDetection=Enable"), VA_OK);
}

static void refuses_half_a_call(void **state)
{
    static const va_str_t bad[] = {
        {"", 0},
        {"v.example.com", 13},
        {"/voice", 6},
        {"ftp://v/", 8},
        {"https://", 8},
        {"https://v/ x", 12},
        {"https://v/\n", 11},
    };
    va_rest_create_t call = least;
    size_t i;

    (void)state;
    call.to.len = 0;
    assert_int_equal(create(&call, NULL), VA_INVALID);
    call = least;
    call.from.len = 0;
    assert_int_equal(create(&call, NULL), VA_INVALID);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        call = least;
        call.url = bad[i];
        assert_int_equal(create(&call, NULL), VA_INVALID);
        if (bad[i].len == 0) {
            continue;
        }
        call = least;
        call.status_callback = bad[i];
        assert_int_equal(create(&call, NULL), VA_INVALID);
        call = least;
        call.amd_callback = bad[i];
        assert_int_equal(create(&call, NULL), VA_INVALID);
        call = least;
        call.fallback_url = bad[i];
        assert_int_equal(create(&call, NULL), VA_INVALID);
        call = least;
        call.record_callback = bad[i];
        assert_int_equal(create(&call, NULL), VA_INVALID);
    }
}

static void keeps_seconds_in_bounds(void **state)
{
    va_rest_create_t call = least;

    (void)state;
    call.timeout = 600;
    call.amd_timeout = 59;
    call.time_limit = 86400;
    assert_int_equal(create(&call, NULL), VA_OK);
    call.timeout = 601;
    assert_int_equal(create(&call, NULL), VA_INVALID);
    call = least;
    call.time_limit = 86401;
    assert_int_equal(create(&call, NULL), VA_INVALID);
    call = least;
    call.amd_timeout = 2;
    assert_int_equal(create(&call, NULL), VA_INVALID);
    call.amd_timeout = 60;
    assert_int_equal(create(&call, NULL), VA_INVALID);
    call.amd_timeout = 3;
    assert_int_equal(create(&call, NULL), VA_OK);
}

static void changes_a_call(void **state)
{
    va_rest_update_t change = nothing;

    (void)state;
    assert_int_equal(update(&change, NULL), VA_INVALID);
    change.hang_up = true;
    assert_int_equal(update(&change, "Status=completed"), VA_OK);
    change.url = VA_STR("https://v/x");
    assert_int_equal(update(&change, NULL), VA_INVALID);
    change.hang_up = false;
    assert_int_equal(update(&change, "Url=https%3A%2F%2Fv%2Fx&Method=POST"),
                     VA_OK);
    change.twiml = VA_STR("<Response/>");
    assert_int_equal(update(&change, NULL), VA_INVALID);
    change.url.len = 0;
    assert_int_equal(update(&change, "Twiml=%3CResponse%2F%3E"), VA_OK);
    change.call.len = 0;
    assert_int_equal(update(&change, NULL), VA_INVALID);
    change = nothing;
    change.url = VA_STR("/x");
    assert_int_equal(update(&change, NULL), VA_INVALID);
}

static void counts_the_characters_of_twiml(void **state)
{
    static char text[4 * VA_REST_TWIML_MAX + 4];
    va_rest_update_t change = nothing;
    size_t i;

    (void)state;
    memset(text, 'x', sizeof(text));
    change.twiml = (va_str_t){text, VA_REST_TWIML_MAX};
    assert_int_equal(update(&change, NULL), VA_OK);
    change.twiml.len++;
    assert_int_equal(update(&change, NULL), VA_LIMIT);
    for (i = 0; i < sizeof(text); i += 2) {
        memcpy(text + i, "\xc3\xa9", 2);
    }
    change.twiml.len = 2 * VA_REST_TWIML_MAX;
    assert_int_equal(update(&change, NULL), VA_OK);
    change.twiml.len += 2;
    assert_int_equal(update(&change, NULL), VA_LIMIT);
    for (i = 0; i < sizeof(text); i += 4) {
        memcpy(text + i, "\xf0\x9f\x98\x80", 4);
    }
    change.twiml.len = 2 * VA_REST_TWIML_MAX;
    assert_int_equal(update(&change, NULL), VA_OK);
    change.twiml.len += 4;
    assert_int_equal(update(&change, NULL), VA_LIMIT);
}

static va_rc_t url_of(const char *base, const char *account, const char *call,
                      const char *expected)
{
    va_str_t b = exact(va_str(base));
    va_str_t a = exact(va_str(account));
    va_str_t c = exact(va_str(call));
    va_buf_t url;
    va_rc_t rc;

    va_buf_init(&url, VA_REST_URL_MAX);
    rc = va_rest_url(&url, b, a, c);
    if (rc == VA_OK && expected != NULL) {
        assert_string_equal(url.data, expected);
    }
    assert_true(rc == VA_OK || url.len == 0 || rc == VA_LIMIT);
    va_buf_free(&url);
    exact_free(b);
    exact_free(a);
    exact_free(c);
    return rc;
}

static void writes_urls(void **state)
{
    char sid[VA_REST_SID_MAX + 2];

    (void)state;
    assert_int_equal(url_of(VA_REST_BASE, ACCOUNT, "",
                            BASE "/Accounts/" ACCOUNT "/Calls.json"),
                     VA_OK);
    assert_int_equal(url_of("http://127.0.0.1:8081//", "AC1", "v3:a-b_c.d~",
                            "http://127.0.0.1:8081/Accounts/AC1/Calls/"
                            "v3:a-b_c.d~.json"),
                     VA_OK);
    memset(sid, 'a', sizeof(sid));
    sid[VA_REST_SID_MAX] = '\0';
    assert_int_equal(url_of(BASE, sid, sid, NULL), VA_OK);
    sid[VA_REST_SID_MAX] = 'a';
    sid[VA_REST_SID_MAX + 1] = '\0';
    assert_int_equal(url_of(BASE, sid, "", NULL), VA_INVALID);
    assert_int_equal(url_of(BASE, "AC1", sid, NULL), VA_INVALID);
}

static void refuses_to_leave_the_path(void **state)
{
    static const char *const sids[] = {
        "../AC2", "..",  ".",   "a/b",      "a?b", "a#b",  "a%2f", "a b",
        "a\r\nb", "a@b", "a;b", "\xc3\xa9", "...", "a\\b", ":"};
    static const char *const bases[] = {"",
                                        "/",
                                        "api.twilio.com",
                                        "ftp://a/",
                                        "https://",
                                        "https:///",
                                        "https://a/?b",
                                        "https://a/#b",
                                        "https://a /",
                                        "https://a\r\nX: y"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(sids) / sizeof(sids[0]); i++) {
        assert_int_equal(url_of(BASE, sids[i], "", NULL), VA_INVALID);
        assert_int_equal(url_of(BASE, "AC1", sids[i], NULL), VA_INVALID);
    }
    assert_int_equal(url_of(BASE, "", "", NULL), VA_INVALID);
    for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        assert_int_equal(url_of(bases[i], "AC1", "", NULL), VA_INVALID);
    }
}

static void stays_within_the_buffers(void **state)
{
    va_rest_create_t call = least;
    built_t b;

    (void)state;
    begin(&b);
    b.url.max = 20;
    assert_int_equal(va_rest_create(&b.url, &b.body, &call), VA_LIMIT);
    end(&b);
    begin(&b);
    b.body.max = 40;
    assert_int_equal(va_rest_create(&b.url, &b.body, &call), VA_LIMIT);
    end(&b);
}

/* Reads from a block of its own size. */
static va_rc_t read_answer(int http, va_str_t body, va_rest_answer_t *a)
{
    va_str_t copy = exact(body);
    va_rc_t rc;

    memset(a, 0xa5, sizeof(*a));
    rc = va_rest_read(http, copy, a);
    exact_free(copy);
    assert_int_equal(a->http, http);
    assert_true((rc == VA_OK) == (a->sid[0] != '\0'));
    assert_true((rc == VA_OK) == (a->message[0] == '\0'));
    assert_true(va_utf8_valid(va_str(a->message)));
    assert_null(strpbrk(a->message, "\r\n\t"));
    return rc;
}

static const char created[] =
    "{\"sid\":\"" CALL "\",\"status\":\"queued\",\"to\":\"+15551234567\","
    "\"from\":\"+15557654321\",\"price\":null,\"subresource_uris\":{}}";

static void reads_a_call(void **state)
{
    va_rest_answer_t a;

    (void)state;
    assert_int_equal(read_answer(201, va_str(created), &a), VA_OK);
    assert_string_equal(a.sid, CALL);
    assert_string_equal(a.status, "queued");
    assert_string_equal(a.to, "+15551234567");
    assert_string_equal(a.from, "+15557654321");
    assert_int_equal(a.code, 0);
    assert_int_equal(read_answer(200, VA_STR("{\"sid\":\"CA1\"}"), &a), VA_OK);
    assert_string_equal(a.status, "");
}

static void does_not_take_half_a_call(void **state)
{
    static const char *const bodies[] = {"",
                                         "[]",
                                         "\"CA1\"",
                                         "{}",
                                         "{\"sid\":null}",
                                         "{\"sid\":1}",
                                         "{\"sid\":\"\"}",
                                         "{\"sid\":\"../x\"}",
                                         "{\"sid\":{\"sid\":\"CA1\"}}",
                                         "<html>OK</html>",
                                         "\xff"};
    va_rest_answer_t a;
    char body[400];
    size_t n;

    (void)state;
    for (n = 0; n < sizeof(created) - 1; n++) {
        assert_int_equal(read_answer(201, (va_str_t){created, n}, &a),
                         VA_INVALID);
        assert_string_equal(a.message, "the answer of HTTP 201 is no call");
    }
    for (n = 0; n < sizeof(bodies) / sizeof(bodies[0]); n++) {
        assert_int_equal(read_answer(200, va_str(bodies[n]), &a), VA_INVALID);
    }
    snprintf(body, sizeof(body), "{\"sid\":\"%0128d\"}", 0);
    assert_int_equal(read_answer(200, va_str(body), &a), VA_OK);
    snprintf(body, sizeof(body), "{\"sid\":\"%0129d\"}", 0);
    assert_int_equal(read_answer(200, va_str(body), &a), VA_INVALID);
}

static void reads_a_refusal(void **state)
{
    static const char body[] =
        "{\"code\":21211,\"message\":\"Invalid 'To' Phone Number\\n: x\","
        "\"more_info\":\"https://www.twilio.com/docs/errors/21211\","
        "\"status\":400}";
    va_rest_answer_t a;
    size_t n;

    (void)state;
    assert_int_equal(read_answer(400, va_str(body), &a), VA_FAILED);
    assert_int_equal(a.code, 21211);
    assert_string_equal(a.message, "Invalid 'To' Phone Number : x");
    assert_string_equal(a.more_info,
                        "https://www.twilio.com/docs/errors/21211");
    assert_string_equal(a.sid, "");
    for (n = 0; n < sizeof(body) - 1; n++) {
        assert_int_equal(read_answer(503, (va_str_t){body, n}, &a), VA_FAILED);
        assert_string_equal(a.message, "HTTP 503");
        assert_int_equal(a.code, 0);
    }
}

static void reads_odd_refusals(void **state)
{
    static const struct {
        int http;
        const char *body;
        unsigned code;
        const char *message;
    } all[] = {
        {502, "<html>Bad Gateway</html>", 0, "HTTP 502"},
        {302, "", 0, "HTTP 302"},
        {401, "{\"code\":\"20003\",\"message\":\"no\"}", 20003, "no"},
        {400, "{\"code\":-1,\"message\":5}", 0, "HTTP 400"},
        {400, "{\"code\":1e300,\"message\":\"\"}", 0, "HTTP 400"},
        {400, "{\"code\":0.5}", 0, "HTTP 400"},
        {400, "{\"code\":[20404],\"message\":null}", 0, "HTTP 400"},
        {429, "{\"code\":20429}", 20429, "HTTP 429"},
        /* Of a refusal nothing is a call. */
        {404, "{\"sid\":\"CA1\",\"message\":\"gone\"}", 0, "gone"},
    };
    va_rest_answer_t a;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_int_equal(read_answer(all[i].http, va_str(all[i].body), &a),
                         VA_FAILED);
        assert_int_equal(a.code, all[i].code);
        assert_string_equal(a.message, all[i].message);
    }
}

static void cuts_long_texts_between_characters(void **state)
{
    char body[2048];
    va_rest_answer_t a;
    size_t n, len, i;

    (void)state;
    for (n = 80; n < 90; n++) {
        len = (size_t)snprintf(body, sizeof(body), "{\"message\":\"x");
        for (i = 0; i < n; i++) {
            len += (size_t)snprintf(body + len, sizeof(body) - len, "\u20ac");
        }
        snprintf(body + len, sizeof(body) - len, "\"}");
        assert_int_equal(read_answer(500, va_str(body), &a), VA_FAILED);
        assert_int_equal(strlen(a.message), 1 + 3 * (n < 84 ? n : 84));
    }
}

static void tells_others_what_they_can_mend(void **state)
{
    static const struct {
        int http;
        unsigned code;
        int status;
        bool ended;
    } all[] = {
        {400, 21211, 400, false}, {400, 21220, 409, true},
        {401, 20003, 502, false}, {403, 20403, 502, false},
        {404, 20404, 404, true},  {404, 0, 404, true},
        {409, 0, 409, false},     {410, 20404, 502, true},
        {429, 20429, 429, false}, {500, 20500, 502, false},
        {503, 20503, 502, false}, {302, 0, 502, false},
        {0, 0, 502, false},       {418, 0, 502, false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        va_rest_answer_t a = {.http = all[i].http, .code = all[i].code};

        assert_int_equal(va_rest_status(&a), all[i].status);
        assert_int_equal(va_rest_ended(&a), all[i].ended);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_call),
        cmocka_unit_test(leaves_out_what_has_no_meaning),
        cmocka_unit_test(refuses_half_a_call),
        cmocka_unit_test(keeps_seconds_in_bounds),
        cmocka_unit_test(changes_a_call),
        cmocka_unit_test(counts_the_characters_of_twiml),
        cmocka_unit_test(writes_urls),
        cmocka_unit_test(refuses_to_leave_the_path),
        cmocka_unit_test(stays_within_the_buffers),
        cmocka_unit_test(reads_a_call),
        cmocka_unit_test(does_not_take_half_a_call),
        cmocka_unit_test(reads_a_refusal),
        cmocka_unit_test(reads_odd_refusals),
        cmocka_unit_test(cuts_long_texts_between_characters),
        cmocka_unit_test(tells_others_what_they_can_mend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
