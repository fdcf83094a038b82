/*
 * The Calls resource of Twilio's REST API, from the side of Twilio: requests
 * to read, answers to write.
 * https://www.twilio.com/docs/voice/api/call-resource
 */
#ifndef CLI_REST_H
#define CLI_REST_H

#include "../wire/va_form.h"
#include "cli_call.h"
#include "cli_request.h"

/* A call as a request asks for it.  The texts are those of the form. */
typedef struct {
    const char *to;
    const char *from;
    const char *url; /* or NULL: */
    const char *twiml;
    bool get;
    const char *status_callback; /* or NULL */
    bool status_get;
    unsigned status_events; /* a set of 1u << CLI_EVENT_* */
    unsigned ring_s;
    unsigned limit_s; /* 0 for none */
    bool detect;
    bool message_end; /* MachineDetection=DetectMessageEnd */
    bool async;
    const char *detect_callback; /* or NULL */
    bool detect_get;
} cli_rest_create_t;

typedef enum {
    CLI_REST_REFUSED, /* the answer is written */
    CLI_REST_CREATE,
    CLI_REST_FETCH,
    CLI_REST_UPDATE
} cli_rest_what_t;

typedef struct {
    cli_rest_what_t what;
    char call_sid[CLI_SID_LEN + 1]; /* fetch and update */
    cli_rest_create_t create;
    cli_command_t command; /* update */
    va_form_t *form;       /* what create points into */
} cli_rest_request_t;

/* What is known of a call. */
typedef struct {
    char sid[CLI_SID_LEN + 1];
    char to[256];
    char from[256];
    char status[16];
    const char *answered_by; /* or NULL */
    bool inbound;
    time_t created;
    time_t started; /* 0 before it was answered */
    time_t ended;   /* 0 before */
} cli_rest_call_t;

VA_BEGIN_DECLS

/*
 * Reads a request for the account whose auth token is `token` (NULL: any will
 * do).  Returns the status of the answer and fills body if it is refused,
 * otherwise 0; either way cli_rest_free frees what r holds.
 */
int cli_rest_read(cli_rest_request_t *r, const cli_request_t *http,
                  const char *account, const char *token, va_buf_t *body);

void cli_rest_free(cli_rest_request_t *r);

/* Writes Twilio's error; returns status. */
int cli_rest_error(va_buf_t *body, int status, unsigned code,
                   const char *message);

/* Writes the call. */
void cli_rest_call(va_buf_t *body, const cli_rest_call_t *call,
                   const char *account);

VA_END_DECLS

#endif
