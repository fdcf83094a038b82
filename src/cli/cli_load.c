#include "cli_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../wire/va_base64.h"
#include "cli_load_call.h"

#define PHASES VA_FRAME_MS /* the calls of one phase send in the same ms */
#define PHASE_US 1000u
#define NOISE_FRAMES 250 /* of background, over and over */
#define TALK_TEXT "what time is it"

/* Encodes one frame as the payload of a message. */
static void encode(char payload[CLI_PAYLOAD], cli_caller_t *caller)
{
    uint8_t frame[VA_FRAME];

    cli_caller_frame(caller, frame);
    va_base64_encode(payload, frame, sizeof(frame));
}

/* Encodes the caller's speech and the background, once for all calls. */
static bool make_audio(cli_load_t *l)
{
    const cli_options_t *o = l->o;
    const char *say = o->say != NULL ? o->say : o->talk ? TALK_TEXT : NULL;
    char error[CLI_ERROR] = "out of memory";
    cli_clip_t clip = {.len = 0};
    cli_caller_t caller;
    size_t i;
    bool ok = true;

    if (o->wav != NULL) {
        ok = cli_clip_file(&clip, o->wav, false, o->level, error);
    } else if (say != NULL) {
        ok = cli_clip_say(&clip, say, o->caller_voice, o->level, error);
    }
    cli_caller_init(&caller, o->noise);
    /* Silence behind the last sound would blur the latencies. */
    l->speech_frames = (clip.end > 0 ? clip.end : clip.len) / VA_FRAME;
    l->background_frames = o->noise < CLI_DB_UNSET ? NOISE_FRAMES : 1;
    if (ok) {
        l->payloads = malloc((l->speech_frames + l->background_frames) *
                             sizeof(*l->payloads));
        ok = l->payloads != NULL;
    }
    if (ok && clip.len > 0) {
        cli_caller_speak(&caller, &clip);
    }
    for (i = 0; ok && i < l->speech_frames + l->background_frames; i++) {
        if (i == l->speech_frames) {
            caller.clip = NULL;
        }
        encode(l->payloads[i], &caller);
    }
    cli_clip_free(&clip);
    if (!ok) {
        cli_warn("%s", error);
    }
    return ok;
}

static void raise_limits(unsigned calls)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_cur < 2 * (rlim_t)calls + 64) {
            cli_warn("only %llu files may be open",
                     (unsigned long long)limit.rlim_cur);
        }
    }
}

/* Runs the calls: every millisecond those of one phase. */
static void run(cli_load_t *l, cli_load_call_t *calls)
{
    uint64_t due = cli_now_us(), now;
    size_t phase = 0, i;

    while (l->running > 0 && !cli_interrupted()) {
        cli_loop_run(l->loop, due);
        for (now = cli_now_us(); due <= now; due += PHASE_US) {
            for (i = phase; i < l->o->calls; i += PHASES) {
                cli_load_call_tick(&calls[i], due);
            }
            phase = (phase + 1) % PHASES;
        }
    }
    for (i = 0; i < l->o->calls; i++) {
        cli_load_call_free(&calls[i]);
    }
}

static void measure(cli_load_stats_t *s, uint64_t begin_us)
{
    struct rusage use;

    s->seconds = (double)(cli_now_us() - begin_us) / 1e6;
    if (getrusage(RUSAGE_SELF, &use) == 0) {
        s->cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                 (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    }
}

static int prepare(cli_load_t *l)
{
    const cli_options_t *o = l->o;
    char error[CLI_ERROR];

    if (!cli_route_init(&l->route, o->url, o->public_url, o->connect_to,
                        o->cacert, o->insecure, error)) {
        cli_warn("%s", error);
        return CLI_EXIT_USAGE;
    }
    if (!o->allow_remote && !cli_route_loopback(&l->route)) {
        cli_warn("%s is not this machine; --allow-remote if it is yours",
                 l->route.real.host);
        return CLI_EXIT_USAGE;
    }
    if (!make_audio(l)) {
        return CLI_EXIT_USAGE;
    }
    l->loop = cli_loop_new();
    return l->loop != NULL ? CLI_EXIT_OK : CLI_EXIT_BROKEN;
}

static int place_calls(cli_load_t *l)
{
    const cli_options_t *o = l->o;
    cli_load_call_t *calls = calloc(o->calls, sizeof(*calls));
    uint64_t begin = cli_now_us();
    size_t i;

    if (calls == NULL) {
        cli_warn("out of memory");
        return CLI_EXIT_BROKEN;
    }
    for (i = 0; i < o->calls; i++) {
        cli_load_call_init(&calls[i], l,
                           begin + (uint64_t)((double)i * 1e6 / o->ramp),
                           o->repeat);
    }
    run(l, calls);
    free(calls);
    measure(&l->stats, begin);
    if (o->json) {
        cli_load_json(&l->stats, stdout);
    } else if (!o->quiet) {
        cli_load_table(&l->stats, stdout);
    }
    return l->stats.calls_failed > 0 || l->running > 0 ? CLI_EXIT_BROKEN
                                                       : CLI_EXIT_OK;
}

int cli_load_run(const cli_options_t *o)
{
    cli_load_t *l = calloc(1, sizeof(*l));
    int rc;

    if (l == NULL) {
        cli_warn("out of memory");
        return CLI_EXIT_BROKEN;
    }
    l->o = o;
    raise_limits(o->calls);
    cli_catch_signals();
    rc = prepare(l);
    if (rc == CLI_EXIT_OK) {
        rc = place_calls(l);
    }
    cli_loop_free(l->loop);
    cli_route_free(&l->route);
    cli_load_stats_free(&l->stats);
    free(l->payloads);
    free(l);
    return rc;
}
