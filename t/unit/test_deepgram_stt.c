#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ai_listen.h"

#define RESULTS(text, flags)                                                   \
    "{\"type\":\"Results\",\"channel_index\":[0,1],\"duration\":1.0,"          \
    "\"start\":0.0," flags ",\"channel\":{\"alternatives\":[{"                 \
    "\"transcript\":\"" text "\",\"confidence\":0.98,\"words\":[]}]}}"
#define INTERIM "\"is_final\":false,\"speech_final\":false"
#define FINAL "\"is_final\":true,\"speech_final\":false"
#define LAST "\"is_final\":true,\"speech_final\":true"
#define FLUSH "\"is_final\":true,\"speech_final\":false,\"from_finalize\":true"
#define UTTERANCE_END                                                          \
    "{\"type\":\"UtteranceEnd\",\"channel\":[0,1],\"last_word_end\":2.39}"

static void builds_a_handshake(void **state)
{
    const va_ai_param_t params[] = {
        {VA_STR("keyterm"), VA_STR("Jos\xc3\xa9 & Co")},
        {VA_STR("keyterm"), VA_STR("two")},
        {VA_STR("endpointing"), VA_STR("500")},
        {VA_STR("encoding"), VA_STR("opus")},
    };
    va_ai_conf_t conf = {.key = VA_STR(KEY)};
    va_ai_input_t in = {.stage = VA_AI_STT, .language = VA_STR("en-US")};
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("deepgram"), &conf, &in),
                     VA_OK);
    assert_string_equal(req.url.data,
                        "wss://api.deepgram.com/v1/listen?model=nova-3"
                        "&language=en-US&encoding=mulaw&sample_rate=8000"
                        "&channels=1&interim_results=true&punctuate=true"
                        "&endpointing=300&utterance_end_ms=1000");
    assert_int_equal(req.header_count, 1);
    assert_string_equal(req.headers[0].data, "Authorization: Token " KEY);
    assert_int_equal(req.body.len, 0);
    va_ai_request_free(&req);

    conf.url = VA_STR("https://eu.example/v1/");
    conf.model = VA_STR("nova-2");
    conf.key = VA_STR("");
    conf.params = params;
    conf.param_count = 4;
    in.language = VA_STR("");
    assert_int_equal(va_ai_request(&req, VA_STR("deepgram"), &conf, &in),
                     VA_OK);
    assert_string_equal(req.url.data,
                        "wss://eu.example/v1/listen?model=nova-2"
                        "&encoding=mulaw&sample_rate=8000&channels=1"
                        "&interim_results=true&punctuate=true"
                        "&utterance_end_ms=1000&keyterm=Jos%C3%A9+%26+Co"
                        "&keyterm=two&endpointing=500");
    assert_int_equal(req.header_count, 0);
    va_ai_request_free(&req);

    conf.url = VA_STR("http://127.0.0.1:9/v1");
    assert_int_equal(va_ai_request(&req, VA_STR("deepgram"), &conf, &in),
                     VA_OK);
    assert_memory_equal(req.url.data, "ws://127.0.0.1:9/v1/listen?", 27);
    va_ai_request_free(&req);

    conf.url = VA_STR("wss://a b/");
    assert_int_equal(va_ai_request(&req, VA_STR("deepgram"), &conf, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
    conf.url = VA_STR("");
    conf.key = VA_STR("a\nb");
    assert_int_equal(va_ai_request(&req, VA_STR("deepgram"), &conf, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
}

static void what_is_sent(void **state)
{
    va_str_t kind = VA_STR("deepgram");
    va_ai_conf_t conf = {.key = VA_STR(KEY)};
    va_ai_input_t in = {.stage = VA_AI_STT};
    static const uint8_t audio[] = {0x00, 0xff, 0x7b};
    bool text = true;
    va_buf_t out;

    (void)state;
    va_buf_init(&out, 1000);
    assert_true(va_ai_streams(kind, VA_AI_STT));
    assert_false(va_ai_streams(kind, VA_AI_TTS));
    assert_false(va_ai_streams(VA_STR("openai"), VA_AI_STT));
    assert_int_equal(va_ai_pace(kind, VA_AI_STT).audio_min_ms, 0);
    assert_in_range(va_ai_pace(kind, VA_AI_STT).keepalive_ms, 1000, 8000);

    assert_int_equal(va_ai_stream_open(kind, &conf, &in, &out, &text),
                     VA_AGAIN);
    assert_int_equal(va_ai_stream_audio(kind, &conf, audio, 0, &out, &text),
                     VA_AGAIN);
    assert_int_equal(out.len, 0);
    assert_int_equal(va_ai_stream_audio(kind, &conf, audio, 3, &out, &text),
                     VA_OK);
    assert_false(text);
    assert_int_equal(out.len, 3);
    assert_memory_equal(out.data, audio, 3);
    va_buf_reset(&out);
    assert_int_equal(va_ai_stream_finalize(kind, &conf, &out, &text), VA_OK);
    assert_true(text);
    assert_string_equal(out.data, "{\"type\":\"Finalize\"}");
    va_buf_reset(&out);
    assert_int_equal(va_ai_stream_keepalive(kind, &conf, &out, &text), VA_OK);
    assert_string_equal(out.data, "{\"type\":\"KeepAlive\"}");
    va_buf_reset(&out);
    assert_int_equal(va_ai_stream_close(kind, &conf, &out, &text), VA_OK);
    assert_string_equal(out.data, "{\"type\":\"CloseStream\"}");
    va_buf_free(&out);

    /* who does not stream */
    kind = VA_STR("openai");
    assert_int_equal(va_ai_stream_open(kind, &conf, &in, &out, &text),
                     VA_INVALID);
    assert_int_equal(va_ai_stream_audio(kind, &conf, audio, 3, &out, &text),
                     VA_INVALID);
    assert_int_equal(va_ai_stream_close(kind, &conf, &out, &text), VA_INVALID);
    assert_int_equal(out.len, 0);
}

static void hears_a_turn(void **state)
{
    const char *const plain[] = {
        "{\"type\":\"SpeechStarted\",\"channel\":[0,1],\"timestamp\":0.5}",
        RESULTS("", INTERIM),
        RESULTS("what", INTERIM),
        RESULTS("what time", INTERIM),
        RESULTS("What time", FINAL),
        RESULTS("is it", INTERIM),
        RESULTS("is it?", LAST),
        RESULTS("", LAST),
        UTTERANCE_END,
        NULL};
    const char *const noise[] = {RESULTS("Hello.", FINAL),
                                 RESULTS("", FINAL),
                                 UTTERANCE_END,
                                 UTTERANCE_END,
                                 RESULTS("you", INTERIM),
                                 RESULTS("", FINAL),
                                 NULL};
    const char *const flushed[] = {RESULTS("Stop", INTERIM),
                                   RESULTS("Stop.", FLUSH), RESULTS("", FLUSH),
                                   NULL};

    (void)state;
    hears("deepgram", plain,
          "partial what|partial what time|text What time 0.98|partial is it|"
          "text is it? 0.98|end|");
    /* speech_final never comes; what was not final comes to nothing */
    hears("deepgram", noise, "text Hello. 0.98|end|partial you|partial |");
    hears("deepgram", flushed, "partial Stop|text Stop. 0.98|flushed|flushed|");
}

static void odd_messages_do_no_harm(void **state)
{
    const char *const odd[] = {
        "{}",
        "[]",
        "5",
        "null",
        "{\"type\":5}",
        "{\"type\":\"Results\"}",
        "{\"type\":\"Results\",\"is_final\":true,\"channel\":{\"alternatives\":"
        "[]}}",
        "{\"type\":\"Results\",\"is_final\":true,\"channel\":{\"alternatives\":"
        "[{\"transcript\":\"x\",\"confidence\":1e400}]}}",
        "{\"type\":\"Results\",\"is_final\":true,\"channel\":{\"alternatives\":"
        "[{\"transcript\":\"y\",\"confidence\":\"nan\"}]}}",
        "{\"type\":\"Results\",\"is_final\":\"yes\",\"channel\":[1,2]}",
        "{\"type\":\"Unheard\"}",
        NULL};

    (void)state;
    hears("deepgram", odd, "text x -1.00|text y -1.00|");
}

static void tells_why_it_failed(void **state)
{
    (void)state;
    hears_wrong("deepgram", true, "{\"type\":\"Res", VA_INVALID,
                VA_AI_MALFORMED, "malformed JSON");
    hears_wrong("deepgram", true, "", VA_INVALID, VA_AI_MALFORMED,
                "malformed JSON");
    hears_wrong("deepgram", false, "RIFF", VA_INVALID, VA_AI_MALFORMED,
                "binary data");
    hears_wrong("deepgram", true,
                "{\"type\":\"Error\",\"description\":\"no " KEY
                "\",\"err_code\":\"X\"}",
                VA_FAILED, VA_AI_SERVER, "no *** (X)");
    hears_closed("deepgram", 1011, "NET-0001", VA_AI_CUT,
                 "closed with 1011: NET-0001");
    hears_closed("deepgram", 1008, "DATA-0000", VA_AI_MISUSED,
                 "closed with 1008: DATA-0000");
    hears_closed("deepgram", 0, "", VA_AI_CUT, "the stream was cut");
    hears_closed("deepgram", 1000, "", VA_AI_FINE, "");
    hears_refused("deepgram", 401,
                  "{\"err_code\":\"INVALID_AUTH\",\"err_msg\":\"Invalid "
                  "credentials.\",\"request_id\":\"r\"}",
                  VA_AI_REFUSED,
                  "HTTP 401: Invalid credentials. (INVALID_AUTH)");
    hears_refused("deepgram", 402, "{\"err_code\":\"ASR_PAYMENT_REQUIRED\"}",
                  VA_AI_QUOTA, "HTTP 402");
    hears_refused("deepgram", 429, "", VA_AI_LIMITED, "HTTP 429");
    /* no WebSocket at all */
    hears_refused("deepgram", 200, "<html>", VA_AI_MISUSED, "HTTP 200");
}

static void messages_have_a_place_and_a_bound(void **state)
{
    static uint8_t big[1 << 20];
    heard_t h = {0};

    (void)state;
    heard_begin(&h, "deepgram", 200);
    heard_message(&h, true, "{}");
    heard_end(&h, VA_INVALID, "unexpected message", "");

    heard_begin(&h, "deepgram", 101);
    h.rc = va_ai_reader_feed(h.r, (const uint8_t *)"{}", 2);
    heard_end(&h, VA_INVALID, "unexpected answer", "");

    heard_begin(&h, "deepgram", 101);
    h.rc = va_ai_reader_message(h.r, true, big, sizeof(big));
    heard_end(&h, VA_LIMIT, "too large", "");

    heard_begin(&h, "deepgram", 101);
    h.rc = va_ai_reader_closed(h.r, 1000, VA_STR(""));
    assert_int_equal(h.rc, VA_OK);
    heard_message(&h, true, "{}");
    heard_end(&h, VA_INVALID, "unexpected message", "");

    /* the stream ended after the last word: all is well */
    heard_begin(&h, "deepgram", 101);
    heard_message(&h, true, "{\"type\":\"Metadata\",\"duration\":1}");
    h.rc = va_ai_reader_closed(h.r, 0, VA_STR(""));
    heard_end(&h, VA_OK, "", "");

    h.stop_after = 1;
    heard_begin(&h, "deepgram", 101);
    heard_message(&h, true, RESULTS("a", LAST));
    heard_end(&h, VA_FAILED, "stopped", "text a 0.98|");
    assert_int_equal(h.why, VA_AI_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_a_handshake),
        cmocka_unit_test(what_is_sent),
        cmocka_unit_test(hears_a_turn),
        cmocka_unit_test(odd_messages_do_no_harm),
        cmocka_unit_test(tells_why_it_failed),
        cmocka_unit_test(messages_have_a_place_and_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
