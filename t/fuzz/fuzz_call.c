/*
 * The bytes are a script of what happens to a conversation: audio, marks,
 * results of engines in any order, right and wrong ones, and time.  Whatever
 * happens, what must hold of its actions holds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake_vad.h"
#include "dialog/va_call.h"
#include "dialog/va_speech.h"

#define REQUESTS 4096
#define MARKS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const uint8_t *data;
    size_t size;
    va_call_t *call;
    va_call_conf_t conf;
    uint64_t now;
    uint64_t stamp;
    uint64_t play_end;
    uint32_t requests;
    va_action_type_t stage[REQUESTS];
    bool open[REQUESTS];
    char marks[MARKS][VA_PLAYOUT_NAME];
    unsigned mark_count;
    unsigned generation, number;
    unsigned long long digest; /* of all actions */
    bool ended;
} fuzz_t;

static void check(int right)
{
    if (!right) {
        abort();
    }
}

static uint8_t next(fuzz_t *f)
{
    if (f->size == 0) {
        return 0;
    }
    f->size--;
    return *f->data++;
}

static void digest(fuzz_t *f, const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        f->digest = f->digest * 1099511628211ULL + ((const uint8_t *)data)[i];
    }
}

static void on_open(fuzz_t *f, const va_action_t *a)
{
    unsigned open = 0;

    check(a->request == f->requests + 1);
    check(a->request < REQUESTS);
    f->requests++;
    f->stage[a->request] = a->type;
    f->open[a->request] = true;
    for (uint32_t i = 1; i <= f->requests; i++) {
        open += f->open[i] && f->stage[i] == a->type;
    }
    check(open <= (a->type == VA_ACT_SPEAK ? VA_SPEECH_AHEAD : 1));
}

static void on_mark(fuzz_t *f, va_str_t name)
{
    unsigned generation, number;

    check(name.len < VA_PLAYOUT_NAME);
    check(sscanf(name.data, "g%u:%u", &generation, &number) == 2);
    check(generation > f->generation ||
          (generation == f->generation && number > f->number));
    f->generation = generation;
    f->number = number;
    va_str_copy(f->marks[f->mark_count++ % MARKS], VA_PLAYOUT_NAME, name);
}

static void on_media(fuzz_t *f, const va_action_t *a)
{
    uint32_t ahead = f->conf.ahead_ms > 100 ? f->conf.ahead_ms : 100;

    check(a->len > 0 && a->len % VA_FRAME == 0 && a->len <= VA_SPEECH_PACKET);
    f->play_end = (f->play_end > f->now ? f->play_end : f->now) + a->len / 8;
    check(f->play_end - f->now <= ahead);
}

static void on_action(void *ctx, const va_action_t *a)
{
    fuzz_t *f = ctx;

    check(!f->ended);
    digest(f, &a->type, sizeof(a->type));
    digest(f, &a->request, sizeof(a->request));
    digest(f, &f->now, sizeof(f->now));
    digest(f, a->text.data, a->text.len);
    digest(f, a->data, a->len);
    switch (a->type) {
    case VA_ACT_MEDIA:
        on_media(f, a);
        break;
    case VA_ACT_MARK:
        on_mark(f, a->text);
        break;
    case VA_ACT_CLEAR:
        f->play_end = f->now;
        break;
    case VA_ACT_TRANSCRIBE:
        check(a->len > 0);
        on_open(f, a);
        break;
    case VA_ACT_ASK:
        check(va_call_history(f->call)->count > 0);
        on_open(f, a);
        break;
    case VA_ACT_SPEAK:
        check(a->text.len > 0);
        on_open(f, a);
        break;
    case VA_ACT_COMMIT:
        check(f->open[a->request] && f->stage[a->request] == VA_ACT_ASK);
        break;
    case VA_ACT_CANCEL:
        check(f->open[a->request]);
        f->open[a->request] = false;
        break;
    case VA_ACT_RESUME:
        check(f->open[a->request] && f->stage[a->request] == VA_ACT_SPEAK);
        break;
    case VA_ACT_HEARD:
        break;
    case VA_ACT_SPOKE:
        check(a->times != NULL);
        break;
    case VA_ACT_HANGUP:
        for (uint32_t i = 1; i <= f->requests; i++) {
            check(!f->open[i]);
        }
        f->ended = true;
        break;
    }
}

