#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exact.h"
#include "twilio/va_make_call.h"
#include "wire/va_utf8.h"

static va_rc_t parse_str(va_make_call_t **call, va_str_t body, char *error)
{
    va_str_t copy = exact(body);
    va_rc_t rc = va_make_call_parse(call, copy, error, VA_MAKE_CALL_ERROR_MAX);

    exact_free(copy);
    assert_true((rc == VA_OK) == (error[0] == '\0'));
    assert_true((rc == VA_OK) == (*call != NULL));
    assert_true(va_utf8_valid(va_str(error)));
    assert_null(strpbrk(error, "\r\n\t"));
    return rc;
}

static va_make_call_t *accepted(const char *body)
{
    char error[VA_MAKE_CALL_ERROR_MAX];
    va_make_call_t *call;

    if (parse_str(&call, va_str(body), error) != VA_OK) {
        fail_msg("%s: %s", body, error);
    }
    return call;
}

static void assert_refused(const char *body, const char *why)
{
    char error[VA_MAKE_CALL_ERROR_MAX];
    va_make_call_t *call;

    assert_int_equal(parse_str(&call, va_str(body), error), VA_INVALID);
    if (strstr(error, why) == NULL) {
        fail_msg("%s: \"%s\" lacks \"%s\"", body, error, why);
    }
}

static void assert_view(va_str_t s, const char *expected)
{
    assert_non_null(s.data);
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.data, expected, s.len);
}

static void takes_all_there_is(void **state)
{
    va_make_call_t *call = accepted(
        "{\"to_number\":\"+15551234567\",\"from_number\":\"+442071838750\","
        "\"initial_message\":\"Hi \\ud83d\\ude00\",\"prompt\":\"Be\\nkind\","
        "\"voice\":\"alloy\",\"mode\":\"gather\","
        "\"machine_detection\":\"detect_message_end\",\"record\":true,"
        "\"parameters\":{\"order\":\"A-1\",\"empty\":\"\"}}");

    (void)state;
    assert_view(call->to, "+15551234567");
    assert_int_equal(call->to_kind, VA_ADDRESS_NUMBER);
    assert_view(call->from, "+442071838750");
    assert_view(call->message, "Hi \xf0\x9f\x98\x80");
    assert_view(call->prompt, "Be\nkind");
    assert_view(call->voice, "alloy");
    assert_int_equal(call->mode, VA_MAKE_CALL_GATHER);
    assert_int_equal(call->machine_detection, VA_AMD_MESSAGE_END);
    assert_true(call->has_record);
    assert_true(call->record);
    assert_int_equal(call->param_count, 2);
    assert_view(call->params[0].name, "order");
    assert_view(call->params[0].value, "A-1");
    assert_view(call->params[1].name, "empty");
    assert_view(call->params[1].value, "");
    va_make_call_free(call);
}

static void takes_a_number_alone(void **state)
{
    static const char *const bodies[] = {
        "{\"to_number\":\"+15551234567\"}",
        " { \"to_number\" : \"+15551234567\" } \n",
        "{\"to_number\":\"+15551234567\",\"from_number\":null,"
        "\"initial_message\":null,\"prompt\":null,\"voice\":null,"
        "\"mode\":null,\"machine_detection\":null,\"record\":null,"
        "\"parameters\":null}",
        "{\"parameters\":{},\"to_number\":\"+15551234567\"}"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        va_make_call_t *call = accepted(bodies[i]);

        assert_view(call->to, "+15551234567");
        assert_null(call->from.data);
        assert_null(call->message.data);
        assert_null(call->prompt.data);
        assert_null(call->voice.data);
        assert_int_equal(call->mode, VA_MAKE_CALL_MODE_DEFAULT);
        assert_int_equal(call->machine_detection, VA_AMD_DEFAULT);
        assert_false(call->has_record);
        assert_int_equal(call->param_count, 0);
        va_make_call_free(call);
    }
    va_make_call_free(NULL);
}

