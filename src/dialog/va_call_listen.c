#include <string.h>

#include "va_call_state.h"
#include "va_responder.h"
#include "va_utterance.h"

#define VA_STIR_MS 60            /* until it shows whether that is a voice */
#define VA_GAP_MS 40             /* a larger step of the timestamps is a gap */
#define VA_GAP_MAX_MS 5000       /* silence heard for one gap, at most */
#define VA_GAP_ABSURD_MS 3600000 /* a step over it is no gap but nonsense */

void va_draft_init(va_draft_t *draft)
{
    memset(draft, 0, sizeof(*draft));
    va_buf_init(&draft->text, VA_CALL_TEXT_MAX);
    va_buf_init(&draft->partial, VA_CALL_TEXT_MAX);
}

void va_draft_free(va_draft_t *draft)
{
    va_buf_free(&draft->text);
    va_buf_free(&draft->partial);
}

void va_call_undraft(va_call_t *call)
{
    va_draft_free(&call->draft);
    va_draft_init(&call->draft);
}

void va_call_unguess(va_call_t *call)
{
    if (!call->draft.guess) {
        return;
    }
    call->draft.guess = false;
    va_call_cancel(call, &call->llm);
    va_speech_stop(&call->speech, false, 0);
    va_history_retract(&call->history);
    call->unanswered = call->draft.unanswered;
    call->hangup = false;
    call->farewell = false;
}

void va_call_redraft(va_call_t *call)
{
    va_call_unguess(call);
    if (call->draft.asked) {
        call->draft.asked = false;
        va_call_cancel(call, &call->stt);
    }
    call->draft.known = false;
    call->draft.failed = false;
    call->draft.said_over = false;
    va_buf_free(&call->draft.text);
}

/* Asks the recogniser about an utterance. */
static void va_call_recognise(va_call_t *call, va_str_t utterance)
{
    call->stt = ++call->next_request;
    call->act(call->ctx, &(va_action_t){.type = VA_ACT_TRANSCRIBE,
                                        .request = call->stt,
                                        .text = va_history_last(
                                            &call->history, VA_ROLE_ASSISTANT),
                                        .data = (const uint8_t *)utterance.data,
                                        .len = utterance.len});
}

void va_call_transcribe(va_call_t *call)
{
    va_call_recognise(call, va_buf_view(&call->pending));
}

/* Returns whether what is being heard would be a turn if it ended now. */
static bool va_call_is_turn(const va_call_t *call)
{
    bool other = call->stt != 0 && !call->draft.asked;

    return va_listener_voiced(call->listener) >= call->conf.min_speech_ms &&
           (call->committed || !(va_call_busy(call) || other));
}

/* The utterance was no turn. */
static void va_call_noise(va_call_t *call)
{
    call->stat.noises++;
    va_call_redraft(call);
    va_call_undraft(call);
    va_listener_drop(call->listener);
}

/* The turn is over and its words are known already. */
static void va_call_foreknown(va_call_t *call, uint64_t now_ms)
{
    va_buf_t text = call->draft.text;

    va_buf_init(&call->draft.text, VA_CALL_TEXT_MAX);
    va_listener_drop(call->listener);
    va_call_told(call, va_buf_view(&text), call->draft.confidence, now_ms);
    va_buf_free(&text);
    va_call_undraft(call);
}

static void va_call_turn_end(va_call_t *call, uint64_t now_ms)
{
    if (!va_call_is_turn(call)) {
        va_call_noise(call);
        return;
    }
    call->turn_speech_end = va_listener_voice_end(call->listener);
    call->turn_end = now_ms;
    if (call->draft.known) {
        va_call_turn_times(call);
        va_call_foreknown(call, now_ms);
        return;
    }
    if (!call->holding) {
        va_call_turn_times(call);
    }
    va_listener_take(call->listener, &call->pending);
    if (call->pending.rc != VA_OK) {
        va_call_redraft(call);
        va_call_apologise(call, now_ms);
    } else if (call->part) {
        call->waiting = true;
    } else if (!call->draft.asked) {
        va_call_transcribe(call);
    } /* else the answer will be about all of it */
    va_call_undraft(call);
}

void va_call_turn_times(va_call_t *call)
{
    if (!call->draft.guess) {
        memset(&call->times, 0, sizeof(call->times));
    }
    call->times.speech_end = call->turn_speech_end;
    call->times.turn_end = call->turn_end;
}

/* The caller pauses: the recogniser begins while it shows whether that is the
   end. */
static void va_call_pause(va_call_t *call)
{
    if ((call->conf.adaptive || call->holding) && call->stt == 0 &&
        !call->waiting && !call->draft.known && !call->draft.failed &&
        va_call_is_turn(call)) {
        call->draft.asked = true;
        va_call_recognise(call, va_listener_view(call->listener));
    }
}

