#include "cli_twiml.h"

#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../twilio/va_twiml.h"

#define DEPTH_MAX 8
#define SAY_MAX 4096 /* bytes, of the basic voices */

typedef struct {
    XML_Parser parser;
    cli_twiml_t *doc;
    cli_verb_t *open; /* the verb whose text is being gathered */
    unsigned depth;
    unsigned connect;     /* depth of an open Connect, 0 if none */
    unsigned streams;     /* Stream elements in that Connect */
    char *action;         /* of that Connect */
    unsigned gather;      /* depth of an open Gather, 0 if none */
    cli_verb_t *gatherer; /* that Gather */
    unsigned opaque; /* depth of an element whose content is not looked at */
    va_buf_t text;
    char *error;
} reader_t;

static const struct {
    const char *name;
    cli_verb_type_t type;
    const char *attributes; /* with blanks around; NULL: not looked at */
} known[] = {
    {"Say", CLI_VERB_SAY, " voice language loop "},
    {"Play", CLI_VERB_PLAY, " loop digits "},
    {"Pause", CLI_VERB_PAUSE, " length "},
    {"Redirect", CLI_VERB_REDIRECT, " method "},
    {"Hangup", CLI_VERB_HANGUP, " "},
    {"Reject", CLI_VERB_REJECT, " reason "},
    {"Gather", CLI_VERB_GATHER,
     " action method input timeout speechTimeout finishOnKey numDigits "
     "speechModel language hints profanityFilter enhanced actionOnEmptyResult "
     "partialResultCallback partialResultCallbackMethod bargeIn "
     "maxSpeechTime debug "},
    {"Dial", CLI_VERB_DIAL,
     " action method timeout timeLimit callerId answerOnBridge hangupOnStar "
     "record recordingStatusCallback recordingStatusCallbackMethod "
     "recordingStatusCallbackEvent recordingTrack trim ringTone referUrl "
     "referMethod sequential callReason events "},
    {"Record", CLI_VERB_OTHER, NULL},
    {"Enqueue", CLI_VERB_OTHER, NULL},
    {"Leave", CLI_VERB_OTHER, NULL},
    {"Refer", CLI_VERB_OTHER, NULL},
    {"Start", CLI_VERB_OTHER, NULL},
    {"Stop", CLI_VERB_OTHER, NULL},
    {"Pay", CLI_VERB_OTHER, NULL},
    {"Sms", CLI_VERB_OTHER, NULL},
};

/* Remembers the first error and ends the parsing. */
static void fail(reader_t *r, const char *fmt, ...)
{
    va_list ap;

    if (r->error[0] == '\0') {
        va_start(ap, fmt);
        vsnprintf(r->error, CLI_ERROR, fmt, ap);
        va_end(ap);
    }
    XML_StopParser(r->parser, XML_FALSE);
}

static void warn(reader_t *r, const char *what, const char *name)
{
    if (r->doc->warning[0] == '\0') {
        snprintf(r->doc->warning, CLI_ERROR, "12200: %s \"%.64s\"", what, name);
    }
}

static const char *attr(const char **atts, const char *name)
{
    size_t i;

    for (i = 0; atts[i] != NULL; i += 2) {
        if (strcmp(atts[i], name) == 0) {
            return atts[i + 1];
        }
    }
    return NULL;
}

static char *copy(reader_t *r, const char *s)
{
    char *p = va_str_dup(va_str(s));

    if (p == NULL) {
        fail(r, "out of memory");
    }
    return p;
}

static cli_verb_t *add_verb(reader_t *r, cli_verb_type_t type, const char *name,
                            const char **atts)
{
    const char *method = attr(atts, "method");
    const char *reason = attr(atts, "reason");
    const char *length = attr(atts, "length");
    cli_verb_t *v;

    if (r->doc->count == CLI_TWIML_VERBS) {
        fail(r, "more than %d verbs", CLI_TWIML_VERBS);
        return NULL;
    }
    v = &r->doc->verbs[r->doc->count++];
    v->type = type;
    va_str_copy(v->name, sizeof(v->name), va_str(name));
    v->get = method != NULL && strcmp(method, "GET") == 0;
    v->busy = reason != NULL && strcmp(reason, "busy") == 0;
    v->seconds = 1;
    if (length != NULL) {
        v->seconds = (unsigned)strtoul(length, NULL, 10);
        v->seconds = v->seconds > 600 ? 600 : v->seconds;
    }
    return v;
}