static void takes_every_choice(void **state)
{
    static const struct {
        const char *value;
        va_amd_t amd;
    } all[] = {{"true", VA_AMD_ENABLE},
               {"false", VA_AMD_OFF},
               {"\"enable\"", VA_AMD_ENABLE},
               {"\"detect_message_end\"", VA_AMD_MESSAGE_END}};
    va_make_call_t *call;
    char body[128];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        snprintf(body, sizeof(body),
                 "{\"to_number\":\"+1555123\",\"machine_detection\":%s}",
                 all[i].value);
        call = accepted(body);
        assert_int_equal(call->machine_detection, all[i].amd);
        va_make_call_free(call);
    }
    call = accepted("{\"to_number\":\"sip:bob@example.com;transport=tls?X-A=1\""
                    ",\"mode\":\"stream\",\"record\":false}");
    assert_int_equal(call->to_kind, VA_ADDRESS_SIP);
    assert_int_equal(call->mode, VA_MAKE_CALL_STREAM);
    assert_true(call->has_record);
    assert_false(call->record);
    va_make_call_free(call);
}

static void knows_addresses(void **state)
{
    static const struct {
        const char *text;
        va_address_t kind;
    } all[] = {
        {"+15551234567", VA_ADDRESS_NUMBER},
        {"+123456789012345", VA_ADDRESS_NUMBER},
        {"+12", VA_ADDRESS_NUMBER},
        {"+1234567890123456", VA_ADDRESS_NONE},
        {"+1", VA_ADDRESS_NONE},
        {"+", VA_ADDRESS_NONE},
        {"", VA_ADDRESS_NONE},
        {"+05551234567", VA_ADDRESS_NONE},
        {"15551234567", VA_ADDRESS_NONE},
        {"+1555-123", VA_ADDRESS_NONE},
        {"+1 555", VA_ADDRESS_NONE},
        {"+1555\xd9\xa1", VA_ADDRESS_NONE},
        {"sip:a@b", VA_ADDRESS_SIP},
        {"SIPS:a:pw@example.com:5061;transport=tls", VA_ADDRESS_SIP},
        {"sip:example.com", VA_ADDRESS_NONE},
        {"sip:", VA_ADDRESS_NONE},
        {"sip:@b", VA_ADDRESS_NONE},
        {"sip:a@", VA_ADDRESS_NONE},
        {"sip:a@;x", VA_ADDRESS_NONE},
        {"sip:a b@c", VA_ADDRESS_NONE},
        {"sip:a@b\n", VA_ADDRESS_NONE},
        {"client:alice", VA_ADDRESS_CLIENT},
        {"client:", VA_ADDRESS_NONE},
        {"client:a b", VA_ADDRESS_NONE},
        {"tel:+15551234567", VA_ADDRESS_NONE},
        {"anonymous", VA_ADDRESS_NONE},
    };
    char longest[VA_ADDRESS_MAX + 2] = "client:";
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        va_str_t copy = exact(va_str(all[i].text));

        if (va_address_kind(copy) != all[i].kind) {
            fail_msg("%s", all[i].text);
        }
        exact_free(copy);
    }
    assert_int_equal(va_address_kind((va_str_t){"+12\0", 4}), VA_ADDRESS_NONE);
    memset(longest + 7, 'a', sizeof(longest) - 8);
    assert_int_equal(va_address_kind((va_str_t){longest, VA_ADDRESS_MAX}),
                     VA_ADDRESS_CLIENT);
    assert_int_equal(va_address_kind((va_str_t){longest, VA_ADDRESS_MAX + 1}),
                     VA_ADDRESS_NONE);
}

#define TO "{\"to_number\":\"+15551234567\","

