#include "va_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "va_work.h"

#define MODEL_DIR "/usr/share/pocketsphinx/model/en-us"

static const char usage[] =
    "Usage: voiceai-local --socket PATH | --listen ADDRESS:PORT [OPTION]...\n"
    "\n"
    "Serves speech recognition, speech synthesis and a rule-based assistant\n"
    "over the HTTP protocol of OpenAI, with engines that need no network.\n"
    "\n"
    "  --socket PATH         listen on a unix socket (may be repeated)\n"
    "  --socket-mode MODE    its permissions, octal (default 660)\n"
    "  --listen ADDR:PORT    listen on TCP; port 0 picks a free one\n"
    "  --allow-remote        allow addresses other than loopback\n"
    "  --grammar-dir DIR     grammars, *.gram in JSGF\n"
    "  --model-dir DIR       acoustic model\n"
    "  --dict FILE           pronouncing dictionary\n"
    "  --mllr FILE           adaptation to the telephone (\"none\" for none)\n"
    "  --decoders N          recognitions at once (default: one a processor)\n"
    "  --threads N           syntheses at once (default: one a processor)\n"
    "  --queue N             requests that may wait for either (default 64)\n"
    "  --voice NAME          default voice: rms, slt, awb or kal (default "
    "slt)\n"
    "  --max-body BYTES      largest request body (default 4194304)\n"
    "  --pidfile FILE        write the process id there\n"
    "  --help                print this\n"
    "  --version             print the version\n";

enum {
    OPT_SOCKET = 1,
    OPT_MODE,
    OPT_LISTEN,
    OPT_REMOTE,
    OPT_GRAMMAR,
    OPT_MODEL,
    OPT_DICT,
    OPT_MLLR,
    OPT_DECODERS,
    OPT_THREADS,
    OPT_QUEUE,
    OPT_VOICE,
    OPT_BODY,
    OPT_PIDFILE,
    OPT_HELP,
    OPT_VERSION
};

static const struct option table[] = {
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"socket-mode", required_argument, NULL, OPT_MODE},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"allow-remote", no_argument, NULL, OPT_REMOTE},
    {"grammar-dir", required_argument, NULL, OPT_GRAMMAR},
    {"model-dir", required_argument, NULL, OPT_MODEL},
    {"dict", required_argument, NULL, OPT_DICT},
    {"mllr", required_argument, NULL, OPT_MLLR},
    {"decoders", required_argument, NULL, OPT_DECODERS},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"queue", required_argument, NULL, OPT_QUEUE},
    {"voice", required_argument, NULL, OPT_VOICE},
    {"max-body", required_argument, NULL, OPT_BODY},
    {"pidfile", required_argument, NULL, OPT_PIDFILE},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0}};

static bool number(const char *name, const char *text, int base,
                   unsigned long min, unsigned long max, unsigned long *value)
{
    char *end;

    *value = strtoul(text, &end, base);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || *value < min ||
        *value > max) {
        fprintf(stderr,
                base == 8
                    ? "voiceai-local: --%s \"%s\" is not from %lo to %lo\n"
                    : "voiceai-local: --%s \"%s\" is not from %lu to %lu\n",
                name, text, min, max);
        return false;
    }
    return true;
}

static bool path(char to[PATH_MAX], const char *from)
{
    if (strlen(from) >= PATH_MAX) {
        fprintf(stderr, "voiceai-local: a path is too long\n");
        return false;
    }
    va_str_copy(to, PATH_MAX, va_str(from));
    return true;
}

static bool add_listen(va_options_t *o, const char *where, bool is_unix)
{
    if (o->listen_count == VA_OPTIONS_LISTEN) {
        fprintf(stderr, "voiceai-local: more than %d sockets\n",
                VA_OPTIONS_LISTEN);
        return false;
    }
    o->listen[o->listen_count] = where;
    o->is_unix[o->listen_count++] = is_unix;
    return true;
}

