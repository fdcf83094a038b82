#include "va_listener.h"

#include <stdlib.h>
#include <string.h>

#include "../audio/va_vad.h"

#define VA_ONSET_NEED 3  /* speech begins when so many ... */
#define VA_ONSET_OF 5    /* ... of so many frames are voiced */
#define VA_TAIL_MS 240   /* silence kept behind the last voiced frame */
#define VA_PAUSE_MS 600  /* longer pauses are stored as this much */
#define VA_DRIFT_MS 2000 /* frames are not counted over longer pauses */
/* Frames arrive in bursts; the clock only decides when they stay away. */
#define VA_CLOCK_SLACK_MS (10 * VA_FRAME_MS)

struct va_listener {
    va_listener_conf_t conf;
    va_vad_t *vad;
    va_echo_t *echo; /* not ours; NULL: whoever speaks is the caller */
    va_level_t level;
    uint64_t heard_at; /* when the last frame was, by counting */
    bool talking;
    bool paused;    /* VA_HEAR_PAUSE was returned for this silence */
    uint8_t window; /* the last frames' decisions, newest lowest */
    uint32_t voiced_ms;
    uint32_t length_ms;  /* of the utterance, dropped silence included */
    uint32_t silence_ms; /* since the last voiced frame */
    uint32_t resumed_ms; /* the pause before this voice */
    uint64_t voice_end;  /* clock of the last voiced frame */
    size_t voice_len;    /* bytes of the utterance up to it */
    va_buf_t utterance;
    size_t ring_len; /* bytes in use */
    size_t ring_at;  /* next byte to write */
    size_t ring_cap;
    uint8_t ring[]; /* pre-roll */
};

va_listener_t *va_listener_new(const va_listener_conf_t *conf)
{
    /* The onset is confirmed some frames late: the pre-roll counts from the
       first of them. */
    size_t ring = (conf->preroll_ms / VA_FRAME_MS + VA_ONSET_OF) * VA_FRAME;
    va_listener_t *l = calloc(1, sizeof(*l) + ring);

    if (l == NULL) {
        return NULL;
    }
    l->conf = *conf;
    l->ring_cap = ring;
    va_buf_init(&l->utterance,
                (size_t)conf->max_utterance_ms * (VA_RATE / 1000) + ring +
                    VA_FRAME);
    l->vad = va_vad_new();
    if (l->vad == NULL) {
        free(l);
        return NULL;
    }
    return l;
}

void va_listener_free(va_listener_t *l)
{
    if (l != NULL) {
        va_vad_free(l->vad);
        va_buf_free(&l->utterance);
        free(l);
    }
}

void va_listener_discern(va_listener_t *l, va_echo_t *e)
{
    l->echo = e;
    va_level_init(&l->level);
}

/*
 * Returns when the next frame was heard.  Frames are counted, because their
 * arrival jitters; the clock only sets right what the count cannot know.
 */
static uint64_t va_listener_heard_at(va_listener_t *l, uint64_t now_ms)
{
    l->heard_at += VA_FRAME_MS;
    if (l->heard_at > now_ms || l->heard_at + VA_DRIFT_MS < now_ms) {
        l->heard_at = now_ms;
    }
    return l->heard_at;
}

/* Returns whether the caller speaks in the frame. */
static bool va_listener_voiced_frame(va_listener_t *l, const uint8_t *ulaw,
                                     uint64_t now_ms)
{
    int16_t pcm[VA_FRAME];
    bool voiced;

    va_ulaw_decode(pcm, ulaw, VA_FRAME);
    voiced = va_vad_frame(l->vad, pcm);
    if (l->echo != NULL) {
        bool echo =
            va_echo_frame(l->echo, ulaw, va_listener_heard_at(l, now_ms));

        voiced = voiced && !echo;
        voiced =
            !va_level_frame(&l->level, va_vad_level(l->vad), voiced) && voiced;
    }
    return voiced;
}

