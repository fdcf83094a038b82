#include "cli_options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../twilio/va_status.h"
#include "cli_options_list.h"

#define SCENARIO_MAX 262144

static bool wrong(const char *what, const char *value)
{
    cli_warn("%s: \"%s\"", what, value);
    return false;
}

static bool read_number(const char *text, double min, double max, double *out)
{
    char *end;

    errno = 0;
    *out = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !isfinite(*out) ||
        *out < min || *out > max) {
        cli_warn("\"%s\" is not a number from %g to %g", text, min, max);
        return false;
    }
    return true;
}

static bool read_count(const char *text, double max, unsigned *out)
{
    double n;

    if (!read_number(text, 1, max, &n)) {
        return false;
    }
    *out = (unsigned)n;
    return true;
}

static bool read_sid(const char *text, const char **out)
{
    if (strlen(text) != CLI_SID_LEN) {
        return wrong("a SID has 34 characters", text);
    }
    *out = text;
    return true;
}

static bool read_secret(const char *text, char **out)
{
    char error[CLI_ERROR];

    free(*out);
    *out = cli_secret(text, error);
    if (*out == NULL || (*out)[0] == '\0') {
        cli_warn("%s", *out == NULL ? error : "an empty secret");
        return false;
    }
    return true;
}

static bool read_scenario(cli_options_t *o, const char *path)
{
    char error[CLI_ERROR];
    size_t len;
    char *text = cli_read_file(path, SCENARIO_MAX, &len, error);
    bool ok;

    if (text == NULL) {
        cli_warn("%s", error);
        return false;
    }
    snprintf(error, sizeof(error), "out of memory");
    ok =
        cli_scenario_parse(&o->scenario, (va_str_t){text, len}, error) == VA_OK;
    if (!ok) {
        cli_warn("%s: %s", path, error);
    }
    free(text);
    return ok;
}

static bool read_mode(cli_options_t *o, const char *text)
{
    o->talk = strcmp(text, "talk") == 0;
    return o->talk || strcmp(text, "listen") == 0 ||
           wrong("the mode is listen or talk", text);
}

static bool read_voice(cli_options_t *o, const char *text)
{
    o->caller_voice = text;
    return cli_voice_known(text) || wrong("there is no such voice", text);
}

/* KIND or KIND:COUNT */
static bool read_fault(cli_options_t *o, const char *text)
{
    static const char *const kinds[] = {
        [CLI_FAULT_401] = "401",  [CLI_FAULT_404] = "404",
        [CLI_FAULT_429] = "429",  [CLI_FAULT_500] = "500",
        [CLI_FAULT_CUT] = "cut",  [CLI_FAULT_TIMEOUT] = "timeout",
        [CLI_FAULT_HALF] = "half"};
    va_str_t name = {text, strcspn(text, ":")};
    cli_fault_plan_t fault = {.count = 1};
    size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!va_str_eq(name, va_str(kinds[i]))) {
            continue;
        }
        fault.what = (cli_fault_t)i;
        if (text[name.len] == ':' &&
            !read_count(text + name.len + 1, 1000000, &fault.count)) {
            return false;
        }
        if (o->fault_count == CLI_FAULTS_MAX) {
            return wrong("too many faults", text);
        }
        o->faults[o->fault_count++] = fault;
        return true;
    }
    return wrong("a fault is 401, 404, 429, 500, timeout, cut or half", text);
}

static bool read_answer(cli_options_t *o, const char *text)
{
    static const char *const names[][2] = {{"yes", NULL},
                                           {"no", "no-answer"},
                                           {"busy", "busy"},
                                           {"failed", "failed"}};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i][0]) == 0) {
            o->answer = names[i][1];
            return true;
        }
    }
    return wrong("the answer is yes, no, busy or failed", text);
}

/* What both commands take. */
static bool set_common(cli_options_t *o, int opt, const char *arg)
{
    switch (opt) {
    case OPT_AUTH_TOKEN:
        return read_secret(arg, &o->token);
    case OPT_PUBLIC_URL:
        o->public_url = arg;
        return true;
    case OPT_CONNECT_TO:
        o->connect_to = arg;
        return true;
    case OPT_ACCOUNT_SID:
        return read_sid(arg, &o->account_sid);
    case OPT_FROM:
        o->from = arg;
        o->from_given = true;
        return true;
    case OPT_TO:
        o->to = arg;
        o->to_given = true;
        return true;
    case OPT_CACERT:
        o->cacert = arg;
        return true;
    case OPT_INSECURE:
        o->insecure = true;
        return true;
    case OPT_CALLER_VOICE:
        return read_voice(o, arg);
    case OPT_LEVEL:
        return read_number(arg, -80, 0, &o->level);
    case OPT_NOISE:
        return read_number(arg, -90, 0, &o->noise);
    case OPT_QUIET:
        o->quiet = true;
        return true;
    case OPT_JSON:
        o->json = true;
        return true;
    default:
        return false;
    }
}

