#include "va_elevenlabs.h"

static const char *const own[] = {"text", "output_format", "enable_logging",
                                  "optimize_streaming_latency", NULL};

/* The other models refuse to be told the language. */
static bool takes_language(va_str_t model)
{
    return va_ai_where(model, "v2_5") != model.len ||
           va_ai_where(model, "v3") != model.len;
}

static void put_query(va_buf_t *url, const va_ai_conf_t *conf)
{
    size_t i;

    va_ai_query(url, VA_STR("output_format"), VA_STR("ulaw_8000"));
    for (i = 0; i < conf->param_count; i++) {
        const va_ai_param_t *p = &conf->params[i];

        if (va_str_eq(p->name, VA_STR("enable_logging")) ||
            va_str_eq(p->name, VA_STR("optimize_streaming_latency"))) {
            va_ai_query(url, p->name, p->value);
        }
    }
}

va_rc_t va_elevenlabs_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                              const va_ai_input_t *in)
{
    va_str_t voice = va_ai_pick(in->voice, conf->voice);
    va_str_t model = va_ai_pick(conf->model, VA_STR("eleven_flash_v2_5"));
    va_rc_t rc = va_ai_begin(req, conf, "/text-to-speech/");
    char language[VA_AI_LANGUAGE];

    if (rc == VA_OK && (in->text.len == 0 || voice.len == 0)) {
        rc = VA_INVALID;
    }
    if (rc == VA_OK && conf->key.len != 0) {
        rc = va_ai_add_header(req, "xi-api-key: ", conf->key);
    }
    if (rc == VA_OK) {
        rc = va_ai_json_headers(req, NULL);
    }
    if (rc != VA_OK) {
        return rc;
    }
    va_ai_segment(&req->url, voice);
    va_buf_puts(&req->url, "/stream");
    put_query(&req->url, conf);
    va_buf_puts(&req->body, "{");
    va_ai_field(&req->body, "text", in->text);
    va_ai_member(&req->body, conf, "model_id", model);
    if (takes_language(model)) {
        va_ai_member(
            &req->body, conf, "language_code",
            va_ai_language(va_ai_pick(in->language, conf->language), language));
    }
    va_ai_put_params(&req->body, conf, own);
    va_buf_puts(&req->body, "}");
    return VA_OK;
}
