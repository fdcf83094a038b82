
/*
 * What a call tells whoever watches, as it is spoken, and what it leaves for
 * the plots.
 */


#include "ngx_http_voiceai_call.h"
#include "ngx_http_voiceai_bus.h"
#include "ngx_http_voiceai_web.h"

#include "../src/dialog/va_turns.h"


/* The members of a turn that is over, as a session has them. */

static void
ngx_http_voiceai_call_times_json(char *out, size_t size,
    const va_action_t *act)
{
    char                   *p, *last;
    uint64_t                at[VA_TURN_TIMES];
    ngx_uint_t              i, comma;
    const va_turn_times_t  *t;

    t = act->times;
    p = out;
    last = out + size;

    at[VA_TURN_END] = t->turn_end;
    at[VA_TURN_TRANSCRIPT] = t->transcript;
    at[VA_TURN_FIRST_TEXT] = t->first_text;
    at[VA_TURN_FIRST_SPEAK] = t->first_speak;
    at[VA_TURN_FIRST_AUDIO] = t->first_audio;
    at[VA_TURN_FIRST_SENT] = t->first_sent;
    at[VA_TURN_FIRST_HEARD] = t->first_heard;

    p += snprintf(p, last - p, "\"interrupted\":%s,\"latency_ms\":{",
                  act->interrupted ? "true" : "false");
    comma = 0;

    for (i = 0; i < VA_TURN_TIMES; i++) {
        if (t->speech_end && at[i] >= t->speech_end
            && at[i] - t->speech_end < VA_TURN_NEVER)
        {
            p += snprintf(p, last - p, "%s\"%s\":%u", comma++ ? "," : "",
                          va_turn_time_name((va_turn_time_t) i),
                          (unsigned) (at[i] - t->speech_end));
        }
    }

    (void) snprintf(p, last - p, "}");
}


void
ngx_http_voiceai_call_tell(ngx_http_voiceai_call_t *call,
    const va_action_t *act)
{
    char                    more[512];
    va_str_t                text;
    const char             *name;

    if (!ngx_http_voiceai_bus_listened(call->conf->zone)) {
        return;
    }

    text = act->text;
    more[0] = '\0';

    switch (act->type) {

    case VA_ACT_TRANSCRIBE:
        name = "utterance";
        text.data = NULL;
        (void) snprintf(more, sizeof(more), "\"speech_ms\":%lu",
                        (unsigned long) (act->len / (VA_RATE / 1000)));
        break;

    case VA_ACT_HEARD:
        name = "heard";

        if (act->confidence >= 0) {
            (void) snprintf(more, sizeof(more), "\"confidence\":%.2f",
                            act->confidence);
        }

        break;

    case VA_ACT_SPEAK:
        name = "saying";
        break;

    default: /* VA_ACT_SPOKE */
        name = "said";
        ngx_http_voiceai_call_times_json(more, sizeof(more), act);
        break;
    }

    ngx_http_voiceai_event_text(call->conf->zone, &call->ctx->record, name,
                                text, more[0] ? more : NULL);
}


void
ngx_http_voiceai_call_count(ngx_http_voiceai_call_t *call,
    const va_call_stat_t *stat)
{
    ngx_uint_t                  now;
    ngx_http_voiceai_record_t  *rec;

    rec = &call->ctx->record;

    now = call->interruptions + stat->interruptions;

    if (now > rec->interruptions) {
        ngx_http_voiceai_history(call->conf->zone,
                                 NGX_HTTP_VOICEAI_HISTORY_INTERRUPTION,
                                 now - rec->interruptions);
    }

    now = call->failures + stat->failures;

    if (now > rec->failures) {
        ngx_http_voiceai_history(call->conf->zone,
                                 NGX_HTTP_VOICEAI_HISTORY_FAILURE,
                                 now - rec->failures);
    }
}
