
/*
 * One live conversation: carries out what the core decides and feeds back what
 * comes of it.
 *
 * The core must not be fed from inside its own actions, so everything that an
 * action finds out at once (a queue that is full, a phrase that is in memory,
 * the built-in reply) is done by an event posted to the same loop turn.
 */


#include "ngx_http_voiceai_module.h"

#include "../src/dialog/va_responder.h"
#include "../src/dialog/va_sentence.h"
#include "../src/wire/va_base64.h"


/* requests that a call can have outstanding: one at the recogniser, one at the
 * model, two at the voice, and one that was just given up */
#define NGX_HTTP_VOICEAI_WORKS       5
/* what a recogniser may answer */
#define NGX_HTTP_VOICEAI_TEXT_MAX    8192
#define NGX_HTTP_VOICEAI_PIECE       8000


typedef struct {
    ngx_http_voiceai_call_t     *call;      /* NULL: free */
    uint32_t                     request;
    ngx_uint_t                   stage;
    ngx_http_voiceai_job_t      *job;
    ngx_http_voiceai_phrase_t   *phrase;    /* played from memory */
    size_t                       offset;    /* of it, what was fed */
    va_buf_t                     text;      /* of a recogniser */
    va_buf_t                     key;       /* of a phrase to be kept */
    va_buf_t                     audio;
    float                        confidence;

    unsigned                     deferred:1;  /* something is to be done */
    unsigned                     failed:1;
    unsigned                     hangup:1;
    unsigned                     fixed:1;     /* to be kept as a phrase */
} ngx_http_voiceai_work_t;


struct ngx_http_voiceai_call_s {
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

    ngx_event_t                  timer;
    ngx_event_t                  deferred;
    ngx_http_voiceai_work_t      works[NGX_HTTP_VOICEAI_WORKS];
    va_buf_t                     say;       /* for Twilio to speak */

    unsigned                     hangup:1;
    unsigned                     spoken:1;  /* say is complete */
};


static ngx_int_t ngx_http_voiceai_call_texts(ngx_http_voiceai_call_t *call);
static void ngx_http_voiceai_call_warm(ngx_http_voiceai_call_t *call);
static void ngx_http_voiceai_call_restore(ngx_http_voiceai_call_t *call);
static void ngx_http_voiceai_call_save(ngx_http_voiceai_call_t *call);
static void ngx_http_voiceai_call_after(ngx_http_voiceai_call_t *call);
static void ngx_http_voiceai_call_timer(ngx_event_t *ev);
static void ngx_http_voiceai_call_deferred(ngx_event_t *ev);
static void ngx_http_voiceai_call_act(void *ctx, const va_action_t *act);
static void ngx_http_voiceai_call_work(ngx_http_voiceai_call_t *call,
    ngx_uint_t stage, const va_action_t *act);
static void ngx_http_voiceai_call_submit(ngx_http_voiceai_call_t *call,
    ngx_http_voiceai_work_t *work, va_ai_input_t *input);
static void ngx_http_voiceai_call_spoke(ngx_http_voiceai_call_t *call,
    const va_action_t *act);
static ngx_int_t ngx_http_voiceai_call_result(void *data,
    ngx_http_voiceai_job_t *job, ngx_http_voiceai_result_t *res);
static void ngx_http_voiceai_work_defer(ngx_http_voiceai_work_t *work);
static void ngx_http_voiceai_work_free(ngx_http_voiceai_work_t *work);
static void ngx_http_voiceai_work_run(ngx_http_voiceai_work_t *work);
static void ngx_http_voiceai_work_finish(ngx_http_voiceai_work_t *work);


static const char  *ngx_http_voiceai_stages[] = {
    "recogniser", "model", "voice"
};


/* one message at a time, shared by all calls of the worker */
static va_buf_t  ngx_http_voiceai_message;


