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
    /* of a WebSocket, for which feed and finish are not called; code is 0
       without a closing frame */
    va_rc_t (*message)(void *self, bool text, const uint8_t *data, size_t n);
    va_rc_t (*closed)(void *self, unsigned code, va_str_t reason);
} va_ai_reader_ops_t;

/*
 * What is sent over a WebSocket.  A member may be NULL if the provider has
 * nothing of the kind; a failure of out need not be answered.
 */
typedef struct {
    va_ai_pace_t pace;
    va_rc_t (*open)(const va_ai_conf_t *conf, const va_ai_input_t *in,
                    va_buf_t *out, bool *text);
    va_rc_t (*audio)(const va_ai_conf_t *conf, const uint8_t *ulaw, size_t n,
                     va_buf_t *out, bool *text);
    const char *finalize; /* each the text of a message */
    const char *keepalive;
    const char *close;
} va_ai_stream_ops_t;

/* A failure of req->url and req->body need not be answered by request. */
typedef struct {
    const char *kind;
    va_ai_stage_t stage;
    const char *url; /* where none is configured; NULL: one has to be */
    va_rc_t (*request)(va_ai_request_t *req, const va_ai_conf_t *conf,
                       const va_ai_input_t *in);
    const va_ai_reader_ops_t *reader;
    const va_ai_stream_ops_t *stream; /* NULL: a request and an answer */
} va_ai_provider_t;

struct yajl_val_s;

VA_BEGIN_DECLS

/* Returns the row of the table, or NULL. */
const va_ai_provider_t *va_ai_find(va_str_t kind, va_ai_stage_t stage);

/* Returns what is asked for this time, or else what is configured. */
va_str_t va_ai_pick(va_str_t asked, va_str_t configured);

/*
 * Returns the primary language of a tag, of "en-US" "en", written to lower, or
 * an empty view when it is not one.
 */
#define VA_AI_LANGUAGE 4
va_str_t va_ai_language(va_str_t tag, char lower[VA_AI_LANGUAGE]);

/*
 * Appends the base of the configuration, without slashes at its end, and path
 * to req->url.  VA_INVALID when the base is empty or holds what may not stand
 * in a URL.
 */
va_rc_t va_ai_begin(va_ai_request_t *req, const va_ai_conf_t *conf,
                    const char *path);

/* The same, but the URL of the configuration is used as it is. */
va_rc_t va_ai_use_url(va_ai_request_t *req, const va_ai_conf_t *conf);

/* Adds the headers of a request with a JSON body; accept may be NULL. */
va_rc_t va_ai_json_headers(va_ai_request_t *req, const char *accept);

/* Returns whether a parameter of that name is configured. */
bool va_ai_has_param(const va_ai_conf_t *conf, const char *name);

/* Returns its value, or an empty view. */
va_str_t va_ai_param(const va_ai_conf_t *conf, const char *name);

/*
 * Appends "name":"value", and a comma before it unless it is the first of its
 * object.  va_ai_member does so unless a parameter takes its place or the value
 * is empty.
 */
void va_ai_field(va_buf_t *b, const char *name, va_str_t value);
void va_ai_member(va_buf_t *b, const va_ai_conf_t *conf, const char *name,
                  va_str_t value);

/* The same for a value that is JSON already. */
void va_ai_field_json(va_buf_t *b, const char *name, va_str_t json);
void va_ai_member_json(va_buf_t *b, const va_ai_conf_t *conf, const char *name,
                       va_str_t json);

/*
 * Appends the parameters as members, but for those whose names are in the list
 * `but` (ends with NULL, may be NULL itself): what makes the request what it is
 * and has been written.
 */
void va_ai_put_params(va_buf_t *b, const va_ai_conf_t *conf,
                      const char *const *but);

/*
 * Appends name=value to a URL, encoded, with ? or & before it.  va_ai_argument
 * does so unless a parameter takes its place or the value is empty.
 */
void va_ai_query(va_buf_t *url, va_str_t name, va_str_t value);
void va_ai_argument(va_buf_t *url, const va_ai_conf_t *conf, const char *name,
                    va_str_t value);

/* Appends the parameters to a URL, but for those in the list `but`. */
void va_ai_query_params(va_buf_t *url, const va_ai_conf_t *conf,
                        const char *const *but);

/* Appends s as one segment of a path, encoded. */
void va_ai_segment(va_buf_t *url, va_str_t s);

/* Returns where part begins in s, or s.len if it is not in there. */
size_t va_ai_where(va_str_t s, const char *part);

/* The schema of a tool that takes none. */
extern const va_str_t va_ai_no_arguments;

/* Returns whether text is a JSON object. */
bool va_ai_is_object(va_str_t text);

/*
 * Adds a header: its start ("Name: ") and its value.  VA_INVALID if the value
 * has control characters, VA_LIMIT over VA_AI_HEADERS.
 */
va_rc_t va_ai_add_header(va_ai_request_t *req, const char *start,
                         va_str_t value);

/* Adds a part and returns where its data go, or NULL over VA_AI_PARTS. */
va_buf_t *va_ai_add_part(va_ai_request_t *req, const char *name,
                         const char *filename, const char *type);

/* Adds a part of text, with copies of both. */
va_rc_t va_ai_add_text(va_ai_request_t *req, va_str_t name, va_str_t value);

/* Hands an event to the receiver; a refusal is the failure of the reader. */
va_rc_t va_ai_emit(va_ai_reader_t *r, va_ai_event_type_t type, va_str_t data,
                   float confidence);
va_rc_t va_ai_emit_event(va_ai_reader_t *r, const va_ai_event_t *event);

/*
 * Remembers a failure and what to tell about it; the first one stays.  The
 * text may hold what a provider said: it is cleaned and cleared of the key.
 * Returns what the reader failed with.  VA_FAILED is VA_AI_SERVER, VA_INVALID
 * and VA_LIMIT are VA_AI_MALFORMED, all else is VA_AI_INTERNAL.
 */
va_rc_t va_ai_reader_fail(va_ai_reader_t *r, va_rc_t rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with VA_FAILED for a reason that is known better. */
va_rc_t va_ai_reader_fail_as(va_ai_reader_t *r, va_ai_error_class_t why,
                             const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Fails with what an error object says, after `prefix`. */
va_rc_t va_ai_reader_fail_json(va_ai_reader_t *r, const char *prefix,
                               struct yajl_val_s *v);

/*
 * Finds what a JSON error body says, appends it to b and sets *why if its code
 * is known.  Returns false, and appends nothing, if it is no error body.  Known
 * shapes: those of OpenAI, Anthropic, Google, FastAPI, Deepgram, ElevenLabs,
 * AssemblyAI and Cartesia.
 */
bool va_ai_error_message(va_buf_t *b, struct yajl_val_s *v,
                         va_ai_error_class_t *why);

/* Returns whether v has a member "error" that tells of one. */
bool va_ai_has_error(struct yajl_val_s *v);

/* va_ai_error_message for the text of a whole body of any kind. */
bool va_ai_error_body(va_buf_t *b, va_str_t body, va_ai_error_class_t *why);

/* Returns what a status means if nothing else is known. */
va_ai_error_class_t va_ai_status_class(int status);

/*
 * Writes text to out of cap bytes as one line of valid UTF-8 without control
 * characters, cut between characters, and without any piece of the secret.
 */
void va_ai_error_clean(char *out, size_t cap, va_str_t text, va_str_t secret);

/* Returns whether content_type is that type, whatever its parameters are. */
bool va_ai_type_is(va_str_t content_type, const char *type);

VA_END_DECLS

#endif
