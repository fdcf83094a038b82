/*
 * Whom a call may reach: a telephone number, a SIP address or a client.
 * https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource
 */
#ifndef VA_ADDRESS_H
#define VA_ADDRESS_H

#include "../base/va_base.h"

#define VA_ADDRESS_MAX 255 /* bytes of a longer one are refused */

typedef enum {
    VA_ADDRESS_NONE,   /* none of the others */
    VA_ADDRESS_NUMBER, /* "+15551234567": ITU-T E.164, 2 to 15 digits */
    VA_ADDRESS_SIP,    /* "sip:user@host;transport=tls" or "sips:..." */
    VA_ADDRESS_CLIENT  /* "client:name" */
} va_address_t;

VA_BEGIN_DECLS

/*
 * Returns what kind of address s is.  Nothing that is one holds white space,
 * control characters or bytes that are not ASCII.
 */
va_address_t va_address_kind(va_str_t s);

VA_END_DECLS

#endif
