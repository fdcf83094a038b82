#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../audio/va_voice.h"
#include "../base/va_buf.h"
#include "cli_caller.h"
#include "cli_speech.h"

#define FILE_MAX (64u * 1024 * 1024)
#define AUDIBLE_RMS 130.0 /* -48 dBFS: quieter frames are pauses */

static double frame_rms(const int16_t *pcm)
{
    double sum = 0;
    size_t i;

    for (i = 0; i < VA_FRAME; i++) {
        sum += (double)pcm[i] * pcm[i];
    }
    return sqrt(sum / VA_FRAME);
}

bool cli_audible(const uint8_t ulaw[VA_FRAME])
{
    int16_t pcm[VA_FRAME];

    va_ulaw_decode(pcm, ulaw, VA_FRAME);
    return frame_rms(pcm) >= AUDIBLE_RMS;
}

/* Brings the frames that hold speech to a level in dBFS. */
static void set_level(cli_clip_t *clip, double level)
{
    double sum = 0, rms, gain, v;
    size_t i, frames = 0;

    for (i = 0; i < clip->len; i += VA_FRAME) {
        rms = frame_rms(clip->pcm + i);
        if (rms >= AUDIBLE_RMS) {
            sum += rms * rms;
            frames++;
        }
    }
    if (frames == 0) {
        return;
    }
    gain = 32768.0 * pow(10.0, level / 20.0) / sqrt(sum / (double)frames);
    for (i = 0; i < clip->len; i++) {
        v = clip->pcm[i] * gain;
        clip->pcm[i] =
            (int16_t)(v > 32767 ? 32767 : (v < -32768 ? -32768 : lrint(v)));
    }
}

static void find_speech(cli_clip_t *clip)
{
    size_t i;

    clip->begin = clip->end = 0;
    for (i = 0; i < clip->len; i += VA_FRAME) {
        if (frame_rms(clip->pcm + i) < AUDIBLE_RMS) {
            continue;
        }
        if (clip->end == 0) {
            clip->begin = i;
        }
        clip->end = i + VA_FRAME;
    }
}

static bool finish(cli_clip_t *clip, const va_buf_t *ulaw, double level,
                   char error[CLI_ERROR])
{
    size_t frames = (ulaw->len + VA_FRAME - 1) / VA_FRAME;

    if (ulaw->rc != VA_OK || ulaw->len == 0) {
        snprintf(error, CLI_ERROR, "%s",
                 ulaw->rc == VA_LIMIT ? "longer than ten minutes"
                 : ulaw->rc == VA_OK  ? "there is no audio in it"
                                      : "out of memory");
        return false;
    }
    clip->len = frames * VA_FRAME;
    clip->pcm = calloc(clip->len, sizeof(*clip->pcm));
    if (clip->pcm == NULL) {
        snprintf(error, CLI_ERROR, "out of memory");
        return false;
    }
    va_ulaw_decode(clip->pcm, (const uint8_t *)ulaw->data, ulaw->len);
    if (level < CLI_DB_UNSET) {
        set_level(clip, level);
    }
    find_speech(clip);
    return true;
}

static va_rc_t collect(void *ctx, const uint8_t *ulaw, size_t n)
{
    return va_buf_append(ctx, ulaw, n);
}

/* Brings audio of any form to mu-law at 8000 Hz. */
static bool convert(va_buf_t *out, va_voice_format_t format, unsigned rate,
                    const void *data, size_t len, char error[CLI_ERROR])
{
    va_voice_t *v = va_voice_new(format, rate, collect, out);
    va_rc_t rc = v != NULL ? va_voice_feed(v, data, len) : VA_NOMEM;

    if (rc == VA_OK) {
        rc = va_voice_finish(v);
    }
    if (rc != VA_OK && out->rc == VA_OK) {
        snprintf(error, CLI_ERROR, "%s",
                 v != NULL ? va_voice_error(v) : "out of memory");
        va_voice_free(v);
        return false;
    }
    va_voice_free(v);
    return true;
}

bool cli_clip_say(cli_clip_t *clip, const char *text, const char *voice,
                  double level, char error[CLI_ERROR])
{
    unsigned rate = 0;
    size_t count = 0;
    int16_t *pcm = cli_speech(text, voice, &count, &rate);
    va_buf_t ulaw;
    bool ok;

    memset(clip, 0, sizeof(*clip));
    if (pcm == NULL) {
        snprintf(error, CLI_ERROR, "\"%.100s\" cannot be spoken", text);
        return false;
    }
    va_buf_init(&ulaw, CLI_CLIP_MAX);
    ok = convert(&ulaw, VA_VOICE_PCM, rate, pcm, count * sizeof(*pcm), error) &&
         finish(clip, &ulaw, level, error);
    va_buf_free(&ulaw);
    free(pcm);
    return ok;
}

bool cli_clip_file(cli_clip_t *clip, const char *path, bool ulaw, double level,
                   char error[CLI_ERROR])
{
    char why[CLI_ERROR] = "";
    size_t len;
    char *data = cli_read_file(path, FILE_MAX, &len, error);
    va_buf_t out;
    bool ok;

    memset(clip, 0, sizeof(*clip));
    if (data == NULL) {
        return false;
    }
    va_buf_init(&out, CLI_CLIP_MAX);
    if (!ulaw && (len < 4 || memcmp(data, "RIFF", 4) != 0)) {
        snprintf(why, sizeof(why), "not a WAV file");
        ok = false;
    } else {
        ok = convert(&out, ulaw ? VA_VOICE_ULAW : VA_VOICE_AUTO, VA_RATE, data,
                     len, why) &&
             finish(clip, &out, level, why);
    }
    if (!ok) {
        snprintf(error, CLI_ERROR, "%.120s: %.120s", path, why);
    }
    va_buf_free(&out);
    free(data);
    return ok;
}

void cli_clip_free(cli_clip_t *clip)
{
    free(clip->pcm);
    clip->pcm = NULL;
    clip->len = 0;
}
