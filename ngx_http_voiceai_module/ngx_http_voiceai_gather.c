
/*
 * A conversation without a stream: Twilio recognises and speaks, we answer
 * webhooks.
 *
 * The model is asked by a thought that belongs to the worker and outlives the
 * request; its answer goes into the zone, where the webhook that waits for it
 * looks.  When it takes longer than Twilio waits, the caller hears a filler and
 * Twilio asks again, whichever worker that reaches.
 */


#include "ngx_http_voiceai_module.h"

#include "../src/dialog/va_responder.h"
#include "../src/dialog/va_tools.h"
#include "../src/twilio/va_twiml.h"


/* times in a row that the caller is asked again */
#define NGX_HTTP_VOICEAI_GATHER_ASKS    2
/* fillers for one answer, then an apology */
#define NGX_HTTP_VOICEAI_GATHER_FILLERS 5
/* ms between looks for an answer */
#define NGX_HTTP_VOICEAI_GATHER_LOOK    20
#define NGX_HTTP_VOICEAI_GATHER_TURNS   64
/* ms after which a thought is given up, whatever its engine's timeouts */
#define NGX_HTTP_VOICEAI_GATHER_THOUGHT 120000


typedef struct {
    ngx_queue_t                   queue;
    ngx_event_t                   timer;    /* keeps a worker that is to go */
    ngx_connection_t              dummy;    /* what a timer's data must be */
    ngx_http_voiceai_errand_t     errand;
    ngx_shm_zone_t               *zone;
    ngx_uint_t                    turn;
    va_buf_t                      prompt;
    va_buf_t                      text;
    ngx_http_voiceai_record_t     record;   /* whose sid counts */
} ngx_http_voiceai_thought_t;


typedef struct {
    ngx_http_request_t           *request;
    ngx_event_t                   timer;
    ngx_msec_t                    until;
    ngx_uint_t                    fillers;
} ngx_http_voiceai_wait_t;


static ngx_int_t ngx_http_voiceai_speech(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_speech_vain(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_speech_heard(ngx_http_request_t *r,
    va_str_t said, float confidence);
static ngx_int_t ngx_http_voiceai_speech_ask(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_speech_wait(ngx_http_request_t *r,
    ngx_uint_t fillers);
static void ngx_http_voiceai_speech_look(ngx_event_t *ev);
static void ngx_http_voiceai_speech_cleanup(void *data);
static ngx_int_t ngx_http_voiceai_speech_filler(ngx_http_request_t *r,
    ngx_uint_t fillers);
static ngx_int_t ngx_http_voiceai_speech_say(ngx_http_request_t *r,
    va_str_t text, ngx_uint_t end);
static void ngx_http_voiceai_speech_input(void *data, va_ai_input_t *input);
static ngx_int_t ngx_http_voiceai_speech_result(void *data,
    ngx_http_voiceai_result_t *res);
static void ngx_http_voiceai_speech_late(ngx_event_t *ev);
static void ngx_http_voiceai_thought_free(ngx_http_voiceai_thought_t *t);
static void ngx_http_voiceai_speech_answer(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t turn, va_str_t text,
    ngx_uint_t hangup);


/* of this worker; its next is NULL until there was one */
static ngx_queue_t  ngx_http_voiceai_thoughts;


ngx_int_t
ngx_http_voiceai_speech_handler(ngx_http_request_t *r)
{
    return ngx_http_voiceai_read_form(r, ngx_http_voiceai_speech);
}


/* The text of a directive, or what stands for it. */

static ngx_int_t
ngx_http_voiceai_speech_text(ngx_http_request_t *r,
    ngx_http_complex_value_t *value, const char *other, va_str_t *text)
{
    ngx_str_t  s;

    if (value == NULL) {
        *text = va_str(other);
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, value, &s) != NGX_OK) {
        return NGX_ERROR;
    }

    *text = ngx_http_voiceai_view(&s);

    return NGX_OK;
}


ngx_int_t
ngx_http_voiceai_gather(ngx_http_request_t *r, va_buf_t *twiml, va_str_t say)
{
    va_buf_t                      action;
    ngx_int_t                     rc;
    ngx_str_t                     voice, language, hints;
    va_twiml_gather_t             g;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;
    ngx_http_voiceai_srv_conf_t  *vscf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    vscf = ngx_http_get_module_srv_conf(r, ngx_http_voiceai_module);

    if (ngx_http_voiceai_eval(r, vlcf->voice, &voice) != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->language, &language) != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->hints, &hints) != NGX_OK)
    {
        return NGX_ERROR;
    }

    va_buf_init(&action, 4096);
    ngx_http_voiceai_hook(&action, vlcf, &vscf->speech_uri, NULL);

    ngx_memzero(&g, sizeof(va_twiml_gather_t));

    g.action = va_buf_view(&action);
    g.input = ngx_http_voiceai_view(&vlcf->gather_input);
    g.speech_timeout = ngx_http_voiceai_view(&vlcf->speech_timeout);
    g.speech_model = ngx_http_voiceai_view(&vlcf->speech_model);
    g.hints = ngx_http_voiceai_view(&hints);
    g.language = ngx_http_voiceai_view(&language);
    g.barge_in = vlcf->barge_in ? VA_TWIML_TRUE : VA_TWIML_FALSE;
    g.action_on_empty = 1;
    g.say = say;
    g.voice = ngx_http_voiceai_view(&voice);
    g.say_language = g.language;

    if (ctx->record.voice_len) {
        g.voice.data = (char *) ctx->record.voice;
        g.voice.len = ctx->record.voice_len;
    }

    rc = (va_twiml_gather(twiml, &g) == VA_OK) ? NGX_OK : NGX_ERROR;

    va_buf_free(&action);

    return rc;
}


