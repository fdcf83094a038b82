
#ifndef _NGX_HTTP_VOICEAI_MODULE_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../src/dialog/va_call.h"
#include "../src/twilio/va_media.h"
#include "../src/wire/va_form.h"
#include "../src/wire/va_ws.h"

#include "ngx_http_voiceai_engine.h"
#include "ngx_http_voiceai_metrics.h"
#include "ngx_http_voiceai_observe.h"
#include "ngx_http_voiceai_transport.h"
#include "ngx_http_voiceai_zone.h"


/* A webhook's body; Twilio's are 1 to 4 kB. */
#define NGX_HTTP_VOICEAI_MAX_BODY      65536

#define NGX_HTTP_VOICEAI_APOLOGY                                              \
    "I am sorry, something went wrong. Please say that again."
#define NGX_HTTP_VOICEAI_REASK                                                \
    "Sorry, I did not catch that. Could you say it again?"

#define NGX_HTTP_VOICEAI_RESUME                                               \
    "Sorry, we were cut off. Where were we?"
#define NGX_HTTP_VOICEAI_BUSY                                                 \
    "I am sorry, all our lines are busy. Please call again later."

#define NGX_HTTP_VOICEAI_SILENCE_PROMPT  "Are you still there?"
#define NGX_HTTP_VOICEAI_FAREWELL        "Goodbye."
#define NGX_HTTP_VOICEAI_WARNING                                              \
    "I am sorry, this call has to end in a moment."

#define NGX_HTTP_VOICEAI_ENDPOINTING_FIXED     0
#define NGX_HTTP_VOICEAI_ENDPOINTING_ADAPTIVE  1

/* what a model may do to the call */
#define NGX_HTTP_VOICEAI_TOOL_OFF      0x0002
#define NGX_HTTP_VOICEAI_TOOL_HANG_UP  0x0004
#define NGX_HTTP_VOICEAI_TOOL_TRANSFER 0x0008
#define NGX_HTTP_VOICEAI_TOOL_KEYS     0x0010
#define NGX_HTTP_VOICEAI_TOOL_REPEAT   0x0020

/* headers of a tool, with method and auth; bytes that a model may give */
#define NGX_HTTP_VOICEAI_TOOL_PARAMS   16
#define NGX_HTTP_VOICEAI_TOOL_ARGS     65536

/* begins a transfer that is only keys to be pressed */
#define NGX_HTTP_VOICEAI_KEYS          "dtmf:"

#define NGX_HTTP_VOICEAI_MODE_STREAM   0
#define NGX_HTTP_VOICEAI_MODE_GATHER   1

/* what to do when a machine answers a call that we made */
#define NGX_HTTP_VOICEAI_MACHINE_CONTINUE  0
#define NGX_HTTP_VOICEAI_MACHINE_HANGUP    1
#define NGX_HTTP_VOICEAI_MACHINE_MESSAGE   2


typedef struct ngx_http_voiceai_log_conf_s  ngx_http_voiceai_log_conf_t;


typedef struct {
    ngx_thread_pool_t            *pool;
    ngx_thread_pool_t            *record_pool;  /* writes recordings */
    ngx_str_t                     pool_name;
    ngx_uint_t                    used;     /* some server has a handler */
    ngx_array_t                   zones;    /* ngx_http_voiceai_used_zone_t */
    ngx_shm_zone_t               *metrics;
    ngx_http_voiceai_log_conf_t  *log;      /* NULL: calls are forgotten */
    ngx_uint_t                    phrase_set;
    size_t                        phrase_size;
    ngx_shm_zone_t               *phrases;
    struct ngx_http_voiceai_redis_conf_s
                                 *redis;    /* NULL: this machine only */
    struct ngx_http_voiceai_trace_conf_s
                                 *trace;    /* NULL: no traces */
    ngx_uint_t                    trace_set;
    ngx_array_t                   places;   /* ngx_http_voiceai_place_t * */
    ngx_http_voiceai_engines_t    engines[NGX_HTTP_VOICEAI_STAGES];
                                            /* where none is configured */
} ngx_http_voiceai_main_conf_t;


/* Where the handlers of this server stand, for the URLs in TwiML. */
typedef struct {
    ngx_str_t                     media_uri;
    ngx_str_t                     continue_uri;
    ngx_str_t                     outbound_uri;
    ngx_str_t                     status_uri;
    ngx_str_t                     speech_uri;
    ngx_str_t                     phone_uri;      /* pages, if any */
    ngx_str_t                     dashboard_uri;
} ngx_http_voiceai_srv_conf_t;


typedef struct {
    ngx_str_t                     name;
    ngx_http_complex_value_t      value;
} ngx_http_voiceai_parameter_t;


