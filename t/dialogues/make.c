/*
 * Writes the dialogues of t/dialogues: scripts played in the world of the unit
 * tests, with recorded voices and the real detector, and recorded as they go.
 */
#define WORLD_VOICES
#include "call_world.h"

#include "dialog/va_trace.h"

#define MS (VA_RATE / 1000)

/* The parts of sounds.ul, as voices.sh makes it, and what is made of them. */
enum {
    ASSISTANT = 0,
    TIME = 3000 * MS,
    NUMBER = TIME + 1200 * MS,
    REST = NUMBER + 1600 * MS,
    OKAY = REST + 2200 * MS,
    STOP = OKAY + 600 * MS,
    HELLO = STOP + 2000 * MS,
    VOICES = HELLO + 800 * MS,
    ECHO = VOICES,
    NOISE = ECHO + 3000 * MS,
    ALL = NOISE + 3000 * MS
};

static uint8_t sounds[ALL];
static world_t world;
static va_buf_t out;
static struct {
    va_input_t first;
    const uint8_t *next;
    unsigned times;
} run;

static void end_run(void)
{
    const va_input_t *in = &run.first;
    bool known = in->data >= sounds && in->data < sounds + ALL;

    if (run.times == 0) {
        return;
    }
    va_trace_input(&out, in, world.start,
                   known ? (uint64_t)(in->data - sounds) : VA_TRACE_INLINE);
    if (run.times > 1) {
        out.len -= 2;
        va_buf_printf(&out, ",\"times\":%u}\n", run.times);
    }
    run.times = 0;
}

/* Frames that follow each other, and nothing else, are one line. */
static void tap(void *ctx, const va_input_t *in)
{
    static uint8_t silence[VA_FRAME];
    const va_input_t *first = &run.first;
    bool known = in->data >= sounds && in->data < sounds + ALL;

    (void)ctx;
    if (run.times > 0 && in->type == VA_IN_AUDIO &&
        first->type == VA_IN_AUDIO &&
        in->now_ms == first->now_ms + run.times * (uint64_t)VA_FRAME_MS &&
        in->timestamp == first->timestamp + run.times * (uint64_t)VA_FRAME_MS &&
        (known ? in->data == run.next : first->data == silence)) {
        run.times++;
        run.next += VA_FRAME;
        return;
    }
    end_run();
    run.first = *in;
    run.times = 1;
    run.next = in->data + VA_FRAME;
    if (in->type == VA_IN_AUDIO && !known) {
        memset(silence, VA_ULAW_SILENCE, sizeof(silence));
        run.first.data = silence;
    }
    if (in->type != VA_IN_AUDIO) {
        end_run();
    }
}

static void act(void *ctx, const va_action_t *action)
{
    end_run();
    va_trace_action(&out, action, world.now, world.start);
    world_act(ctx, action);
}

static void begin(void)
{
    va_buf_reset(&out);
    run.times = 0;
    va_trace_begin(&out, &world.conf, VA_STR("sounds.ul"));
    world.call = va_call_new(&world.conf, act, &world);
    va_call_tap(world.call, tap, NULL);
    va_call_start(world.call, world.now);
}

static void says(uint64_t from, uint64_t ms, size_t sound)
{
    world.talk_sound[world.talks] = sounds + sound;
    world_talk(&world, world.start + from, ms);
}

static void end(const char *dir, const char *name, uint64_t ms)
{
    char path[512];
    FILE *f;

    world_until(&world, ms);
    end_run();
    snprintf(path, sizeof(path), "%s/%s.jsonl", dir, name);
    f = fopen(path, "w");
    if (f == NULL || fwrite(out.data, 1, out.len, f) != out.len ||
        fclose(f) != 0) {
        perror(path);
        exit(1);
    }
    world_free(&world);
}

static void fresh(const char *const *hears, const char *const *replies)
{
    world_init(&world);
    world.conf.listen.silence_ms = 4000;
    world.conf.adaptive = true;
    world.conf.endpoint_min_ms = 300;
    world.conf.backchannel_ms = 900;
    world.conf.greeting = VA_STR("Today we have soup, salad and bread.");
    world.voice = sounds + ASSISTANT;
    world.stt_ms = 150;
    world.hears = hears;
    world.replies = replies;
}

#define SCRIPT(name, ...) static const char *const name[] = {__VA_ARGS__, NULL}

