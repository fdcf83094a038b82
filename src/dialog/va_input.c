#include "va_call_state.h"

void va_call_tap(va_call_t *call, va_tap_pt tap, void *ctx)
{
    call->tap = tap;
    call->tap_ctx = ctx;
}

/* Restores a turn of which maybe only the text is known. */
static void va_input_restore(va_call_t *call, const va_input_t *in)
{
    va_turn_t turn = {.role = in->role, .confidence = -1, .text = in->text};

    for (size_t i = 0; i < VA_TURN_TIMES; i++) {
        turn.ms[i] = VA_TURN_NEVER;
    }
    va_call_on_restore(call, in->turn != NULL ? in->turn : &turn);
}

/* What an engine has to say. */
static va_rc_t va_input_engine(va_call_t *call, const va_input_t *in)
{
    uint64_t now = in->now_ms;

    switch (in->type) {
    case VA_IN_TRANSCRIPT:
        va_call_on_transcript(call, in->request, in->text, in->confidence, now);
        break;
    case VA_IN_PARTIAL:
        va_call_on_partial(call, in->text, now);
        break;
    case VA_IN_ENDPOINT:
        va_call_on_endpoint(call, now);
        break;
    case VA_IN_REPLY:
        va_call_on_reply(call, in->request, in->text, now);
        break;
    case VA_IN_RETRACT:
        return va_call_on_retract(call, in->request) ? VA_OK : VA_INVALID;
    case VA_IN_REPLY_END:
        va_call_on_reply_end(call, in->request, in->hangup, now);
        break;
    case VA_IN_SPEECH:
        return va_call_on_speech(call, in->request, in->data, in->len, now);
    case VA_IN_SPEECH_END:
        va_call_on_speech_end(call, in->request, now);
        break;
    default:
        va_call_on_failed(call, in->request, now);
        break;
    }
    return VA_OK;
}

va_rc_t va_call_input(va_call_t *call, const va_input_t *in)
{
    if (call->tap != NULL) {
        call->tap(call->tap_ctx, in);
    }
    switch (in->type) {
    case VA_IN_RESTORE:
        va_input_restore(call, in);
        return VA_OK;
    case VA_IN_START:
        va_call_on_start(call, in->now_ms);
        return VA_OK;
    case VA_IN_AUDIO:
        va_call_on_audio(call, in->timestamp, in->data, in->len, in->now_ms);
        return VA_OK;
    case VA_IN_DTMF:
        va_call_on_dtmf(call, in->digit, in->now_ms);
        return VA_OK;
    case VA_IN_MARK:
        va_call_on_mark(call, in->text, in->now_ms);
        return VA_OK;
    case VA_IN_INTERRUPT:
        va_call_on_interrupt(call, in->now_ms);
        return VA_OK;
    case VA_IN_SAY:
        va_call_on_say(call, in->text, in->hangup, in->now_ms);
        return VA_OK;
    case VA_IN_TICK:
    case VA_IN_TYPES:
        va_call_on_tick(call, in->now_ms);
        return VA_OK;
    default:
        return va_input_engine(call, in);
    }
}

void va_call_restore(va_call_t *call, const va_turn_t *turn)
{
    va_call_input(call, &(va_input_t){.type = VA_IN_RESTORE,
                                      .role = turn->role,
                                      .text = turn->text,
                                      .turn = turn});
}

void va_call_start(va_call_t *call, uint64_t now_ms)
{
    va_call_input(call, &(va_input_t){.type = VA_IN_START, .now_ms = now_ms});
}

void va_call_audio(va_call_t *call, uint64_t timestamp, const uint8_t *ulaw,
                   size_t n, uint64_t now_ms)
{
    va_call_input(call, &(va_input_t){.type = VA_IN_AUDIO,
                                      .timestamp = timestamp,
                                      .data = ulaw,
                                      .len = n,
                                      .now_ms = now_ms});
}

void va_call_dtmf(va_call_t *call, char digit, uint64_t now_ms)
{
    va_call_input(
        call,
        &(va_input_t){.type = VA_IN_DTMF, .digit = digit, .now_ms = now_ms});
}

void va_call_mark(va_call_t *call, va_str_t name, uint64_t now_ms)
{
    va_call_input(
        call,
        &(va_input_t){.type = VA_IN_MARK, .text = name, .now_ms = now_ms});
}

void va_call_partial(va_call_t *call, va_str_t text, uint64_t now_ms)
{
    va_call_input(
        call,
        &(va_input_t){.type = VA_IN_PARTIAL, .text = text, .now_ms = now_ms});
}

void va_call_endpoint(va_call_t *call, uint64_t now_ms)
{
    va_call_input(call,
                  &(va_input_t){.type = VA_IN_ENDPOINT, .now_ms = now_ms});
}

void va_call_transcript(va_call_t *call, uint32_t request, va_str_t text,
                        float confidence, uint64_t now_ms)
{
    va_call_input(call, &(va_input_t){.type = VA_IN_TRANSCRIPT,
                                      .request = request,
                                      .text = text,
                                      .confidence = confidence,
                                      .now_ms = now_ms});
}

void va_call_reply(va_call_t *call, uint32_t request, va_str_t text,
                   uint64_t now_ms)
{
    va_call_input(call, &(va_input_t){.type = VA_IN_REPLY,
                                      .request = request,
                                      .text = text,
                                      .now_ms = now_ms});
}

bool va_call_retract(va_call_t *call, uint32_t request, uint64_t now_ms)
{
    return va_call_input(call, &(va_input_t){.type = VA_IN_RETRACT,
                                             .request = request,
                                             .now_ms = now_ms}) == VA_OK;
}

void va_call_reply_end(va_call_t *call, uint32_t request, bool hangup,
                       uint64_t now_ms)
{
    va_call_input(call, &(va_input_t){.type = VA_IN_REPLY_END,
                                      .request = request,
                                      .hangup = hangup,
                                      .now_ms = now_ms});
}

va_rc_t va_call_speech(va_call_t *call, uint32_t request, const uint8_t *ulaw,
                       size_t n, uint64_t now_ms)
{
    return va_call_input(call, &(va_input_t){.type = VA_IN_SPEECH,
                                             .request = request,
                                             .data = ulaw,
                                             .len = n,
                                             .now_ms = now_ms});
}

void va_call_speech_end(va_call_t *call, uint32_t request, uint64_t now_ms)
{
    va_call_input(call, &(va_input_t){.type = VA_IN_SPEECH_END,
                                      .request = request,
                                      .now_ms = now_ms});
}

void va_call_failed(va_call_t *call, uint32_t request, uint64_t now_ms)
{
    va_call_input(call, &(va_input_t){.type = VA_IN_FAILED,
                                      .request = request,
                                      .now_ms = now_ms});
}

void va_call_interrupt(va_call_t *call, uint64_t now_ms)
{
    va_call_input(call,
                  &(va_input_t){.type = VA_IN_INTERRUPT, .now_ms = now_ms});
}

void va_call_say(va_call_t *call, va_str_t text, bool hangup, uint64_t now_ms)
{
    va_call_input(call, &(va_input_t){.type = VA_IN_SAY,
                                      .text = text,
                                      .hangup = hangup,
                                      .now_ms = now_ms});
}

void va_call_tick(va_call_t *call, uint64_t now_ms)
{
    va_call_input(call, &(va_input_t){.type = VA_IN_TICK, .now_ms = now_ms});
}
