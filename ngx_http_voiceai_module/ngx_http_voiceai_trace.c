
/*
 * What becomes a span.
 *
 * Trace and root follow from the CallSid, so streams and answers on any worker
 * find the same trace.  Which turn a request belongs to is known when the turn
 * is over: until then the request's span waits here.
 */


#include "ngx_http_voiceai_trace.h"
#include "ngx_http_voiceai_module.h"

#include "../src/twilio/va_status.h"

#include <openssl/rand.h>


/* requests whose turn is not over; of more the stream is the parent */
#define NGX_HTTP_VOICEAI_TRACE_PENDING  32
/* ms by which clocks differ when one was set */
#define NGX_HTTP_VOICEAI_TRACE_STEP     10


typedef struct {
    u_char                       id[VA_SPAN_ID];
    ngx_uint_t                   stage;
    uint64_t                     began;
    uint64_t                     ended;
    ngx_http_voiceai_provider_t *provider;
    ngx_str_t                   *who;
    ngx_uint_t                   status;
    ngx_msec_t                   first;
    ngx_http_voiceai_fault_e     fault;

    unsigned                     failed:1;
    unsigned                     given_up:1;
} ngx_http_voiceai_trace_request_t;


struct ngx_http_voiceai_trace_s {
    u_char                             trace[VA_SPAN_TRACE];
    u_char                             root[VA_SPAN_ID];
    u_char                             id[VA_SPAN_ID];
    u_char                             turn[VA_SPAN_ID];   /* the last one */
    char                               context[VA_SPAN_PARENT];
    uint64_t                           ahead;     /* of the core's time */
    uint64_t                           began;
    uint64_t                           heard;     /* the recogniser was asked */
    uint64_t                           bound;     /* what began before belongs
                                                     to the last turn */
    ngx_uint_t                         n;
    ngx_http_voiceai_trace_request_t   pending[NGX_HTTP_VOICEAI_TRACE_PENDING];

    unsigned                           sampled:1;
};


static const char  *ngx_http_voiceai_trace_faults[] = {
    "none", "local", "request", "resolve", "connect", "tls", "timeout",
    "status", "cut", "response", "unread"
};


/*
 * What the time of day is ahead of the core's.  Both are rounded, so it is kept
 * as long as nobody has set the clock: spans would not nest by a millisecond.
 */

static uint64_t
ngx_http_voiceai_trace_ahead(void)
{
    int64_t      ahead, off;
    ngx_time_t  *now;

    static int64_t  kept;

    now = ngx_timeofday();
    ahead = (int64_t) now->sec * 1000 + now->msec - (int64_t) ngx_current_msec;
    off = ahead - kept;

    if (off < -NGX_HTTP_VOICEAI_TRACE_STEP
        || off > NGX_HTTP_VOICEAI_TRACE_STEP)
    {
        kept = ahead;
    }

    return (uint64_t) kept;
}


static ngx_int_t
ngx_http_voiceai_trace_id(u_char *id)
{
    if (RAND_bytes(id, VA_SPAN_ID) != 1) {
        return NGX_ERROR;
    }

    id[0] |= 1;

    return NGX_OK;
}


static void
ngx_http_voiceai_trace_begin(va_span_t *s, ngx_http_voiceai_trace_t *t,
    const u_char *id, const u_char *parent, const char *name)
{
    ngx_memzero(s, sizeof(va_span_t));

    s->trace = t->trace;
    s->id = id;
    s->parent = parent;
    s->kind = VA_SPAN_INTERNAL;
    s->name = va_str(name);
}


/* Trace, root and whether anybody is to know; NGX_DECLINED: no traces. */

static ngx_int_t
ngx_http_voiceai_trace_derive(ngx_http_voiceai_trace_t *t,
    ngx_http_voiceai_record_t *rec)
{
    va_str_t                        key, sid;
    ngx_http_voiceai_trace_conf_t  *conf;

    conf = ngx_http_voiceai_trace_conf();

    if (conf == NULL || rec->sid_len == 0) {
        return NGX_DECLINED;
    }

    key.data = (char *) conf->key;
    key.len = sizeof(conf->key);
    sid.data = (char *) rec->sid;
    sid.len = rec->sid_len;

    if (va_span_derive(key, sid, t->trace, t->root) != VA_OK) {
        return NGX_DECLINED;
    }

    t->sampled = va_span_sampled(t->trace, conf->sample);

    return NGX_OK;
}


