/*
 * How much of a conversation a model is told.
 */
#ifndef VA_AI_TRIM_H
#define VA_AI_TRIM_H

#include "va_ai.h"

VA_BEGIN_DECLS

/*
 * Estimates the tokens of a text without any model's table: a quarter of a
 * token for a byte of ASCII, one for any other character.  Of most languages
 * and models it is too many rather than too few.
 */
size_t va_ai_tokens(va_str_t text);

/*
 * Returns the first of n messages that is to be told, so that they and the
 * prompt, which always is, have max_tokens and max_turns at most (0: no bound).
 * A turn begins where the caller speaks after somebody else, and is told whole:
 * a call of a tool never without its result.  The last turn is told even if it
 * alone is too much.
 */
size_t va_ai_trim(va_str_t prompt, const va_ai_message_t *messages, size_t n,
                  size_t max_tokens, size_t max_turns);

VA_END_DECLS

#endif
