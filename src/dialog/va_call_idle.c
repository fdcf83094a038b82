#include <string.h>

#include "va_call_state.h"

#define VA_DIGITS_MS 2000 /* an entry ends so long after its last key */

/* Returns whether keys wait until the assistant has finished. */
static bool va_call_keys_held(const va_call_t *call)
{
    return call->conf.keys_wait && va_call_busy(call);
}

static void va_call_digits_end(va_call_t *call, uint64_t now_ms)
{
    va_str_t digits = {call->digits, call->digit_count};

    call->digit_count = 0;
    if (digits.len != 0) {
        va_call_on_interrupt(call, now_ms);
        va_call_claim(call);
        memset(&call->times, 0, sizeof(call->times));
        call->act(call->ctx, &(va_action_t){.type = VA_ACT_HEARD,
                                            .text = digits,
                                            .confidence = 1});
        va_call_understood(call, digits, 1);
    }
}

void va_call_on_dtmf(va_call_t *call, char digit, uint64_t now_ms)
{
    if (call->ended) {
        return;
    }
    if (!va_call_keys_held(call)) {
        va_call_on_interrupt(call, now_ms);
    }
    if (digit == '#' && call->digit_count > 0) {
        call->digits_end = now_ms;
    } else if (call->digit_count < VA_DIGITS) {
        call->digits[call->digit_count++] = digit;
        call->digits_end =
            now_ms + (call->digit_count < VA_DIGITS ? VA_DIGITS_MS : 0);
    }
    va_call_keys_tick(call, now_ms);
    va_call_rest(call, now_ms);
}

void va_call_keys_tick(va_call_t *call, uint64_t now_ms)
{
    if (call->digit_count > 0 && now_ms >= call->digits_end &&
        !va_call_keys_held(call)) {
        va_call_digits_end(call, now_ms);
    }
}

uint64_t va_call_keys_deadline(const va_call_t *call)
{
    return call->digit_count > 0 && !va_call_keys_held(call) ? call->digits_end
                                                             : UINT64_MAX;
}

/* Returns whether nobody speaks and nothing is awaited but the caller. */
static bool va_call_idle(const va_call_t *call)
{
    bool talking = va_listener_talking(call->listener) &&
                   (call->committed || va_listener_voiced(call->listener) >=
                                           call->conf.min_speech_ms);

    return call->started && !call->ended && !call->speech.active &&
           call->llm == 0 && call->stt == 0 && !call->waiting && !talking &&
           call->digit_count == 0;
}

void va_call_rest(va_call_t *call, uint64_t now_ms)
{
    if (!va_call_idle(call)) {
        call->idle = false;
    } else if (!call->idle) {
        call->idle = true;
        call->quiet_since = now_ms;
    }
}

/* Ends the conversation, whatever is going on. */
static void va_call_cut_off(va_call_t *call, uint64_t now_ms)
{
    unsigned interruptions = call->stat.interruptions;

    va_call_stop(call, true, now_ms);
    va_call_claim(call);
    call->stat.interruptions = interruptions;
    va_call_hang_up(call);
}

/* The caller says nothing. */
static void va_call_prompt(va_call_t *call, uint64_t now_ms)
{
    const va_call_conf_t *conf = &call->conf;
    bool enough =
        conf->silence_prompts != 0 && call->prompts >= conf->silence_prompts;
    va_str_t text = enough ? conf->farewell : conf->silence_prompt;

    call->prompts++;
    call->quiet_since = now_ms;
    va_call_claim(call);
    memset(&call->times, 0, sizeof(call->times));
    if (text.len != 0) {
        call->hangup = enough;
        va_call_speak(call, text, now_ms);
        va_call_settle(call, now_ms);
    } else if (enough) {
        va_call_hang_up(call);
    }
}

/* Returns when the warning is due, UINT64_MAX if there is none. */
static uint64_t va_call_warning_at(const va_call_t *call)
{
    const va_call_conf_t *conf = &call->conf;

    if (conf->max_ms == 0 || conf->warning.len == 0 || call->warned ||
        !call->started || conf->warning_ms >= conf->max_ms) {
        return UINT64_MAX;
    }
    return call->begin + conf->max_ms - conf->warning_ms;
}

/* Returns when it is due if nobody lets it in between. */
static uint64_t va_call_warning_forced(const va_call_t *call)
{
    uint64_t at = va_call_warning_at(call);

    return at == UINT64_MAX ? at : at + call->conf.warning_ms / 2;
}

static uint64_t va_call_max_at(const va_call_t *call)
{
    return call->conf.max_ms != 0 && call->started
               ? call->begin + call->conf.max_ms
               : UINT64_MAX;
}

static uint64_t va_call_prompt_at(const va_call_t *call)
{
    return call->conf.silence_ms != 0 && call->idle
               ? call->quiet_since + call->conf.silence_ms
               : UINT64_MAX;
}

void va_call_idle_tick(va_call_t *call, uint64_t now_ms)
{
    bool idle;

    va_call_rest(call, now_ms);
    idle = call->idle;
    if (call->ended) {
        return;
    }
    if (now_ms >= va_call_max_at(call)) {
        va_call_cut_off(call, now_ms);
    } else if (now_ms >= va_call_warning_forced(call) ||
               (idle && now_ms >= va_call_warning_at(call))) {
        call->warned = true;
        va_call_on_say(call, call->conf.warning, false, now_ms);
    } else if (now_ms >= va_call_prompt_at(call)) {
        va_call_prompt(call, now_ms);
    }
}

uint64_t va_call_idle_deadline(const va_call_t *call)
{
    uint64_t warning =
        call->idle ? va_call_warning_at(call) : va_call_warning_forced(call);
    uint64_t prompt = va_call_prompt_at(call);
    uint64_t at = va_call_max_at(call);

    at = warning < at ? warning : at;
    return prompt < at ? prompt : at;
}
