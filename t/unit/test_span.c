/*
 * Spans as OTLP has them in JSON, and the context of a trace.
 */
#include "wire/va_span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/va_json.h"

static const uint8_t trace[VA_SPAN_TRACE] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3,
                                             0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d,
                                             0x0e, 0x0e, 0x47, 0x36};
static const uint8_t id[VA_SPAN_ID] = {0x00, 0xf0, 0x67, 0xaa,
                                       0x0b, 0xa9, 0x02, 0xb7};
static const uint8_t parent[VA_SPAN_ID] = {1, 2, 3, 4, 5, 6, 7, 8};

static va_span_t span(const char *name)
{
    va_span_t s;

    memset(&s, 0, sizeof(s));
    s.trace = trace;
    s.id = id;
    s.kind = VA_SPAN_CLIENT;
    s.name = va_str(name);
    s.begin_ms = 1700000000123;
    s.end_ms = 1700000000456;
    return s;
}

static void test_span(void **state)
{
    va_buf_t b;
    va_span_t s = span("chat \"x\"");

    (void)state;
    va_buf_init(&b, 4096);
    s.parent = parent;
    s.failed = true;
    va_span_text(&s, "a.text", VA_STR("one\n\xff"));
    va_span_text(&s, "a.none", VA_STR(""));
    va_span_number(&s, "a.number", -7);
    va_span_flag(&s, "a.flag", true);
    assert_int_equal(va_span_write(&b, &s), VA_OK);
    assert_string_equal(
        b.data,
        "{\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
        "\"spanId\":\"00f067aa0ba902b7\","
        "\"parentSpanId\":\"0102030405060708\",\"name\":\"chat \\\"x\\\"\","
        "\"kind\":3,\"startTimeUnixNano\":\"1700000000123000000\","
        "\"endTimeUnixNano\":\"1700000000456000000\",\"attributes\":["
        "{\"key\":\"a.text\",\"value\":{\"stringValue\":\"one\\n\xef\xbf\xbd\"}"
        "},{\"key\":\"a.number\",\"value\":{\"intValue\":\"-7\"}},"
        "{\"key\":\"a.flag\",\"value\":{\"boolValue\":true}}],"
        "\"status\":{\"code\":2}}");
    va_buf_free(&b);
}

static void test_request(void **state)
{
    char why[64];
    va_buf_t spans, b;
    va_json_t *v;
    va_span_t s = span("one");

    (void)state;
    va_buf_init(&spans, 4096);
    va_buf_init(&b, 8192);
    s.end_ms = 5; /* a clock that was set back */
    assert_int_equal(va_span_write(&spans, &s), VA_OK);
    s.name = VA_STR("two");
    assert_int_equal(va_span_write(&spans, &s), VA_OK);
    assert_int_equal(va_span_request(&b, VA_STR("phones"), VA_STR("host"), 42,
                                     va_buf_view(&spans)),
                     VA_OK);
    v = va_json_parse(va_buf_view(&b), why, sizeof(why));
    assert_non_null(v);
    assert_true(
        va_str_eq(va_json_str(v, "resourceSpans.0.resource.attributes.0.value."
                                 "stringValue"),
                  VA_STR("phones")));
    assert_int_equal(
        va_json_len(va_json_at(v, "resourceSpans.0.scopeSpans.0.spans")), 2);
    assert_true(
        va_str_eq(va_json_str(v, "resourceSpans.0.scopeSpans.0.spans.1.name"),
                  VA_STR("two")));
    assert_true(va_str_eq(
        va_json_str(v, "resourceSpans.0.scopeSpans.0.spans.0.endTimeUnixNano"),
        VA_STR("1700000000123000000")));
    assert_null(
        va_json_at(v, "resourceSpans.0.scopeSpans.0.spans.0.parentSpanId"));
    va_json_free(v);
    va_buf_free(&b);
    va_buf_free(&spans);
}

/* Whatever the room is, the buffer holds whole spans only. */
static void test_bound(void **state)
{
    size_t one, max;
    va_buf_t b;
    va_span_t s = span("name");

    (void)state;
    va_buf_init(&b, 4096);
    va_span_number(&s, "n", 1);
    assert_int_equal(va_span_write(&b, &s), VA_OK);
    one = b.len;
    va_buf_free(&b);

    for (max = 0; max < 2 * one + 2; max++) {
        size_t fits = max < one ? 0 : max < 2 * one + 1 ? 1 : 2;
        size_t i;

        va_buf_init(&b, max);
        for (i = 0; i < 3; i++) {
            assert_int_equal(va_span_write(&b, &s),
                             i < fits ? VA_OK : VA_LIMIT);
            assert_int_equal(b.rc, VA_OK);
        }
        assert_int_equal(b.len, fits == 2 ? 2 * one + 1 : fits * one);
        va_buf_free(&b);
    }
}

static void test_attributes_bound(void **state)
{
    size_t i;
    char *big = malloc(100000);
    va_buf_t b;
    va_span_t s = span("name");

    (void)state;
    assert_non_null(big);
    memset(big, 'x', 100000);
    for (i = 0; i < 2 * VA_SPAN_ATTRS; i++) {
        va_span_text(&s, "big", (va_str_t){big, 100000});
        va_span_number(&s, "n", 1);
        va_span_flag(&s, "f", false);
    }
    assert_int_equal(s.count, VA_SPAN_ATTRS);
    va_buf_init(&b, 8192);
    assert_int_equal(va_span_write(&b, &s), VA_OK);
    va_buf_free(&b);
    free(big);
}

static void test_traceparent(void **state)
{
    char out[VA_SPAN_PARENT];

    (void)state;
    va_span_traceparent(out, trace, id, true);
    assert_string_equal(
        out, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    va_span_traceparent(out, trace, id, false);
    assert_string_equal(
        out, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
}

static void test_derive(void **state)
{
    uint8_t a[VA_SPAN_TRACE], b[VA_SPAN_TRACE];
    uint8_t r[VA_SPAN_ID], q[VA_SPAN_ID];

    (void)state;
    assert_int_equal(va_span_derive(VA_STR("key"), VA_STR("CA1"), a, r), VA_OK);
    assert_int_equal(va_span_derive(VA_STR("key"), VA_STR("CA1"), b, q), VA_OK);
    assert_memory_equal(a, b, sizeof(a));
    assert_memory_equal(r, q, sizeof(r));
    assert_int_equal(va_span_derive(VA_STR("key"), VA_STR("CA2"), b, q), VA_OK);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(r, q, sizeof(r));
    assert_int_equal(va_span_derive(VA_STR("kez"), VA_STR("CA1"), b, q), VA_OK);
    assert_memory_not_equal(a, b, sizeof(a));
}

static void test_sampled(void **state)
{
    char sid[16];
    uint8_t t[VA_SPAN_TRACE], r[VA_SPAN_ID];
    unsigned i, kept = 0;

    (void)state;
    for (i = 0; i < 10000; i++) {
        snprintf(sid, sizeof(sid), "CA%u", i);
        assert_int_equal(va_span_derive(VA_STR("k"), va_str(sid), t, r), VA_OK);
        assert_true(va_span_sampled(t, 10000));
        assert_false(va_span_sampled(t, 0));
        kept += va_span_sampled(t, 2500);
        assert_true(!va_span_sampled(t, 2500) || va_span_sampled(t, 5000));
    }
    assert_in_range(kept, 2300, 2700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_span),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_attributes_bound),
        cmocka_unit_test(test_traceparent),
        cmocka_unit_test(test_derive),
        cmocka_unit_test(test_sampled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
