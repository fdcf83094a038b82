/*
 * The conversation of one call: a state machine without I/O.
 *
 * It is fed with what happens (audio, marks, transcripts, pieces of a reply,
 * synthesised speech, the passing of time) and answers with actions.  The
 * same input with the same clock gives the same actions, bit for bit.
 *
 * Requests to engines carry a number.  A result that comes for a number which
 * the call has given up is dropped, so cancelling needs no waiting.
 *
 * All times are milliseconds of one monotonic clock of the caller's choice.
 */
#ifndef VA_CALL_H
#define VA_CALL_H

#include "../base/va_base.h"
#include "va_history.h"
#include "va_listener.h"
#include "va_playout.h"
#include "va_turns.h"

typedef struct {
    va_listener_conf_t listen; /* pause_ms is chosen by the call */
    bool adaptive;             /* the turn's end is found by its words, too */
    uint32_t endpoint_min_ms;  /* of silence end a turn at the soonest then */
    bool preemptive;           /* the model is asked before the turn is over */
    uint32_t min_speech_ms;    /* an utterance with less voice is no turn */
    uint32_t barge_in_ms;      /* voice that interrupts; UINT32_MAX: never */
    unsigned barge_in_words;   /* ... and so many words, if partials come */
    uint32_t backchannel_ms;   /* voice that is more than a "yes, yes"; the
                                  assistant is held until it is known what it
                                  was; 0: every voice interrupts at once */
    bool keys_wait;            /* keys do not interrupt the assistant */
    uint32_t ahead_ms;         /* audio sent ahead of real time, at most */
    bool speak_alone;          /* one sentence at the voice at a time */
    uint32_t silence_ms;       /* nobody speaks for so long: the prompt;
                                  0: never */
    unsigned silence_prompts;  /* so often, then goodbye; 0: for ever */
    uint32_t max_ms;           /* the longest conversation; 0: no bound */
    uint32_t warning_ms;       /* the warning comes so long before its end */
    va_str_t greeting;         /* spoken first; empty: the caller begins */
    va_str_t apology;          /* spoken when an engine failed */
    va_str_t reask;            /* spoken when nothing was understood */
    va_str_t silence_prompt;   /* spoken when the caller is silent */
    va_str_t farewell;         /* spoken before hanging up by ourselves */
    va_str_t warning;          /* spoken before max_ms is over */
} va_call_conf_t;

/* When the stages of one exchange were reached; 0 for never. */
typedef struct {
    uint64_t speech_end;  /* the caller's last voiced frame */
    uint64_t turn_end;    /* the silence was long enough */
    uint64_t transcript;  /* the recogniser answered */
    uint64_t first_text;  /* the model's first words */
    uint64_t first_speak; /* the first sentence went to the voice */
    uint64_t first_audio; /* the voice's first bytes */
    uint64_t first_sent;  /* the first frame went out */
    uint64_t first_heard; /* a mark proved that it was played */
} va_turn_times_t;

typedef enum {
    VA_ACT_MEDIA,      /* send data: mu-law */
    VA_ACT_MARK,       /* send a mark called text */
    VA_ACT_CLEAR,      /* send a clear */
    VA_ACT_TRANSCRIBE, /* recognise data (mu-law); text is what the assistant
                          said last */
    VA_ACT_ASK,        /* ask the model: va_call_history has the messages;
                          speculative: without effects on anything else */
    VA_ACT_COMMIT,     /* the speculative request to the model was right: what
                          it calls for may be done */
    VA_ACT_SPEAK,      /* synthesise text */
    VA_ACT_CANCEL,     /* give up the request */
    VA_ACT_RESUME,     /* there is room again for the request's audio */
    VA_ACT_HEARD,      /* for the log: the caller said text; empty if it was
                          not understood */
    VA_ACT_SPOKE,      /* for the log: the assistant's turn is over; text is
                          what was heard of it */
    VA_ACT_HANGUP      /* the conversation is over */
} va_action_type_t;

typedef struct {
    va_action_type_t type;
    uint32_t request; /* of TRANSCRIBE, ASK, COMMIT, SPEAK, CANCEL,
                         RESUME */
    va_str_t text;
    const uint8_t *data;
    size_t len;
    bool interrupted;             /* of SPOKE: the caller cut it off */
    bool speculative;             /* of ASK: the turn may not be over */
    float confidence;             /* of HEARD */
    const va_turn_times_t *times; /* of SPOKE */
} va_action_t;

/*
 * Receives an action.  Views are valid during the call only, and it must not
 * feed the conversation from inside.
 */
typedef void (*va_action_pt)(void *ctx, const va_action_t *action);

/* What happens to a conversation, one for each function that feeds it. */
typedef enum {
    VA_IN_RESTORE, /* role, text */
    VA_IN_START,
    VA_IN_AUDIO, /* timestamp, data */
    VA_IN_DTMF,  /* digit */
    VA_IN_MARK,  /* text */
    VA_IN_PARTIAL,
    VA_IN_ENDPOINT,
    VA_IN_TRANSCRIPT, /* request, text, confidence */
    VA_IN_REPLY,      /* request, text */
    VA_IN_RETRACT,    /* request */
    VA_IN_REPLY_END,  /* request, hangup */
    VA_IN_SPEECH,     /* request, data */
    VA_IN_SPEECH_END, /* request */
    VA_IN_FAILED,     /* request */
    VA_IN_INTERRUPT,
    VA_IN_SAY, /* text, hangup */
    VA_IN_TICK,
    VA_IN_TYPES
} va_input_type_t;

