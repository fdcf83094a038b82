/*
 * X-Twilio-Signature: base64(HMAC-SHA1(token, URL + sorted parameters)).
 * https://www.twilio.com/docs/usage/security
 */
#ifndef VA_SIGNATURE_H
#define VA_SIGNATURE_H

#include "../base/va_base.h"
#include "../wire/va_form.h"

#define VA_SIGNATURE_LEN 28

VA_BEGIN_DECLS

/*
 * Signs url (as it stands, from scheme to query) and the form (NULL: none).
 * out is terminated.  Returns VA_OK, VA_NOMEM or VA_FAILED.
 */
va_rc_t va_signature_sign(va_str_t token, va_str_t url, const va_form_t *form,
                          char out[VA_SIGNATURE_LEN + 1]);

typedef struct {
    va_str_t token;        /* the account's auth token */
    va_str_t url;          /* public URL: scheme, host, raw path and query */
    va_str_t signature;    /* the header's value */
    const va_form_t *form; /* NULL unless the body is a form */
    va_str_t body;         /* raw body, checked against bodySHA256 when the URL
                              has one */
    bool websocket; /* a handshake: wss and the slash variants are tried */
} va_signature_check_t;

/*
 * Checks a request as Twilio's own validators do: the URL without a port, with
 * its port or the default one, and for a handshake with a slash appended.
 * Credentials in the URL are also tried without.  Constant time in the
 * signature.  A body that is neither a form nor named by a bodySHA256 was
 * signed by nobody, so it is refused; so is everything without a token.
 *
 * VA_OK      the signature is right
 * VA_INVALID it is wrong or absent, or the body does not match its hash
 * VA_NOMEM, VA_FAILED
 */
va_rc_t va_signature_check(const va_signature_check_t *check);

/* Returns whether a and b are equal, in time that depends on lengths only. */
bool va_secret_eq(va_str_t a, va_str_t b);

VA_END_DECLS

#endif
