
/*
 * A recogniser that listens along: one stream for the whole call, to which all
 * audio of the caller goes.  When the core wants an utterance transcribed, the
 * stream is asked for what it still has; when it cannot answer, the utterance
 * goes to an engine that takes it whole, or to the stream once more.
 */


#include "ngx_http_voiceai_call.h"


/* audio is sent in pieces of so many bytes, 60 ms */
#define NGX_HTTP_VOICEAI_LISTEN_PIECE  480
/* for what a stream still has, at most, in ms */
#define NGX_HTTP_VOICEAI_LISTEN_FLUSH  3000
/* between two attempts to open a stream; doubles up to the maximum */
#define NGX_HTTP_VOICEAI_LISTEN_RETRY  500
#define NGX_HTTP_VOICEAI_LISTEN_PAUSE  10000
/* what came shortly before an utterance began is of it, too */
#define NGX_HTTP_VOICEAI_LISTEN_EARLY  500
/* what a new stream is given of an utterance that the old one lost, bytes */
#define NGX_HTTP_VOICEAI_LISTEN_REPLAY (7 * 8000)
#define NGX_HTTP_VOICEAI_FINALS        32


typedef struct {
    ngx_msec_t                   at;        /* when it came */
    size_t                       begin;     /* in the text */
    float                        confidence;
} ngx_http_voiceai_final_t;


struct ngx_http_voiceai_listen_s {
    ngx_http_voiceai_call_t     *call;
    ngx_http_voiceai_engine_t   *engine;    /* of the stream */
    ngx_http_voiceai_job_t      *job;       /* NULL: no stream */
    ngx_http_voiceai_work_t     *work;      /* waits for what there still is */
    ngx_uint_t                   from;      /* engine to be tried next */
    ngx_msec_t                   since;     /* when the stream began */
    ngx_msec_t                   retry;     /* when the next may */
    ngx_msec_t                   wait;
    ngx_event_t                  timer;     /* of work */
    ngx_connection_t             dummy;     /* what a timer's data must be */

    va_buf_t                     text;      /* final pieces since a turn */
    ngx_uint_t                   nfinals;
    ngx_http_voiceai_final_t     finals[NGX_HTTP_VOICEAI_FINALS];
    va_buf_t                     told;      /* to the core, with a partial */

    size_t                       n;
    u_char                       piece[NGX_HTTP_VOICEAI_LISTEN_PIECE];

    unsigned                     first:1;   /* it has heard all of the call */
    unsigned                     probe:1;
    unsigned                     proved:1;  /* it has answered something */
    unsigned                     partial:1; /* more of the turn may come */
    unsigned                     over:1;    /* it says that the turn is over */
    unsigned                     again:1;   /* the utterance was given anew */
};


static void ngx_http_voiceai_listen_open(ngx_http_voiceai_listen_t *l);
static ngx_int_t ngx_http_voiceai_listen_result(void *data,
    ngx_http_voiceai_job_t *job, ngx_http_voiceai_result_t *res);
static void ngx_http_voiceai_listen_final(ngx_http_voiceai_listen_t *l,
    ngx_http_voiceai_result_t *res);
static void ngx_http_voiceai_listen_tell(ngx_http_voiceai_listen_t *l,
    va_str_t partial);
static void ngx_http_voiceai_listen_gone(ngx_http_voiceai_listen_t *l,
    ngx_http_voiceai_result_t *res);
static void ngx_http_voiceai_listen_lost(ngx_http_voiceai_listen_t *l);
static void ngx_http_voiceai_listen_late(ngx_event_t *ev);
static void ngx_http_voiceai_listen_push(ngx_http_voiceai_listen_t *l);
static ngx_int_t ngx_http_voiceai_listen_replay(ngx_http_voiceai_listen_t *l,
    ngx_http_voiceai_work_t *work);
static void ngx_http_voiceai_listen_forget(ngx_http_voiceai_listen_t *l,
    ngx_msec_t before);


/* Whether there is an engine that takes utterances whole. */

static ngx_uint_t
ngx_http_voiceai_listen_whole(ngx_http_voiceai_call_t *call)
{
    ngx_uint_t                  i;
    ngx_array_t                *list;
    ngx_http_voiceai_engine_t  *engine;

    list = call->conf->engines[NGX_HTTP_VOICEAI_STT].list;
    engine = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (!engine[i].streams) {
            return 1;
        }
    }

    return 0;
}


