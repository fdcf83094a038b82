#include "va_text.h"

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
