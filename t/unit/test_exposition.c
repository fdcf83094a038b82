/*
 * The metric formats of Prometheus and OpenMetrics.
 */
#include "wire/va_exposition.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void write_all(va_buf_t *b, bool openmetrics)
{
    static const char *const stage[] = {"stage", "voice", NULL};
    static const char *const odd[] = {"a", "x\"y\\z\nw", "b", "\xff\xc3", NULL};
    static const double bounds[] = {0.005, 1, 2.5};
    static const uint64_t counts[] = {1, 0, 3, 2};
    va_exposition_t e;

    va_buf_init(b, 4096);
    va_exposition_begin(&e, b, openmetrics);
    va_exposition_family(&e, "calls", VA_METRIC_COUNTER, "Calls.");
    va_exposition_value(&e, NULL, 3);
    va_exposition_value(&e, stage, 0.1);
    va_exposition_family(&e, "up", VA_METRIC_GAUGE, "Up.");
    va_exposition_value(&e, odd, -1.5);
    va_exposition_family(&e, "lag_seconds", VA_METRIC_HISTOGRAM, "Lag.");
    va_exposition_histogram(&e, stage, bounds, counts, 3, 12.25);
    va_exposition_end(&e);
    assert_int_equal(b->rc, VA_OK);
}

static void test_prometheus(void **state)
{
    va_buf_t b;

    (void)state;
    write_all(&b, false);
    assert_string_equal(b.data,
                        "# HELP calls_total Calls.\n"
                        "# TYPE calls_total counter\n"
                        "calls_total 3\n"
                        "calls_total{stage=\"voice\"} 0.1\n"
                        "# HELP up Up.\n"
                        "# TYPE up gauge\n"
                        "up{a=\"x\\\"y\\\\z\\nw\","
                        "b=\"\xef\xbf\xbd\xef\xbf\xbd\"} -1.5\n"
                        "# HELP lag_seconds Lag.\n"
                        "# TYPE lag_seconds histogram\n"
                        "lag_seconds_bucket{stage=\"voice\",le=\"0.005\"} 1\n"
                        "lag_seconds_bucket{stage=\"voice\",le=\"1.0\"} 1\n"
                        "lag_seconds_bucket{stage=\"voice\",le=\"2.5\"} 4\n"
                        "lag_seconds_bucket{stage=\"voice\",le=\"+Inf\"} 6\n"
                        "lag_seconds_sum{stage=\"voice\"} 12.25\n"
                        "lag_seconds_count{stage=\"voice\"} 6\n");
    va_buf_free(&b);
}

static void test_openmetrics(void **state)
{
    static const char head[] = "# HELP calls Calls.\n"
                               "# TYPE calls counter\n"
                               "calls_total 3\n";
    va_buf_t b;

    (void)state;
    write_all(&b, true);
    assert_memory_equal(b.data, head, sizeof(head) - 1);
    assert_string_equal(b.data + b.len - 6, "# EOF\n");
    va_buf_free(&b);
}

static void test_numbers(void **state)
{
    va_exposition_t e;
    va_buf_t b;

    (void)state;
    va_buf_init(&b, 4096);
    va_exposition_begin(&e, &b, false);
    va_exposition_family(&e, "g", VA_METRIC_GAUGE, "G.");
    va_buf_reset(&b);
    va_exposition_value(&e, NULL, NAN);
    va_exposition_value(&e, NULL, INFINITY);
    va_exposition_value(&e, NULL, -INFINITY);
    va_exposition_value(&e, NULL, 1234567890123.0);
    va_exposition_value(&e, NULL, 1e300);
    va_exposition_value(&e, NULL, 0);
    assert_string_equal(b.data, "g NaN\ng +Inf\ng -Inf\ng 1234567890123\n"
                                "g 1e+300\ng 0\n");
    va_buf_free(&b);
}

static void test_full(void **state)
{
    va_exposition_t e;
    va_buf_t b;

    (void)state;
    va_buf_init(&b, 20);
    va_exposition_begin(&e, &b, false);
    va_exposition_family(&e, "calls", VA_METRIC_COUNTER, "Calls.");
    va_exposition_value(&e, NULL, 1);
    assert_int_equal(b.rc, VA_LIMIT);
    va_buf_free(&b);
}

static void test_accepts(void **state)
{
    (void)state;
    assert_true(va_exposition_accepts(
        VA_STR("application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1")));
    assert_true(va_exposition_accepts(
        VA_STR("text/plain, application/openmetrics-text")));
    assert_false(va_exposition_accepts(VA_STR("text/plain;version=0.0.4")));
    assert_false(va_exposition_accepts(VA_STR("application/openmetrics-tex")));
    assert_false(va_exposition_accepts(VA_STR("")));
    assert_non_null(strstr(va_exposition_type(true), "openmetrics"));
    assert_non_null(strstr(va_exposition_type(false), "0.0.4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prometheus), cmocka_unit_test(test_openmetrics),
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_full),
        cmocka_unit_test(test_accepts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
