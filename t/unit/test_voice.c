#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/va_g711.h"
#include "audio/va_voice.h"
#include "audio/va_wav.h"
#include "base/va_buf.h"

#define PI 3.14159265358979323846

typedef struct {
    va_buf_t audio;
    size_t stop_after; /* 0: never */
} sink_t;

static va_rc_t collect(void *ctx, const uint8_t *ulaw, size_t n)
{
    sink_t *sink = ctx;

    assert_true(n > 0);
    assert_int_equal(va_buf_append(&sink->audio, ulaw, n), VA_OK);
    if (sink->stop_after != 0 && sink->audio.len >= sink->stop_after) {
        return VA_FAILED;
    }
    return VA_OK;
}

/* Feeds in pieces, each a heap copy of exactly its size. */
static va_rc_t run(sink_t *sink, va_voice_format_t format, unsigned rate,
                   const uint8_t *data, size_t len, size_t piece)
{
    va_voice_t *v = va_voice_new(format, rate, collect, sink);
    va_rc_t rc = VA_OK;
    size_t pos, n;

    assert_non_null(v);
    va_buf_init(&sink->audio, 1 << 24);
    for (pos = 0; pos < len && rc == VA_OK; pos += n) {
        uint8_t *copy;

        n = len - pos < piece ? len - pos : piece;
        copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, data + pos, n);
        rc = va_voice_feed(v, copy, n);
        free(copy);
    }
    if (rc == VA_OK) {
        rc = va_voice_finish(v);
        assert_int_equal(va_voice_finish(v), rc);
    }
    assert_true((rc == VA_INVALID || rc == VA_LIMIT) ==
                (va_voice_error(v)[0] != '\0'));
    assert_int_equal(va_voice_feed(v, (const uint8_t *)"ab", 2) != VA_OK, 1);
    va_voice_free(v);
    return rc;
}

/* Asserts that every size of piece gives what one piece gives. */
static void same_in_pieces(const sink_t *want, va_voice_format_t format,
                           unsigned rate, const uint8_t *data, size_t len)
{
    static const size_t pieces[] = {1, 2, 3, 5, 7, 43, 44, 45, 1023};
    size_t i;

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        sink_t sink = {0};

        assert_int_equal(run(&sink, format, rate, data, len, pieces[i]), VA_OK);
        assert_int_equal(sink.audio.len, want->audio.len);
        assert_memory_equal(sink.audio.data, want->audio.data, sink.audio.len);
        va_buf_free(&sink.audio);
    }
}

/* The same, for two pieces split at each byte. */
static void same_split_anywhere(const sink_t *want, va_voice_format_t format,
                                unsigned rate, const uint8_t *data, size_t len)
{
    size_t at;

    for (at = 0; at <= len; at++) {
        sink_t sink = {0};
        va_voice_t *v = va_voice_new(format, rate, collect, &sink);

        assert_non_null(v);
        va_buf_init(&sink.audio, 1 << 20);
        assert_int_equal(va_voice_feed(v, data, at), VA_OK);
        assert_int_equal(va_voice_feed(v, data + at, len - at), VA_OK);
        assert_int_equal(va_voice_finish(v), VA_OK);
        assert_int_equal(sink.audio.len, want->audio.len);
        assert_memory_equal(sink.audio.data, want->audio.data, sink.audio.len);
        va_voice_free(v);
        va_buf_free(&sink.audio);
    }
}

static void tone(va_buf_t *b, unsigned rate, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        int16_t x = (int16_t)lrint(12000 * sin(2 * PI * 500 * i / rate));
        uint8_t le[2] = {(uint8_t)x, (uint8_t)((uint16_t)x >> 8)};

        assert_int_equal(va_buf_append(b, le, 2), VA_OK);
    }
}

/* Asserts a 500 Hz tone of that amplitude, in place, n samples long. */
static void is_tone(const sink_t *sink, size_t n, double amplitude)
{
    double rest = 0;
    size_t i;

    assert_int_equal(sink->audio.len, n);
    for (i = 100; i + 100 < n; i++) {
        int16_t x;
        double want = amplitude * sin(2 * PI * 500 * i / 8000.0);

        va_ulaw_decode(&x, (const uint8_t *)sink->audio.data + i, 1);
        rest += (x - want) * (x - want);
    }
    rest /= (double)(n - 200) * amplitude * amplitude / 2;
    assert_true(10 * log10(rest + 1e-12) < -33);
}

