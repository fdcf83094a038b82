/*
 * What reaches us is not all the caller: the line, or the caller's telephone on
 * a table, gives back what we say, and other people talk behind him.  The
 * detector of voice activity rightly calls both speech.  These two rules tell
 * them from the caller: echo by what we sent, people behind by their level.
 *
 * Echo: every 20 ms of what is sent is kept as the levels of four bands, with
 * the time at which it is played.  What is received is echo when nothing of it
 * is louder than what was played within the last 0.7 s, less the loss of the
 * way back, could make it.  That loss is at least VA_ECHO_LOSS; more is learnt
 * from the line.  When the two envelopes go together at one delay, the echo is
 * expected at that delay, and the caller is heard in its gaps and over it.
 *
 * State below 4 kB, no allocation after va_echo_new, no clock of its own, the
 * same bits on every machine.
 */
#ifndef VA_ECHO_H
#define VA_ECHO_H

#include "va_g711.h"

#define VA_ECHO_LOSS 20       /* dB by which echo is softer than what we sent */
#define VA_ECHO_AHEAD_MS 9000 /* what is to be played later is forgotten */

typedef struct va_echo va_echo_t;

/* How loud the caller is.  Embed it; va_level_init starts it. */
typedef struct {
    float caller;    /* dBFS, while speech was heard */
    float recent;    /* dBFS of the frames last heard */
    uint32_t speech; /* frames of speech heard, counted up to some */
    uint32_t behind; /* in a row that were too soft */
} va_level_t;

VA_BEGIN_DECLS

/* Returns an echo rule for one stream, or NULL without memory. */
va_echo_t *va_echo_new(void);

void va_echo_free(va_echo_t *e);

/*
 * Notes n bytes of mu-law that were sent, the first of which is played at
 * play_ms.  Chunks of any size, in order or not; times are of any clock, the
 * same as for va_echo_frame.
 */
void va_echo_sent(va_echo_t *e, const uint8_t *ulaw, size_t n,
                  uint64_t play_ms);

/* Notes that nothing sent so far is played from now_ms on. */
void va_echo_cleared(va_echo_t *e, uint64_t now_ms);

/*
 * Judges the next VA_FRAME bytes received, which were heard at now_ms; call it
 * for every frame.  Returns whether what is heard can be our own echo: then it
 * is no reason to stop talking.  False when nothing was played lately.
 *
 * The times of frames are best counted from the first one in steps of 20 ms:
 * the clock of their arrival jitters, and a delay is then learnt worse.
 */
bool va_echo_frame(va_echo_t *e, const uint8_t ulaw[VA_FRAME], uint64_t now_ms);

/* Returns the delay in ms at which an echo was found, or -1. */
int va_echo_delay(const va_echo_t *e);

/* Returns the bytes that one rule occupies. */
size_t va_echo_size(void);

void va_level_init(va_level_t *l);

/*
 * Takes the level of a frame, as va_vad_level gives it, and whether the frame
 * is speech and not echo.  Returns whether that speech is so much softer than
 * the caller's (12 dB, over a tenth of a second) that it is somebody behind
 * him.  A caller who has gone away from his telephone is believed after three
 * seconds.  False for frames that are not speech.
 */
bool va_level_frame(va_level_t *l, float dbfs, bool speech);

VA_END_DECLS

#endif
