#include "va_ai.h"

#include <stdlib.h>
#include <string.h>

#include "va_ai_provider.h"
#include "va_ai_rest.h"
#include "va_ai_voice.h"
#include "va_anthropic.h"
#include "va_assemblyai.h"
#include "va_cartesia.h"
#include "va_deepgram.h"
#include "va_elevenlabs.h"
#include "va_melotts.h"
#include "va_openai.h"
#include "va_webhook.h"

#define HEADER_MAX 8192

/* Kind, stage, URL of its own, request, reader, messages of a stream. */
static const va_ai_provider_t providers[] = {
    {"openai", VA_AI_STT, NULL, va_openai_stt_request, &va_openai_stt_reader,
     NULL},
    {"openai", VA_AI_LLM, NULL, va_openai_chat_request, &va_openai_chat_reader,
     NULL},
    {"openai", VA_AI_TTS, NULL, va_openai_tts_request, &va_openai_tts_reader,
     NULL},
    {"deepgram", VA_AI_STT, "wss://api.deepgram.com/v1",
     va_deepgram_stt_request, &va_deepgram_stt_reader, &va_deepgram_stt_stream},
    {"assemblyai", VA_AI_STT, "wss://streaming.assemblyai.com/v3",
     va_assemblyai_request, &va_assemblyai_reader, &va_assemblyai_stream},
    {"deepgram", VA_AI_TTS, "https://api.deepgram.com/v1",
     va_deepgram_tts_request, &va_ai_voice_ulaw_reader, NULL},
    {"elevenlabs", VA_AI_TTS, "https://api.elevenlabs.io/v1",
     va_elevenlabs_request, &va_ai_voice_ulaw_reader, NULL},
    {"cartesia", VA_AI_TTS, "https://api.cartesia.ai", va_cartesia_request,
     &va_ai_voice_ulaw_reader, NULL},
    {"melotts", VA_AI_TTS, NULL, va_melotts_request, &va_melotts_reader, NULL},
    {"anthropic", VA_AI_LLM, "https://api.anthropic.com/v1",
     va_anthropic_request, &va_anthropic_reader, NULL},
    {"webhook", VA_AI_LLM, NULL, va_webhook_request, &va_webhook_reader, NULL},
    {"tool", VA_AI_REST, NULL, va_tool_request, &va_tool_reader, NULL},
    {"otlp", VA_AI_REST, NULL, va_otlp_request, &va_tool_reader, NULL},
    {"rest", VA_AI_REST, NULL, va_ai_rest_request, &va_ai_rest_reader, NULL},
};

const va_ai_provider_t *va_ai_find(va_str_t kind, va_ai_stage_t stage)
{
    size_t i;

    for (i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
        if (providers[i].stage == stage &&
            va_str_eq(kind, va_str(providers[i].kind))) {
            return &providers[i];
        }
    }
    return NULL;
}

bool va_ai_known(va_str_t kind, va_ai_stage_t stage)
{
    return va_ai_find(kind, stage) != NULL;
}

const char *va_ai_default_url(va_str_t kind, va_ai_stage_t stage)
{
    const va_ai_provider_t *p = va_ai_find(kind, stage);

    return p != NULL ? p->url : NULL;
}

va_rc_t va_ai_request(va_ai_request_t *req, va_str_t kind,
                      const va_ai_conf_t *conf, const va_ai_input_t *in)
{
    const va_ai_provider_t *p = va_ai_find(kind, in->stage);
    va_ai_conf_t with_url = *conf;
    va_rc_t rc;
    size_t i;

    memset(req, 0, sizeof(*req));
    va_buf_init(&req->url, HEADER_MAX);
    va_buf_init(&req->body, VA_AI_BODY_MAX);
    if (p == NULL) {
        return VA_INVALID;
    }
    if (with_url.url.len == 0) {
        with_url.url = va_str(p->url);
    }
    rc = p->request(req, &with_url, in);
    if (rc == VA_OK) {
        rc = req->url.rc;
    }
    for (i = 0; i < req->part_count && rc == VA_OK; i++) {
        rc = req->parts[i].data.rc;
    }
    if (rc == VA_OK && in->traceparent.len != 0) {
        rc = va_ai_add_header(req, "traceparent: ", in->traceparent);
    }
    return rc == VA_OK ? req->body.rc : rc;
}

void va_ai_request_free(va_ai_request_t *req)
{
    size_t i;

    for (i = 0; i < req->header_count; i++) {
        if (req->headers[i].data != NULL) {
            explicit_bzero(req->headers[i].data, req->headers[i].len);
        }
        va_buf_free(&req->headers[i]);
    }
    for (i = 0; i < req->part_count; i++) {
        free(req->parts[i].own_name);
        va_buf_free(&req->parts[i].data);
    }
    va_buf_free(&req->url);
    va_buf_free(&req->body);
    req->header_count = 0;
    req->part_count = 0;
}

va_rc_t va_ai_add_header(va_ai_request_t *req, const char *start,
                         va_str_t value)
{
    va_buf_t *b;
    size_t i;

    if (req->header_count == VA_AI_HEADERS) {
        return VA_LIMIT;
    }
    for (i = 0; i < value.len; i++) {
        if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7f) {
            return VA_INVALID;
        }
    }
    b = &req->headers[req->header_count++];
    va_buf_init(b, HEADER_MAX);
    /* One piece, so that no copy of a secret is left by growing. */
    if (va_buf_reserve(b, strlen(start) + value.len) != NULL) {
        va_buf_puts(b, start);
        va_buf_str(b, value);
    }
    return b->rc;
}

va_buf_t *va_ai_add_part(va_ai_request_t *req, const char *name,
                         const char *filename, const char *type)
{
    va_ai_part_t *part;

    if (req->part_count == VA_AI_PARTS) {
        return NULL;
    }
    part = &req->parts[req->part_count++];
    part->name = name;
    part->filename = filename;
    part->type = type;
    part->own_name = NULL;
    va_buf_init(&part->data, VA_AI_BODY_MAX);
    return &part->data;
}

va_rc_t va_ai_add_text(va_ai_request_t *req, va_str_t name, va_str_t value)
{
    char *own = va_str_dup(name);
    va_buf_t *b;

    if (own == NULL) {
        return VA_NOMEM;
    }
    b = va_ai_add_part(req, own, NULL, NULL);
    if (b == NULL) {
        free(own);
        return VA_LIMIT;
    }
    req->parts[req->part_count - 1].own_name = own;
    return va_buf_str(b, value);
}
