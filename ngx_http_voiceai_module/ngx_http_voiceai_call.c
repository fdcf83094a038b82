
/*
 * One live conversation: carries out what the core decides and feeds back what
 * comes of it.
 *
 * The core must not be fed from inside its own actions, so everything that an
 * action finds out at once (a queue that is full, a phrase that is in memory,
 * the built-in reply) is done by an event posted to the same loop turn.
 */


#include "ngx_http_voiceai_call.h"
#include "ngx_http_voiceai_bus.h"
#include "ngx_http_voiceai_web.h"

#include "../src/wire/va_base64.h"


static ngx_int_t ngx_http_voiceai_call_texts(ngx_http_voiceai_call_t *call);
static void ngx_http_voiceai_call_restore(ngx_http_voiceai_call_t *call);
static void ngx_http_voiceai_call_save(ngx_http_voiceai_call_t *call);
static void ngx_http_voiceai_call_told(ngx_http_voiceai_call_t *call,
    ngx_uint_t phase);
static void ngx_http_voiceai_call_timer(ngx_event_t *ev);
static void ngx_http_voiceai_call_deferred(ngx_event_t *ev);
static void ngx_http_voiceai_call_act(void *ctx, const va_action_t *act);
static void ngx_http_voiceai_call_spoke(ngx_http_voiceai_call_t *call,
    const va_action_t *act);


/* one message at a time, shared by all calls of the worker */
static va_buf_t  ngx_http_voiceai_message;

/* the calls of this worker, for commands */
static ngx_queue_t  ngx_http_voiceai_calls;


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
    call->turns = ctx->record.turns;
    call->interruptions = ctx->record.interruptions;
    call->failures = ctx->record.failures;
    call->out = out;

    va_buf_init(&call->say, NGX_HTTP_VOICEAI_SAY_LEN);

    if (ngx_http_voiceai_message.max == 0) {
        va_buf_init(&ngx_http_voiceai_message, 65536);
        ngx_queue_init(&ngx_http_voiceai_calls);
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

    ngx_http_voiceai_turns_conf(call, &conf);

    call->core = va_call_new(&conf, ngx_http_voiceai_call_act, call);

    if (call->core == NULL) {
        ngx_free(call);
        return NULL;
    }

    call->recorder = ngx_http_voiceai_recorder_create(call, &conf);
    call->trace = ngx_http_voiceai_trace_open(&call->ctx->record);
    ngx_queue_insert_tail(&ngx_http_voiceai_calls, &call->queue);

    ngx_http_voiceai_call_restore(call);
    ngx_http_voiceai_work_warm(call);
    call->listen = ngx_http_voiceai_listen_create(call);

    return call;
}


/* Evaluated once, at the start, because that takes memory of the request. */

static ngx_int_t
ngx_http_voiceai_call_texts(ngx_http_voiceai_call_t *call)
{
    ngx_http_request_t           *r;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    r = call->request;
    vlcf = call->conf;

    if (ngx_http_voiceai_eval(r, vlcf->greeting, &call->greeting) != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->prompt, &call->prompt) != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->language, &call->language) != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->voice, &call->voice) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a call that we made can have texts of its own */

    if (call->ctx->record.message_len) {
        call->greeting.data = call->ctx->record.message;
        call->greeting.len = call->ctx->record.message_len;
    }

    if (call->ctx->record.prompt_len) {
        call->prompt.data = call->ctx->record.prompt;
        call->prompt.len = call->ctx->record.prompt_len;
    }

    if (call->ctx->record.voice_len) {
        call->voice.data = call->ctx->record.voice;
        call->voice.len = call->ctx->record.voice_len;
    }

    return ngx_http_voiceai_turns_texts(call);
}


void
ngx_http_voiceai_call_start(ngx_http_voiceai_call_t *call)
{
    ngx_str_t  text;

    ngx_http_voiceai_event(call->conf->zone, &call->ctx->record,
                           "stream-started");

    ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_STREAMS, 1);
    if (call->ctx->record.connects <= 1) {
        ngx_http_voiceai_history(call->conf->zone,
                                 NGX_HTTP_VOICEAI_HISTORY_CALL, 1);
    }

    /* who answered may be known since before there was a stream */

    if (ngx_http_voiceai_machine(call->request, &call->ctx->record, &text)
        == NGX_OK)
    {
        call->machine = 1;

        if (text.len) {
            va_call_say(call->core, ngx_http_voiceai_view(&text), 1,
                        ngx_current_msec);

        } else {
            call->hangup = 1;
        }
    }

    va_call_start(call->core, ngx_current_msec);
    ngx_http_voiceai_call_after(call);
}


