#include "va_ai_voice.h"
#include "va_deepgram.h"

/* What the audio is to be, which is not the configuration's to say. */
static const char *const own[] = {"encoding", "sample_rate", "container", NULL};

va_rc_t va_deepgram_tts_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                                const va_ai_input_t *in)
{
    va_str_t voice =
        va_ai_pick(va_ai_pick(in->voice, conf->voice),
                   va_ai_pick(conf->model, VA_STR("aura-2-thalia-en")));
    va_rc_t rc = va_ai_begin(req, conf, "/speak");

    if (rc == VA_OK && in->text.len == 0) {
        rc = VA_INVALID;
    }
    if (rc == VA_OK && conf->key.len != 0) {
        rc = va_ai_add_header(req, "Authorization: Token ", conf->key);
    }
    if (rc == VA_OK) {
        rc = va_ai_json_headers(req, NULL);
    }
    if (rc != VA_OK) {
        return rc;
    }
    va_ai_argument(&req->url, conf, "model", voice);
    va_ai_query(&req->url, VA_STR("encoding"), VA_STR("mulaw"));
    va_ai_query(&req->url, VA_STR("sample_rate"), VA_STR("8000"));
    /* Otherwise the header of a file is spoken as a click. */
    va_ai_query(&req->url, VA_STR("container"), VA_STR("none"));
    va_ai_query_params(&req->url, conf, own);
    va_buf_puts(&req->body, "{");
    va_ai_field(&req->body, "text", in->text);
    va_buf_puts(&req->body, "}");
    return VA_OK;
}
