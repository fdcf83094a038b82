#include <stdlib.h>
#include <string.h>

#include "../audio/va_g711.h"
#include "../audio/va_resample.h"
#include "../audio/va_wav.h"
#include "../wire/va_json.h"
#include "../wire/va_utf8.h"
#include "va_endpoints.h"

#define INPUT_MAX 4096 /* characters */
#define PCM_RATE 24000 /* what "pcm" means by convention */
#define PIECE 1024

typedef struct {
    const char *name;
    const char *type;
    unsigned rate; /* 0: that of the voice */
} format_t;

static const format_t formats[] = {
    [VA_SPEECH_WAV] = {"wav", "audio/wav", 0},
    [VA_SPEECH_PCM] = {"pcm", "audio/pcm;rate=24000", PCM_RATE},
    [VA_SPEECH_ULAW] = {"ulaw", "audio/basic", VA_RATE},
};

/* One answer on its way from the voice's rate to the bytes of its format. */
typedef struct {
    va_request_t *request;
    va_resample_t *resample; /* NULL when the voice has the wanted rate */
    bool ulaw;
} sink_t;

static size_t characters(va_str_t s)
{
    size_t i, n = 0;

    for (i = 0; i < s.len; i++) {
        n += ((unsigned char)s.data[i] & 0xc0) != 0x80;
    }
    return n;
}

static bool emit(const sink_t *s, const int16_t *pcm, size_t n)
{
    uint8_t bytes[2 * PIECE];
    size_t i, k;

    for (; n != 0; pcm += k, n -= k) {
        k = n < PIECE ? n : PIECE;
        if (s->ulaw) {
            va_ulaw_encode(bytes, pcm, k);
        } else {
            for (i = 0; i < k; i++) {
                bytes[2 * i] = (uint8_t)((uint16_t)pcm[i] & 0xff);
                bytes[2 * i + 1] = (uint8_t)((uint16_t)pcm[i] >> 8);
            }
        }
        if (!va_request_write(s->request, bytes, s->ulaw ? k : 2 * k)) {
            return false;
        }
    }
    return true;
}

static bool on_voice(void *ctx, const int16_t *pcm, size_t n)
{
    const sink_t *s = ctx;
    int16_t out[PIECE];
    size_t in, made;

    if (s->resample == NULL) {
        return emit(s, pcm, n);
    }
    while (n != 0) {
        in = n;
        made = PIECE;
        if (va_resample_run(s->resample, pcm, &in, out, &made) != VA_OK ||
            (in == 0 && made == 0) || !emit(s, out, made)) {
            return false;
        }
        pcm += in;
        n -= in;
    }
    return true;
}

static bool flush(const sink_t *s)
{
    int16_t out[PIECE];
    size_t made;

    while (s->resample != NULL) {
        made = PIECE;
        if (va_resample_flush(s->resample, out, &made) != VA_OK) {
            return false;
        }
        if (made == 0) {
            break;
        }
        if (!emit(s, out, made)) {
            return false;
        }
    }
    return true;
}

/* Returns whether that format can be made, and sets r->speech. */
static bool choose_format(va_request_t *r, va_str_t name)
{
    unsigned i;

    for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (name.len == 0 || va_str_eq(name, va_str(formats[i].name))) {
            r->speech = (va_speech_t)i;
            return true;
        }
    }
    return false;
}

/* Answers what is wrong with the text; true when nothing is. */
static bool check_input(va_request_t *r, va_str_t input)
{
    if (input.data == NULL) {
        va_request_error(r, 400, NULL, "input", "\"input\" is missing");
    } else if (!va_utf8_valid(input)) {
        va_request_error(r, 400, NULL, "input", "\"input\" is not UTF-8");
    } else if (characters(input) > INPUT_MAX) {
        va_request_error(r, 400, "string_above_max_length", "input",
                         "\"input\" is longer than %d characters", INPUT_MAX);
    } else if (!va_tts_speakable(input)) {
        va_request_error(r, 400, "empty_input", "input",
                         "\"input\" has nothing that can be spoken");
    } else {
        return true;
    }
    return false;
}

static void begin(va_request_t *r, va_str_t input)
{
    const format_t *f = &formats[r->speech];

    /* The parsed body goes away before the worker reads the text. */
    if (va_buf_str(&r->text, input) != VA_OK) {
        va_request_error(r, 500, NULL, NULL, "out of memory");
        return;
    }
    r->rate = f->rate != 0 ? f->rate : va_tts_rate(r->voice);
    va_request_stream(r, r->app->speaking, f->type);
}

static void read_order(va_request_t *r, va_json_t *json)
{
    va_str_t voice = va_json_str(json, "voice");
    va_str_t input = va_json_str(json, "input");

    r->speed = va_json_num(json, "speed", 1.0);
    r->voice = voice.len == 0 || va_str_eq(voice, VA_STR("default"))
                   ? r->app->voice
                   : va_tts_voice(voice);
    if (!check_input(r, input)) {
        return;
    }
    if (r->voice == NULL) {
        va_request_error(r, 400, "voice_not_found", "voice",
                         "the voices are rms, slt, awb and kal");
    } else if (!choose_format(r, va_json_str(json, "response_format"))) {
        va_request_error(r, 400, "unsupported_value", "response_format",
                         "response_format is wav, pcm or ulaw");
    } else if (!(r->speed >= 0.25 && r->speed <= 4.0)) {
        va_request_error(r, 400, "invalid_value", "speed",
                         "speed is a number from 0.25 to 4.0");
    } else {
        begin(r, input);
    }
}

void va_speech(va_request_t *r)
{
    char why[160] = "";
    va_json_t *json = va_json_parse(va_buf_view(&r->body), why, sizeof(why));

    if (json == NULL) {
        va_request_error(r, 400, "invalid_json", NULL,
                         "the body is not JSON: %s", why);
        return;
    }
    read_order(r, json);
    va_json_free(json);
}

static bool speak(va_request_t *r)
{
    unsigned native = va_tts_rate(r->voice);
    sink_t sink = {r, NULL, r->speech == VA_SPEECH_ULAW};
    uint8_t header[VA_WAV_HEADER];
    bool ok = true;

    if (r->rate != native) {
        sink.resample = va_resample_new(native, r->rate);
        ok = sink.resample != NULL;
    }
    if (ok && r->speech == VA_SPEECH_WAV) {
        va_wav_header(header, VA_WAV_PCM, r->rate, 1, UINT32_MAX);
        ok = va_request_write(r, header, sizeof(header));
    }
    ok = ok &&
         va_tts_speak(r->voice, va_buf_view(&r->text), r->speed, on_voice,
                      &sink) == VA_OK &&
         flush(&sink);
    va_resample_free(sink.resample);
    return ok;
}

void va_speech_run(void *request, void *tool)
{
    va_request_t *r = request;

    (void)tool;
    va_request_end(r, speak(r));
}

void va_speech_drop(void *request)
{
    va_request_end(request, false);
}
