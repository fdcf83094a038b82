#include "cli_call.h"

#include <stdlib.h>
#include <string.h>

#define DOCUMENTS_MAX 32
#define STT_US 30000000u

/* A document on its way. */
typedef struct {
    bool done;
    bool ok;
    char error[CLI_ERROR];
    va_buf_t body;
} fetch_t;

uint64_t cli_call_ms(const cli_call_t *c)
{
    return (cli_now_us() - c->t0_us) / 1000;
}

void cli_call_verdict(cli_call_t *c, int exit_code, const char *reason)
{
    if (exit_code <= c->exit) {
        return;
    }
    c->exit = exit_code;
    va_str_copy(c->reason, sizeof(c->reason), va_str(reason));
    cli_report_event(&c->report, cli_call_ms(c), "error", "%s", reason);
}

void cli_call_log(cli_call_t *c, const char *direction, va_str_t text)
{
    uint64_t ms;

    if (c->log != NULL) {
        ms = cli_call_ms(c);
        fprintf(c->log, "%llu.%03llu %s %.*s\n", (unsigned long long)ms / 1000,
                (unsigned long long)ms % 1000, direction, (int)text.len,
                text.data);
    }
}

cli_action_t cli_call_step(cli_call_t *c, const cli_input_t *in)
{
    cli_action_t action;
    char reason[CLI_ERROR];

    for (;;) {
        action = cli_runner_tick(&c->runner, in);
        switch (action.what) {
        case CLI_DO_CHECK:
            cli_hearing_check(&c->hearing, action.step);
            continue;
        case CLI_DO_FAIL:
            snprintf(reason, sizeof(reason), "%s (step %zu, %s%s%.60s)",
                     action.why,
                     (size_t)(action.step - c->o->scenario.steps) + 1,
                     cli_step_name(action.step->type),
                     action.step->text != NULL ? " " : "",
                     action.step->text != NULL ? action.step->text : "");
            cli_call_verdict(c, CLI_EXIT_UNMET, reason);
            action.what = CLI_DO_HANGUP;
            return action;
        case CLI_DO_FINISH:
        case CLI_DO_HANGUP:
            c->finished = true;
            return action;
        default:
            return action;
        }
    }
}

static void on_document(void *ctx, const cli_http_reply_t *reply)
{
    fetch_t *f = ctx;

    f->done = true;
    f->ok = cli_webhook_accept(reply, f->error);
    va_buf_str(&f->body, reply->body);
}

/* Requests the document at url and reads it.  NULL: the call is broken. */
static cli_twiml_t *fetch(cli_call_t *c, const char *url, bool get, bool first)
{
    fetch_t f = {.done = false};
    cli_twiml_t *doc = NULL;
    uint64_t begin = cli_now_us();
    cli_http_t *http;

    va_buf_init(&f.body, CLI_WEBHOOK_MAX);
    http = cli_webhook_start(c->loop, &c->route, &c->id, url,
                             first ? "ringing" : "in-progress", get,
                             on_document, &f, f.error);
    while (http != NULL && !f.done && !cli_interrupted()) {
        cli_loop_run(c->loop, cli_now_us() + 100000);
    }
    if (http != NULL && !f.done) {
        cli_http_cancel(http);
        snprintf(f.error, sizeof(f.error), "interrupted");
    }
    if (first) {
        c->figures.webhook_ms = (cli_now_us() - begin) / 1000;
    }
    if (f.ok) {
        cli_call_log(c, "<", va_buf_view(&f.body));
        doc = cli_twiml_parse(va_buf_view(&f.body), f.error);
    }
    if (doc == NULL) {
        cli_call_verdict(c, CLI_EXIT_BROKEN, f.error);
    } else if (doc->warning[0] != '\0') {
        cli_report_fault(&c->report, cli_call_ms(c), doc->warning);
    }
    va_buf_free(&f.body);
    return doc;
}

static void pause_for(cli_call_t *c, unsigned seconds)
{
    uint64_t until = cli_now_us() + (uint64_t)seconds * 1000000;

    while (cli_now_us() < until && !cli_interrupted()) {
        cli_loop_run(c->loop, until);
    }
}

/* Resolves a URL of a document; wss for streams. */
static bool resolve(cli_call_t *c, const char *base, const char *ref,
                    bool stream, char out[CLI_URL_MAX])
{
    cli_url_t u;
    bool ok = cli_url_parse(&u, base);

    if (ok && stream) {
        strcpy(u.scheme, "wss");
    }
    if (!ok || !cli_url_resolve(&u, ref, out)) {
        cli_call_verdict(c, CLI_EXIT_BROKEN, "11210: a URL is malformed");
        return false;
    }
    return true;
}

static void show_verb(cli_call_t *c, const cli_verb_t *v)
{
    cli_report_event(&c->report, cli_call_ms(c), "twiml", "%s%s%s", v->name,
                     v->text != NULL && v->text[0] != '\0' ? " " : "",
                     v->text != NULL ? v->text : "");
}

typedef enum { NEXT_VERB, NEXT_DOCUMENT, OVER } flow_t;

