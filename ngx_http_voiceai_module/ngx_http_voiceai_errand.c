
/*
 * A request of a stage on its way through the engines: the first that is well
 * is asked, and the next one when it fails before anything was handed out, or
 * while that can be taken back.
 */


#include "ngx_http_voiceai_module.h"
#include "ngx_http_voiceai_engine.h"

#include "../src/dialog/va_responder.h"


static ngx_http_voiceai_engine_t *ngx_http_voiceai_errand_next(
    ngx_http_voiceai_errand_t *e);
static ngx_int_t ngx_http_voiceai_errand_ask(ngx_http_voiceai_errand_t *e);
static void ngx_http_voiceai_errand_event(ngx_event_t *ev);
static ngx_int_t ngx_http_voiceai_errand_builtin(
    ngx_http_voiceai_errand_t *e);
static ngx_int_t ngx_http_voiceai_errand_result(void *data,
    ngx_http_voiceai_job_t *job, ngx_http_voiceai_result_t *res);
static ngx_int_t ngx_http_voiceai_errand_failed(ngx_http_voiceai_errand_t *e,
    ngx_http_voiceai_result_t *res);


const char  *ngx_http_voiceai_stages[] = {
    "recogniser", "model", "voice"
};


static ngx_str_t *
ngx_http_voiceai_engine_name(ngx_http_voiceai_engine_t *engine)
{
    static ngx_str_t  builtin = ngx_string("builtin");

    return engine->place ? &engine->place->name : &builtin;
}


/* A request to the engine has ended; without a result it was given up. */

static void
ngx_http_voiceai_errand_traced(ngx_http_voiceai_errand_t *e,
    ngx_http_voiceai_result_t *res)
{
    ngx_http_voiceai_trace_answered(&e->ask, &e->engine->provider,
                                    ngx_http_voiceai_engine_name(e->engine),
                                    res);
}


void
ngx_http_voiceai_errand_start(ngx_http_voiceai_errand_t *e)
{
    e->engine = NULL;
    e->job = NULL;
    e->next = 0;
    e->given = 0;
    e->hangup = 0;
    e->probe = 0;

    ngx_memzero(&e->event, sizeof(ngx_event_t));

    e->event.handler = ngx_http_voiceai_errand_event;
    e->event.data = e;
    e->event.log = e->log;

    if (ngx_http_voiceai_errand_ask(e) != NGX_OK) {
        ngx_post_event(&e->event, &ngx_posted_events);
    }
}


void
ngx_http_voiceai_errand_cancel(ngx_http_voiceai_errand_t *e)
{
    if (e->event.posted) {
        ngx_delete_posted_event(&e->event);
    }

    if (e->job) {
        ngx_http_voiceai_job_cancel(e->job);
        e->job = NULL;
        ngx_http_voiceai_errand_traced(e, NULL);

        if (e->given) {
            ngx_http_voiceai_health_well(e->engine, NULL, e->log);

        } else {
            ngx_http_voiceai_health_release(e->engine, e->probe);
        }
    }
}


void
ngx_http_voiceai_errand_resume(ngx_http_voiceai_errand_t *e)
{
    if (e->job) {
        ngx_http_voiceai_job_resume(e->job);
    }
}


static ngx_http_voiceai_engine_t *
ngx_http_voiceai_errand_next(ngx_http_voiceai_errand_t *e)
{
    ngx_uint_t                  probe;
    ngx_http_voiceai_engine_t  *engine;

    engine = e->engines->list->elts;

    while (e->next < e->engines->list->nelts) {
        e->engine = &engine[e->next++];

        /* those listen along, see ngx_http_voiceai_listen.c */

        if (e->engine->streams) {
            continue;
        }

        if (ngx_http_voiceai_health_take(e->engine, &probe) == NGX_OK) {
            e->probe = probe;
            return e->engine;
        }
    }

    return NULL;
}


/*
 * Asks the next engine that is well.  NGX_OK: a job is under way;
 * NGX_DECLINED: the engine is built in; NGX_ERROR: none is left.
 */

static ngx_int_t
ngx_http_voiceai_errand_ask(ngx_http_voiceai_errand_t *e)
{
    va_ai_input_t               input;
    ngx_http_voiceai_engine_t  *engine;

    while ((engine = ngx_http_voiceai_errand_next(e)) != NULL) {

        if (engine->builtin) {
            return NGX_DECLINED;
        }

        ngx_memzero(&input, sizeof(va_ai_input_t));

        input.stage = (va_ai_stage_t) e->stage;
        e->input(e->data, &input);
        input.traceparent = ngx_http_voiceai_trace_ask(&e->ask, e->trace,
                                                       e->stage);

        e->job = ngx_http_voiceai_job_start(e->pool, &engine->provider, &input,
                                            ngx_http_voiceai_errand_result, e,
                                            e->log);
        if (e->job) {
            return NGX_OK;
        }

        e->ask.trace = NULL;

        /* that is our fault and not the provider's */

        ngx_http_voiceai_health_release(engine, e->probe);
    }

    e->engine = NULL;

    return NGX_ERROR;
}