static void va_ring_put(va_listener_t *l, const uint8_t *frame)
{
    memcpy(l->ring + l->ring_at, frame, VA_FRAME);
    l->ring_at = (l->ring_at + VA_FRAME) % l->ring_cap;
    if (l->ring_len < l->ring_cap) {
        l->ring_len += VA_FRAME;
    }
}

static void va_ring_take(va_listener_t *l)
{
    size_t begin = (l->ring_at + l->ring_cap - l->ring_len) % l->ring_cap;
    size_t first = l->ring_cap - begin;

    if (first > l->ring_len) {
        first = l->ring_len;
    }
    va_buf_append(&l->utterance, l->ring + begin, first);
    va_buf_append(&l->utterance, l->ring, l->ring_len - first);
    l->ring_len = 0;
    l->ring_at = 0;
}

static unsigned va_window_count(const va_listener_t *l)
{
    return (unsigned)__builtin_popcount(l->window & ((1U << VA_ONSET_OF) - 1));
}

static void va_listener_begin(va_listener_t *l)
{
    l->talking = true;
    l->paused = false;
    l->voiced_ms = va_window_count(l) * VA_FRAME_MS;
    l->silence_ms = 0;
    va_buf_reset(&l->utterance);
    va_ring_take(l);
    l->length_ms = (uint32_t)(l->utterance.len / (VA_RATE / 1000));
    l->voice_len = l->utterance.len;
}

/* Returns the bytes of the utterance up to a short tail of silence. */
static size_t va_listener_keep(const va_listener_t *l)
{
    size_t keep = l->voice_len + VA_TAIL_MS * (VA_RATE / 1000);

    return l->utterance.len < keep ? l->utterance.len : keep;
}

static va_hear_t va_listener_end(va_listener_t *l)
{
    size_t keep = va_listener_keep(l);

    l->talking = false;
    l->window = 0;
    if (l->utterance.len > keep) {
        /* The caller may just be going on: what is cut off is what comes
           before that, unless newer frames do already. */
        if (l->ring_len == 0) {
            for (size_t at = keep; at < l->utterance.len; at += VA_FRAME) {
                va_ring_put(l, (const uint8_t *)l->utterance.data + at);
            }
        }
        l->utterance.len = keep;
        l->utterance.data[keep] = '\0';
    }
    return VA_HEAR_END;
}

/* Stores a frame of the utterance; of a long pause only the first part, and
   what turns out to come before the voice that ends it. */
static void va_listener_store(va_listener_t *l, const uint8_t *ulaw,
                              bool confirmed)
{
    if (l->silence_ms >= VA_PAUSE_MS) {
        va_ring_put(l, ulaw);
        if (confirmed) {
            va_ring_take(l);
        }
    } else {
        va_buf_append(&l->utterance, ulaw, VA_FRAME);
    }
}

static va_hear_t va_listener_pause(va_listener_t *l, uint64_t now_ms)
{
    if (!l->paused && l->conf.pause_ms != 0 &&
        va_listener_silence(l, now_ms) >= l->conf.pause_ms) {
        l->paused = true;
        return VA_HEAR_PAUSE;
    }
    return VA_HEAR_SPEECH;
}

va_hear_t va_listener_frame(va_listener_t *l, const uint8_t ulaw[VA_FRAME],
                            uint64_t now_ms)
{
    bool voiced = va_listener_voiced_frame(l, ulaw, now_ms);
    bool confirmed;

    l->window = (uint8_t)(l->window << 1 | (voiced ? 1 : 0));
    if (!l->talking) {
        va_ring_put(l, ulaw);
        if (va_window_count(l) < VA_ONSET_NEED) {
            return VA_HEAR_NOTHING;
        }
        va_listener_begin(l);
        l->voice_end = now_ms;
        return VA_HEAR_BEGIN;
    }
    /* A single voiced frame in silence is a click, not the caller going on. */
    confirmed = voiced && va_window_count(l) >= VA_ONSET_NEED;
    va_listener_store(l, ulaw, confirmed);
    l->length_ms += VA_FRAME_MS;
    if (voiced) {
        l->voiced_ms += VA_FRAME_MS;
    }
    if (confirmed) {
        if (l->paused) {
            l->resumed_ms = l->silence_ms;
        }
        l->silence_ms = 0;
        l->voice_end = now_ms;
        l->voice_len = l->utterance.len;
    } else {
        l->silence_ms += VA_FRAME_MS;
    }
    if (l->silence_ms >= l->conf.silence_ms ||
        l->length_ms >= l->conf.max_utterance_ms) {
        return va_listener_end(l);
    }
    if (confirmed && l->paused) {
        l->paused = false;
        return VA_HEAR_RESUME;
    }
    return va_listener_pause(l, now_ms);
}

