
/*
 * Makes records for the call log of what happens to calls, without what shall
 * not be kept.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_log.h"
#include "ngx_http_voiceai_observe.h"

#include "../src/store/va_redact.h"
#include "../src/twilio/va_status.h"


#define ngx_http_voiceai_observe_str(rec, field)                              \
    ((va_str_t) { (char *) (rec)->field, (rec)->field##_len })


/* texts without what shall not be kept, one of each at a time */
static va_buf_t  ngx_http_voiceai_observe_text;
static va_buf_t  ngx_http_voiceai_observe_from;
static va_buf_t  ngx_http_voiceai_observe_to;


/* The configuration, if there is a log and the record is of a call. */

static ngx_http_voiceai_log_conf_t *
ngx_http_voiceai_observe_conf(ngx_http_voiceai_record_t *rec)
{
    if (rec->sid_len == 0 || ngx_http_voiceai_pending(rec)) {
        return NULL;
    }

    return ngx_http_voiceai_log_conf();
}


static va_buf_t *
ngx_http_voiceai_observe_buf(va_buf_t *b)
{
    if (b->max == 0) {
        va_buf_init(b, 2 * VA_RECORD_TEXT);
    }

    va_buf_reset(b);

    return b;
}


/* A text as it may be kept; keys that were pressed are none of its words. */

static va_str_t
ngx_http_voiceai_observe_redact(ngx_http_voiceai_log_conf_t *log,
    va_str_t text, ngx_uint_t keys)
{
    va_buf_t    *b;
    ngx_uint_t   what;

    what = log->redact;

    if (what == 0) {
        return text;
    }

    b = ngx_http_voiceai_observe_buf(&ngx_http_voiceai_observe_text);
    text.len = ngx_min(text.len, VA_RECORD_TEXT);

    if (keys && (what & VA_REDACT_DTMF)) {
        va_redact_keys(b, text);

    } else {
        va_redact_text(b, text, what);
    }

    /* rather nothing than what shall not be kept */

    return b->rc == VA_OK ? va_buf_view(b) : va_str("[not kept]");
}


static va_str_t
ngx_http_voiceai_observe_address(ngx_http_voiceai_log_conf_t *log,
    va_buf_t *b, va_str_t address)
{
    if (!(log->redact & VA_REDACT_PHONE)) {
        return address;
    }

    b = ngx_http_voiceai_observe_buf(b);
    va_redact_address(b, address);

    return b->rc == VA_OK ? va_buf_view(b) : va_str("[not kept]");
}


/* Whether a status says that a call did not come about. */

static ngx_uint_t
ngx_http_voiceai_observe_failed(ngx_uint_t status)
{
    switch (status) {

    case VA_STATUS_BUSY:
    case VA_STATUS_FAILED:
    case VA_STATUS_NO_ANSWER:
    case VA_STATUS_CANCELED:
        return 1;

    default:
        return 0;
    }
}


/* How the call stands. */

static void
ngx_http_voiceai_observe_call(ngx_http_voiceai_log_conf_t *log,
    ngx_http_voiceai_record_t *rec, ngx_uint_t failed)
{
    ngx_time_t   *now;
    va_record_t   r;

    va_record_init(&r, VA_RECORD_CALL);

    r.call_sid = ngx_http_voiceai_observe_str(rec, sid);
    r.account_sid = ngx_http_voiceai_observe_str(rec, account_sid);
    r.from = ngx_http_voiceai_observe_address(log,
                             &ngx_http_voiceai_observe_from,
                             ngx_http_voiceai_observe_str(rec, from));
    r.to = ngx_http_voiceai_observe_address(log, &ngx_http_voiceai_observe_to,
                             ngx_http_voiceai_observe_str(rec, to));
    r.direction = ngx_http_voiceai_observe_str(rec, direction);
    r.mode = va_str(rec->gather ? "gather" : "stream");
    r.status = va_str(va_status_name((va_status_t) rec->status));
    r.answered_by = va_str(va_answered_name((va_answered_t)
                                            rec->answered_by));
    r.connections = rec->connects;
    r.failures = rec->failures;
    r.failed = failed || rec->failures
               || ngx_http_voiceai_observe_failed(rec->status);

    if (rec->created) {
        r.started = (int64_t) rec->created * 1000;
    }

    if (failed || rec->state == NGX_HTTP_VOICEAI_ENDED
        || va_status_final((va_status_t) rec->status))
    {
        now = ngx_timeofday();
        r.ended = (int64_t) now->sec * 1000 + now->msec;
    }

    ngx_http_voiceai_log_push(&r);
}


