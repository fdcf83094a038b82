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

/*
 * A parameter of the provider's own that is passed on as it is: a member of a
 * JSON body (value as JSON if it is JSON, otherwise as a string), a part of a
 * form, or an argument of the query, as the provider speaks.  It takes the
 * place of a member of that name which would be sent otherwise.
 */
typedef struct {
    va_str_t name;
    va_str_t value;
} va_ai_param_t;

/* How a provider was configured.  Views; empty means not set. */
typedef struct {
    va_str_t url; /* base URL, e.g. "https://api.openai.com/v1"; REST: whole;
                     empty: that of va_ai_default_url */
    va_str_t key; /* secret: sent, never logged; REST: "user:password" */
    va_str_t model;
    va_str_t voice;
    va_str_t language; /* BCP 47, e.g. "en-US" */
    va_str_t format;   /* TTS: "pcm" (default), "wav" or "ulaw" */
    unsigned rate;     /* TTS: rate of raw pcm; 0 means 24000 */
    const va_ai_param_t *params;
    size_t param_count;
} va_ai_conf_t;

typedef enum { VA_ROLE_USER, VA_ROLE_ASSISTANT, VA_ROLE_TOOL } va_role_t;

/*
 * A call of a tool is a message of the assistant with tool_name set (its text,
 * if any, was said before the call); VA_ROLE_TOOL is what came of the call with
 * the same tool_id.  Calls in a row were made at once.
 */
typedef struct {
    va_role_t role;
    va_str_t text;
    va_str_t tool_id;
    va_str_t tool_name;
    va_str_t tool_args; /* of a call: JSON */
} va_ai_message_t;

/* A function that the model may call. */
typedef struct {
    va_str_t name; /* [A-Za-z0-9_-]{1,64} */
    va_str_t description;
    va_str_t schema; /* JSON schema of the arguments, an object; empty: none */
} va_ai_tool_t;

/* What one request is about.  Views, needed only while the request is built. */
typedef struct {
    va_ai_stage_t stage;
    const uint8_t *ulaw; /* STT: the utterance, mu-law 8000 Hz */
    size_t ulaw_len;
    va_str_t context;                /* STT: what the assistant said last */
    va_str_t prompt;                 /* LLM: system prompt */
    const va_ai_message_t *messages; /* LLM: oldest first */
    size_t message_count;
    const va_ai_tool_t *tools; /* LLM */
    size_t tool_count;
    va_str_t text;  /* TTS; REST: the form, empty for GET */
    va_str_t voice; /* override the configuration when not empty */
    va_str_t language;
    va_str_t call_sid;    /* names the user towards the provider */
    va_str_t traceparent; /* W3C Trace Context: sent when not empty */
} va_ai_input_t;

#define VA_AI_HEADERS 24
#define VA_AI_PARTS 40
#define VA_AI_BODY_MAX (4 * 1024 * 1024)

/* One part of multipart/form-data; filename and type may be NULL. */
typedef struct {
    const char *name;
    const char *filename;
    const char *type;
    char *own_name; /* what name points to, if it is not a constant */
    va_buf_t data;
} va_ai_part_t;

/* A request that owns its memory. */
typedef struct {
    const char *method; /* NULL: POST with a body or parts, otherwise GET */
    va_buf_t url;
    va_buf_t headers[VA_AI_HEADERS]; /* each "Name: value" */
    size_t header_count;
    va_buf_t body; /* empty when there are parts */
    va_ai_part_t parts[VA_AI_PARTS];
    size_t part_count;
} va_ai_request_t;

typedef enum {
    VA_AI_TEXT,       /* STT: transcript, or a piece of it that is final when
                         it streams; LLM: piece of the reply; REST: body */
    VA_AI_AUDIO,      /* TTS: mu-law 8000 Hz */
    VA_AI_TOOL,       /* LLM: a call of a tool, told when the reply is whole */
    VA_AI_PARTIAL,    /* STT: what may become the next final piece; takes the
                         place of the one before */
    VA_AI_SPEECH_END, /* STT: the recogniser finds that the turn is over */
    VA_AI_FLUSHED     /* STT: all audio before va_ai_stream_finalize has been
                         answered */
} va_ai_event_type_t;

typedef struct {
    va_ai_event_type_t type;
    va_str_t data;    /* text (UTF-8), audio, or the arguments of a call as the
                         model wrote them: mostly, not surely, JSON */
    float confidence; /* STT: 0..1; negative when not known */
    va_str_t id;      /* of a call, never empty */
    va_str_t name;    /* of the tool */
} va_ai_event_t;

