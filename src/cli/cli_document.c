#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_line.h"

#define DOCUMENTS_MAX 512
#define DIAL_MS 1000 /* how long who is dialled talks */
#define FIELDS_MAX 4

/* A document on its way. */
typedef struct {
    bool done;
    bool ok;
    char error[CLI_ERROR];
    va_buf_t body;
} fetch_t;

/* The document to be run next. */
typedef struct {
    char url[CLI_URL_MAX]; /* "" for one that the REST API gave */
    const char *twiml;     /* that one, else NULL */
    bool get;
    cli_field_t fields[FIELDS_MAX]; /* what a verb has to tell */
    size_t field_count;
    cli_gather_t gathered; /* where their values are */
    char sid[CLI_SID_LEN + 1];
} next_t;

typedef enum { NEXT_VERB, NEXT_DOCUMENT, OVER } flow_t;

static void on_document(void *ctx, const cli_http_reply_t *reply)
{
    fetch_t *f = ctx;

    f->done = true;
    f->ok = cli_webhook_accept(reply, f->error);
    va_buf_str(&f->body, reply->body);
}

/* Waits for a document; the line stays open meanwhile. */
static void await(cli_call_t *c, fetch_t *f, cli_http_t *http)
{
    if (c->answered_us != 0) {
        cli_line_wait(c, &f->done, 0);
    }
    while (!f->done && cli_call_going(c)) {
        cli_loop_run(c->loop, cli_now_us() + 100000);
    }
    if (!f->done) {
        cli_http_cancel(http);
        f->error[0] = '\0'; /* nobody waits for it any more */
    }
}

static void request(cli_call_t *c, const next_t *next, fetch_t *f)
{
    uint64_t begin = cli_now_us();
    cli_webhook_t w = {.url = next->url,
                       .status =
                           c->answered_us != 0 ? "in-progress" : "ringing",
                       .get = next->get,
                       .fields = next->fields,
                       .field_count = next->field_count};
    cli_http_t *http = cli_webhook_start(c->loop, &c->route, &c->id, &w,
                                         on_document, f, f->error);

    if (http != NULL) {
        await(c, f, http);
    }
    if (c->figures.webhook_ms == 0) {
        c->figures.webhook_ms = (cli_now_us() - begin) / 1000;
    }
}

/* Gets the document and reads it.  NULL: the call does not go on with it. */
static cli_twiml_t *fetch(cli_call_t *c, const next_t *next)
{
    fetch_t f = {.done = false};
    cli_twiml_t *doc = NULL;

    va_buf_init(&f.body, CLI_WEBHOOK_MAX);
    if (next->twiml != NULL) {
        f.ok = va_buf_puts(&f.body, next->twiml) == VA_OK;
    } else {
        request(c, next, &f);
    }
    if (f.ok) {
        cli_call_log(c, "<", va_buf_view(&f.body));
        doc = cli_twiml_parse(va_buf_view(&f.body), f.error);
    }
    if (doc != NULL && doc->warning[0] != '\0') {
        cli_report_fault(&c->report, cli_call_ms(c), doc->warning);
    } else if (doc == NULL && f.error[0] != '\0') {
        cli_call_verdict(c, CLI_EXIT_BROKEN, f.error);
    }
    va_buf_free(&f.body);
    return doc;
}

/* Resolves a URL of a document; wss for streams. */
static bool resolve(cli_call_t *c, const char *base, const char *ref,
                    bool stream, char out[CLI_URL_MAX])
{
    cli_url_t u;
    bool absolute = strstr(ref, "://") != NULL;
    bool ok = cli_url_parse(&u, base[0] == '\0' && absolute ? ref : base);

    if (ok && stream) {
        strcpy(u.scheme, "wss");
    }
    if (!ok || !cli_url_resolve(&u, ref, out)) {
        cli_call_verdict(c, CLI_EXIT_BROKEN,
                         base[0] == '\0' && !absolute
                             ? "11100: a relative URL in TwiML without one"
                             : "11210: a URL is malformed");
        return false;
    }
    return true;
}

/* Goes to the document of a URL that stands in this one; NULL: this one. */
static flow_t go_to(cli_call_t *c, next_t *next, const char *ref, bool get)
{
    char target[CLI_URL_MAX];

    if (!resolve(c, next->url, ref != NULL ? ref : "", false, target)) {
        return OVER;
    }
    va_str_copy(next->url, sizeof(next->url), va_str(target));
    next->get = get;
    return NEXT_DOCUMENT;
}

static void add_field(next_t *next, const char *name, const char *value)
{
    next->fields[next->field_count++] = (cli_field_t){name, value};
}

static void show_verb(cli_call_t *c, const cli_verb_t *v)
{
    const char *more = v->text != NULL ? v->text : "";

    if (v->type == CLI_VERB_SAY) {
        return; /* shown as what the assistant says */
    }
    if (v->type == CLI_VERB_GATHER) {
        more = !v->gather.speech ? "dtmf"
               : v->gather.dtmf  ? "dtmf speech"
                                 : "speech";
    }
    cli_report_event(&c->report, cli_call_ms(c), "twiml", "%s%s%s", v->name,
                     more[0] != '\0' ? " " : "", more);
}

