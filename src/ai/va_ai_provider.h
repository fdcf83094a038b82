/*
 * What stands behind va_ai.h: one row of a table for each stage a provider
 * serves, and what all of them share.  Only files of this room include it.
 */
#ifndef VA_AI_PROVIDER_H
#define VA_AI_PROVIDER_H

#include "va_ai.h"

/*
 * Reads the body of a successful answer, or of any if it says so.  Failures are
 * told by va_ai_reader_fail; the dispatcher calls nothing but destroy after
 * one.
 */
typedef struct {
    size_t body_max; /* a longer body is refused */
    bool any_status; /* every status is a success */
    void *(*create)(va_ai_reader_t *r, const va_ai_conf_t *conf,
                    const va_ai_input_t *in);
    void (*destroy)(void *self);
    va_rc_t (*head)(void *self, va_str_t content_type);
    va_rc_t (*feed)(void *self, const uint8_t *data, size_t n);
    va_rc_t (*finish)(void *self);
} va_ai_reader_ops_t;

/* A failure of req->url and req->body need not be answered by request. */
typedef struct {
    const char *kind;
    va_ai_stage_t stage;
    va_rc_t (*request)(va_ai_request_t *req, const va_ai_conf_t *conf,
                       const va_ai_input_t *in);
    const va_ai_reader_ops_t *reader;
} va_ai_provider_t;

struct yajl_val_s;

VA_BEGIN_DECLS

/*
 * Adds a header: its start ("Name: ") and its value.  VA_INVALID if the value
 * has control characters, VA_LIMIT over VA_AI_HEADERS.
 */
va_rc_t va_ai_add_header(va_ai_request_t *req, const char *start,
                         va_str_t value);

/* Adds a part and returns where its data go, or NULL over VA_AI_PARTS. */
va_buf_t *va_ai_add_part(va_ai_request_t *req, const char *name,
                         const char *filename, const char *type);

/* Hands an event to the receiver; a refusal is the failure of the reader. */
va_rc_t va_ai_emit(va_ai_reader_t *r, va_ai_event_type_t type, va_str_t data,
                   float confidence);

/*
 * Remembers a failure and what to tell about it; the first one stays.  The
 * text may hold what a provider said: it is cleaned and cleared of the key.
 * Returns what the reader failed with.
 */
va_rc_t va_ai_reader_fail(va_ai_reader_t *r, va_rc_t rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Finds what a JSON error body says and appends it to b.  Returns false, and
 * appends nothing, if it is no error body.  Known shapes: error.message, error,
 * detail, detail.message, detail.0.msg, message.
 */
bool va_ai_error_message(va_buf_t *b, struct yajl_val_s *v);

/* Returns whether v has a member "error" that tells of one. */
bool va_ai_has_error(struct yajl_val_s *v);

/* va_ai_error_message for the text of a whole body of any kind. */
bool va_ai_error_body(va_buf_t *b, va_str_t body);

/*
 * Writes text to out of cap bytes as one line of valid UTF-8 without control
 * characters, cut between characters, and without any piece of the secret.
 */
void va_ai_error_clean(char *out, size_t cap, va_str_t text, va_str_t secret);

/* Returns whether content_type is that type, whatever its parameters are. */
bool va_ai_type_is(va_str_t content_type, const char *type);

VA_END_DECLS

#endif
