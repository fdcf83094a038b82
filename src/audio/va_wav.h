/*
 * RIFF/WAVE headers, read as they arrive and written for files and uploads.
 */
#ifndef VA_WAV_H
#define VA_WAV_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

enum { VA_WAV_PCM = 1, VA_WAV_ULAW = 7 };

typedef struct {
    unsigned format;   /* VA_WAV_PCM or VA_WAV_ULAW */
    unsigned channels; /* 1..8 */
    unsigned rate;     /* samples a second */
    unsigned bits;     /* bits a sample: 8 or 16 */
    size_t header_len; /* bytes before the first sample */
    uint64_t data_len; /* bytes of samples; UINT64_MAX when streamed (the
                          header says 0 or 0xffffffff) */
} va_wav_info_t;

#define VA_WAV_HEADER 44    /* bytes va_wav_header writes */
#define VA_WAV_SEARCH 65536 /* a header longer than this is refused */
#define VA_WAV_CHUNKS 64    /* so is one of more chunks than this */

VA_BEGIN_DECLS

/*
 * Reads the header at the start of data.  Unknown chunks are skipped; the
 * extensible form of the format (0xfffe) is answered as the format it names.
 *
 * VA_OK      *info is filled, samples begin at info->header_len
 * VA_AGAIN   the header is not complete
 * VA_INVALID not RIFF/WAVE, a format not listed above, or nonsense sizes
 * VA_LIMIT   no samples within VA_WAV_SEARCH bytes or VA_WAV_CHUNKS chunks
 */
va_rc_t va_wav_parse(va_wav_info_t *info, const uint8_t *data, size_t len);

/*
 * Writes a header for data_len bytes of samples.  bits is 16 for VA_WAV_PCM
 * and 8 for VA_WAV_ULAW.
 */
void va_wav_header(uint8_t out[VA_WAV_HEADER], unsigned format, unsigned rate,
                   unsigned channels, uint32_t data_len);

VA_END_DECLS

#endif
