/* Frames of the call log: round trips, hostile bytes, and the queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "exact.h"
#include "store/va_ring.h"
#include "store_world.h"

static void test_round(void **state)
{
    va_record_t rec, back;
    va_str_t payload, copy;
    va_buf_t b;
    size_t size;

    (void)state;
    va_buf_init(&b, 65536);
    va_record_init(&rec, VA_RECORD_TURN);
    rec.id = 42;
    rec.at = -5;
    rec.call_sid = VA_STR("CA1");
    rec.role = VA_STR("user");
    rec.text = VA_STR("caf\xc3\xa9");
    rec.confidence = 0.25;
    rec.stt_ms = 0;
    assert_int_equal(va_record_write(&b, &rec), VA_OK);
    copy = exact(va_buf_view(&b));
    assert_int_equal(va_record_frame(copy, &size, &payload), VA_OK);
    assert_int_equal(size, b.len);
    assert_int_equal(va_record_read(&back, payload), VA_OK);
    assert_int_equal(back.type, VA_RECORD_TURN);
    assert_int_equal(back.id, 42);
    assert_int_equal(back.at, -5);
    assert_true(va_str_eq(back.call_sid, rec.call_sid));
    assert_true(va_str_eq(back.text, rec.text));
    assert_true(back.confidence == 0.25);
    assert_int_equal(back.stt_ms, 0);
    assert_int_equal(back.llm_ms, VA_RECORD_NONE);
    assert_int_equal(back.detail.len, 0);
    exact_free(copy);
    va_buf_free(&b);
}

/* What no database takes in a text is replaced before it gets there. */
static void test_text(void **state)
{
    static const char bad[] = "a\0b\xff\xc3z";
    char *large = malloc(40000);
    va_record_t rec;
    va_str_t payload;
    va_buf_t b;
    size_t size;

    (void)state;
    va_buf_init(&b, 65536);
    va_record_init(&rec, VA_RECORD_TURN);
    rec.id = 1;
    rec.at = 1;
    rec.call_sid = VA_STR("CA1");
    rec.text = (va_str_t){bad, sizeof(bad) - 1};
    assert_int_equal(va_record_write(&b, &rec), VA_OK);
    assert_int_equal(va_record_frame(va_buf_view(&b), &size, &payload), VA_OK);
    assert_int_equal(va_record_read(&rec, payload), VA_OK);
    assert_true(va_str_eq(rec.text, VA_STR("a\xef\xbf\xbd"
                                           "b\xef\xbf\xbd\xef\xbf\xbdz")));
    va_buf_reset(&b);
    for (size_t i = 0; i < 40000; i += 2) {
        memcpy(large + i, "\xc3\xa9", 2);
    }
    rec.text = (va_str_t){large, 40000};
    assert_int_equal(va_record_write(&b, &rec), VA_OK);
    assert_int_equal(va_record_frame(va_buf_view(&b), &size, &payload), VA_OK);
    assert_int_equal(va_record_read(&rec, payload), VA_OK);
    assert_true(rec.text.len <= VA_RECORD_TEXT);
    assert_true(rec.text.len > VA_RECORD_TEXT - 4);
    free(large);
    va_buf_free(&b);
}

/* A frame that ends early asks for more; one with a wrong bit is none. */
static void test_broken(void **state)
{
    va_str_t payload, copy;
    va_buf_t b;
    size_t size, first;

    (void)state;
    va_buf_init(&b, 65536);
    world_turn(&b, "CA1", 1, "hello");
    first = b.len;
    world_turn(&b, "CA1", 2, "world");
    for (size_t n = 1; n < first; n++) {
        copy = exact((va_str_t){b.data, n});
        assert_int_equal(va_record_frame(copy, &size, &payload), VA_AGAIN);
        exact_free(copy);
    }
    for (size_t bit = 0; bit < first * 8; bit++) {
        va_rc_t rc;

        b.data[bit / 8] ^= (char)(1 << (bit % 8));
        rc = va_record_frame(va_buf_view(&b), &size, &payload);
        assert_true(rc == VA_INVALID || rc == VA_AGAIN);
        assert_int_equal(size, first);
        b.data[bit / 8] ^= (char)(1 << (bit % 8));
    }
    va_buf_free(&b);
}

/* Payloads that no writer made. */
static void test_hostile(void **state)
{
    static const struct {
        const char *data;
        size_t len;
    } bad[] = {
        {"", 0},
        {"\x00", 1},
        {"\x05", 1},
        {"\x02", 1},
        {"\x02\x01", 2},
        {"\x02\x01\x08\x00\x01", 5},
        {"\x02\x01\x04\x00\x01\x02\x03\x04", 8},
        {"\x02\x03\xff\xff\x41", 5},
        {"\x02\x03\x01\x00\xff", 5},
    };
    va_record_t rec;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        va_str_t copy = exact((va_str_t){bad[i].data, bad[i].len});

        assert_int_equal(va_record_read(&rec, copy), VA_INVALID);
        exact_free(copy);
    }
}

/* What a later version adds is passed over. */
static void test_later(void **state)
{
    static const char payload[] = "\x02"
                                  "\x01\x08\x00\x07\0\0\0\0\0\0\0"
                                  "\x02\x08\x00\x08\0\0\0\0\0\0\0"
                                  "\x03\x03\x00"
                                  "CA9"
                                  "\xfe\x02\x00zz";
    va_record_t rec;

    (void)state;
    assert_int_equal(
        va_record_read(&rec, (va_str_t){payload, sizeof(payload) - 1}), VA_OK);
    assert_int_equal(rec.id, 7);
    assert_int_equal(rec.at, 8);
    assert_true(va_str_eq(rec.call_sid, VA_STR("CA9")));
}

/* The queue goes round many times, and keeps frames whole and in order. */
static void test_ring(void **state)
{
    size_t size = VA_RECORD_MAX + 4096, count = 0;
    void *memory = malloc(size);
    va_ring_t *ring = va_ring_init(memory, size);
    uint64_t from = 0;
    int64_t pushed = 0, read = 0;
    va_buf_t frame, out;

    (void)state;
    assert_non_null(ring);
    assert_null(va_ring_init(memory, VA_RECORD_MAX));
    va_buf_init(&frame, 65536);
    va_buf_init(&out, 65536);
    while (pushed < 3000) {
        char text[400];
        size_t at = 0, n;
        va_str_t payload;
        va_record_t rec;

        memset(text, 'x', sizeof(text));
        text[pushed % 399] = '\0';
        va_buf_reset(&frame);
        world_turn(&frame, "CA1", pushed, text);
        if (va_ring_push(ring, va_buf_view(&frame)) == VA_OK) {
            pushed++;
            continue;
        }
        va_buf_reset(&out);
        count = 0;
        assert_int_equal(va_ring_copy(ring, &from, &out, 30000, &count), VA_OK);
        assert_true(count > 0);
        while (at < out.len) {
            assert_int_equal(
                va_record_frame((va_str_t){out.data + at, out.len - at}, &n,
                                &payload),
                VA_OK);
            assert_int_equal(va_record_read(&rec, payload), VA_OK);
            assert_int_equal(rec.id, read++);
            at += n;
        }
        assert_int_equal(va_ring_push(ring, va_buf_view(&frame)), VA_LIMIT);
        va_ring_take(ring, from);
    }
    assert_true(read > 1000);
    assert_true(va_ring_pushed(ring) - va_ring_taken(ring) <=
                va_ring_size(ring));
    va_buf_free(&frame);
    va_buf_free(&out);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),  cmocka_unit_test(test_text),
        cmocka_unit_test(test_broken), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_later),  cmocka_unit_test(test_ring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
