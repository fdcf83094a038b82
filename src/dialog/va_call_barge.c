#include "va_call_state.h"
#include "va_utterance.h"

/* Voice that interrupts also when no words of it were recognised. */
#define VA_WORDLESS_MS 2000

/*
 * Returns how much voice is taken for the wish to speak.  Never less than a
 * turn needs: a sound that stops the assistant and then is no turn would leave
 * both silent.
 */
static uint32_t va_call_threshold(const va_call_t *call)
{
    if (call->conf.barge_in_ms == UINT32_MAX && !va_call_busy(call)) {
        return call->conf.min_speech_ms;
    }
    return call->conf.barge_in_ms > call->conf.min_speech_ms
               ? call->conf.barge_in_ms
               : call->conf.min_speech_ms;
}

/* Returns whether the words of a recogniser that listens along stop us. */
static bool va_call_enough_words(const va_call_t *call)
{
    va_str_t text = va_buf_view(&call->draft.partial);
    unsigned need = call->conf.barge_in_words;

    return va_utterance_words(text) >= (need > 0 ? need : 1) &&
           va_call_meant(call, text);
}

/* Returns whether words have to be waited for before voice counts. */
static bool va_call_wants_words(const va_call_t *call)
{
    return call->conf.barge_in_words != 0 && call->streams &&
           va_call_busy(call) &&
           va_listener_voiced(call->listener) < VA_WORDLESS_MS &&
           !va_call_enough_words(call);
}

/* Everything of ours stops, or waits until it is known what this is. */
static void va_call_quiet(va_call_t *call, uint64_t now_ms)
{
    if (!va_call_busy(call)) {
        va_speech_hush(&call->speech, now_ms);
    } else if (call->conf.backchannel_ms == 0) {
        va_call_stop(call, true, now_ms);
    } else if (!call->holding) {
        call->holding = true;
        va_speech_hold(&call->speech, now_ms);
        return;
    } else {
        return;
    }
    call->farewell = false;
}

/* The caller's speech is long enough to mean it. */
static void va_call_barge(va_call_t *call, uint64_t now_ms)
{
    call->committed = true;
    if (call->stt != 0 && !call->part && !call->draft.asked) {
        /* The caller only paused: what was said before and what comes now is
           one utterance, unless it would be longer than one may be. */
        if (va_listener_prepend(call->listener, &call->pending)) {
            va_call_cancel(call, &call->stt);
        } else {
            call->part = true;
        }
    } else if (call->waiting) {
        va_listener_prepend(call->listener, &call->pending);
        call->waiting = false;
    }
    va_call_quiet(call, now_ms);
}

void va_call_barge_voice(va_call_t *call, uint64_t now_ms)
{
    uint32_t voiced = va_listener_voiced(call->listener);

    if (!va_listener_talking(call->listener)) {
        return;
    }
    if (!call->committed && voiced >= va_call_threshold(call) &&
        !va_call_wants_words(call)) {
        va_call_barge(call, now_ms);
    }
    if (call->committed && voiced >= call->conf.backchannel_ms) {
        va_call_yield(call, now_ms);
    }
}

void va_call_barge_words(va_call_t *call, uint64_t now_ms)
{
    if (call->holding && va_call_enough_words(call)) {
        va_call_yield(call, now_ms);
    } else {
        va_call_barge_voice(call, now_ms);
    }
}

void va_call_yield(va_call_t *call, uint64_t now_ms)
{
    if (call->holding) {
        va_call_stop(call, true, now_ms);
        call->farewell = false;
        if (!va_listener_talking(call->listener)) {
            va_call_turn_times(call);
        }
    }
}

bool va_call_meant(const va_call_t *call, va_str_t text)
{
    if (!va_utterance_backchannel(text)) {
        return va_utterance_words(text) != 0;
    }
    /* A "yes" is an answer to who has just asked something. */
    return va_speech_asked(&call->speech);
}

void va_call_resume(va_call_t *call, uint64_t now_ms)
{
    call->holding = false;
    call->committed = false;
    call->stat.resumptions++;
    va_call_redraft(call);
    va_call_undraft(call);
    va_speech_release(&call->speech, now_ms);
    va_call_settle(call, now_ms);
}
