#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_call.h"

#define DIGIT_MS 250       /* between two digits */
#define DIGIT_PAUSE_MS 500 /* "w" */

cli_action_t cli_call_step(cli_call_t *c, const cli_input_t *in)
{
    cli_action_t action;
    char reason[CLI_ERROR];

    for (;;) {
        action = cli_runner_tick(&c->runner, in);
        switch (action.what) {
        case CLI_DO_SET:
            c->confidence = action.step->text;
            continue;
        case CLI_DO_CHECK:
            cli_hearing_check(&c->hearing, action.step);
            continue;
        case CLI_DO_FAIL:
            snprintf(reason, sizeof(reason), "%s (step %zu, %s%s%.60s)",
                     action.why,
                     (size_t)(action.step - c->o->scenario.steps) + 1,
                     cli_step_name(action.step->type),
                     action.step->text != NULL ? " " : "",
                     action.step->text != NULL ? action.step->text : "");
            cli_call_verdict(c, CLI_EXIT_UNMET, reason);
            action.what = CLI_DO_HANGUP;
            return action;
        case CLI_DO_FINISH:
        case CLI_DO_HANGUP:
            c->finished = true;
            return action;
        default:
            return action;
        }
    }
}

void cli_call_hang_up(cli_call_t *c)
{
    if (c->hung_up) {
        return;
    }
    c->hung_up = true;
    c->figures.ended_by = "caller";
    cli_report_event(&c->report, cli_call_ms(c), "caller", "[hangs up]");
}

static void begin_digits(cli_call_t *c, const cli_step_t *step, uint64_t ms)
{
    char said[CLI_ERROR];

    c->digits = step->text;
    c->digit_ms = ms;
    snprintf(said, sizeof(said), "[keys %.200s]", step->text);
    cli_hearing_caller_begin(&c->hearing, ms, said);
}

void cli_call_act(cli_call_t *c, const cli_input_t *in)
{
    cli_action_t action = cli_call_step(c, in);

    switch (action.what) {
    case CLI_DO_SPEAK:
        cli_caller_speak(&c->caller,
                         &c->clips[action.step - c->o->scenario.steps]);
        c->runner.spoke = false;
        break;
    case CLI_DO_DIAL:
        begin_digits(c, action.step, in->now_ms);
        break;
    case CLI_DO_HANGUP:
        cli_call_hang_up(c);
        break;
    default:
        break;
    }
}

/* Returns the key that is pressed now, '\0' for none. */
static char dial(cli_call_t *c, uint64_t ms)
{
    char key;

    if (c->digits == NULL || ms < c->digit_ms) {
        return '\0';
    }
    key = *c->digits++;
    c->digit_ms = ms + (key == 'w' ? DIGIT_PAUSE_MS : DIGIT_MS);
    if (*c->digits == '\0') {
        c->digits = NULL;
        cli_hearing_caller_end(&c->hearing, ms);
    }
    return (char)(key == 'w' ? '\0' : key);
}

void cli_call_deed(cli_call_t *c, uint64_t ms, cli_deed_t *deed)
{
    const cli_clip_t *clip = c->caller.clip;

    deed->said = clip != NULL ? c->o->scenario.steps[clip - c->clips].text : "";
    cli_caller_frame(&c->caller, deed->frame);
    deed->began = c->caller.began;
    deed->ended = c->caller.ended;
    if (deed->began) {
        cli_hearing_caller_begin(&c->hearing, ms, deed->said);
    }
    if (deed->ended) {
        cli_hearing_caller_end(&c->hearing, ms);
    }
    deed->key = dial(c, ms);
    deed->talking = cli_caller_talking(&c->caller) || c->digits != NULL;
}
