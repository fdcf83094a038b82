#include "cli_caller.h"

#include <math.h>
#include <string.h>

void cli_caller_init(cli_caller_t *c, double noise)
{
    memset(c, 0, sizeof(*c));
    c->random = 0x9e3779b97f4a7c15ULL; /* the same noise in every call */
    if (noise < CLI_DB_UNSET) {
        c->noise = 32768.0 * pow(10.0, noise / 20.0);
    }
}

void cli_caller_speak(cli_caller_t *c, const cli_clip_t *clip)
{
    c->clip = clip;
    c->at = 0;
}

/* A number from -0.5 to 0.5 (xorshift64). */
static double uniform(cli_caller_t *c)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return (double)(c->random >> 11) / 9007199254740992.0 - 0.5;
}

/* Four uniform numbers have the variance 1/3 and sound like a normal one. */
static void add_noise(cli_caller_t *c, int16_t *pcm)
{
    double v;
    size_t i;

    for (i = 0; i < VA_FRAME; i++) {
        v = uniform(c) + uniform(c) + uniform(c) + uniform(c);
        v = pcm[i] + v * c->noise * 1.7320508;
        pcm[i] =
            (int16_t)(v > 32767 ? 32767 : (v < -32768 ? -32768 : lrint(v)));
    }
}

void cli_caller_frame(cli_caller_t *c, uint8_t out[VA_FRAME])
{
    int16_t pcm[VA_FRAME] = {0};
    const cli_clip_t *clip = c->clip;

    c->began = c->ended = false;
    if (clip == NULL && c->noise <= 0) {
        memset(out, VA_ULAW_SILENCE, VA_FRAME);
        return;
    }
    if (clip != NULL) {
        memcpy(pcm, clip->pcm + c->at, sizeof(pcm));
        c->began = clip->end > 0 && c->at == clip->begin;
        c->at += VA_FRAME;
        c->ended = c->at == (clip->end > 0 ? clip->end : clip->len);
        if (c->at == clip->len) {
            c->clip = NULL;
        }
    }
    if (c->noise > 0) {
        add_noise(c, pcm);
    }
    va_ulaw_encode(out, pcm, VA_FRAME);
}

bool cli_caller_talking(const cli_caller_t *c)
{
    return c->clip != NULL &&
           c->at < (c->clip->end > 0 ? c->clip->end : c->clip->len);
}
