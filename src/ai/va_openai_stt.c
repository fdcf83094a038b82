#include <stdlib.h>

#include "../audio/va_g711.h"
#include "../audio/va_wav.h"
#include "../wire/va_json.h"
#include "va_openai.h"

#define BODY_MAX (256 * 1024)
#define CONTEXT_MAX 800 /* bytes; models look at the last 224 tokens */
#define BLOCK 1024

typedef struct {
    va_ai_reader_t *r;
    va_buf_t body;
} stt_t;

static va_rc_t put_wav(va_buf_t *b, const uint8_t *ulaw, size_t n)
{
    uint8_t header[VA_WAV_HEADER];

    if (n > VA_AI_BODY_MAX / 2) {
        return VA_LIMIT;
    }
    va_wav_header(header, VA_WAV_PCM, VA_RATE, 1, (uint32_t)(2 * n));
    va_buf_append(b, header, sizeof(header));
    while (n != 0 && b->rc == VA_OK) {
        size_t some = n < BLOCK ? n : BLOCK;
        int16_t pcm[BLOCK];
        uint8_t le[2 * BLOCK];
        size_t i;

        va_ulaw_decode(pcm, ulaw, some);
        for (i = 0; i < some; i++) {
            le[2 * i] = (uint8_t)pcm[i];
            le[2 * i + 1] = (uint8_t)((uint16_t)pcm[i] >> 8);
        }
        va_buf_append(b, le, 2 * some);
        ulaw += some;
        n -= some;
    }
    return b->rc;
}

/* Unless a parameter takes its place, or there is nothing to tell. */
static va_rc_t put_own(va_ai_request_t *req, const va_ai_conf_t *conf,
                       const char *name, va_str_t value)
{
    return value.len == 0 || va_ai_has_param(conf, name)
               ? VA_OK
               : va_ai_add_text(req, va_str(name), value);
}

static va_rc_t put_params(va_ai_request_t *req, const va_ai_conf_t *conf)
{
    va_rc_t rc = VA_OK;
    size_t i;

    for (i = 0; i < conf->param_count && rc == VA_OK; i++) {
        const va_ai_param_t *p = &conf->params[i];

        if (!va_str_eq(p->name, VA_STR("file"))) {
            rc = va_ai_add_text(req, p->name, p->value);
        }
    }
    return rc;
}

/* The last of what was said, beginning at a character. */
static va_str_t last_words(va_str_t s)
{
    if (s.len > CONTEXT_MAX) {
        s.data += s.len - CONTEXT_MAX;
        s.len = CONTEXT_MAX;
        while (s.len != 0 && ((unsigned char)s.data[0] & 0xc0) == 0x80) {
            s.data++;
            s.len--;
        }
    }
    return s;
}

va_rc_t va_openai_stt_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                              const va_ai_input_t *in)
{
    char lower[VA_AI_LANGUAGE];
    va_str_t language =
        va_ai_language(va_ai_pick(in->language, conf->language), lower);
    va_rc_t rc = va_openai_begin(req, conf, "/audio/transcriptions");
    va_buf_t *file;

    if (rc == VA_OK && in->ulaw_len == 0) {
        rc = VA_INVALID;
    }
    if (rc != VA_OK) {
        return rc;
    }
    file = va_ai_add_part(req, "file", "audio.wav", "audio/wav");
    rc = file != NULL ? put_wav(file, in->ulaw, in->ulaw_len) : VA_LIMIT;
    if (rc == VA_OK) {
        rc = put_own(req, conf, "model", conf->model);
    }
    if (rc == VA_OK) {
        rc = put_own(req, conf, "language", language);
    }
    if (rc == VA_OK) {
        rc = put_own(req, conf, "prompt", last_words(in->context));
    }
    if (rc == VA_OK) {
        rc = put_own(req, conf, "response_format", VA_STR("json"));
    }
    return rc == VA_OK ? put_params(req, conf) : rc;
}

static void *stt_create(va_ai_reader_t *r, const va_ai_conf_t *conf,
                        const va_ai_input_t *in)
{
    stt_t *s = calloc(1, sizeof(*s));

    (void)conf;
    (void)in;
    if (s != NULL) {
        s->r = r;
        va_buf_init(&s->body, BODY_MAX);
    }
    return s;
}

static void stt_destroy(void *self)
{
    stt_t *s = self;

    va_buf_free(&s->body);
    free(s);
}

/* Servers are known to send the JSON as text/html: only the body counts. */
static va_rc_t stt_head(void *self, va_str_t content_type)
{
    (void)self;
    (void)content_type;
    return VA_OK;
}

static va_rc_t stt_feed(void *self, const uint8_t *data, size_t n)
{
    stt_t *s = self;
    va_rc_t rc = va_buf_append(&s->body, data, n);

    return rc == VA_OK ? VA_OK
                       : va_ai_reader_fail(s->r, rc, "no room for the answer");
}

static bool is_space(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7f;
}

/* Some servers put every segment on a line of its own. */
static va_str_t one_line(va_buf_t *b, va_str_t text)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        if (!is_space(text.data[i])) {
            va_buf_append(b, text.data + i, 1);
        } else if (b->len != 0 && b->data[b->len - 1] != ' ') {
            va_buf_puts(b, " ");
        }
    }
    if (b->len != 0 && b->data[b->len - 1] == ' ') {
        b->len--;
    }
    return va_buf_view(b);
}

static va_rc_t tell(stt_t *s, va_json_t *v)
{
    va_str_t text = va_json_str(v, "text");
    double confidence = va_json_num(v, "confidence", -1);
    va_buf_t line;
    va_rc_t rc;

    va_buf_init(&line, BODY_MAX);
    if (va_ai_has_error(v)) {
        rc = va_ai_reader_fail_json(s->r, "", v);
    } else if (text.data == NULL) {
        rc = va_ai_reader_fail(s->r, VA_INVALID, "the answer has no text");
    } else {
        text = one_line(&line, text);
        if (!(confidence >= 0 && confidence <= 1)) {
            confidence = -1;
        }
        rc = line.rc != VA_OK
                 ? va_ai_reader_fail(s->r, line.rc, "out of memory")
                 : va_ai_emit(s->r, VA_AI_TEXT, text, (float)confidence);
    }
    va_buf_free(&line);
    return rc;
}

static va_rc_t stt_finish(void *self)
{
    stt_t *s = self;
    char why[128];
    va_json_t *v = va_json_parse(va_buf_view(&s->body), why, sizeof(why));
    va_rc_t rc;

    if (v == NULL) {
        return va_ai_reader_fail(s->r, VA_INVALID, "the answer is not JSON: %s",
                                 why);
    }
    rc = tell(s, v);
    va_json_free(v);
    return rc;
}

const va_ai_reader_ops_t va_openai_stt_reader = {
    .body_max = BODY_MAX,
    .create = stt_create,
    .destroy = stt_destroy,
    .head = stt_head,
    .feed = stt_feed,
    .finish = stt_finish,
};
