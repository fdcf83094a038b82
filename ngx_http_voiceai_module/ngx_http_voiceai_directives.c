
/*
 * The directives: their table, and configurations made and merged.
 */


#include "ngx_http_voiceai_module.h"
#include "ngx_http_voiceai_web.h"
#include "ngx_http_voiceai_redis.h"

#include "../src/twilio/va_rest.h"


static char *ngx_http_voiceai_handler(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_voiceai_use_zone(ngx_conf_t *cf,
    ngx_http_voiceai_main_conf_t *vmcf, ngx_http_voiceai_loc_conf_t *conf);


static ngx_conf_bitmask_t  ngx_http_voiceai_own_tool_names[] = {
    { ngx_string("off"), NGX_HTTP_VOICEAI_TOOL_OFF },
    { ngx_string("hang_up"), NGX_HTTP_VOICEAI_TOOL_HANG_UP },
    { ngx_string("transfer"), NGX_HTTP_VOICEAI_TOOL_TRANSFER },
    { ngx_string("send_dtmf"), NGX_HTTP_VOICEAI_TOOL_KEYS },
    { ngx_string("repeat"), NGX_HTTP_VOICEAI_TOOL_REPEAT },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_voiceai_modes[] = {
    { ngx_string("stream"), NGX_HTTP_VOICEAI_MODE_STREAM },
    { ngx_string("gather"), NGX_HTTP_VOICEAI_MODE_GATHER },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_voiceai_machines[] = {
    { ngx_string("continue"), NGX_HTTP_VOICEAI_MACHINE_CONTINUE },
    { ngx_string("hangup"), NGX_HTTP_VOICEAI_MACHINE_HANGUP },
    { ngx_string("message"), NGX_HTTP_VOICEAI_MACHINE_MESSAGE },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_voiceai_endpointings[] = {
    { ngx_string("fixed"), NGX_HTTP_VOICEAI_ENDPOINTING_FIXED },
    { ngx_string("adaptive"), NGX_HTTP_VOICEAI_ENDPOINTING_ADAPTIVE },
    { ngx_null_string, 0 }
};


#define NGX_HTTP_VOICEAI_ANY                                                  \
    (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF)

#define ngx_http_voiceai_loc(name, args, set, field, post)                    \
    { ngx_string("voiceai_" name), NGX_HTTP_VOICEAI_ANY|args, set,            \
      NGX_HTTP_LOC_CONF_OFFSET,                                               \
      offsetof(ngx_http_voiceai_loc_conf_t, field), post }

#define ngx_http_voiceai_place(name, func)                                    \
    { ngx_string("voiceai_" name), NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,         \
      ngx_http_voiceai_handler, NGX_HTTP_LOC_CONF_OFFSET, 0, (void *) func }


ngx_command_t  ngx_http_voiceai_commands[] = {

    { ngx_string("voiceai"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_voiceai_loc_conf_t, enable),
      NULL },

    { ngx_string("voiceai_zone"),
      NGX_HTTP_VOICEAI_ANY|NGX_CONF_TAKE12,
      ngx_http_voiceai_zone,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("voiceai_phrase_cache"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_voiceai_phrase_cache,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("voiceai_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_voiceai_redis_url,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("voiceai_otlp"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_voiceai_otlp,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("voiceai_thread_pool"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_voiceai_main_conf_t, pool_name),
      NULL },

    { ngx_string("voiceai_call_log"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_voiceai_log_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("voiceai_redact"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_voiceai_log_redact,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("voiceai_call_log_keep"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_voiceai_log_keep,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    ngx_http_voiceai_place("incoming", ngx_http_voiceai_incoming_handler),
    ngx_http_voiceai_place("continue", ngx_http_voiceai_continue_handler),
    ngx_http_voiceai_place("media", ngx_http_voiceai_media_handler),
    ngx_http_voiceai_place("health", ngx_http_voiceai_health_handler),
    ngx_http_voiceai_place("drain_machine", ngx_http_voiceai_drain_handler),
    ngx_http_voiceai_place("outbound", ngx_http_voiceai_outbound_handler),
    ngx_http_voiceai_place("process_speech", ngx_http_voiceai_speech_handler),
    ngx_http_voiceai_place("call_status", ngx_http_voiceai_status_handler),
    ngx_http_voiceai_place("make_call", ngx_http_voiceai_make_call_handler),
    ngx_http_voiceai_place("sessions", ngx_http_voiceai_sessions_handler),
    ngx_http_voiceai_place("session", ngx_http_voiceai_session_handler),
    ngx_http_voiceai_place("interrupt_call",
                           ngx_http_voiceai_interrupt_handler),
    ngx_http_voiceai_place("calls", ngx_http_voiceai_calls_handler),
    ngx_http_voiceai_place("events", ngx_http_voiceai_events_handler),
    ngx_http_voiceai_place("metrics", ngx_http_voiceai_metrics_handler),
    ngx_http_voiceai_place("phone", ngx_http_voiceai_phone_handler),
    ngx_http_voiceai_place("dashboard", ngx_http_voiceai_dashboard_handler),

    ngx_http_voiceai_loc("public_url", NGX_CONF_TAKE1,
                         ngx_http_voiceai_public_url, public_url, NULL),
    ngx_http_voiceai_loc("twilio_account_sid", NGX_CONF_TAKE1,
                         ngx_http_voiceai_secret_slot, account_sid, NULL),
    ngx_http_voiceai_loc("twilio_auth_token", NGX_CONF_TAKE1,
                         ngx_http_voiceai_secret_slot, auth_token, NULL),
    ngx_http_voiceai_loc("twilio_number", NGX_CONF_TAKE1,
                         ngx_http_voiceai_secret_slot, number, NULL),
    ngx_http_voiceai_loc("twilio_api_url", NGX_CONF_TAKE1,
                         ngx_conf_set_str_slot, api_url, NULL),
    ngx_http_voiceai_loc("api_key", NGX_CONF_TAKE1,
                         ngx_http_voiceai_api_key, api_key, NULL),
    ngx_http_voiceai_loc("answering_machine", NGX_CONF_TAKE1,
                         ngx_conf_set_enum_slot, machine,
                         &ngx_http_voiceai_machines),
    ngx_http_voiceai_loc("signature", NGX_CONF_FLAG,
                         ngx_conf_set_flag_slot, signature, NULL),
    ngx_http_voiceai_loc("stream_token", NGX_CONF_FLAG,
                         ngx_conf_set_flag_slot, stream_token, NULL),
    ngx_http_voiceai_loc("parameter", NGX_CONF_TAKE2,
                         ngx_http_voiceai_parameter, parameters, NULL),
    ngx_http_voiceai_loc("mode", NGX_CONF_TAKE1,
                         ngx_conf_set_enum_slot, mode,
                         &ngx_http_voiceai_modes),

    ngx_http_voiceai_loc("greeting", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, greeting, NULL),
    ngx_http_voiceai_loc("prompt", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, prompt, NULL),
    ngx_http_voiceai_loc("language", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, language, NULL),
    ngx_http_voiceai_loc("voice", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, voice, NULL),
    ngx_http_voiceai_loc("apology", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, apology, NULL),
    ngx_http_voiceai_loc("reask", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, reask, NULL),

    ngx_http_voiceai_loc("resume", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, resume, NULL),
    ngx_http_voiceai_loc("farewell", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, farewell, NULL),
    ngx_http_voiceai_loc("busy", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, busy, NULL),
    ngx_http_voiceai_loc("filler", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, filler, NULL),
    ngx_http_voiceai_loc("hints", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, hints, NULL),
    ngx_http_voiceai_loc("gather_input", NGX_CONF_TAKE1,
                         ngx_conf_set_str_slot, gather_input, NULL),
    ngx_http_voiceai_loc("speech_timeout", NGX_CONF_TAKE1,
                         ngx_conf_set_str_slot, speech_timeout, NULL),
    ngx_http_voiceai_loc("speech_model", NGX_CONF_TAKE1,
                         ngx_conf_set_str_slot, speech_model, NULL),
    ngx_http_voiceai_loc("min_confidence", NGX_CONF_TAKE1,
                         ngx_http_voiceai_confidence, min_confidence, NULL),
    ngx_http_voiceai_loc("answer_timeout", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, answer_timeout, NULL),

    ngx_http_voiceai_loc("endpointing", NGX_CONF_TAKE1,
                         ngx_conf_set_enum_slot, endpointing,
                         &ngx_http_voiceai_endpointings),
    ngx_http_voiceai_loc("endpointing_min", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, endpointing_min, NULL),
    ngx_http_voiceai_loc("preemptive", NGX_CONF_FLAG,
                         ngx_conf_set_flag_slot, preemptive, NULL),
    ngx_http_voiceai_loc("silence_threshold", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, silence_threshold, NULL),
    ngx_http_voiceai_loc("preroll", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, preroll, NULL),
    ngx_http_voiceai_loc("max_utterance", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, max_utterance, NULL),
    ngx_http_voiceai_loc("min_speech", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, min_speech, NULL),
    ngx_http_voiceai_loc("barge_in", NGX_CONF_FLAG,
                         ngx_conf_set_flag_slot, barge_in, NULL),
    ngx_http_voiceai_loc("barge_in_after", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, barge_in_after, NULL),
    ngx_http_voiceai_loc("barge_in_words", NGX_CONF_TAKE1,
                         ngx_conf_set_num_slot, barge_in_words, NULL),
    ngx_http_voiceai_loc("barge_in_hold", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, barge_in_hold, NULL),
    ngx_http_voiceai_loc("barge_in_dtmf", NGX_CONF_FLAG,
                         ngx_conf_set_flag_slot, barge_in_dtmf, NULL),
    ngx_http_voiceai_loc("silence_timeout", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, silence_timeout, NULL),
    ngx_http_voiceai_loc("silence_prompt", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, silence_prompt,
                         NULL),
    ngx_http_voiceai_loc("silence_prompts", NGX_CONF_TAKE1,
                         ngx_conf_set_num_slot, silence_prompts, NULL),

    ngx_http_voiceai_loc("history_tokens", NGX_CONF_TAKE1,
                         ngx_conf_set_num_slot, history_tokens, NULL),

    ngx_http_voiceai_loc("history_turns", NGX_CONF_TAKE1,
                         ngx_conf_set_num_slot, history_turns, NULL),
    ngx_http_voiceai_loc("max_duration_warning", NGX_CONF_TAKE12,
                         ngx_http_voiceai_warning, warning, NULL),
    ngx_http_voiceai_loc("record", NGX_CONF_TAKE1,
                         ngx_http_voiceai_record_slot, record, NULL),
    ngx_http_voiceai_loc("speak_ahead", NGX_CONF_FLAG,
                         ngx_conf_set_flag_slot, speak_ahead, NULL),
    ngx_http_voiceai_loc("send_ahead", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, send_ahead, NULL),
    ngx_http_voiceai_loc("idle_timeout", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, idle_timeout, NULL),
    ngx_http_voiceai_loc("max_duration", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, max_duration, NULL),
    ngx_http_voiceai_loc("drain", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, drain, NULL),
    ngx_http_voiceai_loc("max_calls", NGX_CONF_TAKE1,
                         ngx_conf_set_num_slot, max_calls, NULL),
    ngx_http_voiceai_loc("max_message", NGX_CONF_TAKE1,
                         ngx_conf_set_size_slot, max_message, NULL),

    ngx_http_voiceai_loc("tool", NGX_CONF_2MORE, ngx_http_voiceai_tool,
                         tools, NULL),
    ngx_http_voiceai_loc("tools", NGX_CONF_1MORE, ngx_conf_set_bitmask_slot,
                         own_tools, ngx_http_voiceai_own_tool_names),
    ngx_http_voiceai_loc("transfer_target", NGX_CONF_TAKE2,
                         ngx_http_voiceai_transfer_target, targets, NULL),
    ngx_http_voiceai_loc("tool_filler", NGX_CONF_TAKE1,
                         ngx_http_set_complex_value_slot, tool_filler, NULL),
    ngx_http_voiceai_loc("tool_filler_after", NGX_CONF_TAKE1,
                         ngx_conf_set_msec_slot, tool_filler_after, NULL),
    ngx_http_voiceai_loc("stt", NGX_CONF_1MORE, ngx_http_voiceai_engine,
                         engines, (void *) NGX_HTTP_VOICEAI_STT),
    ngx_http_voiceai_loc("llm", NGX_CONF_1MORE, ngx_http_voiceai_engine,
                         engines, (void *) NGX_HTTP_VOICEAI_LLM),
    ngx_http_voiceai_loc("tts", NGX_CONF_1MORE, ngx_http_voiceai_engine,
                         engines, (void *) NGX_HTTP_VOICEAI_TTS),

      ngx_null_command
};

static char *
ngx_http_voiceai_handler(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    ngx_str_t                    *uri;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_voiceai_srv_conf_t  *vscf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (vlcf->handler) {
        return "is given beside another handler";
    }

    vlcf->handler = 1;
    clcf->handler = (ngx_http_handler_pt) cmd->post;

    vscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_voiceai_module);

    if (clcf->handler == ngx_http_voiceai_media_handler) {
        uri = &vscf->media_uri;

    } else if (clcf->handler == ngx_http_voiceai_continue_handler) {
        uri = &vscf->continue_uri;

    } else if (clcf->handler == ngx_http_voiceai_outbound_handler) {
        uri = &vscf->outbound_uri;

    } else if (clcf->handler == ngx_http_voiceai_status_handler) {
        uri = &vscf->status_uri;

    } else if (clcf->handler == ngx_http_voiceai_speech_handler) {
        uri = &vscf->speech_uri;

    } else if (clcf->handler == ngx_http_voiceai_phone_handler
               || clcf->handler == ngx_http_voiceai_dashboard_handler)
    {
        /* a page is made of files below it, so the place has more names */

        if (clcf->exact_match) {
            return "cannot stand in an exact location";
        }

        uri = (clcf->handler == ngx_http_voiceai_phone_handler)
              ? &vscf->phone_uri : &vscf->dashboard_uri;

    } else {
        return NGX_CONF_OK;
    }

    /* TwiML has to name the place, so it must have one name */

#if (NGX_PCRE)
    if (clcf->regex) {
        return "cannot stand in a location given by a regular expression";
    }
#endif

    if (clcf->named) {
        return "cannot stand in a named location";
    }

    if (uri->len) {
        return "is given twice in one server";
    }

    *uri = clcf->name;

    return NGX_CONF_OK;
}

void *
ngx_http_voiceai_create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_voiceai_srv_conf_t));
}


char *
ngx_http_voiceai_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_voiceai_srv_conf_t  *conf = child;

    if (conf->media_uri.len == 0) {
        ngx_str_set(&conf->media_uri, "/media");
    }

    if (conf->continue_uri.len == 0) {
        ngx_str_set(&conf->continue_uri, "/voice/continue");
    }

    if (conf->outbound_uri.len == 0) {
        ngx_str_set(&conf->outbound_uri, "/voice/outbound");
    }

    if (conf->status_uri.len == 0) {
        ngx_str_set(&conf->status_uri, "/call-status");
    }

    if (conf->speech_uri.len == 0) {
        ngx_str_set(&conf->speech_uri, "/voice/process-speech");
    }

    return NGX_CONF_OK;
}


void *
ngx_http_voiceai_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_voiceai_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_voiceai_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->handler = 0;
     *     conf->public_url = { 0, NULL };
     *     conf->account_sid = { 0, NULL };
     *     conf->auth_token = { 0, NULL };
     *     conf->number = { 0, NULL };
     *     conf->engines = { 0 };
     */

    conf->enable = NGX_CONF_UNSET;
    conf->signature = NGX_CONF_UNSET;
    conf->stream_token = NGX_CONF_UNSET;
    conf->barge_in = NGX_CONF_UNSET;
    conf->mode = NGX_CONF_UNSET_UINT;
    conf->machine = NGX_CONF_UNSET_UINT;
    conf->zone = NGX_CONF_UNSET_PTR;

    conf->greeting = NGX_CONF_UNSET_PTR;
    conf->prompt = NGX_CONF_UNSET_PTR;
    conf->language = NGX_CONF_UNSET_PTR;
    conf->voice = NGX_CONF_UNSET_PTR;
    conf->apology = NGX_CONF_UNSET_PTR;
    conf->reask = NGX_CONF_UNSET_PTR;
    conf->resume = NGX_CONF_UNSET_PTR;
    conf->farewell = NGX_CONF_UNSET_PTR;
    conf->busy = NGX_CONF_UNSET_PTR;
    conf->filler = NGX_CONF_UNSET_PTR;
    conf->hints = NGX_CONF_UNSET_PTR;
    conf->parameters = NGX_CONF_UNSET_PTR;
    conf->tools = NGX_CONF_UNSET_PTR;
    conf->targets = NGX_CONF_UNSET_PTR;
    conf->tool_filler = NGX_CONF_UNSET_PTR;
    conf->tool_filler_after = NGX_CONF_UNSET_MSEC;

    conf->min_confidence = NGX_CONF_UNSET_UINT;
    conf->answer_timeout = NGX_CONF_UNSET_MSEC;

    conf->silence_prompt = NGX_CONF_UNSET_PTR;
    conf->warning = NGX_CONF_UNSET_PTR;
    conf->warning_time = NGX_CONF_UNSET_MSEC;
    conf->endpointing = NGX_CONF_UNSET_UINT;
    conf->endpointing_min = NGX_CONF_UNSET_MSEC;
    conf->preemptive = NGX_CONF_UNSET;
    conf->barge_in_words = NGX_CONF_UNSET_UINT;
    conf->barge_in_hold = NGX_CONF_UNSET_MSEC;
    conf->barge_in_dtmf = NGX_CONF_UNSET;
    conf->silence_timeout = NGX_CONF_UNSET_MSEC;
    conf->silence_prompts = NGX_CONF_UNSET_UINT;
    conf->history_tokens = NGX_CONF_UNSET_UINT;
    conf->history_turns = NGX_CONF_UNSET_UINT;
    conf->silence_threshold = NGX_CONF_UNSET_MSEC;
    conf->barge_in_after = NGX_CONF_UNSET_MSEC;
    conf->min_speech = NGX_CONF_UNSET_MSEC;
    conf->preroll = NGX_CONF_UNSET_MSEC;
    conf->max_utterance = NGX_CONF_UNSET_MSEC;
    conf->send_ahead = NGX_CONF_UNSET_MSEC;
    conf->speak_ahead = NGX_CONF_UNSET;
    conf->idle_timeout = NGX_CONF_UNSET_MSEC;
    conf->max_duration = NGX_CONF_UNSET_MSEC;
    conf->drain = NGX_CONF_UNSET_MSEC;
    conf->max_message = NGX_CONF_UNSET_SIZE;
    conf->max_calls = NGX_CONF_UNSET_UINT;

    return conf;
}


char *
ngx_http_voiceai_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_voiceai_loc_conf_t  *prev = parent;
    ngx_http_voiceai_loc_conf_t  *conf = child;

    ngx_http_voiceai_main_conf_t  *vmcf;

    ngx_conf_merge_value(conf->enable, prev->enable, 0);
    ngx_conf_merge_value(conf->signature, prev->signature, 1);
    ngx_conf_merge_value(conf->stream_token, prev->stream_token, 1);
    ngx_conf_merge_value(conf->barge_in, prev->barge_in, 1);
    ngx_conf_merge_uint_value(conf->mode, prev->mode, 0);
    ngx_conf_merge_ptr_value(conf->zone, prev->zone, NULL);

    ngx_conf_merge_str_value(conf->public_url, prev->public_url, "");
    ngx_conf_merge_str_value(conf->account_sid, prev->account_sid, "");
    ngx_conf_merge_str_value(conf->auth_token, prev->auth_token, "");
    ngx_conf_merge_str_value(conf->number, prev->number, "");
    ngx_conf_merge_str_value(conf->api_url, prev->api_url, VA_REST_BASE);
    ngx_conf_merge_uint_value(conf->machine, prev->machine,
                              NGX_HTTP_VOICEAI_MACHINE_CONTINUE);

    if (conf->api_key.data == NULL) {
        conf->api_key = prev->api_key;
        conf->api_open = prev->api_open;
    }

    ngx_conf_merge_ptr_value(conf->greeting, prev->greeting, NULL);
    ngx_conf_merge_ptr_value(conf->prompt, prev->prompt, NULL);
    ngx_conf_merge_ptr_value(conf->language, prev->language, NULL);
    ngx_conf_merge_ptr_value(conf->voice, prev->voice, NULL);
    ngx_conf_merge_ptr_value(conf->apology, prev->apology, NULL);
    ngx_conf_merge_ptr_value(conf->reask, prev->reask, NULL);
    ngx_conf_merge_ptr_value(conf->resume, prev->resume, NULL);
    ngx_conf_merge_ptr_value(conf->farewell, prev->farewell, NULL);
    ngx_conf_merge_ptr_value(conf->busy, prev->busy, NULL);
    ngx_conf_merge_ptr_value(conf->filler, prev->filler, NULL);
    ngx_conf_merge_ptr_value(conf->hints, prev->hints, NULL);
    ngx_conf_merge_ptr_value(conf->parameters, prev->parameters, NULL);

    ngx_conf_merge_str_value(conf->gather_input, prev->gather_input,
                             "speech");
    ngx_conf_merge_str_value(conf->speech_timeout, prev->speech_timeout,
                             "auto");
    ngx_conf_merge_str_value(conf->speech_model, prev->speech_model, "");
    ngx_conf_merge_uint_value(conf->min_confidence, prev->min_confidence, 30);
    ngx_conf_merge_msec_value(conf->answer_timeout, prev->answer_timeout,
                              6000);

    ngx_conf_merge_str_value(conf->record, prev->record, "");
    ngx_conf_merge_ptr_value(conf->silence_prompt, prev->silence_prompt,
                             NULL);
    ngx_conf_merge_ptr_value(conf->warning, prev->warning, NULL);
    ngx_conf_merge_msec_value(conf->warning_time, prev->warning_time, 30000);
    ngx_conf_merge_uint_value(conf->endpointing, prev->endpointing,
                              NGX_HTTP_VOICEAI_ENDPOINTING_ADAPTIVE);
    ngx_conf_merge_msec_value(conf->endpointing_min, prev->endpointing_min,
                              300);
    ngx_conf_merge_value(conf->preemptive, prev->preemptive, 0);
    ngx_conf_merge_uint_value(conf->barge_in_words, prev->barge_in_words, 0);
    ngx_conf_merge_msec_value(conf->barge_in_hold, prev->barge_in_hold, 900);
    ngx_conf_merge_value(conf->barge_in_dtmf, prev->barge_in_dtmf, 1);
    ngx_conf_merge_msec_value(conf->silence_timeout, prev->silence_timeout,
                              10000);
    ngx_conf_merge_uint_value(conf->silence_prompts, prev->silence_prompts, 2);
    ngx_conf_merge_uint_value(conf->history_tokens, prev->history_tokens, 0);
    ngx_conf_merge_uint_value(conf->history_turns, prev->history_turns, 0);
    ngx_conf_merge_msec_value(conf->silence_threshold,
                              prev->silence_threshold, 4000);
    ngx_conf_merge_msec_value(conf->barge_in_after, prev->barge_in_after, 200);
    ngx_conf_merge_msec_value(conf->min_speech, prev->min_speech, 100);
    ngx_conf_merge_msec_value(conf->preroll, prev->preroll, 300);
    ngx_conf_merge_msec_value(conf->max_utterance, prev->max_utterance, 30000);
    ngx_conf_merge_value(conf->speak_ahead, prev->speak_ahead, 1);
    ngx_conf_merge_msec_value(conf->send_ahead, prev->send_ahead, 1000);
    ngx_conf_merge_msec_value(conf->idle_timeout, prev->idle_timeout, 5000);
    ngx_conf_merge_msec_value(conf->drain, prev->drain, 0);
    ngx_conf_merge_msec_value(conf->max_duration, prev->max_duration,
                              4 * 60 * 60 * 1000);
    ngx_conf_merge_size_value(conf->max_message, prev->max_message, 65536);
    ngx_conf_merge_uint_value(conf->max_calls, prev->max_calls, 0);

    ngx_conf_merge_bitmask_value(conf->own_tools, prev->own_tools,
                                 (NGX_CONF_BITMASK_SET
                                  |NGX_HTTP_VOICEAI_TOOL_HANG_UP));
    ngx_conf_merge_ptr_value(conf->tools, prev->tools, NULL);
    ngx_conf_merge_ptr_value(conf->targets, prev->targets, NULL);
    ngx_conf_merge_ptr_value(conf->tool_filler, prev->tool_filler, NULL);
    ngx_conf_merge_msec_value(conf->tool_filler_after,
                              prev->tool_filler_after, 1500);

    if (ngx_http_voiceai_merge_engines(cf, prev, conf) != NGX_CONF_OK
        || ngx_http_voiceai_declare_tools(cf, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (!conf->enable && !conf->handler) {
        return NGX_CONF_OK;
    }

    vmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_voiceai_module);
    vmcf->used = 1;

    if (ngx_http_voiceai_check(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_voiceai_use_zone(cf, vmcf, conf);
}


/* Remembers a zone that workers have to enter. */

static char *
ngx_http_voiceai_use_zone(ngx_conf_t *cf, ngx_http_voiceai_main_conf_t *vmcf,
    ngx_http_voiceai_loc_conf_t *conf)
{
    ngx_uint_t                     i;
    ngx_http_voiceai_used_zone_t  *used;

    if (vmcf->zones.elts == NULL
        && ngx_array_init(&vmcf->zones, cf->pool, 2,
                          sizeof(ngx_http_voiceai_used_zone_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    used = vmcf->zones.elts;

    for (i = 0; i < vmcf->zones.nelts; i++) {
        if (used[i].zone == conf->zone) {
            break;
        }
    }

    if (i == vmcf->zones.nelts) {
        used = ngx_array_push(&vmcf->zones);
        if (used == NULL) {
            return NGX_CONF_ERROR;
        }

        used->zone = conf->zone;
        used->conf = NULL;
        used->srv = NULL;

    } else {
        used = &used[i];
    }

    if (used->conf == NULL && conf->account_sid.len && conf->auth_token.len) {
        used->conf = conf;
        used->srv = ngx_http_conf_get_module_srv_conf(cf,
                                                    ngx_http_voiceai_module);
    }

    return NGX_CONF_OK;
}
