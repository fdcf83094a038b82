/*
 * The one interface behind which every AI provider stands.
 *
 * A provider builds an HTTP request from an input and reads the response as it
 * arrives.  It does no I/O and keeps no global state, so whoever carries the
 * bytes (libcurl on a thread, a unit test, a fuzzer) drives it alike.
 */
#ifndef VA_AI_H
#define VA_AI_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

typedef enum {
    VA_AI_STT, /* speech to text: an utterance in, a transcript out */
    VA_AI_LLM, /* a conversation in, a reply out, in deltas */
    VA_AI_TTS, /* a sentence in, mu-law out while it is made */
    VA_AI_REST /* a form in, the body of the answer out, of any status */
} va_ai_stage_t;

/* How a provider was configured.  Views; empty means not set. */
typedef struct {
    va_str_t url; /* base URL, e.g. "https://api.openai.com/v1"; REST: whole */
    va_str_t key; /* secret: sent, never logged; REST: "user:password" */
    va_str_t model;
    va_str_t voice;
    va_str_t language; /* BCP 47, e.g. "en-US" */
    va_str_t format;   /* TTS: "pcm" (default), "wav" or "ulaw" */
    unsigned rate;     /* TTS: rate of raw pcm; 0 means 24000 */
} va_ai_conf_t;

typedef enum { VA_ROLE_USER, VA_ROLE_ASSISTANT } va_role_t;

typedef struct {
    va_role_t role;
    va_str_t text;
} va_ai_message_t;

/* What one request is about.  Views, needed only while the request is built. */
typedef struct {
    va_ai_stage_t stage;
    const uint8_t *ulaw; /* STT: the utterance, mu-law 8000 Hz */
    size_t ulaw_len;
    va_str_t context;                /* STT: what the assistant said last */
    va_str_t prompt;                 /* LLM: system prompt */
    const va_ai_message_t *messages; /* LLM: oldest first */
    size_t message_count;
    va_str_t text;  /* TTS; REST: the form, empty for GET */
    va_str_t voice; /* override the configuration when not empty */
    va_str_t language;
    va_str_t call_sid; /* names the user towards the provider */
} va_ai_input_t;

#define VA_AI_HEADERS 8
#define VA_AI_PARTS 8
#define VA_AI_BODY_MAX (4 * 1024 * 1024)

/* One part of multipart/form-data; filename and type may be NULL. */
typedef struct {
    const char *name;
    const char *filename;
    const char *type;
    va_buf_t data;
} va_ai_part_t;

/* A request that owns its memory.  POST when it has a body or parts. */
typedef struct {
    va_buf_t url;
    va_buf_t headers[VA_AI_HEADERS]; /* each "Name: value" */
    size_t header_count;
    va_buf_t body; /* empty when there are parts */
    va_ai_part_t parts[VA_AI_PARTS];
    size_t part_count;
} va_ai_request_t;

typedef enum {
    VA_AI_TEXT,  /* STT: transcript; LLM: piece of the reply; REST: body */
    VA_AI_AUDIO, /* TTS: mu-law 8000 Hz */
    VA_AI_HANGUP /* LLM: the model called the tool "hang_up" */
} va_ai_event_type_t;

typedef struct {
    va_ai_event_type_t type;
    va_str_t data;    /* text (UTF-8) or audio */
    float confidence; /* STT: 0..1; negative when not known */
} va_ai_event_t;

/* Receives an event; anything but VA_OK stops the reader. */
typedef va_rc_t (*va_ai_event_pt)(void *ctx, const va_ai_event_t *event);

typedef struct va_ai_reader va_ai_reader_t;

VA_BEGIN_DECLS

/* Returns whether `kind` names a provider that serves that stage. */
bool va_ai_known(va_str_t kind, va_ai_stage_t stage);

/*
 * Builds the request of provider `kind` into *req, which is initialised here
 * and freed by va_ai_request_free in every case.  Returns VA_OK, VA_LIMIT
 * (over VA_AI_BODY_MAX), VA_NOMEM, or VA_INVALID for an unknown kind, an input
 * that lacks what its stage is about, or a URL or key that may not be sent.
 */
va_rc_t va_ai_request(va_ai_request_t *req, va_str_t kind,
                      const va_ai_conf_t *conf, const va_ai_input_t *in);

void va_ai_request_free(va_ai_request_t *req);

/*
 * Returns a reader for the response, or NULL for an unknown kind or without
 * memory.  conf and in may go afterwards; of them only a copy of the key is
 * kept, to strike it from error texts, and wiped by va_ai_reader_free.
 */
va_ai_reader_t *va_ai_reader_new(va_str_t kind, const va_ai_conf_t *conf,
                                 const va_ai_input_t *in, va_ai_event_pt out,
                                 void *ctx);

void va_ai_reader_free(va_ai_reader_t *r);

/* Tells the reader status and Content-Type, before the body; once. */
va_rc_t va_ai_reader_head(va_ai_reader_t *r, int status, va_str_t content_type);

/* Feeds body bytes.  An error is final; va_ai_reader_error tells why. */
va_rc_t va_ai_reader_feed(va_ai_reader_t *r, const uint8_t *data, size_t n);

/*
 * Ends the response.  VA_OK only if it was whole and successful: a status
 * other than 2xx, a cut stream, or an error object in the body is VA_FAILED or
 * VA_INVALID.  Of VA_AI_REST whatever came whole is successful.
 */
va_rc_t va_ai_reader_finish(va_ai_reader_t *r);

/*
 * Returns why it failed, for a log line: one line, at most 255 bytes, control
 * characters replaced, without any secret; "" when nothing failed.
 */
const char *va_ai_reader_error(const va_ai_reader_t *r);

VA_END_DECLS

#endif
