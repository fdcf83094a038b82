#include "va_cartesia.h"

static const char *const own[] = {"transcript", "output_format", "version",
                                  NULL};

static va_rc_t add_headers(va_ai_request_t *req, const va_ai_conf_t *conf)
{
    va_str_t version = va_ai_param(conf, "version");
    va_rc_t rc = VA_OK;

    if (conf->key.len != 0) {
        rc = va_ai_add_header(req, "X-API-Key: ", conf->key);
    }
    if (rc == VA_OK) {
        rc = va_ai_add_header(req, "Cartesia-Version: ",
                              va_ai_pick(version, VA_STR(VA_CARTESIA_VERSION)));
    }
    return rc == VA_OK ? va_ai_json_headers(req, NULL) : rc;
}

va_rc_t va_cartesia_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                            const va_ai_input_t *in)
{
    va_str_t voice = va_ai_pick(in->voice, conf->voice);
    va_rc_t rc = va_ai_begin(req, conf, "/tts/bytes");
    va_buf_t *b = &req->body;
    char language[VA_AI_LANGUAGE];

    if (rc == VA_OK && (in->text.len == 0 || voice.len == 0)) {
        rc = VA_INVALID;
    }
    if (rc == VA_OK) {
        rc = add_headers(req, conf);
    }
    if (rc != VA_OK) {
        return rc;
    }
    va_buf_puts(b, "{");
    va_ai_member(b, conf, "model_id",
                 va_ai_pick(conf->model, VA_STR("sonic-3")));
    va_ai_field(b, "transcript", in->text);
    if (!va_ai_has_param(conf, "voice")) {
        va_ai_field_json(b, "voice", VA_STR("{\"mode\":\"id\""));
        va_ai_field(b, "id", voice);
        va_buf_puts(b, "}");
    }
    va_ai_member(
        b, conf, "language",
        va_ai_language(va_ai_pick(in->language, conf->language), language));
    va_ai_field_json(b, "output_format",
                     VA_STR("{\"container\":\"raw\",\"encoding\":\"pcm_mulaw\","
                            "\"sample_rate\":8000}"));
    va_ai_put_params(b, conf, own);
    va_buf_puts(b, "}");
    return VA_OK;
}