ngx_http_voiceai_trace_t *
ngx_http_voiceai_trace_open(ngx_http_voiceai_record_t *rec)
{
    ngx_http_voiceai_trace_t  *t;

    if (ngx_http_voiceai_trace_conf() == NULL) {
        return NULL;
    }

    t = ngx_calloc(sizeof(ngx_http_voiceai_trace_t), ngx_cycle->log);
    if (t == NULL) {
        return NULL;
    }

    if (ngx_http_voiceai_trace_derive(t, rec) != NGX_OK
        || ngx_http_voiceai_trace_id(t->id) != NGX_OK)
    {
        ngx_free(t);
        return NULL;
    }

    t->ahead = ngx_http_voiceai_trace_ahead();
    t->began = ngx_current_msec;
    va_span_traceparent(t->context, t->trace, t->id, t->sampled);

    return t;
}


va_str_t
ngx_http_voiceai_trace_context(ngx_http_voiceai_trace_t *t)
{
    return va_str(t ? t->context : NULL);
}


/* The names are those of the semantic conventions, where there are any. */

static void
ngx_http_voiceai_trace_request(ngx_http_voiceai_trace_t *t,
    ngx_http_voiceai_trace_request_t *q, const u_char *parent)
{
    char        name[128];
    char        code[16];
    va_span_t   s;

    static const char  *what[] = { "transcribe", "chat", "speak",
                                   "execute_tool" };

    ngx_http_voiceai_trace_begin(&s, t, q->id, parent, NULL);

    if (q->stage == NGX_HTTP_VOICEAI_TRACE_TOOL) {
        va_span_text(&s, "gen_ai.tool.name", ngx_http_voiceai_view(q->who));
        (void) ngx_snprintf((u_char *) name, sizeof(name), "%s %V%Z",
                            what[q->stage], q->who);

    } else {
        va_span_text(&s, "gen_ai.provider.name",
                     ngx_http_voiceai_view(&q->provider->kind));
        va_span_text(&s, "gen_ai.request.model",
                     ngx_http_voiceai_view(&q->provider->model));
        va_span_text(&s, "voiceai.engine", ngx_http_voiceai_view(q->who));
        (void) ngx_snprintf((u_char *) name, sizeof(name), "%s%s%V%Z",
                            what[q->stage],
                            q->provider->model.len ? " " : "",
                            &q->provider->model);
    }

    name[sizeof(name) - 1] = '\0';

    s.name = va_str(name);
    s.kind = VA_SPAN_CLIENT;
    s.begin_ms = t->ahead + q->began;
    s.end_ms = t->ahead + q->ended;
    s.failed = q->failed;

    va_span_text(&s, "gen_ai.operation.name", va_str(what[q->stage]));

    if (q->status) {
        va_span_number(&s, "http.response.status_code", q->status);
    }

    if (q->first) {
        va_span_number(&s, "voiceai.first_byte_ms", q->first);
    }

    if (q->given_up) {
        va_span_flag(&s, "voiceai.cancelled", true);
    }

    if (q->failed && q->fault == NGX_HTTP_VOICEAI_FAULT_STATUS) {
        (void) snprintf(code, sizeof(code), "%u", (unsigned) q->status);
        va_span_text(&s, "error.type", va_str(code));

    } else if (q->failed) {
        va_span_text(&s, "error.type",
                     va_str(ngx_http_voiceai_trace_faults[q->fault]));
    }

    ngx_http_voiceai_trace_push(&s);
}


va_str_t
ngx_http_voiceai_trace_ask(ngx_http_voiceai_trace_ask_t *ask,
    ngx_http_voiceai_trace_t *t, ngx_uint_t stage)
{
    ask->trace = NULL;

    if (t == NULL || ngx_http_voiceai_trace_id(ask->id) != NGX_OK) {
        return va_str(NULL);
    }

    ask->trace = t;
    ask->stage = stage;
    ask->began = ngx_current_msec;

    if (stage == NGX_HTTP_VOICEAI_STT) {
        t->heard = ask->began;
    }

    va_span_traceparent(ask->parent, t->trace, ask->id, t->sampled);

    return va_str(ask->parent);
}


