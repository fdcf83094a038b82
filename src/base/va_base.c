#include "va_base.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

va_str_t va_str(const char *s)
{
    return (va_str_t){s, s != NULL ? strlen(s) : 0};
}

bool va_str_eq(va_str_t a, va_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool va_str_caseeq(va_str_t a, va_str_t b)
{
    return a.len == b.len &&
           (a.len == 0 || strncasecmp(a.data, b.data, a.len) == 0);
}

size_t va_str_copy(char *dst, size_t cap, va_str_t s)
{
    size_t n = s.len < cap - 1 ? s.len : cap - 1;

    if (n != 0) {
        memcpy(dst, s.data, n);
    }
    dst[n] = '\0';
    return n;
}

va_str_t va_str_trim(va_str_t s)
{
    while (s.len > 0 && (uint8_t)s.data[s.len - 1] <= ' ') {
        s.len--;
    }
    while (s.len > 0 && (uint8_t)s.data[0] <= ' ') {
        s.data++;
        s.len--;
    }
    return s;
}

char *va_str_dup(va_str_t s)
{
    char *copy = malloc(s.len + 1);

    if (copy != NULL) {
        if (s.len != 0) {
            memcpy(copy, s.data, s.len);
        }
        copy[s.len] = '\0';
    }
    return copy;
}
