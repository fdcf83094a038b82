#include "va_assemblyai.h"

#include <string.h>

#include "../audio/va_g711.h"
#include "../wire/va_json.h"
#include "va_ai_listen.h"

#define LEAST_MS 50

static const char *const own[] = {"encoding", "sample_rate", NULL};

va_rc_t va_assemblyai_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                              const va_ai_input_t *in)
{
    va_rc_t rc = va_ai_begin_ws(req, conf, "/ws");
    va_buf_t *url = &req->url;

    (void)in;
    if (rc == VA_OK && conf->key.len != 0) {
        rc = va_ai_add_header(req, "Authorization: ", conf->key);
    }
    if (rc != VA_OK) {
        return rc;
    }
    va_ai_query(url, VA_STR("sample_rate"), VA_STR("8000"));
    va_ai_query(url, VA_STR("encoding"), VA_STR("pcm_mulaw"));
    va_ai_argument(url, conf, "speech_model", conf->model);
    va_ai_query_params(url, conf, own);
    return VA_OK;
}

/* Of the turn there is no confidence, but of each of its words. */
static double confidence_of(va_json_t *v)
{
    va_json_t *words = va_json_at(v, "words");
    size_t n = va_json_len(words);
    double sum = 0;
    size_t known = 0;
    size_t i;

    for (i = 0; i < n; i++) {
        va_str_t name;
        double c = va_json_num(va_json_item(words, i, &name), "confidence", -1);

        if (c >= 0 && c <= 1) {
            sum += c;
            known++;
        }
    }
    return known != 0 ? sum / (double)known : -1;
}

/*
 * The text of a turn grows until it ends.  Where turns are formatted each ends
 * twice, the second time with commas; nobody waits for them.
 */
static va_rc_t take_turn(va_ai_listen_t *l, va_json_t *v)
{
    double order = va_json_num(v, "turn_order", -1);
    long turn = order >= 0 && order < 1e9 ? (long)order : -1;
    va_str_t text = va_json_str(v, "transcript");
    va_rc_t rc;

    if (turn >= 0 && turn <= l->turn) {
        return VA_OK;
    }
    if (!va_json_bool(v, "end_of_turn", false)) {
        return va_ai_listen_partial(l, text);
    }
    l->turn = turn;
    rc = va_ai_listen_final(l, text, confidence_of(v));
    if (rc == VA_OK) {
        rc = va_ai_listen_end(l);
    }
    return rc == VA_OK ? va_ai_listen_flushed(l) : rc;
}

static va_rc_t take(va_ai_listen_t *l, va_json_t *v)
{
    va_str_t type = va_json_str(v, "type");

    if (va_str_eq(type, VA_STR("Turn"))) {
        return take_turn(l, v);
    }
    if (va_str_eq(type, VA_STR("Error"))) {
        return va_ai_reader_fail_json(l->r, "", v);
    }
    l->done = l->done || va_str_eq(type, VA_STR("Termination"));
    return VA_OK;
}

static va_ai_error_class_t why(unsigned code)
{
    switch (code) {
    case 1008: /* the key, or what it has left */
    case 4001:
    case 4003:
        return VA_AI_REFUSED;
    case 4002:
        return VA_AI_QUOTA;
    case 3005:
        return VA_AI_SERVER;
    case 3006: /* a message, or audio, that it does not take */
    case 3007:
        return VA_AI_MISUSED;
    case 3009:
        return VA_AI_LIMITED;
    default:
        return VA_AI_FINE;
    }
}

static void *create(va_ai_reader_t *r, const va_ai_conf_t *conf,
                    const va_ai_input_t *in)
{
    (void)conf;
    (void)in;
    return va_ai_listen_new(r, take, why);
}

const va_ai_reader_ops_t va_assemblyai_reader = {
    .body_max = VA_AI_LISTEN_MAX,
    .create = create,
    .destroy = va_ai_listen_free,
    .head = va_ai_listen_head,
    .message = va_ai_listen_message,
    .closed = va_ai_listen_closed,
};

/* A shorter message ends the session, so the last one is filled up. */
static va_rc_t put_audio(const va_ai_conf_t *conf, const uint8_t *ulaw,
                         size_t n, va_buf_t *out, bool *text)
{
    const size_t least = LEAST_MS * (VA_RATE / 1000);
    char *end;

    (void)conf;
    *text = false;
    va_buf_append(out, ulaw, n);
    if (n < least) {
        end = va_buf_reserve(out, least - n);
        if (end != NULL) {
            memset(end, VA_ULAW_SILENCE, least - n);
            out->len += least - n;
            out->data[out->len] = '\0';
        }
    }
    return out->rc;
}

const va_ai_stream_ops_t va_assemblyai_stream = {
    .pace = {.audio_min_ms = LEAST_MS,
             .audio_max_ms = 1000,
             .keepalive_ms = 5000},
    .audio = put_audio,
    .finalize = "{\"type\":\"ForceEndpoint\"}",
    .keepalive = "{\"type\":\"KeepAlive\"}",
    .close = "{\"type\":\"Terminate\"}",
};
