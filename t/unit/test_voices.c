/*
 * Voices that are not OpenAI's: what they are asked, and what they may answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ai_reader.h"
#include "audio/va_wav.h"

static va_ai_input_t input(void)
{
    return (va_ai_input_t){.stage = VA_AI_TTS,
                           .text = VA_STR("Say \"hi\"."),
                           .language = VA_STR("en-US")};
}

static void asks(const char *kind, const va_ai_conf_t *conf,
                 const va_ai_input_t *in, const char *url, const char *header,
                 const char *body)
{
    va_ai_request_t req;

    assert_int_equal(va_ai_request(&req, va_str(kind), conf, in), VA_OK);
    assert_string_equal(req.url.data, url);
    assert_string_equal(req.headers[0].data, header);
    assert_string_equal(req.body.data, body);
    va_ai_request_free(&req);
}

static void refuses(const char *kind, const va_ai_conf_t *conf,
                    const va_ai_input_t *in)
{
    va_ai_request_t req;

    assert_int_equal(va_ai_request(&req, va_str(kind), conf, in), VA_INVALID);
    va_ai_request_free(&req);
}

static void asks_elevenlabs(void **state)
{
    const va_ai_param_t params[] = {
        {VA_STR("voice_settings"), VA_STR("{\"stability\":0.5}")},
        {VA_STR("enable_logging"), VA_STR("false")},
        {VA_STR("output_format"), VA_STR("mp3_44100")},
    };
    va_ai_conf_t conf = {.key = VA_STR(KEY), .voice = VA_STR("Rachel/../x?")};
    va_ai_input_t in = input();

    (void)state;
    asks("elevenlabs", &conf, &in,
         "https://api.elevenlabs.io/v1/text-to-speech/"
         "Rachel%2F%2E%2E%2Fx%3F/stream?output_format=ulaw_8000",
         "xi-api-key: " KEY,
         "{\"text\":\"Say \\\"hi\\\".\",\"model_id\":\"eleven_flash_v2_5\","
         "\"language_code\":\"en\"}");
    conf.url = VA_STR("http://127.0.0.1:1/v1/");
    conf.model = VA_STR("eleven_multilingual_v2");
    conf.params = params;
    conf.param_count = 3;
    in.voice = VA_STR("abc_1-2");
    asks("elevenlabs", &conf, &in,
         "http://127.0.0.1:1/v1/text-to-speech/abc_1-2/stream"
         "?output_format=ulaw_8000&enable_logging=false",
         "xi-api-key: " KEY,
         "{\"text\":\"Say \\\"hi\\\".\",\"model_id\":"
         "\"eleven_multilingual_v2\",\"voice_settings\":{\"stability\":0.5}}");
    in.voice = conf.voice = VA_STR("");
    refuses("elevenlabs", &conf, &in);
    in.voice = VA_STR("a");
    in.text = VA_STR("");
    refuses("elevenlabs", &conf, &in);
}

static void asks_deepgram(void **state)
{
    const va_ai_param_t params[] = {{VA_STR("tag"), VA_STR("a b")},
                                    {VA_STR("container"), VA_STR("wav")}};
    va_ai_conf_t conf = {.key = VA_STR(KEY)};
    va_ai_input_t in = input();

    (void)state;
    asks("deepgram", &conf, &in,
         "https://api.deepgram.com/v1/speak?model=aura-2-thalia-en"
         "&encoding=mulaw&sample_rate=8000&container=none",
         "Authorization: Token " KEY, "{\"text\":\"Say \\\"hi\\\".\"}");
    conf.params = params;
    conf.param_count = 2;
    conf.voice = VA_STR("aura-2-luna-en");
    asks("deepgram", &conf, &in,
         "https://api.deepgram.com/v1/speak?model=aura-2-luna-en"
         "&encoding=mulaw&sample_rate=8000&container=none&tag=a+b",
         "Authorization: Token " KEY, "{\"text\":\"Say \\\"hi\\\".\"}");
    in.text = VA_STR("");
    refuses("deepgram", &conf, &in);
}

static void asks_cartesia(void **state)
{
    const va_ai_param_t params[] = {
        {VA_STR("version"), VA_STR("2026-08-14")},
        {VA_STR("generation_config"), VA_STR("{\"speed\":1.1}")},
        {VA_STR("output_format"), VA_STR("\"mp3\"")},
    };
    va_ai_conf_t conf = {.key = VA_STR(KEY), .voice = VA_STR("v-1")};
    va_ai_input_t in = input();
    va_ai_request_t req;

    (void)state;
    asks("cartesia", &conf, &in, "https://api.cartesia.ai/tts/bytes",
         "X-API-Key: " KEY,
         "{\"model_id\":\"sonic-3\",\"transcript\":\"Say \\\"hi\\\".\","
         "\"voice\":{\"mode\":\"id\",\"id\":\"v-1\"},\"language\":\"en\","
         "\"output_format\":{\"container\":\"raw\",\"encoding\":\"pcm_mulaw\","
         "\"sample_rate\":8000}}");
    conf.params = params;
    conf.param_count = 3;
    assert_int_equal(va_ai_request(&req, VA_STR("cartesia"), &conf, &in),
                     VA_OK);
    assert_string_equal(req.headers[1].data, "Cartesia-Version: 2026-08-14");
    assert_non_null(
        strstr(req.body.data, ",\"generation_config\":{\"speed\":"));
    assert_null(strstr(req.body.data, "mp3"));
    assert_null(strstr(req.body.data, "version"));
    va_ai_request_free(&req);
    conf.voice = VA_STR("");
    refuses("cartesia", &conf, &in);
}

static void asks_melotts(void **state)
{
    static const char *const languages[][2] = {
        {"en-US", "EN"},           {"es", "ES"}, {"zh-CN", "ZH"},
        {"ja-JP", "JP"},           {"ko", "KR"}, {"fr_CA", "FR"},
        {"EN_NEWEST", "EN_NEWEST"}};
    const va_ai_param_t params[] = {{VA_STR("speed"), VA_STR("1.2")}};
    va_ai_conf_t conf = {.url = VA_STR("http://127.0.0.1:8888")};
    va_ai_input_t in = input();
    va_ai_request_t req;
    char want[64];
    size_t i;

    (void)state;
    conf.voice = VA_STR("en-india");
    conf.params = params;
    conf.param_count = 1;
    asks("melotts", &conf, &in, "http://127.0.0.1:8888/convert/tts",
         "Content-Type: application/json",
         "{\"text\":\"Say \\\"hi\\\".\",\"speaker_id\":\"EN_INDIA\","
         "\"language\":\"EN\",\"speed\":1.2}");
    conf.url = VA_STR("http://127.0.0.1:8888/");
    conf.param_count = 0;
    for (i = 0; i < sizeof(languages) / sizeof(languages[0]); i++) {
        conf.language = va_str(languages[i][0]);
        assert_int_equal(va_ai_request(&req, VA_STR("melotts"), &conf, &in),
                         VA_OK);
        assert_string_equal(req.url.data, "http://127.0.0.1:8888/convert/tts");
        snprintf(want, sizeof(want), "\"language\":\"%s\"", languages[i][1]);
        assert_non_null(strstr(req.body.data, want));
        va_ai_request_free(&req);
    }
    conf.url = VA_STR("http://127.0.0.1:8080/tts");
    conf.language = VA_STR("pl");
    conf.voice = VA_STR("");
    asks("melotts", &conf, &in, "http://127.0.0.1:8080/tts",
         "Content-Type: application/json", "{\"text\":\"Say \\\"hi\\\".\"}");
    conf.url = VA_STR("");
    refuses("melotts", &conf, &in);
}

static const char *const direct[] = {"elevenlabs", "deepgram", "cartesia"};

/* Mu-law is passed on untouched, whatever its pieces and its name are. */
static void mulaw_is_not_touched(void **state)
{
    static const char *const types[] = {"audio/basic", "audio/mulaw",
                                        "application/octet-stream", "",
                                        "audio/mpeg"};
    uint8_t audio[301];
    size_t i, k;

    (void)state;
    for (i = 0; i < sizeof(audio); i++) {
        audio[i] = (uint8_t)(i * 5 + 3);
    }
    for (k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
        for (i = 0; i < sizeof(direct) / sizeof(direct[0]); i++) {
            answer_t a = {VA_AI_TTS, {.model = {0}}, 200, types[k], direct[i]};
            told_t told = {0};

            ai_run_split(&told, &a, audio, sizeof(audio));
            assert_int_equal(told.rc, VA_OK);
            assert_int_equal(told.text.len, sizeof(audio));
            assert_memory_equal(told.text.data, audio, sizeof(audio));
            ai_forget(&told);
        }
    }
}

