/*
 * A world for a conversation to live in, on a clock of its own: a carrier that
 * plays what it is sent and returns marks, a caller who talks when the script
 * says so, and engines that answer what and when the script says.
 *
 * Every action is written down, and what must hold for all of them is checked
 * as they come.
 */
#ifndef CALL_WORLD_H
#define CALL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dialog/va_call.h"
#include "dialog/va_speech.h"
#ifdef WORLD_VOICES
#define FAKE_VOICE 0
#else
#include "fake_vad.h"
#endif

#define WORLD_EVENTS 512
#define WORLD_REQUESTS 512
#define WORLD_LINES 4096
#define WORLD_TALKS 16
#define WORLD_CHAR 480 /* bytes of speech made of one character */
#define WORLD_NEVER "\x01"

typedef enum {
    EV_TRANSCRIPT,
    EV_PIECE,
    EV_END,
    EV_FAIL,
    EV_VOICE,
    EV_MARK
} ev_t;

typedef struct {
    uint64_t at;
    uint64_t order;
    ev_t type;
    uint32_t request;
    const char *text;
    size_t len;
    bool hangup;
    char mark[VA_PLAYOUT_NAME];
} world_event_t;

typedef struct {
    va_action_type_t stage; /* VA_ACT_TRANSCRIBE, VA_ACT_ASK, VA_ACT_SPEAK */
    bool open;
    bool held;
    size_t total; /* of a voice: bytes to make */
    size_t made;
} world_request_t;

typedef struct {
    va_call_conf_t conf;
    va_call_t *call;
    uint64_t now;

    /* the script */
    const char *const *hears;   /* answers of the recogniser, "!": it fails */
    const char *const *replies; /* "a|b" in pieces, "<" before a piece takes
                                   those before it back, "!" fails, "$" at the
                                   end hangs up, "~" at the end never ends */
    unsigned retracted;         /* pieces of which it could */
    unsigned voice_fails;       /* sentences that the voice fails from now on */
    unsigned voice_breaks;      /* sentences that fail after some audio */
    bool voice_mute;            /* the voice makes no sound */
    uint32_t stt_ms, llm_ms, tts_ms, net_ms;
    uint32_t voice_ms; /* between two pieces of audio */
    size_t voice_piece;
    bool late;       /* engines answer requests that were given up */
    bool lose_marks; /* the carrier never returns any */
    bool echo_marks; /* it returns them at once */
    bool quiet_line; /* it sends nothing while the caller is silent */
    uint64_t talk_from[WORLD_TALKS], talk_to[WORLD_TALKS];
    const uint8_t *talk_sound[WORLD_TALKS]; /* NULL: a voice for the fake */
    const uint8_t *voice;                   /* of the assistant, likewise */
    size_t talks;

    /* the carrier */
    uint64_t start, next_frame;
    uint64_t play_end; /* when it will have played what it holds */
    uint64_t media;    /* bytes sent in all */
    unsigned messages; /* ... in so many */
    uint64_t played_ms;
    unsigned mark_generation, mark_number;
    va_buf_t audio; /* all that was sent */

    /* the engines */
    world_request_t requests[WORLD_REQUESTS];
    uint32_t request_count;
    world_event_t events[WORLD_EVENTS];
    size_t event_count;
    uint64_t order;

    /* what happened */
    bool ended;
    bool times_set;
    va_turn_times_t times; /* of the last turn spoken */
    size_t heard_bytes;    /* of the last utterance */
    va_buf_t utterance;
    va_buf_t log;
    uint64_t run; /* bytes of media since the last line */
    uint64_t run_at;
    uint64_t line_at[WORLD_LINES];
    size_t lines;
} world_t;

static inline void world_line(world_t *w, uint64_t at, const char *text)
{
    assert_true(w->lines < WORLD_LINES);
    w->line_at[w->lines++] = at;
    va_buf_puts(&w->log, text);
    va_buf_puts(&w->log, "\n");
}

static inline void world_flush(world_t *w)
{
    char line[64];

    if (w->run != 0) {
        snprintf(line, sizeof(line), "media %llu", (unsigned long long)w->run);
        w->run = 0;
        world_line(w, w->run_at, line);
    }
}

