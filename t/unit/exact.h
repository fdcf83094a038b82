/*
 * Copies of a test's input in blocks of exactly its size, so that a reader
 * that goes too far is caught by the sanitizers and by valgrind.
 */
#ifndef EXACT_H
#define EXACT_H

#include <stdlib.h>
#include <string.h>

#include "base/va_base.h"

/* Returns a copy of s, not terminated; free its data with exact_free. */
static inline va_str_t exact(va_str_t s)
{
    /* malloc(0) may give NULL; the end of a block of one byte is as exact. */
    char *block = malloc(s.len != 0 ? s.len : 1);

    if (block == NULL) {
        abort();
    }
    if (s.len == 0) {
        return (va_str_t){block + 1, 0};
    }
    memcpy(block, s.data, s.len);
    return (va_str_t){block, s.len};
}

static inline void exact_free(va_str_t s)
{
    free((char *)(uintptr_t)(s.len != 0 ? s.data : s.data - 1));
}

#endif
