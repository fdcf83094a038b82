#include "cli_load_stats.h"

#include <stdlib.h>
#include <string.h>

#include "../base/va_buf.h"
#include "../wire/va_json.h"

void cli_samples_add(cli_samples_t *s, uint64_t us)
{
    uint32_t *more;
    size_t cap;

    s->count++;
    if (s->kept == CLI_SAMPLES_MAX) {
        return;
    }
    if (s->kept == s->cap) {
        cap = s->cap != 0 ? 2 * s->cap : 1024;
        more = realloc(s->us, cap * sizeof(*more));
        if (more == NULL) {
            return;
        }
        s->us = more;
        s->cap = cap;
    }
    s->us[s->kept++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

void cli_load_late(cli_load_stats_t *s, uint64_t us)
{
    uint64_t step = us / CLI_LATE_STEP_US;

    s->late[step < CLI_LATE_STEPS ? step : CLI_LATE_STEPS]++;
    if (us > s->late_max_us) {
        s->late_max_us = us;
    }
}

void cli_load_failure(cli_load_stats_t *s, const char *reason)
{
    size_t i;

    s->calls_failed++;
    for (i = 0; i < s->reason_count; i++) {
        if (strcmp(s->reasons[i], reason) == 0) {
            return;
        }
    }
    if (s->reason_count < CLI_LOAD_REASONS) {
        va_str_copy(s->reasons[s->reason_count++], CLI_ERROR, va_str(reason));
    }
}

void cli_load_playout(cli_load_stats_t *s, const cli_playout_stats_t *one)
{
    cli_playout_stats_t *sum = &s->playout;

    sum->played += one->played;
    sum->cleared += one->cleared;
    sum->dropped += one->dropped;
    sum->underruns += one->underruns;
    sum->ragged += one->ragged;
    if (one->max_gap_ms > sum->max_gap_ms) {
        sum->max_gap_ms = one->max_gap_ms;
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* The value that a share of the samples does not exceed, in ms. */
static double at_share(cli_samples_t *s, double share)
{
    size_t i;

    if (s->kept == 0) {
        return 0;
    }
    qsort(s->us, s->kept, sizeof(*s->us), by_size);
    i = (size_t)(share * (double)(s->kept - 1) + 0.5);
    return s->us[i] / 1000.0;
}

static double late_at_share(const cli_load_stats_t *s, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)s->frames_sent), sum = 0;
    size_t i;

    for (i = 0; i < CLI_LATE_STEPS; i++) {
        sum += s->late[i];
        if (sum > wanted) {
            break;
        }
    }
    return (double)i * CLI_LATE_STEP_US / 1000.0;
}

static void row(FILE *out, const char *name, cli_samples_t *s)
{
    if (s->count > 0) {
        fprintf(out, "%-18s %10llu   p50 %8.1f ms   p99 %8.1f ms\n", name,
                (unsigned long long)s->count, at_share(s, 0.5),
                at_share(s, 0.99));
    }
}

static void count_row(FILE *out, const char *name, uint64_t n)
{
    fprintf(out, "%-18s %10llu\n", name, (unsigned long long)n);
}

void cli_load_table(cli_load_stats_t *s, FILE *out)
{
    size_t i;

    count_row(out, "calls ok", s->calls_ok);
    count_row(out, "calls failed", s->calls_failed);
    for (i = 0; i < s->reason_count; i++) {
        fprintf(out, "%-18s   %s\n", "", s->reasons[i]);
    }
    count_row(out, "ended by server", s->ended_by_server);
    if (s->reconnected != 0) {
        count_row(out, "connected again", s->reconnected);
    }
    row(out, "webhooks", &s->webhook);
    row(out, "first sounds", &s->first);
    row(out, "answers", &s->answer);
    count_row(out, "answers missing", s->answers_missing);
    fprintf(out,
            "%-18s %10llu   late p50 %.2f ms   p99 %.2f ms   max %.2f ms"
            " (the simulator's own)\n",
            "frames sent", (unsigned long long)s->frames_sent,
            late_at_share(s, 0.5), late_at_share(s, 0.99),
            (double)s->late_max_us / 1000.0);
    count_row(out, "messages received", s->messages_in);
    count_row(out, "marks returned", s->marks);
    fprintf(out, "%-18s %10.1f s of audio\n", "played",
            (double)s->playout.played / VA_RATE);
    fprintf(out, "%-18s %10llu   longest %llu ms\n", "gaps in speech",
            (unsigned long long)s->playout.underruns,
            (unsigned long long)s->playout.max_gap_ms);
    fprintf(out, "%-18s %10.1f s   %.1f s of processor for the simulator\n",
            "time", s->seconds, s->cpu);
}

static void json_samples(va_buf_t *b, const char *name, cli_samples_t *s)
{
    va_buf_printf(b, ",\"%s\":{\"count\":%llu,\"p50_ms\":%.3f,\"p99_ms\":%.3f}",
                  name, (unsigned long long)s->count, at_share(s, 0.5),
                  at_share(s, 0.99));
}

void cli_load_json(cli_load_stats_t *s, FILE *out)
{
    va_buf_t b;
    size_t i;

    va_buf_init(&b, 65536);
    va_buf_printf(&b,
                  "{\"calls_ok\":%llu,\"calls_failed\":%llu,"
                  "\"ended_by_server\":%llu,\"reconnected\":%llu",
                  (unsigned long long)s->calls_ok,
                  (unsigned long long)s->calls_failed,
                  (unsigned long long)s->ended_by_server,
                  (unsigned long long)s->reconnected);
    va_buf_puts(&b, ",\"reasons\":[");
    for (i = 0; i < s->reason_count; i++) {
        va_buf_puts(&b, i != 0 ? "," : "");
        va_json_quote(&b, va_str(s->reasons[i]));
    }
    va_buf_puts(&b, "]");
    json_samples(&b, "webhook", &s->webhook);
    json_samples(&b, "first_sound", &s->first);
    json_samples(&b, "answer", &s->answer);
    va_buf_printf(&b,
                  ",\"answers_missing\":%llu,\"frames_sent\":%llu,"
                  "\"late_p50_ms\":%.2f,\"late_p99_ms\":%.2f,"
                  "\"late_max_ms\":%.2f,\"messages_received\":%llu,"
                  "\"marks\":%llu",
                  (unsigned long long)s->answers_missing,
                  (unsigned long long)s->frames_sent, late_at_share(s, 0.5),
                  late_at_share(s, 0.99), (double)s->late_max_us / 1000.0,
                  (unsigned long long)s->messages_in,
                  (unsigned long long)s->marks);
    va_buf_printf(&b,
                  ",\"played_ms\":%llu,\"underruns\":%llu,\"max_gap_ms\":%llu,"
                  "\"ragged_payloads\":%llu,\"seconds\":%.3f,"
                  "\"own_cpu_seconds\":%.3f}\n",
                  (unsigned long long)(s->playout.played / (VA_RATE / 1000)),
                  (unsigned long long)s->playout.underruns,
                  (unsigned long long)s->playout.max_gap_ms,
                  (unsigned long long)s->playout.ragged, s->seconds, s->cpu);
    fwrite(b.data != NULL ? b.data : "", 1, b.len, out);
    va_buf_free(&b);
}

void cli_load_stats_free(cli_load_stats_t *s)
{
    free(s->webhook.us);
    free(s->first.us);
    free(s->answer.us);
}
