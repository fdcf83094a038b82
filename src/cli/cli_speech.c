#include "cli_speech.h"

#include <flite/flite.h>
#include <stdlib.h>
#include <string.h>

#include "cli_caller.h"

cst_voice *register_cmu_us_rms(const char *voxdir);
cst_voice *register_cmu_us_slt(const char *voxdir);
cst_voice *register_cmu_us_kal(const char *voxdir);
cst_voice *register_cmu_us_awb(const char *voxdir);

static const struct {
    const char *name;
    cst_voice *(*make)(const char *voxdir);
} voices[] = {
    {"rms", register_cmu_us_rms},
    {"slt", register_cmu_us_slt},
    {"kal", register_cmu_us_kal},
    {"awb", register_cmu_us_awb},
};

#define VOICE_COUNT (sizeof(voices) / sizeof(voices[0]))

static size_t voice_index(const char *name)
{
    size_t i;

    for (i = 0; i < VOICE_COUNT && strcmp(name, voices[i].name) != 0; i++) {
    }
    return i;
}

bool cli_voice_known(const char *voice)
{
    return voice_index(voice) < VOICE_COUNT;
}

int16_t *cli_speech(const char *text, const char *voice, size_t *count,
                    unsigned *rate)
{
    static bool started;
    size_t i = voice_index(voice);
    cst_voice *made;
    cst_wave *wave;
    int16_t *pcm = NULL;

    if (i == VOICE_COUNT) {
        return NULL;
    }
    if (!started) {
        flite_init();
        started = true;
    }
    made = voices[i].make(NULL); /* flite keeps it for the next time */
    wave = made != NULL ? flite_text_to_wave(text, made) : NULL;
    if (wave == NULL) {
        return NULL;
    }
    *count = (size_t)wave->num_samples;
    *rate = (unsigned)wave->sample_rate;
    pcm = malloc((*count + 1) * sizeof(*pcm));
    if (pcm != NULL) {
        memcpy(pcm, wave->samples, *count * sizeof(*pcm));
    }
    delete_wave(wave);
    return pcm;
}
