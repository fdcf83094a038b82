/*
 * The command line of voiceai-sim.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli_caller.h"
#include "cli_scenario.h"
#include "cli_status.h"

#define CLI_FAULTS_MAX 16
#define CLI_PARAMETERS_MAX 32

/* How a request of the REST API is made to fail. */
typedef enum {
    CLI_FAULT_401,
    CLI_FAULT_404,
    CLI_FAULT_429,
    CLI_FAULT_500,
    CLI_FAULT_TIMEOUT, /* no answer */
    CLI_FAULT_CUT,     /* the connection is cut, and nothing is done */
    CLI_FAULT_HALF     /* it is done, but cut in the middle of the answer */
} cli_fault_t;

typedef struct {
    cli_fault_t what;
    unsigned count; /* of requests, one after the other */
} cli_fault_plan_t;

typedef struct {
    /* both commands */
    const char *url;
    const char *public_url;
    const char *connect_to;
    const char *cacert;
    bool insecure;
    char *token; /* heap; NULL: nothing is signed */
    const char *account_sid;
    const char *from;
    const char *to;
    const char *caller_voice;
    double level;
    double noise;
    bool json;
    bool quiet;
    /* call */
    const char *call_sid;
    bool get;
    unsigned silence_ms;
    unsigned answer_ms;
    unsigned max_s;
    const char *stt;
    const char *stt_model;
    char *stt_key; /* heap */
    const char *out;
    bool stereo;
    const char *log;
    cli_scenario_t scenario;
    const char *status_callback;
    bool status_get;
    unsigned status_events; /* a set */
    cli_order_t status_order;
    const char *listen; /* HOST:PORT of the REST API, or NULL */
    size_t fault_count;
    cli_fault_plan_t faults[CLI_FAULTS_MAX];
    /* twilio */
    const char *webhook_host;
    const char *answer; /* CallStatus of a callee who does not, or NULL */
    unsigned ring_ms;
    const char *answered_by;
    unsigned detect_ms;
    bool once;
    /* make-call; NULL is left out */
    bool from_given;
    bool to_given;
    char *api_key; /* heap */
    const char *message;
    const char *prompt;
    const char *voice;
    const char *call_mode;
    const char *amd; /* "true" or the mode */
    size_t parameter_count;
    const char *parameters[CLI_PARAMETERS_MAX]; /* "name=value" */
    /* load */
    unsigned calls;
    unsigned repeat;
    double ramp;
    double seconds;
    bool reconnect;
    bool talk;
    bool allow_remote;
    const char *wav;
    const char *say;
} cli_options_t;

VA_BEGIN_DECLS

/*
 * Reads the arguments of a command, argv[0] being its name.  Returns
 * CLI_EXIT_OK, CLI_EXIT_USAGE after telling what is wrong, or -1 when only the
 * help was asked for and given.
 */
int cli_options_call(cli_options_t *o, int argc, char **argv);
int cli_options_load(cli_options_t *o, int argc, char **argv);
int cli_options_twilio(cli_options_t *o, int argc, char **argv);
int cli_options_make_call(cli_options_t *o, int argc, char **argv);
int cli_options_outbound(cli_options_t *o, int argc, char **argv);

void cli_options_free(cli_options_t *o);

/* Writes what voiceai-sim can do. */
void cli_help(void);

VA_END_DECLS

#endif
