/*
 * A set of labelled phone streams: DIR/labels.tsv and headerless mu-law files
 * in whole 20 ms frames.
 *
 * Tab-separated rows of labels.tsv:
 *   S stream file frames kind noise snr level channel step family sha1
 *   U stream utterance begin end language speaker segments text
 * Begin, end and segments ("begin-end,begin-end") count samples.
 */
#ifndef VA_CLI_VAD_SET_H
#define VA_CLI_VAD_SET_H

#include "../audio/va_g711.h"

/* A stretch of speech, in samples. */
typedef struct {
    long begin, end;
} va_vad_span_t;

typedef struct {
    char id[32];
    char file[64];  /* below DIR */
    char noise[16]; /* what is heard besides speech */
    bool noise_only;
    size_t frames;
    va_vad_span_t *speech; /* in order of time, without longer pauses */
    size_t spans;
} va_vad_stream_t;

typedef struct {
    va_vad_stream_t *streams;
    size_t count;
} va_vad_set_t;

VA_BEGIN_DECLS

/*
 * Reads DIR/labels.tsv.  Returns whether that worked; if not, it has said why
 * on standard error and nothing has to be freed.
 */
bool va_vad_set_load(va_vad_set_t *set, const char *dir);

void va_vad_set_free(va_vad_set_t *set);

/*
 * Returns the mu-law bytes of a stream, frames * VA_FRAME of them, for
 * free(3); or NULL after a message on standard error.
 */
uint8_t *va_vad_set_audio(const char *dir, const va_vad_stream_t *stream);

VA_END_DECLS

#endif
