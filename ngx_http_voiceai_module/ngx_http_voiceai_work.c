
/*
 * Requests of a call to its engines.
 *
 * The core must not be fed from inside its own actions, so what a request
 * finds out at once (a queue that is full, a phrase in memory, the built-in
 * reply) is done by an event posted to the same loop turn.
 */


#include "ngx_http_voiceai_tools.h"

#include "../src/ai/va_ai_trim.h"
#include "../src/dialog/va_sentence.h"


/* ms between looks for a phrase that somebody else makes */
#define NGX_HTTP_VOICEAI_PHRASE_LOOK  20
/* of the conversation, and calls of tools with what came of them */
#define NGX_HTTP_VOICEAI_MESSAGES                                             \
    (VA_HISTORY_TURNS                                                         \
     + 2 * NGX_HTTP_VOICEAI_TOOL_CALLS * NGX_HTTP_VOICEAI_TOOL_ROUNDS)


static void ngx_http_voiceai_work_keep(ngx_http_voiceai_work_t *work);
static ngx_uint_t ngx_http_voiceai_work_fixed(ngx_http_voiceai_call_t *call,
    va_str_t text);
static void ngx_http_voiceai_work_submit(ngx_http_voiceai_work_t *work);
static ngx_int_t ngx_http_voiceai_work_phrase(ngx_http_voiceai_work_t *work);
static void ngx_http_voiceai_work_look(ngx_event_t *ev);
static void ngx_http_voiceai_work_input(void *data, va_ai_input_t *input);
static ngx_int_t ngx_http_voiceai_work_retract(void *data);
static ngx_int_t ngx_http_voiceai_work_result(void *data,
    ngx_http_voiceai_result_t *res);
static void ngx_http_voiceai_work_store(ngx_http_voiceai_work_t *work);
static void ngx_http_voiceai_work_finish(ngx_http_voiceai_work_t *work,
    va_str_t reply);


/* Whoever is asked first should not have to shake hands first. */

static void
ngx_http_voiceai_work_connect(ngx_http_voiceai_call_t *call)
{
    ngx_uint_t                     i;
    ngx_http_voiceai_engine_t     *engine;
    ngx_http_voiceai_engines_t    *engines;
    ngx_http_voiceai_main_conf_t  *vmcf;

    vmcf = ngx_http_get_module_main_conf(call->request,
                                         ngx_http_voiceai_module);

    for (i = 0; i < NGX_HTTP_VOICEAI_STAGES; i++) {
        engines = &call->conf->engines[i];
        engine = engines->list->elts;

        if (!engines->off && !engine->builtin
            && engine->provider.url.len > 8
            && ngx_strncmp(engine->provider.url.data, "https://", 8) == 0)
        {
            ngx_http_voiceai_transport_warm(vmcf->pool, &engine->provider,
                                         (va_ai_stage_t) i,
                                         call->request->connection->log);
        }
    }
}


/* Has apology and farewell ready before the voice is needed and gone. */