/* Confidence in hundredths; what is no number is none. */

static ngx_uint_t
ngx_http_voiceai_speech_percent(va_str_t word)
{
    double  value;

    value = atof(word.data);

    if (!(value > 0)) {
        return 0;
    }

    return (ngx_uint_t) (ngx_min(value, 1) * 100 + 0.5);
}


/* What the caller said, or a request to go on waiting for the answer to it. */

static ngx_int_t
ngx_http_voiceai_speech(ngx_http_request_t *r)
{
    va_str_t                      said, word;
    ngx_int_t                     rc;
    ngx_str_t                     wait, text;
    ngx_uint_t                    percent, keys;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    rc = ngx_http_voiceai_form_record(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_voiceai_zone_find(vlcf->zone, &ctx->record, 0) != NGX_OK) {
        ctx->record.gather = 1;

        if (ngx_http_voiceai_zone_announce(vlcf->zone, &ctx->record,
                                        vlcf->max_calls)
            != NGX_OK)
        {
            return ngx_http_voiceai_speech_say(r, va_str(NULL), 1);
        }
    }

    if (ngx_http_voiceai_machine(r, &ctx->record, &text) == NGX_OK) {
        return ngx_http_voiceai_bye(r, ngx_http_voiceai_view(&text));
    }

    /* somebody had the assistant stop: it only listens */

    if (ngx_http_arg(r, (u_char *) "again", 5, &wait) == NGX_OK) {
        return ngx_http_voiceai_speech_say(r, va_str(NULL), 0);
    }

    if (ngx_http_arg(r, (u_char *) "wait", 4, &wait) == NGX_OK) {
        return ngx_http_voiceai_speech_wait(r, ngx_atoi(wait.data, wait.len));
    }

    keys = 0;
    said = va_form_get(ctx->form, "SpeechResult");

    if (said.len == 0) {
        said = va_form_get(ctx->form, "Digits");
        keys = 1;
    }

    percent = 100;
    word = va_form_get(ctx->form, "Confidence");

    if (word.len && !keys) {
        percent = ngx_http_voiceai_speech_percent(word);
    }

    if (said.len == 0 || percent < vlcf->min_confidence) {
        return ngx_http_voiceai_speech_vain(r);
    }

    return ngx_http_voiceai_speech_heard(r, said, (float) percent / 100);
}


