/*
 * The frame and event readers when memory runs out: at the first allocation,
 * at the second, and so on until all goes well.
 */
#include <stdlib.h>

static void *scarce_calloc(size_t n, size_t size);
static void *scarce_realloc(void *p, size_t size);

/* The code under test is compiled in here with allocators that may fail. */
#define calloc scarce_calloc
#define realloc scarce_realloc
#include "base/va_buf.c"
#include "wire/va_sse.c"
#include "wire/va_ws.c"
#undef calloc
#undef realloc

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int allocations_left;

static void *scarce_calloc(size_t n, size_t size)
{
    return allocations_left-- > 0 ? calloc(n, size) : NULL;
}

static void *scarce_realloc(void *p, size_t size)
{
    return allocations_left-- > 0 ? realloc(p, size) : NULL;
}

static va_rc_t read_frames(void)
{
    uint8_t wire[4 + 600];
    va_ws_t *ws = va_ws_new(VA_WS_CLIENT, 1000);
    va_ws_event_t ev;
    size_t n, used;
    va_rc_t rc;

    if (ws == NULL) {
        return VA_NOMEM;
    }
    n = va_ws_header(wire, VA_WS_BINARY, 600, NULL);
    memset(wire + n, 'a', 600);
    rc = va_ws_parse(ws, wire, 100, &used, &ev);
    if (rc == VA_AGAIN) {
        rc = va_ws_parse(ws, wire + 100, n + 500, &used, &ev);
    }
    if (rc == VA_OK) {
        assert_int_equal(ev.len, 600);
    } else {
        assert_int_equal(va_ws_close_code(ws), VA_WS_CLOSE_INTERNAL);
        assert_string_equal(va_ws_error(ws), "out of memory");
        assert_int_equal(va_ws_parse(ws, wire, 1, &used, &ev), VA_NOMEM);
    }
    va_ws_free(ws);
    return rc;
}

static va_rc_t on_event(void *ctx, va_str_t event, va_str_t data)
{
    assert_true(va_str_eq(event, VA_STR("x")));
    *(size_t *)ctx += data.len;
    return VA_OK;
}

static va_rc_t read_events(void)
{
    static const char text[] = "event: x\ndata: aaaaaaaaaa\ndata";
    size_t seen = 0;
    va_sse_t *s = va_sse_new(1000, on_event, &seen);
    va_rc_t rc;

    if (s == NULL) {
        return VA_NOMEM;
    }
    rc = va_sse_feed(s, text, sizeof(text) - 1);
    if (rc == VA_OK) {
        rc = va_sse_finish(s);
    }
    assert_int_equal(seen, rc == VA_OK ? 11 : 0);
    if (rc != VA_OK) {
        assert_int_equal(va_sse_feed(s, text, 1), rc);
    }
    va_sse_free(s);
    return rc;
}

static void climb(va_rc_t (*work)(void), int needed)
{
    int n;

    for (n = 0; n < needed; n++) {
        allocations_left = n;
        assert_int_equal(work(), VA_NOMEM);
    }
    allocations_left = needed;
    assert_int_equal(work(), VA_OK);
    assert_int_equal(allocations_left, 0);
}

static void test_frames(void **state)
{
    (void)state;
    climb(read_frames, 3);
}

static void test_events(void **state)
{
    (void)state;
    climb(read_events, 4);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_events),
    };

    return cmocka_run_group_tests_name("wire nomem", tests, NULL, NULL) != 0;
}
