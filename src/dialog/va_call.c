#include "va_call.h"

#include <stdlib.h>
#include <string.h>

#include "va_call_state.h"
#include "va_responder.h"
#include "va_utterance.h"

#define VA_REASKS 2 /* times in a row that the caller is asked again */
#define VA_CALL_STRINGS 6
#define VA_HEARD_MAX (VA_SPEECH_TEXT + VA_SPEECH_SENTENCES)

/* Copies the strings of conf; views are made when all are in place, because
 * the buffer moves while it grows. */
static va_rc_t va_call_copy_conf(va_call_t *call, const va_call_conf_t *conf)
{
    va_str_t *views[VA_CALL_STRINGS] = {
        &call->conf.greeting,       &call->conf.apology,  &call->conf.reask,
        &call->conf.silence_prompt, &call->conf.farewell, &call->conf.warning};
    size_t at = 0;

    call->conf = *conf;
    for (size_t i = 0; i < VA_CALL_STRINGS; i++) {
        va_buf_str(&call->strings, *views[i]);
    }
    if (call->strings.rc != VA_OK) {
        return call->strings.rc;
    }
    for (size_t i = 0; i < VA_CALL_STRINGS; i++) {
        views[i]->data = call->strings.data + at;
        at += views[i]->len;
    }
    return VA_OK;
}

va_call_t *va_call_new(const va_call_conf_t *conf, va_action_pt act, void *ctx)
{
    va_call_t *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        return NULL;
    }
    call->act = act;
    call->ctx = ctx;
    va_buf_init(&call->strings, VA_CALL_STRINGS * VA_SPEECH_TEXT);
    va_buf_init(&call->pending, 0);
    va_draft_init(&call->draft);
    va_history_init(&call->history);
    va_speech_init(&call->speech, act, ctx, conf->ahead_ms, &call->next_request,
                   &call->times);
    call->speech.alone = conf->speak_alone;
    if (conf->backchannel_ms != 0) {
        va_speech_keep_sent(&call->speech);
    }
    if (va_call_copy_conf(call, conf) == VA_OK) {
        call->conf.listen.pause_ms = VA_ENDPOINT_CANDIDATE_MS;
        call->listener = va_listener_new(&call->conf.listen);
    }
    call->echo = va_echo_new();
    if (call->listener == NULL || call->echo == NULL) {
        va_call_free(call);
        return NULL;
    }
    va_listener_discern(call->listener, call->echo);
    call->speech.echo = call->echo;
    return call;
}

void va_call_free(va_call_t *call)
{
    if (call != NULL) {
        va_listener_free(call->listener);
        va_echo_free(call->echo);
        va_history_free(&call->history);
        va_speech_free(&call->speech);
        va_draft_free(&call->draft);
        va_buf_free(&call->pending);
        va_buf_free(&call->strings);
        free(call);
    }
}

static void va_call_act(va_call_t *call, va_action_type_t type,
                        uint32_t request)
{
    call->act(call->ctx, &(va_action_t){.type = type, .request = request});
}

void va_call_cancel(va_call_t *call, uint32_t *request)
{
    if (*request != 0) {
        va_call_act(call, VA_ACT_CANCEL, *request);
        *request = 0;
    }
}

void va_call_hang_up(va_call_t *call)
{
    if (!call->ended) {
        va_call_cancel(call, &call->stt);
        call->ended = true;
        va_call_act(call, VA_ACT_HANGUP, 0);
    }
}

/* Notes with the assistant's turn how long the caller waited for it. */
static void va_call_timed(va_call_t *call)
{
    const va_turn_times_t *t = &call->times;
    const uint64_t at[VA_TURN_TIMES] = {
        t->turn_end,    t->transcript, t->first_text, t->first_speak,
        t->first_audio, t->first_sent, t->first_heard};
    uint16_t ms[VA_TURN_TIMES];
    uint64_t since;

    if (t->speech_end == 0) {
        return;
    }
    for (size_t i = 0; i < VA_TURN_TIMES; i++) {
        since = at[i] - t->speech_end;
        ms[i] = VA_TURN_NEVER;
        if (at[i] >= t->speech_end) {
            ms[i] = since < VA_TURN_NEVER ? (uint16_t)since : VA_TURN_NEVER - 1;
        }
    }
    va_history_time(&call->history, ms);
}

