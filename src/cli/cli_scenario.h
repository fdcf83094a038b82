/*
 * What the caller does in a call: a list of steps, and the state machine that
 * walks through it.
 *
 * The machine is told every 20 ms what is heard and answers what to do.  It
 * knows no clock but the one it is given.
 */
#ifndef CLI_SCENARIO_H
#define CLI_SCENARIO_H

#include "cli.h"

#define CLI_STEPS_MAX 256
#define CLI_INTERRUPT_MS 600 /* how far into the answer, unless told */

typedef enum {
    CLI_STEP_SAY,         /* text: synthesise and speak */
    CLI_STEP_WAV,         /* text: path of a WAV file */
    CLI_STEP_ULAW,        /* text: path of a raw mu-law file */
    CLI_STEP_DTMF,        /* text: digits */
    CLI_STEP_SILENT,      /* let the assistant wait for an answer in vain */
    CLI_STEP_CONFIDENCE,  /* text: of what is understood from now on */
    CLI_STEP_PAUSE,       /* ms: do nothing */
    CLI_STEP_WAIT,        /* until the assistant has finished; ms of silence,
                             0 for the usual */
    CLI_STEP_INTERRUPT,   /* ms: wait until the assistant has spoken so long */
    CLI_STEP_EXPECT,      /* text: what the assistant must have said */
    CLI_STEP_EXPECT_TIME, /* it must have told the time */
    CLI_STEP_EXPECT_END,  /* the server must end the call */
    CLI_STEP_HANGUP
} cli_step_type_t;

typedef struct {
    cli_step_type_t type;
    char *text;
    unsigned ms;
} cli_step_t;

typedef struct {
    size_t count;
    cli_step_t steps[CLI_STEPS_MAX];
} cli_scenario_t;

/* What the machine is told about the last 20 ms. */
typedef struct {
    uint64_t now_ms;
    bool audible; /* the assistant was heard */
    bool queued;  /* more of its audio waits to be played */
    bool talking; /* the caller is still speaking, or sending digits */
    bool deaf;    /* nobody would hear the caller now */
    bool ended;   /* the server has ended the call */
} cli_input_t;

typedef enum {
    CLI_DO_NOTHING,
    CLI_DO_SPEAK,  /* step: say, wav or ulaw */
    CLI_DO_DIAL,   /* step: dtmf */
    CLI_DO_SET,    /* step: confidence; go on at once */
    CLI_DO_CHECK,  /* step: expect or expect-time, on what was heard since the
                      caller's last step; go on at once */
    CLI_DO_HANGUP, /* step: hangup */
    CLI_DO_FAIL,   /* step is what could not be done; why says it */
    CLI_DO_FINISH  /* every step is done; stay until the server ends it */
} cli_do_t;

typedef struct {
    cli_do_t what;
    const cli_step_t *step;
    const char *why;
} cli_action_t;

typedef struct {
    const cli_scenario_t *scenario;
    unsigned silence_ms; /* silence that ends what the assistant says */
    unsigned timeout_ms; /* how long an answer may take */
    size_t next;         /* the step to be done */
    bool begun;          /* it has begun to wait */
    bool awaited;        /* the assistant was waited for since the last step */
    bool finished;
    bool spoke;        /* the assistant was heard since the caller's step */
    uint64_t since_ms; /* when the step began to wait */
    uint64_t start_ms; /* when the assistant began to speak */
    uint64_t heard_ms; /* when it was last heard */
} cli_runner_t;

VA_BEGIN_DECLS

/* Finds the type by its name ("say", "expect-time").  False if unknown. */
bool cli_step_named(const char *name, cli_step_type_t *type);

/* Returns the name of a type. */
const char *cli_step_name(cli_step_type_t type);

/*
 * Appends a step.  arg is its text or number, NULL for none.  Returns VA_OK,
 * VA_LIMIT, VA_NOMEM, or VA_INVALID when arg does not fit the type.
 */
va_rc_t cli_scenario_add(cli_scenario_t *s, cli_step_type_t type,
                         const char *arg);

/*
 * Reads steps, one a line: the name and its argument; blank lines and lines
 * that begin with # are skipped.  error names the line that is wrong.
 */
va_rc_t cli_scenario_parse(cli_scenario_t *s, va_str_t text,
                           char error[CLI_ERROR]);

void cli_scenario_free(cli_scenario_t *s);

/* Returns whether the scenario has a step of that type. */
bool cli_scenario_has(const cli_scenario_t *s, cli_step_type_t type);

/* Sets the machine to the first step. */
void cli_runner_init(cli_runner_t *r, const cli_scenario_t *s,
                     unsigned silence_ms, unsigned timeout_ms);

/*
 * Tells what happened and asks what to do.  Call again at once after
 * CLI_DO_SET and CLI_DO_CHECK; CLI_DO_FAIL, CLI_DO_HANGUP and CLI_DO_FINISH
 * come once.
 */
cli_action_t cli_runner_tick(cli_runner_t *r, const cli_input_t *in);

VA_END_DECLS

#endif
