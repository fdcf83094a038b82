/*
 * What a load run measures.
 */
#ifndef CLI_LOAD_STATS_H
#define CLI_LOAD_STATS_H

#include <stdio.h>

#include "cli.h"
#include "cli_playout.h"

#define CLI_SAMPLES_MAX 1000000 /* of one kind; more are only counted */
#define CLI_LATE_STEP_US 20     /* resolution of the lateness */
#define CLI_LATE_STEPS 5000     /* up to 100 ms */
#define CLI_LOAD_REASONS 8

/* Samples of one kind, in microseconds. */
typedef struct {
    uint64_t count;
    uint32_t *us;
    size_t kept;
    size_t cap;
} cli_samples_t;

typedef struct {
    uint64_t calls_ok;
    uint64_t calls_failed;
    uint64_t ended_by_server;
    uint64_t reconnected; /* streams that followed on another */
    uint64_t answers_missing;
    uint64_t frames_sent;
    uint64_t messages_in;
    uint64_t marks;
    uint64_t late[CLI_LATE_STEPS + 1]; /* frames by how late they were sent */
    uint64_t late_max_us;
    cli_samples_t webhook;
    cli_samples_t first;  /* from start to the first sound */
    cli_samples_t answer; /* from the end of speech to the first sound */
    cli_playout_stats_t playout;
    char reasons[CLI_LOAD_REASONS][CLI_ERROR]; /* why the first calls failed */
    size_t reason_count;
    double seconds; /* of the whole run */
    double cpu;     /* processor seconds of the simulator itself */
} cli_load_stats_t;

VA_BEGIN_DECLS

/* Adds a sample. */
void cli_samples_add(cli_samples_t *s, uint64_t us);

/* Notes that a frame was sent so late. */
void cli_load_late(cli_load_stats_t *s, uint64_t us);

/* Notes a failed call. */
void cli_load_failure(cli_load_stats_t *s, const char *reason);

/* Adds what a finished stream's playout measured. */
void cli_load_playout(cli_load_stats_t *s, const cli_playout_stats_t *one);

/* Writes the figures for people, or as one JSON object. */
void cli_load_table(cli_load_stats_t *s, FILE *out);
void cli_load_json(cli_load_stats_t *s, FILE *out);

void cli_load_stats_free(cli_load_stats_t *s);

VA_END_DECLS

#endif
