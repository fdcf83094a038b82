/*
 * What the caller hears, cut into the assistant's turns, transcribed, and
 * measured against what was expected.
 */
#ifndef CLI_HEARING_H
#define CLI_HEARING_H

#include <time.h>

#include "../base/va_buf.h"
#include "cli_report.h"
#include "cli_scenario.h"
#include "cli_stt.h"

#define CLI_TURNS_MAX 512 /* transcribed turns of one call */

struct cli_hearing;

/* One turn of the assistant's. */
typedef struct {
    struct cli_hearing *owner;
    cli_http_t *http; /* its transcription under way */
    size_t line;      /* in the report */
    time_t from;      /* wall clock, for --expect-time */
    time_t to;
    char *text;
    bool done;
} cli_heard_t;

typedef struct {
    const cli_step_t *step;
    size_t first; /* turns from here */
    size_t past;  /* to before here */
    bool done;
} cli_awaited_t;

typedef struct cli_hearing {
    cli_loop_t *loop;
    const cli_stt_t *stt; /* NULL: nothing is transcribed */
    cli_report_t *report;
    unsigned silence_ms;
    const uint64_t *t0_us; /* when the call began */
    va_buf_t audio;        /* of the open turn, or the last moments before */
    size_t audible_len;    /* bytes of it up to the last sound */
    bool open;             /* the assistant is having a turn */
    bool caller_talking;
    bool tail; /* the caller ended while the assistant was still speaking */
    uint64_t caller_begin_ms;
    uint64_t caller_end_ms; /* CLI_NONE when the answer to it has begun */
    uint64_t last_ms;       /* when the assistant was last heard */
    size_t caller_line;
    size_t window; /* first turn since the caller's last step */
    size_t turn_count;
    cli_heard_t turns[CLI_TURNS_MAX];
    size_t awaited_count;
    cli_awaited_t awaited[CLI_STEPS_MAX];
    size_t unmet;
    size_t deaf; /* transcriptions that failed */
} cli_hearing_t;

VA_BEGIN_DECLS

void cli_hearing_init(cli_hearing_t *h, cli_loop_t *loop, const cli_stt_t *stt,
                      cli_report_t *report, unsigned silence_ms,
                      const uint64_t *t0_us);

void cli_hearing_free(cli_hearing_t *h);

/* Takes 20 ms of what is heard; queued says whether more will follow. */
void cli_hearing_frame(cli_hearing_t *h, uint64_t ms,
                       const uint8_t frame[VA_FRAME], bool audible,
                       bool queued);

/* The caller begins to speak (or dials) / has ended; said is shown. */
void cli_hearing_caller_begin(cli_hearing_t *h, uint64_t ms, const char *said);
void cli_hearing_caller_end(cli_hearing_t *h, uint64_t ms);

/*
 * The assistant begins to say a text that needs no transcription / has said
 * it, or was cut off.
 */
void cli_hearing_text_begin(cli_hearing_t *h, uint64_t ms, const char *text);
void cli_hearing_text_end(cli_hearing_t *h, uint64_t ms, bool cut);

/* The server cleared the audio that was queued. */
void cli_hearing_cleared(cli_hearing_t *h, uint64_t ms);

/* The call, or the stream, is over. */
void cli_hearing_end(cli_hearing_t *h, uint64_t ms);

/* Measures what was heard since the caller's last step against a step. */
void cli_hearing_check(cli_hearing_t *h, const cli_step_t *step);

/* Returns whether transcriptions are still under way. */
bool cli_hearing_busy(const cli_hearing_t *h);

VA_END_DECLS

#endif