void
ngx_http_voiceai_work_warm(ngx_http_voiceai_call_t *call)
{
    size_t                         used;
    va_str_t                       text;
    ngx_uint_t                     i;
    ngx_str_t                     *fixed[] = { &call->apology,
                                               &call->farewell };
    va_sentence_pt                 next;
    va_ai_input_t                  input;
    ngx_http_voiceai_engine_t     *engine;
    ngx_http_voiceai_main_conf_t  *vmcf;

    ngx_http_voiceai_work_connect(call);

    if (call->conf->engines[NGX_HTTP_VOICEAI_TTS].off) {
        return;
    }

    engine = call->conf->engines[NGX_HTTP_VOICEAI_TTS].list->elts;

    vmcf = ngx_http_get_module_main_conf(call->request,
                                         ngx_http_voiceai_module);

    ngx_memzero(&input, sizeof(va_ai_input_t));

    input.stage = VA_AI_TTS;
    input.language = ngx_http_voiceai_view(&call->language);
    input.voice = ngx_http_voiceai_view(&call->voice);

    for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {

        text = ngx_http_voiceai_view(fixed[i]);
        next = va_sentence_first;

        while (next(text, 1, &used, &input.text) == VA_OK) {

            if (input.text.len) {
                next = va_sentence_next;
                ngx_http_voiceai_phrase_warm(vmcf->pool, &engine->provider,
                                             &input);
            }

            text.data += used;
            text.len -= used;
        }
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
    ngx_uint_t                i;
    ngx_http_voiceai_work_t  *work;

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
    work->began = ngx_current_msec;
    work->speculative = act->speculative;
    work->said = act->text;
    work->heard.data = (const char *) act->data;
    work->heard.len = act->len;
    va_buf_init(&work->kept, SIZE_MAX);
    va_buf_init(&work->text, NGX_HTTP_VOICEAI_TEXT_MAX);
    va_buf_init(&work->audio, NGX_HTTP_VOICEAI_PHRASE_MAX);
    va_buf_init(&work->key, 0);

    if (call->conf->engines[stage].off) {
        va_buf_append(&call->say, call->say.len ? " " : "",
                      call->say.len ? 1 : 0);
        va_buf_str(&call->say, act->text);
        ngx_http_voiceai_work_defer(work);
        return;
    }

    ngx_http_voiceai_work_keep(work);

    if (stage == NGX_HTTP_VOICEAI_STT && call->listen
        && ngx_http_voiceai_listen_work(call->listen, work) == NGX_OK)
    {
        return;
    }

    ngx_http_voiceai_work_submit(work);
}


/* The stream has nothing to say to this utterance: it is transcribed whole. */

void
ngx_http_voiceai_work_whole(ngx_http_voiceai_work_t *work)
{
    ngx_http_voiceai_work_submit(work);
}


/* The stream has said all it had. */

void
ngx_http_voiceai_work_listened(ngx_http_voiceai_work_t *work)
{
    ngx_http_voiceai_work_finish(work, va_str(NULL));
}


/*
 * What the core gave lasts as long as its action.  A voice's sentence is
 * needed to the end, the rest only where a second engine may be asked.
 */

static void
ngx_http_voiceai_work_keep(ngx_http_voiceai_work_t *work)
{
    ngx_array_t  *list;

    list = work->call->conf->engines[work->stage].list;

    if (work->stage != NGX_HTTP_VOICEAI_TTS && list->nelts == 1
        && work->call->listen == NULL)
    {
        return;
    }

    va_buf_str(&work->kept, work->said);
    va_buf_str(&work->kept, work->heard);

    if (work->kept.rc != VA_OK) {
        work->said = va_str(NULL);
        work->heard = va_str(NULL);
        return;
    }

    work->said.data = work->kept.data;
    work->heard.data = work->kept.data + work->said.len;
}


/* Whether a sentence is one of the fixed texts of the configuration. */

static ngx_uint_t
ngx_http_voiceai_work_fixed(ngx_http_voiceai_call_t *call, va_str_t text)
{
    ngx_uint_t  i;
    ngx_str_t  *fixed[] = {
        &call->greeting, &call->apology, &call->reask, &call->resume,
        &call->silence_prompt, &call->farewell, &call->warning,
        &call->tool_filler
    };

    for (i = 0; text.len && i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (memmem(fixed[i]->data, fixed[i]->len, text.data, text.len)) {
            return 1;
        }
    }

    return 0;
}


/*
 * NGX_OK: the phrase is in memory, or will be as soon as whoever is at it has
 * finished; NGX_DECLINED: it has to be synthesised.
 */

static ngx_int_t
ngx_http_voiceai_work_phrase(ngx_http_voiceai_work_t *work)
{
    ngx_uint_t                   i;
    va_ai_input_t                input;
    ngx_http_voiceai_engine_t   *engine;
    ngx_http_voiceai_engines_t  *engines;

    work->fixed = 1;
    engines = &work->call->conf->engines[NGX_HTTP_VOICEAI_TTS];
    engine = engines->list->elts;

    ngx_memzero(&input, sizeof(va_ai_input_t));
    ngx_http_voiceai_work_input(work, &input);

    for (i = 0; i < engines->list->nelts; i++) {
        va_buf_free(&work->key);
        ngx_http_voiceai_phrase_key(&work->key, &engine[i].provider, &input);
        work->phrase = ngx_http_voiceai_phrase_find(&work->key);

        if (work->phrase) {
            ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_PHRASE_HIT, 1);
            ngx_http_voiceai_work_defer(work);
            return NGX_OK;
        }
    }

    /* claimed is that of the first engine, whichever it will be */

    va_buf_free(&work->key);
    ngx_http_voiceai_phrase_key(&work->key, &engine->provider, &input);

    switch (ngx_http_voiceai_phrase_claim(&work->key)) {

    case NGX_BUSY:
        work->dummy.fd = (ngx_socket_t) -1;
        work->look.handler = ngx_http_voiceai_work_look;
        work->look.data = &work->dummy;
        work->look.log = work->call->request->connection->log;

        ngx_add_timer(&work->look, NGX_HTTP_VOICEAI_PHRASE_LOOK);

        return NGX_OK;

    case NGX_OK:
        work->claimed = 1;
        break;
    }

    ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_PHRASE_MISS, 1);

    return NGX_DECLINED;
}


