/*
 * Types that every room of libvoiceai shares.
 */
#ifndef VA_BASE_H
#define VA_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The module is loaded into one symbol space with the server and all its other
 * modules, so nothing of the core may be visible outside the object it is
 * linked into.  Every core header stands between these two.
 */
#define VA_BEGIN_DECLS _Pragma("GCC visibility push(hidden)")
#define VA_END_DECLS _Pragma("GCC visibility pop")

#define VA_VERSION "0.1.0"

/*
 * What a core function answers.  Negative values are errors; VA_AGAIN is not
 * an error, it says that the input so far is right but not complete.
 */
typedef enum {
    VA_OK = 0,
    VA_AGAIN = 1,
    VA_INVALID = -1, /* the input is malformed */
    VA_LIMIT = -2,   /* a bound named in the interface was reached */
    VA_NOMEM = -3,   /* memory could not be had */
    VA_FAILED = -4   /* a library or a peer refused */
} va_rc_t;

/* A counted string; not owned and not terminated unless said otherwise. */
typedef struct {
    const char *data;
    size_t len;
} va_str_t;

#define VA_STR(literal) ((va_str_t){"" literal, sizeof(literal) - 1})

VA_BEGIN_DECLS

/* Returns a view of the terminated string s; s may be NULL (empty view). */
va_str_t va_str(const char *s);

/* Returns whether a and b hold the same bytes.  Not constant time. */
bool va_str_eq(va_str_t a, va_str_t b);

/* Returns whether a and b are equal but for ASCII case. */
bool va_str_caseeq(va_str_t a, va_str_t b);

/*
 * Copies s into dst of cap bytes, cut at cap - 1 bytes, and terminates it.
 * Returns the number of bytes copied.  cap must not be 0.
 */
size_t va_str_copy(char *dst, size_t cap, va_str_t s);

/* Returns s without the white space and control bytes around it. */
va_str_t va_str_trim(va_str_t s);

/* Returns a terminated heap copy of s for free(3), or NULL without memory. */
char *va_str_dup(va_str_t s);

VA_END_DECLS

#endif
