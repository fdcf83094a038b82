#include "cli_report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 1024

bool cli_report_init(cli_report_t *r, FILE *live)
{
    memset(r, 0, sizeof(*r));
    r->live = live;
    /* One more, which takes what has no room and is never shown. */
    r->lines = calloc(CLI_REPORT_LINES + 1, sizeof(*r->lines));
    return r->lines != NULL;
}

void cli_report_free(cli_report_t *r)
{
    size_t i;

    for (i = 0; r->lines != NULL && i <= CLI_REPORT_LINES; i++) {
        free(r->lines[i].text);
    }
    for (i = 0; i < r->demand_count; i++) {
        free(r->demands[i].heard);
    }
    free(r->lines);
    r->lines = NULL;
}

static void tell_turn(FILE *f, const cli_line_t *l)
{
    const char *sep = "  (";

    if (l->text != NULL && l->text[0] != '\0') {
        fprintf(f, "%s", l->text);
    } else {
        fprintf(f, "[%.1f s of speech%s]",
                (double)(l->end_ms - l->begin_ms) / 1000,
                l->text != NULL ? ", not understood" : "");
    }
    if (l->latency_ms != CLI_NONE) {
        fprintf(f, "%safter %.2f s", sep, (double)l->latency_ms / 1000);
        sep = ", ";
    }
    if (l->interrupted) {
        fprintf(f, "%sinterrupted", sep);
        sep = ", ";
        if (l->stop_ms != CLI_NONE) {
            fprintf(f, ", silent after %llu ms",
                    (unsigned long long)l->stop_ms);
        }
    }
    fputs(sep[0] == ',' ? ")\n" : "\n", f);
}

/* Tells what is ready, up to the first line that is not. */
static void tell(cli_report_t *r)
{
    for (; r->told < r->count && r->lines[r->told].ready; r->told++) {
        const cli_line_t *l = &r->lines[r->told];
        unsigned long long tenths = l->begin_ms / 100;

        if (r->live == NULL) {
            continue;
        }
        fprintf(r->live, "%02llu:%02llu.%llu  %-9s  ", tenths / 600,
                tenths / 10 % 60, tenths % 10, l->who);
        if (l->turn) {
            tell_turn(r->live, l);
        } else {
            fprintf(r->live, "%s\n", l->text != NULL ? l->text : "");
        }
    }
    if (r->live != NULL) {
        fflush(r->live);
    }
}

static size_t add(cli_report_t *r, uint64_t ms, const char *who)
{
    size_t at = r->count < CLI_REPORT_LINES ? r->count++ : CLI_REPORT_LINES;
    cli_line_t *l = &r->lines[at];

    free(l->text);
    memset(l, 0, sizeof(*l));
    l->begin_ms = l->end_ms = ms;
    l->latency_ms = l->stop_ms = CLI_NONE;
    va_str_copy(l->who, sizeof(l->who), va_str(who));
    return at;
}

void cli_report_event(cli_report_t *r, uint64_t ms, const char *who,
                      const char *fmt, ...)
{
    char text[TEXT_MAX];
    size_t at = add(r, ms, who), i;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    for (i = 0; text[i] != '\0'; i++) {
        /* What a server sends must not steer the terminal. */
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            text[i] = ' ';
        }
    }
    r->lines[at].text = va_str_dup(va_str(text));
    r->lines[at].ready = true;
    tell(r);
}

void cli_report_fault(cli_report_t *r, uint64_t ms, const char *what)
{
    size_t max = sizeof(r->faults) / sizeof(r->faults[0]);

    if (r->fault_count < max) {
        va_str_copy(r->faults[r->fault_count], CLI_ERROR, va_str(what));
        cli_report_event(r, ms, "fault", "%s", what);
    }
    r->fault_count++;
}

size_t cli_report_turn(cli_report_t *r, uint64_t ms, bool caller)
{
    size_t at = add(r, ms, caller ? "caller" : "assistant");

    r->lines[at].turn = true;
    r->lines[at].caller = caller;
    return at;
}

cli_line_t *cli_report_line(cli_report_t *r, size_t at)
{
    return &r->lines[at];
}

void cli_report_ready(cli_report_t *r, size_t at, char *text)
{
    size_t i;

    for (i = 0; text != NULL && text[i] != '\0'; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            text[i] = ' ';
        }
    }
    free(r->lines[at].text);
    r->lines[at].text = text;
    r->lines[at].ready = true;
    tell(r);
}

void cli_report_demand(cli_report_t *r, const char *text, char *heard, bool met)
{
    if (r->demand_count == CLI_DEMANDS_MAX) {
        free(heard);
        return;
    }
    r->demands[r->demand_count++] = (cli_demand_t){text, heard, met};
}
