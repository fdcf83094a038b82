/*
 * A growable byte buffer that is born with a maximum.
 *
 * The first failure (no memory, or the maximum) is remembered in `rc` and
 * every later append does nothing, so that a writer may append many times and
 * look once.
 */
#ifndef VA_BUF_H
#define VA_BUF_H

#include "va_base.h"

typedef struct {
    char *data; /* len bytes, always followed by a NUL when not NULL */
    size_t len;
    size_t cap;
    size_t max; /* len never exceeds it */
    va_rc_t rc; /* VA_OK, VA_LIMIT or VA_NOMEM */
} va_buf_t;

VA_BEGIN_DECLS

/* Makes b an empty buffer of at most max bytes.  Allocates nothing. */
void va_buf_init(va_buf_t *b, size_t max);

/* Frees the memory of b and makes it empty again, with the same maximum. */
void va_buf_free(va_buf_t *b);

/* Empties b and forgets a failure, keeping its memory for reuse. */
void va_buf_reset(va_buf_t *b);

/* Appends n bytes; returns b->rc. */
va_rc_t va_buf_append(va_buf_t *b, const void *data, size_t n);

/* Appends a counted string; returns b->rc. */
va_rc_t va_buf_str(va_buf_t *b, va_str_t s);

/* Appends a terminated string; returns b->rc. */
va_rc_t va_buf_puts(va_buf_t *b, const char *s);

/* Appends formatted text; returns b->rc. */
va_rc_t va_buf_printf(va_buf_t *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Makes room for n more bytes and returns where they go, or NULL (b->rc tells
 * why).  The caller writes there and adds what it wrote to b->len.
 */
void *va_buf_reserve(va_buf_t *b, size_t n);

/* Drops the first n bytes (all of them if there are fewer). */
void va_buf_consume(va_buf_t *b, size_t n);

/* Returns a view of the content, valid until the next change of b. */
va_str_t va_buf_view(const va_buf_t *b);

VA_END_DECLS

#endif