ngx_http_voiceai_call_t *
ngx_http_voiceai_call_create(ngx_http_request_t *r,
    ngx_http_voiceai_ctx_t *ctx, va_buf_t *out)
{
    va_call_conf_t                conf;
    ngx_http_voiceai_call_t      *call;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    call = ngx_calloc(sizeof(ngx_http_voiceai_call_t), r->connection->log);
    if (call == NULL) {
        return NULL;
    }

    call->request = r;
    call->ctx = ctx;
    call->conf = vlcf;
    call->out = out;

    va_buf_init(&call->say, NGX_HTTP_VOICEAI_SAY_LEN);

    if (ngx_http_voiceai_message.max == 0) {
        va_buf_init(&ngx_http_voiceai_message, 65536);
    }

    /* timers of a debug build print the descriptor of what data points to */

    call->timer.handler = ngx_http_voiceai_call_timer;
    call->timer.data = r->connection;
    call->timer.log = r->connection->log;

    call->deferred.handler = ngx_http_voiceai_call_deferred;
    call->deferred.data = call;
    call->deferred.log = r->connection->log;

    if (ngx_http_voiceai_call_texts(call) != NGX_OK) {
        ngx_free(call);
        return NULL;
    }

    ngx_memzero(&conf, sizeof(va_call_conf_t));

    conf.listen.silence_ms = vlcf->silence_threshold;
    conf.listen.preroll_ms = vlcf->preroll;
    conf.listen.max_utterance_ms = vlcf->max_utterance;
    conf.min_speech_ms = vlcf->min_speech;
    conf.barge_in_ms = vlcf->barge_in ? vlcf->barge_in_after : UINT32_MAX;
    conf.ahead_ms = vlcf->send_ahead;
    conf.apology = ngx_http_voiceai_view(&call->apology);
    conf.reask = ngx_http_voiceai_view(&call->reask);

    /* who comes back was greeted; without a voice Twilio greeted */

    if (ctx->record.connects <= 1
        && !vlcf->engines[NGX_HTTP_VOICEAI_TTS].off)
    {
        conf.greeting = ngx_http_voiceai_view(&call->greeting);
    }

    call->core = va_call_new(&conf, ngx_http_voiceai_call_act, call);

    if (call->core == NULL) {
        ngx_free(call);
        return NULL;
    }

    ngx_http_voiceai_call_restore(call);
    ngx_http_voiceai_call_warm(call);

    return call;
}


/* Has the apology ready before the voice is needed and gone. */

static void
ngx_http_voiceai_call_warm(ngx_http_voiceai_call_t *call)
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


/* Evaluated once, at the start, because that takes memory of the request. */

static ngx_int_t
ngx_http_voiceai_call_texts(ngx_http_voiceai_call_t *call)
{
    ngx_http_request_t           *r;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    r = call->request;
    vlcf = call->conf;

    ngx_str_set(&call->apology, "I am sorry, something went wrong. "
                                "Please say that again.");
    ngx_str_set(&call->reask, "Sorry, I did not catch that. "
                              "Could you say it again?");

    if (ngx_http_voiceai_eval(r, vlcf->greeting, &call->greeting) != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->prompt, &call->prompt) != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->language, &call->language) != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->voice, &call->voice) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (vlcf->apology
        && ngx_http_voiceai_eval(r, vlcf->apology, &call->apology) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (vlcf->reask
        && ngx_http_voiceai_eval(r, vlcf->reask, &call->reask) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_voiceai_call_start(ngx_http_voiceai_call_t *call)
{
    va_call_start(call->core, ngx_current_msec);
    ngx_http_voiceai_call_after(call);
}


/* The conversation of an earlier stream, from the record. */

static void
ngx_http_voiceai_call_restore(ngx_http_voiceai_call_t *call)
{
    u_char                     *p, *last;
    va_str_t                    text;
    ngx_http_voiceai_record_t  *rec;

    rec = &call->ctx->record;
    p = rec->history;
    last = p + rec->history_len;

    while (p < last) {
        text.data = (char *) p + 1;
        text.len = ngx_strlen(p + 1);

        va_call_restore(call->core, *p == 'U' ? VA_ROLE_USER
                                              : VA_ROLE_ASSISTANT, text);
        p += text.len + 2;
    }
}


/* As much of the newest turns as the record holds. */

static void
ngx_http_voiceai_call_save(ngx_http_voiceai_call_t *call)
{
    size_t                      size;
    u_char                     *p;
    ngx_uint_t                  i, first;
    const va_history_t         *h;
    ngx_http_voiceai_record_t  *rec;

    rec = &call->ctx->record;
    h = va_call_history(call->core);
    size = 0;

    for (first = h->count; first > 0; first--) {
        size += h->turns[first - 1].len + 2;

        if (size > sizeof(rec->history)) {
            break;
        }
    }

    p = rec->history;

    for (i = first; i < h->count; i++) {
        *p++ = (h->turns[i].role == VA_ROLE_USER) ? 'U' : 'A';
        p = ngx_cpymem(p, h->turns[i].text, h->turns[i].len);
        *p++ = '\0';
    }

    rec->history_len = p - rec->history;
}


void
ngx_http_voiceai_call_destroy(ngx_http_voiceai_call_t *call,
    ngx_http_voiceai_state_e state)
{
    ngx_uint_t                  i;
    ngx_http_voiceai_ctx_t     *ctx;
    ngx_http_voiceai_record_t  *rec;

    ctx = call->ctx;
    rec = &ctx->record;

    rec->state = state;
    rec->hangup = (call->hangup != 0);
    ngx_http_voiceai_set(rec, say, call->say.data, call->say.len);
    ngx_http_voiceai_call_save(call);

    ngx_http_voiceai_zone_detach(call->conf->zone, rec);

    ctx->stat = *va_call_stat(call->core);
    ctx->end = ngx_current_msec;
    ctx->ended = 1;

    ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                  "voiceai: call %*s stream over after %M ms, %ud turns, "
                  "%ud interruptions, %ud failures",
                  (size_t) rec->sid_len, rec->sid, ctx->end - ctx->start,
                  ctx->stat.user_turns, ctx->stat.interruptions,
                  ctx->stat.failures);

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKS; i++) {
        if (call->works[i].call) {
            ngx_http_voiceai_work_free(&call->works[i]);
        }
    }

    if (call->timer.timer_set) {
        ngx_del_timer(&call->timer);
    }

    if (call->deferred.posted) {
        ngx_delete_posted_event(&call->deferred);
    }

    va_call_free(call->core);
    va_buf_free(&call->say);
    ngx_free(call);
}