static void raw_pcm_of_any_rate(void **state)
{
    static const unsigned rates[] = {8000, 16000, 22050, 24000, 44100};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        sink_t sink = {0};
        va_buf_t pcm;

        va_buf_init(&pcm, 1 << 20);
        tone(&pcm, rates[i], rates[i] / 5);
        assert_int_equal(run(&sink, VA_VOICE_PCM, rates[i], (uint8_t *)pcm.data,
                             pcm.len, pcm.len),
                         VA_OK);
        is_tone(&sink, 1600, 12000);
        same_in_pieces(&sink, VA_VOICE_PCM, rates[i], (uint8_t *)pcm.data,
                       pcm.len);
        same_in_pieces(&sink, VA_VOICE_AUTO, rates[i], (uint8_t *)pcm.data,
                       pcm.len);
        va_buf_free(&sink.audio);
        va_buf_free(&pcm);
    }
}

static void odd_byte_at_the_end_is_dropped(void **state)
{
    static const uint8_t pcm[] = {0, 0, 0, 0, 1};
    sink_t sink = {0};

    (void)state;
    assert_int_equal(run(&sink, VA_VOICE_PCM, 8000, pcm, 5, 5), VA_OK);
    assert_int_equal(sink.audio.len, 2);
    same_split_anywhere(&sink, VA_VOICE_PCM, 8000, pcm, 5);
    va_buf_free(&sink.audio);
}

static void ulaw_passes_untouched(void **state)
{
    uint8_t all[256];
    sink_t sink = {0};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(all); i++) {
        all[i] = (uint8_t)i;
    }
    assert_int_equal(run(&sink, VA_VOICE_ULAW, 0, all, 256, 256), VA_OK);
    assert_int_equal(sink.audio.len, 256);
    assert_memory_equal(sink.audio.data, all, 256);
    same_split_anywhere(&sink, VA_VOICE_ULAW, 0, all, 256);
    va_buf_free(&sink.audio);
}

static void nothing_gives_nothing(void **state)
{
    static const va_voice_format_t formats[] = {VA_VOICE_AUTO, VA_VOICE_PCM,
                                                VA_VOICE_ULAW};
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        sink_t sink = {0};
        const uint8_t none = 0;

        assert_int_equal(run(&sink, formats[i], 24000, &none, 0, 1), VA_OK);
        assert_int_equal(sink.audio.len, 0);
    }
}

static void le(va_buf_t *b, unsigned long v, size_t bytes)
{
    for (; bytes != 0; bytes--, v >>= 8) {
        uint8_t byte = (uint8_t)v;

        assert_int_equal(va_buf_append(b, &byte, 1), VA_OK);
    }
}

/* A header with a LIST chunk between format and samples. */
static void header(va_buf_t *b, unsigned format, unsigned channels,
                   unsigned long rate, unsigned bits, unsigned long data_len)
{
    va_buf_init(b, 1 << 20);
    va_buf_puts(b, "RIFF");
    le(b, 0xffffffff, 4);
    va_buf_puts(b, "WAVEfmt ");
    le(b, 16, 4);
    le(b, format, 2);
    le(b, channels, 2);
    le(b, rate, 4);
    le(b, rate * channels * bits / 8, 4);
    le(b, channels * bits / 8, 2);
    le(b, bits, 2);
    va_buf_puts(b, "LIST");
    le(b, 6, 4);
    va_buf_puts(b, "INFO..data");
    le(b, data_len, 4);
}

static void streamed_wav(void **state)
{
    static const unsigned long lengths[] = {0, 0xffffffff, 9600};
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        sink_t sink = {0};
        va_buf_t wav;

        header(&wav, VA_WAV_PCM, 1, 24000, 16, lengths[i]);
        tone(&wav, 24000, 4800);
        assert_int_equal(run(&sink, VA_VOICE_AUTO, 8000, (uint8_t *)wav.data,
                             wav.len, wav.len),
                         VA_OK);
        is_tone(&sink, 1600, 12000);
        same_in_pieces(&sink, VA_VOICE_AUTO, 44100, (uint8_t *)wav.data,
                       wav.len);
        same_in_pieces(&sink, VA_VOICE_ULAW, 0, (uint8_t *)wav.data, wav.len);
        va_buf_free(&sink.audio);
        va_buf_free(&wav);
    }
}