/* Closes the books of the assistant's turn. */
static void va_call_turn_over(va_call_t *call, va_str_t heard, bool cut)
{
    if (heard.len != 0 && va_history_add(&call->history, VA_ROLE_ASSISTANT,
                                         heard, -1, cut) == VA_OK) {
        va_call_timed(call);
    }
    if (heard.len != 0 || call->speech.sounded) {
        call->stat.assistant_turns++;
        call->act(call->ctx, &(va_action_t){.type = VA_ACT_SPOKE,
                                            .text = heard,
                                            .interrupted = cut,
                                            .times = &call->times});
    }
    memset(&call->times, 0, sizeof(call->times));
}

void va_call_stop(va_call_t *call, bool cut, uint64_t now_ms)
{
    va_buf_t heard;

    va_call_unguess(call);
    call->holding = false;
    va_call_cancel(call, &call->llm);
    if (!call->speech.active) {
        return;
    }
    va_buf_init(&heard, VA_HEARD_MAX);
    va_speech_heard(&call->speech, cut ? now_ms : UINT64_MAX, &heard);
    if (cut && call->speech.sounded) {
        call->stat.interruptions++;
        call->unanswered = false;
    }
    va_speech_stop(&call->speech, cut, now_ms);
    va_call_turn_over(call, va_buf_view(&heard), cut);
    va_buf_free(&heard);
    call->hangup = false;
    call->apology = false;
}

void va_call_speak(va_call_t *call, va_str_t text, uint64_t now_ms)
{
    va_speech_begin(&call->speech);
    va_speech_write(&call->speech, text, true, now_ms);
}

void va_call_apologise(va_call_t *call, uint64_t now_ms)
{
    bool again = call->apology;
    bool hangup = call->hangup || call->farewell;

    call->stat.failures++;
    va_call_stop(call, false, now_ms);
    call->apology = true;
    call->hangup = hangup;
    if (again || call->conf.apology.len == 0) {
        va_speech_tones(&call->speech, now_ms);
    } else {
        va_call_speak(call, call->conf.apology, now_ms);
    }
}

void va_call_settle(va_call_t *call, uint64_t now_ms)
{
    va_speech_t *speech = &call->speech;
    va_str_t text;
    bool hangup;

    if (call->ended || call->draft.guess || !va_speech_done(speech, now_ms)) {
        return;
    }
    text = va_str_trim((va_str_t){speech->text.data, speech->split});
    hangup = call->hangup;
    call->unanswered = false;
    va_speech_stop(speech, false, now_ms);
    va_call_turn_over(call, text, false);
    call->hangup = false;
    call->apology = false;
    if (hangup) {
        va_call_hang_up(call);
    }
}

void va_call_on_restore(va_call_t *call, const va_turn_t *turn)
{
    if (turn->text.len != 0 &&
        va_history_add(&call->history, turn->role, turn->text, turn->confidence,
                       turn->interrupted) == VA_OK) {
        va_history_time(&call->history, turn->ms);
    }
}

void va_call_claim(va_call_t *call)
{
    va_call_redraft(call);
    va_call_cancel(call, &call->stt);
    call->part = false;
    call->waiting = false;
    va_listener_drop(call->listener);
}

bool va_call_busy(const va_call_t *call)
{
    return (call->speech.active || call->llm != 0) && !call->draft.guess;
}

void va_call_on_start(va_call_t *call, uint64_t now_ms)
{
    if (call->started) {
        return;
    }
    call->started = true;
    call->begin = now_ms;
    if (call->ended || va_call_busy(call)) {
        return;
    }
    va_call_claim(call);
    if (call->conf.greeting.len != 0) {
        va_call_speak(call, call->conf.greeting, now_ms);
        va_call_settle(call, now_ms);
    }
    va_call_rest(call, now_ms);
}

void va_call_ask(va_call_t *call, bool speculative)
{
    call->unanswered = true;
    va_speech_begin(&call->speech);
    call->speech.gate = speculative;
    call->llm = ++call->next_request;
    call->act(call->ctx, &(va_action_t){.type = VA_ACT_ASK,
                                        .request = call->llm,
                                        .speculative = speculative});
}

/* Has the caller's last words answered. */
static void va_call_answer(va_call_t *call)
{
    call->farewell =
        va_responder_goodbye(va_history_last(&call->history, VA_ROLE_USER));
    va_call_ask(call, false);
}

void va_call_understood(va_call_t *call, va_str_t text, float confidence)
{
    call->reasks = 0;
    call->prompts = 0;
    call->stat.user_turns++;
    va_history_add(&call->history, VA_ROLE_USER, text, confidence, false);
    va_call_answer(call);
}