/* What was found out inside of start. */

static void
ngx_http_voiceai_errand_event(ngx_event_t *ev)
{
    ngx_http_voiceai_result_t   res;
    ngx_http_voiceai_errand_t  *e;

    e = ev->data;

    if (e->engine) {
        (void) ngx_http_voiceai_errand_builtin(e);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, e->log, 0,
                  "voiceai: call %V %s failed with status 0: "
                  "no engine is well", &e->sid,
                  ngx_http_voiceai_stages[e->stage]);

    ngx_memzero(&res, sizeof(ngx_http_voiceai_result_t));

    res.type = NGX_HTTP_VOICEAI_RESULT_FAILED;
    res.data = (u_char *) "no engine is well";
    res.len = sizeof("no engine is well") - 1;
    res.retry_after = -1;

    (void) e->handler(e->data, &res);
}


/* The model of rules. */

static ngx_int_t
ngx_http_voiceai_errand_builtin(ngx_http_voiceai_errand_t *e)
{
    size_t                     n;
    va_str_t                   said;
    va_reply_t                 reply;
    struct tm                  tm;
    va_ai_input_t              input;
    ngx_http_voiceai_result_t  res;

    ngx_memzero(&input, sizeof(va_ai_input_t));

    input.stage = VA_AI_LLM;
    e->input(e->data, &input);

    said = va_str(NULL);

    for (n = input.message_count; n; n--) {
        if (input.messages[n - 1].role == VA_ROLE_USER) {
            said = input.messages[n - 1].text;
            break;
        }
    }

    ngx_libc_localtime(ngx_time(), &tm);
    va_responder_reply(&reply, said, &tm);

    ngx_memzero(&res, sizeof(ngx_http_voiceai_result_t));

    res.type = NGX_HTTP_VOICEAI_RESULT_DONE;
    res.data = (u_char *) reply.text;
    res.len = ngx_strlen(reply.text);
    res.confidence = -1;
    res.retry_after = -1;

    e->hangup = reply.end;

    return e->handler(e->data, &res);
}


/* A result of the transport, on the event loop. */

static ngx_int_t
ngx_http_voiceai_errand_result(void *data, ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_result_t *res)
{
    ngx_http_voiceai_errand_t *e = data;

    switch (res->type) {

    case NGX_HTTP_VOICEAI_RESULT_DONE:
        e->job = NULL;
        ngx_http_voiceai_count_request(e->stage, 0, 0, res->first);

        if (e->stage == NGX_HTTP_VOICEAI_TTS && !e->given) {
            res->type = NGX_HTTP_VOICEAI_RESULT_FAILED;
            res->data = (u_char *) "no audio came";
            res->len = sizeof("no audio came") - 1;
            res->fault = NGX_HTTP_VOICEAI_FAULT_RESPONSE;
            ngx_http_voiceai_errand_traced(e, res);

            return ngx_http_voiceai_errand_failed(e, res);
        }

        ngx_http_voiceai_errand_traced(e, res);
        ngx_http_voiceai_health_well(e->engine, res, e->log);
        res->len = 0;
        break;

    case NGX_HTTP_VOICEAI_RESULT_FAILED:
        e->job = NULL;
        ngx_http_voiceai_errand_traced(e, res);
        ngx_http_voiceai_count_request(e->stage, 1, res->late, 0);
        return ngx_http_voiceai_errand_failed(e, res);

    default:

        /* a transcript counts when it is whole */

        if (e->stage != NGX_HTTP_VOICEAI_STT) {
            e->given = 1;
        }

        break;
    }

    return e->handler(e->data, res);
}


static ngx_int_t
ngx_http_voiceai_errand_failed(ngx_http_voiceai_errand_t *e,
    ngx_http_voiceai_result_t *res)
{
    ngx_int_t                   rc;
    ngx_http_voiceai_engine_t  *failed;

    failed = e->engine;

    ngx_http_voiceai_health_failed(failed, res, e->log);

    if (e->whole || (e->given && e->retract && e->retract(e->data) == NGX_OK))
    {
        e->given = 0;
        e->hangup = 0;
    }

    rc = e->given ? NGX_ERROR : ngx_http_voiceai_errand_ask(e);

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, e->log, 0,
                      "voiceai: call %V %s failed with status %ui: %*s (%V)",
                      &e->sid, ngx_http_voiceai_stages[e->stage],
                      res->status, res->len, res->data, &failed->place->name);

        return e->handler(e->data, res);
    }

    ngx_log_error(NGX_LOG_WARN, e->log, 0,
                  "voiceai: call %V %s \"%V\" failed with status %ui: %*s, "
                  "trying \"%V\"", &e->sid,
                  ngx_http_voiceai_stages[e->stage], &failed->place->name,
                  res->status, res->len, res->data,
                  ngx_http_voiceai_engine_name(e->engine));

    if (rc == NGX_DECLINED) {
        return ngx_http_voiceai_errand_builtin(e);
    }

    return NGX_OK;
}
