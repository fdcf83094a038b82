#include <stdlib.h>
#include <string.h>

#include "../base/va_buf.h"
#include "../wire/va_json.h"
#include "cli_report.h"

#define JSON_MAX (8u * 1024 * 1024)

static void member(va_buf_t *b, const char *name, const char *value)
{
    va_buf_printf(b, ",\"%s\":", name);
    if (value != NULL) {
        va_json_quote(b, va_str(value));
    } else {
        va_buf_puts(b, "null");
    }
}

static void number(va_buf_t *b, const char *name, uint64_t value)
{
    if (value == CLI_NONE) {
        va_buf_printf(b, ",\"%s\":null", name);
    } else {
        va_buf_printf(b, ",\"%s\":%llu", name, (unsigned long long)value);
    }
}

static void boolean(va_buf_t *b, const char *name, bool value)
{
    va_buf_printf(b, ",\"%s\":%s", name, value ? "true" : "false");
}

static void turns(va_buf_t *b, const cli_report_t *r)
{
    const char *sep = "";
    size_t i;

    va_buf_puts(b, ",\"turns\":[");
    for (i = 0; i < r->count; i++) {
        const cli_line_t *l = &r->lines[i];

        if (!l->turn) {
            continue;
        }
        va_buf_printf(b, "%s{\"who\":\"%s\"", sep, l->who);
        sep = ",";
        number(b, "begin_ms", l->begin_ms);
        number(b, "end_ms", l->end_ms);
        member(b, "text", l->text);
        if (!l->caller) {
            number(b, "latency_ms", l->latency_ms);
            boolean(b, "interrupted", l->interrupted);
            number(b, "stop_ms", l->stop_ms);
        }
        va_buf_puts(b, "}");
    }
    va_buf_puts(b, "]");
}

static void demands(va_buf_t *b, const cli_report_t *r)
{
    size_t i;

    va_buf_puts(b, ",\"expectations\":[");
    for (i = 0; i < r->demand_count; i++) {
        va_buf_printf(b, "%s{\"met\":%s", i != 0 ? "," : "",
                      r->demands[i].met ? "true" : "false");
        member(b, "expected", r->demands[i].text);
        member(b, "heard", r->demands[i].heard);
        va_buf_puts(b, "}");
    }
    va_buf_puts(b, "]");
}

static void faults(va_buf_t *b, const cli_report_t *r)
{
    size_t max = sizeof(r->faults) / sizeof(r->faults[0]), i;

    number(b, "fault_count", r->fault_count);
    va_buf_puts(b, ",\"faults\":[");
    for (i = 0; i < r->fault_count && i < max; i++) {
        va_buf_puts(b, i != 0 ? "," : "");
        va_json_quote(b, va_str(r->faults[i]));
    }
    va_buf_puts(b, "]");
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Median and maximum of the latencies; CLI_NONE when there are none. */
static size_t latencies(const cli_report_t *r, uint64_t *median, uint64_t *max)
{
    uint64_t *all = malloc((r->count + 1) * sizeof(*all));
    size_t i, n = 0;

    for (i = 0; all != NULL && i < r->count; i++) {
        if (r->lines[i].turn && r->lines[i].latency_ms != CLI_NONE) {
            all[n++] = r->lines[i].latency_ms;
        }
    }
    *median = *max = CLI_NONE;
    if (n > 0) {
        qsort(all, n, sizeof(*all), by_size);
        *median = all[(n - 1) / 2];
        *max = all[n - 1];
    }
    free(all);
    return n;
}

static void figures(va_buf_t *b, const cli_report_t *r, const cli_figures_t *f)
{
    uint64_t median, max;

    latencies(r, &median, &max);
    number(b, "latency_median_ms", median);
    number(b, "latency_max_ms", max);
    number(b, "duration_ms", f->duration_ms);
    number(b, "webhook_ms", f->webhook_ms);
    number(b, "handshake_ms", f->handshake_ms);
    number(b, "messages_in", f->messages_in);
    number(b, "messages_out", f->messages_out);
    number(b, "marks", f->marks);
    number(b, "played_ms", f->playout.played / (VA_RATE / 1000));
    number(b, "cleared_ms", f->playout.cleared / (VA_RATE / 1000));
    number(b, "dropped_ms", f->playout.dropped / (VA_RATE / 1000));
    number(b, "underruns", f->playout.underruns);
    number(b, "max_gap_ms", f->playout.max_gap_ms);
    number(b, "ragged_payloads", f->playout.ragged);
    number(b, "own_lateness_max_us", f->late_us);
    if (f->times.len != 0) {
        va_buf_puts(b, ",\"server_times\":");
        va_buf_str(b, f->times);
    }
}

void cli_report_json(cli_report_t *r, const cli_figures_t *f, FILE *out)
{
    va_buf_t b;

    va_buf_init(&b, JSON_MAX);
    va_buf_printf(&b, "{\"exit\":%d", f->exit);
    boolean(&b, "ok", f->exit == CLI_EXIT_OK);
    member(&b, "ended_by", f->ended_by);
    member(&b, "reason", f->reason);
    member(&b, "call_sid", f->call_sid);
    member(&b, "stream_sid", f->stream_sid);
    member(&b, "call_status", f->status);
    member(&b, "dialed", f->dialed);
    figures(&b, r, f);
    turns(&b, r);
    demands(&b, r);
    faults(&b, r);
    va_buf_puts(&b, "}\n");
    if (b.rc == VA_OK) {
        fwrite(b.data, 1, b.len, out);
    } else {
        fputs("{\"ok\":false,\"reason\":\"the report is too large\"}\n", out);
    }
    va_buf_free(&b);
}

void cli_report_figures(const cli_report_t *r, const cli_figures_t *f,
                        FILE *out)
{
    uint64_t median, max;
    size_t n = latencies(r, &median, &max);

    fprintf(out, "\n%.1f s, ended by the %s%s%s\n",
            (double)f->duration_ms / 1000, f->ended_by,
            f->reason[0] != '\0' ? ": " : "", f->reason);
    if (n > 0) {
        fprintf(out,
                "answers %zu, first sound after %.2f s (median), %.2f s "
                "(slowest)\n",
                n, (double)median / 1000, (double)max / 1000);
    }
    fprintf(out,
            "audio %.1f s played, %.1f s cleared, %llu gaps in speech"
            " (longest %llu ms)\n",
            (double)f->playout.played / VA_RATE,
            (double)f->playout.cleared / VA_RATE,
            (unsigned long long)f->playout.underruns,
            (unsigned long long)f->playout.max_gap_ms);
}