static void
ngx_http_voiceai_work_look(ngx_event_t *ev)
{
    ngx_http_voiceai_work_t  *work;

    work = (ngx_http_voiceai_work_t *)
           ((u_char *) ev - offsetof(ngx_http_voiceai_work_t, look));

    ngx_http_voiceai_work_submit(work);
}


static void
ngx_http_voiceai_work_submit(ngx_http_voiceai_work_t *work)
{
    ngx_http_voiceai_call_t       *call;
    ngx_http_voiceai_errand_t     *e;
    ngx_http_voiceai_main_conf_t  *vmcf;

    call = work->call;
    e = &work->errand;

    e->engines = &call->conf->engines[work->stage];

    if (work->stage == NGX_HTTP_VOICEAI_TTS
        && ngx_http_voiceai_work_fixed(call, work->said)
        && ngx_http_voiceai_work_phrase(work) == NGX_OK)
    {
        return;
    }

    vmcf = ngx_http_get_module_main_conf(call->request,
                                         ngx_http_voiceai_module);

    e->stage = work->stage;
    e->pool = vmcf->pool;
    e->sid.data = call->ctx->record.sid;
    e->sid.len = call->ctx->record.sid_len;
    e->trace = call->trace;
    e->log = call->request->connection->log;
    e->data = work;
    e->input = ngx_http_voiceai_work_input;
    e->handler = ngx_http_voiceai_work_result;
    e->retract = ngx_http_voiceai_work_retract;

    ngx_http_voiceai_errand_start(e);
}


/* What an engine is asked; the first, or another after one that failed. */

static void
ngx_http_voiceai_work_input(void *data, va_ai_input_t *input)
{
    ngx_http_voiceai_work_t *work = data;

    size_t                    n;
    ngx_http_voiceai_call_t  *call;

    static va_ai_message_t  messages[NGX_HTTP_VOICEAI_MESSAGES];

    call = work->call;

    input->language = ngx_http_voiceai_view(&call->language);
    input->voice = ngx_http_voiceai_view(&call->voice);
    input->call_sid.data = (char *) call->ctx->record.sid;
    input->call_sid.len = call->ctx->record.sid_len;

    switch (work->stage) {

    case NGX_HTTP_VOICEAI_STT:
        va_buf_reset(&work->text);
        work->confidence = -1;

        input->ulaw = (const uint8_t *) work->heard.data;
        input->ulaw_len = work->heard.len;
        input->context = work->said;
        break;

    case NGX_HTTP_VOICEAI_LLM:
        input->prompt = ngx_http_voiceai_view(&call->prompt);
        input->tools = call->conf->declared->elts;
        input->tool_count = call->conf->declared->nelts;
        input->messages = messages;
        input->message_count = va_history_messages(va_call_history(call->core),
                                                  messages, VA_HISTORY_TURNS);
        input->message_count = ngx_http_voiceai_tools_messages(work, messages,
                                             input->message_count,
                                             NGX_HTTP_VOICEAI_MESSAGES);
        n = va_ai_trim(input->prompt, input->messages, input->message_count,
                       call->conf->history_tokens, call->conf->history_turns);
        input->messages += n;
        input->message_count -= n;
        break;

    default: /* NGX_HTTP_VOICEAI_TTS */
        input->text = work->said;
        break;
    }
}


/* The turn is over as it was guessed: what was called for may be done. */

