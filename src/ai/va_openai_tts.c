#include "va_ai_voice.h"
#include "va_openai.h"

#define RATE_DEFAULT 24000

static const char *const own[] = {"input", NULL};

va_rc_t va_openai_tts_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                              const va_ai_input_t *in)
{
    va_rc_t rc = va_openai_begin(req, conf, "/audio/speech");
    va_str_t voice = va_ai_pick(in->voice, conf->voice);
    va_buf_t *b = &req->body;

    if (rc == VA_OK && in->text.len == 0) {
        rc = VA_INVALID;
    }
    if (rc == VA_OK) {
        rc = va_ai_json_headers(req, NULL);
    }
    va_buf_puts(b, "{");
    va_ai_member(b, conf, "model", conf->model);
    va_ai_member(b, conf, "voice", voice);
    va_ai_field(b, "input", in->text);
    va_ai_member(b, conf, "response_format",
                 va_ai_pick(conf->format, VA_STR("pcm")));
    va_ai_put_params(b, conf, own);
    va_buf_puts(b, "}");
    return rc;
}

static void *create(va_ai_reader_t *r, const va_ai_conf_t *conf,
                    const va_ai_input_t *in)
{
    bool ulaw = va_str_eq(conf->format, VA_STR("ulaw"));

    (void)in;
    return va_ai_voice_new(r, ulaw ? VA_VOICE_ULAW : VA_VOICE_AUTO,
                           conf->rate != 0 ? conf->rate : RATE_DEFAULT);
}

const va_ai_reader_ops_t va_openai_tts_reader = {
    .body_max = VA_AI_VOICE_MAX,
    .create = create,
    .destroy = va_ai_voice_free,
    .head = va_ai_voice_head,
    .feed = va_ai_voice_feed,
    .finish = va_ai_voice_finish,
};
