#include "../wire/va_json.h"
#include "va_ai_listen.h"
#include "va_deepgram.h"

/* What the audio is, which is not the configuration's to say. */
static const char *const own[] = {"encoding", "sample_rate", "channels", NULL};

va_rc_t va_deepgram_stt_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                                const va_ai_input_t *in)
{
    va_rc_t rc = va_ai_begin_ws(req, conf, "/listen");
    va_buf_t *url = &req->url;

    if (rc == VA_OK && conf->key.len != 0) {
        rc = va_ai_add_header(req, "Authorization: Token ", conf->key);
    }
    if (rc != VA_OK) {
        return rc;
    }
    va_ai_argument(url, conf, "model",
                   va_ai_pick(conf->model, VA_STR("nova-3")));
    va_ai_argument(url, conf, "language",
                   va_ai_pick(in->language, conf->language));
    va_ai_query(url, VA_STR("encoding"), VA_STR("mulaw"));
    va_ai_query(url, VA_STR("sample_rate"), VA_STR("8000"));
    va_ai_query(url, VA_STR("channels"), VA_STR("1"));
    va_ai_argument(url, conf, "interim_results", VA_STR("true"));
    va_ai_argument(url, conf, "punctuate", VA_STR("true"));
    va_ai_argument(url, conf, "endpointing", VA_STR("300"));
    va_ai_argument(url, conf, "utterance_end_ms", VA_STR("1000"));
    va_ai_query_params(url, conf, own);
    return VA_OK;
}

static va_rc_t take_results(va_ai_listen_t *l, va_json_t *v)
{
    va_json_t *best = va_json_at(v, "channel.alternatives.0");
    va_str_t text = va_json_str(best, "transcript");
    va_rc_t rc;

    if (!va_json_bool(v, "is_final", false)) {
        return va_ai_listen_partial(l, text);
    }
    rc = va_ai_listen_final(l, text, va_json_num(best, "confidence", -1));
    if (rc == VA_OK && va_json_bool(v, "speech_final", false)) {
        rc = va_ai_listen_end(l);
    }
    if (rc == VA_OK && va_json_bool(v, "from_finalize", false)) {
        rc = va_ai_listen_flushed(l);
    }
    return rc;
}

static va_rc_t take(va_ai_listen_t *l, va_json_t *v)
{
    va_str_t type = va_json_str(v, "type");

    if (va_str_eq(type, VA_STR("Results"))) {
        return take_results(l, v);
    }
    /* Noise can keep speech_final away for ever; this comes all the same. */
    if (va_str_eq(type, VA_STR("UtteranceEnd"))) {
        return va_ai_listen_end(l);
    }
    if (va_str_eq(type, VA_STR("Error"))) {
        return va_ai_reader_fail_json(l->r, "", v);
    }
    l->done = l->done || va_str_eq(type, VA_STR("Metadata"));
    return VA_OK;
}

/* 1008: what was sent is not the audio that was announced. */
static va_ai_error_class_t why(unsigned code)
{
    return code == 1008 ? VA_AI_MISUSED : VA_AI_FINE;
}

static void *create(va_ai_reader_t *r, const va_ai_conf_t *conf,
                    const va_ai_input_t *in)
{
    (void)conf;
    (void)in;
    return va_ai_listen_new(r, take, why);
}

const va_ai_reader_ops_t va_deepgram_stt_reader = {
    .body_max = VA_AI_LISTEN_MAX,
    .create = create,
    .destroy = va_ai_listen_free,
    .head = va_ai_listen_head,
    .message = va_ai_listen_message,
    .closed = va_ai_listen_closed,
};

/* Without anything for ten seconds Deepgram closes. */
const va_ai_stream_ops_t va_deepgram_stt_stream = {
    .pace = {.audio_min_ms = 0, .audio_max_ms = 250, .keepalive_ms = 4000},
    .finalize = "{\"type\":\"Finalize\"}",
    .keepalive = "{\"type\":\"KeepAlive\"}",
    .close = "{\"type\":\"CloseStream\"}",
};
