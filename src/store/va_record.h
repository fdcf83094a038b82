/*
 * What the call log remembers, and its form in the queue and in the journal.
 *
 * A record is framed: the four bytes "VAJ1", the length of the payload and the
 * CRC-32 of length and payload, both 32 bits little-endian, then the payload:
 * the type, and fields of tag, length (16 bits) and value.  Unknown fields are
 * passed over, so that an older program can read what a newer one wrote.
 */
#ifndef VA_RECORD_H
#define VA_RECORD_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

#define VA_RECORD_TEXT 16384               /* bytes of one string, at most */
#define VA_RECORD_MAX (VA_RECORD_TEXT * 4) /* bytes of a frame, at most */
#define VA_RECORD_HEADER 12

#define VA_RECORD_NONE INT64_MIN /* a number that is not known */

typedef enum {
    VA_RECORD_CALL = 1, /* how a call stands */
    VA_RECORD_TURN,     /* somebody said something */
    VA_RECORD_EVENT,    /* something happened to a call */
    VA_RECORD_RECORDING /* Twilio has recorded a call */
} va_record_type_t;

/* Times are milliseconds since 1970, durations milliseconds. */
typedef struct {
    va_record_type_t type;
    int64_t id; /* unique within a call, and rising */
    int64_t at;
    va_str_t call_sid;

    /* of a call */
    va_str_t account_sid;
    va_str_t from;
    va_str_t to;
    va_str_t direction;
    va_str_t mode;
    va_str_t status;
    va_str_t answered_by;
    int64_t started;
    int64_t ended;
    int64_t connections;
    int64_t failures;
    int64_t failed; /* 1: it did not come about, or an engine failed */

    /* of a turn */
    va_str_t role;
    va_str_t text;
    double confidence; /* negative: not known */
    int64_t interrupted;
    int64_t silence_ms; /* that ended the caller's turn */
    int64_t stt_ms;
    int64_t llm_ms;
    int64_t tts_ms;
    int64_t send_ms;
    int64_t latency_ms; /* all of them together */

    /* of an event */
    va_str_t name;
    va_str_t detail;

    /* of a recording */
    va_str_t recording_sid;
    va_str_t url;
    int64_t seconds;
} va_record_t;

typedef enum { VA_FIELD_INT, VA_FIELD_REAL, VA_FIELD_STR } va_field_kind_t;

/* Tags as they stand in journals: they never change their meaning. */
typedef enum {
    VA_TAG_END,
    VA_TAG_ID,
    VA_TAG_AT,
    VA_TAG_CALL_SID,
    VA_TAG_ACCOUNT_SID,
    VA_TAG_FROM,
    VA_TAG_TO,
    VA_TAG_DIRECTION,
    VA_TAG_MODE,
    VA_TAG_STATUS,
    VA_TAG_ANSWERED_BY,
    VA_TAG_STARTED,
    VA_TAG_ENDED,
    VA_TAG_CONNECTIONS,
    VA_TAG_FAILURES,
    VA_TAG_FAILED,
    VA_TAG_ROLE,
    VA_TAG_TEXT,
    VA_TAG_CONFIDENCE,
    VA_TAG_INTERRUPTED,
    VA_TAG_SILENCE,
    VA_TAG_STT,
    VA_TAG_LLM,
    VA_TAG_TTS,
    VA_TAG_SEND,
    VA_TAG_LATENCY,
    VA_TAG_NAME,
    VA_TAG_DETAIL,
    VA_TAG_RECORDING_SID,
    VA_TAG_URL,
    VA_TAG_SECONDS,
    VA_TAGS
} va_tag_t;

/* A field's value; which member counts is told by kind. */
typedef struct {
    va_field_kind_t kind;
    bool known;
    int64_t num;
    double real;
    va_str_t str;
} va_value_t;

VA_BEGIN_DECLS

/* Makes rec a record in which nothing is known but its type. */
void va_record_init(va_record_t *rec, va_record_type_t type);

/* Returns the value of a field. */
va_value_t va_record_value(const va_record_t *rec, va_tag_t tag);

/*
 * Appends rec to out as a frame.  Strings are cut at VA_RECORD_TEXT bytes;
 * what no database takes in a text (NUL, bytes that are not UTF-8) becomes
 * U+FFFD.  Returns out->rc.
 */
va_rc_t va_record_write(va_buf_t *out, const va_record_t *rec);

/*
 * Looks for the frame at the beginning of data.
 *
 * VA_OK       *size is its length; *payload is set
 * VA_AGAIN    data ends before the frame does
 * VA_INVALID  no frame begins here; one may at *size
 */
va_rc_t va_record_frame(va_str_t data, size_t *size, va_str_t *payload);

/*
 * Reads a payload.  The strings of rec are views of it.  VA_OK, or VA_INVALID
 * when it is none of a known type that names its call.
 */
va_rc_t va_record_read(va_record_t *rec, va_str_t payload);

VA_END_DECLS

#endif
