#include "cli_call.h"

#include <stdlib.h>
#include <string.h>

#include "cli_times.h"

#define TIMES_MAX 65536 /* JSON */
#define STT_US 30000000u
#define CALLBACKS_US 35000000u

uint64_t cli_call_ms(const cli_call_t *c)
{
    return (cli_now_us() - c->t0_us) / 1000;
}

void cli_call_verdict(cli_call_t *c, int exit_code, const char *reason)
{
    if (exit_code <= c->exit) {
        return;
    }
    c->exit = exit_code;
    va_str_copy(c->reason, sizeof(c->reason), va_str(reason));
    cli_report_event(&c->report, cli_call_ms(c), "error", "%s", reason);
}

void cli_call_log(cli_call_t *c, const char *direction, va_str_t text)
{
    uint64_t ms;

    if (c->log != NULL) {
        ms = cli_call_ms(c);
        fprintf(c->log, "%llu.%03llu %s %.*s\n", (unsigned long long)ms / 1000,
                (unsigned long long)ms % 1000, direction, (int)text.len,
                text.data);
    }
}

void cli_call_event(cli_call_t *c, cli_event_t event, const char *status)
{
    unsigned seconds = 0;
    const char *by = c->outbound != NULL ? c->outbound->answered_by : NULL;

    if (c->answered_us != 0) {
        seconds =
            (unsigned)((cli_now_us() - c->answered_us + 500000) / 1000000);
    }
    if (c->answered_us == 0 || event == CLI_EVENT_ANSWERED) {
        by = NULL; /* not known yet */
    }
    if (c->outbound != NULL || c->callbacks.url != NULL) {
        cli_report_event(&c->report, cli_call_ms(c), "status", "%s", status);
    }
    cli_status_event(&c->callbacks, event, status, seconds, by);
    if (c->on_status != NULL) {
        c->on_status(c->status_ctx, status);
    }
}

void cli_call_answered(cli_call_t *c)
{
    const cli_outbound_t *out = c->outbound;

    c->answered_us = c->line_due_us = cli_now_us();
    cli_call_event(c, CLI_EVENT_ANSWERED, "in-progress");
    if (out != NULL && out->answered_by != NULL && out->async) {
        c->detect_us = c->answered_us + (uint64_t)out->detect_ms * 1000;
    }
}

bool cli_call_command(cli_call_t *c, const cli_command_t *command)
{
    static const char *const what[] = {"", "Status=completed",
                                       "Status=canceled", "Url=", "Twiml="};
    bool text = command->type >= CLI_COMMAND_REDIRECT;

    if (c->hung_up || c->command.type == CLI_COMMAND_END ||
        (command->type == CLI_COMMAND_CANCEL && c->answered_us != 0)) {
        return false;
    }
    c->command = *command;
    cli_report_event(&c->report, cli_call_ms(c), "rest", "%s%.200s",
                     what[command->type], text ? command->text : "");
    return true;
}

/* Tells who answered, when it is time. */
static void detect(cli_call_t *c)
{
    const cli_outbound_t *out = c->outbound;

    if (c->detect_us == 0 || cli_now_us() < c->detect_us) {
        return;
    }
    c->detect_us = 0;
    cli_report_event(&c->report, cli_call_ms(c), "amd", "%s", out->answered_by);
    if (out->detect_url != NULL) {
        cli_status_detected(&c->callbacks, out->detect_url, out->detect_get,
                            out->answered_by, out->detect_ms);
    }
}

bool cli_call_going(cli_call_t *c)
{
    uint64_t end = c->t0_us + (uint64_t)c->o->max_s * 1000000;

    detect(c);
    if (c->hung_up || c->command.type != CLI_COMMAND_NONE) {
        return false;
    }
    if (cli_interrupted() || cli_now_us() >= end) {
        if (!c->finished) {
            cli_call_verdict(c, CLI_EXIT_UNMET,
                             cli_interrupted() ? "interrupted"
                                               : "the call took too long");
        }
        cli_call_hang_up(c);
        return false;
    }
    return true;
}

/* Runs the loop for ms.  Returns whether the call still goes on then. */
static bool idle(cli_call_t *c, unsigned ms)
{
    uint64_t until = cli_now_us() + (uint64_t)ms * 1000;

    while (cli_now_us() < until && cli_call_going(c)) {
        cli_loop_run(c->loop, until);
    }
    return cli_call_going(c);
}

