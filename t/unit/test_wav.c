#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "audio/va_wav.h"

typedef struct {
    uint8_t data[VA_WAV_SEARCH + 4096];
    size_t len;
} file_t;

static void put(file_t *f, const void *data, size_t n)
{
    assert_true(n <= sizeof(f->data) - f->len);
    memcpy(f->data + f->len, data, n);
    f->len += n;
}

static void le(file_t *f, unsigned long v, size_t bytes)
{
    for (; bytes != 0; bytes--, v >>= 8) {
        uint8_t b = (uint8_t)v;

        put(f, &b, 1);
    }
}

static void chunk(file_t *f, const char *id, unsigned long size)
{
    put(f, id, 4);
    le(f, size, 4);
}

static void start(file_t *f)
{
    memset(f, 0, sizeof(*f));
    chunk(f, "RIFF", 0);
    put(f, "WAVE", 4);
}

static void fmt(file_t *f, unsigned format, unsigned channels,
                unsigned long rate, unsigned bits)
{
    chunk(f, "fmt ", 16);
    le(f, format, 2);
    le(f, channels, 2);
    le(f, rate, 4);
    le(f, rate * channels * bits / 8, 4);
    le(f, channels * bits / 8, 2);
    le(f, bits, 2);
}

static void fill(file_t *f, size_t n)
{
    memset(f->data + f->len, 0x11, n);
    f->len += n;
}

/* Parses a copy of exactly that size, so that an over-read is seen. */
static va_rc_t parse(va_wav_info_t *info, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len != 0 ? len : 1);
    va_rc_t rc;

    assert_non_null(copy);
    memcpy(copy, data, len);
    rc = va_wav_parse(info, copy, len);
    free(copy);
    return rc;
}

/* Asserts that all shorter beginnings ask for more. */
static void whole(va_wav_info_t *info, const file_t *f)
{
    size_t n;

    assert_int_equal(parse(info, f->data, f->len), VA_OK);
    for (n = 0; n < info->header_len; n++) {
        va_wav_info_t other;

        assert_int_equal(parse(&other, f->data, n), VA_AGAIN);
    }
    assert_int_equal(parse(info, f->data, info->header_len), VA_OK);
}

static void reads_a_plain_header(void **state)
{
    static file_t f;
    va_wav_info_t info;

    (void)state;
    start(&f);
    fmt(&f, VA_WAV_PCM, 1, 24000, 16);
    chunk(&f, "data", 480);
    whole(&info, &f);
    assert_int_equal(info.format, VA_WAV_PCM);
    assert_int_equal(info.channels, 1);
    assert_int_equal(info.rate, 24000);
    assert_int_equal(info.bits, 16);
    assert_int_equal(info.header_len, 44);
    assert_int_equal(info.data_len, 480);
}

static void skips_unknown_chunks(void **state)
{
    static file_t f;
    va_wav_info_t info;

    (void)state;
    start(&f);
    chunk(&f, "JUNK", 3); /* odd: one byte of padding follows */
    fill(&f, 4);
    fmt(&f, VA_WAV_ULAW, 2, 8000, 8);
    chunk(&f, "LIST", 26);
    fill(&f, 26);
    chunk(&f, "fact", 4);
    fill(&f, 4);
    chunk(&f, "data", 7);
    whole(&info, &f);
    assert_int_equal(info.format, VA_WAV_ULAW);
    assert_int_equal(info.channels, 2);
    assert_int_equal(info.header_len, f.len);
    assert_int_equal(info.data_len, 7);
}

static void fake_lengths_mean_streamed(void **state)
{
    static const unsigned long sizes[] = {0, 0xfffffffful};
    static file_t f;
    va_wav_info_t info;
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        start(&f);
        fmt(&f, VA_WAV_PCM, 1, 22050, 16);
        chunk(&f, "data", sizes[i]);
        whole(&info, &f);
        assert_true(info.data_len == UINT64_MAX);
    }
}

static void reads_the_extensible_form(void **state)
{
    static const uint8_t guid_rest[14] = {0x00, 0x00, 0x00, 0x00, 0x10,
                                          0x00, 0x80, 0x00, 0x00, 0xaa,
                                          0x00, 0x38, 0x9b, 0x71};
    static file_t f;
    va_wav_info_t info;

    (void)state;
    start(&f);
    fmt(&f, 0xfffe, 2, 48000, 16);
    f.data[16] = 40;
    le(&f, 22, 2);
    le(&f, 16, 2);
    le(&f, 3, 4);
    le(&f, VA_WAV_PCM, 2);
    put(&f, guid_rest, sizeof(guid_rest));
    chunk(&f, "data", 4);
    whole(&info, &f);
    assert_int_equal(info.format, VA_WAV_PCM);
    assert_int_equal(info.rate, 48000);
}

