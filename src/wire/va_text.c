#include "va_text.h"

#include <string.h>

#include "va_utf8.h"

size_t va_text_next(va_str_t s, bool *valid)
{
    const uint8_t *p = (const uint8_t *)s.data;
    va_utf8_t u = {0};
    size_t n = 0;

    if (*p < 0x80) {
        *valid = true;
        return 1;
    }
    do {
        if (!va_utf8_feed(&u, p + n, 1)) {
            *valid = false;
            return n != 0 ? n : 1;
        }
        n++;
    } while (!va_utf8_done(&u) && n < s.len);

    *valid = va_utf8_done(&u);
    return n;
}

static bool va_text_is_control(const char *s, size_t n)
{
    unsigned char c = (unsigned char)s[0];

    return n == 1 ? c < ' ' || c == 0x7f
                  : n == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0;
}

void va_text_line(char *out, size_t cap, va_str_t s)
{
    size_t len = 0;

    while (s.len != 0) {
        bool valid;
        size_t n = va_text_next(s, &valid);

        if (n >= cap - len) {
            break;
        }
        if (!valid) {
            out[len++] = '?';
        } else if (va_text_is_control(s.data, n)) {
            out[len++] = ' ';
        } else {
            memcpy(out + len, s.data, n);
            len += n;
        }
        s.data += n;
        s.len -= n;
    }
    out[len] = '\0';
}
