/*
 * The states of a call as Twilio's status callbacks tell them, and who
 * answered it.
 * https://www.twilio.com/docs/voice/api/call-resource#statuscallback
 */
#ifndef VA_STATUS_H
#define VA_STATUS_H

#include "../base/va_base.h"

/* In the order in which a call goes through them; the last five are final. */
typedef enum {
    VA_STATUS_NONE, /* nothing known yet, or a word that is not known */
    VA_STATUS_QUEUED,
    VA_STATUS_INITIATED,
    VA_STATUS_RINGING,
    VA_STATUS_IN_PROGRESS,
    VA_STATUS_COMPLETED,
    VA_STATUS_BUSY,
    VA_STATUS_FAILED,
    VA_STATUS_NO_ANSWER,
    VA_STATUS_CANCELED
} va_status_t;

typedef enum {
    VA_STEP_CHANGED,  /* *current is the new status */
    VA_STEP_REPEATED, /* known already: the same delivery again, or the same
                         status from elsewhere */
    VA_STEP_STALE     /* overtaken by what is known, or not a status */
} va_step_t;

/* Who answered, by answering machine detection. */
typedef enum {
    VA_ANSWERED_NONE, /* nothing was said, or a word that is not known */
    VA_ANSWERED_HUMAN,
    VA_ANSWERED_MACHINE_START,       /* its greeting is still to be heard */
    VA_ANSWERED_MACHINE_END_BEEP,    /* after the beep */
    VA_ANSWERED_MACHINE_END_SILENCE, /* its greeting ended in silence */
    VA_ANSWERED_MACHINE_END_OTHER,   /* its greeting ended otherwise */
    VA_ANSWERED_FAX,
    VA_ANSWERED_UNKNOWN /* detection came to no result */
} va_answered_t;

VA_BEGIN_DECLS

/* Returns the status that Twilio's CallStatus names. */
va_status_t va_status_parse(va_str_t s);

/* Returns Twilio's word for a status; "" for VA_STATUS_NONE. */
const char *va_status_name(va_status_t status);

/* Returns whether nothing can follow a status. */
bool va_status_final(va_status_t status);

/*
 * Takes in a delivery.  *current begins as VA_STATUS_NONE and *seen as 0, which
 * is where the newest sequence number is remembered; sequence is the
 * delivery's SequenceNumber, or negative if it has none (a webhook, or the
 * answer to a request).  What is older than what was seen changes nothing, a
 * status never goes backwards, and of final ones the first stays; a final one
 * counts whatever its number is.
 */
va_step_t va_status_step(va_status_t *current, uint32_t *seen, va_status_t next,
                         int64_t sequence);

/*
 * Reads a SequenceNumber.  Returns -1 for what is none: empty, not only digits,
 * or over 2147483647.
 */
int64_t va_status_sequence(va_str_t s);

/* Returns whom Twilio's AnsweredBy names. */
va_answered_t va_answered_parse(va_str_t s);

/* Returns Twilio's word for it; "" for VA_ANSWERED_NONE. */
const char *va_answered_name(va_answered_t answered);

/* Returns whether nobody listens now: a machine of any kind, or a fax. */
bool va_answered_machine(va_answered_t answered);

/* Returns whether a machine is ready to record a message. */
bool va_answered_message(va_answered_t answered);

VA_END_DECLS

#endif