/* NULL without memory, or where no recogniser streams. */

ngx_http_voiceai_listen_t *
ngx_http_voiceai_listen_create(ngx_http_voiceai_call_t *call)
{
    ngx_uint_t                  i;
    ngx_array_t                *list;
    ngx_http_voiceai_engine_t  *engine;
    ngx_http_voiceai_listen_t  *l;

    list = call->conf->engines[NGX_HTTP_VOICEAI_STT].list;
    engine = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (engine[i].streams) {
            break;
        }
    }

    if (i == list->nelts) {
        return NULL;
    }

    l = ngx_calloc(sizeof(ngx_http_voiceai_listen_t),
                   call->request->connection->log);
    if (l == NULL) {
        return NULL;
    }

    l->call = call;
    l->wait = NGX_HTTP_VOICEAI_LISTEN_RETRY;
    va_buf_init(&l->text, NGX_HTTP_VOICEAI_TEXT_MAX);
    va_buf_init(&l->told, 2 * NGX_HTTP_VOICEAI_TEXT_MAX);

    l->dummy.fd = (ngx_socket_t) -1;
    l->timer.handler = ngx_http_voiceai_listen_late;
    l->timer.data = &l->dummy;
    l->timer.log = call->request->connection->log;

    ngx_http_voiceai_listen_open(l);
    l->first = 1;

    return l;
}


void
ngx_http_voiceai_listen_free(ngx_http_voiceai_listen_t *l)
{
    if (l->job) {
        ngx_http_voiceai_job_cancel(l->job);

        if (l->proved) {
            ngx_http_voiceai_health_well(l->engine, NULL,
                                         l->call->request->connection->log);
        } else {
            ngx_http_voiceai_health_release(l->engine, l->probe);
        }
    }

    if (l->timer.timer_set) {
        ngx_del_timer(&l->timer);
    }

    va_buf_free(&l->text);
    va_buf_free(&l->told);
    ngx_free(l);
}


/* A stream to the first engine that has one and is well. */

static void
ngx_http_voiceai_listen_open(ngx_http_voiceai_listen_t *l)
{
    ngx_uint_t                     i, probe;
    ngx_array_t                   *list;
    va_ai_input_t                  input;
    ngx_http_voiceai_call_t       *call;
    ngx_http_voiceai_engine_t     *engine;
    ngx_http_voiceai_main_conf_t  *vmcf;

    call = l->call;
    list = call->conf->engines[NGX_HTTP_VOICEAI_STT].list;
    engine = list->elts;
    vmcf = ngx_http_get_module_main_conf(call->request,
                                         ngx_http_voiceai_module);

    l->retry = ngx_current_msec + l->wait;
    l->wait = ngx_min(l->wait * 2, NGX_HTTP_VOICEAI_LISTEN_PAUSE);

    ngx_memzero(&input, sizeof(va_ai_input_t));
    input.stage = VA_AI_STT;
    input.language = ngx_http_voiceai_view(&call->language);
    input.call_sid.data = (char *) call->ctx->record.sid;
    input.call_sid.len = call->ctx->record.sid_len;

    input.traceparent = ngx_http_voiceai_trace_context(call->trace);

    for (i = l->from; i < list->nelts; i++) {

        if (!engine[i].streams
            || ngx_http_voiceai_health_take(&engine[i], &probe) != NGX_OK)
        {
            continue;
        }

        l->job = ngx_http_voiceai_job_start(vmcf->pool, &engine[i].provider,
                                            &input,
                                            ngx_http_voiceai_listen_result, l,
                                            call->request->connection->log);
        if (l->job == NULL) {
            ngx_http_voiceai_health_release(&engine[i], probe);
            return;
        }

        l->engine = &engine[i];
        l->probe = probe;
        l->first = 0;
        l->proved = 0;
        l->partial = 0;
        l->over = 0;
        l->since = ngx_current_msec;
        l->n = 0;
        return;
    }

    l->from = 0;
}


/* A frame of the caller. */

