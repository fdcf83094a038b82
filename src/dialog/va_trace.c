#include "va_trace.h"

#include <stdlib.h>

#include "../wire/va_base64.h"
#include "va_trace_format.h"

#define FIELD(name, kind, member)                                              \
    {                                                                          \
        name, VA_FIELD_##kind, offsetof(va_call_conf_t, member)                \
    }

const va_trace_field_t va_trace_fields[] = {
    FIELD("silence", NUMBER, listen.silence_ms),
    FIELD("preroll", NUMBER, listen.preroll_ms),
    FIELD("max_utterance", NUMBER, listen.max_utterance_ms),
    FIELD("adaptive", BOOL, adaptive),
    FIELD("endpoint_min", NUMBER, endpoint_min_ms),
    FIELD("preemptive", BOOL, preemptive),
    FIELD("min_speech", NUMBER, min_speech_ms),
    FIELD("barge_in", NUMBER, barge_in_ms),
    FIELD("barge_in_words", NUMBER, barge_in_words),
    FIELD("barge_in_hold", NUMBER, backchannel_ms),
    FIELD("keys_wait", BOOL, keys_wait),
    FIELD("ahead", NUMBER, ahead_ms),
    FIELD("silence_timeout", NUMBER, silence_ms),
    FIELD("silence_prompts", NUMBER, silence_prompts),
    FIELD("max", NUMBER, max_ms),
    FIELD("warning_time", NUMBER, warning_ms),
    FIELD("greeting", TEXT, greeting),
    FIELD("apology", TEXT, apology),
    FIELD("reask", TEXT, reask),
    FIELD("silence_prompt", TEXT, silence_prompt),
    FIELD("farewell", TEXT, farewell),
    FIELD("warning", TEXT, warning),
    {NULL, VA_FIELD_NUMBER, 0}};

const char *const va_trace_inputs[VA_IN_TYPES] = {
    "restore",    "start",      "audio",     "dtmf",    "mark",      "partial",
    "endpoint",   "transcript", "reply",     "retract", "reply_end", "speech",
    "speech_end", "failed",     "interrupt", "say",     "tick"};

static const char *const va_trace_actions[] = {
    "media", "mark",   "clear",  "transcribe", "ask",   "commit",
    "speak", "cancel", "resume", "heard",      "spoke", "hangup"};

static unsigned long long va_number(uint64_t n)
{
    return n;
}

va_rc_t va_trace_begin(va_buf_t *out, const va_call_conf_t *conf,
                       va_str_t audio)
{
    const char *comma = "";

    va_buf_puts(out, "{\"trace\":1,\"audio\":");
    va_json_quote(out, audio);
    va_buf_puts(out, ",\"conf\":{");
    for (const va_trace_field_t *f = va_trace_fields; f->name != NULL; f++) {
        const char *member = (const char *)conf + f->offset;

        va_buf_printf(out, "%s\"%s\":", comma, f->name);
        comma = ",";
        if (f->kind == VA_FIELD_NUMBER) {
            va_buf_printf(out, "%u", *(const unsigned *)(const void *)member);
        } else if (f->kind == VA_FIELD_BOOL) {
            va_buf_puts(out, *(const bool *)member ? "true" : "false");
        } else {
            va_json_quote(out, *(const va_str_t *)(const void *)member);
        }
    }
    return va_buf_puts(out, "}}\n");
}

/* Returns whether n bytes are all the same. */
static bool va_trace_flat(const uint8_t *data, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (data[i] != data[0]) {
            return false;
        }
    }
    return n > 0;
}

static void va_trace_audio(va_buf_t *out, const va_input_t *in, uint64_t at)
{
    size_t n = VA_BASE64_LEN(in->len);
    char *text;

    va_buf_printf(out, ",\"n\":%zu", in->len);
    if (va_trace_flat(in->data, in->len)) {
        va_buf_printf(out, ",\"fill\":%u", in->data[0]);
    } else if (at != VA_TRACE_INLINE) {
        va_buf_printf(out, ",\"at\":%llu", va_number(at));
    } else {
        va_buf_puts(out, ",\"data\":\"");
        text = va_buf_reserve(out, n);
        if (text != NULL) {
            va_base64_encode(text, in->data, in->len);
            out->len += n;
        }
        va_buf_puts(out, "\"");
    }
}

va_rc_t va_trace_input(va_buf_t *out, const va_input_t *in, uint64_t begin_ms,
                       uint64_t at)
{
    va_input_type_t type = in->type;
    uint64_t t = in->now_ms > begin_ms ? in->now_ms - begin_ms : 0;

    va_buf_printf(out, "{\"t\":%llu,\"in\":\"%s\"", va_number(t),
                  va_trace_inputs[type]);
    if (in->request != 0) {
        va_buf_printf(out, ",\"request\":%u", in->request);
    }
    if (type == VA_IN_AUDIO) {
        va_buf_printf(out, ",\"ts\":%llu", va_number(in->timestamp));
    }
    if (type == VA_IN_AUDIO || type == VA_IN_SPEECH) {
        va_trace_audio(out, in, at);
    }
    if (type == VA_IN_DTMF) {
        va_buf_puts(out, ",\"digit\":");
        va_json_quote(out, (va_str_t){&in->digit, 1});
    }
    if (type == VA_IN_TRANSCRIPT) {
        va_buf_printf(out, ",\"confidence\":%.3g", (double)in->confidence);
    }
    if (type == VA_IN_RESTORE) {
        va_buf_printf(out, ",\"role\":\"%s\"",
                      in->role == VA_ROLE_USER ? "user" : "assistant");
    }
    if (in->hangup) {
        va_buf_puts(out, ",\"hangup\":true");
    }
    if (in->text.len != 0) {
        va_buf_puts(out, ",\"text\":");
        va_json_quote(out, in->text);
    }
    return va_buf_puts(out, "}\n");
}

/* FNV-1a, 32 bits. */
static uint32_t va_trace_sum(const uint8_t *data, size_t n)
{
    uint32_t sum = 2166136261U;

    for (size_t i = 0; i < n; i++) {
        sum = (sum ^ data[i]) * 16777619U;
    }
    return sum;
}

va_rc_t va_trace_action(va_buf_t *out, const va_action_t *act, uint64_t now_ms,
                        uint64_t begin_ms)
{
    uint64_t t = now_ms > begin_ms ? now_ms - begin_ms : 0;

    va_buf_printf(out, "{\"t\":%llu,\"act\":\"%s\"", va_number(t),
                  va_trace_actions[act->type]);
    if (act->request != 0) {
        va_buf_printf(out, ",\"request\":%u", act->request);
    }
    if (act->len != 0) {
        va_buf_printf(out, ",\"n\":%zu,\"sum\":%u", act->len,
                      va_trace_sum(act->data, act->len));
    }
    if (act->speculative) {
        va_buf_puts(out, ",\"speculative\":true");
    }
    if (act->interrupted) {
        va_buf_puts(out, ",\"interrupted\":true");
    }
    if (act->text.len != 0) {
        va_buf_puts(out, ",\"text\":");
        va_json_quote(out, act->text);
    }
    return va_buf_puts(out, "}\n");
}
