/*
 * The media message in the form in which Twilio sends fifty a second.
 */
#ifndef VA_MEDIA_SCAN_H
#define VA_MEDIA_SCAN_H

#include "va_media.h"

VA_BEGIN_DECLS

/*
 * Reads text as a media message whose members are those that Twilio sends, in
 * any order and each at most once, and whose strings are plain ASCII.  Fills
 * *msg, but for its params, with views into text; it must be zero before.
 *
 * Returns false, *msg undefined, for anything else.  That says nothing about
 * the text; what is taken is valid JSON and means the same to any reader.
 */
bool va_media_scan(va_str_t text, va_media_msg_t *msg);

/* Reads 1 to 19 decimal digits and nothing else; false when it is not that. */
bool va_media_digits(va_str_t s, uint64_t *value);

VA_END_DECLS

#endif
