/*
 * The Calls resource of Twilio's REST API: requests to build, answers to read.
 * https://www.twilio.com/docs/voice/api/call-resource
 *
 * Nothing here sends anything.  A request is a POST of the form body to the
 * URL, with HTTP Basic authentication.
 */
#ifndef VA_REST_H
#define VA_REST_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

#define VA_REST_BASE "https://api.twilio.com/2010-04-01"
#define VA_REST_URL_MAX 2048   /* maximum for a buffer of a URL */
#define VA_REST_BODY_MAX 65536 /* and of a body */
#define VA_REST_SID_MAX 128    /* bytes of an account or call SID */
#define VA_REST_TWIML_MAX 4000 /* characters of TwiML in an update (32018) */
#define VA_REST_TEXT_MAX 255   /* bytes kept of each text of an answer */

/* What is done to find out whether a machine answers. */
typedef enum {
    VA_AMD_DEFAULT, /* not said */
    VA_AMD_OFF,
    VA_AMD_ENABLE,     /* tell as soon as it is known */
    VA_AMD_MESSAGE_END /* of a machine, tell when its greeting is over */
} va_amd_t;

/* A call to be made.  Views; empty or 0 leaves a parameter out. */
typedef struct {
    va_str_t base;    /* such as VA_REST_BASE; a slash at its end is dropped */
    va_str_t account; /* AccountSid */
    va_str_t to;
    va_str_t from;
    va_str_t url;             /* asked for TwiML once the call connects */
    va_str_t fallback_url;    /* and if that fails */
    va_str_t status_callback; /* told of all four events */
    va_amd_t amd;
    va_str_t amd_callback; /* told in the background; if empty, TwiML is asked
                              for only when it is known who answered */
    unsigned amd_timeout;  /* seconds, 3 to 59 */
    bool record;
    va_str_t record_callback;
    unsigned timeout;    /* seconds of ringing, at most 600 */
    unsigned time_limit; /* seconds of the call */
} va_rest_create_t;

/* A change of a call.  Exactly one of hang_up, url and twiml is to be set. */
typedef struct {
    va_str_t base;
    va_str_t account;
    va_str_t call; /* CallSid */
    bool hang_up;  /* end it, in whatever state it is */
    va_str_t url;  /* ask there for TwiML, now */
    va_str_t twiml;
} va_rest_update_t;

/* What Twilio answered.  Texts are terminated, one line, valid UTF-8. */
typedef struct {
    int http; /* status of the answer */

    /* of the call, when va_rest_read returns VA_OK */
    char sid[VA_REST_SID_MAX + 1];
    char status[32];
    char to[VA_REST_TEXT_MAX + 1];
    char from[VA_REST_TEXT_MAX + 1];

    /* else */
    unsigned code; /* Twilio's error, 0 when it told none */
    char message[VA_REST_TEXT_MAX + 1]; /* never empty */
    char more_info[VA_REST_TEXT_MAX + 1];
} va_rest_answer_t;

VA_BEGIN_DECLS

/*
 * Appends the URL of an account's calls, or of one call if `call` is not
 * empty: base/Accounts/account/Calls[/call].json.  VA_INVALID when base is no
 * http or https URL without query, or a SID is empty, too long or holds what
 * may not stand in a path.  SIDs of vendors that are not Twilio pass too.
 */
va_rc_t va_rest_url(va_buf_t *url, va_str_t base, va_str_t account,
                    va_str_t call);

/*
 * Builds the request of a new call into two empty buffers.  VA_INVALID when to,
 * from or url is missing, a URL is not absolute http(s), or a number of seconds
 * is out of bounds; VA_LIMIT or VA_NOMEM by the buffers.  Answered with 201.
 */
va_rc_t va_rest_create(va_buf_t *url, va_buf_t *body,
                       const va_rest_create_t *call);

/*
 * Builds the request of a change into two empty buffers.  VA_INVALID when not
 * exactly one thing is to be done or a URL is not absolute; VA_LIMIT also for
 * TwiML over VA_REST_TWIML_MAX.  Answered with 200.
 */
va_rc_t va_rest_update(va_buf_t *url, va_buf_t *body,
                       const va_rest_update_t *change);

/*
 * Reads an answer, of any status and body, into *answer, all of which is set.
 *
 * VA_OK      2xx, and the call is in *answer
 * VA_FAILED  another status; code, message and more_info say why
 * VA_INVALID 2xx, but the body is no call: not JSON, cut off, or without sid.
 *            The call may well have been made.
 */
va_rc_t va_rest_read(int http, va_str_t body, va_rest_answer_t *answer);

/*
 * Returns whether Twilio refused a change because the call is over already,
 * which whoever wanted it over need not mind (404, 20404, 21220).
 */
bool va_rest_ended(const va_rest_answer_t *answer);

/*
 * Returns the HTTP status with which a refusal goes on to whoever asked us:
 * 400, 404, 409 or 429 for what they can mend, else 502, also for 401 and 403:
 * those are about our credentials, not theirs.
 */
int va_rest_status(const va_rest_answer_t *answer);

VA_END_DECLS

#endif