/* A second of a tone as a WAV of 44.1 kHz that calls itself MP3. */
static void melotts_is_brought_to_the_phone(void **state)
{
    const size_t n = 44100;
    answer_t a = {VA_AI_TTS, {.model = {0}}, 200, "audio/mpeg", "melotts"};
    told_t told = {0};
    uint8_t *wav = malloc(VA_WAV_HEADER + 2 * n);
    size_t loud = 0;
    size_t i;

    (void)state;
    assert_non_null(wav);
    va_wav_header(wav, VA_WAV_PCM, 44100, 1, (uint32_t)(2 * n));
    for (i = 0; i < n; i++) {
        int16_t s = (i / 50) % 2 != 0 ? 8000 : -8000; /* 441 Hz */

        wav[VA_WAV_HEADER + 2 * i] = (uint8_t)s;
        wav[VA_WAV_HEADER + 2 * i + 1] = (uint8_t)((uint16_t)s >> 8);
    }
    for (i = 1; i <= 4096; i *= 4) {
        ai_run(&told, &a, wav, VA_WAV_HEADER + 2 * n, i, 1000 + i);
        assert_int_equal(told.rc, VA_OK);
        assert_in_range(told.text.len, 7950, 8050);
        ai_forget(&told);
    }
    ai_run(&told, &a, wav, VA_WAV_HEADER + 2 * n, 0, 1 << 20);
    for (i = 0; i < told.text.len; i++) {
        loud += ((uint8_t)told.text.data[i] & 0x70) < 0x40;
    }
    assert_true(loud > told.text.len / 2);
    ai_forget(&told);
    free(wav);
}

