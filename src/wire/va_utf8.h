/*
 * UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing over U+10FFFF.
 */
#ifndef VA_UTF8_H
#define VA_UTF8_H

#include "../base/va_base.h"

/* State between pieces of a text; zero at the beginning. */
typedef struct {
    uint8_t need;  /* continuation bytes still to come */
    uint8_t lower; /* bounds of the next one */
    uint8_t upper;
} va_utf8_t;

VA_BEGIN_DECLS

/* Feeds a piece; false as soon as the text cannot be UTF-8 any more. */
bool va_utf8_feed(va_utf8_t *u, const uint8_t *data, size_t len);

/* Returns whether the text may end here. */
bool va_utf8_done(const va_utf8_t *u);

/* Returns whether s is a whole valid text. */
bool va_utf8_valid(va_str_t s);

/* Returns s cut to max bytes, without cutting a character. */
va_str_t va_utf8_cut(va_str_t s, size_t max);

VA_END_DECLS

#endif