/* Chooses a request: mostly the newest open one of the stage. */
static uint32_t choose(fuzz_t *f, va_action_type_t stage, uint8_t how)
{
    uint32_t oldest = 0, newest = 0;

    for (uint32_t i = 1; i <= f->requests; i++) {
        if (f->open[i] && f->stage[i] == stage) {
            oldest = oldest == 0 ? i : oldest;
            newest = i;
        }
    }
    switch (how >> 5) {
    case 0:
        return how & 31; /* any at all */
    case 1:
        return newest;
    default:
        return oldest;
    }
}

/* An engine is done with it, if it was at it. */
static void finish(fuzz_t *f, uint32_t request, va_action_type_t stage)
{
    if (f->stage[request] == stage) {
        f->open[request] = false;
    }
}

static va_str_t text(fuzz_t *f)
{
    static const char *const texts[] = {
        "",
        "Hello.",
        "yes",
        "my number is five five",
        "and",
        " ",
        "goodbye",
        "One. Two! Three? ",
        "...",
        "a long stretch of words without any end to it at all, ",
        "\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82",
        "\xc3",
        "\n"};
    uint8_t which = next(f);
    va_str_t raw;

    if (which < 200) {
        return va_str(texts[which % (sizeof(texts) / sizeof(texts[0]))]);
    }
    raw = (va_str_t){(const char *)f->data, f->size < 40 ? f->size : 40};
    f->data += raw.len;
    f->size -= raw.len;
    return raw;
}

static void tick(fuzz_t *f, uint64_t now)
{
    /* Ticking at the deadline makes progress. */
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t due = va_call_deadline(f->call, f->now);
        unsigned stuck = 0;

        if (due > now) {
            break;
        }
        f->now = due > f->now ? due : f->now;
        do {
            va_call_tick(f->call, f->now);
            check(stuck++ < 4);
        } while (va_call_deadline(f->call, f->now) <= f->now);
    }
    f->now = now;
}

static void audio(fuzz_t *f, uint8_t how)
{
    uint8_t sound[1600];
    unsigned frames = (how & 15) + 1U;
    size_t n = (how & 32) != 0 ? next(f) * 6U + 1 : VA_FRAME;

    memset(sound, (how & 16) != 0 ? FAKE_VOICE : VA_ULAW_SILENCE,
           sizeof(sound));
    for (unsigned i = 0; i < frames; i++) {
        va_call_audio(f->call, f->stamp, sound, n, f->now);
        f->stamp += n / 8;
        tick(f, f->now + n / 8);
    }
}

static void voice(fuzz_t *f, uint8_t how)
{
    static uint8_t sound[VA_CALL_SPEECH_MAX + 1];
    uint32_t request = choose(f, VA_ACT_SPEAK, next(f));
    size_t n = (how & 15) == 15 ? sizeof(sound) : (size_t)(how & 15) * 1171;
    va_rc_t rc = va_call_speech(f->call, request, sound, n, f->now);

    check(rc == VA_OK || rc == VA_AGAIN ||
          (rc == VA_LIMIT && n > VA_CALL_SPEECH_MAX));
}

static void say_or_so(fuzz_t *f, uint8_t how)
{
    switch (how & 7) {
    case 0:
        va_call_say(f->call, text(f), (how & 8) != 0, f->now);
        break;
    case 1:
        va_call_interrupt(f->call, f->now);
        break;
    case 2:
        va_call_start(f->call, f->now);
        break;
    case 4:
        if ((how & 8) != 0) {
            va_call_endpoint(f->call, f->now);
        } else {
            va_call_partial(f->call, text(f), f->now);
        }
        break;
    case 3:
        f->stamp = next(f) * 1000U; /* a step of the timestamps */
        break;
    default:
        va_call_dtmf(f->call, "0123456789*#ABCD"[how & 15], f -> now);
        break;
    }
}

static void marks(fuzz_t *f, uint8_t how)
{
    char name[VA_PLAYOUT_NAME];

    if ((how & 16) != 0) {
        snprintf(name, sizeof(name), "g%u:%u", next(f) & 15U, next(f) & 15U);
        va_call_mark(f->call, va_str(name), f->now);
    } else {
        va_call_mark(f->call, va_str(f->marks[how % MARKS]), f->now);
    }
}