static void what_is_no_voice_is_named(void **state)
{
    static const struct {
        int status;
        const char *type;
        const char *body;
        va_rc_t rc;
        va_ai_error_class_t why;
        const char *error;
    } cases[] = {
        {200, "text/html", "<!DOCTYPE html><h1>Hello</h1>", VA_FAILED,
         VA_AI_MALFORMED, "text instead of audio"},
        {200, "application/json",
         "{\"detail\":{\"status\":\"quota_exceeded\","
         "\"message\":\"No credits.\"}}",
         VA_FAILED, VA_AI_QUOTA, "No credits. (quota_exceeded)"},
        {200, "audio/mpeg", "ID3\x04 some of an mp3", VA_INVALID,
         VA_AI_MALFORMED, "the audio is compressed"},
        {200, "audio/basic", "OggS and so on", VA_INVALID, VA_AI_MALFORMED,
         "the audio is compressed"},
        {200, "audio/wav", "RIFF1234WAVE", VA_INVALID, VA_AI_MALFORMED, ""},
        {200, "audio/basic", "", VA_FAILED, VA_AI_EMPTY,
         "the answer has no audio"},
        {401, "application/json",
         "{\"detail\":{\"status\":\"invalid_api_key\",\"message\":\"Bad " KEY
         "\"}}",
         VA_FAILED, VA_AI_REFUSED, "HTTP 401: Bad *** (invalid_api_key)"},
        {401, "application/json",
         "{\"detail\":{\"status\":\"quota_exceeded\",\"message\":\"No.\"}}",
         VA_FAILED, VA_AI_QUOTA, "HTTP 401: No. (quota_exceeded)"},
        {429, "application/json",
         "{\"detail\":{\"status\":\"too_many_concurrent_requests\"}}",
         VA_FAILED, VA_AI_LIMITED, "HTTP 429"},
        {402, "application/json",
         "{\"error_code\":\"plan\",\"title\":\"T\",\"message\":\"Pay.\"}",
         VA_FAILED, VA_AI_QUOTA, "HTTP 402: Pay. (plan)"},
        {422, "application/json",
         "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"Field required\"}]}",
         VA_FAILED, VA_AI_MISUSED, "HTTP 422: Field required"},
        {400, "application/json", "{\"err_code\":\"X\",\"err_msg\":\"No.\"}",
         VA_FAILED, VA_AI_MISUSED, "HTTP 400: No. (X)"},
        {500, "text/html", "<h1>Internal Server Error</h1>", VA_FAILED,
         VA_AI_SERVER, "HTTP 500"},
    };
    static const char *const kinds[] = {"elevenlabs", "deepgram", "cartesia",
                                        "melotts"};
    size_t i, k;

    (void)state;
    for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            answer_t a = {VA_AI_TTS,
                          {.model = {0}},
                          cases[i].status,
                          cases[i].type,
                          kinds[k]};
            told_t told = {0};

            ai_run_split(&told, &a, cases[i].body, strlen(cases[i].body));
            assert_int_equal(told.rc, cases[i].rc);
            assert_int_equal(told.why, cases[i].why);
            assert_non_null(strstr(told.error, cases[i].error));
            assert_int_equal(told.text.len, 0);
            ai_forget(&told);
        }
    }
}

static void every_bound_holds(void **state)
{
    answer_t a = {VA_AI_TTS, {.model = {0}}, 200, "audio/basic", "elevenlabs"};

    (void)state;
    ai_refuses_100_mb(&a, "\xff");
    a.kind = "melotts";
    ai_refuses_100_mb(&a, "\x01\x02");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_elevenlabs),
        cmocka_unit_test(asks_deepgram),
        cmocka_unit_test(asks_cartesia),
        cmocka_unit_test(asks_melotts),
        cmocka_unit_test(mulaw_is_not_touched),
        cmocka_unit_test(melotts_is_brought_to_the_phone),
        cmocka_unit_test(what_is_no_voice_is_named),
        cmocka_unit_test(every_bound_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
