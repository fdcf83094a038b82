/*
 * The assistant's turn: text comes in, sentences go to the voice, audio comes
 * back and goes out a bounded time ahead of the caller's ear, with a mark
 * behind each sentence.
 *
 * Part of va_call, which it shares the action callback with.
 */
#ifndef VA_SPEECH_H
#define VA_SPEECH_H

#include "../base/va_base.h"
#include "../base/va_buf.h"
#include "va_call.h"
#include "va_playout.h"
#include "va_speakable.h"

#define VA_SPEECH_TEXT 8192    /* bytes of one turn; the rest is not said */
#define VA_SPEECH_SENTENCES 96 /* of one turn, likewise */
#define VA_SPEECH_QUEUE 32768  /* bytes of audio waiting to be sent */
#define VA_SPEECH_PACKET 800   /* bytes of one media message: 100 ms */
#define VA_SPEECH_AHEAD 2      /* sentences at the voice at once */
#define VA_SPEECH_KEEP 16384   /* bytes of sent audio that can be resent */

typedef struct {
    size_t offset; /* in the turn's text */
    size_t len;
    uint64_t end; /* position of its last sample, UINT64_MAX: not known */
} va_speech_sentence_t;

typedef struct {
    uint32_t request;
    size_t sentence;
    bool held;  /* audio was refused, so a resume is owed */
    bool ended; /* the voice is done */
} va_speech_slot_t;

typedef struct {
    va_action_pt act;
    void *ctx;
    uint32_t ahead_ms;
    uint32_t *next_request;
    va_turn_times_t *times;
    va_echo_t *echo; /* is told what is sent; may be NULL */

    bool active;  /* a turn is going on */
    bool gate;    /* but nothing of it may be sent ... */
    bool held;    /* ... because it was cut: at `cut` */
    bool sounded; /* something was sent */
    uint64_t cut;
    size_t keep;    /* bytes of sent audio that are kept */
    bool text_done; /* no more text will come */
    bool text_full; /* or none that there is room for */
    va_buf_t text;
    va_speakable_t speakable; /* makes the text of what comes */
    va_buf_t words;           /* what it made, empty between calls */
    size_t split;             /* text before it was cut into sentences */
    va_speech_sentence_t sentences[VA_SPEECH_SENTENCES];
    size_t count;
    size_t asked;  /* sentences given to the voice */
    size_t marked; /* sentences whose mark was sent */
    bool alone;    /* a sentence at the voice only when none is there */
    va_speech_slot_t slots[VA_SPEECH_AHEAD]; /* in order; request 0: free */
    va_buf_t queue;
    size_t queue_at; /* bytes of queue that were sent */
    uint64_t queued; /* position of the end of the queue */
    uint32_t begin_mark;
    va_playout_t playout;
} va_speech_t;

VA_BEGIN_DECLS

void va_speech_init(va_speech_t *s, va_action_pt act, void *ctx,
                    uint32_t ahead_ms, uint32_t *next_request,
                    va_turn_times_t *times);

/* Has sent audio kept, so that a turn that is held can go on. */
void va_speech_keep_sent(va_speech_t *s);

void va_speech_free(va_speech_t *s);

/* Begins a turn, in a new generation. */
void va_speech_begin(va_speech_t *s);

/* More text of the turn; done: the last of it. */
void va_speech_write(va_speech_t *s, va_str_t text, bool done, uint64_t now_ms);

/* Drops the text of the turn, if no sentence was made of it; returns whether.
 */
bool va_speech_retract(va_speech_t *s);

/* Returns whether the request is one of this turn's. */
bool va_speech_owns(const va_speech_t *s, uint32_t request);

/*
 * Notes that the request has failed and needs no cancelling.  Returns whether
 * it was one of this turn's; the turn is to be stopped then.
 */
bool va_speech_forget(va_speech_t *s, uint32_t request);

/* As va_call_speech and va_call_speech_end; the request must be owned. */
va_rc_t va_speech_audio(va_speech_t *s, uint32_t request, const uint8_t *ulaw,
                        size_t n, uint64_t now_ms);
void va_speech_audio_end(va_speech_t *s, uint32_t request, uint64_t now_ms);

/* A turn that is two short tones, for when there is no voice. */
void va_speech_tones(va_speech_t *s, uint64_t now_ms);

/* A mark came back. */
void va_speech_mark(va_speech_t *s, va_str_t name, uint64_t now_ms);

/* Sends what is due. */
void va_speech_pump(va_speech_t *s, uint64_t now_ms);

/* Returns when va_speech_pump has something to do, UINT64_MAX for never. */
uint64_t va_speech_deadline(const va_speech_t *s, uint64_t now_ms);

/* Returns whether the whole turn was heard. */
bool va_speech_done(const va_speech_t *s, uint64_t now_ms);

/* Appends what of the turn was heard by now_ms, cut at a word. */
void va_speech_heard(const va_speech_t *s, uint64_t now_ms, va_buf_t *out);

/*
 * Stops the turn for the time being: Twilio drops its audio, nothing more is
 * sent, and the engines go on as far as there is room.
 */
void va_speech_hold(va_speech_t *s, uint64_t now_ms);

/*
 * Goes on with a turn that was held, from a pause before the place where it
 * was cut, or opens the gate of one that was begun behind it.
 */
void va_speech_release(va_speech_t *s, uint64_t now_ms);

/* Returns whether the last sentence that was heard, if in part, is a
   question. */
bool va_speech_asked(const va_speech_t *s);

/* Has Twilio drop what it may still be playing, of whichever turn. */
void va_speech_hush(va_speech_t *s, uint64_t now_ms);

/*
 * Ends the turn: gives up its requests, drops its audio and, when `clear`, has
 * Twilio drop its own.
 */
void va_speech_stop(va_speech_t *s, bool clear, uint64_t now_ms);

VA_END_DECLS

#endif