/* The recogniser is done with a part of what the caller is saying. */
static void va_call_part_over(va_call_t *call, va_str_t text, float confidence)
{
    call->part = false;
    if (text.len != 0) {
        va_history_add(&call->history, VA_ROLE_USER, text, confidence, false);
        call->unanswered = true;
    }
    if (call->waiting) {
        call->waiting = false;
        va_call_transcribe(call);
    }
}

/* Nothing was understood. */
static void va_call_reask(va_call_t *call, uint64_t now_ms)
{
    if (call->unanswered) {
        va_call_answer(call);
    } else if (call->reasks < VA_REASKS && call->conf.reask.len != 0) {
        call->reasks++;
        va_call_speak(call, call->conf.reask, now_ms);
    }
}

/* The turn is over that the model has been asked about already. */
static void va_call_guessed(va_call_t *call, va_str_t text, uint64_t now_ms)
{
    call->reasks = 0;
    call->prompts = 0;
    call->stat.user_turns++;
    call->draft.guess = false;
    call->farewell = va_responder_goodbye(text);
    if (call->llm != 0) {
        va_call_act(call, VA_ACT_COMMIT, call->llm);
    } else {
        call->hangup = call->hangup || call->farewell;
    }
    va_speech_release(&call->speech, now_ms);
}

void va_call_told(va_call_t *call, va_str_t text, float confidence,
                  uint64_t now_ms)
{
    call->act(call->ctx, &(va_action_t){.type = VA_ACT_HEARD,
                                        .text = text,
                                        .confidence = confidence});
    if (call->part) {
        va_call_part_over(call, text, confidence);
        return;
    }
    va_buf_free(&call->pending);
    call->times.transcript = now_ms;
    if (call->draft.guess) {
        va_call_guessed(call, text, now_ms);
    } else if (text.len != 0) {
        va_call_understood(call, text, confidence);
    } else {
        va_call_reask(call, now_ms);
    }
    va_call_settle(call, now_ms);
}

void va_call_on_transcript(va_call_t *call, uint32_t request, va_str_t text,
                           float confidence, uint64_t now_ms)
{
    if (request == 0 || request != call->stt || call->ended) {
        return;
    }
    call->stt = 0;
    text = va_utterance_trim(text);
    if (call->draft.asked) {
        va_call_drafted(call, text, confidence, now_ms);
    } else if (call->holding && !call->part && !va_call_meant(call, text)) {
        va_buf_free(&call->pending);
        va_call_resume(call, now_ms);
    } else {
        va_call_yield(call, now_ms);
        va_call_told(call, text, confidence, now_ms);
    }
    va_call_rest(call, now_ms);
}

void va_call_on_reply(va_call_t *call, uint32_t request, va_str_t text,
                      uint64_t now_ms)
{
    if (request == 0 || request != call->llm || call->ended) {
        return;
    }
    if (call->times.first_text == 0 && text.len != 0) {
        call->times.first_text = now_ms;
    }
    va_speech_write(&call->speech, text, false, now_ms);
}

bool va_call_on_retract(va_call_t *call, uint32_t request)
{
    if (request == 0 || request != call->llm || call->ended ||
        !va_speech_retract(&call->speech)) {
        return false;
    }
    call->times.first_text = 0;
    return true;
}

/* The assistant's turn has failed. */
static void va_call_broken(va_call_t *call, uint64_t now_ms)
{
    if (call->draft.guess) {
        /* It is asked again when the turn is over. */
        call->stat.failures++;
        va_call_unguess(call);
    } else if (call->holding) {
        /* The caller is talking: no apology into his words. */
        call->stat.failures++;
        va_call_yield(call, now_ms);
    } else {
        va_call_apologise(call, now_ms);
    }
}

void va_call_on_reply_end(va_call_t *call, uint32_t request, bool hangup,
                          uint64_t now_ms)
{
    if (request == 0 || request != call->llm || call->ended) {
        return;
    }
    call->llm = 0;
    call->hangup = hangup || call->farewell;
    va_speech_write(&call->speech, (va_str_t){NULL, 0}, true, now_ms);
    if (call->speech.count == 0 && !call->hangup) {
        va_call_broken(call, now_ms);
    }
    va_call_settle(call, now_ms);
    va_call_rest(call, now_ms);
}

va_rc_t va_call_on_speech(va_call_t *call, uint32_t request,
                          const uint8_t *ulaw, size_t n, uint64_t now_ms)
{
    if (call->ended || !va_speech_owns(&call->speech, request)) {
        return VA_OK;
    }
    return va_speech_audio(&call->speech, request, ulaw, n, now_ms);
}

