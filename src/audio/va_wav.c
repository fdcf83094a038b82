#include "va_wav.h"

#include <string.h>

#define FORMAT_EXTENSIBLE 0xfffe
#define CHANNELS_MAX 8
#define FMT_MIN 16
#define FMT_EXTENSIBLE 40 /* up to and with the GUID of the real format */
#define STREAMED 0xffffffffu

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v & 0xffff);
    put16(p + 2, v >> 16);
}

static va_rc_t parse_fmt(va_wav_info_t *info, const uint8_t *p, uint32_t size)
{
    info->format = get16(p);
    info->channels = get16(p + 2);
    info->rate = get32(p + 4);
    info->bits = get16(p + 14);
    if (info->format == FORMAT_EXTENSIBLE && size >= FMT_EXTENSIBLE) {
        info->format = get16(p + 24);
    }
    if (info->channels < 1 || info->channels > CHANNELS_MAX ||
        info->rate == 0 || get16(p + 12) != info->channels * info->bits / 8) {
        return VA_INVALID;
    }
    if (info->format == VA_WAV_ULAW) {
        return info->bits == 8 ? VA_OK : VA_INVALID;
    }
    return info->format == VA_WAV_PCM && (info->bits == 8 || info->bits == 16)
               ? VA_OK
               : VA_INVALID;
}

/* Answers whether the first bytes, however few, can begin a WAV. */
static bool begins_right(const uint8_t *data, size_t len)
{
    return memcmp(data, "RIFF", len < 4 ? len : 4) == 0 &&
           (len <= 8 || memcmp(data + 8, "WAVE", len < 12 ? len - 8 : 4) == 0);
}

/* Called at the body of the chunk "data". */
static va_rc_t parse_data(va_wav_info_t *info, size_t pos, uint32_t size)
{
    if (info->format == 0) {
        return VA_INVALID;
    }
    info->header_len = pos;
    info->data_len = size == 0 || size == STREAMED ? UINT64_MAX : size;
    return VA_OK;
}

va_rc_t va_wav_parse(va_wav_info_t *info, const uint8_t *data, size_t len)
{
    size_t pos = 12;
    unsigned chunks;

    memset(info, 0, sizeof(*info));
    if (len == 0) {
        return VA_AGAIN;
    }
    if (!begins_right(data, len)) {
        return VA_INVALID;
    }
    for (chunks = 0; chunks < VA_WAV_CHUNKS; chunks++) {
        const uint8_t *chunk;
        uint32_t size;

        if (pos > VA_WAV_SEARCH - 8) {
            return VA_LIMIT;
        }
        if (len < pos + 8) {
            return VA_AGAIN;
        }
        chunk = data + pos;
        size = get32(chunk + 4);
        pos += 8;
        if (memcmp(chunk, "data", 4) == 0) {
            return parse_data(info, pos, size);
        }
        if (size > VA_WAV_SEARCH - pos) {
            return VA_LIMIT;
        }
        if (memcmp(chunk, "fmt ", 4) == 0) {
            if (size < FMT_MIN || info->format != 0) {
                return VA_INVALID;
            }
            if (len - pos < size) {
                return VA_AGAIN;
            }
            if (parse_fmt(info, data + pos, size) != VA_OK) {
                return VA_INVALID;
            }
        }
        pos += size + (size & 1);
    }
    return VA_LIMIT;
}

void va_wav_header(uint8_t out[VA_WAV_HEADER], unsigned format, unsigned rate,
                   unsigned channels, uint32_t data_len)
{
    unsigned bytes = format == VA_WAV_ULAW ? 1 : 2;
    uint32_t rest = VA_WAV_HEADER - 8;

    memcpy(out, "RIFF", 4);
    put32(out + 4, data_len <= UINT32_MAX - rest ? data_len + rest : STREAMED);
    memcpy(out + 8, "WAVEfmt ", 8);
    put32(out + 16, FMT_MIN);
    put16(out + 20, format);
    put16(out + 22, channels);
    put32(out + 24, rate);
    put32(out + 28, rate * channels * bytes);
    put16(out + 32, channels * bytes);
    put16(out + 34, bytes * 8);
    memcpy(out + 36, "data", 4);
    put32(out + 40, data_len);
}
