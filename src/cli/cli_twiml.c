#include "cli_twiml.h"

#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../twilio/va_twiml.h"

#define DEPTH_MAX 8

typedef struct {
    XML_Parser parser;
    cli_twiml_t *doc;
    cli_verb_t *open; /* the verb whose text is being gathered */
    unsigned depth;
    unsigned connect; /* depth of an open Connect, 0 if none */
    unsigned streams; /* Stream elements in that Connect */
    char *action;     /* of that Connect */
    unsigned gather;  /* depth of an open Gather, 0 if none */
    unsigned opaque;  /* depth of an element whose content is not looked at */
    va_buf_t text;
    char *error;
} reader_t;

static const struct {
    const char *name;
    cli_verb_type_t type;
} known[] = {
    {"Say", CLI_VERB_SAY},       {"Play", CLI_VERB_PLAY},
    {"Pause", CLI_VERB_PAUSE},   {"Redirect", CLI_VERB_REDIRECT},
    {"Hangup", CLI_VERB_HANGUP}, {"Reject", CLI_VERB_REJECT},
    {"Gather", CLI_VERB_GATHER}, {"Dial", CLI_VERB_OTHER},
    {"Record", CLI_VERB_OTHER},  {"Enqueue", CLI_VERB_OTHER},
    {"Leave", CLI_VERB_OTHER},   {"Refer", CLI_VERB_OTHER},
    {"Start", CLI_VERB_OTHER},   {"Stop", CLI_VERB_OTHER},
    {"Pay", CLI_VERB_OTHER},     {"Sms", CLI_VERB_OTHER},
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

/* A child of Response, or of Gather. */
static void open_verb(reader_t *r, const char *name, const char **atts)
{
    size_t i;

    if (strcmp(name, "Connect") == 0) {
        const char *action = attr(atts, "action");

        r->connect = r->depth;
        r->streams = 0;
        free(r->action);
        r->action = action != NULL ? copy(r, action) : NULL;
        return;
    }
    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) != 0) {
            continue;
        }
        r->open = add_verb(r, known[i].type, name, atts);
        if (known[i].type == CLI_VERB_OTHER) {
            r->opaque = r->depth;
        }
        if (known[i].type == CLI_VERB_GATHER) {
            r->gather = r->depth;
        }
        va_buf_reset(&r->text);
        return;
    }
    warn(r, "unknown element", name);
    r->opaque = r->depth;
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
    } else if (r->open == NULL || r->open->type != CLI_VERB_SAY) {
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
    if (r->text.rc != VA_OK) {
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