void va_call_on_speech_end(va_call_t *call, uint32_t request, uint64_t now_ms)
{
    if (call->ended || !va_speech_owns(&call->speech, request)) {
        return;
    }
    va_speech_audio_end(&call->speech, request, now_ms);
    va_call_settle(call, now_ms);
    va_call_rest(call, now_ms);
}

/* The recogniser failed. */
static void va_call_deaf(va_call_t *call, uint64_t now_ms)
{
    call->stt = 0;
    if (call->draft.asked) {
        /* It is asked again when the turn is over. */
        call->stat.failures++;
        call->draft.asked = false;
        call->draft.failed = true;
    } else if (call->part) {
        call->stat.failures++;
        va_call_part_over(call, (va_str_t){NULL, 0}, -1);
    } else {
        va_buf_free(&call->pending);
        va_call_apologise(call, now_ms);
    }
}

void va_call_on_failed(va_call_t *call, uint32_t request, uint64_t now_ms)
{
    if (request == 0 || call->ended) {
        return;
    }
    if (request == call->stt) {
        va_call_deaf(call, now_ms);
    } else if (request == call->llm) {
        call->llm = 0;
        va_call_broken(call, now_ms);
    } else if (va_speech_forget(&call->speech, request)) {
        va_call_broken(call, now_ms);
    }
    va_call_rest(call, now_ms);
}

void va_call_on_interrupt(va_call_t *call, uint64_t now_ms)
{
    if (!call->ended && va_call_busy(call)) {
        va_call_stop(call, true, now_ms);
        call->farewell = false;
        va_call_rest(call, now_ms);
    }
}

void va_call_on_say(va_call_t *call, va_str_t text, bool hangup,
                    uint64_t now_ms)
{
    if (call->ended) {
        return;
    }
    va_call_stop(call, true, now_ms);
    va_call_claim(call);
    call->farewell = false;
    call->hangup = hangup;
    va_call_speak(call, text, now_ms);
    va_call_settle(call, now_ms);
    va_call_rest(call, now_ms);
}

void va_call_on_mark(va_call_t *call, va_str_t name, uint64_t now_ms)
{
    va_speech_mark(&call->speech, name, now_ms);
    va_call_settle(call, now_ms);
    va_call_rest(call, now_ms);
}

void va_call_on_tick(va_call_t *call, uint64_t now_ms)
{
    if (call->ended) {
        return;
    }
    va_call_listen_tick(call, now_ms);
    va_call_keys_tick(call, now_ms);
    va_speech_pump(&call->speech, now_ms);
    va_call_settle(call, now_ms);
    va_call_idle_tick(call, now_ms);
    va_call_rest(call, now_ms);
}

uint64_t va_call_deadline(const va_call_t *call, uint64_t now_ms)
{
    const uint64_t times[] = {va_call_listen_deadline(call),
                              va_speech_deadline(&call->speech, now_ms),
                              va_call_keys_deadline(call),
                              va_call_idle_deadline(call)};
    uint64_t at = UINT64_MAX;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        at = times[i] < at ? times[i] : at;
    }
    return call->ended ? UINT64_MAX : at;
}

va_phase_t va_call_phase(const va_call_t *call)
{
    if (call->ended) {
        return VA_PHASE_ENDED;
    }
    if (call->draft.guess || call->draft.asked) {
        return VA_PHASE_LISTENING; /* so does the caller see it */
    }
    if (call->speech.active && call->speech.count != 0) {
        return VA_PHASE_SPEAKING;
    }
    if (call->llm != 0) {
        return VA_PHASE_THINKING;
    }
    return call->stt != 0 ? VA_PHASE_TRANSCRIBING : VA_PHASE_LISTENING;
}

bool va_call_at_rest(const va_call_t *call)
{
    return va_call_phase(call) == VA_PHASE_LISTENING && !call->speech.active &&
           call->llm == 0 && call->stt == 0 &&
           !va_listener_talking(call->listener) && call->digit_count == 0;
}

const char *va_call_phase_name(va_phase_t phase)
{
    static const char *const names[] = {"listening", "transcribing", "thinking",
                                        "speaking", "ended"};

    return names[phase];
}

const va_history_t *va_call_history(const va_call_t *call)
{
    return &call->history;
}

const va_call_stat_t *va_call_stat(const va_call_t *call)
{
    return &call->stat;
}

size_t va_call_memory(const va_call_t *call)
{
    return sizeof(*call) + call->strings.cap + call->pending.cap +
           va_echo_size() + call->draft.text.cap + call->draft.partial.cap +
           call->history.bytes + call->speech.text.cap +
           call->speech.queue.cap + va_listener_memory(call->listener);
}