static void chunks_after_the_samples_are_not_spoken(void **state)
{
    sink_t sink = {0};
    va_buf_t wav;

    (void)state;
    header(&wav, VA_WAV_ULAW, 1, 8000, 8, 5);
    va_buf_puts(&wav, "hello");
    va_buf_puts(&wav, "LIST....loud noise");
    assert_int_equal(
        run(&sink, VA_VOICE_AUTO, 0, (uint8_t *)wav.data, wav.len, wav.len),
        VA_OK);
    assert_int_equal(sink.audio.len, 5);
    assert_memory_equal(sink.audio.data, "hello", 5);
    same_split_anywhere(&sink, VA_VOICE_AUTO, 0, (uint8_t *)wav.data, wav.len);
    va_buf_free(&sink.audio);
    va_buf_free(&wav);
}

static void ulaw_wav_of_another_rate(void **state)
{
    sink_t sink = {0};
    va_buf_t wav, pcm;
    size_t i;

    (void)state;
    header(&wav, VA_WAV_ULAW, 1, 16000, 8, 3200);
    va_buf_init(&pcm, 1 << 20);
    tone(&pcm, 16000, 3200);
    for (i = 0; i < 3200; i++) {
        uint8_t *p = (uint8_t *)pcm.data + 2 * i;
        int16_t x = (int16_t)(uint16_t)(p[0] | p[1] << 8);
        uint8_t u;

        va_ulaw_encode(&u, &x, 1);
        va_buf_append(&wav, &u, 1);
    }
    assert_int_equal(
        run(&sink, VA_VOICE_AUTO, 0, (uint8_t *)wav.data, wav.len, wav.len),
        VA_OK);
    is_tone(&sink, 1600, 12000);
    va_buf_free(&sink.audio);
    va_buf_free(&pcm);
    va_buf_free(&wav);
}

static void stereo_is_mixed_down(void **state)
{
    sink_t sink = {0};
    va_buf_t wav;
    size_t i;

    (void)state;
    header(&wav, VA_WAV_PCM, 2, 8000, 16, 0);
    for (i = 0; i < 1600; i++) {
        double x = 10000 * sin(2 * PI * 500 * i / 8000.0);

        le(&wav, (uint16_t)(int16_t)lrint(x), 2);
        le(&wav, (uint16_t)(int16_t)lrint(x * 2), 2);
    }
    assert_int_equal(
        run(&sink, VA_VOICE_AUTO, 0, (uint8_t *)wav.data, wav.len, wav.len),
        VA_OK);
    is_tone(&sink, 1600, 15000);
    same_in_pieces(&sink, VA_VOICE_AUTO, 0, (uint8_t *)wav.data, wav.len);
    va_buf_free(&sink.audio);
    va_buf_free(&wav);
}

static void opposite_extremes_mix_to_silence(void **state)
{
    sink_t sink = {0};
    va_buf_t wav;
    size_t i;

    (void)state;
    header(&wav, VA_WAV_PCM, 8, 8000, 16, 0);
    for (i = 0; i < 8; i++) {
        le(&wav, 0x8000, 2);
    }
    for (i = 0; i < 8; i++) {
        le(&wav, i % 2 == 0 ? 0x8000 : 0x7fff, 2);
    }
    assert_int_equal(
        run(&sink, VA_VOICE_AUTO, 0, (uint8_t *)wav.data, wav.len, wav.len),
        VA_OK);
    assert_int_equal(sink.audio.len, 2);
    assert_memory_equal(sink.audio.data, "\x00\xff", 2);
    same_split_anywhere(&sink, VA_VOICE_AUTO, 0, (uint8_t *)wav.data, wav.len);
    va_buf_free(&sink.audio);
    va_buf_free(&wav);
}