void
ngx_http_voiceai_listen_audio(ngx_http_voiceai_listen_t *l, u_char *ulaw,
    size_t len)
{
    size_t  n;

    if (l->job == NULL) {

        if ((ngx_msec_int_t) (l->retry - ngx_current_msec) > 0) {
            return;
        }

        ngx_http_voiceai_listen_open(l);

        if (l->job == NULL) {
            return;
        }
    }

    while (len && l->job) {
        n = ngx_min(len, NGX_HTTP_VOICEAI_LISTEN_PIECE - l->n);

        ngx_memcpy(l->piece + l->n, ulaw, n);
        l->n += n;
        ulaw += n;
        len -= n;

        if (l->n == NGX_HTTP_VOICEAI_LISTEN_PIECE) {
            ngx_http_voiceai_listen_push(l);
        }
    }
}


/* What a stream cannot take now is lost to it, and its silence will tell. */

static void
ngx_http_voiceai_listen_push(ngx_http_voiceai_listen_t *l)
{
    if (l->job && l->n) {
        (void) ngx_http_voiceai_job_audio(l->job, l->piece, l->n);
    }

    l->n = 0;
}


/* Forgets final pieces that came before the utterance began. */

static void
ngx_http_voiceai_listen_forget(ngx_http_voiceai_listen_t *l, ngx_msec_t before)
{
    size_t      begin;
    ngx_uint_t  i, n;

    for (n = 0; n < l->nfinals; n++) {
        if ((ngx_msec_int_t) (l->finals[n].at - before) >= 0) {
            break;
        }
    }

    if (n == 0) {
        return;
    }

    if (n == l->nfinals) {
        l->nfinals = 0;
        va_buf_reset(&l->text);
        return;
    }

    begin = l->finals[n].begin;
    l->text.len -= begin;
    ngx_memmove(l->text.data, l->text.data + begin, l->text.len);

    l->nfinals -= n;
    ngx_memmove(l->finals, l->finals + n,
                l->nfinals * sizeof(ngx_http_voiceai_final_t));

    for (i = 0; i < l->nfinals; i++) {
        l->finals[i].begin -= begin;
    }
}


/* The turn that the pieces were of has been taken. */

void
ngx_http_voiceai_listen_heard(ngx_http_voiceai_listen_t *l)
{
    l->nfinals = 0;
    l->over = 0;
    l->again = 0;
    va_buf_reset(&l->text);
}


/*
 * The core wants an utterance.  NGX_OK: the work waits for the stream, or has
 * been put off; NGX_DECLINED: another engine has to do it.
 */

ngx_int_t
ngx_http_voiceai_listen_work(ngx_http_voiceai_listen_t *l,
    ngx_http_voiceai_work_t *work)
{
    ngx_msec_t  spoken, wait;

    spoken = ngx_current_msec - work->heard.len / (VA_RATE / 1000);

    if (l->job == NULL || (!l->again
                           && (ngx_msec_int_t) (l->since - spoken) > 0
                           && !l->first))
    {
        /* it has not heard the beginning */

        if (ngx_http_voiceai_listen_whole(l->call)
            || ngx_http_voiceai_listen_replay(l, work) != NGX_OK)
        {
            return NGX_DECLINED;
        }

    } else {
        ngx_http_voiceai_listen_forget(l, spoken
                                       - NGX_HTTP_VOICEAI_LISTEN_EARLY);

        if (l->over && l->nfinals && !l->partial) {
            work->listened = 1;
            ngx_http_voiceai_work_defer(work);
            return NGX_OK;
        }

        ngx_http_voiceai_listen_push(l);
    }

    if (ngx_http_voiceai_job_finalize(l->job) != NGX_OK) {
        return NGX_DECLINED;
    }

    l->work = work;
    wait = ngx_min(l->engine->provider.idle_timeout,
                   NGX_HTTP_VOICEAI_LISTEN_FLUSH);

    if (l->timer.timer_set) {
        ngx_del_timer(&l->timer);
    }

    ngx_add_timer(&l->timer, wait);

    return NGX_OK;
}


/* Gives the utterance to a stream that did not hear it, the end of it. */