typedef struct {
    ngx_flag_t                    enable;
    ngx_flag_t                    signature;
    ngx_flag_t                    stream_token;
    ngx_flag_t                    barge_in;
    ngx_uint_t                    mode;
    ngx_uint_t                    handler;  /* set by a handler directive */

    ngx_shm_zone_t               *zone;
    ngx_str_t                     public_url;
    ngx_str_t                     account_sid;
    ngx_str_t                     auth_token;
    ngx_str_t                     number;
    ngx_str_t                     api_url;  /* of Twilio */
    ngx_str_t                     api_key;  /* of ours */
    ngx_uint_t                    api_open; /* nginx decides who may */
    ngx_uint_t                    machine;  /* what to do when one answers */

    ngx_http_complex_value_t     *greeting;
    ngx_http_complex_value_t     *prompt;
    ngx_http_complex_value_t     *language;
    ngx_http_complex_value_t     *voice;
    ngx_http_complex_value_t     *apology;
    ngx_http_complex_value_t     *reask;
    ngx_http_complex_value_t     *resume;
    ngx_http_complex_value_t     *farewell;
    ngx_http_complex_value_t     *busy;
    ngx_http_complex_value_t     *filler;
    ngx_http_complex_value_t     *hints;
    ngx_array_t                  *parameters;

    ngx_str_t                     gather_input;
    ngx_str_t                     speech_timeout;
    ngx_str_t                     speech_model;
    ngx_uint_t                    min_confidence;  /* hundredths */
    ngx_msec_t                    answer_timeout;

    ngx_str_t                     record;       /* directory, or empty */
    ngx_http_complex_value_t     *silence_prompt;
    ngx_http_complex_value_t     *warning;
    ngx_msec_t                    warning_time;  /* before the end */

    ngx_uint_t                    endpointing;
    ngx_msec_t                    endpointing_min;
    ngx_flag_t                    preemptive;
    ngx_uint_t                    barge_in_words;
    ngx_msec_t                    barge_in_hold;
    ngx_flag_t                    barge_in_dtmf;
    ngx_msec_t                    silence_timeout;
    ngx_uint_t                    silence_prompts;
    ngx_uint_t                    history_tokens;  /* 0: no bound */
    ngx_uint_t                    history_turns;
    ngx_msec_t                    silence_threshold;
    ngx_msec_t                    barge_in_after;
    ngx_msec_t                    min_speech;
    ngx_msec_t                    preroll;
    ngx_msec_t                    max_utterance;
    ngx_msec_t                    send_ahead;
    ngx_flag_t                    speak_ahead;
    ngx_msec_t                    idle_timeout;
    ngx_msec_t                    max_duration;
    ngx_msec_t                    drain;    /* 0: no limit */
    ngx_uint_t                    max_calls;
    size_t                        max_message;

    ngx_http_voiceai_engines_t    engines[NGX_HTTP_VOICEAI_STAGES];

    ngx_uint_t                    own_tools;
    ngx_array_t                  *tools;
    ngx_array_t                  *targets;
    ngx_array_t                  *declared;  /* va_ai_tool_t: all of them */
    ngx_http_complex_value_t     *tool_filler;
    ngx_msec_t                    tool_filler_after;
} ngx_http_voiceai_loc_conf_t;


/* A zone in use, and a configuration with which its calls can be recovered. */
typedef struct {
    ngx_shm_zone_t               *zone;
    ngx_http_voiceai_loc_conf_t  *conf;     /* NULL: no Twilio account */
    ngx_http_voiceai_srv_conf_t  *srv;
} ngx_http_voiceai_used_zone_t;


typedef struct ngx_http_voiceai_call_s  ngx_http_voiceai_call_t;


/* Where the time went between the caller's last word and the answer's first. */
enum {
    NGX_HTTP_VOICEAI_SPAN_RESPONSE = 0,
    NGX_HTTP_VOICEAI_SPAN_SILENCE,
    NGX_HTTP_VOICEAI_SPAN_STT,
    NGX_HTTP_VOICEAI_SPAN_LLM,
    NGX_HTTP_VOICEAI_SPAN_TTS,
    NGX_HTTP_VOICEAI_SPANS
};

typedef struct {
    ngx_msec_t                    sum;
    ngx_msec_t                    max;
} ngx_http_voiceai_spent_t;


/*
 * What a request of ours is about, for variables and the access log.  Lives
 * with the request, so it outlasts the call of a media socket.
 */
