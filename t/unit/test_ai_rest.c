#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ai/va_ai_rest.h"
#include "ai_reader.h"
#include "exact.h"

#define FORM "application/x-www-form-urlencoded"

static va_rc_t build(va_ai_request_t *req, const char *url, va_str_t key,
                     const char *form)
{
    va_ai_conf_t conf = {.url = exact(va_str(url)), .key = exact(key)};
    va_ai_input_t in = {.stage = VA_AI_REST, .text = exact(va_str(form))};
    va_rc_t rc = va_ai_request(req, VA_STR("rest"), &conf, &in);

    exact_free(conf.url);
    exact_free(conf.key);
    exact_free(in.text);
    return rc;
}

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

static void builds_a_post(void **state)
{
    va_ai_request_t req;

    (void)state;
    assert_int_equal(build(&req, "https://api.example.com/Calls.json",
                           VA_STR("user:pass word"), "To=%2B1&From=%2B2"),
                     VA_OK);
    assert_string_equal(req.url.data, "https://api.example.com/Calls.json");
    assert_string_equal(req.body.data, "To=%2B1&From=%2B2");
    assert_string_equal(header(&req, "Authorization: "),
                        "Basic dXNlcjpwYXNzIHdvcmQ=");
    assert_string_equal(header(&req, "Content-Type: "), FORM);
    assert_string_equal(header(&req, "Accept: "), "application/json");
    assert_int_equal(req.part_count, 0);
    va_ai_request_free(&req);
}

static void builds_a_get(void **state)
{
    va_ai_request_t req;

    (void)state;
    assert_int_equal(build(&req, "http://127.0.0.1:8080/a?b=c", VA_STR(""), ""),
                     VA_OK);
    assert_string_equal(req.url.data, "http://127.0.0.1:8080/a?b=c");
    assert_int_equal(req.body.len, 0);
    assert_null(header(&req, "Authorization: "));
    assert_null(header(&req, "Content-Type: "));
    va_ai_request_free(&req);
}

static void refuses_what_may_not_be_sent(void **state)
{
    static const char *const urls[] = {"", "http://a b/", "http://a/\r\nX: y",
                                       "http://a/\x7f", "http://\xc3\xa9/"};
    static char long_key[8192];
    va_ai_request_t req;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        assert_int_equal(build(&req, urls[i], VA_STR("a:b"), "x=y"),
                         VA_INVALID);
        va_ai_request_free(&req);
    }
    assert_int_equal(build(&req, "http://a/", VA_STR("no-colon"), "x=y"),
                     VA_INVALID);
    va_ai_request_free(&req);
    memset(long_key, ':', sizeof(long_key));
    assert_int_equal(
        build(&req, "http://a/", (va_str_t){long_key, sizeof(long_key)}, "x=y"),
        VA_INVALID);
    va_ai_request_free(&req);
    assert_true(va_ai_known(VA_STR("rest"), VA_AI_REST));
    assert_false(va_ai_known(VA_STR("rest"), VA_AI_LLM));
    assert_false(va_ai_known(VA_STR("openai"), VA_AI_REST));
}

static void hands_out_every_answer(void **state)
{
    static const int statuses[] = {200, 201, 204, 302, 400,
                                   401, 404, 429, 500, 503};
    static const char body[] = "{\"code\":20404,\"message\":\"\xc3\xa9\"}";
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        answer_t a = {
            VA_AI_REST, {.model = {0}}, statuses[i], "application/json", NULL};
        told_t told = {0};

        ai_run_split(&told, &a, body, sizeof(body) - 1);
        assert_int_equal(told.rc, VA_OK);
        assert_int_equal(told.events, 1);
        assert_int_equal(told.text.len, sizeof(body) - 1);
        assert_memory_equal(told.text.data, body, sizeof(body) - 1);
        assert_true(told.confidence < 0);
        ai_forget(&told);

        ai_run(&told, &a, "", 0, 0, 1);
        assert_int_equal(told.rc, VA_OK);
        assert_int_equal(told.events, 0);
        ai_forget(&told);
    }
}

static void takes_any_type(void **state)
{
    answer_t a = {VA_AI_REST, {.model = {0}}, 502, "text/html", NULL};
    told_t told = {0};

    (void)state;
    ai_run(&told, &a, "<html>\0", 7, 0, 3);
    assert_int_equal(told.rc, VA_OK);
    assert_int_equal(told.text.len, 7);
    ai_forget(&told);
    a.type = NULL;
    ai_run(&told, &a, "x", 1, 0, 1);
    assert_int_equal(told.rc, VA_OK);
    ai_forget(&told);
}

static void keeps_the_bound(void **state)
{
    answer_t a = {VA_AI_REST, {.model = {0}}, 500, "text/plain", NULL};
    char *body = malloc(VA_AI_REST_MAX + 1);
    told_t told = {0};

    (void)state;
    assert_non_null(body);
    memset(body, 'x', VA_AI_REST_MAX + 1);
    ai_run(&told, &a, body, VA_AI_REST_MAX, 0, 1000);
    assert_int_equal(told.rc, VA_OK);
    assert_int_equal(told.text.len, VA_AI_REST_MAX);
    ai_forget(&told);
    ai_run(&told, &a, body, VA_AI_REST_MAX + 1, 0, 1000);
    assert_int_equal(told.rc, VA_LIMIT);
    assert_int_equal(told.events, 0);
    assert_string_equal(told.error, "the answer is too large");
    ai_forget(&told);
    ai_refuses_100_mb(&a, "");
    free(body);
}

static void fails_without_an_answer(void **state)
{
    answer_t a = {VA_AI_REST, {.model = {0}}, 200, "", NULL};
    told_t told = {0};
    va_ai_reader_t *r = ai_start(&told, &a);

    (void)state;
    told.rc = va_ai_reader_finish(r);
    assert_int_equal(told.rc, VA_FAILED);
    ai_end(&told, r);
    ai_forget(&told);

    told.stop_after = 1;
    ai_run(&told, &a, "x", 1, 0, 1);
    assert_int_equal(told.rc, VA_FAILED);
    assert_string_equal(told.error, "stopped");
    ai_forget(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_a_post),
        cmocka_unit_test(builds_a_get),
        cmocka_unit_test(refuses_what_may_not_be_sent),
        cmocka_unit_test(hands_out_every_answer),
        cmocka_unit_test(takes_any_type),
        cmocka_unit_test(keeps_the_bound),
        cmocka_unit_test(fails_without_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