static bool apply_number(va_options_t *o, int opt, const char *name,
                         const char *arg)
{
    unsigned long v;

    switch (opt) {
    case OPT_MODE:
        if (!number(name, arg, 8, 0, 0777, &v)) {
            return false;
        }
        o->socket_mode = (unsigned)v;
        return true;
    case OPT_DECODERS:
        return number(name, arg, 10, 1, VA_WORK_THREADS, &v) &&
               (o->decoders = v, true);
    case OPT_THREADS:
        return number(name, arg, 10, 1, VA_WORK_THREADS, &v) &&
               (o->threads = v, true);
    case OPT_QUEUE:
        return number(name, arg, 10, 1, VA_WORK_QUEUE, &v) &&
               (o->queue = v, true);
    default:
        return number(name, arg, 10, 1024, 256UL << 20, &v) &&
               (o->max_body = v, true);
    }
}

static bool apply(va_options_t *o, int opt, const char *name, const char *arg)
{
    switch (opt) {
    case OPT_SOCKET:
        return add_listen(o, arg, true);
    case OPT_LISTEN:
        return add_listen(o, arg, false);
    case OPT_REMOTE:
        o->remote = true;
        return true;
    case OPT_GRAMMAR:
        return path(o->grammar_dir, arg);
    case OPT_MODEL:
        return path(o->model_dir, arg);
    case OPT_DICT:
        return path(o->dict, arg);
    case OPT_MLLR:
        return path(o->mllr, strcmp(arg, "none") == 0 ? "" : arg);
    case OPT_VOICE:
        o->voice = arg;
        return true;
    case OPT_PIDFILE:
        o->pidfile = arg;
        return true;
    default:
        return apply_number(o, opt, name, arg);
    }
}

/*
 * The data lies beside the program in a build tree, and in ../share when it is
 * installed.
 */
static void find_data(va_options_t *o)
{
    static const char *const places[] = {"share/voiceai-local",
                                         "../share/voiceai-local"};
    char self[PATH_MAX - 64];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;
    size_t i;

    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    if (slash == NULL) {
        return;
    }
    *slash = '\0';
    for (i = 0; i < 2; i++) {
        snprintf(o->grammar_dir, PATH_MAX, "%s/%s/grammar", self, places[i]);
        snprintf(o->mllr, PATH_MAX, "%s/%s/phone8k.mllr", self, places[i]);
        if (access(o->grammar_dir, R_OK) == 0) {
            return;
        }
    }
}

static void set_defaults(va_options_t *o)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    memset(o, 0, sizeof(*o));
    o->socket_mode = 0660;
    o->voice = "slt";
    o->decoders = cpus < 2                 ? 2
                  : cpus > VA_WORK_THREADS ? VA_WORK_THREADS
                                           : (size_t)cpus;
    o->threads = o->decoders;
    o->queue = 64;
    o->max_body = 4UL << 20;
    path(o->model_dir, MODEL_DIR "/en-us");
    path(o->dict, MODEL_DIR "/cmudict-en-us.dict");
    find_data(o);
}

va_options_rc_t va_options_parse(va_options_t *o, int argc, char **argv)
{
    int opt, at = 0;

    set_defaults(o);
    while ((opt = getopt_long(argc, argv, "", table, &at)) != -1) {
        if (opt == OPT_HELP) {
            fputs(usage, stdout);
            return VA_OPTIONS_DONE;
        }
        if (opt == OPT_VERSION) {
            puts("voiceai-local " VA_VERSION);
            return VA_OPTIONS_DONE;
        }
        if (opt == '?' || !apply(o, opt, table[at].name, optarg)) {
            return VA_OPTIONS_WRONG;
        }
    }
    if (optind != argc) {
        fprintf(stderr, "voiceai-local: unexpected \"%s\"\n", argv[optind]);
        return VA_OPTIONS_WRONG;
    }
    if (o->listen_count == 0) {
        fprintf(stderr, "voiceai-local: --socket or --listen is needed; "
                        "see --help\n");
        return VA_OPTIONS_WRONG;
    }
    return VA_OPTIONS_RUN;
}
