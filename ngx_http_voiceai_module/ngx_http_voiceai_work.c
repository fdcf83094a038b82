
/*
 * Requests of a call to its engines.
 *
 * The core must not be fed from inside its own actions, so what a request
 * finds out at once (a queue that is full, a phrase in memory, the built-in
 * reply) is done by an event posted to the same loop turn.
 */


#include "ngx_http_voiceai_call.h"

#include "../src/dialog/va_responder.h"
#include "../src/dialog/va_sentence.h"
#include "../src/dialog/va_tools.h"


static ngx_uint_t ngx_http_voiceai_work_fixed(ngx_http_voiceai_call_t *call,
    va_str_t text);
static void ngx_http_voiceai_work_submit(ngx_http_voiceai_call_t *call,
    ngx_http_voiceai_work_t *work, va_ai_input_t *input);
static ngx_int_t ngx_http_voiceai_work_result(void *data,
    ngx_http_voiceai_job_t *job, ngx_http_voiceai_result_t *res);
static void ngx_http_voiceai_work_finish(ngx_http_voiceai_work_t *work);


static const char  *ngx_http_voiceai_stages[] = {
    "recogniser", "model", "voice"
};


/* Has the apology ready before the voice is needed and gone. */

void
ngx_http_voiceai_work_warm(ngx_http_voiceai_call_t *call)
{
    size_t                         used;
    va_str_t                       text;
    va_ai_input_t                  input;
    ngx_http_voiceai_engine_t     *engine;
    ngx_http_voiceai_main_conf_t  *vmcf;

    engine = &call->conf->engines[NGX_HTTP_VOICEAI_TTS];

    if (engine->off) {
        return;
    }

    vmcf = ngx_http_get_module_main_conf(call->request,
                                         ngx_http_voiceai_module);

    ngx_memzero(&input, sizeof(va_ai_input_t));

    input.stage = VA_AI_TTS;
    input.language = ngx_http_voiceai_view(&call->language);
    input.voice = ngx_http_voiceai_view(&call->voice);

    text = ngx_http_voiceai_view(&call->apology);

    while (va_sentence_next(text, 1, &used, &input.text) == VA_OK) {

        if (input.text.len) {
            ngx_http_voiceai_phrase_warm(vmcf->pool, &engine->provider,
                                         &input);
        }

        text.data += used;
        text.len -= used;
    }
}


ngx_http_voiceai_work_t *
ngx_http_voiceai_work_find(ngx_http_voiceai_call_t *call, uint32_t request)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKS; i++) {
        if (call->works[i].call && call->works[i].request == request) {
            return &call->works[i];
        }
    }

    return NULL;
}


/* Takes on a request of the core. */

void
ngx_http_voiceai_work_start(ngx_http_voiceai_call_t *call, ngx_uint_t stage,
    const va_action_t *act)
{
    ngx_uint_t                  i;
    va_ai_input_t               input;
    va_ai_message_t             messages[VA_HISTORY_TURNS];
    ngx_http_voiceai_work_t    *work;
    ngx_http_voiceai_engine_t  *engine;

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKS; i++) {
        if (call->works[i].call == NULL) {
            break;
        }
    }

    if (i == NGX_HTTP_VOICEAI_WORKS) {
        ngx_log_error(NGX_LOG_ALERT, call->request->connection->log, 0,
                      "voiceai: too many requests in one call");
        return;
    }

    work = &call->works[i];
    ngx_memzero(work, sizeof(ngx_http_voiceai_work_t));

    work->call = call;
    work->request = act->request;
    work->stage = stage;
    work->confidence = -1;
    va_buf_init(&work->text, NGX_HTTP_VOICEAI_TEXT_MAX);
    va_buf_init(&work->audio, NGX_HTTP_VOICEAI_PHRASE_MAX);

    engine = &call->conf->engines[stage];

    if (engine->builtin) {
        ngx_http_voiceai_work_defer(work);
        return;
    }

    if (engine->off) {
        va_buf_append(&call->say, call->say.len ? " " : "",
                      call->say.len ? 1 : 0);
        va_buf_str(&call->say, act->text);
        ngx_http_voiceai_work_defer(work);
        return;
    }

    ngx_memzero(&input, sizeof(va_ai_input_t));

    input.stage = (va_ai_stage_t) stage;
    input.language = ngx_http_voiceai_view(&call->language);
    input.voice = ngx_http_voiceai_view(&call->voice);
    input.call_sid.data = (char *) call->ctx->record.sid;
    input.call_sid.len = call->ctx->record.sid_len;

    switch (stage) {

    case NGX_HTTP_VOICEAI_STT:
        input.ulaw = act->data;
        input.ulaw_len = act->len;
        input.context = act->text;
        break;

    case NGX_HTTP_VOICEAI_LLM:
        input.prompt = ngx_http_voiceai_view(&call->prompt);
        input.tools = &va_tool_hang_up;
        input.tool_count = 1;
        input.messages = messages;
        input.message_count = va_history_messages(va_call_history(call->core),
                                                  messages, VA_HISTORY_TURNS);
        break;

    default: /* NGX_HTTP_VOICEAI_TTS */
        input.text = act->text;
        break;
    }

    ngx_http_voiceai_work_submit(call, work, &input);
}


