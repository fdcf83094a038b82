/*
 * Tickets: short texts that say whom they are for and until when, and that
 * nobody without the key can make.
 *
 *   ISSUED.EXPIRES.SUBJECT.MAC
 *
 * Times are Unix seconds in hexadecimal, the MAC is HMAC-SHA-256 over the
 * purpose and the rest, in hexadecimal.  All of it is letters, digits, "-" and
 * ".", so a ticket fits a cookie and a header as it is.
 */
#ifndef VA_TICKET_H
#define VA_TICKET_H

#include <stdint.h>

#include "../base/va_base.h"
#include "../base/va_buf.h"

#define VA_TICKET_MAX 256        /* bytes; a longer text is no ticket */
#define VA_TICKET_SUBJECT_MAX 64 /* letters, digits and "-" */

typedef struct {
    uint64_t issued;
    uint64_t expires;
    va_str_t subject; /* after a check, a view of the text checked */
} va_ticket_t;

VA_BEGIN_DECLS

/*
 * Appends a ticket to out.  The purpose separates tickets of one key: one made
 * for one purpose is worth nothing for another.  Returns VA_OK, VA_INVALID
 * (no key, or a subject of other characters), VA_LIMIT, VA_NOMEM or VA_FAILED.
 */
va_rc_t va_ticket_make(va_buf_t *out, va_str_t key, va_str_t purpose,
                       const va_ticket_t *ticket);

/*
 * Reads a ticket.  VA_OK: it was made with the key for the purpose, and now_s
 * lies in its time.  Otherwise VA_INVALID, or VA_FAILED when the MAC could not
 * be computed, and *ticket is empty.  Constant time in the MAC.
 */
va_rc_t va_ticket_check(va_ticket_t *ticket, va_str_t text, va_str_t key,
                        va_str_t purpose, uint64_t now_s);

VA_END_DECLS

#endif