typedef struct {
    void                         *socket;   /* of the media handler */
    va_form_t                    *form;
    ngx_int_t                   (*body_handler)(ngx_http_request_t *r);
    ngx_int_t                   (*form_handler)(ngx_http_request_t *r);
    ngx_str_t                     text;     /* the body */
    ngx_uint_t                    command;  /* that the request is about */
    ngx_http_voiceai_record_t     record;   /* copied out of the zone */

    ngx_msec_t                    start;
    ngx_msec_t                    end;
    uint64_t                      bytes_in;
    uint64_t                      bytes_out;
    va_call_stat_t                stat;
    ngx_uint_t                    latency;  /* of the last answer, ms */
    ngx_uint_t                    answers;  /* that were timed */
    ngx_http_voiceai_spent_t       spans[NGX_HTTP_VOICEAI_SPANS];
    const char                   *reason;   /* why the stream ended */
    const char                   *error;    /* why the request is refused */

    unsigned                      known:1;  /* record is filled */
    unsigned                      browser:1;  /* a ticket came, no signature */
    unsigned                      ended:1;
} ngx_http_voiceai_ctx_t;


extern ngx_module_t  ngx_http_voiceai_module;


VA_BEGIN_DECLS


/* ngx_http_voiceai_directives.c */
extern ngx_command_t  ngx_http_voiceai_commands[];

void *ngx_http_voiceai_create_srv_conf(ngx_conf_t *cf);
char *ngx_http_voiceai_merge_srv_conf(ngx_conf_t *cf, void *parent,
    void *child);
void *ngx_http_voiceai_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_voiceai_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

