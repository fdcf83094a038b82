/*
 * TwiML, the XML with which a webhook tells Twilio what to do.
 * https://www.twilio.com/docs/voice/twiml
 *
 * A document is written into a buffer verb by verb.  Text is escaped, what
 * XML 1.0 forbids and bytes that are not UTF-8 are left out, and texts are cut
 * at Twilio's limits between characters.
 */
#ifndef VA_TWIML_H
#define VA_TWIML_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

#define VA_TWIML_MAX 65536    /* Twilio refuses a longer document (11750) */
#define VA_TWIML_SAY_MAX 3000 /* bytes of one <Say>, safe for every voice */
#define VA_TWIML_SAY_ENCODED_MAX 4500 /* the same, percent-encoded */
#define VA_TWIML_PARAM_MAX                                                     \
    499 /* name and value of one <Parameter> together                          \
         */

typedef struct {
    va_str_t name;
    va_str_t value;
} va_twiml_param_t;

VA_BEGIN_DECLS

/* Begins a document in b, which should have the maximum VA_TWIML_MAX. */
va_rc_t va_twiml_begin(va_buf_t *b);

/* Ends it.  Returns b->rc: VA_LIMIT when the document grew too long. */
va_rc_t va_twiml_end(va_buf_t *b);

/*
 * <Say>; voice and language may be empty.  Text with nothing to be heard in
 * it writes nothing.
 */
va_rc_t va_twiml_say(va_buf_t *b, va_str_t text, va_str_t voice,
                     va_str_t language);

/*
 * <Connect><Stream url><Parameter/>...</Stream></Connect>.  A parameter over
 * VA_TWIML_PARAM_MAX makes the answer VA_LIMIT and writes nothing.
 */
va_rc_t va_twiml_connect_stream(va_buf_t *b, va_str_t url,
                                const va_twiml_param_t *params, size_t count);

/* <Redirect>; verbs after it are not reached. */
va_rc_t va_twiml_redirect(va_buf_t *b, va_str_t url);

/* <Hangup/> */
va_rc_t va_twiml_hangup(va_buf_t *b);

/* <Reject reason="busy"/> or "rejected". */
va_rc_t va_twiml_reject(va_buf_t *b, bool busy);

/* <Pause length="seconds"/> */
va_rc_t va_twiml_pause(va_buf_t *b, unsigned seconds);

/*
 * Appends s escaped for text and double-quoted attributes alike: whole
 * characters as long as they are no more than max bytes before escaping.
 */
va_rc_t va_xml_escape(va_buf_t *b, va_str_t s, size_t max);

VA_END_DECLS

#endif
