/*
 * One simulated call: its documents, its streams, its scenario.
 */
#ifndef CLI_CALL_H
#define CLI_CALL_H

#include <stdio.h>

#include "cli_hearing.h"
#include "cli_options.h"
#include "cli_record.h"
#include "cli_report.h"
#include "cli_twiml.h"
#include "cli_webhook.h"

typedef struct {
    const cli_options_t *o;
    cli_loop_t *loop;
    cli_route_t route;
    cli_identity_t id;
    cli_stt_t stt;
    cli_report_t report;
    cli_hearing_t hearing;
    cli_runner_t runner;
    cli_caller_t caller;
    cli_clip_t clips[CLI_STEPS_MAX]; /* of the steps that have one */
    cli_record_t *record;
    FILE *log;
    cli_figures_t figures;
    char stream_sid[CLI_SID_LEN + 1]; /* of the last stream */
    uint64_t t0_us;
    bool finished; /* every step is done */
    int exit;
    char reason[CLI_ERROR];
} cli_call_t;

VA_BEGIN_DECLS

/* Places the call of the options; returns how the program should exit. */
int cli_call_run(const cli_options_t *o);

/*
 * Makes everything that a call needs before it is placed; false after telling
 * what is wrong.  cli_call_release undoes it, however far it came.
 */
bool cli_call_prepare(cli_call_t *c);
void cli_call_release(cli_call_t *c);

/* Milliseconds since the call began. */
uint64_t cli_call_ms(const cli_call_t *c);

/*
 * Ends the call with a verdict; only the first one counts, but a broken call
 * is worse than an unmet one.
 */
void cli_call_verdict(cli_call_t *c, int exit_code, const char *reason);

/* Writes a message to the log. */
void cli_call_log(cli_call_t *c, const char *direction, va_str_t text);

/*
 * Asks the scenario what to do and notes demands and failures.  Returns the
 * action that is left to the stream: nothing, speak, dial or hang up.
 */
cli_action_t cli_call_step(cli_call_t *c, const cli_input_t *in);

/*
 * Runs the media stream of a verb to its end.  Returns false when the call
 * cannot go on: a failure, or the caller hung up.
 */
bool cli_session_run(cli_call_t *c, const cli_verb_t *verb, const char *url);

VA_END_DECLS

#endif
