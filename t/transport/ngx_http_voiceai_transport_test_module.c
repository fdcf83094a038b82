
/*
 * A content handler which does with the transport what its arguments say,
 * and answers with one line of JSON when all its jobs are over.
 *
 *   stage   llm, tts, stt or rest    url      of the provider
 *   socket  unix socket of it        count    of jobs, 1 by default
 *   connect, first, idle, total      timeouts in ms
 *   slow    takes one result a job every so many ms
 *   echo    sends texts to the client as they come
 *   cancel  "start": at once; "self": each in its first result; "first": all,
 *           in the first result of the first; "end": in the last result;
 *           "left": when a result has been left; or so many ms
 *   resume  resumes inside the handler what it leaves, every second time
 *   chain   jobs to start one after the other, each in the end of the last
 *   size    bytes of the utterance, or of the text
 *   kind    of the provider, openai by default; of a stream:
 *   audio   milliseconds of audio to be given, in frames of 20 ms
 *   pace    ms between frames; 0: as fast as they are taken
 *   turns   so many times that audio, and finalize after each
 *   stay    ms until a stream is cancelled
 *   key, proxy, ca, cert, cert_key, tls, format   of the provider
 *   warm    opens connections ahead, and starts nothing
 *   lone    without a timer that would keep a leaving worker
 *
 * "fault" is that of the last failure, "why" what its reader found.
 *
 * transport_stat answers with the counters.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_voiceai_loop.h"


typedef struct {
    ngx_thread_pool_t            *pool;
} ngx_http_jobs_conf_t;


typedef struct ngx_http_jobs_ctx_s  ngx_http_jobs_ctx_t;


typedef struct {
    ngx_http_jobs_ctx_t          *ctx;
    ngx_http_voiceai_job_t       *job;
    ngx_uint_t                    results;
    ngx_uint_t                    credit;
    ngx_uint_t                    given;     /* ms of this turn */
    ngx_uint_t                    turns;     /* to come */
    ngx_uint_t                    waits;     /* for FLUSHED */
} ngx_http_jobs_slot_t;


struct ngx_http_jobs_ctx_s {
    ngx_http_request_t           *request;
    ngx_http_voiceai_provider_t   provider;
    ngx_thread_pool_t            *pool;
    ngx_event_t                   slow;
    ngx_event_t                   cancel_timer;
    ngx_event_t                   keep;
    ngx_event_t                   over;
    ngx_event_t                   mic;
    ngx_event_t                   stay_timer;

    ngx_uint_t                    audio;
    ngx_uint_t                    turns;
    ngx_msec_t                    pace;
    ngx_msec_t                    stay;
    ngx_uint_t                    warm;

    va_ai_stage_t                 stage;
    ngx_str_t                     cancel;
    size_t                        size;
    ngx_uint_t                    count;
    ngx_uint_t                    chain;
    ngx_uint_t                    live;
    ngx_uint_t                    resume;
    ngx_uint_t                    echo;
    ngx_uint_t                    lone;
    ngx_msec_t                    every;
    ngx_msec_t                    cancel_after;

    ngx_uint_t                    done;
    ngx_uint_t                    failed;
    ngx_uint_t                    cancelled;
    ngx_uint_t                    refused;
    ngx_uint_t                    texts;
    ngx_uint_t                    audios;
    ngx_uint_t                    partials;
    ngx_uint_t                    ends;      /* of speech */
    ngx_uint_t                    flushed;
    ngx_uint_t                    busy;      /* audio that was not taken */
    ngx_uint_t                    fault;     /* of the last */
    ngx_uint_t                    why;
    ngx_uint_t                    order;     /* audio which was not in order */
    ngx_uint_t                    late;      /* calls after the end */
    ngx_uint_t                    status;
    ngx_int_t                     retry_after;
    size_t                        bytes;
    ngx_msec_t                    first;
    ngx_msec_t                    total;
    u_char                        text[512];
    u_char                       *text_last;

    ngx_http_jobs_slot_t         *slots;
};


static ngx_int_t ngx_http_jobs_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_jobs_args(ngx_http_request_t *r,
    ngx_http_jobs_ctx_t *ctx);