/* The conversation of an earlier stream, from the record. */

static void
ngx_http_voiceai_call_restore(ngx_http_voiceai_call_t *call)
{
    size_t                      at;
    va_turn_t                   turn;
    ngx_http_voiceai_record_t  *rec;

    rec = &call->ctx->record;
    at = 0;

    while (va_turns_next(rec->history, rec->history_len, &at, &turn)) {
        va_call_restore(call->core, &turn);
    }
}


/* The conversation and its counters into the record. */

static void
ngx_http_voiceai_call_save(ngx_http_voiceai_call_t *call)
{
    va_turn_t                   saved;
    ngx_uint_t                  i;
    const va_history_t         *h;
    const va_call_stat_t       *stat;
    const va_history_turn_t    *turn;
    ngx_http_voiceai_record_t  *rec;

    rec = &call->ctx->record;
    h = va_call_history(call->core);
    stat = va_call_stat(call->core);

    rec->history_len = 0;

    for (i = 0; i < h->count; i++) {
        turn = &h->turns[i];

        saved.role = turn->role;
        saved.text.data = turn->text;
        saved.text.len = turn->len;
        saved.interrupted = turn->interrupted;
        saved.confidence = turn->confidence;
        saved.timed = 1;
        ngx_memcpy(saved.ms, turn->ms, sizeof(saved.ms));

        ngx_http_voiceai_record_turn(rec, &saved);
    }

    ngx_http_voiceai_call_count(call, stat);

    rec->turns = call->turns + stat->user_turns;
    rec->interruptions = call->interruptions + stat->interruptions;
    rec->failures = call->failures + stat->failures;
    rec->latency = call->ctx->latency;
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

    if (!call->transfer) {
        rec->transfer_len = 0;
    }

    ngx_http_voiceai_set(rec, say, call->say.data, call->say.len);
    ngx_http_voiceai_call_save(call);

    ngx_http_voiceai_zone_detach(call->conf->zone, rec);
    ngx_http_voiceai_event(call->conf->zone, rec, "stream-ended");

    ctx->stat = *va_call_stat(call->core);
    ctx->end = ngx_current_msec;
    ctx->ended = 1;

    ngx_http_voiceai_time(NGX_HTTP_VOICEAI_TIME_CALL, ctx->end - ctx->start);
    ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_NOISE, ctx->stat.noises);
    ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_RESUMED,
                           ctx->stat.resumptions);
    ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_GAPS, ctx->stat.gaps_ms);

    if (state == NGX_HTTP_VOICEAI_LOST && !call->spoken && !call->transfer
        && !rec->moved)
    {
        ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_LOST, 1);
    }

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

    if (call->listen) {
        ngx_http_voiceai_listen_free(call->listen);
    }

    ngx_http_voiceai_trace_close(call->trace, "stream", rec);

    if (state == NGX_HTTP_VOICEAI_ENDED) {
        ngx_http_voiceai_trace_over(rec, NGX_HTTP_VOICEAI_STREAMING);
    }

    if (call->timer.timer_set) {
        ngx_del_timer(&call->timer);
    }

    if (call->deferred.posted) {
        ngx_delete_posted_event(&call->deferred);
    }

    ngx_queue_remove(&call->queue);
    va_call_free(call->core);

    if (call->recorder) {
        ngx_http_voiceai_recorder_close(call->recorder);
    }

    va_buf_free(&call->say);
    ngx_free(call);
}


ngx_queue_t *
ngx_http_voiceai_calls_first(void)
{
    return ngx_http_voiceai_message.max
           ? ngx_queue_head(&ngx_http_voiceai_calls) : NULL;
}


ngx_queue_t *
ngx_http_voiceai_calls_end(void)
{
    return ngx_http_voiceai_message.max
           ? ngx_queue_sentinel(&ngx_http_voiceai_calls) : NULL;
}


