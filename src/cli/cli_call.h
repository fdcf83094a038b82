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
#include "cli_status.h"
#include "cli_twiml.h"
#include "cli_webhook.h"

#define CLI_COMMAND_MAX 16384 /* room for its URL or TwiML */

/* What the REST API told a live call to do. */
typedef enum {
    CLI_COMMAND_NONE,
    CLI_COMMAND_END,      /* Status=completed */
    CLI_COMMAND_CANCEL,   /* Status=canceled, which only ends what rings */
    CLI_COMMAND_REDIRECT, /* Url */
    CLI_COMMAND_TWIML     /* Twiml */
} cli_command_type_t;

typedef struct {
    cli_command_type_t type;
    bool get;
    char text[CLI_COMMAND_MAX]; /* the URL or the TwiML */
} cli_command_t;

/* What an outbound call is besides what every call is. */
typedef struct {
    const char *answer;      /* CallStatus of who does not answer, or NULL */
    const char *twiml;       /* instead of a URL, or NULL */
    bool get;                /* the URL by GET */
    unsigned ring_ms;        /* it rings so long */
    unsigned ring_max_ms;    /* and at most so long */
    const char *answered_by; /* what machine detection finds, or NULL */
    unsigned detect_ms;      /* how long that takes */
    bool async;              /* the call does not wait for it, but tells: */
    const char *detect_url;
    bool detect_get;
} cli_outbound_t;

/* What a caller does in 20 ms. */
typedef struct {
    uint8_t frame[VA_FRAME];
    bool began; /* to speak */
    bool ended;
    const char *said; /* what is or was spoken */
    char key;         /* pressed, or '\0' */
    bool talking;     /* still speaking or dialling */
} cli_deed_t;

typedef struct cli_call {
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
    cli_callbacks_t callbacks;
    const cli_outbound_t *outbound; /* NULL: an incoming call */
    void (*on_status)(void *ctx, const char *status); /* or NULL */
    void *status_ctx;
    cli_command_t command;
    const char *confidence; /* of what is understood */
    const char *digits;     /* still to be dialled, or NULL */
    uint64_t digit_ms;
    uint64_t line_due_us; /* when the line's next frame is due */
    uint64_t detect_us;   /* when it is known who answered, 0 for never */
    uint64_t answered_us; /* 0 before */
    const char *final;    /* CallStatus at the end; NULL: by what happened */
    char dialed[256];     /* whom the last <Dial> called */
    char stream_sid[CLI_SID_LEN + 1]; /* of the last stream */
    uint64_t t0_us;
    bool hung_up;  /* by the caller */
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

/* Runs a prepared call to its end; returns how the program should exit. */
int cli_call_place(cli_call_t *c);

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
 * Returns whether the call goes on as it is: nobody hung up, interrupted the
 * program or gave a command, and it has not lasted too long.
 */
bool cli_call_going(cli_call_t *c);

/* An event of the call has happened; tells those who want to know. */
void cli_call_event(cli_call_t *c, cli_event_t event, const char *status);

/* The call is answered. */
void cli_call_answered(cli_call_t *c);

/*
 * Gives a live call a command.  Returns false when it is too late for it, or
 * another one is still being obeyed.
 */
bool cli_call_command(cli_call_t *c, const cli_command_t *command);

/* The caller hangs up. */
void cli_call_hang_up(cli_call_t *c);

/* Asks the scenario what to do, and notes demands and failures. */
cli_action_t cli_call_step(cli_call_t *c, const cli_input_t *in);

/* The same, and lets the caller do it. */
void cli_call_act(cli_call_t *c, const cli_input_t *in);

/* Makes the caller's next 20 ms. */
void cli_call_deed(cli_call_t *c, uint64_t ms, cli_deed_t *deed);

/* Goes from document to document until somebody hangs up. */
void cli_call_documents(cli_call_t *c);

/*
 * Runs the media stream of a verb to its end.  Returns false when the call
 * cannot go on: a failure, or the caller hung up.
 */
bool cli_session_run(cli_call_t *c, const cli_verb_t *verb, const char *url);

VA_END_DECLS

#endif
