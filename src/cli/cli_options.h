/*
 * The command line of voiceai-sim.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli_caller.h"
#include "cli_scenario.h"

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
    /* load */
    unsigned calls;
    unsigned repeat;
    double ramp;
    double seconds;
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

void cli_options_free(cli_options_t *o);

/* Writes what voiceai-sim can do. */
void cli_help(void);

VA_END_DECLS

#endif