ngx_int_t
ngx_http_voiceai_call_command(ngx_str_t *sid, ngx_uint_t kind,
    ngx_str_t *text)
{
    ngx_queue_t                *q;
    ngx_http_voiceai_call_t    *call;
    ngx_http_voiceai_record_t  *rec;

    if (ngx_http_voiceai_message.max == 0) {
        return NGX_DECLINED;
    }

    for (q = ngx_queue_head(&ngx_http_voiceai_calls);
         q != ngx_queue_sentinel(&ngx_http_voiceai_calls);
         q = ngx_queue_next(q))
    {
        call = ngx_queue_data(q, ngx_http_voiceai_call_t, queue);
        rec = &call->ctx->record;

        if (rec->sid_len == sid->len
            && ngx_memcmp(rec->sid, sid->data, sid->len) == 0)
        {
            break;
        }
    }

    if (q == ngx_queue_sentinel(&ngx_http_voiceai_calls)) {
        return NGX_DECLINED;
    }

    ngx_http_set_log_request(call->request->connection->log, call->request);

    ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                  "voiceai: call %V told to %s", sid,
                  kind == NGX_HTTP_VOICEAI_BUS_INTERRUPT ? "stop speaking"
                  : kind == NGX_HTTP_VOICEAI_BUS_HANGUP ? "hang up"
                  : kind == NGX_HTTP_VOICEAI_BUS_TRANSFER ? "transfer"
                  : "speak");

    switch (kind) {

    case NGX_HTTP_VOICEAI_BUS_INTERRUPT:
        va_call_interrupt(call->core, ngx_current_msec);
        break;

    case NGX_HTTP_VOICEAI_BUS_HANGUP:
        call->hangup = 1;
        break;

    case NGX_HTTP_VOICEAI_BUS_SAY_HANGUP:

        if (call->machine) {
            break;
        }

        call->machine = 1;
        /* fall through */

    case NGX_HTTP_VOICEAI_BUS_SAY:
        va_call_say(call->core, ngx_http_voiceai_view(text),
                    kind == NGX_HTTP_VOICEAI_BUS_SAY_HANGUP,
                    ngx_current_msec);
        break;

    default: /* NGX_HTTP_VOICEAI_BUS_TRANSFER */
        ngx_http_voiceai_set(rec, transfer, text->data, text->len);
        call->transfer = 1;
        break;
    }

    ngx_http_voiceai_call_after(call);

    return NGX_OK;
}


/* A message of the running stream. */

