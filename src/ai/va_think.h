/*
 * Takes the thinking out of what a model says: some servers leave
 * <think>...</think> inside the text that would be spoken.
 */
#ifndef VA_THINK_H
#define VA_THINK_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

#define VA_THINK_TAG 8 /* bytes of the longest tag, "</think>" */

/* State between pieces of a text; zero at the beginning. */
typedef struct {
    char held[VA_THINK_TAG]; /* what may be the beginning of a tag */
    size_t held_len;
    bool inside;
    bool began; /* something to be spoken came; white space now counts */
} va_think_t;

VA_BEGIN_DECLS

/*
 * Feeds a piece and appends to out what of it is to be spoken.  White space
 * before the first word is dropped.  Returns out->rc.
 */
va_rc_t va_think_feed(va_think_t *t, va_str_t piece, va_buf_t *out);

/* Ends the text: appends what was held back and turned out to be no tag. */
va_rc_t va_think_finish(va_think_t *t, va_buf_t *out);

VA_END_DECLS

#endif