static ngx_str_t ngx_http_jobs_str(ngx_http_request_t *r, char *name);
static ngx_uint_t ngx_http_jobs_num(ngx_http_request_t *r, char *name,
    ngx_uint_t value);
static void ngx_http_jobs_start(ngx_http_jobs_slot_t *slot);
static ngx_int_t ngx_http_jobs_result(void *data, ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_result_t *result);
static void ngx_http_jobs_ended(ngx_http_jobs_slot_t *slot,
    ngx_http_voiceai_result_t *result);
static void ngx_http_jobs_collect(ngx_http_jobs_ctx_t *ctx,
    ngx_http_voiceai_result_t *result);
static void ngx_http_jobs_cancel(ngx_http_jobs_slot_t *slot);
static void ngx_http_jobs_cancel_all(ngx_http_jobs_ctx_t *ctx);
static void ngx_http_jobs_slow_handler(ngx_event_t *ev);
static void ngx_http_jobs_cancel_handler(ngx_event_t *ev);
static void ngx_http_jobs_keep_handler(ngx_event_t *ev);
static void ngx_http_jobs_mic_handler(ngx_event_t *ev);
static ngx_uint_t ngx_http_jobs_speak(ngx_http_jobs_slot_t *slot);
static void ngx_http_jobs_over_handler(ngx_event_t *ev);
static void ngx_http_jobs_send(ngx_http_jobs_ctx_t *ctx, u_char *data,
    size_t len, ngx_uint_t last);