static inline world_event_t *world_at(world_t *w, uint64_t at, ev_t type,
                                      uint32_t request)
{
    world_event_t *ev = &w->events[w->event_count++];

    assert_true(w->event_count < WORLD_EVENTS);
    *ev = (world_event_t){.at = at, .type = type, .request = request};
    ev->order = w->order++;
    return ev;
}

/* Takes the next line of a script, or one that never answers. */
static inline const char *world_next(const char *const **script)
{
    return *script != NULL && **script != NULL ? *(*script)++ : WORLD_NEVER;
}

static inline void world_transcribe(world_t *w, const va_action_t *a)
{
    const char *text = world_next(&w->hears);

    w->heard_bytes = a->len;
    va_buf_reset(&w->utterance);
    va_buf_append(&w->utterance, a->data, a->len);
    if (strcmp(text, WORLD_NEVER) != 0) {
        world_event_t *ev =
            world_at(w, w->now + w->stt_ms,
                     text[0] == '!' ? EV_FAIL : EV_TRANSCRIPT, a->request);

        ev->text = text;
        ev->len = strlen(text);
    }
}

static inline void world_ask(world_t *w, uint32_t request)
{
    const char *text = world_next(&w->replies);
    uint64_t at = w->now + w->llm_ms;
    world_event_t *ev;

    if (strcmp(text, WORLD_NEVER) == 0) {
        return;
    }
    for (;;) {
        size_t n = strcspn(text, "|!$~");

        ev = world_at(w, at, EV_PIECE, request);
        ev->text = text;
        ev->len = n;
        at += 50;
        text += n;
        if (*text != '|') {
            break;
        }
        text++;
    }
    if (*text != '~') {
        ev = world_at(w, at, *text == '!' ? EV_FAIL : EV_END, request);
        ev->hangup = *text == '$';
    }
}

static inline void world_speak(world_t *w, const va_action_t *a)
{
    world_request_t *r = &w->requests[a->request];

    r->total = w->voice_mute ? 0 : a->text.len * WORLD_CHAR;
    if (w->voice_fails > 0) {
        w->voice_fails--;
        world_at(w, w->now + w->tts_ms, EV_FAIL, a->request);
        return;
    }
    world_at(w, w->now + w->tts_ms, EV_VOICE, a->request);
    if (w->voice_breaks > 0) {
        w->voice_breaks--;
        world_at(w, w->now + w->tts_ms + 1, EV_FAIL, a->request);
    }
}

/* A new request: the numbers are given out in order, each once. */
static inline void world_open(world_t *w, const va_action_t *a)
{
    unsigned open = 0;

    assert_int_equal(a->request, w->request_count + 1);
    assert_true(a->request < WORLD_REQUESTS);
    w->request_count++;
    w->requests[a->request] = (world_request_t){.stage = a->type, .open = true};
    for (uint32_t i = 1; i <= w->request_count; i++) {
        open += w->requests[i].open && w->requests[i].stage == a->type;
    }
    assert_true(open <= (a->type == VA_ACT_SPEAK && !w->conf.speak_alone
                             ? VA_SPEECH_AHEAD
                             : 1));
}

static inline void world_close(world_t *w, uint32_t request)
{
    assert_true(request > 0 && request <= w->request_count);
    assert_true(w->requests[request].open);
    w->requests[request].open = false;
}

static inline void world_media(world_t *w, const va_action_t *a)
{
    uint64_t ms = a->len / (VA_RATE / 1000);

    assert_true(a->len > 0 && a->len % VA_FRAME == 0);
    assert_true(a->len <= VA_SPEECH_PACKET);
    if (w->play_end < w->now) {
        w->play_end = w->now;
    }
    w->play_end += ms;
    w->played_ms += ms;
    assert_true(w->play_end - w->now <= w->conf.ahead_ms + 100);
    w->media += a->len;
    w->messages++;
    w->run_at = w->run == 0 ? w->now : w->run_at;
    w->run += a->len;
    va_buf_append(&w->audio, a->data, a->len);
}

