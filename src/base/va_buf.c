#include "va_buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VA_BUF_FIRST 256

void va_buf_init(va_buf_t *b, size_t max)
{
    memset(b, 0, sizeof(*b));
    b->max = max;
}

void va_buf_free(va_buf_t *b)
{
    free(b->data);
    va_buf_init(b, b->max);
}

void va_buf_reset(va_buf_t *b)
{
    b->len = 0;
    b->rc = VA_OK;
    if (b->data != NULL) {
        b->data[0] = '\0';
    }
}

void *va_buf_reserve(va_buf_t *b, size_t n)
{
    size_t cap;
    char *data;

    if (b->rc != VA_OK) {
        return NULL;
    }
    if (n > b->max - b->len) {
        b->rc = VA_LIMIT;
        return NULL;
    }
    if (b->data == NULL || n >= b->cap - b->len) {
        cap = b->cap != 0 ? b->cap : VA_BUF_FIRST;
        while (cap <= b->len + n) {
            cap = cap <= SIZE_MAX / 2 ? cap * 2 : SIZE_MAX;
        }
        if (cap > b->max) {
            cap = b->max + 1;
        }
        data = realloc(b->data, cap);
        if (data == NULL) {
            b->rc = VA_NOMEM;
            return NULL;
        }
        b->data = data;
        b->cap = cap;
    }
    return b->data + b->len;
}

va_rc_t va_buf_append(va_buf_t *b, const void *data, size_t n)
{
    void *to = va_buf_reserve(b, n);

    if (to != NULL) {
        if (n != 0) {
            memcpy(to, data, n);
        }
        b->len += n;
        b->data[b->len] = '\0';
    }
    return b->rc;
}

va_rc_t va_buf_str(va_buf_t *b, va_str_t s)
{
    return va_buf_append(b, s.data, s.len);
}

va_rc_t va_buf_puts(va_buf_t *b, const char *s)
{
    return va_buf_append(b, s, strlen(s));
}

va_rc_t va_buf_printf(va_buf_t *b, const char *fmt, ...)
{
    va_list args;
    int n;
    char *to;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) {
        b->rc = VA_INVALID;
        return b->rc;
    }
    to = va_buf_reserve(b, (size_t)n);
    if (to != NULL) {
        va_start(args, fmt);
        vsnprintf(to, (size_t)n + 1, fmt, args);
        va_end(args);
        b->len += (size_t)n;
    }
    return b->rc;
}

void va_buf_consume(va_buf_t *b, size_t n)
{
    if (n > b->len) {
        n = b->len;
    }
    if (n == 0) {
        return;
    }
    b->len -= n;
    memmove(b->data, b->data + n, b->len);
    b->data[b->len] = '\0';
}

va_str_t va_buf_view(const va_buf_t *b)
{
    return (va_str_t){b->data, b->len};
}
