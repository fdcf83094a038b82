/*
 * JSON (RFC 8259) over yajl: a bounded tree to read, a writer into a buffer.
 */
#ifndef VA_JSON_H
#define VA_JSON_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

#define VA_JSON_DEPTH 32     /* deeper nesting is refused */
#define VA_JSON_VALUES 65536 /* a text of more values is refused */

typedef struct yajl_val_s va_json_t; /* a value; yajl's tree node */

VA_BEGIN_DECLS

/*
 * Parses a whole text.  Returns a tree for va_json_free, or NULL; then error,
 * of error_cap bytes, says in one line what was wrong, without quoting the
 * text.  All strings of a tree are UTF-8 without NUL: \u0000 and half a
 * surrogate pair become U+FFFD, a text with raw bytes that are not UTF-8 is
 * refused.
 */
va_json_t *va_json_parse(va_str_t text, char *error, size_t error_cap);

void va_json_free(va_json_t *v);

/*
 * Returns the member at a path of names separated by dots ("delta.content"),
 * a number meaning a place in an array ("choices.0"), or NULL.  The empty
 * path is v itself.  Of members of the same name the first counts.
 */
va_json_t *va_json_at(va_json_t *v, const char *path);

/* Returns a string member, terminated, or a view whose data is NULL. */
va_str_t va_json_str(va_json_t *v, const char *path);

/*
 * Returns a member that is a number, or a string that holds one as Twilio's
 * messages do; else other.
 */
double va_json_num(va_json_t *v, const char *path, double other);

/* Returns a boolean member, else other. */
bool va_json_bool(va_json_t *v, const char *path, bool other);

/* Returns the number of elements of an array or object, else 0. */
size_t va_json_len(va_json_t *v);

/*
 * Returns member i of an object and sets *name, or element i of an array
 * (*name then empty); NULL past the end.
 */
va_json_t *va_json_item(va_json_t *v, size_t i, va_str_t *name);

/*
 * Appends s as a JSON string with its quotes.  Bytes that are not UTF-8 become
 * U+FFFD, so that the output is always valid.
 */
va_rc_t va_json_quote(va_buf_t *b, va_str_t s);

/*
 * Appends a tree as text, numbers as they were written.  NULL is "null".
 * Returns b->rc.
 */
va_rc_t va_json_write(va_buf_t *b, va_json_t *v);

VA_END_DECLS

#endif