static void names_what_is_wrong(void **state)
{
    static const char *const cases[][2] = {
        {"", "no JSON"},
        {"{", "no JSON"},
        {"{\"to_number\":\"+15551234567\"", "no JSON"},
        {"{\"to_number\":\"+15551234567\"} x", "no JSON"},
        {"to=+1", "no JSON"},
        {"[]", "must be a JSON object"},
        {"\"+15551234567\"", "must be a JSON object"},
        {"null", "must be a JSON object"},
        {"{}", "to_number is missing"},
        {"{\"to_number\":null}", "to_number is missing"},
        {"{\"prompt\":\"x\"}", "to_number is missing"},
        {"{\"to_number\":\"\"}", "to_number must be a number in E.164"},
        {"{\"to_number\":\"5551234567\"}", "to_number must be a number"},
        {"{\"to_number\":15551234567}", "to_number must be a string"},
        {TO "\"to_number\":\"+15551234568\"}", "to_number stands twice"},
        {TO "\"from_number\":\"sip:a@b\"}", "from_number must be a number"},
        {TO "\"from_number\":\"\"}", "from_number must be a number"},
        {TO "\"from_number\":1}", "from_number must be a string"},
        {TO "\"initial_message\":{}}", "initial_message must be a string"},
        {TO "\"prompt\":[\"x\"]}", "prompt must be a string"},
        {TO "\"prompt\":false}", "prompt must be a string"},
        {TO "\"voice\":1.5}", "voice must be a string"},
        {TO "\"mode\":\"Stream\"}", "mode must be \"stream\" or \"gather\""},
        {TO "\"mode\":true}", "mode must be"},
        {TO "\"machine_detection\":\"Enable\"}", "machine_detection must be"},
        {TO "\"machine_detection\":1}", "machine_detection must be"},
        {TO "\"record\":\"true\"}", "record must be true or false"},
        {TO "\"parameters\":[]}", "parameters must be an object"},
        {TO "\"parameters\":\"a=b\"}", "parameters must be an object"},
        {TO "\"parameters\":{\"n\":1}}", "\"n\" of parameters must be a"},
        {TO "\"parameters\":{\"n\":null}}", "\"n\" of parameters must be a"},
        {TO "\"parameters\":{\"\":\"x\"}}", "a member without a name"},
        {TO "\"parameters\":{\"token\":\"x\"}}", "no member \"token\""},
        {TO "\"parameters\":{\"a\":\"1\",\"a\":\"2\"}}",
         "\"a\" stands twice in parameters"},
        {TO "\"to\":\"x\"}", "unknown key \"to\""},
        {TO "\"\":\"x\"}", "unknown key \"\""},
        {TO "\"a\\nb\\u0007\":1}", "unknown key \"a b \""},
        {TO "\"To_number\":\"+1\"}", "unknown key \"To_number\""},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(cases[i][0], cases[i][1]);
    }
}

/* Builds TO"name":"fill..."} with n bytes of fill. */
static char *filled(const char *name, const char *fill, size_t n)
{
    size_t room = n + strlen(name) + 64;
    char *body = malloc(room);
    size_t len, i;

    assert_non_null(body);
    len = (size_t)snprintf(body, room, TO "\"%s\":\"", name);
    for (i = 0; i < n; i++) {
        body[len++] = fill[i % strlen(fill)];
    }
    strcpy(body + len, "\"}");
    return body;
}

static void keeps_bounds(void **state)
{
    static const struct {
        const char *name;
        size_t max;
    } all[] = {{"prompt", VA_MAKE_CALL_PROMPT_MAX},
               {"initial_message", VA_MAKE_CALL_MESSAGE_MAX},
               {"voice", VA_MAKE_CALL_VOICE_MAX}};
    char why[64];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char *body = filled(all[i].name, "\xc3\xa9", all[i].max);

        va_make_call_free(accepted(body));
        free(body);
        body = filled(all[i].name, "x", all[i].max + 1);
        snprintf(why, sizeof(why), "%s is longer than %zu bytes", all[i].name,
                 all[i].max);
        assert_refused(body, why);
        free(body);
    }
}

