#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define SECRET_MAX 4096

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void cli_catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal};

    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

bool cli_interrupted(void)
{
    return interrupted != 0;
}

uint64_t cli_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void cli_random(void *data, size_t n)
{
    char *p = data;
    ssize_t got;

    while (n > 0) {
        got = getrandom(p, n, 0);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            cli_warn("no random numbers: %s", strerror(errno));
            exit(CLI_EXIT_BROKEN);
        }
        p += got;
        n -= (size_t)got;
    }
}

void cli_sid(char out[CLI_SID_LEN + 1], const char prefix[2])
{
    uint8_t raw[16];
    size_t i;

    cli_random(raw, sizeof(raw));
    out[0] = prefix[0];
    out[1] = prefix[1];
    for (i = 0; i < sizeof(raw); i++) {
        snprintf(out + 2 + 2 * i, 3, "%02x", raw[i]);
    }
}

void cli_warn(const char *fmt, ...)
{
    va_list ap;

    fputs("voiceai-sim: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

static char *read_stream(FILE *f, size_t max, size_t *len, const char **why)
{
    char *data = NULL, *more;
    size_t cap = 0, n;

    *len = 0;
    for (;;) {
        if (cap - *len < 2) {
            cap = cap != 0 ? cap * 2 : 4096;
            more = realloc(data, cap);
            if (more == NULL) {
                *why = "out of memory";
                break;
            }
            data = more;
        }
        n = fread(data + *len, 1, cap - *len - 1, f);
        *len += n;
        if (*len > max) {
            *why = "the file is too large";
            break;
        }
        if (n == 0) {
            data[*len] = '\0';
            *why = ferror(f) ? strerror(errno) : NULL;
            break;
        }
    }
    if (*why != NULL) {
        free(data);
        return NULL;
    }
    return data;
}

char *cli_read_file(const char *path, size_t max, size_t *len,
                    char error[CLI_ERROR])
{
    const char *why = NULL;
    char *data = NULL;
    FILE *f = fopen(path, "rb");

    if (f == NULL) {
        why = strerror(errno);
    } else {
        data = read_stream(f, max, len, &why);
        fclose(f);
    }
    if (data == NULL) {
        snprintf(error, CLI_ERROR, "%.160s: %s", path, why);
    }
    return data;
}

char *cli_secret(const char *text, char error[CLI_ERROR])
{
    const char *value = text;
    char *data;
    size_t len;

    if (strncmp(text, "file:", 5) == 0) {
        data = cli_read_file(text + 5, SECRET_MAX, &len, error);
        if (data != NULL) {
            data[strcspn(data, "\r\n")] = '\0';
        }
        return data;
    }
    if (strncmp(text, "env:", 4) == 0) {
        value = getenv(text + 4);
        if (value == NULL) {
            snprintf(error, CLI_ERROR,
                     "the environment has no variable \"%.100s\"", text + 4);
            return NULL;
        }
    }
    data = va_str_dup(va_str(value));
    if (data == NULL) {
        snprintf(error, CLI_ERROR, "out of memory");
    }
    return data;
}
