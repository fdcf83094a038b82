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
#define VA_TWIML_PARAM_MAX 499 /* one <Parameter>: name and value together */

#define VA_TWIML_HINTS 500         /* entries of "hints" */
#define VA_TWIML_HINT_MAX 100      /* characters of one */
#define VA_TWIML_HINTS_BYTES 24000 /* all of them, escaped */

typedef struct {
    va_str_t name;
    va_str_t value;
} va_twiml_param_t;

typedef enum {
    VA_TWIML_UNSET, /* the attribute is left out */
    VA_TWIML_FALSE,
    VA_TWIML_TRUE
} va_twiml_bool_t;

/* A <Gather>.  Views; what is empty or 0 is left to Twilio's default. */
typedef struct {
    va_str_t action;         /* URL that is told what was entered */
    va_str_t input;          /* "speech", "dtmf" or "dtmf speech" */
    va_str_t speech_timeout; /* pause that ends speech: "auto" or seconds */
    unsigned timeout;        /* seconds until somebody says or keys something */
    va_str_t speech_model;
    va_str_t hints; /* words to be expected, separated by commas */
    va_str_t language;
    va_twiml_bool_t barge_in;
    unsigned num_digits;
    va_str_t finish_on_key; /* one of 0-9 # *; empty but not NULL: none */
    bool action_on_empty;   /* ask action also when nothing was entered */

    va_str_t say; /* said meanwhile */
    va_str_t voice;
    va_str_t say_language;
} va_twiml_gather_t;

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

/* <Play digits="..."/>: presses keys, 0-9 * # and w for half a second. */
va_rc_t va_twiml_play_digits(va_buf_t *b, va_str_t digits);

/* <Hangup/> */
va_rc_t va_twiml_hangup(va_buf_t *b);

/* <Reject reason="busy"/> or "rejected". */
va_rc_t va_twiml_reject(va_buf_t *b, bool busy);

/* <Pause length="seconds"/> */
va_rc_t va_twiml_pause(va_buf_t *b, unsigned seconds);

/*
 * <Gather>, with <Say> in it if there is something to be heard.  Of the hints
 * those are left out that are empty, over VA_TWIML_HINT_MAX characters, or over
 * VA_TWIML_HINTS in number or VA_TWIML_HINTS_BYTES in all.  VA_INVALID, and
 * nothing is written, for an input, speech_timeout or finish_on_key that
 * Twilio does not know.
 */
va_rc_t va_twiml_gather(va_buf_t *b, const va_twiml_gather_t *g);

/*
 * <Dial> of a telephone number, a SIP address ("sip:") or a client
 * ("client:").  caller_id and action may be empty, timeout (seconds of
 * ringing) 0.  VA_INVALID, and nothing is written, for an address that
 * va_address_kind does not know.
 */
va_rc_t va_twiml_dial(va_buf_t *b, va_str_t to, va_str_t caller_id,
                      va_str_t action, unsigned timeout);

/*
 * Appends s escaped for text and double-quoted attributes alike: whole
 * characters as long as they are no more than max bytes before escaping.
 */
va_rc_t va_xml_escape(va_buf_t *b, va_str_t s, size_t max);

VA_END_DECLS

#endif
