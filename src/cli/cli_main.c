/*
 * voiceai-sim: plays Twilio and a caller towards a server under test.
 */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli_call.h"
#include "cli_load.h"
#include "cli_make_call.h"
#include "cli_options.h"
#include "cli_replay.h"
#include "cli_twilio.h"

#ifdef CLI_WITH_VAD
#include "cli_vad.h"
#endif

static int run_with_options(int argc, char **argv,
                            int (*read)(cli_options_t *, int, char **),
                            int (*run)(const cli_options_t *))
{
    static cli_options_t o;
    int rc = read(&o, argc, argv);

    if (rc == CLI_EXIT_OK) {
        rc = run(&o);
    }
    cli_options_free(&o);
    return rc < 0 ? CLI_EXIT_OK : rc;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    int rc;

    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (strcmp(command, "call") == 0) {
        rc = run_with_options(argc - 1, argv + 1, cli_options_call,
                              cli_call_run);
    } else if (strcmp(command, "load") == 0) {
        rc = run_with_options(argc - 1, argv + 1, cli_options_load,
                              cli_load_run);
    } else if (strcmp(command, "twilio") == 0) {
        rc = run_with_options(argc - 1, argv + 1, cli_options_twilio,
                              cli_twilio_run);
    } else if (strcmp(command, "make-call") == 0) {
        rc = run_with_options(argc - 1, argv + 1, cli_options_make_call,
                              cli_make_call_run);
    } else if (strcmp(command, "outbound") == 0) {
        rc = run_with_options(argc - 1, argv + 1, cli_options_outbound,
                              cli_twilio_run);
    } else if (strcmp(command, "replay") == 0 ||
               strcmp(command, "--replay") == 0) {
        rc = cli_replay(argc - 1, argv + 1);
#ifdef CLI_WITH_VAD
    } else if (strcmp(command, "vad") == 0) {
        rc = cli_vad(argc - 1, argv + 1);
#endif
    } else if (strcmp(command, "--version") == 0) {
        puts("voiceai-sim " VA_VERSION);
        rc = CLI_EXIT_OK;
    } else if (strcmp(command, "--help") == 0 || strcmp(command, "help") == 0 ||
               strcmp(command, "-h") == 0) {
        cli_help();
        rc = CLI_EXIT_OK;
    } else {
        cli_warn(
            "the commands are call, outbound, make-call, twilio, load, vad "
            "and replay (see --help)");
        rc = CLI_EXIT_USAGE;
    }
    curl_global_cleanup();
    return rc;
}
