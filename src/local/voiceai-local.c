#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "va_endpoints.h"
#include "va_listen.h"
#include "va_options.h"
#include "va_serve.h"
#include "va_stt.h"

typedef struct {
    va_options_t options;
    va_app_t app;
    va_lexicon_t *lexicon;
    va_stt_t *decoders[VA_WORK_THREADS];
    va_serve_t *serves[VA_OPTIONS_LISTEN];
    char names[VA_OPTIONS_LISTEN][VA_LISTEN_NAME];
    bool pidfile; /* written by us */
} program_t;

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "voiceai-local: %s: %s\n", what, why);
    return false;
}

static bool start_hearing(program_t *p)
{
    const va_options_t *o = &p->options;
    va_stt_conf_t conf;
    char error[PATH_MAX + 128];
    size_t i;

    /* Grammars import one another by name. */
    setenv("JSGF_PATH", o->grammar_dir, 1);
    p->lexicon = va_lexicon_new(o->grammar_dir, o->dict, error, sizeof(error));
    if (p->lexicon == NULL) {
        return fail("recognition", error);
    }
    p->app.lexicon = p->lexicon;
    conf.model_dir = o->model_dir;
    conf.mllr = o->mllr[0] != '\0' ? o->mllr : NULL;
    conf.lexicon = p->lexicon;
    if (conf.mllr != NULL && access(conf.mllr, R_OK) != 0) {
        return fail(conf.mllr, strerror(errno));
    }
    va_stt_log(true);
    for (i = 0; i < o->decoders; i++) {
        p->decoders[i] = va_stt_new(&conf);
        if (p->decoders[i] == NULL) {
            return fail("recognition", "no decoder could be made");
        }
    }
    va_stt_log(false);
    p->app.hearing =
        va_work_new((void *const *)p->decoders, o->decoders, o->queue,
                    va_transcribe_run, va_transcribe_drop);
    return p->app.hearing != NULL || fail("recognition", "no threads");
}

static bool start_speaking(program_t *p)
{
    void *const none[VA_WORK_THREADS] = {NULL};

    if (!va_tts_init()) {
        return fail("synthesis", "the voices cannot be loaded");
    }
    p->app.voice = va_tts_voice(va_str(p->options.voice));
    if (p->app.voice == NULL) {
        return fail(p->options.voice, "there is no such voice");
    }
    p->app.speaking = va_work_new(none, p->options.threads, p->options.queue,
                                  va_speech_run, va_speech_drop);
    return p->app.speaking != NULL || fail("synthesis", "no threads");
}

static bool start_serving(program_t *p)
{
    const va_options_t *o = &p->options;
    size_t i;
    int fd;

    for (i = 0; i < o->listen_count; i++) {
        fd = o->is_unix[i]
                 ? va_listen_unix(o->listen[i], o->socket_mode)
                 : va_listen_tcp(o->listen[i], o->remote, p->names[i]);
        if (fd < 0) {
            return fail(o->listen[i],
                        errno == EPERM && !o->is_unix[i]
                            ? "not a loopback address; --allow-remote allows it"
                            : strerror(errno));
        }
        p->serves[i] = va_serve_start(&p->app, fd);
        if (p->serves[i] == NULL) {
            return fail(o->listen[i], "the server cannot start");
        }
    }
    return true;
}

static void announce(const program_t *p)
{
    const va_options_t *o = &p->options;
    size_t i;

    for (i = 0; i < o->listen_count; i++) {
        printf("voiceai-local: ready on %s%s\n", o->is_unix[i] ? "unix:" : "",
               o->is_unix[i] ? o->listen[i] : p->names[i]);
    }
    fflush(stdout);
}

/* Only once the sockets are ours: it may be the file of one that runs. */
static bool write_pidfile(program_t *p)
{
    const char *file = p->options.pidfile;
    FILE *f = file != NULL ? fopen(file, "we") : NULL;
    bool ok;

    if (file == NULL) {
        return true;
    }
    p->pidfile = f != NULL;
    ok = f != NULL && fprintf(f, "%ld\n", (long)getpid()) > 0;
    if (f != NULL) {
        ok = fclose(f) == 0 && ok;
    }
    return ok || fail(file, strerror(errno));
}

/*
 * The threads end before the servers do, which may not be stopped while a
 * connection sleeps; the queues go last, since a server may still look at them.
 */
static void stop(program_t *p)
{
    const va_options_t *o = &p->options;
    size_t i;

    atomic_store(&p->app.stopping, true);
    for (i = 0; i < o->listen_count; i++) {
        if (p->serves[i] != NULL) {
            va_serve_quiesce(p->serves[i]);
            if (o->is_unix[i]) {
                unlink(o->listen[i]);
            }
        }
    }
    if (p->app.hearing != NULL) {
        va_work_end(p->app.hearing);
    }
    if (p->app.speaking != NULL) {
        va_work_end(p->app.speaking);
    }
    for (i = 0; i < o->listen_count; i++) {
        va_serve_stop(p->serves[i]);
    }
    va_work_free(p->app.hearing);
    va_work_free(p->app.speaking);
    for (i = 0; i < o->decoders; i++) {
        va_stt_free(p->decoders[i]);
    }
    va_lexicon_free(p->lexicon);
    if (p->pidfile) {
        unlink(o->pidfile);
    }
}

static void block(sigset_t *ends)
{
    sigemptyset(ends);
    sigaddset(ends, SIGTERM);
    sigaddset(ends, SIGINT);
    sigaddset(ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, ends, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
    static program_t p;
    sigset_t ends;
    int got;
    bool ok;

    switch (va_options_parse(&p.options, argc, argv)) {
    case VA_OPTIONS_DONE:
        return 0;
    case VA_OPTIONS_WRONG:
        return 2;
    default:
        break;
    }
    p.app.max_body = p.options.max_body;
    /* Before any thread, so that all of them leave signals to this one. */
    block(&ends);
    ok = start_speaking(&p) && start_hearing(&p) && start_serving(&p) &&
         write_pidfile(&p);
    if (ok) {
        announce(&p);
        sigwait(&ends, &got);
    }
    stop(&p);
    return ok ? 0 : 1;
}