static flow_t run_gather(cli_call_t *c, const cli_verb_t *v, next_t *next)
{
    cli_gather_t *g = &next->gathered;

    if (!cli_line_gather(c, v, g)) {
        return OVER;
    }
    if (g->speech[0] != '\0') {
        add_field(next, "SpeechResult", g->speech);
        add_field(next, "Confidence", c->confidence);
    } else if (g->digits[0] != '\0') {
        add_field(next, "Digits", g->digits);
    } else if (!v->gather.on_empty) {
        cli_report_event(&c->report, cli_call_ms(c), "gather", "[nothing]");
        return NEXT_VERB;
    } else {
        cli_report_event(&c->report, cli_call_ms(c), "gather", "[nothing]");
        add_field(next, v->gather.speech ? "SpeechResult" : "Digits", "");
    }
    return go_to(c, next, v->action, v->get);
}

static flow_t run_dial(cli_call_t *c, const cli_verb_t *v, next_t *next)
{
    va_str_copy(c->dialed, sizeof(c->dialed),
                va_str(v->text != NULL ? v->text : ""));
    if (!cli_line_wait(c, NULL, DIAL_MS)) {
        return OVER;
    }
    if (v->action == NULL) {
        return NEXT_VERB;
    }
    cli_sid(next->sid, "CA");
    add_field(next, "DialCallStatus", "completed");
    add_field(next, "DialCallSid", next->sid);
    add_field(next, "DialCallDuration", "1");
    add_field(next, "DialBridged", "true");
    return go_to(c, next, v->action, v->get);
}

static flow_t run_stream(cli_call_t *c, const cli_verb_t *v, next_t *next)
{
    char target[CLI_URL_MAX];

    if (!resolve(c, next->url, v->text, true, target) ||
        !cli_session_run(c, v, target)) {
        return OVER;
    }
    return v->action == NULL ? NEXT_VERB : go_to(c, next, v->action, false);
}

/* Does what a verb says. */
static flow_t run_verb(cli_call_t *c, const cli_verb_t *v, next_t *next)
{
    show_verb(c, v);
    switch (v->type) {
    case CLI_VERB_SAY:
        return cli_line_say(c, v->text != NULL ? v->text : "") ? NEXT_VERB
                                                               : OVER;
    case CLI_VERB_PAUSE:
        return cli_line_wait(c, NULL, (uint64_t)v->seconds * 1000) ? NEXT_VERB
                                                                   : OVER;
    case CLI_VERB_GATHER:
        return run_gather(c, v, next);
    case CLI_VERB_DIAL:
        return run_dial(c, v, next);
    case CLI_VERB_STREAM:
        return run_stream(c, v, next);
    case CLI_VERB_REDIRECT:
        return go_to(c, next, v->text, v->get);
    case CLI_VERB_HANGUP:
    case CLI_VERB_REJECT:
        return OVER;
    default:
        return NEXT_VERB;
    }
}

/* The first document decides whether an incoming call is answered. */
static void answer(cli_call_t *c, const cli_twiml_t *doc)
{
    if (c->answered_us != 0) {
        return;
    }
    if (doc->count > 0 && doc->verbs[0].type == CLI_VERB_REJECT) {
        c->final = doc->verbs[0].busy ? "busy" : "no-answer";
        return;
    }
    cli_call_answered(c);
}

static flow_t run_document(cli_call_t *c, next_t *next)
{
    cli_twiml_t *doc = fetch(c, next);
    flow_t flow = NEXT_VERB;
    size_t i;

    if (doc == NULL) {
        return OVER;
    }
    answer(c, doc);
    next->field_count = 0;
    for (i = 0; i < doc->count && flow == NEXT_VERB; i++) {
        const cli_verb_t *v = &doc->verbs[i];

        flow = cli_call_going(c) ? run_verb(c, v, next) : OVER;
        i += v->children;
    }
    cli_twiml_free(doc);
    return flow;
}

/* A command of the REST API decides what comes next. */
static flow_t obey(cli_call_t *c, next_t *next, cli_command_t *command)
{
    cli_command_type_t type = c->command.type;

    if (c->hung_up ||
        (type != CLI_COMMAND_REDIRECT && type != CLI_COMMAND_TWIML)) {
        return OVER;
    }
    *command = c->command;
    c->command.type = CLI_COMMAND_NONE;
    next->field_count = 0;
    next->get = command->get;
    next->url[0] = '\0';
    next->twiml = NULL;
    if (type == CLI_COMMAND_TWIML) {
        next->twiml = command->text;
    } else {
        va_str_copy(next->url, sizeof(next->url), va_str(command->text));
    }
    return NEXT_DOCUMENT;
}

static bool begin(cli_call_t *c, next_t *next)
{
    const cli_outbound_t *out = c->outbound;

    next->get = out != NULL ? out->get : c->o->get;
    next->twiml = out != NULL ? out->twiml : NULL;
    if (out != NULL && out->answered_by != NULL && !out->async) {
        add_field(next, "AnsweredBy", out->answered_by);
    }
    if (next->twiml == NULL && !cli_route_first(&c->route, next->url)) {
        cli_call_verdict(c, CLI_EXIT_BROKEN, "the URL is too long");
        return false;
    }
    return true;
}

void cli_call_documents(cli_call_t *c)
{
    next_t next = {.field_count = 0};
    cli_command_t command;
    flow_t flow = begin(c, &next) ? NEXT_DOCUMENT : OVER;
    unsigned n;

    for (n = 0; flow == NEXT_DOCUMENT; n++) {
        if (n == DOCUMENTS_MAX) {
            cli_call_verdict(c, CLI_EXIT_BROKEN, "11215: too many documents");
            return;
        }
        flow = run_document(c, &next);
        next.twiml = flow == NEXT_DOCUMENT ? NULL : next.twiml;
        if (c->command.type != CLI_COMMAND_NONE) {
            flow = obey(c, &next, &command);
        }
    }
}
