#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../audio/va_g711.h"
#include "../audio/va_resample.h"
#include "../audio/va_wav.h"
#include "../wire/va_json.h"
#include "va_endpoints.h"
#include "va_stt.h"

#define RATE_MIN 8000
#define RATE_MAX 48000
#define SHORTEST_MS 100
#define LONGEST_S 120

/* Names of other servers' models that clients send when told nothing. */
static bool any_model(va_str_t name)
{
    return name.len == 0 || va_str_eq(name, VA_STR("auto")) ||
           va_str_eq(name, VA_STR("voiceai-local")) ||
           (name.len >= 8 && memcmp(name.data, "whisper-", 8) == 0) ||
           (name.len >= 4 && memcmp(name.data, "gpt-", 4) == 0);
}

static bool english(va_str_t tag)
{
    return tag.len == 0 || va_str_caseeq(tag, VA_STR("english")) ||
           (tag.len >= 2 && strncasecmp(tag.data, "en", 2) == 0 &&
            (tag.len == 2 || tag.data[2] == '-' || tag.data[2] == '_'));
}

static bool known_format(va_str_t format)
{
    return format.len == 0 || va_str_eq(format, VA_STR("json")) ||
           va_str_eq(format, VA_STR("text")) ||
           va_str_eq(format, VA_STR("verbose_json"));
}

static bool choose_grammar(va_request_t *r)
{
    va_str_t model = va_buf_view(&r->model);
    const va_lexicon_t *l = r->app->lexicon;
    va_str_t name = model;

    if (!va_lexicon_has(l, model)) {
        if (!any_model(model)) {
            return false;
        }
        name = va_str(va_stt_state(va_buf_view(&r->prompt)));
        if (!va_lexicon_has(l, name)) {
            name = va_str(va_lexicon_name(l, 0));
        }
    }
    va_str_copy(r->grammar, sizeof(r->grammar), name);
    return true;
}

/* Answers what is wrong with the WAV; true when nothing is. */
static bool check_wav(va_request_t *r, va_wav_info_t *wav)
{
    const uint8_t *data = (const uint8_t *)r->file.data;
    size_t have, frame, frames;

    if (r->file.len == 0) {
        va_request_error(r, 400, NULL, "file", "the part \"file\" is missing");
        return false;
    }
    if (va_wav_parse(wav, data, r->file.len) != VA_OK) {
        va_request_error(r, 400, "invalid_audio", "file",
                         "the file is not a WAV of 16 bit PCM or mu-law");
        return false;
    }
    if (wav->channels != 1 || wav->rate < RATE_MIN || wav->rate > RATE_MAX ||
        wav->bits != (wav->format == VA_WAV_PCM ? 16U : 8U)) {
        va_request_error(r, 400, "invalid_audio", "file",
                         "the audio has %u channels, %u Hz and %u bits; one "
                         "channel of %d to %d Hz is needed",
                         wav->channels, wav->rate, wav->bits, RATE_MIN,
                         RATE_MAX);
        return false;
    }
    have = r->file.len - wav->header_len;
    if (wav->data_len == UINT64_MAX) {
        wav->data_len = have;
    }
    if (wav->data_len > have) {
        va_request_error(r, 400, "invalid_audio", "file",
                         "the WAV ends before its audio does");
        return false;
    }
    frame = wav->bits / 8;
    frames = (size_t)wav->data_len / frame;
    if (frames < (size_t)wav->rate * SHORTEST_MS / 1000) {
        va_request_error(r, 400, "audio_too_short", "file",
                         "the audio is shorter than %d ms", SHORTEST_MS);
        return false;
    }
    if (frames > (size_t)wav->rate * LONGEST_S) {
        va_request_error(r, 400, "audio_too_long", "file",
                         "the audio is longer than %d seconds", LONGEST_S);
        return false;
    }
    return true;
}

void va_transcribe(va_request_t *r)
{
    va_wav_info_t wav;

    if (r->file.rc != VA_OK || r->model.rc != VA_OK || r->prompt.rc != VA_OK ||
        r->language.rc != VA_OK || r->format.rc != VA_OK) {
        va_request_error(r, 400, NULL, NULL, "a field is too long");
    } else if (!english(va_buf_view(&r->language))) {
        va_request_error(r, 400, "unsupported_language", "language",
                         "this engine knows English only");
    } else if (!known_format(va_buf_view(&r->format))) {
        va_request_error(r, 400, "unsupported_value", "response_format",
                         "response_format is json, text or verbose_json");
    } else if (!choose_grammar(r)) {
        va_request_error(r, 404, "model_not_found", "model",
                         "no grammar has this name");
    } else if (check_wav(r, &wav)) {
        va_request_defer(r, r->app->hearing);
    }
}