/* Returns the silence that ends the turn. */
static uint32_t va_call_need(const va_call_t *call)
{
    const va_draft_t *draft = &call->draft;
    bool partial = draft->partial.len != 0;
    va_pause_t pause = {
        .known = draft->known || partial,
        .said_over = draft->said_over,
        .text = va_buf_view(draft->known ? &draft->text : &draft->partial),
        .min_ms = call->conf.endpoint_min_ms,
        .max_ms = call->conf.listen.silence_ms};

    return va_endpoint_need(&pause, &call->pace);
}

/* Returns the silence that ends the turn now: a voice that may have begun is
   given the time to show. */
static uint32_t va_call_need_now(const va_call_t *call)
{
    bool stirring = va_listener_stirring(call->listener);

    return call->need_ms + (stirring ? VA_STIR_MS : 0);
}

/* Returns whether the turn may end before the longest silence. */
static bool va_call_may_end(const va_call_t *call)
{
    return call->conf.adaptive && !call->holding &&
           va_listener_talking(call->listener) &&
           (call->draft.known || call->draft.partial.len != 0 ||
            call->draft.said_over);
}

/* Ends the turn if by what is known it is over. */
static void va_call_consider(va_call_t *call, uint64_t now_ms)
{
    if (va_call_may_end(call) &&
        va_listener_silence(call->listener, now_ms) >= va_call_need_now(call)) {
        va_listener_finish(call->listener);
        va_call_turn_end(call, now_ms);
    }
}

/* Something was learnt of the turn. */
static void va_call_learn(va_call_t *call, uint64_t now_ms)
{
    call->need_ms = va_call_need(call);
    va_call_consider(call, now_ms);
}

/* Asks the model as if the turn were over. */
static void va_call_guess(va_call_t *call)
{
    va_str_t text = va_buf_view(&call->draft.text);

    if (!call->conf.preemptive || call->draft.guess || va_call_busy(call) ||
        !va_endpoint_likely(text) ||
        va_history_add(&call->history, VA_ROLE_USER, text,
                       call->draft.confidence, false) != VA_OK) {
        return;
    }
    memset(&call->times, 0, sizeof(call->times));
    call->draft.guess = true;
    call->draft.unanswered = call->unanswered;
    va_call_ask(call, true);
}

void va_call_drafted(va_call_t *call, va_str_t text, float confidence,
                     uint64_t now_ms)
{
    va_draft_t *draft = &call->draft;

    draft->asked = false;
    if (call->holding && !va_call_meant(call, text)) {
        va_listener_drop(call->listener);
        va_call_resume(call, now_ms);
        return;
    }
    va_call_yield(call, now_ms);
    va_buf_reset(&draft->text);
    draft->known = va_buf_str(&draft->text, text) == VA_OK;
    draft->failed = !draft->known;
    draft->confidence = confidence;
    call->need_ms = va_call_need(call);
    if (draft->known &&
        va_listener_silence(call->listener, now_ms) < call->need_ms) {
        va_call_guess(call);
    }
    va_call_consider(call, now_ms);
}

void va_call_on_partial(va_call_t *call, va_str_t text, uint64_t now_ms)
{
    va_draft_t *draft = &call->draft;

    /* What comes when the turn is over is about that turn. */
    call->streams = true;
    if (call->ended || !va_listener_talking(call->listener)) {
        return;
    }
    va_buf_reset(&draft->partial);
    if (va_buf_str(&draft->partial, va_utterance_trim(text)) != VA_OK) {
        va_buf_reset(&draft->partial);
    }
    va_call_barge_words(call, now_ms);
    va_call_learn(call, now_ms);
    va_call_rest(call, now_ms);
}

void va_call_on_endpoint(va_call_t *call, uint64_t now_ms)
{
    if (call->ended || !va_listener_talking(call->listener)) {
        return;
    }
    call->draft.said_over = true;
    va_call_learn(call, now_ms);
    va_call_rest(call, now_ms);
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
    case VA_HEAR_PAUSE:
        va_call_pause(call);
        break;
    case VA_HEAR_RESUME:
        va_pace_note(&call->pace, va_listener_resumed(call->listener));
        va_call_redraft(call);
        break;
    case VA_HEAR_END:
        va_call_turn_end(call, now_ms);
        return;
    }
    va_call_barge_voice(call, now_ms);
    va_call_consider(call, now_ms);
}

static void va_call_frame(va_call_t *call, const uint8_t *frame,
                          uint64_t now_ms)
{
    va_call_hear(call, va_listener_frame(call->listener, frame, now_ms),
                 now_ms);
}

void va_call_listen_tick(va_call_t *call, uint64_t now_ms)
{
    va_call_hear(call, va_listener_tick(call->listener, now_ms), now_ms);
}

uint64_t va_call_listen_deadline(const va_call_t *call)
{
    uint64_t at = va_listener_deadline(call->listener);
    uint64_t end = UINT64_MAX;

    if (va_call_may_end(call)) {
        end = va_listener_silent_at(call->listener, va_call_need_now(call));
    }
    return end < at ? end : at;
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

void va_call_on_audio(va_call_t *call, uint64_t timestamp, const uint8_t *ulaw,
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
    va_call_rest(call, now_ms);
}
