/*
 * TwiML as Twilio reads it: strictly, into a list of verbs.
 */
#ifndef CLI_TWIML_H
#define CLI_TWIML_H

#include "../base/va_buf.h"
#include "cli_gather.h"

#define CLI_TWIML_VERBS 64   /* in one document */
#define CLI_TWIML_PARAMS 64  /* of one stream */
#define CLI_TWIML_TEXT 16384 /* bytes of one verb's text */

typedef enum {
    CLI_VERB_SAY,
    CLI_VERB_PLAY,
    CLI_VERB_PAUSE,
    CLI_VERB_STREAM, /* <Connect><Stream> */
    CLI_VERB_REDIRECT,
    CLI_VERB_HANGUP,
    CLI_VERB_REJECT,
    CLI_VERB_GATHER, /* verbs in it follow it in the list */
    CLI_VERB_DIAL,
    CLI_VERB_OTHER /* a verb of Twilio's that is only shown */
} cli_verb_type_t;

typedef struct {
    char *name;
    char *value;
} cli_param_t;

typedef struct {
    cli_verb_type_t type;
    char name[32];    /* the element's name */
    char *text;       /* Say, Play, Redirect, Dial: trimmed; Stream: its url */
    char *action;     /* Connect, Gather, Dial: action, or NULL */
    bool get;         /* method="GET" */
    bool busy;        /* Reject: reason="busy" */
    unsigned seconds; /* Pause: length */
    size_t children;  /* Gather: verbs in it */
    cli_gather_conf_t gather;
    size_t param_count;
    cli_param_t params[CLI_TWIML_PARAMS];
} cli_verb_t;

typedef struct {
    size_t count;
    cli_verb_t *verbs;
    char warning[CLI_ERROR]; /* what Twilio would warn about; "" if nothing */
} cli_twiml_t;

VA_BEGIN_DECLS

/*
 * Reads a document.  Returns NULL and fills error, with Twilio's error code in
 * front, when Twilio would refuse it.
 */
cli_twiml_t *cli_twiml_parse(va_str_t body, char error[CLI_ERROR]);

void cli_twiml_free(cli_twiml_t *t);

VA_END_DECLS

#endif
