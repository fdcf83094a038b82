#include "va_base64.h"

#include <string.h>

/* Set in the table for what is not in the alphabet, and in no value. */
#define VA_BASE64_BAD 0xc0

static const char va_base64_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 0xff: not in the alphabet. */
static const uint8_t va_base64_values[256] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3e, 0xff, 0xff, 0xff, 0x3f,
    0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
    0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12,
    0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24,
    0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30,
    0x31, 0x32, 0x33, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff,
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define VA_BASE64_BLOCKS 1
#define VA_BASE64_TEXT 16 /* characters of a block */
#define VA_BASE64_DATA 12 /* bytes of a block */

typedef int8_t va_base64_chars_t __attribute__((vector_size(16)));
typedef uint32_t va_base64_words_t __attribute__((vector_size(16)));

static inline uint32_t va_base64_load(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return __builtin_bswap32(v);
}

/* Encodes a block; reads one byte more than it. */
static inline void va_base64_encode_block(char *out, const uint8_t *in)
{
    va_base64_words_t w = {va_base64_load(in), va_base64_load(in + 3),
                           va_base64_load(in + 6), va_base64_load(in + 9)};
    va_base64_chars_t c;

    w = w >> 26 | (w >> 12 & 0x3f00) | (w << 2 & 0x3f0000) |
        (w << 16 & 0x3f000000);
    c = (va_base64_chars_t)w;
    /* Where the alphabet jumps: to a, to 0, to + and to the slash. */
    c += 'A' + ((c > 25) & ('a' - 'A' - 26)) + ((c > 51) & ('0' - 'a' - 26)) +
         ((c > 61) & ('+' - '0' - 10)) + ((c > 62) & ('/' - '+' - 1));
    memcpy(out, &c, sizeof(c));
}

/* Decodes a block; clears bits of *good where characters are bad. */
static inline void va_base64_decode_block(uint8_t *out, const uint8_t *in,
                                          va_base64_chars_t *good)
{
    va_base64_chars_t c, plus;
    va_base64_words_t w;
    uint32_t v;

    memcpy(&c, in, sizeof(c));
    plus = c == '+';
    /* An odd number of these bounds is below what is in the alphabet. */
    *good &= plus | ((c > '/' - 1) ^ (c > '9') ^ (c > 'A' - 1) ^ (c > 'Z') ^
                     (c > 'a' - 1) ^ (c > 'z'));
    c += (plus & (62 - '+')) + ((c > '/' - 1) & (63 - '/')) +
         ((c > '/') & (52 - '0' - (63 - '/'))) +
         ((c > 'A' - 1) & (0 - 'A' - (52 - '0'))) +
         ((c > 'a' - 1) & (26 - 'a' - (0 - 'A')));
    w = (va_base64_words_t)c;
    w = w << 26 | (w << 12 & 0x03f00000) | (w >> 2 & 0x000fc000) |
        (w >> 16 & 0x00003f00);
    for (int i = 0; i < 3; i++) {
        /* The fourth byte is written over by the next group. */
        v = __builtin_bswap32(w[i]);
        memcpy(out + 3 * i, &v, sizeof(v));
    }
    v = __builtin_bswap32(w[3]);
    memcpy(out + 9, &v, 3);
}
#endif

size_t va_base64_encode(char *out, const uint8_t *in, size_t n)
{
    const char *start = out;
    uint32_t v;

#ifdef VA_BASE64_BLOCKS
    for (; n > VA_BASE64_DATA; n -= VA_BASE64_DATA) {
        va_base64_encode_block(out, in);
        in += VA_BASE64_DATA;
        out += VA_BASE64_TEXT;
    }
#endif
    for (; n >= 3; n -= 3, in += 3, out += 4) {
        v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        out[0] = va_base64_chars[v >> 18];
        out[1] = va_base64_chars[v >> 12 & 63];
        out[2] = va_base64_chars[v >> 6 & 63];
        out[3] = va_base64_chars[v & 63];
    }
    if (n != 0) {
        v = (uint32_t)in[0] << 16 | (n == 2 ? (uint32_t)in[1] << 8 : 0);
        out[0] = va_base64_chars[v >> 18];
        out[1] = va_base64_chars[v >> 12 & 63];
        out[2] = n == 2 ? va_base64_chars[v >> 6 & 63] : '=';
        out[3] = '=';
        out += 4;
    }
    return (size_t)(out - start);
}

/*
 * Decodes n characters, whole groups without padding.  Bad ones are only
 * collected on the way, which spares the loop a branch a group.
 */
static bool va_base64_groups(uint8_t *out, const uint8_t *in, size_t n)
{
    uint32_t seen = 0;

#ifdef VA_BASE64_BLOCKS
    va_base64_chars_t good = ~(va_base64_chars_t){0};
    int8_t all = -1;

    for (; n >= VA_BASE64_TEXT; n -= VA_BASE64_TEXT) {
        va_base64_decode_block(out, in, &good);
        in += VA_BASE64_TEXT;
        out += VA_BASE64_DATA;
    }
    for (int i = 0; i < VA_BASE64_TEXT; i++) {
        all &= good[i];
    }
    seen = all == -1 ? 0 : VA_BASE64_BAD;
#endif
    for (; n >= 4; n -= 4, in += 4, out += 3) {
        uint32_t a = va_base64_values[in[0]];
        uint32_t b = va_base64_values[in[1]];
        uint32_t c = va_base64_values[in[2]];
        uint32_t d = va_base64_values[in[3]];
        uint32_t v = a << 18 | b << 12 | c << 6 | d;

        seen |= a | b | c | d;
        out[0] = (uint8_t)(v >> 16);
        out[1] = (uint8_t)(v >> 8);
        out[2] = (uint8_t)v;
    }
    return (seen & VA_BASE64_BAD) == 0;
}

/* Decodes the last group, which ends in pad (1 or 2) padding characters. */
static bool va_base64_tail(uint8_t *out, const uint8_t *in, size_t pad)
{
    uint32_t a = va_base64_values[in[0]];
    uint32_t b = va_base64_values[in[1]];
    uint32_t c = pad == 1 ? va_base64_values[in[2]] : 0;
    uint32_t unused = pad == 1 ? c & 0x03 : b & 0x0f;

    if (((a | b | c) & VA_BASE64_BAD) != 0 || unused != 0) {
        return false;
    }
    out[0] = (uint8_t)(a << 2 | b >> 4);
    if (pad == 1) {
        out[1] = (uint8_t)(b << 4 | c >> 2);
    }
    return true;
}

va_rc_t va_base64_decode(uint8_t *out, size_t cap, size_t *out_len, va_str_t in)
{
    const uint8_t *p = (const uint8_t *)in.data;
    size_t whole = in.len;
    size_t pad = 0;
    size_t len;

    *out_len = 0;
    if (in.len % 4 != 0) {
        return VA_INVALID;
    }
    if (in.len == 0) {
        return VA_OK;
    }
    if (p[in.len - 1] == '=') {
        pad = p[in.len - 2] == '=' ? 2 : 1;
        whole -= 4;
    }
    len = VA_BASE64_ROOM(in.len) - pad;
    if (cap < len) {
        return VA_LIMIT;
    }
    if (!va_base64_groups(out, p, whole) ||
        (pad != 0 &&
         !va_base64_tail(out + VA_BASE64_ROOM(whole), p + whole, pad))) {
        return VA_INVALID;
    }
    *out_len = len;
    return VA_OK;
}
