/*
 * The handshake, masking and the writing of frames (RFC 6455).
 */
#include "wire/va_ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_accept(void **state)
{
    static const struct {
        const char *key, *accept;
    } known[] = {
        /* The first is of RFC 6455, section 1.3. */
        {"dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
        {"x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="},
    };
    char out[VA_WS_ACCEPT_LEN + 1];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_int_equal(va_ws_accept(va_str(known[i].key), out), VA_OK);
        assert_string_equal(out, known[i].accept);
    }
}

static void test_accept_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "dGhlIHNhbXBsZSBub25jZQ=",   /* cut */
        "dGhlIHNhbXBsZSBub25jZQ===", /* too long */
        "dGhlIHNhbXBsZSBub25jZQ",    /* without padding */
        "dGhlIHNhbXBsZSBub25jZTE=",  /* 17 bytes */
        "dGhlIHNhbXBsZSBub25jZTEy",  /* 18 bytes */
        "dGhlIHNhbXBsZSBub25j",      /* 15 bytes */
        "dGhlIHNhbXBsZSBub25jZR==",  /* bits behind the last byte */
        "dGhlIHNhbXBsZSBub25jZ*==",  /* not in the alphabet */
        " dGhlIHNhbXBsZSBub25jZQ=",  /* white space */
        "========================",
    };
    char out[VA_WS_ACCEPT_LEN + 1];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(va_ws_accept(va_str(bad[i]), out), VA_INVALID);
        assert_string_equal(out, "");
    }
    assert_int_equal(va_ws_accept((va_str_t){NULL, 0}, out), VA_INVALID);
}

static void test_header(void **state)
{
    static const uint8_t key[4] = {1, 2, 3, 4};
    static const struct {
        va_ws_opcode_t opcode;
        uint64_t len;
        bool masked;
        size_t n;
        uint8_t want[VA_WS_HEADER_MAX];
    } rows[] = {
        {VA_WS_TEXT, 0, false, 2, {0x81, 0}},
        {VA_WS_BINARY, 1, false, 2, {0x82, 1}},
        {VA_WS_CLOSE, 2, false, 2, {0x88, 2}},
        {VA_WS_PING, 125, false, 2, {0x89, 125}},
        {VA_WS_PONG, 0, false, 2, {0x8a, 0}},
        {VA_WS_TEXT, 126, false, 4, {0x81, 126, 0, 126}},
        {VA_WS_TEXT, 0x1234, false, 4, {0x81, 126, 0x12, 0x34}},
        {VA_WS_TEXT, 65535, false, 4, {0x81, 126, 0xff, 0xff}},
        {VA_WS_TEXT, 65536, false, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
        {VA_WS_TEXT,
         0x0102030405060708,
         false,
         10,
         {0x81, 127, 1, 2, 3, 4, 5, 6, 7, 8}},
        {VA_WS_TEXT, 5, true, 6, {0x81, 0x85, 1, 2, 3, 4}},
        {VA_WS_TEXT, 126, true, 8, {0x81, 0xfe, 0, 126, 1, 2, 3, 4}},
        {VA_WS_TEXT,
         65536,
         true,
         14,
         {0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4}},
    };
    uint8_t out[VA_WS_HEADER_MAX];
    size_t i, n;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        n = va_ws_header(out, rows[i].opcode, rows[i].len,
                         rows[i].masked ? key : NULL);
        assert_int_equal(n, rows[i].n);
        assert_memory_equal(out, rows[i].want, n);
    }
}

/* Each length around the word size, at each alignment and phase. */
static void test_mask(void **state)
{
    static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t len, shift, phase, i;
    uint8_t *data;

    (void)state;
    for (len = 0; len <= 70; len++) {
        for (shift = 0; shift < 8; shift++) {
            for (phase = 0; phase < 9; phase++) {
                data = malloc(shift + len + 1);
                for (i = 0; i <= shift + len; i++) {
                    data[i] = (uint8_t)(i * 31);
                }
                va_ws_mask(data + shift, len, key, phase);
                for (i = 0; i < len; i++) {
                    assert_int_equal(data[shift + i],
                                     (uint8_t)((shift + i) * 31) ^
                                         key[(phase + i) % 4]);
                }
                assert_int_equal(data[shift + len],
                                 (uint8_t)((shift + len) * 31));
                free(data);
            }
        }
    }
}

static void test_close_payload(void **state)
{
    uint8_t out[VA_WS_CONTROL_MAX];
    char reason[400];
    size_t n;

    (void)state;
    assert_int_equal(va_ws_close_payload(out, 1000, "bye"), 5);
    assert_memory_equal(out, "\003\350bye", 5);
    assert_int_equal(va_ws_close_payload(out, 4999, ""), 2);
    assert_memory_equal(out, "\x13\x87", 2);
    assert_int_equal(va_ws_close_payload(out, 1001, NULL), 2);
    assert_int_equal(va_ws_close_payload(out, VA_WS_CLOSE_NO_STATUS, "x"), 0);

    memset(reason, 'a', sizeof(reason));
    reason[123] = '\0';
    assert_int_equal(va_ws_close_payload(out, 1000, reason), 125);
    reason[123] = 'a';
    reason[399] = '\0';
    assert_int_equal(va_ws_close_payload(out, 1000, reason), 125);

    /* A character that would be cut is left out, whichever byte is last. */
    for (n = 120; n <= 123; n++) {
        memset(reason, 'a', sizeof(reason));
        memcpy(reason + n, "\xf0\x9f\x93\x9e", 5);
        assert_int_equal(va_ws_close_payload(out, 1000, reason), 2 + n);
    }
    memcpy(reason + 119, "\xf0\x9f\x93\x9e", 5);
    assert_int_equal(va_ws_close_payload(out, 1000, reason), 125);

    memset(reason, 0x80, sizeof(reason));
    reason[399] = '\0';
    assert_int_equal(va_ws_close_payload(out, 1000, reason), 2);
}

/* What one end writes the other reads. */
static void round_trip(va_ws_role_t reader, size_t len)
{
    static const uint8_t key[4] = {9, 0, 200, 77};
    const uint8_t *mask = reader == VA_WS_SERVER ? key : NULL;
    uint8_t *wire = malloc(VA_WS_HEADER_MAX + len);
    va_ws_t *ws = va_ws_new(reader, len);
    size_t header, used;
    va_ws_event_t ev;
    size_t i;

    assert_non_null(wire);
    header = va_ws_header(wire, VA_WS_BINARY, len, mask);
    for (i = 0; i < len; i++) {
        wire[header + i] = (uint8_t)(i * 7);
    }
    if (mask != NULL) {
        va_ws_mask(wire + header, len, mask, 0);
    }
    assert_int_equal(va_ws_parse(ws, wire, header + len, &used, &ev), VA_OK);
    assert_int_equal(used, header + len);
    assert_int_equal(ev.opcode, VA_WS_BINARY);
    assert_int_equal(ev.len, len);
    for (i = 0; i < len; i++) {
        assert_int_equal(ev.data[i], (uint8_t)(i * 7));
    }
    va_ws_free(ws);
    free(wire);
}

static void test_round_trip(void **state)
{
    static const size_t lengths[] = {0,   1,   4,     15,    16,    125,
                                     126, 127, 65535, 65536, 100001};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        round_trip(VA_WS_SERVER, lengths[i]);
        round_trip(VA_WS_CLIENT, lengths[i]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_accept_refuses),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_close_payload),
        cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests_name("ws frame", tests, NULL, NULL) != 0;
}