static inline void world_mark(world_t *w, va_str_t name)
{
    uint64_t at = w->play_end > w->now ? w->play_end : w->now;
    unsigned generation, number;
    world_event_t *ev;

    assert_true(name.len < VA_PLAYOUT_NAME);
    assert_int_equal(sscanf(name.data, "g%u:%u", &generation, &number), 2);
    assert_true(generation > w->mark_generation ||
                (generation == w->mark_generation && number > w->mark_number));
    w->mark_generation = generation;
    w->mark_number = number;
    if (w->lose_marks) {
        return;
    }
    at = w->echo_marks ? w->now : at + w->net_ms;
    ev = world_at(w, at, EV_MARK, 0);
    va_str_copy(ev->mark, sizeof(ev->mark), name);
}

/* The carrier drops its audio and returns all marks at once. */
static inline void world_clear(world_t *w)
{
    if (w->play_end > w->now) {
        w->played_ms -= w->play_end - w->now;
        w->play_end = w->now;
    }
    for (size_t i = 0; i < w->event_count; i++) {
        if (w->events[i].type == EV_MARK &&
            w->events[i].at > w->now + w->net_ms) {
            w->events[i].at = w->now + w->net_ms;
        }
    }
}

static inline void world_write(world_t *w, const va_action_t *a)
{
    static const char *const names[] = {
        "media", "mark",   "clear",  "transcribe", "ask",   "commit",
        "speak", "cancel", "resume", "heard",      "spoke", "hangup"};
    char line[256];
    int n;

    world_flush(w);
    n = snprintf(line, sizeof(line), "%s", names[a->type]);
    if (a->request != 0) {
        n += snprintf(line + n, sizeof(line) - (size_t)n, " %u", a->request);
    }
    if (a->speculative) {
        n += snprintf(line + n, sizeof(line) - (size_t)n, " guess");
    }
    if (a->type == VA_ACT_SPOKE && a->interrupted) {
        n += snprintf(line + n, sizeof(line) - (size_t)n, " cut");
    }
    if (a->type != VA_ACT_CLEAR && a->type != VA_ACT_TRANSCRIBE &&
        a->text.len != 0) {
        snprintf(line + n, sizeof(line) - (size_t)n, " %.*s",
                 (int)(a->text.len < 200 ? a->text.len : 200), a->text.data);
    }
    world_line(w, w->now, line);
}

static inline void world_act(void *ctx, const va_action_t *a)
{
    world_t *w = ctx;

    assert_false(w->ended);
    if (a->type != VA_ACT_MEDIA) {
        world_write(w, a);
    }
    switch (a->type) {
    case VA_ACT_MEDIA:
        world_media(w, a);
        break;
    case VA_ACT_MARK:
        world_mark(w, a->text);
        break;
    case VA_ACT_CLEAR:
        world_clear(w);
        break;
    case VA_ACT_TRANSCRIBE:
        world_open(w, a);
        world_transcribe(w, a);
        break;
    case VA_ACT_ASK:
        world_open(w, a);
        world_ask(w, a->request);
        break;
    case VA_ACT_SPEAK:
        assert_true(a->text.len > 0);
        world_open(w, a);
        world_speak(w, a);
        break;
    case VA_ACT_COMMIT:
        assert_true(w->requests[a->request].open);
        assert_int_equal(w->requests[a->request].stage, VA_ACT_ASK);
        break;
    case VA_ACT_CANCEL:
        world_close(w, a->request);
        break;
    case VA_ACT_RESUME:
        assert_true(w->requests[a->request].open);
        assert_true(w->requests[a->request].held);
        w->requests[a->request].held = false;
        world_at(w, w->now, EV_VOICE, a->request);
        break;
    case VA_ACT_HEARD:
        break;
    case VA_ACT_SPOKE:
        w->times = *a->times;
        w->times_set = true;
        break;
    case VA_ACT_HANGUP:
        for (uint32_t i = 1; i <= w->request_count; i++) {
            assert_false(w->requests[i].open);
        }
        w->ended = true;
        break;
    }
}

/* The byte of a request's audio at a position. */
static inline uint8_t world_sound(uint32_t request, size_t at)
{
    return (uint8_t)((request * 37 + at) % 251);
}

