#include "cli_options_list.h"

#include <stddef.h>

#define COMMON_OPTIONS                                                         \
    {"auth-token", required_argument, NULL, OPT_AUTH_TOKEN},                   \
        {"public-url", required_argument, NULL, OPT_PUBLIC_URL},               \
        {"connect-to", required_argument, NULL, OPT_CONNECT_TO},               \
        {"account-sid", required_argument, NULL, OPT_ACCOUNT_SID},             \
        {"from", required_argument, NULL, OPT_FROM},                           \
        {"to", required_argument, NULL, OPT_TO},                               \
        {"cacert", required_argument, NULL, OPT_CACERT},                       \
        {"insecure", no_argument, NULL, OPT_INSECURE},                         \
        {"caller-voice", required_argument, NULL, OPT_CALLER_VOICE},           \
        {"level", required_argument, NULL, OPT_LEVEL},                         \
        {"noise", required_argument, NULL, OPT_NOISE},                         \
        {"quiet", no_argument, NULL, OPT_QUIET},                               \
        {"json", no_argument, NULL, OPT_JSON},                                 \
    {                                                                          \
        "help", no_argument, NULL, OPT_HELP                                    \
    }

/* What a call does, whoever placed it. */
#define TALK_OPTIONS                                                           \
    {"silence", required_argument, NULL, OPT_SILENCE},                         \
        {"answer-timeout", required_argument, NULL, OPT_ANSWER_TIMEOUT},       \
        {"max-time", required_argument, NULL, OPT_MAX_TIME},                   \
        {"stt", required_argument, NULL, OPT_STT},                             \
        {"stt-model", required_argument, NULL, OPT_STT_MODEL},                 \
        {"stt-key", required_argument, NULL, OPT_STT_KEY},                     \
        {"out", required_argument, NULL, OPT_OUT},                             \
        {"stereo", no_argument, NULL, OPT_STEREO},                             \
        {"log", required_argument, NULL, OPT_LOG},                             \
        {"status-order", required_argument, NULL, OPT_STATUS_ORDER},           \
        {"listen", required_argument, NULL, OPT_LISTEN},                       \
        {"fault", required_argument, NULL, OPT_FAULT},                         \
        {"scenario", required_argument, NULL, OPT_SCENARIO},                   \
        {"say", required_argument, NULL, STEP(CLI_STEP_SAY)},                  \
        {"wav", required_argument, NULL, STEP(CLI_STEP_WAV)},                  \
        {"ulaw", required_argument, NULL, STEP(CLI_STEP_ULAW)},                \
        {"dtmf", required_argument, NULL, STEP(CLI_STEP_DTMF)},                \
        {"silent", no_argument, NULL, STEP(CLI_STEP_SILENT)},                  \
        {"confidence", required_argument, NULL, STEP(CLI_STEP_CONFIDENCE)},    \
        {"pause", required_argument, NULL, STEP(CLI_STEP_PAUSE)},              \
        {"wait", optional_argument, NULL, STEP(CLI_STEP_WAIT)},                \
        {"interrupt", optional_argument, NULL, STEP(CLI_STEP_INTERRUPT)},      \
        {"expect", required_argument, NULL, STEP(CLI_STEP_EXPECT)},            \
        {"expect-time", no_argument, NULL, STEP(CLI_STEP_EXPECT_TIME)},        \
        {"expect-end", no_argument, NULL, STEP(CLI_STEP_EXPECT_END)},          \
    {                                                                          \
        "hangup", no_argument, NULL, STEP(CLI_STEP_HANGUP)                     \
    }

#define CALLEE_OPTIONS                                                         \
    {"webhook-host", required_argument, NULL, OPT_WEBHOOK_HOST},               \
        {"answer", required_argument, NULL, OPT_ANSWER},                       \
        {"ring", required_argument, NULL, OPT_RING},                           \
        {"answered-by", required_argument, NULL, OPT_ANSWERED_BY},             \
    {                                                                          \
        "amd-time", required_argument, NULL, OPT_AMD_TIME                      \
    }

#define ORDER_OPTIONS                                                          \
    {"api-key", required_argument, NULL, OPT_API_KEY},                         \
        {"message", required_argument, NULL, OPT_MESSAGE},                     \
        {"prompt", required_argument, NULL, OPT_PROMPT},                       \
        {"voice", required_argument, NULL, OPT_VOICE},                         \
        {"call-mode", required_argument, NULL, OPT_CALL_MODE},                 \
        {"amd", optional_argument, NULL, OPT_AMD},                             \
    {                                                                          \
        "param", required_argument, NULL, OPT_PARAM                            \
    }

const struct option cli_call_list[] = {
    COMMON_OPTIONS,
    TALK_OPTIONS,
    {"call-sid", required_argument, NULL, OPT_CALL_SID},
    {"api-key", required_argument, NULL, OPT_API_KEY},
    {"get", no_argument, NULL, OPT_GET},
    {"status-callback", required_argument, NULL, OPT_STATUS_CALLBACK},
    {NULL, 0, NULL, 0}};

const struct option cli_twilio_list[] = {COMMON_OPTIONS,
                                         TALK_OPTIONS,
                                         CALLEE_OPTIONS,
                                         {"once", no_argument, NULL, OPT_ONCE},
                                         {NULL, 0, NULL, 0}};

const struct option cli_make_call_list[] = {
    COMMON_OPTIONS, ORDER_OPTIONS, {NULL, 0, NULL, 0}};

const struct option cli_outbound_list[] = {COMMON_OPTIONS,
                                           TALK_OPTIONS,
                                           CALLEE_OPTIONS,
                                           ORDER_OPTIONS,
                                           {NULL, 0, NULL, 0}};

const struct option cli_load_list[] = {
    COMMON_OPTIONS,
    {"calls", required_argument, NULL, OPT_CALLS},
    {"ramp", required_argument, NULL, OPT_RAMP},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"mode", required_argument, NULL, OPT_MODE},
    {"repeat-calls", required_argument, NULL, OPT_REPEAT},
    {"reconnect", no_argument, NULL, OPT_RECONNECT},
    {"allow-remote", no_argument, NULL, OPT_ALLOW_REMOTE},
    {"wav", required_argument, NULL, OPT_WAV},
    {"say", required_argument, NULL, OPT_SAY},
    {NULL, 0, NULL, 0}};
