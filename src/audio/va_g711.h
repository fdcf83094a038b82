/*
 * G.711 mu-law (ITU-T G.711), the audio of the telephone network: 8000 samples
 * a second, one byte a sample.
 */
#ifndef VA_G711_H
#define VA_G711_H

#include "../base/va_base.h"

#define VA_RATE 8000         /* samples a second on the wire */
#define VA_FRAME 160         /* samples of one 20 ms frame */
#define VA_FRAME_MS 20       /* milliseconds of one frame */
#define VA_ULAW_SILENCE 0xff /* mu-law of sample 0 */

VA_BEGIN_DECLS

/* Decodes n mu-law bytes to n linear samples of 16 bits (full scale 32124). */
void va_ulaw_decode(int16_t *pcm, const uint8_t *ulaw, size_t n);

/* Encodes n linear samples of 16 bits to n mu-law bytes. */
void va_ulaw_encode(uint8_t *ulaw, const int16_t *pcm, size_t n);

VA_END_DECLS

#endif