static void refuses_other_formats(void **state)
{
    static const struct {
        unsigned format, channels;
        unsigned long rate;
        unsigned bits;
    } bad[] = {
        {3, 1, 24000, 32},          {6, 1, 8000, 8},
        {0xfffe, 1, 8000, 16},      {85, 1, 24000, 16},
        {0, 1, 24000, 16},          {VA_WAV_PCM, 0, 8000, 16},
        {VA_WAV_PCM, 9, 8000, 16},  {VA_WAV_PCM, 1, 0, 16},
        {VA_WAV_PCM, 1, 8000, 24},  {VA_WAV_PCM, 1, 8000, 0},
        {VA_WAV_ULAW, 1, 8000, 16},
    };
    static file_t f;
    va_wav_info_t info;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        start(&f);
        fmt(&f, bad[i].format, bad[i].channels, bad[i].rate, bad[i].bits);
        chunk(&f, "data", 4);
        assert_int_equal(parse(&info, f.data, f.len), VA_INVALID);
    }
}

static void refuses_nonsense(void **state)
{
    static const char *const starts[] = {"X", "RIFX", "RIFF....WAVX", "OggS",
                                         "RIFF....AVI LIST"};
    static file_t f;
    va_wav_info_t info;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        assert_int_equal(
            parse(&info, (const uint8_t *)starts[i], strlen(starts[i])),
            VA_INVALID);
    }
    start(&f); /* samples before their format */
    chunk(&f, "data", 4);
    assert_int_equal(parse(&info, f.data, f.len), VA_INVALID);

    start(&f); /* two formats */
    fmt(&f, VA_WAV_PCM, 1, 8000, 16);
    fmt(&f, VA_WAV_PCM, 1, 8000, 16);
    assert_int_equal(parse(&info, f.data, f.len), VA_INVALID);

    start(&f); /* a format cut short by its own size */
    fmt(&f, VA_WAV_PCM, 1, 8000, 16);
    f.data[16] = 14;
    assert_int_equal(parse(&info, f.data, f.len), VA_INVALID);

    start(&f); /* block size that does not agree */
    fmt(&f, VA_WAV_PCM, 1, 8000, 16);
    f.data[32] = 3;
    assert_int_equal(parse(&info, f.data, f.len), VA_INVALID);
}

static void a_header_has_an_end(void **state)
{
    static file_t f;
    va_wav_info_t info;
    size_t i;

    (void)state;
    start(&f);
    chunk(&f, "LIST", 0xffffffff);
    assert_int_equal(parse(&info, f.data, f.len), VA_LIMIT);

    start(&f);
    chunk(&f, "LIST", VA_WAV_SEARCH - 28);
    fill(&f, VA_WAV_SEARCH - 28);
    assert_int_equal(parse(&info, f.data, f.len), VA_AGAIN);
    chunk(&f, "LIST", 0);
    assert_int_equal(parse(&info, f.data, f.len), VA_LIMIT);

    start(&f);
    for (i = 0; i < VA_WAV_CHUNKS; i++) {
        chunk(&f, "JUNK", 0);
    }
    assert_int_equal(parse(&info, f.data, f.len), VA_LIMIT);

    start(&f); /* as many as may be */
    fmt(&f, VA_WAV_PCM, 1, 8000, 16);
    for (i = 0; i < VA_WAV_CHUNKS - 2; i++) {
        chunk(&f, "JUNK", 0);
    }
    chunk(&f, "data", 4);
    assert_int_equal(parse(&info, f.data, f.len), VA_OK);

    start(&f);
    fmt(&f, VA_WAV_PCM, 1, 8000, 16);
    chunk(&f, "LIST", 0xfffffffe);
    assert_int_equal(parse(&info, f.data, f.len), VA_LIMIT);
}

static void writes_what_it_reads(void **state)
{
    uint8_t out[VA_WAV_HEADER];
    va_wav_info_t info;

    (void)state;
    va_wav_header(out, VA_WAV_PCM, 8000, 1, 32000);
    assert_int_equal(parse(&info, out, sizeof(out)), VA_OK);
    assert_int_equal(info.format, VA_WAV_PCM);
    assert_int_equal(info.rate, 8000);
    assert_int_equal(info.bits, 16);
    assert_int_equal(info.header_len, VA_WAV_HEADER);
    assert_int_equal(info.data_len, 32000);
    assert_memory_equal(out + 4, "\x24\x7d\x00\x00", 4);
    assert_memory_equal(out + 28, "\x80\x3e\x00\x00\x02\x00\x10\x00", 8);

    va_wav_header(out, VA_WAV_ULAW, 16000, 2, 0xffffffff);
    assert_int_equal(parse(&info, out, sizeof(out)), VA_OK);
    assert_int_equal(info.format, VA_WAV_ULAW);
    assert_int_equal(info.channels, 2);
    assert_int_equal(info.bits, 8);
    assert_true(info.data_len == UINT64_MAX);
    assert_memory_equal(out + 4, "\xff\xff\xff\xff", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_plain_header),
        cmocka_unit_test(skips_unknown_chunks),
        cmocka_unit_test(fake_lengths_mean_streamed),
        cmocka_unit_test(reads_the_extensible_form),
        cmocka_unit_test(refuses_other_formats),
        cmocka_unit_test(refuses_nonsense),
        cmocka_unit_test(a_header_has_an_end),
        cmocka_unit_test(writes_what_it_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
