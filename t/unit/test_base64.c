/*
 * Base64 (RFC 4648, section 4).
 */
#include "wire/va_base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Decodes from and into memory of exactly the size; out holds 256 bytes. */
static va_rc_t decode(uint8_t *out, size_t *len, const char *text, size_t n,
                      size_t cap)
{
    char *in = malloc(n + (n == 0));
    uint8_t *to = malloc(cap + (cap == 0));
    va_rc_t rc;

    assert_non_null(in);
    assert_non_null(to);
    assert_true(cap <= 256);
    memcpy(in, text, n);
    rc = va_base64_decode(to, cap, len, (va_str_t){in, n});
    if (rc == VA_OK) {
        assert_true(*len <= cap);
        memcpy(out, to, *len);
    }
    free(in);
    free(to);
    return rc;
}

static va_rc_t decode_rc(const char *text, size_t n)
{
    uint8_t out[256];
    size_t len;

    return decode(out, &len, text, n, VA_BASE64_ROOM(n));
}

/* RFC 4648, section 10, and all bits set or clear. */
static const struct {
    const char *plain;
    size_t n;
    const char *text;
} vectors[] = {
    {"", 0, ""},
    {"f", 1, "Zg=="},
    {"fo", 2, "Zm8="},
    {"foo", 3, "Zm9v"},
    {"foob", 4, "Zm9vYg=="},
    {"fooba", 5, "Zm9vYmE="},
    {"foobar", 6, "Zm9vYmFy"},
    {"\0\0\0", 3, "AAAA"},
    {"\0", 1, "AA=="},
    {"\xff\xff\xff", 3, "////"},
    {"\xff\xff", 2, "//8="},
    {"\xff", 1, "/w=="},
    {"\xfb\xef\xbe", 3, "++++"},
};

static void test_vectors(void **state)
{
    uint8_t out[256];
    char text[16];
    size_t i, len;

    (void)state;
    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        len = va_base64_encode(text, (const uint8_t *)vectors[i].plain,
                               vectors[i].n);
        assert_int_equal(len, strlen(vectors[i].text));
        assert_int_equal(len, VA_BASE64_LEN(vectors[i].n));
        assert_memory_equal(text, vectors[i].text, len);

        assert_int_equal(decode(out, &len, vectors[i].text,
                                strlen(vectors[i].text), vectors[i].n),
                         VA_OK);
        assert_int_equal(len, vectors[i].n);
        assert_memory_equal(out, vectors[i].plain, len);
    }
}

static void test_round_trip(void **state)
{
    uint8_t plain[200], out[256];
    size_t n, i, len;
    char *text;
    uint8_t *in;

    (void)state;
    for (i = 0; i < sizeof(plain); i++) {
        plain[i] = (uint8_t)(i * 197 + (i >> 3));
    }
    for (n = 0; n <= sizeof(plain); n++) {
        text = malloc(VA_BASE64_LEN(n) + (n == 0));
        in = malloc(n + (n == 0));
        memcpy(in, plain, n);
        assert_int_equal(va_base64_encode(text, in, n), VA_BASE64_LEN(n));
        assert_int_equal(decode(out, &len, text, VA_BASE64_LEN(n), n), VA_OK);
        assert_int_equal(len, n);
        assert_memory_equal(out, plain, n);
        if (n != 0) {
            assert_int_equal(decode(out, &len, text, VA_BASE64_LEN(n), n - 1),
                             VA_LIMIT);
        }
        free(text);
        free(in);
    }
}

/*
 * Each byte value at each place of a group, be it one of many that are done at
 * once or one of the last.
 */
static void test_every_character(void **state)
{
    char text[44], again[VA_BASE64_LEN(33)];
    uint8_t out[256];
    size_t at, len;
    int c;
    bool known;

    (void)state;
    for (at = 0; at < sizeof(text); at++) {
        for (c = 0; c < 256; c++) {
            memset(text, 'A', sizeof(text));
            text[at] = (char)c;
            known = c != 0 && strchr(alphabet, c) != NULL;
            known = known || (c == '=' && at == sizeof(text) - 1);
            assert_int_equal(decode(out, &len, text, sizeof(text), 33),
                             known ? VA_OK : VA_INVALID);
            if (known) {
                va_base64_encode(again, out, len);
                assert_memory_equal(again, text, sizeof(text));
            }
        }
    }
}

/* Bits behind the last byte have to be clear: one spelling for each text. */
static void test_unused_bits(void **state)
{
    char text[5];
    size_t i;

    (void)state;
    for (i = 0; i < 64; i++) {
        memcpy(text, "AA==", 5);
        text[1] = alphabet[i];
        assert_int_equal(decode_rc(text, 4), i % 16 == 0 ? VA_OK : VA_INVALID);
        memcpy(text, "AAA=", 5);
        text[2] = alphabet[i];
        assert_int_equal(decode_rc(text, 4), i % 4 == 0 ? VA_OK : VA_INVALID);
    }
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {
        "A",        "AA",         "AAA",        "AAAAA",    "=",
        "==",       "===",        "====",       "A===",     "AA=A",
        "A=AA",     "=AAA",       "Zg==Zg==",   "Zm8=Zm8=", "Zg==AAAA",
        "AAAA=",    "AAAA==",     "AAAA===",    "AAAA====", " Zg==",
        "Zg== ",    "Zm9v\n",     "Zm\n9v\nYm", "Zm9-",     "Zm9_",
        "Zm9.",     "Z\xc3\xa9v", "AAA*",       "AA*=",     "A*==",
        "*A==",     "=A==",       "A=A=",       "==A=",     "A==A",
        "AAAAA===",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (decode_rc(bad[i], strlen(bad[i])) != VA_INVALID) {
            fail_msg("taken for base64: %s", bad[i]);
        }
    }
    assert_int_equal(decode_rc("AA\0A", 4), VA_INVALID);
    assert_int_equal(decode_rc("AAA\0", 4), VA_INVALID);
}

static void test_capacity(void **state)
{
    uint8_t out[256];
    size_t len = 77;

    (void)state;
    assert_int_equal(decode(out, &len, "Zm9v", 4, 3), VA_OK);
    assert_int_equal(decode(out, &len, "Zm9v", 4, 2), VA_LIMIT);
    assert_int_equal(decode(out, &len, "Zm8=", 4, 2), VA_OK);
    assert_int_equal(decode(out, &len, "Zm8=", 4, 1), VA_LIMIT);
    assert_int_equal(decode(out, &len, "Zg==", 4, 1), VA_OK);
    assert_int_equal(decode(out, &len, "Zg==", 4, 0), VA_LIMIT);
    assert_int_equal(va_base64_decode(NULL, 0, &len, (va_str_t){NULL, 0}),
                     VA_OK);
    assert_int_equal(len, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_character),
        cmocka_unit_test(test_unused_bits),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_capacity),
    };

    return cmocka_run_group_tests_name("base64", tests, NULL, NULL) != 0;
}
