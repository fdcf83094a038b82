/*
 * Calls of tools as a model writes them: in fragments that are known by a
 * number, or whole.
 */
#ifndef VA_AI_CALLS_H
#define VA_AI_CALLS_H

#include "va_ai_provider.h"

#define VA_AI_CALLS 16       /* in one reply; more are refused */
#define VA_AI_CALL_MAX 65536 /* bytes of the arguments of one */
#define VA_AI_NAME_MAX 256   /* of an id, and of a name */

typedef struct {
    long index;
    va_buf_t id;
    va_buf_t name;
    va_buf_t args;
} va_ai_call_t;

/* All zero at the beginning. */
typedef struct {
    va_ai_call_t calls[VA_AI_CALLS];
    size_t count;
} va_ai_calls_t;

VA_BEGIN_DECLS

/*
 * Adds a fragment of call `index`; each of id, name and args may be empty.
 * Negative: of the call before, or of a new one if there is an id.  An id that
 * is not that of the call begins another call, for there are servers that give
 * all the same index.  VA_OK, VA_LIMIT or VA_NOMEM.
 */
va_rc_t va_ai_calls_add(va_ai_calls_t *c, long index, va_str_t id,
                        va_str_t name, va_str_t args);

/* Returns whether there is a call that has a name. */
bool va_ai_calls_any(const va_ai_calls_t *c);

/*
 * Tells all calls that have a name, in the order in which they began.  What
 * has no id gets one, what has no arguments gets "{}".
 */
va_rc_t va_ai_calls_emit(va_ai_calls_t *c, va_ai_reader_t *r);

void va_ai_calls_free(va_ai_calls_t *c);

VA_END_DECLS

#endif