void
ngx_http_voiceai_trace_answered(ngx_http_voiceai_trace_ask_t *ask,
    ngx_http_voiceai_provider_t *provider, ngx_str_t *who,
    ngx_http_voiceai_result_t *res)
{
    ngx_http_voiceai_trace_t          *t;
    ngx_http_voiceai_trace_request_t  *q, last;

    t = ask->trace;
    ask->trace = NULL;

    if (t == NULL || !t->sampled) {
        return;
    }

    q = (t->n < NGX_HTTP_VOICEAI_TRACE_PENDING) ? &t->pending[t->n++] : &last;

    ngx_memzero(q, sizeof(ngx_http_voiceai_trace_request_t));
    ngx_memcpy(q->id, ask->id, VA_SPAN_ID);

    q->stage = ask->stage;
    q->began = ask->began;
    q->ended = ngx_current_msec;
    q->provider = provider;
    q->who = who;

    if (res) {
        q->status = res->status;
        q->first = res->first;
        q->fault = res->fault;
        q->failed = (res->type == NGX_HTTP_VOICEAI_RESULT_FAILED);

    } else {
        q->given_up = 1;
    }

    if (q == &last) {
        ngx_http_voiceai_trace_request(t, q, t->id);
    }
}


/* Those that belong to turns which are over. */

static void
ngx_http_voiceai_trace_settle(ngx_http_voiceai_trace_t *t, uint64_t bound,
    const u_char *turn)
{
    ngx_uint_t                         i, n;
    const u_char                      *parent;
    ngx_http_voiceai_trace_request_t  *q;

    n = 0;

    for (i = 0; i < t->n; i++) {
        q = &t->pending[i];

        if (q->began >= bound) {
            t->pending[n++] = *q;
            continue;
        }

        parent = (q->began < t->bound) ? t->turn : turn;
        ngx_http_voiceai_trace_request(t, q, parent);
    }

    t->n = n;
}


static void
ngx_http_voiceai_trace_stage(ngx_http_voiceai_trace_t *t, const u_char *turn,
    const char *name, uint64_t from, uint64_t to)
{
    u_char     id[VA_SPAN_ID];
    va_span_t  s;

    if (from == 0 || to < from || ngx_http_voiceai_trace_id(id) != NGX_OK) {
        return;
    }

    ngx_http_voiceai_trace_begin(&s, t, id, turn, name);
    s.begin_ms = t->ahead + from;
    s.end_ms = t->ahead + to;

    ngx_http_voiceai_trace_push(&s);
}


/* When the turn began, with what was asked for it. */

static uint64_t
ngx_http_voiceai_trace_since(ngx_http_voiceai_trace_t *t,
    const va_turn_times_t *times, uint64_t bound)
{
    uint64_t    since;
    ngx_uint_t  i;

    since = times->speech_end ? times->speech_end
          : times->first_speak ? times->first_speak
          : times->first_sent ? times->first_sent : bound;

    for (i = 0; i < t->n; i++) {
        if (t->pending[i].began >= t->bound && t->pending[i].began < since) {
            since = t->pending[i].began;
        }
    }

    return since;
}


