/*
 * The names of the options, for getopt_long.
 */
#ifndef CLI_OPTIONS_LIST_H
#define CLI_OPTIONS_LIST_H

#include <getopt.h>

#include "cli_scenario.h"

/* Options beyond the steps, whose values are CLI_STEP_*. */
enum {
    OPT_FIRST = 1000,
    OPT_AUTH_TOKEN,
    OPT_PUBLIC_URL,
    OPT_CONNECT_TO,
    OPT_CALL_SID,
    OPT_ACCOUNT_SID,
    OPT_FROM,
    OPT_TO,
    OPT_GET,
    OPT_CACERT,
    OPT_INSECURE,
    OPT_CALLER_VOICE,
    OPT_LEVEL,
    OPT_NOISE,
    OPT_SILENCE,
    OPT_ANSWER_TIMEOUT,
    OPT_MAX_TIME,
    OPT_STT,
    OPT_STT_MODEL,
    OPT_STT_KEY,
    OPT_OUT,
    OPT_STEREO,
    OPT_LOG,
    OPT_QUIET,
    OPT_JSON,
    OPT_SCENARIO,
    OPT_STATUS_CALLBACK,
    OPT_STATUS_ORDER,
    OPT_LISTEN,
    OPT_FAULT,
    OPT_WEBHOOK_HOST,
    OPT_ANSWER,
    OPT_RING,
    OPT_ANSWERED_BY,
    OPT_AMD_TIME,
    OPT_ONCE,
    OPT_API_KEY,
    OPT_MESSAGE,
    OPT_PROMPT,
    OPT_VOICE,
    OPT_CALL_MODE,
    OPT_AMD,
    OPT_PARAM,
    OPT_HELP,
    OPT_CALLS,
    OPT_RAMP,
    OPT_SECONDS,
    OPT_MODE,
    OPT_REPEAT,
    OPT_RECONNECT,
    OPT_ALLOW_REMOTE,
    OPT_WAV,
    OPT_SAY
};

#define STEP(type) (500 + (int)(type)) /* behind every character */

VA_BEGIN_DECLS

/* The options of each command, as getopt_long takes them. */
extern const struct option cli_call_list[];
extern const struct option cli_twilio_list[];
extern const struct option cli_make_call_list[];
extern const struct option cli_outbound_list[];
extern const struct option cli_load_list[];

VA_END_DECLS

#endif
