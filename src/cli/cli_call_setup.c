#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli_call.h"

static bool make_clips(cli_call_t *c)
{
    const cli_options_t *o = c->o;
    char error[CLI_ERROR];
    size_t i;
    bool ok = true;

    for (i = 0; i < o->scenario.count && ok; i++) {
        const cli_step_t *step = &o->scenario.steps[i];

        if (step->type == CLI_STEP_SAY) {
            ok = cli_clip_say(&c->clips[i], step->text, o->caller_voice,
                              o->level, error);
        } else if (step->type == CLI_STEP_WAV || step->type == CLI_STEP_ULAW) {
            ok = cli_clip_file(&c->clips[i], step->text,
                               step->type == CLI_STEP_ULAW, o->level, error);
        }
    }
    if (!ok) {
        cli_warn("%s", error);
    }
    return ok;
}

static bool open_files(cli_call_t *c)
{
    const cli_options_t *o = c->o;
    char error[CLI_ERROR];

    if (o->out != NULL) {
        c->record = cli_record_new(o->out, o->stereo, error);
        if (c->record == NULL) {
            cli_warn("%s", error);
            return false;
        }
    }
    if (o->log != NULL) {
        c->log = fopen(o->log, "we");
        if (c->log == NULL) {
            cli_warn("%s: %s", o->log, strerror(errno));
            return false;
        }
    }
    return true;
}

static void prepare_callbacks(cli_call_t *c)
{
    cli_callbacks_t *s = &c->callbacks;

    s->loop = c->loop;
    s->route = &c->route;
    s->id = &c->id;
    s->report = &c->report;
    s->t0_us = &c->t0_us;
    s->order = c->o->status_order;
    s->url = c->o->status_callback;
    s->get = c->o->status_get;
    s->events = c->o->status_events;
}

bool cli_call_prepare(cli_call_t *c)
{
    const cli_options_t *o = c->o;
    char error[CLI_ERROR];
    FILE *live = o->quiet ? NULL : o->json ? stderr : stdout;

    if (!cli_route_init(&c->route, o->url, o->public_url, o->connect_to,
                        o->cacert, o->insecure, error) ||
        (o->stt != NULL &&
         !cli_stt_init(&c->stt, o->stt, o->stt_model, o->stt_key, error))) {
        cli_warn("%s", error);
        return false;
    }
    if (!make_clips(c) || !open_files(c)) {
        return false;
    }
    c->loop = cli_loop_new();
    if (c->loop == NULL || !cli_report_init(&c->report, live)) {
        cli_warn("out of memory");
        return false;
    }
    if (o->call_sid != NULL) {
        va_str_copy(c->id.call_sid, sizeof(c->id.call_sid),
                    va_str(o->call_sid));
    } else {
        cli_sid(c->id.call_sid, "CA");
    }
    va_str_copy(c->id.account_sid, sizeof(c->id.account_sid),
                va_str(o->account_sid));
    c->id.from = o->from;
    c->id.to = o->to;
    c->id.token = o->token;
    c->id.outbound = c->outbound != NULL;
    c->confidence = "0.93";
    prepare_callbacks(c);
    cli_caller_init(&c->caller, o->noise);
    cli_runner_init(&c->runner, &o->scenario, o->silence_ms, o->answer_ms);
    cli_hearing_init(&c->hearing, c->loop, o->stt != NULL ? &c->stt : NULL,
                     &c->report, o->silence_ms, &c->t0_us);
    return true;
}

void cli_call_release(cli_call_t *c)
{
    size_t i;

    cli_status_cancel(&c->callbacks);
    if (c->loop != NULL && c->report.lines != NULL) {
        cli_hearing_free(&c->hearing);
    }
    cli_report_free(&c->report);
    cli_loop_free(c->loop);
    cli_route_free(&c->route);
    for (i = 0; i < CLI_STEPS_MAX; i++) {
        cli_clip_free(&c->clips[i]);
    }
    if (!cli_record_close(c->record)) {
        cli_warn("%s could not be written", c->o->out);
    }
    if (c->log != NULL) {
        fclose(c->log);
    }
}