static ngx_int_t
ngx_http_voiceai_listen_replay(ngx_http_voiceai_listen_t *l,
    ngx_http_voiceai_work_t *work)
{
    size_t   n, len;
    u_char  *p;

    /* one that has heard a part of it would understand that twice */

    if (l->job) {
        ngx_http_voiceai_job_cancel(l->job);
        ngx_http_voiceai_health_release(l->engine, l->probe);
        l->job = NULL;
    }

    ngx_http_voiceai_listen_open(l);

    if (l->job == NULL) {
        return NGX_ERROR;
    }

    ngx_http_voiceai_listen_heard(l);
    l->again = 1;
    l->n = 0;

    len = ngx_min(work->heard.len, NGX_HTTP_VOICEAI_LISTEN_REPLAY);
    p = (u_char *) work->heard.data + work->heard.len - len;

    while (len) {
        n = ngx_min(len, NGX_HTTP_VOICEAI_PIECE);

        if (ngx_http_voiceai_job_audio(l->job, p, n) != NGX_OK) {
            return NGX_ERROR;
        }

        p += n;
        len -= n;
    }

    return NGX_OK;
}


/* Gives the work what was understood. */

void
ngx_http_voiceai_listen_answer(ngx_http_voiceai_listen_t *l,
    ngx_http_voiceai_work_t *work)
{
    ngx_uint_t  i;

    va_buf_reset(&work->text);
    va_buf_str(&work->text, va_buf_view(&l->text));
    work->confidence = -1;

    for (i = 0; i < l->nfinals; i++) {
        if (l->finals[i].confidence >= 0
            && (work->confidence < 0
                || l->finals[i].confidence < work->confidence))
        {
            work->confidence = l->finals[i].confidence;
        }
    }
}


/* A work has gone: nobody waits any more. */

void
ngx_http_voiceai_listen_cancel(ngx_http_voiceai_listen_t *l,
    ngx_http_voiceai_work_t *work)
{
    if (l->work == work) {
        l->work = NULL;

        if (l->timer.timer_set) {
            ngx_del_timer(&l->timer);
        }
    }
}


static ngx_int_t
ngx_http_voiceai_listen_result(void *data, ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_result_t *res)
{
    ngx_http_voiceai_listen_t *l = data;

    va_str_t                  text;
    ngx_http_voiceai_call_t  *call;
    ngx_http_voiceai_work_t  *work;

    call = l->call;

    ngx_http_set_log_request(call->request->connection->log, call->request);

    if (res->type < NGX_HTTP_VOICEAI_RESULT_DONE && !l->proved) {
        l->proved = 1;
        l->wait = NGX_HTTP_VOICEAI_LISTEN_RETRY;
        ngx_http_voiceai_health_well(l->engine, NULL, l->timer.log);
    }

    switch (res->type) {

    case NGX_HTTP_VOICEAI_RESULT_TEXT:
        ngx_http_voiceai_listen_final(l, res);
        l->partial = 0;
        ngx_http_voiceai_listen_tell(l, va_str(NULL));
        break;

    case NGX_HTTP_VOICEAI_RESULT_PARTIAL:
        text.data = (char *) res->data;
        text.len = res->len;
        l->partial = (res->len != 0);
        l->over = 0;
        ngx_http_voiceai_listen_tell(l, text);
        break;

    case NGX_HTTP_VOICEAI_RESULT_SPEECH_END:
        l->over = 1;
        va_call_endpoint(call->core, ngx_current_msec);
        break;

    case NGX_HTTP_VOICEAI_RESULT_FLUSHED:
        work = l->work;

        if (work) {
            ngx_http_voiceai_count_request(NGX_HTTP_VOICEAI_STT, 0, 0,
                                           ngx_current_msec - work->began);
            ngx_http_voiceai_listen_cancel(l, work);
            ngx_http_voiceai_listen_answer(l, work);
            ngx_http_voiceai_work_listened(work);
        }

        break;

    case NGX_HTTP_VOICEAI_RESULT_DONE:
    case NGX_HTTP_VOICEAI_RESULT_FAILED:
        ngx_http_voiceai_listen_gone(l, res);
        break;

    default:
        return NGX_OK;
    }

    ngx_http_voiceai_call_after(call);

    return NGX_OK;
}


static void
ngx_http_voiceai_listen_final(ngx_http_voiceai_listen_t *l,
    ngx_http_voiceai_result_t *res)
{
    ngx_http_voiceai_final_t  *f;

    if (res->len == 0) {
        return;
    }

    if (l->text.len) {
        va_buf_append(&l->text, " ", 1);
    }

    /* of too many, the last share a place */

    if (l->nfinals < NGX_HTTP_VOICEAI_FINALS) {
        f = &l->finals[l->nfinals++];
        f->at = ngx_current_msec;
        f->begin = l->text.len;
        f->confidence = res->confidence;
    }

    va_buf_append(&l->text, res->data, res->len);
}