typedef struct {
    va_input_type_t type;
    uint64_t now_ms;
    uint32_t request;
    uint64_t timestamp;
    va_str_t text;
    const uint8_t *data;
    size_t len;
    float confidence;
    va_role_t role;
    char digit;
    bool hangup;
    const va_turn_t *turn; /* of RESTORE: all of it, or NULL */
} va_input_t;

/* Is told of an input before it has any effect; views as with actions. */
typedef void (*va_tap_pt)(void *ctx, const va_input_t *in);

typedef enum {
    VA_PHASE_LISTENING,
    VA_PHASE_TRANSCRIBING,
    VA_PHASE_THINKING,
    VA_PHASE_SPEAKING,
    VA_PHASE_ENDED
} va_phase_t;

typedef struct {
    unsigned user_turns;      /* turns of the caller that were understood */
    unsigned assistant_turns; /* turns of the assistant */
    unsigned interruptions;
    unsigned resumptions; /* of a sentence that no real interruption cut */
    unsigned failures;    /* of engines */
    unsigned noises;      /* sounds that were no turn */
    uint64_t gaps_ms;     /* audio that the carrier did not send */
} va_call_stat_t;

typedef struct va_call va_call_t;

#define VA_CALL_SPEECH_MAX 16384 /* bytes of audio given at once */

VA_BEGIN_DECLS

/*
 * Returns a conversation, or NULL without memory.  conf is copied, its strings
 * included.
 */
va_call_t *va_call_new(const va_call_conf_t *conf, va_action_pt act, void *ctx);

/* Frees it without any further action. */
void va_call_free(va_call_t *call);

/* Has the tap told of every input from now on; NULL for nobody. */
void va_call_tap(va_call_t *call, va_tap_pt tap, void *ctx);

/*
 * Feeds it with an input, as the function of that name below.  Returns what
 * va_call_speech returns, else VA_OK.
 */
va_rc_t va_call_input(va_call_t *call, const va_input_t *in);

/*
 * Puts a turn of an earlier stream of the same call into the history, before
 * va_call_start.
 */
void va_call_restore(va_call_t *call, const va_turn_t *turn);

/* The stream is open: speaks the greeting. */
void va_call_start(va_call_t *call, uint64_t now_ms);

/*
 * n bytes of the caller's mu-law; timestamp is the carrier's, in ms from the
 * start of the stream.  Audio that the timestamps show to be missing is
 * heard as silence.
 */
void va_call_audio(va_call_t *call, uint64_t timestamp, const uint8_t *ulaw,
                   size_t n, uint64_t now_ms);

/* A key was pressed: 0-9 * # A-D. */
void va_call_dtmf(va_call_t *call, char digit, uint64_t now_ms);

/* A mark came back. */
void va_call_mark(va_call_t *call, va_str_t name, uint64_t now_ms);

/*
 * What a recogniser that listens along understood of the present utterance so
 * far; each text replaces the one before.  VA_ACT_TRANSCRIBE is still asked and
 * has to be answered, with what is known by then.
 */
void va_call_partial(va_call_t *call, va_str_t text, uint64_t now_ms);

/* Such a recogniser says that the utterance is over. */
void va_call_endpoint(va_call_t *call, uint64_t now_ms);

/* The recogniser's whole answer; empty text: it understood nothing. */
void va_call_transcript(va_call_t *call, uint32_t request, va_str_t text,
                        float confidence, uint64_t now_ms);

/* A piece of the model's reply. */
void va_call_reply(va_call_t *call, uint32_t request, va_str_t text,
                   uint64_t now_ms);

/*
 * Takes the pieces of the reply back, so that another engine can give it from
 * its beginning.  Returns whether that could be done: not when the voice was
 * given something of it, or the request was given up.
 */
bool va_call_retract(va_call_t *call, uint32_t request, uint64_t now_ms);

/* The reply is complete; hangup: the call ends when it was heard. */
void va_call_reply_end(va_call_t *call, uint32_t request, bool hangup,
                       uint64_t now_ms);

/*
 * Synthesised audio, at most VA_CALL_SPEECH_MAX bytes (more is VA_LIMIT).
 * VA_OK: taken (or dropped, for a request given up).
 * VA_AGAIN: there is no room; give it again after VA_ACT_RESUME.
 */
va_rc_t va_call_speech(va_call_t *call, uint32_t request, const uint8_t *ulaw,
                       size_t n, uint64_t now_ms);

/* The voice has finished the request. */
void va_call_speech_end(va_call_t *call, uint32_t request, uint64_t now_ms);

/* The engine failed the request; the caller hears the apology. */
void va_call_failed(va_call_t *call, uint32_t request, uint64_t now_ms);

/* Stops the assistant as if the caller had interrupted. */
void va_call_interrupt(va_call_t *call, uint64_t now_ms);

/* Speaks text now, in place of what is being said; hangup as above. */
void va_call_say(va_call_t *call, va_str_t text, bool hangup, uint64_t now_ms);

/* Lets time pass.  To be called at va_call_deadline at the latest. */
void va_call_tick(va_call_t *call, uint64_t now_ms);

/* Returns when va_call_tick must be called, UINT64_MAX for never. */
uint64_t va_call_deadline(const va_call_t *call, uint64_t now_ms);

va_phase_t va_call_phase(const va_call_t *call);

/* Returns whether nobody speaks and nothing is under way: a time to part. */
bool va_call_at_rest(const va_call_t *call);

/* Returns the phase's name for a log line. */
const char *va_call_phase_name(va_phase_t phase);

const va_history_t *va_call_history(const va_call_t *call);

const va_call_stat_t *va_call_stat(const va_call_t *call);

/* Returns the bytes of heap held. */
size_t va_call_memory(const va_call_t *call);

VA_END_DECLS

#endif
