#include "cli_scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 1024
#define MS_MAX 3600000

typedef enum { ARG_NONE, ARG_TEXT, ARG_MS, ARG_MS_OPTIONAL } arg_t;

static const struct {
    const char *name;
    arg_t arg;
} kinds[] = {
    [CLI_STEP_SAY] = {"say", ARG_TEXT},
    [CLI_STEP_WAV] = {"wav", ARG_TEXT},
    [CLI_STEP_ULAW] = {"ulaw", ARG_TEXT},
    [CLI_STEP_DTMF] = {"dtmf", ARG_TEXT},
    [CLI_STEP_SILENT] = {"silent", ARG_NONE},
    [CLI_STEP_CONFIDENCE] = {"confidence", ARG_TEXT},
    [CLI_STEP_PAUSE] = {"pause", ARG_MS},
    [CLI_STEP_WAIT] = {"wait", ARG_MS_OPTIONAL},
    [CLI_STEP_INTERRUPT] = {"interrupt", ARG_MS_OPTIONAL},
    [CLI_STEP_EXPECT] = {"expect", ARG_TEXT},
    [CLI_STEP_EXPECT_TIME] = {"expect-time", ARG_NONE},
    [CLI_STEP_EXPECT_END] = {"expect-end", ARG_NONE},
    [CLI_STEP_HANGUP] = {"hangup", ARG_NONE},
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

const char *cli_step_name(cli_step_type_t type)
{
    return kinds[type].name;
}

bool cli_step_named(const char *name, cli_step_type_t *type)
{
    size_t i;

    for (i = 0; i < KIND_COUNT; i++) {
        if (strcmp(name, kinds[i].name) == 0) {
            *type = (cli_step_type_t)i;
            return true;
        }
    }
    return false;
}

static bool read_ms(const char *arg, unsigned *ms)
{
    char *end;
    unsigned long n;

    if (*arg < '0' || *arg > '9') {
        return false;
    }
    errno = 0;
    n = strtoul(arg, &end, 10);
    *ms = (unsigned)n;
    return errno == 0 && n <= MS_MAX &&
           (*end == '\0' || strcmp(end, "ms") == 0);
}

/* A number from 0 to 1, which is sent as it is written. */
static bool good_confidence(const char *text)
{
    size_t n = strlen(text);

    return n <= 8 && strspn(text, "0123456789.") == n &&
           strchr(text, '.') == strrchr(text, '.') && text[0] != '.' &&
           strtod(text, NULL) <= 1;
}

static bool good_text(cli_step_type_t type, const char *text)
{
    if (text[0] == '\0' || strlen(text) >= LINE_MAX_LEN) {
        return false;
    }
    if (type == CLI_STEP_CONFIDENCE) {
        return good_confidence(text);
    }
    return type != CLI_STEP_DTMF ||
           strspn(text, "0123456789*#ABCDw") == strlen(text);
}

va_rc_t cli_scenario_add(cli_scenario_t *s, cli_step_type_t type,
                         const char *arg)
{
    cli_step_t step = {.type = type};
    arg_t kind = kinds[type].arg;

    if (s->count == CLI_STEPS_MAX) {
        return VA_LIMIT;
    }
    if (arg != NULL && arg[0] == '\0') {
        arg = NULL;
    }
    if (kind == ARG_NONE ? arg != NULL
                         : arg == NULL && kind != ARG_MS_OPTIONAL) {
        return VA_INVALID;
    }
    if (type == CLI_STEP_INTERRUPT) {
        step.ms = CLI_INTERRUPT_MS;
    }
    if (kind == ARG_TEXT) {
        if (!good_text(type, arg)) {
            return VA_INVALID;
        }
        step.text = va_str_dup(va_str(arg));
        if (step.text == NULL) {
            return VA_NOMEM;
        }
    } else if (arg != NULL && !read_ms(arg, &step.ms)) {
        return VA_INVALID;
    }
    s->steps[s->count++] = step;
    return VA_OK;
}

/* Reads one line of len bytes; it holds more than white space. */
static va_rc_t add_line(cli_scenario_t *s, const char *data, size_t len,
                        const char **why)
{
    char line[LINE_MAX_LEN], *arg;
    cli_step_type_t type;
    size_t n;
    va_rc_t rc;

    if (len >= sizeof(line)) {
        *why = "the line is too long";
        return VA_LIMIT;
    }
    memcpy(line, data, len);
    line[len] = '\0';
    n = strcspn(line, " \t");
    arg = line + n;
    arg += strspn(arg, " \t");
    line[n] = '\0';
    if (!cli_step_named(line, &type)) {
        *why = "unknown step";
        return VA_INVALID;
    }
    rc = cli_scenario_add(s, type, arg);
    *why = rc == VA_LIMIT ? "too many steps" : "wrong argument of the step";
    return rc;
}

va_rc_t cli_scenario_parse(cli_scenario_t *s, va_str_t text,
                           char error[CLI_ERROR])
{
    const char *p = text.data, *end = text.data + text.len, *eol, *why = "";
    unsigned number = 0;
    size_t len;
    va_rc_t rc;

    for (; p < end; p = eol + 1) {
        eol = memchr(p, '\n', (size_t)(end - p));
        eol = eol != NULL ? eol : end;
        number++;
        while (p < eol && (*p == ' ' || *p == '\t')) {
            p++;
        }
        len = (size_t)(eol - p);
        while (len > 0 && strchr(" \t\r", p[len - 1]) != NULL) {
            len--;
        }
        if (len == 0 || *p == '#') {
            continue;
        }
        rc = memchr(p, '\0', len) != NULL ? VA_INVALID
                                          : add_line(s, p, len, &why);
        if (rc != VA_OK) {
            snprintf(error, CLI_ERROR, "line %u: %s", number, why);
            return rc;
        }
    }
    return VA_OK;
}

void cli_scenario_free(cli_scenario_t *s)
{
    size_t i;

    for (i = 0; i < s->count; i++) {
        free(s->steps[i].text);
    }
    s->count = 0;
}

bool cli_scenario_has(const cli_scenario_t *s, cli_step_type_t type)
{
    size_t i;

    for (i = 0; i < s->count; i++) {
        if (s->steps[i].type == type) {
            return true;
        }
    }
    return false;
}
