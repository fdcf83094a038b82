
/*
 * What a call's conversation is told of the configuration: texts and times.
 */


#include "ngx_http_voiceai_call.h"


static ngx_int_t ngx_http_voiceai_turns_text(ngx_http_request_t *r,
    ngx_http_complex_value_t *value, ngx_str_t *text);


/* "text [time]" */

char *
ngx_http_voiceai_warning(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    value = cf->args->elts;

    if (cf->args->nelts == 3) {
        n = ngx_parse_time(&value[2], 0);

        if (n == NGX_ERROR || n < 1000) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time \"%V\", it must be 1s or more",
                               &value[2]);
            return NGX_CONF_ERROR;
        }

        vlcf->warning_time = n;
    }

    return ngx_http_set_complex_value_slot(cf, cmd, conf);
}


/* A text that has a default. */

static ngx_int_t
ngx_http_voiceai_turns_text(ngx_http_request_t *r,
    ngx_http_complex_value_t *value, ngx_str_t *text)
{
    return value ? ngx_http_voiceai_eval(r, value, text) : NGX_OK;
}


/*
 * Texts may contain variables and are evaluated once, at the start, because
 * that takes memory of the request.
 */

ngx_int_t
ngx_http_voiceai_turns_texts(ngx_http_voiceai_call_t *call)
{
    ngx_http_request_t           *r;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    r = call->request;
    vlcf = call->conf;

    ngx_str_set(&call->apology, NGX_HTTP_VOICEAI_APOLOGY);
    ngx_str_set(&call->reask, NGX_HTTP_VOICEAI_REASK);
    ngx_str_set(&call->resume, NGX_HTTP_VOICEAI_RESUME);
    ngx_str_set(&call->silence_prompt, NGX_HTTP_VOICEAI_SILENCE_PROMPT);
    ngx_str_set(&call->farewell, NGX_HTTP_VOICEAI_FAREWELL);
    ngx_str_set(&call->warning, NGX_HTTP_VOICEAI_WARNING);
    ngx_str_set(&call->tool_filler, "One moment, please.");

    if (ngx_http_voiceai_turns_text(r, vlcf->apology, &call->apology) != NGX_OK
        || ngx_http_voiceai_turns_text(r, vlcf->reask, &call->reask) != NGX_OK
        || ngx_http_voiceai_turns_text(r, vlcf->resume, &call->resume)
           != NGX_OK
        || ngx_http_voiceai_turns_text(r, vlcf->silence_prompt,
                                       &call->silence_prompt) != NGX_OK
        || ngx_http_voiceai_turns_text(r, vlcf->farewell, &call->farewell)
           != NGX_OK
        || ngx_http_voiceai_turns_text(r, vlcf->warning, &call->warning)
           != NGX_OK
        || ngx_http_voiceai_turns_text(r, vlcf->tool_filler,
                                       &call->tool_filler) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_voiceai_turns_conf(ngx_http_voiceai_call_t *call,
    va_call_conf_t *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = call->conf;

    ngx_memzero(conf, sizeof(va_call_conf_t));

    conf->listen.silence_ms = vlcf->silence_threshold;
    conf->listen.preroll_ms = vlcf->preroll;
    conf->listen.max_utterance_ms = vlcf->max_utterance;
    conf->adaptive = (vlcf->endpointing
                      == NGX_HTTP_VOICEAI_ENDPOINTING_ADAPTIVE);
    conf->endpoint_min_ms = vlcf->endpointing_min;
    conf->preemptive = vlcf->preemptive;
    conf->min_speech_ms = vlcf->min_speech;
    conf->barge_in_ms = vlcf->barge_in ? vlcf->barge_in_after : UINT32_MAX;
    conf->barge_in_words = vlcf->barge_in_words;
    conf->backchannel_ms = vlcf->barge_in_hold;
    conf->keys_wait = !vlcf->barge_in_dtmf;
    conf->ahead_ms = vlcf->send_ahead;
    conf->speak_alone = !vlcf->speak_ahead;
    conf->silence_ms = vlcf->silence_timeout;
    conf->silence_prompts = vlcf->silence_prompts;
    conf->max_ms = vlcf->max_duration;
    conf->warning_ms = vlcf->warning_time;

    conf->apology = ngx_http_voiceai_view(&call->apology);
    conf->reask = ngx_http_voiceai_view(&call->reask);
    conf->silence_prompt = ngx_http_voiceai_view(&call->silence_prompt);
    conf->farewell = ngx_http_voiceai_view(&call->farewell);
    conf->warning = ngx_http_voiceai_view(&call->warning);

    /*
     * who comes back was greeted, but wants to know after an interruption;
     * without a voice Twilio greeted
     */

    if (call->ctx->record.connects <= 1
        && !vlcf->engines[NGX_HTTP_VOICEAI_TTS].off)
    {
        conf->greeting = ngx_http_voiceai_view(&call->greeting);

    } else if (call->ctx->record.resumed) {
        conf->greeting = ngx_http_voiceai_view(&call->resume);
    }
}
