/*
 * The JSON body with which somebody asks for an outbound call.
 */
#ifndef VA_MAKE_CALL_H
#define VA_MAKE_CALL_H

#include "../base/va_base.h"
#include "va_address.h"
#include "va_rest.h"
#include "va_twiml.h"

#define VA_MAKE_CALL_BODY_MAX 65536 /* bytes of the whole body */
#define VA_MAKE_CALL_PROMPT_MAX 4096
#define VA_MAKE_CALL_MESSAGE_MAX 1024
#define VA_MAKE_CALL_VOICE_MAX 128
#define VA_MAKE_CALL_PARAMS 32
#define VA_MAKE_CALL_ERROR_MAX 256 /* room that every error text fits in */

typedef enum {
    VA_MAKE_CALL_MODE_DEFAULT, /* not said */
    VA_MAKE_CALL_STREAM,
    VA_MAKE_CALL_GATHER
} va_make_call_mode_t;

/*
 * What was asked for.  Views of what the object owns, valid UTF-8 without NUL;
 * data is NULL for what was left out or null.
 */
typedef struct {
    va_str_t to; /* E.164, sip:, sips: or client: */
    va_address_t to_kind;
    va_str_t from;    /* E.164 */
    va_str_t message; /* "initial_message" */
    va_str_t prompt;
    va_str_t voice;
    va_make_call_mode_t mode;
    va_amd_t machine_detection; /* true asks for VA_AMD_ENABLE */
    bool has_record;
    bool record;
    const va_twiml_param_t *params; /* name and value fit one <Parameter> */
    size_t param_count;
} va_make_call_t;

VA_BEGIN_DECLS

/*
 * Parses and checks a body:
 *
 *   {"to_number": "+15551234567", "from_number": "+15557654321",
 *    "initial_message": "...", "prompt": "...", "voice": "...",
 *    "mode": "stream" | "gather",
 *    "machine_detection": true | false | "enable" | "detect_message_end",
 *    "parameters": {"name": "value", ...}, "record": true | false}
 *
 * Only to_number has to be there.  A member that is not known, stands twice,
 * has the wrong type or is too long is an error that names it.
 *
 * VA_OK      *call is set; free it with va_make_call_free
 * VA_INVALID error, of error_cap bytes, says why: one line of UTF-8
 * VA_LIMIT   over VA_MAKE_CALL_BODY_MAX; error says so
 * VA_NOMEM   error says so
 */
va_rc_t va_make_call_parse(va_make_call_t **call, va_str_t body, char *error,
                           size_t error_cap);

void va_make_call_free(va_make_call_t *call);

VA_END_DECLS

#endif
