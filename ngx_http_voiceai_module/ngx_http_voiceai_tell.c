
/*
 * What a call tells whoever watches, as it is spoken, and what it leaves for
 * the plots.
 */


#include "ngx_http_voiceai_call.h"
#include "ngx_http_voiceai_bus.h"
#include "ngx_http_voiceai_web.h"


void
ngx_http_voiceai_call_tell(ngx_http_voiceai_call_t *call,
    const va_action_t *act)
{
    char                    more[256];
    va_str_t                text;
    const char             *name;
    const va_turn_times_t  *t;

    if (!ngx_http_voiceai_bus_listened(call->conf->zone)) {
        return;
    }

    text = act->text;
    more[0] = '\0';

    switch (act->type) {

    case VA_ACT_TRANSCRIBE:
        name = "turn-end";
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
        t = act->times;

        (void) snprintf(more, sizeof(more), "\"interrupted\":%s,"
                        "\"latency\":{\"silence\":%lu,\"stt\":%lu,"
                        "\"llm\":%lu,\"tts\":%lu,\"send\":%lu,"
                        "\"total\":%lu}",
                        act->interrupted ? "true" : "false",
                        (u_long) ngx_http_voiceai_since(t->speech_end,
                                                        t->turn_end),
                        (u_long) ngx_http_voiceai_since(t->turn_end,
                                                        t->transcript),
                        (u_long) ngx_http_voiceai_since(t->transcript,
                                                        t->first_speak),
                        (u_long) ngx_http_voiceai_since(t->first_speak,
                                                        t->first_audio),
                        (u_long) ngx_http_voiceai_since(t->first_audio,
                                                        t->first_sent),
                        (u_long) ngx_http_voiceai_since(t->speech_end,
                                                        t->first_sent));
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