void
ngx_http_voiceai_observe_event(ngx_http_voiceai_record_t *rec,
    const char *name)
{
    va_record_t                   r;
    ngx_uint_t                    refused;
    ngx_http_voiceai_log_conf_t  *log;

    log = ngx_http_voiceai_observe_conf(rec);

    if (log == NULL || ngx_strcmp(name, "phase") == 0
        || ngx_strcmp(name, "turn") == 0)
    {
        return;
    }

    refused = (ngx_strcmp(name, "refused") == 0);

    va_record_init(&r, VA_RECORD_EVENT);

    r.call_sid = ngx_http_voiceai_observe_str(rec, sid);
    r.name = va_str(name);

    if (ngx_strcmp(name, "status") == 0) {
        r.detail = va_str(va_status_name((va_status_t) rec->status));

    } else if (ngx_strncmp(name, "stream-", 7) == 0) {
        r.detail = ngx_http_voiceai_observe_str(rec, stream_sid);
    }

    ngx_http_voiceai_observe_call(log, rec, refused);
    ngx_http_voiceai_log_push(&r);
}


/* Keys come with certainty, and without anything else. */

static ngx_uint_t
ngx_http_voiceai_observe_keys(va_str_t text, float confidence)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (ngx_strchr("0123456789#*ABCD", text.data[i]) == NULL) {
            return 0;
        }
    }

    return confidence >= 1;
}


void
ngx_http_voiceai_observe_heard(ngx_http_voiceai_record_t *rec, va_str_t text,
    float confidence)
{
    va_record_t                   r;
    ngx_http_voiceai_log_conf_t  *log;

    log = ngx_http_voiceai_observe_conf(rec);

    if (log == NULL || text.len == 0) {
        return;
    }

    va_record_init(&r, VA_RECORD_TURN);

    r.call_sid = ngx_http_voiceai_observe_str(rec, sid);
    r.role = va_str("user");
    r.text = ngx_http_voiceai_observe_redact(log, text,
                        ngx_http_voiceai_observe_keys(text, confidence));
    r.confidence = confidence;

    ngx_http_voiceai_log_push(&r);
}


static int64_t
ngx_http_voiceai_observe_span(uint64_t from, uint64_t to)
{
    return from && to >= from ? (int64_t) (to - from) : VA_RECORD_NONE;
}


void
ngx_http_voiceai_observe_spoke(ngx_http_voiceai_record_t *rec, va_str_t text,
    ngx_uint_t interrupted, const va_turn_times_t *t)
{
    va_record_t                   r;
    ngx_http_voiceai_log_conf_t  *log;

    log = ngx_http_voiceai_observe_conf(rec);

    if (log == NULL || (text.len == 0 && !interrupted)) {
        return;
    }

    va_record_init(&r, VA_RECORD_TURN);

    r.call_sid = ngx_http_voiceai_observe_str(rec, sid);
    r.role = va_str("assistant");
    r.text = ngx_http_voiceai_observe_redact(log, text, 0);
    r.interrupted = interrupted;

    /* a greeting answers nobody */

    if (t && t->speech_end && t->first_sent) {
        r.silence_ms = ngx_http_voiceai_observe_span(t->speech_end,
                                                     t->turn_end);
        r.stt_ms = ngx_http_voiceai_observe_span(t->turn_end, t->transcript);
        r.llm_ms = ngx_http_voiceai_observe_span(t->transcript,
                                                 t->first_speak);
        r.tts_ms = ngx_http_voiceai_observe_span(t->first_speak,
                                                 t->first_audio);
        r.send_ms = ngx_http_voiceai_observe_span(t->first_audio,
                                                  t->first_sent);
        r.latency_ms = ngx_http_voiceai_observe_span(t->speech_end,
                                                     t->first_sent);
    }

    ngx_http_voiceai_log_push(&r);
}


void
ngx_http_voiceai_observe_form(ngx_http_voiceai_record_t *rec,
    const va_form_t *form)
{
    va_str_t                      seconds;
    va_record_t                   r;
    ngx_int_t                     n;
    ngx_http_voiceai_log_conf_t  *log;

    log = ngx_http_voiceai_observe_conf(rec);

    if (log == NULL) {
        return;
    }

    va_record_init(&r, VA_RECORD_RECORDING);

    r.call_sid = ngx_http_voiceai_observe_str(rec, sid);
    r.recording_sid = va_form_get(form, "RecordingSid");
    r.url = va_form_get(form, "RecordingUrl");

    if (r.recording_sid.len == 0) {
        return;
    }

    seconds = va_form_get(form, "RecordingDuration");
    n = ngx_atoi((u_char *) seconds.data, seconds.len);

    if (n != NGX_ERROR) {
        r.seconds = n;
    }

    ngx_http_voiceai_log_push(&r);
}
