/*
 * Base64 with the standard alphabet and padding (RFC 4648, section 4).
 */
#ifndef VA_BASE64_H
#define VA_BASE64_H

#include "../base/va_base.h"

/* Characters of the encoding of n bytes, without a terminator. */
#define VA_BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Room that decoding n characters may need. */
#define VA_BASE64_ROOM(n) ((n) / 4 * 3)

VA_BEGIN_DECLS

/* Encodes n bytes to VA_BASE64_LEN(n) characters; returns that length. */
size_t va_base64_encode(char *out, const uint8_t *in, size_t n);

/*
 * Decodes in strictly: whole groups, padding only at the end, no white space,
 * no bits set behind the last byte.  out has cap bytes; what is in them and in
 * *out_len after an error is of no use.
 *
 * VA_OK      *out_len is set
 * VA_INVALID not base64
 * VA_LIMIT   cap is too small
 */
va_rc_t va_base64_decode(uint8_t *out, size_t cap, size_t *out_len,
                         va_str_t in);

VA_END_DECLS

#endif
