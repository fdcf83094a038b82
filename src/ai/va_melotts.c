#include "va_melotts.h"

#include <string.h>

#include "va_ai_voice.h"

#define RATE 44100

static const char *const own[] = {"text", NULL};

static bool has_path(va_str_t url)
{
    size_t host = va_ai_where(url, "://");
    size_t begin = host != url.len ? host + 3 : 0;
    const char *slash = memchr(url.data + begin, '/', url.len - begin);

    return slash != NULL && slash + 1 != url.data + url.len;
}

/* The name of the model that speaks a language. */
static va_str_t model_language(va_str_t tag)
{
    static const char *const names[][2] = {{"en", "EN"}, {"es", "ES"},
                                           {"fr", "FR"}, {"zh", "ZH"},
                                           {"ja", "JP"}, {"ko", "KR"}};
    char lower[VA_AI_LANGUAGE];
    va_str_t primary = va_ai_language(tag, lower);
    size_t i;

    if (tag.len >= 2 && tag.data[0] >= 'A' && tag.data[0] <= 'Z' &&
        tag.data[1] >= 'A' && tag.data[1] <= 'Z') {
        return tag;
    }
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (va_str_eq(primary, va_str(names[i][0]))) {
            return va_str(names[i][1]);
        }
    }
    return (va_str_t){NULL, 0};
}

va_rc_t va_melotts_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                           const va_ai_input_t *in)
{
    bool whole = conf->url.len != 0 && has_path(conf->url);
    va_str_t speaker = va_ai_pick(in->voice, conf->voice);
    /* The configuration knows the model better than the call does. */
    va_str_t language =
        model_language(va_ai_pick(conf->language, in->language));
    va_rc_t rc = va_ai_begin(req, conf, whole ? "" : "/convert/tts");

    if (rc == VA_OK && in->text.len == 0) {
        rc = VA_INVALID;
    }
    if (rc == VA_OK && conf->key.len != 0) {
        rc = va_ai_add_header(req, "Authorization: Bearer ", conf->key);
    }
    if (rc == VA_OK) {
        rc = va_ai_json_headers(req, NULL);
    }
    if (rc != VA_OK) {
        return rc;
    }
    /* Of all speakers this one alone is spelt so. */
    if (va_str_caseeq(speaker, VA_STR("EN-INDIA"))) {
        speaker = VA_STR("EN_INDIA");
    }
    va_buf_puts(&req->body, "{");
    va_ai_field(&req->body, "text", in->text);
    va_ai_member(&req->body, conf, "speaker_id", speaker);
    va_ai_member(&req->body, conf, "language", language);
    va_ai_put_params(&req->body, conf, own);
    va_buf_puts(&req->body, "}");
    return VA_OK;
}

static void *create(va_ai_reader_t *r, const va_ai_conf_t *conf,
                    const va_ai_input_t *in)
{
    (void)in;
    return va_ai_voice_new(r, VA_VOICE_AUTO,
                           conf->rate != 0 ? conf->rate : RATE);
}

const va_ai_reader_ops_t va_melotts_reader = {
    .body_max = VA_AI_VOICE_MAX,
    .create = create,
    .destroy = va_ai_voice_free,
    .head = va_ai_voice_head,
    .feed = va_ai_voice_feed,
    .finish = va_ai_voice_finish,
};
