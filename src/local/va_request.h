/*
 * One HTTP request, shared by the thread of its connection and the thread that
 * works for it: the last of them to let go frees it.
 */
#ifndef VA_REQUEST_H
#define VA_REQUEST_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "../base/va_base.h"
#include "../base/va_buf.h"
#include "va_lexicon.h"
#include "va_tts.h"
#include "va_work.h"

#define VA_FIELD_MAX 8192           /* bytes of a text field of a form */
#define VA_ANSWER_MAX (256 * 1024)  /* bytes of an answer that is no audio */
#define VA_STREAM_MAX (1024 * 1024) /* bytes made ahead of a slow reader */
#define VA_STREAM_WAIT_S 30         /* seconds to wait for one */

/* What all requests share; nothing in it changes while they run. */
typedef struct {
    const va_lexicon_t *lexicon;
    const va_tts_voice_t *voice; /* where none is asked for */
    size_t max_body;
    va_work_t *hearing;
    va_work_t *speaking;
    atomic_bool stopping;
    atomic_ulong ids;
} va_app_t;

typedef struct va_request va_request_t;

typedef struct {
    const char *path;
    const char *method;
    bool form; /* the body is multipart/form-data */
    /* Called when the whole body is there. */
    void (*run)(va_request_t *r);
} va_route_t;

typedef enum {
    VA_REQ_OPEN,    /* the body is still coming */
    VA_REQ_WAITING, /* a worker has it, the connection sleeps */
    VA_REQ_READY,   /* the answer can be sent */
    VA_REQ_STREAM   /* the answer is sent while it is made */
} va_request_state_t;

/* How speech is sent. */
typedef enum { VA_SPEECH_WAV, VA_SPEECH_PCM, VA_SPEECH_ULAW } va_speech_t;

struct va_request {
    va_app_t *app;
    struct MHD_Connection *conn;
    const va_route_t *route;

    /* What came; untouched once a worker has the request. */
    va_buf_t body;
    struct MHD_PostProcessor *form;
    bool form_bad;
    size_t received;

    /* Only the thread of the connection looks at these. */
    bool finished; /* the body was handled */
    bool deferred; /* and a worker answers */
    va_buf_t file;
    va_buf_t model;
    va_buf_t prompt;
    va_buf_t language;
    va_buf_t format;

    /* What is asked of the worker. */
    char grammar[VA_LEXICON_NAME];
    va_buf_t text;
    va_speech_t speech;
    const va_tts_voice_t *voice;
    unsigned rate;
    double speed;

    /* Under the lock, as far as a worker is concerned. */
    pthread_mutex_t lock;
    pthread_cond_t room;
    unsigned refs;
    va_request_state_t state;
    bool asleep; /* the connection is suspended */
    bool gone;   /* the connection has ended */

    unsigned status;
    const char *type;
    unsigned retry_after; /* seconds; 0 for none */
    const char *allow;
    va_buf_t answer;
    size_t sent; /* of a stream: bytes of answer already read */
    bool ended;
    bool failed;
};

VA_BEGIN_DECLS

va_request_t *va_request_new(va_app_t *app, struct MHD_Connection *conn);
void va_request_unref(va_request_t *r);

/* Marks the connection as ended: nobody reads any more. */
void va_request_gone(va_request_t *r);

/* Sets a whole answer of that type; the content is in r->answer. */
void va_request_answer(va_request_t *r, unsigned status, const char *type);

/* Sets an OpenAI error object; code and param may be NULL. */
void va_request_error(va_request_t *r, unsigned status, const char *code,
                      const char *param, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Queues what was set.  Called by the thread of the connection. */
enum MHD_Result va_request_send(va_request_t *r);

/*
 * Hands the request to a worker and lets the connection sleep until
 * va_request_done.  When the queue is full the answer is 503.
 */
void va_request_defer(va_request_t *r, va_work_t *work);

/* Called by the worker when the answer is set; lets go of the request. */
void va_request_done(va_request_t *r);

/*
 * Hands the request to a worker that streams the answer with
 * va_request_write and va_request_end.
 */
void va_request_stream(va_request_t *r, va_work_t *work, const char *type);

/*
 * Adds to the stream, waiting for the reader when it is far behind.  false:
 * nobody listens any more.
 */
bool va_request_write(va_request_t *r, const void *data, size_t n);

/* Ends the stream, as a cut one unless ok; lets go of the request. */
void va_request_end(va_request_t *r, bool ok);

VA_END_DECLS

#endif
