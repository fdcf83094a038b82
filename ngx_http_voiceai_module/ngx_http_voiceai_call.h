
/*
 * What a live call is made of; shared by the two files that drive it.
 */


#ifndef _NGX_HTTP_VOICEAI_CALL_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_CALL_H_INCLUDED_


#include "ngx_http_voiceai_module.h"


/* requests that a call can have outstanding: one at the recogniser, one at the
 * model, two at the voice, and one that was just given up */
#define NGX_HTTP_VOICEAI_WORKS       5
/* what a recogniser may answer */
#define NGX_HTTP_VOICEAI_TEXT_MAX    8192
#define NGX_HTTP_VOICEAI_PIECE       8000


typedef struct ngx_http_voiceai_tools_s   ngx_http_voiceai_tools_t;
typedef struct ngx_http_voiceai_listen_s  ngx_http_voiceai_listen_t;


typedef struct {
    ngx_http_voiceai_call_t     *call;      /* NULL: free */
    uint32_t                     request;
    ngx_uint_t                   stage;
    ngx_http_voiceai_errand_t    errand;
    va_str_t                     said;      /* to the voice; for a recogniser
                                               what was said before */
    va_str_t                     heard;     /* by a recogniser, mu-law */
    va_buf_t                     kept;      /* copy of both, for a second try */
    ngx_http_voiceai_phrase_t   *phrase;    /* played from memory */
    size_t                       offset;    /* of it, what was fed */
    va_buf_t                     text;      /* of a recogniser; of a model what
                                               it said before it called */
    ngx_http_voiceai_tools_t    *tools;     /* NULL: none were called for */
    va_buf_t                     audio;     /* of a phrase to be kept */
    float                        confidence;
    ngx_msec_t                   began;
    va_buf_t                     key;       /* of a phrase */
    ngx_event_t                  look;      /* for what another one makes */
    ngx_connection_t             dummy;     /* what a timer's data must be */

    unsigned                     deferred:1;  /* something is to be done */
    unsigned                     fixed:1;     /* to be kept as a phrase */
    unsigned                     claimed:1;   /* others wait for it */
    unsigned                     hangup:1;
    unsigned                     listened:1;  /* the stream has it all */
    unsigned                     speculative:1;
    unsigned                     waits:1;     /* for the turn to be over */
} ngx_http_voiceai_work_t;


typedef struct ngx_http_voiceai_recorder_s  ngx_http_voiceai_recorder_t;


struct ngx_http_voiceai_call_s {
    ngx_queue_t                  queue;     /* of the worker's calls */
    ngx_http_request_t          *request;
    ngx_http_voiceai_ctx_t      *ctx;
    ngx_http_voiceai_loc_conf_t *conf;
    va_call_t                   *core;
    va_buf_t                    *out;       /* the socket's */

    ngx_str_t                    greeting;  /* in the request's pool */
    ngx_str_t                    prompt;
    ngx_str_t                    language;
    ngx_str_t                    voice;
    ngx_str_t                    apology;
    ngx_str_t                    reask;
    ngx_str_t                    resume;
    ngx_str_t                    silence_prompt;
    ngx_str_t                    farewell;
    ngx_str_t                    warning;
    ngx_str_t                    tool_filler;

    ngx_http_voiceai_listen_t   *listen;    /* NULL: no recogniser streams */

    ngx_http_voiceai_recorder_t *recorder;  /* NULL: not recorded */
    ngx_http_voiceai_trace_t    *trace;     /* NULL: not traced */

    ngx_event_t                  timer;
    ngx_event_t                  deferred;
    ngx_http_voiceai_work_t      works[NGX_HTTP_VOICEAI_WORKS];
    va_buf_t                     say;       /* for Twilio to speak */

    ngx_uint_t                   turns;     /* of earlier streams */
    ngx_uint_t                   interruptions;
    ngx_uint_t                   failures;

