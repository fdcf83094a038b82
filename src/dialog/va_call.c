#include "va_call.h"

#include <stdlib.h>
#include <string.h>

#include "va_responder.h"
#include "va_speech.h"

#define VA_DIGITS 32       /* keys of one entry */
#define VA_DIGITS_MS 2000  /* an entry ends so long after its last key */
#define VA_REASKS 2        /* times in a row that the caller is asked again */
#define VA_GAP_MS 40       /* a larger step of the timestamps is a gap */
#define VA_GAP_MAX_MS 5000 /* silence heard for one gap, at most */
#define VA_GAP_ABSURD_MS 3600000 /* a step over it is no gap but nonsense */
#define VA_HEARD_MAX (VA_SPEECH_TEXT + VA_SPEECH_SENTENCES)

struct va_call {
    va_call_conf_t conf;
    va_buf_t strings; /* what conf's views point into */
    va_action_pt act;
    void *ctx;

    va_listener_t *listener;
    va_history_t history;
    va_speech_t speech;
    va_call_stat_t stat;
    va_turn_times_t times;

    uint32_t next_request;
    uint32_t stt; /* outstanding requests, 0 for none */
    uint32_t llm;
    va_buf_t pending; /* the utterance at the recogniser, or waiting for it */
    bool part;        /* at the recogniser is only a part of what is said */
    bool waiting;     /* pending goes to the recogniser after that part */
    bool unanswered;  /* the caller's last words wait for an answer */

    bool started;
    bool ended;
    bool hangup;    /* the call ends when this turn was heard */
    bool farewell;  /* the caller took leave */
    bool apology;   /* this turn is the apology */
    bool committed; /* what the caller is saying now has stopped us */
    unsigned reasks;

    bool have_timestamp;
    uint64_t timestamp; /* expected of the next audio */
    uint8_t frame[VA_FRAME];
    size_t frame_len;

    char digits[VA_DIGITS + 1];
    size_t digit_count;
    uint64_t digits_end;
};

/* Copies the strings of conf; views are made when all are in place, because
 * the buffer moves while it grows. */
static va_rc_t va_call_copy_conf(va_call_t *call, const va_call_conf_t *conf)
{
    va_str_t *views[] = {&call->conf.greeting, &call->conf.apology,
                         &call->conf.reask};
    size_t at = 0;

    call->conf = *conf;
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        va_buf_str(&call->strings, *views[i]);
    }
    if (call->strings.rc != VA_OK) {
        return call->strings.rc;
    }
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
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
    va_buf_init(&call->strings, 3 * VA_SPEECH_TEXT);
    va_buf_init(&call->pending, 0);
    va_history_init(&call->history);
    va_speech_init(&call->speech, act, ctx, conf->ahead_ms, &call->next_request,
                   &call->times);
    call->listener = va_listener_new(&conf->listen);
    if (call->listener == NULL || va_call_copy_conf(call, conf) != VA_OK) {
        va_call_free(call);
        return NULL;
    }
    return call;
}