static void interruptions(const char *dir)
{
    SCRIPT(order, "Stop.", "Stop, I want to order a table.");
    SCRIPT(table, "For which day?");
    SCRIPT(nothing, "");
    SCRIPT(okay, "Okay.");

    fresh(order, table);
    begin();
    says(900, 2000, STOP);
    end(dir, "interruption", 8000);

    fresh(nothing, NULL);
    begin();
    says(900, 600, OKAY);
    end(dir, "false-interruption", 8000);

    fresh(okay, NULL);
    begin();
    says(900, 600, OKAY);
    end(dir, "backchannel", 8000);

    fresh(okay, NULL);
    begin();
    says(250, 2000, ECHO);
    end(dir, "echo", 8000);
}

static void beginnings(const char *dir)
{
    SCRIPT(time, "What", "What time is it?");
    SCRIPT(late, "It is late.");
    SCRIPT(hello, "Hello?");
    SCRIPT(hi, "Hi, can I help you?");

    fresh(hello, hi);
    world.conf.greeting.len = 0;
    begin();
    says(300, 800, HELLO);
    end(dir, "caller-first", 6000);

    fresh(time, late);
    begin();
    says(100, 1200, TIME);
    end(dir, "both-start", 7000);
}

static void pauses(const char *dir)
{
    SCRIPT(number, "My number is five five five", "My number is 555 0123456",
           "My number is 555 0123456");
    SCRIPT(thanks, "Thank you.", "Thank you.");

    fresh(number, thanks);
    world.conf.greeting.len = 0;
    world.conf.preemptive = true;
    begin();
    says(1000, 1600, NUMBER);
    says(3800, 2200, REST);
    end(dir, "phone-number", 10000);

    fresh(NULL, NULL);
    world.conf.silence_ms = 5000;
    world.conf.silence_prompts = 1;
    world.conf.silence_prompt = VA_STR("Are you there?");
    world.conf.farewell = VA_STR("Goodbye.");
    begin();
    end(dir, "silence", 20000);

    fresh(NULL, NULL);
    begin();
    for (uint64_t at = 500; at < 9500; at += 3000) {
        says(at, 3000, NOISE);
    }
    end(dir, "noise", 10000);
}

static void others(const char *dir)
{
    SCRIPT(time, "What time is it?");
    SCRIPT(late, "It is late.");
    SCRIPT(fails, "!");

    fresh(NULL, late);
    begin();
    world_until(&world, 1000);
    va_call_dtmf(world.call, '4', world.now);
    world_until(&world, 1300);
    va_call_dtmf(world.call, '2', world.now);
    end(dir, "dtmf", 7000);

    fresh(time, NULL);
    world.conf.greeting.len = 0;
    begin();
    says(1000, 1200, TIME);
    end(dir, "hangup-thinking", 3500);

    fresh(time, late);
    world.conf.max_ms = 12000;
    world.conf.warning_ms = 6000;
    world.conf.warning = VA_STR("We have to end soon.");
    begin();
    says(3500, 1200, TIME);
    end(dir, "longest-call", 14000);

    fresh(time, fails);
    begin();
    says(3500, 1200, TIME);
    end(dir, "engine-failure", 9000);
}

/* The assistant's voice as it comes back 20 dB softer, and white noise. */
static void make_sounds(const char *dir)
{
    int16_t pcm[3000 * MS];
    uint32_t seed = 1;
    char path[512];
    FILE *f;

    snprintf(path, sizeof(path), "%s/sounds.ul", dir);
    f = fopen(path, "rb");
    if (f == NULL || fread(sounds, 1, VOICES, f) != VOICES) {
        perror(path);
        exit(1);
    }
    fclose(f);
    va_ulaw_decode(pcm, sounds + ASSISTANT, 3000 * MS);
    for (size_t i = 0; i < 3000 * MS; i++) {
        pcm[i] = (int16_t)(pcm[i] / 10);
    }
    va_ulaw_encode(sounds + ECHO, pcm, 3000 * MS);
    for (size_t i = 0; i < 3000 * MS; i++) {
        seed = seed * 1664525U + 1013904223U;
        pcm[i] = (int16_t)((int32_t)(seed >> 20) - 2048);
    }
    va_ulaw_encode(sounds + NOISE, pcm, 3000 * MS);
    snprintf(path, sizeof(path), "%s/sounds.ul", dir);
    f = fopen(path, "wb");
    if (f == NULL || fwrite(sounds, 1, ALL, f) != ALL || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : ".";

    va_buf_init(&out, 1 << 24);
    make_sounds(dir);
    interruptions(dir);
    beginnings(dir);
    pauses(dir);
    others(dir);
    va_buf_free(&out);
    return 0;
}