static void ngx_http_jobs_reading(ngx_http_request_t *r);
static void ngx_http_jobs_cleanup(void *data);
static ngx_int_t ngx_http_jobs_stat_handler(ngx_http_request_t *r);
static void *ngx_http_jobs_create_conf(ngx_conf_t *cf);
static char *ngx_http_jobs_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_http_jobs_stat(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_command_t  ngx_http_jobs_commands[] = {

    { ngx_string("transport_test"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_jobs_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("transport_stat"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_jobs_stat,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_jobs_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */
    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */
    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */
    ngx_http_jobs_create_conf,             /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_voiceai_transport_test_module = {
    NGX_MODULE_V1,
    &ngx_http_jobs_module_ctx,             /* module context */
    ngx_http_jobs_commands,                /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_voiceai_transport_init,       /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_voiceai_transport_exit,       /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_jobs_handler(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_http_cleanup_t   *cln;
    ngx_http_jobs_ctx_t  *ctx;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_jobs_ctx_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (ctx == NULL || cln == NULL || ngx_http_jobs_args(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_jobs_cleanup;
    cln->data = ctx;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    r->allow_ranges = 0;

    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    r->main->count++;
    r->read_event_handler = ngx_http_jobs_reading;

    if (ctx->warm) {
        for (i = 0; i < ctx->warm; i++) {
            ngx_http_voiceai_transport_warm(ctx->pool, &ctx->provider,
                                            ctx->stage, r->connection->log);
        }

        ngx_post_event(&ctx->over, &ngx_posted_events);
        return NGX_DONE;
    }

    ctx->live = ctx->count;

    for (i = 0; i < ctx->count; i++) {
        ctx->slots[i].ctx = ctx;
        ngx_http_jobs_start(&ctx->slots[i]);
    }

    if (ngx_strcmp(ctx->cancel.data, "start") == 0) {
        ngx_http_jobs_cancel_all(ctx);
    }

    if (ctx->every) {
        ngx_add_timer(&ctx->slow, ctx->every);
    }

    if (ctx->cancel_after) {
        ngx_add_timer(&ctx->cancel_timer, ctx->cancel_after);
    }

    if (!ctx->lone) {
        ngx_add_timer(&ctx->keep, 1000);
    }

    if (ctx->audio || ctx->turns) {
        ngx_http_jobs_mic_handler(&ctx->mic);
    }

    if (ctx->stay) {
        ngx_add_timer(&ctx->stay_timer, ctx->stay);
    }

    return NGX_DONE;
}


static ngx_int_t
ngx_http_jobs_args(ngx_http_request_t *r, ngx_http_jobs_ctx_t *ctx)
{
    ngx_str_t              stage;
    ngx_int_t              n;
    ngx_http_jobs_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r,
                                       ngx_http_voiceai_transport_test_module);
    ctx->request = r;
    ctx->pool = conf->pool;
    ctx->text_last = ctx->text;

    stage = ngx_http_jobs_str(r, "stage");
    ctx->stage = ngx_strcmp(stage.data, "tts") == 0 ? VA_AI_TTS
                 : ngx_strcmp(stage.data, "stt") == 0 ? VA_AI_STT
                 : ngx_strcmp(stage.data, "rest") == 0 ? VA_AI_REST : VA_AI_LLM;
    ngx_str_set(&ctx->provider.kind, "openai");
    ngx_str_set(&ctx->provider.key, "sk-very-secret");

    if (ctx->stage == VA_AI_REST) {
        ngx_str_set(&ctx->provider.kind, "rest");
        ngx_str_set(&ctx->provider.key, "AC0:very-secret");
    }

    if (ngx_http_jobs_str(r, "kind").len) {
        ctx->provider.kind = ngx_http_jobs_str(r, "kind");
    }

    if (ngx_http_jobs_str(r, "key").len) {
        ctx->provider.key = ngx_http_jobs_str(r, "key");
    }

    ngx_str_set(&ctx->provider.model, "m");
    ngx_str_set(&ctx->provider.voice, "v");
    ngx_str_set(&ctx->provider.format, "ulaw");

    if (ngx_http_jobs_str(r, "format").len) {
        ctx->provider.format = ngx_http_jobs_str(r, "format");
    }

    ctx->provider.proxy = ngx_http_jobs_str(r, "proxy");
    ctx->provider.ca = ngx_http_jobs_str(r, "ca");
    ctx->provider.cert = ngx_http_jobs_str(r, "cert");
    ctx->provider.cert_key = ngx_http_jobs_str(r, "cert_key");
    ctx->provider.tls = ngx_http_jobs_num(r, "tls", 0);
    ctx->provider.url = ngx_http_jobs_str(r, "url");
    ctx->provider.socket = ngx_http_jobs_str(r, "socket");
    ctx->provider.connect_timeout = ngx_http_jobs_num(r, "connect", 3000);
    ctx->provider.first_timeout = ngx_http_jobs_num(r, "first", 20000);
    ctx->provider.idle_timeout = ngx_http_jobs_num(r, "idle", 20000);
    ctx->provider.timeout = ngx_http_jobs_num(r, "total", 60000);

    ctx->cancel = ngx_http_jobs_str(r, "cancel");
    n = ngx_atoi(ctx->cancel.data, ctx->cancel.len);
    ctx->cancel_after = n > 0 ? (ngx_msec_t) n : 0;

    ctx->count = ngx_http_jobs_num(r, "count", 1);
    ctx->chain = ngx_http_jobs_num(r, "chain", 0);
    ctx->resume = ngx_http_jobs_num(r, "resume", 0);
    ctx->echo = ngx_http_jobs_num(r, "echo", 0);
    ctx->lone = ngx_http_jobs_num(r, "lone", 0);
    ctx->every = ngx_http_jobs_num(r, "slow", 0);
    ctx->size = ngx_http_jobs_num(r, "size", 100);

    ctx->audio = ngx_http_jobs_num(r, "audio", 0);
    ctx->pace = ngx_http_jobs_num(r, "pace", 20);
    ctx->turns = ngx_http_jobs_num(r, "turns", 0);
    ctx->stay = ngx_http_jobs_num(r, "stay", 0);
    ctx->warm = ngx_http_jobs_num(r, "warm", 0);

    ctx->mic.handler = ngx_http_jobs_mic_handler;
    ctx->mic.data = r->connection;
    ctx->mic.log = r->connection->log;
    ctx->stay_timer.handler = ngx_http_jobs_cancel_handler;
    ctx->stay_timer.data = r->connection;
    ctx->stay_timer.log = r->connection->log;

    ctx->slow.handler = ngx_http_jobs_slow_handler;
    ctx->cancel_timer.handler = ngx_http_jobs_cancel_handler;
    ctx->keep.handler = ngx_http_jobs_keep_handler;
    ctx->over.handler = ngx_http_jobs_over_handler;

    /* the connection, because timers print the descriptor of their data */

    ctx->slow.data = r->connection;
    ctx->cancel_timer.data = r->connection;
    ctx->keep.data = r->connection;
    ctx->over.data = r->connection;

    ctx->slow.log = r->connection->log;
    ctx->cancel_timer.log = r->connection->log;
    ctx->keep.log = r->connection->log;
    ctx->over.log = r->connection->log;

    ngx_http_set_ctx(r, ctx, ngx_http_voiceai_transport_test_module);

    ctx->slots = ngx_pcalloc(r->pool,
                             (ctx->count + 1) * sizeof(ngx_http_jobs_slot_t));

    return ctx->slots ? NGX_OK : NGX_ERROR;
}


/* An argument, terminated; empty when it is not there. */

static ngx_str_t
ngx_http_jobs_str(ngx_http_request_t *r, char *name)
{
    ngx_str_t  value, copy;

    ngx_str_set(&copy, "");

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &value) == NGX_OK) {
        copy.data = ngx_pnalloc(r->pool, value.len + 1);

        if (copy.data) {
            copy.len = value.len;
            (void) ngx_cpystrn(copy.data, value.data, value.len + 1);
        }
    }

    return copy;
}


static ngx_uint_t
ngx_http_jobs_num(ngx_http_request_t *r, char *name, ngx_uint_t value)
{
    ngx_int_t  n;
    ngx_str_t  str;

    str = ngx_http_jobs_str(r, name);
    n = ngx_atoi(str.data, str.len);

    return n == NGX_ERROR ? value : (ngx_uint_t) n;
}


static void
ngx_http_jobs_start(ngx_http_jobs_slot_t *slot)
{
    char                 *filler;
    va_ai_input_t         input;
    va_ai_message_t       messages[2];
    ngx_http_jobs_ctx_t  *ctx;

    ctx = slot->ctx;

    /* freed before the job can have been sent, to see that it is copied */

    filler = ngx_alloc(ctx->size + 1, ngx_cycle->log);
    if (filler == NULL) {
        return;
    }

    ngx_memset(filler, 'a', ctx->size);
    filler[ctx->size] = '\0';

    ngx_memzero(&input, sizeof(va_ai_input_t));
    ngx_memzero(messages, sizeof(messages));

    messages[0].role = VA_ROLE_USER;
    messages[0].text.data = filler;
    messages[0].text.len = ctx->size;
    messages[1].role = VA_ROLE_ASSISTANT;
    messages[1].text = VA_STR("yes");

    input.stage = ctx->stage;
    input.prompt = VA_STR("be kind");
    input.messages = messages;
    input.message_count = 2;
    input.text = messages[0].text;
    input.ulaw = (const uint8_t *) filler;
    input.ulaw_len = ctx->size;
    input.call_sid = VA_STR("CA0");

    slot->results = 0;
    slot->given = 0;
    slot->waits = 0;
    slot->turns = ctx->turns;
    slot->job = ngx_http_voiceai_job_start(ctx->pool, &ctx->provider, &input,
                                           ngx_http_jobs_result, slot,
                                           ctx->request->connection->log);
    ngx_memset(filler, 'z', ctx->size);
    ngx_free(filler);

    if (slot->job == NULL) {
        ctx->refused++;
        ctx->live--;

        if (ctx->live == 0) {
            ngx_post_event(&ctx->over, &ngx_posted_events);
        }
    }
}


static ngx_int_t
ngx_http_jobs_result(void *data, ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_result_t *result)
{
    ngx_http_jobs_slot_t *slot = data;

    ngx_http_jobs_ctx_t  *ctx;

    ctx = slot->ctx;

    if (slot->job != job) {
        ctx->late++;
        return NGX_OK;
    }

    slot->results++;

    if (result->type >= NGX_HTTP_VOICEAI_RESULT_DONE) {
        ngx_http_jobs_ended(slot, result);
        return NGX_OK;
    }

    if (ngx_strcmp(ctx->cancel.data, "self") == 0) {
        ngx_http_jobs_cancel(slot);
        return NGX_OK;
    }

    if (ngx_strcmp(ctx->cancel.data, "first") == 0 && slot == ctx->slots) {
        ngx_http_jobs_cancel_all(ctx);
        return NGX_OK;
    }

    if (ctx->resume && slot->results % 2) {
        ngx_http_voiceai_job_resume(job);
        return NGX_AGAIN;
    }

    switch (result->type) {

    case NGX_HTTP_VOICEAI_RESULT_PARTIAL:
        ctx->partials++;
        return NGX_OK;

    case NGX_HTTP_VOICEAI_RESULT_SPEECH_END:
        ctx->ends++;
        return NGX_OK;

    case NGX_HTTP_VOICEAI_RESULT_FLUSHED:
        ctx->flushed++;
        slot->waits = 0;

        if (slot->turns == 0) {
            ngx_http_jobs_cancel(slot);
        }

        return NGX_OK;

    default:
        break;
    }

    if (ctx->every) {
        if (slot->credit == 0) {
            return NGX_AGAIN;
        }

        slot->credit--;
    }

    ngx_http_jobs_collect(ctx, result);

    return NGX_OK;
}


static void
ngx_http_jobs_ended(ngx_http_jobs_slot_t *slot,
    ngx_http_voiceai_result_t *result)
{
    ngx_http_voiceai_job_t  *job;
    ngx_http_jobs_ctx_t     *ctx;

    ctx = slot->ctx;
    job = slot->job;
    slot->job = NULL;

    if (ngx_strcmp(ctx->cancel.data, "end") == 0) {
        ngx_http_voiceai_job_cancel(job);
        ngx_http_voiceai_job_resume(job);
    }

    ctx->fault = result->fault;
    ctx->why = result->why;
    ctx->status = result->status;
    ctx->retry_after = result->retry_after;
    ctx->first = ngx_max(ctx->first, result->first);
    ctx->total = ngx_max(ctx->total, result->total);

    if (result->type == NGX_HTTP_VOICEAI_RESULT_DONE) {
        ctx->done++;

    } else {
        ctx->failed++;
        ctx->text_last = ngx_slprintf(ctx->text,
                                      ctx->text + sizeof(ctx->text), "%*s",
                                      result->len, result->data);
    }

    if (ctx->chain) {
        ctx->chain--;
        ngx_http_jobs_start(slot);
        return;
    }

    ctx->live--;

    if (ctx->live == 0) {
        ngx_post_event(&ctx->over, &ngx_posted_events);
    }
}


static void
ngx_http_jobs_collect(ngx_http_jobs_ctx_t *ctx,
    ngx_http_voiceai_result_t *result)
{
    size_t  i;

    if (result->type == NGX_HTTP_VOICEAI_RESULT_AUDIO) {
        ctx->audios++;
        ctx->bytes += result->len;

        /* chunks of a scene count up, and begin at nothing */

        for (i = 0; i < result->len && ctx->count == 1; i++) {
            u_char  byte, *prev;

            byte = result->data[i];
            prev = &ctx->text[0];

            if (byte != *prev && byte != (u_char) (*prev + 1)
                && ctx->bytes != result->len)
            {
                ctx->order++;
            }

            *prev = byte;
        }

        return;
    }

    ctx->texts++;
    ctx->text_last = ngx_slprintf(ctx->text_last,
                                  ctx->text + sizeof(ctx->text), "%*s",
                                  result->len, result->data);

    if (ctx->echo) {
        ngx_http_jobs_send(ctx, result->data, result->len, 0);
    }
}


static void
ngx_http_jobs_cancel(ngx_http_jobs_slot_t *slot)
{
    ngx_http_jobs_ctx_t  *ctx;

    ctx = slot->ctx;

    if (slot->job == NULL) {
        return;
    }

    ngx_http_voiceai_job_cancel(slot->job);

    slot->job = NULL;
    ctx->cancelled++;
    ctx->live--;

    if (ctx->live == 0) {
        ngx_post_event(&ctx->over, &ngx_posted_events);
    }
}


static void
ngx_http_jobs_cancel_all(ngx_http_jobs_ctx_t *ctx)
{
    ngx_uint_t  i;

    for (i = 0; i < ctx->count; i++) {
        ngx_http_jobs_cancel(&ctx->slots[i]);
    }
}


static ngx_http_jobs_ctx_t *
ngx_http_jobs_event_ctx(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = ev->data;
    r = c->data;

    return ngx_http_get_module_ctx(r, ngx_http_voiceai_transport_test_module);
}


static void
ngx_http_jobs_slow_handler(ngx_event_t *ev)
{
    ngx_uint_t            i;
    ngx_http_jobs_ctx_t  *ctx;

    ctx = ngx_http_jobs_event_ctx(ev);

    for (i = 0; i < ctx->count; i++) {
        if (ctx->slots[i].job == NULL) {
            continue;
        }

        ctx->slots[i].credit = 1;
        ngx_http_voiceai_job_resume(ctx->slots[i].job);
    }

    ngx_add_timer(ev, ctx->every);
}


static void
ngx_http_jobs_cancel_handler(ngx_event_t *ev)
{
    ngx_http_jobs_cancel_all(ngx_http_jobs_event_ctx(ev));
}


static void
ngx_http_jobs_keep_handler(ngx_event_t *ev)
{
    ngx_add_timer(ev, 1000);
}


static void
ngx_http_jobs_mic_handler(ngx_event_t *ev)
{
    ngx_uint_t            i, more;
    ngx_http_jobs_ctx_t  *ctx;

    ctx = ngx_http_jobs_event_ctx(ev);
    more = 0;

    for (i = 0; i < ctx->count; i++) {
        if (ctx->slots[i].job) {
            more += ngx_http_jobs_speak(&ctx->slots[i]);
        }
    }

    if (more) {
        ngx_add_timer(ev, ctx->pace ? ctx->pace : 1);
    }
}


/* Gives the next frame, or at the end of a turn the wish for its text. */

static ngx_uint_t
ngx_http_jobs_speak(ngx_http_jobs_slot_t *slot)
{
    u_char                frame[160];
    ngx_int_t             rc;
    ngx_http_jobs_ctx_t  *ctx;

    ctx = slot->ctx;
    rc = NGX_OK;

    if (slot->waits) {
        return 1;
    }

    ngx_memset(frame, 0xff, sizeof(frame));

    while (slot->given < ctx->audio) {
        rc = ngx_http_voiceai_job_audio(slot->job, frame, sizeof(frame));

        if (rc != NGX_OK) {
            ctx->busy++;
            return rc == NGX_BUSY;
        }

        slot->given += 20;

        if (ctx->pace) {
            return 1;
        }
    }

    if (slot->turns) {
        rc = ngx_http_voiceai_job_finalize(slot->job);
        slot->turns--;
        slot->waits = 1;
        slot->given = 0;
    }

    return rc == NGX_OK && slot->turns;
}


static void
ngx_http_jobs_over_handler(ngx_event_t *ev)
{
    u_char                buf[2048], *p;
    ngx_connection_t     *c;
    ngx_http_request_t   *r;
    ngx_http_jobs_ctx_t  *ctx;

    ctx = ngx_http_jobs_event_ctx(ev);
    r = ctx->request;
    c = r->connection;

    if (ctx->stage == VA_AI_TTS && ctx->failed == 0) {
        ctx->text_last = ctx->text;
    }

    p = ngx_slprintf(buf, buf + sizeof(buf),
                     "{\"done\":%ui,\"failed\":%ui,\"cancelled\":%ui,"
                     "\"refused\":%ui,\"texts\":%ui,\"audios\":%ui,"
                     "\"bytes\":%uz,\"order\":%ui,\"late\":%ui,"
                     "\"status\":%ui,\"retry_after\":%i,\"first\":%M,"
                     "\"total\":%M,\"partials\":%ui,\"ends\":%ui,"
                     "\"flushed\":%ui,\"busy\":%ui,\"fault\":%ui,"
                     "\"why\":%ui,\"text\":\"",
                     ctx->done, ctx->failed, ctx->cancelled, ctx->refused,
                     ctx->texts, ctx->audios, ctx->bytes, ctx->order,
                     ctx->late, ctx->status, ctx->retry_after, ctx->first,
                     ctx->total, ctx->partials, ctx->ends, ctx->flushed,
                     ctx->busy, ctx->fault, ctx->why);

    p = (u_char *) ngx_escape_json(p, ctx->text, ctx->text_last - ctx->text);
    p = ngx_slprintf(p, buf + sizeof(buf), "\"}\n");

    ngx_http_jobs_send(ctx, buf, p - buf, 1);

    ngx_http_finalize_request(r, NGX_OK);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_jobs_send(ngx_http_jobs_ctx_t *ctx, u_char *data, size_t len,
    ngx_uint_t last)
{
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = ctx->request;

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return;
    }

    b->last = ngx_cpymem(b->last, data, len);
    b->flush = 1;
    b->last_buf = last ? 1 : 0;

    out.buf = b;
    out.next = NULL;

    (void) ngx_http_output_filter(r, &out);
}


static void
ngx_http_jobs_reading(ngx_http_request_t *r)
{
    u_char             byte;
    ssize_t            n;
    ngx_connection_t  *c;

    c = r->connection;

    n = c->recv(c, &byte, 1);

    if (n == NGX_AGAIN) {
        (void) ngx_handle_read_event(c->read, 0);
        return;
    }

    ngx_http_finalize_request(r, NGX_ERROR);
}


static void
ngx_http_jobs_cleanup(void *data)
{
    ngx_http_jobs_ctx_t *ctx = data;

    ngx_uint_t  i;

    for (i = 0; i < ctx->count; i++) {
        if (ctx->slots[i].job) {
            ngx_http_voiceai_job_cancel(ctx->slots[i].job);
            ctx->slots[i].job = NULL;
        }
    }

    if (ctx->slow.timer_set) {
        ngx_del_timer(&ctx->slow);
    }

    if (ctx->cancel_timer.timer_set) {
        ngx_del_timer(&ctx->cancel_timer);
    }

    if (ctx->keep.timer_set) {
        ngx_del_timer(&ctx->keep);
    }

    if (ctx->mic.timer_set) {
        ngx_del_timer(&ctx->mic);
    }

    if (ctx->stay_timer.timer_set) {
        ngx_del_timer(&ctx->stay_timer);
    }

    if (ctx->over.posted) {
        ngx_delete_posted_event(&ctx->over);
    }
}


static ngx_int_t
ngx_http_jobs_stat_handler(ngx_http_request_t *r)
{
    u_char                             *p;
    ngx_str_t                           type;
    ngx_http_complex_value_t            cv;
    ngx_http_voiceai_transport_stat_t   stat;

    ngx_http_voiceai_transport_stat(&stat);

    p = ngx_pnalloc(r->pool, 512);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));
    cv.value.data = p;
    cv.value.len = ngx_slprintf(p, p + 512,
                                "{\"pid\":%P,\"active\":%ui,\"started\":%ui,"
                                "\"failed\":%ui,\"cancelled\":%ui,"
                                "\"refused\":%ui,\"waiting\":%uz,"
                                "\"jobs\":%ui,"
                                "\"running\":%ui}\n",
                                ngx_pid, stat.active, stat.started,
                                stat.failed, stat.cancelled, stat.refused,
                                ngx_http_voiceai_transport.waiting,
                                ngx_http_voiceai_transport.njobs,
                                ngx_http_voiceai_transport.nloops
                                && ngx_http_voiceai_is_running(
                                       ngx_http_voiceai_transport.loops))
                   - p;

    ngx_str_set(&type, "application/json");

    return ngx_http_send_response(r, NGX_HTTP_OK, &type, &cv);
}


static void *
ngx_http_jobs_create_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_jobs_conf_t));
}


static char *
ngx_http_jobs_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_jobs_conf_t *tcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    value = cf->args->elts;

    tcf->pool = ngx_thread_pool_add(cf, &value[1]);
    if (tcf->pool == NULL) {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_jobs_handler;

    return NGX_CONF_OK;
}


static char *
ngx_http_jobs_stat(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_jobs_stat_handler;

    return NGX_CONF_OK;
}