static bool set_call(cli_options_t *o, int opt, const char *arg)
{
    double n;

    switch (opt) {
    case OPT_API_KEY:
        return read_secret(arg, &o->api_key);
    case OPT_CALL_SID:
        return read_sid(arg, &o->call_sid);
    case OPT_GET:
        o->get = true;
        return true;
    case OPT_SILENCE:
        return read_count(arg, 60000, &o->silence_ms);
    case OPT_ANSWER_TIMEOUT:
        if (!read_number(arg, 0.1, 3600, &n)) {
            return false;
        }
        o->answer_ms = (unsigned)(n * 1000);
        return true;
    case OPT_MAX_TIME:
        return read_count(arg, 86400, &o->max_s);
    case OPT_STT:
        o->stt = arg;
        return true;
    case OPT_STT_MODEL:
        o->stt_model = arg;
        return true;
    case OPT_STT_KEY:
        return read_secret(arg, &o->stt_key);
    case OPT_OUT:
        o->out = arg;
        return true;
    case OPT_STEREO:
        o->stereo = true;
        return true;
    case OPT_LOG:
        o->log = arg;
        return true;
    case OPT_SCENARIO:
        return read_scenario(o, arg);
    case OPT_LISTEN:
        o->listen = arg;
        return true;
    case OPT_FAULT:
        return read_fault(o, arg);
    case OPT_STATUS_CALLBACK:
        o->status_callback = arg;
        return true;
    case OPT_STATUS_ORDER:
        return cli_order_named(arg, &o->status_order) ||
               wrong("the order is right, shuffled or repeated", arg);
    default:
        return set_common(o, opt, arg);
    }
}

static bool set_twilio(cli_options_t *o, int opt, const char *arg)
{
    switch (opt) {
    case OPT_WEBHOOK_HOST:
        o->webhook_host = arg;
        return true;
    case OPT_ANSWER:
        return read_answer(o, arg);
    case OPT_RING:
        return read_count(arg, 600000, &o->ring_ms);
    case OPT_ANSWERED_BY:
        o->answered_by = arg;
        return va_answered_parse(va_str(arg)) != VA_ANSWERED_NONE ||
               wrong("AnsweredBy has no such value", arg);
    case OPT_AMD_TIME:
        return read_count(arg, 60000, &o->detect_ms);
    case OPT_ONCE:
        o->once = true;
        return true;
    default:
        return set_call(o, opt, arg);
    }
}

static bool set_order(cli_options_t *o, int opt, const char *arg)
{
    switch (opt) {
    case OPT_MESSAGE:
        o->message = arg;
        return true;
    case OPT_PROMPT:
        o->prompt = arg;
        return true;
    case OPT_VOICE:
        o->voice = arg;
        return true;
    case OPT_CALL_MODE:
        o->call_mode = arg;
        return true;
    case OPT_AMD:
        o->amd = arg != NULL ? arg : "true";
        return true;
    case OPT_PARAM:
        if (o->parameter_count == CLI_PARAMETERS_MAX ||
            strchr(arg, '=') == NULL || arg[0] == '=') {
            return wrong("a parameter is NAME=VALUE, 32 at most", arg);
        }
        o->parameters[o->parameter_count++] = arg;
        return true;
    default:
        return set_twilio(o, opt, arg);
    }
}

static bool set_load(cli_options_t *o, int opt, const char *arg)
{
    switch (opt) {
    case OPT_CALLS:
        return read_count(arg, 20000, &o->calls);
    case OPT_RAMP:
        return read_number(arg, 0.1, 10000, &o->ramp);
    case OPT_SECONDS:
        return read_number(arg, 0.1, 86400, &o->seconds);
    case OPT_MODE:
        return read_mode(o, arg);
    case OPT_REPEAT:
        return read_count(arg, 1000000, &o->repeat);
    case OPT_RECONNECT:
        o->reconnect = true;
        return true;
    case OPT_ALLOW_REMOTE:
        o->allow_remote = true;
        return true;
    case OPT_WAV:
        o->wav = arg;
        return true;
    case OPT_SAY:
        o->say = arg;
        return true;
    default:
        return set_common(o, opt, arg);
    }
}

