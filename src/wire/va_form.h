/*
 * application/x-www-form-urlencoded (WHATWG URL, section 5): form bodies and
 * query strings.
 */
#ifndef VA_FORM_H
#define VA_FORM_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

#define VA_FORM_MAX 256 /* pairs in one form */

typedef struct {
    va_str_t name; /* decoded */
    va_str_t value;
} va_form_pair_t;

typedef struct va_form va_form_t;

VA_BEGIN_DECLS

/*
 * Decodes data into a form, pairs in their order, empty values included.
 *
 * VA_OK      *form is set; free it with va_form_free
 * VA_INVALID a percent sign without two hexadecimal digits, or a NUL
 * VA_LIMIT   more than VA_FORM_MAX pairs
 * VA_NOMEM
 */
va_rc_t va_form_parse(va_form_t **form, va_str_t data);

void va_form_free(va_form_t *form);

/* Returns the pairs and sets *count. */
const va_form_pair_t *va_form_pairs(const va_form_t *form, size_t *count);

/*
 * Returns the value of the first pair of that name, or a view whose data is
 * NULL when there is none.  Terminated, so it serves as a C string too.
 */
va_str_t va_form_get(const va_form_t *form, const char *name);

/* Appends name=value, encoded, with an & before it when b is not empty. */
va_rc_t va_form_add(va_buf_t *b, va_str_t name, va_str_t value);

VA_END_DECLS

#endif
