/*
 * <Gather> as Twilio plays it: what is said or keyed, and when that is all.
 * https://www.twilio.com/docs/voice/twiml/gather
 *
 * The machine is told what happens and knows no clock but the one it is given.
 */
#ifndef CLI_GATHER_H
#define CLI_GATHER_H

#include "cli.h"

#define CLI_GATHER_DIGITS 64    /* keys that are kept */
#define CLI_GATHER_SPEECH 4096  /* bytes of speech that are kept */
#define CLI_GATHER_PAUSE_MS 700 /* pause that ends speech, with "auto" */
#define CLI_GATHER_SPEECH_MAX_MS 60000

/* What a <Gather> asks for. */
typedef struct {
    bool speech;
    bool dtmf;
    bool barge_in;       /* speech or a key ends the prompt */
    bool on_empty;       /* action is asked also when nothing came */
    unsigned timeout_ms; /* from the end of the prompt, or from a key */
    unsigned pause_ms;   /* pause that ends speech */
    unsigned num_digits; /* 0 for any number */
    char finish;         /* the key that ends digits, '\0' for none */
} cli_gather_conf_t;

typedef struct {
    cli_gather_conf_t conf;
    bool prompted; /* the prompt is over */
    bool done;
    bool talking;
    uint64_t begin_ms; /* of the speech */
    uint64_t since_ms; /* end of the prompt, or the last thing that came */
    size_t digit_count;
    char digits[CLI_GATHER_DIGITS + 1];
    char speech[CLI_GATHER_SPEECH + 1]; /* "" when nothing was said */
} cli_gather_t;

VA_BEGIN_DECLS

/* Sets what Twilio takes for a <Gather> without attributes. */
void cli_gather_defaults(cli_gather_conf_t *conf);

/*
 * Takes in an attribute.  Returns false for a value that Twilio does not take;
 * names that have no bearing here are passed over.
 */
bool cli_gather_attribute(cli_gather_conf_t *conf, const char *name,
                          const char *value);

/* Begins, with the prompt still to be played. */
void cli_gather_begin(cli_gather_t *g, const cli_gather_conf_t *conf);

/* The prompt is over. */
void cli_gather_prompted(cli_gather_t *g, uint64_t ms);

/* Returns whether what the caller does now counts. */
bool cli_gather_listens(const cli_gather_t *g);

/* Returns whether something has come in, so that the prompt is to end. */
bool cli_gather_begun(const cli_gather_t *g);

/* The caller begins to speak, or has said `text`. */
void cli_gather_talk(cli_gather_t *g, uint64_t ms);
void cli_gather_said(cli_gather_t *g, uint64_t ms, const char *text);

/* The caller presses a key. */
void cli_gather_key(cli_gather_t *g, uint64_t ms, char key);

/* Time passes.  Returns whether the <Gather> is over. */
bool cli_gather_tick(cli_gather_t *g, uint64_t ms);

VA_END_DECLS

#endif
