#include "va_utf8.h"

#include <string.h>

#define VA_UTF8_HIGH_BITS UINT64_C(0x8080808080808080)

/*
 * Begins a character of more than one byte.  Only the byte after the first
 * has narrower bounds than 80..BF; they are what keeps out overlong forms
 * (E0, F0), surrogates (ED) and code points over U+10FFFF (F4).
 */
static bool va_utf8_lead(va_utf8_t *u, uint8_t c)
{
    u->lower = 0x80;
    u->upper = 0xbf;

    if (c >= 0xc2 && c <= 0xdf) {
        u->need = 1;
        return true;
    }
    if (c >= 0xe0 && c <= 0xef) {
        u->need = 2;
        if (c == 0xe0) {
            u->lower = 0xa0;
        } else if (c == 0xed) {
            u->upper = 0x9f;
        }
        return true;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        u->need = 3;
        if (c == 0xf0) {
            u->lower = 0x90;
        } else if (c == 0xf4) {
            u->upper = 0x8f;
        }
        return true;
    }
    return false;
}

/* Returns the first place that may not be ASCII, looking at 16 bytes a step. */
static const uint8_t *va_utf8_skip_ascii(const uint8_t *p, const uint8_t *end)
{
    uint64_t a, b;

    while (end - p >= 16) {
        memcpy(&a, p, 8);
        memcpy(&b, p + 8, 8);
        if (((a | b) & VA_UTF8_HIGH_BITS) != 0) {
            break;
        }
        p += 16;
    }
    while (p < end && *p < 0x80) {
        p++;
    }
    return p;
}

bool va_utf8_feed(va_utf8_t *u, const uint8_t *data, size_t len)
{
    const uint8_t *p = data;
    const uint8_t *end;

    if (len == 0) {
        return true;
    }
    end = data + len;
    while (p < end) {
        if (u->need == 0) {
            p = va_utf8_skip_ascii(p, end);
            if (p < end && !va_utf8_lead(u, *p++)) {
                return false;
            }
            continue;
        }
        if (*p < u->lower || *p > u->upper) {
            return false;
        }
        u->lower = 0x80;
        u->upper = 0xbf;
        u->need--;
        p++;
    }
    return true;
}

bool va_utf8_done(const va_utf8_t *u)
{
    return u->need == 0;
}

bool va_utf8_valid(va_str_t s)
{
    va_utf8_t u = {0};

    return va_utf8_feed(&u, (const uint8_t *)s.data, s.len) && va_utf8_done(&u);
}

va_str_t va_utf8_cut(va_str_t s, size_t max)
{
    if (s.len > max) {
        s.len = max;
        while (s.len > 0 && ((uint8_t)s.data[s.len] & 0xc0) == 0x80) {
            s.len--;
        }
    }
    return s;
}
