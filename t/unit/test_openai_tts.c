#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ai_reader.h"
#include "audio/va_wav.h"

static answer_t answer(const char *type)
{
    return (answer_t){VA_AI_TTS, {.model = {0}}, 200, type, NULL};
}

static void builds_a_request(void **state)
{
    va_ai_conf_t conf = {.url = VA_STR("http://127.0.0.1:8880/v1"),
                         .key = VA_STR(KEY),
                         .model = VA_STR("tts-1"),
                         .voice = VA_STR("alloy")};
    va_ai_input_t in = {.stage = VA_AI_TTS, .text = VA_STR("Hello \"you\".")};
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &conf, &in), VA_OK);
    assert_string_equal(req.url.data, "http://127.0.0.1:8880/v1/audio/speech");
    assert_string_equal(req.body.data,
                        "{\"model\":\"tts-1\",\"voice\":\"alloy\","
                        "\"input\":\"Hello \\\"you\\\".\","
                        "\"response_format\":\"pcm\"}");
    assert_int_equal(req.header_count, 2);
    va_ai_request_free(&req);

    conf = (va_ai_conf_t){.url = VA_STR("http://127.0.0.1:8880/v1"),
                          .voice = VA_STR("alloy"),
                          .format = VA_STR("wav")};
    in.voice = VA_STR("nova");
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &conf, &in), VA_OK);
    assert_string_equal(req.body.data, "{\"voice\":\"nova\","
                                       "\"input\":\"Hello \\\"you\\\".\","
                                       "\"response_format\":\"wav\"}");
    assert_int_equal(req.header_count, 1);
    va_ai_request_free(&req);

    in.text = VA_STR("");
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &conf, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
}

/* Asserts that the audio, split anywhere, becomes n samples of silence. */
static void silence(const answer_t *a, const void *body, size_t len, size_t n)
{
    told_t told = {0};
    size_t i;

    ai_run_split(&told, a, body, len);
    assert_string_equal(told.error, "");
    assert_int_equal(told.rc, VA_OK);
    assert_int_equal(told.text.len, n);
    for (i = 0; i < n; i++) {
        assert_int_equal((uint8_t)told.text.data[i], 0xff);
    }
    ai_forget(&told);
}

static void raw_pcm(void **state)
{
    static const uint8_t zeros[481];
    answer_t a = answer("audio/pcm");

    (void)state;
    silence(&a, zeros, 480, 80); /* 24 kHz unless told otherwise */
    silence(&a, zeros, 481, 80); /* half a sample more */
    a.conf.rate = 16000;
    silence(&a, zeros, 480, 120);
    a.type = "audio/pcm;rate=8000";
    silence(&a, zeros, 480, 240);
    a.type = "audio/pcm; Rate=\"48000\"; channels=1";
    silence(&a, zeros, 480, 40);
    a.type = "audio/pcm; bitrate=8000";
    silence(&a, zeros, 480, 120);
    a.type = NULL;
    silence(&a, zeros, 480, 120);
    a.type = "audio/mpeg"; /* a common lie */
    silence(&a, zeros, 480, 120);
}

static void wav_whatever_was_asked(void **state)
{
    uint8_t wav[VA_WAV_HEADER + 320] = {0};
    answer_t a = answer("audio/pcm;rate=44100");

    (void)state;
    va_wav_header(wav, VA_WAV_PCM, 16000, 1, 0xffffffff);
    silence(&a, wav, sizeof(wav), 80);
    a.type = "audio/mpeg";
    silence(&a, wav, sizeof(wav), 80);
    a.conf.format = VA_STR("ulaw");
    silence(&a, wav, sizeof(wav), 80);
}

static void ulaw(void **state)
{
    uint8_t bytes[100];
    answer_t a = answer("application/octet-stream");

    (void)state;
    memset(bytes, 0xff, sizeof(bytes));
    a.conf.format = VA_STR("ulaw");
    silence(&a, bytes, sizeof(bytes), 100);
    a.conf.format = VA_STR("pcm");
    a.type = "audio/PCMU;rate=8000";
    silence(&a, bytes, sizeof(bytes), 100);
}

