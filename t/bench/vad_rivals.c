/*
 * Decisions of two other ways to detect speech, in the format of
 * "voiceai-sim vad", for the same streams:
 *
 *   vad_rivals speex|rms DIR
 *
 * speex is the detector of SpeexDSP's preprocessor, retuned to begin at 95 %
 * and to go on at 80 % as it is best used on the phone; rms is a fixed
 * threshold of 500 on the root mean square of a frame, as many voice servers
 * have it.
 */
#include <speex/speex_preprocess.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audio/va_g711.h"
#include "cli/vad_set.h"

#define LOUD 500

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static SpeexPreprocessState *new_speex(void)
{
    SpeexPreprocessState *s = speex_preprocess_state_init(VA_FRAME, VA_RATE);
    int on = 1, start = 95, go_on = 80;

    speex_preprocess_ctl(s, SPEEX_PREPROCESS_SET_VAD, &on);
    speex_preprocess_ctl(s, SPEEX_PREPROCESS_SET_PROB_START, &start);
    speex_preprocess_ctl(s, SPEEX_PREPROCESS_SET_PROB_CONTINUE, &go_on);
    return s;
}

static int loud(const int16_t *pcm)
{
    double sum = 0;

    for (int i = 0; i < VA_FRAME; i++) {
        sum += (double)pcm[i] * pcm[i];
    }
    return sum > (double)LOUD * LOUD * VA_FRAME;
}

/* Prints a stream's decisions.  Returns the processor seconds, or -1. */
static double judge(const char *dir, const va_vad_stream_t *stream, bool speex)
{
    uint8_t *ulaw = va_vad_set_audio(dir, stream);
    int16_t *pcm = malloc((stream->frames * VA_FRAME + 1) * sizeof(*pcm));
    char *digits = calloc(stream->frames + 1, 1);
    SpeexPreprocessState *s = new_speex();
    double begun, spent = -1;

    if (ulaw && pcm && digits && s) {
        va_ulaw_decode(pcm, ulaw, stream->frames * VA_FRAME);
        begun = cpu_seconds();
        for (size_t k = 0; k < stream->frames; k++) {
            int16_t *frame = pcm + k * VA_FRAME;
            int speech = speex ? speex_preprocess_run(s, frame) : loud(frame);

            digits[k] = speech ? '1' : '0';
        }
        spent = cpu_seconds() - begun;
        printf("%s %s\n", stream->id, digits);
    }
    if (s) {
        speex_preprocess_state_destroy(s);
    }
    free(digits);
    free(pcm);
    free(ulaw);
    return spent;
}

int main(int argc, char **argv)
{
    va_vad_set_t set;
    double seconds = 0, frames = 0;
    int status = 0;

    if (argc != 3 || (strcmp(argv[1], "speex") && strcmp(argv[1], "rms"))) {
        fputs("usage: vad_rivals speex|rms DIR\n", stderr);
        return 2;
    }
    if (!va_vad_set_load(&set, argv[2])) {
        return 1;
    }
    for (size_t i = 0; i < set.count && status == 0; i++) {
        double spent = judge(argv[2], &set.streams[i], argv[1][0] == 's');

        status = spent < 0;
        seconds += spent;
        frames += (double)set.streams[i].frames;
    }
    printf("#us_per_frame %.2f\n", seconds * 1e6 / (frames > 0 ? frames : 1));
    va_vad_set_free(&set);
    return status;
}