/* ngx_http_voiceai_conf.c */
char *ngx_http_voiceai_secret_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_voiceai_api_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_voiceai_confidence(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_voiceai_secret(ngx_conf_t *cf, ngx_str_t *value);
ngx_int_t ngx_http_voiceai_read_file(ngx_conf_t *cf, ngx_str_t *value,
    size_t max);
char *ngx_http_voiceai_public_url(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_voiceai_parameter(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_voiceai_check(ngx_conf_t *cf,
    ngx_http_voiceai_loc_conf_t *conf);
ngx_int_t ngx_http_voiceai_pool(ngx_conf_t *cf,
    ngx_http_voiceai_main_conf_t *vmcf);
ngx_thread_pool_t *ngx_http_voiceai_own_pool(ngx_conf_t *cf, ngx_str_t *name,
    const char *threads);

/* ngx_http_voiceai_engine_conf.c */
char *ngx_http_voiceai_engine(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_voiceai_engine_url(ngx_conf_t *cf,
    ngx_http_voiceai_provider_t *p, ngx_str_t *value);
ngx_int_t ngx_http_voiceai_engine_param(ngx_conf_t *cf,
    ngx_http_voiceai_engine_t *engine, ngx_str_t *param, ngx_uint_t none);
char *ngx_http_voiceai_merge_engines(ngx_conf_t *cf,
    ngx_http_voiceai_loc_conf_t *prev, ngx_http_voiceai_loc_conf_t *conf);

/* ngx_http_voiceai_recorder.c */
char *ngx_http_voiceai_record_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_http_voiceai_turns.c */
char *ngx_http_voiceai_warning(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_http_voiceai_tools_conf.c */
char *ngx_http_voiceai_tool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_voiceai_transfer_target(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_voiceai_declare_tools(ngx_conf_t *cf,
    ngx_http_voiceai_loc_conf_t *conf);

/* ngx_http_voiceai_variables.c */
ngx_int_t ngx_http_voiceai_add_variables(ngx_conf_t *cf);

/* An answer was given: adds its times to those of the stream. */
void ngx_http_voiceai_answered(ngx_http_voiceai_ctx_t *ctx,
    const va_turn_times_t *times);

/* ngx_http_voiceai_request.c */
ngx_http_voiceai_ctx_t *ngx_http_voiceai_get_ctx(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_eval(ngx_http_request_t *r,
    ngx_http_complex_value_t *value, ngx_str_t *out);
ngx_str_t *ngx_http_voiceai_header(ngx_http_request_t *r, const char *name);
ngx_int_t ngx_http_voiceai_signed(ngx_http_request_t *r, const va_form_t *form,
    va_str_t body, ngx_uint_t websocket);
ngx_int_t ngx_http_voiceai_read_form(ngx_http_request_t *r,
    ngx_int_t (*handler)(ngx_http_request_t *r));
ngx_int_t ngx_http_voiceai_read_body(ngx_http_request_t *r,
    ngx_int_t (*handler)(ngx_http_request_t *r));
ngx_int_t ngx_http_voiceai_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *error);
ngx_int_t ngx_http_voiceai_not_allowed(ngx_http_request_t *r,
    const char *allow, const char *error);
ngx_int_t ngx_http_voiceai_answer(ngx_http_request_t *r, ngx_int_t rc);
ngx_int_t ngx_http_voiceai_add_header(ngx_http_request_t *r, const char *key,
    const char *value);
ngx_int_t ngx_http_voiceai_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, va_buf_t *body);

/* ngx_http_voiceai_webhook.c */
ngx_int_t ngx_http_voiceai_incoming_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_continue_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_root_handler(ngx_http_request_t *r);

/* What the form says of the call, into the context's record. */
ngx_int_t ngx_http_voiceai_form_record(ngx_http_request_t *r,
    ngx_http_voiceai_ctx_t *ctx);
ngx_int_t ngx_http_voiceai_begin(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_twiml(ngx_http_request_t *r, va_buf_t *twiml);

/* ngx_http_voiceai_api.c */
ngx_int_t ngx_http_voiceai_sessions_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_session_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_interrupt_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_calls_handler(ngx_http_request_t *r);

/* ngx_http_voiceai_log_conf.c */
char *ngx_http_voiceai_log_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_voiceai_log_redact(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_voiceai_log_keep(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_http_voiceai_log_read.c: GET on the calls */
ngx_int_t ngx_http_voiceai_log_handler(ngx_http_request_t *r);

/* ngx_http_voiceai_events.c */
ngx_int_t ngx_http_voiceai_events_handler(ngx_http_request_t *r);

/* Tells whoever listens that something happened to a call. */
void ngx_http_voiceai_event(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, const char *name);

/* The same with a text, unless its data is NULL, and more members of JSON. */
void ngx_http_voiceai_event_text(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, const char *name, va_str_t text,
    const char *more);

/* ngx_http_voiceai_health_page.c: whether calls can be taken */
ngx_int_t ngx_http_voiceai_health_handler(ngx_http_request_t *r);

/* ngx_http_voiceai_drain.c */
ngx_int_t ngx_http_voiceai_drain_handler(ngx_http_request_t *r);

/* ngx_http_voiceai_outbound.c */
ngx_int_t ngx_http_voiceai_make_call_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_outbound_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_status_handler(ngx_http_request_t *r);
void ngx_http_voiceai_hook(va_buf_t *url, ngx_http_voiceai_loc_conf_t *vlcf,
    ngx_str_t *uri, ngx_str_t *id);

/* ngx_http_voiceai_machine.c */

/*
 * What is to be done with a call that a machine may have answered: NGX_OK when
 * text is to be said, if any, and it is to be hung up; NGX_DECLINED when it
 * goes on.
 */
ngx_int_t ngx_http_voiceai_machine(ngx_http_request_t *r,
    ngx_http_voiceai_record_t *rec, ngx_str_t *text);

/* A verdict has come and stands in the record: acts on it, where it can. */
void ngx_http_voiceai_machine_verdict(ngx_http_request_t *r,
    ngx_http_voiceai_record_t *rec);

/* ngx_http_voiceai_gather.c */

/* TwiML that says the text, if any, and hangs up; the call has ended. */
ngx_int_t ngx_http_voiceai_bye(ngx_http_request_t *r, va_str_t text);
void ngx_http_voiceai_gather_exit(void);
ngx_int_t ngx_http_voiceai_speech_handler(ngx_http_request_t *r);

/* <Gather> that says the text; NGX_OK, or NGX_ERROR. */
ngx_int_t ngx_http_voiceai_gather(ngx_http_request_t *r, va_buf_t *twiml,
    va_str_t say);

/* ngx_http_voiceai_recover.c */

/*
 * Asks Twilio to connect the calls again whose worker died, those for which
 * Twilio has not come by itself.  Returns how many are still to be asked for.
 */
ngx_uint_t ngx_http_voiceai_recover(ngx_http_voiceai_main_conf_t *vmcf,
    ngx_http_voiceai_used_zone_t *used);

/* ngx_http_voiceai_balance.c */

/* A media socket has come or gone: whether this worker goes on accepting. */
void ngx_http_voiceai_balance(ngx_shm_zone_t *zone, ngx_int_t change);
void ngx_http_voiceai_balance_exit(void);

/* ngx_http_voiceai_leave.c */

/* This worker was told to quit: its calls have voiceai_drain left. */
void ngx_http_voiceai_drain_begin(void);

/* Begins to hand over the calls of a zone, if that is wanted. */
void ngx_http_voiceai_drain_look(ngx_shm_zone_t *zone);

/* The worker ends now, at its exit: says goodbye to the calls it has. */
void ngx_http_voiceai_leave_all(ngx_cycle_t *cycle);

/* ngx_http_voiceai_handshake.c */

/* Checks the request of a WebSocket; answers it unless NGX_OK. */
ngx_int_t ngx_http_voiceai_handshake_check(ngx_http_request_t *r,
    ngx_str_t *key);
ngx_int_t ngx_http_voiceai_handshake_switch(ngx_http_request_t *r,
    ngx_str_t *key);

/* ngx_http_voiceai_media.c */
ngx_int_t ngx_http_voiceai_media_handler(ngx_http_request_t *r);

/* ngx_http_voiceai_call.c */

/*
 * Begins the conversation of an attached stream.  The call is freed by
 * ngx_http_voiceai_call_destroy() and by nothing else.
 */
ngx_http_voiceai_call_t *ngx_http_voiceai_call_create(ngx_http_request_t *r,
    ngx_http_voiceai_ctx_t *ctx, va_buf_t *out);
void ngx_http_voiceai_call_start(ngx_http_voiceai_call_t *call);
void ngx_http_voiceai_call_message(ngx_http_voiceai_call_t *call,
    va_media_msg_t *msg);
void ngx_http_voiceai_call_destroy(ngx_http_voiceai_call_t *call,
    ngx_http_voiceai_state_e state);

/*
 * Carries out a command (ngx_http_voiceai_bus_kind_e) on a call of this
 * worker.  NGX_OK, or NGX_DECLINED when it has no such call.
 */
ngx_int_t ngx_http_voiceai_call_command(ngx_str_t *sid, ngx_uint_t kind,
    ngx_str_t *text);

/* ngx_http_voiceai_media.c: what a call asks of its socket */
void ngx_http_voiceai_frame(va_buf_t *out, va_ws_opcode_t opcode,
    const void *data, size_t n);
ngx_int_t ngx_http_voiceai_send_out(ngx_connection_t *c, va_buf_t *out,
    size_t *sent);
void ngx_http_voiceai_media_flush(ngx_http_request_t *r);
void ngx_http_voiceai_media_close(ngx_http_request_t *r,
    ngx_http_voiceai_state_e state, const char *reason);
void ngx_http_voiceai_media_fail(ngx_http_request_t *r, const char *reason);

/* ngx_http_voiceai_phrase.c */

/* a phrase longer than 30 s is not kept */
#define NGX_HTTP_VOICEAI_PHRASE_MAX    (30 * VA_RATE)

/* Audio of a fixed text, kept by the worker; refcounted. */
typedef struct {
    ngx_queue_t                   queue;
    ngx_uint_t                    refs;
    ngx_str_t                     key;
    va_buf_t                      audio;
} ngx_http_voiceai_phrase_t;

void ngx_http_voiceai_phrase_key(va_buf_t *key,
    ngx_http_voiceai_provider_t *provider, va_ai_input_t *input);
ngx_http_voiceai_phrase_t *ngx_http_voiceai_phrase_find(va_buf_t *key);
void ngx_http_voiceai_phrase_release(ngx_http_voiceai_phrase_t *phrase);
void ngx_http_voiceai_phrase_store(va_buf_t *key, va_buf_t *audio);
void ngx_http_voiceai_phrase_warm(ngx_thread_pool_t *pool,
    ngx_http_voiceai_provider_t *provider, va_ai_input_t *input);
void ngx_http_voiceai_phrases_exit(void);

/* ngx_http_voiceai_phrase_zone.c */
char *ngx_http_voiceai_phrase_cache(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_voiceai_phrase_zone(ngx_conf_t *cf,
    ngx_http_voiceai_main_conf_t *vmcf);
void ngx_http_voiceai_phrase_init(ngx_http_voiceai_main_conf_t *vmcf);

/* Appends what all workers have of a phrase; NGX_OK or NGX_DECLINED. */
ngx_int_t ngx_http_voiceai_phrase_get(va_buf_t *key, va_buf_t *audio);
void ngx_http_voiceai_phrase_put(va_buf_t *key, va_buf_t *audio);

/*
 * NGX_OK: the phrase is the caller's to synthesise, to be put or abandoned;
 * NGX_BUSY: somebody is at it; NGX_DECLINED: nothing is shared.
 */
ngx_int_t ngx_http_voiceai_phrase_claim(va_buf_t *key);
void ngx_http_voiceai_phrase_abandon(va_buf_t *key);


VA_END_DECLS


static ngx_inline va_str_t
ngx_http_voiceai_view(ngx_str_t *s)
{
    va_str_t  v;

    v.data = (const char *) s->data;
    v.len = s->len;

    return v;
}


#endif /* _NGX_HTTP_VOICEAI_MODULE_H_INCLUDED_ */