void
ngx_http_voiceai_call_message(ngx_http_voiceai_call_t *call,
    va_media_msg_t *msg)
{
    size_t    n;
    uint8_t   audio[VA_BASE64_ROOM(NGX_HTTP_VOICEAI_PIECE)];
    va_str_t  piece;

    if (call->parting && ngx_terminate) {
        ngx_http_voiceai_leave_message(call, msg);
        return;
    }

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

            if (call->listen) {
                ngx_http_voiceai_listen_audio(call->listen, audio, n);
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
 * What others see of the call goes into the zone: the phase, and the
 * conversation, so that it survives this worker.
 */

static void
ngx_http_voiceai_call_told(ngx_http_voiceai_call_t *call, ngx_uint_t phase)
{
    ngx_http_voiceai_record_t  *rec;

    rec = &call->ctx->record;
    rec->phase = phase;

    if (call->changed) {
        call->changed = 0;
        ngx_http_voiceai_call_save(call);
    }

    (void) ngx_http_voiceai_zone_store(call->conf->zone, rec,
                                       NGX_HTTP_VOICEAI_STORE_TURNS);

    ngx_http_voiceai_event(call->conf->zone, rec, "phase");
}


/*
 * After every step of the core: sends what it produced, arms its timer, and
 * ends the call if that was decided.  The call may be gone afterwards.
 */

void
ngx_http_voiceai_call_after(ngx_http_voiceai_call_t *call)
{
    uint64_t     at;
    ngx_uint_t   phase;
    ngx_msec_t   now, wait;
    const char  *reason;

    now = ngx_current_msec;

    if (call->hangup || call->spoken || call->transfer) {
        reason = call->hangup ? "the conversation is over"
                 : call->transfer ? "the caller is transferred"
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

    phase = va_call_phase(call->core);

    if (call->changed || phase != call->ctx->record.phase) {
        ngx_http_voiceai_call_told(call, phase);
    }

    at = va_call_deadline(call->core, now);

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

    if (call->recorder) {
        ngx_http_voiceai_recorder_action(call->recorder, act);
    }

    switch (act->type) {

    case VA_ACT_MEDIA:
        va_buf_reset(msg);
        va_media_write_media(msg, sid, act->data, act->len);
        ngx_http_voiceai_frame(call->out, VA_WS_TEXT, msg->data, msg->len);
        break;

    case VA_ACT_MARK:
        va_buf_reset(msg);
        va_media_write_mark(msg, sid, act->text);
        ngx_http_voiceai_frame(call->out, VA_WS_TEXT, msg->data, msg->len);
        break;

    case VA_ACT_CLEAR:
        va_buf_reset(msg);
        va_media_write_clear(msg, sid);
        ngx_http_voiceai_frame(call->out, VA_WS_TEXT, msg->data, msg->len);
        break;

    case VA_ACT_TRANSCRIBE:
        ngx_http_voiceai_call_tell(call, act);
        ngx_http_voiceai_work_start(call, NGX_HTTP_VOICEAI_STT, act);
        break;

    case VA_ACT_ASK:
        call->leave = 0;
        ngx_http_voiceai_work_start(call, NGX_HTTP_VOICEAI_LLM, act);
        break;

    case VA_ACT_COMMIT:
        ngx_http_voiceai_work_commit(call, act->request);
        break;

    case VA_ACT_SPEAK:
        ngx_http_voiceai_call_tell(call, act);
        ngx_http_voiceai_work_start(call, NGX_HTTP_VOICEAI_TTS, act);
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

        if (call->listen) {
            ngx_http_voiceai_listen_heard(call->listen);
        }

        call->changed = 1;
        ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_HEARD,
                               act->text.len != 0);
        ngx_http_voiceai_call_tell(call, act);
        ngx_http_voiceai_observe_heard(rec, act->text, act->confidence);
        ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                      "voiceai: call %*s caller spoke, %uz characters "
                      "understood", (size_t) rec->sid_len, rec->sid,
                      act->text.len);
        break;

    case VA_ACT_SPOKE:
        ngx_http_voiceai_call_tell(call, act);
        ngx_http_voiceai_call_spoke(call, act);
        break;

    case VA_ACT_HANGUP:

        if (call->leave) {
            call->transfer = 1;
            break;
        }

        call->hangup = 1;

        if (ngx_current_msec - call->ctx->start >= call->conf->max_duration) {
            ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                          "voiceai: call %*s reached its maximum duration",
                          (size_t) rec->sid_len, rec->sid);
        }

        break;
    }
}


static void
ngx_http_voiceai_call_spoke(ngx_http_voiceai_call_t *call,
    const va_action_t *act)
{
    const va_turn_times_t      *t;
    ngx_http_voiceai_record_t  *rec;

    rec = &call->ctx->record;
    t = act->times;
    call->spoken = (call->say.len != 0);
    call->changed = 1;

    ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_SPOKEN, 1);
    ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_INTERRUPTED,
                           act->interrupted);
    ngx_http_voiceai_observe_spoke(rec, act->text, act->interrupted, t);
    ngx_http_voiceai_trace_turn(call->trace, act,
                                call->turns
                                + va_call_stat(call->core)->user_turns);

    if (t->speech_end == 0 || t->first_sent == 0) {
        ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                      "voiceai: call %*s assistant spoke, %uz characters%s",
                      (size_t) rec->sid_len, rec->sid, act->text.len,
                      act->interrupted ? ", interrupted" : "");
        return;
    }

    ngx_http_voiceai_time_answer(t);

    ngx_http_voiceai_answered(call->ctx, t);

    call->ctx->latency = ngx_http_voiceai_since(t->speech_end, t->first_sent);

    ngx_http_voiceai_history(call->conf->zone, NGX_HTTP_VOICEAI_HISTORY_TURN,
                             call->ctx->latency);

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


