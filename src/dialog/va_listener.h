/*
 * Listens to the caller frame by frame: finds where speech begins, keeps it
 * with a little of what came before, and finds where the turn ends.
 */
#ifndef VA_LISTENER_H
#define VA_LISTENER_H

#include "../audio/va_echo.h"
#include "../base/va_base.h"
#include "../base/va_buf.h"

#define VA_PREROLL_MAX_MS 1000
#define VA_UTTERANCE_MAX_MS 120000

typedef struct {
    uint32_t silence_ms;       /* of silence end a turn: 200.. */
    uint32_t preroll_ms;       /* kept from before the speech: 0..1000 */
    uint32_t max_utterance_ms; /* a turn ends here at the latest */
    uint32_t pause_ms;         /* of silence are told of; 0: never */
} va_listener_conf_t;

typedef enum {
    VA_HEAR_NOTHING,
    VA_HEAR_BEGIN,  /* the caller has begun to talk */
    VA_HEAR_SPEECH, /* and is talking */
    VA_HEAR_PAUSE,  /* he has been silent for pause_ms */
    VA_HEAR_RESUME, /* and goes on after such a pause */
    VA_HEAR_END     /* he has finished: the utterance is ready */
} va_hear_t;

typedef struct va_listener va_listener_t;

VA_BEGIN_DECLS

/* Returns a listener, or NULL without memory.  *conf is copied. */
va_listener_t *va_listener_new(const va_listener_conf_t *conf);

void va_listener_free(va_listener_t *l);

/*
 * Has the listener tell the caller from the echo of what was sent, as e knows
 * it, and from people behind him.  e stays the owner's and outlives it.
 */
void va_listener_discern(va_listener_t *l, va_echo_t *e);

/* Hears the next VA_FRAME bytes of mu-law. */
va_hear_t va_listener_frame(va_listener_t *l, const uint8_t ulaw[VA_FRAME],
                            uint64_t now_ms);

/*
 * Lets time pass without audio: carriers may stop sending when the line is
 * silent, so the end of a turn also comes by the clock.
 */
va_hear_t va_listener_tick(va_listener_t *l, uint64_t now_ms);

/* Returns when va_listener_tick must be called, UINT64_MAX for never. */
uint64_t va_listener_deadline(const va_listener_t *l);

/* Returns whether the caller is talking. */
bool va_listener_talking(const va_listener_t *l);

/* Returns the milliseconds of voice in the utterance so far. */
uint32_t va_listener_voiced(const va_listener_t *l);

/* Returns when the last voiced frame of the utterance was heard. */
uint64_t va_listener_voice_end(const va_listener_t *l);

/*
 * Returns for how long the caller has been silent within the utterance, in ms:
 * by frames, and by the clock where they stay away.
 */
uint32_t va_listener_silence(const va_listener_t *l, uint64_t now_ms);

/* Returns whether the last frame may be the begin of a voice that is not sure
   yet: within the utterance, the caller may just be going on. */
bool va_listener_stirring(const va_listener_t *l);

/* Returns how long the pause was that VA_HEAR_RESUME has ended. */
uint32_t va_listener_resumed(const va_listener_t *l);

/* Returns when the clock will have counted so much silence. */
uint64_t va_listener_silent_at(const va_listener_t *l, uint32_t silence_ms);

/*
 * Returns the utterance as it would be taken if it ended now; valid until the
 * next frame.
 */
va_str_t va_listener_view(const va_listener_t *l);

/* Ends the utterance now, as if VA_HEAR_END had been returned. */
void va_listener_finish(va_listener_t *l);

/*
 * Gives the utterance away after VA_HEAR_END: swaps it into *out, which must
 * be an empty buffer, trimmed to a short tail of silence.
 */
void va_listener_take(va_listener_t *l, va_buf_t *out);

/*
 * Puts earlier audio in front of the utterance being heard, because the caller
 * went on after it had been taken.  Takes the content of *before.  Returns
 * whether both fit into one utterance; if not, *before is freed.
 */
bool va_listener_prepend(va_listener_t *l, va_buf_t *before);

/* Throws the utterance away, if any, and waits for the next beginning. */
void va_listener_drop(va_listener_t *l);

/* Returns the bytes of heap held. */
size_t va_listener_memory(const va_listener_t *l);

VA_END_DECLS

#endif