static void
ngx_http_voiceai_listen_tell(ngx_http_voiceai_listen_t *l, va_str_t partial)
{
    va_buf_reset(&l->told);
    va_buf_str(&l->told, va_buf_view(&l->text));

    if (l->told.len && partial.len) {
        va_buf_append(&l->told, " ", 1);
    }

    va_buf_str(&l->told, partial);

    va_call_partial(l->call->core, va_buf_view(&l->told), ngx_current_msec);
}


/* The stream has ended; another one is opened when there is audio again. */

static void
ngx_http_voiceai_listen_gone(ngx_http_voiceai_listen_t *l,
    ngx_http_voiceai_result_t *res)
{
    ngx_log_t                 *log;
    ngx_http_voiceai_call_t   *call;

    call = l->call;
    log = call->request->connection->log;

    l->job = NULL;
    l->n = 0;

    if (res->type == NGX_HTTP_VOICEAI_RESULT_FAILED) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "voiceai: call %*s recogniser \"%V\" stopped listening "
                      "with status %ui: %*s",
                      (size_t) call->ctx->record.sid_len,
                      call->ctx->record.sid, &l->engine->place->name,
                      res->status, res->len, res->data);

        ngx_http_voiceai_health_failed(l->engine, res, log);
        ngx_http_voiceai_count_request(NGX_HTTP_VOICEAI_STT, 1, res->late, 0);

        /* the one behind it at once, and from the beginning some time later */

        l->from = l->engine - (ngx_http_voiceai_engine_t *)
                  call->conf->engines[NGX_HTTP_VOICEAI_STT].list->elts + 1;
        l->retry = ngx_current_msec;

        if (l->from
            == call->conf->engines[NGX_HTTP_VOICEAI_STT].list->nelts)
        {
            l->from = 0;
            l->retry += l->wait;
        }

    } else {
        ngx_http_voiceai_health_release(l->engine, l->probe);
        l->retry = ngx_current_msec;
    }

    ngx_http_voiceai_listen_lost(l);
}


/* Whoever waits for the stream goes on without it. */

static void
ngx_http_voiceai_listen_lost(ngx_http_voiceai_listen_t *l)
{
    ngx_http_voiceai_work_t  *work;

    work = l->work;

    if (work == NULL) {
        return;
    }

    ngx_http_voiceai_listen_cancel(l, work);

    if (!ngx_http_voiceai_listen_whole(l->call) && !l->again
        && ngx_http_voiceai_listen_replay(l, work) == NGX_OK
        && ngx_http_voiceai_listen_work(l, work) == NGX_OK)
    {
        return;
    }

    ngx_http_voiceai_work_whole(work);
}


static void
ngx_http_voiceai_listen_late(ngx_event_t *ev)
{
    ngx_http_voiceai_call_t    *call;
    ngx_http_voiceai_result_t   res;
    ngx_http_voiceai_listen_t  *l;

    l = (ngx_http_voiceai_listen_t *)
        ((u_char *) ev - offsetof(ngx_http_voiceai_listen_t, timer));
    call = l->call;

    ngx_http_set_log_request(call->request->connection->log, call->request);

    ngx_log_error(NGX_LOG_WARN, call->request->connection->log, 0,
                  "voiceai: call %*s recogniser \"%V\" listens but does not "
                  "answer", (size_t) call->ctx->record.sid_len,
                  call->ctx->record.sid, &l->engine->place->name);

    /* what it says late would be taken for the next turn */

    if (l->job) {
        ngx_memzero(&res, sizeof(ngx_http_voiceai_result_t));
        res.fault = NGX_HTTP_VOICEAI_FAULT_TIMEOUT;

        ngx_http_voiceai_job_cancel(l->job);
        ngx_http_voiceai_health_failed(l->engine, &res, l->timer.log);
        l->job = NULL;
        l->n = 0;
    }

    ngx_http_voiceai_count_request(NGX_HTTP_VOICEAI_STT, 1, 1, 0);
    ngx_http_voiceai_listen_lost(l);
    ngx_http_voiceai_call_after(call);
}