static void engines(fuzz_t *f, uint8_t how)
{
    static const va_action_type_t stages[] = {VA_ACT_TRANSCRIBE, VA_ACT_ASK,
                                              VA_ACT_SPEAK};
    unsigned what = how & 7;
    unsigned stage = what < 6 ? what / 2 : (how >> 3) % 3;
    uint32_t request = choose(f, stages[stage], next(f));

    if (what != 2) {
        finish(f, request, what < 6 ? stages[what / 2] : f->stage[request]);
    }
    switch (what) {
    case 0:
    case 1:
        va_call_transcript(f->call, request, text(f), 0.5F, f->now);
        break;
    case 2:
        if ((how & 192) == 192) {
            va_call_retract(f->call, request, f->now);
        }
        va_call_reply(f->call, request, text(f), f->now);
        break;
    case 3:
        va_call_reply_end(f->call, request, (how & 24) == 24, f->now);
        break;
    case 4:
    case 5:
        va_call_speech_end(f->call, request, f->now);
        break;
    default:
        va_call_failed(f->call, request, f->now);
        break;
    }
}

static void step(fuzz_t *f)
{
    uint8_t op = next(f);

    switch (op >> 5) {
    case 0:
    case 1:
        audio(f, op & 63);
        break;
    case 2:
        tick(f, f->now + (op & 31) * (op & 31) * 4U);
        break;
    case 3:
        marks(f, op & 31);
        break;
    case 4:
    case 5:
        engines(f, op & 31);
        break;
    case 6:
        voice(f, op & 31);
        break;
    default:
        say_or_so(f, op & 31);
        break;
    }
}

static unsigned long long run(const uint8_t *data, size_t size)
{
    static fuzz_t f;
    uint8_t how, more;

    memset(&f, 0, sizeof(f));
    f.data = data;
    f.size = size;
    f.now = 1000;
    how = next(&f);
    more = next(&f);
    f.conf = (va_call_conf_t){
        .listen = {(how & 1) != 0 ? 200 : 800, (how & 2) != 0 ? 300 : 0,
                   (how & 4) != 0 ? 2000 : 30000, 0},
        .adaptive = (more & 1) != 0,
        .endpoint_min_ms = 200,
        .preemptive = (more & 2) != 0,
        .barge_in_words = (more & 4) != 0 ? 2 : 0,
        .backchannel_ms = (more & 8) != 0 ? 900 : 0,
        .keys_wait = (more & 16) != 0,
        .silence_ms = (more & 32) != 0 ? 5000 : 0,
        .silence_prompts = 2,
        .max_ms = (more & 64) != 0 ? 60000 : 0,
        .warning_ms = 20000,
        .silence_prompt =
            (how & 1) != 0 ? VA_STR("Are you there?") : VA_STR(""),
        .farewell = (how & 2) != 0 ? VA_STR("Bye.") : VA_STR(""),
        .warning = VA_STR("Time is nearly up."),
        .min_speech_ms = (how & 8) != 0 ? 100 : 0,
        .barge_in_ms = (how & 16) != 0 ? 200 : UINT32_MAX,
        .ahead_ms = (how & 32) != 0 ? 1000 : 60,
        .greeting =
            (how & 64) != 0 ? VA_STR("Hello. Who is there?") : VA_STR(""),
        .apology = (how & 128) != 0 ? VA_STR("Sorry.") : VA_STR(""),
        .reask = VA_STR("What?"),
    };
    f.call = va_call_new(&f.conf, on_action, &f);
    check(f.call != NULL);
    while (f.size > 0 && f.requests < REQUESTS - 16) {
        step(&f);
        digest(&f, &f.now, sizeof(f.now));
        check(f.ended == (va_call_phase(f.call) == VA_PHASE_ENDED));
        check(va_call_memory(f.call) < 512 * 1024);
    }
    /* In the end time alone brings every turn that waits for none of the
       engines to its end. */
    tick(&f, f.now + 600000);
    va_call_free(f.call);
    return f.digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 2048) {
        return 0;
    }
    check(run(data, size) == run(data, size));
    return 0;
}