/* Nothing was understood: asks again, then says goodbye. */

static ngx_int_t
ngx_http_voiceai_speech_vain(ngx_http_request_t *r)
{
    va_str_t                      text;
    ngx_uint_t                    end;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    end = (ctx->record.asked >= NGX_HTTP_VOICEAI_GATHER_ASKS);

    if (ngx_http_voiceai_speech_text(r, end ? vlcf->farewell : vlcf->reask,
                                     end ? NGX_HTTP_VOICEAI_FAREWELL
                                         : NGX_HTTP_VOICEAI_REASK, &text)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->record.asked++;
    (void) ngx_http_voiceai_zone_store(vlcf->zone, &ctx->record,
                                       NGX_HTTP_VOICEAI_STORE_GATHER);

    return ngx_http_voiceai_speech_say(r, text, end);
}


static ngx_int_t
ngx_http_voiceai_speech_heard(ngx_http_request_t *r, va_str_t said,
    float confidence)
{
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "voiceai: call %*s caller spoke, %uz characters understood",
                  (size_t) rec->sid_len, rec->sid, said.len);

    rec->turns++;
    rec->asked = 0;
    rec->say_len = 0;
    rec->hangup = va_responder_goodbye(said);
    ngx_http_voiceai_record_said(rec, VA_ROLE_USER, said, confidence);
    ngx_http_voiceai_observe_heard(rec, said, confidence);

    (void) ngx_http_voiceai_zone_store(vlcf->zone, rec,
                                       NGX_HTTP_VOICEAI_STORE_TURNS
                                       |NGX_HTTP_VOICEAI_STORE_NEXT
                                       |NGX_HTTP_VOICEAI_STORE_GATHER);
    ngx_http_voiceai_event(vlcf->zone, rec, "turn");

    if (ngx_http_voiceai_speech_ask(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_speech_wait(r, 0);
}


/* Begins the thought that answers the last turn. */

static ngx_int_t
ngx_http_voiceai_speech_ask(ngx_http_request_t *r)
{
    ngx_str_t                      prompt;
    ngx_http_voiceai_ctx_t        *ctx;
    ngx_http_voiceai_record_t     *rec;
    ngx_http_voiceai_thought_t    *t;
    ngx_http_voiceai_loc_conf_t   *vlcf;
    ngx_http_voiceai_main_conf_t  *vmcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    vmcf = ngx_http_get_module_main_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    if (ngx_http_voiceai_eval(r, vlcf->prompt, &prompt) != NGX_OK) {
        return NGX_ERROR;
    }

    if (rec->prompt_len) {
        prompt.data = rec->prompt;
        prompt.len = rec->prompt_len;
    }

    t = ngx_calloc(sizeof(ngx_http_voiceai_thought_t), r->connection->log);
    if (t == NULL) {
        return NGX_ERROR;
    }

    t->zone = vlcf->zone;
    t->turn = rec->turns;
    t->record = *rec;
    va_buf_init(&t->text, NGX_HTTP_VOICEAI_SAY_LEN);
    va_buf_init(&t->prompt, SIZE_MAX);

    if (va_buf_append(&t->prompt, prompt.data, prompt.len) != VA_OK) {
        ngx_free(t);
        return NGX_ERROR;
    }

    if (ngx_http_voiceai_thoughts.next == NULL) {
        ngx_queue_init(&ngx_http_voiceai_thoughts);
    }

    ngx_queue_insert_tail(&ngx_http_voiceai_thoughts, &t->queue);

    t->dummy.fd = (ngx_socket_t) -1;
    t->timer.handler = ngx_http_voiceai_speech_late;
    t->timer.data = &t->dummy;
    t->timer.log = ngx_cycle->log;

    ngx_add_timer(&t->timer, NGX_HTTP_VOICEAI_GATHER_THOUGHT);

    t->errand.engines = &vlcf->engines[NGX_HTTP_VOICEAI_LLM];
    t->errand.stage = NGX_HTTP_VOICEAI_LLM;
    t->errand.pool = vmcf->pool;
    t->errand.sid.data = t->record.sid;
    t->errand.sid.len = t->record.sid_len;
    t->errand.trace = ngx_http_voiceai_trace_open(rec);
    t->errand.log = ngx_cycle->log;
    t->errand.data = t;
    t->errand.input = ngx_http_voiceai_speech_input;
    t->errand.handler = ngx_http_voiceai_speech_result;
    t->errand.whole = 1;

    ngx_http_voiceai_errand_start(&t->errand);

    return NGX_OK;
}


/* The conversation so far; what was said by a model that failed is not. */

static void
ngx_http_voiceai_speech_input(void *data, va_ai_input_t *input)
{
    ngx_http_voiceai_thought_t *t = data;

    size_t     n, at;
    va_turn_t  turn;

    static va_ai_message_t  messages[NGX_HTTP_VOICEAI_GATHER_TURNS];

    va_buf_reset(&t->text);
    n = at = 0;

    while (va_turns_next(t->record.history, t->record.history_len, &at,
                         &turn))
    {
        if (n == NGX_HTTP_VOICEAI_GATHER_TURNS) {
            ngx_memmove(messages, messages + 1,
                        (--n) * sizeof(va_ai_message_t));
        }

        ngx_memzero(&messages[n], sizeof(va_ai_message_t));
        messages[n].role = turn.role;
        messages[n++].text = turn.text;
    }

    input->prompt = va_buf_view(&t->prompt);
    input->messages = messages;
    input->message_count = n;
    input->tools = &va_tool_hang_up;
    input->tool_count = 1;
    input->call_sid.data = (char *) t->record.sid;
    input->call_sid.len = t->record.sid_len;
}


/* The transport should have given up long ago. */

static void
ngx_http_voiceai_speech_late(ngx_event_t *ev)
{
    ngx_http_voiceai_thought_t  *t;

    t = (ngx_http_voiceai_thought_t *)
        ((u_char *) ev - offsetof(ngx_http_voiceai_thought_t, timer));

    ngx_http_voiceai_speech_answer(t->zone, &t->record, t->turn, va_str(NULL),
                                   0);
    ngx_http_voiceai_thought_free(t);
}


static void
ngx_http_voiceai_thought_free(ngx_http_voiceai_thought_t *t)
{
    ngx_http_voiceai_errand_cancel(&t->errand);
    ngx_http_voiceai_trace_close(t->errand.trace, "turn", &t->record);

    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }

    ngx_queue_remove(&t->queue);
    va_buf_free(&t->prompt);
    va_buf_free(&t->text);
    ngx_free(t);
}


void
ngx_http_voiceai_gather_exit(void)
{
    ngx_queue_t  *q;

    while (ngx_http_voiceai_thoughts.next
           && !ngx_queue_empty(&ngx_http_voiceai_thoughts))
    {
        q = ngx_queue_head(&ngx_http_voiceai_thoughts);
        ngx_http_voiceai_thought_free(
                       ngx_queue_data(q, ngx_http_voiceai_thought_t, queue));
    }
}


static ngx_int_t
ngx_http_voiceai_speech_result(void *data, ngx_http_voiceai_result_t *res)
{
    ngx_http_voiceai_thought_t *t = data;

    /* what is over the limit is not said */

    if ((res->type == NGX_HTTP_VOICEAI_RESULT_TEXT
         || res->type == NGX_HTTP_VOICEAI_RESULT_DONE)
        && t->text.rc == VA_OK)
    {
        va_buf_append(&t->text, res->data,
                      ngx_min(res->len, t->text.max - t->text.len));
    }

    switch (res->type) {

    case NGX_HTTP_VOICEAI_RESULT_TOOL:

        if (va_str_eq(ngx_http_voiceai_view(&res->name),
                      va_tool_hang_up.name))
        {
            t->errand.hangup = 1;
        }

        return NGX_OK;

    case NGX_HTTP_VOICEAI_RESULT_DONE:
        ngx_http_voiceai_speech_answer(t->zone, &t->record, t->turn,
                                       va_buf_view(&t->text),
                                       t->errand.hangup);
        break;

    case NGX_HTTP_VOICEAI_RESULT_FAILED:

        /* an empty answer is an apology */

        ngx_http_voiceai_speech_answer(t->zone, &t->record, t->turn,
                                       va_str(NULL), 0);
        break;

    default:
        return NGX_OK;
    }

    ngx_http_voiceai_thought_free(t);

    return NGX_OK;
}


/* The answer to a turn goes into the record, unless the caller went on. */

static void
ngx_http_voiceai_speech_answer(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t turn, va_str_t text,
    ngx_uint_t hangup)
{
    if (ngx_http_voiceai_zone_find(zone, rec, 0) != NGX_OK
        || rec->turns != turn)
    {
        return;
    }

    rec->answered = turn;
    rec->hangup = rec->hangup || hangup;
    ngx_http_voiceai_set(rec, say, text.data, text.len);

    if (text.len) {
        ngx_http_voiceai_record_said(rec, VA_ROLE_ASSISTANT, text, -1);
        ngx_http_voiceai_observe_spoke(rec, text, 0, NULL);

    } else if (!hangup) {
        rec->failures++;
    }

    (void) ngx_http_voiceai_zone_store(zone, rec,
                                       NGX_HTTP_VOICEAI_STORE_TURNS
                                       |NGX_HTTP_VOICEAI_STORE_NEXT
                                       |NGX_HTTP_VOICEAI_STORE_GATHER);
    ngx_http_voiceai_event(zone, rec, "turn");
}


/*
 * Answers as soon as the record has the answer; NGX_DONE while it has not.
 */

static ngx_int_t
ngx_http_voiceai_speech_ready(ngx_http_request_t *r)
{
    va_str_t                      text;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    if (ngx_http_voiceai_zone_find(vlcf->zone, rec, 0) != NGX_OK) {
        return ngx_http_voiceai_speech_say(r, va_str(NULL), 1);
    }

    if (rec->answered != rec->turns) {
        return NGX_DONE;
    }

    text.data = (char *) rec->say;
    text.len = rec->say_len;

    if (text.len == 0
        && ngx_http_voiceai_speech_text(r, rec->hangup ? vlcf->farewell
                                                       : vlcf->apology,
                                        rec->hangup
                                        ? NGX_HTTP_VOICEAI_FAREWELL
                                        : NGX_HTTP_VOICEAI_APOLOGY, &text)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_speech_say(r, text, rec->hangup);
}


static ngx_int_t
ngx_http_voiceai_speech_wait(ngx_http_request_t *r, ngx_uint_t fillers)
{
    ngx_int_t                     rc;
    ngx_pool_cleanup_t           *cln;
    ngx_http_voiceai_wait_t      *wait;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    rc = ngx_http_voiceai_speech_ready(r);

    if (rc != NGX_DONE) {
        return rc;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_voiceai_wait_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    wait = cln->data;
    ngx_memzero(wait, sizeof(ngx_http_voiceai_wait_t));
    cln->handler = ngx_http_voiceai_speech_cleanup;

    wait->request = r;
    wait->fillers = fillers;
    wait->until = ngx_current_msec + vlcf->answer_timeout;
    wait->timer.handler = ngx_http_voiceai_speech_look;
    wait->timer.data = r->connection;
    wait->timer.log = r->connection->log;

    ngx_add_timer(&wait->timer, NGX_HTTP_VOICEAI_GATHER_LOOK);

    r->read_event_handler = ngx_http_test_reading;
    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_voiceai_speech_cleanup(void *data)
{
    ngx_http_voiceai_wait_t *wait = data;

    if (wait->timer.timer_set) {
        ngx_del_timer(&wait->timer);
    }
}


static void
ngx_http_voiceai_speech_look(ngx_event_t *ev)
{
    ngx_int_t                 rc;
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_voiceai_wait_t  *wait;

    wait = (ngx_http_voiceai_wait_t *)
           ((u_char *) ev - offsetof(ngx_http_voiceai_wait_t, timer));

    r = wait->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    rc = ngx_http_voiceai_speech_ready(r);

    if (rc == NGX_DONE) {

        if ((ngx_msec_int_t) (wait->until - ngx_current_msec) > 0) {
            ngx_add_timer(ev, NGX_HTTP_VOICEAI_GATHER_LOOK);
            return;
        }

        rc = ngx_http_voiceai_speech_filler(r, wait->fillers);
    }

    ngx_http_finalize_request(r, ngx_http_voiceai_answer(r, rc));
    ngx_http_run_posted_requests(c);
}


/* "One moment", and Twilio comes back for the answer. */

static ngx_int_t
ngx_http_voiceai_speech_filler(ngx_http_request_t *r, ngx_uint_t fillers)
{
    va_buf_t                      twiml, url;
    va_str_t                      text;
    ngx_str_t                     voice, language;
    ngx_http_voiceai_loc_conf_t  *vlcf;
    ngx_http_voiceai_srv_conf_t  *vscf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    vscf = ngx_http_get_module_srv_conf(r, ngx_http_voiceai_module);

    if (fillers >= NGX_HTTP_VOICEAI_GATHER_FILLERS) {

        if (ngx_http_voiceai_speech_text(r, vlcf->apology,
                                         NGX_HTTP_VOICEAI_APOLOGY, &text)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_voiceai_speech_say(r, text, 0);
    }

    if (ngx_http_voiceai_speech_text(r, vlcf->filler, "One moment, please.",
                                     &text)
        != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->voice, &voice) != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->language, &language) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    va_buf_init(&twiml, VA_TWIML_MAX);
    va_buf_init(&url, 4096);

    va_twiml_begin(&twiml);
    va_twiml_say(&twiml, text, ngx_http_voiceai_view(&voice),
                 ngx_http_voiceai_view(&language));

    ngx_http_voiceai_hook(&url, vlcf, &vscf->speech_uri, NULL);
    va_buf_printf(&url, "?wait=%lu", (unsigned long) fillers + 1);
    va_twiml_redirect(&twiml, va_buf_view(&url));

    va_buf_free(&url);

    return ngx_http_voiceai_twiml(r, &twiml);
}


/* Speaks and listens again, or speaks and hangs up. */

static ngx_int_t
ngx_http_voiceai_speech_say(ngx_http_request_t *r, va_str_t text,
    ngx_uint_t end)
{
    va_buf_t                      twiml;
    ngx_str_t                     voice, language;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (ngx_http_voiceai_eval(r, vlcf->voice, &voice) != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->language, &language) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    va_buf_init(&twiml, VA_TWIML_MAX);
    va_twiml_begin(&twiml);

    if (end) {
        va_twiml_say(&twiml, text, ngx_http_voiceai_view(&voice),
                     ngx_http_voiceai_view(&language));
        va_twiml_hangup(&twiml);

        ngx_http_voiceai_trace_over(&ctx->record, ctx->record.state);
        ctx->record.state = NGX_HTTP_VOICEAI_ENDED;
        (void) ngx_http_voiceai_zone_store(vlcf->zone, &ctx->record,
                                           NGX_HTTP_VOICEAI_STORE_STATE);
        ngx_http_voiceai_observe_event(&ctx->record, "hung-up");

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "voiceai: call %*s hung up",
                      (size_t) ctx->record.sid_len, ctx->record.sid);

    } else if (ngx_http_voiceai_gather(r, &twiml, text) != NGX_OK) {
        va_buf_free(&twiml);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_twiml(r, &twiml);
}


ngx_int_t
ngx_http_voiceai_bye(ngx_http_request_t *r, va_str_t text)
{
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (text.len) {
        ngx_http_voiceai_record_said(&ctx->record, VA_ROLE_ASSISTANT, text,
                                     -1);
        (void) ngx_http_voiceai_zone_store(vlcf->zone, &ctx->record,
                                           NGX_HTTP_VOICEAI_STORE_TURNS);
    }

    return ngx_http_voiceai_speech_say(r, text, 1);
}