/* A message of the running stream. */

void
ngx_http_voiceai_call_message(ngx_http_voiceai_call_t *call,
    va_media_msg_t *msg)
{
    size_t    n;
    uint8_t   audio[VA_BASE64_ROOM(NGX_HTTP_VOICEAI_PIECE)];
    va_str_t  piece;

    switch (msg->type) {

    case VA_MEDIA_MEDIA:

        if (msg->outbound) {
            return;
        }

        /* payloads are of any size; a piece is whole groups of base64 */

        while (msg->payload.len) {
            piece.data = msg->payload.data;
            piece.len = ngx_min(msg->payload.len, NGX_HTTP_VOICEAI_PIECE);

            if (va_base64_decode(audio, sizeof(audio), &n, piece) != VA_OK) {
                ngx_http_voiceai_media_fail(call->request,
                                            "a payload is not base64");
                return;
            }

            va_call_audio(call->core, msg->timestamp, audio, n,
                          ngx_current_msec);

            msg->timestamp += n / (VA_RATE / 1000);
            msg->payload.data += piece.len;
            msg->payload.len -= piece.len;
        }

        break;

    case VA_MEDIA_DTMF:
        ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                      "voiceai: call %*s key pressed",
                      (size_t) call->ctx->record.sid_len,
                      call->ctx->record.sid);
        va_call_dtmf(call->core, msg->digit, ngx_current_msec);
        break;

    case VA_MEDIA_MARK:
        va_call_mark(call->core, msg->mark, ngx_current_msec);
        break;

    default:
        return;
    }

    ngx_http_voiceai_call_after(call);
}


/*
 * After every step of the core: sends what it produced, arms its timer, and
 * ends the call if that was decided.  The call may be gone afterwards.
 */

static void
ngx_http_voiceai_call_after(ngx_http_voiceai_call_t *call)
{
    uint64_t     at;
    ngx_msec_t   now, wait;
    const char  *reason;

    now = ngx_current_msec;

    if (now - call->ctx->start >= call->conf->max_duration && !call->hangup) {
        call->hangup = 1;
        ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                      "voiceai: call %*s reached its maximum duration",
                      (size_t) call->ctx->record.sid_len,
                      call->ctx->record.sid);
    }

    if (call->hangup || call->spoken) {
        reason = call->hangup ? "the conversation is over"
                              : "Twilio is to speak";
        ngx_http_voiceai_media_close(call->request,
                                     call->hangup ? NGX_HTTP_VOICEAI_ENDED
                                                  : NGX_HTTP_VOICEAI_LOST,
                                     reason);
        return;
    }

    if (call->out->len) {
        ngx_http_voiceai_media_flush(call->request);
    }

    at = va_call_deadline(call->core, now);

    if (at > call->ctx->start + call->conf->max_duration) {
        at = call->ctx->start + call->conf->max_duration;
    }

    wait = (at > now) ? (ngx_msec_t) (at - now) : 1;

    /*
     * A timer that is early costs one wake-up, one that is set anew for each
     * frame costs a tree operation; and a timer moved by less than 300 ms
     * would silently stay where it is.
     */

    if (call->timer.timer_set) {

        if ((ngx_msec_int_t) (call->timer.timer.key - (now + wait)) <= 0) {
            return;
        }

        ngx_del_timer(&call->timer);
    }

    ngx_add_timer(&call->timer, wait);
}