static void open_stream(reader_t *r, const char **atts)
{
    const char *url = attr(atts, "url"), *track = attr(atts, "track");
    cli_verb_t *v;

    if (url == NULL || url[0] == '\0') {
        fail(r, "31923: <Stream> without a url");
    } else if (strstr(url, "://") != NULL && strncmp(url, "wss://", 6) != 0) {
        fail(r, "31922: the scheme of <Stream url> is not wss: %.100s", url);
    } else if (track != NULL && strcmp(track, "inbound_track") != 0) {
        fail(r, "31941: <Connect><Stream> has the inbound track only");
    } else if (r->streams++ != 0) {
        fail(r, "12100: more than one <Stream> in <Connect>");
    } else {
        if (strchr(url, '?') != NULL) {
            warn(r, "a query string is not supported in <Stream url>", url);
        }
        v = add_verb(r, CLI_VERB_STREAM, "Stream", atts);
        if (v != NULL) {
            v->text = copy(r, url);
            v->action = r->action;
            r->action = NULL;
        }
    }
}

static void add_param(reader_t *r, const char **atts)
{
    cli_verb_t *v =
        r->doc->count != 0 ? &r->doc->verbs[r->doc->count - 1] : NULL;
    const char *name = attr(atts, "name"), *value = attr(atts, "value");

    if (v == NULL || v->type != CLI_VERB_STREAM || name == NULL ||
        value == NULL) {
        fail(r, "12200: <Parameter> outside of <Stream> or without name and "
                "value");
    } else if (strlen(name) + strlen(value) > VA_TWIML_PARAM_MAX) {
        fail(r, "12200: <Parameter name=\"%.64s\"> is over 499 characters",
             name);
    } else if (v->param_count == CLI_TWIML_PARAMS) {
        fail(r, "more than %d parameters of a stream", CLI_TWIML_PARAMS);
    } else {
        cli_param_t *p = &v->params[v->param_count++];

        p->name = copy(r, name);
        p->value = copy(r, value);
    }
}

/* Warns about attributes that Twilio would pass over. */
static void check_attributes(reader_t *r, const char *list, const char **atts)
{
    char name[66];
    size_t i;

    for (i = 0; list != NULL && atts[i] != NULL; i += 2) {
        snprintf(name, sizeof(name), " %.62s ", atts[i]);
        if (strlen(atts[i]) > 62 || strstr(list, name) == NULL) {
            warn(r, "unknown attribute", atts[i]);
        }
    }
}

static void open_gather(reader_t *r, cli_verb_t *v, const char **atts)
{
    size_t i;

    r->gather = r->depth;
    r->gatherer = v;
    cli_gather_defaults(&v->gather);
    for (i = 0; atts[i] != NULL; i += 2) {
        if (!cli_gather_attribute(&v->gather, atts[i], atts[i + 1])) {
            warn(r, "a wrong value of the attribute", atts[i]);
        }
    }
}

static void open_known(reader_t *r, size_t at, const char **atts)
{
    const char *action = attr(atts, "action");
    cli_verb_t *v = add_verb(r, known[at].type, known[at].name, atts);

    if (v == NULL) {
        return;
    }
    check_attributes(r, known[at].attributes, atts);
    if (r->gather != 0) {
        r->gatherer->children++;
        if (v->type != CLI_VERB_SAY && v->type != CLI_VERB_PLAY &&
            v->type != CLI_VERB_PAUSE) {
            fail(r, "12200: <Gather> with <%s> in it", v->name);
        }
    }
    if (v->type == CLI_VERB_GATHER || v->type == CLI_VERB_DIAL) {
        v->action = action != NULL ? copy(r, action) : NULL;
    }
    r->open = v;
    if (v->type == CLI_VERB_OTHER) {
        r->opaque = r->depth;
    } else if (v->type == CLI_VERB_GATHER && r->gather == 0) {
        open_gather(r, v, atts);
    }
    va_buf_reset(&r->text);
}

/* A child of Response, or of Gather. */
static void open_verb(reader_t *r, const char *name, const char **atts)
{
    size_t i;

    if (strcmp(name, "Connect") == 0) {
        const char *action = attr(atts, "action");

        if (r->gather != 0) {
            fail(r, "12200: <Gather> with <Connect> in it");
            return;
        }
        r->connect = r->depth;
        r->streams = 0;
        free(r->action);
        r->action = action != NULL ? copy(r, action) : NULL;
        return;
    }
    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) == 0) {
            open_known(r, i, atts);
            return;
        }
    }
    warn(r, "unknown element", name);
    r->opaque = r->depth;
}

/* Returns whether an element may stand in the verb that is open. */
static bool part_of(const cli_verb_t *open, const char *name)
{
    if (open == NULL) {
        return false;
    }
    return open->type == CLI_VERB_SAY ||
           (open->type == CLI_VERB_DIAL &&
            (strcmp(name, "Number") == 0 || strcmp(name, "Sip") == 0 ||
             strcmp(name, "Client") == 0 || strcmp(name, "Conference") == 0));
}

