/*
 * Text from outside, which may or may not be UTF-8, one character at a time.
 */
#ifndef VA_TEXT_H
#define VA_TEXT_H

#include "../base/va_base.h"

/* U+FFFD, which stands for what could not be read. */
#define VA_TEXT_REPLACEMENT VA_STR("\xef\xbf\xbd")

VA_BEGIN_DECLS

/*
 * Returns how many bytes the first character of s takes; s is not empty.
 * *valid says whether it is one.  If not, the bytes are the longest beginning
 * of a character, or a single byte, that one U+FFFD replaces (Unicode 15,
 * section 3.9, "maximal subparts").
 */
size_t va_text_next(va_str_t s, bool *valid);

/*
 * Copies s to out of cap bytes, which must not be 0, as one line of valid
 * UTF-8: control characters (C0, DEL, C1) become spaces, what could not be read
 * becomes "?".  Cut between characters and terminated.
 */
void va_text_line(char *out, size_t cap, va_str_t s);

VA_END_DECLS

#endif