static void bounds_the_parameters(void **state)
{
    char body[8192];
    size_t len, n, i;

    (void)state;
    for (n = VA_MAKE_CALL_PARAMS; n <= VA_MAKE_CALL_PARAMS + 1; n++) {
        len = (size_t)snprintf(body, sizeof(body), TO "\"parameters\":{");
        for (i = 0; i < n; i++) {
            len += (size_t)snprintf(body + len, sizeof(body) - len,
                                    "%s\"p%zu\":\"v\"", i != 0 ? "," : "", i);
        }
        snprintf(body + len, sizeof(body) - len, "}}");
        if (n == VA_MAKE_CALL_PARAMS) {
            va_make_call_t *call = accepted(body);

            assert_int_equal(call->param_count, n);
            va_make_call_free(call);
        } else {
            assert_refused(body, "parameters has more than 32 members");
        }
    }
    snprintf(body, sizeof(body), TO "\"parameters\":{\"n\":\"%0498d\"}}", 0);
    va_make_call_free(accepted(body));
    snprintf(body, sizeof(body), TO "\"parameters\":{\"n\":\"%0499d\"}}", 0);
    assert_refused(body, "\"n\" of parameters is longer than 499 bytes");
    snprintf(body, sizeof(body), TO "\"parameters\":{\"%0500d\":\"\"}}", 0);
    assert_refused(body, "of parameters is longer than 499 bytes");
}

static void bounds_the_body(void **state)
{
    va_str_t body = {NULL, VA_MAKE_CALL_BODY_MAX + 1};
    char error[VA_MAKE_CALL_ERROR_MAX];
    va_make_call_t *call;
    char *space = malloc(body.len);

    (void)state;
    assert_non_null(space);
    memset(space, ' ', body.len);
    body.data = space;
    assert_int_equal(parse_str(&call, body, error), VA_LIMIT);
    assert_non_null(strstr(error, "longer than 65536 bytes"));
    memcpy(space, "{\"to_number\":\"+12\"}", 19);
    body.len = VA_MAKE_CALL_BODY_MAX;
    assert_int_equal(parse_str(&call, body, error), VA_OK);
    va_make_call_free(call);
    free(space);
}

/* Names as long and odd as they come leave one short line of UTF-8. */
static void tells_of_odd_names_in_one_line(void **state)
{
    char error[VA_MAKE_CALL_ERROR_MAX];
    char body[2048];
    va_make_call_t *call;
    size_t n, cap;

    (void)state;
    for (n = 0; n < 200; n++) {
        size_t len = (size_t)snprintf(body, sizeof(body), "{\"");
        size_t i;

        for (i = 0; i < n; i++) {
            len += (size_t)snprintf(body + len, sizeof(body) - len,
                                    i % 3 != 0 ? "\\u20ac" : "\xc3\xa9");
        }
        snprintf(body + len, sizeof(body) - len, "\":1}");
        assert_int_equal(parse_str(&call, va_str(body), error), VA_INVALID);
        assert_true(strlen(error) < 80);
    }
    for (cap = 0; cap < 40; cap++) {
        char *exact_error = malloc(cap != 0 ? cap : 1);

        assert_non_null(exact_error);
        assert_int_equal(va_make_call_parse(&call, VA_STR("{\"\xc3\xa9\":1}"),
                                            exact_error, cap),
                         VA_INVALID);
        assert_true(cap == 0 || strlen(exact_error) < cap);
        assert_true(cap == 0 || va_utf8_valid(va_str(exact_error)));
        free(exact_error);
    }
}

/* Every beginning of a body is refused, without reading past it. */
static void refuses_what_is_cut_off(void **state)
{
    static const char body[] = TO "\"prompt\":\"\\u00e9\","
                                  "\"parameters\":{\"a\":\"b\"},"
                                  "\"machine_detection\":true}";
    char error[VA_MAKE_CALL_ERROR_MAX];
    va_make_call_t *call;
    size_t n;

    (void)state;
    for (n = 0; n < sizeof(body) - 1; n++) {
        assert_int_equal(parse_str(&call, (va_str_t){body, n}, error),
                         VA_INVALID);
    }
    va_make_call_free(accepted(body));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_all_there_is),
        cmocka_unit_test(takes_a_number_alone),
        cmocka_unit_test(takes_every_choice),
        cmocka_unit_test(knows_addresses),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(keeps_bounds),
        cmocka_unit_test(bounds_the_parameters),
        cmocka_unit_test(bounds_the_body),
        cmocka_unit_test(tells_of_odd_names_in_one_line),
        cmocka_unit_test(refuses_what_is_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