va_hear_t va_listener_tick(va_listener_t *l, uint64_t now_ms)
{
    if (!l->talking) {
        return VA_HEAR_NOTHING;
    }
    if (now_ms >= va_listener_silent_at(l, l->conf.silence_ms)) {
        return va_listener_end(l);
    }
    return va_listener_pause(l, now_ms);
}

uint64_t va_listener_silent_at(const va_listener_t *l, uint32_t silence_ms)
{
    return l->voice_end + silence_ms + VA_CLOCK_SLACK_MS;
}

uint32_t va_listener_silence(const va_listener_t *l, uint64_t now_ms)
{
    uint64_t since = l->voice_end + VA_CLOCK_SLACK_MS;
    uint64_t clock = now_ms > since ? now_ms - since : 0;

    return clock > l->silence_ms ? (uint32_t)clock : l->silence_ms;
}

bool va_listener_stirring(const va_listener_t *l)
{
    return l->talking && l->silence_ms != 0 && (l->window & 1) != 0;
}

uint32_t va_listener_resumed(const va_listener_t *l)
{
    return l->resumed_ms;
}

uint64_t va_listener_deadline(const va_listener_t *l)
{
    bool pause = !l->paused && l->conf.pause_ms != 0 &&
                 l->conf.pause_ms < l->conf.silence_ms;

    if (!l->talking) {
        return UINT64_MAX;
    }
    return va_listener_silent_at(l,
                                 pause ? l->conf.pause_ms : l->conf.silence_ms);
}

va_str_t va_listener_view(const va_listener_t *l)
{
    return (va_str_t){l->utterance.data, va_listener_keep(l)};
}

void va_listener_finish(va_listener_t *l)
{
    va_listener_end(l);
}

bool va_listener_talking(const va_listener_t *l)
{
    return l->talking;
}

uint32_t va_listener_voiced(const va_listener_t *l)
{
    return l->voiced_ms;
}

uint64_t va_listener_voice_end(const va_listener_t *l)
{
    return l->voice_end;
}

void va_listener_take(va_listener_t *l, va_buf_t *out)
{
    va_buf_t taken = l->utterance;

    va_buf_init(&l->utterance, taken.max);
    va_buf_free(out);
    *out = taken;
}

bool va_listener_prepend(va_listener_t *l, va_buf_t *before)
{
    size_t had = before->len;
    bool fits =
        had / (VA_RATE / 1000) + l->length_ms < l->conf.max_utterance_ms &&
        va_buf_append(before, l->utterance.data, l->utterance.len) == VA_OK;

    if (fits) {
        va_buf_free(&l->utterance);
        l->utterance = *before;
        l->voice_len += had;
        l->length_ms += (uint32_t)(had / (VA_RATE / 1000));
        va_buf_init(before, before->max);
    } else {
        va_buf_free(before);
    }
    return fits;
}

void va_listener_drop(va_listener_t *l)
{
    l->talking = false;
    l->window = 0;
    l->ring_len = 0;
    l->ring_at = 0;
    va_buf_free(&l->utterance);
}

size_t va_listener_memory(const va_listener_t *l)
{
    return sizeof(*l) + l->ring_cap + l->utterance.cap + va_vad_size();
}