static int16_t *to_8k(const int16_t *pcm, size_t n, unsigned rate,
                      size_t *count)
{
    size_t cap = n * VA_RATE / rate + 1024, used = 0, in, out;
    va_resample_t *rs = va_resample_new(rate, VA_RATE);
    int16_t *to = calloc(cap, sizeof(*to));
    bool ok = rs != NULL && to != NULL;

    *count = 0;
    while (ok && used < n) {
        in = n - used;
        out = cap - *count;
        ok = va_resample_run(rs, pcm + used, &in, to + *count, &out) == VA_OK &&
             (in != 0 || out != 0);
        used += in;
        *count += out;
    }
    while (ok) {
        out = cap - *count;
        ok = va_resample_flush(rs, to + *count, &out) == VA_OK && out != 0;
        *count += out;
    }
    va_resample_free(rs);
    if (used < n) {
        free(to);
        return NULL;
    }
    return to;
}

/* Returns the audio at 8000 Hz, for free(3), or NULL without memory. */
static int16_t *samples(const va_request_t *r, const va_wav_info_t *wav,
                        size_t *count)
{
    const uint8_t *data = (const uint8_t *)r->file.data + wav->header_len;
    size_t n = (size_t)wav->data_len / (wav->bits / 8), i;
    int16_t *pcm = calloc(n + 1, sizeof(*pcm)), *slow;

    if (pcm == NULL) {
        return NULL;
    }
    if (wav->format == VA_WAV_ULAW) {
        va_ulaw_decode(pcm, data, n);
    } else {
        for (i = 0; i < n; i++) {
            pcm[i] = (int16_t)(data[2 * i] | data[2 * i + 1] << 8);
        }
    }
    *count = n;
    if (wav->rate == VA_RATE) {
        return pcm;
    }
    slow = to_8k(pcm, n, wav->rate, count);
    free(pcm);
    return slow;
}

static void write_result(va_request_t *r, const va_stt_result_t *result,
                         double seconds)
{
    va_str_t format = va_buf_view(&r->format);
    va_buf_t *b = &r->answer;

    if (va_str_eq(format, VA_STR("text"))) {
        va_buf_puts(b, result->text);
        va_buf_puts(b, "\n");
        va_request_answer(r, 200, "text/plain; charset=utf-8");
        return;
    }
    va_buf_puts(b, "{\"text\":");
    va_json_quote(b, va_str(result->text));
    va_buf_printf(b, ",\"confidence\":%.3f", (double)result->confidence);
    if (va_str_eq(format, VA_STR("verbose_json"))) {
        va_buf_printf(b,
                      ",\"task\":\"transcribe\",\"language\":\"english\","
                      "\"duration\":%.2f,\"grammar\":\"%s\",\"best\":",
                      seconds, r->grammar);
        va_json_quote(b, va_str(result->best));
        va_buf_printf(b, ",\"score\":%.2f,\"segments\":[]",
                      (double)result->score);
    }
    va_buf_puts(b, "}\n");
    va_request_answer(r, 200, "application/json");
}

static void recognise(va_request_t *r, va_stt_t *decoder)
{
    va_wav_info_t wav;
    va_stt_result_t result;
    int16_t *pcm = NULL;
    size_t n = 0;
    va_rc_t rc = VA_NOMEM;

    if (check_wav(r, &wav)) {
        pcm = samples(r, &wav, &n);
    }
    if (pcm != NULL) {
        rc = va_stt_run(decoder, r->grammar, pcm, n, &result);
        free(pcm);
    }
    if (rc != VA_OK) {
        va_request_error(r, 500, NULL, NULL, "the recogniser failed");
        return;
    }
    write_result(r, &result, (double)n / VA_RATE);
}

void va_transcribe_run(void *request, void *tool)
{
    va_request_t *r = request;

    if (atomic_load(&r->app->stopping)) {
        va_transcribe_drop(r);
        return;
    }
    recognise(r, tool);
    va_request_done(r);
}

void va_transcribe_drop(void *request)
{
    va_request_t *r = request;

    va_request_error(r, 503, "shutting_down", NULL, "the server is ending");
    va_request_done(r);
}
