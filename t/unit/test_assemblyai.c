#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ai_listen.h"

#define TURN(order, end, formatted, text, words)                               \
    "{\"type\":\"Turn\",\"turn_order\":" #order                                \
    ",\"turn_is_formatted\":" #formatted ",\"end_of_turn\":" #end              \
    ",\"end_of_turn_confidence\":0.9,\"transcript\":\"" text                   \
    "\",\"utterance\":\"\",\"words\":[" words "]}"
#define WORD(confidence)                                                       \
    "{\"text\":\"w\",\"start\":0,\"end\":1,\"confidence\":" #confidence        \
    ",\"word_is_final\":true}"

static void builds_a_handshake(void **state)
{
    const va_ai_param_t params[] = {
        {VA_STR("format_turns"), VA_STR("true")},
        {VA_STR("sample_rate"), VA_STR("16000")},
        {VA_STR("keyterms_prompt"), VA_STR("[\"a b\"]")},
    };
    va_ai_conf_t conf = {.key = VA_STR(KEY)};
    va_ai_input_t in = {.stage = VA_AI_STT};
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("assemblyai"), &conf, &in),
                     VA_OK);
    assert_string_equal(req.url.data, "wss://streaming.assemblyai.com/v3/ws"
                                      "?sample_rate=8000&encoding=pcm_mulaw");
    assert_int_equal(req.header_count, 1);
    assert_string_equal(req.headers[0].data, "Authorization: " KEY);
    va_ai_request_free(&req);

    conf.url = VA_STR("wss://streaming.eu.assemblyai.com/v3");
    conf.model = VA_STR("universal-streaming-english");
    conf.params = params;
    conf.param_count = 3;
    assert_int_equal(va_ai_request(&req, VA_STR("assemblyai"), &conf, &in),
                     VA_OK);
    assert_string_equal(req.url.data,
                        "wss://streaming.eu.assemblyai.com/v3/ws"
                        "?sample_rate=8000&encoding=pcm_mulaw"
                        "&speech_model=universal-streaming-english"
                        "&format_turns=true&keyterms_prompt=%5B%22a+b%22%5D");
    va_ai_request_free(&req);
}

static void short_audio_is_filled_up(void **state)
{
    va_str_t kind = VA_STR("assemblyai");
    va_ai_conf_t conf = {.key = VA_STR(KEY)};
    uint8_t audio[401];
    bool text = true;
    va_buf_t out;
    size_t n;

    (void)state;
    memset(audio, 7, sizeof(audio));
    va_buf_init(&out, 1000);
    assert_int_equal(va_ai_pace(kind, VA_AI_STT).audio_min_ms, 50);
    for (n = 1; n <= sizeof(audio); n++) {
        va_buf_reset(&out);
        assert_int_equal(va_ai_stream_audio(kind, &conf, audio, n, &out, &text),
                         VA_OK);
        assert_false(text);
        assert_int_equal(out.len, n < 400 ? 400 : n);
        assert_memory_equal(out.data, audio, n);
        if (n < 400) {
            assert_int_equal((uint8_t)out.data[n], 0xff);
            assert_int_equal((uint8_t)out.data[399], 0xff);
        }
    }
    va_buf_free(&out);
    /* no room: nothing over the bound */
    va_buf_init(&out, 100);
    assert_int_equal(va_ai_stream_audio(kind, &conf, audio, 50, &out, &text),
                     VA_LIMIT);
    va_buf_free(&out);
    va_buf_init(&out, 100);
    assert_int_equal(va_ai_stream_finalize(kind, &conf, &out, &text), VA_OK);
    assert_true(text);
    assert_string_equal(out.data, "{\"type\":\"ForceEndpoint\"}");
    va_buf_reset(&out);
    assert_int_equal(va_ai_stream_close(kind, &conf, &out, &text), VA_OK);
    assert_string_equal(out.data, "{\"type\":\"Terminate\"}");
    va_buf_free(&out);
}

static void hears_turns(void **state)
{
    const char *const plain[] = {
        "{\"type\":\"Begin\",\"id\":\"s\",\"expires_at\":1}",
        TURN(0, false, false, "what", WORD(0.5)),
        TURN(0, false, false, "what time", WORD(0.5)),
        TURN(0, true, false, "what time is it", WORD(0.5) "," WORD(1)),
        /* the same again, formatted */
        TURN(0, true, true, "What time is it?", WORD(0.5)),
        TURN(1, false, false, "and", ""), TURN(1, true, false, "", ""),
        TURN(2, true, false, "bye", ""), "{\"type\":\"Heartbeat\"}",
        "{\"type\":\"Termination\",\"audio_duration_seconds\":3}", NULL};
    const char *const odd[] = {
        "{\"type\":\"Turn\"}",
        "{\"type\":\"Turn\",\"turn_order\":-5,\"end_of_turn\":true}",
        "{\"type\":\"Turn\",\"turn_order\":1e300,\"transcript\":5}",
        "{\"type\":\"Turn\",\"end_of_turn\":true,\"transcript\":\"a\","
        "\"words\":[null,5,{\"confidence\":7}]}",
        "{\"type\":\"Turn\",\"end_of_turn\":true,\"transcript\":\"b\"}",
        NULL};

    (void)state;
    hears("assemblyai", plain,
          "partial what|partial what time|text what time is it 0.75|end|"
          "flushed|partial and|partial |flushed|text bye -1.00|end|flushed|");
    hears("assemblyai", odd,
          "flushed|text a -1.00|end|flushed|text b -1.00|end|flushed|");
}

static void tells_why_it_failed(void **state)
{
    (void)state;
    hears_wrong("assemblyai", true,
                "{\"type\":\"Error\",\"error_code\":3005,\"error\":\"Server "
                "error\"}",
                VA_FAILED, VA_AI_SERVER, "Server error");
    hears_wrong("assemblyai", true, "{\"error\":\"gone\"}", VA_FAILED,
                VA_AI_SERVER, "gone");
    hears_closed("assemblyai", 1008, "Unauthorized", VA_AI_REFUSED,
                 "closed with 1008: Unauthorized");
    hears_closed("assemblyai", 3007, "Input duration violation", VA_AI_MISUSED,
                 "3007");
    hears_closed("assemblyai", 3009, "Too many", VA_AI_LIMITED, "3009");
    hears_closed("assemblyai", 3008, "expired", VA_AI_CUT, "3008");
    hears_closed("assemblyai", 4002, "", VA_AI_QUOTA, "closed with 4002");
    hears_refused("assemblyai", 403, "{\"error\":\"no " KEY "\"}",
                  VA_AI_REFUSED, "HTTP 403: no ***");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_a_handshake),
        cmocka_unit_test(short_audio_is_filled_up),
        cmocka_unit_test(hears_turns),
        cmocka_unit_test(tells_why_it_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
