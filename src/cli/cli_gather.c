#include "cli_gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_S 5
#define SECONDS_MAX 3600
#define HINTS_MAX 500
#define HINT_MAX 100 /* characters */

void cli_gather_defaults(cli_gather_conf_t *conf)
{
    memset(conf, 0, sizeof(*conf));
    conf->dtmf = true;
    conf->barge_in = true;
    conf->timeout_ms = TIMEOUT_S * 1000;
    conf->finish = '#';
}

static bool read_bool(const char *value, bool *out)
{
    *out = strcmp(value, "true") == 0;
    return *out || strcmp(value, "false") == 0;
}

static bool read_number(const char *value, unsigned *out)
{
    size_t n = strlen(value);

    if (n == 0 || n > 6 || strspn(value, "0123456789") != n) {
        return false;
    }
    *out = (unsigned)strtoul(value, NULL, 10);
    return *out > 0 && *out <= SECONDS_MAX;
}

static bool read_input(cli_gather_conf_t *conf, const char *value)
{
    conf->speech = strstr(value, "speech") != NULL;
    conf->dtmf = strstr(value, "dtmf") != NULL;
    return strcmp(value, "dtmf") == 0 || strcmp(value, "speech") == 0 ||
           strcmp(value, "dtmf speech") == 0 ||
           strcmp(value, "speech dtmf") == 0;
}

/* Seconds or "auto", which stands for other_ms. */
static bool read_pause(const char *value, unsigned other_ms, unsigned *ms)
{
    unsigned s;

    if (strcmp(value, "auto") == 0) {
        *ms = other_ms;
        return true;
    }
    if (!read_number(value, &s)) {
        return false;
    }
    *ms = s * 1000;
    return true;
}

static bool good_hints(const char *value)
{
    size_t count = 1, len = 0;

    for (; *value != '\0'; value++) {
        if (*value == ',') {
            count++;
            len = 0;
        } else if (((unsigned char)*value & 0xc0) != 0x80) {
            len++;
        }
        if (len > HINT_MAX || count > HINTS_MAX) {
            return false;
        }
    }
    return true;
}

bool cli_gather_attribute(cli_gather_conf_t *conf, const char *name,
                          const char *value)
{
    if (strcmp(name, "input") == 0) {
        return read_input(conf, value);
    }
    if (strcmp(name, "timeout") == 0) {
        return read_pause(value, TIMEOUT_S * 1000, &conf->timeout_ms);
    }
    if (strcmp(name, "speechTimeout") == 0) {
        return read_pause(value, CLI_GATHER_PAUSE_MS, &conf->pause_ms);
    }
    if (strcmp(name, "numDigits") == 0) {
        return read_number(value, &conf->num_digits);
    }
    if (strcmp(name, "finishOnKey") == 0) {
        conf->finish = value[0];
        return value[0] == '\0' ||
               (value[1] == '\0' && strchr("0123456789*#", value[0]) != NULL);
    }
    if (strcmp(name, "bargeIn") == 0) {
        return read_bool(value, &conf->barge_in);
    }
    if (strcmp(name, "actionOnEmptyResult") == 0) {
        return read_bool(value, &conf->on_empty);
    }
    return strcmp(name, "hints") != 0 || good_hints(value);
}

void cli_gather_begin(cli_gather_t *g, const cli_gather_conf_t *conf)
{
    memset(g, 0, sizeof(*g));
    g->conf = *conf;
    if (g->conf.pause_ms == 0) {
        g->conf.pause_ms = conf->timeout_ms;
    }
}

void cli_gather_prompted(cli_gather_t *g, uint64_t ms)
{
    if (!g->prompted) {
        g->prompted = true;
        g->since_ms = ms;
    }
}

bool cli_gather_listens(const cli_gather_t *g)
{
    return !g->done && (g->prompted || g->conf.barge_in);
}

bool cli_gather_begun(const cli_gather_t *g)
{
    return g->talking || g->digit_count > 0 || g->speech[0] != '\0' || g->done;
}

void cli_gather_talk(cli_gather_t *g, uint64_t ms)
{
    if (!cli_gather_listens(g) || !g->conf.speech || g->digit_count > 0) {
        return;
    }
    g->talking = true;
    if (g->speech[0] == '\0') {
        g->begin_ms = ms;
    }
}

void cli_gather_said(cli_gather_t *g, uint64_t ms, const char *text)
{
    size_t n = strlen(g->speech);

    if (!g->talking) {
        return; /* nobody listened when it began */
    }
    g->talking = false;
    g->since_ms = ms;
    snprintf(g->speech + n, sizeof(g->speech) - n, "%s%s", n > 0 ? " " : "",
             text);
}

void cli_gather_key(cli_gather_t *g, uint64_t ms, char key)
{
    if (!cli_gather_listens(g) || !g->conf.dtmf || g->talking ||
        g->speech[0] != '\0') {
        return;
    }
    g->since_ms = ms;
    if (key == g->conf.finish) {
        g->done = true;
        return;
    }
    if (g->digit_count < CLI_GATHER_DIGITS) {
        g->digits[g->digit_count++] = key;
    }
    g->done = g->conf.num_digits > 0 && g->digit_count >= g->conf.num_digits;
}

bool cli_gather_tick(cli_gather_t *g, uint64_t ms)
{
    unsigned wait =
        g->speech[0] != '\0' ? g->conf.pause_ms : g->conf.timeout_ms;

    if (g->done) {
        return true;
    }
    if (g->talking) {
        g->done = ms - g->begin_ms >= CLI_GATHER_SPEECH_MAX_MS;
    } else if (g->prompted || cli_gather_begun(g)) {
        g->done = ms - g->since_ms >= wait;
    }
    return g->done;
}
