/*
 * The state of a conversation, shared by the files that move it: va_call.c
 * (engines and the assistant's turn), va_call_listen.c (the caller's turn),
 * va_call_barge.c (one into the other), va_call_idle.c (keys and time).
 */
#ifndef VA_CALL_STATE_H
#define VA_CALL_STATE_H

#include "va_call.h"
#include "va_endpoint.h"
#include "va_speech.h"

#define VA_DIGITS 32          /* keys of one entry */
#define VA_CALL_TEXT_MAX 8192 /* of what a recogniser says */

/* The turn that the caller may be finishing: what is being found out about it
   while it may still go on. */
typedef struct {
    bool asked;       /* call->stt is about it */
    bool known;       /* text is the recogniser's answer about all of it */
    bool failed;      /* or it has none: not asked again before the end */
    bool said_over;   /* the recogniser says that it is over */
    va_buf_t text;    /* of the answer */
    va_buf_t partial; /* what a recogniser that listens along has so far */
    float confidence;
    bool guess;      /* the model was asked as if the turn were over */
    bool unanswered; /* the call's, from before the guess */
} va_draft_t;

struct va_call {
    va_call_conf_t conf;
    va_buf_t strings; /* what conf's views point into */
    va_action_pt act;
    void *ctx;
    va_tap_pt tap; /* is told of each input; may be NULL */
    void *tap_ctx;

    va_listener_t *listener;
    va_echo_t *echo; /* knows what was sent and how much of it comes back */
    va_history_t history;
    va_speech_t speech;
    va_call_stat_t stat;
    va_turn_times_t times;
    va_draft_t draft;
    va_pace_t pace;

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
    bool holding;   /* ... for as long as it is not known what it is */
    unsigned reasks;

    bool have_timestamp;
    uint64_t timestamp; /* expected of the next audio */
    uint8_t frame[VA_FRAME];
    size_t frame_len;

    char digits[VA_DIGITS + 1];
    size_t digit_count;
    uint64_t digits_end;

    uint64_t turn_speech_end; /* of the caller's turn that ended last */
    uint64_t turn_end;
    uint32_t need_ms; /* silence that ends the turn, by what is known of it */
    bool streams;     /* the recogniser listens along */

    uint64_t begin;       /* when the conversation began */
    bool idle;            /* nobody speaks, and the caller is awaited ... */
    uint64_t quiet_since; /* ... since */
    unsigned prompts;     /* unanswered, of silence */
    bool warned;          /* that the call is about to end */
};

VA_BEGIN_DECLS

/* What the functions of va_call.h do; those tell the tap of it first. */
void va_call_on_restore(va_call_t *call, const va_turn_t *turn);
void va_call_on_start(va_call_t *call, uint64_t now_ms);
void va_call_on_audio(va_call_t *call, uint64_t timestamp, const uint8_t *ulaw,
                      size_t n, uint64_t now_ms);
void va_call_on_dtmf(va_call_t *call, char digit, uint64_t now_ms);
void va_call_on_mark(va_call_t *call, va_str_t name, uint64_t now_ms);
void va_call_on_partial(va_call_t *call, va_str_t text, uint64_t now_ms);
void va_call_on_endpoint(va_call_t *call, uint64_t now_ms);
void va_call_on_transcript(va_call_t *call, uint32_t request, va_str_t text,
                           float confidence, uint64_t now_ms);
void va_call_on_reply(va_call_t *call, uint32_t request, va_str_t text,
                      uint64_t now_ms);
bool va_call_on_retract(va_call_t *call, uint32_t request);
void va_call_on_reply_end(va_call_t *call, uint32_t request, bool hangup,
                          uint64_t now_ms);
va_rc_t va_call_on_speech(va_call_t *call, uint32_t request,
                          const uint8_t *ulaw, size_t n, uint64_t now_ms);
void va_call_on_speech_end(va_call_t *call, uint32_t request, uint64_t now_ms);
void va_call_on_failed(va_call_t *call, uint32_t request, uint64_t now_ms);
void va_call_on_interrupt(va_call_t *call, uint64_t now_ms);
void va_call_on_say(va_call_t *call, va_str_t text, bool hangup,
                    uint64_t now_ms);
void va_call_on_tick(va_call_t *call, uint64_t now_ms);

/* va_call.c */
void va_call_cancel(va_call_t *call, uint32_t *request);
void va_call_hang_up(va_call_t *call);

/* Ends the assistant's turn before its end; cut: because of the caller. */
void va_call_stop(va_call_t *call, bool cut, uint64_t now_ms);

/* Begins a turn of which the whole text is known. */
void va_call_speak(va_call_t *call, va_str_t text, uint64_t now_ms);
void va_call_apologise(va_call_t *call, uint64_t now_ms);

/* Looks whether the assistant's turn has come to its end. */
void va_call_settle(va_call_t *call, uint64_t now_ms);

/*
 * The assistant has something to say of its own accord: what the caller says
 * from now on is weighed anew.
 */
void va_call_claim(va_call_t *call);

/* Returns whether the assistant is busy with a turn of its own. */
bool va_call_busy(const va_call_t *call);

/* Asks the model, or has the caller's last words answered. */
void va_call_ask(va_call_t *call, bool speculative);

/* The caller's words are known, from the recogniser or from keys. */
void va_call_understood(va_call_t *call, va_str_t text, float confidence);

/* The recogniser's answer about a turn that is over. */
void va_call_told(va_call_t *call, va_str_t text, float confidence,
                  uint64_t now_ms);

/* va_call_listen.c */
void va_draft_init(va_draft_t *draft);
void va_draft_free(va_draft_t *draft);

/* The turn is over, or there is none: the next one begins from nothing. */
void va_call_undraft(va_call_t *call);

/* The caller went on, or the turn is void: what was found out does not hold. */
void va_call_redraft(va_call_t *call);

/* The recogniser has answered about the turn that may not be over. */
void va_call_drafted(va_call_t *call, va_str_t text, float confidence,
                     uint64_t now_ms);

/* The guess was wrong, or nothing came of it. */
void va_call_unguess(va_call_t *call);

/* The times of the caller's last turn become those of the assistant's. */
void va_call_turn_times(va_call_t *call);

/* Gives pending to the recogniser. */
void va_call_transcribe(va_call_t *call);
void va_call_listen_tick(va_call_t *call, uint64_t now_ms);
uint64_t va_call_listen_deadline(const va_call_t *call);

/* va_call_barge.c */

/* The caller's voice, or words of it: does the assistant stop? */
void va_call_barge_voice(va_call_t *call, uint64_t now_ms);
void va_call_barge_words(va_call_t *call, uint64_t now_ms);

/* If the assistant is held: the caller means it, so it stops. */
void va_call_yield(va_call_t *call, uint64_t now_ms);

/* Returns whether the words are more than a sign that the caller listens. */
bool va_call_meant(const va_call_t *call, va_str_t text);

/* It was nothing: the assistant goes on where it was cut. */
void va_call_resume(va_call_t *call, uint64_t now_ms);

/* va_call_idle.c */
void va_call_keys_tick(va_call_t *call, uint64_t now_ms);
uint64_t va_call_keys_deadline(const va_call_t *call);

/* After whatever happened: notes since when nobody speaks. */
void va_call_rest(va_call_t *call, uint64_t now_ms);
void va_call_idle_tick(va_call_t *call, uint64_t now_ms);
uint64_t va_call_idle_deadline(const va_call_t *call);

VA_END_DECLS

#endif