void
ngx_http_voiceai_work_commit(ngx_http_voiceai_call_t *call, uint32_t request)
{
    ngx_http_voiceai_work_t  *work;

    work = ngx_http_voiceai_work_find(call, request);

    if (work) {
        work->speculative = 0;

        if (work->waits) {
            ngx_http_voiceai_work_defer(work);
        }
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
    ngx_http_voiceai_errand_cancel(&work->errand);

    if (work->call->listen) {
        ngx_http_voiceai_listen_cancel(work->call->listen, work);
    }

    if (work->phrase) {
        ngx_http_voiceai_phrase_release(work->phrase);
    }

    if (work->claimed) {
        ngx_http_voiceai_phrase_abandon(&work->key);
    }

    if (work->look.timer_set) {
        ngx_del_timer(&work->look);
    }

    va_buf_free(&work->key);

    if (work->tools) {
        ngx_http_voiceai_tools_free(work->tools);
        work->tools = NULL;
    }

    va_buf_free(&work->kept);
    va_buf_free(&work->text);
    va_buf_free(&work->audio);

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

    if (work->errand.job) {
        ngx_http_voiceai_errand_resume(&work->errand);
        return;
    }

    if (work->listened) {
        ngx_http_voiceai_listen_answer(call->listen, work);
    }

    if (work->waits) {
        work->waits = 0;

        if (ngx_http_voiceai_tools_run(work) == NGX_OK) {
            return;
        }
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

    ngx_http_voiceai_work_finish(work, va_str(NULL));
}


/* What was synthesised for the first time is kept. */

static void
ngx_http_voiceai_work_store(ngx_http_voiceai_work_t *work)
{
    va_buf_t       key;
    va_ai_input_t  input;

    if (!work->fixed || work->phrase) {
        return;
    }

    ngx_memzero(&input, sizeof(va_ai_input_t));
    ngx_http_voiceai_work_input(work, &input);

    ngx_http_voiceai_phrase_key(&key, &work->errand.engine->provider, &input);

    if (work->claimed && key.len == work->key.len
        && ngx_memcmp(key.data, work->key.data, key.len) == 0)
    {
        work->claimed = 0;
    }

    ngx_http_voiceai_phrase_store(&key, &work->audio);
    va_buf_free(&key);
}


/* The work is complete: tells the core. */

static void
ngx_http_voiceai_work_finish(ngx_http_voiceai_work_t *work, va_str_t reply)
{
    float                     confidence;
    va_buf_t                  text;
    uint32_t                  request;
    ngx_uint_t                hangup, stage;
    ngx_http_voiceai_call_t  *call;

    ngx_http_voiceai_work_store(work);

    call = work->call;
    request = work->request;
    stage = work->stage;
    hangup = work->errand.hangup || work->hangup;
    confidence = work->confidence;

    text = work->text;
    va_buf_init(&work->text, 0);

    ngx_http_voiceai_work_free(work);

    switch (stage) {

    case NGX_HTTP_VOICEAI_STT:
        va_call_transcript(call->core, request, va_buf_view(&text),
                           confidence, ngx_current_msec);
        break;

    case NGX_HTTP_VOICEAI_LLM:

        if (reply.len) {
            va_call_reply(call->core, request, reply, ngx_current_msec);
        }

        va_call_reply_end(call->core, request, hangup, ngx_current_msec);
        break;

    default: /* NGX_HTTP_VOICEAI_TTS */
        va_call_speech_end(call->core, request, ngx_current_msec);
        break;
    }

    va_buf_free(&text);
}


/* An engine broke off before a clause was complete: nothing was said yet. */

static ngx_int_t
ngx_http_voiceai_work_retract(void *data)
{
    ngx_http_voiceai_work_t *work = data;

    if (work->stage != NGX_HTTP_VOICEAI_LLM || work->tools
        || !va_call_retract(work->call->core, work->request,
                            ngx_current_msec))
    {
        return NGX_DECLINED;
    }

    va_buf_reset(&work->text);

    return NGX_OK;
}


/* A result of an engine, on the event loop. */

static ngx_int_t
ngx_http_voiceai_work_result(void *data, ngx_http_voiceai_result_t *res)
{
    ngx_http_voiceai_work_t *work = data;

    va_rc_t                   rc;
    va_str_t                  text;
    uint32_t                  request;
    ngx_http_voiceai_call_t  *call;

    call = work->call;
    request = work->request;
    rc = VA_OK;

    text.data = (char *) res->data;
    text.len = res->len;

    ngx_http_set_log_request(call->request->connection->log, call->request);

    switch (res->type) {

    case NGX_HTTP_VOICEAI_RESULT_TEXT:

        if (work->stage == NGX_HTTP_VOICEAI_STT) {
            va_buf_str(&work->text, text);
            work->confidence = res->confidence;
            return NGX_OK;
        }

        va_buf_str(&work->text, text);
        va_call_reply(call->core, request, text, ngx_current_msec);
        break;

    case NGX_HTTP_VOICEAI_RESULT_TOOL:
        ngx_http_voiceai_tools_add(work, res);
        return NGX_OK;

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

    case NGX_HTTP_VOICEAI_RESULT_DONE:

        if (work->speculative && work->tools) {
            work->waits = 1;
            return NGX_OK;
        }

        if (ngx_http_voiceai_tools_run(work) == NGX_DECLINED) {
            ngx_http_voiceai_work_finish(work, text);
        }

        break;

    case NGX_HTTP_VOICEAI_RESULT_FAILED:
        ngx_http_voiceai_work_free(work);
        va_call_failed(call->core, request, ngx_current_msec);
        break;

    default:
        return NGX_OK;
    }

    ngx_http_voiceai_call_after(call);

    return rc == VA_AGAIN ? NGX_AGAIN : NGX_OK;
}
