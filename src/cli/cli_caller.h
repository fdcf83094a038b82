/*
 * The caller's voice: clips made from text or files, and the frames that they
 * become together with silence and background noise.
 */
#ifndef CLI_CALLER_H
#define CLI_CALLER_H

#include "../audio/va_g711.h"
#include "cli.h"

#define CLI_CLIP_MAX (600u * VA_RATE) /* samples of one clip */
#define CLI_DB_UNSET 1.0 /* levels are 0 dBFS or less, so this is none */

/* Linear audio at 8000 Hz, a whole number of frames. */
typedef struct {
    int16_t *pcm;
    size_t len;
    size_t begin; /* sample where it begins to be heard */
    size_t end;   /* sample behind the last one that is heard */
} cli_clip_t;

typedef struct {
    const cli_clip_t *clip; /* being spoken, or NULL */
    size_t at;
    double noise; /* RMS of the background noise, 0 for none */
    uint64_t random;
    bool began; /* speech began in the last frame */
    bool ended; /* speech ended in the last frame */
} cli_caller_t;

VA_BEGIN_DECLS

/*
 * Makes a clip of text with a voice of flite ("rms", "slt", "kal", "awb").
 * level is the level of its speech in dBFS, or CLI_DB_UNSET.  On failure error
 * is filled.
 */
bool cli_clip_say(cli_clip_t *clip, const char *text, const char *voice,
                  double level, char error[CLI_ERROR]);

/* Reads a WAV file of any usual rate, or headerless mu-law at 8000 Hz. */
bool cli_clip_file(cli_clip_t *clip, const char *path, bool ulaw, double level,
                   char error[CLI_ERROR]);

void cli_clip_free(cli_clip_t *clip);

/* Returns whether flite has a voice of that name here. */
bool cli_voice_known(const char *voice);

/* Begins; noise is white noise in dBFS, or CLI_DB_UNSET. */
void cli_caller_init(cli_caller_t *c, double noise);

/* Begins to speak a clip, which must stay until it is spoken. */
void cli_caller_speak(cli_caller_t *c, const cli_clip_t *clip);

/* Makes the next 20 ms; sets began and ended. */
void cli_caller_frame(cli_caller_t *c, uint8_t out[VA_FRAME]);

/* Returns whether the clip still has something to say. */
bool cli_caller_talking(const cli_caller_t *c);

/* Returns whether a frame of mu-law is loud enough to be heard as a voice. */
bool cli_audible(const uint8_t ulaw[VA_FRAME]);

VA_END_DECLS

#endif
