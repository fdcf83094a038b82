/*
 * Takes out of a text what shall not be kept.
 *
 * Written numbers count as well as spoken ones ("four two double four"), digits
 * of other scripts too.  When in doubt it is taken out.
 */
#ifndef VA_REDACT_H
#define VA_REDACT_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

#define VA_REDACT_CARD 0x01  /* 13 to 19 digits with a right check digit */
#define VA_REDACT_EMAIL 0x02 /* name@host.tld, "name at host dot tld" */
#define VA_REDACT_PHONE 0x04 /* 7 to 15 digits */
#define VA_REDACT_DTMF 0x08  /* keys that were pressed */

VA_BEGIN_DECLS

/*
 * Appends text to out; what is found is replaced by "[card]", "[email]" or
 * "[phone]".  Returns out->rc.
 */
va_rc_t va_redact_text(va_buf_t *out, va_str_t text, unsigned what);

/* Appends text with each digit, # and * replaced by an asterisk. */
va_rc_t va_redact_keys(va_buf_t *out, va_str_t text);

/*
 * Appends a telephone number or another address of a call, of which so much is
 * kept that two of them can be told apart: the last two digits.
 */
va_rc_t va_redact_address(va_buf_t *out, va_str_t address);

VA_END_DECLS

#endif