/* The voice makes a piece of its audio and tries to hand it over. */
static inline void world_voice(world_t *w, uint32_t request)
{
    world_request_t *r = &w->requests[request];
    uint8_t piece[VA_CALL_SPEECH_MAX];
    size_t n = r->total - r->made;
    const uint8_t *sound = piece;
    va_rc_t rc;

    n = n < w->voice_piece ? n : w->voice_piece;
    for (size_t i = 0; i < n; i++) {
        piece[i] = world_sound(request, r->made + i);
    }
    if (w->voice != NULL) {
        sound = w->voice + r->made;
    }
    if (n != 0) {
        rc = va_call_speech(w->call, request, sound, n, w->now);
        if (rc == VA_AGAIN) {
            assert_true(r->open);
            r->held = true;
            return;
        }
        assert_int_equal(rc, VA_OK);
        r->made += n;
    }
    if (r->made < r->total) {
        world_at(w, w->now + w->voice_ms, EV_VOICE, request);
        return;
    }
    if (r->open) {
        world_close(w, request);
    }
    va_call_speech_end(w->call, request, w->now);
}

static inline void world_deliver(world_t *w, const world_event_t *ev)
{
    va_str_t text = {ev->text, ev->len};

    if (ev->type == EV_MARK) {
        va_call_mark(w->call, va_str(ev->mark), w->now);
        return;
    }
    if (!w->requests[ev->request].open && !w->late) {
        return;
    }
    if (ev->type != EV_PIECE && ev->type != EV_VOICE &&
        w->requests[ev->request].open) {
        world_close(w, ev->request);
    }
    switch (ev->type) {
    case EV_TRANSCRIPT:
        va_call_transcript(w->call, ev->request, text, 0.5F, w->now);
        break;
    case EV_PIECE:
        if (text.len != 0 && text.data[0] == '<') {
            w->retracted += va_call_retract(w->call, ev->request, w->now);
            text.data++;
            text.len--;
        }
        va_call_reply(w->call, ev->request, text, w->now);
        break;
    case EV_END:
        va_call_reply_end(w->call, ev->request, ev->hangup, w->now);
        break;
    case EV_FAIL:
        va_call_failed(w->call, ev->request, w->now);
        break;
    default:
        world_voice(w, ev->request);
        break;
    }
}

static inline void world_frame(world_t *w)
{
    uint8_t frame[VA_FRAME];
    const uint8_t *sound = frame;
    bool voiced = false;

    for (size_t i = 0; i < w->talks; i++) {
        if (w->next_frame >= w->talk_from[i] && w->next_frame < w->talk_to[i]) {
            voiced = true;
            if (w->talk_sound[i] != NULL) {
                sound = w->talk_sound[i] +
                        (w->next_frame - w->talk_from[i]) * (VA_RATE / 1000);
            }
        }
    }
    if (voiced || !w->quiet_line) {
        memset(frame, voiced ? FAKE_VOICE : VA_ULAW_SILENCE, sizeof(frame));
        va_call_audio(w->call, w->next_frame - w->start, sound, VA_FRAME,
                      w->now);
    }
    w->next_frame += VA_FRAME_MS;
}

static inline world_event_t *world_first(world_t *w)
{
    world_event_t *first = NULL;

    for (size_t i = 0; i < w->event_count; i++) {
        world_event_t *ev = &w->events[i];

        if (first == NULL || ev->at < first->at ||
            (ev->at == first->at && ev->order < first->order)) {
            first = ev;
        }
    }
    return first;
}

/* Lets the world go on until a time. */
static inline void world_run(world_t *w, uint64_t until)
{
    uint64_t ticked = 0;
    unsigned idle = 0;

    while (w->call != NULL) {
        world_event_t *ev = world_first(w);
        uint64_t due = va_call_deadline(w->call, w->now);
        uint64_t at = w->next_frame;
        world_event_t copy;

        due = due > w->now ? due : w->now;
        at = due < at ? due : at;
        at = ev != NULL && ev->at < at ? ev->at : at;
        if (at > until) {
            break;
        }
        w->now = at;
        if (ev != NULL && ev->at <= at) {
            copy = *ev;
            *ev = w->events[--w->event_count];
            world_deliver(w, &copy);
        } else if (w->next_frame <= at) {
            world_frame(w);
        } else {
            /* a deadline that no tick satisfies would never let go */
            idle = at == ticked ? idle + 1 : 0;
            assert_true(idle < 5);
            ticked = at;
            va_call_tick(w->call, w->now);
        }
    }
    w->now = until;
    world_flush(w);
}