void
ngx_http_voiceai_trace_turn(ngx_http_voiceai_trace_t *t,
    const va_action_t *act, ngx_uint_t number)
{
    u_char                  id[VA_SPAN_ID];
    uint64_t                bound;
    va_span_t               s;
    const va_turn_times_t  *times;

    if (t == NULL || !t->sampled || ngx_http_voiceai_trace_id(id) != NGX_OK) {
        return;
    }

    times = act->times;

    /* the recogniser hears the next turn while this one is spoken */

    bound = (t->heard && t->heard >= times->first_speak && times->first_speak
             && t->heard >= t->bound) ? t->heard : ngx_current_msec;

    ngx_http_voiceai_trace_begin(&s, t, id, t->id, "turn");
    s.begin_ms = t->ahead + ngx_http_voiceai_trace_since(t, times, bound);
    s.end_ms = t->ahead + ngx_current_msec;

    va_span_number(&s, "voiceai.turn.number", number);
    va_span_flag(&s, "voiceai.turn.interrupted", act->interrupted);
    va_span_number(&s, "voiceai.turn.characters", act->text.len);

    if (times->speech_end && times->first_sent >= times->speech_end) {
        va_span_number(&s, "voiceai.turn.latency_ms",
                       times->first_sent - times->speech_end);
    }

    ngx_http_voiceai_trace_push(&s);

    if (times->speech_end) {
        ngx_http_voiceai_trace_stage(t, id, "endpointing", times->speech_end,
                                     times->turn_end);
        ngx_http_voiceai_trace_stage(t, id, "recogniser", times->turn_end,
                                     times->transcript);
        ngx_http_voiceai_trace_stage(t, id, "model", times->transcript,
                                     times->first_speak);
    }

    ngx_http_voiceai_trace_stage(t, id, "voice", times->first_speak,
                                 times->first_audio);
    ngx_http_voiceai_trace_stage(t, id, "sending", times->first_audio,
                                 times->first_sent);

    ngx_http_voiceai_trace_settle(t, bound, id);

    ngx_memcpy(t->turn, id, VA_SPAN_ID);
    t->bound = bound;
}


void
ngx_http_voiceai_trace_close(ngx_http_voiceai_trace_t *t, const char *name,
    ngx_http_voiceai_record_t *rec)
{
    va_span_t  s;

    if (t == NULL) {
        return;
    }

    if (t->sampled) {
        ngx_http_voiceai_trace_settle(t, UINT64_MAX, t->id);

        ngx_http_voiceai_trace_begin(&s, t, t->id, t->root, name);
        s.begin_ms = t->ahead + t->began;
        s.end_ms = t->ahead + ngx_current_msec;

        if (rec->gather) {
            va_span_number(&s, "voiceai.turn.number", rec->turns);

        } else {
            va_span_text(&s, "voiceai.stream.sid", (va_str_t) {
                         (char *) rec->stream_sid, rec->stream_sid_len });
            va_span_number(&s, "voiceai.stream.number", rec->connects);
        }

        ngx_http_voiceai_trace_push(&s);
    }

    ngx_free(t);
}


void
ngx_http_voiceai_trace_over(ngx_http_voiceai_record_t *rec,
    ngx_http_voiceai_state_e was)
{
    uint64_t                  now;
    va_span_t                 s;
    ngx_http_voiceai_trace_t  t;

    if (was == NGX_HTTP_VOICEAI_ENDED) {
        return;
    }

    ngx_memzero(&t, sizeof(ngx_http_voiceai_trace_t));

    if (ngx_http_voiceai_trace_derive(&t, rec) != NGX_OK || !t.sampled) {
        return;
    }

    now = ngx_http_voiceai_trace_ahead() + ngx_current_msec;

    ngx_http_voiceai_trace_begin(&s, &t, t.root, NULL, "call");
    s.kind = VA_SPAN_SERVER;
    s.begin_ms = rec->created ? (uint64_t) rec->created * 1000 : now;
    s.end_ms = now;

    va_span_text(&s, "voiceai.call.sid",
                 (va_str_t) { (char *) rec->sid, rec->sid_len });
    va_span_text(&s, "voiceai.call.direction",
                 (va_str_t) { (char *) rec->direction, rec->direction_len });
    va_span_text(&s, "voiceai.call.mode",
                 va_str(rec->gather ? "gather" : "stream"));
    va_span_text(&s, "voiceai.call.status",
                 va_str(va_status_name((va_status_t) rec->status)));
    va_span_number(&s, "voiceai.call.turns", rec->turns);
    va_span_number(&s, "voiceai.call.interruptions", rec->interruptions);
    va_span_number(&s, "voiceai.call.failures", rec->failures);
    va_span_number(&s, "voiceai.call.streams", rec->connects);

    ngx_http_voiceai_trace_push(&s);
}
