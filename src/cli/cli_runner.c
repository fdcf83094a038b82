#include <string.h>

#include "cli_scenario.h"

void cli_runner_init(cli_runner_t *r, const cli_scenario_t *s,
                     unsigned silence_ms, unsigned timeout_ms)
{
    memset(r, 0, sizeof(*r));
    r->scenario = s;
    r->silence_ms = silence_ms;
    r->timeout_ms = timeout_ms;
}

/* Keeps what was heard up to date. */
static void listen(cli_runner_t *r, const cli_input_t *in)
{
    if (!in->audible) {
        return;
    }
    if (!r->spoke) {
        r->spoke = true;
        r->start_ms = in->now_ms;
    }
    r->heard_ms = in->now_ms;
}

/* Begins the next step. */
static void go_on(cli_runner_t *r, bool awaited)
{
    r->next++;
    r->begun = false;
    r->awaited = awaited;
}

static bool silent_for(const cli_runner_t *r, const cli_input_t *in,
                       unsigned ms)
{
    return r->spoke && !in->queued && !in->audible &&
           in->now_ms - r->heard_ms >= ms;
}

static cli_action_t fail(cli_runner_t *r, const cli_step_t *step,
                         const char *why)
{
    r->finished = true;
    return (cli_action_t){CLI_DO_FAIL, step, why};
}

static cli_action_t nothing(void)
{
    return (cli_action_t){CLI_DO_NOTHING, NULL, NULL};
}

/*
 * Waits until cond is true.  Returns false and fills *action while it is not;
 * silence is no reason to wait for ever.
 */
static bool wait_for(cli_runner_t *r, const cli_input_t *in,
                     const cli_step_t *step, bool cond, cli_action_t *action)
{
    uint64_t from =
        r->spoke && r->heard_ms > r->since_ms ? r->heard_ms : r->since_ms;

    if (cond) {
        return true;
    }
    if (!in->queued && in->now_ms - from >= r->timeout_ms) {
        *action = fail(r, step, "the assistant said nothing in time");
    } else {
        *action = nothing();
    }
    return false;
}

/* A step of the caller's: speech, digits, or silence. */
static cli_action_t act(cli_runner_t *r, const cli_input_t *in,
                        const cli_step_t *step)
{
    cli_action_t action;

    if (!r->awaited &&
        !wait_for(r, in, step, silent_for(r, in, r->silence_ms), &action)) {
        return action;
    }
    if (in->deaf) {
        return nothing();
    }
    r->spoke = false;
    go_on(r, false);
    if (step->type == CLI_STEP_SILENT) {
        return nothing();
    }
    return (cli_action_t){
        step->type == CLI_STEP_DTMF ? CLI_DO_DIAL : CLI_DO_SPEAK, step, NULL};
}

static cli_action_t check(cli_runner_t *r, const cli_input_t *in,
                          const cli_step_t *step)
{
    cli_action_t action;

    if (!in->ended &&
        !wait_for(r, in, step, silent_for(r, in, r->silence_ms), &action)) {
        return action;
    }
    go_on(r, true);
    return (cli_action_t){CLI_DO_CHECK, step, NULL};
}

static cli_action_t wait_step(cli_runner_t *r, const cli_input_t *in,
                              const cli_step_t *step)
{
    unsigned ms = step->ms != 0 ? step->ms : r->silence_ms;
    bool ready = silent_for(r, in, ms);
    cli_action_t action;

    if (step->type == CLI_STEP_PAUSE) {
        ready = in->now_ms - r->since_ms >= step->ms;
        if (!ready) {
            return nothing();
        }
    } else if (step->type == CLI_STEP_INTERRUPT) {
        ready = r->spoke && in->now_ms - r->start_ms >= step->ms;
    }
    if (wait_for(r, in, step, ready, &action)) {
        go_on(r, true);
        return nothing();
    }
    return action;
}

static cli_action_t finish(cli_runner_t *r, cli_do_t what,
                           const cli_step_t *step)
{
    r->finished = true;
    return (cli_action_t){what, step, NULL};
}

static cli_action_t run_step(cli_runner_t *r, const cli_input_t *in,
                             const cli_step_t *step)
{
    cli_action_t action;

    switch (step->type) {
    case CLI_STEP_SAY:
    case CLI_STEP_WAV:
    case CLI_STEP_ULAW:
    case CLI_STEP_DTMF:
    case CLI_STEP_SILENT:
        return act(r, in, step);
    case CLI_STEP_CONFIDENCE:
        go_on(r, r->awaited);
        return (cli_action_t){CLI_DO_SET, step, NULL};
    case CLI_STEP_EXPECT:
    case CLI_STEP_EXPECT_TIME:
        return check(r, in, step);
    case CLI_STEP_HANGUP:
        return finish(r, CLI_DO_HANGUP, step);
    case CLI_STEP_EXPECT_END:
        if (in->ended) {
            go_on(r, true);
            return nothing();
        }
        if (!wait_for(r, in, step, false, &action) &&
            action.what == CLI_DO_FAIL) {
            action.why = "the server did not end the call";
        }
        return action;
    default:
        return wait_step(r, in, step);
    }
}

/* Returns whether the step can still be done when the call is over. */
static bool possible_after_end(const cli_step_t *step)
{
    return step->type == CLI_STEP_EXPECT ||
           step->type == CLI_STEP_EXPECT_TIME ||
           step->type == CLI_STEP_EXPECT_END || step->type == CLI_STEP_HANGUP ||
           step->type == CLI_STEP_WAIT;
}

cli_action_t cli_runner_tick(cli_runner_t *r, const cli_input_t *in)
{
    const cli_step_t *step;

    listen(r, in);
    if (r->finished || (in->talking && !in->ended)) {
        /* What is heard while the caller speaks is no answer to it. */
        if (in->talking) {
            r->spoke = false;
        }
        return nothing();
    }
    if (r->next == r->scenario->count) {
        return finish(r, CLI_DO_FINISH, NULL);
    }
    step = &r->scenario->steps[r->next];
    if (!r->begun) {
        r->begun = true;
        r->since_ms = in->now_ms;
    }
    if (in->ended && !possible_after_end(step)) {
        return fail(r, step, "the call ended before this step");
    }
    if (in->ended && step->type == CLI_STEP_WAIT) {
        go_on(r, true);
        return nothing();
    }
    return run_step(r, in, step);
}
