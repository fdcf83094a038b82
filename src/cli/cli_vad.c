#include "cli_vad.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../audio/va_vad.h"
#include "vad_set.h"

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/*
 * Writes a digit a frame to digits, which has room for one more.  Returns the
 * processor seconds of the detector alone, or -1 when the audio is missing.
 */
static double judge(va_vad_t *vad, const char *dir, const va_vad_stream_t *s,
                    bool scores, char *digits)
{
    uint8_t *ulaw = va_vad_set_audio(dir, s);
    int16_t *pcm = malloc((s->frames * VA_FRAME + 1) * sizeof(*pcm));
    double begun, spent = -1.0;

    if (ulaw && pcm) {
        va_ulaw_decode(pcm, ulaw, s->frames * VA_FRAME);
        va_vad_reset(vad);
        begun = cpu_seconds();
        for (size_t k = 0; k < s->frames; k++) {
            bool speech = va_vad_frame(vad, pcm + k * VA_FRAME);

            digits[k] = speech ? '1' : '0';
            if (scores) {
                digits[k] = (char)('0' + (int)(va_vad_score(vad) * 9.99f));
            }
        }
        spent = cpu_seconds() - begun;
        digits[s->frames] = '\0';
    }
    free(ulaw);
    free(pcm);
    return spent;
}

static int judge_all(const va_vad_set_t *set, const char *dir, bool scores)
{
    va_vad_t *vad = va_vad_new();
    double spent = 0.0;
    size_t frames = 0;
    int status = vad ? 0 : 1;

    for (size_t i = 0; i < set->count && status == 0; i++) {
        const va_vad_stream_t *s = &set->streams[i];
        char *digits = malloc(s->frames + 1);
        double once = digits ? judge(vad, dir, s, scores, digits) : -1.0;

        status = once < 0.0 ? 1 : 0;
        if (status == 0) {
            printf("%s %s\n", s->id, digits);
            spent += once;
            frames += s->frames;
        }
        free(digits);
    }
    if (frames > 0) {
        printf("#us_per_frame %.3f\n", spent * 1e6 / (double)frames);
    }
    va_vad_free(vad);
    return status;
}

int cli_vad(int argc, char **argv)
{
    bool scores = argc == 3 && strcmp(argv[1], "-p") == 0;
    const char *dir = argv[argc - 1];
    va_vad_set_t set;
    int status;

    if (argc != 2 && !scores) {
        fputs("usage: voiceai-sim vad [-p] DIR\n", stderr);
        return 2;
    }
    if (!va_vad_set_load(&set, dir)) {
        return 1;
    }
    status = judge_all(&set, dir, scores);
    va_vad_set_free(&set);
    return status;
}
