#include "va_ai_provider.h"

static const va_ai_stream_ops_t *stream_of(va_str_t kind, va_ai_stage_t stage)
{
    const va_ai_provider_t *p = va_ai_find(kind, stage);

    return p != NULL ? p->stream : NULL;
}

bool va_ai_streams(va_str_t kind, va_ai_stage_t stage)
{
    return stream_of(kind, stage) != NULL;
}

va_ai_pace_t va_ai_pace(va_str_t kind, va_ai_stage_t stage)
{
    const va_ai_stream_ops_t *s = stream_of(kind, stage);

    return s != NULL ? s->pace : (va_ai_pace_t){0, 0, 0};
}

va_rc_t va_ai_stream_open(va_str_t kind, const va_ai_conf_t *conf,
                          const va_ai_input_t *in, va_buf_t *out, bool *text)
{
    const va_ai_stream_ops_t *s = stream_of(kind, in->stage);
    va_rc_t rc;

    *text = true;
    if (s == NULL) {
        return VA_INVALID;
    }
    if (s->open == NULL) {
        return VA_AGAIN;
    }
    rc = s->open(conf, in, out, text);
    return rc == VA_OK ? out->rc : rc;
}

va_rc_t va_ai_stream_audio(va_str_t kind, const va_ai_conf_t *conf,
                           const uint8_t *ulaw, size_t n, va_buf_t *out,
                           bool *text)
{
    const va_ai_stream_ops_t *s = stream_of(kind, VA_AI_STT);
    va_rc_t rc;

    *text = false;
    if (s == NULL) {
        return VA_INVALID;
    }
    if (n == 0) {
        return VA_AGAIN;
    }
    if (s->audio == NULL) {
        return va_buf_append(out, ulaw, n);
    }
    rc = s->audio(conf, ulaw, n, out, text);
    return rc == VA_OK ? out->rc : rc;
}

static va_rc_t put(const va_ai_stream_ops_t *s, const char *message,
                   va_buf_t *out, bool *text)
{
    *text = true;
    if (s == NULL) {
        return VA_INVALID;
    }
    return message != NULL ? va_buf_puts(out, message) : VA_AGAIN;
}

va_rc_t va_ai_stream_finalize(va_str_t kind, const va_ai_conf_t *conf,
                              va_buf_t *out, bool *text)
{
    const va_ai_stream_ops_t *s = stream_of(kind, VA_AI_STT);

    (void)conf;
    return put(s, s != NULL ? s->finalize : NULL, out, text);
}

va_rc_t va_ai_stream_keepalive(va_str_t kind, const va_ai_conf_t *conf,
                               va_buf_t *out, bool *text)
{
    const va_ai_stream_ops_t *s = stream_of(kind, VA_AI_STT);

    (void)conf;
    return put(s, s != NULL ? s->keepalive : NULL, out, text);
}

va_rc_t va_ai_stream_close(va_str_t kind, const va_ai_conf_t *conf,
                           va_buf_t *out, bool *text)
{
    const va_ai_stream_ops_t *s = stream_of(kind, VA_AI_STT);

    (void)conf;
    return put(s, s != NULL ? s->close : NULL, out, text);
}