void va_call_free(va_call_t *call)
{
    if (call != NULL) {
        va_listener_free(call->listener);
        va_history_free(&call->history);
        va_speech_free(&call->speech);
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

static void va_call_cancel(va_call_t *call, uint32_t *request)
{
    if (*request != 0) {
        va_call_act(call, VA_ACT_CANCEL, *request);
        *request = 0;
    }
}

static void va_call_hang_up(va_call_t *call)
{
    if (!call->ended) {
        va_call_cancel(call, &call->stt);
        call->ended = true;
        va_call_act(call, VA_ACT_HANGUP, 0);
    }
}

/* Closes the books of the assistant's turn. */
static void va_call_turn_over(va_call_t *call, va_str_t heard, bool cut)
{
    va_history_add(&call->history, VA_ROLE_ASSISTANT, heard, -1, cut);
    if (heard.len != 0 || call->speech.playout.sent != 0) {
        call->stat.assistant_turns++;
        call->act(call->ctx, &(va_action_t){.type = VA_ACT_SPOKE,
                                            .text = heard,
                                            .interrupted = cut,
                                            .times = &call->times});
    }
    memset(&call->times, 0, sizeof(call->times));
}

/* Ends the assistant's turn before its end; cut: because of the caller. */
static void va_call_stop(va_call_t *call, bool cut, uint64_t now_ms)
{
    va_buf_t heard;

    va_call_cancel(call, &call->llm);
    if (!call->speech.active) {
        return;
    }
    va_buf_init(&heard, VA_HEARD_MAX);
    va_speech_heard(&call->speech, cut ? now_ms : UINT64_MAX, &heard);
    if (cut && call->speech.playout.sent != 0) {
        call->stat.interruptions++;
        call->unanswered = false;
    }
    va_speech_stop(&call->speech, cut, now_ms);
    va_call_turn_over(call, va_buf_view(&heard), cut);
    va_buf_free(&heard);
    call->hangup = false;
    call->apology = false;
}

/* Begins a turn of which the whole text is known. */
static void va_call_speak(va_call_t *call, va_str_t text, uint64_t now_ms)
{
    va_speech_begin(&call->speech);
    va_speech_write(&call->speech, text, true, now_ms);
}

static void va_call_apologise(va_call_t *call, uint64_t now_ms)
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

static va_str_t va_call_trim(va_str_t text)
{
    while (text.len > 0 && (uint8_t)text.data[text.len - 1] <= ' ') {
        text.len--;
    }
    while (text.len > 0 && (uint8_t)text.data[0] <= ' ') {
        text.data++;
        text.len--;
    }
    return text;
}

/* Looks whether the assistant's turn has come to its end. */
static void va_call_settle(va_call_t *call, uint64_t now_ms)
{
    va_speech_t *speech = &call->speech;
    va_str_t text;
    bool hangup;

    if (call->ended || !va_speech_done(speech, now_ms)) {
        return;
    }
    text = va_call_trim((va_str_t){speech->text.data, speech->split});
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

void va_call_restore(va_call_t *call, va_role_t role, va_str_t text)
{
    va_history_add(&call->history, role, text, -1, false);
}

/*
 * The assistant has something to say of its own accord: what the caller says
 * from now on is weighed anew.
 */
static void va_call_claim(va_call_t *call)
{
    va_call_cancel(call, &call->stt);
    call->part = false;
    call->waiting = false;
    va_listener_drop(call->listener);
}

/* Returns whether the assistant is busy with a turn of its own. */
static bool va_call_busy(const va_call_t *call)
{
    return call->speech.active || call->llm != 0;
}

void va_call_start(va_call_t *call, uint64_t now_ms)
{
    if (call->started) {
        return;
    }
    call->started = true;
    if (call->ended || va_call_busy(call)) {
        return;
    }
    va_call_claim(call);
    if (call->conf.greeting.len != 0) {
        va_call_speak(call, call->conf.greeting, now_ms);
        va_call_settle(call, now_ms);
    }
}

static void va_call_ask(va_call_t *call)
{
    call->unanswered = true;
    va_speech_begin(&call->speech);
    call->llm = ++call->next_request;
    va_call_act(call, VA_ACT_ASK, call->llm);
}

/* The caller's speech is long enough to mean it: everything of ours stops. */
static void va_call_commit(va_call_t *call, uint64_t now_ms)
{
    call->committed = true;
    if (call->stt != 0 && !call->part) {
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
    if (va_call_busy(call)) {
        va_call_stop(call, true, now_ms);
    } else {
        va_speech_hush(&call->speech, now_ms);
    }
    call->farewell = false;
}

static void va_call_transcribe(va_call_t *call)
{
    call->stt = ++call->next_request;
    call->act(call->ctx,
              &(va_action_t){
                  .type = VA_ACT_TRANSCRIBE,
                  .request = call->stt,
                  .text = va_history_last(&call->history, VA_ROLE_ASSISTANT),
                  .data = (const uint8_t *)call->pending.data,
                  .len = call->pending.len});
}

static void va_call_turn_end(va_call_t *call, uint64_t now_ms)
{
    uint32_t voiced = va_listener_voiced(call->listener);

    if (voiced < call->conf.min_speech_ms ||
        (!call->committed && (va_call_busy(call) || call->stt != 0))) {
        call->stat.noises++;
        va_listener_drop(call->listener);
        return;
    }
    memset(&call->times, 0, sizeof(call->times));
    call->times.speech_end = va_listener_voice_end(call->listener);
    call->times.turn_end = now_ms;
    va_listener_take(call->listener, &call->pending);
    if (call->pending.rc != VA_OK) {
        va_call_apologise(call, now_ms);
    } else if (call->part) {
        call->waiting = true;
    } else {
        va_call_transcribe(call);
    }
}

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

static void va_call_hear(va_call_t *call, va_hear_t heard, uint64_t now_ms)
{
    switch (heard) {
    case VA_HEAR_NOTHING:
        return;
    case VA_HEAR_BEGIN:
        call->committed = false;
        break;
    case VA_HEAR_SPEECH:
        break;
    case VA_HEAR_END:
        va_call_turn_end(call, now_ms);
        return;
    }
    if (!call->committed &&
        va_listener_voiced(call->listener) >= va_call_threshold(call)) {
        va_call_commit(call, now_ms);
    }
}

static void va_call_frame(va_call_t *call, const uint8_t *frame,
                          uint64_t now_ms)
{
    va_call_hear(call, va_listener_frame(call->listener, frame, now_ms),
                 now_ms);
}

/*
 * Hears silence where the timestamps show that n bytes are not all there is.
 * Late and repeated audio is heard as it comes; only a step far back starts
 * the count anew.
 */
static void va_call_gap(va_call_t *call, uint64_t timestamp, size_t n,
                        uint64_t now_ms)
{
    uint64_t next = timestamp + n / (VA_RATE / 1000);
    uint64_t gap = timestamp - call->timestamp;
    uint8_t silence[VA_FRAME];

    if (call->have_timestamp && timestamp < call->timestamp &&
        call->timestamp - timestamp <= VA_GAP_MAX_MS) {
        call->timestamp = next > call->timestamp ? next : call->timestamp;
        return;
    }
    if (call->have_timestamp && timestamp > call->timestamp &&
        gap >= VA_GAP_MS && gap <= VA_GAP_ABSURD_MS) {
        call->stat.gaps_ms += gap;
        memset(silence, VA_ULAW_SILENCE, sizeof(silence));
        for (uint64_t ms = 0; ms + VA_FRAME_MS <= gap && ms < VA_GAP_MAX_MS;
             ms += VA_FRAME_MS) {
            va_call_frame(call, silence, now_ms);
        }
    }
    call->have_timestamp = true;
    call->timestamp = next;
}

void va_call_audio(va_call_t *call, uint64_t timestamp, const uint8_t *ulaw,
                   size_t n, uint64_t now_ms)
{
    size_t piece;

    if (call->ended) {
        return;
    }
    va_call_gap(call, timestamp, n, now_ms);
    if (call->frame_len == 0) {
        for (; n >= VA_FRAME; n -= VA_FRAME, ulaw += VA_FRAME) {
            va_call_frame(call, ulaw, now_ms);
        }
    }
    while (n > 0) {
        piece = VA_FRAME - call->frame_len;
        piece = n < piece ? n : piece;
        memcpy(call->frame + call->frame_len, ulaw, piece);
        call->frame_len += piece;
        ulaw += piece;
        n -= piece;
        if (call->frame_len == VA_FRAME) {
            call->frame_len = 0;
            va_call_frame(call, call->frame, now_ms);
        }
    }
    va_speech_pump(&call->speech, now_ms);
    va_call_settle(call, now_ms);
}

/* Has the caller's last words answered. */
static void va_call_answer(va_call_t *call)
{
    call->farewell =
        va_responder_goodbye(va_history_last(&call->history, VA_ROLE_USER));
    va_call_ask(call);
}

/* The caller's words are known, from the recogniser or from keys. */
static void va_call_understood(va_call_t *call, va_str_t text, float confidence)
{
    call->reasks = 0;
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

/* Returns the words of a transcript, nothing if it is but punctuation. */
static va_str_t va_call_words(va_str_t text)
{
    text = va_call_trim(text);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.data[i];

        if (c >= 0x80 || (c >= '0' && c <= '9') ||
            ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) {
            return text;
        }
    }
    return (va_str_t){NULL, 0};
}

void va_call_transcript(va_call_t *call, uint32_t request, va_str_t text,
                        float confidence, uint64_t now_ms)
{
    if (request == 0 || request != call->stt || call->ended) {
        return;
    }
    call->stt = 0;
    text = va_call_words(text);
    call->act(call->ctx, &(va_action_t){.type = VA_ACT_HEARD,
                                        .text = text,
                                        .confidence = confidence});
    if (call->part) {
        va_call_part_over(call, text, confidence);
        return;
    }
    va_buf_free(&call->pending);
    call->times.transcript = now_ms;
    if (text.len != 0) {
        va_call_understood(call, text, confidence);
    } else if (call->unanswered) {
        va_call_answer(call);
    } else if (call->reasks < VA_REASKS && call->conf.reask.len != 0) {
        call->reasks++;
        va_call_speak(call, call->conf.reask, now_ms);
    }
    va_call_settle(call, now_ms);
}

void va_call_reply(va_call_t *call, uint32_t request, va_str_t text,
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

void va_call_reply_end(va_call_t *call, uint32_t request, bool hangup,
                       uint64_t now_ms)
{
    if (request == 0 || request != call->llm || call->ended) {
        return;
    }
    call->llm = 0;
    call->hangup = hangup || call->farewell;
    va_speech_write(&call->speech, (va_str_t){NULL, 0}, true, now_ms);
    if (call->speech.count == 0 && !call->hangup) {
        va_call_apologise(call, now_ms);
    }
    va_call_settle(call, now_ms);
}

va_rc_t va_call_speech(va_call_t *call, uint32_t request, const uint8_t *ulaw,
                       size_t n, uint64_t now_ms)
{
    if (call->ended || !va_speech_owns(&call->speech, request)) {
        return VA_OK;
    }
    return va_speech_audio(&call->speech, request, ulaw, n, now_ms);
}

void va_call_speech_end(va_call_t *call, uint32_t request, uint64_t now_ms)
{
    if (call->ended || !va_speech_owns(&call->speech, request)) {
        return;
    }
    va_speech_audio_end(&call->speech, request, now_ms);
    va_call_settle(call, now_ms);
}

void va_call_failed(va_call_t *call, uint32_t request, uint64_t now_ms)
{
    if (request == 0 || call->ended) {
        return;
    }
    if (request == call->stt) {
        call->stt = 0;
        if (call->part) {
            call->stat.failures++;
            va_call_part_over(call, (va_str_t){NULL, 0}, -1);
            return;
        }
        va_buf_free(&call->pending);
    } else if (request == call->llm) {
        call->llm = 0;
    } else if (!va_speech_forget(&call->speech, request)) {
        return;
    }
    va_call_apologise(call, now_ms);
}

void va_call_interrupt(va_call_t *call, uint64_t now_ms)
{
    if (!call->ended && va_call_busy(call)) {
        va_call_stop(call, true, now_ms);
        call->farewell = false;
    }
}

void va_call_say(va_call_t *call, va_str_t text, bool hangup, uint64_t now_ms)
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
}

void va_call_mark(va_call_t *call, va_str_t name, uint64_t now_ms)
{
    va_speech_mark(&call->speech, name, now_ms);
    va_call_settle(call, now_ms);
}

static void va_call_digits_end(va_call_t *call, uint64_t now_ms)
{
    va_str_t digits = {call->digits, call->digit_count};

    call->digit_count = 0;
    if (digits.len != 0) {
        va_call_interrupt(call, now_ms);
        va_call_claim(call);
        memset(&call->times, 0, sizeof(call->times));
        call->act(call->ctx, &(va_action_t){.type = VA_ACT_HEARD,
                                            .text = digits,
                                            .confidence = 1});
        va_call_understood(call, digits, 1);
    }
}

void va_call_dtmf(va_call_t *call, char digit, uint64_t now_ms)
{
    if (call->ended) {
        return;
    }
    va_call_interrupt(call, now_ms);
    if (digit == '#' && call->digit_count > 0) {
        va_call_digits_end(call, now_ms);
        return;
    }
    call->digits[call->digit_count++] = digit;
    call->digits_end = now_ms + VA_DIGITS_MS;
    if (call->digit_count == VA_DIGITS) {
        va_call_digits_end(call, now_ms);
    }
}

void va_call_tick(va_call_t *call, uint64_t now_ms)
{
    if (call->ended) {
        return;
    }
    va_call_hear(call, va_listener_tick(call->listener, now_ms), now_ms);
    if (call->digit_count > 0 && now_ms >= call->digits_end) {
        va_call_digits_end(call, now_ms);
    }
    va_speech_pump(&call->speech, now_ms);
    va_call_settle(call, now_ms);
}

uint64_t va_call_deadline(const va_call_t *call, uint64_t now_ms)
{
    uint64_t at = va_listener_deadline(call->listener);
    uint64_t speech = va_speech_deadline(&call->speech, now_ms);

    if (call->ended) {
        return UINT64_MAX;
    }
    at = speech < at ? speech : at;
    if (call->digit_count > 0 && call->digits_end < at) {
        at = call->digits_end;
    }
    return at;
}

va_phase_t va_call_phase(const va_call_t *call)
{
    if (call->ended) {
        return VA_PHASE_ENDED;
    }
    if (call->speech.active && call->speech.count != 0) {
        return VA_PHASE_SPEAKING;
    }
    if (call->llm != 0) {
        return VA_PHASE_THINKING;
    }
    return call->stt != 0 ? VA_PHASE_TRANSCRIBING : VA_PHASE_LISTENING;
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
           call->history.bytes + call->speech.text.cap +
           call->speech.queue.cap + va_listener_memory(call->listener);
}