static void what_is_no_audio_is_an_error(void **state)
{
    answer_t a = answer("application/json; charset=utf-8");

    (void)state;
    ai_fails(&a, "{\"error\":{\"message\":\"unknown voice\"}}", VA_FAILED,
             "text instead of audio: unknown voice");
    ai_fails(&a, "{\"ok\":true}", VA_FAILED, "text instead of audio");
    ai_fails(&a, "", VA_FAILED, "text instead of audio");
    a.type = "text/html";
    ai_fails(&a, "<html>log in</html>", VA_FAILED, "text instead of audio");
    a.type = "text/event-stream";
    ai_fails(&a, "data: {}\n\n", VA_FAILED, "text instead of audio");
    a.type = "";
    ai_fails(&a, "{\"error\":{\"message\":\"unknown voice\"}}", VA_INVALID,
             "text instead of audio");
    ai_fails(&a, "<!DOCTYPE html>", VA_INVALID, "text instead of audio");
    ai_fails(&a, "OggS....", VA_INVALID, "compressed");
    a.type = "audio/mpeg";
    ai_fails(&a, "ID3\x04....", VA_INVALID, "compressed");
    ai_fails(&a, "\xff\xfb\x90\x64....", VA_INVALID, "compressed");
    a.type = "audio/aac";
    ai_fails(&a, "\xff\xf1\x50\x80....", VA_INVALID, "compressed");
    a.conf.format = VA_STR("ulaw"); /* not even the first byte is spoken */
    ai_fails(&a, "\xff\xf1\x50\x80....", VA_INVALID, "compressed");
}

/* What begins as a frame of MP3 may, but need not, is spoken as a whole. */
static void half_a_mark_is_spoken(void **state)
{
    static const uint8_t bytes[] = {0xff, 0x7f, 0xff, 0xff};
    answer_t a = answer("audio/mpeg");
    size_t n;

    (void)state;
    a.conf.format = VA_STR("ulaw");
    for (n = 1; n <= sizeof(bytes); n++) {
        told_t told = {0};

        ai_run_split(&told, &a, bytes, n);
        assert_string_equal(told.error, "");
        assert_int_equal(told.text.len, n);
        assert_memory_equal(told.text.data, bytes, n);
        ai_forget(&told);
    }
}

static void empty_audio_is_an_error(void **state)
{
    uint8_t wav[VA_WAV_HEADER];
    answer_t a = answer("audio/pcm");
    told_t told = {0};

    (void)state;
    ai_fails(&a, "", VA_FAILED, "no audio");
    ai_fails(&a, "x", VA_FAILED, "no audio");
    va_wav_header(wav, VA_WAV_PCM, 24000, 1, 0);
    ai_run_split(&told, &a, wav, sizeof(wav));
    assert_int_equal(told.rc, VA_FAILED);
    assert_string_equal(told.error, "the answer has no audio");
    ai_forget(&told);
    ai_run(&told, &a, wav, 30, 0, 30);
    assert_int_equal(told.rc, VA_INVALID);
    assert_string_equal(told.error, "the WAV ends inside its header");
    ai_forget(&told);
}

static void impossible_rates_are_refused(void **state)
{
    answer_t a = answer("audio/pcm;rate=1");

    (void)state;
    ai_fails(&a, "audio", VA_INVALID, "sample rate");
    a.type = "audio/pcm;rate=900000";
    ai_fails(&a, "audio", VA_INVALID, "sample rate");
}

static void absurd_rates_are_not_believed(void **state)
{
    static const uint8_t zeros[480];
    answer_t a = answer("audio/pcm;rate=99999999999999999999");

    (void)state;
    silence(&a, zeros, 480, 80);
    a.type = "audio/pcm;rate=";
    silence(&a, zeros, 480, 80);
}

static void tells_why_it_failed(void **state)
{
    answer_t a = answer("application/json");

    (void)state;
    a.status = 401;
    ai_fails(&a, "{\"error\":{\"message\":\"no " KEY "\"}}", VA_FAILED,
             "HTTP 401: no ***");
    a.status = 429;
    ai_fails(&a, "{\"detail\":\"busy\"}", VA_FAILED, "HTTP 429: busy");
    a.status = 500;
    a.type = "text/html";
    ai_fails(&a, "<html>500</html>", VA_FAILED, "HTTP 500");
}

static void every_bound_holds(void **state)
{
    answer_t a = answer("audio/pcm");

    (void)state;
    ai_refuses_100_mb(&a, "");
    a.type = "application/json";
    ai_refuses_100_mb(&a, "");
}

static void stops_when_told(void **state)
{
    static const uint8_t zeros[60000];
    answer_t a = answer("audio/pcm");
    told_t told = {.stop_after = 2};

    (void)state;
    ai_run(&told, &a, zeros, sizeof(zeros), 0, 1000);
    assert_int_equal(told.rc, VA_FAILED);
    assert_int_equal(told.events, 2);
    assert_string_equal(told.error, "stopped");
    ai_forget(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_a_request),
        cmocka_unit_test(raw_pcm),
        cmocka_unit_test(wav_whatever_was_asked),
        cmocka_unit_test(ulaw),
        cmocka_unit_test(what_is_no_audio_is_an_error),
        cmocka_unit_test(half_a_mark_is_spoken),
        cmocka_unit_test(empty_audio_is_an_error),
        cmocka_unit_test(impossible_rates_are_refused),
        cmocka_unit_test(absurd_rates_are_not_believed),
        cmocka_unit_test(tells_why_it_failed),
        cmocka_unit_test(every_bound_holds),
        cmocka_unit_test(stops_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