/* Does what a verb says; url is the document's and becomes the next one's. */
static flow_t run_verb(cli_call_t *c, const cli_verb_t *v,
                       char url[CLI_URL_MAX], bool *get)
{
    char target[CLI_URL_MAX];

    show_verb(c, v);
    switch (v->type) {
    case CLI_VERB_PAUSE:
        pause_for(c, v->seconds);
        return NEXT_VERB;
    case CLI_VERB_STREAM:
        if (!resolve(c, url, v->text, true, target) ||
            !cli_session_run(c, v, target)) {
            return OVER;
        }
        if (v->action == NULL) {
            return NEXT_VERB;
        }
        *get = false;
        return resolve(c, url, v->action, false, target) &&
                       va_str_copy(url, CLI_URL_MAX, va_str(target)) > 0
                   ? NEXT_DOCUMENT
                   : OVER;
    case CLI_VERB_REDIRECT:
        *get = v->get;
        return resolve(c, url, v->text != NULL ? v->text : "", false, target) &&
                       va_str_copy(url, CLI_URL_MAX, va_str(target)) > 0
                   ? NEXT_DOCUMENT
                   : OVER;
    case CLI_VERB_HANGUP:
    case CLI_VERB_REJECT:
        return OVER;
    default:
        return NEXT_VERB;
    }
}

/* Goes from document to document until somebody hangs up. */
static void run_documents(cli_call_t *c)
{
    char url[CLI_URL_MAX];
    bool get = c->o->get;
    unsigned n;
    flow_t flow = NEXT_DOCUMENT;
    size_t i;

    c->figures.ended_by = "server";
    if (!cli_route_first(&c->route, url)) {
        cli_call_verdict(c, CLI_EXIT_BROKEN, "the URL is too long");
        return;
    }
    for (n = 0; flow == NEXT_DOCUMENT; n++) {
        cli_twiml_t *doc;

        if (n == DOCUMENTS_MAX) {
            cli_call_verdict(c, CLI_EXIT_BROKEN, "11215: too many documents");
            return;
        }
        doc = fetch(c, url, get, n == 0);
        if (doc == NULL) {
            return;
        }
        flow = NEXT_VERB;
        for (i = 0; i < doc->count && flow == NEXT_VERB; i++) {
            flow = cli_interrupted() ? OVER
                                     : run_verb(c, &doc->verbs[i], url, &get);
        }
        cli_twiml_free(doc);
    }
}

/* The call is over: what is left of the scenario, and the last transcripts. */
static void conclude(cli_call_t *c)
{
    cli_input_t in = {.now_ms = cli_call_ms(c), .ended = true};
    uint64_t until = cli_now_us() + STT_US;
    size_t i;

    for (i = 0; i <= 2 * CLI_STEPS_MAX && !c->runner.finished; i++) {
        cli_call_step(c, &in);
    }
    while (cli_hearing_busy(&c->hearing) && cli_now_us() < until &&
           !cli_interrupted()) {
        cli_loop_run(c->loop, until);
    }
    if (c->hearing.deaf > 0 && c->hearing.awaited_count > 0) {
        cli_call_verdict(c, CLI_EXIT_BROKEN, "a transcription failed");
    }
    if (cli_hearing_busy(&c->hearing)) {
        cli_call_verdict(c, CLI_EXIT_BROKEN, "a transcription took too long");
    }
    if (c->hearing.unmet > 0) {
        cli_call_verdict(c, CLI_EXIT_UNMET, "something expected was not heard");
    }
    if (c->report.fault_count > 0) {
        cli_call_verdict(c, CLI_EXIT_BROKEN, c->report.faults[0]);
    }
}

static void tell_result(cli_call_t *c)
{
    cli_figures_t *f = &c->figures;

    f->call_sid = c->id.call_sid;
    f->stream_sid = c->stream_sid[0] != '\0' ? c->stream_sid : NULL;
    f->reason = c->reason;
    f->exit = c->exit;
    if (c->exit == CLI_EXIT_BROKEN && c->report.fault_count == 0 &&
        strcmp(f->ended_by, "server") == 0) {
        f->ended_by = "failure";
    }
    if (c->o->json) {
        cli_report_json(&c->report, f, stdout);
    } else if (!c->o->quiet) {
        cli_report_figures(&c->report, f, stdout);
    }
}

int cli_call_run(const cli_options_t *o)
{
    cli_call_t *c = calloc(1, sizeof(*c));
    int rc = CLI_EXIT_USAGE;

    if (c == NULL) {
        cli_warn("out of memory");
        return CLI_EXIT_BROKEN;
    }
    c->o = o;
    if (cli_call_prepare(c)) {
        cli_catch_signals();
        c->t0_us = cli_now_us();
        cli_report_event(&c->report, 0, "call", "%s from %s to %s",
                         c->id.call_sid, o->from, o->to);
        run_documents(c);
        c->figures.duration_ms = cli_call_ms(c);
        conclude(c);
        tell_result(c);
        rc = c->exit;
    }
    cli_call_release(c);
    free(c);
    return rc;
}