static void XMLCALL on_open(void *ctx, const char *name, const char **atts)
{
    reader_t *r = ctx;

    if (++r->depth > DEPTH_MAX) {
        fail(r, "12100: nested too deeply");
    } else if (r->opaque != 0) {
        return;
    } else if (r->depth == 1) {
        if (strcmp(name, "Response") != 0) {
            fail(r, "12102: the root element is <%.64s>, not <Response>", name);
        }
    } else if (r->connect != 0 && r->depth == r->connect + 1) {
        if (strcmp(name, "Stream") == 0) {
            open_stream(r, atts);
        } else {
            fail(r, "<Connect><%.64s> is not something this program plays",
                 name);
        }
    } else if (strcmp(name, "Parameter") == 0) {
        add_param(r, atts);
    } else if (r->depth == 2 || (r->gather != 0 && r->depth == r->gather + 1)) {
        open_verb(r, name, atts);
    } else if (!part_of(r->open, name)) {
        warn(r, "unknown element", name);
        r->opaque = r->depth;
    }
}

/* Writes the text of a verb, without the white space around it. */
static void close_text(reader_t *r)
{
    va_str_t t = va_buf_view(&r->text);

    while (t.len > 0 && strchr(" \t\r\n", t.data[0]) != NULL) {
        t.data++;
        t.len--;
    }
    while (t.len > 0 && strchr(" \t\r\n", t.data[t.len - 1]) != NULL) {
        t.len--;
    }
    if (r->text.rc != VA_OK ||
        (r->open->type == CLI_VERB_SAY && t.len > SAY_MAX)) {
        fail(r, "13521: the text of <%s> is too long", r->open->name);
    }
    free(r->open->text);
    r->open->text = va_str_dup(t);
    if (r->open->text == NULL) {
        fail(r, "out of memory");
    }
}

static void XMLCALL on_close(void *ctx, const char *name)
{
    reader_t *r = ctx;

    if (r->opaque == r->depth) {
        r->opaque = 0;
    }
    if (r->open != NULL && strcmp(r->open->name, name) == 0) {
        close_text(r);
        r->open = NULL;
    }
    if (r->gather == r->depth) {
        r->gather = 0;
    }
    if (r->connect == r->depth) {
        if (r->streams == 0 && r->error[0] == '\0') {
            fail(r, "12100: <Connect> without a noun");
        }
        r->connect = 0;
    }
    r->depth--;
}

static void XMLCALL on_text(void *ctx, const char *s, int len)
{
    reader_t *r = ctx;

    if (r->open != NULL && r->opaque == 0) {
        va_buf_append(&r->text, s, (size_t)len);
    }
}

/* Without a document type there are no entities to expand without bound. */
static void XMLCALL on_doctype(void *ctx, const char *name, const char *sysid,
                               const char *pubid, int internal)
{
    (void)name;
    (void)sysid;
    (void)pubid;
    (void)internal;
    fail(ctx, "12100: a document type declaration");
}

static void run(reader_t *r, va_str_t body)
{
    enum XML_Status status;

    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_open, on_close);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    status = XML_Parse(r->parser, body.data, (int)body.len, XML_TRUE);
    if (status != XML_STATUS_OK && r->error[0] == '\0') {
        snprintf(r->error, CLI_ERROR, "12100: line %lu: %s",
                 (unsigned long)XML_GetCurrentLineNumber(r->parser),
                 XML_ErrorString(XML_GetErrorCode(r->parser)));
    }
}

static cli_twiml_t *new_document(void)
{
    cli_twiml_t *t = calloc(1, sizeof(*t));

    if (t != NULL) {
        t->verbs = calloc(CLI_TWIML_VERBS, sizeof(t->verbs[0]));
        if (t->verbs == NULL) {
            free(t);
            t = NULL;
        }
    }
    return t;
}

cli_twiml_t *cli_twiml_parse(va_str_t body, char error[CLI_ERROR])
{
    reader_t r = {.error = error};

    error[0] = '\0';
    if (body.len == 0) {
        snprintf(error, CLI_ERROR, "11770: the response has no body");
        return NULL;
    }
    if (body.len > VA_TWIML_MAX) {
        snprintf(error, CLI_ERROR, "11750: the document is over 64 kB");
        return NULL;
    }
    va_buf_init(&r.text, CLI_TWIML_TEXT);
    r.doc = new_document();
    r.parser = XML_ParserCreate("UTF-8");
    if (r.doc == NULL || r.parser == NULL) {
        snprintf(error, CLI_ERROR, "out of memory");
    } else {
        run(&r, body);
    }
    if (r.parser != NULL) {
        XML_ParserFree(r.parser);
    }
    free(r.action);
    va_buf_free(&r.text);
    if (error[0] != '\0') {
        cli_twiml_free(r.doc);
        return NULL;
    }
    return r.doc;
}

void cli_twiml_free(cli_twiml_t *t)
{
    size_t i, k;

    if (t == NULL) {
        return;
    }
    for (i = 0; i < t->count; i++) {
        free(t->verbs[i].text);
        free(t->verbs[i].action);
        for (k = 0; k < t->verbs[i].param_count; k++) {
            free(t->verbs[i].params[k].name);
            free(t->verbs[i].params[k].value);
        }
    }
    free(t->verbs);
    free(t);
}