static void eight_bit_pcm_is_unsigned(void **state)
{
    sink_t sink = {0};
    va_buf_t wav;

    (void)state;
    header(&wav, VA_WAV_PCM, 1, 8000, 8, 3);
    va_buf_append(&wav, "\x80\x00\xff", 3);
    assert_int_equal(
        run(&sink, VA_VOICE_AUTO, 0, (uint8_t *)wav.data, wav.len, wav.len),
        VA_OK);
    assert_int_equal(sink.audio.len, 3);
    assert_memory_equal(sink.audio.data, "\xff\x00\x80", 3);
    va_buf_free(&sink.audio);
    va_buf_free(&wav);
}

static void refuses(va_voice_format_t format, unsigned rate, const void *data,
                    size_t len, va_rc_t rc)
{
    size_t pieces[] = {1, 3, len};
    size_t i;

    for (i = 0; i < 3; i++) {
        sink_t sink = {0};

        assert_int_equal(run(&sink, format, rate, data, len, pieces[i]), rc);
        assert_int_equal(sink.audio.len, 0);
    }
}

static void refuses_garbage(void **state)
{
    va_buf_t wav;

    (void)state;
    refuses(VA_VOICE_AUTO, 24000, "RIFF\0\0\0\0AVI LIST", 16, VA_INVALID);
    refuses(VA_VOICE_AUTO, 24000, "RIFF\0\0\0\0WAVEfm", 14, VA_INVALID);
    refuses(VA_VOICE_AUTO, 24000, "RIFF", 4, VA_INVALID);
    refuses(VA_VOICE_AUTO, 24000, "RIFF\0\0\0\0WAVELIST\xff\xff\xff\xff", 20,
            VA_LIMIT);
    refuses(VA_VOICE_AUTO, 24000, "ID3\x03 and so on", 12, VA_INVALID);
    refuses(VA_VOICE_AUTO, 24000, "OggS and so on", 12, VA_INVALID);
    refuses(VA_VOICE_ULAW, 24000, "fLaC and so on", 12, VA_INVALID);
    refuses(VA_VOICE_AUTO, 24000, "{\"error\":\"no\"}", 14, VA_INVALID);
    refuses(VA_VOICE_AUTO, 24000, "<!DOCTYPE html>", 15, VA_INVALID);
    refuses(VA_VOICE_PCM, 100, "abcd", 4, VA_INVALID);
    header(&wav, VA_WAV_PCM, 1, 1000, 16, 0);
    va_buf_puts(&wav, "samples!");
    refuses(VA_VOICE_AUTO, 24000, wav.data, wav.len, VA_INVALID);
    va_buf_free(&wav);
}

static void what_begins_like_a_container_may_be_pcm(void **state)
{
    sink_t sink = {0};

    (void)state;
    assert_int_equal(
        run(&sink, VA_VOICE_AUTO, 8000, (const uint8_t *)"RIF", 3, 3), VA_OK);
    assert_int_equal(sink.audio.len, 1);
    same_split_anywhere(&sink, VA_VOICE_AUTO, 8000, (const uint8_t *)"RIF", 3);
    va_buf_free(&sink.audio);
    assert_int_equal(
        run(&sink, VA_VOICE_PCM, 8000, (const uint8_t *)"OggS", 4, 4), VA_OK);
    assert_int_equal(sink.audio.len, 2);
    va_buf_free(&sink.audio);
}

static void stops_when_told(void **state)
{
    static const uint8_t zeros[8192];
    sink_t sink = {.stop_after = 100};

    (void)state;
    assert_int_equal(run(&sink, VA_VOICE_PCM, 8000, zeros, sizeof(zeros), 1024),
                     VA_FAILED);
    assert_in_range(sink.audio.len, 100, 512);
    va_buf_free(&sink.audio);
    va_voice_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_pcm_of_any_rate),
        cmocka_unit_test(odd_byte_at_the_end_is_dropped),
        cmocka_unit_test(ulaw_passes_untouched),
        cmocka_unit_test(nothing_gives_nothing),
        cmocka_unit_test(streamed_wav),
        cmocka_unit_test(chunks_after_the_samples_are_not_spoken),
        cmocka_unit_test(ulaw_wav_of_another_rate),
        cmocka_unit_test(stereo_is_mixed_down),
        cmocka_unit_test(opposite_extremes_mix_to_silence),
        cmocka_unit_test(eight_bit_pcm_is_unsigned),
        cmocka_unit_test(refuses_garbage),
        cmocka_unit_test(what_begins_like_a_container_may_be_pcm),
        cmocka_unit_test(stops_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
