/*
 * What happened in a call: told while it happens, and as JSON at its end.
 *
 * Lines come out in the order of their times, so what needs a transcription
 * holds back what follows it.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdio.h>

#include "cli.h"
#include "cli_playout.h"

#define CLI_REPORT_LINES 4096 /* of one call; more are not kept */
#define CLI_NONE UINT64_MAX   /* a time that is not known */

typedef struct {
    bool turn;   /* a turn, otherwise an event */
    bool caller; /* whose turn */
    bool ready;  /* may be printed */
    bool interrupted;
    uint64_t begin_ms; /* since the call began */
    uint64_t end_ms;
    uint64_t latency_ms; /* assistant: from the end of the caller's speech to
                            the first sound; else CLI_NONE */
    uint64_t stop_ms;    /* interrupted: from the caller's first sound to the
                            clear; else CLI_NONE */
    char who[12];
    char *text; /* NULL: not known */
} cli_line_t;

/* A demand on what was heard. */
typedef struct {
    const char *text;
    char *heard;
    bool met;
} cli_demand_t;

#define CLI_DEMANDS_MAX 256

typedef struct {
    FILE *live; /* NULL: nothing is told live */
    size_t count;
    size_t told;
    cli_line_t *lines;
    size_t demand_count;
    cli_demand_t demands[CLI_DEMANDS_MAX];
    size_t fault_count;
    char faults[16][CLI_ERROR]; /* the first ones; the count goes on */
} cli_report_t;

/* Figures that the JSON has beside the lines. */
typedef struct {
    const char *call_sid;
    const char *stream_sid;
    const char *dialed;   /* whom the last <Dial> called, or NULL */
    const char *status;   /* CallStatus at the end */
    const char *ended_by; /* "server", "caller" or "failure" */
    const char *reason;
    int exit;
    uint64_t duration_ms;
    uint64_t webhook_ms;
    uint64_t handshake_ms;
    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t marks;
    uint64_t late_us; /* the latest frame of our own */
    va_str_t times;   /* JSON, what the server told of its answers; or empty */
    cli_playout_stats_t playout;
} cli_figures_t;

VA_BEGIN_DECLS

/* Begins a report that is told live to `live`.  False without memory. */
bool cli_report_init(cli_report_t *r, FILE *live);

void cli_report_free(cli_report_t *r);

/* Tells an event. */
void cli_report_event(cli_report_t *r, uint64_t ms, const char *who,
                      const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Notes what the server did wrong, and tells it. */
void cli_report_fault(cli_report_t *r, uint64_t ms, const char *what);

/*
 * Begins a turn, which is told when cli_report_ready was called for it.
 * Returns its place, or CLI_REPORT_LINES when there is no more room.
 */
size_t cli_report_turn(cli_report_t *r, uint64_t ms, bool caller);

/* Returns a line; one that is never shown for CLI_REPORT_LINES. */
cli_line_t *cli_report_line(cli_report_t *r, size_t at);

/* Completes a turn; text (NULL: not known) is taken over. */
void cli_report_ready(cli_report_t *r, size_t at, char *text);

/* Notes a demand and whether it was met; heard is taken over. */
void cli_report_demand(cli_report_t *r, const char *text, char *heard,
                       bool met);

/* Writes the whole as one JSON object and a line break. */
void cli_report_json(cli_report_t *r, const cli_figures_t *f, FILE *out);

/* Writes the figures for people. */
void cli_report_figures(const cli_report_t *r, const cli_figures_t *f,
                        FILE *out);

VA_END_DECLS

#endif
