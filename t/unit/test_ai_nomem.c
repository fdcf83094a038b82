/*
 * A provider's request and answer when memory runs out: at the first
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
#include "ai/va_ai_calls.c"
#include "ai/va_ai_fields.c"
#include "ai/va_ai_reader.c"
#include "ai/va_ai_reply.c"
#include "ai/va_openai.c"
#include "ai/va_openai_chat.c"
#include "ai/va_openai_chat_reader.c"
#include "ai/va_think.c"
#include "base/va_base.c"
#include "base/va_buf.c"
#include "wire/va_sse.c"
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

static const va_ai_conf_t conf = {.url = {"http://127.0.0.1/v1", 19},
                                  .key = {"sk-secret-key", 13},
                                  .model = {"m", 1}};
static const va_ai_tool_t tool = {.name = {"f", 1}, .schema = {"{}", 2}};
static const va_ai_input_t in = {
    .stage = VA_AI_LLM, .prompt = {"p", 1}, .tools = &tool, .tool_count = 1};

static va_rc_t request(void)
{
    va_ai_request_t req;
    va_rc_t rc = va_ai_request(&req, VA_STR("openai"), &conf, &in);

    if (rc == VA_OK) {
        assert_true(req.body.len > 100);
        assert_int_equal(req.header_count, 3);
    }
    va_ai_request_free(&req);
    return rc;
}

static va_rc_t count(void *ctx, const va_ai_event_t *event)
{
    *(size_t *)ctx += event->data.len;
    return VA_OK;
}

static va_rc_t answer_of(int status, const char *body, size_t *told)
{
    va_ai_reader_t *r =
        va_ai_reader_new(VA_STR("openai"), &conf, &in, count, told);
    size_t half = strlen(body) / 2;
    va_rc_t rc;

    if (r == NULL) {
        return VA_NOMEM;
    }
    rc = va_ai_reader_head(r, status, VA_STR("text/event-stream"));
    assert_int_equal(rc, VA_OK);
    rc = va_ai_reader_feed(r, (const uint8_t *)body, half);
    if (rc == VA_OK) {
        rc = va_ai_reader_feed(r, (const uint8_t *)body + half,
                               strlen(body) - half);
    }
    if (rc == VA_OK) {
        rc = va_ai_reader_finish(r);
    }
    assert_true((rc == VA_OK) == (va_ai_reader_error(r)[0] == '\0'));
    assert_null(strstr(va_ai_reader_error(r), "secret"));
    va_ai_reader_free(r);
    return rc;
}

static va_rc_t stream(void)
{
    size_t told = 0;
    va_rc_t rc = answer_of(200,
                           "data: {\"choices\":[{\"delta\":{\"content\":\"Hi "
                           "\",\"tool_calls\":[{\"id\":\"i\",\"function\":{"
                           "\"name\":\"f\",\"arguments\":\"[1,2]\"}}]},"
                           "\"finish_reason\":\"stop\"}]}\n\n",
                           &told);

    assert_true(rc != VA_OK || told == 8);
    return rc;
}

static va_rc_t whole(void)
{
    size_t told = 0;
    va_rc_t rc = answer_of(
        200, "{\"choices\":[{\"message\":{\"content\":\"Hi there\"}}]}", &told);

    assert_true(rc != VA_OK || told == 8);
    return rc;
}

/* A failure either way, but never a crash, a leak or the key. */
static va_rc_t refusal(void)
{
    size_t told = 0;
    va_rc_t rc =
        answer_of(401, "{\"error\":{\"message\":\"no sk-secret-key\"}}", &told);

    assert_int_equal(told, 0);
    assert_true(rc == VA_FAILED || rc == VA_NOMEM);
    return rc == VA_FAILED && allocations_left > 0 ? VA_OK : VA_NOMEM;
}

static void every_allocation_may_fail(va_rc_t (*run)(void))
{
    va_rc_t rc = VA_NOMEM;
    int n;

    for (n = 0; n < 100 && rc != VA_OK; n++) {
        allocations_left = n;
        rc = run();
        /* JSON that cannot be read for want of memory is not told apart. */
        assert_true(rc == VA_OK || rc == VA_NOMEM || rc == VA_INVALID);
    }
    assert_int_equal(rc, VA_OK);
    assert_true(n > 2);
}

static void requests(void **state)
{
    (void)state;
    every_allocation_may_fail(request);
}

static void streams(void **state)
{
    (void)state;
    every_allocation_may_fail(stream);
}

static void whole_answers(void **state)
{
    (void)state;
    every_allocation_may_fail(whole);
}

static void refusals(void **state)
{
    (void)state;
    every_allocation_may_fail(refusal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(streams),
        cmocka_unit_test(whole_answers),
        cmocka_unit_test(refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