/* The caller talks for so long, beginning at a time. */
static inline void world_talk(world_t *w, uint64_t from, uint64_t ms)
{
    assert_true(w->talks < WORLD_TALKS);
    w->talk_from[w->talks] = from;
    w->talk_to[w->talks++] = from + ms;
}

static inline void world_init(world_t *w)
{
    memset(w, 0, sizeof(*w));
    w->conf = (va_call_conf_t){
        .listen = {500, 300, 10000, 0},
        .min_speech_ms = 100,
        .barge_in_ms = 200,
        .ahead_ms = 1000,
        .greeting = VA_STR("Hello there."),
        .apology = VA_STR("So sorry."),
        .reask = VA_STR("Pardon?"),
    };
    w->stt_ms = 300;
    w->llm_ms = 200;
    w->tts_ms = 100;
    w->net_ms = 40;
    w->voice_ms = 20;
    w->voice_piece = 4000;
    w->now = w->start = 100000;
    w->next_frame = w->start + VA_FRAME_MS;
    va_buf_init(&w->log, 1 << 20);
    va_buf_init(&w->audio, 1 << 24);
    va_buf_init(&w->utterance, 1 << 20);
}

static inline void world_begin(world_t *w)
{
    w->call = va_call_new(&w->conf, world_act, w);
    assert_non_null(w->call);
    va_call_start(w->call, w->now);
}

static inline void world_free(world_t *w)
{
    va_call_free(w->call);
    va_buf_free(&w->log);
    va_buf_free(&w->audio);
    va_buf_free(&w->utterance);
    w->call = NULL;
}

/* The caller's n bytes of audio, as if they came at once. */
static inline void world_feed(world_t *w, uint64_t timestamp, bool voiced,
                              size_t n)
{
    uint8_t audio[1600];

    memset(audio, voiced ? FAKE_VOICE : VA_ULAW_SILENCE, sizeof(audio));
    va_call_audio(w->call, timestamp, audio, n, w->now);
}

/* Runs until ms after the start. */
static inline void world_until(world_t *w, uint64_t ms)
{
    world_run(w, w->start + ms);
}

static inline void world_expect(world_t *w, const char *log)
{
    world_flush(w);
    assert_string_equal(w->log.data != NULL ? w->log.data : "", log);
}

/* Returns how many lines begin so. */
static inline unsigned world_count(world_t *w, const char *line)
{
    const char *at = w->log.data;
    unsigned n = 0;

    world_flush(w);
    while (at != NULL && *at != '\0') {
        n += strncmp(at, line, strlen(line)) == 0;
        at = strchr(at, '\n') + 1;
    }
    return n;
}

/* Returns the ms from the start to the nth line (from 1) that begins so. */
static inline uint64_t world_when(world_t *w, const char *line, unsigned nth)
{
    const char *at = w->log.data;
    size_t i = 0;

    world_flush(w);
    while (at != NULL && *at != '\0') {
        if (strncmp(at, line, strlen(line)) == 0 && --nth == 0) {
            return w->line_at[i] - w->start;
        }
        at = strchr(at, '\n') + 1;
        i++;
    }
    fail_msg("nothing begins with \"%s\" in\n%s", line, w->log.data);
    return 0;
}

/* Asserts the nth turn of the history. */
static inline void world_turn(world_t *w, size_t i, va_role_t role,
                              const char *text, bool interrupted)
{
    const va_history_t *h = va_call_history(w->call);

    assert_true(i < h->count);
    assert_int_equal(h->turns[i].role, role);
    assert_string_equal(h->turns[i].text, text);
    assert_int_equal(h->turns[i].interrupted, interrupted);
}

#endif