    unsigned                     changed:1; /* a turn is over */
    unsigned                     hangup:1;
    unsigned                     spoken:1;  /* say is complete */
    unsigned                     transfer:1;
    unsigned                     leave:1;   /* transfer instead of hangup */
    unsigned                     machine:1; /* is told what is to be told */
    unsigned                     parting:1; /* the worker is to go */
};


/* Milliseconds between two points of va_turn_times_t, 0 if one is not there. */
#define ngx_http_voiceai_since(from, to)                                      \
    ((from) && (to) >= (from) ? (ngx_msec_t) ((to) - (from)) : 0)


VA_BEGIN_DECLS

/* ngx_http_voiceai_tell.c: events for an action, and counts for the plots */
void ngx_http_voiceai_call_tell(ngx_http_voiceai_call_t *call,
    const va_action_t *act);
void ngx_http_voiceai_call_count(ngx_http_voiceai_call_t *call,
    const va_call_stat_t *stat);

/* ngx_http_voiceai_call.c */
void ngx_http_voiceai_call_after(ngx_http_voiceai_call_t *call);

/* ngx_http_voiceai_recorder.c */

/* Records the call, if it is to be; NULL if not, or without memory. */
ngx_http_voiceai_recorder_t *ngx_http_voiceai_recorder_create(
    ngx_http_voiceai_call_t *call, const va_call_conf_t *conf);
void ngx_http_voiceai_recorder_action(ngx_http_voiceai_recorder_t *rec,
    const va_action_t *act);
void ngx_http_voiceai_recorder_close(ngx_http_voiceai_recorder_t *rec);

/* ngx_http_voiceai_turns.c */
ngx_int_t ngx_http_voiceai_turns_texts(ngx_http_voiceai_call_t *call);
void ngx_http_voiceai_turns_conf(ngx_http_voiceai_call_t *call,
    va_call_conf_t *conf);

/* The calls of this worker; NULL before there was one. */
ngx_queue_t *ngx_http_voiceai_calls_first(void);
ngx_queue_t *ngx_http_voiceai_calls_end(void);

/* ngx_http_voiceai_leave.c: a message in a call that says goodbye */
void ngx_http_voiceai_leave_message(ngx_http_voiceai_call_t *call,
    va_media_msg_t *msg);

/* ngx_http_voiceai_work.c */
ngx_http_voiceai_work_t *ngx_http_voiceai_work_find(
    ngx_http_voiceai_call_t *call, uint32_t request);
void ngx_http_voiceai_work_start(ngx_http_voiceai_call_t *call,
    ngx_uint_t stage, const va_action_t *act);
void ngx_http_voiceai_work_listened(ngx_http_voiceai_work_t *work);
void ngx_http_voiceai_work_whole(ngx_http_voiceai_work_t *work);
void ngx_http_voiceai_work_commit(ngx_http_voiceai_call_t *call,
    uint32_t request);
void ngx_http_voiceai_work_defer(ngx_http_voiceai_work_t *work);
void ngx_http_voiceai_work_run(ngx_http_voiceai_work_t *work);
void ngx_http_voiceai_work_free(ngx_http_voiceai_work_t *work);
void ngx_http_voiceai_work_warm(ngx_http_voiceai_call_t *call);

/* ngx_http_voiceai_listen.c */
ngx_http_voiceai_listen_t *ngx_http_voiceai_listen_create(
    ngx_http_voiceai_call_t *call);
void ngx_http_voiceai_listen_free(ngx_http_voiceai_listen_t *l);
void ngx_http_voiceai_listen_audio(ngx_http_voiceai_listen_t *l, u_char *ulaw,
    size_t len);
void ngx_http_voiceai_listen_heard(ngx_http_voiceai_listen_t *l);
ngx_int_t ngx_http_voiceai_listen_work(ngx_http_voiceai_listen_t *l,
    ngx_http_voiceai_work_t *work);
void ngx_http_voiceai_listen_answer(ngx_http_voiceai_listen_t *l,
    ngx_http_voiceai_work_t *work);
void ngx_http_voiceai_listen_cancel(ngx_http_voiceai_listen_t *l,
    ngx_http_voiceai_work_t *work);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_CALL_H_INCLUDED_ */