/* Lets an outbound call ring.  Returns whether it is answered. */
static bool ring(cli_call_t *c)
{
    const cli_outbound_t *out = c->outbound;
    bool late = out->ring_ms >= out->ring_max_ms;

    if (out->answer != NULL && strcmp(out->answer, "failed") == 0) {
        c->final = "failed";
        return false;
    }
    cli_call_event(c, CLI_EVENT_RINGING, "ringing");
    if (!idle(c, late ? out->ring_max_ms : out->ring_ms)) {
        c->final = "canceled";
        return false;
    }
    c->final = late ? "no-answer" : out->answer;
    if (c->final != NULL) {
        return false;
    }
    cli_call_answered(c);
    if (out->answered_by != NULL && !out->async) {
        idle(c, out->detect_ms); /* the callee hears nothing meanwhile */
        cli_report_event(&c->report, cli_call_ms(c), "amd", "%s",
                         out->answered_by);
    }
    return true;
}

static void talk(cli_call_t *c)
{
    c->figures.ended_by = "server";
    cli_call_event(c, CLI_EVENT_INITIATED, "initiated");
    if (c->outbound == NULL) {
        cli_call_event(c, CLI_EVENT_RINGING, "ringing");
        cli_call_documents(c);
    } else if (ring(c)) {
        cli_call_documents(c);
    } else {
        c->figures.ended_by = "callee";
        c->runner.finished = true; /* nobody is there to take a step */
    }
    c->figures.duration_ms = cli_call_ms(c);
    c->detect_us = 0;
    if (c->final == NULL) {
        c->final = c->answered_us != 0 ? "completed"
                   : c->hung_up        ? "no-answer"
                                       : "failed";
    }
    cli_call_event(c, CLI_EVENT_COMPLETED, c->final);
}

/* Waits for what is still under way. */
static void settle(cli_call_t *c)
{
    uint64_t stt = cli_now_us() + STT_US, posts = cli_now_us() + CALLBACKS_US;

    while (!cli_interrupted() && cli_now_us() < posts &&
           ((cli_hearing_busy(&c->hearing) && cli_now_us() < stt) ||
            cli_status_busy(&c->callbacks))) {
        cli_loop_run(c->loop, cli_now_us() + 100000);
    }
}

/* The call is over: what is left of the scenario, and the last transcripts. */
static void conclude(cli_call_t *c)
{
    cli_input_t in = {.now_ms = cli_call_ms(c), .ended = true};
    size_t i;

    for (i = 0; i <= 2 * CLI_STEPS_MAX && !c->runner.finished; i++) {
        cli_call_step(c, &in);
    }
    settle(c);
    if (c->hearing.deaf > 0 && c->hearing.awaited_count > 0) {
        cli_call_verdict(c, CLI_EXIT_BROKEN, "a transcription failed");
    }
    if (cli_hearing_busy(&c->hearing)) {
        cli_call_verdict(c, CLI_EXIT_BROKEN, "a transcription took too long");
    }
    if (c->hearing.unmet > 0) {
        cli_call_verdict(c, CLI_EXIT_UNMET, "something expected was not heard");
    }
    if (c->report.fault_count > 0) {
        cli_call_verdict(c, CLI_EXIT_BROKEN, c->report.faults[0]);
    }
}

static void tell_result(cli_call_t *c)
{
    cli_figures_t *f = &c->figures;
    va_buf_t times;

    f->call_sid = c->id.call_sid;
    f->stream_sid = c->stream_sid[0] != '\0' ? c->stream_sid : NULL;
    f->dialed = c->dialed[0] != '\0' ? c->dialed : NULL;
    f->status = c->final;
    f->reason = c->reason;
    f->exit = c->exit;
    if (c->exit == CLI_EXIT_BROKEN && c->report.fault_count == 0 &&
        strcmp(f->ended_by, "server") == 0) {
        f->ended_by = "failure";
    }
    va_buf_init(&times, TIMES_MAX);
    if (c->outbound == NULL && c->o->api_key != NULL &&
        cli_times_ask(c->loop, &c->route, f->call_sid, c->o->api_key, &times)) {
        f->times = va_buf_view(&times);
    }
    if (c->o->json) {
        cli_report_json(&c->report, f, stdout);
    } else if (!c->o->quiet) {
        cli_report_figures(&c->report, f, stdout);
        cli_times_print(f->times, stdout);
    }
    f->times = VA_STR("");
    va_buf_free(&times);
}

int cli_call_place(cli_call_t *c)
{
    cli_catch_signals();
    c->t0_us = cli_now_us();
    cli_report_event(&c->report, 0, "call", "%s from %s to %s", c->id.call_sid,
                     c->id.from, c->id.to);
    talk(c);
    conclude(c);
    tell_result(c);
    return c->exit;
}
