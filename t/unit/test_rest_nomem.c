/*
 * Requests for calls, and what carries them, when memory runs out: at the first
 * allocation, at the second, and so on until all goes well.
 */
#include <stdlib.h>

static void *scarce_malloc(size_t size);
static void *scarce_calloc(size_t n, size_t size);
static void *scarce_realloc(void *p, size_t size);

/* The code under test is compiled in here with allocators that may fail. */
#define malloc scarce_malloc
#define calloc scarce_calloc
#define realloc scarce_realloc
#include "ai/va_ai.c"
#include "ai/va_ai_rest.c"
#include "base/va_base.c"
#include "base/va_buf.c"
#include "twilio/va_make_call.c"
#include "twilio/va_rest.c"
#undef malloc
#undef calloc
#undef realloc

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int allocations_left;

static void *scarce_malloc(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void *scarce_calloc(size_t n, size_t size)
{
    return allocations_left-- > 0 ? calloc(n, size) : NULL;
}

static void *scarce_realloc(void *p, size_t size)
{
    return allocations_left-- > 0 ? realloc(p, size) : NULL;
}

static va_rc_t ask(void)
{
    char error[VA_MAKE_CALL_ERROR_MAX];
    va_make_call_t *call;
    va_rc_t rc =
        va_make_call_parse(&call, VA_STR("{\"to_number\":\"+15551234567\"}"),
                           error, sizeof(error));

    assert_true((rc == VA_OK) == (call != NULL));
    assert_true(rc == VA_OK || strstr(error, "out of memory") != NULL);
    va_make_call_free(call);
    /* JSON that cannot be read for want of memory is not told apart. */
    return rc == VA_INVALID ? VA_NOMEM : rc;
}

static va_rc_t build(void)
{
    va_rest_create_t call = {.base = va_str(VA_REST_BASE),
                             .account = VA_STR("AC1"),
                             .to = VA_STR("+12"),
                             .from = VA_STR("+34"),
                             .url = VA_STR("https://v.example.com/")};
    va_buf_t url, body;
    va_rc_t rc;

    va_buf_init(&url, VA_REST_URL_MAX);
    va_buf_init(&body, VA_REST_BODY_MAX);
    rc = va_rest_create(&url, &body, &call);
    va_buf_free(&url);
    va_buf_free(&body);
    return rc;
}

static va_rc_t count(void *ctx, const va_ai_event_t *event)
{
    *(size_t *)ctx += event->data.len;
    return VA_OK;
}

static va_rc_t carry(void)
{
    const va_ai_conf_t conf = {.url = VA_STR("https://v/"),
                               .key = VA_STR("user:password")};
    const va_ai_input_t in = {.stage = VA_AI_REST, .text = VA_STR("a=b")};
    va_ai_request_t req;
    va_rc_t rc = va_ai_request(&req, VA_STR("rest"), &conf, &in);
    va_ai_reader_t *r;
    size_t told = 0;

    va_ai_request_free(&req);
    if (rc != VA_OK) {
        return rc;
    }
    r = va_ai_reader_new(VA_STR("rest"), &conf, &in, count, &told);
    if (r == NULL) {
        return VA_NOMEM;
    }
    assert_int_equal(va_ai_reader_head(r, 500, VA_STR("text/plain")), VA_OK);
    rc = va_ai_reader_feed(r, (const uint8_t *)"body", 4);
    if (rc == VA_OK) {
        rc = va_ai_reader_finish(r);
    }
    assert_true(rc != VA_OK || told == 4);
    va_ai_reader_free(r);
    return rc;
}

static void every_allocation_may_fail(va_rc_t (*run)(void))
{
    va_rc_t rc = VA_NOMEM;
    int n;

    for (n = 0; n < 100 && rc != VA_OK; n++) {
        allocations_left = n;
        rc = run();
        assert_true(rc == VA_OK || rc == VA_NOMEM);
    }
    assert_int_equal(rc, VA_OK);
    assert_true(n > 2);
}

static void asking_for_a_call(void **state)
{
    (void)state;
    every_allocation_may_fail(ask);
}

static void building_a_request(void **state)
{
    (void)state;
    every_allocation_may_fail(build);
}

static void carrying_it(void **state)
{
    (void)state;
    every_allocation_may_fail(carry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asking_for_a_call),
        cmocka_unit_test(building_a_request),
        cmocka_unit_test(carrying_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
