/*
 * What the voice activity detector knows of a 20 ms frame: band energies over
 * their noise floors, and the shape of the spectrum.
 *
 * All arithmetic is single-precision addition, multiplication, division and
 * square root in a fixed order, without the C library's transcendental
 * functions, so that every IEEE 754 machine computes the same bits.
 */
#ifndef VA_VAD_FEATURES_H
#define VA_VAD_FEATURES_H

#include "va_g711.h"

#define VA_VAD_BANDS 16
#define VA_VAD_BLOCKS 6
#define VA_VAD_FEATURES 44 /* a multiple of 4 */
#define VA_VAD_WINDOW 256  /* samples that one spectrum looks at */

/* The memory of one stream's features. */
typedef struct {
    float tail[VA_VAD_WINDOW - VA_FRAME]; /* end of the last frame, filtered */
    float x1, x2, y1, y2;      /* last samples into and out of the high-pass */
    float floor[VA_VAD_BANDS]; /* noise floor, dB */
    float prev[VA_VAD_BANDS];  /* last band energies, dB */
    float cur[VA_VAD_BANDS];   /* minimum of the running block */
    float minima[VA_VAD_BLOCKS][VA_VAD_BANDS];
    float peak;     /* level of the loudest talker, dB, sinks slowly */
    float level;    /* energy of the last frame, dBFS */
    int peak_bin;   /* strongest bin of the last frame */
    uint32_t frame; /* frames within the running block */
    uint32_t block; /* block of minima that is written next */
    uint32_t begun; /* frames heard, counted up to a few */
} va_vad_features_t;

VA_BEGIN_DECLS

/* Starts a stream. */
void va_vad_features_init(va_vad_features_t *f);

/*
 * Takes the next VA_FRAME samples and writes their features to out.  All of
 * them are finite and roughly within -4..4 whatever the samples are.
 */
void va_vad_features_frame(va_vad_features_t *f, const int16_t pcm[VA_FRAME],
                           float out[VA_VAD_FEATURES]);

VA_END_DECLS

#endif