static void
ngx_http_voiceai_call_timer(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_voiceai_call_t  *call;

    c = ev->data;
    r = c->data;
    call = (ngx_http_voiceai_call_t *)
           ((u_char *) ev - offsetof(ngx_http_voiceai_call_t, timer));

    ngx_http_set_log_request(c->log, r);

    va_call_tick(call->core, ngx_current_msec);
    ngx_http_voiceai_call_after(call);
}


static void
ngx_http_voiceai_call_deferred(ngx_event_t *ev)
{
    ngx_uint_t                i;
    ngx_http_voiceai_call_t  *call;

    call = ev->data;

    ngx_http_set_log_request(call->request->connection->log, call->request);

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKS; i++) {
        if (call->works[i].call && call->works[i].deferred) {
            call->works[i].deferred = 0;
            ngx_http_voiceai_work_run(&call->works[i]);
        }
    }

    ngx_http_voiceai_call_after(call);
}


static ngx_http_voiceai_work_t *
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


/* What the core wants done. */

static void
ngx_http_voiceai_call_act(void *ctx, const va_action_t *act)
{
    ngx_http_voiceai_call_t *call = ctx;

    va_buf_t                   *msg;
    va_str_t                    sid;
    ngx_http_voiceai_work_t    *work;
    ngx_http_voiceai_record_t  *rec;

    rec = &call->ctx->record;
    msg = &ngx_http_voiceai_message;
    sid.data = (char *) rec->stream_sid;
    sid.len = rec->stream_sid_len;

    switch (act->type) {

    case VA_ACT_MEDIA:
        va_buf_reset(msg);
        va_media_write_media(msg, sid, act->data, act->len);
        ngx_http_voiceai_media_text(call->out, msg);
        break;

    case VA_ACT_MARK:
        va_buf_reset(msg);
        va_media_write_mark(msg, sid, act->text);
        ngx_http_voiceai_media_text(call->out, msg);
        break;

    case VA_ACT_CLEAR:
        va_buf_reset(msg);
        va_media_write_clear(msg, sid);
        ngx_http_voiceai_media_text(call->out, msg);
        break;

    case VA_ACT_TRANSCRIBE:
        ngx_http_voiceai_call_work(call, NGX_HTTP_VOICEAI_STT, act);
        break;

    case VA_ACT_ASK:
        ngx_http_voiceai_call_work(call, NGX_HTTP_VOICEAI_LLM, act);
        break;

    case VA_ACT_SPEAK:
        ngx_http_voiceai_call_work(call, NGX_HTTP_VOICEAI_TTS, act);
        break;

    case VA_ACT_CANCEL:
        work = ngx_http_voiceai_work_find(call, act->request);

        if (work) {
            ngx_http_voiceai_work_free(work);
        }

        break;

    case VA_ACT_RESUME:
        work = ngx_http_voiceai_work_find(call, act->request);

        if (work) {
            ngx_http_voiceai_work_defer(work);
        }

        break;

    case VA_ACT_HEARD:
        ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                      "voiceai: call %*s caller spoke, %uz characters "
                      "understood", (size_t) rec->sid_len, rec->sid,
                      act->text.len);
        break;

    case VA_ACT_SPOKE:
        ngx_http_voiceai_call_spoke(call, act);
        break;

    case VA_ACT_HANGUP:
        call->hangup = 1;
        break;
    }
}


#define ngx_http_voiceai_since(from, to)                                      \
    ((from) && (to) >= (from) ? (ngx_msec_t) ((to) - (from)) : 0)