/* Whether a sentence is one of the fixed texts of the configuration. */

static ngx_uint_t
ngx_http_voiceai_work_fixed(ngx_http_voiceai_call_t *call, va_str_t text)
{
    ngx_uint_t  i;
    ngx_str_t  *fixed[] = { &call->greeting, &call->apology, &call->reask };

    for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (text.len
            && ngx_strnstr(fixed[i]->data, (char *) text.data, fixed[i]->len))
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_voiceai_work_submit(ngx_http_voiceai_call_t *call,
    ngx_http_voiceai_work_t *work, va_ai_input_t *input)
{
    ngx_http_voiceai_engine_t     *engine;
    ngx_http_voiceai_main_conf_t  *vmcf;

    engine = &call->conf->engines[work->stage];

    if (work->stage == NGX_HTTP_VOICEAI_TTS
        && ngx_http_voiceai_work_fixed(call, input->text))
    {
        ngx_http_voiceai_phrase_key(&work->key, &engine->provider, input);

        work->fixed = 1;
        work->phrase = ngx_http_voiceai_phrase_find(&work->key);
        ngx_http_voiceai_count(work->phrase
                               ? NGX_HTTP_VOICEAI_COUNT_PHRASE_HIT
                               : NGX_HTTP_VOICEAI_COUNT_PHRASE_MISS, 1);

        if (work->phrase) {
            ngx_http_voiceai_work_defer(work);
            return;
        }
    }

    vmcf = ngx_http_get_module_main_conf(call->request,
                                         ngx_http_voiceai_module);

    work->job = ngx_http_voiceai_job_start(vmcf->pool, &engine->provider,
                                           input,
                                           ngx_http_voiceai_work_result, work,
                                           call->request->connection->log);

    if (work->job == NULL) {
        work->failed = 1;
        ngx_http_voiceai_work_defer(work);
    }
}


void
ngx_http_voiceai_work_defer(ngx_http_voiceai_work_t *work)
{
    work->deferred = 1;
    ngx_post_event(&work->call->deferred, &ngx_posted_events);
}


/* The one place where a work dies; what it has in flight is given up. */

void
ngx_http_voiceai_work_free(ngx_http_voiceai_work_t *work)
{
    if (work->job) {
        ngx_http_voiceai_job_cancel(work->job);
    }

    if (work->phrase) {
        ngx_http_voiceai_phrase_release(work->phrase);
    }

    va_buf_free(&work->text);
    va_buf_free(&work->audio);

    if (work->fixed) {
        va_buf_free(&work->key);
    }

    work->call = NULL;
}


/* Does what was put off, outside of the core. */

void
ngx_http_voiceai_work_run(ngx_http_voiceai_work_t *work)
{
    size_t                    n;
    uint32_t                  request;
    ngx_http_voiceai_call_t  *call;

    call = work->call;
    request = work->request;

    if (work->job) {
        ngx_http_voiceai_job_resume(work->job);
        return;
    }

    if (work->failed) {
        ngx_http_voiceai_work_free(work);
        va_call_failed(call->core, request, ngx_current_msec);
        return;
    }

    if (work->phrase) {

        while (work->offset < work->phrase->audio.len) {
            n = ngx_min(work->phrase->audio.len - work->offset,
                        NGX_HTTP_VOICEAI_PIECE);

            if (va_call_speech(call->core, request,
                               (u_char *) work->phrase->audio.data
                               + work->offset, n, ngx_current_msec)
                != VA_OK)
            {
                return;
            }

            work->offset += n;
        }
    }

    ngx_http_voiceai_work_finish(work);
}


/* The work is complete: tells the core. */

static void
ngx_http_voiceai_work_finish(ngx_http_voiceai_work_t *work)
{
    float                     confidence;
    va_buf_t                  text;
    va_reply_t                reply;
    uint32_t                  request;
    struct tm                 tm;
    ngx_uint_t                hangup, stage;
    ngx_http_voiceai_call_t  *call;

    call = work->call;
    request = work->request;
    stage = work->stage;
    hangup = work->hangup;
    confidence = work->confidence;

    text = work->text;
    va_buf_init(&work->text, 0);

    if (work->fixed && work->phrase == NULL) {
        ngx_http_voiceai_phrase_store(&work->key, &work->audio);
    }

    ngx_http_voiceai_work_free(work);

    switch (stage) {

    case NGX_HTTP_VOICEAI_STT:
        va_call_transcript(call->core, request, va_buf_view(&text),
                           confidence, ngx_current_msec);
        break;

    case NGX_HTTP_VOICEAI_LLM:

        if (call->conf->engines[stage].builtin) {
            ngx_libc_localtime(ngx_time(), &tm);
            va_responder_reply(&reply,
                               va_history_last(va_call_history(call->core),
                                               VA_ROLE_USER),
                               &tm);
            va_call_reply(call->core, request, va_str(reply.text),
                          ngx_current_msec);
            hangup = reply.end;
        }

        va_call_reply_end(call->core, request, hangup, ngx_current_msec);
        break;

    default: /* NGX_HTTP_VOICEAI_TTS */
        va_call_speech_end(call->core, request, ngx_current_msec);
        break;
    }

    va_buf_free(&text);
}


/* A result of the transport, on the event loop. */

static ngx_int_t
ngx_http_voiceai_work_result(void *data, ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_result_t *res)
{
    ngx_http_voiceai_work_t *work = data;

    va_rc_t                   rc;
    va_str_t                  text;
    uint32_t                  request;
    ngx_http_voiceai_call_t  *call;

    call = work->call;
    request = work->request;
    rc = VA_OK;

    ngx_http_set_log_request(call->request->connection->log, call->request);

    switch (res->type) {

    case NGX_HTTP_VOICEAI_RESULT_TEXT:

        text.data = (char *) res->data;
        text.len = res->len;

        if (work->stage == NGX_HTTP_VOICEAI_STT) {
            va_buf_str(&work->text, text);
            work->confidence = res->confidence;
            return NGX_OK;
        }

        va_call_reply(call->core, request, text, ngx_current_msec);
        break;

    case NGX_HTTP_VOICEAI_RESULT_AUDIO:

        rc = va_call_speech(call->core, request, res->data, res->len,
                            ngx_current_msec);

        /* the core may have given the request up meanwhile */

        if (rc == VA_OK && work->call == call && work->request == request
            && work->fixed)
        {
            va_buf_append(&work->audio, res->data, res->len);
        }

        break;

    case NGX_HTTP_VOICEAI_RESULT_TOOL:

        if (va_str_eq(ngx_http_voiceai_view(&res->name),
                      va_tool_hang_up.name)) {
            work->hangup = 1;
        }

        return NGX_OK;

    case NGX_HTTP_VOICEAI_RESULT_DONE:
        work->job = NULL;
        ngx_http_voiceai_count_request(work->stage, 0, 0, res->first);
        ngx_http_voiceai_work_finish(work);
        break;

    case NGX_HTTP_VOICEAI_RESULT_FAILED:
        work->job = NULL;
        ngx_http_voiceai_count_request(work->stage, 1, res->late, 0);

        ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                      "voiceai: call %*s %s failed with status %ui: %*s",
                      (size_t) call->ctx->record.sid_len,
                      call->ctx->record.sid,
                      ngx_http_voiceai_stages[work->stage], res->status,
                      res->len, res->data);

        ngx_http_voiceai_work_free(work);
        va_call_failed(call->core, request, ngx_current_msec);
        break;

    default:
        return NGX_OK;
    }

    ngx_http_voiceai_call_after(call);

    return rc == VA_AGAIN ? NGX_AGAIN : NGX_OK;
}