/* Why a request failed, for whoever decides what to try next. */
typedef enum {
    VA_AI_FINE,      /* it did not fail, or not yet */
    VA_AI_MISUSED,   /* model, parameter or path unknown: never try again */
    VA_AI_REFUSED,   /* the key is wrong or may not do this: never */
    VA_AI_QUOTA,     /* no money, no contingent: not for a long time */
    VA_AI_LIMITED,   /* too many requests: later */
    VA_AI_SERVER,    /* the server is in trouble: may go well again */
    VA_AI_MALFORMED, /* what came is not what was asked for */
    VA_AI_CUT,       /* it ended too early: may go well again */
    VA_AI_EMPTY,     /* whole, and nothing in it */
    VA_AI_INTERNAL   /* no memory, or the receiver refused an event */
} va_ai_error_class_t;

/* What a recogniser that streams wants to be driven by. */
typedef struct {
    unsigned audio_min_ms; /* of audio in one message, but for the last before
                              finalize or close; 0: any */
    unsigned audio_max_ms;
    unsigned keepalive_ms; /* a keepalive is due when nothing was sent for so
                              long; 0: never */
} va_ai_pace_t;

/* Receives an event; anything but VA_OK stops the reader. */
typedef va_rc_t (*va_ai_event_pt)(void *ctx, const va_ai_event_t *event);

typedef struct va_ai_reader va_ai_reader_t;

VA_BEGIN_DECLS

/* Returns whether `kind` names a provider that serves that stage. */
bool va_ai_known(va_str_t kind, va_ai_stage_t stage);

/* Returns the URL of a provider that has one of its own, otherwise NULL. */
const char *va_ai_default_url(va_str_t kind, va_ai_stage_t stage);

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

/* Returns why it failed. */
va_ai_error_class_t va_ai_reader_class(const va_ai_reader_t *r);

/* Returns whether the same request may succeed if it is made again soon. */
bool va_ai_retryable(va_ai_error_class_t why);

/*
 * Recognisers that stream.
 *
 * Where va_ai_streams, va_ai_request makes the request of a WebSocket handshake
 * (a URL of ws:// or wss://, and headers), for which no audio is needed.  The
 * status of the answer goes to va_ai_reader_head: 101, or the refusal, whose
 * body is fed and finished as that of any other answer.  After 101 each message
 * goes to va_ai_reader_message, and the end to va_ai_reader_closed.
 */
bool va_ai_streams(va_str_t kind, va_ai_stage_t stage);

va_ai_pace_t va_ai_pace(va_str_t kind, va_ai_stage_t stage);

/*
 * Each appends the payload of one message to out, which the caller empties, and
 * sets *text to whether it goes in a text frame.  VA_AGAIN: this provider has
 * nothing to say here; nothing was appended.  Otherwise out->rc.
 *
 * open      before everything else
 * audio     n bytes of mu-law of 8000 Hz, within va_ai_pace
 * finalize  the speech is over: answer what there is, then VA_AI_FLUSHED
 * keepalive nothing to be heard, but do not go
 * close     no more audio: tell what there is and close
 */
va_rc_t va_ai_stream_open(va_str_t kind, const va_ai_conf_t *conf,
                          const va_ai_input_t *in, va_buf_t *out, bool *text);
va_rc_t va_ai_stream_audio(va_str_t kind, const va_ai_conf_t *conf,
                           const uint8_t *ulaw, size_t n, va_buf_t *out,
                           bool *text);
va_rc_t va_ai_stream_finalize(va_str_t kind, const va_ai_conf_t *conf,
                              va_buf_t *out, bool *text);
va_rc_t va_ai_stream_keepalive(va_str_t kind, const va_ai_conf_t *conf,
                               va_buf_t *out, bool *text);
va_rc_t va_ai_stream_close(va_str_t kind, const va_ai_conf_t *conf,
                           va_buf_t *out, bool *text);

/* Feeds a message, whole and in the order of arrival.  An error is final. */
va_rc_t va_ai_reader_message(va_ai_reader_t *r, bool text, const uint8_t *data,
                             size_t n);

/*
 * The connection was closed by the other side with that status of RFC 6455,
 * section 7.4 (0: without a closing frame) and reason.  VA_OK only for an
 * orderly end.  Nothing may be fed afterwards.
 */
va_rc_t va_ai_reader_closed(va_ai_reader_t *r, unsigned code, va_str_t reason);

VA_END_DECLS

#endif