static bool set_step(cli_options_t *o, int opt, const char *arg)
{
    cli_step_type_t type = (cli_step_type_t)(opt - STEP(0));
    va_rc_t rc = cli_scenario_add(&o->scenario, type, arg);

    if (rc == VA_OK) {
        return true;
    }
    cli_warn("--%s: %s", cli_step_name(type),
             rc == VA_LIMIT ? "too many steps" : "wrong argument");
    return false;
}

static void set_defaults(cli_options_t *o)
{
    memset(o, 0, sizeof(*o));
    o->account_sid = "AC00000000000000000000000000000000";
    o->from = "+15550100001";
    o->to = "+15550100002";
    o->caller_voice = "rms";
    o->level = o->noise = CLI_DB_UNSET;
    o->silence_ms = 800;
    o->answer_ms = 20000;
    o->max_s = 300;
    o->stt_model = "assistant";
    o->status_events = CLI_EVENTS_ALL;
    o->ring_ms = 1000;
    o->answered_by = "human";
    o->detect_ms = 1000;
    o->calls = 10;
    o->repeat = 1;
    o->ramp = 50;
    o->seconds = 10;
}

/*
 * "--wait 500" is what people write, though getopt takes the argument of such
 * an option only behind an equals sign.
 */
static const char *loose_argument(int argc, char **argv)
{
    if (optarg == NULL && optind < argc && argv[optind][0] >= '0' &&
        argv[optind][0] <= '9') {
        return argv[optind++];
    }
    return optarg;
}

static int parse(cli_options_t *o, int argc, char **argv,
                 const struct option *list, bool url,
                 bool (*set)(cli_options_t *, int, const char *))
{
    int opt, at = 0;
    bool ok;

    set_defaults(o);
    optind = 1;
    while ((opt = getopt_long(argc, argv, "-h", list, &at)) != -1) {
        if (opt == OPT_HELP || opt == 'h') {
            cli_help();
            return -1;
        }
        if (opt == 1) {
            ok = o->url == NULL || wrong("a second URL", optarg);
            o->url = optarg;
        } else if (opt == STEP(CLI_STEP_WAIT) ||
                   opt == STEP(CLI_STEP_INTERRUPT)) {
            ok = set_step(o, opt, loose_argument(argc, argv));
        } else if (opt >= STEP(0) && opt < OPT_FIRST) {
            ok = set_step(o, opt, optarg);
        } else {
            ok = opt != '?' && set(o, opt, optarg);
        }
        if (!ok) {
            return CLI_EXIT_USAGE;
        }
    }
    if (o->url == NULL && optind < argc) {
        o->url = argv[optind++];
    }
    if ((o->url != NULL) != url || optind < argc) {
        cli_warn("%s %s (see --help)", argv[0],
                 url ? "needs one URL" : "takes no URL");
        return CLI_EXIT_USAGE;
    }
    return CLI_EXIT_OK;
}

int cli_options_call(cli_options_t *o, int argc, char **argv)
{
    return parse(o, argc, argv, cli_call_list, true, set_call);
}

static int needs(bool ok, const char *command, const char *what)
{
    if (!ok) {
        cli_warn("%s needs %s (see --help)", command, what);
    }
    return ok ? CLI_EXIT_OK : CLI_EXIT_USAGE;
}

int cli_options_twilio(cli_options_t *o, int argc, char **argv)
{
    int rc = parse(o, argc, argv, cli_twilio_list, false, set_twilio);

    return rc != CLI_EXIT_OK ? rc
                             : needs(o->listen != NULL, argv[0], "--listen");
}

int cli_options_make_call(cli_options_t *o, int argc, char **argv)
{
    int rc = parse(o, argc, argv, cli_make_call_list, true, set_order);

    return rc != CLI_EXIT_OK ? rc : needs(o->to_given, argv[0], "--to");
}

int cli_options_outbound(cli_options_t *o, int argc, char **argv)
{
    int rc = parse(o, argc, argv, cli_outbound_list, true, set_order);

    return rc != CLI_EXIT_OK ? rc
                             : needs(o->to_given && o->listen != NULL, argv[0],
                                     "--to and --listen");
}

int cli_options_load(cli_options_t *o, int argc, char **argv)
{
    int rc = parse(o, argc, argv, cli_load_list, true, set_load);

    if (rc == CLI_EXIT_OK && o->wav != NULL && o->say != NULL) {
        cli_warn("--wav and --say exclude each other");
        rc = CLI_EXIT_USAGE;
    }
    return rc;
}

void cli_options_free(cli_options_t *o)
{
    cli_scenario_free(&o->scenario);
    free(o->token);
    free(o->stt_key);
    free(o->api_key);
}