static void
ngx_http_voiceai_call_spoke(ngx_http_voiceai_call_t *call,
    const va_action_t *act)
{
    const va_turn_times_t      *t;
    ngx_http_voiceai_record_t  *rec;

    rec = &call->ctx->record;
    t = act->times;
    call->spoken = (call->say.len != 0);

    if (t->speech_end == 0 || t->first_sent == 0) {
        ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                      "voiceai: call %*s assistant spoke, %uz characters%s",
                      (size_t) rec->sid_len, rec->sid, act->text.len,
                      act->interrupted ? ", interrupted" : "");
        return;
    }

    call->ctx->latency = ngx_http_voiceai_since(t->speech_end, t->first_sent);

    ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                  "voiceai: call %*s assistant spoke, %uz characters%s, "
                  "%ui ms after the caller: silence %M, recogniser %M, "
                  "model %M, voice %M, sending %M",
                  (size_t) rec->sid_len, rec->sid, act->text.len,
                  act->interrupted ? ", interrupted" : "",
                  call->ctx->latency,
                  ngx_http_voiceai_since(t->speech_end, t->turn_end),
                  ngx_http_voiceai_since(t->turn_end, t->transcript),
                  ngx_http_voiceai_since(t->transcript, t->first_speak),
                  ngx_http_voiceai_since(t->first_speak, t->first_audio),
                  ngx_http_voiceai_since(t->first_audio, t->first_sent));
}


/* Takes on a request of the core. */

static void
ngx_http_voiceai_call_work(ngx_http_voiceai_call_t *call, ngx_uint_t stage,
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
        input.messages = messages;
        input.message_count = va_history_messages(va_call_history(call->core),
                                                  messages, VA_HISTORY_TURNS);
        break;

    default: /* NGX_HTTP_VOICEAI_TTS */
        input.text = act->text;
        break;
    }

    ngx_http_voiceai_call_submit(call, work, &input);
}


/* Whether a sentence is one of the fixed texts of the configuration. */

static ngx_uint_t
ngx_http_voiceai_call_fixed(ngx_http_voiceai_call_t *call, va_str_t text)
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
ngx_http_voiceai_call_submit(ngx_http_voiceai_call_t *call,
    ngx_http_voiceai_work_t *work, va_ai_input_t *input)
{
    ngx_http_voiceai_engine_t     *engine;
    ngx_http_voiceai_main_conf_t  *vmcf;

    engine = &call->conf->engines[work->stage];

    if (work->stage == NGX_HTTP_VOICEAI_TTS
        && ngx_http_voiceai_call_fixed(call, input->text))
    {
        ngx_http_voiceai_phrase_key(&work->key, &engine->provider, input);

        work->fixed = 1;
        work->phrase = ngx_http_voiceai_phrase_find(&work->key);

        if (work->phrase) {
            ngx_http_voiceai_work_defer(work);
            return;
        }
    }

    vmcf = ngx_http_get_module_main_conf(call->request,
                                         ngx_http_voiceai_module);

    work->job = ngx_http_voiceai_job_start(vmcf->pool, &engine->provider,
                                           input,
                                           ngx_http_voiceai_call_result, work,
                                           call->request->connection->log);

    if (work->job == NULL) {
        work->failed = 1;
        ngx_http_voiceai_work_defer(work);
    }
}


static void
ngx_http_voiceai_work_defer(ngx_http_voiceai_work_t *work)
{
    work->deferred = 1;
    ngx_post_event(&work->call->deferred, &ngx_posted_events);
}


/* The one place where a work dies; what it has in flight is given up. */

static void
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

static void
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
ngx_http_voiceai_call_result(void *data, ngx_http_voiceai_job_t *job,
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

    case NGX_HTTP_VOICEAI_RESULT_HANGUP:
        work->hangup = 1;
        return NGX_OK;

    case NGX_HTTP_VOICEAI_RESULT_DONE:
        work->job = NULL;
        ngx_http_voiceai_work_finish(work);
        break;

    case NGX_HTTP_VOICEAI_RESULT_FAILED:
        work->job = NULL;

        ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                      "voiceai: call %*s %s failed with status %ui: %*s",
                      (size_t) call->ctx->record.sid_len,
                      call->ctx->record.sid,
                      ngx_http_voiceai_stages[work->stage], res->status,
                      res->len, res->data);

        ngx_http_voiceai_work_free(work);
        va_call_failed(call->core, request, ngx_current_msec);
        break;
    }

    ngx_http_voiceai_call_after(call);

    return rc == VA_AGAIN ? NGX_AGAIN : NGX_OK;
}
